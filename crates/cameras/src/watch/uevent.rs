//! What the kernel and udev say when a device comes, goes or changes: one message read, nothing decided.
//! No socket lives here.
//!
//! The kernel's form is `ACTION@DEVPATH`, then `KEY=VALUE`, each closed by a zero
//! (`lib/kobject_uevent.c`). udev's has a head of its own (`src/libsystemd/sd-device/device-monitor.c`),
//! and the same pairs behind it.

use crate::v4l2;

/// The one subsystem whose devices may be cameras.
const SUBSYSTEM: &[u8] = b"video4linux";
/// How udev's messages begin.
const UDEV: &[u8] = b"libudev\0";
/// Its second word, in network order (`UDEV_MONITOR_MAGIC`).
const UDEV_MAGIC: [u8; 4] = 0xfeed_cafe_u32.to_be_bytes();
/// Longest action that is believed; the kernel's own have at most 7 letters (`kobject_actions`).
const MAX_ACTION_BYTES: usize = 16;

/// The multicast group of the kernel, as a mask.
pub(super) const KERNEL_GROUP: u32 = 1;
/// The group in which udev repeats it when it has set owner and mode.
pub(super) const UDEV_GROUP: u32 = 2;

/// One message about a node that may be a camera.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Uevent<'a> {
    /// `add`, `remove`, `change` and the like.
    pub(super) action: &'a str,
    /// The number of the node.
    pub(super) number: u16,
}

/// Reads a message; `None`: it is about something else, or no message.
pub(super) fn parse(message: &[u8]) -> Option<Uevent<'_>> {
    let pairs = if message.starts_with(UDEV) { udev_pairs(message)? } else { message };
    let value = |key: &[u8]| {
        let mut lines = pairs.split(|byte| *byte == 0);
        lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(b"="))
    };
    if value(b"SUBSYSTEM") != Some(SUBSYSTEM) {
        return None;
    }
    let action = std::str::from_utf8(value(b"ACTION")?).ok()?;
    let sane = (1..=MAX_ACTION_BYTES).contains(&action.len());
    let sane = sane && action.bytes().all(|byte| byte.is_ascii_lowercase());
    // The kernel names it below /dev, udev from the root.
    let name = std::str::from_utf8(value(b"DEVNAME")?).ok()?;
    let number = v4l2::number_of(name.strip_prefix("/dev/").unwrap_or(name))?;
    sane.then_some(Uevent { action, number })
}

/// What lies behind udev's head: 8 bytes of name, the magic word, then in the machine's own order the
/// length of the head, and where the pairs begin and how long they are.
fn udev_pairs(message: &[u8]) -> Option<&[u8]> {
    let word = |at: usize| message.get(at..at + 4)?.try_into().ok();
    if word(8)? != UDEV_MAGIC {
        return None;
    }
    let length = |at: usize| usize::try_from(u32::from_ne_bytes(word(at)?)).ok();
    let (begin, bytes) = (length(16)?, length(20)?);
    message.get(begin..begin.checked_add(bytes)?)
}

/// Is it from somebody who may know? `groups`: the group it was sent to, as a mask; `port`: the sender's,
/// 0 for the kernel; `user`: the sender's. Only root may send to these groups, but anybody with that right
/// in a namespace of ours could pretend to be the kernel.
pub(super) fn is_trusted(groups: u32, port: u32, user: Option<u32>) -> bool {
    match groups {
        KERNEL_GROUP => port == 0,
        UDEV_GROUP => user == Some(0),
        _ => false,
    }
}

/// Any message, for the fuzzers.
///
/// # Panics
/// When an invariant breaks.
pub fn fuzz(message: &[u8]) {
    let Some(Uevent { action, number }) = parse(message) else { return };
    assert!((1..=MAX_ACTION_BYTES).contains(&action.len()), "{action}");
    assert!(action.bytes().all(|byte| byte.is_ascii_lowercase()), "{action}");
    let name = format!("video{number}");
    for told in [action.as_bytes(), name.as_bytes(), SUBSYSTEM] {
        assert!(message.windows(told.len()).any(|part| part == told), "nobody has said that");
    }
}

#[cfg(test)]
pub(super) mod tests {
    use testkit::corpus::Bend;

    use super::*;

    /// A message as udev sends it.
    pub(in super::super) fn from_udev(pairs: &[u8]) -> Vec<u8> {
        let mut message = UDEV.to_vec();
        message.extend(UDEV_MAGIC);
        for word in [40, 40, pairs.len() as u32, 0, 0, 0, 0] {
            message.extend(word.to_ne_bytes());
        }
        message.extend(pairs);
        message
    }

    const ADD: &[u8] = b"add@/devices/pci0/usb1/1-1/1-1:1.0/video4linux/video0\0ACTION=add\0\
        DEVPATH=/devices/pci0/usb1/1-1/1-1:1.0/video4linux/video0\0SUBSYSTEM=video4linux\0MAJOR=81\0MINOR=0\0\
        DEVNAME=video0\0SEQNUM=820\0";

    #[test]
    fn both_forms() {
        assert_eq!(parse(ADD), Some(Uevent { action: "add", number: 0 }));
        let pairs = b"ACTION=remove\0SUBSYSTEM=video4linux\0DEVNAME=/dev/video12\0TAGS=:seat:\0";
        assert_eq!(parse(&from_udev(pairs)), Some(Uevent { action: "remove", number: 12 }));
    }

    #[test]
    fn what_is_about_something_else_or_nothing_at_all() {
        let pairs = |subsystem: &str, action: &str, name: &str| {
            format!("x@/y\0ACTION={action}\0SUBSYSTEM={subsystem}\0DEVNAME={name}\0").into_bytes()
        };
        assert!(parse(&pairs("video4linux", "add", "video0")).is_some());
        for (subsystem, action, name) in [
            ("net", "add", "video0"),
            ("video4linux2", "add", "video0"),
            ("video4linux", "", "video0"),
            ("video4linux", "ADD", "video0"),
            ("video4linux", "addaddaddaddaddadd", "video0"),
            ("video4linux", "add", ""),
            ("video4linux", "add", "vbi0"),
            ("video4linux", "add", "video"),
            ("video4linux", "add", "video00"),
            ("video4linux", "add", "video+1"),
            ("video4linux", "add", "video99999"),
            ("video4linux", "add", "../video0"),
            ("video4linux", "add", "/dev//dev/video0"),
            ("video4linux", "add", "v4l/video0"),
        ] {
            assert_eq!(parse(&pairs(subsystem, action, name)), None, "{subsystem} {action} {name}");
        }
        for raw in [
            &b""[..],
            b"\0\0\0",
            b"libudev\0",
            b"SUBSYSTEM=video4linux",
            b"ACTION=add\0SUBSYSTEM=video4linux\0DEVNAME=video\xff\0",
            b"ACTION=\xff\xfe\0SUBSYSTEM=video4linux\0DEVNAME=video1\0",
            b"ACTION\0SUBSYSTEM\0DEVNAME\0",
        ] {
            assert_eq!(parse(raw), None);
        }
    }

    #[test]
    fn no_length_in_a_head_is_believed() {
        let good = from_udev(b"ACTION=add\0SUBSYSTEM=video4linux\0DEVNAME=video1\0");
        assert!(parse(&good).is_some());
        for at in (16..24).step_by(4) {
            for lie in [41, 4096, u32::MAX] {
                let mut bad = good.clone();
                bad[at..at + 4].copy_from_slice(&lie.to_ne_bytes());
                // It may still be read, but never behind its end.
                parse(&bad);
            }
        }
        let mut foreign = good.clone();
        foreign[8] ^= 1;
        assert_eq!(parse(&foreign), None);
        // Cut off anywhere, and every byte turned: no panic, and no node that is not named.
        for end in 0..good.len() {
            parse(&good[..end]);
            let mut bad = good.clone();
            bad[end] = !bad[end];
            parse(&bad);
        }
    }

    #[test]
    fn only_the_kernel_and_root_are_believed() {
        for (groups, port, user, trusted) in [
            (KERNEL_GROUP, 0, Some(0), true),
            // In a user namespace the kernel's user has no name.
            (KERNEL_GROUP, 0, Some(65534), true),
            (KERNEL_GROUP, 0, None, true),
            (KERNEL_GROUP, 4711, Some(0), false),
            (UDEV_GROUP, 4711, Some(0), true),
            (UDEV_GROUP, 4711, Some(1000), false),
            (UDEV_GROUP, 4711, None, false),
            // Sent to us alone.
            (0, 4711, Some(0), false),
            (0, 0, Some(0), false),
            (3, 0, Some(0), false),
        ] {
            assert_eq!(is_trusted(groups, port, user), trusted, "{groups} {port} {user:?}");
        }
    }

    fn seeds() -> Vec<(String, Vec<u8>)> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/uevent");
        testkit::corpus::files(&folder, 10)
    }

    #[test]
    fn what_each_file_says() {
        for (name, message) in seeds() {
            let action = if name.contains("remove") { "remove" } else { "add" };
            let number = u16::from(name.contains("metadata"));
            let said = name.starts_with("valid-").then_some(Uevent { action, number });
            assert_eq!(parse(&message), said, "{name}");
        }
    }

    #[test]
    fn no_file_and_no_small_change_of_one_breaks_a_rule() {
        let bend = Bend { marks: b"\0=@/libudevACTION", bytes_below: 256, shorter_than: 4096 };
        testkit::corpus::replay(&seeds(), 20_000, bend, fuzz);
    }
}
