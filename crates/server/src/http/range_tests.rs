//! The `Range` header: what each one means, and the corpus under `testdata/range`, replayed.

use super::*;
use crate::corpus_tests;

#[test]
fn what_is_asked_for() {
    let part = |first, last| Asked::Part { first, last };
    for (header, length, want) in [
        ("bytes=0-0", 10, part(0, 0)),
        ("bytes=2-5", 10, part(2, 5)),
        ("bytes=2-", 10, part(2, 9)),
        ("bytes=2-99", 10, part(2, 9)),
        ("bytes=-3", 10, part(7, 9)),
        ("bytes=-99", 10, part(0, 9)),
        ("BYTES=0-1", 10, part(0, 1)),
        ("bytes= 0-1 ", 10, part(0, 1)),
        ("bytes=,0-1,", 10, part(0, 1)),
        ("bytes=0-99999999999999999999999", 10, part(0, 9)),
        ("bytes=-99999999999999999999999", 10, part(0, 9)),
        ("bytes=10-", 10, Asked::Nowhere),
        ("bytes=99999999999999999999999-", 10, Asked::Nowhere),
        ("bytes=-0", 10, Asked::Nowhere),
        ("bytes=0-", 0, Asked::Nowhere),
        ("bytes=-1", 0, Asked::Whole),
        ("bytes=0-1,4-5", 10, Asked::Whole),
        ("bytes=5-2", 10, Asked::Whole),
        ("bytes=", 10, Asked::Whole),
        ("bytes=-", 10, Asked::Whole),
        ("bytes=a-b", 10, Asked::Whole),
        ("bytes=+1-2", 10, Asked::Whole),
        ("bytes=1 - 2", 10, Asked::Whole),
        ("bytes=1-2-3", 10, Asked::Whole),
        ("bytes 0-1", 10, Asked::Whole),
        ("items=0-1", 10, Asked::Whole),
        ("", 10, Asked::Whole),
    ] {
        assert_eq!(parse(header, length), want, "{header:?} of {length}");
    }
}

#[test]
fn what_each_file_is_answered() {
    for (name, data) in corpus_tests::files("range") {
        let (length, header) = data.split_first_chunk().unwrap();
        let found = std::str::from_utf8(header).ok().map(|text| parse(text, u64::from_le_bytes(*length)));
        let good = match name.as_str() {
            name if name.starts_with("valid-") => matches!(found, Some(Asked::Part { .. })),
            name if name.starts_with("hostile-nowhere-") => found == Some(Asked::Nowhere),
            "hostile-not-utf8.bin" => found.is_none(),
            _ => found == Some(Asked::Whole),
        };
        assert!(good, "{name}: {found:?}");
    }
}

#[test]
fn no_file_and_no_small_change_of_one_breaks_a_rule() {
    corpus_tests::bent("range", 20_000, fuzz);
}
