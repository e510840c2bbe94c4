//! Connections that stop in the middle: each waits for the service to lose patience, or for its client to
//! leave without a word.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use super::Ground;
use crate::raw::{Raw, upgrade_head};

/// A head, a body, must come within this time (the service's own; docs/security.md).
const PATIENCE: Duration = Duration::from_secs(10);
/// `security.auth_timeout` as shipped.
const AUTH_TIMEOUT: Duration = Duration::from_secs(30);
/// The service's clock may have begun a moment before ours.
const SLACK: Duration = Duration::from_millis(200);

/// Where a client stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// Connected, and nothing more.
    Silent,
    /// In a request's head.
    Head,
    /// In the head of an upgrade, after all that makes it one.
    Handshake,
    /// In a short body.
    Body,
    /// In a long body: so much came that it takes one of the places for such.
    LongBody,
    /// In a frame's length, after the upgrade.
    Frame,
    /// In a frame's content.
    Content,
}

impl Half {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Silent, Self::Head, Self::Handshake, Self::Body, Self::LongBody, Self::Frame, Self::Content];

    /// How `number` of many half-open connections stop: every second one in a body, as those cost most.
    pub fn nth(number: usize) -> Self {
        const OTHERS: [Half; 5] = [Half::Silent, Half::Head, Half::Handshake, Half::Frame, Half::Content];
        match number % 4 {
            0 => Self::Body,
            2 => Self::LongBody,
            _ => OTHERS[number / 2 % OTHERS.len()],
        }
    }

    /// What the service says at the end, and after how long.
    fn end(self) -> (&'static [u8], Duration) {
        match self {
            Self::Silent | Self::Head | Self::Handshake => (b"", PATIENCE),
            Self::Body | Self::LongBody => (b"HTTP/1.1 408 ", PATIENCE),
            // Close 4401, after the service's own ping.
            Self::Frame | Self::Content => (b"\x11\x31no good credentials", AUTH_TIMEOUT),
        }
    }
}

/// One such connection.
#[derive(Debug)]
pub struct Held {
    half: Half,
    raw: Raw,
    since: Instant,
}

impl Held {
    /// Connects from `source` and stops there.
    ///
    /// # Panics
    /// If the service takes no connections.
    pub async fn open(ground: &Ground<'_>, source: Ipv4Addr, half: Half) -> Self {
        let since = Instant::now();
        let websocket = matches!(half, Half::Frame | Half::Content);
        let mut raw = if websocket {
            Raw::websocket(ground.address(), source).await
        } else {
            Raw::connect(ground.address(), source).await
        };
        let host = &ground.host;
        let post = |length: usize| {
            format!(
                "POST /rpc HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
            )
        };
        let bytes = match half {
            Half::Silent => Vec::new(),
            Half::Head => b"GET /health/live HTTP/1.1\r\nHo".to_vec(),
            Half::Handshake => upgrade_head(host).into_bytes(),
            Half::Body => format!("{}{{\"jsonrpc\":", post(100)).into_bytes(),
            Half::LongBody => format!("{}{}", post(500_000), " ".repeat(20_000)).into_bytes(),
            Half::Frame => vec![0x81, 0xff, 0, 0],
            Half::Content => [&[0x81, 0xfe, 0x40, 0, 0, 0, 0, 0][..], &[b' '; 1000]].concat(),
        };
        raw.send(&bytes).await;
        Self { half, raw, since }
    }

    /// Waits until the service ends it; tells what was wrong with its end.
    pub async fn ends(mut self) -> Result<(), String> {
        let rest = self.raw.rest().await.map_err(|error| format!("{:?}: {error}", self.half))?;
        let (after, (said, patience)) = (self.since.elapsed(), self.half.end());
        let good = match said {
            b"" => rest.is_empty(),
            said => rest.windows(said.len()).any(|part| part == said),
        };
        if good && after + SLACK >= patience {
            return Ok(());
        }
        let rest = String::from_utf8_lossy(&rest);
        Err(format!("{:?} ended after {after:?}, not before {patience:?} with {said:?}: {rest:?}", self.half))
    }
}
