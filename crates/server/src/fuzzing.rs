//! The bodies of this room's fuzz targets, for `fuzz/`. Each lies beside the parser it attacks.

pub use crate::{
    config::fuzz as config,
    http::fuzz_range as range,
    rpc::fuzz as rpc,
    security::{fuzz_api_keys as api_keys, fuzz_jwt as jwt},
};
