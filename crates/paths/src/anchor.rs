//! Ties the clock of each run of a source to the one clock of its path, so that takers see time go on
//! over restarts, wrap-arounds and jumps. Pure.

use std::time::Instant;

use media::CLOCK_HZ;

/// A source clock that strays further than this from the arrival clock has jumped, not drifted.
const MAX_STRAY_90K: i64 = 10 * CLOCK_HZ;

/// Clocks drift apart (50 ppm make a second in five hours): from this distance on we follow.
const SLEW_FROM_90K: i64 = CLOCK_HZ;
/// How far one picture moves us towards the arrival clock: 1 % at 30 frames a second, unseen.
const SLEW_STEP_90K: i64 = 30;

/// Maps source times of one path to path times.
#[derive(Debug, Default)]
pub(crate) struct Anchor {
    /// When the path's clock showed 0.
    origin: Option<Instant>,
    /// Path time minus source time in this run; `None` before its first picture.
    offset_90k: Option<i64>,
    /// Greatest path time given out, in any run.
    newest_90k: Option<i64>,
    /// Path time given out last.
    last_90k: Option<i64>,
}

impl Anchor {
    /// A new run of the source begins: its clock has nothing to do with the last one's.
    pub(crate) fn new_run(&mut self) {
        self.offset_90k = None;
    }

    /// Path time of a picture that the source dated `source_90k` and that arrived at `arrived`.
    pub(crate) fn place(&mut self, source_90k: i64, arrived: Instant) -> i64 {
        let origin = *self.origin.get_or_insert(arrived);
        let elapsed_90k = ticks(arrived.saturating_duration_since(origin));
        let placed = self.offset_90k.map(|offset| source_90k.saturating_add(offset));
        let pts_90k = match placed {
            Some(pts) if pts.saturating_sub(elapsed_90k).saturating_abs() <= MAX_STRAY_90K => {
                let stray = pts - elapsed_90k;
                if stray.abs() > SLEW_FROM_90K {
                    self.offset_90k = self.offset_90k.map(|o| o - stray.signum() * SLEW_STEP_90K);
                }
                pts
            }
            _ => {
                // A tick after everything before, should arrival times have bunched up.
                let floor = self.newest_90k.map_or(0, |newest| newest + 1);
                let pts = elapsed_90k.max(floor);
                self.offset_90k = Some(pts.saturating_sub(source_90k));
                pts
            }
        };
        // ffmpeg 5.1 gives the first two pictures of a camera's own H.264 one time: for a player that is one picture.
        let pts_90k = if self.last_90k == Some(pts_90k) { pts_90k + 1 } else { pts_90k };
        self.last_90k = Some(pts_90k);
        self.newest_90k = Some(self.newest_90k.map_or(pts_90k, |newest| newest.max(pts_90k)));
        pts_90k
    }
}

fn ticks(duration: std::time::Duration) -> i64 {
    (duration.as_micros() as i64).saturating_mul(CLOCK_HZ / 10_000) / 100
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn runs_follow_each_other_on_one_clock() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut anchor = Anchor::default();
        anchor.new_run();
        assert_eq!(anchor.place(1_000_000, at(0)), 0);
        // Arrival jitters, the source's own spacing is kept.
        assert_eq!(anchor.place(1_003_000, at(50)), 3000);
        assert_eq!(anchor.place(1_006_000, at(60)), 6000);
        anchor.new_run();
        assert_eq!(anchor.place(0, at(2000)), 180_000);
        assert_eq!(anchor.place(3000, at(2033)), 183_000);
    }

    #[test]
    fn a_jump_is_anchored_anew_and_never_goes_back() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut anchor = Anchor::default();
        anchor.place(0, at(0));
        assert_eq!(anchor.place(90_000, at(1000)), 90_000);
        assert_eq!(anchor.place(900_000_000, at(1033)), 92_970);
        assert_eq!(anchor.place(i64::MIN, at(1033)), 92_971);
    }

    #[test]
    fn a_clock_that_runs_fast_for_a_week_stays_near_the_arrivals() {
        let start = Instant::now();
        let mut anchor = Anchor::default();
        let mut last = -1;
        // Ten frames a second for a week, 200 ppm fast; every tenth looked at is enough.
        for frame in 0..(7 * 86_400_i64) {
            let arrived = start + Duration::from_secs(frame as u64);
            let pts = anchor.place(frame * (CLOCK_HZ + 18), arrived);
            assert!(pts > last);
            assert!((pts - frame * CLOCK_HZ).abs() <= 2 * CLOCK_HZ, "{frame}: {pts}");
            last = pts;
        }
    }

    #[test]
    fn no_two_pictures_in_a_row_have_one_time() {
        let start = Instant::now();
        let mut anchor = Anchor::default();
        let times: Vec<_> = [0, 0, 9000].map(|pts| anchor.place(pts, start)).into();
        assert_eq!(times, [0, 1, 9000]);
    }

    #[test]
    fn b_frames_may_step_back() {
        let start = Instant::now();
        let mut anchor = Anchor::default();
        let times: Vec<_> = [0, 9000, 3000, 6000].map(|pts| anchor.place(pts, start)).into();
        assert_eq!(times, [0, 9000, 3000, 6000]);
    }
}
