//! What a recording does with each picture: write it, begin another file before it, or end. Pure: an
//! hour of pictures passes in a millisecond.

use std::time::Duration;

use media::CLOCK_HZ;

/// What to do with one picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Add it to the open file.
    Write,
    /// Close the open file, if there is one, and begin another with it.
    Begin,
    /// Nothing can be shown from here on until the next key frame.
    Skip,
    /// The recording has its length; this picture is not part of it.
    End,
}

/// One recording's length and the lengths of its files.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "a unit belongs into each name")]
pub(crate) struct Plan {
    limit_90k: Option<i64>,
    segment_90k: i64,
    first_pts_90k: Option<i64>,
    /// First time in the open file.
    file_pts_90k: Option<i64>,
}

impl Plan {
    /// `limit`: length of the video after which the recording ends by itself; `segment`: after which a
    /// file is closed at the next key frame.
    pub(crate) fn new(limit: Option<Duration>, segment: Duration) -> Self {
        Self {
            limit_90k: limit.map(ticks),
            segment_90k: ticks(segment),
            first_pts_90k: None,
            file_pts_90k: None,
        }
    }

    /// The next picture; `changed`: it is coded unlike those in the open file, or that file is full.
    pub(crate) fn picture(&mut self, pts_90k: i64, key: bool, changed: bool) -> Step {
        // The length counts from the first picture that is kept.
        if self.first_pts_90k.is_none() && !key {
            return Step::Skip;
        }
        let since_90k = pts_90k.saturating_sub(*self.first_pts_90k.get_or_insert(pts_90k));
        if self.limit_90k.is_some_and(|limit| since_90k >= limit) {
            return Step::End;
        }
        match self.file_pts_90k {
            None if !key => Step::Skip,
            Some(first) if !(key && (changed || pts_90k.saturating_sub(first) >= self.segment_90k)) => {
                Step::Write
            }
            _ => {
                self.file_pts_90k = Some(pts_90k);
                Step::Begin
            }
        }
    }

    /// The open file was closed because nothing came for it.
    pub(crate) fn closed(&mut self) {
        self.file_pts_90k = None;
    }
}

fn ticks(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / CLOCK_HZ).saturating_mul(CLOCK_HZ / 10_000) / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 30 pictures a second, a key frame each second; returns the picture numbers of each step kind.
    fn run(plan: &mut Plan, pictures: i64) -> (Vec<i64>, Option<i64>) {
        let mut begins = Vec::new();
        for n in 0..pictures {
            match plan.picture(7_000_000 + n * 3000, n % 30 == 0, false) {
                Step::Begin => begins.push(n),
                Step::End => return (begins, Some(n)),
                Step::Write | Step::Skip => {}
            }
        }
        (begins, None)
    }

    #[test]
    fn an_hour_is_cut_at_key_frames_every_ten_minutes() {
        let mut plan = Plan::new(None, Duration::from_mins(10));
        let (begins, ended) = run(&mut plan, 30 * 3600);
        assert_eq!(begins, [0, 18_000, 36_000, 54_000, 72_000, 90_000]);
        assert_eq!(ended, None);
    }

    #[test]
    fn five_seconds_are_five_seconds_of_pictures() {
        let mut plan = Plan::new(Some(Duration::from_secs(5)), Duration::from_mins(10));
        assert_eq!(run(&mut plan, 1000), (vec![0], Some(150)));
    }

    #[test]
    fn nothing_is_kept_before_a_key_frame_and_a_change_begins_a_file() {
        let mut plan = Plan::new(Some(Duration::from_secs(1)), Duration::from_mins(10));
        assert_eq!(plan.picture(0, false, false), Step::Skip);
        assert_eq!(plan.picture(80_000, true, false), Step::Begin);
        assert_eq!(plan.picture(83_000, false, true), Step::Write, "no file begins between key frames");
        assert_eq!(plan.picture(90_000, true, true), Step::Begin);
        plan.closed();
        assert_eq!(plan.picture(93_000, false, false), Step::Skip);
        assert_eq!(plan.picture(96_000, true, false), Step::Begin);
        // Pictures out of order (B-frames) do not confuse it.
        assert_eq!(plan.picture(95_000, false, false), Step::Write);
        assert_eq!(plan.picture(170_000, false, false), Step::End);
    }
}
