//! Reading configuration so that one run shows every mistake: a tree of values from defaults, file,
//! environment and API, typed getters that note problems instead of failing, and a list of what was
//! read with its origin. Each room reads its own sections; nothing here knows a key.

use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

use serde_json::{Map, Value};

use crate::units::{self, Size};

/// Where a value came from; later wins over earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Built in.
    Default,
    /// The configuration file.
    File,
    /// `CAMERA_SERVICE__SECTION__KEY`.
    Env,
    /// Set through the API and kept in the data folder.
    Api,
}

impl Origin {
    /// The word `config show` prints.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Env => "env",
            Self::Api => "api",
        }
    }
}

/// One mistake: the key and what is allowed there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Full key, such as `websocket.port`.
    pub key: String,
    /// What is wrong and what is allowed.
    pub what: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.key, self.what)
    }
}

/// One value as read, for `config show`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Full key.
    pub key: String,
    /// The value as it could stand in a file; secrets are hidden.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

/// A value whose kind is not known before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Anything else.
    Text(String),
}

/// All values before they are checked, and what checking them found.
#[derive(Debug, Default)]
pub struct Settings {
    root: Map<String, Value>,
    origins: BTreeMap<String, Origin>,
    problems: Vec<Problem>,
    shown: Vec<Shown>,
}

impl Settings {
    /// Lays `value` over what is there, object by object; anything but an object replaces.
    pub fn overlay(&mut self, value: Value, origin: Origin) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    self.put(&key, value, origin);
                }
            }
            Value::Null => {}
            _ => self.problem("(file)", "must be a mapping of sections"),
        }
    }

    /// Sets one value by its dotted key.
    pub fn put(&mut self, key: &str, value: Value, origin: Origin) {
        if let Value::Object(map) = value {
            for (inner, value) in map {
                self.put(&format!("{key}.{inner}"), value, origin);
            }
            return;
        }
        let mut parts: Vec<&str> = key.split('.').collect();
        let last = parts.pop().unwrap_or_default();
        let mut at = &mut self.root;
        for part in parts {
            let slot = at.entry(part).or_insert_with(|| Value::Object(Map::new()));
            if !slot.is_object() {
                *slot = Value::Object(Map::new());
            }
            let Value::Object(next) = slot else { unreachable!("just made an object") };
            at = next;
        }
        at.insert(last.to_owned(), value);
        self.origins.insert(key.to_owned(), origin);
    }

    /// Notes a mistake found by whoever knows the meaning of a key.
    pub fn problem(&mut self, key: &str, what: impl Into<String>) {
        self.problems.push(Problem { key: key.to_owned(), what: what.into() });
    }

    /// The part below `name` (dotted for deeper ones).
    pub fn section(&mut self, name: &str) -> Section<'_> {
        Section { settings: self, prefix: format!("{name}.") }
    }

    /// The part without a section.
    pub fn top(&mut self) -> Section<'_> {
        Section { settings: self, prefix: String::new() }
    }

    /// Ends reading: keys nobody asked for are mistakes too. Returns what was read, or every mistake.
    pub fn finish(mut self) -> Result<Vec<Shown>, Vec<Problem>> {
        let mut left = Vec::new();
        leaves("", &Value::Object(std::mem::take(&mut self.root)), &mut left);
        for (key, empty) in left {
            let below = format!("{key}.");
            let is_section = self.shown.iter().any(|shown| shown.key.starts_with(&below));
            match (is_section, empty) {
                // `websocket:` with every line below it commented out.
                (true, true) => {}
                (true, false) => self.problem(&key, "must be a mapping of keys"),
                (false, _) => self.problem(&key, "unknown key"),
            }
        }
        if self.problems.is_empty() { Ok(self.shown) } else { Err(self.problems) }
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        let mut parts: Vec<&str> = key.split('.').collect();
        let last = parts.pop()?;
        let mut at = &mut self.root;
        for part in parts {
            at = at.get_mut(part)?.as_object_mut()?;
        }
        at.remove(last)
    }
}

/// One text as it stands in a list of a file: quoted if YAML could take it for something else.
fn in_list(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    if begins && text.chars().all(plain) { text.to_owned() } else { Value::from(text).to_string() }
}

/// Keys of all that is no mapping, and whether nothing stands there.
fn leaves(prefix: &str, value: &Value, out: &mut Vec<(String, bool)>) {
    let Value::Object(map) = value else {
        out.push((prefix.to_owned(), value.is_null()));
        return;
    };
    for (key, value) in map {
        leaves(&if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") }, value, out);
    }
}

/// One section being read. Every getter consumes its key and returns a usable value even when a
/// mistake was noted, so that reading goes on to the next mistake.
#[derive(Debug)]
pub struct Section<'a> {
    settings: &'a mut Settings,
    prefix: String,
}

impl Section<'_> {
    /// A section inside this one.
    pub fn section(&mut self, name: &str) -> Section<'_> {
        Section { prefix: format!("{}{name}.", self.prefix), settings: self.settings }
    }

    /// Notes a mistake about `key` of this section.
    pub fn problem(&mut self, key: &str, what: impl Into<String>) {
        let key = format!("{}{key}", self.prefix);
        self.settings.problem(&key, what);
    }

    /// Does anything stand there that was not read yet?
    pub fn has(&self, key: &str) -> bool {
        let full = format!("{}{key}", self.prefix);
        let mut parts = full.split('.');
        let first = parts.next().and_then(|part| self.settings.root.get(part));
        let found = parts.fold(first, |at, part| at?.get(part));
        found.is_some_and(|value| !value.is_null())
    }

    /// Text, such as a host name.
    pub fn text(&mut self, key: &str, default: &str) -> String {
        self.parsed(key, default, "text", |text| Some(text.to_owned()))
    }

    /// Text that may be absent (`null`).
    pub fn opt_text(&mut self, key: &str) -> Option<String> {
        self.optional(key, false)
    }

    /// Like [`Self::opt_text`], but never shown.
    pub fn secret(&mut self, key: &str) -> Option<String> {
        self.optional(key, true)
    }

    /// A duration ([`units::parse_duration`]).
    pub fn duration(&mut self, key: &str, default: &str) -> Duration {
        self.parsed(
            key,
            default,
            "a duration such as 250ms, 10s, 5m, 24h, 30d or seconds",
            units::parse_duration,
        )
    }

    /// A duration within bounds.
    pub fn duration_in(&mut self, key: &str, default: &str, range: RangeInclusive<Duration>) -> Duration {
        let (low, high) = (units::format_duration(*range.start()), units::format_duration(*range.end()));
        self.parsed(key, default, &format!("a duration from {low} to {high}"), |text| {
            units::parse_duration(text).filter(|d| range.contains(d))
        })
    }

    /// A size in bytes, or a rate in bits a second ([`units::parse_size`]).
    pub fn size(&mut self, key: &str, default: &str, range: RangeInclusive<u64>) -> u64 {
        let allowed = format!("a size such as 600k, 1M, 1MiB, from {} to {}", range.start(), range.end());
        self.parsed(key, default, &allowed, |text| units::parse_size(text).filter(|n| range.contains(n)))
    }

    /// The same where nothing may be given.
    pub fn opt_size(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let text = self.opt_text(key)?;
        let size = units::parse_size(&text).filter(|size| range.contains(size));
        if size.is_none() {
            let allowed = format!("a size such as 600k, 1M, 1MiB, from {} to {}", range.start(), range.end());
            self.problem(key, format!("`{text}` is not {allowed}"));
        }
        size
    }

    /// A whole number within bounds.
    pub fn integer(&mut self, key: &str, default: u64, range: RangeInclusive<u64>) -> u64 {
        let allowed = format!("a whole number from {} to {}", range.start(), range.end());
        self.parsed(key, &default.to_string(), &allowed, |text| {
            text.parse().ok().filter(|n| range.contains(n))
        })
    }

    /// A number within bounds, whole or not.
    pub fn number(&mut self, key: &str, default: f64, range: RangeInclusive<f64>) -> f64 {
        let allowed = format!("a number from {} to {}", range.start(), range.end());
        self.parsed(key, &default.to_string(), &allowed, |text| {
            text.parse().ok().filter(|n| range.contains(n))
        })
    }

    /// Like [`Self::number`], but may be absent (`null`).
    pub fn opt_number(&mut self, key: &str, range: RangeInclusive<f64>) -> Option<f64> {
        let text = self.optional(key, false)?;
        let number = text.parse().ok().filter(|n| range.contains(n));
        if number.is_none() {
            let (low, high) = (range.start(), range.end());
            self.problem(key, format!("`{text}` is not a number from {low} to {high}, or null"));
        }
        number
    }

    /// Like [`Self::integer`], but may be absent (`null`).
    pub fn opt_integer(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let text = self.optional(key, false)?;
        let number = text.parse().ok().filter(|n| range.contains(n));
        if number.is_none() {
            let (low, high) = (range.start(), range.end());
            self.problem(key, format!("`{text}` is not a whole number from {low} to {high}, or null"));
        }
        number
    }

    /// A TCP or UDP port; 0 lets the system choose.
    pub fn port(&mut self, key: &str, default: u16) -> u16 {
        self.integer(key, u64::from(default), 0..=65535) as u16
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &str, default: bool) -> bool {
        self.parsed(key, if default { "true" } else { "false" }, "true or false", |text| text.parse().ok())
    }

    /// One word of a closed set; the first is the default.
    pub fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> T {
        let allowed = choices.iter().map(|c| c.0).collect::<Vec<_>>().join(", ");
        self.parsed(key, choices[0].0, &format!("one of {allowed}"), |text| {
            choices.iter().find(|c| c.0 == text).map(|c| c.1)
        })
    }

    /// A picture size such as `1280x720`.
    pub fn picture_size(&mut self, key: &str, default: &str) -> Size {
        self.parsed(key, default, "WIDTHxHEIGHT, both even, 16 to 8192", Size::parse)
    }

    /// `HOST:PORT` with a numeric address.
    pub fn address(&mut self, key: &str, default: &str) -> std::net::SocketAddr {
        self.parsed(key, default, "an address such as 127.0.0.1:8554", |text| text.parse().ok())
    }

    /// A list of texts. The environment holds it as JSON or separated by commas.
    pub fn texts(&mut self, key: &str) -> Vec<String> {
        self.texts_or(key, &[])
    }

    /// The same with a default. An empty list is a value.
    pub fn texts_or(&mut self, key: &str, default: &[&str]) -> Vec<String> {
        let full = format!("{}{key}", self.prefix);
        let origin = self.settings.origins.get(&full).copied().unwrap_or(Origin::Default);
        let items = match self.settings.take(&full) {
            None | Some(Value::Null) => Some(default.iter().map(|&text| text.to_owned()).collect()),
            Some(Value::String(text)) if text.trim_start().starts_with('[') => {
                serde_json::from_str::<Vec<String>>(&text).ok()
            }
            Some(Value::String(text)) => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                Some(parts.map(str::to_owned).collect())
            }
            Some(Value::Array(items)) => {
                items.into_iter().map(|item| item.as_str().map(str::to_owned)).collect()
            }
            Some(_) => None,
        };
        if items.is_none() {
            self.settings.problem(&full, "must be a list of texts");
        }
        let items = items.unwrap_or_default();
        let shown: Vec<_> = items.iter().map(|item| in_list(item)).collect();
        self.show(&full, format!("[{}]", shown.join(", ")), origin);
        items
    }

    /// A mapping whose keys are not known before, to texts.
    pub fn entries(&mut self, key: &str) -> Vec<(String, String)> {
        let full = format!("{}{key}", self.prefix);
        let map = self.mapping(&full);
        let mut entries = Vec::with_capacity(map.len());
        for (name, value) in map {
            let at = format!("{full}.{name}");
            let origin = self.settings.origins.get(&at).copied().unwrap_or(Origin::Default);
            match value {
                Value::String(text) => {
                    self.show(&at, text.clone(), origin);
                    entries.push((name, text));
                }
                Value::Null => {}
                _ => self.settings.problem(&at, "must be text"),
            }
        }
        entries
    }

    /// A mapping of mappings, of which neither keys nor kinds of values are known before. The environment can only hold
    /// text: what reads as a number there, or as `true` or `false`, is one.
    pub fn groups(&mut self, key: &str) -> Vec<(String, Vec<(String, Scalar)>)> {
        let full = format!("{}{key}", self.prefix);
        let groups = self.mapping(&full);
        let mut read = Vec::with_capacity(groups.len());
        for (name, group) in groups {
            let at = format!("{full}.{name}");
            let mut scalars = Vec::new();
            for (name, value) in self.mapping_of(&at, Some(group)) {
                scalars.extend(self.scalar(&format!("{at}.{name}"), value).map(|scalar| (name, scalar)));
            }
            read.push((name, scalars));
        }
        read
    }

    fn scalar(&mut self, full: &str, value: Value) -> Option<Scalar> {
        let origin = self.settings.origins.get(full).copied().unwrap_or(Origin::Default);
        let scalar = match value {
            Value::Null => return None,
            Value::Bool(flag) => Some(Scalar::Boolean(flag)),
            Value::Number(number) => number.as_i64().map(Scalar::Integer),
            Value::String(text) if origin == Origin::Env => Some(match (text.parse(), text.parse()) {
                (Ok(number), _) => Scalar::Integer(number),
                (_, Ok(flag)) => Scalar::Boolean(flag),
                _ => Scalar::Text(text),
            }),
            Value::String(text) => Some(Scalar::Text(text)),
            Value::Array(_) | Value::Object(_) => None,
        };
        let shown = match &scalar {
            Some(Scalar::Boolean(flag)) => flag.to_string(),
            Some(Scalar::Integer(number)) => number.to_string(),
            Some(Scalar::Text(text)) => text.clone(),
            None => {
                self.settings.problem(full, "must be a whole number, true, false or text");
                return None;
            }
        };
        self.show(full, shown, origin);
        scalar
    }

    fn mapping(&mut self, full: &str) -> Map<String, Value> {
        let value = self.settings.take(full);
        self.mapping_of(full, value)
    }

    fn mapping_of(&mut self, full: &str, value: Option<Value>) -> Map<String, Value> {
        match value {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(map)) => map,
            Some(_) => {
                self.settings.problem(full, "must be a mapping of keys");
                Map::new()
            }
        }
    }

    /// A list of mappings, each read by `read` (which may return `None` after noting a problem).
    pub fn list<T>(&mut self, key: &str, mut read: impl FnMut(&mut Section<'_>) -> Option<T>) -> Vec<T> {
        let full = format!("{}{key}", self.prefix);
        let origin = self.settings.origins.get(&full).copied().unwrap_or(Origin::Default);
        let items = match self.settings.take(&full) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) => items,
            // The environment can only hold text: a list stands there as JSON.
            Some(Value::String(text)) => {
                let Ok(Value::Array(items)) = serde_json::from_str(&text) else {
                    self.settings.problem(&full, "must be a list");
                    return Vec::new();
                };
                items
            }
            Some(_) => {
                self.settings.problem(&full, "must be a list");
                return Vec::new();
            }
        };
        let mut out = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let mut inner = Settings::default();
            inner.overlay(item, origin);
            out.extend(read(&mut inner.top()));
            let prefix = format!("{full}[{index}]");
            match inner.finish() {
                Ok(shown) => self.settings.shown.extend(shown.into_iter().map(|s| Shown {
                    key: format!("{prefix}.{}", s.key),
                    origin,
                    ..s
                })),
                Err(problems) => self.settings.problems.extend(
                    problems
                        .into_iter()
                        .map(|p| Problem { key: format!("{prefix}.{}", p.key), what: p.what }),
                ),
            }
        }
        if out.is_empty() {
            self.show(&full, "[]".into(), origin);
        }
        out
    }

    fn parsed<T>(&mut self, key: &str, default: &str, allowed: &str, parse: impl Fn(&str) -> Option<T>) -> T {
        let full = format!("{}{key}", self.prefix);
        let origin = self.settings.origins.get(&full).copied().unwrap_or(Origin::Default);
        let text = match self.settings.take(&full) {
            None | Some(Value::Null) => default.to_owned(),
            Some(Value::String(text)) => text,
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Bool(flag)) => flag.to_string(),
            Some(Value::Array(_) | Value::Object(_)) => {
                self.settings.problem(&full, format!("must be {allowed}"));
                default.to_owned()
            }
        };
        if let Some(value) = parse(&text) {
            self.show(&full, text, origin);
            return value;
        }
        self.settings.problem(&full, format!("`{text}` is not {allowed}"));
        parse(default).expect("a default is always an allowed value: each room's tests read its defaults")
    }

    fn optional(&mut self, key: &str, secret: bool) -> Option<String> {
        let full = format!("{}{key}", self.prefix);
        let origin = self.settings.origins.get(&full).copied().unwrap_or(Origin::Default);
        let value = match self.settings.take(&full) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text),
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(_) => {
                self.settings.problem(&full, "must be text or null");
                None
            }
        };
        let shown = match &value {
            None => "null".into(),
            Some(_) if secret => "(hidden)".into(),
            Some(text) => text.clone(),
        };
        self.show(&full, shown, origin);
        value
    }

    fn show(&mut self, key: &str, value: String, origin: Origin) {
        self.settings.shown.push(Shown { key: key.to_owned(), value, origin });
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
