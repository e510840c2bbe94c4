//! The service's own secrets: who can read them at rest, and how each is exchanged. docs/security.md tells
//! these steps to people; here they are walked.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use e2e::PATIENCE;
use serde_json::{Value, json};
use testkit::{
    Http, Service, Setup, eventually,
    rtsp::Connection,
    service::{command, command_output},
    token::Role,
};

/// Everything below a folder with its permissions, the folder itself included.
fn modes(folder: &Path, found: &mut Vec<(String, bool, u32)>) {
    let told = fs::metadata(folder).expect("the service keeps its folder");
    found.push((folder.display().to_string(), true, told.permissions().mode() & 0o777));
    for entry in fs::read_dir(folder).expect("the service's folder can be read").flatten() {
        let told = entry.metadata().expect("what was listed is there");
        if told.is_dir() {
            modes(&entry.path(), found);
        } else {
            let name = entry.file_name().to_string_lossy().into_owned();
            found.push((name, false, told.permissions().mode() & 0o777));
        }
    }
}

#[tokio::test]
async fn what_lies_on_disk_is_for_its_owner_and_no_program_is_told_a_secret() {
    let setup = Setup::new().test_camera("A", "320x180@5").set("security.jwt_secret_file", Value::Null);
    let setup = setup.set("storage.retention.interval", "1s");
    let mut service = setup.environment("SECRET_OF_SOMEBODY", "hunter2-of-the-environment").start().await;
    let device = service.device("A").await;
    let mut admin = service.rpc(Role::Admin).await;
    for (method, params) in [
        ("create_api_key", json!({"name": "wall", "role": "viewer"})),
        ("revoke_token", json!({"user": "eve"})),
        ("set_camera", json!({"device": device, "name": "Gate"})),
        ("set_retention_policy", json!({"max_age_days": 7})),
        ("start_recording", json!({"device": device})),
        ("take_snapshot", json!({"device": device})),
    ] {
        admin.ok(method, params).await;
    }
    // It makes the picture, and was told what it needs for that.
    let needed = ["PATH", "LANG", "TZ", "LD_LIBRARY_PATH", "FONTCONFIG_PATH"];
    let [ffmpeg] = service.ffmpegs_become(1, PATIENCE).await[..] else { panic!("one ffmpeg for one camera") };
    let secret = fs::read_to_string(service.data_dir().join("jwt_secret")).unwrap();
    for variable in ffmpeg.environment() {
        let name = variable.split('=').next().unwrap_or_default();
        assert!(name.is_empty() || needed.contains(&name), "ffmpeg was told {variable}");
    }
    for text in ffmpeg.environment().iter().chain(&ffmpeg.arguments()) {
        assert!(!text.contains("hunter2") && !text.contains(secret.trim()), "{text}");
    }
    let stopped = admin.ok("stop_recording", json!({"device": device})).await;
    admin.ok("protect_recording", json!({"filename": stopped["filename"]})).await;

    let clock = service.data_dir().join("last_time");
    eventually("the time is kept", PATIENCE, async || clock.exists().then_some(())).await;
    let mut found = Vec::new();
    modes(&service.data_dir(), &mut found);
    for (name, is_folder, mode) in &found {
        let most = if *is_folder { 0o750 } else { 0o640 };
        assert_eq!(mode & !most, 0, "{name} has {mode:o}");
    }
    for private in ["jwt_secret", "audit.key", "audit.log", "api_keys.json", "revoked_tokens.json"] {
        let mode = found.iter().find(|(name, ..)| name == private).map(|(.., mode)| *mode);
        assert_eq!(mode, Some(0o600), "{private}");
    }
}

/// `audit verify` of a folder: its status, and what it said.
async fn verified(data_dir: &Path) -> (Option<i32>, String) {
    let mut command = command();
    command.args(["audit", "verify"]).env("CAMERA_SERVICE__STORAGE__DATA_DIR", data_dir);
    let output = command_output(command).await;
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).expect("the commands speak UTF-8"))
}

/// Puts the audit log and its key aside, as a person does for whom the key is known to somebody.
fn put_aside(service: &Service, archive: &Path) {
    fs::create_dir(archive).expect("its parent is this test's own folder");
    for entry in fs::read_dir(service.data_dir()).expect("the service has made its folder").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == "audit.key" || name.starts_with("audit.log") {
            fs::rename(entry.path(), archive.join(name)).expect("both are on one disk");
        }
    }
}

#[tokio::test]
async fn a_new_audit_key_begins_a_new_log_and_the_old_one_is_verified_with_its_own() {
    let mut service = Setup::new().set("logging.audit.max_file_size", "1KiB").start().await;
    let mut admin = service.rpc(Role::Admin).await;
    for _ in 0..8 {
        admin.ok("get_storage_info", json!({})).await;
    }
    drop(admin);
    assert!(service.terminate(PATIENCE).await.success());
    let key = fs::read_to_string(service.data_dir().join("audit.key")).unwrap();
    let archive = service.data_dir().with_file_name("audit-until-today");
    put_aside(&service, &archive);
    service.restart().await;
    service.rpc(Role::Admin).await.ok("get_storage_info", json!({})).await;
    assert!(service.terminate(PATIENCE).await.success());

    for folder in [&archive, &service.data_dir()] {
        let (code, said) = verified(folder).await;
        assert_eq!(code, Some(0), "{}: {said}", folder.display());
    }
    let newer = fs::read_to_string(service.data_dir().join("audit.key")).unwrap();
    assert_ne!(key, newer);
    // Each with its own key alone.
    fs::write(archive.join("audit.key"), newer).unwrap();
    assert_eq!(verified(&archive).await.0, Some(1));
}

#[tokio::test]
async fn a_new_secret_ends_links_and_tickets_but_logs_nobody_out() {
    let setup = Setup::new().test_camera("A", "320x180@5").set("security.media_auth", "always");
    let mut service = setup.start().await;
    let device = service.device("A").await;
    let token = service.token(Role::Operator).await;
    let told = |answer: &Value, member: &str| answer[member].as_str().unwrap().to_owned();
    let mut rpc = service.connect().await;
    rpc.authenticate(&token).await;
    let link = told(&rpc.ok("take_snapshot", json!({"device": device})).await, "download_url");
    let address = told(&rpc.ok("get_stream_url", json!({"device": device})).await, "stream_url");
    let ticket = address.split_once('?').expect("a ticket in the address").1.to_owned();
    let key = rpc_key(&service).await;
    let shown = async |service: &Service| {
        let file = Http::connect(service).await.get(&link, &[]).await.status;
        let rtsp = service.rtsp().await;
        let mut connection = Connection::open(rtsp).await.unwrap();
        let url = format!("rtsp://{rtsp}/{device}?{ticket}");
        (file, connection.request("DESCRIBE", &url, &[]).await.unwrap().status)
    };
    assert_eq!(shown(&service).await, (200, 200));

    let mut config: Value = serde_json::from_str(&fs::read_to_string(service.config()).unwrap()).unwrap();
    let newer = service.data_dir().with_file_name("newer");
    fs::write(&newer, "a newer secret that only tests know").unwrap();
    let old = config["security"]["jwt_secret_file"].take();
    config["security"]["jwt_secret_file"] = json!(newer);
    config["security"]["previous_secret_files"] = json!([old]);
    fs::write(service.config(), config.to_string()).unwrap();
    service.restart().await;
    // Who asks again gets new ones: tokens and keys of before are good.
    assert_eq!(shown(&service).await, (403, 401));
    let mut rpc = service.connect().await;
    rpc.ok("ping", json!({"auth_token": key})).await;
    rpc.authenticate(&token).await;
    let list = rpc.ok("list_snapshots", Value::Null).await;
    let link = told(&list["files"][0], "download_url");
    assert_eq!(Http::connect(&service).await.get(&link, &[]).await.status, 200);
}

/// The text of an API key for a viewer.
async fn rpc_key(service: &Service) -> String {
    let mut admin = service.rpc(Role::Admin).await;
    let made = admin.ok("create_api_key", json!({"name": "wall", "role": "viewer"})).await;
    made["key"].as_str().expect("a key is told once").to_owned()
}
