//! Viewers for load: as cheap as can be, and they complain.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use testkit::{Player, Transport};
use tokio::{sync::watch, task::JoinSet};

/// Longest wait of a viewer for its first key frame, before it counts as a failure.
const FIRST_KEY_LIMIT: Duration = Duration::from_secs(10);

/// Connects, waits for the first whole key frame and leaves; milliseconds from the beginning of the
/// connection to the key frame's last byte, and how many pictures came before it.
pub(crate) async fn first_key_ms(
    server: SocketAddr,
    path: &str,
    transport: Transport,
) -> Result<(f64, u64), String> {
    let began = Instant::now();
    let waiting = async {
        let mut player = Player::open(server, path, transport).await?;
        loop {
            let frame = player.frame().await?;
            if frame.key {
                let before = player.count() - 1;
                let took = frame.arrived.duration_since(began);
                // Others may be measured next: this one must be gone.
                player.teardown().await?;
                return Ok((took.as_secs_f64() * 1e3, before));
            }
        }
    };
    let outcome = tokio::time::timeout(FIRST_KEY_LIMIT, waiting).await;
    outcome
        .unwrap_or(Err(testkit::rtsp::RtspError::Late))
        .map_err(|error| format!("{path}, {transport:?}: {error}"))
}

/// What a viewer has seen.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) frames: u64,
    pub(crate) lost_packets: u64,
    pub(crate) problems: usize,
}

/// Viewers that watch until they are told to stop.
#[derive(Debug)]
pub(crate) struct Crowd {
    stop: watch::Sender<bool>,
    tasks: JoinSet<Result<Seen, String>>,
}

impl Crowd {
    /// One viewer for each path, over TCP and UDP in turn; returns once all of them have a picture.
    pub(crate) async fn watch(server: SocketAddr, paths: &[String]) -> Result<Self, String> {
        let (stop, stopped) = watch::channel(false);
        let mut crowd = Self { stop, tasks: JoinSet::new() };
        for (number, path) in paths.iter().enumerate() {
            let transport = if number % 2 == 0 { Transport::Tcp } else { Transport::Udp };
            let told = |error| format!("{path}, {transport:?}: {error}");
            let mut player = Player::open(server, path, transport).await.map_err(told)?;
            player.frame().await.map_err(told)?;
            let mut stopped = stopped.clone();
            let path = path.clone();
            crowd.tasks.spawn(async move {
                loop {
                    tokio::select! {
                        frame = player.frame() => drop(frame.map_err(|error| format!("{path}, {transport:?}: {error}"))?),
                        _ = stopped.changed() => break,
                    }
                }
                Ok(Seen {
                    frames: player.count(),
                    lost_packets: player.lost_packets(),
                    problems: player.problems().len(),
                })
            });
        }
        Ok(crowd)
    }

    /// Ends it; what each one has seen, or what went wrong with one of them.
    pub(crate) async fn leave(mut self) -> Result<Vec<Seen>, String> {
        self.stop.send_replace(true);
        let mut seen = Vec::new();
        while let Some(ended) = self.tasks.join_next().await {
            seen.push(ended.map_err(|error| error.to_string())??);
        }
        Ok(seen)
    }
}
