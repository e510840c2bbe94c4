//! Why a node cannot be opened or used, in words that help a person and name no path.

use std::{os::unix::fs::MetadataExt as _, path::Path};

use base::{Error, Kind};
use nix::{
    errno::Errno,
    unistd::{Gid, Group},
};

use super::holder::{Holder, holders};

/// How far somebody came who wanted pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It was to be opened.
    Open,
    /// It was asked for a format, for buffers, and to begin.
    Begin,
    /// It had begun.
    Picture,
}

/// What an error means to who wants pictures. [`Kind::Busy`]: somebody else has what is needed.
pub(super) fn of_use(step: Step, error: Errno, holders: &[Holder], path: &Path) -> Error {
    let gone = || Error::new(Kind::NotFound, "the camera is gone");
    let told = match (step, error) {
        (_, Errno::EBUSY) => Error::new(Kind::Busy, busy(holders)),
        // The host controller has no room for what the camera asks for (kernel, usb/error-codes, ENOSPC).
        (Step::Begin, Errno::ENOSPC) => Error::new(
            Kind::Busy,
            "no USB bandwidth: other devices on its bus leave too little; a smaller picture, fewer frames, format mjpeg \
             or a port of another USB controller help",
        ),
        (Step::Open, error) => match why(error, path) {
            Some(why) => Error::new(Kind::Dependency, why),
            None => gone(),
        },
        (_, Errno::ENODEV | Errno::ENXIO) => gone(),
        (Step::Begin, Errno::EIO | Errno::EPIPE | Errno::EPROTO | Errno::ETIMEDOUT) => Error::new(
            Kind::Dependency,
            "the camera refuses to begin: it may hang; plug it out and in again, or try another cable or port",
        ),
        (Step::Begin, error) => {
            Error::new(Kind::Dependency, format!("the camera does not begin: {}", error.desc()))
        }
        (Step::Picture, error) => {
            Error::new(Kind::Dependency, format!("the camera ended its pictures: {}", error.desc()))
        }
    };
    told.with_private(format!("{step:?}: {error}"))
}

/// Why there is no picture after a wait. `some`: there were some, but none that could be used.
pub(super) fn silence(some: bool) -> &'static str {
    if some {
        "the camera's pictures cannot be used: they are damaged, or cut off"
    } else {
        "the camera has begun, but sends no pictures: it may hang, or have no signal"
    }
}

/// Nothing is plugged in there, or it is switched off.
pub(super) fn dead_input(name: &str) -> String {
    format!("no signal: nothing comes from its input {name}")
}

fn busy(holders: &[Holder]) -> String {
    let Some(first) = holders.first() else { return "busy: another program holds the camera".into() };
    let more = match holders.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("busy: {} (process {}){more} holds the camera", first.program, first.pid)
}

/// Who may open a node.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owner {
    /// Permission bits, as of chmod(2).
    mode: u32,
    /// Its group by name, or by number where it has none.
    group: String,
    of_root: bool,
}

impl Owner {
    fn of(path: &Path) -> Option<Self> {
        let meta = path.metadata().ok()?;
        let group = Group::from_gid(Gid::from_raw(meta.gid())).ok().flatten();
        let group = group.map_or_else(|| meta.gid().to_string(), |group| group.name);
        Some(Self { mode: meta.mode(), group, of_root: meta.gid() == 0 })
    }
}

/// `None`: the device is not there any more, which is no error.
pub(super) fn why(error: Errno, path: &Path) -> Option<String> {
    reason(error, path, || Owner::of(path))
}

/// May somebody be about to change that?
pub(super) fn may_pass(error: Errno) -> bool {
    error == Errno::EACCES
}

fn reason(error: Errno, path: &Path, owner: impl FnOnce() -> Option<Owner>) -> Option<String> {
    /// Read and write for the group.
    const GROUP_MAY: u32 = 0o060;
    Some(match error {
        // Pulled since it was seen.
        Errno::ENOENT | Errno::ENODEV | Errno::ENXIO => return None,
        Errno::EACCES => match owner() {
            Some(owner) if owner.mode & GROUP_MAY == GROUP_MAY && !owner.of_root => {
                format!(
                    "no permission: camera-service may not open it; add its user to group {} and restart it",
                    owner.group
                )
            }
            Some(_) => {
                "no permission: only root may open it; a udev rule usually gives cameras to group video"
                    .into()
            }
            None => "no permission: camera-service may not open it".into(),
        },
        // The device controller of a cgroup says so (kernel, admin-guide/cgroup-v2, "Device controller").
        Errno::EPERM => {
            "no permission: the container or unit that camera-service runs in does not allow this \
                         device (DeviceAllow of systemd, --device of containers)"
                .into()
        }
        Errno::EBUSY => busy(&holders(path)),
        Errno::EMFILE | Errno::ENFILE => "too many files are open to open it, too".into(),
        error => format!("it cannot be opened: {}", error.desc()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_can_act_on_each() {
        let owner = |mode, group: &str| Some(Owner { mode, group: group.into(), of_root: group == "root" });
        for (error, owner, words) in [
            (Errno::EACCES, owner(0o20660, "video"), "add its user to group video"),
            (Errno::EACCES, owner(0o20660, "1234"), "group 1234"),
            (Errno::EACCES, owner(0o20600, "video"), "only root may open it"),
            (Errno::EACCES, owner(0o20660, "root"), "only root may open it"),
            (Errno::EACCES, None, "no permission"),
            (Errno::EPERM, None, "DeviceAllow"),
            (Errno::EBUSY, None, "another program holds the camera"),
            (Errno::EMFILE, None, "too many files"),
            (Errno::EIO, None, "I/O error"),
        ] {
            let text = reason(error, Path::new("/dev/nonexistent"), || owner).unwrap();
            assert!(text.to_lowercase().contains(&words.to_lowercase()), "{error}: {text}");
            assert!(!text.contains('/') || error == Errno::EIO, "{error}: {text}");
        }
        for gone in [Errno::ENOENT, Errno::ENODEV, Errno::ENXIO] {
            assert_eq!(reason(gone, Path::new("/"), || panic!("nobody owns what is gone")), None);
        }
    }

    #[test]
    fn what_is_in_the_way_of_pictures() {
        let holder = |pid, program: &str| Holder { pid, program: program.into() };
        let path = Path::new("/dev/nonexistent");
        let two = [holder(17, "cheese"), holder(18, "zoom")];
        for (step, error, holders, kind, words) in [
            (Step::Begin, Errno::EBUSY, &two[..], Kind::Busy, "cheese (process 17) and 1 more holds"),
            (Step::Begin, Errno::EBUSY, &two[..1], Kind::Busy, "cheese (process 17) holds"),
            (Step::Open, Errno::EBUSY, &[], Kind::Busy, "another program"),
            (Step::Begin, Errno::ENOSPC, &[], Kind::Busy, "no USB bandwidth"),
            (Step::Open, Errno::ENODEV, &[], Kind::NotFound, "gone"),
            (Step::Picture, Errno::ENODEV, &[], Kind::NotFound, "gone"),
            (Step::Open, Errno::EACCES, &[], Kind::Dependency, "no permission"),
            (Step::Begin, Errno::EIO, &[], Kind::Dependency, "refuses to begin"),
            (Step::Begin, Errno::EINVAL, &[], Kind::Dependency, "Invalid argument"),
            (Step::Picture, Errno::EIO, &[], Kind::Dependency, "ended its pictures"),
        ] {
            let told = of_use(step, error, holders, path);
            assert_eq!(told.kind, kind, "{error}");
            assert!(told.public.contains(words), "{error}: {}", told.public);
            assert!(!told.public.contains("/dev"), "{error}: {}", told.public);
        }
        assert_ne!(silence(true), silence(false));
    }

    #[test]
    fn who_owns_a_real_node() {
        let owner = Owner::of(Path::new("/dev/null")).unwrap();
        assert_eq!((owner.mode & 0o777, owner.of_root), (0o666, true));
        assert_eq!(Owner::of(Path::new("/dev/nonexistent")), None);
    }
}
