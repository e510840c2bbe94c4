//! Any file a crash may leave: the MP4 reader that repairs recordings.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| media::mp4::fuzz(data));
