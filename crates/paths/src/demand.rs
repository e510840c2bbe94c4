//! Who needs a path's frames, and how long they are kept coming after the last one has left. Pure.

use std::time::{Duration, Instant};

/// What somebody needs frames for; each has its own life-cycle rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A recording.
    Recording,
    /// A viewer.
    Viewing,
    /// A client who wants frames to be there for viewers to come.
    Streaming,
    /// A snapshot.
    Snapshot,
}

/// The life cycle of one purpose (`stream.*` in the configuration).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How long frames keep coming after the last one of this purpose has left.
    pub close_after: Duration,
    /// Start the source again when it dies.
    pub restart: bool,
    /// Longest wait for the first frame.
    pub start_timeout: Duration,
}

/// Rules of all purposes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllRules {
    /// For [`Purpose::Recording`].
    pub recording: Rules,
    /// For [`Purpose::Viewing`].
    pub viewing: Rules,
    /// For [`Purpose::Snapshot`].
    pub snapshot: Rules,
}

impl AllRules {
    pub(crate) fn of(&self, purpose: Purpose) -> Rules {
        match purpose {
            Purpose::Recording => self.recording,
            Purpose::Viewing => self.viewing,
            // Whoever holds it counts the time itself, and gives it up when that is over.
            Purpose::Streaming => Rules { close_after: Duration::ZERO, ..self.viewing },
            Purpose::Snapshot => self.snapshot,
        }
    }
}

const PURPOSES: [Purpose; 4] = [Purpose::Recording, Purpose::Viewing, Purpose::Streaming, Purpose::Snapshot];

/// What the supervisor is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Frames are needed, or kept coming for a while.
    pub(crate) wanted: bool,
    /// Those who need them want them back after a failure.
    pub(crate) restart: bool,
    /// The most patient of them waits this long for the first frame.
    pub(crate) start_timeout: Duration,
    /// When the wish ends by itself.
    pub(crate) ends_at: Option<Instant>,
}

/// The takers of one path.
#[derive(Debug)]
pub(crate) struct Demand {
    rules: AllRules,
    takers: [u32; PURPOSES.len()],
    linger_until: Option<Instant>,
    /// Somebody has waited for the first frame in vain.
    overdue: bool,
    /// Counts every arrival, so that a newcomer can tell an answer to its wish from an older one.
    arrivals: u64,
}

impl Demand {
    pub(crate) fn new(rules: AllRules) -> Self {
        Self { rules, takers: [0; PURPOSES.len()], linger_until: None, overdue: false, arrivals: 0 }
    }

    /// One more taker; returns its number.
    pub(crate) fn arrive(&mut self, purpose: Purpose) -> u64 {
        self.takers[purpose as usize] += 1;
        self.arrivals += 1;
        self.arrivals
    }

    /// One taker less. `was_served`: frames flowed; a source that never came up is not kept.
    pub(crate) fn leave(&mut self, now: Instant, purpose: Purpose, was_served: bool) {
        let count = &mut self.takers[purpose as usize];
        *count = count.checked_sub(1).expect("each taker leaves once: its lease is dropped once");
        if was_served {
            let until = now + self.rules.of(purpose).close_after;
            self.linger_until = Some(self.linger_until.map_or(until, |old| old.max(until)));
        }
    }

    /// A taker's patience has ended before the first frame.
    pub(crate) fn note_overdue(&mut self) {
        self.overdue = true;
    }

    /// Has that happened since the last call?
    pub(crate) fn take_overdue(&mut self) -> bool {
        std::mem::take(&mut self.overdue)
    }

    /// Ends the time of grace, if nobody is there.
    pub(crate) fn end_linger(&mut self) {
        self.linger_until = None;
    }

    pub(crate) fn arrivals(&self) -> u64 {
        self.arrivals
    }

    pub(crate) fn wish(&self, now: Instant) -> Wish {
        let held = || PURPOSES.into_iter().filter(|p| self.takers[*p as usize] > 0).map(|p| self.rules.of(p));
        let any = held().next().is_some();
        let lingers = self.linger_until.filter(|until| *until > now);
        Wish {
            wanted: any || lingers.is_some(),
            restart: held().any(|rules| rules.restart),
            start_timeout: held().map(|rules| rules.start_timeout).max().unwrap_or(Duration::ZERO),
            ends_at: if any { None } else { lingers },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand() -> Demand {
        let rules = |close_s, restart, start_s| Rules {
            close_after: Duration::from_secs(close_s),
            restart,
            start_timeout: Duration::from_secs(start_s),
        };
        Demand::new(AllRules {
            recording: rules(0, true, 10),
            viewing: rules(300, true, 10),
            snapshot: rules(60, false, 5),
        })
    }

    #[test]
    fn the_longest_grace_of_those_who_left_counts() {
        let now = Instant::now();
        let at = |s| now + Duration::from_secs(s);
        let mut demand = demand();
        demand.arrive(Purpose::Viewing);
        demand.arrive(Purpose::Snapshot);
        assert!(demand.wish(at(0)).restart);
        demand.leave(at(0), Purpose::Viewing, true);
        let wish = demand.wish(at(1));
        assert!(wish.wanted && !wish.restart && wish.ends_at.is_none());
        demand.leave(at(10), Purpose::Snapshot, true);
        assert_eq!(demand.wish(at(10)).ends_at, Some(at(300)));
        assert!(!demand.wish(at(300)).wanted);
    }

    #[test]
    fn a_stream_held_open_is_kept_as_a_viewers_and_leaves_no_grace() {
        let now = Instant::now();
        let mut demand = demand();
        demand.arrive(Purpose::Streaming);
        let wish = demand.wish(now);
        assert!(wish.wanted && wish.restart && wish.start_timeout == Duration::from_secs(10));
        demand.leave(now, Purpose::Streaming, true);
        assert!(!demand.wish(now).wanted);
    }

    #[test]
    fn a_recording_leaves_no_grace_and_a_failed_start_neither() {
        let now = Instant::now();
        let mut demand = demand();
        demand.arrive(Purpose::Recording);
        demand.leave(now, Purpose::Recording, true);
        assert!(!demand.wish(now).wanted);
        demand.arrive(Purpose::Viewing);
        demand.leave(now, Purpose::Viewing, false);
        assert!(!demand.wish(now).wanted);
    }
}
