//! Clips cut out of recordings: which are allowed, how many at once, and the end of them when the service
//! stops.

use base::CameraId;
use files::{Container, NewExport};

use crate::{
    Controller,
    api::{Export, ExportFormat, ExportRequest, MAX_EXPORT},
    convert,
    error::{Error, Kind, Result},
};

/// Each reads and writes a disk as fast as it can: more at once would only be in each other's way, and in
/// that of the recordings.
pub(crate) const MAX_AT_ONCE: usize = 2;

impl Controller {
    /// Cuts a clip out of a camera's recordings, the one that is running included; it lies in the
    /// recordings folder when this returns. Waits while two others are being cut.
    pub async fn export_recording(&self, id: CameraId, request: ExportRequest) -> Result<Export> {
        self.known(id)?;
        let length = request.end.duration_since(request.start).ok().filter(|length| !length.is_zero());
        let refused = |rule, public: &str| Error::new(Kind::InvalidParam { param: "end", rule }, public);
        match length {
            None => return Err(refused("after_start", "the end must come after the start")),
            Some(length) if length > MAX_EXPORT => {
                return Err(refused("max_24h", "a clip spans at most 24 hours"));
            }
            Some(_) => {}
        }
        let internal = |e: &dyn std::fmt::Display| {
            Error::new(Kind::Internal, "the clip could not be made").with_private(e)
        };
        let _place = self.exports().acquire().await.map_err(|e| internal(&e))?;
        let random = getrandom::u64().map_err(|e| internal(&e))?;
        let new = NewExport {
            device: id,
            recording_id: format!("{random:016x}"),
            start: request.start,
            end: request.end,
            container: match request.format {
                ExportFormat::Mp4 => Container::Mp4,
                ExportFormat::Mkv => Container::Mkv,
            },
        };
        let (room, stopping) = (self.room().clone(), self.stopping());
        let cut = self
            .blocking(move |files| Ok(room.check().map(|()| files.export(&new, &|| *stopping.borrow()))))
            .await?;
        let cut = cut.map_err(|e: base::Error| convert::file_error(&e, ""))??;
        let clip = cut.map_err(|error| {
            if error.kind == base::Kind::WrongState {
                let kind = Kind::InvalidState { state: "STOPPING", allowed: &["RUNNING"] };
                return Error::new(kind, error.public);
            }
            convert::write_error(&error, "", self.files().space().ok(), self.files().required())
        })?;
        tracing::info!(%id, filename = clip.filename, gaps = clip.gaps.len(), "clip exported");
        Ok(Export {
            filename: clip.filename,
            start: clip.start,
            end: clip.end,
            duration: clip.duration,
            gaps: clip.gaps,
            file_size: clip.file_size,
        })
    }
}
