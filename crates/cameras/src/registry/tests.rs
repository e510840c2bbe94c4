//! Numbers over plugging, unplugging and restarts, on devices made by hand.

use std::collections::BTreeSet;

use base::{config::Settings, units::Size};
use serde_json::{Value, json};

use super::*;
use crate::{
    camera::{Identity, Kind, Source},
    control::{ControlError, ControlValue},
    known::Entry,
    look::tests::{Desk, Does},
    v4l2::{self, Found, is_known_format},
};

fn config(camera: &Value) -> Config {
    let mut settings = Settings::default();
    settings.overlay(json!({ "camera": camera }), base::config::Origin::File);
    let config = Config::read(&mut settings);
    settings.finish().unwrap();
    config
}

/// A device that offers one mode; `bus` tells where it is plugged in.
fn device(number: u16, name: &str, bus: &str) -> Found {
    let size = Size { width: 640, height: 480 };
    Found {
        name: name.into(),
        bus_info: Some(bus.into()),
        formats: vec!["MJPEG".into()],
        modes: Ok(vec![v4l2::Mode::example(size)]),
        ..Found::unusable(number, format!("/dev/video{number}").into(), "")
    }
}

/// A house over several looks at its devices.
struct House {
    config: Config,
    known: Known,
    by_id: BTreeMap<CameraId, Camera>,
    pending: BTreeSet<u16>,
}

impl House {
    fn new(camera: &Value) -> Self {
        Self {
            config: config(camera),
            known: Known::default(),
            by_id: BTreeMap::new(),
            pending: BTreeSet::new(),
        }
    }

    /// What changed, as `+0 -1 ~2`.
    fn look(&mut self, found: Vec<Found>) -> String {
        let sources = Sources { configured: self.config.sources.clone(), retired: Vec::new() };
        let given = Given { sources: &sources, names: &self.config.names, pending: self.pending.clone() };
        let fresh = listed(&self.config, found, &mut self.known, &given, &self.by_id);
        let changes = differences(&self.by_id, &fresh);
        self.by_id = fresh;
        let word = |change: &Change| match change {
            Change::Connected(camera) => format!("+{}", camera.id.0),
            Change::Disconnected(camera) => format!("-{}", camera.id.0),
            Change::Changed(camera) => format!("~{}", camera.id.0),
            Change::Removed(camera) => format!("removed {}", camera.id.0),
        };
        changes.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    fn node(&self, id: u16) -> Option<&Path> {
        self.by_id[&CameraId(id)].device_path.as_deref()
    }
}

#[test]
fn a_number_stays_with_its_camera() {
    let mut house = House::new(&json!({}));
    assert_eq!(house.look(vec![device(0, "A", "usb-1"), device(2, "B", "usb-2")]), "+0 +2");
    assert_eq!(house.look(vec![device(0, "A", "usb-1"), device(2, "B", "usb-2")]), "");
    assert_eq!(house.look(vec![device(2, "B", "usb-2")]), "-0");
    assert_eq!(house.by_id[&CameraId(0)].modes.len(), 1, "what it offers is still known");
    // Replugged in another order, the kernel numbers them anew.
    assert_eq!(house.look(vec![device(0, "B", "usb-2"), device(1, "A", "usb-1")]), "+0 ~2");
    assert_eq!(
        (house.node(0), house.node(2)),
        (Some(Path::new("/dev/video1")), Some(Path::new("/dev/video0")))
    );
    // Another model in the same port is another camera, and takes no number that is somebody's.
    assert_eq!(house.look(vec![device(0, "C", "usb-2"), device(1, "A", "usb-1")]), "+1 -2");
    // After a restart the numbers are known, and so is who is missing.
    house.by_id.clear();
    assert_eq!(house.look(vec![device(0, "A", "usb-1")]), "+0 -1 -2");
}

#[test]
fn a_serial_number_goes_with_its_camera_to_another_port() {
    let numbered =
        |number, bus: &str, serial: &str| Found { serial: Some(serial.into()), ..device(number, "A", bus) };
    let mut house = House::new(&json!({}));
    assert_eq!(house.look(vec![numbered(0, "usb-1", "s1"), numbered(1, "usb-2", "s2")]), "+0 +1");
    assert_eq!(house.look(vec![]), "-0 -1");
    assert_eq!(house.look(vec![numbered(0, "usb-7", "s2")]), "+1", "in a third port");
    // Both have changed places, and another of the same model is where the first one was.
    assert_eq!(
        house.look(vec![numbered(0, "usb-1", "s3"), numbered(1, "usb-2", "s1"), numbered(2, "usb-7", "s2")]),
        "+0 ~1 +2"
    );
    assert_eq!(
        [0, 1, 2].map(|id| house.node(id).unwrap().to_str().unwrap().to_owned()),
        ["/dev/video1", "/dev/video2", "/dev/video0"]
    );
    // Known from a version that kept no serial number, or seen once without one: the port tells.
    let mut house = House::new(&json!({}));
    assert_eq!(house.look(vec![device(3, "A", "usb-1")]), "+3");
    assert_eq!(house.look(vec![numbered(0, "usb-1", "s1")]), "~3");
    assert_eq!(house.look(vec![]), "-3");
    assert_eq!(house.look(vec![numbered(0, "usb-2", "s1")]), "+3");
}

#[test]
fn a_serial_number_that_many_share_is_none() {
    let cheap = |number, bus: &str| Found { serial: Some("0001".into()), ..device(number, "A", bus) };
    let mut house = House::new(&json!({}));
    assert_eq!(house.look(vec![cheap(0, "usb-1"), cheap(1, "usb-2")]), "+0 +1");
    assert_eq!(house.look(vec![cheap(0, "usb-2")]), "-0 ~1", "the port tells which one is left");
    // The number tells again, as long as nobody else has it.
    assert_eq!(house.by_id[&CameraId(1)].identity, Identity::Serial);
    assert_eq!(house.look(vec![cheap(0, "usb-2"), cheap(1, "usb-1")]), "+0 ~1");
    assert_eq!(
        (house.node(0), house.node(1)),
        (Some(Path::new("/dev/video1")), Some(Path::new("/dev/video0")))
    );
}

#[test]
fn twins_are_told_apart_by_order_only_and_say_so() {
    let mut house = House::new(&json!({}));
    assert_eq!(house.look(vec![device(0, "A", "usb-1"), device(1, "A", "usb-1")]), "+0 +1");
    assert_eq!([0, 1].map(|id| house.by_id[&CameraId(id)].identity), [Identity::Ambiguous; 2]);
    assert_eq!(house.look(vec![device(0, "A", "usb-1")]), "~0 -1");
    assert_eq!(house.by_id[&CameraId(0)].identity, Identity::UsbPort);
}

#[test]
fn raw_and_h264_nodes_are_one_camera_that_asks_each_for_what_it_has() {
    let raw = || Found { serial: Some("s1".into()), ..device(0, "A", "usb-0000:00:14.0-1") };
    let h264 = || {
        let size = Size { width: 1280, height: 720 };
        let mode = v4l2::Mode { format: v4l2::FourCc(*b"H264"), ..v4l2::Mode::example(size) };
        Found {
            number: 2,
            path: "/dev/video2".into(),
            formats: vec!["H264".into()],
            modes: Ok(vec![mode]),
            ..raw()
        }
    };
    let mut house = House::new(&json!({}));
    assert_eq!(house.look(vec![raw(), h264()]), "+0");
    let camera = &house.by_id[&CameraId(0)];
    assert_eq!((camera.identity, camera.modes.len()), (Identity::Serial, 2));
    assert_eq!(camera.formats, ["MJPEG", "H264"]);
    let Source::Ffmpeg { input, copy_h264: true } = &camera.source else { panic!("{camera:?}") };
    assert!(input.join(" ").ends_with("-video_size 1280x720 -framerate 30 -i /dev/video2"), "{input:?}");
    assert_eq!(camera.still.as_ref().map(|ask| ask.path.as_path()), Some(Path::new("/dev/video0")));
    assert_eq!(camera.nodes.len(), 2);
    // One of them may be slower than the other, or not be permitted.
    assert_eq!(house.look(vec![raw()]), "~0");
    let closed = Found { modes: Err("no permission".into()), ..h264() };
    assert_eq!(house.look(vec![raw(), closed]), "~0");
    assert_eq!(house.look(vec![h264()]), "~0", "the raw one is gone");
    // What offers the same twice is two cameras.
    let twin = Found { number: 1, path: "/dev/video1".into(), ..raw() };
    assert_eq!(house.look(vec![raw(), twin]), "~0 +1");
}

#[test]
fn what_could_not_be_opened_keeps_its_number_when_it_can() {
    let mut house = House::new(&json!({}));
    let closed = Found::unusable(3, "/dev/video3".into(), "no permission");
    assert_eq!(house.look(vec![closed]), "~3");
    assert_eq!(house.by_id[&CameraId(3)].error.as_deref(), Some("no permission"));
    assert_eq!(house.look(vec![device(3, "A", "usb-1")]), "+3");
    assert_eq!(house.by_id.len(), 1);
}

#[test]
fn a_known_camera_that_cannot_be_opened_is_still_that_camera() {
    let mut house = House::new(&json!({}));
    assert_eq!(house.look(vec![device(0, "A", "usb-1")]), "+0");
    assert_eq!(house.look(vec![]), "-0");
    // sysfs tells its name and port.
    let closed = Found { modes: Err("no permission".into()), ..device(5, "A", "usb-1") };
    assert_eq!(house.look(vec![closed]), "~0");
    assert_eq!(house.by_id[&CameraId(0)].status, Status::Error);
    assert_eq!(house.look(vec![device(5, "A", "usb-1")]), "+0");
    assert_eq!(house.by_id.len(), 1, "nobody else was there");
}

#[test]
fn overrides_bind_numbers_and_change_what_is_asked() {
    let mut house = House::new(&json!({
        "sources": [{"name": "Pattern", "test": "320x180@5"}],
        "overrides": [
            {"match": {"usb_port": "usb-2"}, "id": "camera0", "name": "Gate", "fps": 7, "bitrate": "1M", "rotate": 180},
            {"match": {"id": "camera1"}, "format": "h264"},
            {"match": {"id": "camera2"}, "size": "640x360"},
        ],
        "names": {"camera2": "Yard"},
    }));
    assert_eq!(house.look(vec![device(0, "A", "usb-1"), device(1, "B", "usb-2")]), "+0 ~1 +2");
    let (gate, other, pattern) =
        (&house.by_id[&CameraId(0)], &house.by_id[&CameraId(1)], &house.by_id[&CameraId(2)]);
    assert_eq!((gate.name.as_str(), gate.bitrate_bps, gate.quarter_turns), ("Gate", Some(1_000_000), 2));
    // It does not offer what it must give.
    assert_eq!((other.status, other.error.is_some()), (Status::Error, true));
    assert_eq!((pattern.name.as_str(), pattern.size.to_string().as_str()), ("Yard", "640x360"));
    assert!(is_known_format("mjpeg") && !is_known_format("x"));
}

#[test]
fn a_device_that_has_not_answered_yet_keeps_the_number_it_wishes_for() {
    let mut house = House::new(&json!({"sources": [{"name": "Pattern", "test": "320x180@5"}]}));
    house.pending.insert(0);
    assert_eq!(house.look(vec![]), "+1");
    house.pending.clear();
    assert_eq!(house.look(vec![device(0, "A", "usb-1")]), "+0");
}

/// From the kernel's word to what is told of a camera, as the Controller goes about it.
async fn next_changes(cameras: &Cameras, watch: &mut Watch) -> Vec<String> {
    let patience = Duration::from_secs(10);
    let changes = tokio::time::timeout(patience, async {
        loop {
            let changes = tokio::select! {
                hint = watch.next() => cameras.look(&hint, &[]),
                () = cameras.answered() => cameras.settle(&[]),
            };
            if !changes.is_empty() {
                return changes;
            }
        }
    });
    let word = |change: &Change| match change {
        Change::Connected(camera) => format!("+{}", camera.id.0),
        Change::Disconnected(camera) => format!("-{}", camera.id.0),
        other => format!("{other:?}"),
    };
    changes.await.expect("something changes").iter().map(word).collect()
}

#[tokio::test]
async fn plugged_and_pulled_beside_a_device_that_hangs() {
    let desk = Desk::new();
    let news = Arc::<Notify>::default();
    let looking = (desk.lookout(news.clone()), news);
    let cameras = Cameras::with(&config(&json!({})), Known::default(), looking, Duration::ZERO);
    let mut watch = cameras.watch();
    desk.plug(7, Does::Hang);
    desk.plug(3, Does::Answer);
    assert_eq!(next_changes(&cameras, &mut watch).await, ["+3"]);
    for _ in 0..20 {
        desk.pull(3);
        assert_eq!(next_changes(&cameras, &mut watch).await, ["-3"]);
        desk.plug(3, Does::Answer);
        assert_eq!(next_changes(&cameras, &mut watch).await, ["+3"]);
    }
    // Not permitted at first, which is no news; then udev says who may open it.
    desk.plug(4, Does::Refuse);
    desk.plug(5, Does::Answer);
    assert_eq!(next_changes(&cameras, &mut watch).await, ["+5"]);
    desk.let_it(4, Does::Answer);
    desk.touch(4);
    assert_eq!(next_changes(&cameras, &mut watch).await, ["+4"]);
    desk.let_it(7, Does::Answer);
    assert_eq!(next_changes(&cameras, &mut watch).await, ["+7"]);
}

#[tokio::test]
async fn ten_cameras_at_once_come_all() {
    let desk = Desk::new();
    let news = Arc::<Notify>::default();
    let looking = (desk.lookout(news.clone()), news);
    let cameras = Cameras::with(&config(&json!({})), Known::default(), looking, Duration::ZERO);
    let mut watch = cameras.watch();
    for number in 0..10 {
        desk.plug(2 * number, Does::Answer);
        desk.plug(2 * number + 1, Does::NoCamera);
    }
    let mut told = Vec::new();
    while told.len() < 10 {
        told.extend(next_changes(&cameras, &mut watch).await);
    }
    told.sort();
    let mut all: Vec<_> = (0..10).map(|number| format!("+{}", 2 * number)).collect();
    all.sort();
    assert_eq!(told, all);
}

#[test]
fn only_what_is_gone_can_be_forgotten() {
    let empty = tempfile::tempdir().unwrap();
    let file = empty.path().join("cameras.json");
    let mut known = Known::open(file.clone()).unwrap();
    known.note(Entry {
        id: CameraId(4),
        key: "A@usb-1".into(),
        serial: None,
        name: "A".into(),
        kind: Kind::V4l2,
        seen: None,
    });
    known.unsaved().unwrap().write().unwrap();
    let config = config(&json!({"sources": [{"name": "Pattern", "test": "320x180@5"}]}));
    let cameras = Cameras::begin(
        &config,
        Known::open(file.clone()).unwrap(),
        empty.path(),
        empty.path(),
        Duration::ZERO,
    );
    let states: Vec<_> = cameras.list().iter().map(|camera| (camera.id.0, camera.status)).collect();
    assert_eq!(states, [(0, Status::Connected), (4, Status::Disconnected)]);
    assert!(cameras.rename(CameraId(4), "Old") && !cameras.rename(CameraId(9), "x"));
    assert_eq!(cameras.get(CameraId(4)).unwrap().name, "Old");
    assert!(cameras.look(&Hint::everything(), &[]).is_empty(), "a name given stays");
    assert!(cameras.forget(CameraId(4)) && !cameras.forget(CameraId(0)) && !cameras.forget(CameraId(4)));
    assert_eq!(Known::open(file).unwrap().id_of("A@usb-1"), None);
}

#[test]
fn a_camera_that_is_gone_was_last_seen_when_it_was_there_and_not_when_it_was_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cameras.json");
    let text = r#"{"schema": 1, "cameras": [{"id": "camera4", "key": "A@usb-1", "name": "A", "kind": "v4l2", "seen_ms": 1000}]}"#;
    std::fs::write(&file, text).unwrap();
    let open = || Known::open(file.clone()).unwrap();
    let sources = config(&json!({"sources": [{"name": "B", "test": "320x180@5"}]}));
    let peeked = Cameras::begin(&sources, open().read_only(), folder.path(), folder.path(), Duration::ZERO);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text, "a look beside the service writes nothing");
    assert_eq!(peeked.list().len(), 2);
    let cameras = Cameras::begin(&sources, open(), folder.path(), folder.path(), Duration::ZERO);
    let then = std::time::UNIX_EPOCH + Duration::from_secs(1);
    let before = SystemTime::now();
    cameras.look(&Hint::everything(), &[]);
    assert_eq!(cameras.last_seen(CameraId(4)), Some(then));
    assert!(cameras.last_seen(CameraId(0)).unwrap() >= before, "what is there is seen by each look");
    assert_eq!(open().entries().len(), 2);
    assert!(cameras.forget(CameraId(4)));
    assert_eq!((cameras.last_seen(CameraId(4)), open().entries().len()), (None, 1));
}

#[test]
fn sources_come_and_go_with_the_configuration_but_not_while_they_are_held() {
    let folder = tempfile::tempdir().unwrap();
    let known = Known::open(folder.path().join("cameras.json")).unwrap();
    let with = |sources: Value, names: Value| config(&json!({"sources": sources, "names": names}));
    let (a, b) = (json!({"name": "A", "test": "320x180@5"}), json!({"name": "B", "test": "320x180@5"}));
    let cameras =
        Cameras::begin(&with(json!([a]), json!({})), known, folder.path(), folder.path(), Duration::ZERO);
    let look = |held: &[CameraId]| -> Vec<String> {
        let word = |change: &Change| match change {
            Change::Connected(camera) => format!("+{}", camera.id),
            Change::Removed(camera) => format!("removed {}", camera.id),
            Change::Disconnected(camera) | Change::Changed(camera) => format!("~{}", camera.id),
        };
        cameras.look(&Hint::everything(), held).iter().map(word).collect()
    };
    cameras.reconfigure(&with(json!([b, a]), json!({})));
    assert_eq!(look(&[]), ["+camera1"]);
    // The same camera at another place.
    cameras.reconfigure(&with(json!([{"name": "A", "url": "rtsp://host/"}, b]), json!({"camera1": "Gate"})));
    assert_eq!(look(&[]), ["~camera0", "~camera1"]);
    assert_eq!(cameras.get(CameraId(1)).unwrap().name, "Gate");
    cameras.reconfigure(&with(json!([]), json!({})));
    assert_eq!(look(&[CameraId(1)]), ["~camera1", "removed camera0"]);
    assert_eq!(look(&[CameraId(1)]), [""; 0], "it stays while it is held");
    assert_eq!(look(&[]), ["removed camera1"]);
    assert!(cameras.list().is_empty());
    // Its number waits for it, and one that was retired may come back.
    cameras.reconfigure(&with(json!([b]), json!({})));
    assert_eq!(look(&[]), ["+camera1"]);
    cameras.reconfigure(&with(json!([]), json!({})));
    cameras.reconfigure(&with(json!([b, a]), json!({})));
    assert_eq!(look(&[]), ["+camera0"]);
}

#[test]
fn controls_are_those_of_devices_and_what_is_kept_is_what_the_configuration_says() {
    let folder = tempfile::tempdir().unwrap();
    let known = Known::open(folder.path().join("cameras.json")).unwrap();
    let config = config(&json!({
        "sources": [{"name": "Pattern", "test": "320x180@5"}],
        "controls": {"camera0": {"brightness": 3}, "camera4": {"brightness": 3}},
    }));
    let cameras = Cameras::begin(&config, known, folder.path(), folder.path(), Duration::ZERO);
    let wish = || [("brightness".to_owned(), ControlValue::Integer(1))].into();
    assert_eq!(cameras.controls(CameraId(0)), Err(ControlError::NoControls));
    assert_eq!(cameras.set_controls(CameraId(0), wish()).unwrap_err(), ControlError::NoControls);
    assert_eq!(cameras.reset_controls(CameraId(9)).unwrap_err(), ControlError::NotThere);
    assert_eq!(cameras.kept_controls(CameraId(0)).len(), 1);
    assert_eq!(cameras.apply_controls(CameraId(0)).len(), 1, "it is kept, and cannot be set");
    assert_eq!(cameras.apply_controls(CameraId(9)), vec![]);
    cameras.reconfigure(&Config { controls: [(CameraId(0), wish())].into(), ..config });
    assert_eq!(cameras.kept_controls(CameraId(0)), wish());
    assert!(cameras.kept_controls(CameraId(4)).is_empty());
}
