//! Everything that is counted, read at one moment.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant, SystemTime},
};

use control::{
    CameraId,
    api::{Camera, CameraStatus, Counts, MediaMtxCalls, Space, Stream, StreamState},
    histogram::Distribution,
};

use super::{process::Process, rpc::OfMethod};
use crate::{
    events::{Counted, Topic},
    rpc::{Service, correlation_id},
    security::Scope,
    wire::{
        self, CameraMetrics, Error, EventMetrics, LatencyMs, MediaMtxMetrics, MethodMetrics, Metrics,
        OneCamerasMetrics, RecordingMetrics, RetentionMetrics, RpcMetrics, StreamMetrics, SystemMetrics,
    },
};

/// One reading.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(super) taken_at: SystemTime,
    pub(super) uptime: Duration,
    pub(super) process: Process,
    /// Percent of one processor.
    pub(super) cpu_percent: f64,
    /// `None`: the disk does not answer.
    pub(super) space: Option<Space>,
    /// Connections of any kind, and those of them that speak WebSocket.
    pub(super) connections: (usize, usize),
    pub(super) calls: Vec<OfMethod>,
    pub(super) cameras: Vec<(Camera, Option<Stream>)>,
    pub(super) recorded: Vec<CameraId>,
    /// How long ago the files of each recording last grew.
    pub(super) durable_ages: Vec<(CameraId, Duration)>,
    pub(super) counts: Counts,
    pub(super) events: Counted,
    /// `None`: it does not serve the viewers.
    pub(super) mediamtx: Option<MediaMtxCalls>,
    /// By the bridge: events delivered, given up, dropped.
    pub(super) bridges: Vec<(&'static str, [u64; 3])>,
    /// How far the audit log goes: lines ever written, and the last one's MAC.
    pub(super) audit: (u64, String),
}

impl Reading {
    pub(super) async fn take(service: &Service) -> Result<Self, Error> {
        let controller = &service.controller;
        // The kernel walks a table of descriptors, which may be long.
        let process = tokio::task::spawn_blocking(Process::read).await;
        let process = process.map_err(std::io::Error::other).flatten().map_err(|error| {
            let id = correlation_id();
            tracing::error!(correlation_id = id, %error, "this process could not be measured");
            Error::internal(&id)
        })?;
        let space = controller.space().await;
        let space = space.inspect_err(|error| tracing::warn!(%error, "the disk cannot be measured")).ok();
        let metrics = &service.metrics;
        Ok(Self {
            taken_at: SystemTime::now(),
            uptime: metrics.uptime(),
            cpu_percent: metrics.busy.percent(Instant::now(), process.cpu),
            process,
            space,
            connections: metrics.gate.connections(),
            calls: metrics.calls.read(),
            cameras: controller
                .cameras()
                .into_iter()
                .map(|camera| {
                    // An error: it was removed just now.
                    let stream = controller.stream(camera.id).ok();
                    (camera, stream)
                })
                .collect(),
            recorded: controller.recorded(),
            durable_ages: controller.recording_ages(),
            counts: controller.counts(),
            events: service.events.counted(),
            mediamtx: controller.mediamtx_calls(),
            bridges: service
                .bridges
                .counts()
                .map(|(name, counts)| (name, [counts.delivered(), counts.given_up(), counts.dropped()]))
                .collect(),
            audit: service.audit.head(),
        })
    }

    /// Cameras in each state.
    pub(super) fn cameras_in(&self, status: CameraStatus) -> usize {
        self.cameras.iter().filter(|(camera, _)| camera.status == status).count()
    }

    /// The answer to `get_metrics`, without cameras out of scope.
    pub(crate) fn answer(&self, scope: &Scope) -> Metrics {
        let cameras: Vec<&(Camera, Option<Stream>)> =
            self.cameras.iter().filter(|(camera, _)| scope.holds(camera.id)).collect();
        let streams = || cameras.iter().filter_map(|(_, stream)| stream.as_ref());
        let mut all = Distribution::default();
        self.calls.iter().for_each(|of| all.add(&of.took));
        Metrics {
            timestamp: wire::time(self.taken_at),
            uptime: wire::seconds(self.uptime),
            system_metrics: SystemMetrics {
                cpu_usage: rounded(self.cpu_percent),
                memory_usage: rounded(self.process.memory_percent),
                memory_rss: self.process.rss_bytes,
                disk_usage: self.space.map(|space| rounded(space.usage_percent)),
                threads: self.process.threads,
                open_files: self.process.open_files,
            },
            camera_metrics: CameraMetrics {
                connected_cameras: cameras
                    .iter()
                    .filter(|(camera, _)| camera.status == CameraStatus::Connected)
                    .count(),
                cameras: cameras
                    .iter()
                    .map(|(camera, stream)| (camera.id.to_string(), self.of_camera(camera, stream.as_ref())))
                    .collect(),
            },
            recording_metrics: RecordingMetrics {
                active_recordings: self.recorded.iter().filter(|camera| scope.holds(**camera)).count(),
                recordings_started: self.counts.recordings_started,
                recordings_cut_short: self.counts.recordings_cut_short,
                snapshots_taken: self.counts.snapshots_taken,
                snapshots_failed: self.counts.snapshots_failed,
                written_bytes: self.counts.recordings_written_bytes,
            },
            retention_metrics: RetentionMetrics {
                deleted_files: self.counts.retention_files,
                deleted_bytes: self.counts.retention_bytes,
                failures: self.counts.retention_failures,
                last_run: self.counts.retention_ran.map(wire::time),
            },
            event_metrics: self.of_events(),
            mediamtx_metrics: self.mediamtx.as_ref().map(|calls| MediaMtxMetrics {
                requests: calls.took.count(),
                errors: calls.errors.iter().sum(),
                latency_ms: latency(&calls.took),
            }),
            stream_metrics: StreamMetrics {
                active_streams: streams().filter(|stream| stream.state == StreamState::Live).count(),
                total_streams: streams().count(),
                total_viewers: streams().map(|stream| u64::from(stream.readers)).sum(),
            },
            rpc_metrics: RpcMetrics {
                active_connections: self.connections.1,
                requests_total: self.calls.iter().map(|of| of.requests).sum(),
                errors_total: self.calls.iter().map(|of| of.errors).sum(),
                latency_ms: latency(&all),
                per_method: self
                    .calls
                    .iter()
                    .filter(|of| of.requests > 0)
                    .map(|of| (of.name, of_method(of)))
                    .collect::<BTreeMap<_, _>>(),
            },
        }
    }

    fn of_events(&self) -> EventMetrics {
        let events = &self.events;
        EventMetrics {
            published: events.published.iter().map(|(_, count)| count).sum(),
            per_topic: events
                .published
                .iter()
                .filter(|(_, count)| *count > 0)
                .map(|(topic, count)| (Topic::name(*topic), *count))
                .collect(),
            lost: events.lost,
            dropped: events.dropped,
            subscribers: events.subscribers,
            queue_depth: events.waiting,
            queue_depth_max: events.longest,
            delay_ms: latency(&events.delay),
        }
    }

    fn of_camera(&self, camera: &Camera, stream: Option<&Stream>) -> OneCamerasMetrics {
        OneCamerasMetrics {
            status: wire::camera_status(camera.status),
            recording: self.recorded.contains(&camera.id),
            durable_age_ms: self
                .durable_ages
                .iter()
                .find(|(recorded, _)| *recorded == camera.id)
                .map(|(_, age)| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            fps: stream.and_then(|stream| stream.fps).map(rounded),
            bitrate: stream.and_then(|stream| stream.bitrate_bps),
            restarts: stream.map_or(0, |stream| stream.runs.restarts),
            ffmpeg_started: stream.map_or(0, |stream| stream.runs.processes_started),
            ffmpeg_running: stream.map_or(0, |stream| stream.runs.processes_running),
            readers: stream.map_or(0, |stream| stream.readers),
            frames: stream.map_or(0, |stream| stream.frames),
            bytes_sent: stream.map_or(0, |stream| stream.bytes_sent),
            last_frame_age_ms: stream
                .and_then(|stream| stream.last_frame_age)
                .map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

fn of_method(of: &OfMethod) -> MethodMetrics {
    MethodMetrics { requests: of.requests, errors: of.errors, latency_ms: latency(&of.took) }
}

fn latency(took: &Distribution) -> LatencyMs {
    let ms = |share| took.quantile(share).map(|took| (took.as_secs_f64() * 1e6).round() / 1e3);
    LatencyMs { p50: ms(0.5), p95: ms(0.95), p99: ms(0.99) }
}

/// To a hundredth.
fn rounded(percent: f64) -> f64 {
    (percent * 100.0).round() / 100.0
}
