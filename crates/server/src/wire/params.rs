//! Reading `params`: strictly, by name, and with an answer a client can act on. Each getter takes its
//! member away; what is left at the end is unknown.

use std::{collections::BTreeSet, ops::RangeInclusive, time::SystemTime};

use control::CameraId;
use serde_json::{Map, Value, json};

use super::error::Error;
use crate::security::MAX_CAMERAS;

/// Longest text of a camera's name that is worth looking at, or repeating.
const MAX_DEVICE_CHARS: usize = 255;
/// Most cameras in one filter: as many as there can be.
const MAX_DEVICES: usize = 256;

/// How a caller named a camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Device {
    /// By an id. `None`: well-formed, but no camera can have it.
    Id(String, Option<CameraId>),
    /// By a device path, as older clients do.
    Path(String),
}

/// Cameras to look for. One that does not exist for the caller is no mistake here: it never matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Devices {
    /// As it was asked: an id or a list of ids; never a path.
    pub(crate) asked: Value,
    pub(crate) ids: BTreeSet<CameraId>,
}

impl Devices {
    pub(crate) fn schema() -> Value {
        let one = json!({"type": "string", "pattern": "^camera[0-9]+$"});
        json!({"oneOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": MAX_DEVICES}]})
    }
}

/// Finds the camera a caller means, or says that it does not exist for this caller.
pub(crate) type Resolve<'a> = &'a (dyn Fn(&Device) -> Result<CameraId, Error> + Sync);

/// What a call takes.
pub(crate) trait FromParams: Sized {
    /// Takes its members; whoever calls this looks for others afterwards.
    fn from_params(params: &mut Params<'_>) -> Result<Self, Error>;
}

/// The members of `params` that nobody has taken yet.
pub(crate) struct Params<'a> {
    members: Map<String, Value>,
    resolve: Resolve<'a>,
    /// What was asked for, while a description is made instead of a call.
    described: Option<Vec<Takes>>,
}

/// One parameter, as the code that reads it asks for it. So a document made of these cannot drift.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Takes {
    pub(crate) name: &'static str,
    /// JSON Schema.
    pub(crate) schema: Value,
    pub(crate) required: bool,
}

impl<'a> Params<'a> {
    pub(crate) fn new(members: Map<String, Value>, resolve: Resolve<'a>) -> Self {
        Self { members, resolve, described: None }
    }

    /// What a `T` takes: its reader is run on nothing, and what it asks for is noted. So a reader asks
    /// for everything first and judges afterwards.
    pub(crate) fn describe<T: FromParams>() -> Vec<Takes> {
        let resolve = |_: &Device| Ok(CameraId(0));
        let mut params = Params { members: Map::new(), resolve: &resolve, described: Some(Vec::new()) };
        // Nothing may well not be enough; what was asked for is known.
        let _ = T::from_params(&mut params);
        params.described.unwrap_or_default()
    }

    fn asked(&mut self, name: &'static str, schema: impl FnOnce() -> Value) {
        if let Some(described) = &mut self.described {
            described.push(Takes { name, schema: schema(), required: false });
        }
    }

    /// A member that must be given.
    pub(crate) fn need<T: Default>(&mut self, name: &'static str, value: Option<T>) -> Result<T, Error> {
        if let Some(takes) = self.described.iter_mut().flatten().find(|takes| takes.name == name) {
            takes.required = true;
            return Ok(T::default());
        }
        value.ok_or_else(|| required(name))
    }

    /// Reads the whole of it as a `T`.
    pub(crate) fn read<T: FromParams>(mut self) -> Result<T, Error> {
        let value = T::from_params(&mut self)?;
        self.finish().map(|()| value)
    }

    /// What nobody has taken is unknown.
    fn finish(&self) -> Result<(), Error> {
        match self.members.keys().next() {
            None => Ok(()),
            Some(name) => {
                let name = Error::nameable(name);
                Err(Error::param(name, "unknown", "this method has no such parameter"))
            }
        }
    }

    /// Takes a member. `null` is the same as absent.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name).filter(|value| !value.is_null())
    }

    /// Was it given at all?
    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|value| !value.is_null())
    }

    pub(crate) fn text(&mut self, name: &'static str) -> Result<Option<String>, Error> {
        self.asked(name, || json!({"type": "string"}));
        self.string(name)
    }

    fn string(&mut self, name: &'static str) -> Result<Option<String>, Error> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Error::param(name, "type", "must be a string")),
        }
    }

    pub(crate) fn boolean(&mut self, name: &'static str) -> Result<Option<bool>, Error> {
        self.asked(name, || json!({"type": "boolean"}));
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(Error::param(name, "type", "must be true or false")),
        }
    }

    /// A whole number; `5.0` is one.
    pub(crate) fn integer(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, Error> {
        let (least, most) = (*range.start(), *range.end());
        self.asked(name, || json!({"type": "integer", "minimum": least, "maximum": most}));
        let Some(value) = self.take(name) else { return Ok(None) };
        let Value::Number(number) = &value else {
            return Err(Error::param(name, "type", "must be a whole number"));
        };
        let float = number.as_f64().unwrap_or(f64::NAN);
        if number.as_u64().is_none() && float.fract() != 0.0 {
            return Err(Error::param(name, "type", "must be a whole number"));
        }
        let whole = number.as_u64().or_else(|| (0.0..9e15).contains(&float).then_some(float as u64));
        let good = whole.filter(|whole| range.contains(whole));
        let reason = || format!("must be from {} to {}", range.start(), range.end());
        good.map(Some).ok_or_else(|| Error::param(name, "range", reason()))
    }

    /// A number, whole or not.
    pub(crate) fn number(
        &mut self,
        name: &'static str,
        range: RangeInclusive<f64>,
    ) -> Result<Option<f64>, Error> {
        let (least, most) = (*range.start(), *range.end());
        self.asked(name, || json!({"type": "number", "minimum": least, "maximum": most}));
        let Some(value) = self.take(name) else { return Ok(None) };
        let number = value.as_f64().ok_or_else(|| Error::param(name, "type", "must be a number"))?;
        let reason = || format!("must be from {} to {}", range.start(), range.end());
        Some(number)
            .filter(|number| range.contains(number))
            .map(Some)
            .ok_or_else(|| Error::param(name, "range", reason()))
    }

    /// A mapping whose members the caller judges.
    pub(crate) fn mapping(&mut self, name: &'static str) -> Result<Option<Map<String, Value>>, Error> {
        self.asked(name, || json!({"type": "object"}));
        self.members(name)
    }

    fn members(&mut self, name: &'static str) -> Result<Option<Map<String, Value>>, Error> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(members)) => Ok(Some(members)),
            Some(_) => Err(Error::param(name, "type", "must be an object")),
        }
    }

    /// One word of a closed set.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, Error> {
        let words = || choices.iter().map(|choice| choice.0).collect::<Vec<_>>();
        self.asked(name, || json!({"type": "string", "enum": words()}));
        let Some(text) = self.string(name)? else { return Ok(None) };
        let chosen = choices.iter().find(|choice| choice.0 == text).map(|choice| choice.1);
        chosen
            .map(Some)
            .ok_or_else(|| Error::param(name, "choice", format!("must be one of {}", words().join(", "))))
    }

    /// An RFC 3339 time.
    pub(crate) fn time(&mut self, name: &'static str) -> Result<Option<SystemTime>, Error> {
        self.asked(name, || json!({"type": "string", "format": "date-time"}));
        let Some(text) = self.string(name)? else { return Ok(None) };
        let time = control::time::parse_rfc3339(&text);
        time.map(Some).ok_or_else(|| {
            Error::param(name, "format", "must be an RFC 3339 time such as 2026-11-24T01:25:19.123Z")
        })
    }

    /// Some cameras by their ids, known or not.
    pub(crate) fn cameras(&mut self, name: &'static str) -> Result<Option<BTreeSet<CameraId>>, Error> {
        self.asked(name, || {
            json!({"type": "array", "items": {"type": "string", "pattern": "^camera[0-9]+$"},
                   "minItems": 1, "maxItems": MAX_CAMERAS})
        });
        let Some(value) = self.take(name) else { return Ok(None) };
        let wrong = |rule, reason: &str| Err(Error::param(name, rule, reason));
        let Value::Array(ids) = value else { return wrong("type", "must be a list of camera ids") };
        if !(1..=MAX_CAMERAS).contains(&ids.len()) {
            return wrong("range", "must name at least one camera, and not too many");
        }
        let ids: Option<BTreeSet<_>> = ids.iter().map(|id| id.as_str()?.parse().ok()).collect();
        ids.map_or_else(|| wrong("format", "must be camera ids such as camera0"), |ids| Ok(Some(ids)))
    }

    /// A list of texts.
    pub(crate) fn texts(
        &mut self,
        name: &'static str,
        count: RangeInclusive<usize>,
        max_chars: usize,
    ) -> Result<Option<Vec<String>>, Error> {
        let (least, most) = (*count.start(), *count.end());
        self.asked(
            name,
            || json!({"type": "array", "items": {"type": "string"}, "minItems": least, "maxItems": most}),
        );
        let Some(value) = self.take(name) else { return Ok(None) };
        let Value::Array(items) = value else {
            return Err(Error::param(name, "type", "must be a list of texts"));
        };
        if !count.contains(&items.len()) {
            return Err(Error::param(name, "range", format!("must hold {least} to {most} texts")));
        }
        let text = |item| match item {
            Value::String(text) if text.chars().count() <= max_chars => Ok(text),
            Value::String(_) => {
                Err(Error::param(name, "length", format!("a text has up to {max_chars} characters")))
            }
            _ => Err(Error::param(name, "type", "must be a list of texts")),
        };
        items.into_iter().map(text).collect::<Result<_, _>>().map(Some)
    }

    /// An object, whose members `read` takes; others in it are unknown.
    pub(crate) fn object<T>(
        &mut self,
        name: &'static str,
        schema: Value,
        read: impl FnOnce(&mut Params<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        self.asked(name, || schema);
        let Some(members) = self.members(name)? else { return Ok(None) };
        let mut inner = Params::new(members, self.resolve);
        let value = read(&mut inner).and_then(|value| inner.finish().map(|()| value));
        // The caller looks for the member of `params`; the reason says what is wrong in it.
        value.map(Some).map_err(|error| error.with("param", name))
    }

    /// Cameras to look for: one, or a list.
    pub(crate) fn devices(&mut self, name: &'static str) -> Result<Option<Devices>, Error> {
        self.asked(name, Devices::schema);
        let Some(value) = self.take(name) else { return Ok(None) };
        let one = value.is_string();
        let items = match value {
            Value::Array(items) if (1..=MAX_DEVICES).contains(&items.len()) => items,
            Value::String(_) => vec![value],
            _ => {
                let reason = format!("must be a camera id, or a list of 1 to {MAX_DEVICES}");
                return Err(Error::param(name, "type", reason));
            }
        };
        let (mut asked, mut ids) = (Vec::new(), BTreeSet::new());
        for item in items {
            let device = match item {
                Value::String(text) => parse_device(text),
                _ => None,
            };
            let device =
                device.ok_or_else(|| Error::param(name, "format", "must hold camera ids such as camera0"))?;
            match device {
                Device::Id(text, id) => {
                    asked.push(text);
                    ids.extend(id);
                }
                Device::Path(_) => {
                    if let Ok(id) = (self.resolve)(&device) {
                        asked.push(id.to_string());
                        ids.insert(id);
                    }
                }
            }
        }
        let asked = match asked.as_slice() {
            [id] if one => json!(id),
            list => json!(list),
        };
        Ok(Some(Devices { asked, ids }))
    }

    /// The camera that `device` names, which must be given.
    pub(crate) fn device(&mut self) -> Result<CameraId, Error> {
        let device = self.opt_device()?;
        if self.described.is_some() {
            self.need("device", Some(String::new()))?;
            return Ok(CameraId(0));
        }
        device.ok_or_else(|| required("device"))
    }

    /// The camera that `device` names.
    pub(crate) fn opt_device(&mut self) -> Result<Option<CameraId>, Error> {
        self.asked("device", || json!({"type": "string", "pattern": "^camera[0-9]+$"}));
        let Some(text) = self.string("device")? else { return Ok(None) };
        let device = parse_device(text)
            .ok_or_else(|| Error::param("device", "format", "must be a camera id such as camera0"))?;
        (self.resolve)(&device).map(Some)
    }
}

/// A member that must be given was not.
fn required(name: &str) -> Error {
    Error::param(name, "required", "must be given")
}

fn parse_device(text: String) -> Option<Device> {
    if text.len() > MAX_DEVICE_CHARS {
        return None;
    }
    if let Some(digits) = text.strip_prefix("camera") {
        let well_formed = !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit());
        return well_formed.then(|| Device::Id(text.clone(), text.parse().ok()));
    }
    let path = text.starts_with("/dev/") && text.bytes().all(|c| c.is_ascii_graphic());
    path.then_some(Device::Path(text))
}

#[cfg(test)]
#[path = "params_tests.rs"]
mod tests;
