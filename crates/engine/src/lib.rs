//! The embedded media server without its sockets: RTP packets, the GOP cache, queues of viewers, SDP,
//! RTCP, and RTSP connections as state machines.
//!
//! *Invariant:* sans-IO. Bytes and times come in as arguments, bytes and events go out; no socket, no
//! task, no tokio, and nobody here asks for the time (`clippy.toml` sees to that).

use std::sync::Arc;

use media::Unit;

pub mod gop;
pub mod queue;
pub mod rtcp;
pub mod rtp;
pub mod rtsp;
pub mod sdp;

/// What fans out to everybody, always behind an `Arc`: an access unit, packetised once.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The picture, for recordings and snapshots.
    pub unit: Arc<Unit>,
    /// The same as RTP packets, for viewers.
    pub rtp: rtp::Rtp,
}
