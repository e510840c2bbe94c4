//! What a configuration relies on and does not hold: files and folders without which the service does not
//! start, or does not do what it should. Looked at by `check`; whoever serves reads them anyway.

use std::{
    fs::File,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use control::settings::Settings;
use tokio::sync::watch;

use super::Config;
use crate::security::{Keyring, Revoked, Secret, kept_in};

/// Notes what is wrong there.
pub(super) fn look(config: &Config, settings: &mut Settings) {
    let data_dir = config.control.data_dir();
    let mut note = |key: &str, outcome: Result<(), String>| {
        if let Err(what) = outcome {
            settings.problem(key, what);
        }
    };
    let security = &config.security;
    if security.secret.is_none() {
        let made = kept_in(data_dir);
        let read = || Secret::from_file(&made).map(drop);
        note("security.jwt_secret", if is_readable(&made) { read() } else { Ok(()) });
    }
    let keys = security.api_keys_file(data_dir);
    if is_readable(&keys) || security.api_keys_file.is_some() {
        note("security.api_keys_file", Keyring::open(keys, watch::Sender::new(0)).map(drop));
    }
    if is_readable(&data_dir.join("revoked_tokens.json")) {
        let revoked = Revoked::open(data_dir, security.max_token_age, watch::Sender::new(0));
        note("revoked_tokens.json", revoked.map(drop));
    }
    note("logging.file", config.logging.file.as_deref().map_or(Ok(()), folder_is_there));
    let audit = config.audit.place(data_dir).file;
    // The data folder is made at the first start.
    if audit.parent() != Some(data_dir) {
        note("logging.audit.file", folder_is_there(&audit));
    }
}

/// What is not there yet is made; what another user may not read says nothing about the one who serves.
fn is_readable(file: &Path) -> bool {
    File::open(file).is_ok()
}

fn folder_is_there(file: &Path) -> Result<(), String> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| PathBuf::from("."));
    match std::fs::metadata(&folder) {
        Ok(meta) if meta.is_dir() => Ok(()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        _ => Err(format!("must lie in a folder that is there; {} is none", folder.display())),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::{Sources, check};

    #[test]
    fn what_would_keep_the_service_from_starting_is_told_with_all_other_mistakes() {
        let dir = tempfile::tempdir().unwrap();
        let (file, data) = (dir.path().join("c.yaml"), dir.path().join("data"));
        let keys = |text: &str| -> Vec<String> {
            fs::write(&file, text).unwrap();
            let sources = Sources { file: Some(file.clone()), ..Sources::default() };
            check(&sources).err().unwrap_or_default().into_iter().map(|problem| problem.key).collect()
        };
        let plain = format!("storage: {{data_dir: {}}}\n", data.display());
        assert_eq!(keys(&plain), [""; 0], "no folder yet: the first start makes it");
        fs::create_dir(&data).unwrap();
        for name in ["jwt_secret", "api_keys.json", "revoked_tokens.json"] {
            fs::write(data.join(name), "weak").unwrap();
        }
        let none = dir.path().join("none/log");
        let text = format!(
            "{plain}websocket: {{port: many}}\nlogging: {{file: {none}, audit: {{file: {none}}}}}\n",
            none = none.display()
        );
        let all = [
            "websocket.port",
            "security.jwt_secret",
            "security.api_keys_file",
            "revoked_tokens.json",
            "logging.file",
            "logging.audit.file",
        ];
        assert_eq!(keys(&text), all);
        // Another file was named, and a secret given.
        let text = format!(
            "{plain}security: {{jwt_secret: '{}', api_keys_file: {}}}\n",
            "x".repeat(32),
            file.display()
        );
        assert_eq!(keys(&text), ["security.api_keys_file", "revoked_tokens.json"]);
    }
}
