//! The Controller's calls about streams: what they do, who serves their viewers, and keeping them ready.

use std::time::SystemTime;

use base::CameraId;
use paths::{Keys, Steered, Told};
use tokio::sync::watch;

use super::Controller;
use crate::{
    api::{
        MediaMtxCalls, MediaServer, Runs, Stream, StreamState, StreamingStarted, StreamingStopped, Viewing,
    },
    convert::{self, path_of},
    error::{Error, Kind, Result},
    events::Events,
};

impl Controller {
    /// Keeps a camera's stream ready for `principal`, whatever becomes of the connection; answers when frames
    /// flow. `principal`: any text that always means the same caller.
    pub async fn start_streaming(&self, id: CameraId, principal: &str) -> Result<StreamingStarted> {
        self.usable(id)?;
        self.explained(id, self.0.leases.start(id, principal).await).await
    }

    /// Keeps it ready for `principal` no longer; what others need goes on.
    pub fn stop_streaming(&self, id: CameraId, principal: &str) -> Result<StreamingStopped> {
        self.known(id)?;
        self.0.leases.stop(id, principal)
    }

    /// Ends what is kept ready for those who are `gone`, asked with the principal and the time since when;
    /// says how many streams that were.
    pub fn end_leases(&self, gone: impl Fn(&str, SystemTime) -> bool) -> usize {
        self.0.leases.end(gone)
    }

    /// Ends the sessions of all who watch in a name that is `gone`; says how many. Names are those of
    /// [`crate::Pass`]; from before this call on, whoever says who may watch must refuse them.
    pub fn end_viewers(&self, gone: impl Fn(&str) -> bool) -> usize {
        self.0.paths.end_viewers(gone)
    }

    /// One camera's stream.
    pub fn stream(&self, id: CameraId) -> Result<Stream> {
        self.known(id)?;
        let Some(status) = self.0.paths.status(&path_of(id)) else {
            // A camera that cannot be opened has no path.
            return Ok(Stream {
                id,
                state: StreamState::Failed,
                readers: 0,
                bytes_sent: 0,
                frames: 0,
                source: "unusable camera".into(),
                started_at: None,
                last_frame_age: None,
                fps: None,
                bitrate_bps: None,
                error: None,
                runs: Runs::default(),
            });
        };
        Ok(Stream {
            id,
            state: convert::stream_state(status.state),
            readers: status.readers,
            bytes_sent: status.bytes_sent,
            frames: status.frames,
            source: status.source,
            started_at: status.started_at,
            last_frame_age: status.last_frame_age,
            fps: status.measured.map(|measured| measured.fps),
            bitrate_bps: status.measured.map(|measured| measured.bitrate_bps),
            error: status.error,
            runs: status.runs,
        })
    }

    /// All cameras' streams.
    pub fn streams(&self) -> Vec<Stream> {
        self.0.cameras.list().iter().filter_map(|camera| self.stream(camera.id).ok()).collect()
    }

    /// Where streams are served.
    pub fn viewing(&self) -> Viewing {
        let public_host = self.0.config.public_host.clone();
        let Some(config) = &self.0.config.paths.mediamtx else {
            let rtsp_port = Some(self.0.paths.rtsp_port());
            return Viewing {
                public_host,
                server: MediaServer::Embedded,
                rtsp_port,
                webrtc_port: None,
                hls_port: None,
            };
        };
        let told = self.0.paths.mediamtx();
        // Until it has told, it is taken to serve all that it is configured for here.
        let serves = |port, asked: fn(&Told) -> bool| told.as_ref().is_none_or(asked).then_some(port);
        Viewing {
            public_host,
            rtsp_port: serves(config.rtsp_port, |told| told.rtsp),
            webrtc_port: serves(config.webrtc_port, |told| told.webrtc),
            hls_port: serves(config.hls_port, |told| told.hls),
            server: MediaServer::MediaMtx {
                host: config.host.clone(),
                version: told.as_ref().and_then(|told| told.version.clone()),
            },
        }
    }

    /// Does MediaMTX serve the viewers?
    pub fn uses_mediamtx(&self) -> bool {
        self.0.config.uses_mediamtx()
    }

    /// Are viewers served? An error says why not.
    pub fn viewers_served(&self) -> Result<()> {
        match self.steered() {
            Some(Steered::Down(why)) => Err(unserved(why)),
            Some(Steered::Unknown) => Err(unserved("MediaMTX was not reached yet")),
            _ => Ok(()),
        }
    }

    /// Begins to steer MediaMTX, if that serves the viewers.
    pub fn steer(&self, keys: Keys) {
        self.0.paths.steer(keys);
    }

    /// Other keys sign for MediaMTX now: it fetches them anew.
    pub fn media_keys_changed(&self) {
        self.0.paths.media_keys_changed();
    }

    /// What was counted of calls to MediaMTX; `None`: it does not serve the viewers.
    pub fn mediamtx_calls(&self) -> Option<MediaMtxCalls> {
        self.0.paths.mediamtx_calls()
    }

    /// How it is with MediaMTX; `None`: it does not serve the viewers.
    pub(crate) fn steered(&self) -> Option<Steered> {
        self.0.paths.steered().map(|steered| *steered.borrow())
    }

    pub(crate) fn serves_rtsp(&self) -> bool {
        self.0.paths.serves_rtsp()
    }
}

/// Tells that health may be another, whenever it is with MediaMTX.
pub(super) async fn stir(
    mut steered: watch::Receiver<Steered>,
    events: Events,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            changed = steered.changed() => match changed {
                Ok(()) => events.stir(),
                Err(_) => return,
            },
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

fn unserved(why: &str) -> Error {
    Error::new(Kind::Dependency { dependency: "mediamtx", retryable: true }, why)
}
