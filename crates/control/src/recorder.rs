//! One recording from its first picture to its last file, on a thread of its own: a slow disk holds up
//! nobody else. Takes every frame of its tap; ends by order, by length, or when the disk fails.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use base::CameraId;
use files::{Files, NewSegment, Segment};
use media::{Container, ParamSets, Unit};
use paths::{Lease, Popped, Tap};
use tokio::{
    runtime::Handle,
    sync::{oneshot, watch},
};

use crate::{
    counts::Counts,
    events::{Event, Events, RecordingChange, RecordingNews},
    plan::{Plan, Step},
    room::Room,
};

/// A source silent for this long is lost for now: the file is closed, so that it is whole whatever
/// comes, and the next key frame begins another.
const LOST_AFTER: Duration = Duration::from_secs(3);

/// What a recording is told to be.
pub(crate) struct Order {
    pub(crate) device: CameraId,
    pub(crate) recording_id: String,
    /// Length of the video after which it ends by itself.
    pub(crate) duration: Option<Duration>,
    /// Length of one file.
    pub(crate) segment_duration: Duration,
    pub(crate) container: Container,
}

/// What others may see of a recording while it runs.
#[derive(Debug, Default)]
pub(crate) struct Progress(Mutex<Shown>);

/// The visible state of a recording.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown {
    /// Its files so far; the last one is being written.
    pub(crate) files: Vec<String>,
    /// When its first picture was taken.
    pub(crate) start: Option<SystemTime>,
    /// When its files last grew.
    pub(crate) grew: Option<Instant>,
}

impl Progress {
    pub(crate) fn get(&self) -> Shown {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn file_begun(&self, name: &str, start: SystemTime) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown.files.push(name.to_owned());
        shown.start.get_or_insert(start);
    }

    fn file_grew(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).grew = Some(Instant::now());
    }
}

/// How a recording ended.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    pub(crate) files: Vec<String>,
    pub(crate) start: SystemTime,
    pub(crate) end: SystemTime,
    pub(crate) duration: Duration,
    pub(crate) file_size: u64,
    /// Why it ended before its time.
    pub(crate) trouble: Option<base::Error>,
}

/// Everything the thread works with.
pub(crate) struct Recorder {
    pub(crate) order: Order,
    pub(crate) files: Files,
    pub(crate) lease: Lease,
    pub(crate) tap: Tap,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) counts: Arc<Counts>,
    pub(crate) events: Events,
    pub(crate) room: Room,
    /// Told once: the first file holds its first key frame.
    pub(crate) begun: Option<oneshot::Sender<base::Result<()>>>,
}

/// The file being written.
struct Open {
    segment: Segment,
    params: Arc<ParamSets>,
    /// Bytes of it that are counted.
    counted: u64,
}

enum Next {
    Frame(Arc<Unit>),
    /// Frames were lost: what follows begins with a key frame.
    Gap,
    /// No frame for a while.
    Silence,
    Stop,
    /// The tap is closed or overrun.
    Closed,
}

impl Ended {
    /// What is told of it; `None`: it never began.
    pub(crate) fn news(&self, device: CameraId, recording_id: &str) -> Option<Event> {
        let change = if self.trouble.is_some() { RecordingChange::Error } else { RecordingChange::Stop };
        Some(Event::Recording(
            change,
            RecordingNews {
                device,
                recording_id: recording_id.to_owned(),
                filename: self.files.first()?.clone(),
                duration: self.duration,
                file_size: Some(self.file_size),
                reason: self.trouble.as_ref().map(|error| error.public.clone()),
            },
        ))
    }
}

impl Recorder {
    /// Records to the end. Runs on its own thread; `runtime` only carries the waiting.
    pub(crate) fn run(mut self, runtime: &Handle) -> Ended {
        let mut ended = Ended {
            files: Vec::new(),
            start: SystemTime::now(),
            end: SystemTime::now(),
            duration: Duration::ZERO,
            file_size: 0,
            trouble: None,
        };
        let mut open: Option<Open> = None;
        if let Err(error) = self.frames(runtime, &mut open, &mut ended) {
            tracing::error!(recording = self.order.recording_id, %error, "recording cut short");
            if let Some(begun) = self.begun.take() {
                // Whoever waits hears why; the caller may have left.
                let _ = begun.send(Err(error.clone()));
            }
            ended.trouble = Some(error);
        }
        if let Err(error) = self.close(&mut open, &mut ended) {
            tracing::error!(recording = self.order.recording_id, %error, "recording's last file not closed");
            ended.trouble.get_or_insert(error);
        }
        drop(self.lease);
        ended
    }

    fn frames(&mut self, runtime: &Handle, open: &mut Option<Open>, ended: &mut Ended) -> base::Result<()> {
        let mut plan = Plan::new(self.order.duration, self.order.segment_duration);
        let mut began: Option<Instant> = None;
        loop {
            // A camera that is lost near the end must not keep a timed recording open.
            let overdue = began.zip(self.order.duration).map(|(began, length)| began + length + LOST_AFTER);
            match runtime.block_on(self.next(overdue)) {
                Next::Frame(unit) => {
                    let another = |open: &Open| open.params != unit.params || open.segment.is_full();
                    let changed = open.as_ref().is_some_and(another);
                    match plan.picture(unit.pts_90k, unit.key, changed) {
                        Step::End => return Ok(()),
                        Step::Skip => continue,
                        Step::Begin => self.begin(&unit, open, ended)?,
                        Step::Write => {}
                    }
                    began.get_or_insert_with(Instant::now);
                    if let Some(open) = open {
                        let pushed = open.segment.push(&unit);
                        self.count(open);
                        pushed?;
                    }
                    if self.begun.is_some() && self.caught_up() {
                        self.tell_begun(open)?;
                    }
                }
                Next::Gap => {}
                Next::Silence if overdue.is_some_and(|at| Instant::now() >= at) => return Ok(()),
                Next::Silence => {
                    self.close(open, ended)?;
                    plan.closed();
                }
                Next::Closed if self.tap.overrun() => {
                    return Err(base::Error::new(base::Kind::Io, "the disk is too slow for the recording"));
                }
                Next::Stop | Next::Closed => return Ok(()),
            }
        }
    }

    async fn next(&mut self, overdue: Option<Instant>) -> Next {
        let silence =
            LOST_AFTER.min(overdue.map_or(LOST_AFTER, |at| at.saturating_duration_since(Instant::now())));
        let popped = tokio::select! {
            biased;
            popped = tokio::time::timeout(silence, self.tap.next()) => popped,
            _ = self.stop.wait_for(|stop| *stop) => return Next::Stop,
        };
        match popped {
            Ok(Some(Popped::Frame(frame))) => {
                // `biased` lets a backlog be written before the stop is heard, but not for ever.
                if *self.stop.borrow() { Next::Stop } else { Next::Frame(frame.unit.clone()) }
            }
            Ok(Some(Popped::Gap(_))) => Next::Gap,
            Ok(None) => Next::Closed,
            Err(_) => Next::Silence,
        }
    }

    /// Has everything that was cached at the start been written?
    fn caught_up(&self) -> bool {
        self.tap.is_empty()
    }

    fn tell_begun(&mut self, open: &mut Option<Open>) -> base::Result<()> {
        if let Some(open) = open {
            let flushed = open.segment.flush();
            self.count(open);
            flushed?;
        }
        if let Some(begun) = self.begun.take() {
            let _ = begun.send(Ok(()));
        }
        Ok(())
    }

    fn begin(&mut self, unit: &Unit, open: &mut Option<Open>, ended: &mut Ended) -> base::Result<()> {
        self.close(open, ended)?;
        let segment = self.files.begin(&NewSegment {
            device: self.order.device,
            recording_id: self.order.recording_id.clone(),
            segment: ended.files.len() as u32 + 1,
            container: self.order.container,
            params: unit.params.clone(),
            start: unit.captured,
            first_pts_90k: unit.pts_90k,
        })?;
        if ended.files.is_empty() {
            ended.start = unit.captured;
        }
        ended.files.push(segment.filename().to_owned());
        self.progress.file_begun(segment.filename(), unit.captured);
        let change = if ended.files.len() == 1 { RecordingChange::Start } else { RecordingChange::Segment };
        self.events.tell(Event::Recording(
            change,
            RecordingNews {
                device: self.order.device,
                recording_id: self.order.recording_id.clone(),
                filename: segment.filename().to_owned(),
                duration: ended.duration,
                file_size: None,
                reason: None,
            },
        ));
        *open = Some(Open { segment, params: unit.params.clone(), counted: 0 });
        self.room.look();
        Ok(())
    }

    fn close(&self, open: &mut Option<Open>, ended: &mut Ended) -> base::Result<()> {
        let Some(open) = open.take() else { return Ok(()) };
        let file = open.segment.finish()?;
        self.grew(file.file_size - open.counted);
        ended.end = file.end;
        ended.duration += file.duration;
        ended.file_size += file.file_size;
        Ok(())
    }

    fn count(&self, open: &mut Open) {
        let written = open.segment.written_bytes();
        let grown = written - open.counted;
        // Pictures are written by the second: most of them do not come here.
        if grown > 0 {
            open.counted = written;
            self.grew(grown);
        }
    }

    fn grew(&self, bytes: u64) {
        self.counts.recording_grew(bytes);
        self.progress.file_grew();
    }
}
