//! What controls are to be set to whenever their camera comes: `camera.controls`, as it was set through the API or stands in
//! the configuration. Not which controls a camera has.

use std::collections::BTreeMap;

use base::{
    CameraId,
    config::{Scalar, Section},
};

use crate::control::ControlValue;

/// Longest name of a control, and longest text it can be set to, in bytes: a driver's name has up to 31.
const MAX_CONTROL_TEXT: usize = 256;

/// Values by the name of their control.
pub(crate) type Values = BTreeMap<String, ControlValue>;

/// Values by camera.
pub(crate) type Kept = BTreeMap<CameraId, Values>;

/// `camera.controls.cameraN.NAME`, as `set_camera_controls` keeps them. Which controls a camera has is known only when
/// it is there.
pub(crate) fn read(camera: &mut Section<'_>) -> Kept {
    let mut given = BTreeMap::new();
    for (id, values) in camera.groups("controls") {
        let Ok(known) = id.parse() else {
            camera.problem(&format!("controls.{id}"), "is not a camera's id such as camera0");
            continue;
        };
        let mut controls = BTreeMap::new();
        for (name, value) in values {
            let fits = (1..=MAX_CONTROL_TEXT).contains(&name.len());
            let is_name =
                fits && name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_');
            let value = match value {
                Scalar::Boolean(flag) => Some(ControlValue::Boolean(flag)),
                Scalar::Integer(number) => Some(ControlValue::Integer(number)),
                Scalar::Text(text) if text.len() <= MAX_CONTROL_TEXT => Some(ControlValue::Text(text)),
                Scalar::Text(_) => None,
            };
            let wrong = match value {
                Some(value) if is_name => {
                    controls.insert(name, value);
                    continue;
                }
                Some(_) => "is not a control's name such as auto_exposure",
                None => "is longer than any control takes",
            };
            camera.problem(&format!("controls.{id}.{name}"), wrong);
        }
        given.insert(known, controls);
    }
    given
}

#[cfg(test)]
mod tests {
    use base::config::{Origin, Settings};
    use serde_json::{Value, json};

    use super::*;

    fn given(controls: &Value) -> (Kept, Vec<String>) {
        let mut settings = Settings::default();
        settings.overlay(json!({"camera": {"controls": controls}}), Origin::File);
        let kept = read(&mut settings.section("camera"));
        let problems = settings.finish().err().unwrap_or_default();
        (kept, problems.into_iter().map(|problem| problem.key).collect())
    }

    #[test]
    fn values_are_kept_by_camera_and_name() {
        let (kept, problems) = given(&json!({
            "camera0": {"brightness": -3, "auto_exposure": 1, "hflip": true, "title": "Gate"},
            "camera12": {},
        }));
        let values = &kept[&CameraId(0)];
        assert_eq!((values.len(), problems), (4, vec![]));
        assert_eq!(values["brightness"], ControlValue::Integer(-3));
        assert_eq!(values["hflip"], ControlValue::Boolean(true));
        assert_eq!(values["title"], ControlValue::Text("Gate".into()));
        assert_eq!(given(&json!(null)), (Kept::new(), vec![]));
    }

    #[test]
    fn what_can_be_no_control_is_a_mistake() {
        let long = "x".repeat(MAX_CONTROL_TEXT + 1);
        let (_, problems) = given(&json!({
            "gate": {"brightness": 1},
            "camera0": {"": 1, "Brightness": 1, "gain": 0.5, "title": long, "list": [1]},
            "camera1": 7,
        }));
        let keys = [
            "camera.controls.camera0.gain",
            "camera.controls.camera0.list",
            "camera.controls.camera1",
            "camera.controls.camera0.",
            "camera.controls.camera0.Brightness",
            "camera.controls.camera0.title",
            "camera.controls.gate",
        ];
        assert_eq!(problems, keys);
        assert_eq!(given(&json!(7)).1, ["camera.controls"]);
    }
}
