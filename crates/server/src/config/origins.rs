//! Values from the environment: `CAMERA_SERVICE__SECTION__KEY=text`.

use std::ffi::OsString;

use control::settings::Settings;
use serde_json::Value;

const PREFIX: &str = "CAMERA_SERVICE__";

/// Every value the environment sets, by dotted key and sorted. What cannot be one is noted in
/// `settings`.
pub(crate) fn from_env(env: &[(OsString, OsString)], settings: &mut Settings) -> Vec<(String, Value)> {
    let mut values = Vec::new();
    for (name, value) in env {
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
        let key = rest.split("__").map(str::to_lowercase).collect::<Vec<_>>().join(".");
        if rest.is_empty() || key.split('.').any(str::is_empty) {
            settings.problem(&format!("{PREFIX}{rest}"), "must be CAMERA_SERVICE__SECTION__KEY");
            continue;
        }
        match value.to_str() {
            // An empty variable is how a shell unsets one for a single command.
            Some("") => {}
            Some(text) => values.push((key, Value::String(text.to_owned()))),
            None => settings.problem(&key, "must be UTF-8"),
        }
    }
    values.sort_by(|a, b| a.0.cmp(&b.0));
    values
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn names_become_keys() {
        let mut settings = Settings::default();
        let env = [
            ("CAMERA_SERVICE__WEBSOCKET__PORT", "1"),
            ("CAMERA_SERVICE__STREAM__VIEWING__CLOSE_AFTER", "1s"),
            ("CAMERA_SERVICE__SHUTDOWN_TIMEOUT", "9s"),
            ("CAMERA_SERVICE__LOGGING__LEVEL", ""),
            ("CAMERA_SERVICE_OTHER", "x"),
            ("PATH", "x"),
        ]
        .map(|(name, value)| (name.into(), value.into()));
        let keys: Vec<_> = from_env(&env, &mut settings).into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["shutdown_timeout", "stream.viewing.close_after", "websocket.port"]);
        assert!(settings.finish().is_ok());
    }

    #[test]
    fn what_is_no_value_is_a_mistake() {
        for (name, value) in [
            ("CAMERA_SERVICE__", b"1".to_vec()),
            ("CAMERA_SERVICE__A____B", b"1".to_vec()),
            ("CAMERA_SERVICE__A__B", vec![0xff]),
        ] {
            let mut settings = Settings::default();
            let values = from_env(&[(name.into(), OsString::from_vec(value))], &mut settings);
            assert!(values.is_empty() && settings.finish().is_err(), "{name}");
        }
    }
}
