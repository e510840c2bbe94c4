//! The configuration read again while the service runs: checked as a whole, then applied as a whole, and
//! told key by key. What cannot be applied is named; a mistake changes nothing.

use std::{collections::BTreeSet, sync::Arc};

use control::settings::{Origin, Problem};

use crate::{
    app::App,
    audit::Outcome,
    config::{self, Loaded, Sources},
    live::Values,
    logging::Logs,
};

/// What the service runs by, and where the next configuration is found.
pub(crate) struct Reload {
    app: Arc<App>,
    logs: Logs,
    sources: Sources,
    /// As it was at the start: what keys that need a restart are compared with.
    started: Loaded,
    /// As it was applied last.
    applied: Option<Loaded>,
}

/// Keys that changed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Changed {
    live: Vec<String>,
    need_restart: Vec<String>,
}

impl Reload {
    pub(crate) fn new(app: Arc<App>, logs: Logs, sources: Sources, started: Loaded) -> Self {
        Self { app, logs, sources, started, applied: None }
    }

    /// The file on the command line.
    pub(crate) fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Reads again and applies what can be. Blocks on the disk.
    pub(crate) fn look_again(&mut self) {
        let outcome = config::load(&self.sources).and_then(|newer| {
            let prepared = self.logs.prepare(&newer.config.logging);
            let prepared = prepared.map_err(|what| vec![Problem { key: "logging.file".into(), what }])?;
            // The last that may fail, and by itself all or nothing: limits, and the file of keys.
            let access = self.app.service.access.reconfigure(&newer.config.security);
            access.map_err(|what| vec![Problem { key: "security.api_keys_file".into(), what }])?;
            Ok((newer, prepared))
        });
        let (newer, logs) = match outcome {
            Ok(checked) => checked,
            Err(problems) => {
                let keys: Vec<String> = problems.iter().map(|problem| problem.key.clone()).collect();
                self.app.service.audit.reloaded(&keys, Outcome::Refused);
                for Problem { key, what } in problems {
                    tracing::error!(key, what, "the configuration is wrong; nothing was changed");
                }
                return;
            }
        };
        let applied = self.applied.as_ref().unwrap_or(&self.started);
        let changed = changed(&self.started, applied, &newer);
        // From here on nothing fails. What has not changed is applied too: to no effect.
        self.logs.apply(logs);
        self.app.live.set(Values::of(&newer.config));
        self.app.service.controller.reconfigure(&newer.config.control);
        let keys: Vec<String> = changed.live.iter().chain(&changed.need_restart).cloned().collect();
        if !keys.is_empty() {
            self.app.service.audit.reloaded(&keys, Outcome::Done);
        }
        tell(&changed);
        self.applied = Some(newer);
    }
}

fn tell(changed: &Changed) {
    if *changed == Changed::default() {
        tracing::info!("the configuration is unchanged");
    }
    for key in &changed.live {
        tracing::warn!(key, "changed in the configuration; applied");
    }
    for key in &changed.need_restart {
        tracing::warn!(key, "changed in the configuration; it needs a restart");
    }
}

/// What changed since it was applied, and what since the start.
fn changed(started: &Loaded, applied: &Loaded, newer: &Loaded) -> Changed {
    // What is set through the API holds from the moment it is set.
    let by_api: BTreeSet<&str> = newer
        .shown
        .iter()
        .filter(|shown| shown.origin == Origin::Api)
        .map(|shown| shown.key.as_str())
        .collect();
    let mut live = applied.differing(newer);
    live.retain(|key| is_live(key) && !by_api.contains(key.as_str()));
    let mut need_restart = started.differing(newer);
    need_restart.retain(|key| !is_live(key));
    Changed { live, need_restart }
}

/// Can a change of this key be applied while the service runs?
fn is_live(key: &str) -> bool {
    const KEYS: [&str; 6] = [
        "camera.sources",
        "camera.scan_interval",
        "security.allowed_origins",
        "security.allowed_hosts",
        "security.max_auth_failures",
        "metrics.allow_from",
    ];
    let in_section = |section| key.strip_prefix(section).is_some_and(|rest: &str| rest.starts_with('.'));
    let audit = in_section("logging.audit");
    let source = key.starts_with("camera.sources[");
    let sections = ["camera.names", "camera.controls", "storage.retention", "security.rate_limit", "logging"];
    KEYS.contains(&key) || source || sections.into_iter().any(in_section) && !audit
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn load(file: &PathBuf, text: &str) -> Loaded {
        std::fs::write(file, text).unwrap();
        config::load(&Sources { file: Some(file.clone()), env: Vec::new(), insist: Vec::new() }).unwrap()
    }

    #[test]
    fn keys_are_told_apart() {
        for key in [
            "logging.level",
            "logging.file",
            "storage.retention.interval",
            "security.allowed_origins",
            "camera.sources",
            "camera.sources[0].url",
            "camera.names.camera3",
            "camera.controls.camera3.brightness",
            "security.rate_limit.methods.take_snapshot.burst",
        ] {
            assert!(is_live(key), "{key}");
        }
        for key in [
            "logging.audit.file",
            "loggings.x",
            "storage.retentions",
            "websocket.port",
            "camera.overrides[0].fps",
        ] {
            assert!(!is_live(key), "{key}");
        }
    }

    #[test]
    fn a_restart_is_asked_for_until_it_comes_and_the_rest_told_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c.yaml");
        let data = format!("storage: {{data_dir: {}}}\n", dir.path().display());
        let started = load(&file, &data);
        let second = load(&file, &format!("{data}logging: {{level: debug}}\nwebsocket: {{port: 9000}}\n"));
        let told = |live: &[&str], need_restart: &[&str]| {
            let owned = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect();
            Changed { live: owned(live), need_restart: owned(need_restart) }
        };
        assert_eq!(changed(&started, &started, &second), told(&["logging.level"], &["websocket.port"]));
        assert_eq!(changed(&started, &second, &second), told(&[], &["websocket.port"]));
        let back = load(&file, &data);
        assert_eq!(changed(&started, &second, &back), told(&["logging.level"], &[]));
    }

    #[test]
    fn what_the_api_has_set_holds_already() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c.yaml");
        let data = format!("storage: {{data_dir: {}}}\n", dir.path().display());
        let started = load(&file, &data);
        std::fs::write(dir.path().join("state.json"), r#"{"storage.retention.max_age_days": 7}"#).unwrap();
        let newer = load(&file, &data);
        assert_eq!(started.differing(&newer), ["storage.retention.max_age_days"]);
        assert_eq!(changed(&started, &started, &newer), Changed::default());
    }
}
