//! The commands as a person types them: what they print, where, and how they end.

use std::{path::Path, process::Output, time::Duration};

use serde_json::json;
use testkit::{
    Pid, Rpc, Service, Setup, eventually,
    service::{SECRET, command, command_output},
};

async fn run(arguments: &[&str]) -> Ran {
    run_with(arguments, &[]).await
}

async fn run_with(arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    let mut command = command();
    command.args(arguments).envs(environment.iter().copied());
    Ran::from(command_output(command).await)
}

/// What became of a command.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the commands speak UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

fn path(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

#[tokio::test]
async fn check_tells_every_mistake_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    std::fs::write(
        &file,
        "websocket:\n  port: 99999\n  prot: 8002\n\
         camera:\n  sources:\n    - {name: Gate, url: \"rtsp://user:hunter2@:554/\"}\n    - {name: Gate, test: 640x360@15}\n\
         stream:\n  viewing: {close_after: soon}\n\
         codec: {level: \"9.9\", bitrate: 1}\n\
         embedded: {rtsp: \"camera:8554\"}\n\
         security: {jwt_secret: short}\n\
         nonsense: {x: 1}\n",
    )
    .unwrap();
    let ran = run(&["check", "--config", path(&file)]).await;
    assert_eq!(ran.code, Some(2), "{ran:?}");
    let said = ran.stdout + &ran.stderr;
    for key in [
        "websocket.port",
        "websocket.prot",
        "camera.sources[0].url",
        "camera.sources[1].name",
        "stream.viewing.close_after",
        "codec.level",
        "codec.bitrate",
        "embedded.rtsp",
        "security.jwt_secret",
        "nonsense",
    ] {
        assert!(said.lines().any(|line| line.contains(key)), "{key} is not told:\n{said}");
    }
    assert!(!said.contains("hunter2") && !said.contains("short"), "a secret is shown:\n{said}");
    // `serve` refuses the same file in the same way.
    let served = run(&["serve", "--config", path(&file)]).await;
    assert_eq!(served.code, Some(2), "{served:?}");
    assert!(served.stderr.contains("codec.level") && !served.stderr.contains("listening on"), "{served:?}");

    std::fs::write(&file, "camera:\n  sources:\n    - {name: Gate, test: 640x360@15}  # a comment\n")
        .unwrap();
    let good = run(&["check", "--config", path(&file)]).await;
    assert_eq!((good.code, good.stderr.as_str()), (Some(0), ""), "{good:?}");
    std::fs::write(&file, "camera: [\n").unwrap();
    let broken = run(&["check", "--config", path(&file)]).await;
    assert_eq!(broken.code, Some(2), "{broken:?}");
    assert!(!broken.stderr.is_empty());

    // What keeps the service from starting is a mistake too, wherever it lies.
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    for name in ["jwt_secret", "api_keys.json"] {
        std::fs::write(data.join(name), "short").unwrap();
    }
    std::fs::write(&file, format!("storage: {{data_dir: {}}}\nwebsocket: {{prot: 1}}\n", path(&data)))
        .unwrap();
    let ran = run(&["check", "--config", path(&file)]).await;
    assert_eq!(ran.code, Some(2), "{ran:?}");
    for key in ["websocket.prot", "security.jwt_secret", "security.api_keys_file"] {
        assert!(ran.stderr.lines().any(|line| line.starts_with(key)), "{key} is not told: {ran:?}");
    }
    let ports = "websocket: {port: 0}\nembedded: {rtsp: \"127.0.0.1:0\"}\n";
    std::fs::write(&file, format!("storage: {{data_dir: {}}}\n{ports}", path(&data))).unwrap();
    assert_eq!(run(&["serve", "--config", path(&file)]).await.code, Some(2), "`serve` refuses the same");
}

#[tokio::test]
async fn serving_beyond_this_machine_is_warned_of() {
    let started = async |host: &str, rtsp: &str| {
        Setup::new().set("websocket.host", host).set("embedded.rtsp", rtsp).start().await
    };
    let warned =
        |service: &Service, what: &str| service.log().with("WARN").iter().any(|line| line.contains(what));
    let (websocket, rtsp) = ("WITHOUT TLS", "SERVING RTSP BEYOND THIS MACHINE");
    let service = started("127.0.0.1", "127.0.0.1:0").await;
    assert!(!warned(&service, websocket) && !warned(&service, rtsp), "{}", service.log().tail());
    let service = started("0.0.0.0", "127.0.0.1:0").await;
    assert!(warned(&service, websocket) && !warned(&service, rtsp), "{}", service.log().tail());
    let service = started("127.0.0.1", "0.0.0.0:0").await;
    assert!(!warned(&service, websocket) && warned(&service, rtsp), "{}", service.log().tail());
}

#[tokio::test]
async fn wrong_usage_is_told_and_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.yaml");
    let missing = path(&missing);
    for arguments in [
        &["serve", "--config", missing][..],
        &["check", "--config", missing],
        &["config", "show", "--config", missing],
        &["token", "issue", "--role", "viewer", "--config", missing],
        &["token", "issue"],
        &["token", "issue", "--role", "root"],
        &["frobnicate"],
        &["serve", "--frobnicate"],
        &[],
    ] {
        let ran = run(arguments).await;
        assert_eq!(ran.code, Some(2), "{arguments:?}: {ran:?}");
        assert!(ran.stdout.is_empty() && !ran.stderr.is_empty(), "{arguments:?}: {ran:?}");
    }
    // A wrong variable in the environment is a wrong configuration.
    for (name, value) in
        [("CAMERA_SERVICE__WEBSOCKET__PORT", "many"), ("CAMERA_SERVICE__WEBSOCKET__PROT", "1")]
    {
        let ran = run_with(&["check"], &[(name, value)]).await;
        assert_eq!(ran.code, Some(2), "{name}: {ran:?}");
    }
}

#[tokio::test]
async fn version_and_help_say_what_this_is() {
    let version = run(&["--version"]).await;
    assert_eq!(version.code, Some(0));
    // Name, version, commit and date of the build.
    let words: Vec<&str> = version.stdout.split_whitespace().collect();
    assert!(words.len() >= 3 && words[0] == "camera-service", "{version:?}");
    let is_date = |text: &str| text.split('-').map(str::len).eq([4, 2, 2]);
    assert!(version.stdout.split(|c: char| !c.is_ascii_digit() && c != '-').any(is_date), "{version:?}");
    let help = run(&["--help"]).await;
    assert_eq!(help.code, Some(0));
    for word in ["serve", "demo", "check", "config", "token", "camera-service serve --config"] {
        assert!(help.stdout.contains(word), "{word} is not in the help");
    }
}

#[tokio::test]
async fn config_show_tells_each_key_and_where_it_comes_from() {
    let service = Setup::new().test_camera("A", "320x180@5").start().await;
    let config = service.config();
    let arguments = ["config", "show", "--config", path(&config)];
    let ran = run_with(&arguments, &[("CAMERA_SERVICE__LOGGING__LEVEL", "debug")]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for line in [
        "websocket.port = 0  # file",
        "logging.level = debug  # env",
        "codec.gop_seconds = 1",
        r#"camera.devices.allow = ["*"]  # default"#,
    ] {
        assert!(ran.stdout.lines().any(|have| have.starts_with(line)), "no `{line}` in\n{}", ran.stdout);
    }
    assert!(ran.stdout.lines().all(|line| line.contains(" = ") && line.contains("  # ")), "{}", ran.stdout);
    assert!(!ran.stdout.contains(SECRET));
    // A secret given as text is hidden, too.
    let weak = run_with(
        &arguments,
        &[("CAMERA_SERVICE__SECURITY__JWT_SECRET", "another-secret-of-tests-0123456789")],
    )
    .await;
    assert!(!(weak.stdout + &weak.stderr).contains("another-secret"));
}

#[tokio::test]
async fn tokens_are_issued_only_with_a_secret_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let environment = [("CAMERA_SERVICE__STORAGE__DATA_DIR", path(&data))];
    let issue = ["token", "issue", "--role", "viewer"];
    let ran = run_with(&issue, &environment).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{ran:?}");
    assert!(ran.stderr.contains("jwt_secret"), "it says where it looked: {ran:?}");
    assert!(!data.exists(), "it makes nothing");

    // A service without one makes its own, for its owner only, and says where.
    let environment = [
        environment[0],
        ("CAMERA_SERVICE__WEBSOCKET__PORT", "0"),
        ("CAMERA_SERVICE__EMBEDDED__RTSP", "127.0.0.1:0"),
    ];
    let service = Service::start_with(&["serve"], &environment).await;
    let secret = data.join("jwt_secret");
    service.log().says(path(&secret)).await;
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&secret).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let ran = run_with(&issue, &environment).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let mut rpc = Rpc::connect(&service, &[]).await.unwrap();
    assert_eq!(rpc.authenticate(ran.stdout.trim()).await["role"], "viewer");
    let text = std::fs::read_to_string(&secret).unwrap();
    assert!(service.log().with(text.trim()).is_empty(), "the secret stands in the log");

    let weak = [environment[0], ("CAMERA_SERVICE__SECURITY__JWT_SECRET", "weak")];
    assert_eq!(run_with(&issue, &weak).await.code, Some(2));
}

#[tokio::test]
async fn the_demo_shows_what_it_says() {
    let environment =
        [("CAMERA_SERVICE__WEBSOCKET__PORT", "0"), ("CAMERA_SERVICE__EMBEDDED__RTSP", "127.0.0.1:0")];
    let mut demo = Service::start_with(&["demo"], &environment).await;
    let token = demo.log().says("TOKEN=").await;
    let token = token.split("TOKEN=").nth(1).unwrap();
    let files = demo.log().says("Files ").await;
    let folder = files.split_whitespace().nth(1).unwrap().trim_end_matches("/recordings").to_owned();
    let rtsp = demo.log().says("rtsp://127.0.0.1:").await;
    let url = rtsp.split_whitespace().find(|word| word.starts_with("rtsp://")).unwrap().to_owned();
    let mut rpc = Rpc::connect(&demo, &[]).await.unwrap();
    assert_eq!(rpc.authenticate(token.trim()).await["role"], "admin");
    let device = url.rsplit('/').next().unwrap();
    // On a machine with a camera the demo shows that one; then its picture is not ours to judge.
    let camera = rpc.ok("get_camera_status", json!({"device": device})).await;
    if camera["kind"] == "test" {
        rpc.ok("take_snapshot", json!({"device": device})).await;
        let decode = format!("-rtsp_transport tcp -i {url} -frames:v 5 -f null -");
        testkit::ffmpeg::ffmpeg(decode.split(' ')).await;
    } else {
        println!("SKIPPED: a real camera is plugged in, so the demo's own picture was not looked at");
    }
    assert!(Path::new(&folder).is_dir());
    let programs: Vec<Pid> = demo.children();
    let status = demo.terminate(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(0), "{status}");
    assert!(!Path::new(&folder).exists(), "the demo's folder is removed at its end");
    eventually("no video program is left", e2e::PATIENCE, async || {
        programs.iter().all(|pid| !pid.is_alive()).then_some(())
    })
    .await;
}
