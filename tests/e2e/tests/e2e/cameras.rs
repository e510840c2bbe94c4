//! Cameras from outside: what they are called, what they offer, which are remembered, how often they are
//! looked for, the pictures they take by themselves; and the commands that look at them.

use e2e::PATIENCE;
use serde_json::{Value, json};
use testkit::{
    Service, Setup, eventually,
    service::{command, command_output},
    token::Role,
};

/// One small test camera, which is `camera0` even where a real one is plugged in.
fn setup() -> Setup {
    Setup::new().test_camera("A", "320x180@5").set("camera.devices.deny", json!(["*"])).without_limits()
}

/// Runs a command of the binary: its exit code and what it printed.
async fn run(service: &Service, words: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = command();
    command.args(words).arg("--config").arg(service.config()).envs(environment.iter().copied());
    let output = command_output(command).await;
    (output.status.code(), String::from_utf8(output.stdout).expect("the commands speak UTF-8"))
}

async fn shown(service: &Service, key: &str) -> String {
    let (_, all) = run(service, &["config", "show"], &[]).await;
    all.lines().find(|line| line.starts_with(key)).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_name_is_kept_until_it_is_reset() {
    let mut service = setup().test_camera("B", "320x180@5").start().await;
    let mut admin = service.rpc(Role::Admin).await;
    let named = admin.ok("set_camera", json!({"device": "camera0", "name": "  Gate é "})).await;
    assert_eq!(
        (&named["device"], &named["name"], &named["kind"]),
        (&json!("camera0"), &json!("Gate é"), &json!("test"))
    );
    assert!(named["streams"].is_object() && named["resolution"] == "320x180", "{named}");
    for (name, rule) in [
        (json!(""), "length"),
        (json!("   "), "length"),
        (json!("x".repeat(65)), "length"),
        (json!("a\nb"), "length"),
        (json!(7), "type"),
        (json!(null), "required"),
    ] {
        let refused = admin.err(-32602, "set_camera", json!({"device": "camera0", "name": name})).await;
        assert_eq!((&refused.data["param"], &refused.data["rule"]), (&json!("name"), &json!(rule)), "{name}");
    }
    admin.ok("set_camera", json!({"device": "camera1", "name": "x".repeat(64)})).await;
    // Only one that is not there can be forgotten.
    let refused = admin.err(-32020, "forget_camera", json!({"device": "camera0"})).await;
    assert_eq!(refused.data["state"], "CONNECTED");
    assert_eq!(refused.data["allowed_states"], json!(["DISCONNECTED"]));
    service
        .rpc(Role::Operator)
        .await
        .err(-32002, "set_camera", json!({"device": "camera0", "name": "X"}))
        .await;

    service.restart().await;
    assert_eq!(service.device("Gate é").await, "camera0");
    assert_eq!(shown(&service, "camera.names.camera0").await, "camera.names.camera0 = Gate é  # api");
    let (_, table) = run(&service, &["cameras"], &[]).await;
    assert!(table.lines().any(|line| line.starts_with("camera0") && line.ends_with("Gate é")), "{table}");
    let (code, _) = run(&service, &["state", "reset", "camera.names.camera0"], &[]).await;
    assert_eq!(code, Some(0));
    service.restart().await;
    let list = service.rpc(Role::Viewer).await.ok("get_camera_list", json!({})).await;
    assert_eq!(list["cameras"][0]["name"], "A");
}

#[tokio::test]
async fn a_camera_that_is_gone_is_listed_until_it_is_forgotten() {
    let mut service = setup().start().await;
    service.terminate(PATIENCE).await;
    // As if a camera had been unplugged while the service was down: nothing else can be done about
    // hardware here.
    let file = service.data_dir().join("cameras.json");
    let mut known: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let gone = json!({"id": "camera7", "key": "Webcam@usb-1", "name": "Webcam", "kind": "v4l2", "seen_ms": 1_795_483_519_123_u64});
    known["cameras"].as_array_mut().unwrap().push(gone);
    std::fs::write(&file, known.to_string()).unwrap();
    service.restart().await;
    let mut admin = service.rpc(Role::Admin).await;
    let list = admin.ok("get_camera_list", json!({})).await;
    assert_eq!((&list["total"], &list["connected"]), (&json!(2), &json!(1)));
    let device = json!({"device": "camera7"});
    let status = admin.ok("get_camera_status", device.clone()).await;
    assert_eq!((&status["status"], &status["name"]), (&json!("DISCONNECTED"), &json!("Webcam")));
    assert_eq!(
        status["last_seen"], "2026-11-24T01:25:19.123Z",
        "when it was there, not when it was looked for"
    );
    let offered = admin.ok("get_camera_capabilities", device.clone()).await;
    assert_eq!((&offered["validation_status"], &offered["modes"]), (&json!("DISCONNECTED"), &json!([])));
    admin.ok("list_recordings", device.clone()).await;
    for method in ["take_snapshot", "start_recording", "start_streaming"] {
        let refused = admin.err(-32000, method, device.clone()).await;
        assert_eq!(
            (&refused.data["state"], &refused.data["device"]),
            (&json!("DISCONNECTED"), &json!("camera7")),
            "{method}"
        );
    }
    admin.err(-32020, "stop_recording", device.clone()).await;
    admin.ok("set_camera", json!({"device": "camera7", "name": "Old"})).await;
    let forgotten = admin.ok("forget_camera", device.clone()).await;
    assert_eq!(forgotten, json!({"device": "camera7", "forgotten": true}));
    for round in ["now", "after a restart"] {
        let refused = admin.err(-32000, "get_camera_status", device.clone()).await;
        assert_eq!(refused.data["available_devices"], json!(["camera0"]), "{round}");
        assert_eq!(refused.data["state"], Value::Null, "{round}");
        assert_eq!(shown(&service, "camera.names.camera7").await, "", "its name went with it");
        service.restart().await;
        admin = service.rpc(Role::Admin).await;
    }
}

#[tokio::test]
async fn what_this_build_cannot_do_is_said_once_the_parameters_are_right() {
    let service = setup().url_camera("Gate", "rtsp://admin:hunter2@127.0.0.1:1/x").start().await;
    let mut rpc = service.rpc(Role::Admin).await;
    rpc.forbid("hunter2");
    let camera = json!({"device": "camera0"});
    let stream = json!({"name": "Yard", "url": "rtsp://u:hunter2@192.0.2.1/x"});
    for (method, params, feature) in [
        // A network camera has none that could be reached.
        ("get_camera_controls", camera.clone(), "controls"),
        ("set_camera_controls", json!({"device": "camera0", "controls": {"brightness": 3}}), "controls"),
        ("reset_camera_controls", camera.clone(), "controls"),
        ("discover_external_streams", json!({"timeout": 30}), "external_streams"),
        ("add_external_stream", stream, "external_streams"),
        ("remove_external_stream", camera.clone(), "external_streams"),
    ] {
        let refused = rpc.err(-32030, method, params).await;
        assert_eq!(refused.data["feature"], feature, "{method}");
    }
    for (method, params, param) in [
        ("get_camera_controls", json!({}), "device"),
        ("set_camera_controls", camera.clone(), "controls"),
        ("set_camera_controls", json!({"device": "camera0", "controls": [1]}), "controls"),
        ("set_camera_controls", json!({"device": "camera0", "controls": {"gain": 0.5}}), "controls"),
        ("reset_camera_controls", json!({"device": "camera0", "all": true}), "all"),
        ("discover_external_streams", json!({"timeout": 31}), "timeout"),
        ("add_external_stream", json!({"name": "Yard", "url": "http://u:hunter2@host/"}), "url"),
        ("add_external_stream", json!({"url": "rtsp://host/"}), "name"),
        ("remove_external_stream", json!({"device": "Gate"}), "device"),
    ] {
        let refused = rpc.err(-32602, method, params).await;
        assert_eq!(refused.data["param"], param, "{method}");
    }
    rpc.err(-32000, "remove_external_stream", json!({"device": "camera9"})).await;
    // What is configured is told truly: it is a network camera, and the other is none.
    let streams = rpc.ok("get_external_streams", json!({})).await;
    let names: Vec<_> = streams["streams"].as_array().unwrap().iter().map(|camera| &camera["name"]).collect();
    assert_eq!(names, ["Gate"]);
    let mut operator = service.rpc(Role::Operator).await;
    for method in ["discover_external_streams", "remove_external_stream", "set_discovery_interval"] {
        operator.err(-32002, method, camera.clone()).await;
    }
    let mut viewer = service.rpc(Role::Viewer).await;
    viewer.err(-32002, "set_camera_controls", camera.clone()).await;
    viewer.err(-32030, "get_camera_controls", camera).await;
}

#[tokio::test]
async fn kept_controls_of_a_camera_are_shown_and_dropped_one_by_one_or_together() {
    let mut service = setup().set("camera.controls.camera0.gain", 3).start().await;
    service.kill9();
    let kept = json!({
        "camera.controls.camera0.gain": 4, "camera.controls.camera0.hflip": true,
        "camera.controls.camera7.title": "Gate",
    });
    std::fs::write(service.data_dir().join("state.json"), kept.to_string()).unwrap();
    let mine = async |service: &Service, key: &str| shown(service, &format!("camera.controls.{key}")).await;
    assert_eq!(mine(&service, "camera0.gain").await, "camera.controls.camera0.gain = 4  # api");
    assert_eq!(mine(&service, "camera7").await, "camera.controls.camera7.title = Gate  # api");
    let (code, _) = run(&service, &["state", "reset", "camera.controls.camera7.title"], &[]).await;
    assert_eq!((code, mine(&service, "camera7").await.as_str()), (Some(0), ""));
    assert_eq!(mine(&service, "camera0.hflip").await, "camera.controls.camera0.hflip = true  # api");
    let (code, _) = run(&service, &["state", "reset", "camera.controls.camera0"], &[]).await;
    assert_eq!((code, mine(&service, "camera0.hflip").await.as_str()), (Some(0), ""));
    assert_eq!(mine(&service, "camera0.gain").await, "camera.controls.camera0.gain = 3  # file");
    let (code, _) = run(&service, &["state", "reset", "camera.controls"], &[]).await;
    assert_eq!(code, Some(1), "nothing is left");
    service.restart().await;
    let mut viewer = service.rpc(Role::Viewer).await;
    let refused = viewer.err(-32030, "get_camera_controls", json!({"device": "camera0"})).await;
    assert_eq!(refused.data["feature"], "controls");
}

#[tokio::test]
async fn the_interval_of_looking_outlives_the_service() {
    let mut service = setup().start().await;
    let mut admin = service.rpc(Role::Admin).await;
    for bad in [json!(0), json!(3601), json!(1.5), json!("5"), json!(null)] {
        let refused = admin.err(-32602, "set_discovery_interval", json!({"interval": bad})).await;
        assert_eq!(refused.data["param"], "interval");
    }
    assert_eq!(shown(&service, "camera.scan_interval").await, "camera.scan_interval = 5s  # default");
    let set = admin.ok("set_discovery_interval", json!({"interval": 7})).await;
    assert_eq!(set, json!({"interval": 7}));
    service.restart().await;
    assert_eq!(shown(&service, "camera.scan_interval").await, "camera.scan_interval = 7  # api");
    let status = service.rpc(Role::Viewer).await.ok("get_system_status", json!({})).await;
    assert_eq!(
        (&status["discovery_active"], &status["available_cameras"]),
        (&json!(true), &json!(["camera0"]))
    );
}

#[tokio::test]
async fn one_camera_may_be_asked_for_other_pictures_than_the_rest_and_streams_may_run_for_nobody() {
    let overrides =
        json!([{"match": {"id": "camera0"}, "name": "Upright", "size": "160x96", "fps": 10, "rotate": 90}]);
    let service =
        setup().set("camera.overrides", overrides).set("camera.auto_start_streams", true).start().await;
    // Nobody asked for it.
    service.ffmpegs_become(1, PATIENCE).await;
    let mut rpc = service.rpc(Role::Operator).await;
    let list = rpc.ok("get_camera_list", json!({})).await;
    assert_eq!(list["cameras"][0]["name"], "Upright");
    let offered = rpc.ok("get_camera_capabilities", json!({"device": "camera0"})).await;
    // A test picture is made, not offered: one size is all that is known of it.
    let expected = json!({"device": "camera0", "formats": [], "resolutions": ["160x96"], "fps_options": [], "modes": [],
        "driver": null, "bus_info": null, "validation_status": "NONE"});
    assert_eq!(offered, expected);
    let taken = rpc.ok("take_snapshot", json!({"device": "camera0"})).await;
    assert_eq!((&taken["width"], &taken["height"]), (&json!(96), &json!(160)), "{taken}");
}

#[tokio::test]
async fn a_timelapse_keeps_its_newest_pictures_and_no_other_ever_goes_by_it() {
    let timelapse = json!([{"device": "camera0", "every": "1s", "keep": 2}]);
    let service = setup().set("timelapse", timelapse).start().await;
    let mut rpc = service.rpc(Role::Operator).await;
    for number in 0..4 {
        let name = format!("timelapse_camera0_by-hand-{number}.jpg");
        rpc.ok("take_snapshot", json!({"device": "camera0", "filename": name})).await;
    }
    let mut own = async || {
        let list = rpc.ok("list_snapshots", json!({"limit": 1000})).await;
        let files = list["files"].as_array().unwrap().clone();
        let names = files.iter().map(|file| file["filename"].as_str().unwrap().to_owned());
        let (by_hand, own): (Vec<_>, Vec<_>) = names.partition(|name| name.contains("by-hand"));
        assert_eq!(by_hand.len(), 4, "{list}");
        // One is taken before the oldest goes.
        assert!(own.len() <= 3, "{own:?}");
        own
    };
    let first = eventually("its first picture", PATIENCE, async || own().await.pop()).await;
    eventually("the first one has gone, and two are kept", PATIENCE, async || {
        let now = own().await;
        (now.len() == 2 && !now.contains(&first)).then_some(())
    })
    .await;
    // One without a camera tells so once, however often it tries, and holds up no other.
    let every = "1s";
    let timelapse =
        json!([{"device": "camera5", "every": every}, {"device": "camera0", "every": every, "keep": 9}]);
    let service = setup().set("timelapse", timelapse).start().await;
    let mut rpc = service.rpc(Role::Viewer).await;
    eventually("both have tried three times", PATIENCE, async || {
        (rpc.ok("list_snapshots", json!({})).await["total"].as_u64() >= Some(3)).then_some(())
    })
    .await;
    service.log().says("no picture for the timelapse").await;
    assert_eq!(service.log().with("no picture for the timelapse").len(), 1);
}
