//! What was counted, for an admin, and how the service is, for everybody.

use std::collections::BTreeMap;

use control::api::{Component, ComponentState, Condition, Health, Reason};
use schemars::JsonSchema;
use serde::Serialize;

use super::time;

/// Gives how the service is.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the names are the contract's")]
pub(crate) struct Status {
    /// As its worst part.
    #[schemars(extend("enum" = ["HEALTHY", "DEGRADED", "UNHEALTHY"]))]
    pub(crate) status: &'static str,
    /// Seconds since the start.
    pub(crate) uptime: f64,
    /// The service's.
    pub(crate) version: &'static str,
    /// What each part does: `RUNNING`, `STARTING`, `STOPPED` or `ERROR`.
    pub(crate) components: Components,
    /// Why it is not better; empty when all is well.
    pub(crate) reasons: Vec<String>,
    /// The same, in the same order, with whose trouble each is, how bad, and since when.
    pub(crate) details: Vec<Detail>,
}

/// One reason not to be well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Detail {
    /// As in `components`.
    pub(crate) component: &'static str,
    /// What `status` would be for this alone.
    pub(crate) status: &'static str,
    pub(crate) reason: String,
    pub(crate) since: String,
}

/// What each part of the service does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Components {
    /// Whoever answers clients.
    pub(crate) websocket_server: &'static str,
    /// Whoever looks for cameras.
    pub(crate) camera_monitor: &'static str,
    /// Whoever serves viewers.
    pub(crate) media_server: &'static str,
    /// Recordings under way.
    pub(crate) recorder: &'static str,
    /// The disk for recordings.
    pub(crate) storage: &'static str,
    /// The program that encodes.
    pub(crate) ffmpeg: &'static str,
    /// The audit log.
    pub(crate) audit_log: &'static str,
    /// The wall clock.
    pub(crate) clock: &'static str,
}

impl Status {
    pub(crate) fn new(
        health: &Health,
        websocket_server: ComponentState,
        uptime: f64,
        version: &'static str,
    ) -> Self {
        let state = |state: ComponentState| match state {
            ComponentState::Running => "RUNNING",
            ComponentState::Starting => "STARTING",
            ComponentState::Stopped => "STOPPED",
            ComponentState::Error => "ERROR",
        };
        let of = |component| state(health.component(component));
        let detail = |reason: &Reason| Detail {
            component: component(reason.trouble.component()),
            status: condition(reason.trouble.condition()),
            reason: reason.trouble.to_string(),
            since: time(reason.since),
        };
        Self {
            status: condition(health.condition()),
            uptime,
            version,
            components: Components {
                websocket_server: state(websocket_server),
                camera_monitor: of(Component::CameraMonitor),
                media_server: of(Component::MediaServer),
                recorder: of(Component::Recorder),
                storage: of(Component::Storage),
                ffmpeg: of(Component::Ffmpeg),
                audit_log: of(Component::AuditLog),
                clock: of(Component::Clock),
            },
            reasons: health.reasons.iter().map(|reason| reason.trouble.to_string()).collect(),
            details: health.reasons.iter().map(detail).collect(),
        }
    }
}

fn condition(condition: Condition) -> &'static str {
    match condition {
        Condition::Healthy => "HEALTHY",
        Condition::Degraded => "DEGRADED",
        Condition::Unhealthy => "UNHEALTHY",
    }
}

fn component(component: Component) -> &'static str {
    match component {
        Component::CameraMonitor => "camera_monitor",
        Component::MediaServer => "media_server",
        Component::Recorder => "recorder",
        Component::Storage => "storage",
        Component::Ffmpeg => "ffmpeg",
        Component::AuditLog => "audit_log",
        Component::Clock => "clock",
    }
}

/// Gives what was counted.
#[derive(Debug, Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the names are the contract's")]
pub(crate) struct Metrics {
    pub(crate) timestamp: String,
    /// Seconds since the start.
    pub(crate) uptime: f64,
    pub(crate) system_metrics: SystemMetrics,
    pub(crate) camera_metrics: CameraMetrics,
    pub(crate) recording_metrics: RecordingMetrics,
    pub(crate) stream_metrics: StreamMetrics,
    pub(crate) rpc_metrics: RpcMetrics,
    pub(crate) event_metrics: EventMetrics,
    pub(crate) retention_metrics: RetentionMetrics,
    /// Missing: MediaMTX does not serve the viewers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mediamtx_metrics: Option<MediaMtxMetrics>,
}

/// This process and this machine.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SystemMetrics {
    /// Percent of one processor, since the reading before.
    pub(crate) cpu_usage: f64,
    /// Percent of the machine's memory, used by anybody.
    pub(crate) memory_usage: f64,
    /// Bytes of this process.
    pub(crate) memory_rss: u64,
    /// Percent of the disk for recordings; null: it does not answer.
    pub(crate) disk_usage: Option<f64>,
    pub(crate) threads: u64,
    pub(crate) open_files: u64,
}

/// Cameras.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CameraMetrics {
    pub(crate) connected_cameras: usize,
    /// By id.
    pub(crate) cameras: BTreeMap<String, OneCamerasMetrics>,
}

/// One camera and its stream, since the start.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OneCamerasMetrics {
    pub(crate) status: &'static str,
    pub(crate) recording: bool,
    pub(crate) readers: u32,
    pub(crate) frames: u64,
    pub(crate) bytes_sent: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_frame_age_ms: Option<u64>,
    /// Pictures a second now, as measured; missing: none come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fps: Option<f64>,
    /// Bits a second now, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bitrate: Option<u64>,
    /// Since the file of its recording last grew; missing: it is not recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) durable_age_ms: Option<u64>,
    /// Runs of its source that began because the one before had failed.
    pub(crate) restarts: u64,
    pub(crate) ffmpeg_started: u64,
    pub(crate) ffmpeg_running: u32,
}

/// Recordings and snapshots; those that are active now, and counts since the start.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RecordingMetrics {
    pub(crate) active_recordings: usize,
    pub(crate) recordings_started: u64,
    pub(crate) recordings_cut_short: u64,
    pub(crate) snapshots_taken: u64,
    pub(crate) snapshots_failed: u64,
    /// Bytes by which files of recordings have grown.
    pub(crate) written_bytes: u64,
}

/// What retention removed since the start.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RetentionMetrics {
    pub(crate) deleted_files: u64,
    pub(crate) deleted_bytes: u64,
    /// Files it could not remove, and runs that failed as a whole.
    pub(crate) failures: u64,
    /// Null: it has not run yet.
    pub(crate) last_run: Option<String>,
}

/// Events since the start, and those that wait now. `delay_ms` is from an event to its being handed to a connection's
/// writer.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EventMetrics {
    /// Written into the journal.
    pub(crate) published: u64,
    /// Topics that had any.
    pub(crate) per_topic: BTreeMap<&'static str, u64>,
    /// Those that came too fast for the journal.
    pub(crate) lost: u64,
    /// Those that clients asked for and were not told, for they read too slowly; added up over clients.
    pub(crate) dropped: u64,
    /// Connections that are subscribed to any topic.
    pub(crate) subscribers: usize,
    /// Events that wait, in all queues.
    pub(crate) queue_depth: usize,
    /// Events that wait in the longest queue.
    pub(crate) queue_depth_max: usize,
    pub(crate) delay_ms: LatencyMs,
}

/// Requests to MediaMTX since the start.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MediaMtxMetrics {
    pub(crate) requests: u64,
    /// Those that came to nothing.
    pub(crate) errors: u64,
    pub(crate) latency_ms: LatencyMs,
}

/// Streams now.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StreamMetrics {
    pub(crate) active_streams: usize,
    pub(crate) total_streams: usize,
    pub(crate) total_viewers: u64,
}

/// Calls since the start, by any way in.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RpcMetrics {
    /// Connections that speak WebSocket now.
    pub(crate) active_connections: usize,
    pub(crate) requests_total: u64,
    pub(crate) errors_total: u64,
    pub(crate) latency_ms: LatencyMs,
    /// Methods that were called.
    pub(crate) per_method: BTreeMap<&'static str, MethodMetrics>,
}

/// One method's calls since the start.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MethodMetrics {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    pub(crate) latency_ms: LatencyMs,
}

/// Milliseconds, reckoned from a histogram; null: nothing was measured.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LatencyMs {
    pub(crate) p50: Option<f64>,
    pub(crate) p95: Option<f64>,
    pub(crate) p99: Option<f64>,
}
