//! Streams and the addresses at which viewers find them.

use control::{
    CameraId,
    api::{self, CameraStatus, StreamState, Viewing},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::time;

/// Addresses of one camera's stream; a protocol that is not served is null.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Streams {
    rtsp: Option<String>,
    webrtc: Option<String>,
    hls: Option<String>,
}

/// What addresses begin with, for one caller.
#[derive(Debug, Clone)]
pub(crate) struct UrlBase {
    /// IPv6 in brackets.
    host: String,
    rtsp_port: Option<u16>,
}

impl UrlBase {
    /// `asked`: the host the client asked for, used where none is configured.
    pub(crate) fn new(viewing: &Viewing, asked: &str) -> Self {
        let host = match &viewing.public_host {
            Some(host) if host.parse::<std::net::Ipv6Addr>().is_ok() => format!("[{host}]"),
            Some(host) => host.clone(),
            None => asked.to_owned(),
        };
        Self { host, rtsp_port: viewing.rtsp_port }
    }

    /// Where RTSP is served; `None`: it is not.
    pub(crate) fn rtsp(&self) -> Option<String> {
        self.rtsp_port.map(|port| format!("rtsp://{}:{port}", self.host))
    }

    /// Where one camera is watched.
    pub(crate) fn streams(&self, camera: CameraId) -> Streams {
        Streams { rtsp: self.rtsp().map(|base| format!("{base}/{camera}")), webrtc: None, hls: None }
    }
}

/// One stream.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Stream {
    name: String,
    device: String,
    ready: bool,
    readers: u32,
    bytes_sent: u64,
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
}

impl From<api::Stream> for Stream {
    fn from(stream: api::Stream) -> Self {
        Self {
            name: stream.id.to_string(),
            device: stream.id.to_string(),
            ready: stream.state == StreamState::Live,
            readers: stream.readers,
            bytes_sent: stream.bytes_sent,
            source: stream.source,
            started_at: stream.started_at.map(time),
        }
    }
}

/// Gives the address of a stream.
#[derive(Debug, Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the names are the contract's")]
pub(crate) struct StreamUrl {
    device: String,
    stream_name: String,
    stream_url: Option<String>,
    streams: Streams,
    available: bool,
    active_consumers: u32,
    stream_status: &'static str,
}

impl StreamUrl {
    pub(crate) fn new(detail: &api::CameraDetail, urls: &UrlBase) -> Self {
        let id = detail.camera.id;
        let streams = urls.streams(id);
        let available = detail.camera.status == CameraStatus::Connected;
        Self {
            device: id.to_string(),
            stream_name: id.to_string(),
            stream_url: streams.rtsp.clone(),
            streams,
            available,
            active_consumers: detail.stream.readers,
            stream_status: match detail.stream.state {
                StreamState::Live => "READY",
                StreamState::Idle | StreamState::Starting | StreamState::Stopping if available => "NOT_READY",
                // Failed, or of a camera that cannot be used.
                _ => "ERROR",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_the_client_can_reach() {
        let url = |public_host: Option<&str>, asked: &str| {
            let viewing = Viewing { public_host: public_host.map(Into::into), rtsp_port: Some(8554) };
            UrlBase::new(&viewing, asked).streams(CameraId(3)).rtsp.unwrap()
        };
        assert_eq!(url(None, "localhost"), "rtsp://localhost:8554/camera3");
        assert_eq!(url(None, "[::1]"), "rtsp://[::1]:8554/camera3");
        assert_eq!(url(Some("cam.example"), "localhost"), "rtsp://cam.example:8554/camera3");
        assert_eq!(url(Some("2001:db8::1"), "localhost"), "rtsp://[2001:db8::1]:8554/camera3");
        let off = UrlBase::new(&Viewing { public_host: None, rtsp_port: None }, "localhost");
        assert!(off.streams(CameraId(0)).rtsp.is_none());
    }
}
