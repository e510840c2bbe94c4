//! All rooms' configuration in one value, and the keys that belong to no room but this one.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use base::config::Settings;

use crate::{
    api::{PictureFormat, RecordingFormat},
    retention,
    storage::Limits,
    timelapse,
};

/// What the Controller needs to start. Made by [`Config::read`] only.
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) data_dir: PathBuf,
    pub(crate) cameras: cameras::Config,
    pub(crate) paths: paths::Config,
    pub(crate) files: files::Config,
    pub(crate) recording: Recording,
    pub(crate) snapshot: Snapshot,
    pub(crate) limits: Limits,
    pub(crate) retention: retention::Config,
    pub(crate) public_host: Option<String>,
    pub(crate) timelapse: Vec<timelapse::Config>,
}

/// Section `recording`, as far as it is not about disks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recording {
    pub(crate) format: RecordingFormat,
    pub(crate) segment_duration: Duration,
}

/// Section `snapshot`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Snapshot {
    pub(crate) format: PictureFormat,
    pub(crate) quality: u8,
    /// Longest wait for a picture of a running stream that is fresh enough.
    pub(crate) tier1_timeout: Duration,
    /// Longest wait for the first picture of a stream started for it.
    pub(crate) tier2_timeout: Duration,
    /// Longest wait for a picture straight from the camera.
    pub(crate) tier3_timeout: Duration,
}

impl Config {
    /// Reads every room's sections. Mistakes are noted in `settings`, which the caller finishes.
    pub fn read(settings: &mut Settings) -> Self {
        let data_dir = data_dir(settings);
        let public_host = settings.section("media").opt_text("public_host");
        let formats = [
            ("mp4", RecordingFormat::Mp4),
            ("fmp4", RecordingFormat::Fmp4),
            ("mkv", RecordingFormat::Mkv),
            ("avi", RecordingFormat::Avi),
        ];
        let mut section = settings.section("recording");
        let recording = Recording {
            format: section.choice("format", &formats),
            segment_duration: section.duration_in(
                "segment_duration",
                "10m",
                Duration::from_secs(1)..=Duration::from_hours(24),
            ),
        };
        let mut section = settings.section("snapshot");
        let patience = Duration::from_millis(10)..=Duration::from_mins(1);
        let snapshot = Snapshot {
            format: section.choice("format", &[("jpg", PictureFormat::Jpg), ("png", PictureFormat::Png)]),
            quality: section.integer("quality", 85, 1..=100) as u8,
            tier1_timeout: section.duration_in("tier1_timeout", "500ms", patience.clone()),
            tier2_timeout: section.duration_in("tier2_timeout", "3s", patience.clone()),
            tier3_timeout: section.duration_in("tier3_timeout", "5s", patience),
        };
        let limits = Limits::read(settings);
        Self {
            retention: retention::Config::read(settings, limits.block_percent),
            limits,
            cameras: cameras::Config::read(settings),
            paths: paths::Config::read(settings),
            files: files::Config::read(settings, &data_dir),
            recording,
            snapshot,
            public_host,
            timelapse: timelapse::Config::read(settings),
            data_dir,
        }
    }

    /// The folder for everything the service keeps.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Where viewers connect by RTSP; `None`: MediaMTX serves them.
    pub fn rtsp(&self) -> Option<SocketAddr> {
        self.paths.mediamtx.is_none().then_some(self.paths.rtsp)
    }

    /// Does MediaMTX serve the viewers?
    pub fn uses_mediamtx(&self) -> bool {
        self.paths.mediamtx.is_some()
    }

    /// Adds a test camera, as the demo does where no real camera is found. `picture` is `WxH@FPS`.
    ///
    /// # Panics
    /// If `picture` is not of that form.
    pub fn add_test_camera(&mut self, name: &str, picture: &str) {
        self.cameras.add_test(name, picture);
    }
}

/// Is there a camera on this machine that could be watched?
pub fn has_real_camera(config: &Config) -> bool {
    let usable =
        |c: &cameras::Camera| c.kind == cameras::Kind::V4l2 && c.status == cameras::Status::Connected;
    cameras::Cameras::scan(&config.cameras).list().iter().any(usable)
}

/// `storage.data_dir`, else `$STATE_DIRECTORY` (systemd.exec(5)), else `$XDG_STATE_HOME/camera-service`,
/// else `~/.local/state/camera-service`.
pub fn data_dir(settings: &mut Settings) -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let configured = settings.section("storage").opt_text("data_dir").map(PathBuf::from);
    configured
        .or_else(|| set("STATE_DIRECTORY"))
        .or_else(|| Some(set("XDG_STATE_HOME")?.join("camera-service")))
        .or_else(|| Some(set("HOME")?.join(".local/state/camera-service")))
        .unwrap_or_else(|| PathBuf::from("/var/lib/camera-service"))
}
