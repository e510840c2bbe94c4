//! What the rooms' benches share: a timer and a real camera's stream. `engine` borrows this folder by
//! path, so that there is one timer and no crate for it. No figure is judged here.

use std::{
    hint::black_box,
    process::Command,
    time::{Duration, Instant, SystemTime},
};

use media::{
    Unit,
    h264::Assembler,
    nut::{Demuxer, Event},
};

/// How many samples a figure rests on.
const SAMPLES: usize = 100;
/// A sample repeats its work until it lasts this long, so that reading the clock does not count.
const SAMPLE: Duration = Duration::from_millis(2);
/// What the test camera sends: as many key frames as seconds.
pub(crate) const FRAMES: usize = 150;
/// Frames a second, and frames from one key frame to the next.
pub(crate) const FPS: usize = 15;

/// Measures `work` and tells the nanoseconds of one call: a line for a person on standard error, a line
/// of JSON with every sample on standard output.
pub(crate) fn measure<T>(name: &str, mut work: impl FnMut() -> T) {
    let mut calls = 1;
    while time(calls, &mut work) < SAMPLE {
        calls *= 2;
    }
    let mut ns: Vec<u64> =
        (0..SAMPLES).map(|_| time(calls, &mut work).as_nanos() as u64 / u64::from(calls)).collect();
    let raw: Vec<String> = ns.iter().map(u64::to_string).collect();
    ns.sort_unstable();
    let (p50, p95) = (ns[SAMPLES / 2], ns[SAMPLES * 95 / 100]);
    eprintln!("{name:<44} p50 {:>9.2} us   p95 {:>9.2} us", p50 as f64 / 1e3, p95 as f64 / 1e3);
    println!("{{\"name\":\"{name}\",\"unit\":\"ns\",\"calls\":{calls},\"samples\":[{}]}}", raw.join(","));
}

fn time<T>(calls: u32, work: &mut impl FnMut() -> T) -> Duration {
    let start = Instant::now();
    for _ in 0..calls {
        black_box(work());
    }
    start.elapsed()
}

/// Ten seconds of 640x360 at 15 frames a second, as the service's own ffmpeg writes them to its pipe.
pub(crate) fn nut() -> Vec<u8> {
    let out = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=15"])
        .args(["-frames:v", &FRAMES.to_string(), "-c:v", "libx264", "-profile:v", "baseline"])
        .args(["-pix_fmt", "yuv420p", "-preset", "ultrafast", "-tune", "zerolatency", "-bf", "0"])
        .args(["-sc_threshold", "0", "-g", &FPS.to_string(), "-b:v", "600k", "-maxrate", "600k"])
        .args(["-bufsize", "600k", "-f", "nut", "-write_index", "0", "pipe:1"])
        .output()
        .expect("the benches need ffmpeg");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

/// The packets of [`nut`] with their times, and an assembler that has its parameter sets.
pub(crate) fn packets(nut: &[u8]) -> (Assembler, Vec<(i64, bytes::Bytes)>) {
    let (mut demuxer, mut assembler, mut packets) = (Demuxer::new(), Assembler::new(), Vec::new());
    demuxer.push(nut);
    while let Some(event) = demuxer.poll().expect("ffmpeg writes NUT") {
        match event {
            Event::Stream { extradata, .. } => {
                assembler.set_extradata(&extradata).expect("ffmpeg writes H.264");
            }
            Event::Packet { pts_90k, data, .. } => packets.push((pts_90k, data)),
        }
    }
    assert_eq!(packets.len(), FRAMES);
    (assembler, packets)
}

/// The same as access units.
pub(crate) fn units() -> Vec<Unit> {
    let (mut assembler, packets) = packets(&nut());
    let unit = |(pts_90k, data): &(i64, bytes::Bytes)| {
        let picture = assembler.annexb(data).expect("ffmpeg writes H.264").expect("one picture a packet");
        Unit {
            pts_90k: *pts_90k,
            key: picture.key,
            data: picture.data,
            params: picture.params,
            captured: SystemTime::now(),
            arrived: Instant::now(),
        }
    };
    packets.iter().map(unit).collect()
}
