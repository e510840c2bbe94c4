//! What the fuzzers drive.

use super::{Demuxer, Event, Malformed};

/// Takes `data` as a stream, at once and in pieces: both must give the same.
///
/// # Panics
/// When an invariant breaks.
pub fn fuzz(data: &[u8]) {
    let whole = events(data, data.len().max(1));
    let pieces = events(data, 1 + data.len() % 7);
    assert_eq!(whole, pieces);
    let bytes: usize =
        whole.0.iter().map(|event| if let Event::Packet { data, .. } = event { data.len() } else { 0 }).sum();
    // Elision gives back at most 255 bytes for each byte of a frame's header.
    assert!(bytes <= data.len() * 256);
}

fn events(data: &[u8], piece: usize) -> (Vec<Event>, Option<Malformed>) {
    let (mut demuxer, mut events) = (Demuxer::new(), Vec::new());
    for chunk in data.chunks(piece) {
        demuxer.push(chunk);
        loop {
            match demuxer.poll() {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(malformed) => return (events, Some(malformed)),
            }
        }
    }
    (events, None)
}
