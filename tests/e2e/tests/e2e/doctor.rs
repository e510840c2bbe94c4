//! `doctor`: what is wrong is made so, found, and told with what mends it. What needs a real MediaMTX is in
//! `tests/mediamtx`, what needs a real camera, or a user who is not root, in `tests/vm`.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt, path::Path};

use e2e::PATIENCE;
use serde_json::json;
use testkit::{
    MediaMtxDouble, Service, Setup,
    mediamtx_double::Generation,
    service::{command, command_output},
};

/// One small test camera, which is `camera0` even where a real one is plugged in.
fn setup() -> Setup {
    Setup::new().test_camera("A", "320x180@5").set("camera.devices.deny", json!(["*"]))
}

/// Its exit code and its page.
async fn doctor(service: &Service, environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = command();
    command.arg("doctor").arg("--config").arg(service.config()).envs(environment.iter().copied());
    let output = command_output(command).await;
    (output.status.code(), String::from_utf8(output.stdout).expect("the commands speak UTF-8"))
}

#[tokio::test]
async fn doctor_tells_what_is_wrong_and_what_mends_it() {
    let mut service = setup().start().await;
    // What the running service holds is no trouble.
    let own = service.address().port().to_string();
    let (code, page) = doctor(&service, &[("CAMERA_SERVICE__WEBSOCKET__PORT", own.as_str())]).await;
    assert_eq!(code, Some(0), "{page}");
    assert!(
        page.contains(&format!("127.0.0.1:{own} is in use, and so is the data folder: the service runs")),
        "{page}"
    );
    for line in [
        "good   configuration ",
        "good   secret ",
        "good   ffmpeg ",
        "good   camera0 ",
        "good   data ",
        "good   RTSP ",
    ] {
        assert!(page.lines().any(|found| found.starts_with(line)), "{line} is missing in\n{page}");
    }
    let (code, page) = doctor(&service, &[("PATH", "/nonexistent")]).await;
    assert_eq!(code, Some(1), "{page}");
    assert!(page.contains("WRONG  ffmpeg ") && page.contains("-> sudo apt install ffmpeg"), "{page}");
    service.terminate(PATIENCE).await;

    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    let (code, page) = doctor(&service, &[("CAMERA_SERVICE__WEBSOCKET__PORT", port.as_str())]).await;
    assert_eq!(code, Some(1), "{page}");
    assert!(page.contains(&format!("127.0.0.1:{port} is in use by another program")), "{page}");
    assert!(page.contains(&format!("-> ss -ltnp 'sport = :{port}'")), "{page}");

    let open = |mode: u32| {
        let secret = service.config().with_file_name("secret");
        fs::set_permissions(secret, PermissionsExt::from_mode(mode)).unwrap();
    };
    open(0o644);
    let (code, page) = doctor(&service, &[]).await;
    assert!(code == Some(1) && page.contains("-> chmod 600 "), "{page}");
    open(0o600);

    let wrong = [("CAMERA_SERVICE__CODEC__LEVEL", "9.9")];
    let (code, page) = doctor(&service, &wrong).await;
    assert!(
        code == Some(1) && page.contains("codec.level") && page.contains("-> camera-service check --config"),
        "{page}"
    );

    // A data folder that cannot be made: a file stands in its way.
    fs::write(service.config().with_file_name("file"), "").unwrap();
    let blocked = service.config().with_file_name("file").join("data");
    let before = listing(&service);
    let words = [("CAMERA_SERVICE__STORAGE__DATA_DIR", blocked.to_str().unwrap())];
    let (code, page) = doctor(&service, &words).await;
    assert_eq!(code, Some(1), "{page}");
    assert_eq!(listing(&service), before, "looking changes nothing");
}

/// What lies beside the configuration file.
fn listing(service: &Service) -> Vec<std::ffi::OsString> {
    let file = service.config();
    let entries = fs::read_dir(file.parent().unwrap_or(Path::new("/"))).into_iter().flatten();
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn doctor_tells_of_an_ffmpeg_without_its_encoder() {
    let mut service = setup().start().await;
    service.terminate(PATIENCE).await;
    // The real one, less its encoder. It is looked for where the tester's is: not in this folder, which comes first for
    // whom we test.
    let (folder, path) = (tempfile::tempdir().unwrap(), std::env::var("PATH").unwrap());
    let file = folder.path().join("ffmpeg");
    fs::write(&file, format!("#!/bin/sh\nPATH='{path}'\nffmpeg \"$@\" | grep -v libx264\n")).unwrap();
    fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{path}", folder.path().display());
    let (code, page) = doctor(&service, &[("PATH", &path)]).await;
    assert_eq!(code, Some(1), "{page}");
    let found = page.lines().find(|line| line.starts_with("WRONG  ffmpeg ")).unwrap_or_default();
    assert!(found.contains("without libx264") && page.contains("-> sudo apt install ffmpeg"), "{page}");
}

#[tokio::test]
async fn doctor_tells_of_a_weak_secret_and_does_not_show_it() {
    let mut service = setup().start().await;
    service.terminate(PATIENCE).await;
    let weak = service.config().with_file_name("weak");
    fs::write(&weak, "hunter2").unwrap();
    fs::set_permissions(&weak, PermissionsExt::from_mode(0o600)).unwrap();
    let named = [("CAMERA_SERVICE__SECURITY__JWT_SECRET_FILE", weak.to_str().unwrap())];
    let (code, page) = doctor(&service, &named).await;
    assert_eq!(code, Some(1), "{page}");
    assert!(page.contains("security.jwt_secret_file") && page.contains("at least 32 bytes"), "{page}");
    assert!(page.contains("-> ") && !page.contains("hunter2"), "{page}");
}

#[tokio::test]
async fn doctor_tells_of_a_mediamtx_that_may_be_too_old_is_open_or_gone() {
    // Before 1.15.2 none tells its version, so this is all that can be said of one before 1.13.1.
    let double = MediaMtxDouble::start(Generation::Old).await;
    let service = setup()
        .set("media.backend", "mediamtx")
        .set("mediamtx.api_url", format!("http://{}", double.address()))
        .set("mediamtx.feed", "127.0.0.1:0")
        .start()
        .await;
    let (code, page) = doctor(&service, &[]).await;
    assert_eq!(code, Some(1), "{page}");
    for line in [
        "tells no version, as none before 1.15.2 does, and from 1.13.1 on is supported",
        "-> mediamtx --version",
        "its API answers whoever asks",
    ] {
        assert!(page.contains(line), "{line} is missing in\n{page}");
    }

    drop(double);
    let (code, page) = doctor(&service, &[]).await;
    assert_eq!(code, Some(1), "{page}");
    for line in ["nobody answers at", "-> sudo systemctl start mediamtx"] {
        assert!(page.contains(line), "{line} is missing in\n{page}");
    }
}
