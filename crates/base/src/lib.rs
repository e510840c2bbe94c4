//! The words every room uses: errors, camera ids, times, sizes, secrets in URLs, reading
//! configuration, back-off, counting how long things took, and the pure supervisor of one source.
//!
//! *Invariant:* nothing here does I/O, starts a task or asks for the time; no tokio.

pub mod backoff;
pub mod config;
mod error;
pub mod histogram;
mod id;
mod safe_url;
pub mod supervisor;
pub mod time;
pub mod units;

pub use error::{Error, Kind, Result};
pub use id::CameraId;
pub use safe_url::SafeUrl;
