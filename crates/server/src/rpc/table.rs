//! Every method: its name, the least role that may call it, whether it changes the world, which limit it
//! falls under, what it takes and gives, what it is for, and the function that does it.

use std::{future::Future, pin::Pin};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Map, Value, value::to_raw_value};

use super::{Outcome, call::Caller, error::correlation_id, methods};
use crate::{
    security::Role,
    wire::{
        AddStream, CleanUp, CreateApiKey, DiscoverStreams, Error, ExportRecording, GetAuditLog,
        GetCameraStatus, ListFiles, Nothing, OfApiKey, OfCamera, OfFile, OfRecordings, Params, RevokeToken,
        SetCamera, SetControls, SetDiscoveryInterval, SetRetention, StartRecording, SubscribeEvents,
        TakeSnapshot, Takes, UnsubscribeEvents,
    },
};

/// The one method that needs no caller, because it makes one. It lives in `call`.
pub(crate) const AUTHENTICATE: &str = "authenticate";
/// The one method whose answer must leave before the events it asks for.
pub(crate) const SUBSCRIBE: &str = "subscribe_events";

/// What becomes of a call whose caller leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It only looks: it ends with its caller.
    Read,
    /// It changes the world: it is finished.
    Command,
}

/// Which limit a method falls under as shipped; `security.rate_limit.methods` can give any method one
/// of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rate {
    /// The limit of all requests.
    General,
    /// A limit of its own besides.
    Own,
}

type Work = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// One method.
pub(crate) struct Method {
    pub(crate) name: &'static str,
    pub(crate) least: Role,
    pub(crate) effect: Effect,
    pub(crate) rate: Rate,
    /// What it is for, in one sentence.
    pub(crate) summary: &'static str,
    /// What it takes.
    pub(super) takes: fn() -> Vec<Takes>,
    /// What it gives, as JSON Schema.
    pub(super) gives: fn(&mut SchemaGenerator) -> Schema,
    /// Reads parameters and throws them away.
    pub(super) check: fn(Params<'_>) -> Result<(), Error>,
    /// Reads parameters and begins.
    pub(super) start: fn(Caller, Map<String, Value>) -> Result<Work, Error>,
}

/// A row: role, effect, rate, the function of `methods` with what it takes, and the summary; `try` when
/// the function may fail, `async` when it may also take its time. It bears the method's name unless
/// another one stands before it.
macro_rules! method {
    ($least:ident $effect:ident $rate:ident, async $name:ident($takes:ty), $summary:literal) => {
        method!(@ $least $effect $rate, stringify!($name), $takes, $summary,
            |schemas| of_async(methods::$name, schemas),
            |caller, taken| async move { encode(methods::$name(caller, taken).await) })
    };
    ($least:ident $effect:ident $rate:ident, try $name:ident($takes:ty), $summary:literal) => {
        method!(@ $least $effect $rate, stringify!($name), $takes, $summary,
            |schemas| of_try(methods::$name, schemas),
            |caller, taken| async move { encode(methods::$name(&caller, &taken)) })
    };
    ($least:ident $effect:ident $rate:ident, $name:ident, $summary:literal) => {
        method!($least $effect $rate, stringify!($name) => $name, $summary)
    };
    ($least:ident $effect:ident $rate:ident, $word:expr => $name:ident, $summary:literal) => {
        method!(@ $least $effect $rate, $word, Nothing, $summary,
            |schemas| of_plain(methods::$name, schemas),
            |caller, taken| async move { let Nothing = taken; encode(Ok(methods::$name(&caller))) })
    };
    (@ $least:ident $effect:ident $rate:ident, $word:expr, $takes:ty, $summary:literal, |$schemas:ident| $gives:expr,
        |$caller:ident, $taken:ident| $work:expr) => {
        Method {
            name: $word,
            least: Role::$least,
            effect: Effect::$effect,
            rate: Rate::$rate,
            summary: $summary,
            takes: Params::describe::<$takes>,
            gives: |$schemas: &mut SchemaGenerator| $gives,
            check: |params: Params<'_>| params.read::<$takes>().map(drop),
            start: |$caller: Caller, members: Map<String, Value>| {
                let $taken = $caller.read::<$takes>(members)?;
                Ok(Box::pin($work))
            },
        }
    };
}

fn of_plain<T: JsonSchema>(_: fn(&Caller) -> T, schemas: &mut SchemaGenerator) -> Schema {
    schemas.subschema_for::<T>()
}

fn of_try<P, T: JsonSchema>(_: fn(&Caller, &P) -> Result<T, Error>, schemas: &mut SchemaGenerator) -> Schema {
    schemas.subschema_for::<T>()
}

fn of_async<P, T: JsonSchema, F: Future<Output = Result<T, Error>>>(
    _: fn(Caller, P) -> F,
    schemas: &mut SchemaGenerator,
) -> Schema {
    schemas.subschema_for::<T>()
}

/// All of them but [`AUTHENTICATE`].
#[rustfmt::skip]
pub(crate) static METHODS: &[Method] = &[
    // The service
    method!(Viewer Read General, ping, "A sign of life"),
    method!(Viewer Read General, get_server_info, "What this build is and can do"),
    method!(Viewer Read General, get_system_status, "Is the service ready, and which cameras can be used?"),
    method!(Viewer Read General, async get_status(Nothing), "How the service is, part by part, and why"),
    method!(Admin Read General, async get_metrics(Nothing), "Everything that is counted"),
    method!(Viewer Read General, "rpc.discover" => discover, "This document"),
    // Cameras
    method!(Viewer Read General, get_camera_list, "All cameras"),
    method!(Viewer Read General, try get_camera_status(GetCameraStatus), "Everything about one camera"),
    method!(Viewer Read General, try get_camera_capabilities(OfCamera), "Formats, sizes and frame rates that one camera offers"),
    method!(Viewer Read General, async get_camera_controls(OfCamera), "Brightness and the like of one camera, as its driver tells it now"),
    method!(Operator Command General, async set_camera_controls(SetControls), "Set many of them or none; they hold again whenever the camera comes back"),
    method!(Operator Command General, async reset_camera_controls(OfCamera), "Set them to the driver's defaults, and keep nothing of what was set"),
    method!(Admin Command General, async set_camera(SetCamera), "Give a camera a name, for good"),
    method!(Admin Command General, async forget_camera(OfCamera), "Forget a camera that is not plugged in; its files stay"),
    method!(Admin Command General, async set_discovery_interval(SetDiscoveryInterval), "How often cameras are looked for"),
    method!(Viewer Read General, get_external_streams, "Network cameras"),
    method!(Admin Read General, try discover_external_streams(DiscoverStreams), "Look for network cameras (not in this build)"),
    method!(Admin Command General, try add_external_stream(AddStream), "Add a network camera (not in this build)"),
    method!(Admin Command General, try remove_external_stream(OfCamera), "Take one away (not in this build)"),
    // Streams
    method!(Viewer Read General, get_streams, "The streams of all cameras"),
    method!(Viewer Read General, try get_stream_url(OfCamera), "Where one camera is watched, ready for a player"),
    method!(Viewer Read General, try get_stream_status(OfCamera), "What one stream is doing, as measured"),
    method!(Operator Command General, async start_streaming(OfCamera), "Keep a stream ready until you stop it, or nobody watches; frames flow when this answers"),
    method!(Operator Command General, async stop_streaming(OfCamera), "Keep it ready for you no longer; what others need goes on"),
    // Pictures and recordings
    method!(Operator Command Own, async take_snapshot(TakeSnapshot), "A picture of now, kept as a file"),
    method!(Operator Command Own, async start_recording(StartRecording), "Begin a recording; its file holds its first key frame when this answers"),
    method!(Operator Command General, async stop_recording(OfCamera), "End a recording; its files are complete when this answers"),
    method!(Operator Command General, async export_recording(ExportRecording), "Cut a clip out of a camera's recordings, between key frames"),
    // Files
    method!(Viewer Read General, async list_recordings(ListFiles), "Files of recordings, newest first"),
    method!(Viewer Read General, async list_snapshots(ListFiles), "Snapshots, newest first"),
    method!(Viewer Read General, async get_recording_info(OfFile), "Everything about one file of a recording"),
    method!(Viewer Read General, async get_snapshot_info(OfFile), "Everything about one snapshot"),
    method!(Operator Command General, async delete_recording(OfRecordings), "Remove one file, or a whole recording"),
    method!(Operator Command General, async delete_snapshot(OfFile), "Remove one snapshot"),
    method!(Operator Command General, async protect_recording(OfRecordings), "Keep a recording from retention"),
    method!(Operator Command General, async unprotect_recording(OfRecordings), "Give a recording back to retention"),
    // Events
    method!(Viewer Read General, try subscribe_events(SubscribeEvents), "Hear of what happens, from now on or from where one left off"),
    method!(Viewer Read General, try unsubscribe_events(UnsubscribeEvents), "Hear no more of some topics, or of all"),
    method!(Viewer Read General, try get_subscription_stats(Nothing), "Who hears what"),
    // Storage
    method!(Admin Read General, async get_storage_info(Nothing), "Room on disk, and what takes it"),
    method!(Admin Command General, async set_retention_policy(SetRetention), "Change what is kept, and for how long"),
    method!(Admin Command General, async cleanup_old_files(CleanUp), "Apply the retention policy now"),
    // Keys and tokens
    method!(Admin Command General, async create_api_key(CreateApiKey), "Make an API key; it is shown this once"),
    method!(Admin Read General, list_api_keys, "All API keys, without their secrets"),
    method!(Admin Command General, async revoke_api_key(OfApiKey), "Take an API key back; its sessions end"),
    method!(Admin Command General, async revoke_token(RevokeToken), "Take back one token, or all of a user so far"),
    method!(Admin Read General, async get_audit_log(GetAuditLog), "Who came, who was turned away and who did what, newest first"),
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
        // Transcribed from the contract by hand.
        let table = include_str!("../../../../tests/e2e/data/authorisation.tsv");
        let rows: Vec<Vec<&str>> = table
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split('\t').collect())
            .collect();
        for method in METHODS {
            let row = rows.iter().find(|row| row[0] == method.name);
            assert_eq!(row.map(|row| row[1]), Some(method.least.as_str()), "{}", method.name);
            let looks = ["get_", "list_", "discover_", "ping", "rpc."].iter();
            let looks = looks.clone().any(|word| method.name.starts_with(word));
            let subscription = method.name.ends_with("subscribe_events");
            let effect = if looks || subscription { Effect::Read } else { Effect::Command };
            assert_eq!(method.effect, effect, "{}", method.name);
            assert!(std::ptr::eq(find(method.name).unwrap(), method), "{} stands twice", method.name);
        }
        assert!(find("authenticate").is_none() && find("").is_none());
    }
}
