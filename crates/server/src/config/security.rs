//! Section `security`: whose tokens are believed, for how long, and from which pages.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use control::settings::{Section, Settings};

use super::{marks::Marks, rate_limit};
use crate::security::{Limits, Secret, origin};

/// Which viewers must show a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MediaAuth {
    /// Those of other machines.
    NonLoopback,
    /// All.
    Always,
}

/// The checked section.
#[derive(Debug, Clone)]
pub(crate) struct Security {
    /// `None`: the data folder holds it.
    pub(crate) secret: Option<Secret>,
    /// Believed, but nothing is signed with them any more.
    pub(crate) previous: Vec<Secret>,
    /// Life of a token that is issued without `--ttl`.
    pub(crate) jwt_expiry: Duration,
    /// A token issued longer ago is refused, whatever its `exp`.
    pub(crate) max_token_age: Duration,
    pub(crate) issuer: Option<String>,
    pub(crate) audience: Option<String>,
    /// `None`: `api_keys.json` in the data folder.
    pub(crate) api_keys_file: Option<PathBuf>,
    /// How much a session may ask.
    pub(crate) limits: Limits,
    /// A connection must show a good credential within this time.
    pub(crate) auth_timeout: Duration,
    /// Wrong credentials of one address in a minute.
    pub(crate) max_auth_failures: u32,
    /// Pages of these origins may connect, besides our own.
    pub(crate) allowed_origins: Vec<String>,
    /// Names under which this service may be reached, besides addresses and localhost.
    pub(crate) allowed_hosts: Vec<String>,
    pub(crate) media_auth: MediaAuth,
}

impl Security {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let mut section = settings.section("security");
        let file = section.opt_text("jwt_secret_file").map(PathBuf::from);
        let text = section.secret("jwt_secret");
        let secret = match (file, text) {
            (None, None) => None,
            (Some(file), None) => noted(&mut section, "jwt_secret_file", Secret::from_file(&file)),
            (None, Some(text)) => noted(&mut section, "jwt_secret", Secret::new(&text)),
            (Some(_), Some(_)) => {
                section.problem("jwt_secret", "jwt_secret and jwt_secret_file exclude each other");
                None
            }
        };
        let mut previous = Vec::new();
        for file in section.texts("previous_secret_files") {
            previous.extend(noted(
                &mut section,
                "previous_secret_files",
                Secret::from_file(&PathBuf::from(file)),
            ));
        }
        let (second, decade) = (Duration::from_secs(1), Duration::from_hours(24 * 3650));
        let short = Duration::from_millis(100);
        let config = Self {
            secret,
            previous,
            jwt_expiry: section.duration_in("jwt_expiry", "24h", second..=decade),
            max_token_age: section.duration_in("max_token_age", "30d", second..=decade),
            issuer: section.opt_text("jwt_issuer"),
            audience: section.opt_text("jwt_audience"),
            api_keys_file: section.opt_text("api_keys_file").map(PathBuf::from),
            limits: rate_limit::read(&mut section),
            auth_timeout: section.duration_in("auth_timeout", "30s", short..=Duration::from_hours(1)),
            max_auth_failures: section.integer("max_auth_failures", 20, 1..=10_000) as u32,
            allowed_origins: section.texts("allowed_origins"),
            allowed_hosts: section.texts("allowed_hosts"),
            media_auth: section.choice(
                "media_auth",
                &[("non_loopback", MediaAuth::NonLoopback), ("always", MediaAuth::Always)],
            ),
        };
        for wrong in config.allowed_origins.iter().filter(|text| !origin::is_origin(text)) {
            let what = format!("`{wrong}` is not an origin such as https://console.example.org");
            section.problem("allowed_origins", what);
        }
        for wrong in config.allowed_hosts.iter().filter(|text| !origin::is_host_name(text)) {
            let what = format!("`{wrong}` is not a host name without a port, such as camera.example.org");
            section.problem("allowed_hosts", what);
        }
        config
    }

    /// Where API keys lie.
    pub(crate) fn api_keys_file(&self, data_dir: &Path) -> PathBuf {
        self.api_keys_file.clone().unwrap_or_else(|| data_dir.join("api_keys.json"))
    }

    /// Notes what stands in the files, so that a reload can name the key of one that changed.
    pub(crate) fn mark(&self, marks: &mut Marks) {
        if let Some(secret) = &self.secret {
            marks.note_bytes("security.jwt_secret_file", secret.bytes());
        }
        for secret in &self.previous {
            marks.note_bytes("security.previous_secret_files", secret.bytes());
        }
    }
}

fn noted<T>(section: &mut Section<'_>, key: &str, outcome: Result<T, String>) -> Option<T> {
    outcome.map_err(|what| section.problem(key, what)).ok()
}
