//! A viewer of our own: RTSP 1.0 (RFC 2326) down to single bytes, so that tests see what players hide:
//! the time to the first complete key frame, every sequence number, what is answered to nonsense.

mod connection;
mod depacketize;
mod player;
mod watch;

pub use connection::{Connection, Item, Response, basic};
pub use depacketize::{Depacketizer, Frame};
pub use player::{Player, Report, RtspError, Transport};
pub use watch::Watch;
