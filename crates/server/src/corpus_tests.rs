//! For tests: where this room's corpora lie, and in what their parsers are best attacked.

use std::path::Path;

use testkit::corpus::{self, Bend};

/// Texts: JSON, YAML, tokens, headers.
const TEXT: Bend<'_> = Bend { marks: b"\"{}[]:,\\0-eEu\0 \n#&*'.=", bytes_below: 128, shorter_than: 2_000 };

/// Every file of `testdata/<name>`.
pub(crate) fn files(name: &str) -> Vec<(String, Vec<u8>)> {
    corpus::files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name), 6)
}

/// Runs `body` on the files and on `count` small changes of them.
pub(crate) fn bent(name: &str, count: usize, body: fn(&[u8])) {
    corpus::replay(&files(name), count, TEXT, body);
}
