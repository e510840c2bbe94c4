//! A `Range` header: eight bytes of a file's length (little endian), then the header.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| server::fuzzing::range(data));
