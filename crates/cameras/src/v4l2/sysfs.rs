//! What sysfs tells of a node without opening it: its name, its index, its serial number, and where it is
//! plugged in. So a camera that cannot be opened is still the same camera.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

/// What all nodes of one piece of hardware have in common: the device they belong to, and the name it gave them.
pub(crate) type Kin = (PathBuf, Option<String>);

/// Longest card name, without its closing zero (`struct v4l2_capability`): sysfs tells longer ones.
const MAX_CARD_BYTES: usize = 31;

fn folder(sys_root: &Path, number: u16) -> PathBuf {
    sys_root.join(format!("class/video4linux/video{number}"))
}

/// One line of `/sys/class/video4linux/videoN/…`, without control characters.
pub(super) fn line(sys_root: &Path, number: u16, what: &str) -> Option<String> {
    let file = fs::File::open(folder(sys_root, number).join(what)).ok()?;
    let mut text = String::new();
    file.take(256).read_to_string(&mut text).ok()?;
    let text: String = text.trim().chars().filter(|c| !c.is_control()).collect();
    (!text.is_empty()).then_some(text)
}

/// Its USB serial number: the interface's folder lies in that of the USB device, which has it.
pub(super) fn serial(sys_root: &Path, number: u16) -> Option<String> {
    line(sys_root, number, "device/../serial")
}

/// Its name, cut like the one its driver tells.
pub(super) fn card(sys_root: &Path, number: u16) -> Option<String> {
    let name = line(sys_root, number, "name")?;
    let end = (0..=MAX_CARD_BYTES).rev().find(|end| name.is_char_boundary(*end))?;
    Some(name.get(..end).unwrap_or(&name).trim().to_owned())
}

/// Which hardware a node belongs to; `None`: nobody says.
pub(crate) fn kin(sys_root: &Path, number: u16) -> Option<Kin> {
    let device = folder(sys_root, number).join("device").canonicalize().ok()?;
    Some((device, line(sys_root, number, "name")))
}

/// The host controller of `usb-0000:00:14.0-2.4`, without the ports; `None`: it is no USB device's.
pub(crate) fn usb_controller(bus_info: &str) -> Option<&str> {
    bus_info.strip_prefix("usb-").map(|rest| rest.rsplit_once('-').map_or(rest, |(controller, _)| controller))
}

/// Where it is plugged in, as its driver would say it, if it is a USB device.
pub(super) fn usb_port(sys_root: &Path, number: u16) -> Option<String> {
    port_of(&kin(sys_root, number)?.0)
}

/// `…/0000:00:14.0/usb1/1-2/1-2.4/1-2.4:1.0` is `usb-0000:00:14.0-2.4`: the host controller and the ports on the
/// way (`usb_make_path` in the kernel's `drivers/usb`).
fn port_of(device: &Path) -> Option<String> {
    let parts: Vec<&str> = device.iter().filter_map(|part| part.to_str()).collect();
    let is_bus = |part: &&str| part.strip_prefix("usb").is_some_and(|n| n.parse::<u16>().is_ok());
    let bus = parts.iter().position(is_bus).filter(|at| *at > 0)?;
    let port = |part: &&str| {
        let (bus, ports) = part.split_once('-')?;
        let known = bus.parse::<u16>().is_ok() && ports.split('.').all(|port| port.parse::<u16>().is_ok());
        known.then(|| ports.to_owned())
    };
    let ports = parts[bus + 1..].iter().filter_map(port).next_back()?;
    Some(format!("usb-{}-{ports}", parts[bus - 1]))
}

#[cfg(test)]
mod fixture_tests;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn ports() {
        for (device, port) in [
            ("/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0", Some("usb-0000:00:14.0-2")),
            ("/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2.4/1-2.4:1.0", Some("usb-0000:00:14.0-2.4")),
            ("/sys/devices/platform/vhci_hcd.0/usb1/1-1/1-1:1.0", Some("usb-vhci_hcd.0-1")),
            ("/sys/devices/platform/vivid.0", None),
            ("/sys/devices/usb/x", None),
            ("/usb1/1-1/1-1:1.0", Some("usb-/-1")),
            ("usb1/1-1", None),
            ("/a/usb1/nonsense/1-x", None),
            ("/", None),
            ("", None),
        ] {
            assert_eq!(port_of(Path::new(device)).as_deref(), port, "{device}");
        }
    }

    #[test]
    fn controllers() {
        for (bus, controller) in [
            ("usb-0000:00:14.0-2.4", Some("0000:00:14.0")),
            ("usb-vhci_hcd.0-1", Some("vhci_hcd.0")),
            ("usb-1", Some("1")),
            ("platform:vivid-000", None),
            ("", None),
        ] {
            assert_eq!(usb_controller(bus), controller, "{bus}");
        }
    }

    #[test]
    fn a_camera_as_sysfs_shows_it() {
        let sys = tempfile::tempdir().unwrap();
        let device = sys.path().join("devices/0000:00:14.0/usb1/1-3");
        let interface = device.join("1-3:1.0");
        fs::create_dir_all(interface.join("video4linux/video0")).unwrap();
        fs::create_dir_all(sys.path().join("class/video4linux")).unwrap();
        let link = sys.path().join("class/video4linux/video0");
        symlink("../../devices/0000:00:14.0/usb1/1-3/1-3:1.0/video4linux/video0", &link).unwrap();
        symlink("../..", link.join("device")).unwrap();
        fs::write(device.join("serial"), "SN\u{7}1\n").unwrap();
        let long = "An HD Webcam of a long näme: An HD Webcam\n";
        fs::write(link.join("name"), long).unwrap();
        let root = sys.path();
        assert_eq!(serial(root, 0).as_deref(), Some("SN1"));
        assert_eq!(card(root, 0).as_deref(), Some("An HD Webcam of a long näme: A"));
        assert_eq!(usb_port(root, 0).as_deref(), Some("usb-0000:00:14.0-3"));
        assert_eq!(kin(root, 0), Some((interface.canonicalize().unwrap(), Some(long.trim().into()))));
        assert_eq!((kin(root, 1), serial(root, 1), card(root, 1)), (None, None, None));
    }
}
