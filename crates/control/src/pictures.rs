//! The one thread that turns cached pictures into files. One at a time: a decoder costs megabytes, and
//! twenty at once cost two cores more than one after the other.

use std::{
    sync::{Arc, mpsc},
    time::{Duration, SystemTime},
};

use base::CameraId;
use media::{
    Unit,
    picture::{Decoder, Frame, fit},
};
use tokio::sync::oneshot;

use crate::{
    api::PictureFormat,
    error::{Error, Kind, Result},
};

/// Snapshots that may wait. More at once than this is refused, not queued for ever.
const MAX_WAITING: usize = 32;
/// After so long without work the decoder and its memory go.
const IDLE: Duration = Duration::from_secs(20);

/// What is wanted of a group of pictures: its newest one, as a file.
#[derive(Debug)]
pub(crate) struct Wish {
    /// From a key frame up to the newest picture.
    pub(crate) units: Vec<Arc<Unit>>,
    pub(crate) format: PictureFormat,
    pub(crate) quality: u8,
    pub(crate) width: Option<u32>,
    pub(crate) height: Option<u32>,
    /// Text for the file's mark, made from the unit that is shown.
    pub(crate) mark: fn(&Unit, CameraId) -> String,
    /// Second argument of `mark`.
    pub(crate) device: CameraId,
}

/// A finished picture.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) bytes: Vec<u8>,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// When what it shows reached the service.
    pub(crate) captured: SystemTime,
}

struct Job {
    wish: Wish,
    reply: oneshot::Sender<Result<Made>>,
}

/// The way to the thread. Cheap to clone; the thread ends with the last one.
#[derive(Debug, Clone)]
pub(crate) struct Pictures(mpsc::SyncSender<Job>);

impl Pictures {
    pub(crate) fn start() -> Result<Self> {
        let (jobs, queue) = mpsc::sync_channel(MAX_WAITING);
        std::thread::Builder::new()
            .name("pictures".into())
            .spawn(move || work(&queue))
            .map_err(|e| Error::new(Kind::Internal, "no thread for pictures").with_private(e))?;
        Ok(Self(jobs))
    }

    pub(crate) async fn make(&self, wish: Wish) -> Result<Made> {
        let (reply, answer) = oneshot::channel();
        self.0.try_send(Job { wish, reply }).map_err(|_| {
            let busy = Kind::Dependency { dependency: "snapshots", retryable: true };
            Error::new(busy, "too many snapshots at once")
        })?;
        answer.await.unwrap_or_else(|_| Err(Error::new(Kind::Internal, "the picture could not be made")))
    }
}

#[derive(Default)]
struct Desk {
    decoder: Option<Decoder>,
    /// The picture decoded last: those who ask for the same moment share it.
    last: Option<(Arc<Unit>, Frame)>,
}

fn work(queue: &mpsc::Receiver<Job>) {
    let mut desk = Desk::default();
    loop {
        let job = if desk.decoder.is_some() {
            match queue.recv_timeout(IDLE) {
                Ok(job) => job,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    desk = Desk::default();
                    continue;
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            }
        } else {
            let Ok(job) = queue.recv() else { return };
            job
        };
        let made = desk.make(&job.wish);
        // Whoever asked may have given up meanwhile.
        let _ = job.reply.send(made);
    }
}

impl Desk {
    fn make(&mut self, wish: &Wish) -> Result<Made> {
        let newest = wish.units.last().ok_or_else(no_picture)?;
        if self.last.as_ref().is_none_or(|(unit, _)| !Arc::ptr_eq(unit, newest)) {
            self.last = None;
            let decoder = match &mut self.decoder {
                Some(decoder) => decoder,
                none => none.insert(Decoder::new().map_err(|e| no_picture().with_private(e))?),
            };
            let frame = decoder.newest(&wish.units).map_err(|e| no_picture().with_private(e))?;
            self.last = Some((newest.clone(), frame));
        }
        let (_, frame) = self.last.as_ref().expect("filled just above");
        let unit = wish.units.get(frame.index).unwrap_or(newest).clone();
        let (width, height) = fit(frame.width, frame.height, wish.width, wish.height);
        let mark = (wish.mark)(&unit, wish.device);
        let bytes = match wish.format {
            PictureFormat::Jpg => frame.to_jpeg(wish.quality, Some((width, height)), &mark),
            PictureFormat::Png => frame.to_png(Some((width, height)), &mark),
        };
        let bytes = bytes.map_err(|e| no_picture().with_private(e))?;
        Ok(Made { bytes, width, height, captured: unit.captured })
    }
}

fn no_picture() -> Error {
    let kind = Kind::Dependency { dependency: "camera", retryable: true };
    Error::new(kind, "the camera's picture could not be decoded")
}
