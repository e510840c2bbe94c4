//! What a service says on its standard output and error: read at once, so that it never waits for us,
//! and kept for the test's questions and for its failure.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read},
    process::Child,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::SECRET;
use crate::eventually;

/// Lines kept; a test that says more is too long, a soak forgets its oldest.
const MAX_LINES: usize = 10_000;
/// Longest line kept whole.
const MAX_LINE_BYTES: u64 = 64 << 10;
/// Lines shown with a failure.
const SHOWN_LINES: usize = 60;
/// From a service's word to our having read it, on a busy machine.
const READING_LIMIT: Duration = Duration::from_secs(10);

/// The lines so far. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<String>,
    forgotten: usize,
}

impl Log {
    /// Reads both pipes of `child` to their ends, each on a thread of its own.
    pub(crate) fn of(child: &mut Child) -> Self {
        let log = Self::default();
        let stdout = child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>);
        let stderr = child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>);
        for pipe in [stdout, stderr].into_iter().flatten() {
            let log = log.clone();
            std::thread::spawn(move || log.read(pipe));
        }
        log
    }

    /// The first line that begins so.
    pub fn find(&self, start: &str) -> Option<String> {
        self.lines().kept.iter().find(|line| line.starts_with(start)).cloned()
    }

    /// The lines that hold `text`.
    ///
    /// # Panics
    /// If so much was said that the oldest lines are forgotten: then nothing is proven by their absence.
    pub fn with(&self, text: &str) -> Vec<String> {
        let lines = self.lines();
        assert_eq!(lines.forgotten, 0, "the service has said too much for an answer");
        lines.kept.iter().filter(|line| line.contains(text)).cloned().collect()
    }

    /// The first line that holds `text`, once it has come: an answer may be here before the line about it.
    ///
    /// # Panics
    /// If it does not come.
    pub async fn says(&self, text: &str) -> String {
        eventually(&format!("the log says `{text}`"), READING_LIMIT, async || {
            self.lines().kept.iter().find(|line| line.contains(text)).cloned()
        })
        .await
    }

    /// A line of the log proper that holds what no line may: the secret of these tests, a token (every JWT begins so), or
    /// the password that stands in their addresses.
    pub(crate) fn leak(&self) -> Option<String> {
        let leaks = |line: &&String| {
            line.starts_with('{') && [SECRET, "eyJ", "hunter2"].iter().any(|secret| line.contains(secret))
        };
        self.lines().kept.iter().find(leaks).cloned()
    }

    /// The last lines, for a failure.
    pub fn tail(&self) -> String {
        let lines = self.lines();
        let skipped = lines.kept.len().saturating_sub(SHOWN_LINES);
        lines.kept.iter().skip(skipped).fold(String::new(), |text, line| text + line + "\n")
    }

    fn read(&self, pipe: impl Read) {
        let mut pipe = BufReader::new(pipe);
        loop {
            let mut line = Vec::new();
            match (&mut pipe).take(MAX_LINE_BYTES).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => self.push(String::from_utf8_lossy(&line).trim_end().to_owned()),
            }
        }
    }

    fn push(&self, line: String) {
        let mut lines = self.lines();
        if lines.kept.len() == MAX_LINES {
            lines.kept.pop_front();
            lines.forgotten += 1;
        }
        lines.kept.push_back(line);
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_in_what_is_logged_alone() {
        let log = Log::default();
        log.push(r#"{"message":"all is well"}"#.into());
        log.push("token: eyJh".into());
        assert_eq!(log.leak(), None, "said to a person at the terminal");
        log.push(r#"{"token":"eyJh"}"#.into());
        assert!(log.leak().is_some());
    }

    #[test]
    fn lines_are_found_and_the_oldest_forgotten() {
        let log = Log::default();
        log.read("first\nlistening on ws://x\nlast, no end".as_bytes());
        assert_eq!(log.find("listening").as_deref(), Some("listening on ws://x"));
        assert_eq!(log.with("no end"), ["last, no end"]);
        assert_eq!(log.tail().lines().count(), 3);
        for _ in 0..MAX_LINES {
            log.push("x".into());
        }
        assert_eq!(log.lines().kept.len(), MAX_LINES);
        assert_eq!(log.lines().forgotten, 3);
        assert!(log.find("first").is_none());
    }
}
