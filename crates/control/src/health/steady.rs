//! What is told of health: each trouble since when, and no word that it has passed before it has been gone for a moment.
//! So what comes and goes is told once, and the all-clear is one. Pure.

use std::time::{Duration, Instant, SystemTime};

use super::Verdict;
use crate::api::{Component, Health, Reason, Trouble};

/// How long a trouble must be gone to count as over.
const OVER_AFTER: Duration = Duration::from_secs(1);

/// What is told now.
#[derive(Debug, Default)]
pub(crate) struct Steady {
    told: Vec<Told>,
}

#[derive(Debug)]
struct Told {
    reason: Reason,
    /// Since when it is not there any more.
    gone: Option<Instant>,
}

impl Steady {
    /// Takes a verdict; gives what is to be told, and when that will be another thing by itself.
    pub(crate) fn update(
        &mut self,
        now: Instant,
        wall: SystemTime,
        verdict: Verdict,
    ) -> (Health, Option<Instant>) {
        let Verdict { starting, troubles } = verdict;
        let over = |told: &Told| told.gone.is_some_and(|gone| gone + OVER_AFTER <= now);
        let mut before = std::mem::take(&mut self.told);
        // In the order of the verdict; what has just gone comes last.
        for trouble in troubles {
            let known = before.iter().position(|told| told.reason.trouble.is_like(&trouble));
            let since =
                known.map(|at| before.remove(at)).filter(|told| !over(told)).map(|told| told.reason.since);
            // With the figure of now.
            let reason = Reason { trouble, since: since.unwrap_or(wall) };
            self.told.push(Told { reason, gone: None });
        }
        for told in before {
            let gone = Some(told.gone.unwrap_or(now));
            // One figure of a thing replaces another: a full disk that only fills is not both.
            let replaced = self.told.iter().any(|now| replaces(&now.reason.trouble, &told.reason.trouble));
            if !replaced && !over(&told) {
                self.told.push(Told { gone, ..told });
            }
        }
        let next = self.told.iter().filter_map(|told| told.gone).map(|gone| gone + OVER_AFTER).min();
        let reasons = self.told.iter().map(|told| told.reason.clone()).collect();
        (Health { starting, reasons }, next)
    }
}

/// Do both tell of one thing, of which only one can be so?
fn replaces(now: &Trouble, before: &Trouble) -> bool {
    use Component::{MediaServer, Storage};
    use Trouble::{CameraUnusable, SourceRestarts};
    match (now, before) {
        (CameraUnusable(one), SourceRestarts(other)) | (SourceRestarts(one), CameraUnusable(other)) => {
            one == other
        }
        _ => now.component() == before.component() && matches!(now.component(), MediaServer | Storage),
    }
}

#[cfg(test)]
mod tests {
    use base::CameraId;

    use super::*;

    #[test]
    fn what_comes_and_goes_is_told_once_and_over_when_it_is() {
        let (start, wall) = (Instant::now(), SystemTime::UNIX_EPOCH);
        let mut steady = Steady::default();
        let mut told = |ms: u64, troubles: &[Trouble]| {
            let after = Duration::from_millis(ms);
            let verdict = Verdict { starting: Vec::new(), troubles: troubles.to_vec() };
            let (health, next) = steady.update(start + after, wall + after, verdict);
            let of = |reason: &Reason| {
                let since = reason.since.duration_since(wall).unwrap();
                format!("{} {}", since.as_millis(), reason.trouble)
            };
            let next = next.map(|next| (next - start).as_millis());
            (health.reasons.iter().map(of).collect::<Vec<_>>().join("; "), next)
        };
        let broken = Trouble::CameraUnusable(CameraId(0));
        let one = std::slice::from_ref::<Trouble>;
        let line = "100 camera0 cannot be used";
        assert_eq!(told(0, &[]), (String::new(), None));
        assert_eq!(told(100, one(&broken)), (line.into(), None));
        assert_eq!(told(200, &[]), (line.into(), Some(1200)));
        assert_eq!(told(900, &[]), (line.into(), Some(1200)));
        assert_eq!(
            told(1000, one(&broken)),
            (line.into(), None),
            "it is back: nobody was told that it had gone"
        );
        assert_eq!(told(2000, &[]), (line.into(), Some(3000)));
        assert_eq!(told(3000, &[]), (String::new(), None));
        // After it was over it is another time.
        assert_eq!(told(4000, one(&broken)).0, "4000 camera0 cannot be used");
        assert_eq!(told(4100, &[]).1, Some(5100));
        assert_eq!(told(9000, &[broken]).0, "9000 camera0 cannot be used");
        assert_eq!(told(10_000, &[]).1, Some(11_000));
        // One disk is not both.
        assert_eq!(
            told(20_000, &[Trouble::DiskFilling(81.0)]).0,
            "20000 the disk for recordings is 81 % full"
        );
        assert_eq!(
            told(20_100, &[Trouble::DiskFull(96.0)]).0,
            "20100 the disk for recordings is 96 % full: no recording begins"
        );
        assert_eq!(
            told(20_200, &[Trouble::DiskFull(97.0)]).0,
            "20100 the disk for recordings is 97 % full: no recording begins"
        );
    }
}
