//! Pages from the end, over files of all sizes.

use std::fs;

use super::{
    super::{
        chain::Key,
        store::tests::{filled, place},
        verify::verify_place,
    },
    *,
};

fn numbers(page: &Page) -> Vec<u64> {
    page.lines.iter().map(|line| Sealed::parse(line.as_bytes()).unwrap().seq).collect()
}

#[test]
fn pages_have_no_gap_and_no_double() {
    for max_file_bytes in [1024, 5000, 1 << 20] {
        let dir = tempfile::tempdir().unwrap();
        let place = place(dir.path(), max_file_bytes);
        let count = filled(&place, 500).count;
        for limit in [1, 7, 1000] {
            let (mut seen, mut before) = (Vec::new(), None);
            loop {
                let page = page(&place, before, limit).unwrap();
                assert!(page.lines.len() <= limit);
                seen.extend(numbers(&page));
                before = page.next;
                if before.is_none() {
                    break;
                }
            }
            assert_eq!(seen, (1..=count).rev().collect::<Vec<_>>(), "{max_file_bytes} {limit}");
        }
        verify_place(&place, &Key::for_tests(), None).unwrap();
    }
}

#[test]
fn what_is_no_line_is_left_out_and_memory_stays_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let place = place(dir.path(), 1 << 20);
    assert!(page(&place, None, 5).unwrap().lines.is_empty());
    filled(&place, 3);
    let text = fs::read_to_string(&place.file).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    let garbage = "x".repeat(1 << 20);
    fs::write(&place.file, format!("{first}\n{garbage}\n{rest}{{\"ts\":\"half")).unwrap();
    let found = page(&place, None, 10).unwrap();
    assert_eq!((numbers(&found), found.next), (vec![4, 3, 2, 1], None));
    let file = open(&place.file).unwrap().unwrap();
    let mut lines = Backwards::new(&file).unwrap();
    while lines.next().unwrap().is_some() {
        assert!(lines.held.capacity() <= 4 * CHUNK_BYTES as usize, "{}", lines.held.capacity());
    }
    assert!(page(&place, Some(1), 10).unwrap().lines.is_empty());
    assert!(page(&Place { file: "/dev/zero".into(), ..place }, None, 1).is_err());
}
