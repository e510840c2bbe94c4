//! Pages of files, newest first.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base::{CameraId, Error, Kind, Result};
use media::{CLOCK_HZ, Container};

use crate::browse::may_know;

/// Which files to list.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// At most this many.
    pub limit: usize,
    /// Skip this many of the newest; not with `cursor`.
    pub offset: usize,
    /// Go on behind the page that gave this.
    pub cursor: Option<String>,
    /// Only of these cameras; `None`: of all.
    pub devices: Option<Vec<CameraId>>,
    /// Created at or after.
    pub since: Option<SystemTime>,
    /// Created before.
    pub until: Option<SystemTime>,
}

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The files of this page, newest first.
    pub files: Vec<T>,
    /// How many match in all.
    pub total: usize,
    /// Where the next page begins; `None` on the last.
    pub next_cursor: Option<String>,
}

/// State of a recording's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Being written.
    Recording,
    /// Ended as it should.
    Complete,
    /// Cut off, and mended.
    Recovered,
}

/// One file of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingInfo {
    /// Plain name.
    pub filename: String,
    /// The camera.
    pub device: CameraId,
    /// Bytes.
    pub file_size: u64,
    /// When its first picture was taken.
    pub created: SystemTime,
    /// When it was last written.
    pub modified: SystemTime,
    /// Length of its video.
    pub duration: Duration,
    /// Being written, complete or recovered.
    pub status: Status,
    /// The recording it belongs to.
    pub recording_id: String,
    /// Its place there, from 1.
    pub segment: u32,
    /// What it is written as.
    pub container: Container,
    /// Cut out of recordings on demand, not recorded.
    pub export: bool,
    /// Kept from every retention rule.
    pub protected: bool,
}

/// One file of a recording with what is in it.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordingDetail {
    /// As in a listing.
    pub info: RecordingInfo,
    /// Files of its recording that are there.
    pub segments: usize,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Pictures a second, on average; `None` when there is no time in it.
    pub fps: Option<f64>,
    /// As in RFC 6381, such as `avc1.42c01f`.
    pub codec: String,
}

/// One snapshot with what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotDetail {
    /// As in a listing.
    pub info: SnapshotInfo,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// One snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Plain name.
    pub filename: String,
    /// The camera.
    pub device: CameraId,
    /// Bytes.
    pub file_size: u64,
    /// When the picture was taken.
    pub created: SystemTime,
    /// When it was last written.
    pub modified: SystemTime,
    /// `jpg` or `png`.
    pub extension: &'static str,
}

/// What a page needs to know of a file.
pub(crate) trait Listed {
    fn name(&self) -> &str;
    fn device(&self) -> CameraId;
    fn created(&self) -> SystemTime;
}

impl Listed for RecordingInfo {
    fn name(&self) -> &str {
        &self.filename
    }
    fn device(&self) -> CameraId {
        self.device
    }
    fn created(&self) -> SystemTime {
        self.created
    }
}

impl Listed for SnapshotInfo {
    fn name(&self) -> &str {
        &self.filename
    }
    fn device(&self) -> CameraId {
        self.device
    }
    fn created(&self) -> SystemTime {
        self.created
    }
}

/// A file's place in the order. Times are whole milliseconds, as in the files' marks and in answers.
type Place = (u64, String);

fn place(file: &impl Listed) -> Place {
    let created_ms = file.created().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    (created_ms as u64, file.name().to_owned())
}

/// The page of `files` that `query` asks for.
pub(crate) fn page<T: Listed>(mut files: Vec<T>, query: &Query) -> Result<Page<T>> {
    let after = query.cursor.as_deref().map(read_cursor).transpose()?;
    files.retain(|file| {
        may_know(query.devices.as_deref(), file.device())
            && query.since.is_none_or(|since| file.created() >= since)
            && query.until.is_none_or(|until| file.created() < until)
    });
    files.sort_by_cached_key(|file| std::cmp::Reverse(place(file)));
    let total = files.len();
    let begin = match &after {
        Some(after) => files.partition_point(|file| place(file) >= *after),
        None => query.offset.min(total),
    };
    let end = begin.saturating_add(query.limit).min(total);
    files.truncate(end);
    let files = files.split_off(begin);
    let next_cursor = files.last().filter(|_| end < total).map(|last| {
        let (created_ms, name) = place(last);
        format!("{created_ms}.{name}")
    });
    Ok(Page { files, total, next_cursor })
}

fn read_cursor(text: &str) -> Result<Place> {
    let read = || {
        let (created_ms, name) = text.split_once('.')?;
        (!name.is_empty()).then_some((created_ms.parse().ok()?, name.to_owned()))
    };
    read().ok_or_else(|| Error::new(Kind::Invalid, "this cursor did not come from a listing"))
}

/// 1/90,000 s as a duration.
pub(crate) fn duration_of(ticks_90k: u64) -> Duration {
    let (s, rest) = (ticks_90k / CLOCK_HZ as u64, ticks_90k % CLOCK_HZ as u64);
    Duration::new(s, (rest * 100_000 / 9) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(ms: u64, name: &str, device: u16) -> SnapshotInfo {
        let created = UNIX_EPOCH + Duration::from_millis(ms);
        SnapshotInfo {
            filename: name.into(),
            device: CameraId(device),
            file_size: 1,
            created,
            modified: created,
            extension: "jpg",
        }
    }

    fn names(page: &Page<SnapshotInfo>) -> Vec<&str> {
        page.files.iter().map(|file| file.filename.as_str()).collect()
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_twin_while_files_come() {
        let mut files: Vec<_> = (0..10).map(|n| file(1000 + n / 3, &format!("f{n}"), 0)).collect();
        let mut query = Query { limit: 4, ..Query::default() };
        let first = page(files.clone(), &query).unwrap();
        assert_eq!((names(&first), first.total), (vec!["f9", "f8", "f7", "f6"], 10));
        files.push(file(2000, "newest", 0));
        query.cursor = first.next_cursor;
        let second = page(files.clone(), &query).unwrap();
        assert_eq!(names(&second), ["f5", "f4", "f3", "f2"]);
        // The file a cursor names may be gone.
        files.retain(|file| file.filename != "f2");
        query.cursor = second.next_cursor;
        let third = page(files, &query).unwrap();
        assert_eq!((names(&third), third.next_cursor.as_ref()), (vec!["f1", "f0"], None));
    }

    #[test]
    fn bounds_are_half_open_and_cameras_are_filtered() {
        let at = |ms| Some(UNIX_EPOCH + Duration::from_millis(ms));
        let files = vec![file(1, "a", 0), file(2, "b", 1), file(3, "c", 0)];
        let query = Query { limit: 10, since: at(1), until: at(3), ..Query::default() };
        assert_eq!(names(&page(files.clone(), &query).unwrap()), ["b", "a"]);
        let query = Query { limit: 10, devices: Some(vec![CameraId(0)]), ..Query::default() };
        assert_eq!(names(&page(files.clone(), &query).unwrap()), ["c", "a"]);
        let query = Query { limit: 1, offset: 99, ..Query::default() };
        let empty = page(files, &query).unwrap();
        assert_eq!((empty.files.len(), empty.total, empty.next_cursor), (0, 3, None));
    }

    #[test]
    fn a_cursor_of_no_listing_is_refused() {
        for text in ["", ".", "x.y", "12", "12.", "-1.a"] {
            let query = Query { cursor: Some(text.into()), ..Query::default() };
            assert_eq!(page(vec![file(1, "a", 0)], &query).unwrap_err().kind, Kind::Invalid, "{text}");
        }
    }

    #[test]
    fn ticks_are_seconds() {
        assert_eq!(duration_of(90_000 * 5 + 45_000), Duration::from_millis(5500));
        assert_eq!(duration_of(3000).as_micros(), 33_333);
    }
}
