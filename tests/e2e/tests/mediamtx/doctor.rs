//! What `doctor` tells of a real MediaMTX: as we ship it, gone, open, configured otherwise.

use e2e::PATIENCE;
use testkit::{
    MediaMtx, Service,
    service::{command, command_output},
};

use crate::rig;

/// Runs `doctor`: its exit code, and what it printed.
async fn doctor(service: &Service, environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = command();
    command.arg("doctor").arg("--config").arg(service.config()).envs(environment.iter().copied());
    let output = command_output(command).await;
    (output.status.code(), String::from_utf8(output.stdout).expect("the commands speak UTF-8"))
}

/// Starts it anew with another configuration.
async fn restart(mediamtx: &mut MediaMtx, changes: &[(&str, &str)]) {
    let mut config = std::fs::read_to_string(mediamtx.config()).expect("it is there");
    for (found, other) in changes {
        assert!(config.contains(found), "{found} is not in what we ship");
        config = config.replace(found, other);
    }
    std::fs::write(mediamtx.config(), config).expect("it can be written");
    mediamtx.start();
    mediamtx.answers().await;
}

#[tokio::test]
async fn doctor_tells_of_mediamtx_what_is_wrong_and_what_mends_it() {
    let Some((mut mediamtx, mut service)) = rig(|setup| setup).await else { return };
    let api = mediamtx.api();
    let (code, page) = doctor(&service, &[]).await;
    assert_eq!(code, Some(0), "{page}");
    let version = page.lines().find(|line| line.contains(" MediaMTX ")).unwrap_or_default();
    assert!(version.contains(&api.to_string()), "{page}");
    assert!(page.contains(&format!("{} is in use, and so is the data folder", mediamtx.feed())), "{page}");

    let (code, page) = doctor(&service, &[("CAMERA_SERVICE__MEDIAMTX__HLS_PORT", "1")]).await;
    assert!(code == Some(1) && page.contains("and clients are told port 1"), "{page}");

    mediamtx.kill9();
    let (code, page) = doctor(&service, &[]).await;
    assert!(code == Some(1) && page.contains(&format!("nobody answers at {api}")), "{page}");
    assert!(page.contains("-> sudo systemctl start mediamtx"), "{page}");

    let open =
        [("authMethod: jwt", "authMethod: internal"), ("Origin: ''", "Origin: '*'"), ("hls: yes", "hls: no")];
    restart(&mut mediamtx, &open).await;
    let (code, page) = doctor(&service, &[]).await;
    assert_eq!(code, Some(1), "{page}");
    for line in [
        "its API answers whoever asks, and can be told to run programs",
        "its authMethod is internal",
        "-> sudoedit /etc/mediamtx/mediamtx.yml   (authMethod: jwt, authJWTExclude: []",
        "web pages of * may call its API",
        "note   MediaMTX       HLS is off",
    ] {
        assert!(page.contains(line), "{line} is missing in\n{page}");
    }

    // Without the service nobody can tell it our keys.
    mediamtx.kill9();
    service.terminate(PATIENCE).await;
    let shut = open.map(|(shipped, changed)| (changed, shipped));
    restart(&mut mediamtx, &shut).await;
    let (_, page) = doctor(&service, &[]).await;
    assert!(page.contains(&format!("{api} asks for a token, as it should")), "{page}");
    assert!(page.contains("-> sudo systemctl start camera-service"), "{page}");
}
