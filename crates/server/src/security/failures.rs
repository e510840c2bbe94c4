//! Wrong credentials, counted by address. Pure: time is an argument, the table is bounded.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    time::{Duration, Instant},
};

/// Failures are counted over this long from the first one.
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses remembered at most. An attacker with more of them pushes out the oldest.
const MAX_ADDRESSES: usize = 4096;

/// What to do about a wrong credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noted {
    /// Refuse it.
    Counted,
    /// Refuse it; it is the last one that is worth a line in the log.
    Last,
    /// Too many: say when to come again.
    TooMany {
        /// Until the window passes.
        retry_after: Duration,
    },
}

/// Wrong credentials of the last minute.
#[derive(Debug)]
pub(crate) struct Failures {
    max: u32,
    seen: HashMap<IpAddr, Window>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    began: Instant,
    count: u32,
}

impl Failures {
    /// `max` in a minute are refused the usual way.
    pub(crate) fn new(max: u32) -> Self {
        Self { max, seen: HashMap::new() }
    }

    /// As many from now on.
    pub(crate) fn set_max(&mut self, max: u32) {
        self.max = max;
    }

    /// Notes a wrong credential from `address`.
    pub(crate) fn note(&mut self, address: IpAddr, now: Instant) -> Noted {
        let address = block(address);
        if !self.seen.contains_key(&address) {
            self.make_room(now);
        }
        let window = self.seen.entry(address).or_insert(Window { began: now, count: 0 });
        if now.saturating_duration_since(window.began) >= WINDOW {
            *window = Window { began: now, count: 0 };
        }
        if window.count >= self.max {
            let passed = now.saturating_duration_since(window.began);
            return Noted::TooMany { retry_after: WINDOW.saturating_sub(passed) };
        }
        window.count += 1;
        if window.count == self.max { Noted::Last } else { Noted::Counted }
    }

    fn make_room(&mut self, now: Instant) {
        if self.seen.len() < MAX_ADDRESSES {
            return;
        }
        self.seen.retain(|_, window| now.saturating_duration_since(window.began) < WINDOW);
        if self.seen.len() >= MAX_ADDRESSES {
            let oldest = self.seen.iter().min_by_key(|(_, window)| window.began).map(|(address, _)| *address);
            oldest.and_then(|address| self.seen.remove(&address));
        }
    }
}

/// One household's addresses as one: a host on IPv6 has a /64 to itself (RFC 4291 section 2.5.4).
pub(crate) fn block(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn after_too_many_the_window_must_pass() {
        let mut failures = Failures::new(3);
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let a = ip("10.0.0.1");
        assert_eq!(failures.note(a, at(0)), Noted::Counted);
        assert_eq!(failures.note(a, at(1)), Noted::Counted);
        assert_eq!(failures.note(a, at(2)), Noted::Last);
        let retry_after = Duration::from_millis(59_000);
        assert_eq!(failures.note(a, at(1000)), Noted::TooMany { retry_after });
        assert_eq!(failures.note(ip("10.0.0.2"), at(1000)), Noted::Counted);
        assert_eq!(failures.note(ip("::ffff:10.0.0.2"), at(1000)), Noted::Counted);
        assert_eq!(failures.note(ip("10.0.0.2"), at(1000)), Noted::Last);
        assert_eq!(failures.note(a, at(60_000)), Noted::Counted);
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        assert_eq!(block(ip("2001:db8:1:2:3:4:5:6")), block(ip("2001:db8:1:2::1")));
        assert_ne!(block(ip("2001:db8:1:2::1")), block(ip("2001:db8:1:3::1")));
    }

    #[test]
    fn the_table_is_bounded_and_forgets_the_oldest() {
        let mut failures = Failures::new(1);
        let start = Instant::now();
        let nth = |n: u32| IpAddr::from(n.to_be_bytes());
        for n in 0..=MAX_ADDRESSES as u32 {
            assert_eq!(failures.note(nth(n), start + Duration::from_micros(n.into())), Noted::Last);
        }
        assert_eq!(failures.seen.len(), MAX_ADDRESSES);
        assert!(!failures.seen.contains_key(&nth(0)) && failures.seen.contains_key(&nth(1)));
        failures.note(nth(u32::MAX), start + WINDOW * 2);
        assert_eq!(failures.seen.len(), 1);
    }
}
