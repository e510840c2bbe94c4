//! Where a path's pictures come from: one ffmpeg of ours on a pipe, or a network camera pulled
//! in-process. Both end the same way: with an outcome, reaped, nothing left behind.

mod encode;
mod ffmpeg;
mod network;
mod stderr_tail;

use std::sync::Arc;

use base::{SafeUrl, units::Size};
use tokio::sync::watch;

use crate::{child::Launcher, config::CodecConfig, hub::Hub};

pub use ffmpeg::{Ffmpeg, probe as probe_ffmpeg, probe_encoder};

/// Size and rate a source is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Picture {
    /// In pixels.
    pub size: Size,
    /// Frames a second.
    pub fps: f64,
    /// Bits a second, target and ceiling; `None`: as configured for all.
    pub bitrate_bps: Option<u64>,
    /// Clockwise quarter turns, 0 to 3. A picture that is turned is encoded anew.
    pub quarter_turns: u8,
}

/// What delivers a path's pictures.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// One ffmpeg, which writes to a pipe of ours.
    Ffmpeg {
        /// Its arguments up to and including `-i INPUT`.
        input: Vec<String>,
        /// What the input delivers.
        picture: Picture,
        /// The input is H.264 already and is passed on as it is.
        copy_h264: bool,
        /// For people: never a command line or a device.
        description: String,
    },
    /// A network camera's own H.264.
    Rtsp {
        /// Its address, with credentials.
        url: SafeUrl,
    },
    /// Nothing, for now: what was there is gone, and whatever took its place is something else.
    Absent,
}

/// Why [`Source::Absent`] has no pictures.
const ABSENT: &str = "the camera is not plugged in, or cannot be used";

impl Source {
    /// For clients: what it is, never where or with what secret.
    pub fn description(&self) -> &str {
        match self {
            Self::Ffmpeg { description, .. } => description,
            Self::Rtsp { .. } => "network camera (RTSP)",
            Self::Absent => "no camera",
        }
    }
}

/// What a run is told from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(crate) enum Order {
    /// Go on.
    Run,
    /// End when you can.
    Interrupt,
    /// End now.
    Kill,
}

/// How a run ended. `public` may be shown to clients.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// Another attempt would end the same way.
    pub(crate) hopeless: bool,
    /// For clients.
    pub(crate) public: &'static str,
    /// For the log: exit code, last words.
    pub(crate) private: String,
}

/// Runs `source` once, to its end. All its pictures go to `hub`.
pub(crate) async fn run(
    source: Source,
    codec: CodecConfig,
    launcher: Launcher,
    hub: Arc<Hub>,
    orders: watch::Receiver<Order>,
) -> Outcome {
    hub.begin_run();
    let outcome = match source {
        Source::Ffmpeg { input, picture, copy_h264, .. } => {
            match encode::arguments(&input, picture, copy_h264, &codec) {
                Ok(args) => ffmpeg::run(&launcher, &args, &hub, orders).await,
                Err(refused) => refused,
            }
        }
        Source::Rtsp { url } => network::run(&url, &hub, orders).await,
        // Not hopeless: it may come back.
        Source::Absent => Outcome { hopeless: false, public: ABSENT, private: String::new() },
    };
    hub.end_run();
    outcome
}

/// Waits until the order is at least `wanted`; for ever when nobody can give one any more.
pub(crate) async fn ordered(orders: &mut watch::Receiver<Order>, wanted: Order) {
    // The guard `wait_for` returns must not live across another await.
    if orders.wait_for(|order| *order >= wanted).await.is_err() {
        std::future::pending::<()>().await;
    }
}
