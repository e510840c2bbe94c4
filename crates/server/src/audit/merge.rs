//! Floods: what one address is told again and again leaves a few lines and then a count. Pure: time is
//! an argument, the table is bounded.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Event, Outcome, line::Line};

/// Lines are the same within this time of the first of them.
const WINDOW: Duration = Duration::from_secs(60);
/// So many of the same are still written one by one.
const EACH: u32 = 10;
/// Kinds of lines remembered at most. With more of them the oldest is counted off early.
const MAX_RUNS: usize = 1024;

/// What makes two lines the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Same {
    event: Event,
    outcome: Outcome,
    user: Option<String>,
    role: Option<&'static str>,
    address: Option<IpAddr>,
    method: Option<&'static str>,
    reason: Option<String>,
}

#[derive(Debug)]
struct Run {
    written: u32,
    /// The last one that was not written, and how many there were.
    more: Option<(Box<Line>, u64)>,
}

/// The lines of the last minute.
#[derive(Debug, Default)]
pub(super) struct Merge {
    runs: HashMap<Arc<Same>, Run>,
    /// Their ends, soonest first: all last equally long.
    ends: VecDeque<(Instant, Arc<Same>)>,
}

impl Merge {
    /// Takes a line; what is to be written for it, now, is put into `out`.
    pub(super) fn take(&mut self, line: Line, now: Instant, out: &mut Vec<Line>) {
        if !matches!(line.event, Event::Authentication | Event::Refusal) {
            out.push(line);
            return;
        }
        self.due(now, out);
        let same = Same {
            event: line.event,
            outcome: line.outcome,
            user: line.user.clone(),
            role: line.role,
            address: line.address,
            method: line.method,
            reason: line.reason.clone(),
        };
        if let Some(run) = self.runs.get_mut(&same) {
            if run.written < EACH {
                run.written += 1;
                out.push(line);
            } else {
                let count = run.more.as_ref().map_or(0, |(_, count)| *count);
                run.more = Some((Box::new(line), count + 1));
            }
            return;
        }
        if self.runs.len() >= MAX_RUNS {
            self.end_oldest(out);
        }
        let same = Arc::new(same);
        self.ends.push_back((now + WINDOW, same.clone()));
        self.runs.insert(same, Run { written: 1, more: None });
        out.push(line);
    }

    /// When the next count is due, or a kind of lines is forgotten.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.ends.front().map(|(end, _)| *end)
    }

    /// Puts the counts of what has ended into `out`.
    pub(super) fn due(&mut self, now: Instant, out: &mut Vec<Line>) {
        while self.deadline().is_some_and(|end| end <= now) {
            self.end_oldest(out);
        }
    }

    /// Ends everything, whatever the time.
    pub(super) fn end(&mut self, out: &mut Vec<Line>) {
        while !self.ends.is_empty() {
            self.end_oldest(out);
        }
    }

    fn end_oldest(&mut self, out: &mut Vec<Line>) {
        let run = self.ends.pop_front().and_then(|(_, same)| self.runs.remove(&same));
        if let Some((line, count)) = run.and_then(|run| run.more) {
            out.push(Line { repeated: Some(count), ..*line });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(address: u32) -> Line {
        let line = Line::own(Event::Refusal, Some("upgrade"), Outcome::Refused, Some("origin".into()));
        Line { address: Some(IpAddr::from(address.to_be_bytes())), ..line }
    }

    #[test]
    fn a_flood_leaves_a_few_lines_and_a_count() {
        let (mut merge, start, mut out) = (Merge::default(), Instant::now(), Vec::new());
        for _ in 0..EACH + 90 {
            merge.take(refused(1), start, &mut out);
        }
        merge.take(refused(2), start, &mut out);
        assert_eq!(out.len() as u32, EACH + 1);
        assert!(out.iter().all(|line| line.repeated.is_none()));
        out.clear();
        merge.due(start + WINDOW / 2, &mut out);
        assert!(out.is_empty());
        assert_eq!(merge.deadline(), Some(start + WINDOW));
        merge.take(refused(1), start + WINDOW, &mut out);
        assert_eq!(out.iter().map(|line| line.repeated).collect::<Vec<_>>(), [Some(90), None]);
        out.clear();
        merge.end(&mut out);
        assert!(out.is_empty() && merge.deadline().is_none());
    }

    #[test]
    fn a_privileged_call_is_never_merged() {
        let (mut merge, mut out) = (Merge::default(), Vec::new());
        for _ in 0..100 {
            let call = Line::own(Event::Call, Some("stop_recording"), Outcome::Failed, None);
            merge.take(call, Instant::now(), &mut out);
        }
        assert_eq!(out.len(), 100);
    }

    #[test]
    fn the_table_is_bounded() {
        let (mut merge, start, mut out) = (Merge::default(), Instant::now(), Vec::new());
        for _ in 0..=EACH {
            merge.take(refused(0), start, &mut out);
        }
        out.clear();
        for address in 1..=MAX_RUNS as u32 {
            merge.take(refused(address), start, &mut out);
        }
        assert_eq!((merge.runs.len(), merge.ends.len()), (MAX_RUNS, MAX_RUNS));
        // The oldest kind was counted off, and none of the new ones is missing.
        assert_eq!(out.iter().filter(|line| line.repeated == Some(1)).count(), 1);
        assert_eq!(out.len(), MAX_RUNS + 1);
    }
}
