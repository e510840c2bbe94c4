//! Any file a crash may leave: the Matroska reader that repairs recordings.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| media::mkv::fuzz(data));
