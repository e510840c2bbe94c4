//! A picture of now: from the cached group of a running stream (tier 1), from a stream started for it (tier 2), or
//! straight from the camera (tier 3): where no stream can be had, or nobody would be served by one.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use base::{CameraId, units::Size};
use cameras::Cameras;
use files::{Files, NewSnapshot};
use media::Unit;
use paths::{Lease, Paths, Popped, Purpose, Steered, TapKind};

use crate::{
    api::{Picture, PictureFormat, Snapshot, SnapshotRequest},
    config,
    convert::{self, path_of},
    direct,
    error::{Error, Kind, Result},
    events::{Event, Events},
    pictures::{Made, Pictures, Wish},
};

/// Everything a snapshot needs.
#[derive(Debug, Clone)]
pub(crate) struct Snapshots {
    pub(crate) config: config::Snapshot,
    pub(crate) cameras: Cameras,
    pub(crate) files: Files,
    pub(crate) paths: Paths,
    pub(crate) pictures: Pictures,
    pub(crate) events: Events,
}

impl Snapshots {
    fn format(&self, request: &SnapshotRequest) -> PictureFormat {
        request.format.unwrap_or(self.config.format)
    }

    /// Does the name fit the format that was asked for, or else is configured?
    pub(crate) fn check(&self, request: &SnapshotRequest) -> Result<()> {
        check_name(request.filename.as_deref(), extension(self.format(request)))
    }

    pub(crate) async fn take(&self, device: CameraId, request: SnapshotRequest) -> Result<Snapshot> {
        let called = Instant::now();
        let format = self.format(&request);
        let (made, taken_at, tier) = self.make(device, &request, format).await?;
        let (size, file_size) = (Size { width: made.width, height: made.height }, made.bytes.len() as u64);
        let captured_at = made.captured;
        let new = NewSnapshot {
            device,
            taken: captured_at,
            name: request.filename.clone(),
            extension: extension(format),
            bytes: made.bytes,
        };
        let files = self.files.clone();
        // A disk may block: not here.
        let saved = tokio::task::spawn_blocking(move || files.save_snapshot(&new))
            .await
            .map_err(|e| Error::new(Kind::Internal, "the snapshot could not be saved").with_private(e))?
            .map_err(|e| {
                let name = request.filename.as_deref().unwrap_or_default();
                convert::write_error(&e, name, self.files.snapshot_space().ok(), file_size)
            })?;
        self.events.tell(Event::SnapshotTaken { device, filename: saved.filename.clone(), file_size });
        Ok(Snapshot {
            device,
            filename: saved.filename,
            timestamp: SystemTime::now(),
            captured_at,
            age: taken_at.duration_since(captured_at).unwrap_or_default(),
            tier,
            latency: called.elapsed(),
            size,
            file_size,
        })
    }

    /// A picture that nobody keeps.
    pub(crate) async fn picture(&self, device: CameraId, request: &SnapshotRequest) -> Result<Picture> {
        let (made, _, _) = self.make(device, request, self.format(request)).await?;
        Ok(Picture { bytes: made.bytes, captured_at: made.captured })
    }

    /// The picture, when it was taken from the stream, and how the stream was had.
    async fn make(
        &self,
        device: CameraId,
        request: &SnapshotRequest,
        format: PictureFormat,
    ) -> Result<(Made, SystemTime, u8)> {
        let name = path_of(device);
        let (fails, rests) = (self.paths.fails(&name), self.paths.rests(&name));
        let alone = rests && (fails || self.media_server_is_down());
        if alone && self.cameras.can_grab(device) {
            // Nobody could be served by a stream, or it would fail again: none is begun for one picture.
            match self.straight(device, request, format).await {
                Ok(made) => return Ok((made, SystemTime::now(), 3)),
                Err(error) => tracing::debug!(%device, %error, "no picture straight from the camera"),
            }
        }
        match self.streamed(device, request, format).await {
            // Somebody else has it: the camera would say the same again.
            Err(error) if !alone && may_do_without(&error) && self.cameras.can_grab(device) => {
                tracing::info!(%device, %error, "no picture from a stream: straight from the camera then");
                match self.straight(device, request, format).await {
                    Ok(made) => Ok((made, SystemTime::now(), 3)),
                    Err(second) => {
                        tracing::info!(%device, error = %second, "nor straight from the camera");
                        Err(error)
                    }
                }
            }
            streamed => streamed,
        }
    }

    fn media_server_is_down(&self) -> bool {
        let steered = self.paths.steered();
        steered.is_some_and(|steered| matches!(*steered.borrow(), Steered::Down(_)))
    }

    /// A picture straight from the camera, once no stream of ours has it.
    async fn straight(
        &self,
        device: CameraId,
        request: &SnapshotRequest,
        format: PictureFormat,
    ) -> Result<Made> {
        let name = path_of(device);
        let limit = self.config.tier3_timeout.max(until(request));
        let rested = tokio::time::timeout(limit, self.paths.rest(&name)).await;
        rested.map_err(|_| late())?;
        let wish = direct::Wish {
            device,
            format,
            quality: request.quality,
            usual_quality: self.config.quality,
            width: request.width,
            height: request.height,
            quarter_turns: self.cameras.get(device).map_or(0, |camera| camera.quarter_turns),
            not_before: request.not_before,
        };
        let cameras = self.cameras.clone();
        // As before a stream: see `usable::prepare`. What cannot be set is told in the log.
        let _ = tokio::task::spawn_blocking(move || cameras.apply_controls(device)).await;
        let paths = self.paths.clone();
        let may = {
            let (paths, name) = (paths.clone(), name.clone());
            move || paths.rests(&name)
        };
        let grabbed = self.cameras.grab(device, limit, may, direct::maker(wish)).await;
        let made = grabbed.map_err(|e| convert::path_error(&e, device))?;
        paths.is_well(&name);
        Ok(made)
    }

    async fn streamed(
        &self,
        device: CameraId,
        request: &SnapshotRequest,
        format: PictureFormat,
    ) -> Result<(Made, SystemTime, u8)> {
        let called = Instant::now();
        let (lease, tier) = self.lease(device).await?;
        let units = self.fresh(&lease, request, tier, called).await?;
        let taken_at = SystemTime::now();
        let made = self
            .pictures
            .make(Wish {
                units,
                format,
                quality: request.quality.unwrap_or(self.config.quality),
                width: request.width,
                height: request.height,
                mark: |unit, device| files::snapshot_mark_text(device, unit.captured),
                device,
            })
            .await?;
        drop(lease);
        Ok((made, taken_at, tier))
    }

    async fn lease(&self, device: CameraId) -> Result<(Lease, u8)> {
        let name = path_of(device);
        let asked = self.paths.lease(&name, Purpose::Snapshot);
        let lease = match tokio::time::timeout(self.config.tier2_timeout, asked).await {
            Ok(lease) => lease.map_err(|e| convert::path_error(&e, device))?,
            Err(_) => return Err(late()),
        };
        let tier = if lease.was_cold() { 2 } else { 1 };
        Ok((lease, tier))
    }

    /// The cached group once its newest picture is as fresh as asked.
    async fn fresh(
        &self,
        lease: &Lease,
        request: &SnapshotRequest,
        tier: u8,
        called: Instant,
    ) -> Result<Vec<Arc<Unit>>> {
        // What comes after the call is as fresh as can be, however little age was asked for.
        let good = |unit: &Unit| {
            request.max_age.is_none_or(|age| unit.arrived >= called || unit.arrived.elapsed() <= age)
                && request.not_before.is_none_or(|time| unit.captured >= time)
        };
        let units = lease.gop();
        if units.last().is_some_and(|unit| good(unit)) {
            return Ok(units);
        }
        let patience = if tier == 1 { self.config.tier1_timeout } else { self.config.tier2_timeout };
        let wait = async {
            let mut tap = lease.tap(TapKind::Live);
            while let Some(popped) = tap.next().await {
                if let Popped::Frame(frame) = popped
                    && good(&frame.unit)
                {
                    let units = lease.gop();
                    if units.last().is_some_and(|unit| good(unit)) {
                        return Ok(units);
                    }
                }
            }
            Err(Error::new(Kind::Dependency { dependency: "camera", retryable: true }, "the stream ended"))
        };
        tokio::time::timeout(patience.max(until(request)), wait).await.unwrap_or_else(|_| Err(late()))
    }
}

/// Might the camera give what its stream does not?
fn may_do_without(error: &Error) -> bool {
    matches!(error.kind, Kind::Dependency { .. })
}

fn extension(format: PictureFormat) -> &'static str {
    match format {
        PictureFormat::Jpg => "jpg",
        PictureFormat::Png => "png",
    }
}

/// A name must be a plain one and tell the format the file has.
fn check_name(name: Option<&str>, extension: &str) -> Result<()> {
    let Some(name) = name else { return Ok(()) };
    let wrong = |rule, text: String| Err(Error::new(Kind::InvalidParam { param: "filename", rule }, text));
    if !files::is_plain(name) {
        return wrong(
            "name",
            "a file name is 1 to 100 of A-Z a-z 0-9 . _ - and does not begin with a dot".into(),
        );
    }
    match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && ending == extension => Ok(()),
        _ => wrong("extension", format!("the name must end in .{extension}, as the format does")),
    }
}

/// A picture asked for in advance is waited for, but for no more than a few seconds.
fn until(request: &SnapshotRequest) -> Duration {
    let ahead = request.not_before.and_then(|time| time.duration_since(SystemTime::now()).ok());
    ahead.map_or(Duration::ZERO, |ahead| (ahead + Duration::from_secs(1)).min(Duration::from_secs(10)))
}

fn late() -> Error {
    let kind = Kind::Dependency { dependency: "camera", retryable: true };
    Error::new(kind, "no picture as fresh as asked came in time")
}
