//! How many connections there are, in all and of each address. Knows no socket.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// RTSP connections at once; each may cost a thread of nothing, but a lagging one megabytes.
const MAX_CONNECTIONS: usize = 512;
/// Of one address, which must leave room for others. A wall of screens has fewer.
const MAX_PER_ADDRESS: usize = 64;

/// Everybody who is connected. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Crowd(Arc<Mutex<BTreeMap<IpAddr, usize>>>);

/// One connection's place. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Crowd,
    address: IpAddr,
}

impl Crowd {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more; `None`: there is none. Programs of this machine, which may serve others, share
    /// all there is.
    pub(super) fn enter(&self, address: IpAddr) -> Option<Place> {
        let address = address.to_canonical();
        let mut counts = self.lock();
        let (all, own) = (counts.values().sum::<usize>(), counts.get(&address).copied().unwrap_or_default());
        if all >= MAX_CONNECTIONS || own >= MAX_PER_ADDRESS && !address.is_loopback() {
            return None;
        }
        counts.insert(address, own + 1);
        drop(counts);
        Some(Place { crowd: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.crowd.lock();
        if let Some(own) = counts.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_leaves_room_for_others() {
        let crowd = Crowd::default();
        let enter = |text: &str| crowd.enter(text.parse().unwrap());
        let greedy: Vec<Place> = std::iter::from_fn(|| enter("10.0.0.1")).take(1000).collect();
        assert_eq!(greedy.len(), MAX_PER_ADDRESS);
        assert!(enter("::ffff:10.0.0.1").is_none(), "the same in other clothes");
        let other = enter("10.0.0.2");
        assert!(other.is_some());
        let local: Vec<Place> = std::iter::from_fn(|| enter("127.0.0.1")).take(1000).collect();
        assert_eq!(local.len(), MAX_CONNECTIONS - MAX_PER_ADDRESS - 1);
        assert!(enter("10.0.0.3").is_none());
        drop((greedy, local));
        assert!(enter("10.0.0.1").is_some());
        drop(other);
        assert!(crowd.lock().is_empty());
    }
}
