//! The sections `stream`, `codec` and `embedded`, and which media server serves the viewers: how long streams
//! live, how pictures are encoded, where RTSP is served.

use std::{net::SocketAddr, time::Duration};

use base::config::{Section, Settings};
use media::h264::level::Level;

use crate::{
    demand::{AllRules, Rules},
    mediamtx::MediaMtx,
};

/// What to do with a picture that is too large for the configured H.264 level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LevelPolicy {
    /// Write the level it needs.
    Raise,
    /// Make it smaller.
    Scale,
    /// Do not stream it.
    Refuse,
}

/// How pictures are encoded when the camera does not send H.264 itself.
#[derive(Debug, Clone, PartialEq)]
pub struct CodecConfig {
    /// The level wished for.
    pub level: Level,
    /// What to do when it is too low.
    pub level_policy: LevelPolicy,
    /// x264 preset.
    pub preset: &'static str,
    /// Target and ceiling in bits a second.
    pub bitrate_bps: u64,
    /// Distance of key frames in seconds.
    pub gop_seconds: f64,
}

/// Everything this room reads from the configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Life cycles by purpose.
    pub rules: AllRules,
    /// Encoding.
    pub codec: CodecConfig,
    /// Where RTSP is served, unless MediaMTX serves the viewers.
    pub rtsp: SocketAddr,
    /// Where MediaMTX is, if that serves the viewers.
    pub mediamtx: Option<MediaMtx>,
}

const PRESETS: [&str; 6] = ["ultrafast", "superfast", "veryfast", "faster", "fast", "medium"];
const LEVELS: [&str; 13] =
    ["3.0", "1.0", "1.1", "1.2", "1.3", "2.0", "2.1", "2.2", "3.1", "3.2", "4.0", "4.1", "4.2"];

impl Config {
    /// Reads the sections; mistakes are noted in `settings`.
    pub fn read(settings: &mut Settings) -> Self {
        let mut stream = settings.section("stream");
        let rules = AllRules {
            recording: rules(&mut stream, "recording", "0s", true, "10s"),
            viewing: rules(&mut stream, "viewing", "300s", true, "10s"),
            snapshot: rules(&mut stream, "snapshot", "60s", false, "5s"),
        };
        let codec = codec(&mut settings.section("codec"));
        let mut embedded = settings.section("embedded");
        let rtsp = embedded.address("rtsp", "127.0.0.1:8554");
        let mediamtx = MediaMtx::read(settings);
        let backend = settings.section("media").choice("backend", &[("embedded", false), ("mediamtx", true)]);
        Self { rules, codec, rtsp, mediamtx: backend.then_some(mediamtx) }
    }
}

fn rules(stream: &mut Section<'_>, purpose: &str, close: &str, restart: bool, start: &str) -> Rules {
    let mut section = stream.section(purpose);
    let (shortest, longest) = (Duration::from_millis(100), Duration::from_mins(5));
    Rules {
        close_after: section.duration_in(
            "close_after",
            close,
            Duration::ZERO..=Duration::from_hours(24 * 30),
        ),
        restart: section.boolean("restart", restart),
        start_timeout: section.duration_in("start_timeout", start, shortest..=longest),
    }
}

fn codec(section: &mut Section<'_>) -> CodecConfig {
    // Constrained baseline and 4:2:0 are what every browser and player decodes, and all we encode;
    // the keys exist because the guide has them.
    section.choice("profile", &[("baseline", ())]);
    section.choice("pixel_format", &[("yuv420p", ())]);
    let level = section.choice("level", &LEVELS.map(|name| (name, name)));
    CodecConfig {
        level: Level::by_name(level).expect("every name in LEVELS stands in table A-1"),
        level_policy: section.choice(
            "level_policy",
            &[("raise", LevelPolicy::Raise), ("scale", LevelPolicy::Scale), ("refuse", LevelPolicy::Refuse)],
        ),
        preset: section.choice("preset", &PRESETS.map(|name| (name, name))),
        bitrate_bps: section.size("bitrate", "600k", 16_000..=100_000_000),
        gop_seconds: section
            .duration_in("gop_seconds", "1", Duration::from_millis(100)..=Duration::from_secs(10))
            .as_secs_f64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_contract() {
        let mut settings = Settings::default();
        let config = Config::read(&mut settings);
        settings.finish().unwrap();
        assert_eq!(config.rules.viewing.close_after, Duration::from_secs(300));
        assert_eq!(config.rules.recording.close_after, Duration::ZERO);
        assert!(!config.rules.snapshot.restart);
        assert_eq!(config.codec.bitrate_bps, 600_000);
        assert_eq!(config.rtsp.to_string(), "127.0.0.1:8554");
    }

    #[test]
    fn rtsp_may_be_opened_to_the_network() {
        let mut settings = Settings::default();
        settings.put("embedded.rtsp", "0.0.0.0:8554".into(), base::config::Origin::File);
        let config = Config::read(&mut settings);
        settings.finish().unwrap();
        assert_eq!(config.rtsp.to_string(), "0.0.0.0:8554");
    }
}
