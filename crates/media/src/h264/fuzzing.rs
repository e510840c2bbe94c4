//! What the fuzzers drive, and what must hold whatever they feed.

use std::time::{Instant, SystemTime};

use super::{Assembler, annexb_nals, parse_sps};
use crate::Unit;

/// Takes `data` as parameter sets and as a stream.
///
/// # Panics
/// When an invariant breaks.
pub fn fuzz(data: &[u8]) {
    if let Ok(info) = parse_sps(data) {
        assert!(info.width > 0 && info.height > 0 && info.reorder_frames <= 16);
    }
    let mut assembler = Assembler::new();
    let (extradata, packets) = data.split_at(data.first().map_or(0, |n| usize::from(*n).min(data.len())));
    let _ = assembler.set_extradata(extradata.get(1..).unwrap_or_default());
    for packet in packets.chunks(4096) {
        let Ok(Some(picture)) = assembler.annexb(packet) else { continue };
        let (captured, arrived) = (SystemTime::UNIX_EPOCH, instant());
        let key = picture.key;
        let unit = Unit { pts_90k: 0, key, data: picture.data, params: picture.params, captured, arrived };
        let split: Vec<_> = unit.nals().collect();
        let slices: Vec<_> = annexb_nals(packet).filter(|nal| (1..=5).contains(&(nal[0] & 0x1f))).collect();
        assert_eq!(split, slices);
    }
}

/// An instant of no meaning: a unit must have one.
fn instant() -> Instant {
    Instant::now()
}
