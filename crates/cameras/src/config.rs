//! The `camera` section: configured sources and what to ask of cameras that offer a choice.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use base::{
    CameraId, SafeUrl,
    config::{Section, Settings},
    units::Size,
};

use crate::{
    kept::{self, Kept},
    v4l2::is_known_format,
};

/// Said of what is no name for a camera.
const NOT_A_NAME: &str = "must be 1 to 64 characters without control characters";

/// Most configured sources: each may become an ffmpeg process.
pub const MAX_SOURCES: usize = 256;

/// The checked `camera` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub(crate) sources: Vec<Configured>,
    pub(crate) defaults: Wanted,
    /// How often the devices are looked at.
    pub scan_interval: Duration,
    /// Longest wait for a device's driver.
    pub(crate) detection_timeout: Duration,
    /// Streams are started with the service, and kept.
    pub auto_start_streams: bool,
    pub(crate) devices: Devices,
    pub(crate) overrides: Vec<Override>,
    /// Names given through the API.
    pub(crate) names: BTreeMap<CameraId, String>,
    /// What controls are set to whenever their camera comes, by name.
    pub(crate) controls: Kept,
}

/// Which devices may be cameras: patterns of their path, name or port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Devices {
    pub(crate) allow: Vec<String>,
    pub(crate) deny: Vec<String>,
}

/// What is asked of one camera alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Override {
    pub(crate) of: Match,
    pub(crate) id: Option<CameraId>,
    pub(crate) name: Option<String>,
    pub(crate) size: Option<Size>,
    pub(crate) fps: Option<u32>,
    /// By ffmpeg's name.
    pub(crate) format: Option<String>,
    pub(crate) bitrate_bps: Option<u64>,
    pub(crate) quarter_turns: u8,
}

/// Which camera an override is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Match {
    Id(CameraId),
    UsbPort(String),
    Serial(String),
}

/// What to ask of a camera that offers a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) size: Size,
    /// Frames a second.
    pub(crate) fps: u32,
}

/// One entry of `camera.sources`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Configured {
    pub(crate) name: String,
    pub(crate) origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Rtsp(SafeUrl),
    Test(Wanted),
}

impl Configured {
    /// What tells it from other cameras.
    pub(crate) fn key(&self) -> String {
        format!("source:{}", self.name)
    }
}

impl Config {
    /// Reads the section; mistakes are noted in `settings`.
    pub fn read(settings: &mut Settings) -> Self {
        let mut camera = settings.section("camera");
        let mut defaults = camera.section("defaults");
        let defaults = Wanted {
            size: defaults.picture_size("size", "1280x720"),
            fps: defaults.integer("fps", 15, 1..=120) as u32,
        };
        let mut names = BTreeSet::new();
        let sources = camera.list("sources", |item| source(item, &mut names));
        if sources.len() > MAX_SOURCES {
            camera.problem("sources", format!("at most {MAX_SOURCES} are allowed"));
        }
        let (second, hour) = (Duration::from_secs(1), Duration::from_hours(1));
        let mut devices = camera.section("devices");
        let devices = Devices { allow: devices.texts_or("allow", &["*"]), deny: devices.texts("deny") };
        Self {
            sources,
            defaults,
            scan_interval: camera.duration_in("scan_interval", "5s", second..=hour),
            detection_timeout: camera.duration_in(
                "detection_timeout",
                "5s",
                Duration::from_millis(100)..=Duration::from_mins(1),
            ),
            auto_start_streams: camera.boolean("auto_start_streams", false),
            devices,
            overrides: overrides(&mut camera),
            names: names_given(&mut camera),
            controls: kept::read(&mut camera),
        }
    }

    /// Adds a test camera, for a demo where no real one is found. `picture` is `WxH@FPS`.
    ///
    /// # Panics
    /// If `picture` is not of that form.
    pub fn add_test(&mut self, name: &str, picture: &str) {
        let wanted = test_picture(picture).expect("the caller writes the picture by hand, as WxH@FPS");
        self.sources.push(Configured { name: name.to_owned(), origin: Origin::Test(wanted) });
    }
}

/// `camera.names.cameraN`, as `set_camera` keeps them.
fn names_given(camera: &mut Section<'_>) -> BTreeMap<CameraId, String> {
    let mut names = BTreeMap::new();
    for (id, name) in camera.entries("names") {
        match id.parse() {
            Ok(_) if !is_good_name(&name) => {
                camera.problem(&format!("names.{id}"), NOT_A_NAME);
            }
            Ok(known) => _ = names.insert(known, name),
            Err(_) => camera.problem(&format!("names.{id}"), "is not a camera's id such as camera0"),
        }
    }
    names
}

/// Each is about another camera, and gives another number: of two that are not, only one could count.
fn overrides(camera: &mut Section<'_>) -> Vec<Override> {
    let mut before: Vec<Override> = Vec::new();
    camera.list("overrides", |item| {
        let over = over(item)?;
        if before.iter().any(|other| other.of == over.of) {
            item.problem("match", "another override is about this camera already");
        }
        if over.id.is_some() && before.iter().any(|other| other.id == over.id) {
            item.problem("id", "belongs to another override already");
        }
        if matches!((&over.of, over.id), (Match::Id(of), Some(id)) if *of != id) {
            item.problem(
                "id",
                "goes with match.usb_port or match.serial; match.id is the camera's number already",
            );
        }
        before.push(over.clone());
        Some(over)
    })
}

fn over(item: &mut Section<'_>) -> Option<Override> {
    let camera = |item: &mut Section<'_>, key: &str| {
        let text = item.opt_text(key)?;
        text.parse().map_err(|_| item.problem(key, "must be a camera's id such as camera0")).ok()
    };
    let mut of = item.section("match");
    let (id, port, serial) = (camera(&mut of, "id"), of.opt_text("usb_port"), of.opt_text("serial"));
    let of = match (id, port, serial) {
        (Some(id), None, None) => Some(Match::Id(id)),
        (None, Some(port), None) => Some(Match::UsbPort(port)),
        (None, None, Some(serial)) => Some(Match::Serial(serial)),
        _ => {
            item.problem("match", "exactly one of id, usb_port and serial is needed");
            None
        }
    };
    let rotate = item.choice("rotate", &[("0", 0), ("90", 1), ("180", 2), ("270", 3)]);
    let size = item.opt_text("size").and_then(|text| {
        let size = Size::parse(&text);
        if size.is_none() {
            item.problem("size", format!("`{text}` is not WIDTHxHEIGHT, both even, 16 to 8192"));
        }
        size
    });
    let format = item.opt_text("format");
    if format.as_deref().is_some_and(|format| !is_known_format(format)) {
        item.problem("format", "must be a format ffmpeg knows, such as mjpeg, yuyv422 or h264");
    }
    let name = item.opt_text("name");
    if name.as_deref().is_some_and(|name| !is_good_name(name)) {
        item.problem("name", NOT_A_NAME);
    }
    Some(Override {
        of: of?,
        id: camera(item, "id"),
        name,
        size,
        fps: item.opt_integer("fps", 1..=120).map(|fps| fps as u32),
        format,
        bitrate_bps: item.opt_size("bitrate", 16_000..=100_000_000),
        quarter_turns: rotate,
    })
}

fn source(item: &mut Section<'_>, names: &mut BTreeSet<String>) -> Option<Configured> {
    let name = item.opt_text("name");
    // Secret: the address may hold a password, and so may a mistyped one.
    let url = item.secret("url");
    let test = item.opt_text("test");
    let name = match name {
        None => Err("is required"),
        Some(name) if !is_good_name(&name) => Err(NOT_A_NAME),
        Some(name) if !names.insert(name.clone()) => {
            Err("belongs to another source already; names are unique")
        }
        Some(name) => Ok(name),
    };
    let name = name.map_err(|what| item.problem("name", what)).ok();
    let origin = match (url, test) {
        (Some(url), None) => match rtsp_url(&url) {
            Ok(()) => Some(Origin::Rtsp(SafeUrl::new(url))),
            Err(what) => {
                item.problem("url", what);
                None
            }
        },
        (None, Some(test)) => {
            let wanted = test_picture(&test);
            if wanted.is_none() {
                item.problem(
                    "test",
                    format!("`{test}` is not WIDTHxHEIGHT@FPS: both even, 16 to 8192; 1 to 120"),
                );
            }
            wanted.map(Origin::Test)
        }
        (Some(_), Some(_)) | (None, None) => {
            item.problem("url", "exactly one of url and test is needed");
            None
        }
    };
    Some(Configured { name: name?, origin: origin? })
}

/// May a camera be called that?
pub fn is_good_name(name: &str) -> bool {
    (1..=64).contains(&name.chars().count()) && !name.chars().any(char::is_control)
}

/// `WxH@FPS`.
fn test_picture(text: &str) -> Option<Wanted> {
    let (size, fps) = text.split_once('@')?;
    let fps = fps.parse().ok().filter(|fps| (1..=120).contains(fps))?;
    Some(Wanted { size: Size::parse(size)?, fps })
}

/// Is it an address a network camera can be dialled at? The error never repeats it.
fn rtsp_url(url: &str) -> Result<(), &'static str> {
    let what = "must be an address such as rtsp://host:554/path";
    let (scheme, rest) = url.split_once("://").ok_or(what)?;
    if scheme.eq_ignore_ascii_case("rtsps") {
        return Err("rtsps is not supported yet; use rtsp://");
    }
    if !scheme.eq_ignore_ascii_case("rtsp") || url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(what);
    }
    // RFC 3986 section 3.2: what is before the first of these is the authority, and its host follows
    // the last `@`.
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = match host_port.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((host, port))) if host.parse::<std::net::Ipv6Addr>().is_ok() => (host, port),
        Some(_) => return Err(what),
        None => match host_port.find(':') {
            Some(at) => host_port.split_at(at),
            None => (host_port, ""),
        },
    };
    let port_fine = match port.strip_prefix(':') {
        Some(port) => port.parse::<u16>().is_ok_and(|port| port != 0),
        None => port.is_empty(),
    };
    if host.is_empty() {
        return Err(what);
    }
    if port_fine {
        Ok(())
    } else {
        Err("the port must be 1 to 65535; `/`, `?` and `#` in a password are written %2F, %3F, %23")
    }
}

#[cfg(test)]
mod tests {
    use base::config::Origin as From;
    use serde_json::{Value, json};

    use super::*;

    fn read(camera: &Value) -> (Config, Result<Vec<base::config::Shown>, Vec<base::config::Problem>>) {
        let mut settings = Settings::default();
        settings.overlay(json!({ "camera": camera }), From::File);
        let config = Config::read(&mut settings);
        (config, settings.finish())
    }

    #[test]
    fn the_defaults_are_allowed_values() {
        let (config, outcome) = read(&json!({}));
        assert!(outcome.is_ok());
        let size = Size { width: 1280, height: 720 };
        assert_eq!((config.sources, config.defaults), (vec![], Wanted { size, fps: 15 }));
        assert_eq!(config.scan_interval, Duration::from_secs(5));
        assert_eq!((config.devices.allow, config.devices.deny), (vec!["*".to_owned()], vec![]));
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let (_, outcome) = read(&json!({
            "defaults": {"size": "1x1", "fps": 0},
            "sources": [
                {"url": "rtsp://host/"},
                {"name": "", "test": "640x360@15"},
                {"name": "a", "test": "640x360"},
                {"name": "a", "test": "640x360@15"},
                {"name": "b"},
                {"name": "c", "test": "640x360@15", "url": "rtsp://host"},
                {"name": "d", "url": "rtsps://host/hunter2"},
                {"name": "e\u{7}", "url": "rtsp://user:hunter2@:554/"},
                {"name": "f", "tset": "640x360@15"},
            ]
        }));
        let problems = outcome.unwrap_err();
        assert!(problems.iter().all(|p| !p.to_string().contains("hunter2")));
        let keys: Vec<_> = problems.iter().map(|p| p.key.as_str()).collect();
        let of = |n: usize, key: &str| format!("camera.sources[{n}].{key}");
        let want = [
            "camera.defaults.size".to_owned(),
            "camera.defaults.fps".into(),
            of(0, "name"),
            of(1, "name"),
            of(2, "test"),
            of(3, "name"),
            of(4, "url"),
            of(5, "url"),
            of(6, "url"),
            of(7, "name"),
            of(7, "url"),
            of(8, "url"),
            of(8, "tset"),
        ];
        assert_eq!(keys, want);
    }

    #[test]
    fn sources_are_read_in_order_and_addresses_not_shown() {
        let (mut config, outcome) = read(&json!({"sources": [
            {"name": "Gate", "url": "rtsp://admin:hunter2@[::1]:8554/live"},
            {"name": "Pattern", "test": "640x360@30"},
        ]}));
        let shown = outcome.unwrap();
        assert!(shown.iter().all(|s| !s.value.contains("hunter2")), "{shown:?}");
        assert!(!format!("{config:?}").contains("hunter2"));
        config.add_test("More", "320x180@5");
        let names: Vec<_> = config.sources.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["Gate", "Pattern", "More"]);
        let Origin::Rtsp(url) = &config.sources[0].origin else { panic!("{config:?}") };
        assert_eq!(url.secret(), "rtsp://admin:hunter2@[::1]:8554/live");
    }

    #[test]
    fn overrides_say_which_camera_and_what() {
        let (config, outcome) = read(&json!({"overrides": [
            {"match": {"usb_port": "usb-1.2"}, "id": "camera3", "name": "Gate", "size": "640x480", "fps": 30,
             "format": "mjpeg", "bitrate": "1M", "rotate": 90},
            {"match": {"id": "camera0"}},
        ], "names": {"camera7": "Yard"}}));
        outcome.unwrap();
        let first = &config.overrides[0];
        assert_eq!((&first.of, first.id), (&Match::UsbPort("usb-1.2".into()), Some(CameraId(3))));
        assert_eq!((first.bitrate_bps, first.quarter_turns), (Some(1_000_000), 1));
        assert_eq!(config.names[&CameraId(7)], "Yard");
        let (_, outcome) = read(&json!({"overrides": [
            {"match": {"serial": "1"}, "id": "camera3"}, {"match": {"serial": "1"}}, {"match": {"serial": "2"}, "id": "camera3"},
            {"match": {"id": "camera0"}, "id": "camera1"}, {"match": {"id": "camera5"}, "id": "camera5"},
        ]}));
        let keys: Vec<_> = outcome.unwrap_err().into_iter().map(|p| p.key).collect();
        assert_eq!(keys, ["camera.overrides[1].match", "camera.overrides[2].id", "camera.overrides[3].id"]);
        let (_, outcome) = read(&json!({"overrides": [
            {"name": "x"}, {"match": {"id": "video0"}}, {"match": {"id": "camera1", "serial": "x"}},
            {"match": {"id": "camera1"}, "format": "nonsense", "rotate": 45, "size": "1x1", "bitrate": "fast"},
            {"match": {"id": "camera2"}, "fps": 30.5}, {"match": {"id": "camera2"}, "fps": 0},
        ], "names": {"gate": "x", "camera1": ""}}));
        let keys: Vec<_> = outcome.unwrap_err().into_iter().map(|p| p.key).collect();
        let of = |n: usize, key: &str| format!("camera.overrides[{n}].{key}");
        for key in [
            of(0, "match"),
            of(1, "match.id"),
            of(1, "match"),
            of(2, "match"),
            of(3, "format"),
            of(3, "rotate"),
            of(3, "size"),
            of(3, "bitrate"),
            of(4, "fps"),
            of(5, "fps"),
            "camera.names.gate".into(),
            "camera.names.camera1".into(),
        ] {
            assert!(keys.contains(&key), "{key} in {keys:?}");
        }
    }

    #[test]
    fn an_empty_list_of_allowed_devices_allows_none() {
        let (config, outcome) = read(&json!({"devices": {"allow": []}}));
        assert!(outcome.is_ok() && config.devices.allow.is_empty());
        let (config, _) = read(&json!({"devices": {"allow": null}}));
        assert_eq!(config.devices.allow, ["*"]);
    }

    #[test]
    fn addresses() {
        for good in
            ["rtsp://host", "RTSP://10.0.0.5:554/x?y=1", "rtsp://u:p@host/", "rtsp://u:p@q@[fe80::1]/"]
        {
            assert_eq!(rtsp_url(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "host",
            "http://host/",
            "rtsp://",
            "rtsp:///path",
            "rtsp://u:p@/",
            "rtsp://host:0/",
            "rtsp://host:x/",
            "rtsp://[::1",
            "rtsp://[x]/",
            "rtsp://[::1]x/",
            "rtsp://ho st/",
            "rtsp://host/\n",
            "rtsps://host/",
            "rtsp://u:p/w@host/",
        ] {
            assert!(rtsp_url(bad).is_err(), "{bad}");
        }
    }
}
