//! What the fuzzers drive: any file a crash or a stranger may leave in the folder.

use std::io::Cursor;

use super::{read_head, read_trailer, scan, trailer};

/// Takes `data` as a file; what is found whole must still be whole after the repair.
///
/// # Panics
/// When an invariant breaks.
pub fn fuzz(data: &[u8]) {
    let never = "memory can always be read";
    let mut file = Cursor::new(data.to_vec());
    let _ = read_trailer(&mut file).expect(never);
    let Some(head) = read_head(&mut file).expect(never) else { return };
    let parts = scan(&mut file, &head).expect(never);
    assert!(head.end <= parts.valid_len && parts.valid_len <= data.len() as u64);
    let mut mended = data[..parts.valid_len as usize].to_vec();
    mended.extend(trailer(b"mended"));
    let mut mended = Cursor::new(mended);
    assert_eq!(read_head(&mut mended).expect(never), Some(head.clone()));
    assert_eq!(scan(&mut mended, &head).expect(never), parts);
    assert_eq!(read_trailer(&mut mended).expect(never).as_deref(), Some(&b"mended"[..]));
}
