//! Calls of drivers that somebody waits for: one at a time for each camera, each in a thread of its own, because an
//! ioctl cannot be called back. Who waits is told after `camera.detection_timeout` that there is no answer; the call
//! that hangs keeps its thread and its camera, and nobody else.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering::SeqCst},
        mpsc::sync_channel,
    },
    thread,
    time::{Duration, Instant},
};

use base::CameraId;
use tokio::sync::{Notify, oneshot};

/// Most threads at once: so many drivers would have to hang before another camera cannot be asked.
const MAX_THREADS: usize = 32;

const WAITED_FOR: u8 = 0;
const SETTLED: u8 = 1;
const ABANDONED: u8 = 2;

/// Does somebody still wait for a call? It ends in one of two ways, and both sides agree in which.
#[derive(Debug, Default)]
pub(crate) struct Claim(AtomicU8);

impl Claim {
    /// Nobody has given up yet.
    pub(crate) fn is_wanted(&self) -> bool {
        self.0.load(SeqCst) != ABANDONED
    }

    /// It counts from here on; `false`: whoever waited has been told that it does not.
    pub(crate) fn settle(&self) -> bool {
        self.end(SETTLED)
    }

    /// Nobody waits any more; `false`: it counts already.
    pub(crate) fn abandon(&self) -> bool {
        self.end(ABANDONED)
    }

    fn end(&self, how: u8) -> bool {
        self.0.compare_exchange(WAITED_FOR, how, SeqCst, SeqCst).is_ok() || self.0.load(SeqCst) == how
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// Not in time.
    Silent,
    /// There is no thread left to ask.
    TooMany,
}

/// Whose turn it is. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Turns(Arc<Inner>);

struct Inner {
    patience: Duration,
    /// Cameras that are being asked, and until when an answer is waited for.
    busy: Mutex<BTreeMap<CameraId, Instant>>,
    /// A turn is over: for threads that wait, and for tasks.
    freed: Condvar,
    told: Notify,
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns").field("busy", &self.0.busy()).finish_non_exhaustive()
    }
}

/// The turn of one camera; it is over when this is dropped.
struct Turn {
    inner: Arc<Inner>,
    id: CameraId,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.inner.busy().remove(&self.id);
        self.inner.freed.notify_all();
        self.inner.told.notify_waiters();
    }
}

impl Turns {
    pub(crate) fn new(patience: Duration) -> Self {
        Self(Arc::new(Inner { patience, busy: Mutex::default(), freed: Condvar::new(), told: Notify::new() }))
    }

    /// Does `work` when it is this camera's turn, and waits for it. Blocks, at most as long as a driver may take. What
    /// is abandoned should put back what it has changed.
    pub(crate) fn take<T: Send + 'static>(
        &self,
        id: CameraId,
        work: impl FnOnce(&Claim) -> T + Send + 'static,
    ) -> Result<T, NoAnswer> {
        self.within(self.0.patience, id, work)
    }

    fn within<T: Send + 'static>(
        &self,
        patience: Duration,
        id: CameraId,
        work: impl FnOnce(&Claim) -> T + Send + 'static,
    ) -> Result<T, NoAnswer> {
        let until = Instant::now() + patience;
        let turn = self.turn(id, until)?;
        let claim = Arc::new(Claim::default());
        // Of one answer: the thread never waits.
        let (tell, told) = sync_channel(1);
        let theirs = claim.clone();
        begin(move || {
            let outcome = work(&theirs);
            drop(turn);
            // An error: nobody waits any more.
            let _ = tell.send(outcome);
        })?;
        if let Ok(outcome) = told.recv_timeout(until.saturating_duration_since(Instant::now())) {
            return Ok(outcome);
        }
        if claim.abandon() {
            return Err(NoAnswer::Silent);
        }
        // It counts already, so nothing is between us and the answer but our own code.
        told.recv_timeout(patience).map_err(|_| NoAnswer::Silent)
    }

    /// The same for a task, which waits for as long as it wants. What is not waited for any more goes on to its end.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        patience: Duration,
        id: CameraId,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NoAnswer> {
        let until = Instant::now() + patience;
        let answered = async {
            let turn = loop {
                let freed = self.0.told.notified();
                tokio::pin!(freed);
                // From here on: a turn that ends while we look is not missed.
                freed.as_mut().enable();
                if let Some(turn) = self.try_turn(&mut self.0.busy(), id, until)? {
                    break turn;
                }
                freed.await;
            };
            let (tell, told) = oneshot::channel();
            begin(move || {
                let outcome = work();
                drop(turn);
                // An error: nobody waits any more.
                let _ = tell.send(outcome);
            })?;
            // An error: it panicked, and the log says where.
            told.await.map_err(|_| NoAnswer::Silent)
        };
        tokio::time::timeout_at(until.into(), answered).await.unwrap_or(Err(NoAnswer::Silent))
    }

    fn turn(&self, id: CameraId, until: Instant) -> Result<Turn, NoAnswer> {
        let mut busy = self.0.busy();
        loop {
            if let Some(turn) = self.try_turn(&mut busy, id, until)? {
                return Ok(turn);
            }
            let left = until.saturating_duration_since(Instant::now());
            busy = self.0.freed.wait_timeout(busy, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// `None`: somebody else's turn is not over yet.
    fn try_turn(
        &self,
        busy: &mut BTreeMap<CameraId, Instant>,
        id: CameraId,
        until: Instant,
    ) -> Result<Option<Turn>, NoAnswer> {
        let now = Instant::now();
        match busy.get(&id) {
            None if busy.len() < MAX_THREADS => {
                busy.insert(id, until);
                Ok(Some(Turn { inner: self.0.clone(), id }))
            }
            None => Err(NoAnswer::TooMany),
            // It hangs: waiting would be in vain.
            Some(due) if *due <= now => Err(NoAnswer::Silent),
            Some(_) if until <= now => Err(NoAnswer::Silent),
            Some(_) => Ok(None),
        }
    }
}

fn begin(work: impl FnOnce() + Send + 'static) -> Result<(), NoAnswer> {
    let started = thread::Builder::new().name("camera-call".into()).spawn(work);
    started.map(drop).map_err(|error| {
        tracing::warn!(%error, "no thread to ask a camera");
        NoAnswer::TooMany
    })
}

impl Inner {
    fn busy(&self) -> MutexGuard<'_, BTreeMap<CameraId, Instant>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Longer than any thread here ought to take.
    const PATIENCE: Duration = Duration::from_secs(10);
    const SHORT: Duration = Duration::from_millis(50);

    #[test]
    fn a_driver_that_hangs_keeps_its_own_camera_and_nobody_else() {
        let turns = Turns::new(SHORT);
        let (free, freed) = mpsc::channel::<()>();
        let (began, begun) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let hangs = turns.take(CameraId(1), move |claim| {
            began.send(()).unwrap();
            // An error is as good as a word: both let go.
            let _ = freed.recv();
            tell.send((claim.is_wanted(), claim.settle())).unwrap();
        });
        assert_eq!(hangs, Err(NoAnswer::Silent));
        begun.recv_timeout(PATIENCE).unwrap();
        let at_once = turns.within(PATIENCE, CameraId(1), |_| ());
        assert_eq!(at_once, Err(NoAnswer::Silent), "one that hangs is not waited for again");
        assert_eq!(turns.within(PATIENCE, CameraId(2), Claim::settle), Ok(true));
        drop(free);
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), (false, false), "it is known that nobody waits");
        let mut busy = turns.0.busy();
        while !busy.is_empty() {
            busy = turns.0.freed.wait_timeout(busy, PATIENCE).unwrap().0;
        }
        drop(busy);
        assert_eq!(turns.within(PATIENCE, CameraId(1), |_| 7), Ok(7));
    }

    #[test]
    fn one_at_a_time_and_all_of_them() {
        let turns = Turns::new(PATIENCE);
        let inside = Arc::new(Mutex::new(0));
        let callers: Vec<_> = (0..8)
            .map(|_| {
                let (turns, inside) = (turns.clone(), inside.clone());
                thread::spawn(move || {
                    turns.take(CameraId(0), move |_| {
                        // Held by nobody else, or this was not one at a time.
                        *inside.try_lock().expect("nobody else is inside") += 1;
                    })
                })
            })
            .collect();
        for caller in callers {
            assert_eq!(caller.join().unwrap(), Ok(()));
        }
        assert_eq!(*inside.lock().unwrap(), 8);
    }

    #[tokio::test]
    async fn tasks_wait_for_their_turn_too_and_for_no_longer_than_they_want() {
        let turns = Turns::new(PATIENCE);
        let (free, freed) = mpsc::channel::<()>();
        let hung = turns.call(SHORT, CameraId(1), move || freed.recv().is_err()).await;
        assert_eq!(hung, Err(NoAnswer::Silent));
        assert_eq!(turns.call(PATIENCE, CameraId(1), || 1).await, Err(NoAnswer::Silent), "it hangs");
        assert_eq!(turns.call(PATIENCE, CameraId(2), || 2).await, Ok(2));
        drop(free);
        let (begin, begun) = mpsc::channel();
        let (go, gone) = mpsc::channel::<()>();
        let waits = tokio::spawn({
            let turns = turns.clone();
            async move {
                turns
                    .call(PATIENCE, CameraId(3), move || {
                        begin.send(()).unwrap();
                        // An error is as good as a word.
                        let _ = gone.recv();
                    })
                    .await
            }
        });
        while begun.try_recv().is_err() {
            tokio::task::yield_now().await;
        }
        let (second, ()) = tokio::join!(turns.call(PATIENCE, CameraId(3), || 4), async { drop(go) });
        assert_eq!((second, waits.await.unwrap()), (Ok(4), Ok(())));
        let panicked = turns.call(PATIENCE, CameraId(4), || assert_eq!(1, 2, "a bug")).await;
        assert_eq!(panicked, Err(NoAnswer::Silent));
        assert_eq!(turns.call(PATIENCE, CameraId(4), || 5).await, Ok(5));
    }

    #[test]
    fn threads_have_a_limit() {
        let turns = Turns::new(SHORT);
        let (free, freed) = mpsc::channel::<()>();
        let freed = Arc::new(Mutex::new(freed));
        let hang = |id: usize| {
            let freed = freed.clone();
            let hung = turns.take(CameraId(id as u16), move |_| {
                // An error is as good as a word: both let go.
                let _ = freed.lock().unwrap().recv();
            });
            assert_eq!(hung, Err(NoAnswer::Silent), "{id}");
        };
        (0..MAX_THREADS).for_each(hang);
        assert_eq!(turns.take(CameraId(1000), |_| ()), Err(NoAnswer::TooMany));
        drop(free);
    }

    #[test]
    fn both_sides_agree_how_it_ended() {
        for settled_first in [true, false] {
            let claim = Claim::default();
            let (settled, abandoned) = if settled_first {
                (claim.settle(), claim.abandon())
            } else {
                let abandoned = claim.abandon();
                (claim.settle(), abandoned)
            };
            assert_eq!((settled, abandoned), (settled_first, !settled_first));
            assert_eq!(claim.is_wanted(), settled_first);
        }
    }
}
