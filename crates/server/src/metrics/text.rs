//! A reading as Prometheus' text (format 0.0.4). Names follow Prometheus' conventions: base units, and
//! `_total` for what only grows.

use std::fmt;

use control::api::{CameraStatus, StreamState};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet, prometheus_text},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use super::{histogram::BOUNDS_US, process::Process, reading::Reading};
use crate::{about, rpc::Service, wire, wire::Error};

pub(crate) use prometheus_text::CONTENT_TYPE;

/// Everything that is counted, for Prometheus.
pub(crate) async fn render(service: &Service) -> Result<String, Error> {
    Ok(encode(service.reading().await?))
}

fn encode(reading: Reading) -> String {
    let mut registry = Registry::default();
    // Under the names that every program has, so that everybody's dashboards find them.
    registry.register_collector(Box::new(reading.process));
    registry.sub_registry_with_prefix("camera_service").register_collector(Box::new(reading));
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry).expect("writing to a String fails never");
    text
}

/// Writes families one after the other.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        let gauge = ConstGauge::new(value);
        gauge.encode(self.0.encode_descriptor(name, help, None, MetricType::Gauge)?)
    }

    fn counter(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        let counter = ConstCounter::new(value);
        counter.encode(self.0.encode_descriptor(name, help, None, MetricType::Counter)?)
    }

    /// One value for each label.
    fn gauges<L: AsRef<str>>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (L, f64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (value_of, value) in values {
            ConstGauge::new(value).encode(family.encode_family(&[(label, value_of.as_ref())])?)?;
        }
        Ok(())
    }

    /// One count for each label.
    fn counters<L: AsRef<str>>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (L, u64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (value_of, value) in values {
            ConstCounter::new(value).encode(family.encode_family(&[(label, value_of.as_ref())])?)?;
        }
        Ok(())
    }
}

impl Collector for Process {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        page.counter("process_cpu_seconds", "Time on a processor, all threads", self.cpu.as_secs_f64())?;
        page.gauge("process_resident_memory_bytes", "Resident memory", self.rss_bytes as f64)?;
        page.gauge("process_threads", "Threads", self.threads as f64)?;
        page.gauge("process_open_fds", "Open file descriptors", self.open_files as f64)
    }
}

impl Collector for Reading {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        self.service(&mut page)?;
        self.calls(&mut page)?;
        self.media(&mut page)
    }
}

impl Reading {
    fn service(&self, page: &mut Page<'_>) -> fmt::Result {
        page.gauges("build_info", "Always 1; the version is its label", "version", [(about::VERSION, 1.0)])?;
        page.gauge("uptime_seconds", "Time since the start", self.uptime.as_secs_f64())?;
        if let Some(space) = self.space {
            page.gauge("disk_size_bytes", "Size of the disk for recordings", space.total as f64)?;
            page.gauge("disk_available_bytes", "What may still be written there", space.available as f64)?;
            page.gauge("disk_used_ratio", "What is used of what can be used", space.usage_percent / 100.0)?;
        }
        let (lines, mac) = &self.audit;
        let help = "Lines ever written to the audit log; the label is the MAC of the last one";
        let mut family = page.0.encode_descriptor("audit_head_lines", help, None, MetricType::Gauge)?;
        // Whole, as `audit verify --head` takes it.
        ConstGauge::new(*lines as i64).encode(family.encode_family(&[("mac", mac.as_str())])?)?;
        let (open, websockets) = self.connections;
        page.gauges(
            "connections",
            "Open connections",
            "kind",
            [("websocket", websockets as f64), ("http", open.saturating_sub(websockets) as f64)],
        )
    }

    fn calls(&self, page: &mut Page<'_>) -> fmt::Result {
        let of = |value: fn(&super::rpc::OfMethod) -> u64| {
            self.calls.iter().map(move |of| (of.name, value(of))).collect::<Vec<_>>()
        };
        page.counters("rpc_requests", "Requests that came", "method", of(|of| of.requests))?;
        page.counters("rpc_errors", "Requests answered with an error", "method", of(|of| of.errors))?;
        let help = "Time from a request to its answer";
        let mut family =
            page.0.encode_descriptor("rpc_duration_seconds", help, None, MetricType::Histogram)?;
        for of in self.calls.iter().filter(|of| of.requests > 0) {
            let bounds = BOUNDS_US.iter().map(|us| *us as f64 / 1e6).chain([f64::MAX]);
            let buckets: Vec<(f64, u64)> = bounds.zip(of.took.buckets).collect();
            let sum = of.took.sum_us as f64 / 1e6;
            let labels = [("method", of.name)];
            let mut histogram = family.encode_family(&labels)?;
            histogram.encode_histogram::<NoLabelSet>(sum, of.took.count(), &buckets, None)?;
        }
        Ok(())
    }

    fn media(&self, page: &mut Page<'_>) -> fmt::Result {
        let states = [CameraStatus::Connected, CameraStatus::Disconnected, CameraStatus::Error];
        let in_state =
            states.map(|status| (wire::camera_status(status).to_lowercase(), self.cameras_in(status) as f64));
        page.gauges("cameras", "Cameras by state", "state", in_state)?;
        let streams: Vec<_> = self.cameras.iter().filter_map(|(_, stream)| stream.as_ref()).collect();
        let live = streams.iter().filter(|stream| stream.state == StreamState::Live).count();
        page.gauge("streams_live", "Streams whose pictures flow", live as f64)?;
        let ids: Vec<String> = streams.iter().map(|stream| stream.id.to_string()).collect();
        let readers = streams.iter().map(|stream| f64::from(stream.readers));
        page.gauges("stream_readers", "Viewers", "camera", ids.iter().zip(readers))?;
        let frames = streams.iter().map(|stream| stream.frames);
        page.counters("stream_frames", "Pictures from the source", "camera", ids.iter().zip(frames))?;
        let bytes = streams.iter().map(|stream| stream.bytes_sent);
        page.counters("stream_sent_bytes", "Media sent to viewers", "camera", ids.iter().zip(bytes))?;
        let ages = ids.iter().zip(&streams);
        let ages = ages.filter_map(|(id, stream)| Some((id, stream.last_frame_age?.as_secs_f64())));
        page.gauges("stream_last_frame_age_seconds", "Age of the newest picture", "camera", ages)?;
        page.gauge("recordings_active", "Recordings under way", self.recorded.len() as f64)?;
        let counts = self.counts;
        let count = |count: u64| count as f64;
        page.counter("recordings_started", "Recordings that began", count(counts.recordings_started))?;
        let help = "Recordings that ended before their time";
        page.counter("recordings_cut_short", help, count(counts.recordings_cut_short))?;
        page.counter("snapshots_taken", "Snapshots that were kept", count(counts.snapshots_taken))?;
        page.counter("snapshots_failed", "Snapshots that could not be taken", count(counts.snapshots_failed))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use control::{CameraId, api::Counts};

    use super::*;
    use crate::metrics::rpc::Calls;

    #[test]
    fn a_reading_is_a_page_of_prometheus() {
        let calls = Calls::new();
        calls.end(calls.begin("ping"), true);
        calls.end(calls.begin("nonsense"), false);
        let text = encode(Reading {
            taken_at: SystemTime::now(),
            uptime: Duration::from_millis(1500),
            process: Process {
                cpu: Duration::from_millis(250),
                rss_bytes: 1 << 20,
                threads: 7,
                open_files: 12,
                memory_percent: 40.0,
            },
            cpu_percent: 10.0,
            space: None,
            connections: (3, 2),
            calls: calls.read(),
            cameras: Vec::new(),
            recorded: vec![CameraId(0)],
            counts: Counts { snapshots_taken: 4, ..Counts::default() },
            audit: (7, "ab12".into()),
        });
        for line in [
            "camera_service_audit_head_lines{mac=\"ab12\"} 7",
            "# TYPE camera_service_uptime_seconds gauge",
            "camera_service_uptime_seconds 1.5",
            "process_cpu_seconds_total 0.25",
            "process_threads 7.0",
            "camera_service_connections{kind=\"websocket\"} 2.0",
            "camera_service_connections{kind=\"http\"} 1.0",
            "camera_service_rpc_requests_total{method=\"ping\"} 1",
            "camera_service_rpc_errors_total{method=\"(unknown)\"} 1",
            "camera_service_rpc_duration_seconds_bucket{method=\"ping\",le=\"+Inf\"} 1",
            "camera_service_rpc_duration_seconds_count{method=\"ping\"} 1",
            "camera_service_cameras{state=\"connected\"} 0.0",
            "camera_service_recordings_active 1.0",
            "camera_service_snapshots_taken_total 4.0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("disk_"), "a disk that does not answer has no figures");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let value = line.rsplit_once(' ').map(|(_, value)| value.parse::<f64>());
            assert!(matches!(value, Some(Ok(_))), "{line}");
        }
    }
}
