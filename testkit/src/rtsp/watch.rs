//! A viewer in the background, for tests that do something else meanwhile.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, task::JoinHandle};

use super::{Frame, Player, RtspError, Transport};
use crate::eventually;

/// Pictures kept: some minutes' worth. A test is shorter.
const MAX_FRAMES: usize = 10_000;

/// One viewer that plays until it is told to stop, or cannot go on.
#[derive(Debug)]
pub struct Watch {
    frames: Arc<Mutex<Vec<Frame>>>,
    stop: watch::Sender<bool>,
    task: JoinHandle<(Player, Option<RtspError>)>,
}

impl Watch {
    /// Connects, plays, and waits for the first picture.
    pub async fn start(address: SocketAddr, path: &str, transport: Transport) -> Result<Self, RtspError> {
        let mut player = Player::open(address, path, transport).await?;
        let (first, _) = player.first_key().await?;
        let frames = Arc::new(Mutex::new(vec![first]));
        let (stop, told) = watch::channel(false);
        let task = tokio::spawn(play(player, frames.clone(), told));
        Ok(Self { frames, stop, task })
    }

    /// Pictures so far.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Waits until there are so many pictures.
    pub async fn reach(&self, count: usize, limit: Duration) {
        let what = format!("{count} pictures");
        eventually(&what, limit, async || (self.count() >= count).then_some(())).await;
    }

    /// All pictures so far.
    pub fn frames(&self) -> Vec<Frame> {
        self.lock().clone()
    }

    /// The newest picture.
    ///
    /// # Panics
    /// Never: the first one came before it was made.
    pub fn newest(&self) -> Frame {
        self.lock().last().cloned().expect("the first picture came before the watch began")
    }

    /// Leaves; gives the viewer, all it has seen, and why it could not go on.
    ///
    /// # Panics
    /// If its task did.
    pub async fn stop(self) -> (Player, Vec<Frame>, Option<RtspError>) {
        self.stop.send_replace(true);
        let (player, error) = self.task.await.expect("it panics only if the test's memory is exhausted");
        let frames = std::mem::take(&mut *self.frames.lock().unwrap_or_else(PoisonError::into_inner));
        (player, frames, error)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Frame>> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn play(
    mut player: Player,
    frames: Arc<Mutex<Vec<Frame>>>,
    mut told: watch::Receiver<bool>,
) -> (Player, Option<RtspError>) {
    loop {
        let frame = tokio::select! {
            frame = player.frame() => frame,
            // An error: nobody is interested any more, which is the same.
            _ = told.wait_for(|stop| *stop) => return (player, None),
        };
        match frame {
            Ok(frame) => {
                let mut frames = frames.lock().unwrap_or_else(PoisonError::into_inner);
                assert!(frames.len() < MAX_FRAMES, "a watch is for a few minutes");
                frames.push(frame);
            }
            Err(error) => return (player, Some(error)),
        }
    }
}
