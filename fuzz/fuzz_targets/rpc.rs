//! Any text frame of a client: JSON-RPC messages, batches and their parameters.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| server::rpc::fuzz(data));
