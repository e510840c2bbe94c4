//! This process and this machine, as the kernel counts them.

use std::{
    fs, io,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use nix::sys::resource::{UsageWho, getrusage};

/// Two readings closer together than this say nothing about the processor.
const LEAST_SPAN: Duration = Duration::from_secs(1);

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Process {
    /// Time on a processor since the start, all threads together.
    pub(super) cpu: Duration,
    pub(super) rss_bytes: u64,
    pub(super) threads: u64,
    pub(super) open_files: u64,
    /// What of the machine's memory is in use, by anybody.
    pub(super) memory_percent: f64,
}

impl Process {
    /// Asks the kernel.
    pub(super) fn read() -> io::Result<Self> {
        let usage = getrusage(UsageWho::RUSAGE_SELF)?;
        let time = |time: nix::sys::time::TimeVal| {
            Duration::from_secs(time.tv_sec().cast_unsigned())
                + Duration::from_micros(time.tv_usec().cast_unsigned())
        };
        let status = fs::read_to_string("/proc/self/status")?;
        let memory = fs::read_to_string("/proc/meminfo")?;
        let missing = |field| io::Error::new(io::ErrorKind::InvalidData, format!("no {field} in /proc"));
        let need = |text, field| number(text, field).ok_or_else(|| missing(field));
        let (total, available) = (need(&memory, "MemTotal")?, need(&memory, "MemAvailable")?);
        // One of them is the folder being read.
        let open_files = fs::read_dir("/proc/self/fd")?.count().saturating_sub(1) as u64;
        Ok(Self {
            cpu: time(usage.user_time()) + time(usage.system_time()),
            rss_bytes: need(&status, "VmRSS")? * 1024,
            threads: need(&status, "Threads")?,
            open_files,
            memory_percent: 100.0 * total.saturating_sub(available) as f64 / total.max(1) as f64,
        })
    }
}

/// The number after `field:` in a file of lines such as `VmRSS:    1234 kB`.
fn number(text: &str, field: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// How busy the process keeps a processor, from one reading to the next.
#[derive(Debug)]
pub(super) struct Busy(Mutex<Span>);

#[derive(Debug, Clone, Copy)]
struct Span {
    began: Instant,
    /// The processor's time until then.
    cpu: Duration,
    percent: f64,
}

impl Busy {
    pub(super) fn new(now: Instant) -> Self {
        Self(Mutex::new(Span { began: now, cpu: Duration::ZERO, percent: 0.0 }))
    }

    /// Percent of one processor since the reading before, or since the start. Within a second of that one
    /// it is told again.
    pub(super) fn percent(&self, now: Instant, cpu: Duration) -> f64 {
        let mut span = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wall = now.saturating_duration_since(span.began);
        if wall >= LEAST_SPAN {
            let percent = 100.0 * cpu.saturating_sub(span.cpu).as_secs_f64() / wall.as_secs_f64();
            *span = Span { began: now, cpu, percent };
        }
        span.percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_answers() {
        let read = Process::read().unwrap();
        assert!(read.rss_bytes > 1 << 20 && read.threads >= 1 && read.open_files >= 3, "{read:?}");
        assert!((0.0..=100.0).contains(&read.memory_percent) && read.memory_percent > 0.0, "{read:?}");
    }

    #[test]
    fn lines_of_proc() {
        let text = "VmRSS:\t   1234 kB\nThreads:\t7\n";
        assert_eq!((number(text, "VmRSS"), number(text, "Threads")), (Some(1234), Some(7)));
        assert_eq!((number(text, "Vm"), number("Threads:\n", "Threads")), (None, None));
    }

    #[test]
    fn busy_is_told_over_a_second_at_least() {
        let start = Instant::now();
        let busy = Busy::new(start);
        let at = |ms| start + Duration::from_millis(ms);
        assert!(busy.percent(at(500), Duration::from_millis(500)).abs() < 1e-9, "too early");
        assert!((busy.percent(at(2000), Duration::from_millis(500)) - 25.0).abs() < 1e-9);
        assert!((busy.percent(at(2500), Duration::from_millis(900)) - 25.0).abs() < 1e-9, "told again");
        assert!((busy.percent(at(4000), Duration::from_millis(1500)) - 50.0).abs() < 1e-9);
    }
}
