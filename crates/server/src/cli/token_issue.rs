//! `token issue`: a token alone on stdout, signed by the secret the service uses. Never makes one.

use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};

use clap::Args;
use control::CameraId;

use super::say;
use crate::{
    app::Failure,
    config::{self, Sources},
    security::{self, Role, Secret, Tokens, kept_in},
};

/// A token that lives longer than ten years is a mistake.
const MAX_TTL: Duration = Duration::from_hours(24 * 3650);

#[derive(Args)]
pub(super) struct Issue {
    /// viewer, operator or admin
    #[arg(long, value_name = "ROLE", value_parser = role)]
    role: Role,
    /// Who it is for, as the log will name them
    #[arg(long, value_name = "NAME", default_value = "cli")]
    user: String,
    /// How long it is good, such as 8h or 30d (else as `security.jwt_expiry` says)
    #[arg(long, value_name = "TIME", value_parser = ttl)]
    ttl: Option<Duration>,
    /// Only these cameras; for the holder there are no others
    #[arg(long, value_name = "ID,..", value_delimiter = ',', value_parser = camera)]
    cameras: Option<Vec<CameraId>>,
    /// YAML file of the service
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| "must be viewer, operator or admin".into())
}

pub(super) fn ttl(text: &str) -> Result<Duration, String> {
    let ttl = control::units::parse_duration(text);
    ttl.filter(|ttl| (Duration::from_secs(1)..=MAX_TTL).contains(ttl))
        .ok_or_else(|| "must be a time such as 90s, 8h or 30d, at least a second".into())
}

pub(super) fn camera(text: &str) -> Result<CameraId, String> {
    text.parse().map_err(|_| "must be a camera id such as camera0".into())
}

pub(super) fn run(issue: Issue) -> Result<(), Failure> {
    let config = config::load(&Sources::of_process(issue.config)).map_err(Failure::Config)?.config;
    let ttl = issue.ttl.unwrap_or(config.security.jwt_expiry);
    if ttl > config.security.max_token_age {
        eprintln!("note: security.max_token_age ends it before its ttl does");
    }
    let secret = match config.security.secret.clone() {
        Some(secret) => secret,
        None => kept(&config)?,
    };
    let order = security::Issue { user: issue.user, role: issue.role, ttl, cameras: issue.cameras };
    let token =
        Tokens::new(&secret, &config.security).issue(&order, SystemTime::now()).map_err(Failure::Start)?;
    say(&token);
    Ok(())
}

/// The secret the service made for itself.
fn kept(config: &config::Config) -> Result<Secret, Failure> {
    let path = kept_in(config.control.data_dir());
    if !path.exists() {
        return Err(Failure::Start(format!(
            "there is no secret to sign with: security.jwt_secret_file and security.jwt_secret are not set, and \
             there is no {}; `camera-service serve` makes one at its first start",
            path.display()
        )));
    }
    Secret::from_file(&path).map_err(|what| {
        Failure::Config(vec![control::settings::Problem { key: "security.jwt_secret".into(), what }])
    })
}
