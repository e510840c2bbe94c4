//! Well-known cameras as sysfs shows them, one a file in `testdata/sysfs`: written by hand after what their drivers make there,
//! cut down to what is read. What each node of them is, as far as that is known without opening it.

use std::{fs, os::unix::fs::symlink, path::Path};

use super::*;
use crate::v4l2;

/// What is known of a node: its number, name, serial number and port, and whether it is a camera if it cannot be asked. Nodes
/// with the same last letter are kin; `-` has none.
type Row = (u16, &'static str, Option<&'static str>, Option<&'static str>, bool, char);

macro_rules! fixture {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../testdata/sysfs/", $name, ".txt")))
    };
}

#[test]
fn well_known_cameras() {
    const CAMERA: bool = true;
    const NOT_ONE: bool = false;
    let (c920, port) = (Some("9F2C1A3F"), Some("usb-0000:00:14.0-2"));
    check(
        fixture!("logitech-c920"),
        &[
            (0, "HD Pro Webcam C920", c920, port, CAMERA, 'a'),
            (1, "HD Pro Webcam C920", c920, port, NOT_ONE, 'a'),
        ],
    );
    let (elp, port) = (Some("SN0001"), Some("usb-0000:00:1a.0-1.3"));
    let name = "HD USB Camera: HD USB Camera";
    check(
        fixture!("elp-h264"),
        &[
            (0, name, elp, port, CAMERA, 'a'),
            (1, name, elp, port, NOT_ONE, 'a'),
            // H.264; who cannot be asked is listed once.
            (2, name, elp, port, NOT_ONE, 'a'),
            (3, name, elp, port, NOT_ONE, 'a'),
        ],
    );
    let (d435, port) = (Some("828112071234"), Some("usb-0000:00:14.0-1"));
    let name = "Intel(R) RealSense(TM) Depth Ca";
    check(
        fixture!("intel-realsense-d435"),
        &[
            (0, name, d435, port, CAMERA, 'a'),
            (1, name, d435, port, NOT_ONE, 'a'),
            (2, name, d435, port, NOT_ONE, 'a'),
            (3, name, d435, port, NOT_ONE, 'a'),
            (4, name, d435, port, CAMERA, 'b'),
            (5, name, d435, port, NOT_ONE, 'b'),
        ],
    );
    let (name, both) = ("USB 2.0 Camera: USB Camera", Some("200901010001"));
    let (left, right) = (Some("usb-0000:01:00.0-1.2"), Some("usb-0000:01:00.0-1.4"));
    check(
        fixture!("twins-behind-a-hub"),
        &[
            (0, name, both, left, CAMERA, 'a'),
            (1, name, both, left, NOT_ONE, 'a'),
            (2, name, both, right, CAMERA, 'b'),
            (3, name, both, right, NOT_ONE, 'b'),
        ],
    );
    check(
        fixture!("raspberry-pi-unicam"),
        &[
            (0, "unicam-image", None, None, CAMERA, 'a'),
            // The sensor's data: of the same hardware, which kin does not say, for its name is another one.
            (1, "unicam-embedded", None, None, NOT_ONE, 'b'),
        ],
    );
    check(fixture!("raspberry-pi-bcm2835-v4l2"), &[(0, "camera0", None, None, CAMERA, '-')]);
}

fn check((file, text): (&str, &str), rows: &[Row]) {
    let sys = tempfile::tempdir().unwrap();
    unpack(text, sys.path());
    let sys = sys.path();
    let nodes = fs::read_dir(sys.join("class/video4linux")).unwrap().count();
    assert_eq!(nodes, rows.len(), "{file}");
    for &(number, name, serial_number, port, is_camera, kin_letter) in rows {
        let known = (card(sys, number), serial(sys, number), usb_port(sys, number));
        let known = (known.0.as_deref(), known.1.as_deref(), known.2.as_deref());
        assert_eq!(known, (Some(name), serial_number, port), "{file}: video{number}");
        let listed = v4l2::silent(number, Path::new("/dev/null"), sys);
        assert_eq!(listed.is_some(), is_camera, "{file}: video{number}");
        if let Some(found) = listed {
            let told = (found.name.as_str(), found.serial.as_deref(), found.bus_info.as_deref());
            assert_eq!(told, (name, serial_number, port), "{file}: video{number}");
        }
        let own = kin(sys, number);
        assert_eq!(own.is_none(), kin_letter == '-', "{file}: video{number}");
        for &(other, .., letter) in rows.iter().filter(|row| row.5 != '-') {
            let related = own.is_some() && own == kin(sys, other);
            assert_eq!(related, kin_letter == letter, "{file}: video{number} and video{other}");
        }
    }
}

/// Makes a fixture's folders, files and links: `at FOLDER`, then each `    NAME TEXT` or `    NAME -> TARGET` in it.
fn unpack(text: &str, sys: &Path) {
    let mut folder = sys.to_owned();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(path) = line.strip_prefix("at ") {
            folder = sys.join(path);
            fs::create_dir_all(&folder).unwrap();
        } else if let Some((name, target)) = line.trim().split_once(" -> ") {
            symlink(target, folder.join(name)).unwrap();
        } else {
            let (name, content) = line.trim().split_once(' ').unwrap();
            fs::write(folder.join(name), format!("{content}\n")).unwrap();
        }
    }
}
