//! Any bytes from a viewer: the RTSP parser and the connection behind it.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| engine::rtsp::fuzz(data));
