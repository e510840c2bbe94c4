//! ffmpeg's arguments behind the input: H.264 that every player decodes, at a level its pictures keep,
//! on a pipe, with no frame held back that need not be. Pure.

use base::units::Size;
use media::h264::level::{self, Level};

use super::{Outcome, Picture};
use crate::config::{CodecConfig, LevelPolicy};

/// Arguments for one ffmpeg that writes NUT to its standard output.
pub(super) fn arguments(
    input: &[String],
    picture: Picture,
    copy_h264: bool,
    codec: &CodecConfig,
) -> Result<Vec<String>, Outcome> {
    let mut args = strings("-hide_banner -nostdin -loglevel error");
    args.extend_from_slice(input);
    args.extend(strings("-map 0:v:0 -an -sn -dn"));
    if copy_h264 && picture.quarter_turns == 0 {
        args.extend(strings("-c:v copy"));
    } else {
        let bitrate_bps = picture.bitrate_bps.unwrap_or(codec.bitrate_bps);
        args.extend(encoder(turned(picture), &CodecConfig { bitrate_bps, ..codec.clone() })?);
    }
    // NUT keeps the source's time base and holds no frame back (docs/decisions/0001). Its index would
    // grow in memory for as long as the camera runs, so none is written.
    args.extend(strings("-f nut -write_index 0 -flush_packets 1 pipe:1"));
    Ok(args)
}

/// Its size after it was turned.
fn turned(picture: Picture) -> Picture {
    let Size { width, height } = picture.size;
    let size =
        if picture.quarter_turns % 2 == 1 { Size { width: height, height: width } } else { picture.size };
    Picture { size, ..picture }
}

fn encoder(picture: Picture, codec: &CodecConfig) -> Result<Vec<String>, Outcome> {
    let (level, size) = fit(picture, codec)?;
    let gop_frames = (picture.fps * codec.gop_seconds).round().max(1.0) as u64;
    let mut args = Vec::new();
    // ffmpeg's transpose filter: 1 turns clockwise, 2 the other way.
    let mut filters = match picture.quarter_turns {
        1 => vec!["transpose=1".to_owned()],
        2 => vec!["hflip".to_owned(), "vflip".to_owned()],
        3 => vec!["transpose=2".to_owned()],
        _ => Vec::new(),
    };
    if size != (picture.size.width, picture.size.height) {
        filters.push(format!("scale={}:{}", size.0, size.1));
    }
    if !filters.is_empty() {
        args.extend(["-vf".into(), filters.join(",")]);
    }
    // Frames go through with their own times: none is doubled or dropped to fit a grid.
    args.extend(strings("-fps_mode passthrough -enc_time_base -1"));
    args.extend(strings(
        "-c:v libx264 -profile:v baseline -pix_fmt yuv420p -tune zerolatency -bf 0 -sc_threshold 0",
    ));
    let rate = codec.bitrate_bps.to_string();
    let numbers = [
        ("-preset", codec.preset.to_owned()),
        ("-level:v", level.to_string()),
        ("-g", gop_frames.to_string()),
        ("-keyint_min", gop_frames.to_string()),
        ("-b:v", rate.clone()),
        ("-maxrate", rate.clone()),
        // One second of buffer: a key frame may be large, the second may not.
        ("-bufsize", rate),
    ];
    args.extend(numbers.into_iter().flat_map(|(name, value)| [name.to_owned(), value]));
    Ok(args)
}

/// The level to write and the size to write it for (ITU-T H.264 table A-1).
fn fit(picture: Picture, codec: &CodecConfig) -> Result<(Level, (u32, u32)), Outcome> {
    let (width, height) = (picture.size.width, picture.size.height);
    if codec.level.fits(width, height, picture.fps, codec.bitrate_bps) {
        return Ok((codec.level, (width, height)));
    }
    let raised = level::lowest(width, height, picture.fps, codec.bitrate_bps);
    match codec.level_policy {
        LevelPolicy::Raise => raised.map(|level| (level, (width, height))).ok_or(()),
        LevelPolicy::Scale => level::largest_fitting(codec.level, width, height, picture.fps)
            .map(|size| (codec.level, size))
            .ok_or(()),
        LevelPolicy::Refuse => Err(()),
    }
    .map_err(|()| {
        let private = format!("{width}x{height}@{} does not fit level {}", picture.fps, codec.level);
        Outcome::hopeless("the picture is too large for the configured H.264 level", private)
    })
}

fn strings(words: &str) -> Vec<String> {
    words.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codec(level_policy: LevelPolicy) -> CodecConfig {
        CodecConfig {
            level: Level::by_name("3.0").unwrap(),
            level_policy,
            preset: "ultrafast",
            bitrate_bps: 600_000,
            gop_seconds: 1.0,
        }
    }

    fn args(width: u32, height: u32, fps: f64, policy: LevelPolicy) -> Result<String, Outcome> {
        let picture = Picture { size: Size { width, height }, fps, bitrate_bps: None, quarter_turns: 0 };
        arguments(&["-i".into(), "x".into()], picture, false, &codec(policy)).map(|args| args.join(" "))
    }

    #[test]
    fn the_level_is_never_one_the_picture_breaks() {
        let small = args(640, 360, 15.0, LevelPolicy::Raise).unwrap();
        assert!(small.contains("-level:v 3.0 -g 15 "), "{small}");
        assert!(!small.contains("scale"));
        let raised = args(1280, 720, 30.0, LevelPolicy::Raise).unwrap();
        assert!(raised.contains("-level:v 3.1 -g 30 "), "{raised}");
        let scaled = args(1280, 720, 30.0, LevelPolicy::Scale).unwrap();
        assert!(scaled.contains("-vf scale=") && scaled.contains("-level:v 3.0 "), "{scaled}");
        assert!(args(1280, 720, 30.0, LevelPolicy::Refuse).unwrap_err().hopeless);
        assert!(args(8192, 8192, 120.0, LevelPolicy::Raise).is_err());
    }

    #[test]
    fn a_picture_is_turned_and_has_its_own_rate() {
        let size = Size { width: 640, height: 360 };
        let of = |quarter_turns, bitrate_bps| {
            let picture = Picture { size, fps: 15.0, bitrate_bps, quarter_turns };
            let args = arguments(&["-i".into(), "x".into()], picture, true, &codec(LevelPolicy::Raise));
            args.unwrap().join(" ")
        };
        assert!(of(0, None).contains("-c:v copy"));
        assert!(of(1, None).contains("-vf transpose=1 ") && of(3, Some(1_000_000)).contains("-b:v 1000000 "));
        assert!(of(2, None).contains("-vf hflip,vflip ") && of(2, None).contains("libx264"));
    }

    #[test]
    fn a_copy_is_not_touched() {
        let picture = Picture {
            size: Size { width: 640, height: 360 },
            fps: 30.0,
            bitrate_bps: None,
            quarter_turns: 0,
        };
        let args = arguments(&["-i".into(), "x".into()], picture, true, &codec(LevelPolicy::Raise)).unwrap();
        assert!(args.join(" ").contains("-i x -map 0:v:0 -an -sn -dn -c:v copy -f nut"));
    }
}
