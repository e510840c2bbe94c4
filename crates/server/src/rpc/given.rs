//! The member `params` of a request, read before anybody knows who asks: so it costs little, whatever was
//! sent. What a method makes of it is `wire`'s business.

use std::fmt;

use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value, value::RawValue};

use crate::wire::Error;

/// Most members kept: several times what the richest method takes.
const MAX_MEMBERS: usize = 64;
/// Text of lists and objects in one message that is read into values, bytes. A value takes about ten times
/// its text (`[[],[],..]`), so this is what a megabyte from a stranger can cost beyond itself. The longest
/// list a method takes, 256 cameras, is 3 KiB.
pub(super) const MAX_COMPOUND_BYTES: usize = 64 << 10;

/// What was given to a method.
#[derive(Debug, Default)]
pub(crate) struct GivenParams {
    /// By name: all that could be read.
    pub(crate) members: Map<String, Value>,
    /// What no method takes, whatever it is and whoever calls it.
    pub(crate) wrong: Option<Error>,
}

impl GivenParams {
    /// Reads them; `None`: this is no request. `compound_bytes`: what is left of [`MAX_COMPOUND_BYTES`].
    pub(super) fn read(raw: Option<&RawValue>, compound_bytes: &mut usize) -> Option<Self> {
        match raw.map_or("null", RawValue::get) {
            "null" => Some(Self::default()),
            list if list.starts_with('[') => {
                let wrong = Error::param("params", "by_name", "parameters are given by name");
                Some(Self { wrong: Some(wrong), ..Self::default() })
            }
            // An error: not an object, or one with a member twice, of which two readers could take two
            // different ones.
            raw => serde_json::Deserializer::from_str(raw).deserialize_map(Visit(compound_bytes)).ok(),
        }
    }

    /// The members, if a method can take them.
    pub(super) fn named(self) -> Result<Map<String, Value>, Error> {
        self.wrong.map_or(Ok(self.members), Err)
    }

    fn keep(&mut self, name: String, raw: &RawValue, compound_bytes: &mut usize) {
        let compound = if raw.get().starts_with(['[', '{']) { raw.get().len() } else { 0 };
        let read = match compound_bytes.checked_sub(compound) {
            None => Err(("length", "is longer than any method takes")),
            Some(left) => {
                *compound_bytes = left;
                // It is JSON; but a number can be beyond every number, a text no text, a list too deep.
                serde_json::from_str(raw.get()).map_err(|_| ("value", "cannot be read"))
            }
        };
        let value = read.unwrap_or_else(|(rule, reason)| {
            self.wrong.get_or_insert_with(|| Error::param(Error::nameable(&name), rule, reason));
            Value::Null
        });
        self.members.insert(name, value);
    }
}

struct Visit<'a>(&'a mut usize);

impl<'de> Visitor<'de> for Visit<'_> {
    type Value = GivenParams;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<GivenParams, A::Error> {
        let mut given = GivenParams::default();
        while given.members.len() < MAX_MEMBERS {
            let Some((name, raw)) = map.next_entry::<String, &RawValue>()? else { return Ok(given) };
            if given.members.contains_key(&name) {
                return Err(A::Error::custom("a member twice"));
            }
            given.keep(name, raw, self.0);
        }
        if map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            given.wrong.get_or_insert_with(|| {
                Error::param("params", "count", format!("no method takes more than {MAX_MEMBERS}"))
            });
        }
        Ok(given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `MEMBERS PARAM RULE` of what was given.
    fn seen(text: &str) -> Option<String> {
        let raw = RawValue::from_string(text.into()).unwrap();
        let given = GivenParams::read(Some(&raw), &mut MAX_COMPOUND_BYTES.clone())?;
        let wrong = given.wrong.map_or(Value::Null, |wrong| wrong.to_value()["data"].clone());
        Some(format!("{} {} {}", given.members.len(), wrong["param"], wrong["rule"]))
    }

    #[test]
    fn what_no_method_takes_is_named() {
        let deep = format!(r#"{{"a":{}{},"b":1}}"#, "[".repeat(500), "]".repeat(500));
        for (text, want) in [
            ("null", "0 null null"),
            (r#"{"a":1,"b":[{}]}"#, "2 null null"),
            ("[1]", r#"0 "params" "by_name""#),
            (r#"{"a":1e999,"b":1}"#, r#"2 "a" "value""#),
            (r#"{"a":1,"b":"\ud800"}"#, r#"2 "b" "value""#),
            (&deep, r#"2 "a" "value""#),
            (r#"{"/dev/video0":1e999}"#, r#"1 "(not a name)" "value""#),
        ] {
            assert_eq!(seen(text).as_deref(), Some(want), "{text:.80}");
        }
        for text in ["5", r#""x""#, r#"{"a":1,"a":2}"#, r#"{"\ud800":1}"#] {
            assert_eq!(seen(text), None, "{text}");
        }
    }

    #[test]
    fn a_megabyte_of_small_things_costs_little() {
        let many: Vec<String> = (0..100_000).map(|n| format!("\"{n}\":1")).collect();
        assert_eq!(seen(&format!("{{{}}}", many.join(","))).unwrap(), r#"64 "params" "count""#);
        let list = |bytes: usize| format!("[{}0]", "0,".repeat((bytes - 3) / 2));
        let (whole, half) = (list(MAX_COMPOUND_BYTES + 1), list(MAX_COMPOUND_BYTES / 2 - 1));
        assert_eq!(seen(&format!(r#"{{"a":{whole},"b":[1]}}"#)).unwrap(), r#"2 "a" "length""#);
        // All the lists of a message together.
        let several = format!(r#"{{"a":{half},"b":{half},"c":[0,0,0,0]}}"#);
        assert_eq!(seen(&several).unwrap(), r#"3 "c" "length""#);
        let text = format!(r#"{{"a":"{}"}}"#, "x".repeat(1 << 20));
        assert_eq!(seen(&text).unwrap(), "1 null null");
    }
}
