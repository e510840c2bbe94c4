//! Formats, and nothing but formats: access units, H.264 headers, the NUT container our ffmpeg writes
//! to its pipe, recordings in three containers, pictures.
//!
//! *Invariant:* no I/O on files or sockets, no clock, no tokio; bytes in, values out.

pub mod avi;
pub mod container;
pub mod h264;
pub mod mkv;
pub mod mp4;
pub mod nut;
pub mod picture;
mod unit;

pub use container::Container;
pub use unit::{CLOCK_HZ, ParamSets, Unit};
