//! A real MediaMTX beside a service, with the configuration we ship: only its ports differ, so that tests can run
//! at the same time. There is none in this repository; without one on this machine there is nothing to start.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::{
    Pid, Setup, eventually,
    service::{Log, environment_of},
};

/// Names another binary than the one on PATH.
const BINARY_VARIABLE: &str = "MEDIAMTX_BIN";
/// From its start to its answering.
const START_LIMIT: Duration = Duration::from_secs(20);
/// What we ship.
const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/mediamtx/mediamtx.yml");

/// The ports of one test.
#[derive(Debug, Clone, Copy)]
struct Ports {
    service: u16,
    feed: u16,
    api: u16,
    rtsp: u16,
    webrtc: u16,
    hls: u16,
    rtp: u16,
    ice: u16,
}

/// A MediaMTX of this test's own. Dropped, it is killed.
#[derive(Debug)]
pub struct MediaMtx {
    binary: PathBuf,
    ports: Ports,
    folder: TempDir,
    running: Option<(Child, Log)>,
}

impl MediaMtx {
    /// The one to test with; `None`: there is none.
    pub fn binary() -> Option<PathBuf> {
        if let Some(named) = std::env::var_os(BINARY_VARIABLE) {
            return Some(named.into());
        }
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|folder| folder.join("mediamtx")).find(|file| file.is_file())
    }

    /// Chooses ports; nothing runs yet. `None`: there is no binary.
    ///
    /// # Panics
    /// If no ports are free.
    pub fn prepare() -> Option<Self> {
        let binary = Self::binary()?;
        let folder = tempfile::tempdir().expect("the temporary folder can be written");
        std::fs::copy(CONFIG, folder.path().join("mediamtx.yml")).expect("what we ship can be read");
        // Held until all are chosen, or two could be the same.
        let tcp: Vec<TcpListener> = (0..6).map(|_| listener()).collect();
        let [service, feed, api, rtsp, webrtc, hls] = [0, 1, 2, 3, 4, 5].map(|at: usize| port(&tcp[at]));
        let (rtp, ice) = udp_ports();
        Some(Self {
            binary,
            folder,
            ports: Ports { service, feed, api, rtsp, webrtc, hls, rtp, ice },
            running: None,
        })
    }

    /// A service whose viewers it serves.
    pub fn setup(&self) -> Setup {
        let ports = self.ports;
        Setup::new()
            .set("websocket.port", ports.service)
            .set("media.backend", "mediamtx")
            .set("mediamtx.api_url", format!("http://127.0.0.1:{}", ports.api))
            .set("mediamtx.feed", format!("127.0.0.1:{}", ports.feed))
            .set("mediamtx.rtsp_port", ports.rtsp)
            .set("mediamtx.webrtc_port", ports.webrtc)
            .set("mediamtx.hls_port", ports.hls)
    }

    /// Starts it; it is not waited for.
    ///
    /// # Panics
    /// If it runs, or cannot be run.
    pub fn start(&mut self) {
        self.start_with(&[]);
    }

    /// The same, but it lets everybody in.
    pub fn start_open(&mut self) {
        self.start_with(&[("MTX_AUTHMETHOD", "internal")]);
    }

    fn start_with(&mut self, more: &[(&str, &str)]) {
        assert!(self.running.is_none(), "it runs");
        let ports = self.ports;
        let local = |port: u16| format!("127.0.0.1:{port}");
        let mut command = Command::new(&self.binary);
        command
            .arg(self.folder.path().join("mediamtx.yml"))
            .current_dir(self.folder.path())
            .envs([
                ("MTX_APIADDRESS", local(ports.api)),
                ("MTX_AUTHJWTJWKS", format!("http://127.0.0.1:{}/.well-known/jwks.json", ports.service)),
                ("MTX_RTSPADDRESS", local(ports.rtsp)),
                ("MTX_RTPADDRESS", local(ports.rtp)),
                ("MTX_RTCPADDRESS", local(ports.rtp + 1)),
                ("MTX_WEBRTCADDRESS", local(ports.webrtc)),
                ("MTX_WEBRTCLOCALUDPADDRESS", local(ports.ice)),
                ("MTX_HLSADDRESS", local(ports.hls)),
            ])
            // Switches that only newer versions know.
            .envs(environment_of("mediamtx/mediamtx.service"))
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("MediaMTX can be run");
        let log = Log::of(&mut child);
        self.running = Some((child, log));
    }

    /// Waits until its API answers.
    ///
    /// # Panics
    /// If it does not; with what it said.
    pub async fn answers(&self) {
        eventually(&format!("MediaMTX answers; it said:\n{}", self.log().tail()), START_LIMIT, async || {
            TcpStream::connect(self.api()).await.ok()
        })
        .await;
    }

    /// Kills it; starting it again gives one that has forgotten everything.
    ///
    /// # Panics
    /// If it does not run.
    pub fn kill9(&mut self) {
        let (mut child, _) = self.running.take().expect("it runs");
        child.kill().expect("it is our child");
        child.wait().expect("it is our child");
    }

    /// Was it started, and not killed since?
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Its process.
    ///
    /// # Panics
    /// If it does not run.
    pub fn pid(&self) -> Pid {
        Pid(self.running.as_ref().expect("it runs").0.id())
    }

    /// What it has said since its start.
    ///
    /// # Panics
    /// If it does not run.
    pub fn log(&self) -> &Log {
        &self.running.as_ref().expect("it runs").1
    }

    /// Its configuration file, which it reads again when it changes.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("mediamtx.yml")
    }

    /// Where its API is.
    pub fn api(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.api).into()
    }

    /// Where it serves RTSP.
    pub fn rtsp(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.rtsp).into()
    }

    /// Where it fetches streams.
    pub fn feed(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.feed).into()
    }
}

impl Drop for MediaMtx {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.running {
            // An error: it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of loopback is free")
}

fn port(listener: &TcpListener) -> u16 {
    listener.local_addr().expect("it is bound").port()
}

/// The even one of two free UDP ports in a row, and another.
fn udp_ports() -> (u16, u16) {
    let bound = |port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).ok();
    let number = |socket: &UdpSocket| socket.local_addr().expect("it is bound").port();
    let pair = (0..100).find_map(|_| {
        let even = number(&bound(0)?) & !1;
        let pair = (bound(even)?, bound(even + 1)?);
        let other = bound(0)?;
        drop(pair);
        Some((even, number(&other)))
    });
    pair.expect("two ports of loopback in a row are free")
}
