//! `camera-service` as a child process of a test: its own ports, its own data folder, gone with the test.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    os::unix::{
        fs::{OpenOptionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid as NixPid,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    eventually,
    proc::Pid,
    rpc::Rpc,
    token::{self, Role},
};

mod log;

pub use log::Log;

/// The secret of every service that tests start.
pub const SECRET: &str = "a secret that only tests know, and long enough";

/// From the start to the line that says it listens.
const START_LIMIT: Duration = Duration::from_secs(20);
/// Longest run of one of the binary's other commands.
const COMMAND_LIMIT: Duration = Duration::from_secs(20);
/// Begins the line that says where it listens.
const LISTENING: &str = "listening on ws";
/// Names another binary to test than the one beside the tests.
const BINARY_VARIABLE: &str = "CAMERA_SERVICE_BIN";

/// What a service is to be started with.
#[derive(Debug)]
pub struct Setup {
    config: Value,
    environment: Vec<(String, String)>,
    user: Option<User>,
}

/// Whom a service runs as.
#[derive(Debug, Clone, Copy)]
struct User {
    uid: u32,
    gid: u32,
}

impl Setup {
    /// Free ports, a folder of its own, no camera.
    pub fn new() -> Self {
        // A test machine may be nearly full; a few seconds of video need little.
        let config = json!({
            "websocket": {"port": 0},
            "embedded": {"rtsp": "127.0.0.1:0"},
            "recording": {"min_free_space": "32MiB"},
            "storage": {"retention": {"min_free_percent": 6}},
        });
        Self { config, environment: Vec::new(), user: None }
    }

    /// Adds a test camera; `picture` is such as `640x360@15`.
    pub fn test_camera(self, name: &str, picture: &str) -> Self {
        self.source(json!({"name": name, "test": picture}))
    }

    /// Adds a network camera.
    pub fn url_camera(self, name: &str, url: &str) -> Self {
        self.source(json!({"name": name, "url": url}))
    }

    /// Sets a key such as `stream.viewing.close_after`.
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        let place = key.split('.').fold(&mut self.config, |place, part| &mut place[part]);
        *place = value.into();
        self
    }

    /// Moves every rate limit out of the way: for those who ask more than a client may.
    pub fn without_limits(self) -> Self {
        let most = 1_000_000;
        let own = json!({"per_second": most, "burst": most});
        let methods = json!({"take_snapshot": own, "start_recording": own, "authenticate": own});
        let limits = json!({"requests_per_second": most, "burst": most, "methods": methods});
        self.set("security.rate_limit", limits)
    }

    /// Sets a variable of its environment.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs it as this user, in this group and no other; its folder, with a copy of the binary, is theirs. For root alone.
    pub fn run_as(self, uid: u32, gid: u32) -> Self {
        Self { user: Some(User { uid, gid }), ..self }
    }

    /// Starts it and waits until it listens.
    ///
    /// # Panics
    /// If it does not; with all it said.
    pub async fn start(self) -> Service {
        let folder = tempfile::tempdir().expect("the temporary folder can be written");
        let file = |name: &str| folder.path().join(name);
        let mut config = self.config;
        config["storage"]["data_dir"] = json!(file("data"));
        if config.pointer("/security/jwt_secret_file").is_none() {
            config["security"]["jwt_secret_file"] = json!(write_secret(&file("secret")));
        }
        // JSON is YAML (YAML 1.2, section 1.3).
        let text = serde_json::to_string_pretty(&config).expect("a value of JSON can be written");
        fs::write(file("config.yaml"), text).expect("the temporary folder can be written");
        if let Some(user) = self.user {
            user.given(folder.path());
        }
        let (environment, user) = (self.environment, self.user);
        let mut service = Service { folder, environment, user, running: None, devices: BTreeMap::new() };
        service.start().await;
        service
    }

    fn source(mut self, source: Value) -> Self {
        match &mut self.config["camera"]["sources"] {
            Value::Array(sources) => sources.push(source),
            none => *none = json!([source]),
        }
        self
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

impl User {
    /// Gives them a folder and the files in it. The binary comes along: not everybody may look into a checkout.
    fn given(self, folder: &Path) {
        fs::copy(binary(), own_binary(folder)).expect("the temporary folder can be written");
        let files = fs::read_dir(folder).expect("the folder is ours").flatten().map(|entry| entry.path());
        for path in files.chain([folder.to_owned()]) {
            chown(path, Some(self.uid), Some(self.gid)).expect("only root runs a service as somebody else");
        }
    }
}

fn own_binary(folder: &Path) -> PathBuf {
    folder.join("camera-service")
}

fn write_secret(path: &Path) -> PathBuf {
    use std::io::Write as _;
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(SECRET.as_bytes()));
    written.expect("the temporary folder can be written");
    path.to_owned()
}

/// A service of this test's own. Dropped, it is killed, and its folder goes.
#[derive(Debug)]
pub struct Service {
    folder: TempDir,
    environment: Vec<(String, String)>,
    user: Option<User>,
    running: Option<Running>,
    devices: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    log: Log,
    address: SocketAddr,
}

impl Service {
    /// Its process.
    ///
    /// # Panics
    /// If it was stopped.
    pub fn pid(&self) -> Pid {
        Pid(self.running().child.id())
    }

    /// Where it listens for WebSocket connections.
    pub fn address(&self) -> SocketAddr {
        self.running().address
    }

    /// `ws://HOST:PORT/ws`.
    pub fn url(&self) -> String {
        format!("ws://{}/ws", self.address())
    }

    /// Everything it has said since its last start.
    pub fn log(&self) -> &Log {
        &self.running().log
    }

    /// Its configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("config.yaml")
    }

    /// Its data folder.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A file in its recordings folder.
    pub fn recording(&self, filename: &str) -> PathBuf {
        self.data_dir().join("recordings").join(filename)
    }

    /// A file in its snapshots folder.
    pub fn snapshot(&self, filename: &str) -> PathBuf {
        self.data_dir().join("snapshots").join(filename)
    }

    /// A token for it, by its own command.
    pub async fn token(&self, role: Role) -> String {
        token::issue(&self.config(), role, &[]).await
    }

    /// A token for some cameras only.
    pub async fn scoped_token(&self, role: Role, cameras: &[&str]) -> String {
        token::issue(&self.config(), role, &["--cameras", &cameras.join(",")]).await
    }

    /// A token in the name of a user.
    pub async fn token_for(&self, role: Role, user: &str) -> String {
        token::issue(&self.config(), role, &["--user", user]).await
    }

    /// A connection without credentials.
    pub async fn connect(&self) -> Rpc {
        Rpc::connect(self, &[]).await.unwrap_or_else(|refused| panic!("{refused}\n{}", self.log().tail()))
    }

    /// An authenticated connection.
    pub async fn rpc(&self, role: Role) -> Rpc {
        let mut rpc = self.connect().await;
        rpc.authenticate(&self.token(role).await).await;
        rpc
    }

    /// The id of the configured camera of that name. (The first is `camera0` only where no real camera is
    /// plugged in.)
    ///
    /// # Panics
    /// If there is none.
    pub async fn device(&mut self, name: &str) -> String {
        if self.devices.is_empty() {
            let mut rpc = self.rpc(Role::Viewer).await;
            let list = rpc.ok("get_camera_list", json!({})).await;
            for camera in list["cameras"].as_array().into_iter().flatten() {
                if let (Some(name), Some(id)) = (camera["name"].as_str(), camera["device"].as_str()) {
                    self.devices.insert(name.to_owned(), id.to_owned());
                }
            }
        }
        self.devices.get(name).unwrap_or_else(|| panic!("no camera {name} in {:?}", self.devices)).clone()
    }

    /// Where it serves RTSP.
    pub async fn rtsp(&self) -> SocketAddr {
        let mut rpc = self.rpc(Role::Viewer).await;
        let list = rpc.ok("get_camera_list", json!({})).await;
        let url = list["cameras"][0]["streams"]["rtsp"].as_str().map(str::to_owned);
        let address =
            url.as_deref().and_then(|url| url.strip_prefix("rtsp://")?.split('/').next()?.parse().ok());
        address.unwrap_or_else(|| panic!("no RTSP address in {list}"))
    }

    /// The processes it has started and that live.
    pub fn children(&self) -> Vec<Pid> {
        self.pid().children()
    }

    /// The video programs it runs: those of its children that have an input. (At its start it also asks
    /// ffmpeg for its version.)
    pub fn ffmpegs(&self) -> Vec<Pid> {
        let mut children = self.children();
        children.retain(|child| child.arguments().iter().any(|argument| argument == "-i"));
        children
    }

    /// Waits until it runs exactly so many video programs.
    pub async fn ffmpegs_become(&self, count: usize, limit: Duration) -> Vec<Pid> {
        let what = format!("{count} ffmpeg (now {})", self.ffmpegs().len());
        eventually(&what, limit, async || Some(self.ffmpegs()).filter(|running| running.len() == count)).await
    }

    /// SIGKILL, and waits for its end. Its folder stays.
    pub fn kill9(&mut self) {
        if let Some(mut running) = self.running.take() {
            // An error: it has ended already.
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }

    /// Sends a signal.
    fn signal(&self, signal: Signal) {
        let pid = NixPid::from_raw(self.pid().0.cast_signed());
        kill(pid, signal).unwrap_or_else(|e| panic!("cannot signal {pid}: {e}"));
    }

    /// SIGHUP: look at the configuration again.
    pub fn hangup(&self) {
        self.signal(Signal::SIGHUP);
    }

    /// SIGTERM, and waits for its end. Its folder stays.
    ///
    /// # Panics
    /// If it has not ended within `limit`.
    pub async fn terminate(&mut self, limit: Duration) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.ended(limit).await
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it has not ended within `limit`.
    pub async fn ended(&mut self, limit: Duration) -> ExitStatus {
        let mut running = self.running.take().expect("the test has not stopped it");
        let ended = async || running.child.try_wait().expect("it is our own child");
        eventually("the service's end", limit, ended).await
    }

    /// Starts it again on the same folder.
    pub async fn restart(&mut self) {
        self.kill9();
        self.start().await;
    }

    /// Starts the binary as a person would, with these arguments and this environment, and no file. It
    /// must say where it listens.
    pub async fn start_with(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder can be written");
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let environment = environment.collect();
        let mut service = Self { folder, environment, user: None, running: None, devices: BTreeMap::new() };
        let mut command = command();
        command.args(arguments);
        service.run(command).await;
        service
    }

    /// The binary with one of its commands, as the service's user and with its configuration.
    pub fn command(&self, word: &str) -> Command {
        let mut command = match self.user {
            None => command(),
            Some(user) => {
                let mut command = clean(&own_binary(self.folder.path()));
                // Without the groups we are in ourselves: std sees to that (`CommandExt::uid`).
                command.uid(user.uid).gid(user.gid);
                command
            }
        };
        command.arg(word).arg("--config").arg(self.config());
        command
    }

    async fn start(&mut self) {
        let command = self.command("serve");
        self.run(command).await;
    }

    async fn run(&mut self, mut command: Command) {
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let mut child = spawn(command);
        let log = Log::of(&mut child);
        let address = eventually("the service listens, or ends", START_LIMIT, async || {
            if let Some(line) = log.find(LISTENING) {
                return Some(listening(&line));
            }
            let status = child.try_wait().expect("it is our own child")?;
            panic!("the service ended at its start ({status}):\n{}", log.tail());
        })
        .await;
        self.running = Some(Running { child, log, address });
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("the test has not stopped it")
    }
}

impl Drop for Running {
    /// Of every service of every test.
    fn drop(&mut self) {
        let leak = self.log.leak();
        assert!(leak.is_none() || std::thread::panicking(), "a secret stands in the log: {leak:?}");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(running) = &self.running
        {
            // Shown by the test runner together with the failure.
            eprintln!("--- the service's last words:\n{}---", running.log.tail());
        }
        self.kill9();
    }
}

fn listening(line: &str) -> SocketAddr {
    let rest = line.strip_prefix(LISTENING);
    let rest = rest.and_then(|rest| rest.strip_prefix("s://").or_else(|| rest.strip_prefix("://")));
    let address = rest.and_then(|rest| rest.strip_suffix("/ws"));
    let address = address.and_then(|address| address.parse().ok());
    address.unwrap_or_else(|| panic!("not `{LISTENING}://HOST:PORT/ws`: {line}"))
}

/// The binary under test: `$CAMERA_SERVICE_BIN`, else the one cargo has built beside this program.
///
/// # Panics
/// If there is none; says how to build it.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os(BINARY_VARIABLE) {
        return path.into();
    }
    let own = std::env::current_exe().expect("the kernel tells every program its file");
    // Tests lie in target/debug/deps, programs in target/debug.
    let beside = own.ancestors().skip(1).take(2).map(|folder| folder.join("camera-service"));
    beside.into_iter().find(|path| path.is_file()).unwrap_or_else(|| {
        panic!(
            "no camera-service beside {}: first run `cargo build --package server --bin camera-service`",
            own.display()
        )
    })
}

/// What our systemd unit puts into the environment of the service.
pub fn unit_environment() -> Vec<(String, String)> {
    environment_of("systemd/camera-service.service")
}

/// What a unit in `packaging` puts into the environment of its service.
///
/// # Panics
/// If there is no such unit, or it says nothing.
pub(crate) fn environment_of(unit: &str) -> Vec<(String, String)> {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging").join(unit);
    let text = fs::read_to_string(unit).expect("the unit lies in packaging");
    let lines = text.lines().filter_map(|line| line.strip_prefix("Environment="));
    let pairs = lines.flat_map(str::split_whitespace).filter_map(|pair| pair.split_once('='));
    let found: Vec<_> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert!(!found.is_empty(), "the unit sets no variable");
    found
}

/// The binary with an environment that holds nothing of the tester's own set-up.
pub fn command() -> Command {
    clean(&binary())
}

fn clean(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null());
    for name in ["PATH", "LANG", "TMPDIR"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    // Nothing may be looked for or made outside the test's own folder.
    command.env("HOME", "/nonexistent");
    command
}

/// Runs one of the binary's commands to its end.
///
/// # Panics
/// If it does not end in time.
pub async fn command_output(mut command: Command) -> Output {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let shown = format!("{command:?}");
    let running = tokio::process::Command::from(command).kill_on_drop(true).output();
    let ended = tokio::time::timeout(COMMAND_LIMIT, running).await;
    let ended = ended.unwrap_or_else(|_| panic!("not ended within {COMMAND_LIMIT:?}: {shown}"));
    ended.unwrap_or_else(|error| panic!("cannot run {shown}: {error}"))
}

fn spawn(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"))
}
