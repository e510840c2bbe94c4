//! Asking devices, each in a thread of its own, because an ioctl cannot be called back: one that hangs keeps its
//! thread and nobody else. How long an answer is waited for is not decided here.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use crate::v4l2::Found;

/// Most threads at once. A camera has two to four nodes, and ten cameras on one hub come at once.
const MAX_THREADS: usize = 32;
/// Most threads of one node: when its first driver hangs, what is plugged in there next is still asked.
const MAX_THREADS_OF_ONE: usize = 2;

/// Asks one node; `None`: no camera. Blocks while its driver answers.
pub(crate) type Ask = Arc<dyn Fn(u16, &Path) -> Option<Found> + Send + Sync>;

/// One question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// All questions that are under way.
pub(super) struct Probes {
    ask: Ask,
    /// Told when an answer has come.
    news: Arc<Notify>,
    last: u64,
    /// Which node each thread asks.
    running: BTreeMap<Ticket, u16>,
    /// Questions without a thread; at most one for each node.
    waiting: VecDeque<(Ticket, u16, PathBuf)>,
    tell: SyncSender<(Ticket, Option<Found>)>,
    told: Receiver<(Ticket, Option<Found>)>,
}

impl fmt::Debug for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probes")
            .field("running", &self.running)
            .field("waiting", &self.waiting)
            .finish_non_exhaustive()
    }
}

impl Probes {
    pub(super) fn new(ask: Ask, news: Arc<Notify>) -> Self {
        // As long as all threads together can tell: none of them ever waits.
        let (tell, told) = sync_channel(MAX_THREADS);
        Self { ask, news, last: 0, running: BTreeMap::new(), waiting: VecDeque::new(), tell, told }
    }

    /// Asks a node, as soon as there is a thread for it.
    pub(super) fn ask(&mut self, number: u16, path: PathBuf) -> Ticket {
        self.last += 1;
        let ticket = Ticket(self.last);
        self.waiting.push_back((ticket, number, path));
        self.start();
        ticket
    }

    /// Nobody wants this answer any more. A thread that waits for it goes on.
    pub(super) fn forget(&mut self, ticket: Ticket) {
        self.waiting.retain(|(waiting, ..)| *waiting != ticket);
    }

    /// The next answer that has come, or comes until then.
    pub(super) fn answer(&mut self, until: Option<Instant>) -> Option<(Ticket, Option<Found>)> {
        let left = until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
        let (ticket, found) = self.told.recv_timeout(left).ok()?;
        self.running.remove(&ticket);
        self.start();
        Some((ticket, found))
    }

    /// Starts whoever may be.
    fn start(&mut self) {
        let mut at = 0;
        while at < self.waiting.len() && self.running.len() < MAX_THREADS {
            let number = self.waiting[at].1;
            let busy = self.running.values().filter(|running| **running == number).count();
            if busy >= MAX_THREADS_OF_ONE {
                at += 1;
                continue;
            }
            let Some((ticket, number, path)) = self.waiting.remove(at) else { return };
            let (ask, tell, news) = (self.ask.clone(), self.tell.clone(), self.news.clone());
            let asked = path.clone();
            let started = thread::Builder::new().name("camera-look".into()).spawn(move || {
                // An error: nobody looks for cameras any more.
                if tell.send((ticket, ask(number, &asked))).is_ok() {
                    news.notify_one();
                }
            });
            if let Err(error) = started {
                // Tried again with the next question or answer.
                tracing::warn!(%error, "no thread to look at a device");
                self.waiting.insert(at, (ticket, number, path));
                return;
            }
            self.running.insert(ticket, number);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    };

    use super::*;

    /// Longer than any thread here ought to take.
    const PATIENCE: Duration = Duration::from_secs(10);

    /// Devices that hang until they are let go, and how many were asked so far.
    fn hanging() -> (Probes, mpsc::Sender<()>, Receiver<u16>, Arc<AtomicUsize>) {
        let (free, freed) = mpsc::channel::<()>();
        let (began, begun) = mpsc::channel();
        let most = Arc::new(AtomicUsize::new(0));
        let (freed, now, most_of_all) = (Mutex::new(freed), AtomicUsize::new(0), most.clone());
        let ask = move |number: u16, _: &Path| {
            most_of_all.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
            began.send(number).unwrap();
            // An error is as good as a word: both let go.
            let _ = freed.lock().unwrap().recv();
            now.fetch_sub(1, SeqCst);
            None
        };
        (Probes::new(Arc::new(ask), Arc::default()), free, begun, most)
    }

    #[test]
    fn threads_have_a_limit_and_those_without_one_follow() {
        let (mut probes, free, begun, most) = hanging();
        let many = 3 * MAX_THREADS;
        for number in 0..many {
            probes.ask(number as u16, PathBuf::new());
        }
        for _ in 0..MAX_THREADS {
            begun.recv_timeout(PATIENCE).unwrap();
        }
        assert_eq!((probes.running.len(), probes.waiting.len()), (MAX_THREADS, many - MAX_THREADS));
        assert!(probes.answer(None).is_none());
        drop(free);
        for _ in 0..many {
            assert!(probes.answer(Some(Instant::now() + PATIENCE)).is_some());
        }
        assert!(probes.running.is_empty() && probes.waiting.is_empty());
        assert_eq!(most.load(SeqCst), MAX_THREADS);
    }

    #[test]
    fn a_node_that_is_replugged_again_and_again_takes_two_threads() {
        let (mut probes, free, begun, most) = hanging();
        let mut last = None;
        for _ in 0..50 {
            if let Some(last) = last {
                probes.forget(last);
            }
            last = Some(probes.ask(4, PathBuf::new()));
        }
        probes.ask(5, PathBuf::new());
        let mut asked: Vec<u16> = (0..3).map(|_| begun.recv_timeout(PATIENCE).unwrap()).collect();
        asked.sort_unstable();
        assert_eq!((asked, probes.waiting.len()), (vec![4, 4, 5], 1));
        drop(free);
        let heard: Vec<_> = (0..4)
            .map(|_| probes.answer(Some(Instant::now() + PATIENCE)).expect("each that was asked answers").0)
            .collect();
        assert!(heard.contains(&last.unwrap()), "the one that was plugged in last");
        assert_eq!((begun.try_iter().collect::<Vec<_>>(), probes.waiting.len()), (vec![4], 0));
        assert!(most.load(SeqCst) <= 3);
    }
}
