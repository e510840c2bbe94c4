//! The whole configuration: from defaults, a file and the environment to one checked value. Finds and
//! reads; what a key of another room means is that room's business.

mod beside;
mod events;
mod file;
mod fuzzing;
mod logging;
mod marks;
mod metrics;
mod origins;
mod rate_limit;
mod security;
mod websocket;

use std::{ffi::OsString, path::PathBuf, time::Duration};

use control::settings::{Origin, Problem, Settings, Shown};
use serde_json::{Map, Value};

pub(crate) use events::Events;
pub use fuzzing::fuzz;
pub(crate) use logging::{AuditLog, Format, Level, Logging};
use marks::Marks;
pub(crate) use metrics::Metrics;
pub(crate) use security::{MediaAuth, Security};
pub(crate) use websocket::WebSocket;

/// Where to look.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// `--config`.
    pub(crate) file: Option<PathBuf>,
    /// The environment, all of it.
    pub(crate) env: Vec<(OsString, OsString)>,
    /// Values that a command itself insists on; they win.
    pub(crate) insist: Vec<(&'static str, Value)>,
}

impl Sources {
    /// The file named on the command line and this process's environment.
    pub(crate) fn of_process(file: Option<PathBuf>) -> Self {
        Self { file, env: std::env::vars_os().collect(), insist: Vec::new() }
    }
}

/// Everything that can be configured, checked.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) websocket: WebSocket,
    pub(crate) security: Security,
    pub(crate) logging: Logging,
    pub(crate) audit: AuditLog,
    pub(crate) metrics: Metrics,
    pub(crate) events: Events,
    /// Longest time from the signal to the end.
    pub(crate) shutdown_timeout: Duration,
    pub(crate) control: control::Config,
}

/// A configuration with what is needed to show it, and to compare it with another.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    /// Every key that was read.
    pub(crate) shown: Vec<Shown>,
    marks: Marks,
}

impl Loaded {
    /// Keys whose values differ in `newer`, hidden ones included.
    pub(crate) fn differing(&self, newer: &Self) -> Vec<String> {
        marks::differing((&self.shown, &self.marks), (&newer.shown, &newer.marks))
    }
}

/// Reads and checks everything; opens nothing but the files it names. One run tells every mistake.
pub(crate) fn load(sources: &Sources) -> Result<Loaded, Vec<Problem>> {
    load_and(sources, |_, _| {})
}

/// The same, and looks at what the configuration relies on: whatever keeps the service from starting is
/// a mistake too.
pub(crate) fn check(sources: &Sources) -> Result<Loaded, Vec<Problem>> {
    load_and(sources, beside::look)
}

type Also = fn(&Config, &mut Settings);

fn load_and(sources: &Sources, also: Also) -> Result<Loaded, Vec<Problem>> {
    // What was set through the API lies in a folder that the configuration names.
    let loaded = load_with(sources, &Map::new(), also)?;
    let set = control::state::read(loaded.config.control.data_dir()).map_err(|cause| {
        let what = format!("what was set through the API cannot be read: {cause}");
        vec![Problem { key: "state.json".into(), what }]
    })?;
    if set.is_empty() {
        return Ok(loaded);
    }
    load_with(sources, &set, also).map_err(|problems| {
        let hint = |mut problem: Problem| {
            if set.contains_key(&problem.key) {
                let drop =
                    format!(" (set through the API; `camera-service state reset {}` drops it)", problem.key);
                problem.what.push_str(&drop);
            }
            problem
        };
        problems.into_iter().map(hint).collect()
    })
}

/// The data folder, even when what was set through the API there is a mistake.
pub(crate) fn data_dir(sources: &Sources) -> Result<PathBuf, Vec<Problem>> {
    load_with(sources, &Map::new(), |_, _| {}).map(|loaded| loaded.config.control.data_dir().to_owned())
}

fn load_with(sources: &Sources, set: &Map<String, Value>, also: Also) -> Result<Loaded, Vec<Problem>> {
    let tree = match &sources.file {
        None => Value::Object(Map::new()),
        Some(path) => {
            file::read(path).map_err(|what| vec![Problem { key: path.display().to_string(), what }])?
        }
    };
    load_over(tree, sources, set, also)
}

/// The same of what a file held.
fn load_over(
    tree: Value,
    sources: &Sources,
    set: &Map<String, Value>,
    also: Also,
) -> Result<Loaded, Vec<Problem>> {
    let mut settings = Settings::default();
    let mut marks = Marks::default();
    marks.note("", &tree);
    settings.overlay(tree, Origin::File);
    for (key, value) in origins::from_env(&sources.env, &mut settings) {
        marks.note(&key, &value);
        settings.put(&key, value, Origin::Env);
    }
    for (key, value) in set {
        settings.put(key, value.clone(), Origin::Api);
    }
    for (key, value) in &sources.insist {
        settings.put(key, value.clone(), Origin::Env);
    }
    let config = Config {
        websocket: WebSocket::read(&mut settings),
        security: Security::read(&mut settings),
        logging: Logging::read(&mut settings),
        audit: AuditLog::read(&mut settings),
        metrics: Metrics::read(&mut settings),
        events: Events::read(&mut settings),
        shutdown_timeout: settings.top().duration_in(
            "shutdown_timeout",
            "10s",
            Duration::from_secs(1)..=Duration::from_mins(10),
        ),
        control: control::Config::read(&mut settings),
    };
    also(&config, &mut settings);
    let shown = settings.finish()?;
    config.security.mark(&mut marks);
    config.events.mark(&mut marks);
    Ok(Loaded { config, shown, marks })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn with(file: Option<&Path>, env: &[(&str, &str)]) -> Result<Loaded, Vec<Problem>> {
        load(&Sources {
            file: file.map(Path::to_owned),
            env: env.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            insist: Vec::new(),
        })
    }

    fn keys(problems: Result<Loaded, Vec<Problem>>) -> Vec<String> {
        problems.unwrap_err().into_iter().map(|problem| problem.key).collect()
    }

    #[test]
    fn the_defaults_are_the_contract() {
        let loaded = with(None, &[]).unwrap();
        assert_eq!(loaded.config.shutdown_timeout, Duration::from_secs(10));
        let line = |key: &str| {
            let shown = loaded.shown.iter().find(|shown| shown.key == key).unwrap();
            format!("{} {}", shown.value, shown.origin.as_str())
        };
        for (key, want) in [
            ("websocket.host", "127.0.0.1 default"),
            ("websocket.port", "8002 default"),
            ("websocket.max_connections", "4096 default"),
            ("websocket.max_connections_per_address", "64 default"),
            ("websocket.read_timeout", "60s default"),
            ("websocket.write_timeout", "10s default"),
            ("websocket.ping_interval", "30s default"),
            ("websocket.max_message_size", "1MiB default"),
            ("websocket.max_in_flight", "32 default"),
            ("websocket.max_queue", "256 default"),
            ("security.jwt_secret", "null default"),
            ("security.jwt_expiry", "24h default"),
            ("security.max_token_age", "30d default"),
            ("security.auth_timeout", "30s default"),
            ("security.max_auth_failures", "20 default"),
            ("security.allowed_hosts", "[] default"),
            ("security.media_auth", "non_loopback default"),
            ("security.api_keys_file", "null default"),
            ("security.rate_limit.requests_per_second", "50 default"),
            ("security.rate_limit.burst", "200 default"),
            ("security.rate_limit.methods.take_snapshot.per_second", "5 default"),
            ("security.rate_limit.methods.take_snapshot.burst", "10 default"),
            ("security.rate_limit.methods.start_recording.per_second", "2 default"),
            ("security.rate_limit.methods.start_recording.burst", "4 default"),
            ("security.rate_limit.methods.authenticate.per_second", "1 default"),
            ("security.rate_limit.methods.authenticate.burst", "5 default"),
            ("logging.level", "info default"),
            ("logging.format", "json default"),
            ("logging.audit.file", "null default"),
            ("logging.audit.max_file_size", "10MiB default"),
            ("logging.audit.retention_days", "90 default"),
            ("logging.file", "null default"),
            ("logging.max_file_size", "10MiB default"),
            ("logging.backup_count", "5 default"),
            ("metrics.allow_from", "[] default"),
            ("events.webhook.url", "null default"),
            ("events.webhook.secret_file", "null default"),
            ("events.webhook.topics", "[\"*\"] default"),
            ("events.webhook.ca_file", "null default"),
            ("events.webhook.timeout", "10s default"),
            ("events.webhook.give_up_after", "1h default"),
            ("events.webhook.max_queue", "1000 default"),
            ("events.mqtt.host", "null default"),
            ("events.mqtt.port", "null default"),
            ("events.mqtt.tls", "false default"),
            ("events.mqtt.user", "null default"),
            ("events.mqtt.password_file", "null default"),
            ("events.mqtt.client_id", "null default"),
            ("events.mqtt.topic_prefix", "camera-service default"),
            ("events.mqtt.qos", "1 default"),
            ("events.mqtt.max_queue", "1000 default"),
            ("media.backend", "embedded default"),
            ("media.public_host", "null default"),
            ("mediamtx.api_url", "http://127.0.0.1:9997 default"),
            ("mediamtx.host", "127.0.0.1 default"),
            ("mediamtx.rtsp_port", "8554 default"),
            ("mediamtx.webrtc_port", "8889 default"),
            ("mediamtx.hls_port", "8888 default"),
            ("mediamtx.feed", "127.0.0.1:8564 default"),
            ("mediamtx.request_timeout", "5s default"),
            ("mediamtx.health_interval", "5s default"),
        ] {
            assert_eq!(line(key), want, "{key}");
        }
    }

    #[test]
    fn file_then_environment() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c.yaml");
        std::fs::write(&file, "websocket:\n  port: 9000\n  max_in_flight: 4\nsecurity:\n").unwrap();
        let env = [("CAMERA_SERVICE__WEBSOCKET__PORT", "9001"), ("UNRELATED__X", "1")];
        let loaded = with(Some(&file), &env).unwrap();
        assert_eq!((loaded.config.websocket.port, loaded.config.websocket.max_in_flight), (9001, 4));
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c.yaml");
        let text = "websocket: {port: 70000, hots: x, read_timeout: 1s}\nsecurity: {jwt_secret: short}\n\
                    nonsense: 1\nmedia: {backend: other}\nmetrics: {allow_from: [10.0.0.0/33]}\n";
        std::fs::write(&file, text).unwrap();
        let found = keys(with(Some(&file), &[("CAMERA_SERVICE__LOGGING__LEVEL", "loud")]));
        for key in [
            "websocket.port",
            "websocket.hots",
            "websocket.read_timeout",
            "security.jwt_secret",
            "nonsense",
            "media.backend",
            "logging.level",
            "metrics.allow_from",
        ] {
            assert!(found.iter().any(|found| found == key), "{key} is missing in {found:?}");
        }
        assert_eq!(found.len(), 8, "{found:?}");
    }

    #[test]
    fn what_was_set_through_the_api_wins_and_is_shown() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c.yaml");
        let text =
            format!("storage: {{data_dir: {}, retention: {{max_age_days: 9}}}}\n", dir.path().display());
        std::fs::write(&file, text).unwrap();
        let state = dir.path().join("state.json");
        std::fs::write(&state, r#"{"storage.retention.max_age_days": 7}"#).unwrap();
        let loaded = with(Some(&file), &[]).unwrap();
        let shown = loaded.shown.iter().find(|shown| shown.key == "storage.retention.max_age_days").unwrap();
        assert_eq!((shown.value.as_str(), shown.origin), ("7", Origin::Api));
        std::fs::write(&state, r#"{"storage.retention.max_days": 7}"#).unwrap();
        let problems = with(Some(&file), &[]).unwrap_err();
        assert!(problems[0].what.contains("state reset storage.retention.max_days"), "{problems:?}");
        std::fs::write(&state, "{").unwrap();
        assert_eq!(keys(with(Some(&file), &[])), ["state.json"]);
    }

    #[test]
    fn a_missing_file_is_named() {
        assert_eq!(keys(with(Some(Path::new("no/such.yaml")), &[])), ["no/such.yaml"]);
    }

    #[test]
    fn differences_are_told_by_key_even_of_secrets() {
        let dir = tempfile::tempdir().unwrap();
        let (file, secret) = (dir.path().join("c.yaml"), dir.path().join("s"));
        let text = |port: u32, password: &str, level: &str| {
            std::fs::write(
                &file,
                format!(
                    "websocket: {{port: {port}}}\nlogging: {{level: {level}}}\nsecurity: {{jwt_secret_file: {}}}\n\
                     camera: {{sources: [{{name: A, url: 'rtsp://u:{password}@host/'}}]}}\n",
                    secret.display()
                ),
            )
            .unwrap();
        };
        std::fs::write(&secret, "0123456789012345678901234567890123456789").unwrap();
        text(8002, "one", "info");
        let older = with(Some(&file), &[]).unwrap();
        assert_eq!(older.differing(&with(Some(&file), &[]).unwrap()), [""; 0]);
        std::fs::write(&secret, "9876543210987654321098765432109876543210").unwrap();
        text(8003, "two", "info");
        let found = older.differing(&with(Some(&file), &[]).unwrap());
        assert_eq!(found, ["camera.sources[0].url", "security.jwt_secret_file", "websocket.port"]);
    }
}
