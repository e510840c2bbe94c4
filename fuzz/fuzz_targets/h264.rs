//! Any access unit: H.264 NAL units, parameter sets, slice headers.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| media::h264::fuzz(data));
