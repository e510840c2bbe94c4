//! Which cameras there are: V4L2 nodes of this machine and sources named in the configuration, and how
//! frames are had from each.
//!
//! *Invariant:* nothing here starts a stream or a process; what a client is told is the Controller's
//! choice. The only room with `unsafe`, all of it in `v4l2/sys/`.

mod camera;
mod config;
mod control;
pub mod fuzzing;
mod glob;
mod kept;
mod known;
mod look;
mod registry;
mod test_picture;
mod touch;
mod turns;
mod v4l2;
mod watch;

pub use camera::{Camera, Identity, Kind, Mode, Source, Status};
pub use config::{Config, MAX_SOURCES, is_good_name};
pub use control::{
    Control, ControlError, ControlFlags, ControlKind, ControlRange, ControlValue, MenuEntry, Unapplied,
};
pub use registry::{Cameras, Change, ControlsReset, ControlsSet, Was};
pub use v4l2::{Grabbed, Holder, holders};
pub use watch::{Hint, Watch};
