//! What must hold for any bytes a client sends. The body of the fuzz target, compiled and replayed in
//! every build.

use control::CameraId;
use serde_json::{Value, value::RawValue};

use super::{
    envelope::{Item, MAX_BATCH, Message, Request, batch, read, reply},
    table::{AUTHENTICATE, encode, find},
};
use crate::wire::{Authenticate, Code, Device, Error, Params};

/// Reads a message and its parameters as the service does, answers it, and holds the answers against
/// the rules.
///
/// # Panics
/// When a rule is broken.
pub fn fuzz(data: &[u8]) {
    // Frames that are not UTF-8 do not come this far.
    let Ok(text) = std::str::from_utf8(data) else { return };
    match read(text) {
        Message::Refused(answer) => {
            let error = checked(&answer, "null");
            assert!(matches!(error, Some(-32700 | -32600)), "{answer}");
        }
        Message::Single(item) => drop(answered(&item)),
        Message::Batch(items) => {
            assert!((1..=MAX_BATCH).contains(&items.len()));
            let replies: Vec<String> = items.iter().filter_map(answered).collect();
            let whole = batch(&replies);
            assert_eq!(whole.is_none(), replies.is_empty());
            if let Some(whole) = whole {
                let read_back: Vec<&RawValue> =
                    serde_json::from_str(&whole).expect("a batch of replies is JSON");
                assert_eq!(read_back.len(), replies.len());
            }
        }
    }
}

fn answered(item: &Item) -> Option<String> {
    match item {
        Err(None) => None,
        Err(Some(answer)) => {
            assert_eq!(checked(answer, id_of(answer).get()), Some(-32600), "{answer}");
            Some(answer.clone())
        }
        Ok(request) => {
            let id = request.id.as_deref()?;
            let answer = reply(id, &outcome(request));
            checked(&answer, id.get());
            Some(answer)
        }
    }
}

/// Everything a call does before it needs a camera.
fn outcome(request: &Request) -> super::Outcome {
    let check: fn(Params<'_>) -> Result<(), Error> = match find(&request.method) {
        Some(method) => method.check,
        // It makes a caller, so it does not stand in the table.
        None if request.method == AUTHENTICATE => |params| params.read::<Authenticate>().map(drop),
        None => return Err(Error::new(Code::MethodNotFound, "none")),
    };
    if let Some(wrong) = &request.params.wrong {
        return Err(wrong.clone());
    }
    let mut members = request.params.members.clone();
    if request.method != AUTHENTICATE {
        // Who calls is not asked here; any call may bring its token.
        members.remove("auth_token");
    }
    // A house with one camera.
    let resolve = |device: &Device| match device {
        Device::Id(_, Some(CameraId(0))) => Ok(CameraId(0)),
        Device::Id(named, _) => Err(Error::no_camera(Some(named), &[CameraId(0)])),
        Device::Path(_) => Err(Error::no_camera(None, &[CameraId(0)])),
    };
    check(Params::new(members, &resolve))?;
    encode(Ok(Value::Null))
}

fn id_of(answer: &str) -> Box<RawValue> {
    #[derive(serde::Deserialize)]
    struct Id<'a> {
        #[serde(borrow)]
        id: &'a RawValue,
    }
    serde_json::from_str::<Id<'_>>(answer).expect("every reply is an object with an id").id.to_owned()
}

/// Is this a reply as the contract has it? Gives the error's code.
fn checked(answer: &str, id: &str) -> Option<i64> {
    assert_eq!(id_of(answer).get(), id, "an id comes back as it was: {answer}");
    // The id may be a number beyond ours; the rest is our own.
    let rest = answer.replacen(&format!("\"id\":{id}"), "\"id\":null", 1);
    let value: Value = serde_json::from_str(&rest).expect("every reply is JSON");
    assert_eq!(value["jsonrpc"], "2.0");
    assert_ne!(value.get("result").is_some(), value.get("error").is_some(), "{answer}");
    let error = value.get("error")?;
    assert!(error["data"]["reason"].is_string() && error["message"].is_string(), "{answer}");
    assert!(!error.to_string().contains("/dev/"), "{answer}");
    error["code"].as_i64()
}

#[cfg(test)]
#[path = "corpus_tests.rs"]
mod tests;
