//! The Controller: the only place where cameras, paths and files meet. It knows no JSON-RPC, no HTTP
//! and not who the client is.

pub mod api;
mod error;

pub use base::{CameraId, config as settings, time, units};
pub use error::{Error, Kind, Result};
