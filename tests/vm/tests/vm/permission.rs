//! A service that is not root: the kernel makes a node for root alone, and udev gives it to group video a moment later.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::json;
use testkit::{Transport, Watch, token::Role};
use vm::{
    DevWatch, UvcCamera,
    dev::{Seen, What},
    nodes,
    uvc::{Config, Format},
};

use crate::common::{PATIENCE, setup, told};

/// The user that owns nothing (Debian: nobody, nogroup).
pub(crate) const NOBODY: u32 = 65534;

pub(crate) async fn a_user_of_group_video_has_a_camera_once_udev_permits_it() {
    let dev = DevWatch::start();
    let service = setup().run_as(NOBODY, group("video")).start().await;
    let mut rpc = service.rpc(Role::Viewer).await;
    rpc.ok("subscribe_events", json!({"topics": ["camera.*"]})).await;
    for last in [false, false, true] {
        dev.forget();
        let camera = UvcCamera::plug(0, Config::new("Desk Cam", "A1").only(&[Format::Mjpeg])).await;
        // The first that is told: no error before, although it could not be opened.
        let here = told(&mut rpc, "camera.connected").await;
        assert_eq!(here["status"], "CONNECTED", "{here}");
        let number = nodes::numbers("Desk Cam")[0];
        let made = dev.made(number).await;
        assert!(matches!(made.what, What::There { mode: 0o600, group: 0, .. }), "root's at first: {made:?}");
        let permitted = dev.first("udev permits it", |seen| is_permitted(seen, number)).await;
        assert!(permitted.at > made.at, "{made:?} {permitted:?}");
        if last {
            let device = here["device"].as_str().unwrap();
            let watch = Watch::start(service.rtsp().await, device, Transport::Tcp).await.unwrap();
            watch.reach(15, PATIENCE).await;
        }
        drop(camera);
        told(&mut rpc, "camera.disconnected").await;
    }
}

pub(crate) async fn who_is_not_in_group_video_is_told_which_group_it_takes() {
    let service = setup().run_as(NOBODY, NOBODY).start().await;
    let mut rpc = service.rpc(Role::Operator).await;
    rpc.ok("subscribe_events", json!({"topics": ["camera.*"]})).await;
    let _camera = UvcCamera::plug(0, Config::new("Desk Cam", "A1")).await;
    let here = told(&mut rpc, "camera.connected").await;
    assert_eq!((&here["status"], &here["name"]), (&json!("ERROR"), &json!("Desk Cam")), "{here}");
    let device = json!({"device": here["device"]});
    let status = rpc.ok("get_camera_status", device.clone()).await;
    let why = status["error"].as_str().unwrap_or_default();
    assert!(why.contains("no permission") && why.contains("group video"), "{status}");
    rpc.err(-32050, "take_snapshot", device.clone()).await;
    // As an operator would in a hurry. The node is the same one, and nobody plugs anything.
    let node = format!("/dev/video{}", nodes::numbers("Desk Cam")[0]);
    fs::set_permissions(&node, fs::Permissions::from_mode(0o666)).unwrap();
    let mended = told(&mut rpc, "camera.status_change").await;
    assert_eq!((&mended["status"], &mended["device"]), (&json!("CONNECTED"), &here["device"]), "{mended}");
    rpc.ok("take_snapshot", device).await;
}

fn is_permitted(seen: &Seen, number: u16) -> bool {
    let video = group("video");
    let permitted =
        matches!(seen.what, What::There { mode, group, .. } if mode & 0o060 == 0o060 && group == video);
    seen.number == number && permitted
}

/// The number of a group of this machine.
fn group(name: &str) -> u32 {
    let text = fs::read_to_string("/etc/group").unwrap();
    let mut lines = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let line = lines.find(|fields| fields[0] == name).unwrap();
    line[2].parse().unwrap()
}
