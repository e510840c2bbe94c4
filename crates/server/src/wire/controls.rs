//! Controls of cameras on the wire: brightness and the like.

use std::collections::BTreeMap;

use control::{
    CameraId,
    api::{Control, ControlValue, MenuEntry},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    error::Error,
    params::{FromParams, Params},
};

/// Controls set in one call.
const MAX_CONTROLS: usize = 256;
/// Longest text a control is set to, in bytes, and longest name of one.
const MAX_TEXT: usize = 256;

/// Takes `{device, controls: {name: value}}`.
#[derive(Debug)]
pub(crate) struct SetControls {
    pub(crate) device: CameraId,
    pub(crate) controls: BTreeMap<String, ControlValue>,
}

impl FromParams for SetControls {
    fn from_params(params: &mut Params<'_>) -> Result<Self, Error> {
        let device = params.device()?;
        let controls = params.mapping("controls")?;
        let controls: Map<String, Value> = params.need("controls", controls)?;
        if controls.len() > MAX_CONTROLS || controls.keys().any(|name| name.len() > MAX_TEXT) {
            let reason = format!("must be at most {MAX_CONTROLS} names of controls");
            return Err(Error::param("controls", "length", reason));
        }
        let controls = controls.into_iter().map(|(name, value)| {
            let value = read(value).ok_or_else(|| {
                let reason =
                    format!("{} must be a whole number, true, false or text", Error::nameable(&name));
                Error::param("controls", "type", reason)
            })?;
            Ok((name, value))
        });
        Ok(Self { device, controls: controls.collect::<Result<_, Error>>()? })
    }
}

/// `5.0` is a whole number, as everywhere.
fn read(value: Value) -> Option<ControlValue> {
    match value {
        Value::Bool(flag) => Some(ControlValue::Boolean(flag)),
        Value::String(text) if text.len() <= MAX_TEXT => Some(ControlValue::Text(text)),
        Value::Number(number) => {
            // Up to here every whole number is a float of its own.
            let whole = |float: &f64| float.fract() == 0.0 && float.abs() < 9e15;
            let float = || number.as_f64().filter(whole).map(|float| float as i64);
            number.as_i64().or_else(float).map(ControlValue::Integer)
        }
        Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Gives all controls of a camera.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Controls {
    device: String,
    controls: Vec<OneControl>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct OneControl {
    id: u32,
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "held")]
    default: Option<Value>,
    #[schemars(schema_with = "held")]
    value: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    menu: Option<Vec<MenuItem>>,
    flags: Vec<&'static str>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct MenuItem {
    value: i64,
    name: String,
}

fn held(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["boolean", "integer", "string", "null"]})
}

impl Controls {
    pub(crate) fn new(device: CameraId, controls: Vec<Control>) -> Self {
        Self { device: device.to_string(), controls: controls.into_iter().map(OneControl::new).collect() }
    }
}

impl OneControl {
    fn new(control: Control) -> Self {
        let choice = |entry: MenuEntry| MenuItem { value: entry.value, name: entry.name };
        Self {
            id: control.id,
            name: control.name,
            kind: control.kind.as_str(),
            min: control.range.map(|range| range.min),
            max: control.range.map(|range| range.max),
            step: control.range.map(|range| range.step),
            default: control.default.map(write),
            value: control.value.map_or(Value::Null, write),
            menu: (!control.menu.is_empty()).then(|| control.menu.into_iter().map(choice).collect()),
            flags: control.flags.words(),
        }
    }
}

fn write(value: ControlValue) -> Value {
    match value {
        ControlValue::Boolean(flag) => flag.into(),
        ControlValue::Integer(number) => number.into(),
        ControlValue::Text(text) => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn taken(controls: &Value) -> Result<BTreeMap<String, ControlValue>, Value> {
        let resolve = |_: &super::super::Device| Ok(CameraId(0));
        let members = json!({"device": "camera0", "controls": controls}).as_object().unwrap().clone();
        let read = Params::new(members, &resolve).read::<SetControls>();
        read.map(|set| set.controls).map_err(|error| error.to_value()["data"]["rule"].clone())
    }

    #[test]
    fn values_are_whole_numbers_flags_or_text() {
        for (value, want) in [
            (json!(-12), ControlValue::Integer(-12)),
            (json!(5.0), ControlValue::Integer(5)),
            (json!(i64::MIN), ControlValue::Integer(i64::MIN)),
            (json!(true), ControlValue::Boolean(true)),
            (json!("Manual Mode"), ControlValue::Text("Manual Mode".into())),
        ] {
            assert_eq!(taken(&json!({"it": value})).unwrap()["it"], want);
        }
        for value in [
            json!(0.5),
            json!(u64::MAX),
            json!(1e300),
            json!(null),
            json!([1]),
            json!({}),
            json!("x".repeat(257)),
        ] {
            assert_eq!(taken(&json!({"it": value})).unwrap_err(), "type", "{value:.40}");
        }
        assert!(taken(&json!({})).unwrap().is_empty());
        let many: Map<String, Value> = (0..257).map(|n| (n.to_string(), json!(1))).collect();
        assert_eq!(taken(&json!(many)).unwrap_err(), "length");
        assert_eq!(taken(&json!({"x".repeat(257): 1})).unwrap_err(), "length");
    }
}
