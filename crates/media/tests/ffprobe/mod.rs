//! What ffprobe finds in a file, for tests of this room and of others.

use std::{path::Path, process::Command};

/// What it told; `None`: it told no such number.
pub(crate) struct Probed {
    /// Pictures it decoded.
    pub(crate) frames: Option<usize>,
    /// Length of the file.
    pub(crate) seconds: Option<f64>,
    /// What it complained about.
    pub(crate) complaints: String,
}

/// Decodes all of a file.
///
/// # Panics
/// If there is no ffprobe.
pub(crate) fn probe(path: &Path) -> Probed {
    let out = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-select_streams", "v:0", "-of", "default=nk=1:nw=1"])
        .args(["-show_entries", "stream=nb_read_frames:format=duration"])
        .arg(path)
        .output()
        .expect("ffprobe runs");
    let text = String::from_utf8_lossy(&out.stdout);
    let mut lines = text.lines();
    Probed {
        frames: lines.next().and_then(|line| line.parse().ok()),
        seconds: lines.next().and_then(|line| line.parse().ok()),
        complaints: String::from_utf8_lossy(&out.stderr).into_owned(),
    }
}
