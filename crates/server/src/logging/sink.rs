//! Where lines go: to stderr at once, or to a file through a bounded queue and a thread of its own, so
//! that a slow disk holds up nobody who has something to say.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};

use tracing_subscriber::fmt::MakeWriter;

use super::rotation::{Limits, RotatingFile};

/// Lines that wait for the disk at most: seconds of a chatty service.
const MAX_WAITING: usize = 8192;
/// How long the end waits for what still waits.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

enum Order {
    Line(Vec<u8>),
    Limits(Limits),
    /// Answered when everything before it is written.
    Flush(SyncSender<()>),
}

/// A file and the queue before it. The thread ends when the last sender is gone.
#[derive(Debug, Clone)]
pub(super) struct ToFile {
    path: PathBuf,
    queue: SyncSender<Order>,
}

/// Where lines go now. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Sink(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// `None`: stderr.
    file: RwLock<Option<ToFile>>,
    /// Lines that found the queue full, and were not told of yet.
    lost: Arc<AtomicU64>,
}

impl Sink {
    /// Opens a file for [`Self::send_to`]; nothing is written yet.
    pub(super) fn open(&self, path: &Path, limits: Limits) -> io::Result<ToFile> {
        let file = RotatingFile::open(path, limits)?;
        let (queue, orders) = sync_channel(MAX_WAITING);
        let lost = self.0.lost.clone();
        std::thread::Builder::new().name("log".into()).spawn(move || write(file, &orders, &lost))?;
        Ok(ToFile { path: path.to_owned(), queue })
    }

    /// The file in use, when it is this one.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        self.file().is_some_and(|file| file.path == path)
    }

    /// Sends all further lines there; `None`: to stderr.
    pub(super) fn send_to(&self, file: Option<ToFile>) {
        *self.0.file.write().unwrap_or_else(PoisonError::into_inner) = file;
    }

    pub(super) fn set_limits(&self, limits: Limits) {
        if let Some(file) = self.file() {
            // An error: its thread is gone, and with it the file.
            let _ = file.queue.send(Order::Limits(limits));
        }
    }

    /// Waits until what was said is written.
    pub(super) fn flush(&self) {
        let Some(file) = self.file() else { return };
        let (tell, told) = sync_channel(1);
        if file.queue.try_send(Order::Flush(tell)).is_ok() {
            // An error: the disk is too slow to wait for.
            let _ = told.recv_timeout(FLUSH_LIMIT);
        }
    }

    fn file(&self) -> Option<ToFile> {
        self.0.file.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Writes until nobody sends any more.
fn write(mut file: RotatingFile, orders: &Receiver<Order>, lost: &AtomicU64) {
    let mut failing = false;
    while let Ok(order) = orders.recv() {
        let line = match order {
            Order::Line(line) => line,
            Order::Limits(limits) => {
                file.set_limits(limits);
                continue;
            }
            Order::Flush(tell) => {
                // An error: nobody waits any more.
                let _ = tell.send(());
                continue;
            }
        };
        let missing = lost.swap(0, Ordering::Relaxed);
        if missing > 0 {
            complain(&format!("the log's disk is too slow: {missing} lines are lost"));
        }
        match file.write(&line) {
            Ok(()) => failing = false,
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    complain(&format!("the log cannot be written, so lines follow here: {error}"));
                }
                // An error: there is nowhere left to say it.
                let _ = io::stderr().write_all(&line);
            }
        }
    }
}

/// Not by `eprintln`, which panics where stderr is closed: then there is nowhere left to say it.
fn complain(what: &str) {
    let _ = writeln!(io::stderr(), "{what}");
}

/// One event's way out.
pub(super) struct Line(Sink);

impl Write for Line {
    /// The formatter hands over a whole line at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let file = self.0.0.file.read().unwrap_or_else(PoisonError::into_inner);
        let Some(ToFile { queue, .. }) = &*file else { return io::stderr().write(line) };
        match queue.try_send(Order::Line(line.to_vec())) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.0.0.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Sink {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { max_bytes: 1 << 20, backups: 1 };

    #[test]
    fn lines_go_to_the_file_in_use_and_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        let sink = Sink::default();
        let say = |text: &str| sink.make_writer().write_all(text.as_bytes()).unwrap();
        sink.send_to(Some(sink.open(&one, LIMITS).unwrap()));
        assert!(sink.is_at(&one) && !sink.is_at(&two));
        (0..1000).for_each(|number| say(&format!("{number}\n")));
        sink.flush();
        let written = std::fs::read_to_string(&one).unwrap();
        assert_eq!(written.lines().count(), 1000);
        assert!(written.ends_with("\n999\n"));
        sink.send_to(Some(sink.open(&two, LIMITS).unwrap()));
        say("there\n");
        sink.flush();
        assert_eq!(std::fs::read_to_string(&two).unwrap(), "there\n");
        assert_eq!(std::fs::read_to_string(&one).unwrap(), written);
    }

    #[test]
    fn limits_change_while_lines_flow() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let sink = Sink::default();
        sink.send_to(Some(sink.open(&path, LIMITS).unwrap()));
        sink.make_writer().write_all(b"one\n").unwrap();
        sink.set_limits(Limits { max_bytes: 4, backups: 1 });
        sink.make_writer().write_all(b"two\n").unwrap();
        sink.flush();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two\n");
        assert_eq!(std::fs::read_to_string(dir.path().join("log.1")).unwrap(), "one\n");
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Sink::default().open(&dir.path().join("none/log"), LIMITS).is_err());
    }
}
