//! The envelope of JSON-RPC 2.0, read and written. An id comes back byte for byte as it was sent: it is
//! never turned into a number of ours.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::{Value, value::RawValue};

use super::{
    Outcome,
    given::{GivenParams, MAX_COMPOUND_BYTES},
};
use crate::wire::{Code, Error};

/// Most requests in one batch.
pub(crate) const MAX_BATCH: usize = 50;

/// What a frame held.
#[derive(Debug)]
pub(crate) enum Message {
    /// One request, or what should have been one.
    Single(Item),
    /// Several, answered together.
    Batch(Vec<Item>),
    /// Neither: this is the whole answer.
    Refused(String),
}

/// One element: a request, or the refusal of what is none. `None`: it is not to be answered.
pub(crate) type Item = Result<Request, Option<String>>;

/// A request of good form.
#[derive(Debug)]
pub(crate) struct Request {
    /// As it was sent; `None`: a notification, which is never answered.
    pub(crate) id: Option<Box<RawValue>>,
    pub(crate) method: String,
    pub(crate) params: GivenParams,
}

/// Reads the text of one frame.
pub(crate) fn read(text: &str) -> Message {
    let Ok(whole) = serde_json::from_str::<&RawValue>(text) else {
        return Message::Refused(refusal(None, &Error::new(Code::Parse, "this is not JSON")));
    };
    let mut compound_bytes = MAX_COMPOUND_BYTES;
    if !whole.get().starts_with('[') {
        return Message::Single(read_one(whole.get(), &mut compound_bytes));
    }
    let invalid = |reason: &str| Message::Refused(refusal(None, &Error::new(Code::InvalidRequest, reason)));
    let Ok(Elements(elements)) = serde_json::from_str(whole.get()) else {
        return invalid("a batch holds at most 50 requests");
    };
    if elements.is_empty() {
        return invalid("an empty batch asks for nothing");
    }
    let one = |element: &RawValue| read_one(element.get(), &mut compound_bytes);
    Message::Batch(elements.into_iter().map(one).collect())
}

fn read_one(text: &str, compound_bytes: &mut usize) -> Item {
    let invalid = |id: Option<&RawValue>, reason: &str| {
        Err(Some(refusal(id, &Error::new(Code::InvalidRequest, reason))))
    };
    if !text.starts_with('{') {
        return invalid(None, "a request is an object");
    }
    let Ok(members) = serde_json::from_str::<Members<'_>>(text) else {
        return invalid(None, "the members of a request are jsonrpc, method, params and id, each once");
    };
    let id = match members.id {
        Some(id) if !is_id(id) => return invalid(None, "an id is a string, a number or null"),
        id => id,
    };
    let version: Option<Cow<'_, str>> = members.jsonrpc.and_then(|raw| serde_json::from_str(raw.get()).ok());
    if version.as_deref() != Some("2.0") {
        return invalid(id, "jsonrpc must be \"2.0\"");
    }
    let method: Option<String> = members.method.and_then(|raw| serde_json::from_str(raw.get()).ok());
    let Some(method) = method else { return invalid(id, "method must be a string") };
    match GivenParams::read(members.params, compound_bytes) {
        Some(params) => Ok(Request { id: id.map(ToOwned::to_owned), method, params }),
        // A notification is not answered, not even with an error: it is a request nobody waits for.
        None if id.is_none() => Err(None),
        None => invalid(id, "params must be an object, with each member once"),
    }
}

fn is_id(raw: &RawValue) -> bool {
    let text = raw.get();
    text == "null" || text.starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit())
}

/// The reply to a request with this id.
pub(crate) fn reply(id: &RawValue, outcome: &Outcome) -> String {
    match outcome {
        Ok(result) => format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{result}}}"),
        Err(error) => refusal(Some(id), error),
    }
}

/// An error reply; without an id where none could be told.
pub(crate) fn refusal(id: Option<&RawValue>, error: &Error) -> String {
    let id = id.map_or("null", RawValue::get);
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{}}}", error.to_value())
}

/// The replies to a batch, in one; `None` when there is nothing to say.
pub(crate) fn batch(replies: &[String]) -> Option<String> {
    (!replies.is_empty()).then(|| format!("[{}]", replies.join(",")))
}

/// A message nobody asked for.
pub(crate) fn notification(method: &str, params: &Value) -> String {
    serde_json::json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string()
}

/// The known members of an envelope. Others are let pass, as the specification does not forbid them;
/// the same one twice is refused, because two readers could take two different ones.
#[derive(Default)]
struct Members<'a> {
    jsonrpc: Option<&'a RawValue>,
    id: Option<&'a RawValue>,
    method: Option<&'a RawValue>,
    params: Option<&'a RawValue>,
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Members::default();
                while let Some(name) = map.next_key::<Cow<'de, str>>()? {
                    let place = match &*name {
                        "jsonrpc" => &mut members.jsonrpc,
                        "id" => &mut members.id,
                        "method" => &mut members.method,
                        "params" => &mut members.params,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    if place.replace(map.next_value()?).is_some() {
                        return Err(A::Error::custom("a member twice"));
                    }
                }
                Ok(members)
            }
        }
        from.deserialize_map(Visit)
    }
}

/// The elements of a batch, up to one too many.
struct Elements<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Elements<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Elements<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = seq.next_element()? {
                    if elements.len() == MAX_BATCH {
                        return Err(A::Error::custom("too many"));
                    }
                    elements.push(element);
                }
                Ok(Elements(elements))
            }
        }
        from.deserialize_seq(Visit)
    }
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
