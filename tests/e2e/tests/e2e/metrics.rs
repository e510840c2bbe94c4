//! What is counted of cameras, events, files and MediaMTX, as both faces tell it; and the dashboard that is made of it.

use std::collections::{BTreeMap, BTreeSet};

use e2e::PATIENCE;
use serde_json::{Value, json};
use testkit::{
    MediaMtxDouble, Rpc, Service, Setup, eventually,
    mediamtx_double::{Generation, Mood},
    token::Role,
};

use crate::status::{metrics_page, value};

const DASHBOARD: &str = include_str!("../../../../packaging/grafana/camera-service.json");

/// The page, once its line `name` has a value that is `good`.
async fn page_where(service: &Service, token: &str, name: &str, good: impl Fn(f64) -> bool) -> String {
    eventually(&format!("{name} as expected"), PATIENCE, async || {
        let (_, page) = metrics_page(service, Some(token)).await;
        let there =
            page.lines().any(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
        (there && good(value(&page, name))).then_some(page)
    })
    .await
}

#[tokio::test]
async fn cameras_events_and_recordings_are_counted_and_both_faces_agree() {
    let mut service = Setup::new().test_camera("A", "320x180@15").without_limits().start().await;
    let device = service.device("A").await;
    let token = service.token(Role::Admin).await;
    let mut rpc = service.rpc(Role::Admin).await;
    let of = |name: &str| format!("camera_service_{name}{{camera=\"{device}\"}}");
    rpc.ok("subscribe_events", json!({"topics": ["*"]})).await;
    rpc.ok("take_snapshot", json!({"device": device})).await;
    rpc.ok("start_recording", json!({"device": device})).await;
    rpc.notification("recording_status_update").await;

    let page = page_where(&service, &token, &of("stream_frames_per_second"), |fps| fps > 10.0).await;
    assert!(value(&page, &of("stream_bytes_per_second")) > 100.0, "{page}");
    for (name, expected) in [
        (of("ffmpeg_running"), 1),
        (of("ffmpeg_started_total"), 1),
        (of("source_restarts_total"), 0),
        ("camera_service_events_published_total{topic=\"snapshot.taken\"}".into(), 1),
        ("camera_service_events_published_total{topic=\"recording.start\"}".into(), 1),
        ("camera_service_events_published_total{topic=\"recording.stop\"}".into(), 0),
        ("camera_service_events_dropped_total".into(), 0),
        ("camera_service_event_subscribers".into(), 1),
        ("camera_service_event_queue_depth".into(), 0),
        ("camera_service_retention_deleted_files_total".into(), 0),
    ] {
        assert_eq!(value(&page, &name) as i64, expected, "{name}\n{page}");
    }
    let delays = value(&page, "camera_service_event_delay_seconds_count");
    assert!(delays >= 2.0, "the snapshot and the recording were told: {page}");
    let in_time = value(&page, "camera_service_event_delay_seconds_bucket{le=\"30\"}");
    assert_eq!(in_time as i64, delays as i64, "{page}");
    assert!(value(&page, &of("recording_durable_age_seconds")) < PATIENCE.as_secs_f64(), "{page}");
    assert!(
        !page.contains("\ncamera_service_retention_last_run_timestamp_seconds "),
        "it has not run: {page}"
    );

    // A video program that is killed is started anew, and the recording goes on.
    service.ffmpegs()[0].kill9();
    let page = page_where(&service, &token, &of("source_restarts_total"), |count| count >= 1.0).await;
    assert!(value(&page, &of("ffmpeg_started_total")) >= 2.0, "{page}");
    page_where(&service, &token, &of("ffmpeg_running"), |running| running as i64 == 1).await;
    let stopped = rpc.ok("stop_recording", json!({"device": device})).await;
    let size = stopped["file_size"].as_u64().unwrap();
    rpc.ok("cleanup_old_files", json!({"dry_run": true})).await;
    let (_, page) = metrics_page(&service, Some(&token)).await;
    assert_eq!(value(&page, "camera_service_recordings_written_bytes_total") as u64, size, "{page}");
    assert!(!page.contains(&of("recording_durable_age_seconds")), "nothing is recorded: {page}");
    assert!(!page.contains("\ncamera_service_retention_last_run"), "a dry run is none: {page}");

    // What retention takes away is counted, and when.
    rpc.ok("set_retention_policy", json!({"policy_type": "size", "max_size_gb": 0.000_001})).await;
    let cleaned = rpc.ok("cleanup_old_files", json!({})).await;
    let told = rpc.ok("get_metrics", Value::Null).await;
    let (_, page) = metrics_page(&service, Some(&token)).await;
    let gone = value(&page, "camera_service_retention_deleted_files_total") as u64;
    assert!(gone >= 1 && json!(gone) == cleaned["files_deleted"], "{cleaned} {page}");
    let bytes = value(&page, "camera_service_retention_deleted_bytes_total") as u64;
    assert_eq!(json!(bytes), cleaned["space_freed"], "{cleaned}");
    assert!(value(&page, "camera_service_retention_last_run_timestamp_seconds") > 1.7e9, "{page}");

    let retention = &told["retention_metrics"];
    assert_eq!((&retention["deleted_files"], &retention["deleted_bytes"]), (&json!(gone), &json!(bytes)));
    assert!(retention["last_run"].is_string(), "{told}");
    assert_eq!(told["recording_metrics"]["written_bytes"], size, "{told}");
    let events = &told["event_metrics"];
    assert_eq!((&events["per_topic"]["snapshot.taken"], &events["subscribers"]), (&json!(1), &json!(1)));
    assert!(events["delay_ms"]["p99"].as_f64().unwrap() > 0.0, "{told}");
    let camera = &told["camera_metrics"]["cameras"][&device];
    assert_eq!(json!(value(&page, &of("source_restarts_total")) as u64), camera["restarts"], "{told}");
    assert!(told.get("mediamtx_metrics").is_none(), "{told}");
}

#[tokio::test]
async fn calls_to_mediamtx_are_timed_and_their_failures_counted() {
    let double = MediaMtxDouble::start(Generation::New).await;
    let service = Setup::new()
        .set("media.backend", "mediamtx")
        .set("mediamtx.api_url", format!("http://{}", double.address()))
        .set("mediamtx.feed", "127.0.0.1:0")
        .set("mediamtx.request_timeout", "500ms")
        .start()
        .await;
    let token = service.token(Role::Admin).await;
    let calls = "camera_service_mediamtx_request_duration_seconds_count";
    page_where(&service, &token, calls, |count| count >= 3.0).await;
    double.set_mood(Mood::Silent);
    let slow = "camera_service_mediamtx_request_errors_total{reason=\"slow\"}";
    let page = page_where(&service, &token, slow, |count| count >= 1.0).await;
    let late = |bound| {
        value(&page, &format!("camera_service_mediamtx_request_duration_seconds_bucket{{le=\"{bound}\"}}"))
    };
    assert!(late("+Inf") > late("0.25"), "a call took its whole time: {page}");
    let told = service.rpc(Role::Admin).await.ok("get_metrics", Value::Null).await;
    let told = &told["mediamtx_metrics"];
    assert!(told["requests"].as_u64() >= Some(4) && told["errors"].as_u64() >= Some(1), "{told}");
}

/// Every text of the dashboard that asks something.
fn questions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| match value {
            Value::String(text) if key == "expr" || key == "definition" => found.push(text.clone()),
            value => questions(value, found),
        }),
        Value::Array(items) => items.iter().for_each(|item| questions(item, found)),
        _ => {}
    }
}

/// The metrics a question names.
fn names(question: &str) -> impl Iterator<Item = &str> {
    let words = question.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("camera_service_") || word.starts_with("process_"))
}

#[tokio::test]
async fn the_dashboard_asks_for_what_the_page_has_and_for_all_of_it() {
    let service = Setup::new().start().await;
    let token = service.token(Role::Admin).await;
    let (_, page) = metrics_page(&service, Some(&token)).await;
    let types: BTreeMap<&str, &str> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut asked = Vec::new();
    questions(&dashboard, &mut asked);
    let mut shown = BTreeSet::new();
    for question in &asked {
        for name in names(question) {
            let family = match types.get(name) {
                Some(&"histogram") => panic!("a histogram has no value of its own: {question}"),
                Some(_) => name,
                None => {
                    let part = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
                    let histogram = part.filter(|family| types.get(family) == Some(&"histogram"));
                    histogram
                        .unwrap_or_else(|| panic!("the page has no {name}, which is asked for: {question}"))
                }
            };
            shown.insert(family);
            // A rate of what may fall means nothing.
            let is_rated = ["rate(", "increase("].iter().any(|f| question.contains(&format!("{f}{name}{{")));
            assert!(!is_rated || types[family] != "gauge", "{question}");
        }
    }
    let all: BTreeSet<&str> = types.keys().copied().collect();
    assert_eq!(shown, all, "each family is on the dashboard");
    assert!(dashboard["schemaVersion"].as_u64() >= Some(38), "Grafana 10's (38) or later");
    let ids: Vec<u64> =
        dashboard["panels"].as_array().unwrap().iter().filter_map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "no two panels share an id");
}

#[tokio::test]
async fn what_a_deaf_client_is_not_told_is_counted() {
    let setup = Setup::new().test_camera("A", "160x90@10").without_limits().set("websocket.max_queue", 2);
    let mut service = setup.set("websocket.write_timeout", "60s").start().await;
    let device = service.device("A").await;
    let token = service.token(Role::Admin).await;
    let mut deaf = service.rpc(Role::Operator).await;
    deaf.ok("subscribe_events", json!({"topics": ["snapshot.taken"]})).await;
    fill(&mut deaf).await;
    let mut other = service.rpc(Role::Operator).await;
    for _ in 0..8 {
        other.ok("take_snapshot", json!({"device": device})).await;
    }
    let dropped = "camera_service_events_dropped_total";
    let page = page_where(&service, &token, dropped, |count| count >= 5.0).await;
    assert_eq!(value(&page, "camera_service_event_queue_depth_max") as i64, 2, "{page}");
    assert_eq!(value(&page, "camera_service_event_queue_depth") as i64, 2, "{page}");
    assert!(value(&page, dropped) <= 6.0, "two wait, and one may be on its way: {page}");
    drop(deaf);
    page_where(&service, &token, "camera_service_event_subscribers", |count| count as i64 == 0).await;
}

/// Answers nobody reads fill every buffer on the way.
async fn fill(deaf: &mut Rpc) {
    let one = json!({"jsonrpc": "2.0", "id": "x".repeat(500), "method": "get_server_info"});
    let flood = Value::Array(vec![one; 50]).to_string();
    let full = async {
        loop {
            deaf.send(&flood).await;
        }
    };
    assert!(tokio::time::timeout(std::time::Duration::from_secs(3), full).await.is_err());
}
