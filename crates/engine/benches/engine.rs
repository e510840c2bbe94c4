//! What the engine costs for each frame and each request, without sockets: packets once, then one
//! reference for each reader. `cargo bench -p engine`; sockets are measured from outside, by `xtask`.

#[path = "../../media/benches/kit/mod.rs"]
#[expect(clippy::disallowed_methods, reason = "a timer asks for the time")]
mod kit;

use std::{hint::black_box, sync::Arc, time::Instant};

use engine::{
    Frame,
    gop::{GopCache, MAX_BYTES},
    queue::Queue,
    rtp::Packetizer,
    rtsp::{Conn, Event, Limits},
};

/// As the readers of the scenario `ten-cameras`.
const READERS: usize = 10;

/// What ffmpeg says from connecting to playing over TCP.
const CONVERSATION: &[u8] = include_bytes!("../testdata/rtsp/valid-ffmpeg-tcp.txt");

fn main() {
    let units = kit::units();
    let mut packetizer = Packetizer::new(1, 0, 0);
    let (key, delta) = (&units[kit::FPS], &units[kit::FPS + 1]);
    kit::measure("rtp: packetise a key frame", || packetizer.packetize(black_box(key)));
    kit::measure("rtp: packetise a delta frame", || packetizer.packetize(black_box(delta)));
    let rtp = packetizer.packetize(key);
    kit::measure("rtp: a key frame's packets, for UDP", || {
        rtp.packets().map(|packet| packet.len()).sum::<usize>()
    });

    let frames: Vec<Arc<Frame>> = units
        .into_iter()
        .map(|unit| {
            let rtp = packetizer.packetize(&unit);
            Arc::new(Frame { unit: Arc::new(unit), rtp })
        })
        .collect();
    let mut gop = GopCache::new(MAX_BYTES);
    let mut readers: Vec<Queue> = (0..READERS).map(|_| Queue::live(128, 8 << 20)).collect();
    kit::measure("hub: 150 frames to the cache and 10 readers", || fan_out(&frames, &mut gop, &mut readers));
    kit::measure("hub: a new reader takes 15 cached frames", || join(&gop));

    assert_eq!(converse(), EVENTS, "the conversation plays");
    kit::measure("rtsp: from OPTIONS to TEARDOWN", converse);
}

/// Every frame to the cache and to every reader, who takes it at once.
fn fan_out(frames: &[Arc<Frame>], gop: &mut GopCache, readers: &mut [Queue]) -> usize {
    let mut taken = 0;
    for frame in frames {
        gop.push(Arc::clone(frame));
        for reader in &mut *readers {
            reader.push(Arc::clone(frame));
            while reader.pop().is_some() {
                taken += 1;
            }
        }
    }
    assert_eq!(taken, frames.len() * readers.len(), "nothing is lost");
    taken
}

fn join(gop: &GopCache) -> usize {
    let mut reader = Queue::live(128, 8 << 20);
    reader.prefill(gop.frames());
    reader.len()
}

/// DESCRIBE, SETUP, PLAY, two receiver reports, TEARDOWN; the rest is answered without asking the driver.
const EVENTS: usize = 6;

/// One viewer's conversation; how many events it gave.
fn converse() -> usize {
    #[expect(clippy::disallowed_methods, reason = "an Instant can be had in no other way; any will do")]
    let now = Instant::now();
    let mut conn = Conn::new("Session1".into(), now, Limits::default());
    conn.receive(now, black_box(CONVERSATION));
    let mut events = 0;
    while let Some(event) = conn.poll().expect("a recorded conversation is valid") {
        events += 1;
        match event {
            Event::Describe { ticket, .. } => conn.accept_describe(ticket, "v=0\r\n", ""),
            Event::Setup { ticket, .. } => conn.accept_setup(ticket, None, 7),
            Event::Play { ticket } => conn.accept_play(ticket, 1, 2, ""),
            Event::Pause | Event::Teardown | Event::Rtcp(_) => {}
        }
        black_box(conn.take_output());
    }
    events
}
