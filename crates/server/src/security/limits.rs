//! How much a caller may ask: token buckets for a session and, forty times as large, for a principal.
//! Pure: time is an argument, every table is bounded.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

/// A principal may ask as much as so many sessions.
const PRINCIPAL_FACTOR: f64 = 40.0;
/// Principals remembered at most. One who is forgotten has asked nothing for a while, or begins again.
const MAX_PRINCIPALS: usize = 4096;
/// A refusal of the same caller and method is written down once in this time.
const NOTED_FOR: Duration = Duration::from_secs(60);
/// Less of a request than counts: numbers are not exact.
const EPSILON: f64 = 1e-6;

/// One limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limit {
    pub(crate) per_second: f64,
    /// As much at once after a pause.
    pub(crate) burst: f64,
}

impl Limit {
    fn times(self, factor: f64) -> Self {
        Self { per_second: self.per_second * factor, burst: self.burst * factor }
    }
}

/// All limits, as configured.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Limits {
    /// Of all requests together.
    pub(crate) general: Limit,
    /// Of one method besides.
    pub(crate) methods: BTreeMap<&'static str, Limit>,
}

/// What one caller has asked lately.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    general: Bucket,
    methods: HashMap<&'static str, Bucket>,
}

/// Requests not yet forgiven. Counting what was spent instead of what is left, a new limit applies at
/// once to whoever is there.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    spent: f64,
    at: Option<Instant>,
}

impl Bucket {
    fn spent(&self, limit: Limit, now: Instant) -> f64 {
        let passed = self.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        // Nobody waits longer for a limit that was lowered than for one that always was so.
        (self.spent - limit.per_second * passed.as_secs_f64()).clamp(0.0, limit.burst)
    }

    /// How long until one more is allowed.
    fn wait(&self, limit: Limit, now: Instant) -> Duration {
        let over = self.spent(limit, now) + 1.0 - limit.burst;
        if over <= EPSILON {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(over / limit.per_second).unwrap_or(Duration::MAX)
    }

    fn take(&mut self, limit: Limit, now: Instant) {
        *self = Self { spent: self.spent(limit, now) + 1.0, at: Some(now) };
    }
}

impl Buckets {
    fn wait(&self, limits: &Limits, factor: f64, method: &'static str, now: Instant) -> Duration {
        let general = self.general.wait(limits.general.times(factor), now);
        let own = limits.methods.get(method).map(|limit| {
            let bucket = self.methods.get(method).copied().unwrap_or_default();
            bucket.wait(limit.times(factor), now)
        });
        general.max(own.unwrap_or_default())
    }

    fn take(&mut self, limits: &Limits, factor: f64, method: &'static str, now: Instant) {
        self.general.take(limits.general.times(factor), now);
        if let Some(limit) = limits.methods.get(method) {
            self.methods.entry(method).or_default().take(limit.times(factor), now);
        }
    }

    /// Is everything forgiven? Then nothing is lost by forgetting it.
    fn is_empty(&self, limits: &Limits, factor: f64, now: Instant) -> bool {
        self.general.spent(limits.general.times(factor), now) <= EPSILON
            && self.methods.iter().all(|(method, bucket)| {
                let limit = limits.methods.get(method);
                limit.is_none_or(|limit| bucket.spent(limit.times(factor), now) <= EPSILON)
            })
    }
}

/// A request over a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Over {
    /// After this time it passes, if nothing else is asked meanwhile.
    pub(crate) retry_after: Duration,
    /// Is it worth a line in the log?
    pub(crate) noted: bool,
}

/// Who asks, as far as limits go.
pub(crate) struct Asker<'a> {
    /// The session's own account; `None`: it has none.
    pub(crate) session: Option<&'a mut Buckets>,
    /// The key of its principal; `None`: not known yet.
    pub(crate) principal: Option<&'a str>,
    /// Under which refusals are written down.
    pub(crate) name: &'a str,
}

/// Everybody's requests against the limits.
#[derive(Debug)]
pub(crate) struct Limiter {
    limits: Limits,
    principals: HashMap<String, Buckets>,
    noted: HashMap<(String, &'static str), Instant>,
}

impl Limiter {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, principals: HashMap::new(), noted: HashMap::new() }
    }

    /// Other limits from now on; what was asked before counts on.
    pub(crate) fn set(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Counts one request. One that is refused costs nothing: who waits as told gets through.
    pub(crate) fn ask(&mut self, asker: Asker<'_>, method: &'static str, now: Instant) -> Result<(), Over> {
        let Asker { session, principal, name } = asker;
        let limits = &self.limits;
        let of_session =
            session.as_ref().map_or(Duration::ZERO, |session| session.wait(limits, 1.0, method, now));
        let known = principal.and_then(|key| self.principals.get(key));
        let of_principal =
            known.map_or(Duration::ZERO, |buckets| buckets.wait(limits, PRINCIPAL_FACTOR, method, now));
        let retry_after = of_session.max(of_principal);
        if !retry_after.is_zero() {
            return Err(Over { retry_after, noted: self.note(name, method, now) });
        }
        if let Some(session) = session {
            session.take(limits, 1.0, method, now);
        }
        if let Some(key) = principal {
            if !self.principals.contains_key(key) {
                self.make_room(now);
                self.principals.insert(key.to_owned(), Buckets::default());
            }
            if let Some(buckets) = self.principals.get_mut(key) {
                buckets.take(&self.limits, PRINCIPAL_FACTOR, method, now);
            }
        }
        Ok(())
    }

    fn make_room(&mut self, now: Instant) {
        if self.principals.len() < MAX_PRINCIPALS {
            return;
        }
        let limits = &self.limits;
        self.principals.retain(|_, buckets| !buckets.is_empty(limits, PRINCIPAL_FACTOR, now));
        if self.principals.len() >= MAX_PRINCIPALS {
            let idle = self.principals.iter().min_by_key(|(_, buckets)| buckets.general.at);
            let idle = idle.map(|(key, _)| key.clone());
            idle.and_then(|key| self.principals.remove(&key));
        }
    }

    /// `true`: it was not written down in the last minute.
    fn note(&mut self, name: &str, method: &'static str, now: Instant) -> bool {
        let recent = |at: &Instant| now.saturating_duration_since(*at) < NOTED_FOR;
        let key = (name.to_owned(), method);
        if self.noted.get(&key).is_some_and(recent) {
            return false;
        }
        if self.noted.len() >= MAX_PRINCIPALS {
            self.noted.retain(|_, at| recent(at));
        }
        // More callers than that are a flood, which must not fill the log.
        let room = self.noted.len() < MAX_PRINCIPALS;
        if room {
            self.noted.insert(key, now);
        }
        room
    }
}

#[cfg(test)]
#[path = "limits_tests.rs"]
mod tests;
