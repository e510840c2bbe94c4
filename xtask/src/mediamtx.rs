//! MediaMTX beside us, when it is installed, with nothing on but RTSP on loopback: the comparison is
//! with what serves cameras, not with what happens to be switched on.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use testkit::{Pid, eventually};

use crate::evidence::output;

const START_LIMIT: Duration = Duration::from_secs(10);

/// A running one; killed when dropped.
#[derive(Debug)]
pub(crate) struct Mediamtx {
    child: Child,
    address: SocketAddr,
    /// It watches its configuration for changes.
    _folder: TempDir,
}

impl Mediamtx {
    /// Its version, if it can be run.
    pub(crate) fn version() -> Option<String> {
        Some(output("mediamtx", &["--version"]).trim().to_owned()).filter(|version| !version.is_empty())
    }

    /// Starts it and waits until it listens. `None` when it is not installed.
    pub(crate) async fn start() -> Option<Self> {
        Self::version()?;
        let rtsp = free_port();
        let rtp = free_pair();
        let folder = tempfile::tempdir().expect("the temporary folder can be written");
        let file = folder.path().join("mediamtx.yml");
        std::fs::write(&file, config(rtsp, rtp)).expect("the temporary folder can be written");
        let mut command = Command::new("mediamtx");
        command.arg(file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("it has told its version");
        let started = Self { child, address: (Ipv4Addr::LOCALHOST, rtsp).into(), _folder: folder };
        eventually("MediaMTX listens", START_LIMIT, async || TcpStream::connect(started.address).ok()).await;
        Some(started)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> Pid {
        Pid(self.child.id())
    }

    /// Where it serves RTSP.
    pub(crate) fn rtsp(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Mediamtx {
    fn drop(&mut self) {
        // An error: it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Everything else keeps its default, queue sizes and buffers included.
fn config(rtsp: u16, rtp: u16) -> String {
    format!(
        "logLevel: error\nrtspTransports: [udp, tcp]\nrtspAddress: 127.0.0.1:{rtsp}\n\
         rtpAddress: 127.0.0.1:{rtp}\nrtcpAddress: 127.0.0.1:{}\n\
         rtmp: no\nhls: no\nwebrtc: no\nsrt: no\nmoq: no\npaths:\n  all_others:\n",
        rtp + 1
    )
}

/// A port nobody has just now.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of loopback is free");
    listener.local_addr().expect("it is bound").port()
}

/// The even one of two free UDP ports in a row.
fn free_pair() -> u16 {
    let port = |port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).and_then(|socket| socket.local_addr());
    let pair = (0..100).find_map(|_| {
        let even = port(0).ok()?.port() & !1;
        (port(even).is_ok() && port(even + 1).is_ok()).then_some(even)
    });
    pair.expect("two ports of loopback in a row are free")
}
