//! The file of API keys, which the command line and people change.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| server::fuzzing::api_keys(data));
