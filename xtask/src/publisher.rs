//! The service's own video program once more, sending to MediaMTX: the arguments are those of the running
//! one, only the place they write to is another. So both sides carry the same pictures.

use std::{
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use testkit::Pid;

/// An ffmpeg that publishes over RTSP; killed when dropped.
#[derive(Debug)]
pub(crate) struct Publisher(Child);

impl Publisher {
    /// Sends what `arguments` (see [`arguments`]) make to a path of the server there.
    pub(crate) fn start(arguments: &[String], server: SocketAddr, path: &str) -> Self {
        let mut command = Command::new("ffmpeg");
        command.args(arguments).args(["-f", "rtsp", "-rtsp_transport", "tcp"]);
        command.arg(format!("rtsp://{server}/{path}"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().expect("the service runs the same program"))
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        // An error: it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a running video program of the service does, without where it writes to.
///
/// # Panics
/// If it does not write NUT to a pipe: then this program must learn what it does instead.
pub(crate) fn arguments(ffmpeg: Pid) -> Vec<String> {
    let all = ffmpeg.arguments();
    let output = all.windows(2).rposition(|two| two == ["-f", "nut"]);
    let output = output.unwrap_or_else(|| panic!("not a video program of the service: {all:?}"));
    all[1..output].to_vec()
}
