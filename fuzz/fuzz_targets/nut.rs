//! Any bytes from the pipe of our ffmpeg: the NUT demuxer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| media::nut::fuzz(data));
