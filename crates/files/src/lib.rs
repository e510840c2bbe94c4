//! Recordings and snapshots on disk: their names, their marks, how they are written so that nothing is
//! lost, and how they are found again. There is no database: each file says itself what it is.
//!
//! *Invariant:* knows no camera, no stream and no client; touches no file without the service's own mark,
//! but for what it was killed over: an empty file of a name that only we give, an unfinished snapshot.

mod adopt;
mod browse;
mod catalogue;
mod config;
mod export;
mod film;
mod folder;
mod image;
mod listing;
mod mark;
mod name;
mod open;
mod protection;
mod removal;
mod retention;
mod segment;
mod space;
mod store;

pub use adopt::Adopted;
pub use config::Config;
pub use export::{Exported, NewExport};
pub use image::snapshot_mark_text;
pub use listing::{Page, Query, RecordingDetail, RecordingInfo, SnapshotDetail, SnapshotInfo, Status};
pub use media::Container;
pub use name::is_plain;
pub use open::Opened;
pub use removal::{Chosen, Cleaned, Removed, Usage};
pub use retention::{Policy, Rule};
pub use segment::{Ended, NewSegment, Segment};
pub use space::{Space, of as space_of};
pub use store::{Files, NewSnapshot, SavedSnapshot};
