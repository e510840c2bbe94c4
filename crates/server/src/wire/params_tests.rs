//! Every rule of reading parameters, and what its breach is called.

use serde_json::{Value, json};

use super::*;
use crate::wire::{
    Authenticate, GetCameraStatus, ListFiles, Nothing, OfCamera, StartRecording, SubscribeEvents,
    TakeSnapshot, UnsubscribeEvents,
};

/// Only camera0 exists here, also as /dev/video0.
fn resolve(device: &Device) -> Result<CameraId, Error> {
    match device {
        Device::Id(_, Some(CameraId(0))) => Ok(CameraId(0)),
        Device::Path(path) if path == "/dev/video0" => Ok(CameraId(0)),
        Device::Id(name, _) => Err(Error::no_camera(Some(name), &[CameraId(0)])),
        Device::Path(_) => Err(Error::no_camera(None, &[CameraId(0)])),
    }
}

fn read<T: FromParams>(params: &Value) -> Result<T, Error> {
    let Value::Object(members) = params.clone() else { panic!("an object") };
    Params::new(members, &resolve).read()
}

/// `param rule` of the error.
fn broken<T: FromParams>(params: &Value) -> String {
    let Err(error) = read::<T>(params) else { panic!("{params} is good") };
    let error = error.to_value();
    let text = |member: &str| error["data"][member].as_str().unwrap_or_default().to_owned();
    assert!(!text("reason").is_empty() && !error.to_string().contains("/dev/"), "{error}");
    match error["code"].as_i64() {
        Some(-32602) => format!("{} {}", text("param"), text("rule")),
        Some(-32000) => format!("camera {}", text("device")).trim().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn snapshots() {
    let full = json!({
        "device": "camera0", "format": "png", "quality": 1, "filename": "a.png", "width": 640, "height": 360,
        "max_age_ms": 0, "not_before": "2026-11-24T01:25:19Z",
    });
    let wish = read::<TakeSnapshot>(&full).unwrap();
    assert_eq!((wish.device, wish.request.quality, wish.request.width), (CameraId(0), Some(1), Some(640)));
    assert!(read::<TakeSnapshot>(&json!({"device": "/dev/video0", "quality": 85.0, "width": null})).is_ok());
    for (change, want) in [
        (json!({"device": null}), "device required"),
        (json!({"device": 0}), "device type"),
        (json!({"device": "video0"}), "device format"),
        (json!({"device": "camera"}), "device format"),
        (json!({"device": "camera0\n"}), "device format"),
        (json!({"device": format!("camera{}", "1".repeat(300))}), "device format"),
        (json!({"device": "camera1"}), "camera camera1"),
        (json!({"device": "camera00"}), "camera camera00"),
        (json!({"device": "camera99999"}), "camera camera99999"),
        (json!({"device": "/dev/video7"}), "camera"),
        // Who may not know a camera learns nothing about parameters either.
        (json!({"device": "camera1", "quality": 500}), "camera camera1"),
        (json!({"quality": 0}), "quality range"),
        (json!({"quality": 101}), "quality range"),
        (json!({"quality": -1}), "quality range"),
        (json!({"quality": 1e300}), "quality range"),
        (json!({"quality": 8.5}), "quality type"),
        (json!({"quality": "85"}), "quality type"),
        (json!({"format": "gif"}), "format choice"),
        (json!({"format": ["jpg"]}), "format type"),
        (json!({"width": 15}), "width range"),
        (json!({"height": 8193}), "height range"),
        (json!({"not_before": "yesterday"}), "not_before format"),
        (json!({"max_age_ms": true}), "max_age_ms type"),
        (json!({"filename": ".jpg"}), "filename pattern"),
        (json!({"filename": "../a.jpg"}), "filename pattern"),
        (json!({"filename": "a b.jpg"}), "filename pattern"),
        (json!({"filename": format!("{}.jpg", "a".repeat(97))}), "filename pattern"),
        (json!({"filename": "a.png", "format": "jpg"}), "filename extension"),
        (json!({"filename": "a", "format": "png"}), "filename extension"),
        (json!({"filename": "a.jpg", "format": "png"}), "filename extension"),
        (json!({"fromat": "png"}), "fromat unknown"),
    ] {
        let mut params = json!({"device": "camera0"});
        params.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        assert_eq!(broken::<TakeSnapshot>(&params), want, "{change}");
    }
}

#[test]
fn recordings() {
    let wish = read::<StartRecording>(&json!({"device": "camera0", "duration": 86_400, "format": "fmp4"}));
    assert_eq!(wish.unwrap().request.duration.unwrap().as_secs(), 86_400);
    for (params, want) in [
        (json!({"device": "camera0", "duration": 0}), "duration range"),
        (json!({"device": "camera0", "duration": 86_401}), "duration range"),
        (json!({"device": "camera0", "duration": 1.5}), "duration type"),
        (json!({"device": "camera0", "format": "mov"}), "format choice"),
        (json!({}), "device required"),
    ] {
        assert_eq!(broken::<StartRecording>(&params), want, "{params}");
    }
}

#[test]
fn lists() {
    let query = read::<ListFiles>(&json!({})).unwrap();
    assert_eq!((query.limit, query.offset, query.device), (50, 0, None));
    let query = read::<ListFiles>(&json!({"device": "camera0", "cursor": "x", "limit": 1000})).unwrap();
    assert_eq!((query.limit, query.device), (1000, Some(CameraId(0))));
    for (params, want) in [
        (json!({"limit": 0}), "limit range"),
        (json!({"limit": 1001}), "limit range"),
        (json!({"offset": -1}), "offset range"),
        (json!({"offset": 0, "cursor": "x"}), "cursor exclusive"),
        (json!({"since": 5}), "since type"),
        (json!({"device": "camera3"}), "camera camera3"),
        (json!({"page": 1}), "page unknown"),
    ] {
        assert_eq!(broken::<ListFiles>(&params), want, "{params}");
    }
}

#[test]
fn subscriptions() {
    let full = json!({"topics": ["*"], "filters": {"device": ["camera7", "/dev/video0", "/dev/video9"]},
        "since": {"epoch": "e", "seq": 5.0}});
    let wish = read::<SubscribeEvents>(&full).unwrap();
    let devices = wish.devices.unwrap();
    // A camera that does not exist never matches; a path is not given back.
    assert_eq!(devices.asked, json!(["camera7", "camera0"]));
    assert_eq!(devices.ids, [CameraId(0), CameraId(7)].into());
    assert_eq!(wish.since.map(|since| (since.epoch, since.seq)), Some(("e".into(), 5)));
    let wish = read::<SubscribeEvents>(&json!({"topics": ["x"], "filters": {"device": "camera0"}})).unwrap();
    assert_eq!(wish.devices.unwrap().asked, json!("camera0"));
    let wish = read::<SubscribeEvents>(&json!({"topics": ["x"], "filters": {}, "since": null})).unwrap();
    assert!(wish.devices.is_none() && wish.since.is_none());
    for (change, want) in [
        (json!({"topics": null}), "topics required"),
        (json!({"topics": []}), "topics range"),
        (json!({"topics": vec!["*"; 51]}), "topics range"),
        (json!({"topics": ["a".repeat(65)]}), "topics length"),
        (json!({"topics": "*"}), "topics type"),
        (json!({"topics": [1]}), "topics type"),
        (json!({"filters": []}), "filters type"),
        (json!({"filters": {"topic": 1}}), "filters unknown"),
        (json!({"filters": {"device": []}}), "filters type"),
        (json!({"filters": {"device": vec!["camera0"; 257]}}), "filters type"),
        (json!({"filters": {"device": ["camera0", 1]}}), "filters format"),
        (json!({"filters": {"device": "webcam"}}), "filters format"),
        (json!({"since": 1}), "since type"),
        (json!({"since": {}}), "since required"),
        (json!({"since": {"epoch": "e", "seq": -1}}), "since range"),
        (json!({"since": {"epoch": "e", "seq": 1, "x": 1}}), "since unknown"),
    ] {
        let mut params = json!({"topics": ["*"]});
        params.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        assert_eq!(broken::<SubscribeEvents>(&params), want, "{change}");
    }
    assert!(read::<UnsubscribeEvents>(&json!({})).unwrap().topics.is_none());
    assert_eq!(broken::<UnsubscribeEvents>(&json!({"topics": []})), "topics range");
}

#[test]
fn the_rest() {
    assert!(read::<Nothing>(&json!({})).is_ok());
    assert_eq!(broken::<Nothing>(&json!({"x": 1})), "x unknown");
    assert_eq!(broken::<Nothing>(&json!({"/dev/video0": 1})), "(not a name) unknown");
    assert_eq!(broken::<OfCamera>(&json!({"device": "camera0", "debug": true})), "debug unknown");
    assert!(read::<GetCameraStatus>(&json!({"device": "camera0", "debug": true})).unwrap().debug);
    assert_eq!(broken::<GetCameraStatus>(&json!({"device": "camera0", "debug": 1})), "debug type");
    assert_eq!(broken::<Authenticate>(&json!({})), "auth_token required");
    assert_eq!(broken::<Authenticate>(&json!({"auth_token": 1})), "auth_token type");
}
