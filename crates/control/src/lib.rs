//! The Controller: the only place where cameras, paths and files meet. It knows no JSON-RPC, no HTTP
//! and not who the client is.

pub mod api;
mod camera_watch;
mod clock_guard;
mod clock_set;
mod config;
mod controller;
mod controls;
mod convert;
mod counts;
mod data_dir;
mod direct;
pub mod doctor;
mod error;
pub mod events;
mod export;
mod health;
mod health_watch;
mod leases;
mod naming;
mod pictures;
mod plan;
mod plugged;
mod recorder;
mod recordings;
mod retention;
mod room;
mod snapshots;
pub mod state;
mod storage;
mod timelapse;

pub use base::{CameraId, backoff::Backoff, config as settings, histogram, time, units};
pub use cameras::{MAX_SOURCES, is_good_name};
pub use config::{Config, data_dir, has_real_camera};
pub use controller::Controller;
pub use error::{Error, Kind, Result};
pub use paths::{Authorize, Credentials, Holder, Keys, Pass, Verdict, Viewer, run_child};
