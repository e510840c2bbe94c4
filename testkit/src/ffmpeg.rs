//! ffmpeg and ffprobe as the tests' eyes: what is in a file, and how it looks. Every run has a limit.

use std::{
    ffi::OsStr,
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use bytes::Bytes;
use serde_json::Value;
use tokio::process::Command;

use crate::h264;

/// Longest run of one command.
const LIMIT: Duration = Duration::from_secs(60);

/// What ffprobe tells of a file's or stream's only track.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// Such as `h264`.
    pub codec: String,
    /// Such as `Constrained Baseline`.
    pub profile: String,
    /// Such as 30 for 3.0.
    pub level: i64,
    /// In pixels.
    pub width: u64,
    /// In pixels.
    pub height: u64,
    /// Such as `yuv420p`.
    pub pixel_format: String,
    /// Of the container, in seconds; 0 if it has none.
    pub duration_s: f64,
    /// Pictures that could be decoded.
    pub frames: u64,
}

/// A decoded picture: three bytes a pixel, red, green, blue, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rgb {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// `width * height * 3` bytes.
    pub data: Vec<u8>,
}

impl Rgb {
    /// One pixel.
    pub fn at(&self, x: usize, y: usize) -> [u8; 3] {
        let start = (y * self.width + x) * 3;
        [self.data[start], self.data[start + 1], self.data[start + 2]]
    }

    /// How bright a pixel is, 0 to 255.
    pub fn gray(&self, x: usize, y: usize) -> u8 {
        let [r, g, b] = self.at(x, y).map(u32::from);
        ((299 * r + 587 * g + 114 * b) / 1000) as u8
    }
}

/// Runs ffmpeg; its standard output.
///
/// # Panics
/// If it fails or takes too long; with what it said.
pub async fn ffmpeg<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Bytes {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostdin", "-loglevel", "error"]).args(arguments);
    output(command).await
}

/// Runs ffmpeg to its failure; what it said.
///
/// # Panics
/// If it succeeds or takes too long.
pub async fn failing(arguments: &str) -> String {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostdin", "-loglevel", "error"]).args(arguments.split(' '));
    let ended = ended(command).await;
    assert!(!ended.status.success(), "this was to fail: ffmpeg {arguments}");
    String::from_utf8_lossy(&ended.stderr).into_owned()
}

/// The coded pictures in a file, as they are.
///
/// # Panics
/// If it cannot be opened.
pub async fn coded(file: &Path) -> Vec<h264::Picture> {
    let input = ["-i".as_ref(), file.as_os_str()];
    let output = "-c copy -bsf:v h264_mp4toannexb -f h264 pipe:1".split(' ').map(OsStr::new);
    h264::pictures(&ffmpeg(input.into_iter().chain(output)).await)
}

/// Counts and describes what is in a file or at an address; decodes all of it.
///
/// # Panics
/// If it cannot be opened, or has not exactly one track.
pub async fn probe(file: impl AsRef<OsStr>) -> Probe {
    let what = "stream=codec_name,profile,level,width,height,pix_fmt,nb_read_frames:format=duration";
    let report = ffprobe(&["-count_frames", "-show_entries", what], file.as_ref()).await;
    let streams = report["streams"].as_array().map_or(&[][..], Vec::as_slice);
    let [track] = streams else { panic!("not one track: {report}") };
    let text = |name: &str| track[name].as_str().unwrap_or_default().to_owned();
    let number = |value: &Value| value.as_str().and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    Probe {
        codec: text("codec_name"),
        profile: text("profile"),
        level: track["level"].as_i64().unwrap_or_default(),
        width: track["width"].as_u64().unwrap_or_default(),
        height: track["height"].as_u64().unwrap_or_default(),
        pixel_format: text("pix_fmt"),
        duration_s: number(&report["format"]["duration"]),
        frames: number(&track["nb_read_frames"]) as u64,
    }
}

/// ffprobe's report in JSON, with these arguments.
///
/// # Panics
/// If it fails or takes too long; with what it said.
pub async fn ffprobe(arguments: &[&str], file: &OsStr) -> Value {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-of", "json"]).args(arguments).arg(file);
    let text = output(command).await;
    serde_json::from_slice(&text).expect("ffprobe was asked for JSON")
}

/// The first picture of a file.
///
/// # Panics
/// If there is none.
pub async fn picture(file: &Path) -> Rgb {
    let mut pictures =
        pictures(["-i".as_ref(), file.as_os_str(), "-frames:v".as_ref(), "1".as_ref()], file).await;
    assert_eq!(pictures.len(), 1, "pictures in {}", file.display());
    pictures.remove(0)
}

async fn pictures<const N: usize>(input: [&OsStr; N], file: &Path) -> Vec<Rgb> {
    let report = ffprobe(&["-show_entries", "stream=width,height"], file.as_os_str()).await;
    let size = |name: &str| report["streams"][0][name].as_u64().unwrap_or_default() as usize;
    decoded(&input, size("width"), size("height")).await
}

/// The pictures of a filter graph that ends by itself, each `width` x `height`.
///
/// # Panics
/// If ffmpeg does not understand it.
pub async fn rendered(graph: &str, width: usize, height: usize) -> Vec<Rgb> {
    decoded(&["-f", "lavfi", "-i", graph].map(OsStr::new), width, height).await
}

async fn decoded(input: &[&OsStr], width: usize, height: usize) -> Vec<Rgb> {
    // swscale's quick way is a few steps off, and so is its `full_chroma_int` (ffmpeg 5.1: up to 6 of 255).
    let output = "-vsync passthrough -sws_flags accurate_rnd -pix_fmt rgb24 -f rawvideo pipe:1";
    let bytes = ffmpeg(input.iter().copied().chain(output.split(' ').map(OsStr::new))).await;
    let size = width * height * 3;
    assert!(size > 0 && bytes.len().is_multiple_of(size), "{} bytes of {width}x{height}", bytes.len());
    bytes.chunks(size).map(|data| Rgb { width, height, data: data.to_vec() }).collect()
}

async fn output(command: Command) -> Bytes {
    let shown = format!("{:?}", command.as_std());
    let ended = ended(command).await;
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{}: {shown}: {said}", ended.status);
    ended.stdout.into()
}

async fn ended(mut command: Command) -> Output {
    let shown = format!("{:?}", command.as_std());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let ended = tokio::time::timeout(LIMIT, command.output()).await;
    let ended = ended.unwrap_or_else(|_| panic!("not ended within {LIMIT:?}: {shown}"));
    ended.unwrap_or_else(|error| panic!("cannot run {shown} (is ffmpeg installed?): {error}"))
}
