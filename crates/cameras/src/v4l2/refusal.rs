//! Why a node cannot be opened, in words that help a person and name no path.

use std::{os::unix::fs::MetadataExt as _, path::Path};

use nix::{
    errno::Errno,
    unistd::{Gid, Group},
};

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
    reason(error, || Owner::of(path))
}

/// May somebody be about to change that?
pub(super) fn may_pass(error: Errno) -> bool {
    error == Errno::EACCES
}

fn reason(error: Errno, owner: impl FnOnce() -> Option<Owner>) -> Option<String> {
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
        Errno::EBUSY => "busy: another program holds it".into(),
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
            (Errno::EBUSY, None, "another program holds it"),
            (Errno::EMFILE, None, "too many files"),
            (Errno::EIO, None, "I/O error"),
        ] {
            let text = reason(error, || owner).unwrap();
            assert!(text.to_lowercase().contains(&words.to_lowercase()), "{error}: {text}");
            assert!(!text.contains('/') || error == Errno::EIO, "{error}: {text}");
        }
        for gone in [Errno::ENOENT, Errno::ENODEV, Errno::ENXIO] {
            assert_eq!(reason(gone, || panic!("nobody owns what is gone")), None);
        }
    }

    #[test]
    fn who_owns_a_real_node() {
        let owner = Owner::of(Path::new("/dev/null")).unwrap();
        assert_eq!((owner.mode & 0o777, owner.of_root), (0o666, true));
        assert_eq!(Owner::of(Path::new("/dev/nonexistent")), None);
    }
}
