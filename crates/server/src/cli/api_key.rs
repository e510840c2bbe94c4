//! `api-key`: makes, lists and revokes keys in the file the service reads, whether it runs or not.

use std::{
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use clap::{Args, Subcommand};
use control::CameraId;
use tokio::sync::watch;

use super::{say, token_issue};
use crate::{
    app::Failure,
    config::{self, Sources},
    security::{ApiKey, KeyOrder, Keyring, Role, Scope, judge_name},
    wire,
};

#[derive(Subcommand)]
pub(super) enum ApiKeyCommand {
    /// Make a key: the key alone on stdout, shown this once; its id on stderr
    Create(Create),
    /// List all keys
    List(List),
    /// Revoke a key: a running service ends its sessions within a second
    Revoke(Revoke),
}

#[derive(Args)]
pub(super) struct Create {
    /// viewer, operator or admin
    #[arg(long, value_name = "ROLE", value_parser = token_issue::role)]
    role: Role,
    /// Whose it is, as the log will name them
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: String,
    /// Only these cameras; for the holder there are no others
    #[arg(long, value_name = "ID,..", value_delimiter = ',', value_parser = token_issue::camera)]
    cameras: Option<Vec<CameraId>>,
    /// How long it is good, such as 90d (else until it is revoked)
    #[arg(long, value_name = "TIME", value_parser = token_issue::ttl)]
    expires: Option<Duration>,
    /// YAML file of the service
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct List {
    /// YAML file of the service
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct Revoke {
    /// The id, as `create` and `list` print it
    id: String,
    /// YAML file of the service
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

fn name(text: &str) -> Result<String, String> {
    judge_name(text).map(|()| text.to_owned()).map_err(str::to_owned)
}

pub(super) fn run(command: ApiKeyCommand) -> Result<(), Failure> {
    match command {
        ApiKeyCommand::Create(create) => make(create),
        ApiKeyCommand::List(List { config }) => {
            say(&table(&keyring(config)?.list(), SystemTime::now()));
            Ok(())
        }
        ApiKeyCommand::Revoke(Revoke { id, config }) => {
            match keyring(config)?.revoke(&id, |_| true) {
                Ok(true) => {
                    eprintln!("{id} is revoked");
                    Ok(())
                }
                // The id is not repeated: it could be the key itself, and stderr is kept somewhere.
                Ok(false) => Err(Failure::Start("there is no API key of this id".into())),
                Err(trouble) => Err(Failure::Start(trouble.to_string())),
            }
        }
    }
}

fn make(Create { role, name, cameras, expires, config }: Create) -> Result<(), Failure> {
    let now = SystemTime::now();
    let scope = cameras.map_or(Scope::All, |cameras| Scope::Only(cameras.into_iter().collect()));
    let order = KeyOrder { name, role, scope, expires_at: expires.map(|expires| now + expires) };
    let made = keyring(config)?.create(order, now).map_err(|trouble| Failure::Start(trouble.to_string()))?;
    eprintln!("{}", made.key.id);
    say(&made.text);
    Ok(())
}

/// The keys of the service that this configuration is for. Its data folder may not have been made yet.
fn keyring(file: Option<PathBuf>) -> Result<Keyring, Failure> {
    let config = config::load(&Sources::of_process(file)).map_err(Failure::Config)?.config;
    let dir = config.control.data_dir();
    if config.security.api_keys_file.is_none() {
        DirBuilder::new().recursive(true).mode(0o750).create(dir).map_err(|cause| {
            Failure::Start(format!("the data folder {} cannot be made: {cause}", dir.display()))
        })?;
    }
    // Nobody in this process listens for changes.
    Keyring::open(config.security.api_keys_file(dir), watch::Sender::new(0)).map_err(|what| {
        Failure::Config(vec![control::settings::Problem { key: "security.api_keys_file".into(), what }])
    })
}

/// One line a key.
fn table(keys: &[ApiKey], now: SystemTime) -> String {
    let mut lines = vec![format!(
        "{:16}  {:8}  {:24}  {:24}  {:24}  NAME, CAMERAS",
        "ID", "ROLE", "CREATED", "LAST USED", "EXPIRES"
    )];
    for key in keys {
        let or_never = |time: Option<SystemTime>| time.map_or_else(|| "never".to_owned(), wire::time);
        let end = match key.expires_at {
            _ if key.revoked => "revoked".to_owned(),
            Some(at) if at <= now => "expired".to_owned(),
            end => or_never(end),
        };
        let cameras = match &key.scope {
            Scope::All => "all".to_owned(),
            Scope::Only(ids) => ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        };
        let (created, used) = (wire::time(key.created_at), or_never(key.last_used_at));
        let (id, role, name) = (&key.id, key.role.as_str(), &key.name);
        lines.push(format!("{id:16}  {role:8}  {created:24}  {used:24}  {end:24}  {name}, {cameras}"));
    }
    lines.join("\n")
}
