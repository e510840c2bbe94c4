//! From what drivers say of their controls to what the house knows of them: kinds, names, values. Pure.

use std::collections::BTreeSet;

use super::sys::{Datum, Described, Form};
use crate::control::{ControlFlags, ControlKind, ControlRange, ControlValue};

/// `V4L2_CTRL_TYPE_CTRL_CLASS`: a heading, no control.
const HEADING: u32 = 6;

/// `None`: it is a heading.
pub(super) fn kind(described: &Described) -> Option<ControlKind> {
    let is_array = described.dimensions > 0;
    Some(match (described.kind, is_array) {
        (HEADING, _) => return None,
        (1, false) => ControlKind::Integer,
        (2, false) => ControlKind::Boolean,
        (3, false) => ControlKind::Menu,
        (4, _) => ControlKind::Button,
        (5, false) => ControlKind::Integer64,
        (7, false) => ControlKind::Text,
        (8, false) => ControlKind::Bitmask,
        (9, false) => ControlKind::IntegerMenu,
        (1, true) => ControlKind::Compound("integer_array"),
        (2, true) => ControlKind::Compound("boolean_array"),
        (5, true) => ControlKind::Compound("integer64_array"),
        (7, true) => ControlKind::Compound("string_array"),
        (0x100, true) => ControlKind::Compound("u8_array"),
        (0x101, true) => ControlKind::Compound("u16_array"),
        (0x102, true) => ControlKind::Compound("u32_array"),
        (0x106, false) => ControlKind::Compound("area"),
        (0x107, false) => ControlKind::Compound("rectangle"),
        (_, _) => ControlKind::Compound("compound"),
    })
}

/// How its value is laid out; `None`: it has none that is known here.
pub(super) fn form(kind: ControlKind, described: &Described) -> Option<Form> {
    match kind {
        ControlKind::Integer
        | ControlKind::Boolean
        | ControlKind::Menu
        | ControlKind::IntegerMenu
        | ControlKind::Button => Some(Form::Word),
        ControlKind::Bitmask => Some(Form::Mask),
        ControlKind::Integer64 => Some(Form::Long),
        ControlKind::Text => Some(Form::Text(u32::try_from(described.maximum).unwrap_or(0))),
        ControlKind::Compound(_) => None,
    }
}

/// `None`: a value has no bounds worth telling.
pub(super) fn range(kind: ControlKind, described: &Described) -> Option<ControlRange> {
    let step = described.step.max(1);
    match kind {
        ControlKind::Boolean | ControlKind::Button | ControlKind::Compound(_) => None,
        ControlKind::Integer
        | ControlKind::Menu
        | ControlKind::IntegerMenu
        | ControlKind::Integer64
        | ControlKind::Text => Some(ControlRange { min: described.minimum, max: described.maximum, step }),
        ControlKind::Bitmask => Some(ControlRange { min: 0, max: bits(described.maximum), step: 1 }),
    }
}

/// What it is without anybody's doing. Drivers do not tell that of text.
pub(super) fn default(kind: ControlKind, described: &Described) -> Option<ControlValue> {
    match kind {
        ControlKind::Boolean => Some(ControlValue::Boolean(described.default != 0)),
        ControlKind::Integer | ControlKind::Menu | ControlKind::IntegerMenu | ControlKind::Integer64 => {
            Some(ControlValue::Integer(described.default))
        }
        ControlKind::Bitmask => Some(ControlValue::Integer(bits(described.default))),
        ControlKind::Button | ControlKind::Text | ControlKind::Compound(_) => None,
    }
}

/// Some drivers give 32 bits with a sign.
fn bits(number: i64) -> i64 {
    i64::from(number as u32)
}

pub(super) fn value(kind: ControlKind, datum: Datum) -> ControlValue {
    match datum {
        Datum::Number(number) if kind == ControlKind::Boolean => ControlValue::Boolean(number != 0),
        Datum::Number(number) => ControlValue::Integer(number),
        Datum::Text(text) => ControlValue::Text(text),
    }
}

pub(super) fn datum(value: &ControlValue) -> Datum {
    match value {
        ControlValue::Boolean(flag) => Datum::Number(i64::from(*flag)),
        ControlValue::Integer(number) => Datum::Number(*number),
        ControlValue::Text(text) => Datum::Text(text.clone()),
    }
}

/// Setting it does something instead of keeping a value: it is never kept, put back or set to a default.
pub(super) fn is_act(id: u32, kind: ControlKind, flags: ControlFlags) -> bool {
    /// `V4L2_CID_PAN_SPEED`, `V4L2_CID_TILT_SPEED`, `V4L2_CID_ZOOM_CONTINUOUS`: the lens moves until it is told
    /// to stop. (What moves it by a step is write-only.)
    const MOVES: [u32; 3] = [0x009a_0920, 0x009a_0921, 0x009a_090f];
    kind == ControlKind::Button
        || flags.has(ControlFlags::WRITE_ONLY | ControlFlags::EXECUTE_ON_WRITE)
        || MOVES.contains(&id)
}

/// Names as `v4l2-ctl` makes them of a driver's: letters and digits in lower case, `_` for all that is between.
/// One that is taken already gets a number.
pub(super) struct Names(BTreeSet<String>);

impl Names {
    pub(super) fn new() -> Self {
        Self(BTreeSet::new())
    }

    pub(super) fn name(&mut self, described: &Described) -> String {
        let words =
            described.name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let mut name = words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("_");
        if name.is_empty() {
            name = format!("control_{:08x}", described.id);
        }
        let numbered = (2..).map(|n: u32| format!("{name}_{n}"));
        let mut all = std::iter::once(name.clone()).chain(numbered);
        // There are fewer controls than numbers.
        let free = all.find(|name| !self.0.contains(name)).unwrap_or(name);
        self.0.insert(free.clone());
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(kind: u32, name: &str) -> Described {
        Described {
            id: 0x0098_0900,
            kind,
            name: name.into(),
            minimum: 0,
            maximum: 9,
            step: 1,
            default: 1,
            flags: 0,
            dimensions: 0,
        }
    }

    #[test]
    fn names_are_those_of_v4l2_ctl_and_each_is_one_controls() {
        let mut names = Names::new();
        for (told, name) in [
            ("Brightness", "brightness"),
            ("White Balance, Automatic", "white_balance_automatic"),
            ("Exposure Time, Absolute", "exposure_time_absolute"),
            ("Integer 32 Bits", "integer_32_bits"),
            ("S-Video 000-0", "s_video_000_0"),
            ("  (Gain)  ", "gain"),
            ("gain", "gain_2"),
            ("GAIN", "gain_3"),
            ("Gain 2", "gain_2_2"),
            ("", "control_00980900"),
            ("Größe", "gr_e"),
        ] {
            assert_eq!(names.name(&described(1, told)), name, "{told}");
        }
    }

    #[test]
    fn kinds_and_what_they_hold() {
        for (number, word, has_form, has_range, has_default) in [
            (1, "integer", true, true, true),
            (2, "boolean", true, false, true),
            (3, "menu", true, true, true),
            (4, "button", true, false, false),
            (5, "integer64", true, true, true),
            (7, "string", true, true, false),
            (8, "bitmask", true, true, true),
            (9, "integer_menu", true, true, true),
            (0x106, "area", false, false, false),
            (0x200, "compound", false, false, false),
        ] {
            let described = described(number, "x");
            let kind = kind(&described).unwrap();
            assert_eq!(kind.as_str(), word);
            assert_eq!(form(kind, &described).is_some(), has_form, "{word}");
            assert_eq!(range(kind, &described).is_some(), has_range, "{word}");
            assert_eq!(default(kind, &described).is_some(), has_default, "{word}");
        }
        assert_eq!(kind(&described(HEADING, "User Controls")), None);
        let array = Described { dimensions: 2, ..described(0x100, "Array") };
        assert_eq!(kind(&array).map(ControlKind::as_str), Some("u8_array"));
        let array = Described { dimensions: 1, ..described(1, "Array") };
        assert_eq!(kind(&array).map(ControlKind::as_str), Some("integer_array"));
    }

    #[test]
    fn bits_have_no_sign_and_truth_is_no_number() {
        let mask = Described { maximum: i64::from(i32::MIN), default: -1, ..described(8, "Bits") };
        let all = i64::from(u32::MAX);
        assert_eq!(range(ControlKind::Bitmask, &mask).unwrap().max, 0x8000_0000);
        assert_eq!(default(ControlKind::Bitmask, &mask), Some(ControlValue::Integer(all)));
        assert_eq!(value(ControlKind::Boolean, Datum::Number(1)), ControlValue::Boolean(true));
        assert_eq!(value(ControlKind::Menu, Datum::Number(1)), ControlValue::Integer(1));
        assert_eq!(datum(&ControlValue::Boolean(true)), Datum::Number(1));
        assert_eq!(ControlFlags(0x0015).words(), ["disabled", "read-only", "inactive"]);
    }

    #[test]
    fn what_moves_or_triggers_keeps_nothing() {
        for (id, kind, flags, act) in [
            (1, ControlKind::Button, 0, true),
            (1, ControlKind::Integer, ControlFlags::WRITE_ONLY, true),
            (1, ControlKind::Integer, ControlFlags::EXECUTE_ON_WRITE, true),
            (0x009a_090f, ControlKind::Integer, 0, true),
            (0x0098_0900, ControlKind::Integer, ControlFlags::UPDATE, false),
        ] {
            assert_eq!(is_act(id, kind, ControlFlags(flags)), act, "{id:#x} {kind:?} {flags:#x}");
        }
    }
}
