//! Streams and the addresses at which viewers find them.

use control::{
    CameraId,
    api::{self, CameraStatus, MediaServer, StreamState, Viewing},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{seconds, time};
use crate::security;

/// Addresses of one camera's stream; a protocol that is not served is null.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Streams {
    /// Null: RTSP is not served.
    rtsp: Option<String>,
    /// WHEP; null: WebRTC is not served.
    webrtc: Option<String>,
    /// Null: HLS is not served.
    hls: Option<String>,
}

/// What addresses begin with, for one caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UrlBase {
    /// IPv6 in brackets.
    host: String,
    rtsp_port: Option<u16>,
    webrtc_port: Option<u16>,
    hls_port: Option<u16>,
    /// In a query, what a ticket is called.
    ticket_name: &'static str,
}

impl UrlBase {
    /// `asked`: the host the client asked for, used where none is configured.
    pub(crate) fn new(viewing: &Viewing, asked: &str) -> Self {
        let host = match &viewing.public_host {
            Some(host) if host.parse::<std::net::Ipv6Addr>().is_ok() => format!("[{host}]"),
            Some(host) => host.clone(),
            None => match &viewing.server {
                MediaServer::MediaMtx { host, .. } if !is_own(host) => host.clone(),
                _ => asked.to_owned(),
            },
        };
        Self {
            host,
            rtsp_port: viewing.rtsp_port,
            webrtc_port: viewing.webrtc_port,
            hls_port: viewing.hls_port,
            ticket_name: match viewing.server {
                MediaServer::Embedded => "ticket",
                MediaServer::MediaMtx { .. } => "jwt",
            },
        }
    }

    /// Where RTSP is served; `None`: it is not.
    pub(crate) fn rtsp(&self) -> Option<String> {
        self.rtsp_port.map(|port| format!("rtsp://{}:{port}", self.host))
    }

    /// Does the address lead to this machine itself?
    pub(crate) fn is_loopback(&self) -> bool {
        is_own(&self.host)
    }

    /// Where one camera is watched.
    pub(crate) fn streams(&self, camera: CameraId) -> Streams {
        let http = |port: Option<u16>, what| Some(format!("http://{}:{}/{camera}/{what}", self.host, port?));
        Streams {
            rtsp: self.rtsp().map(|base| format!("{base}/{camera}")),
            webrtc: http(self.webrtc_port, "whep"),
            hls: http(self.hls_port, "index.m3u8"),
        }
    }
}

/// Is this host the machine that asks?
fn is_own(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
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
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket: Option<Ticket>,
}

/// Lets a player in.
#[derive(Debug, Serialize, JsonSchema)]
struct Ticket {
    token: String,
    expires_at: String,
    sent_by: SentBy,
}

/// How it gets to the server, by protocol: `url`, it stands in the address; `bearer`, the player sends
/// `Authorization: Bearer` with it, for no address of that protocol can carry it.
#[derive(Debug, Serialize, JsonSchema)]
struct SentBy {
    rtsp: Option<&'static str>,
    webrtc: Option<&'static str>,
    hls: Option<&'static str>,
}

impl StreamUrl {
    /// `guarded`: whoever follows the addresses needs a credential, so they hold the ticket.
    pub(crate) fn new(
        detail: &api::CameraDetail,
        urls: &UrlBase,
        ticket: Option<security::Ticket>,
        guarded: bool,
    ) -> Self {
        let id = detail.camera.id;
        let mut streams = urls.streams(id);
        let sent_by = SentBy {
            rtsp: streams.rtsp.is_some().then_some("url"),
            webrtc: streams.webrtc.is_some().then_some("bearer"),
            hls: streams.hls.is_some().then_some("bearer"),
        };
        if let Some(ticket) = ticket.as_ref().filter(|_| guarded) {
            let name = urls.ticket_name;
            streams.rtsp = streams.rtsp.map(|url| format!("{url}?{name}={}", ticket.token));
        }
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
            ticket: ticket.map(|ticket| Ticket {
                token: ticket.token,
                expires_at: time(ticket.expires_at),
                sent_by,
            }),
        }
    }
}

/// Gives what one stream is doing.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StreamStatus {
    device: String,
    stream_name: String,
    status: &'static str,
    ready: bool,
    readers: u32,
    metrics: Metrics,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_frame_age_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Metrics {
    bytes_sent: u64,
    frames_sent: u64,
    /// Bits a second; 0 when nothing comes.
    bitrate: u64,
    fps: f64,
}

impl From<api::Stream> for StreamStatus {
    fn from(stream: api::Stream) -> Self {
        Self {
            device: stream.id.to_string(),
            stream_name: stream.id.to_string(),
            status: match stream.state {
                StreamState::Idle => "INACTIVE",
                StreamState::Starting => "STARTING",
                StreamState::Live => "ACTIVE",
                StreamState::Stopping => "STOPPING",
                StreamState::Failed => "ERROR",
            },
            ready: stream.state == StreamState::Live,
            readers: stream.readers,
            metrics: Metrics {
                bytes_sent: stream.bytes_sent,
                frames_sent: stream.frames,
                bitrate: stream.bitrate_bps.unwrap_or(0),
                fps: (stream.fps.unwrap_or(0.0) * 100.0).round() / 100.0,
            },
            last_frame_age_ms: stream.last_frame_age.map(|age| age.as_millis() as u64),
            start_time: stream.started_at.map(time),
        }
    }
}

/// Gives a stream that is kept ready.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Streaming {
    device: String,
    stream_name: String,
    stream_url: Option<String>,
    streams: Streams,
    status: &'static str,
    start_time: String,
    auto_close_after: f64,
}

impl Streaming {
    pub(crate) fn new(started: &api::StreamingStarted, urls: &UrlBase) -> Self {
        let streams = urls.streams(started.device);
        Self {
            device: started.device.to_string(),
            stream_name: started.device.to_string(),
            stream_url: streams.rtsp.clone(),
            streams,
            status: "STARTED",
            start_time: time(started.start_time),
            auto_close_after: seconds(started.close_after),
        }
    }
}

/// Gives a stream that is kept ready no longer.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StreamingEnd {
    device: String,
    stream_name: String,
    status: &'static str,
    start_time: String,
    end_time: String,
    duration: f64,
    stream_continues: bool,
}

impl From<api::StreamingStopped> for StreamingEnd {
    fn from(stopped: api::StreamingStopped) -> Self {
        Self {
            device: stopped.device.to_string(),
            stream_name: stopped.device.to_string(),
            status: "STOPPED",
            start_time: time(stopped.start_time),
            end_time: time(stopped.end_time),
            duration: seconds(stopped.duration),
            stream_continues: stopped.stream_continues,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedded(public_host: Option<&str>, rtsp_port: Option<u16>) -> Viewing {
        let public_host = public_host.map(Into::into);
        Viewing { public_host, server: MediaServer::Embedded, rtsp_port, webrtc_port: None, hls_port: None }
    }

    #[test]
    fn mediamtx_is_where_it_is_configured_to_be() {
        let streams = |host: &str, public_host: Option<&str>| {
            let server = MediaServer::MediaMtx { host: host.into(), version: None };
            let ports = (Some(8554), Some(8889), None);
            let (rtsp_port, webrtc_port, hls_port) = ports;
            let public_host = public_host.map(Into::into);
            let viewing = Viewing { public_host, server, rtsp_port, webrtc_port, hls_port };
            UrlBase::new(&viewing, "shed").streams(CameraId(1))
        };
        let of = streams("127.0.0.1", None);
        assert_eq!(of.webrtc.as_deref(), Some("http://shed:8889/camera1/whep"));
        assert_eq!((of.rtsp.as_deref(), of.hls), (Some("rtsp://shed:8554/camera1"), None));
        assert_eq!(streams("media", None).rtsp.unwrap(), "rtsp://media:8554/camera1");
        assert_eq!(streams("media", Some("cam")).rtsp.unwrap(), "rtsp://cam:8554/camera1");
    }

    #[test]
    fn addresses_are_those_the_client_can_reach() {
        let url = |public_host: Option<&str>, asked: &str| {
            UrlBase::new(&embedded(public_host, Some(8554)), asked).streams(CameraId(3)).rtsp.unwrap()
        };
        assert_eq!(url(None, "localhost"), "rtsp://localhost:8554/camera3");
        assert_eq!(url(None, "[::1]"), "rtsp://[::1]:8554/camera3");
        assert_eq!(url(Some("cam.example"), "localhost"), "rtsp://cam.example:8554/camera3");
        assert_eq!(url(Some("2001:db8::1"), "localhost"), "rtsp://[2001:db8::1]:8554/camera3");
        let loopback = |host: &str| UrlBase::new(&embedded(None, None), host).is_loopback();
        assert!(["localhost", "127.0.0.1", "127.1.2.3", "[::1]"].into_iter().all(loopback));
        assert!(!["192.0.2.1", "[2001:db8::1]", "localhost.example", "cam"].into_iter().any(loopback));
        let off = UrlBase::new(&embedded(None, None), "localhost");
        assert!(off.streams(CameraId(0)).rtsp.is_none());
    }
}
