//! The bodies of this room's fuzz targets, for `fuzz/`. Each lies beside the parser it attacks.

pub use crate::watch::fuzz as uevent;
