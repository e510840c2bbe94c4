//! docs/metrics.md, made of the page for Prometheus that a service serves: every family, its type, unit, label and
//! meaning. Nothing is known here that the page does not say, but for what Prometheus' name endings mean.

use std::{collections::BTreeMap, fmt::Write as _};

use testkit::{Http, Setup, token::Role};

/// What stands above the table.
const HEAD: &str = "\
# Metrics

Made by `make docs` of the page that the service serves at `GET /metrics`: change the code, not this page. Who may read the page, and how
Prometheus is set up, is in [operating.md](operating.md#health-and-metrics). A dashboard for Grafana is
[packaging/grafana/camera-service.json](../packaging/grafana/camera-service.json).

- A family that has no value now has no line on the page: a disk that does not answer, MediaMTX where it does not serve the viewers, the
  frame rate of a stream that does not run.
- Counters begin at 0 with each start of the service. A histogram `x` has `x_bucket`, `x_sum` and `x_count`; its buckets end at 50 us to 30 s.
- Labels are closed lists, whatever clients send: names that are no method's share `(unknown)`. Only `mac` is another one with each line of the
  audit log.

| Name | Type | Unit | Label | Meaning |
|---|---|---|---|---|
";

/// What the endings of names mean, the longest first. (Prometheus, "Metric and label naming".)
const UNITS: [(&str, &str); 10] = [
    ("_frames_per_second", "frames a second"),
    ("_bytes_per_second", "bytes a second"),
    ("_timestamp_seconds", "Unix time, seconds"),
    ("_seconds_total", "seconds"),
    ("_seconds", "seconds"),
    ("_bytes_total", "bytes"),
    ("_bytes", "bytes"),
    ("_ratio", "0 to 1"),
    ("_info", "1"),
    ("", "count"),
];

/// What a service without cameras serves.
pub(crate) async fn served() -> Result<String, String> {
    let service = Setup::new().start().await;
    let bearer = format!("Bearer {}", service.token(Role::Admin).await);
    let answer = Http::connect(&service).await.get("/metrics", &[("authorization", &bearer)]).await;
    match answer.status {
        200 => Ok(answer.text()),
        status => Err(format!("/metrics answered {status}: {}", answer.text())),
    }
}

/// The document.
pub(crate) fn page(served: &str) -> Result<String, String> {
    let mut page = HEAD.to_owned();
    for (name, (kind, help)) in families(served)? {
        let unit = UNITS.iter().find(|(ending, _)| name.ends_with(ending)).map_or("", |(_, unit)| unit);
        let by = help.rsplit_once(", by ").filter(|(_, label)| !label.contains(' '));
        let (help, label) = by.map_or((help, String::new()), |(help, label)| (help, format!("`{label}`")));
        let help = help.replace('|', "\\|");
        writeln!(page, "| `{name}` | {kind} | {unit} | {label} | {help} |").map_err(|e| e.to_string())?;
    }
    Ok(page)
}

/// Type and help of each family.
fn families(served: &str) -> Result<BTreeMap<&str, (&str, &str)>, String> {
    let mut families = BTreeMap::new();
    let told =
        |line: &'static str| served.lines().filter_map(move |text| text.strip_prefix(line)?.split_once(' '));
    for (name, kind) in told("# TYPE ") {
        families.insert(name, (kind, ""));
    }
    for (name, help) in told("# HELP ") {
        families.get_mut(name).ok_or_else(|| format!("{name} has no type"))?.1 = help;
    }
    match families.iter().find(|(_, (_, help))| help.is_empty()) {
        Some((name, _)) => Err(format!("{name} has no help")),
        None => Ok(families),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_for_each_family() {
        let served = "# HELP b_seconds_total Time, all of it\n# TYPE b_seconds_total counter\nb_seconds_total 1\n\
                      # HELP a_per Things, by camera\n# TYPE a_per gauge\n";
        let page = page(served).unwrap();
        let rows = "| `a_per` | gauge | count | `camera` | Things |\n\
                    | `b_seconds_total` | counter | seconds |  | Time, all of it |\n";
        assert!(page.ends_with(rows), "{page}");
        assert!(families("# TYPE a gauge\n").is_err(), "no help");
        assert!(families("# HELP a b\n").is_err(), "no type");
    }
}
