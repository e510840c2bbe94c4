//! Streams: each path has one source, at most one run of it at a time, and any number of takers.
//! The engine decides, this room does: processes, sockets, tasks.
//!
//! *Invariant:* a path knows a name and a source, never a camera or a file. Nobody feeds a path from
//! outside: there is no publishing, so there is nothing to guard. Who may watch is asked of a function
//! given at the start.

mod anchor;
mod child;
mod config;
mod counts;
mod demand;
mod hub;
mod lease;
mod mediamtx;
mod owner;
mod path;
mod rate;
mod readers;
mod rtsp;
mod source;

pub use child::{Launcher, run_child};
pub use config::{CodecConfig, Config, LevelPolicy};
pub use counts::{CallError, Calls, Runs};
pub use demand::Purpose;
pub use engine::{Frame, queue::Popped, rtsp::Credentials};
pub use hub::{Tap, TapKind};
pub use lease::Lease;
pub use mediamtx::{
    ApiToken, Holder, Keys, Manner, MediaMtx, Probed, Silence, Steered, Told, probe as probe_mediamtx,
};
pub use path::{PathName, Paths, Status};
pub use rate::Measured;
pub use readers::Readers;
pub use rtsp::{Authorize, Pass, Verdict, Viewer};
pub use source::{Attempt, Ffmpeg, Picture, Prepare, Prepared, Source, probe_encoder, probe_ffmpeg};
