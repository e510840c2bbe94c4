//! The camera's pictures: one after the other at the agreed rate, cut into payloads (Video Class 1.1, section 2.4.3), each into a
//! place the host has offered. A picture nobody offers a place for waits; a stream that ends cuts it off.

use std::{
    io,
    os::unix::net::UnixStream,
    sync::{MutexGuard, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use super::{
    Faults, Shared,
    device::{Device, PAYLOAD, Stream},
};
use crate::usbip::{self, Urb};

/// Bytes before the data of a payload: its length and its flags.
const HEADER: usize = 2;
/// Flags of a payload: the header ends here; an error; the last of its picture. The lowest bit changes with the picture.
const END_OF_HEADER: u8 = 0x80;
const ERROR: u8 = 0x40;
const END_OF_PICTURE: u8 = 0x02;
/// Behind by more than this, a camera goes on from now.
const MAX_BEHIND: Duration = Duration::from_secs(1);

/// Sends pictures until the camera is pulled.
pub(super) fn run(shared: &Shared) -> io::Result<()> {
    let mut current = 0;
    let (mut shown, mut due) = (0usize, Instant::now());
    while let Some((stream, faults)) = next(shared, current, due) {
        if stream.number != current {
            (current, shown, due) = (stream.number, 0, Instant::now());
        }
        due += Duration::from_nanos(u64::from(stream.interval) * 100);
        if due + MAX_BEHIND < Instant::now() {
            due = Instant::now();
        }
        let picture = spoilt(stream.pictures[shown % stream.pictures.len()].clone(), faults);
        let flags = END_OF_HEADER | (shown & 1) as u8 | if faults.error_bit { ERROR } else { 0 };
        if send(shared, &stream, &picture, flags)? {
            shared.sent.fetch_add(1, Ordering::Relaxed);
        }
        shown += 1;
    }
    Ok(())
}

/// Waits until a picture is due: at `due`, or at once when the stream is another one than `current`. `None`: pulled.
fn next(shared: &Shared, current: u64, due: Instant) -> Option<(Stream, Faults)> {
    let mut device = shared.device();
    loop {
        if device.gone {
            return None;
        }
        let ready = device.stream.clone().filter(|_| !device.faults.freeze);
        let Some(stream) = ready else {
            device = shared.changed.wait(device).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let left = due.saturating_duration_since(Instant::now());
        if stream.number != current || left.is_zero() {
            return Some((stream, device.faults));
        }
        let waited = shared.changed.wait_timeout(device, left);
        device = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

/// Sends one picture; `false`: the stream ended in its middle.
fn send(shared: &Shared, stream: &Stream, picture: &[u8], flags: u8) -> io::Result<bool> {
    let mut rest = picture;
    while !rest.is_empty() {
        let Some((mut out, urb)) = place(shared, stream) else { return Ok(false) };
        let (now, later) = rest.split_at(rest.len().min(urb.length.min(PAYLOAD).saturating_sub(HEADER)));
        let last = if later.is_empty() { END_OF_PICTURE } else { 0 };
        let mut payload = Vec::with_capacity(HEADER + now.len());
        payload.extend([HEADER as u8, flags | last]);
        payload.extend(now);
        usbip::give(&mut *out, urb.number, &payload)?;
        rest = later;
    }
    Ok(true)
}

/// Waits for a place, and holds the way out together with it: a place that is taken is answered before the host can hear that
/// it was taken back, or it would pull the plug. `None`: the stream has ended.
fn place<'a>(shared: &'a Shared, stream: &Stream) -> Option<(MutexGuard<'a, UnixStream>, Urb)> {
    let goes_on = |device: &Device| {
        !device.gone && device.stream.as_ref().is_some_and(|now| now.number == stream.number)
    };
    loop {
        let waited =
            shared.changed.wait_while(shared.device(), |device| goes_on(device) && device.places.is_empty());
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        let out = shared.answers();
        let mut device = shared.device();
        if !goes_on(&device) {
            return None;
        }
        if let Some(urb) = device.places.pop_front() {
            return Some((out, urb));
        }
    }
}

fn spoilt(mut picture: Vec<u8>, faults: Faults) -> Vec<u8> {
    let half = picture.len() / 2;
    if faults.corrupt {
        picture[half..].iter_mut().for_each(|byte| *byte ^= 0x5a);
    }
    if faults.truncate {
        picture.truncate(half);
    }
    picture
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_spoilt_as_asked() {
        let good = vec![1, 2, 3, 4];
        assert_eq!(spoilt(good.clone(), Faults::default()), good);
        assert_eq!(spoilt(good.clone(), Faults { truncate: true, ..Faults::default() }), [1, 2]);
        assert_eq!(spoilt(good, Faults { corrupt: true, ..Faults::default() }), [1, 2, 3 ^ 0x5a, 4 ^ 0x5a]);
    }
}
