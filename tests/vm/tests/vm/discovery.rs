//! Which nodes are cameras, and what is told of them.

use serde_json::json;
use testkit::token::Role;
use vm::Vivid;

use crate::common::{connected, setup};

pub(crate) async fn every_camera_is_listed_with_what_it_offers() {
    let _vivid = Vivid::load(2);
    let service = setup().start().await;
    let mut rpc = service.rpc(Role::Viewer).await;
    let cameras = connected(&mut rpc, 2).await;
    for (number, camera) in cameras.iter().enumerate() {
        assert_eq!(
            (&camera["device"], &camera["name"], &camera["kind"], &camera["resolution"]),
            (&json!(format!("camera{number}")), &json!("vivid"), &json!("v4l2"), &json!("320x180"))
        );
        let offered = rpc.ok("get_camera_capabilities", json!({"device": camera["device"]})).await;
        assert_eq!(offered["bus_info"], format!("platform:vivid-00{number}"), "{offered}");
        assert_eq!(
            (&offered["driver"], &offered["validation_status"]),
            (&json!("vivid"), &json!("CONFIRMED"))
        );
        let formats = offered["formats"].as_array().unwrap();
        // A code that is no text (its highest bit means "big-endian") is told as a number.
        for format in ["YUYV", "NV12", "GREY", "0xa0363159"] {
            assert!(formats.contains(&json!(format)), "{format} in {offered}");
        }
        let sizes = ["3840x2160", "1920x1080", "1280x720", "640x480", "640x360", "320x180"];
        assert_eq!(offered["resolutions"], json!(sizes), "largest first");
        let small = json!({"format": "YUYV", "width": 320, "height": 180, "fps": [1, 2, 4, 5, 10, 12.5, 15, 25, 30, 40, 50, 60]});
        assert!(offered["modes"].as_array().unwrap().contains(&small), "{small} in {offered}");
    }
}
