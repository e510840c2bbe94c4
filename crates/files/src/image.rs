//! The mark in a snapshot: a comment that the picture's encoder wrote near the beginning of the file.

use std::time::SystemTime;

use base::CameraId;

use crate::mark::Mark;

/// The mark lies within this many bytes, so that listing need not read pictures.
pub(crate) const HEAD_BYTES: usize = 4096;
/// What `media` writes before the text it is given.
const BEFORE: &[u8] = b"camera-service ";
/// Beginnings of the two formats: SOI and a marker of JPEG (T.81 section B.1), the signature of PNG.
const JPEG: &[u8] = &[0xff, 0xd8, 0xff];
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Text of the mark for a picture of `device` taken at `taken`.
pub fn snapshot_mark_text(device: CameraId, taken: SystemTime) -> String {
    Mark { device, recording_id: String::new(), segment: 0, start: taken, export: false }.to_json()
}

/// The mark of a picture whose file begins with `head`; `None` when it is not one of ours.
pub(crate) fn read_mark(head: &[u8]) -> Option<Mark> {
    if !(head.starts_with(JPEG) || head.starts_with(PNG)) {
        return None;
    }
    let head = &head[..head.len().min(HEAD_BYTES)];
    let at = head.windows(BEFORE.len()).position(|window| window == BEFORE)?;
    let text = &head[at + BEFORE.len()..];
    // The mark is one flat JSON object.
    let end = text.iter().position(|byte| *byte == b'}')?;
    Mark::parse(&text[..=end]).filter(|mark| mark.segment == 0)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn only_our_pictures_have_a_mark() {
        let taken = UNIX_EPOCH + Duration::from_millis(1_795_483_519_123);
        let text = snapshot_mark_text(CameraId(4), taken);
        let file = |start: &[u8], text: &str| {
            [start, b"junk camera-service ", text.as_bytes(), b"\xff\xdb"].concat()
        };
        for start in [JPEG, PNG] {
            let mark = read_mark(&file(start, &text)).unwrap();
            assert_eq!((mark.device, mark.start), (CameraId(4), taken));
        }
        for stranger in [
            Vec::new(),
            b"GIF89a".to_vec(),
            file(b"GIF89a", &text),
            file(JPEG, "{}"),
            file(JPEG, &text[..text.len() - 1]),
            [file(JPEG, "no"), vec![0; HEAD_BYTES], file(JPEG, &text)].concat(),
        ] {
            assert_eq!(read_mark(&stranger), None);
        }
    }
}
