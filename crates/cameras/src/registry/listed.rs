//! Which camera each device is: its number, its name, and what is asked of it. Decisions alone: nothing here
//! touches a device or a file.

use std::collections::{BTreeMap, BTreeSet};

use base::CameraId;

use super::Sources;
use crate::{
    camera::{Camera, Kind, Mode, Source, Status},
    config::{Config, Configured, Match, Origin, Override, Wanted},
    known::{Entry, Known},
    test_picture,
    v4l2::{self, Found},
};

/// What a look does not find out.
pub(super) struct Given<'a> {
    pub(super) sources: &'a Sources,
    pub(super) names: &'a BTreeMap<CameraId, String>,
    /// Nodes that have not answered yet: the numbers they wish for are left to them.
    pub(super) pending: BTreeSet<u16>,
}

/// Gives every device and every configured source its number.
pub(super) fn listed(
    config: &Config,
    found: Vec<Found>,
    known: &mut Known,
    given: &Given<'_>,
    old: &BTreeMap<CameraId, Camera>,
) -> BTreeMap<CameraId, Camera> {
    let mut by_id: BTreeMap<CameraId, Camera> = BTreeMap::new();
    let mut keys = BTreeSet::new();
    let reserved: BTreeSet<CameraId> = known.entries().iter().map(|entry| entry.id).collect();
    let bound: BTreeSet<CameraId> = config.overrides.iter().filter_map(|over| over.id).collect();
    let lowest_free = |taken: &BTreeMap<CameraId, Camera>| {
        let free = |id: &CameraId| {
            let left = given.pending.contains(&id.0);
            !taken.contains_key(id) && !reserved.contains(id) && !bound.contains(id) && !left
        };
        (0..=u16::MAX).map(CameraId).find(free)
    };
    let named_alike = |one: &Found, other: &Found| one.name == other.name && one.serial == other.serial;
    let alone: Vec<bool> = found
        .iter()
        .map(|device| found.iter().filter(|other| named_alike(device, other)).count() == 1)
        .collect();
    for (device, alone) in found.into_iter().zip(alone) {
        let mut key = key_of(&device);
        // Twins in the same port of two hubs, say: told apart only by the order of their nodes.
        let ambiguous = !keys.insert(key.clone());
        if ambiguous {
            key = format!("{key}#{}", device.number);
            keys.insert(key.clone());
        }
        let of_device = |over: &&Override| match &over.of {
            Match::UsbPort(port) => device.bus_info.as_deref() == Some(port.as_str()),
            Match::Serial(serial) => device.serial.as_deref() == Some(serial.as_str()),
            Match::Id(_) => false,
        };
        let over = config.overrides.iter().find(of_device);
        // What could not be opened has no key of its own yet: its node's camera stays the same one.
        let same_node = old.values().find(|camera| {
            camera.device_path.as_deref() == Some(&device.path) && camera.status == Status::Error
        });
        let wish = CameraId(device.number);
        let id = over
            .and_then(|over| over.id)
            .or_else(|| known.id_of_device(&key, &device.name, device.serial.as_deref(), alone))
            .or_else(|| same_node.map(|camera| camera.id))
            .filter(|id| !by_id.contains_key(id))
            .or_else(|| {
                let free = !by_id.contains_key(&wish) && !reserved.contains(&wish) && !bound.contains(&wish);
                if free { Some(wish) } else { lowest_free(&by_id) }
            });
        let Some(id) = id else { break };
        let over = over.or_else(|| of_id(config, id));
        let serial = device.serial.clone();
        let mut camera = camera_of(id, device, over, config.defaults, ambiguous);
        known.note(Entry { id, key, serial, name: camera.name.clone(), kind: Kind::V4l2, seen: None });
        named(&mut camera, over, given.names);
        by_id.insert(id, camera);
    }
    for source in given.sources.all() {
        let key = source.key();
        let id = known.id_of(&key).filter(|id| !by_id.contains_key(id)).or_else(|| lowest_free(&by_id));
        let Some(id) = id else { break };
        let over = of_id(config, id);
        let mut camera = configured(id, source, over, config.defaults);
        known.note(Entry { id, key, serial: None, name: camera.name.clone(), kind: camera.kind, seen: None });
        named(&mut camera, over, given.names);
        by_id.insert(id, camera);
    }
    for entry in known.entries() {
        // A source that is configured no longer keeps its number, but is no camera that was unplugged.
        if entry.kind == Kind::V4l2 && !by_id.contains_key(&entry.id) {
            let mut camera = gone(entry, old.get(&entry.id), config.defaults);
            named(&mut camera, of_id(config, entry.id), given.names);
            by_id.insert(entry.id, camera);
        }
    }
    by_id
}

/// What tells a device from others without a serial number: its name and where it is plugged in.
fn key_of(device: &Found) -> String {
    match &device.bus_info {
        Some(bus) => format!("{}@{bus}", device.name),
        None => format!("node:{}", device.number),
    }
}

fn of_id(config: &Config, id: CameraId) -> Option<&Override> {
    config.overrides.iter().find(|over| over.of == Match::Id(id))
}

fn named(camera: &mut Camera, over: Option<&Override>, names: &BTreeMap<CameraId, String>) {
    let given = names.get(&camera.id).or_else(|| over.and_then(|over| over.name.as_ref()));
    if let Some(name) = given {
        name.clone_into(&mut camera.name);
    }
}

fn wanted(over: Option<&Override>, defaults: Wanted) -> Wanted {
    Wanted {
        size: over.and_then(|over| over.size).unwrap_or(defaults.size),
        fps: over.and_then(|over| over.fps).unwrap_or(defaults.fps),
    }
}

fn camera_of(
    id: CameraId,
    device: Found,
    over: Option<&Override>,
    defaults: Wanted,
    ambiguous: bool,
) -> Camera {
    let wanted = wanted(over, defaults);
    let only = over.and_then(|over| over.format.as_deref());
    let choice = device.modes.as_deref().map_err(Clone::clone).and_then(|modes| {
        v4l2::choose(modes, wanted, only).ok_or_else(|| match only {
            None => "it offers no picture format and size that can be used".to_owned(),
            Some(format) => format!("it does not offer the configured format {format}"),
        })
    });
    let (status, error) = match &choice {
        Ok(_) => (Status::Connected, None),
        Err(why) => (Status::Error, Some(why.clone())),
    };
    let choice = choice.unwrap_or_default();
    let mode = |mode: v4l2::Mode| Mode {
        format: mode.format.to_string(),
        size: mode.size,
        fps: mode.rates.iter().map(|rate| rate.per_second()).collect(),
    };
    Camera {
        id,
        name: device.name,
        kind: Kind::V4l2,
        size: choice.size.unwrap_or(wanted.size),
        fps: choice.rate.map_or(f64::from(wanted.fps), v4l2::Rate::per_second),
        source: Source::Ffmpeg { input: choice.input(&device.path), copy_h264: choice.is_h264() },
        formats: device.formats,
        sizes: device.sizes,
        modes: device.modes.unwrap_or_default().into_iter().map(mode).collect(),
        bitrate_bps: over.and_then(|over| over.bitrate_bps),
        quarter_turns: over.map_or(0, |over| over.quarter_turns),
        ambiguous,
        status,
        error,
        device_path: Some(device.path),
        driver: device.driver,
        bus_info: device.bus_info,
    }
}

fn configured(id: CameraId, source: &Configured, over: Option<&Override>, defaults: Wanted) -> Camera {
    let (kind, picture, source_of) = match &source.origin {
        Origin::Rtsp(url) => (Kind::Rtsp, wanted(over, defaults), Source::Rtsp { url: url.clone() }),
        Origin::Test(picture) => {
            let picture = wanted(over, *picture);
            let input = test_picture::input(picture.size, picture.fps);
            (Kind::Test, picture, Source::Ffmpeg { input, copy_h264: false })
        }
    };
    Camera {
        sizes: if kind == Kind::Test { vec![picture.size] } else { Vec::new() },
        fps: f64::from(picture.fps),
        size: picture.size,
        source: source_of,
        bitrate_bps: over.and_then(|over| over.bitrate_bps),
        quarter_turns: over.map_or(0, |over| over.quarter_turns),
        status: Status::Connected,
        ..nothing(id, &source.name, kind, picture)
    }
}

/// A camera that was seen, and is not there.
fn gone(entry: &Entry, before: Option<&Camera>, defaults: Wanted) -> Camera {
    match before {
        // What it offers is still known.
        Some(camera) => {
            Camera { status: Status::Disconnected, error: None, device_path: None, ..camera.clone() }
        }
        None => nothing(entry.id, &entry.name, entry.kind, defaults),
    }
}

/// A camera of which nothing is known but its name.
fn nothing(id: CameraId, name: &str, kind: Kind, picture: Wanted) -> Camera {
    Camera {
        id,
        name: name.to_owned(),
        kind,
        size: picture.size,
        fps: f64::from(picture.fps),
        source: Source::Ffmpeg { input: Vec::new(), copy_h264: false },
        formats: Vec::new(),
        sizes: Vec::new(),
        modes: Vec::new(),
        bitrate_bps: None,
        quarter_turns: 0,
        ambiguous: false,
        status: Status::Disconnected,
        error: None,
        device_path: None,
        driver: None,
        bus_info: None,
    }
}
