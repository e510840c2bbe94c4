//! A clip cut out of recordings: from the last key frame at or before its start, picture by picture, into
//! a file of its own. What was not recorded is left out and told; no picture is coded anew.

use std::{
    fs::File,
    io::ErrorKind,
    sync::Arc,
    time::{Duration, SystemTime},
};

use base::{CameraId, Error, Kind, Result};
use bytes::Bytes;
use media::{
    CLOCK_HZ, Container, ParamSets,
    container::{Head, Reader, Shot},
};

use crate::{
    film::{Film, Stock},
    listing::{RecordingInfo, duration_of},
    mark::Mark,
    name,
    store::Files,
};

/// How long a picture lasts while nothing is known of the next one.
const GUESS_90K: i64 = CLOCK_HZ / 30;
/// Files of one recording follow each other without a gap, but their starts were told by a clock on the
/// wall, when the picture came.
const JITTER: Duration = Duration::from_secs(1);
/// Two recordings that meet within this have no gap between them.
const MEETING: Duration = Duration::from_millis(50);

/// Which clip.
#[derive(Debug, Clone)]
pub struct NewExport {
    /// The camera.
    pub device: CameraId,
    /// Its own recording: a clip is listed as one.
    pub recording_id: String,
    /// From the last key frame at or before this.
    pub start: SystemTime,
    /// Up to here.
    pub end: SystemTime,
    /// What it is written as.
    pub container: Container,
}

/// A clip that lies in the recordings folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Plain name.
    pub filename: String,
    /// When its first picture was taken.
    pub start: SystemTime,
    /// When its last picture ended.
    pub end: SystemTime,
    /// Length of its video: without the gaps.
    pub duration: Duration,
    /// What between start and end is not in it.
    pub gaps: Vec<(SystemTime, SystemTime)>,
    /// Bytes.
    pub file_size: u64,
}

/// A file without a name yet; what is still there when this is dropped is removed.
struct Unfinished<'a> {
    files: &'a Files,
    name: String,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.files.0.recordings.remove(&self.name)
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(name = self.name, %error, "an unfinished clip was left");
        }
    }
}

/// A clip that is being written.
struct Clip {
    film: Film,
    params: Arc<ParamSets>,
    start: SystemTime,
    /// When its last picture ends, on the wall and on the clip's own clock.
    end: SystemTime,
    end_90k: i64,
    newest_90k: i64,
    /// Distance of its two newest pictures.
    distance_90k: i64,
    gaps: Vec<(SystemTime, SystemTime)>,
    /// Recording and segment that its last picture came from.
    last: (String, u32),
}

/// One recording's file to read from.
struct Source {
    info: RecordingInfo,
    head: Head,
    file: File,
}

/// An export under way.
struct Cutter<'a> {
    files: &'a Files,
    new: &'a NewExport,
    stopped: &'a dyn Fn() -> bool,
    unfinished: Unfinished<'a>,
    clip: Option<Clip>,
}

impl Files {
    /// Cuts a clip; [`Kind::NotFound`] when nothing was recorded in that time. `stopped` is asked at every
    /// part; once it says so, nothing is left of the clip.
    pub fn export(&self, new: &NewExport, stopped: &dyn Fn() -> bool) -> Result<Exported> {
        let mut infos = self.all_recordings()?;
        infos.retain(|info| {
            let wanted = info.device == new.device && !info.export;
            wanted && info.created < new.end && info.created + info.duration > new.start
        });
        infos.sort_by(|a, b| (a.created, &a.filename).cmp(&(b.created, &b.filename)));
        let unfinished = Unfinished { files: self, name: self.unfinished() };
        let mut cutter = Cutter { files: self, new, stopped, unfinished, clip: None };
        for (index, info) in infos.iter().enumerate() {
            let until = (info.created + info.duration).min(new.end);
            // Gone meanwhile, by rule or by hand: what it held becomes a gap.
            let Some(source) = self.source(info)? else { continue };
            // A recording begins with pictures of before its start, which another one may hold, too.
            let overlapped = infos.get(index + 1).filter(|next| next.created < info.created + info.duration);
            let twin = match overlapped {
                Some(next) => self.source(next)?.map(Source::first).transpose()?.flatten(),
                None => None,
            };
            if let Some(clip) = cutter.clip.as_mut().filter(|clip| clip.params != source.head.params) {
                // One file holds one kind of picture: the clip ends here.
                clip.gap(until);
                break;
            }
            cutter.copy(source, twin.as_ref())?;
        }
        cutter.finish()
    }

    fn source(&self, info: &RecordingInfo) -> Result<Option<Source>> {
        let mut file = match self.0.recordings.read(&info.filename) {
            Ok((file, _)) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unread(&error)),
        };
        let head = info.container.read_head(&mut file).map_err(|e| unread(&e))?;
        Ok(head.map(|head| Source { info: info.clone(), head, file }))
    }
}

impl Cutter<'_> {
    /// Copies what of `source` belongs into the clip; up to `twin`, with which the next one begins.
    fn copy(&mut self, mut source: Source, twin: Option<&Bytes>) -> Result<()> {
        let created = source.info.created;
        let from_90k = match &self.clip {
            None => source.last_key(ticks(self.new.start, created))?,
            Some(clip) if clip.is_followed_by(&source.info) => 0,
            // Not twice, where the clocks disagree.
            Some(clip) => ticks(clip.end, created + MEETING),
        };
        let mut reader = Reader::new(source.info.container, &source.head);
        let (mut first_90k, mut offset_90k) = (None, None);
        while let Some(shots) = reader.next(&mut source.file).map_err(|e| unread(&e))? {
            if (self.stopped)() {
                return Err(Error::new(Kind::WrongState, "the service is stopping"));
            }
            for shot in shots {
                let at_90k = shot.pts_90k - *first_90k.get_or_insert(shot.pts_90k);
                let when = created + duration_of(at_90k.max(0) as u64);
                if when >= self.new.end || (shot.key && Some(&shot.data) == twin) {
                    return Ok(());
                }
                if offset_90k.is_none() && (!shot.key || at_90k < from_90k) {
                    continue;
                }
                let clip = match &mut self.clip {
                    Some(clip) => clip,
                    None => {
                        self.clip.insert(Clip::begin(self.files, self.new, &self.unfinished, &source, when)?)
                    }
                };
                let offset_90k = *offset_90k.get_or_insert_with(|| clip.join(&source.info, when) - at_90k);
                clip.push(shot, at_90k + offset_90k, when)?;
            }
        }
        Ok(())
    }

    /// Ends the clip and gives it its name.
    fn finish(self) -> Result<Exported> {
        let Clip { film, start, end, gaps, .. } =
            self.clip.ok_or_else(|| Error::new(Kind::NotFound, "nothing was recorded in that time"))?;
        let parts = film.finish()?;
        let folder = &self.files.0.recordings;
        let failed = |e: &std::io::Error| Error::io("the clip could not be named", e);
        for twin in 1..=name::MAX_TWINS {
            let filename = name::make(self.new.device, start, twin, self.new.container.extension());
            match folder.name(&self.unfinished.name, &filename) {
                Ok(()) => {
                    self.files.settle_recordings().map_err(|e| failed(&e))?;
                    let (duration, file_size) = (duration_of(parts.duration_90k), parts.valid_len);
                    return Ok(Exported { filename, start, end, duration, gaps, file_size });
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(&error)),
            }
        }
        Err(Error::new(Kind::Limit, "too many clips of one camera begin at the same moment"))
    }
}

impl Source {
    /// Its first picture.
    fn first(mut self) -> Result<Option<Bytes>> {
        let mut reader = Reader::new(self.info.container, &self.head);
        let part = reader.next(&mut self.file).map_err(|e| unread(&e))?;
        Ok(part.and_then(|shots| shots.into_iter().next()).map(|shot| shot.data))
    }

    /// Time in the file of the last key frame at or before `at_90k`; 0 if there is none.
    fn last_key(&mut self, at_90k: i64) -> Result<i64> {
        let mut reader = Reader::new(self.info.container, &self.head);
        let (mut first_90k, mut found_90k) = (None, 0);
        while let Some(shots) = reader.next(&mut self.file).map_err(|e| unread(&e))? {
            for shot in shots.iter().filter(|shot| shot.key) {
                let key_90k = shot.pts_90k - *first_90k.get_or_insert(shot.pts_90k);
                if key_90k > at_90k {
                    return Ok(found_90k);
                }
                found_90k = key_90k;
            }
        }
        Ok(found_90k)
    }
}

impl Clip {
    fn begin(
        files: &Files,
        new: &NewExport,
        unfinished: &Unfinished<'_>,
        source: &Source,
        start: SystemTime,
    ) -> Result<Self> {
        let made = |e| Error::io("the clip's file could not be made", &e);
        let file = files.0.recordings.create(&unfinished.name).map_err(made)?;
        // As for a recording: not to be cleared away by another service on this folder.
        let _ = file.try_lock();
        let mark = Mark {
            device: new.device,
            recording_id: new.recording_id.clone(),
            segment: 1,
            start,
            export: true,
        };
        let params = source.head.params.clone();
        let stock = Stock {
            container: new.container,
            params: params.clone(),
            durability: files.0.durability,
            mark: mark.to_json(),
            first_pts_90k: 0,
        };
        Ok(Self {
            film: Film::begin(file, stock)?,
            params,
            start,
            end: start,
            end_90k: 0,
            newest_90k: 0,
            distance_90k: GUESS_90K,
            gaps: Vec::new(),
            last: (source.info.recording_id.clone(), source.info.segment),
        })
    }

    /// Is `info` the next file of the recording that the clip's last picture came from?
    fn is_followed_by(&self, info: &RecordingInfo) -> bool {
        self.last.0 == info.recording_id && self.last.1.checked_add(1) == Some(info.segment)
    }

    /// What follows comes from another file, with a picture taken at `when`; tells its time in the clip.
    fn join(&mut self, info: &RecordingInfo, when: SystemTime) -> i64 {
        let meeting = if self.is_followed_by(info) { JITTER } else { MEETING };
        if when > self.end + meeting {
            self.gap(when);
        }
        self.last = (info.recording_id.clone(), info.segment);
        self.end_90k
    }

    /// Nothing is in the clip from its end so far to `until`.
    fn gap(&mut self, until: SystemTime) {
        if until > self.end {
            self.gaps.push((self.end, until));
        }
    }

    fn push(&mut self, shot: Shot, pts_90k: i64, when: SystemTime) -> Result<()> {
        self.film.push(pts_90k, shot.key, shot.data)?;
        if pts_90k > self.newest_90k {
            self.distance_90k = pts_90k - self.newest_90k;
        }
        if pts_90k >= self.newest_90k {
            self.newest_90k = pts_90k;
            self.end_90k = pts_90k + self.distance_90k;
            self.end = when + duration_of(self.distance_90k.max(0) as u64);
        }
        Ok(())
    }
}

/// From `since` to `at`, in 1/90,000 s; 0 when that is the wrong way round.
fn ticks(at: SystemTime, since: SystemTime) -> i64 {
    let us = at.duration_since(since).unwrap_or_default().as_micros();
    i64::try_from(us * 9 / 100).unwrap_or(i64::MAX)
}

fn unread(error: &std::io::Error) -> Error {
    Error::io("a recording could not be read", error)
}
