//! The bodies of this room's fuzz targets, for `fuzz/`. Each lies beside the parser it attacks.

pub use crate::{config::fuzz as config, rpc::fuzz as rpc, security::fuzz_jwt as jwt};
