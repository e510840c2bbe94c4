//! What lies in the folders: looked at, kept, removed by name and by rule, and who may do it.

use std::time::Duration;

use e2e::{PATIENCE, finished};
use serde_json::{Value, json};
use testkit::{
    Rpc, Setup, eventually, ffmpeg,
    service::{command, command_output},
    token::Role,
};

/// Records a second of a camera and waits until its file is complete.
async fn record(rpc: &mut Rpc, device: &str) -> Value {
    let started = rpc.ok("start_recording", json!({"device": device, "duration": 1})).await;
    finished(rpc, started["filename"].as_str().expect("a file was named")).await
}

#[tokio::test]
async fn files_are_looked_at_kept_and_removed() {
    let mut service =
        Setup::new().test_camera("A", "320x180@15").test_camera("B", "320x180@15").start().await;
    let (a, b) = (service.device("A").await, service.device("B").await);
    let mut rpc = service.rpc(Role::Operator).await;
    let entry = record(&mut rpc, &a).await;
    let (name, id) = (&entry["filename"], &entry["recording_id"]);

    let info = rpc.ok("get_recording_info", json!({"filename": name})).await;
    let probe = ffmpeg::probe(service.recording(name.as_str().unwrap())).await;
    assert_eq!((&info["width"], &info["height"], &info["segments"]), (&json!(320), &json!(180), &json!(1)));
    assert_eq!((&info["status"], &info["protected"]), (&json!("COMPLETE"), &json!(false)), "{info}");
    assert_eq!(info["duration"], entry["duration"]);
    let fps = info["fps"].as_f64().unwrap();
    assert!((fps - probe.frames as f64 / probe.duration_s).abs() < 0.5, "{info} {probe:?}");
    assert!(info["codec"].as_str().unwrap().starts_with("avc1.42c0"), "{info}");
    let snapshot = rpc.ok("take_snapshot", json!({"device": a, "width": 160})).await;
    let picture = rpc.ok("get_snapshot_info", json!({"filename": snapshot["filename"]})).await;
    assert_eq!((&picture["width"], &picture["height"]), (&json!(160), &json!(90)), "{picture}");

    // Neither a path, nor another's camera, nor a role too low.
    for path in ["../secret", "/etc/passwd", "a/b.mp4", ""] {
        let refused = rpc.err(-32602, "delete_recording", json!({"filename": path})).await;
        assert_eq!((&refused.data["param"], &refused.data["rule"]), (&json!("filename"), &json!("name")));
    }
    rpc.err(-32602, "delete_recording", json!({"filename": name, "recording_id": id})).await;
    rpc.err(-32602, "delete_recording", json!({})).await;
    let mut viewer = service.rpc(Role::Viewer).await;
    for method in ["delete_recording", "protect_recording", "delete_snapshot"] {
        viewer.err(-32002, method, json!({"filename": name})).await;
    }
    let mut other = service.connect().await;
    other.authenticate(&service.scoped_token(Role::Operator, &[&b]).await).await;
    for method in ["get_recording_info", "delete_recording", "protect_recording"] {
        let hidden = other.err(-32005, method, json!({"filename": name})).await;
        let unknown = other.err(-32005, method, json!({"filename": "none.mp4"})).await;
        assert_eq!(hidden.data["reason"], unknown.data["reason"], "{method}");
    }

    // What is being written stays; what is protected may still be removed by name.
    let running = rpc.ok("start_recording", json!({"device": b})).await;
    let busy = rpc.err(-32004, "delete_recording", json!({"recording_id": running["recording_id"]})).await;
    assert_eq!((&busy.data["device"], &busy.data["filename"]), (&json!(b), &running["filename"]));
    rpc.ok("stop_recording", json!({"device": b})).await;
    let kept = rpc.ok("protect_recording", json!({"recording_id": id})).await;
    assert_eq!(kept, json!({"protected": true, "files": [name]}));
    let info = rpc.ok("get_recording_info", json!({"filename": name})).await;
    assert_eq!(info["protected"], true);
    let gone = rpc.ok("delete_recording", json!({"filename": name})).await;
    assert_eq!((&gone["files_deleted"], &gone["space_freed"]), (&json!(1), &entry["file_size"]), "{gone}");
    assert!(!service.recording(name.as_str().unwrap()).exists());
    rpc.err(-32005, "delete_recording", json!({"filename": name})).await;
    rpc.ok("delete_snapshot", json!({"filename": snapshot["filename"]})).await;
    assert_eq!(rpc.ok("list_snapshots", json!({})).await["total"], 0);
}

#[tokio::test]
async fn rules_remove_what_is_not_protected_by_themselves_and_outlive_the_service() {
    let setup = Setup::new().test_camera("A", "320x180@15").set("storage.retention.interval", "1s");
    let mut service = setup.start().await;
    let device = service.device("A").await;
    let mut rpc = service.rpc(Role::Admin).await;
    let (kept, gone) = (record(&mut rpc, &device).await, record(&mut rpc, &device).await);
    rpc.ok("protect_recording", json!({"filename": kept["filename"]})).await;
    let storage = rpc.ok("get_storage_info", json!({})).await;
    assert_eq!(
        (&storage["recordings_count"], &storage["snapshots_count"]),
        (&json!(2), &json!(0)),
        "{storage}"
    );
    let held = kept["file_size"].as_u64().unwrap() + gone["file_size"].as_u64().unwrap();
    assert_eq!(storage["recordings_size"], held);
    assert!(
        storage["available_space"].as_u64().unwrap() > 0 && storage["total_space"].as_u64().unwrap() > held
    );

    for bad in
        [json!({}), json!({"max_age_days": 0}), json!({"max_size_gb": 0}), json!({"policy_type": "all"})]
    {
        rpc.err(-32602, "set_retention_policy", bad).await;
    }
    // First only what would go.
    rpc.ok("set_retention_policy", json!({"enabled": false, "policy_type": "size", "max_size_gb": 1e-9}))
        .await;
    let would = rpc.ok("cleanup_old_files", json!({"dry_run": true})).await;
    assert_eq!((&would["cleanup_executed"], &would["files_deleted"]), (&json!(false), &json!(1)), "{would}");
    assert_eq!(would["files"], json!([{"filename": gone["filename"], "rule": "size"}]));
    assert_eq!(rpc.ok("list_recordings", json!({})).await["total"], 2);

    // Kept over a restart, shown with where it comes from, and acting by itself.
    rpc.ok("set_retention_policy", json!({"enabled": true})).await;
    service.restart().await;
    let mut rpc = service.rpc(Role::Admin).await;
    eventually("retention acts by itself", PATIENCE, async || {
        (rpc.ok("list_recordings", json!({})).await["total"] == 1).then_some(())
    })
    .await;
    assert_eq!(rpc.ok("list_recordings", json!({})).await["files"][0]["filename"], kept["filename"]);
    let policy = rpc.ok("get_storage_info", json!({})).await["retention"].clone();
    assert_eq!((&policy["policy_type"], &policy["enabled"]), (&json!("size"), &json!(true)), "{policy}");
    assert!(service.terminate(Duration::from_secs(20)).await.success());

    let config = service.config();
    let run = async |words: &[&str]| {
        let mut command = command();
        command.args(words).arg("--config").arg(&config);
        let output = command_output(command).await;
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (_, shown) = run(&["config", "show"]).await;
    assert!(shown.contains("storage.retention.policy_type = size  # api"), "{shown}");
    assert_eq!(run(&["state", "reset", "storage.retention.policy_type"]).await.0, Some(0));
    assert_eq!(run(&["state", "reset", "storage.retention.policy_type"]).await.0, Some(1));
    let (_, shown) = run(&["config", "show"]).await;
    assert!(shown.contains("storage.retention.policy_type = age  # default"), "{shown}");
}
