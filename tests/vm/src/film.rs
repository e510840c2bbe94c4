//! What the simulated cameras see: a second of a moving test picture in each format and size, made by the host's ffmpeg, which
//! is many times faster than the guest's. No two pictures of a film are alike, so a lost one can be told.

use std::{fs, path::Path, process::Command};

use bytes::Bytes;
use testkit::h264;

use crate::{machine, uvc::Format};

/// Pictures in a film; a camera begins again after the last one.
pub const PICTURES: usize = 30;
/// Every size there is a film of: width, height.
pub const SIZES: [(u16, u16); 2] = [(320, 180), (160, 90)];
const FORMATS: [Format; 3] = [Format::Mjpeg, Format::Yuyv, Format::H264];

/// On the host: makes every film.
///
/// # Panics
/// If ffmpeg is not installed or fails.
pub fn make(folder: &Path) {
    for format in FORMATS {
        for (width, height) in SIZES {
            let graph = format!("testsrc2=size={width}x{height}:rate=30");
            let coding = match format {
                Format::Mjpeg => "-c:v mjpeg -pix_fmt yuvj422p -q:v 5 -f mjpeg",
                Format::Yuyv => "-pix_fmt yuyv422 -f rawvideo",
                // The film begins with a key frame and no picture needs a later one, so it can be shown again and again.
                Format::H264 => "-c:v libx264 -preset ultrafast -tune zerolatency -g 15 -bf 0 -f h264",
            };
            let mut command = Command::new("ffmpeg");
            command.args("-hide_banner -nostdin -loglevel error -f lavfi -i".split(' ')).arg(graph);
            command.args(["-frames:v", &PICTURES.to_string()]).args(coding.split(' '));
            let made = command.arg(folder.join(name(format, width, height))).status();
            assert!(made.is_ok_and(|status| status.success()), "no film: {command:?}");
        }
    }
}

/// In the guest: the pictures of a film, as a camera sends them.
///
/// # Panics
/// If there is no film of this size.
pub fn pictures(format: Format, width: u16, height: u16) -> Vec<Vec<u8>> {
    let file = machine::shared().join(name(format, width, height));
    let bytes = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let pictures = match format {
        Format::Mjpeg => split_mjpeg(&bytes),
        Format::Yuyv => {
            bytes.chunks(usize::from(width) * usize::from(height) * 2).map(<[u8]>::to_vec).collect()
        }
        Format::H264 => h264::pictures(&Bytes::from(bytes)).iter().map(|nals| byte_stream(nals)).collect(),
    };
    assert_eq!(pictures.len(), PICTURES, "pictures in {}", file.display());
    pictures
}

fn name(format: Format, width: u16, height: u16) -> String {
    format!("{width}x{height}.{}", format!("{format:?}").to_lowercase())
}

/// Cut after each end of image: inside a picture that marker cannot stand (ITU-T T.81, section B.1.1.5).
fn split_mjpeg(bytes: &[u8]) -> Vec<Vec<u8>> {
    let ends = bytes.windows(2).enumerate().filter(|(_, pair)| *pair == [0xff, 0xd9]).map(|(at, _)| at + 2);
    let mut start = 0;
    ends.map(|end| bytes[std::mem::replace(&mut start, end)..end].to_vec()).collect()
}

fn byte_stream(nals: &[Bytes]) -> Vec<u8> {
    nals.iter().flat_map(|nal| [0, 0, 0, 1].into_iter().chain(nal.iter().copied())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_cut_where_they_end() {
        let film = [0xff, 0xd8, 1, 0xff, 0xd9, 0xff, 0xd8, 2, 3, 0xff, 0xd9];
        assert_eq!(split_mjpeg(&film), [film[..5].to_vec(), film[5..].to_vec()]);
        assert_eq!(byte_stream(&[Bytes::from_static(&[7, 8])]), [0, 0, 0, 1, 7, 8]);
    }
}
