//! Which nodes are cameras, what is told of them, and that clients hear of it when they come and go.

use serde_json::{Value, json};
use testkit::token::Role;
use vm::{UvcCamera, Vivid, nodes, uvc::Config};

use crate::common::{camera_named, connected, setup, told};

pub(crate) async fn every_camera_is_listed_with_what_it_offers() {
    let _vivid = Vivid::load(2);
    let _camera = UvcCamera::plug(0, Config::new("Desk Cam", "A1")).await;
    let service = setup().start().await;
    let mut rpc = service.rpc(Role::Viewer).await;
    let cameras = connected(&mut rpc, 3).await;
    assert_eq!(cameras.len(), 3, "{cameras:?}");
    assert_eq!(nodes::all().len(), 4, "one node carries metadata, and is no camera: {:?}", nodes::all());
    for (number, camera) in cameras[..2].iter().enumerate() {
        assert_eq!(
            (&camera["device"], &camera["name"], &camera["kind"], &camera["resolution"]),
            (&json!(format!("camera{number}")), &json!("vivid"), &json!("v4l2"), &json!("320x180"))
        );
        let offered = rpc.ok("get_camera_capabilities", json!({"device": camera["device"]})).await;
        assert_eq!(offered["bus_info"], format!("platform:vivid-00{number}"), "{offered}");
        assert_eq!(
            (&offered["driver"], &offered["validation_status"], &offered["input"]),
            (&json!("vivid"), &json!("CONFIRMED"), &json!("Webcam 0"))
        );
        let formats = offered["formats"].as_array().unwrap();
        // A code that is no text (its highest bit means "big-endian") is told as a number.
        for format in ["YUYV", "NV12", "GREY", "0xa0363159"] {
            assert!(formats.contains(&json!(format)), "{format} in {offered}");
        }
        let sizes = ["3840x2160", "1920x1080", "1280x720", "640x480", "640x360", "320x180"];
        assert_eq!(offered["resolutions"], json!(sizes), "largest first");
        let rates = json!([1, 2, 4, 5, 10, 12.5, 15, 25, 30, 40, 50, 60]);
        let small = json!({"format": "YUYV", "width": 320, "height": 180, "fps": rates});
        assert!(offered["modes"].as_array().unwrap().contains(&small), "{small} in {offered}");
    }
    let desk = &cameras[2];
    assert_eq!(
        (&desk["device"], &desk["name"], &desk["fps"]),
        (&json!("camera2"), &json!("Desk Cam"), &json!(10))
    );
    let offered = rpc.ok("get_camera_capabilities", json!({"device": "camera2"})).await;
    assert_eq!(
        (&offered["driver"], &offered["bus_info"]),
        (&json!("uvcvideo"), &json!("usb-vhci_hcd.0-1")),
        "{offered}"
    );
    assert_eq!(offered["formats"], json!(["MJPEG", "YUYV", "H264"]));
    assert_eq!(offered["resolutions"], json!(["320x180", "160x90"]));
    let modes: Vec<Value> = ["MJPEG", "YUYV", "H264"]
        .iter()
        .flat_map(|format| [(320, 180), (160, 90)].map(|size| (format, size)))
        .map(|(format, (width, height))| {
            json!({"format": format, "width": width, "height": height, "fps": [10, 5]})
        })
        .collect();
    assert_eq!(offered["modes"], json!(modes));
}

pub(crate) async fn cameras_come_and_go_and_clients_are_told() {
    let service = setup().start().await;
    let mut rpc = service.rpc(Role::Viewer).await;
    rpc.ok("subscribe_events", json!({"topics": ["camera.*"]})).await;
    let camera = UvcCamera::plug(0, Config::new("Desk Cam", "A1")).await;
    let here = told(&mut rpc, "camera.connected").await;
    assert_eq!((&here["status"], &here["name"]), (&json!("CONNECTED"), &json!("Desk Cam")), "{here}");
    drop(camera);
    let gone = told(&mut rpc, "camera.disconnected").await;
    assert_eq!((&gone["status"], &gone["device"]), (&json!("DISCONNECTED"), &here["device"]), "{gone}");
    let device = json!({"device": here["device"]});
    let status = rpc.ok("get_camera_status", device.clone()).await;
    assert_eq!((&status["status"], &status["resolution"]), (&json!("DISCONNECTED"), &json!("320x180")));
    let offered = rpc.ok("get_camera_capabilities", device).await;
    assert_eq!(offered["validation_status"], "DISCONNECTED", "{offered}");
    // All vivid cameras at once, twice: unbound from its driver a camera is gone like one that is pulled.
    let vivid = Vivid::load(2);
    for _ in 0..2 {
        for _ in 0..2 {
            assert_eq!(told(&mut rpc, "camera.connected").await["name"], "vivid");
        }
        vivid.unbind();
        for _ in 0..2 {
            assert_eq!(told(&mut rpc, "camera.disconnected").await["name"], "vivid");
        }
        vivid.bind();
    }
    let _camera = UvcCamera::plug(0, Config::new("Desk Cam", "A1")).await;
    let cameras = connected(&mut rpc, 3).await;
    assert_eq!((cameras.len(), camera_named(&cameras, "Desk Cam")), (3, &here["device"]), "{cameras:?}");
}
