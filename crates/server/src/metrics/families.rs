//! Every family of the page for Prometheus: its name, what it means, and where it stands in a reading. Names follow
//! Prometheus' conventions: base units, and `_total` (which the encoder adds) for what only grows. Labels are cameras,
//! methods, topics and other closed lists, never what a client sends. docs/metrics.md is made of this.

use std::{fmt, time::SystemTime};

use control::api::{CallError, CameraStatus, Stream, StreamState};
use prometheus_client::{collector::Collector, encoding::DescriptorEncoder};

use super::{process::Process, reading::Reading, text::Page};
use crate::{about, events::Topic, wire};

impl Collector for Process {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page::new(encoder);
        page.seconds("process_cpu_seconds", "Time on a processor, all threads", self.cpu.as_secs_f64())?;
        page.gauge("process_resident_memory_bytes", "Resident memory", self.rss_bytes as f64)?;
        page.gauge("process_threads", "Threads", self.threads as f64)?;
        page.gauge("process_open_fds", "Open file descriptors", self.open_files as f64)
    }
}

impl Collector for Reading {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page::new(encoder);
        self.service(&mut page)?;
        self.calls(&mut page)?;
        self.events(&mut page)?;
        self.bridges(&mut page)?;
        self.cameras(&mut page)?;
        self.streams(&mut page)?;
        self.files(&mut page)?;
        self.mediamtx(&mut page)
    }
}

impl Reading {
    fn service(&self, page: &mut Page<'_>) -> fmt::Result {
        page.labelled("build_info", "Always 1", ("version", about::VERSION), 1)?;
        page.gauge("uptime_seconds", "Time since the start", self.uptime.as_secs_f64())?;
        let (lines, mac) = &self.audit;
        let help = "Lines ever written to the audit log, with the last one's MAC";
        // Whole, as `audit verify --head` takes it.
        page.labelled("audit_head_lines", help, ("mac", mac), *lines as i64)?;
        let (open, websockets) = self.connections;
        page.gauges(
            "connections",
            "Open connections",
            "kind",
            [("websocket", websockets as f64), ("http", open.saturating_sub(websockets) as f64)],
        )
    }

    fn bridges(&self, page: &mut Page<'_>) -> fmt::Result {
        let of = |which: usize| self.bridges.iter().map(move |(name, counts)| (*name, counts[which]));
        page.counters("bridge_events_delivered", "Events that a bridge's receiver has", "bridge", of(0))?;
        page.counters("bridge_events_given_up", "Events tried until they were too old", "bridge", of(1))?;
        page.counters("bridge_events_dropped", "Events that found no room in the queue", "bridge", of(2))
    }

    fn calls(&self, page: &mut Page<'_>) -> fmt::Result {
        let of = |value: fn(&super::rpc::OfMethod) -> u64| {
            self.calls.iter().map(move |of| (of.name, value(of))).collect::<Vec<_>>()
        };
        page.counters("rpc_requests", "Requests that came", "method", of(|of| of.requests))?;
        page.counters("rpc_errors", "Requests answered with an error", "method", of(|of| of.errors))?;
        let called = self.calls.iter().filter(|of| of.requests > 0).map(|of| (of.name, &of.took));
        page.durations_by("rpc_duration_seconds", "Time from a request to its answer", "method", called)
    }

    fn events(&self, page: &mut Page<'_>) -> fmt::Result {
        let events = &self.events;
        let published = events.published.iter().map(|(topic, count)| (Topic::name(*topic), *count));
        page.counters("events_published", "Events written into the journal", "topic", published)?;
        page.counter("events_lost", "Events that came too fast for the journal", events.lost)?;
        let help = "Events that clients asked for and were not told, for they read too slowly; added up over clients";
        page.counter("events_dropped", help, events.dropped)?;
        let help =
            "Time from an event to its being handed to a connection's writer; replayed ones are not in it";
        page.durations("event_delay_seconds", help, Some(&events.delay))?;
        let help = "Connections that are subscribed to any topic";
        page.gauge("event_subscribers", help, events.subscribers as f64)?;
        page.gauge("event_queue_depth", "Events that wait, in all queues", events.waiting as f64)?;
        page.gauge("event_queue_depth_max", "Events that wait in the longest queue", events.longest as f64)
    }

    fn cameras(&self, page: &mut Page<'_>) -> fmt::Result {
        let states = [CameraStatus::Connected, CameraStatus::Disconnected, CameraStatus::Error];
        let in_state =
            states.map(|status| (wire::camera_status(status).to_lowercase(), self.cameras_in(status) as f64));
        page.gauges("cameras", "Cameras", "state", in_state)?;
        let help = "Runs of a camera's source that began because the one before had failed";
        page.counters("source_restarts", help, "camera", self.of_streams(|stream| stream.runs.restarts))?;
        let help = "Video programs (ffmpeg) started";
        let started = self.of_streams(|stream| stream.runs.processes_started);
        page.counters("ffmpeg_started", help, "camera", started)?;
        let help = "Video programs (ffmpeg) that run";
        let running = self.of_streams(|stream| f64::from(stream.runs.processes_running));
        page.gauges("ffmpeg_running", help, "camera", running)
    }

    fn streams(&self, page: &mut Page<'_>) -> fmt::Result {
        let live = self.cameras.iter().filter_map(|(_, stream)| stream.as_ref());
        let live = live.filter(|stream| stream.state == StreamState::Live).count();
        page.gauge("streams_live", "Streams whose pictures flow", live as f64)?;
        let readers = self.of_streams(|stream| f64::from(stream.readers));
        page.gauges("stream_readers", "Viewers", "camera", readers)?;
        let frames = self.of_streams(|stream| stream.frames);
        page.counters("stream_frames", "Pictures from the source", "camera", frames)?;
        let help = "Pictures a second from the source, over the last three seconds";
        page.gauges("stream_frames_per_second", help, "camera", self.measured(|stream| stream.fps))?;
        let help = "Coded bytes a second from the source, over the last three seconds";
        let rate = self.measured(|stream| Some(stream.bitrate_bps? as f64 / 8.0));
        page.gauges("stream_bytes_per_second", help, "camera", rate)?;
        let bytes = self.of_streams(|stream| stream.bytes_sent);
        page.counters("stream_sent_bytes", "Media sent to viewers", "camera", bytes)?;
        let ages = self.measured(|stream| Some(stream.last_frame_age?.as_secs_f64()));
        page.gauges("stream_last_frame_age_seconds", "Age of the newest picture", "camera", ages)
    }

    fn files(&self, page: &mut Page<'_>) -> fmt::Result {
        let counts = self.counts;
        page.gauge("recordings_active", "Recordings under way", self.recorded.len() as f64)?;
        page.counter("recordings_started", "Recordings that began", counts.recordings_started)?;
        let help = "Recordings that ended before their time";
        page.counter("recordings_cut_short", help, counts.recordings_cut_short)?;
        let help = "Bytes by which files of recordings have grown";
        page.counter("recordings_written_bytes", help, counts.recordings_written_bytes)?;
        let help =
            "Time since the file of a recording under way last grew, as durable as recording.durability asks";
        let ages = self.durable_ages.iter().map(|(camera, age)| (camera.to_string(), age.as_secs_f64()));
        page.gauges("recording_durable_age_seconds", help, "camera", ages)?;
        page.counter("snapshots_taken", "Snapshots that were kept", counts.snapshots_taken)?;
        page.counter("snapshots_failed", "Snapshots that could not be taken", counts.snapshots_failed)?;
        let space = self.space;
        let of_space = |value: fn(control::api::Space) -> f64| space.map(value);
        page.gauge("disk_size_bytes", "Size of the disk for recordings", of_space(|disk| disk.total as f64))?;
        let help = "What may still be written there";
        page.gauge("disk_available_bytes", help, of_space(|disk| disk.available as f64))?;
        let help = "What is used of what can be used";
        page.gauge("disk_used_ratio", help, of_space(|disk| disk.usage_percent / 100.0))?;
        page.counter("retention_deleted_files", "Files removed by retention", counts.retention_files)?;
        page.counter("retention_deleted_bytes", "Bytes removed by retention", counts.retention_bytes)?;
        let help = "Files that retention could not remove, and runs that failed as a whole";
        page.counter("retention_failures", help, counts.retention_failures)?;
        let ran = counts.retention_ran.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        let help = "When retention last ran, in Unix time";
        page.gauge("retention_last_run_timestamp_seconds", help, ran.map(|at| at.as_secs_f64()))
    }

    fn mediamtx(&self, page: &mut Page<'_>) -> fmt::Result {
        let calls = self.mediamtx.as_ref();
        let help = "Time from a request to MediaMTX to its answer, or to its failure";
        page.durations("mediamtx_request_duration_seconds", help, calls.map(|calls| &calls.took))?;
        let errors = calls
            .into_iter()
            .flat_map(|calls| CallError::ALL.map(CallError::name).into_iter().zip(calls.errors));
        page.counters(
            "mediamtx_request_errors",
            "Requests to MediaMTX that came to nothing",
            "reason",
            errors,
        )
    }

    /// One value of each stream, by camera.
    fn of_streams<T>(&self, value: impl Fn(&Stream) -> T) -> Vec<(String, T)> {
        self.measured(|stream| Some(value(stream)))
    }

    /// The same of those streams that have one now.
    fn measured<T>(&self, value: impl Fn(&Stream) -> Option<T>) -> Vec<(String, T)> {
        let streams = self.cameras.iter().filter_map(|(_, stream)| stream.as_ref());
        streams.filter_map(|stream| Some((stream.id.to_string(), value(stream)?))).collect()
    }
}
