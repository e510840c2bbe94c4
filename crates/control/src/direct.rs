//! A picture straight from a camera, without a stream (tier 3): which of the first ones is taken, and how it becomes a
//! file. Where it comes from is `cameras`' business, what is in it `media`'s.

use std::time::{Duration, SystemTime};

use base::CameraId;
use cameras::Grabbed;
use media::picture::{Frame, Pixels, Still, fit, jpeg_to_file};

use crate::{api::PictureFormat, pictures::Made};

/// After so long a camera has found its exposure, as well as it will.
const WARM_AFTER: Duration = Duration::from_millis(600);
/// Pictures that are never good: many cameras begin with a black or green one.
const COLD_PICTURES: u32 = 2;
/// Mean luma below which a picture is taken to be of a camera that is still blind.
const DARK: u8 = 24;
/// So much lighter than the one before it, a picture is of a camera that still opens its eye.
const STEP: u8 = 4;

/// What is wanted of a picture.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) device: CameraId,
    pub(crate) format: PictureFormat,
    /// `None`: as the camera codes it.
    pub(crate) quality: Option<u8>,
    /// Where one is needed all the same.
    pub(crate) usual_quality: u8,
    pub(crate) width: Option<u32>,
    pub(crate) height: Option<u32>,
    pub(crate) quarter_turns: u8,
    pub(crate) not_before: Option<SystemTime>,
}

/// Waits for a camera that has just begun to see.
#[derive(Debug, Default)]
struct WarmUp {
    pictures: u32,
    last: u8,
}

impl WarmUp {
    /// Is the picture of this brightness, so long after the beginning, good enough?
    fn is_over(&mut self, brightness: u8, since_start: Duration) -> bool {
        let rises = brightness > self.last.saturating_add(STEP);
        let blind = self.pictures < COLD_PICTURES || brightness < DARK || rises;
        self.pictures += 1;
        self.last = brightness;
        // A dark room stays dark.
        !blind || since_start >= WARM_AFTER
    }
}

/// Makes a file of the first good picture; to be asked with each.
pub(crate) fn maker(wish: Wish) -> impl FnMut(Grabbed<'_>) -> Option<Made> {
    let mut warm_up = WarmUp::default();
    move |grabbed| {
        let Some(pixels) = pixels(grabbed.format) else {
            tracing::debug!(format = ?grabbed.format, "a picture in a format that was not asked for");
            return None;
        };
        let still = Still {
            pixels,
            width: grabbed.size.width,
            height: grabbed.size.height,
            bytes_per_line: grabbed.bytes_per_line,
            bytes: grabbed.bytes,
        };
        let frame = Frame::from_still(&still);
        let frame =
            frame.inspect_err(|error| tracing::debug!(%error, "a picture that cannot be used")).ok()?;
        if !warm_up.is_over(frame.brightness(), grabbed.since_start)
            || wish.not_before.is_some_and(|time| grabbed.captured < time)
        {
            return None;
        }
        let made = file(&wish, frame, &still, grabbed.captured);
        made.inspect_err(|error| tracing::warn!(%error, "a picture became no file")).ok()
    }
}

fn file(
    wish: &Wish,
    frame: Frame,
    still: &Still<'_>,
    captured: SystemTime,
) -> Result<Made, media::picture::Failed> {
    let mark = files::snapshot_mark_text(wish.device, captured);
    let frame = frame.turned(wish.quarter_turns);
    let (width, height) = fit(frame.width, frame.height, wish.width, wish.height);
    let untouched = (width, height) == (frame.width, frame.height) && wish.quarter_turns == 0;
    let bytes = match wish.format {
        PictureFormat::Jpg if still.pixels == Pixels::Jpeg && untouched && wish.quality.is_none() => {
            jpeg_to_file(still.bytes, &mark)
        }
        PictureFormat::Jpg => {
            frame.to_jpeg(wish.quality.unwrap_or(wish.usual_quality), Some((width, height)), &mark)
        }
        PictureFormat::Png => frame.to_png(Some((width, height)), &mark),
    }?;
    Ok(Made { bytes, width, height, captured })
}

/// V4L2's codes (kernel, "Video for Linux API", section 2); those that `cameras` asks for.
fn pixels(format: [u8; 4]) -> Option<Pixels> {
    Some(match &format {
        b"MJPG" | b"JPEG" => Pixels::Jpeg,
        b"YUYV" => Pixels::Yuyv,
        b"UYVY" => Pixels::Uyvy,
        b"NV12" => Pixels::Nv12,
        b"YU12" => Pixels::I420,
        b"422P" => Pixels::Planar422,
        b"RGB3" => Pixels::Rgb,
        b"BGR3" => Pixels::Bgr,
        b"GREY" => Pixels::Grey,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use base::units::Size;

    use super::*;

    #[test]
    fn a_camera_is_given_time_to_see_but_not_for_ever() {
        for (brightness, interval_ms, taken) in [
            // Steady from the first one on.
            (&[100, 100, 100, 100][..], 100, 2),
            // It opens its eye.
            (&[0, 10, 40, 80, 110, 112, 112], 33, 5),
            (&[0, 0, 0, 60, 61], 33, 4),
            // Too light at first, then less: that is no reason to wait.
            (&[250, 240, 180, 120], 33, 2),
            // A dark room, at 30 and at 5 frames a second.
            (&[3; 40], 33, 19),
            (&[3; 40], 200, 3),
        ] {
            let mut warm_up = WarmUp::default();
            let at = |number: usize| Duration::from_millis(interval_ms * number as u64);
            let good = brightness.iter().enumerate().position(|(n, light)| warm_up.is_over(*light, at(n)));
            assert_eq!(good, Some(taken), "{brightness:?}");
        }
    }

    #[test]
    fn what_is_damaged_is_passed_over_and_what_is_asked_for_is_made() {
        let wish = Wish {
            device: CameraId(3),
            format: PictureFormat::Png,
            quality: None,
            usual_quality: 85,
            width: Some(32),
            height: None,
            quarter_turns: 1,
            not_before: None,
        };
        let bytes = [100, 128].repeat(64 * 48);
        let grabbed = |bytes, millis| Grabbed {
            format: *b"YUYV",
            size: Size { width: 64, height: 48 },
            bytes_per_line: 128,
            bytes,
            captured: SystemTime::UNIX_EPOCH + Duration::from_millis(millis),
            since_start: Duration::from_millis(millis),
        };
        let mut make = maker(wish.clone());
        assert!(make(grabbed(&bytes, 0)).is_none() && make(grabbed(&bytes, 1)).is_none());
        assert!(make(grabbed(&bytes[..100], 2)).is_none(), "it is cut off");
        assert!(make(Grabbed { format: *b"XXXX", ..grabbed(&bytes, 3) }).is_none());
        let made = make(grabbed(&bytes, 4)).unwrap();
        assert_eq!((made.width, made.height), (32, 43), "48 x 64 by the turn");
        assert!(made.bytes.starts_with(b"\x89PNG"));
        let later = SystemTime::UNIX_EPOCH + Duration::from_millis(700);
        let mut make = maker(Wish { not_before: Some(later), format: PictureFormat::Jpg, ..wish });
        assert!(make(grabbed(&bytes, 699)).is_none());
        assert_eq!(make(grabbed(&bytes, 700)).unwrap().captured, later);
    }
}
