//! Every method: its name, the least role that may call it, whether it changes the world, what it
//! takes, and the function that does it.

use std::{future::Future, pin::Pin};

use serde::Serialize;
use serde_json::{Map, Value, value::to_raw_value};

use super::{Outcome, call::Caller, error::correlation_id, methods};
use crate::{
    security::Role,
    wire::{
        CleanUp, Error, GetCameraStatus, ListFiles, Nothing, OfCamera, OfFile, OfRecordings, Params,
        SetRetention, StartRecording, TakeSnapshot,
    },
};

/// The one method that needs no caller, because it makes one. It lives in `call`.
pub(crate) const AUTHENTICATE: &str = "authenticate";

/// What becomes of a call whose caller leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It only looks: it ends with its caller.
    Read,
    /// It changes the world: it is finished.
    Command,
}

type Work = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// One method.
pub(crate) struct Method {
    pub(crate) name: &'static str,
    pub(crate) least: Role,
    pub(crate) effect: Effect,
    /// Reads parameters and throws them away.
    pub(super) check: fn(Params<'_>) -> Result<(), Error>,
    /// Reads parameters and begins.
    pub(super) start: fn(Caller, Map<String, Value>) -> Result<Work, Error>,
}

/// A row: role, effect, what it takes, and the function of `methods` that bears the method's name; `try`
/// when that may fail, `async` when it may also take its time.
macro_rules! method {
    ($least:ident, $effect:ident, $takes:ty, async $name:ident) => {
        method!(@ $least, $effect, $takes, $name, |caller, taken| async move {
            encode(methods::$name(caller, taken).await)
        })
    };
    ($least:ident, $effect:ident, $takes:ty, try $name:ident) => {
        method!(@ $least, $effect, $takes, $name, |caller, taken| async move {
            encode(methods::$name(&caller, &taken))
        })
    };
    ($least:ident, $effect:ident, $takes:ty, $name:ident) => {
        method!(@ $least, $effect, $takes, $name, |caller, taken| async move {
            let Nothing = taken;
            encode(Ok(methods::$name(&caller)))
        })
    };
    (@ $least:ident, $effect:ident, $takes:ty, $name:ident, |$caller:ident, $taken:ident| $work:expr) => {
        Method {
            name: stringify!($name),
            least: Role::$least,
            effect: Effect::$effect,
            check: |params: Params<'_>| params.read::<$takes>().map(drop),
            start: |$caller: Caller, members: Map<String, Value>| {
                let $taken = $caller.read::<$takes>(members)?;
                Ok(Box::pin($work))
            },
        }
    };
}

/// All of them but [`AUTHENTICATE`].
pub(crate) static METHODS: [Method; 21] = [
    method!(Viewer, Read, Nothing, ping),
    method!(Viewer, Read, Nothing, get_camera_list),
    method!(Viewer, Read, GetCameraStatus, try get_camera_status),
    method!(Operator, Command, TakeSnapshot, async take_snapshot),
    method!(Operator, Command, StartRecording, async start_recording),
    method!(Operator, Command, OfCamera, async stop_recording),
    method!(Viewer, Read, ListFiles, async list_recordings),
    method!(Viewer, Read, ListFiles, async list_snapshots),
    method!(Viewer, Read, OfFile, async get_recording_info),
    method!(Viewer, Read, OfFile, async get_snapshot_info),
    method!(Operator, Command, OfRecordings, async delete_recording),
    method!(Operator, Command, OfFile, async delete_snapshot),
    method!(Operator, Command, OfRecordings, async protect_recording),
    method!(Operator, Command, OfRecordings, async unprotect_recording),
    method!(Admin, Read, Nothing, async get_storage_info),
    method!(Admin, Command, SetRetention, async set_retention_policy),
    method!(Admin, Command, CleanUp, async cleanup_old_files),
    method!(Viewer, Read, OfCamera, try get_stream_url),
    method!(Viewer, Read, Nothing, get_streams),
    method!(Viewer, Read, Nothing, get_server_info),
    method!(Viewer, Read, Nothing, get_system_status),
];

/// The method of this name.
pub(crate) fn find(name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.name == name)
}

/// A result as JSON.
pub(super) fn encode<T: Serialize>(result: Result<T, Error>) -> Outcome {
    result.and_then(|result| {
        to_raw_value(&result).map_err(|cause| {
            let id = correlation_id();
            tracing::error!(correlation_id = id, %cause, "a result could not be written as JSON");
            Error::internal(&id)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_and_effects_are_the_contract() {
        for method in &METHODS {
            let (least, effect) = match method.name {
                "take_snapshot"
                | "start_recording"
                | "stop_recording"
                | "delete_recording"
                | "delete_snapshot"
                | "protect_recording"
                | "unprotect_recording" => (Role::Operator, Effect::Command),
                "set_retention_policy" | "cleanup_old_files" => (Role::Admin, Effect::Command),
                "get_storage_info" => (Role::Admin, Effect::Read),
                _ => (Role::Viewer, Effect::Read),
            };
            assert_eq!((method.least, method.effect), (least, effect), "{}", method.name);
            assert!(std::ptr::eq(find(method.name).unwrap(), method), "{} stands twice", method.name);
        }
        assert!(find("authenticate").is_none() && find("").is_none());
    }
}
