//! `demo`: the service as a newcomer meets it, with everything needed to try it on one page.

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    time::{Duration, SystemTime},
};

use clap::Args;
use control::api::CameraStatus;
use serde_json::{Value, json};

use super::{
    say,
    scratch::Scratch,
    serve::{on_runtime, until_stopped},
    signals::Signals,
};
use crate::{
    about,
    app::{Bound, Failure},
    config::{self, Config, Sources},
    logging,
    security::{Issue, Role, Tokens},
};

/// The address `examples/client.py` takes unless told.
const USUAL_URL: &str = "ws://127.0.0.1:8002/ws";

#[derive(Args)]
pub(super) struct Demo {
    /// Keep everything in this folder instead of one that is removed at the end
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

pub(super) fn run(Demo { data_dir: wanted }: Demo) -> Result<(), Failure> {
    let no_folder = |cause| Failure::Start(format!("no folder for the demo: {cause}"));
    let kept = wanted.is_some();
    // Lives until the service has ended, and takes its folder with it.
    let scratch;
    let data_dir = if let Some(dir) = wanted {
        std::path::absolute(dir).map_err(no_folder)?
    } else {
        scratch = Scratch::new("camera-service-demo").map_err(no_folder)?;
        scratch.path().to_owned()
    };
    let (config, notes) = configure(&data_dir.to_string_lossy())?;
    let logs = logging::start(&config.logging).map_err(Failure::Start)?;
    let security = config.security.clone();
    on_runtime(async move {
        let signals = Signals::new().map_err(|cause| Failure::Start(format!("no signals: {cause}")))?;
        let bound = Bound::new(config).await?;
        let order =
            Issue { user: "demo".into(), role: Role::Admin, ttl: Duration::from_hours(24), cameras: None };
        let token = Tokens::new(&bound.secret, &security).issue(&order, SystemTime::now());
        let token = token.map_err(Failure::Start)?;
        eprintln!("listening on {}", bound.url());
        say(&page(&bound, &token, &notes, &data_dir.to_string_lossy(), kept));
        until_stopped(bound, signals, None, logs).await
    })
}

/// The demo's configuration, and what a person should know of it.
fn configure(data_dir: &str) -> Result<(Config, Vec<String>), Failure> {
    let mut sources = Sources::of_process(None);
    sources.insist = vec![
        ("storage.data_dir", json!(data_dir)),
        ("storage.recordings_dir", Value::Null),
        ("storage.snapshots_dir", Value::Null),
        // The page must stay readable.
        ("logging.level", json!("warn")),
        ("logging.format", json!("text")),
    ];
    let loaded = config::load(&sources).map_err(Failure::Config)?;
    let rtsp = loaded.shown.iter().find(|shown| shown.key == "embedded.rtsp");
    let rtsp: Option<SocketAddr> = rtsp.and_then(|shown| shown.value.parse().ok());
    let mut notes = Vec::new();
    if is_taken(loaded.config.websocket.address()) {
        notes.push(format!("Port {} is taken, so another one was chosen.\n", loaded.config.websocket.port));
        sources.insist.push(("websocket.port", json!(0)));
    }
    if let Some(address) = rtsp.filter(|address| is_taken(*address)) {
        notes.push(format!("Port {} is taken, so another one was chosen.\n", address.port()));
        sources.insist.push(("embedded.rtsp", json!(SocketAddr::new(address.ip(), 0).to_string())));
    }
    let mut config = config::load(&sources).map_err(Failure::Config)?.config;
    if !control::has_real_camera(&config.control) {
        config.control.add_test_camera("Test", "1280x720@30");
    }
    Ok((config, notes))
}

fn is_taken(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_err_and(|cause| cause.kind() == ErrorKind::AddrInUse)
}

/// Everything needed to try it.
fn page(bound: &Bound, token: &str, notes: &[String], data_dir: &str, kept: bool) -> String {
    let controller = &bound.app.service.controller;
    let cameras = controller.cameras();
    let camera = cameras.iter().find(|camera| camera.status == CameraStatus::Connected).or(cameras.first());
    let (id, name) =
        camera.map_or(("camera0".into(), "none"), |camera| (camera.id.to_string(), &*camera.name));
    let url = bound.url();
    let at = if url == USUAL_URL { String::new() } else { format!("--url {url} ") };
    let rtsp_port = controller.viewing().rtsp_port.unwrap_or_default();
    let fate = if kept { "kept" } else { "removed at the end" };
    let notes = notes.concat();
    let (name_of_us, version) = (about::NAME, about::VERSION);
    format!(
        "\n{name_of_us} {version} is running. Camera {id}: {name}.\n{notes}\n\
         In another terminal, from the folder of the repository:\n\n\
         \x20 TOKEN={token}\n\
         \x20 python3 examples/client.py $TOKEN {at}get_camera_list\n\
         \x20 python3 examples/client.py $TOKEN {at}take_snapshot '{{\"device\": \"{id}\"}}'\n\
         \x20 python3 examples/client.py $TOKEN {at}start_recording '{{\"device\": \"{id}\", \"duration\": 5}}'\n\
         \x20 python3 examples/client.py $TOKEN {at}list_recordings\n\
         \x20 ffplay -fpsprobesize 0 -analyzeduration 0 -flags low_delay rtsp://127.0.0.1:{rtsp_port}/{id}\n\n\
         API     {url}   (the token is an admin's and good for 24 hours)\n\
         Files   {data_dir}/recordings and snapshots ({fate})\n\n\
         Ctrl-C stops it."
    )
}
