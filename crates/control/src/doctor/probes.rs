//! Facts about this machine, without a judgement.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    net::{SocketAddr, TcpListener},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use base::CameraId;
pub(super) use cameras::Holder;
use paths::{Ffmpeg, Launcher};

use super::{Finding, findings};
use crate::{
    Config,
    api::{CameraKind, CameraStatus},
    controller::{CHILD_SUBCOMMAND, KNOWN_CAMERAS},
    convert,
    data_dir::LOCK,
};

/// All that is looked at.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) user: User,
    pub(super) ffmpeg: Ffmpeg,
    pub(super) libx264: Option<bool>,
    /// Or why they cannot be told.
    pub(super) cameras: Result<Vec<SeenCamera>, String>,
    /// Remembers their numbers.
    pub(super) known_cameras: PathBuf,
    pub(super) folders: Vec<Folder>,
    /// Free bytes without which no recording begins.
    pub(super) required_bytes: u64,
    pub(super) rtsp: Port,
    /// Who connects there: viewers, or MediaMTX, which fetches streams.
    pub(super) rtsp_is_for: &'static str,
    /// A service holds the data folder.
    pub(super) service_runs: bool,
}

/// Whoever asks.
#[derive(Debug, Default)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gids: BTreeSet<u32>,
}

/// A camera as it is on this machine.
#[derive(Debug, Clone)]
pub struct SeenCamera {
    /// Its number, which is the service's when that has seen it before.
    pub id: CameraId,
    /// For people.
    pub name: String,
    /// How it is attached.
    pub kind: CameraKind,
    /// Can it be used?
    pub status: CameraStatus,
    /// Why not.
    pub error: Option<String>,
    /// Such as `1280x720`, of what would be asked of it.
    pub picture: String,
    /// Where it is plugged in.
    pub bus_info: Option<String>,
    /// Its device; `None`: it has none here.
    pub node: Option<Node>,
}

/// A device node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where it is.
    pub path: PathBuf,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// The name of its group.
    pub(super) group: Option<String>,
    /// As far as they can be seen: others' programs are visible to root only.
    pub(super) holders: Vec<Holder>,
}

#[derive(Debug)]
pub(super) struct Folder {
    pub(super) about: &'static str,
    pub(super) path: PathBuf,
    /// Free bytes, or why it cannot be written.
    pub(super) room: Result<u64, String>,
}

/// A port that the service wants.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) address: SocketAddr,
    pub(super) trouble: Option<String>,
    pub(super) taken: bool,
}

impl User {
    /// Reading and writing, as the kernel decides it. (A list of access rights may still allow
    /// it, so this is asked only about what cannot be used.)
    pub(super) fn may_use(&self, node: &Node) -> bool {
        let bits = match () {
            () if self.uid == 0 => return true,
            () if self.uid == node.uid => node.mode >> 6,
            () if self.gids.contains(&node.gid) => node.mode >> 3,
            () => node.mode,
        };
        bits & 0o6 == 0o6
    }
}

/// Looks at everything. Devices are opened for a moment, as the service does.
pub(super) async fn look(config: &Config) -> Facts {
    let launcher = Launcher::own_binary(CHILD_SUBCOMMAND);
    let ffmpeg = paths::probe_ffmpeg(&launcher).await;
    let libx264 = match ffmpeg {
        Ffmpeg::Version(_) => paths::probe_encoder(&launcher).await,
        Ffmpeg::Missing | Ffmpeg::Unclear => None,
    };
    let [recordings, snapshots] = config.files.folders();
    let folders = [("data", config.data_dir()), ("recordings", recordings), ("snapshots", snapshots)];
    Facts {
        user: user(),
        ffmpeg,
        libx264,
        cameras: cameras(config).map_err(|error| error.to_string()),
        known_cameras: config.data_dir().join(KNOWN_CAMERAS),
        folders: folders.into_iter().map(|(about, path)| folder(about, path)).collect(),
        required_bytes: files::space_of(existing(recordings))
            .map_or(0, |space| config.limits.required(space, config.files.min_free_space())),
        rtsp: port(config.paths.mediamtx.as_ref().map_or(config.paths.rtsp, |mediamtx| mediamtx.feed)),
        rtsp_is_for: if config.uses_mediamtx() { "feed" } else { "RTSP" },
        service_runs: is_held(config.data_dir()),
    }
}

/// The cameras of this machine and of the configuration, by number. Blocks while drivers answer.
pub fn cameras(config: &Config) -> io::Result<Vec<SeenCamera>> {
    let cameras = cameras::Cameras::peek(&config.cameras, config.data_dir().join(KNOWN_CAMERAS))?;
    Ok(cameras.list().into_iter().map(seen).collect())
}

/// Does a service hold the data folder?
pub(super) fn service_runs(config: &Config) -> bool {
    is_held(config.data_dir())
}

/// May this address be served, and by a service whose data folder this is?
pub fn port_finding(about: &str, address: SocketAddr, data_dir: &Path) -> Finding {
    findings::of_port(about, &port(address), is_held(data_dir))
}

fn seen(camera: cameras::Camera) -> SeenCamera {
    SeenCamera {
        id: camera.id,
        name: camera.name,
        kind: convert::camera_kind(camera.kind),
        status: convert::camera_status(camera.status),
        error: camera.error,
        picture: format!("{}@{}", camera.size, (camera.fps * 100.0).round() / 100.0),
        bus_info: camera.bus_info,
        node: camera.device_path.map(node),
    }
}

fn node(path: PathBuf) -> Node {
    let meta = fs::metadata(&path).ok();
    let of = |part: fn(&fs::Metadata) -> u32| meta.as_ref().map(part).unwrap_or_default();
    let gid = of(fs::Metadata::gid);
    Node {
        mode: of(fs::Metadata::mode),
        uid: of(fs::Metadata::uid),
        gid,
        group: name_in(Path::new("/etc/group"), gid),
        holders: cameras::holders(&path),
        path,
    }
}

/// The name of a number in `/etc/group` or `/etc/passwd` (group(5), passwd(5)).
fn name_in(file: &Path, number: u32) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let number = number.to_string();
    let line = text.lines().find(|line| line.split(':').nth(2) == Some(&number))?;
    line.split(':').next().map(str::to_owned)
}

fn user() -> User {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    // The effective one is the second of `Uid:` and `Gid:` (proc_pid_status(5)).
    let numbers = |key: &str| -> Vec<u32> {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.into_iter().flat_map(str::split_whitespace).filter_map(|word| word.parse().ok()).collect()
    };
    let uid = numbers("Uid:").get(1).copied().unwrap_or_default();
    let own = numbers("Gid:").get(1).copied();
    let name = name_in(Path::new("/etc/passwd"), uid).unwrap_or_else(|| uid.to_string());
    User { name, uid, gids: numbers("Groups:").into_iter().chain(own).collect() }
}

/// The folder itself, or whatever is nearest above it.
fn existing(path: &Path) -> &Path {
    path.ancestors().find(|above| above.exists()).unwrap_or(Path::new("/"))
}

/// Tries by making an empty file where the folder is, or would be made.
fn folder(about: &'static str, path: &Path) -> Folder {
    let place = existing(path);
    let attempt = place.join(format!(".camera-service-doctor-{}", std::process::id()));
    let written = OpenOptions::new().write(true).create_new(true).open(&attempt);
    let room = written.map_err(|error| format!("{}: {error}", place.display())).and_then(|_| {
        fs::remove_file(&attempt).map_err(|error| error.to_string())?;
        files::space_of(place).map(|space| space.available).map_err(|error| error.public)
    });
    Folder { about, path: path.to_owned(), room }
}

fn port(address: SocketAddr) -> Port {
    let trouble = TcpListener::bind(address).err();
    let taken = trouble.as_ref().is_some_and(|error| error.kind() == io::ErrorKind::AddrInUse);
    Port { address, taken, trouble: trouble.map(|error| error.to_string()) }
}

/// Does a service hold this folder? Taking the lock for a moment is the only way to know.
fn is_held(data_dir: &Path) -> bool {
    let lock = File::open(data_dir.join(LOCK));
    lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_tried_where_it_would_be_made_and_nothing_is_left() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("a/b");
        assert!(folder("data", &deep).room.is_ok());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
        fs::write(root.path().join("a"), "").unwrap();
        let blocked = folder("data", &deep).room.unwrap_err();
        assert!(blocked.contains("/a: "), "what stands in the way is named: {blocked}");
    }

    #[test]
    fn a_port_and_a_folder_that_are_in_use_are_seen() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = other.local_addr().unwrap();
        assert!(port(address).taken);
        drop(other);
        assert!(port(address).trouble.is_none());
        let root = tempfile::tempdir().unwrap();
        assert!(!is_held(root.path()));
        let lock = File::create(root.path().join("lock")).unwrap();
        assert!(!is_held(root.path()));
        lock.try_lock().unwrap();
        assert!(is_held(root.path()));
    }

    #[test]
    fn names_of_numbers() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("group");
        fs::write(&file, "root:x:0:\nvideo:x:44:ann\n").unwrap();
        assert_eq!(name_in(&file, 44).as_deref(), Some("video"));
        assert_eq!(name_in(&file, 4), None);
        assert!(!user().name.is_empty());
    }
}
