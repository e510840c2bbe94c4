//! May a control be set to that? Pure: a driver may still say no.

use super::{model, sys::Datum};
use crate::control::{Control, ControlError, ControlFlags, ControlKind, ControlRange, ControlValue};

/// What is to be written, or the rule that a wish breaks.
pub(super) fn check(control: &Control, wish: &ControlValue) -> Result<Datum, ControlError> {
    let refuse = |rule, what: &str| Err(refused(&control.name, rule, what));
    if let Some((rule, what)) = closed(control) {
        return refuse(rule, what);
    }
    let range = control.range.unwrap_or(ControlRange { min: 0, max: 1, step: 1 });
    match (control.kind, wish) {
        (ControlKind::Boolean, ControlValue::Boolean(_) | ControlValue::Integer(0 | 1)) => {
            Ok(model::datum(wish))
        }
        (ControlKind::Boolean, _) => refuse("type", "must be true or false"),
        (ControlKind::Button, ControlValue::Boolean(true) | ControlValue::Integer(1)) => Ok(Datum::Number(1)),
        (ControlKind::Button, _) => refuse("type", "is a button: true presses it"),
        (ControlKind::Menu | ControlKind::IntegerMenu, _) => chosen(control, wish),
        (ControlKind::Integer | ControlKind::Integer64, ControlValue::Integer(number)) => {
            numeric(control, range, *number).map(|()| Datum::Number(*number))
        }
        (ControlKind::Integer | ControlKind::Integer64, _) => refuse("type", "must be a whole number"),
        (ControlKind::Bitmask, ControlValue::Integer(bits)) if *bits >= 0 && bits & !range.max == 0 => {
            Ok(Datum::Number(*bits))
        }
        (ControlKind::Bitmask, ControlValue::Integer(_)) => {
            refuse("range", &format!("may have the bits of {} only", range.max))
        }
        (ControlKind::Bitmask, _) => {
            refuse("type", "must be a whole number, each bit of which means something")
        }
        (ControlKind::Text, ControlValue::Text(text)) => textual(control, range, text),
        (ControlKind::Text, _) => refuse("type", "must be text"),
        (ControlKind::Compound(_), _) => refuse("unsupported", "cannot be set by this service"),
    }
}

/// Why nothing at all can be set there now.
fn closed(control: &Control) -> Option<(&'static str, &'static str)> {
    let has = |flag| control.flags.has(flag);
    if has(ControlFlags::DISABLED) {
        return Some(("disabled", "is disabled: this camera does not have it"));
    }
    if has(ControlFlags::READ_ONLY) {
        return Some(("read_only", "can only be read"));
    }
    has(ControlFlags::GRABBED).then_some(("grabbed", "cannot be set while the camera is streaming"))
}

fn numeric(control: &Control, range: ControlRange, number: i64) -> Result<(), ControlError> {
    let ControlRange { min, max, step } = range;
    let steps = if step > 1 { format!(" in steps of {step}") } else { String::new() };
    let what = format!("must be from {min} to {max}{steps}");
    if !(min..=max).contains(&number) {
        return Err(refused(&control.name, "range", &what));
    }
    if !number.abs_diff(min).is_multiple_of(step.max(1)) {
        return Err(refused(&control.name, "step", &what));
    }
    Ok(())
}

/// An entry of a menu, by number or by name.
fn chosen(control: &Control, wish: &ControlValue) -> Result<Datum, ControlError> {
    let entry = control.menu.iter().find(|entry| match wish {
        ControlValue::Integer(number) => entry.value == *number,
        ControlValue::Text(name) => entry.name == *name,
        ControlValue::Boolean(_) => false,
    });
    entry.map(|entry| Datum::Number(entry.value)).ok_or_else(|| {
        let entries: Vec<_> =
            control.menu.iter().map(|entry| format!("{} ({})", entry.value, entry.name)).collect();
        refused(&control.name, "choice", &format!("must be one of {}", entries.join(", ")))
    })
}

fn textual(control: &Control, range: ControlRange, text: &str) -> Result<Datum, ControlError> {
    let bytes = text.len() as i64;
    if text.chars().any(char::is_control) {
        return Err(refused(&control.name, "format", "must be text without control characters"));
    }
    if numeric(control, range, bytes).is_err() {
        let ControlRange { min, max, step } = range;
        let steps = if step > 1 { format!(" in steps of {step}") } else { String::new() };
        return Err(refused(
            &control.name,
            "length",
            &format!("must be text of {min} to {max} bytes{steps}"),
        ));
    }
    Ok(Datum::Text(text.to_owned()))
}

/// The rule that a wish for this control breaks.
pub(super) fn refused(name: &str, rule: &'static str, what: &str) -> ControlError {
    ControlError::Refused { rule, why: format!("{name} {what}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::MenuEntry;

    fn control(kind: ControlKind, range: Option<(i64, i64, u64)>, flags: u32) -> Control {
        let menu = [(1, "Manual Mode"), (3, "Aperture Priority Mode")];
        Control {
            id: 1,
            name: "it".into(),
            kind,
            range: range.map(|(min, max, step)| ControlRange { min, max, step }),
            default: None,
            value: None,
            menu: menu.map(|(value, name)| MenuEntry { value, name: name.into() }).to_vec(),
            flags: ControlFlags(flags),
        }
    }

    fn number(number: i64) -> ControlValue {
        ControlValue::Integer(number)
    }

    fn text(text: &str) -> ControlValue {
        ControlValue::Text(text.into())
    }

    #[test]
    fn a_wish_is_taken_or_says_which_rule_it_breaks_and_what_is_allowed() {
        use ControlKind::{Bitmask, Boolean, Button, Compound, Integer, Integer64, IntegerMenu, Menu, Text};
        let (yes, no) = (ControlValue::Boolean(true), ControlValue::Boolean(false));
        let steps = Some((-64, 64, 4));
        let wide = Some((i64::MIN, i64::MAX, 3));
        let menu = Some((0, 3, 1));
        let bits = Some((0, 0x8000_2000, 1));
        let letters = Some((2, 4, 2));
        for (kind, range, wish, verdict) in [
            (Integer, steps, number(-64), "-64"),
            (Integer, steps, number(64), "64"),
            (Integer, steps, number(0), "0"),
            (Integer, steps, number(65), "range: it must be from -64 to 64 in steps of 4"),
            (Integer, steps, number(i64::MIN), "range: it must be from -64 to 64 in steps of 4"),
            (Integer, steps, number(1), "step: it must be from -64 to 64 in steps of 4"),
            (Integer, Some((0, 9, 0)), number(7), "7"),
            (Integer, Some((0, 9, 1)), number(10), "range: it must be from 0 to 9"),
            (Integer, steps, yes.clone(), "type: it must be a whole number"),
            (Integer, steps, text("0"), "type: it must be a whole number"),
            // The distance from end to end is no i64.
            (Integer64, wide, number(i64::MAX), "9223372036854775807"),
            (Integer64, wide, number(i64::MAX - 1), "step: it must be from"),
            (Boolean, None, yes.clone(), "1"),
            (Boolean, None, number(0), "0"),
            (Boolean, None, number(2), "type: it must be true or false"),
            (Menu, menu, number(1), "1"),
            (Menu, menu, text("Aperture Priority Mode"), "3"),
            (Menu, menu, number(2), "choice: it must be one of 1 (Manual Mode), 3 (Aperture Priority Mode)"),
            (Menu, menu, text("manual"), "choice: it must be one of"),
            (IntegerMenu, menu, number(3), "3"),
            (Menu, menu, yes.clone(), "choice: it must be one of"),
            (Button, None, yes.clone(), "1"),
            (Button, None, number(1), "1"),
            (Button, None, no, "type: it is a button: true presses it"),
            (Bitmask, bits, number(0x8000_0000), "2147483648"),
            (Bitmask, bits, number(1), "range: it may have the bits of 2147491840 only"),
            (Bitmask, bits, number(-1), "range"),
            (Bitmask, bits, text("x"), "type"),
            (Text, letters, text("abcd"), "abcd"),
            (Text, letters, text("abc"), "length: it must be text of 2 to 4 bytes in steps of 2"),
            (Text, letters, text("ä"), "ä"),
            (Text, letters, text("abcdef"), "length"),
            (Text, letters, text("a\nbc"), "format"),
            (Text, letters, number(1), "type: it must be text"),
            (Compound("u8_array"), None, number(1), "unsupported: it cannot be set by this service"),
        ] {
            let told = match check(&control(kind, range, 0), &wish) {
                Ok(Datum::Number(number)) => number.to_string(),
                Ok(Datum::Text(text)) => text,
                Err(ControlError::Refused { rule, why }) => format!("{rule}: {why}"),
                Err(other) => format!("{other:?}"),
            };
            let exact = !verdict.contains(|c: char| c.is_ascii_lowercase()) || verdict == "abcd";
            assert!(if exact { told == verdict } else { told.starts_with(verdict) }, "{wish:?}: {told}");
        }
    }

    #[test]
    fn what_is_closed_says_how() {
        for (flag, rule) in [
            (ControlFlags::DISABLED, "disabled"),
            (ControlFlags::READ_ONLY, "read_only"),
            (ControlFlags::GRABBED, "grabbed"),
            (ControlFlags::READ_ONLY | ControlFlags::VOLATILE, "read_only"),
        ] {
            let found = check(&control(ControlKind::Boolean, None, flag), &ControlValue::Boolean(true));
            assert!(
                matches!(found, Err(ControlError::Refused { rule: told, .. }) if told == rule),
                "{found:?}"
            );
        }
        // Whether it is unlocked before its turn is not known here.
        let inactive = control(ControlKind::Boolean, None, ControlFlags::INACTIVE);
        assert!(check(&inactive, &ControlValue::Boolean(true)).is_ok());
    }
}
