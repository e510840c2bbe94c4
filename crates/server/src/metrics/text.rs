//! Prometheus' text (format 0.0.4): how a family is written. Which families there are, `families` knows.

use std::fmt;

use control::histogram::{BOUNDS_US, Distribution};
use prometheus_client::{
    encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet, prometheus_text},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use super::reading::Reading;
use crate::{rpc::Service, wire::Error};

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

/// Writes families one after the other. A family without values is told all the same: what it is, whoever
/// makes a dashboard wants to know before there is any.
pub(super) struct Page<'a>(DescriptorEncoder<'a>);

impl<'a> Page<'a> {
    pub(super) fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Self(encoder)
    }

    /// One value; `None`: there is none now.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: impl Into<Option<f64>>) -> fmt::Result {
        let family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        match value.into() {
            Some(value) => ConstGauge::new(value).encode(family),
            None => Ok(()),
        }
    }

    pub(super) fn counter(&mut self, name: &str, help: &str, count: u64) -> fmt::Result {
        let family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        ConstCounter::new(count).encode(family)
    }

    /// What grows, and is not whole.
    pub(super) fn seconds(&mut self, name: &str, help: &str, sum: f64) -> fmt::Result {
        let family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        ConstCounter::new(sum).encode(family)
    }

    /// One value for each label, which the help names too.
    pub(super) fn gauges<L: AsRef<str>>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (L, f64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, &by(help, label), None, MetricType::Gauge)?;
        for (value_of, value) in values {
            ConstGauge::new(value).encode(family.encode_family(&[(label, value_of.as_ref())])?)?;
        }
        Ok(())
    }

    /// One count for each label.
    pub(super) fn counters<L: AsRef<str>>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (L, u64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, &by(help, label), None, MetricType::Counter)?;
        for (value_of, value) in values {
            ConstCounter::new(value).encode(family.encode_family(&[(label, value_of.as_ref())])?)?;
        }
        Ok(())
    }

    /// Durations; `None`: none are measured here.
    pub(super) fn durations(&mut self, name: &str, help: &str, took: Option<&Distribution>) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        match took {
            Some(took) => {
                family.encode_histogram::<NoLabelSet>(sum(took), took.count(), &buckets(took), None)
            }
            None => Ok(()),
        }
    }

    /// Durations for each label.
    pub(super) fn durations_by<'v>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'v str, &'v Distribution)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, &by(help, label), None, MetricType::Histogram)?;
        for (value_of, took) in values {
            let labels = [(label, value_of)];
            let mut histogram = family.encode_family(&labels)?;
            histogram.encode_histogram::<NoLabelSet>(sum(took), took.count(), &buckets(took), None)?;
        }
        Ok(())
    }

    /// One whole number that is told apart by a label.
    pub(super) fn labelled(
        &mut self,
        name: &str,
        help: &str,
        (label, value_of): (&str, &str),
        value: i64,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, &by(help, label), None, MetricType::Gauge)?;
        ConstGauge::new(value).encode(family.encode_family(&[(label, value_of)])?)
    }
}

/// Where a family has a label, its help ends with it: documents are made of that.
fn by(help: &str, label: &str) -> String {
    format!("{help}, by {label}")
}

fn sum(took: &Distribution) -> f64 {
    took.sum_us as f64 / 1e6
}

fn buckets(took: &Distribution) -> Vec<(f64, u64)> {
    let bounds = BOUNDS_US.iter().map(|us| *us as f64 / 1e6).chain([f64::INFINITY]);
    bounds.zip(took.buckets).collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use std::collections::BTreeSet;

    use control::{
        CameraId,
        api::Counts,
        events::{Event, News},
    };

    use super::*;
    use crate::{
        events::Hub,
        metrics::{process::Process, rpc::Calls},
    };

    #[test]
    fn a_reading_is_a_page_of_prometheus() {
        let calls = Calls::new();
        calls.end(calls.begin("ping"), true);
        calls.end(calls.begin("nonsense"), false);
        let hub = Hub::new("e", 9, control::api::Health::default());
        hub.publish(News::now(Event::Startup));
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
            durable_ages: vec![(CameraId(0), Duration::from_millis(250))],
            counts: Counts { snapshots_taken: 4, ..Counts::default() },
            events: hub.counted(),
            mediamtx: None,
            bridges: vec![("webhook", [5, 6, 8])],
            audit: (7, "ab12".into()),
        });
        for line in [
            "camera_service_bridge_events_delivered_total{bridge=\"webhook\"} 5",
            "camera_service_bridge_events_given_up_total{bridge=\"webhook\"} 6",
            "camera_service_bridge_events_dropped_total{bridge=\"webhook\"} 8",
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
            "camera_service_snapshots_taken_total 4",
            "camera_service_recording_durable_age_seconds{camera=\"camera0\"} 0.25",
            "camera_service_events_published_total{topic=\"system.startup\"} 1",
            "camera_service_event_delay_seconds_count 0",
            "camera_service_event_queue_depth 0.0",
            "camera_service_retention_deleted_files_total 0",
            "# HELP camera_service_cameras Cameras, by state",
            "# TYPE camera_service_mediamtx_request_duration_seconds histogram",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let absent = ["camera_service_disk", "camera_service_mediamtx", "camera_service_retention_last"];
        for sample in &samples {
            assert!(!absent.iter().any(|name| sample.starts_with(name)), "nobody knows of {sample}");
        }
        let types: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
        assert_eq!(types.iter().collect::<BTreeSet<_>>().len(), types.len(), "each family is told once");
        let bounds = "camera_service_event_delay_seconds_bucket";
        let bounds = samples.iter().filter(|sample| sample.starts_with(bounds)).count();
        assert_eq!(bounds, BOUNDS_US.len() + 1, "the last one is +Inf, once: {text}");
        for line in samples {
            let value = line.rsplit_once(' ').map(|(_, value)| value.parse::<f64>());
            assert!(matches!(value, Some(Ok(_))), "{line}");
        }
    }
}
