//! Bytes as text: two lower-case hexadecimal digits each. One value has one form.

/// As text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |text, byte| text + &format!("{byte:02x}"))
}

/// Reads what [`hex`] writes of `N` bytes, and nothing else.
pub(crate) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let lower = text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    if text.len() != 2 * N || !lower {
        return None;
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}
