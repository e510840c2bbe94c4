//! All known cameras and their numbers.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::SystemTime,
};

use base::CameraId;

use crate::{
    camera::{Camera, Kind, Source, Status},
    config::{Config, Configured, Origin, Wanted},
    test_picture,
    v4l2::{self, Found},
};

/// The cameras that were there when it was made.
#[derive(Debug)]
pub struct Cameras {
    by_id: BTreeMap<CameraId, Camera>,
    scanned_at: SystemTime,
}

impl Cameras {
    /// Looks at this machine's devices and adds the configured sources. Blocks while drivers answer.
    pub fn scan(config: &Config) -> Self {
        Self::scan_in(config, Path::new("/dev"), Path::new("/sys"))
    }

    /// The same with other places for `/dev` and `/sys`.
    pub fn scan_in(config: &Config, dev_root: &Path, sys_root: &Path) -> Self {
        let mut by_id = BTreeMap::new();
        for found in v4l2::scan(dev_root, sys_root, config.defaults) {
            // A camera first seen at /dev/videoN gets cameraN when that is free.
            let wish = CameraId(found.number);
            let id = if by_id.contains_key(&wish) { lowest_free(&by_id) } else { Some(wish) };
            let Some(id) = id else { break };
            by_id.insert(id, device(id, found, config.defaults));
        }
        for source in &config.sources {
            let Some(id) = lowest_free(&by_id) else { break };
            by_id.insert(id, configured(id, source, config.defaults));
        }
        for camera in by_id.values() {
            let (id, name, kind, error) = (camera.id, &camera.name, camera.kind, camera.error.as_deref());
            match error {
                None => {
                    let (size, fps) = (camera.size, camera.fps);
                    tracing::info!(camera = %id, name, ?kind, %size, fps, "camera found");
                }
                Some(error) => tracing::warn!(camera = %id, name, ?kind, error, "camera cannot be used"),
            }
        }
        Self { by_id, scanned_at: SystemTime::now() }
    }

    /// All cameras by number.
    pub fn list(&self) -> Vec<Camera> {
        self.by_id.values().cloned().collect()
    }

    /// One camera.
    pub fn get(&self, id: CameraId) -> Option<Camera> {
        self.by_id.get(&id).cloned()
    }

    /// The camera whose node this path names, for clients that still name nodes.
    pub fn alias(&self, device_path: &str) -> Option<CameraId> {
        let path = Path::new(device_path);
        self.by_id.values().find(|camera| camera.device_path.as_deref() == Some(path)).map(|camera| camera.id)
    }

    /// When the devices were looked at.
    pub fn scanned_at(&self) -> SystemTime {
        self.scanned_at
    }
}

fn lowest_free(taken: &BTreeMap<CameraId, Camera>) -> Option<CameraId> {
    (0..=u16::MAX).map(CameraId).find(|id| !taken.contains_key(id))
}

fn device(id: CameraId, found: Found, wanted: Wanted) -> Camera {
    let Found { path, name, driver, bus_info, formats, sizes, choice, .. } = found;
    let (status, error) = match &choice {
        Ok(_) => (Status::Connected, None),
        Err(why) => (Status::Error, Some(why.clone())),
    };
    let choice = choice.unwrap_or_default();
    Camera {
        id,
        name,
        kind: Kind::V4l2,
        size: choice.size.unwrap_or(wanted.size),
        fps: choice.rate.map_or(f64::from(wanted.fps), v4l2::Rate::per_second),
        source: Source::Ffmpeg { input: choice.input(&path), copy_h264: choice.is_h264() },
        formats,
        sizes,
        status,
        error,
        device_path: Some(path),
        driver,
        bus_info,
    }
}

fn configured(id: CameraId, source: &Configured, defaults: Wanted) -> Camera {
    let (kind, picture, sizes, source_of) = match &source.origin {
        Origin::Rtsp(url) => (Kind::Rtsp, defaults, Vec::new(), Source::Rtsp { url: url.clone() }),
        Origin::Test(picture) => {
            let input = test_picture::input(picture.size, picture.fps);
            (Kind::Test, *picture, vec![picture.size], Source::Ffmpeg { input, copy_h264: false })
        }
    };
    Camera {
        id,
        name: source.name.clone(),
        kind,
        size: picture.size,
        fps: f64::from(picture.fps),
        source: source_of,
        formats: Vec::new(),
        sizes,
        status: Status::Connected,
        error: None,
        device_path: None::<PathBuf>,
        driver: None,
        bus_info: None,
    }
}
