//! What the kernel tells of processes (proc(5)): memory, processor time, threads, descriptors, children.
//! `None` and empty lists mean: no such process any more.

use std::{fs, path::PathBuf, time::Duration};

use nix::sys::signal::{Signal, kill};

/// Clock ticks a second of the times in `/proc/PID/stat`: a constant of the kernel's interface to
/// programs (`USER_HZ`) on every machine we build for.
const TICKS_PER_SECOND: u64 = 100;

/// A process, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(pub u32);

impl Pid {
    /// It exists and is not a zombie.
    pub fn is_alive(self) -> bool {
        self.stat().is_some_and(|stat| !matches!(stat.state, 'Z' | 'X'))
    }

    /// Resident memory in bytes.
    pub fn rss_bytes(self) -> Option<u64> {
        self.status_kib("VmRSS:").map(|kib| kib << 10)
    }

    /// Greatest resident memory so far, in bytes.
    pub fn peak_rss_bytes(self) -> Option<u64> {
        self.status_kib("VmHWM:").map(|kib| kib << 10)
    }

    /// Lets the greatest resident memory begin anew from what is resident now (proc(5), `clear_refs`).
    ///
    /// # Panics
    /// If the process is not ours.
    pub fn forget_peak(self) {
        fs::write(self.file("clear_refs"), "5").expect("our own child's peak can be reset");
    }

    /// Processor time used by all its threads, user and system, in steps of 10 ms.
    pub fn cpu_time(self) -> Option<Duration> {
        let ticks = self.stat()?.ticks;
        Some(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
    }

    /// When it was started, in clock ticks since the machine was: two processes that had the same number
    /// one after the other differ in it.
    pub fn started_ticks(self) -> Option<u64> {
        self.stat().map(|stat| stat.started_ticks)
    }

    /// Number of threads.
    pub fn threads(self) -> Option<u32> {
        self.status("Threads:")?.parse().ok()
    }

    /// How often its threads have gone to sleep, by the kernel's count (proc(5), `voluntary_ctxt_switches`): each sleep but
    /// the last was ended by a wake-up. Threads that have ended are not in it.
    pub fn sleeps(self) -> Option<u64> {
        let threads = fs::read_dir(self.file("task")).ok()?.flatten();
        let texts = threads.filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok());
        let count = |text: String| -> Option<u64> {
            let line = text.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
            line.trim().parse().ok()
        };
        Some(texts.filter_map(count).sum())
    }

    /// Number of open descriptors.
    pub fn open_fds(self) -> Option<usize> {
        Some(fs::read_dir(self.file("fd")).ok()?.count())
    }

    /// The program's name, cut to 15 bytes.
    pub fn name(self) -> Option<String> {
        self.stat().map(|stat| stat.name)
    }

    /// Its arguments, as every user of the machine can read them.
    pub fn arguments(self) -> Vec<String> {
        let bytes = fs::read(self.file("cmdline")).unwrap_or_default();
        let texts = bytes.split(|byte| *byte == 0).filter(|text| !text.is_empty());
        texts.map(|text| String::from_utf8_lossy(text).into_owned()).collect()
    }

    /// Its environment.
    pub fn environment(self) -> Vec<String> {
        let bytes = fs::read(self.file("environ")).unwrap_or_default();
        let texts = bytes.split(|byte| *byte == 0).filter(|text| !text.is_empty());
        texts.map(|text| String::from_utf8_lossy(text).into_owned()).collect()
    }

    /// Those it has started and that live; oldest first.
    pub fn children(self) -> Vec<Self> {
        let mut children: Vec<Self> = all()
            .into_iter()
            .filter(|pid| {
                pid.stat().is_some_and(|stat| stat.parent == self && !matches!(stat.state, 'Z' | 'X'))
            })
            .collect();
        children.sort_unstable();
        children
    }

    /// SIGKILL.
    pub fn kill9(self) {
        self.signal(Signal::SIGKILL);
    }

    /// SIGSTOP: it is there, and does nothing any more.
    pub fn freeze(self) {
        self.signal(Signal::SIGSTOP);
    }

    fn signal(self, signal: Signal) {
        // An error: it has ended meanwhile.
        let _ = kill(nix::unistd::Pid::from_raw(self.0.cast_signed()), signal);
    }

    /// It has ended and its parent has not asked how.
    pub fn is_zombie(self) -> bool {
        self.stat().is_some_and(|stat| stat.state == 'Z')
    }

    fn file(self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.0))
    }

    fn status_kib(self, field: &str) -> Option<u64> {
        self.status(field)?.split_whitespace().next()?.parse().ok()
    }

    fn status(self, field: &str) -> Option<String> {
        let text = fs::read_to_string(self.file("status")).ok()?;
        text.lines().find_map(|line| line.strip_prefix(field)).map(|value| value.trim().to_owned())
    }

    fn stat(self) -> Option<Stat> {
        Stat::parse(&fs::read_to_string(self.file("stat")).ok()?)
    }
}

/// All processes we may see.
pub fn all() -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok().map(Pid)).collect()
}

/// `/proc/PID/stat`, as far as we need it.
#[derive(Debug)]
struct Stat {
    name: String,
    state: char,
    parent: Pid,
    ticks: u64,
    started_ticks: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The name may hold anything, even parentheses and spaces: it ends at the last `)`.
        let (name, rest) = text.split_once('(')?.1.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        // utime and stime are the fields 14 and 15 of the line, starttime is 22; `state`, number 3, is the
        // first here.
        Some(Self {
            name: name.to_owned(),
            state: fields.first()?.chars().next()?,
            parent: Pid(u32::try_from(number(1)?).ok()?),
            ticks: number(11)? + number(12)?,
            started_ticks: number(19)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_stat_is_read() {
        let text = "42 (a) b (c) S 7 42 42 0 -1 4194560 1 0 0 0 11 22 3 4 20 0 1 0 99 1 2";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.name.as_str(), stat.state, stat.parent, stat.ticks), ("a) b (c", 'S', Pid(7), 33));
        assert_eq!(stat.started_ticks, 99);
    }

    #[test]
    fn we_see_ourselves() {
        let me = Pid(std::process::id());
        assert!(me.is_alive() && !me.is_zombie());
        // In this order: another test's thread may take memory in between.
        let (rss, peak) = (me.rss_bytes().unwrap(), me.peak_rss_bytes().unwrap());
        assert!(rss > 100_000 && peak >= rss);
        assert!(me.threads().unwrap() >= 1 && me.open_fds().unwrap() >= 3);
        assert!(!me.arguments().is_empty());
        let nobody = Pid(u32::MAX >> 2);
        assert!(!nobody.is_alive() && nobody.rss_bytes().is_none() && nobody.arguments().is_empty());
    }

    #[test]
    fn children_are_found_until_they_are_gone() {
        let me = Pid(std::process::id());
        let mut child =
            std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let pid = Pid(child.id());
        assert!(me.children().contains(&pid));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!me.children().contains(&pid) && !pid.is_alive());
    }
}
