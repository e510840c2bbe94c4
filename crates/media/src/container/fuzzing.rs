//! What the fuzzers drive: any file a crash or a stranger may leave in the folder.

use std::io::Cursor;

use super::{Container, Reader};

/// Takes `data` as a file; what is found whole must still be whole after the repair, and after another.
///
/// # Panics
/// When an invariant breaks.
pub fn fuzz(container: Container, data: &[u8]) {
    let never = "memory can always be read";
    let mut file = Cursor::new(data.to_vec());
    let _ = container.read_trailer(&mut file).expect(never);
    let Some(head) = container.read_head(&mut file).expect(never) else { return };
    let parts = container.scan(&mut file, &head).expect(never);
    assert!(head.end <= parts.valid_len && parts.valid_len <= data.len() as u64);
    let mut reader = Reader::new(container, &head);
    let mut frames = 0;
    while let Some(shots) = reader.next(&mut file).expect(never) {
        frames += shots.len() as u64;
    }
    assert!(frames <= parts.frames, "the reader finds no picture that the scan did not");

    let mut mended = Cursor::new(data[..parts.valid_len as usize].to_vec());
    let closing = container.close(&mut mended, head.end, &parts, b"mended").expect(never);
    let mut mended = mended.into_inner();
    mended.extend(closing.tail);
    for patch in closing.patches {
        let at = patch.at as usize;
        assert!(at + patch.bytes.len() <= head.end as usize, "only the head is written over");
        mended[at..at + patch.bytes.len()].copy_from_slice(&patch.bytes);
    }
    let mut mended = Cursor::new(mended);
    let again = container.read_head(&mut mended).expect(never).expect("a head stays one");
    assert_eq!((&again.mark, &again.params, again.end), (&head.mark, &head.params, head.end));
    let parts_again = container.scan(&mut mended, &again).expect(never);
    assert_eq!((parts_again.frames, parts_again.valid_len), (parts.frames, parts.valid_len));
    let trailer = container.read_trailer(&mut mended).expect(never).expect("the trailer is there");
    assert_eq!(trailer.trim_ascii_end(), b"mended");
}
