//! Real pictures for tests of this room and of others: what ffmpeg and x264 make, as access units.

use std::{
    process::Command,
    time::{Instant, SystemTime},
};

use media::{
    Unit,
    h264::Assembler,
    nut::{Demuxer, Event},
};

/// `frames` pictures of ffmpeg's moving test picture, such as `640x360:rate=15`, encoded with `options`.
///
/// # Panics
/// If there is no ffmpeg, or it does not make what was asked.
pub(crate) fn units(picture: &str, frames: u32, options: &[&str]) -> Vec<Unit> {
    let out = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", &format!("testsrc2=size={picture}")])
        .args(["-frames:v", &frames.to_string(), "-pix_fmt", "yuv420p", "-c:v", "libx264"])
        .args(options)
        .args(["-f", "nut", "pipe:1"])
        .output()
        .expect("ffmpeg runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let (mut demuxer, mut assembler, mut units) = (Demuxer::new(), Assembler::new(), Vec::new());
    demuxer.push(&out.stdout);
    while let Some(event) = demuxer.poll().expect("ffmpeg writes NUT") {
        match event {
            Event::Stream { extradata, .. } => {
                assembler.set_extradata(&extradata).expect("x264 gives parameter sets");
            }
            Event::Packet { pts_90k, data, .. } => {
                let picture = assembler.annexb(&data).expect("x264 gives pictures").expect("a whole one");
                units.push(Unit {
                    pts_90k,
                    key: picture.key,
                    data: picture.data,
                    params: picture.params,
                    captured: SystemTime::now(),
                    arrived: Instant::now(),
                });
            }
        }
    }
    assert_eq!(units.len(), frames as usize);
    units
}
