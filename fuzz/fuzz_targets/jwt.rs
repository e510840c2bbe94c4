//! A token, or (with a first byte of `{`) the claims of one that is signed well.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| server::fuzzing::jwt(data));
