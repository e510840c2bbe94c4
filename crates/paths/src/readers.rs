//! How many watch a path now, and when the last of them left: told to whoever waits for it.

use std::{sync::Arc, time::Instant};

use tokio::sync::watch;

/// Viewers of one path at once.
const MAX_PER_PATH: u32 = 128;

/// Who watches a path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Readers {
    /// Viewers that play now.
    pub count: u32,
    /// When a viewer last left.
    pub left: Option<Instant>,
}

/// One viewer in its path's count. Dropping it leaves.
#[derive(Debug)]
pub(crate) struct Counted(Arc<watch::Sender<Readers>>);

impl Counted {
    /// `None`: there are too many.
    pub(crate) fn enter(readers: &Arc<watch::Sender<Readers>>) -> Option<Self> {
        let entered = readers.send_if_modified(|readers| {
            let room = readers.count < MAX_PER_PATH;
            readers.count += u32::from(room);
            room
        });
        entered.then(|| Self(readers.clone()))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|readers| {
            readers.count = readers.count.saturating_sub(1);
            readers.left = Some(Instant::now());
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_are_counted_up_to_a_limit_and_their_leaving_is_told() {
        let readers = Arc::new(watch::channel(Readers::default()).0);
        let mut told = readers.subscribe();
        let mut inside: Vec<_> = (0..MAX_PER_PATH).map(|_| Counted::enter(&readers).unwrap()).collect();
        assert!(Counted::enter(&readers).is_none());
        assert_eq!(*told.borrow_and_update(), Readers { count: MAX_PER_PATH, left: None });
        inside.pop();
        assert!(told.has_changed().unwrap());
        assert!(Counted::enter(&readers).is_some());
        drop(inside);
        assert!(told.borrow().count == 0 && told.borrow().left.is_some());
    }
}
