//! Pictures against real ffmpeg: what it encodes we decode, what we encode it decodes, and the pixels
//! must agree. Without ffmpeg these tests say so and pass.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    io::Write,
    process::{Command, Stdio},
    sync::Arc,
    time::{Instant, SystemTime},
};

use bytes::Bytes;
use media::{
    ParamSets, Unit,
    h264::{Matrix, SpsInfo},
    picture::{Decoder, Failed, Frame},
};

/// Runs ffmpeg with `args` and `input`; its output. Panics when it fails.
fn ffmpeg(args: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("ffmpeg")
        .args(["-v", "error"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("checked by have_ffmpeg");
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // ffmpeg may stop reading once it has seen enough.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "ffmpeg {args:?}");
    output.stdout
}

fn have_ffmpeg() -> bool {
    let there = Command::new("ffmpeg").arg("-version").stdout(Stdio::null()).status().is_ok();
    if !there {
        eprintln!("SKIPPED: ffmpeg is not installed, nothing was tested");
    }
    there
}

/// What a test wants encoded: a filter source, x264 options and what the SPS says of the colours.
struct Video {
    source: String,
    options: Vec<&'static str>,
    full_range: bool,
    matrix: Matrix,
}

impl Video {
    fn new(source: impl Into<String>, options: &[&'static str]) -> Self {
        let options = options.to_vec();
        Self { source: source.into(), options, full_range: false, matrix: Matrix::Unspecified }
    }

    /// Frame `n` has luma 16 + 7 `n` all over, so that any frame tells its number.
    fn numbered(size: &str, frames: u32, options: &[&'static str]) -> Self {
        let source = format!(
            "color=s={size}:r=15:d={},format=yuv420p,geq=lum='16+7*N+mod(X+Y\\,3)-1':cb=128:cr=128",
            f64::from(frames) / 15.0
        );
        Self::new(source, options)
    }

    /// One group of pictures as the engine would cache it.
    fn units(&self) -> Vec<Arc<Unit>> {
        let args = |format| {
            let mut args = vec!["-f", "lavfi", "-i", &self.source, "-c:v", "libx264", "-preset", "veryfast"];
            args.extend(["-x264-params", "aud=1:keyint=300:scenecut=0", "-pix_fmt", "yuv420p"]);
            args.extend(&self.options);
            args.extend(["-f", format, "-"]);
            args
        };
        let stream = ffmpeg(&args("h264"), &[]);
        // Annex B has no times: the same encoding once more, as a list of packets.
        let list = String::from_utf8(ffmpeg(&args("framecrc"), &[])).unwrap();
        let pts = list.lines().filter(|l| !l.starts_with('#')).map(|line| {
            let pts: i64 = line.split(',').nth(2).unwrap().trim().parse().unwrap();
            pts * 6000
        });
        let units = access_units(&stream);
        assert_eq!(units.len(), pts.clone().count());
        let of_type = |t: u8| -> Vec<Bytes> {
            let all = units.iter().flatten().filter(|nal| nal[0] & 31 == t);
            all.map(|nal| Bytes::copy_from_slice(nal)).collect()
        };
        let params = Arc::new(ParamSets {
            sps: of_type(7)[0].clone(),
            pps: of_type(8),
            info: SpsInfo { full_range: self.full_range, matrix: self.matrix, ..SpsInfo::default() },
        });
        let unit = |(nals, pts_90k): (&Vec<&[u8]>, i64)| {
            let slices: Vec<&[u8]> = nals.iter().copied().filter(|n| matches!(n[0] & 31, 1 | 5)).collect();
            Arc::new(Unit {
                pts_90k,
                key: slices[0][0] & 31 == 5,
                data: sample(&slices),
                params: Arc::clone(&params),
                captured: SystemTime::now(),
                arrived: Instant::now(),
            })
        };
        units.iter().zip(pts).map(unit).collect()
    }

    /// Frame `n` of the source as ffmpeg sees it before encoding, in RGB.
    fn original(&self, n: usize, size: &str) -> Vec<u8> {
        let filter = format!("select=eq(n\\,{n}),scale={size}:flags=area,format=rgb24");
        let args =
            ["-f", "lavfi", "-i", &self.source, "-vf", &filter, "-frames:v", "1", "-f", "rawvideo", "-"];
        ffmpeg(&args, &[])
    }
}

/// NAL units without start codes, grouped at access unit delimiters.
fn access_units(stream: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut units: Vec<Vec<&[u8]>> = Vec::new();
    let starts: Vec<usize> =
        stream.windows(3).enumerate().filter(|w| w.1 == [0, 0, 1]).map(|w| w.0 + 3).collect();
    for (i, start) in starts.iter().enumerate() {
        let end = starts.get(i + 1).map_or(stream.len(), |next| next - 3);
        let nal = &stream[*start..end];
        // A NAL unit never ends in a zero byte: it belongs to the next start code.
        let nal = &nal[..=nal.iter().rposition(|b| *b != 0).unwrap()];
        if nal[0] & 31 == 9 {
            units.push(Vec::new());
        }
        units.last_mut().unwrap().push(nal);
    }
    units
}

fn sample(nals: &[&[u8]]) -> Bytes {
    let one = |nal: &&[u8]| [&(nal.len() as u32).to_be_bytes()[..], nal].concat();
    nals.iter().flat_map(one).collect::<Vec<u8>>().into()
}

/// The same unit with the bytes of its only slice changed.
fn spoiled(unit: &Unit, spoil: impl Fn(&mut Vec<u8>)) -> Arc<Unit> {
    let mut nal = unit.nals().next().unwrap().to_vec();
    spoil(&mut nal);
    Arc::new(Unit { data: sample(&[&nal]), ..unit.clone() })
}

/// Decodes a picture file with ffmpeg into RGB.
fn rgb(file: &[u8], codec: &str) -> Vec<u8> {
    let args = ["-f", "image2pipe", "-c:v", codec, "-i", "-", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"];
    ffmpeg(&args, file)
}

/// Mean absolute difference of red, green and blue.
fn difference(a: &[u8], b: &[u8]) -> [f64; 3] {
    assert_eq!(a.len(), b.len());
    let mut sums = [0u64; 3];
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        sums[i % 3] += u64::from(a.abs_diff(*b));
    }
    sums.map(|sum| sum as f64 * 3.0 / a.len() as f64)
}

fn assert_close(got: &[u8], want: &[u8], limit: f64, what: &str) {
    let far = difference(got, want);
    println!("{what}: mean difference {far:.2?}");
    assert!(far.iter().all(|d| *d <= limit), "{what}: {far:?}");
}

/// The number burnt into a frame of [`Video::numbered`].
fn number(frame: &Frame) -> f64 {
    let png = frame.to_png(Some((16, 16)), "n").unwrap();
    let pixels = rgb(&png, "png");
    let mean = pixels.iter().map(|b| f64::from(*b)).sum::<f64>() / pixels.len() as f64;
    // Back from full range.
    mean * 219.0 / 255.0 / 7.0
}

fn assert_number(frame: &Frame, want: usize, what: &str) {
    let got = number(frame);
    assert!((got - want as f64).abs() < 0.3, "{what}: frame {got}, not {want}");
}

#[test]
fn colours_survive_the_whole_way() {
    if !have_ffmpeg() {
        return;
    }
    let to = |range: &'static str, matrix: &'static str| {
        let filter = match (range, matrix) {
            ("tv", "bt601") => "scale=out_range=tv:out_color_matrix=bt601",
            ("pc", "bt601") => "scale=out_range=pc:out_color_matrix=bt601",
            ("tv", "bt709") => "scale=out_range=tv:out_color_matrix=bt709",
            _ => "scale=out_range=pc:out_color_matrix=bt709",
        };
        let space = if matrix == "bt709" { "bt709" } else { "smpte170m" };
        ["-vf", filter, "-colorspace", space, "-color_range", range, "-crf", "16"]
    };
    // Without the blur, the dots of testsrc2 lose their colours in 4:2:0 whoever decodes them.
    for (source, blur) in [("smptebars", ""), ("testsrc2", ",format=gbrp,avgblur=3")] {
        for (range, matrix) in [("tv", "bt601"), ("pc", "bt601"), ("tv", "bt709"), ("pc", "bt709")] {
            // RGB first, so that the test's own reference has nothing to do with any YCbCr.
            let mut video =
                Video::new(format!("{source}=s=640x360:r=15:d=0.4{blur},format=rgb24"), &to(range, matrix));
            video.full_range = range == "pc";
            video.matrix = if matrix == "bt709" { Matrix::Bt709 } else { Matrix::Bt601 };
            let units = video.units();
            let frame = Decoder::new().unwrap().newest(&units).unwrap();
            assert_eq!((frame.width, frame.height, units[frame.index].pts_90k), (640, 360, 5 * 6000));
            let original = video.original(5, "640:360");
            let what = format!("{source} {range} {matrix}");
            assert_close(&rgb(&frame.to_jpeg(90, None, "x").unwrap(), "mjpeg"), &original, 5.0, &what);
            assert_close(&rgb(&frame.to_png(None, "x").unwrap(), "png"), &original, 5.0, &what);
            // And the test can fail: told wrongly, the colours are off.
            video.full_range = !video.full_range;
            let wrong =
                Decoder::new().unwrap().newest(&video.units()).unwrap().to_jpeg(90, None, "x").unwrap();
            let far = difference(&rgb(&wrong, "mjpeg"), &original);
            assert!(far.iter().any(|d| *d > 5.0), "{what}: the range makes no difference: {far:?}");
        }
    }
}

#[test]
fn resizing_keeps_the_picture() {
    if !have_ffmpeg() {
        return;
    }
    let video = Video::new("smptebars=s=640x360:r=15:d=0.4,format=rgb24", &["-crf", "16"]);
    let frame = Decoder::new().unwrap().newest(&video.units()).unwrap();
    for (width, height) in [(320, 180), (1280, 720), (333, 201), (640, 90)] {
        let original = video.original(5, &format!("{width}:{height}"));
        for (file, codec) in [
            (frame.to_jpeg(90, Some((width, height)), "x").unwrap(), "mjpeg"),
            (frame.to_png(Some((width, height)), "x").unwrap(), "png"),
        ] {
            assert_close(&rgb(&file, codec), &original, 5.0, &format!("{width}x{height} {codec}"));
        }
    }
}

#[test]
fn the_newest_frame_is_the_last_one() {
    if !have_ffmpeg() {
        return;
    }
    let options: [(&str, &[&str]); 5] = [
        ("baseline", &["-profile:v", "baseline"]),
        ("several slices", &["-profile:v", "baseline", "-slices", "4"]),
        ("main without B", &["-profile:v", "main", "-bf", "0"]),
        ("high with B", &["-bf", "2", "-b_strategy", "0"]),
        ("B pyramid", &["-bf", "3", "-b_strategy", "0"]),
    ];
    for (name, options) in options {
        let units = Video::numbered("640x360", 30, options).units();
        assert_eq!(units.len(), 30);
        // The same decoder over and over, as it is used.
        let mut decoder = Decoder::new().unwrap();
        for length in [30, 1, 2, 3, 15, 16, 17, 18, 30, 30] {
            let cut = &units[..length];
            let frame = decoder.newest(cut).unwrap();
            let newest = cut.iter().enumerate().max_by_key(|(_, u)| u.pts_90k).unwrap();
            assert_eq!(frame.index, newest.0, "{name} {length}");
            assert_number(&frame, newest.1.pts_90k as usize / 6000, &format!("{name} {length}"));
        }
    }
}

#[test]
fn one_decoder_serves_cameras_of_different_sizes() {
    if !have_ffmpeg() {
        return;
    }
    let small = Video::numbered("320x180", 10, &["-profile:v", "baseline"]).units();
    let large = Video::numbered("1280x720", 8, &["-bf", "2"]).units();
    // Parameter sets of the same numbers, other contents.
    assert_ne!(small[0].params.sps, large[0].params.sps);
    let mut decoder = Decoder::new().unwrap();
    for _ in 0..3 {
        for (units, width, height) in [(&small, 320, 180), (&small, 320, 180), (&large, 1280, 720)] {
            let frame = decoder.newest(units).unwrap();
            assert_eq!((frame.width, frame.height), (width, height));
            assert_number(&frame, units.len() - 1, "size");
        }
    }
    // A list that holds more than one group begins at the last key frame.
    let both: Vec<_> = small.iter().chain(&large).cloned().collect();
    let frame = decoder.newest(&both).unwrap();
    assert_eq!((frame.width, frame.index >= small.len()), (1280, true));
}

/// A way to damage a NAL unit.
type Spoil = fn(&mut Vec<u8>);

#[test]
fn damage_costs_the_damaged_and_later_frames_only() {
    if !have_ffmpeg() {
        return;
    }
    let spoils: [(&str, Spoil); 5] = [
        ("cut", |nal| nal.truncate(nal.len() / 2)),
        ("zeros", |nal| {
            let half = nal.len() / 2;
            nal[half..].fill(0);
        }),
        ("flipped", |nal| nal.iter_mut().skip(3).for_each(|b| *b ^= 0x55)),
        ("one byte", |nal| nal.truncate(1)),
        ("nothing", Vec::clear),
    ];
    for options in [&["-profile:v", "baseline"][..], &["-profile:v", "main", "-bf", "0"]] {
        let units = Video::numbered("640x360", 12, options).units();
        let mut decoder = Decoder::new().unwrap();
        decoder.newest(&units).unwrap();
        for (name, spoil) in spoils {
            for at in [11, 6, 1] {
                let what = format!("{name} at {at}");
                let mut damaged = units.clone();
                damaged[at] = spoiled(&units[at], spoil);
                let frame = decoder.newest(&damaged).unwrap_or_else(|e| panic!("{what}: {e}"));
                assert_eq!(frame.index, at - 1, "{what}");
                assert_number(&frame, at - 1, &what);
                // A good group decodes as if nothing had been.
                assert_eq!(decoder.newest(&units).unwrap().index, 11, "{what}");
            }
            let key = spoiled(&units[0], spoil);
            assert!(matches!(decoder.newest(&[key]), Err(Failed::Decode(_))), "{name} key frame");
        }
        assert_eq!(decoder.newest(&units[1..]), Err(Failed::NoKeyFrame));
        assert_eq!(decoder.newest(&[]), Err(Failed::NoKeyFrame));
    }
}

#[test]
fn marks_stand_near_the_start() {
    if !have_ffmpeg() {
        return;
    }
    let frame = Decoder::new().unwrap().newest(&Video::numbered("320x180", 1, &[]).units()).unwrap();
    let mark = format!("camera0 {}", "m".repeat(1000));
    let jpeg = frame.to_jpeg(85, None, &mark).unwrap();
    let png = frame.to_png(None, &mark).unwrap();
    let find = |file: &[u8], what: &[u8]| file.windows(what.len()).position(|w| w == what);
    let text = format!("camera-service {mark}");
    // A COM segment: marker, length with itself, text; behind SOI and JFIF's APP0.
    let com = [&[0xff, 0xfe], &(text.len() as u16 + 2).to_be_bytes()[..], text.as_bytes()].concat();
    assert_eq!(find(&jpeg, &com), Some(20));
    let chunk = [b"tEXtComment\0", text.as_bytes()].concat();
    let at = find(&png, &chunk).unwrap();
    assert!(at + chunk.len() < 4096 && at < find(&png, b"IDAT").unwrap());
    for (file, codec) in [(jpeg, "mjpeg"), (png, "png")] {
        assert_eq!(rgb(&file, codec).len(), 320 * 180 * 3, "{codec} still decodes");
    }
}

#[test]
fn how_long_it_takes() {
    if !have_ffmpeg() {
        return;
    }
    let rss_kib = || -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|l| l.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let options = ["-profile:v", "baseline", "-b:v", "600k", "-preset", "ultrafast"];
    let units = Video::new("testsrc2=s=640x360:r=15:d=2", &options).units();
    let before = rss_kib();
    let mut decoder = Decoder::new().unwrap();
    for length in [15, 30, 15, 30] {
        let start = Instant::now();
        let frame = decoder.newest(&units[..length]).unwrap();
        let decoded = start.elapsed();
        let jpeg = frame.to_jpeg(85, None, "x").unwrap();
        let encoded = start.elapsed();
        let small = frame.to_jpeg(85, Some((320, 180)), "x").unwrap();
        let resized = start.elapsed();
        let png = frame.to_png(None, "x").unwrap();
        println!(
            "{length} frames: decoded in {decoded:?}, JPEG in {:?} ({} bytes), JPEG 320x180 in {:?} ({} bytes), \
             PNG in {:?} ({} bytes); {} KiB more than at the start",
            encoded.checked_sub(decoded).unwrap(),
            jpeg.len(),
            resized.checked_sub(encoded).unwrap(),
            small.len(),
            start.elapsed().checked_sub(resized).unwrap(),
            png.len(),
            rss_kib().saturating_sub(before),
        );
    }
}
