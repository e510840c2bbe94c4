//! Which camera each device is: its number, its name, and what is asked of it. Decisions alone: nothing here
//! touches a device or a file.

use std::collections::{BTreeMap, BTreeSet};

use base::{CameraId, units::Size};

use super::Sources;
use crate::{
    camera::{Camera, Identity, Kind, Mode, Source, Status},
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
    let devices = gathered(found);
    let named_alike = |one: &Found, other: &Found| one.name == other.name && one.serial == other.serial;
    let alike = |of: &Found, same: &dyn Fn(&Found, &Found) -> bool| {
        devices.iter().filter(|(other, _)| same(of, other)).count() > 1
    };
    let alike: Vec<(bool, bool)> = devices
        .iter()
        .map(|(device, _)| {
            let same_key = |one: &Found, other: &Found| key_of(one) == key_of(other);
            (alike(device, &named_alike), alike(device, &same_key))
        })
        .collect();
    for ((device, more), (named_alike, ambiguous)) in devices.into_iter().zip(alike) {
        let alone = !named_alike;
        let mut key = key_of(&device);
        // Twins in one USB device, say: told apart only by the order of their nodes.
        if !keys.insert(key.clone()) {
            key = format!("{key}#{}", device.number);
            keys.insert(key.clone());
        }
        let identity = match (ambiguous, &device.serial, &device.bus_info) {
            (true, ..) => Identity::Ambiguous,
            (_, Some(_), _) if alone => Identity::Serial,
            (.., Some(bus)) if v4l2::usb_controller(bus).is_some() => Identity::UsbPort,
            _ => Identity::Bus,
        };
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
        let mut camera = camera_of(id, device, &more, over, config.defaults, identity);
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

/// The nodes of each camera: the first, which gives it its identity, and the others.
fn gathered(found: Vec<Found>) -> Vec<(Found, Vec<Found>)> {
    let mut devices: Vec<(Found, Vec<Found>)> = Vec::new();
    for node in found {
        let of_it = |(first, more): &&mut (Found, Vec<Found>)| {
            first.is_of_one_with(&node) && more.iter().all(|other| other.is_of_one_with(&node))
        };
        match devices.iter_mut().find(of_it) {
            Some((_, more)) => more.push(node),
            None => devices.push((node, Vec::new())),
        }
    }
    devices
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

fn wished(wanted: Wanted) -> (Size, f64) {
    (wanted.size, f64::from(wanted.fps))
}

fn camera_of(
    id: CameraId,
    device: Found,
    more: &[Found],
    over: Option<&Override>,
    defaults: Wanted,
    identity: Identity,
) -> Camera {
    let wanted = wanted(over, defaults);
    let only = over.and_then(|over| over.format.as_deref());
    let nodes = || std::iter::once(&device).chain(more);
    // One node that can be used is enough.
    let usable: Vec<v4l2::Mode> =
        nodes().filter_map(|node| node.modes.as_deref().ok()).flatten().cloned().collect();
    let choice = match &device.modes {
        Err(why) if usable.is_empty() => Err(why.clone()),
        _ => v4l2::choose(&usable, wanted, only).ok_or_else(|| match only {
            None => "it offers no picture format and size that can be used".to_owned(),
            Some(format) => format!("it does not offer the configured format {format}"),
        }),
    };
    let (status, error) = match &choice {
        Ok(_) => (Status::Connected, None),
        Err(why) => (Status::Error, Some(why.clone())),
    };
    let choice = choice.unwrap_or_default();
    let path_of = |choice: &v4l2::Choice| {
        let has = |node: &&Found| {
            node.modes.as_ref().is_ok_and(|modes| modes.iter().any(|mode| choice.is_of(mode)))
        };
        nodes().find(has).unwrap_or(&device).path.clone()
    };
    let asked = |choice: &v4l2::Choice| {
        Some(v4l2::Ask { path: path_of(choice), format: choice.code?, size: choice.size?, rate: choice.rate })
    };
    let mut formats: Vec<String> = Vec::new();
    for format in nodes().flat_map(|node| &node.formats) {
        if !formats.contains(format) {
            formats.push(format.clone());
        }
    }
    let mut sizes: Vec<Size> = nodes().flat_map(|node| node.sizes.iter().copied()).collect();
    let area = |size: &Size| (u64::from(size.width) * u64::from(size.height), size.width);
    sizes.sort_by_key(|size| std::cmp::Reverse(area(size)));
    sizes.dedup();
    let mode = |mode: &v4l2::Mode| Mode {
        format: mode.format.to_string(),
        size: mode.size,
        fps: mode.rates.iter().map(|rate| rate.per_second()).collect(),
    };
    Camera {
        id,
        name: device.name.clone(),
        kind: Kind::V4l2,
        wished: wished(wanted),
        size: choice.size.unwrap_or(wanted.size),
        fps: choice.rate.map_or(f64::from(wanted.fps), v4l2::Rate::per_second),
        source: Source::Ffmpeg { input: choice.input(&path_of(&choice)), copy_h264: choice.is_h264() },
        formats,
        sizes,
        modes: usable.iter().map(mode).collect(),
        bitrate_bps: over.and_then(|over| over.bitrate_bps),
        quarter_turns: over.map_or(0, |over| over.quarter_turns),
        identity,
        status,
        error,
        format: choice.code.map(|code| code.to_string()),
        stream: asked(&choice),
        still: v4l2::choose_still(&usable, wanted, only).and_then(|choice| asked(&choice)),
        nodes: nodes().map(|node| node.path.clone()).collect(),
        device_path: Some(device.path),
        input: device.input,
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
        wished: wished(picture),
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
        Some(camera) => Camera {
            status: Status::Disconnected,
            error: None,
            device_path: None,
            nodes: Vec::new(),
            stream: None,
            still: None,
            ..camera.clone()
        },
        None => nothing(entry.id, &entry.name, entry.kind, defaults),
    }
}

/// A camera of which nothing is known but its name.
fn nothing(id: CameraId, name: &str, kind: Kind, picture: Wanted) -> Camera {
    Camera {
        id,
        name: name.to_owned(),
        kind,
        wished: wished(picture),
        size: picture.size,
        fps: f64::from(picture.fps),
        source: Source::Ffmpeg { input: Vec::new(), copy_h264: false },
        formats: Vec::new(),
        sizes: Vec::new(),
        modes: Vec::new(),
        input: None,
        bitrate_bps: None,
        quarter_turns: 0,
        identity: if kind == Kind::V4l2 { Identity::Bus } else { Identity::Name },
        status: Status::Disconnected,
        error: None,
        format: None,
        nodes: Vec::new(),
        stream: None,
        still: None,
        device_path: None,
        driver: None,
        bus_info: None,
    }
}
