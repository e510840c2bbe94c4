//! Events: they reach those who asked and may hear of them, and nobody else; a client that was away or
//! does not read is told what it missed.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, SystemTime},
};

use e2e::PATIENCE;
use serde_json::{Value, json};
use testkit::{
    Rpc, Setup,
    camera::{self, Camera, Content},
    rpc::Incoming,
    time::seconds,
    token::{self, Role},
};

/// Gives a camera another name and reads on until that is told: whatever happened before has been told by
/// then, as events come in order. (A reply may overtake an event, so a ping would not do.) Gives the topics
/// of snapshots and recordings.
async fn told_before_a_new_name(admin: &mut Rpc, device: &str, rpc: &mut Rpc) -> Vec<String> {
    static NAMES: AtomicUsize = AtomicUsize::new(0);
    let name = format!("Name {}", NAMES.fetch_add(1, Ordering::Relaxed));
    admin.ok("set_camera", json!({"device": device, "name": name})).await;
    while rpc.notification("camera_status_update").await["params"]["name"] != name {}
    let told = rpc.kept_notifications().into_iter().map(|told| told["params"]["topic"].clone());
    let topics = told.filter_map(|topic| topic.as_str().map(str::to_owned));
    topics.filter(|topic| topic.starts_with("snapshot.") || topic.starts_with("recording.")).collect()
}

#[tokio::test]
async fn recordings_and_snapshots_are_told_to_those_who_may_hear() {
    let setup = Setup::new().test_camera("A", "320x180@15").test_camera("B", "320x180@15");
    let mut service = setup.set("recording.segment_duration", "1s").start().await;
    let (a, b) = (service.device("A").await, service.device("B").await);
    let mut operator = service.rpc(Role::Operator).await;
    let mut viewer = service.rpc(Role::Viewer).await;
    let mut only_b = service.rpc(Role::Operator).await;
    let mut scoped = service.connect().await;
    scoped.authenticate(&service.scoped_token(Role::Admin, &[&b]).await).await;

    let all = operator.ok("subscribe_events", json!({"topics": ["*"]})).await;
    assert_eq!((all["topics"].as_array().unwrap().len(), &all["gap"]), (12, &json!(false)), "{all}");
    assert_eq!(
        (&all["subscribed"], &all["filters"], &all["replayed"]),
        (&json!(true), &json!({}), &json!(0))
    );
    let refused = viewer.err(-32002, "subscribe_events", json!({"topics": ["recording.stop"]})).await;
    assert_eq!(refused.data["required_role"], "operator", "{refused:?}");
    let nothing = viewer.ok("subscribe_events", json!({"topics": ["recording_status_update"]})).await;
    assert_eq!(nothing["topics"], json!([]), "{nothing}");
    let some = viewer.ok("subscribe_events", json!({"topics": ["*"]})).await;
    assert_eq!(some["topics"].as_array().unwrap().len(), 7, "{some}");
    let filters = json!({"device": [b, "camera999"]});
    let filtered = only_b.ok("subscribe_events", json!({"topics": ["*"], "filters": filters})).await;
    assert_eq!(filtered["filters"], filters);
    let none = json!({"topics": ["recording.*"], "filters": {"device": a}});
    scoped.ok("subscribe_events", json!({"topics": ["*"]})).await;
    scoped.ok("subscribe_events", none).await;
    for (params, param) in [
        (json!({"topics": ["camera.gone"]}), "topics"),
        (json!({"topics": []}), "topics"),
        (json!({"topics": "camera.*"}), "topics"),
        (json!({}), "topics"),
        (json!({"topics": ["*"], "filters": {"device": "webcam"}}), "filters"),
        (json!({"topics": ["*"], "filters": {"fps": 1}}), "filters"),
        (json!({"topics": ["*"], "since": {"seq": 1}}), "since"),
        (json!({"topics": ["*"], "since": {"epoch": 1, "seq": 1}}), "since"),
    ] {
        let refused = operator.err(-32602, "subscribe_events", params).await;
        assert_eq!(refused.data["param"], param, "{refused:?}");
    }

    let started = operator.ok("start_recording", json!({"device": a})).await;
    let told = operator.notification("recording_status_update").await["params"].clone();
    assert_eq!((&told["topic"], &told["status"]), (&json!("recording.start"), &json!("RECORDING")), "{told}");
    for member in ["device", "recording_id", "filename"] {
        assert_eq!(told[member], started[member], "{told}");
    }
    assert_eq!((&told["session_id"], &told["epoch"]), (&started["recording_id"], &all["epoch"]));
    assert!(told["seq"].as_u64() > all["seq"].as_u64() && told["timestamp"].is_string(), "{told}");
    let segment = operator.notification("recording_status_update").await["params"].clone();
    assert_eq!((&segment["topic"], &segment["status"]), (&json!("recording.segment"), &json!("RECORDING")));
    assert_ne!(segment["filename"], started["filename"]);
    let stopped = operator.ok("stop_recording", json!({"device": a})).await;
    let last = loop {
        let told = operator.notification("recording_status_update").await["params"].clone();
        if told["topic"] != "recording.segment" {
            break told;
        }
    };
    assert_eq!((&last["topic"], &last["status"]), (&json!("recording.stop"), &json!("STOPPED")), "{last}");
    for member in ["duration", "file_size", "filename", "recording_id"] {
        assert_eq!(last[member], stopped[member], "{last}");
    }
    let taken = operator.ok("take_snapshot", json!({"device": b})).await;
    let told = operator.notification("snapshot_status_update").await["params"].clone();
    for member in ["device", "filename", "file_size"] {
        assert_eq!(told[member], taken[member], "{told}");
    }

    let mut admin = service.rpc(Role::Admin).await;
    assert_eq!(told_before_a_new_name(&mut admin, &b, &mut viewer).await, [""; 0]);
    assert_eq!(told_before_a_new_name(&mut admin, &b, &mut only_b).await, ["snapshot.taken"]);
    assert_eq!(told_before_a_new_name(&mut admin, &b, &mut scoped).await, ["snapshot.taken"]);
    let stats = operator.ok("get_subscription_stats", json!({})).await;
    assert_eq!(stats["global_stats"]["active_clients"], 4, "{stats}");
    assert_eq!(stats["global_stats"]["topic_counts"]["recording.stop"], 3, "{stats}");
    assert_eq!(stats["client_topics"].as_array().unwrap().len(), 12);
    let left =
        operator.ok("unsubscribe_events", json!({"topics": ["snapshot_status_update", "camera.*"]})).await;
    assert_eq!(left["topics"].as_array().unwrap().len(), 8, "{left}");
    assert_eq!(operator.ok("unsubscribe_events", json!({})).await["topics"], json!([]));
    operator.ok("take_snapshot", json!({"device": b})).await;
    operator.ok("subscribe_events", json!({"topics": ["camera.*"]})).await;
    assert_eq!(told_before_a_new_name(&mut admin, &b, &mut operator).await, [""; 0]);
    operator.ok("unsubscribe_events", json!({})).await;
    drop((viewer, only_b, scoped));
    testkit::eventually("no subscription is left", PATIENCE, async || {
        let stats = operator.ok("get_subscription_stats", json!({})).await;
        (stats["global_stats"]["active_clients"] == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_subscription_belongs_to_a_session() {
    let mut service = Setup::new().test_camera("A", "160x90@10").start().await;
    let device = service.device("A").await;
    let (viewer, operator) = (service.token(Role::Viewer).await, service.token(Role::Operator).await);
    let mut rpc = service.connect().await;
    let inline = json!({"topics": ["*"], "auth_token": operator});
    let refused = rpc.err(-32020, "subscribe_events", inline.clone()).await;
    assert!(refused.data["state"].is_string() && refused.data["allowed_states"].is_array(), "{refused:?}");
    // An inline token lends the session nothing.
    rpc.authenticate(&viewer).await;
    assert_eq!(rpc.ok("subscribe_events", inline).await["topics"].as_array().unwrap().len(), 7);
    rpc.authenticate(&operator).await;
    rpc.ok("subscribe_events", json!({"topics": ["snapshot.taken"]})).await;
    let mut other = service.rpc(Role::Admin).await;
    other.ok("take_snapshot", json!({"device": device})).await;
    assert_eq!(told_before_a_new_name(&mut other, &device, &mut rpc).await, ["snapshot.taken"]);
    // As a viewer again it hears no more of them, and keeps what a viewer may hear.
    rpc.authenticate(&viewer).await;
    other.ok("take_snapshot", json!({"device": device})).await;
    assert_eq!(told_before_a_new_name(&mut other, &device, &mut rpc).await, [""; 0]);
    let stats = rpc.ok("get_subscription_stats", json!({})).await;
    assert_eq!(stats["client_topics"].as_array().unwrap().len(), 7, "{stats}");

    // Its time and the leeway of 30 s over, a session hears nothing, and a new one asks anew.
    let mut claims = token::claims(Role::Operator);
    let now = seconds(SystemTime::now());
    (claims["iat"], claims["exp"]) = (json!(now - 60), json!(now - 28));
    rpc.authenticate(&token::signed(&claims)).await;
    rpc.ok("subscribe_events", json!({"topics": ["*"]})).await;
    other.ok("take_snapshot", json!({"device": device})).await;
    assert_eq!(rpc.notification("snapshot_status_update").await["params"]["topic"], "snapshot.taken");
    assert_eq!(rpc.notification("session_expired").await["params"]["reason"], "expired");
    other.ok("take_snapshot", json!({"device": device})).await;
    rpc.authenticate(&operator).await;
    other.ok("take_snapshot", json!({"device": device})).await;
    assert_eq!(rpc.ok("get_subscription_stats", json!({})).await["client_topics"], json!([]));
    rpc.ok("subscribe_events", json!({"topics": ["camera.*"]})).await;
    assert_eq!(told_before_a_new_name(&mut other, &device, &mut rpc).await, [""; 0]);
}

#[tokio::test]
async fn what_was_missed_is_told_after_the_answer() {
    let mut service = Setup::new().test_camera("A", "160x90@10").start().await;
    let device = service.device("A").await;
    let mut other = service.rpc(Role::Operator).await;
    let mut rpc = service.rpc(Role::Operator).await;
    let place = rpc.ok("subscribe_events", json!({"topics": ["snapshot.taken"]})).await;
    drop(rpc);
    let mut missed = Vec::new();
    for _ in 0..3 {
        missed.push(other.ok("take_snapshot", json!({"device": device})).await["filename"].clone());
    }
    let mut rpc = service.rpc(Role::Operator).await;
    let since = json!({"epoch": place["epoch"], "seq": place["seq"]});
    let id = rpc.start("subscribe_events", json!({"topics": ["snapshot.*"], "since": since})).await;
    let Incoming::Text(answer) = rpc.incoming().await else { panic!("closed") };
    assert_eq!(answer["id"], id, "the answer comes first: {answer}");
    assert_eq!((&answer["result"]["replayed"], &answer["result"]["gap"]), (&json!(3), &json!(false)));
    missed.push(other.ok("take_snapshot", json!({"device": device})).await["filename"].clone());
    let mut last = place["seq"].as_u64().unwrap();
    for filename in &missed {
        let told = rpc.notification("snapshot_status_update").await["params"].clone();
        assert_eq!(told["filename"], *filename, "in order: {told}");
        assert!(told["seq"].as_u64().unwrap() > last);
        last = told["seq"].as_u64().unwrap();
    }
    // A viewer is not told again what it may not hear, and the start was an event too.
    let mut viewer = service.rpc(Role::Viewer).await;
    let since = json!({"epoch": place["epoch"], "seq": 0});
    let again = viewer.ok("subscribe_events", json!({"topics": ["*"], "since": since})).await;
    assert_eq!(again["gap"], false, "{again}");
    let startup = viewer.notification("system_health_update").await["params"].clone();
    assert_eq!((&startup["topic"], &startup["seq"]), (&json!("system.startup"), &json!(1)), "{startup}");
    assert!(startup["version"].is_string() && startup["status"].is_string(), "{startup}");
    let mut admin = service.rpc(Role::Admin).await;
    assert_eq!(told_before_a_new_name(&mut admin, &device, &mut viewer).await, [""; 0]);

    // The end is told before the connection closes.
    let ended = service.terminate(PATIENCE).await;
    assert!(ended.success(), "{ended}");
    let shutdown = viewer.notification("system_health_update").await["params"].clone();
    assert_eq!(shutdown["topic"], "system.shutdown");
    assert_eq!(viewer.closed().await, 1001);
    service.restart().await;
    let mut rpc = service.rpc(Role::Operator).await;
    let since = json!({"epoch": place["epoch"], "seq": last});
    let gap = rpc.ok("subscribe_events", json!({"topics": ["*"], "since": since})).await;
    assert_eq!((&gap["gap"], &gap["replayed"]), (&json!(true), &json!(0)), "another start: {gap}");
    assert_ne!(gap["epoch"], place["epoch"]);
}

#[tokio::test]
async fn a_camera_that_fails_is_told_and_so_is_its_return() {
    let source = Camera::start(Content::Film(camera::film().await), None).await;
    let address = source.address();
    let mut service = Setup::new().url_camera("Gate", &source.url("u:p")).start().await;
    let device = service.device("Gate").await;
    let mut rpc = service.rpc(Role::Operator).await;
    rpc.ok("subscribe_events", json!({"topics": ["camera_status_update"]})).await;
    rpc.ok("start_recording", json!({"device": device})).await;
    drop(source);
    let told = rpc.notification("camera_status_update").await["params"].clone();
    assert_eq!(
        (&told["topic"], &told["status"]),
        (&json!("camera.status_change"), &json!("ERROR")),
        "{told}"
    );
    let listed = rpc.ok("get_camera_list", json!({})).await["cameras"][0].clone();
    for member in ["device", "status", "name", "kind", "resolution", "streams"] {
        assert_eq!(told[member], listed[member], "{told}");
    }
    let back = Camera::start_at(address, Content::Film(camera::film().await), None).await;
    let told = rpc.notification("camera_status_update").await["params"].clone();
    assert_eq!(told["status"], "CONNECTED", "{told}");
    // A name is news too.
    let mut admin = service.rpc(Role::Admin).await;
    admin.ok("set_camera", json!({"device": device, "name": "Yard"})).await;
    let told = rpc.notification("camera_status_update").await["params"].clone();
    assert_eq!((&told["topic"], &told["name"]), (&json!("camera.status_change"), &json!("Yard")), "{told}");
    rpc.ok("stop_recording", json!({"device": device})).await;
    drop(back);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_told_what_was_dropped() {
    let setup = Setup::new().test_camera("A", "160x90@10").set("websocket.max_queue", 5);
    let mut service = setup.set("websocket.write_timeout", "60s").start().await;
    let device = service.device("A").await;
    let mut deaf = service.rpc(Role::Operator).await;
    let place = deaf.ok("subscribe_events", json!({"topics": ["snapshot.taken"]})).await;
    // Answers nobody reads fill every buffer on the way: then events wait in the queue.
    let one = json!({"jsonrpc": "2.0", "id": "x".repeat(500), "method": "get_server_info"});
    let flood = Value::Array(vec![one; 50]).to_string();
    let full = async {
        loop {
            deaf.send(&flood).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(3), full).await.is_err());
    let mut other = service.rpc(Role::Operator).await;
    let mut taken = Vec::new();
    for _ in 0..10 {
        taken.push(other.ok("take_snapshot", json!({"device": device})).await["filename"].clone());
    }
    let (mut heard, mut dropped) = (Vec::new(), 0);
    while heard.last() != taken.last() {
        let Incoming::Text(told) = deaf.incoming().await else { panic!("closed") };
        if told["method"] == "events_dropped" {
            assert_eq!(told["params"]["epoch"], place["epoch"]);
            assert!(told["params"]["last_seq"].as_u64() > place["seq"].as_u64(), "{told}");
            dropped += told["params"]["dropped"].as_u64().unwrap();
        } else if told["method"] == "snapshot_status_update" {
            heard.push(told["params"]["filename"].clone());
        }
    }
    assert!(dropped >= 4, "{dropped} of 10 dropped, {} heard", heard.len());
    assert_eq!(dropped as usize + heard.len(), taken.len());
}
