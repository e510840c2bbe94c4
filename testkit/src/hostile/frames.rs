//! WebSocket frames that no library makes. Each has its mask, which is zero, but for the one without.

use super::{Attack, Must, Sent};

pub(super) fn table() -> Vec<Attack> {
    let text = vec![b'x'; 600_000];
    let part = |first: u8| {
        let length = (text.len() as u64).to_be_bytes();
        [&[first, 0xff][..], &length, &[0; 4], &text].concat()
    };
    let control = |kind: u8| [&[kind, 0xfe, 0, 126, 0, 0, 0, 0][..], &[0; 126]].concat();
    let rows = [
        ("binary", vec![0x82, 0x82, 0, 0, 0, 0, b'{', b'}'], 1003),
        ("text that is not UTF-8", vec![0x81, 0x81, 0, 0, 0, 0, 0xff], 1007),
        ("text cut in the middle of a character", vec![0x81, 0x82, 0, 0, 0, 0, 0xe2, 0x82], 1007),
        ("a surrogate in UTF-8", vec![0x81, 0x83, 0, 0, 0, 0, 0xed, 0xa0, 0x80], 1007),
        ("reserved bits", vec![0xf1, 0x80, 0, 0, 0, 0], 1002),
        ("compression nobody agreed to", vec![0xc1, 0x81, 0, 0, 0, 0, b'x'], 1002),
        ("a kind that does not exist", vec![0x83, 0x80, 0, 0, 0, 0], 1002),
        ("a control frame that does not exist", vec![0x8b, 0x80, 0, 0, 0, 0], 1002),
        ("a ping of 126 bytes", control(0x89), 1002),
        ("a close of 126 bytes", control(0x88), 1002),
        ("a ping in pieces", vec![0x09, 0x80, 0, 0, 0, 0], 1002),
        ("a piece of nothing", vec![0x80, 0x81, 0, 0, 0, 0, b'x'], 1002),
        (
            "a message within a message",
            vec![0x01, 0x81, 0, 0, 0, 0, b'x', 0x81, 0x81, 0, 0, 0, 0, b'x'],
            1002,
        ),
        ("no mask", vec![0x81, 0x02, b'{', b'}'], 1002),
        ("a length of 2^63 - 1", [&[0x81, 0xff, 0x7f][..], &[0xff; 7], &[0; 4]].concat(), 1009),
        ("a length of 2^64 - 1", [&[0x81, 0xff][..], &[0xff; 8], &[0; 4]].concat(), 1009),
        ("too long in pieces", [part(0x01), part(0x00)].concat(), 1009),
    ];
    let row = |(name, bytes, code)| Attack::new(name, Sent::Frames(bytes), Must::Close(code));
    rows.into_iter().map(row).collect()
}
