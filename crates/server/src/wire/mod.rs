//! Every type that crosses the wire: what calls take, what they give, and how they fail. Nothing here
//! calls anybody.

mod audit;
mod cameras;
mod controls;
mod devices;
mod error;
mod events;
mod files;
mod keys;
mod metrics;
mod params;
mod service;
mod storage;
mod streams;

pub(crate) use audit::{AuditLog, GetAuditLog};
pub(crate) use cameras::{
    Camera, CameraList, CameraStatusOf, GetCameraStatus, OfCamera, Snapshot, TakeSnapshot, camera_kind,
    camera_status,
};
pub(crate) use controls::{Controls, SetControls};
pub(crate) use devices::{
    AddStream, Capabilities, DiscoverStreams, DiscoveryInterval, ExternalStreams, Forgotten, SetCamera,
    SetDiscoveryInterval,
};
pub(crate) use error::{Code, Error};
pub(crate) use events::{
    EventBody, Filters, GlobalStats, Since, SubscribeEvents, Subscribed, SubscriptionStats,
    UnsubscribeEvents, Unsubscribed, event_text,
};
pub(crate) use files::{
    ExportRecording, Exported, FileList, ListFiles, RecordingEntry, SnapshotEntry, StartRecording, Started,
    Stopped,
};
pub(crate) use keys::{
    ApiKeyList, ApiKeyMade, ApiKeyRevoked, CreateApiKey, OfApiKey, RevokeToken, TokenRevoked, no_key,
};
pub(crate) use metrics::{
    CameraMetrics, EventMetrics, LatencyMs, MediaMtxMetrics, MethodMetrics, Metrics, OneCamerasMetrics,
    RecordingMetrics, RetentionMetrics, RpcMetrics, Status, StreamMetrics, SystemMetrics,
};
pub(crate) use params::{Device, Devices, FromParams, Params, Takes};
pub(crate) use service::{
    API_VERSION, Authenticate, Authenticated, MediaServer, Nothing, Pong, ServerInfo, SystemStatus,
};
pub(crate) use storage::{
    CleanUp, CleanedUp, OfFile, OfRecordings, Protected, RecordingInfo, Removed, Retention, SetRetention,
    SnapshotInfo, StorageInfo,
};
pub(crate) use streams::{Stream, StreamStatus, StreamUrl, Streaming, StreamingEnd, UrlBase};

use std::time::{Duration, SystemTime};

use serde_json::Number;

/// A time as a client sees it.
pub(crate) fn time(time: SystemTime) -> String {
    control::time::rfc3339(time)
}

/// Seconds with milliseconds.
pub(crate) fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

/// Three decimals, as much as anybody measures; 30 rather than 30.0: many clients read a rate as a whole
/// number.
fn rate(rate: f64) -> Number {
    let rate = (rate * 1000.0).round() / 1000.0;
    if rate.fract() == 0.0 && (0.0..=1e9).contains(&rate) {
        Number::from(rate as u64)
    } else {
        Number::from_f64(rate).unwrap_or_else(|| Number::from(0))
    }
}
