//! Any message to those who listen for devices: the kernel's, udev's, or a stranger's.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cameras::fuzzing::uevent(data));
