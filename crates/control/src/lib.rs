//! The Controller: the only place where cameras, paths and files meet. It knows no JSON-RPC, no HTTP
//! and not who the client is.

pub mod api;
mod clock_guard;
mod config;
mod controller;
mod convert;
mod data_dir;
mod error;
mod export;
mod leases;
mod pictures;
mod plan;
mod recorder;
mod recordings;
mod retention;
mod snapshots;
pub mod state;
mod storage;

pub use base::{CameraId, config as settings, time, units};
pub use cameras::MAX_SOURCES;
pub use config::{Config, data_dir, has_real_camera};
pub use controller::Controller;
pub use error::{Error, Kind, Result};
pub use paths::{Authorize, Credentials, Pass, Verdict, Viewer, run_child};
