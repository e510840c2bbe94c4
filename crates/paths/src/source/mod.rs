//! Where a path's pictures come from: one ffmpeg of ours on a pipe, or a network camera pulled
//! in-process. Both end the same way: with an outcome, reaped, nothing left behind.

mod encode;
mod ffmpeg;
mod network;
mod prepare;
mod stderr_tail;

use std::sync::Arc;

use base::{Error, Kind, SafeUrl, units::Size};
use tokio::sync::watch;

use crate::{child::Launcher, config::CodecConfig, counts::SourceCounts, hub::Hub};

pub use ffmpeg::{Ffmpeg, probe as probe_ffmpeg, probe_encoder};
pub use prepare::{Attempt, Prepare, Prepared};

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
/// Why a run that nobody wants any more has none.
const STOPPED: &str = "the stream was stopped";

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

/// How a run ended.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// Another attempt would end the same way, as far as one can know: who waits is told at once.
    pub(crate) hopeless: bool,
    /// Its public text is for clients, its private one for the log: exit code, last words.
    pub(crate) error: Error,
}

impl Outcome {
    /// The next attempt may be better.
    pub(crate) fn failed(public: &str, private: impl Into<String>) -> Self {
        let private = private.into();
        Self { hopeless: false, error: Error { private, ..Error::new(Kind::Dependency, public) } }
    }

    /// It may not.
    pub(crate) fn hopeless(public: &str, private: impl Into<String>) -> Self {
        Self { hopeless: true, ..Self::failed(public, private) }
    }

    /// It is there, but gives no pictures.
    pub(crate) fn silent(public: &str) -> Self {
        Self { hopeless: false, error: Error::new(Kind::Timeout, public) }
    }

    fn refused(error: Error) -> Self {
        Self { hopeless: error.kind == Kind::Busy, error }
    }

    /// It was the source's own fault, or of who held it: once pictures have been had of it, that is over.
    pub(crate) fn is_of_the_source(&self) -> bool {
        !self.hopeless || self.error.kind == Kind::Busy
    }

    /// There is no doubt, whatever becomes of the next attempt: others need not wait for it to be told.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.error.kind, Kind::Busy | Kind::Timeout)
    }
}

/// Runs `source` once, to its end. All its pictures go to `hub`, its processes are counted in `counts`. `prepared`: what comes first, where a device of
/// this machine is read.
pub(crate) async fn run(
    source: Source,
    codec: CodecConfig,
    launcher: Launcher,
    (hub, counts): (Arc<Hub>, Arc<SourceCounts>),
    prepared: Prepared,
    mut orders: watch::Receiver<Order>,
) -> Outcome {
    hub.begin_run();
    let outcome = match source {
        Source::Ffmpeg { input, picture, copy_h264, .. } => {
            let ready = tokio::select! {
                ready = prepared => ready.map_err(Outcome::refused),
                () = ordered(&mut orders, Order::Interrupt) => Err(Outcome::failed(STOPPED, "")),
            };
            let args = ready.and_then(|()| encode::arguments(&input, picture, copy_h264, &codec));
            match args {
                Ok(args) => ffmpeg::run(&launcher, &args, (&hub, &counts), orders).await,
                Err(refused) => refused,
            }
        }
        Source::Rtsp { url } => network::run(&url, &hub, orders).await,
        // Not hopeless: it may come back.
        Source::Absent => Outcome::failed(ABSENT, ""),
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
