//! Tests of the engine from outside, one module a room of it. Time is simulated: one real instant is
//! the origin, everything else is arithmetic.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod conversations;
mod corpus;
mod deadlines;
mod fanout;
mod refusals;
mod reports;
mod rtp;

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use bytes::{BufMut, Bytes, BytesMut};
use engine::{Frame, rtp::Packetizer};
use media::{ParamSets, Unit, h264::SpsInfo};

/// The origin of simulated time.
fn origin() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "an Instant can be had in no other way; any will do")]
    Instant::now()
}

fn params() -> Arc<ParamSets> {
    let info =
        SpsInfo { profile_idc: 66, constraints: 0xC0, level_idc: 31, fps: Some(30.0), ..SpsInfo::default() };
    Arc::new(ParamSets {
        sps: Bytes::from_static(&[0x67, 0x42, 0xC0, 0x1F, 0x11, 0x22]),
        pps: vec![Bytes::from_static(&[0x68, 0xCE, 0x3C, 0x80])],
        info,
    })
}

/// A unit of the given NAL units.
fn unit(key: bool, pts_90k: i64, nals: &[Vec<u8>]) -> Unit {
    let mut data = BytesMut::new();
    for nal in nals {
        data.put_u32(nal.len() as u32);
        data.put_slice(nal);
    }
    Unit {
        pts_90k,
        key,
        data: data.freeze(),
        params: params(),
        captured: SystemTime::UNIX_EPOCH,
        arrived: origin(),
    }
}

/// A slice of `bytes` bytes, its header among them.
fn slice(key: bool, bytes: usize) -> Vec<u8> {
    let mut nal: Vec<u8> = (0..bytes).map(|at| (at * 7 % 251) as u8).collect();
    nal[0] = if key { 0x65 } else { 0x41 };
    nal
}

/// A frame of one slice.
fn frame(packetizer: &mut Packetizer, key: bool, number: i64, bytes: usize) -> Arc<Frame> {
    let unit = unit(key, number * 3_000, &[slice(key, bytes)]);
    let rtp = packetizer.packetize(&unit);
    Arc::new(Frame { unit: Arc::new(unit), rtp })
}
