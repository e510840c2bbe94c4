//! Section `events`: where events go by themselves. Off unless a receiver is named.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use control::settings::{Section, Settings};

use super::marks::Marks;
use crate::{
    bridges::{MqttTo, Patience, Qos, Receivers, Share, SigningKey, Target, Trust, WebhookTo},
    events::Wish,
    rpc::correlation_id,
    security::Secret,
};

/// The checked section.
#[derive(Debug, Clone)]
pub(crate) struct Events {
    /// Boxed: a configuration travels through many hands.
    pub(crate) to: Box<Receivers>,
    /// What stands in files, by key, so that a reload can name the key of one that changed.
    secrets: Vec<(&'static str, Secret)>,
}

impl Events {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let mut secrets = Vec::new();
        let webhook = webhook(&mut settings.section("events.webhook"), &mut secrets);
        let mqtt = mqtt(&mut settings.section("events.mqtt"), &mut secrets);
        Self { to: Box::new(Receivers { webhook, mqtt }), secrets }
    }

    /// Notes what stands in files.
    pub(crate) fn mark(&self, marks: &mut Marks) {
        for (key, secret) in &self.secrets {
            marks.note_bytes(key, secret.bytes());
        }
    }
}

fn webhook(
    section: &mut Section<'_>,
    secrets: &mut Vec<(&'static str, Secret)>,
) -> Option<(WebhookTo, Share)> {
    let url = section.secret("url");
    let secret_file = section.opt_text("secret_file").map(PathBuf::from);
    let ca_file = section.opt_text("ca_file").map(PathBuf::from);
    let share = share(section);
    let secret = secret_file
        .and_then(|file| Secret::from_file(&file).map_err(|what| section.problem("secret_file", what)).ok());
    let key = secret
        .as_ref()
        .and_then(|secret| SigningKey::of(secret).map_err(|what| section.problem("secret_file", what)).ok());
    secrets.extend(secret.map(|secret| ("events.webhook.secret_file", secret)));
    let url = url?;
    let Some(key) = key else {
        section.problem(
            "secret_file",
            "is needed beside events.webhook.url: what is not signed is not believed",
        );
        return None;
    };
    let mut distrust = None;
    let to = WebhookTo::new(&url, key, || trust(ca_file.as_deref(), &mut distrust));
    match (to, distrust) {
        (Ok(to), _) => Some((to, share)),
        (Err(_), Some(what)) => {
            section.problem("ca_file", what);
            None
        }
        (Err(what), None) => {
            section.problem("url", what);
            None
        }
    }
}

fn mqtt(section: &mut Section<'_>, secrets: &mut Vec<(&'static str, Secret)>) -> Option<(MqttTo, Share)> {
    let host = section.opt_text("host");
    let port = section.opt_integer("port", 1..=65_535);
    let has_tls = section.boolean("tls", false);
    let ca_file = section.opt_text("ca_file").map(PathBuf::from);
    let user = section.opt_text("user");
    let password_file = section.opt_text("password_file").map(PathBuf::from);
    let client_id = section.opt_text("client_id");
    let topic_prefix = section.text("topic_prefix", "camera-service");
    let qos = section.choice("qos", &[("1", Qos::AtLeastOnce), ("0", Qos::AtMostOnce)]);
    let share = share(section);
    // Section 1.5.3: a text has up to 65,535 bytes, and a topic is longer than its prefix.
    let is_good = |text: &str| (1..=200).contains(&text.len()) && !text.contains(char::is_control);
    for (key, text) in [("host", &host), ("client_id", &client_id), ("user", &user)] {
        if text.as_deref().is_some_and(|text| !is_good(text)) {
            section.problem(key, "must have 1 to 200 bytes, none of them a control character");
        }
    }
    if !is_good(&topic_prefix) || topic_prefix.contains(['+', '#']) || topic_prefix.starts_with('$') {
        section.problem("topic_prefix", "must have 1 to 200 bytes, no + or # in it and no $ in front");
    }
    if password_file.is_some() && user.is_none() {
        // Section 3.1.2.9.
        section.problem("user", "is needed beside events.mqtt.password_file");
    }
    let password = password_file.and_then(|file| {
        Secret::password_from_file(&file).map_err(|what| section.problem("password_file", what)).ok()
    });
    secrets.extend(password.clone().map(|password| ("events.mqtt.password_file", password)));
    let host = host?;
    let tls = if has_tls {
        Some(Trust::new(ca_file.as_deref()).map_err(|what| section.problem("ca_file", what)).ok()?)
    } else {
        None
    };
    // As registered with IANA: mqtt and secure-mqtt.
    let port = port.map_or(if has_tls { 8883 } else { 1883 }, |port| port as u16);
    let to = MqttTo {
        target: Target { host, port, tls },
        // Section 3.1.3.1: up to 23 letters and digits are good with every broker.
        client_id: client_id.unwrap_or_else(|| format!("camera{}", correlation_id())),
        user,
        password,
        topic_prefix,
        qos,
    };
    Some((to, share))
}

/// Notes why there is none under the key it belongs to.
fn trust(ca_file: Option<&Path>, distrust: &mut Option<String>) -> Result<Trust, String> {
    Trust::new(ca_file).inspect_err(|what| *distrust = Some(what.clone()))
}

/// What every bridge has.
fn share(section: &mut Section<'_>) -> Share {
    let second = Duration::from_secs(1);
    let topics = section.texts_or("topics", &["*"]);
    let mut wishes = Vec::with_capacity(topics.len());
    for topic in &topics {
        match Wish::parse(topic) {
            Some(wish) => wishes.push(wish),
            None => section.problem("topics", format!("`{topic}` is no topic; see docs/events.md, or `*`")),
        }
    }
    if topics.is_empty() {
        section.problem("topics", "must name a topic, a group such as camera.*, or *");
    }
    Share {
        topics: wishes,
        max_queue: section.integer("max_queue", 1000, 1..=65_536) as usize,
        patience: Patience {
            attempt: section.duration_in("timeout", "10s", second / 10..=Duration::from_mins(5)),
            give_up_after: section.duration_in("give_up_after", "1h", second..=Duration::from_hours(24)),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use control::settings::{Origin, Settings};

    use super::*;

    fn read(events: &Value) -> Result<(Receivers, Vec<String>), Vec<String>> {
        let mut settings = Settings::default();
        settings.overlay(json!({"events": events}), Origin::File);
        let events = Events::read(&mut settings);
        let told = |problem: control::settings::Problem| problem.to_string();
        let shown =
            settings.finish().map_err(|problems| problems.into_iter().map(told).collect::<Vec<_>>())?;
        Ok((*events.to, shown.into_iter().map(|shown| format!("{} {}", shown.key, shown.value)).collect()))
    }

    #[test]
    fn off_unless_a_receiver_is_named_and_nothing_secret_is_shown() {
        let (events, shown) = read(&json!({"webhook": null})).unwrap();
        assert!(events.webhook.is_none() && events.mqtt.is_none());
        assert!(shown.contains(&"events.webhook.topics [\"*\"]".to_owned()), "{shown:?}");
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("s");
        std::fs::write(&file, "0123456789abcdef0123456789abcdef").unwrap();
        let url = "http://ann:hunter2@127.0.0.1:9/in?token=hunter2";
        let (events, shown) = read(&json!({
            "webhook": {"url": url, "secret_file": file},
            "mqtt": {"host": "127.0.0.1", "user": "ann", "password_file": file},
        }))
        .unwrap();
        assert!(
            events.webhook.is_some() && events.mqtt.as_ref().is_some_and(|(to, _)| to.target.port == 1883)
        );
        let text = format!("{events:?} {shown:?}");
        assert!(!text.contains("hunter2") && !text.contains("0123456789abcdef"), "{text}");
    }

    #[test]
    fn mistakes_are_told_by_key_and_quote_no_password() {
        let dir = tempfile::tempdir().unwrap();
        let (good, weak) = (dir.path().join("good"), dir.path().join("weak"));
        std::fs::write(&good, "0123456789abcdef0123456789abcdef").unwrap();
        std::fs::write(&weak, "hunter2").unwrap();
        let with = |section: &str, keys: &Value, key: &str| {
            let problems = read(&json!({section: keys})).unwrap_err();
            assert!(problems[0].starts_with(&format!("events.{section}.{key}: ")), "{keys}: {problems:?}");
            assert!(!format!("{problems:?}").contains("hunter2"), "{problems:?}");
        };
        for (webhook, key) in [
            (json!({"url": "http://127.0.0.1/"}), "secret_file"),
            (json!({"url": "http://127.0.0.1/", "secret_file": weak}), "secret_file"),
            (json!({"url": "ftp://a:hunter2@b/", "secret_file": good}), "url"),
            (json!({"url": "//a:hunter2@b/", "secret_file": good}), "url"),
            (json!({"url": "http://a:hunter2@b:99999/", "secret_file": good}), "url"),
            (json!({"url": "https://b/", "secret_file": good, "ca_file": weak}), "ca_file"),
            (json!({"topics": ["camera.gone"]}), "topics"),
            (json!({"topics": []}), "topics"),
            (json!({"max_queue": 0}), "max_queue"),
            (json!({"timeout": "1ms"}), "timeout"),
        ] {
            with("webhook", &webhook, key);
        }
        for (mqtt, key) in [
            (json!({"host": "h", "topic_prefix": "a/+"}), "topic_prefix"),
            (json!({"host": "h", "topic_prefix": "$SYS"}), "topic_prefix"),
            (json!({"host": "h", "password_file": good}), "user"),
            (json!({"host": "h", "user": "u", "password_file": dir.path().join("none")}), "password_file"),
            (json!({"host": "h", "tls": true, "ca_file": weak}), "ca_file"),
            (json!({"host": "h", "client_id": ""}), "client_id"),
            (json!({"host": ""}), "host"),
            (json!({"host": "h", "qos": 2}), "qos"),
            (json!({"port": 0}), "port"),
        ] {
            with("mqtt", &mqtt, key);
        }
    }
}
