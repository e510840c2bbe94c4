//! Counts connections, all of them and by address. Every connection holds a ticket; dropping it gives
//! the place back.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::security::block;

/// Connections beyond those that speak WebSocket: those that are about to become one, or ask something by HTTP.
const SPARE: usize = 128;
/// The same for one address.
const SPARE_PER_ADDRESS: usize = 16;

/// Counts connections.
#[derive(Debug)]
pub(crate) struct Gate {
    max_open: usize,
    max_websockets: u32,
    max_per_address: usize,
    /// One permit for each WebSocket there may be.
    websockets: Arc<Semaphore>,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    open: usize,
    /// Loopback is not counted. As many entries as connections at most.
    by_address: HashMap<IpAddr, PerAddress>,
}

#[derive(Debug, Default)]
struct PerAddress {
    open: usize,
    websockets: usize,
}

/// Why a connection may not become a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// There are too many in all.
    All,
    /// There are too many of this address.
    Address,
}

/// One connection's place.
#[derive(Debug)]
pub(crate) struct Ticket {
    gate: Arc<Gate>,
    /// `None`: exempt.
    address: Option<IpAddr>,
    websocket: OnceLock<Seat>,
    last_words: AtomicBool,
    /// Requests by HTTP that are being answered.
    at_work: AtomicUsize,
}

/// A WebSocket's place.
#[derive(Debug)]
struct Seat {
    _permit: OwnedSemaphorePermit,
    /// The client's, who may stand behind a proxy. `None`: exempt.
    address: Option<IpAddr>,
}

/// As long as it lives, a request of its connection is being answered.
#[derive(Debug)]
pub(crate) struct AtWork(Arc<Ticket>);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.at_work.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gate {
    pub(crate) fn new(max_websockets: usize, max_per_address: usize) -> Arc<Self> {
        Arc::new(Self {
            max_open: max_websockets + SPARE,
            max_websockets: u32::try_from(max_websockets).unwrap_or(u32::MAX),
            max_per_address,
            websockets: Arc::new(Semaphore::new(max_websockets)),
            counts: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a new connection; `None` when it is better closed at once. `proxy`: it speaks for many.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr, proxy: bool) -> Option<Arc<Ticket>> {
        let address = counted(address).filter(|_| !proxy);
        let mut counts = self.lock();
        if counts.open >= self.max_open {
            return None;
        }
        if let Some(address) = address {
            let of_address = counts.by_address.entry(address).or_default();
            if of_address.open >= self.max_per_address + SPARE_PER_ADDRESS {
                return None;
            }
            of_address.open += 1;
        }
        counts.open += 1;
        Some(Arc::new(Ticket {
            gate: self.clone(),
            address,
            websocket: OnceLock::new(),
            last_words: AtomicBool::new(false),
            at_work: AtomicUsize::new(0),
        }))
    }

    /// Connections now, and those of them that speak WebSocket.
    pub(crate) fn connections(&self) -> (usize, usize) {
        let free = self.websockets.available_permits();
        (self.lock().open, (self.max_websockets as usize).saturating_sub(free))
    }

    /// Waits until no WebSocket is left.
    pub(crate) async fn empty(&self) {
        // An error: the semaphore was closed, which nobody does.
        let _ = self.websockets.acquire_many(self.max_websockets).await;
    }
}

/// Under which address it is counted; loopback is not.
fn counted(address: IpAddr) -> Option<IpAddr> {
    (!address.to_canonical().is_loopback()).then(|| block(address))
}

impl Ticket {
    /// Makes this connection count as a WebSocket of `client`.
    pub(crate) fn become_websocket(&self, client: IpAddr) -> Result<(), Full> {
        let permit = self.gate.websockets.clone().try_acquire_owned().map_err(|_| Full::All)?;
        let address = counted(client);
        if let Some(address) = address {
            let mut counts = self.gate.lock();
            let of_address = counts.by_address.entry(address).or_default();
            if of_address.websockets >= self.gate.max_per_address {
                return Err(Full::Address);
            }
            of_address.websockets += 1;
        }
        // A second time on one connection: HTTP/1.1 has only one upgrade.
        let _ = self.websocket.set(Seat { _permit: permit, address });
        Ok(())
    }

    /// A request of this connection is being answered, until what this gives is dropped.
    pub(crate) fn begin_work(self: &Arc<Self>) -> AtWork {
        self.at_work.fetch_add(1, Ordering::Relaxed);
        AtWork(self.clone())
    }

    pub(crate) fn is_at_work(&self) -> bool {
        self.at_work.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn is_websocket(&self) -> bool {
        self.websocket.get().is_some()
    }

    /// The connection is closed by us, and the reason just sent should be read.
    pub(crate) fn set_last_words(&self) {
        self.last_words.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_last_words(&self) -> bool {
        self.last_words.load(Ordering::Relaxed)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut counts = self.gate.lock();
        counts.open -= 1;
        let seat = self.websocket.get().and_then(|seat| seat.address);
        for (address, open, websockets) in [(self.address, 1, 0), (seat, 0, 1)] {
            let Some(address) = address else { continue };
            if let Some(of_address) = counts.by_address.get_mut(&address) {
                of_address.open -= open;
                of_address.websockets -= websockets;
                if of_address.open == 0 && of_address.websockets == 0 {
                    counts.by_address.remove(&address);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn places_are_given_back() {
        let gate = Gate::new(2, 1);
        let a = gate.enter(ip("10.0.0.1"), false).unwrap();
        let b = gate.enter(ip("10.0.0.1"), false).unwrap();
        assert_eq!(a.become_websocket(ip("10.0.0.1")), Ok(()));
        assert_eq!(b.become_websocket(ip("10.0.0.1")), Err(Full::Address));
        assert_eq!(gate.connections(), (2, 1));
        assert!(a.is_websocket() && !b.is_websocket());
        let c = gate.enter(ip("10.0.0.2"), false).unwrap();
        assert_eq!(c.become_websocket(ip("10.0.0.2")), Ok(()));
        assert_eq!(
            gate.enter(ip("10.0.0.3"), false).unwrap().become_websocket(ip("10.0.0.3")),
            Err(Full::All)
        );
        drop(a);
        assert_eq!(b.become_websocket(ip("10.0.0.1")), Ok(()));
        drop((b, c));
        assert!(gate.lock().by_address.is_empty() && gate.lock().open == 0);
    }

    #[test]
    fn loopback_is_exempt_and_the_rest_is_bounded() {
        let gate = Gate::new(40, 1);
        let own: Vec<_> = (0..30).map(|_| gate.enter(ip("127.0.0.1"), false).unwrap()).collect();
        assert!(own.iter().all(|ticket| ticket.become_websocket(ip("127.0.0.1")).is_ok()));
        let theirs: Vec<_> = (0..40).filter_map(|_| gate.enter(ip("10.0.0.1"), false)).collect();
        assert_eq!(theirs.len(), 1 + SPARE_PER_ADDRESS);
        let more: Vec<_> = (0..1000).filter_map(|_| gate.enter(ip("::1"), false)).collect();
        assert_eq!(own.len() + theirs.len() + more.len(), 40 + SPARE);
    }

    #[test]
    fn clients_behind_a_proxy_are_counted_one_by_one() {
        let gate = Gate::new(40, 1);
        let through: Vec<_> = (0..30).map(|_| gate.enter(ip("10.0.0.1"), true).unwrap()).collect();
        assert_eq!(through[0].become_websocket(ip("10.1.0.1")), Ok(()));
        assert_eq!(through[1].become_websocket(ip("10.1.0.1")), Err(Full::Address));
        assert_eq!(through[2].become_websocket(ip("10.1.0.2")), Ok(()));
        drop(through);
        assert!(gate.lock().by_address.is_empty());
    }

    #[test]
    fn work_is_counted_until_it_is_done() {
        let ticket = Gate::new(1, 1).enter(ip("10.0.0.1"), false).unwrap();
        let (one, two) = (ticket.begin_work(), ticket.begin_work());
        drop(one);
        assert!(ticket.is_at_work());
        drop(two);
        assert!(!ticket.is_at_work());
    }

    #[tokio::test]
    async fn empty_waits_for_the_last_websocket() {
        let gate = Gate::new(2, 1);
        gate.empty().await;
        let ticket = gate.enter(ip("10.0.0.1"), false).unwrap();
        ticket.become_websocket(ip("10.0.0.1")).unwrap();
        let waiting = tokio::spawn({
            let gate = gate.clone();
            async move { gate.empty().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(ticket);
        waiting.await.unwrap();
    }
}
