//! What to ask of a camera that offers a choice, and how to say it to ffmpeg. Pure.

use std::path::Path;

use base::units::Size;

use super::offer::{FourCc, Mode, Rate};
use crate::config::Wanted;

/// Formats that ffmpeg's `v4l2` input knows, by its names for them (libavdevice/v4l2-common.c), best
/// first: H.264 costs nothing to pass on, MJPEG little of the bus, and among the raw ones those first
/// that are nearest to 4:2:0.
const FORMATS: [([u8; 4], &str); 11] = [
    (*b"H264", H264),
    (*b"MJPG", "mjpeg"),
    (*b"JPEG", "mjpeg"),
    (*b"NV12", "nv12"),
    (*b"YU12", "yuv420p"),
    (*b"YUYV", "yuyv422"),
    (*b"UYVY", "uyvy422"),
    (*b"422P", "yuv422p"),
    (*b"BGR3", "bgr24"),
    (*b"RGB3", "rgb24"),
    (*b"GREY", "gray"),
];
const H264: &str = "h264";

/// What to ask for. What is `None` is left to the device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) code: Option<FourCc>,
    /// ffmpeg's name of the format.
    pub(crate) format: Option<&'static str>,
    pub(crate) size: Option<Size>,
    pub(crate) rate: Option<Rate>,
}

impl Choice {
    /// The camera gives H.264, to be passed on as it is.
    pub(crate) fn is_h264(&self) -> bool {
        self.format == Some(H264)
    }

    /// Is it one of what this mode offers?
    pub(crate) fn is_of(&self, mode: &Mode) -> bool {
        (self.code, self.size) == (Some(mode.format), Some(mode.size))
    }

    /// ffmpeg's arguments up to and including `-i X`. Without `-fflags nobuffer`: it drops what was
    /// read to recognise the stream, and with H.264 that is the first key frame.
    pub(crate) fn input(&self, device: &Path) -> Vec<String> {
        let mut args = vec!["-f".to_owned(), "v4l2".to_owned()];
        let mut option = |name: &str, value: Option<String>| {
            args.extend(value.into_iter().flat_map(|v| [name.to_owned(), v]));
        };
        option("-input_format", self.format.map(str::to_owned));
        option("-video_size", self.size.map(|size| size.to_string()));
        option("-framerate", self.rate.map(|rate| rate.to_string()));
        option("-i", Some(device.to_string_lossy().into_owned()));
        args
    }
}

/// The size first, of those offered in any usable format: the largest that is not larger than wanted
/// on either side, else the smallest. Then the format at that size: H.264, else the best one that
/// reaches the wanted rate, else the best. `None` when no format is usable. `only`: by ffmpeg's name the
/// one format that may be taken.
pub(crate) fn choose(modes: &[Mode], wanted: Wanted, only: Option<&str>) -> Option<Choice> {
    let allowed = |known: &&([u8; 4], &str)| only.is_none_or(|only| known.1 == only);
    let rank = |format: FourCc| {
        FORMATS.iter().position(|known| known.0 == format.0).filter(|rank| allowed(&&FORMATS[*rank]))
    };
    let usable = || modes.iter().filter_map(|mode| Some((rank(mode.format)?, mode)));
    let area = |size: &Size| u64::from(size.width) * u64::from(size.height);
    let fits = |size: &Size| size.width <= wanted.size.width && size.height <= wanted.size.height;
    let sizes = || usable().map(|(_, mode)| mode.size);
    let size = sizes().filter(fits).max_by_key(area).or_else(|| sizes().min_by_key(area))?;
    let (rank, mode) = usable().filter(|(_, mode)| mode.size == size).min_by_key(|&(rank, mode)| {
        let slow = !mode.rates.is_empty() && !mode.rates.iter().any(|rate| reaches(*rate, wanted.fps));
        (FORMATS[rank].1 != H264 && slow, rank)
    })?;
    Some(Choice {
        code: Some(mode.format),
        format: Some(FORMATS[rank].1),
        size: Some(size),
        rate: rate(&mode.rates, wanted.fps),
    })
}

/// The same where pictures are not to be decoded from a stream: all but H.264.
pub(crate) fn choose_still(modes: &[Mode], wanted: Wanted, only: Option<&str>) -> Option<Choice> {
    let modes: Vec<Mode> = modes.iter().filter(|mode| &mode.format.0 != b"H264").cloned().collect();
    choose(&modes, wanted, only.filter(|only| *only != H264))
}

/// Is it a format that [`choose`] can be told to take?
pub(crate) fn is_known_format(name: &str) -> bool {
    FORMATS.iter().any(|known| known.1 == name)
}

/// The slowest that is fast enough, else the fastest.
fn rate(rates: &[Rate], fps: u32) -> Option<Rate> {
    let by_speed = |a: &&Rate, b: &&Rate| a.per_second().total_cmp(&b.per_second());
    let enough = rates.iter().filter(|rate| reaches(**rate, fps)).min_by(by_speed);
    enough.or_else(|| rates.iter().max_by(by_speed)).copied()
}

/// 29.97 counts as 30.
fn reaches(rate: Rate, fps: u32) -> bool {
    rate.per_second() >= f64::from(fps) * 0.998
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(text: &str) -> Size {
        Size::parse(text).unwrap()
    }

    /// `MJPG 1280x720 30 15` is one mode; `/` separates modes.
    fn modes(text: &str) -> Vec<Mode> {
        let mode = |text: &str| {
            let mut words = text.split_whitespace();
            let format = FourCc(words.next().unwrap().as_bytes().try_into().unwrap());
            let size = size(words.next().unwrap());
            let rates = words.map(|n| match n.split_once(':') {
                Some((frames, seconds)) => {
                    Rate { frames: frames.parse().unwrap(), seconds: seconds.parse().unwrap() }
                }
                None => Rate { frames: n.parse().unwrap(), seconds: 1 },
            });
            Mode { format, size, rates: rates.collect() }
        };
        text.split('/').map(mode).collect()
    }

    #[test]
    fn the_right_mode_is_asked_for() {
        let table = [
            // H.264 where it is offered in that size, whatever else there is.
            ("YUYV 1280x720 30 / MJPG 1280x720 30 / H264 1280x720 30", "h264 1280x720 30"),
            ("YUYV 1280x720 10 / MJPG 1280x720 30 / H264 640x360 30", "mjpeg 1280x720 30"),
            ("H264 1280x720 5 / MJPG 1280x720 30", "h264 1280x720 5"),
            // Compressed before raw, unless only raw is fast enough.
            ("YUYV 1280x720 30 / MJPG 1280x720 30", "mjpeg 1280x720 30"),
            ("YUYV 1280x720 30 / MJPG 1280x720 5", "yuyv422 1280x720 30"),
            ("YUYV 1280x720 10 5", "yuyv422 1280x720 10"),
            ("YUYV 1280x720 10 / MJPG 1280x720 5", "mjpeg 1280x720 5"),
            // Only sizes that are offered: the nearest below, else the smallest.
            ("MJPG 1920x1080 30 / MJPG 640x480 30 / MJPG 960x540 30", "mjpeg 960x540 30"),
            ("MJPG 3840x2160 30 / MJPG 1920x1080 30", "mjpeg 1920x1080 30"),
            ("MJPG 720x1280 30 / MJPG 640x360 30", "mjpeg 640x360 30"),
            ("YUYV 1280x720 5 / MJPG 640x480 30", "yuyv422 1280x720 5"),
            // The slowest rate that is enough.
            ("MJPG 1280x720 60 30 15 5", "mjpeg 1280x720 15"),
            ("MJPG 1280x720 60 30 24 5", "mjpeg 1280x720 24"),
            ("MJPG 1280x720 15000:1001 30", "mjpeg 1280x720 15000/1001"),
            ("MJPG 1280x720", "mjpeg 1280x720 -"),
            // Formats nobody can read do not count.
            ("S920 1280x720 30 / YUYV 320x240 30", "yuyv422 320x240 30"),
            ("S920 1280x720 30 / HEVC 1280x720 30", "-"),
        ];
        let wanted = Wanted { size: size("1280x720"), fps: 15 };
        for (offered, want) in table {
            let got = choose(&modes(offered), wanted, None).map_or("-".to_owned(), |choice| {
                let rate = choice.rate.map_or("-".to_owned(), |rate| rate.to_string());
                format!("{} {} {rate}", choice.format.unwrap(), choice.size.unwrap())
            });
            assert_eq!(got, want, "{offered}");
        }
        assert_eq!(choose(&[], wanted, None), None);
        let both = modes("H264 1280x720 30 / MJPG 640x360 30");
        for only in [None, Some("h264"), Some("mjpeg")] {
            assert_eq!(choose_still(&both, wanted, only).unwrap().format, Some("mjpeg"), "{only:?}");
        }
        assert_eq!(choose_still(&both[..1], wanted, None), None);
    }

    #[test]
    fn ffmpeg_is_told_what_was_chosen_and_no_more() {
        let wanted = Wanted { size: size("640x360"), fps: 30 };
        let path = Path::new("/dev/video3");
        let choice = choose(&modes("MJPG 640x360 30000:1001"), wanted, None).unwrap();
        assert_eq!(
            choice.input(path).join(" "),
            "-f v4l2 -input_format mjpeg -video_size 640x360 -framerate 30000/1001 -i /dev/video3"
        );
        assert!(!choice.is_h264());
        assert!(choose(&modes("H264 640x360"), wanted, None).unwrap().is_h264());
        assert_eq!(Choice::default().input(path).join(" "), "-f v4l2 -i /dev/video3");
    }
}
