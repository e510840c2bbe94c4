//! A camera keeps its number whatever the kernel calls its node: by serial number, else by port, else by card and bus.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use testkit::{Rpc, token::Role};
use vm::{UvcCamera, Vivid, nodes, uvc::Config};

use crate::common::{camera_named, connected, setup};

pub(crate) async fn ids_stay_over_restart_replug_and_renumbering() {
    let _vivid = Vivid::load(2);
    let left = UvcCamera::plug(0, Config::new("Left Cam", "L1")).await;
    let mut service = setup().start().await;
    let mut rpc = service.rpc(Role::Viewer).await;
    connected(&mut rpc, 3).await;
    let right = UvcCamera::plug(1, Config::new("Right Cam", "R1")).await;
    let first = places(&mut rpc, 4).await;
    let nodes_then = (nodes::numbers("Left Cam"), nodes::numbers("Right Cam"));

    service.restart().await;
    let mut rpc = service.rpc(Role::Viewer).await;
    assert_eq!(places(&mut rpc, 4).await, first, "after a restart");

    // Pulled while the service is there, and plugged again on the same ports in another order: each has the other's node.
    drop((left, right));
    connected(&mut rpc, 2).await;
    let right = UvcCamera::plug(1, Config::new("Right Cam", "R1")).await;
    connected(&mut rpc, 3).await;
    let left = UvcCamera::plug(0, Config::new("Left Cam", "L1")).await;
    assert_eq!(places(&mut rpc, 4).await, first, "after a replug in another order");
    let nodes_now = (nodes::numbers("Right Cam"), nodes::numbers("Left Cam"));
    assert_eq!(nodes_now, nodes_then, "the kernel has given each the other's node");

    // Over a restart, on other ports: the serial number says which is which.
    drop((left, right));
    connected(&mut rpc, 2).await;
    service.kill9();
    let _right = UvcCamera::plug(4, Config::new("Right Cam", "R1")).await;
    let _left = UvcCamera::plug(3, Config::new("Left Cam", "L1")).await;
    service.restart().await;
    let mut rpc = service.rpc(Role::Viewer).await;
    let cameras = connected(&mut rpc, 4).await;
    assert_eq!(cameras.len(), 4, "none is listed twice: {cameras:?}");
    let by_name = |first: &BTreeMap<String, (Value, Value)>, name: &str| {
        first.values().find(|(known, _)| *known == name).unwrap().1.clone()
    };
    for name in ["Left Cam", "Right Cam"] {
        assert_eq!(*camera_named(&cameras, name), by_name(&first, name), "{name} on another port");
    }
}

pub(crate) async fn two_with_one_serial_are_told_apart_by_port() {
    let twin = || Config::new("Twin Cam", "SAME");
    let mut service = setup().start().await;
    let mut rpc = service.rpc(Role::Viewer).await;
    let (one, other) = (UvcCamera::plug(0, twin()).await, UvcCamera::plug(1, twin()).await);
    let first = places(&mut rpc, 2).await;
    assert_eq!(first.len(), 2, "two ports, two cameras: {first:?}");
    drop((one, other));
    connected(&mut rpc, 0).await;
    let other = UvcCamera::plug(1, twin()).await;
    connected(&mut rpc, 1).await;
    let one = UvcCamera::plug(0, twin()).await;
    assert_eq!(places(&mut rpc, 2).await, first, "after a replug in another order");
    service.restart().await;
    let mut rpc = service.rpc(Role::Viewer).await;
    assert_eq!(places(&mut rpc, 2).await, first, "after a restart");
    // One alone is still the one in its port.
    drop(one);
    connected(&mut rpc, 1).await;
    assert_eq!(places(&mut rpc, 1).await["usb-vhci_hcd.0-2"], first["usb-vhci_hcd.0-2"]);
    drop(other);
    connected(&mut rpc, 0).await;
    let _one = UvcCamera::plug(0, twin()).await;
    assert_eq!(places(&mut rpc, 1).await["usb-vhci_hcd.0-1"], first["usb-vhci_hcd.0-1"]);
}

/// Waits for so many connected cameras; each one's name and id by the place it is plugged in.
async fn places(rpc: &mut Rpc, count: u64) -> BTreeMap<String, (Value, Value)> {
    let mut places = BTreeMap::new();
    for camera in connected(rpc, count).await {
        if camera["status"] == "CONNECTED" {
            let offered = rpc.ok("get_camera_capabilities", json!({"device": camera["device"]})).await;
            let place = offered["bus_info"].as_str().unwrap().to_owned();
            places.insert(place, (camera["name"].clone(), camera["device"].clone()));
        }
    }
    places
}
