//! What formats cost: from the pipe's bytes to access units, from those to a picture and to a part of a
//! recording. `cargo bench -p media`; how whole calls do is measured from outside, by `xtask`.

mod kit;

use std::{hint::black_box, sync::Arc};

use media::{
    Unit,
    mp4::{self, Sample},
    nut::{Demuxer, Event},
    picture::Decoder,
};

/// What the driver reads from the pipe at once.
const READ_BYTES: usize = 16 << 10;

fn main() {
    let nut = kit::nut();
    kit::measure("nut: demux 10 s of 640x360@15", || demux(&nut));
    let (mut assembler, packets) = kit::packets(&nut);
    let (_, key) = &packets[kit::FPS];
    let (_, delta) = &packets[kit::FPS + 1];
    kit::measure("h264: assemble a key frame", || assembler.annexb(black_box(key)));
    kit::measure("h264: assemble a delta frame", || assembler.annexb(black_box(delta)));

    let gop: Vec<Arc<Unit>> = kit::units().into_iter().take(kit::FPS).map(Arc::new).collect();
    let mut decoder = Decoder::new().expect("openh264 is linked in");
    kit::measure("picture: decode a key frame", || decoder.newest(black_box(&gop[..1])));
    kit::measure("picture: decode 15 frames", || decoder.newest(black_box(&gop)));
    let frame = decoder.newest(&gop).expect("ffmpeg's pictures can be decoded");
    kit::measure("picture: JPEG 640x360, quality 85", || frame.to_jpeg(85, None, "bench"));
    kit::measure("picture: JPEG 320x180, quality 85", || frame.to_jpeg(85, Some((320, 180)), "bench"));
    kit::measure("picture: PNG 640x360", || frame.to_png(None, "bench"));
    kit::measure("picture: decode 15 frames to JPEG", || {
        decoder.newest(black_box(&gop)).map(|frame| frame.to_jpeg(85, None, "bench"))
    });

    let part: Vec<Sample> = gop
        .iter()
        .map(|unit| Sample {
            dts_90k: unit.pts_90k,
            duration_90k: 6_000,
            cts_90k: 0,
            key: unit.key,
            data: unit.data.clone(),
        })
        .collect();
    kit::measure("mp4: a part of 15 frames", || mp4::fragment(1, black_box(&part)));
    kit::measure("mp4: a file's head", || mp4::init(&gop[0].params, black_box(b"bench")));
}

/// The number of packets, as the driver takes them: read by read.
fn demux(nut: &[u8]) -> usize {
    let (mut demuxer, mut packets) = (Demuxer::new(), 0);
    for read in nut.chunks(READ_BYTES) {
        demuxer.push(read);
        while let Some(event) = demuxer.poll().expect("ffmpeg writes NUT") {
            packets += usize::from(matches!(event, Event::Packet { .. }));
        }
    }
    assert_eq!(packets, kit::FRAMES);
    packets
}
