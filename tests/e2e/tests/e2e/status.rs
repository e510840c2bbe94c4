//! How the service is, what it has counted, and what of it changes while it runs.

use std::{fs, time::Duration};

use e2e::{PATIENCE, finished};
use serde_json::{Value, json};
use testkit::{Rpc, Service, Setup, eventually, http::Http, token::Role};

/// Asks for `/metrics`; the status and the body.
pub(crate) async fn metrics_page(service: &Service, token: Option<&str>) -> (u16, String) {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<(&str, &str)> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
    let answer = Http::connect(service).await.get("/metrics", &headers).await;
    let kind = answer.header("content-type").unwrap_or_default();
    assert!(answer.status != 200 || kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    (answer.status, answer.text())
}

/// The value of one line of the page.
pub(crate) fn value(page: &str, name: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let line = line.unwrap_or_else(|| panic!("no {name} in\n{page}"));
    line.parse().unwrap_or_else(|_| panic!("{name} is {line}"))
}

/// Writes another configuration, as an editor does: a new file in the place of the old one.
pub(crate) fn configure(service: &Service, change: impl FnOnce(&mut Value)) {
    let file = service.config();
    let mut config: Value = fs::read(&file)
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok())
        .expect("`Setup` wrote it, as JSON");
    change(&mut config);
    write_config(service, &config.to_string());
}

fn write_config(service: &Service, text: &str) {
    let next = service.config().with_extension("next");
    fs::write(&next, text).expect("the temporary folder can be written");
    fs::rename(next, service.config()).expect("the temporary folder can be written");
}

/// Waits until so many lines hold both texts.
pub(crate) async fn told(service: &Service, what: &str, also: &str, times: usize) {
    eventually(&format!("`{what}` and `{also}` are told"), PATIENCE, async || {
        let lines = service.log().with(what);
        (lines.iter().filter(|line| line.contains(also)).count() >= times).then_some(())
    })
    .await;
}

/// As `get_status` says, once ffmpeg has been looked for.
async fn status(rpc: &mut Rpc) -> Value {
    eventually("ffmpeg is looked for", PATIENCE, async || {
        let status = rpc.ok("get_status", Value::Null).await;
        (status["components"]["ffmpeg"] != "STARTING").then_some(status)
    })
    .await
}

#[tokio::test]
async fn healthy_with_a_camera_and_degraded_without_ffmpeg() {
    // The test machine's disk may be nearly full.
    let setup = || Setup::new().test_camera("A", "320x180@15").set("storage.warn_percent", 100);
    let service = setup().start().await;
    let mut rpc = service.rpc(Role::Viewer).await;
    let well = status(&mut rpc).await;
    assert_eq!(well["status"], "HEALTHY", "{well}");
    assert_eq!(well["reasons"], json!([]));
    assert!(well["uptime"].as_f64().is_some_and(|uptime| uptime > 0.0), "{well}");
    assert!(well["version"].is_string(), "{well}");
    for component in ["websocket_server", "camera_monitor", "media_server", "storage", "ffmpeg"] {
        assert_eq!(well["components"][component], "RUNNING", "{component}: {well}");
    }
    drop(service);

    let service = setup().environment("PATH", "/nonexistent").start().await;
    let mut rpc = service.rpc(Role::Viewer).await;
    let ill = status(&mut rpc).await;
    assert_eq!(
        (&ill["status"], &ill["components"]["ffmpeg"]),
        (&json!("DEGRADED"), &json!("ERROR")),
        "{ill}"
    );
    assert!(ill["reasons"][0].as_str().is_some_and(|reason| reason.contains("ffmpeg")), "{ill}");
}

#[tokio::test]
async fn a_full_disk_and_a_dead_camera_are_told_to_those_who_may_know() {
    let setup = Setup::new()
        .test_camera("Near", "320x180@15")
        .test_camera("Far", "320x180@15")
        .environment("PATH", "/nonexistent")
        .set("storage.warn_percent", 1)
        .set("storage.block_percent", 100);
    let mut service = setup.start().await;
    let (near, far) = (service.device("Near").await, service.device("Far").await);
    let mut operator = service.rpc(Role::Operator).await;
    operator.err(-32050, "take_snapshot", json!({"device": far})).await;
    let reasons = |status: &Value| status["reasons"].to_string();
    let all = status(&mut operator).await;
    assert_eq!(all["status"], "DEGRADED", "{all}");
    assert!(reasons(&all).contains(&format!("{far} cannot be used")), "{all}");
    assert!(reasons(&all).contains("% full"), "{all}");
    let mut scoped = service.connect().await;
    scoped.authenticate(&service.scoped_token(Role::Admin, &[&near]).await).await;
    let some = status(&mut scoped).await;
    assert!(!some.to_string().contains(&far), "{some}");
    let metrics = scoped.ok("get_metrics", Value::Null).await;
    assert!(metrics["camera_metrics"]["cameras"][&far].is_null(), "{metrics}");
    assert!(metrics["camera_metrics"]["cameras"][&near].is_object(), "{metrics}");
}

#[tokio::test]
async fn a_change_of_health_is_an_event_that_says_what_get_status_says() {
    // Without ffmpeg no test camera works. The test machine's disk may be nearly full.
    let setup = Setup::new().test_camera("Near", "320x180@15").test_camera("Far", "320x180@15");
    let setup = setup.environment("PATH", "/nonexistent").set("storage.warn_percent", 100);
    let mut service = setup.start().await;
    let (near, far) = (service.device("Near").await, service.device("Far").await);
    let mut rpc = service.rpc(Role::Operator).await;
    let mut scoped = service.connect().await;
    scoped.authenticate(&service.scoped_token(Role::Viewer, &[&near]).await).await;
    let without_ffmpeg = status(&mut rpc).await;
    for client in [&mut rpc, &mut scoped] {
        let place = client.ok("subscribe_events", json!({"topics": ["system.*"]})).await;
        let since = json!({"epoch": place["epoch"], "seq": 0});
        client.ok("subscribe_events", json!({"topics": ["system.*"], "since": since})).await;
        let startup = client.notification("system_health_update").await["params"].clone();
        assert_eq!(startup["topic"], "system.startup", "{startup}");
        assert!(startup["components"]["storage"].is_string(), "{startup}");
        // It may have been known at the start.
        if startup["components"]["ffmpeg"] == "STARTING" {
            let told = client.notification("system_health_update").await["params"].clone();
            assert_eq!(told["topic"], "system.health", "{told}");
            same(&told, &without_ffmpeg);
        } else {
            same(&startup, &without_ffmpeg);
        }
    }
    for device in [&far, &near] {
        rpc.err(-32050, "take_snapshot", json!({"device": device})).await;
        let told = rpc.notification("system_health_update").await["params"].clone();
        assert!(told["reasons"].to_string().contains(&format!("{device} cannot be used")), "{told}");
        same(&told, &rpc.ok("get_status", Value::Null).await);
    }
    // Of a camera it may not know it heard nothing, not even that something was.
    let told = scoped.notification("system_health_update").await["params"].clone();
    assert!(told["reasons"].to_string().contains(&format!("{near} cannot be used")), "{told}");
    assert!(!told.to_string().contains(&far), "{told}");
    same(&told, &scoped.ok("get_status", Value::Null).await);
}

/// An event says of the service what `get_status` says.
fn same(told: &Value, status: &Value) {
    for member in ["status", "components", "reasons", "version"] {
        assert_eq!(told[member], status[member], "{member}: {told} {status}");
    }
}

#[tokio::test]
async fn numbers_move_as_calls_are_made() {
    let mut service = Setup::new().test_camera("A", "320x180@15").start().await;
    let device = service.device("A").await;
    let mut rpc = service.rpc(Role::Admin).await;
    let before = rpc.ok("get_metrics", Value::Null).await;
    for _ in 0..5 {
        rpc.ok("ping", Value::Null).await;
    }
    rpc.err(-32601, "no_such_method", Value::Null).await;
    rpc.err(-32602, "ping", json!({"x": 1})).await;
    rpc.ok("take_snapshot", json!({"device": device})).await;
    let started = rpc.ok("start_recording", json!({"device": device})).await;
    let during = rpc.ok("get_metrics", Value::Null).await;
    rpc.ok("stop_recording", json!({"device": device})).await;
    let number = |of: &Value, pointer: &str| {
        of.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("{pointer} in {of}"))
    };
    let moved = |pointer: &str| number(&during, pointer) - number(&before, pointer);
    assert_eq!(moved("/rpc_metrics/requests_total") as i64, 10, "{during}");
    assert_eq!(moved("/rpc_metrics/errors_total") as i64, 2);
    assert_eq!(number(&during, "/rpc_metrics/per_method/ping/requests") as i64, 6);
    assert_eq!(number(&during, "/rpc_metrics/per_method/ping/errors") as i64, 1);
    assert_eq!(number(&during, "/rpc_metrics/per_method/(unknown)/errors") as i64, 1);
    let (p50, p99) =
        (number(&during, "/rpc_metrics/latency_ms/p50"), number(&during, "/rpc_metrics/latency_ms/p99"));
    assert!(p50 > 0.0 && p50 <= p99, "{during}");
    assert_eq!(number(&during, "/rpc_metrics/active_connections") as i64, 1);
    assert_eq!(number(&during, "/recording_metrics/active_recordings") as i64, 1);
    assert_eq!(moved("/recording_metrics/snapshots_taken") as i64, 1);
    assert_eq!(number(&during, "/stream_metrics/active_streams") as i64, 1);
    assert!(number(&during, &format!("/camera_metrics/cameras/{device}/frames")) >= 1.0);
    assert_eq!(during["camera_metrics"]["cameras"][&device]["recording"], true);
    let rss = service.pid().rss_bytes().unwrap() as f64;
    let told = number(&during, "/system_metrics/memory_rss");
    assert!((told / rss - 1.0).abs() < 0.5, "{told} but the kernel says {rss}");
    assert!(number(&during, "/system_metrics/threads") >= 2.0);
    assert!(number(&during, "/system_metrics/open_files") >= 8.0);
    for percent in ["cpu_usage", "memory_usage", "disk_usage"] {
        assert!(number(&during, &format!("/system_metrics/{percent}")) >= 0.0);
    }
    finished(&mut rpc, started["filename"].as_str().unwrap()).await;
    for role in [Role::Viewer, Role::Operator] {
        service.rpc(role).await.err(-32002, "get_metrics", Value::Null).await;
    }
}

#[tokio::test]
async fn the_page_for_prometheus_needs_an_admin_or_a_known_address() {
    let service = Setup::new().test_camera("A", "320x180@15").start().await;
    assert_eq!(metrics_page(&service, None).await.0, 401);
    assert_eq!(metrics_page(&service, Some("nonsense")).await.0, 401);
    assert_eq!(metrics_page(&service, Some(&service.token(Role::Operator).await)).await.0, 403);
    let mut rpc = service.rpc(Role::Viewer).await;
    let admin = service.token(Role::Admin).await;
    let (status, page) = metrics_page(&service, Some(&admin)).await;
    assert_eq!(status, 200);
    // Every line is a comment, or a name with labels and a number; every name has its type.
    for line in page.lines() {
        let Some(sample) = (!line.starts_with("# ")).then_some(line) else { continue };
        let (name, number) = sample.rsplit_once(' ').expect("a value");
        assert!(number.parse::<f64>().is_ok(), "{line}");
        let name = name.split('{').next().unwrap_or_default();
        assert!(!name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_'), "{line}");
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let has_type = |name: &str| page.contains(&format!("# TYPE {name} "));
        assert!(has_type(name) || family.is_some_and(has_type), "{line}");
    }
    assert_eq!(value(&page, "camera_service_cameras{state=\"connected\"}") as i64, 1);
    let pings = "camera_service_rpc_requests_total{method=\"ping\"}";
    let before = value(&page, pings);
    rpc.ok("ping", Value::Null).await;
    let (_, page) = metrics_page(&service, Some(&admin)).await;
    assert_eq!((value(&page, pings) - before) as i64, 1);

    configure(&service, |config| config["metrics"]["allow_from"] = json!(["10.0.0.0/8", "127.0.0.0/8"]));
    told(&service, "metrics.allow_from", "applied", 1).await;
    assert_eq!(metrics_page(&service, None).await.0, 200);
}

#[tokio::test]
async fn a_changed_file_and_sighup_apply_what_can_be_and_nothing_is_dropped() {
    let origin = "https://console.example.org";
    let mut service = Setup::new().test_camera("A", "320x180@15").start().await;
    let device = service.device("A").await;
    let mut rpc = service.rpc(Role::Admin).await;
    let started = rpc.ok("start_recording", json!({"device": device})).await;
    let upgrade = async |service: &Service| Rpc::connect(service, &[("origin", origin)]).await.is_ok();
    assert!(!upgrade(&service).await, "this page is not allowed yet");
    assert!(service.log().with("\"DEBUG\"").is_empty());

    // By itself.
    configure(&service, |config| {
        config["logging"]["level"] = json!("debug");
        config["security"]["allowed_origins"] = json!([origin]);
        config["storage"]["retention"]["max_age_days"] = json!(9);
        config["security"]["rate_limit"] =
            json!({"methods": {"get_server_info": {"per_second": 1, "burst": 1}}});
        config["websocket"]["max_in_flight"] = json!(7);
    });
    let limit = "security.rate_limit.methods.get_server_info.burst";
    for key in ["logging.level", "security.allowed_origins", "storage.retention.max_age_days", limit] {
        told(&service, key, "applied", 1).await;
    }
    told(&service, "websocket.max_in_flight", "needs a restart", 1).await;
    rpc.ok("ping", Value::Null).await;
    told(&service, "\"DEBUG\"", "ping", 1).await;
    assert!(upgrade(&service).await);
    // A new limit begins full: as many calls pass as it allows, and the session is the old one.
    let calls =
        [rpc.start("get_server_info", Value::Null).await, rpc.start("get_server_info", Value::Null).await];
    let mut refused = 0;
    for id in &calls {
        refused += rpc.answer(id).await.err().map_or(0, |error| i32::from(error.code == -32040));
    }
    assert_eq!(refused, 1);
    let storage = rpc.ok("get_storage_info", Value::Null).await;
    assert_eq!(storage["retention"]["max_age_days"], 9, "{storage}");

    // A mistake changes nothing, and every one is told.
    configure(&service, |config| {
        config["security"]["allowed_origins"] = json!([]);
        config["storage"]["retention"]["max_age_days"] = json!(0);
        config["nonsense"] = json!({"x": 1});
    });
    for key in ["storage.retention.max_age_days", "nonsense"] {
        told(&service, key, "nothing was changed", 1).await;
    }
    assert!(upgrade(&service).await, "the old value holds");
    write_config(&service, "websocket: [");
    told(&service, "is not valid YAML", "nothing was changed", 1).await;
    service.hangup();
    told(&service, "is not valid YAML", "nothing was changed", 2).await;

    // What the API has set wins, and neither connection nor recording has felt anything.
    let policy = rpc.ok("set_retention_policy", json!({"max_age_days": 3})).await;
    assert_eq!(policy["max_age_days"], 3);
    let file = service.config();
    let text = json!({
        "websocket": {"port": 0}, "embedded": {"rtsp": "127.0.0.1:0"},
        "storage": {"data_dir": service.data_dir(), "retention": {"max_age_days": 5}},
        "security": {"jwt_secret_file": file.with_file_name("secret")},
        "camera": {"sources": [{"name": "A", "test": "320x180@15"}]},
        "recording": {"min_free_space": "32MiB"},
    });
    write_config(&service, &text.to_string());
    told(&service, "security.allowed_origins", "applied", 2).await;
    assert!(!upgrade(&service).await);
    let storage = rpc.ok("get_storage_info", Value::Null).await;
    assert_eq!(storage["retention"]["max_age_days"], 3, "{storage}");
    service.hangup();
    told(&service, "the configuration is unchanged", "", 1).await;
    let stopped = rpc.ok("stop_recording", json!({"device": device})).await;
    assert_eq!(stopped["recording_id"], started["recording_id"]);
    assert_eq!(stopped["segments"], 1, "{stopped}");
}

#[tokio::test]
async fn the_log_goes_to_a_file_that_rotates() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log");
    let setup = Setup::new()
        .set("logging.file", file.to_str().unwrap())
        .set("logging.level", "debug")
        .set("logging.max_file_size", 4096)
        .set("logging.backup_count", 2);
    let mut service = setup.start().await;
    let mut rpc = service.rpc(Role::Viewer).await;
    for _ in 0..100 {
        rpc.ok("ping", Value::Null).await;
    }
    let token = service.token(Role::Viewer).await;
    rpc.ok("get_status", json!({"auth_token": token})).await;
    assert!(service.terminate(PATIENCE).await.success());
    let names = |folder: &std::path::Path| {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(folder.path()), ["log", "log.1", "log.2"]);
    let mut last = String::new();
    let mut lines = 0;
    // From the oldest on: whole lines, none too many in a file, none out of order.
    for name in ["log.2", "log.1", "log"] {
        let text = fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(text.len() <= 4096 && text.ends_with('\n'), "{name}: {}", text.len());
        assert!(!text.contains(&token), "a token is in the log");
        for line in text.lines() {
            let event: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
            // All of one form, so they are ordered as texts.
            let at = event["timestamp"].as_str().unwrap_or_default().to_owned();
            assert!(!at.is_empty() && at >= last, "{line}");
            last = at;
            lines += 1;
        }
    }
    assert!(lines > 20, "{lines}");
    let end = fs::read_to_string(&file).unwrap();
    assert!(end.contains("\"stopped\""), "the last line is written: {end}");
}

#[tokio::test]
async fn the_log_moves_while_the_service_runs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log");
    let service = Setup::new().start().await;
    configure(&service, |config| {
        config["logging"] = json!({"file": file, "format": "text"});
    });
    let read = || fs::read_to_string(&file).unwrap_or_default();
    eventually("the file has a line", PATIENCE, async || read().contains("logging.file").then_some(())).await;
    assert!(!read().contains("{\""), "as text: {}", read());
    // One that cannot be written is a mistake like any other.
    configure(&service, |config| config["logging"]["file"] = json!(folder.path().join("none/log")));
    let limit = Duration::from_secs(20);
    eventually("the mistake is told", limit, async || read().contains("nothing was changed").then_some(()))
        .await;
}
