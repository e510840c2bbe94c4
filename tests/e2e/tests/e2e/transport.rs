//! JSON-RPC over WebSocket to the letter of the contract.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Rpc, Setup, token::Role};

#[tokio::test]
async fn ids_come_back_as_they_were_sent() {
    let service = Setup::new().start().await;
    let mut rpc = service.rpc(Role::Viewer).await;
    for id in [
        "1",
        "-7",
        "0.10",
        "1e2",
        "1E+2",
        "123456789012345678901234567890",
        "null",
        r#""""#,
        r#""a b""#,
        r#""\u0041\n""#,
        r#""ünï""#,
    ] {
        rpc.send(&format!(r#"{{"jsonrpc":"2.0","method":"ping","id":{id}}}"#)).await;
        let answer = rpc.message().await;
        assert_eq!(answer["result"]["pong"], true, "{id}: {answer}");
        assert!(rpc.last_text().contains(&format!(r#""id":{id}"#)), "{id}: {}", rpc.last_text());
        // An error echoes it, too.
        rpc.send(&format!(r#"{{"jsonrpc":"2.0","method":"frobnicate","id":{id}}}"#)).await;
        assert_eq!(rpc.message().await["error"]["code"], -32601);
        assert!(rpc.last_text().contains(&format!(r#""id":{id}"#)), "{id}: {}", rpc.last_text());
    }
}

#[tokio::test]
async fn envelopes_notifications_and_batches() {
    let service = Setup::new().start().await;
    let mut rpc = service.rpc(Role::Viewer).await;
    for (text, code, id) in [
        ("", -32700, Value::Null),
        ("{", -32700, Value::Null),
        (r#"{"jsonrpc":"2.0","method":"ping","id":1}}"#, -32700, Value::Null),
        ("7", -32600, Value::Null),
        (r#""ping""#, -32600, Value::Null),
        ("[]", -32600, Value::Null),
        (r#"{"method":"ping","id":1}"#, -32600, json!(1)),
        (r#"{"jsonrpc":"1.0","method":"ping","id":1}"#, -32600, json!(1)),
        (r#"{"jsonrpc":"2.0","method":5,"id":1}"#, -32600, json!(1)),
        (r#"{"jsonrpc":"2.0","method":"ping","id":true}"#, -32600, Value::Null),
        (r#"{"jsonrpc":"2.0","method":"ping","id":1,"params":7}"#, -32600, json!(1)),
        (r#"{"jsonrpc":"2.0","method":"ping","id":1,"params":"x"}"#, -32600, json!(1)),
        (r#"{"jsonrpc":"2.0","method":"ping","id":1,"params":["x"]}"#, -32602, json!(1)),
        (r#"{"jsonrpc":"2.0","method":"ping","id":1,"params":{"frobnicate":1}}"#, -32602, json!(1)),
        (r#"{"jsonrpc":"2.0","method":"frobnicate","id":1,"params":["x"]}"#, -32601, json!(1)),
    ] {
        rpc.send(text).await;
        let answer = rpc.message().await;
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(code), &id), "{text}: {answer}");
    }
    let unknown = rpc.err(-32602, "list_recordings", json!({"limit": 1, "frobnicate": 1})).await;
    assert_eq!(unknown.data["param"], "frobnicate", "it is named: {unknown:?}");
    // `params` that are null are as good as none.
    rpc.send(r#"{"jsonrpc":"2.0","method":"ping","id":1,"params":null}"#).await;
    assert_eq!(rpc.message().await["result"]["pong"], true);

    // Notifications get no answer, not even an error: the next answer is that of the next request.
    for text in [
        r#"{"jsonrpc":"2.0","method":"ping"}"#,
        r#"{"jsonrpc":"2.0","method":"frobnicate"}"#,
        r#"{"jsonrpc":"2.0","method":"ping","params":["x"]}"#,
        r#"{"jsonrpc":"2.0","method":"ping","params":{"auth_token":"x"}}"#,
        r#"[{"jsonrpc":"2.0","method":"ping"},{"jsonrpc":"2.0","method":"frobnicate"}]"#,
    ] {
        rpc.send(text).await;
    }
    rpc.send(r#"{"jsonrpc":"2.0","method":"ping","id":"after"}"#).await;
    assert_eq!(rpc.message().await["id"], "after");

    // A batch is answered by a batch of what is not a notification.
    rpc.send(
        r#"[{"jsonrpc":"2.0","method":"ping","id":1},7,{"jsonrpc":"2.0","method":"ping"},{"jsonrpc":"2.0","method":"no","id":2}]"#,
    )
    .await;
    let batch = rpc.message().await;
    let find = |id: Value| batch.as_array().unwrap().iter().find(|answer| answer["id"] == id).unwrap();
    assert_eq!(batch.as_array().unwrap().len(), 3, "{batch}");
    assert_eq!(find(json!(1))["result"]["pong"], true);
    assert_eq!(find(json!(2))["error"]["code"], -32601);
    assert_eq!(find(Value::Null)["error"]["code"], -32600);
    let one = json!({"jsonrpc": "2.0", "method": "ping", "id": 1});
    rpc.send(&json!(vec![one.clone(); 50]).to_string()).await;
    assert_eq!(rpc.message().await.as_array().unwrap().len(), 50);
    rpc.send(&json!(vec![one; 51]).to_string()).await;
    let refused = rpc.message().await;
    assert_eq!((&refused["error"]["code"], &refused["id"]), (&json!(-32600), &Value::Null), "{refused}");
}

#[tokio::test]
async fn the_ways_to_sign_in() {
    let mut service = Setup::new().test_camera("A", "320x180@5").start().await;
    let device = service.device("A").await;
    let (viewer, operator) = (service.token(Role::Viewer).await, service.token(Role::Operator).await);
    // Credentials are looked at before the method and the parameters.
    let mut rpc = service.connect().await;
    for (method, params) in
        [("ping", Value::Null), ("frobnicate", Value::Null), ("get_camera_status", json!({"nonsense": 1}))]
    {
        rpc.err(-32001, method, params).await;
    }
    // Beside a call: for that call only, and not one of its parameters.
    rpc.ok("ping", json!({"auth_token": viewer})).await;
    rpc.err(-32001, "ping", Value::Null).await;
    let told = rpc.authenticate(&viewer).await;
    assert_eq!((&told["role"], &told["api_version"]), (&json!("viewer"), &json!(1)), "{told}");
    testkit::time::parse(told["expires_at"].as_str().unwrap());
    assert!(told["session_id"].is_string() && told["permissions"].is_array(), "{told}");
    rpc.err(-32002, "stop_recording", json!({"device": device})).await;
    rpc.err(-32020, "stop_recording", json!({"device": device, "auth_token": operator})).await;
    rpc.err(-32002, "stop_recording", json!({"device": device})).await;
    // The session becomes somebody else's.
    assert_eq!(rpc.authenticate(&operator).await["role"], "operator");
    rpc.err(-32020, "stop_recording", json!({"device": device})).await;
    // What follows need not wait for the answer, be it in frames or in one batch.
    for batch in [false, true] {
        let mut rpc = service.connect().await;
        let requests = [
            json!({"jsonrpc": "2.0", "id": 1, "method": "authenticate", "params": {"auth_token": viewer}}),
            json!({"jsonrpc": "2.0", "id": 2, "method": "ping"}),
        ];
        if batch {
            rpc.send(&json!(requests).to_string()).await;
            let answers = rpc.message().await;
            assert_eq!(answers.as_array().unwrap().len(), 2, "{answers}");
            assert!(
                answers.as_array().unwrap().iter().all(|answer| answer["result"].is_object()),
                "{answers}"
            );
        } else {
            rpc.send(&requests[0].to_string()).await;
            rpc.send(&requests[1].to_string()).await;
            assert_eq!(rpc.answer(&json!(2)).await.unwrap()["pong"], true);
            assert_eq!(rpc.answer(&json!(1)).await.unwrap()["role"], "viewer");
        }
    }
    // With the upgrade.
    let bearer = format!("Bearer {viewer}");
    let mut rpc = Rpc::connect(&service, &[("authorization", &bearer)]).await.unwrap();
    rpc.ok("ping", Value::Null).await;
    rpc.err(-32002, "stop_recording", json!({"device": device})).await;

    let info = rpc.ok("get_server_info", Value::Null).await;
    assert_eq!(info["api_version"], 1, "{info}");
    for method in info["methods"].as_array().unwrap() {
        let method = method.as_str().unwrap();
        let unknown = matches!(rpc.call(method, json!({"frobnicate": 1})).await, Err(e) if e.code == -32601);
        assert!(!unknown, "{method} is told and not there");
    }
    assert_eq!(rpc.ok("get_system_status", Value::Null).await["status"], "ready");
}

#[tokio::test]
async fn wrong_parameters_are_named_and_nothing_is_repeated_that_should_not_be() {
    let mut service = Setup::new().without_limits().test_camera("A", "320x180@5").start().await;
    let device = service.device("A").await;
    let mut rpc = service.rpc(Role::Operator).await;
    for (method, params, param) in [
        ("get_camera_status", json!({}), "device"),
        ("get_camera_status", json!({"device": null}), "device"),
        ("get_camera_status", json!({"device": 7}), "device"),
        ("get_camera_status", json!({"device": "A"}), "device"),
        ("get_camera_status", json!({"device": "camera"}), "device"),
        ("get_camera_status", json!({"device": "camera0 "}), "device"),
        ("get_camera_status", json!({"device": "../../etc/passwd"}), "device"),
        ("get_camera_status", json!({"device": device, "debug": 1}), "debug"),
        ("get_camera_status", json!({"device": device, "Debug": true}), "Debug"),
        ("take_snapshot", json!({"device": device, "width": 1}), "width"),
        ("take_snapshot", json!({"device": device, "max_age_ms": -1}), "max_age_ms"),
        ("take_snapshot", json!({"device": device, "not_before": "tomorrow"}), "not_before"),
        ("start_recording", json!({"device": device, "duration": 0}), "duration"),
        ("start_recording", json!({"device": device, "duration": 86_401}), "duration"),
        ("start_recording", json!({"device": device, "duration": 1.5}), "duration"),
        ("start_recording", json!({"device": device, "duration": "5"}), "duration"),
        ("start_recording", json!({"device": device, "format": "MP4"}), "format"),
        ("stop_recording", json!({"device": device, "recording_id": "x"}), "recording_id"),
        ("list_recordings", json!({"limit": 0}), "limit"),
        ("list_recordings", json!({"limit": 1001}), "limit"),
        ("list_recordings", json!({"offset": -1}), "offset"),
        ("list_recordings", json!({"cursor": "x", "offset": 1}), "cursor"),
        ("list_snapshots", json!({"since": "2026-13-01T00:00:00Z"}), "since"),
        ("list_snapshots", json!({"until": 5}), "until"),
        ("get_camera_list", json!({"device": device}), "device"),
    ] {
        let refused = rpc.err(-32602, method, params.clone()).await;
        assert_eq!(refused.data["param"], param, "{method} {params}: {refused:?}");
        assert!(refused.data["rule"].is_string(), "{method} {params}: {refused:?}");
    }
    // What is no name is not repeated, nor a path; the client itself looks for paths in every answer.
    rpc.forbid("<script>");
    rpc.err(-32602, "ping", json!({"<script>": 1})).await;
    rpc.err(-32602, "ping", json!({"/dev/video0": 1})).await;
    rpc.err(-32602, "get_camera_status", json!({"device": "<script>"})).await;
    rpc.err(-32601, "<script>", json!({})).await;

    // An id nobody has, and one no camera can have; a device path that is no camera's is not repeated.
    for unknown in ["camera998", "camera99999999999999999999"] {
        let none = rpc.err(-32000, "get_camera_status", json!({"device": unknown})).await;
        assert_eq!(none.data["device"], unknown, "{none:?}");
        assert_eq!(none.data["available_devices"], json!([device]), "{none:?}");
    }
    let none = rpc.err(-32000, "get_camera_status", json!({"device": "/dev/video998"})).await;
    assert_eq!(
        (none.data.get("device"), &none.data["available_devices"]),
        (None, &json!([device])),
        "{none:?}"
    );
}

#[tokio::test]
async fn a_slow_call_delays_no_other_and_too_many_wait() {
    // A camera that never comes: its snapshot takes as long as it may.
    let silent = testkit::camera::Camera::start(testkit::camera::Content::Silence, None).await;
    let setup = Setup::new().url_camera("Silent", &silent.url("x:y")).set("snapshot.tier2_timeout", "4s");
    let mut service = setup.set("websocket.max_in_flight", 3).start().await;
    let device = service.device("Silent").await;
    let (mut rpc, mut other) = (service.rpc(Role::Operator).await, service.rpc(Role::Viewer).await);
    let began = Instant::now();
    let mut slow = vec![
        rpc.start("take_snapshot", json!({"device": device})).await,
        rpc.start("take_snapshot", json!({"device": device})).await,
    ];
    for _ in 0..20 {
        rpc.ok("ping", Value::Null).await;
    }
    assert!(began.elapsed() < Duration::from_secs(3), "pings waited for the snapshot: {:?}", began.elapsed());
    // Three are at work: what comes then is read when there is room, and nothing is dropped.
    slow.push(rpc.start("take_snapshot", json!({"device": device})).await);
    for _ in 0..100 {
        rpc.send(r#"{"jsonrpc":"2.0","method":"ping","id":"late"}"#).await;
    }
    // Others have room of their own.
    other.ok("ping", Value::Null).await;
    assert!(began.elapsed() < Duration::from_secs(4), "the other was answered too late");
    let first = rpc.message().await;
    assert_eq!(first["error"]["code"], -32050, "a ping was not to be read yet: {first}");
    // On a busy machine the third may be as late as the others.
    assert!(slow.contains(&first["id"]), "{first}");
    assert!(began.elapsed() > Duration::from_secs(3), "the snapshot was not slow: nothing was proven");
    let (mut pongs, mut failures) = (0, 1);
    while pongs + failures < 103 {
        let answer = rpc.message().await;
        if answer["id"] == "late" {
            assert_eq!(answer["result"]["pong"], true);
            pongs += 1;
        } else {
            assert_eq!(answer["error"]["code"], -32050, "{answer}");
            failures += 1;
        }
    }
    assert_eq!((pongs, failures), (100, 3));
}
