//! Events and subscriptions: what notifications say, what the calls about them take and give.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use control::{
    CameraId,
    api::{self, ComponentState, Health},
    events::{RecordingChange, RecordingNews},
};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    UrlBase,
    cameras::Camera,
    error::Error,
    metrics::Status,
    params::{Devices, FromParams, Params},
    seconds, time,
};
use crate::security::Scope;

/// Most topics in one call.
const MAX_TOPICS: usize = 50;
/// Longest text worth comparing with a topic or an epoch.
const MAX_WORD_CHARS: usize = 64;
/// Up to here every reader of JSON keeps whole numbers exact.
const MAX_SEQ: u64 = 1 << 53;

/// What is told of an event.
#[derive(Debug, Clone)]
pub(crate) enum EventBody {
    Camera(api::Camera),
    Recording(CameraId, RecordingUpdate),
    Snapshot(CameraId, SnapshotUpdate),
    Health(Box<HealthUpdate>),
    Storage(StorageUpdate),
}

/// Of a recording.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct RecordingUpdate {
    /// The camera's id.
    device: String,
    /// The same from start to end, over all files of the recording.
    recording_id: String,
    /// `recording_id`, as older clients call it.
    session_id: String,
    /// `ERROR`: it ended before its time.
    #[schemars(extend("enum" = ["RECORDING", "STOPPED", "ERROR"]))]
    status: &'static str,
    /// The file that has begun; at the end, the first one.
    filename: String,
    /// Seconds of video in its finished files.
    duration: f64,
    /// Bytes of all its files; once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    file_size: Option<u64>,
    /// Why it ended before its time, for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Of a snapshot.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct SnapshotUpdate {
    /// The camera's id.
    device: String,
    /// The file that lies in the folder.
    filename: String,
    /// Bytes.
    file_size: u64,
}

/// Of the service.
#[derive(Debug, Clone)]
pub(crate) struct HealthUpdate {
    /// `None`: it is told whatever was before.
    before: Option<Health>,
    now: Health,
    uptime: Duration,
}

impl HealthUpdate {
    fn as_told_to(&self, scope: &Scope) -> Status {
        let seen = self.now.clone().seen_by(scope.cameras().as_deref());
        // Whoever is told finds the server running.
        Status::new(&seen, ComponentState::Running, seconds(self.uptime), crate::about::VERSION)
    }
}

/// Of the disk.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct StorageUpdate {
    /// What is used of the disk for recordings, as df(1) counts it.
    usage_percentage: f64,
}

impl EventBody {
    pub(crate) fn recording(change: RecordingChange, news: RecordingNews) -> Self {
        let update = RecordingUpdate {
            device: news.device.to_string(),
            session_id: news.recording_id.clone(),
            recording_id: news.recording_id,
            status: match change {
                RecordingChange::Start | RecordingChange::Segment => "RECORDING",
                RecordingChange::Stop => "STOPPED",
                RecordingChange::Error => "ERROR",
            },
            filename: news.filename,
            duration: seconds(news.duration),
            file_size: news.file_size,
            reason: news.reason,
        };
        Self::Recording(news.device, update)
    }

    pub(crate) fn snapshot(device: CameraId, filename: String, file_size: u64) -> Self {
        Self::Snapshot(device, SnapshotUpdate { device: device.to_string(), filename, file_size })
    }

    /// `before`: how it was, if only a difference is worth telling.
    pub(crate) fn health(before: Option<Health>, now: Health, uptime: Duration) -> Self {
        Self::Health(Box::new(HealthUpdate { before, now, uptime }))
    }

    pub(crate) fn storage(usage_percent: f64) -> Self {
        Self::Storage(StorageUpdate { usage_percentage: (usage_percent * 100.0).round() / 100.0 })
    }

    /// The camera it is about.
    pub(crate) fn device(&self) -> Option<CameraId> {
        match self {
            Self::Camera(camera) => Some(camera.id),
            Self::Recording(device, _) | Self::Snapshot(device, _) => Some(*device),
            Self::Health(_) | Self::Storage(_) => None,
        }
    }

    /// What the parameters of such a notification are, as a JSON schema.
    pub(crate) fn schema(&self, schemas: &mut SchemaGenerator) -> Value {
        match self {
            Self::Camera(_) => schemas.subschema_for::<Told<'static, Camera>>(),
            Self::Recording(..) => schemas.subschema_for::<Told<'static, RecordingUpdate>>(),
            Self::Snapshot(..) => schemas.subschema_for::<Told<'static, SnapshotUpdate>>(),
            Self::Health(_) => schemas.subschema_for::<Told<'static, Status>>(),
            Self::Storage(_) => schemas.subschema_for::<Told<'static, StorageUpdate>>(),
        }
        .to_value()
    }

    /// Does it say the same to everybody who may hear it?
    pub(crate) fn depends_on_scope(&self) -> bool {
        matches!(self, Self::Health(_))
    }

    /// Does it tell somebody of this scope anything? What changed about a camera they may not know, they
    /// are not told by a change that shows no difference.
    pub(crate) fn tells(&self, scope: &Scope) -> bool {
        match self {
            Self::Camera(_) | Self::Recording(..) | Self::Snapshot(..) => {
                self.device().is_none_or(|device| scope.holds(device))
            }
            Self::Storage(_) => true,
            Self::Health(update) => update.before.as_ref().is_none_or(|before| {
                let cameras = scope.cameras();
                let seen = |health: &Health| health.clone().seen_by(cameras.as_deref());
                seen(&update.now).differs(&seen(before))
            }),
        }
    }
}

#[derive(Serialize)]
struct Notification<'a, B> {
    jsonrpc: &'static str,
    method: &'a str,
    params: Told<'a, B>,
}

/// The parameters of a notification.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Told<'a, B> {
    /// What it is about.
    topic: &'a str,
    /// Another one after each start of the service.
    epoch: &'a str,
    /// Grows within an epoch; what the session may not hear is skipped.
    seq: u64,
    /// When it happened.
    #[schemars(extend("format" = "date-time"))]
    timestamp: String,
    #[serde(flatten)]
    body: B,
}

/// A notification about one event.
pub(crate) fn event_text(
    method: &str,
    (topic, epoch, seq): (&str, &str, u64),
    at: SystemTime,
    body: &EventBody,
    urls: &UrlBase,
    scope: &Scope,
) -> String {
    let told = Told { topic, epoch, seq, timestamp: time(at), body: () };
    match body {
        EventBody::Camera(camera) => written(method, told, Camera::new(camera.clone(), urls)),
        EventBody::Recording(_, update) => written(method, told, update),
        EventBody::Snapshot(_, update) => written(method, told, update),
        EventBody::Health(update) => written(method, told, update.as_told_to(scope)),
        EventBody::Storage(update) => written(method, told, update),
    }
}

fn written<B: Serialize>(method: &str, told: Told<'_, ()>, body: B) -> String {
    let Told { topic, epoch, seq, timestamp, body: () } = told;
    let params = Told { topic, epoch, seq, timestamp, body };
    serde_json::to_string(&Notification { jsonrpc: "2.0", method, params })
        .expect("texts and finite numbers under text keys, as the types above have them, are JSON")
}

/// The place in the journal up to which a client has heard.
#[derive(Debug, Clone, Default)]
pub(crate) struct Since {
    pub(crate) epoch: String,
    pub(crate) seq: u64,
}

/// Takes `{topics, filters?, since?}`.
#[derive(Debug)]
pub(crate) struct SubscribeEvents {
    pub(crate) topics: Vec<String>,
    /// `None`: all.
    pub(crate) devices: Option<Devices>,
    pub(crate) since: Option<Since>,
}

impl FromParams for SubscribeEvents {
    fn from_params(params: &mut Params<'_>) -> Result<Self, Error> {
        let topics = params.texts("topics", 1..=MAX_TOPICS, MAX_WORD_CHARS)?;
        let filters = json!({"type": "object", "properties": {"device": Devices::schema()}});
        let devices = params.object("filters", filters, |filters| filters.devices("device"))?;
        let since = json!({"type": "object", "required": ["epoch", "seq"],
            "properties": {"epoch": {"type": "string"}, "seq": {"type": "integer", "minimum": 0}}});
        let since = params.object("since", since, |since| {
            let (epoch, seq) = (since.text("epoch")?, since.integer("seq", 0..=MAX_SEQ)?);
            Ok(Since { epoch: since.need("epoch", epoch)?, seq: since.need("seq", seq)? })
        })?;
        Ok(Self { topics: params.need("topics", topics)?, devices: devices.flatten(), since })
    }
}

/// Takes `{topics?}`.
#[derive(Debug)]
pub(crate) struct UnsubscribeEvents {
    /// `None`: all.
    pub(crate) topics: Option<Vec<String>>,
}

impl FromParams for UnsubscribeEvents {
    fn from_params(params: &mut Params<'_>) -> Result<Self, Error> {
        Ok(Self { topics: params.texts("topics", 1..=MAX_TOPICS, MAX_WORD_CHARS)? })
    }
}

/// Gives what was granted.
#[derive(Debug, Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the names are the contract's")]
pub(crate) struct Subscribed {
    pub(crate) subscribed: bool,
    pub(crate) topics: Vec<&'static str>,
    pub(crate) filters: Filters,
    pub(crate) epoch: String,
    pub(crate) seq: u64,
    pub(crate) gap: bool,
    pub(crate) replayed: usize,
}

/// The filters that count, as they were asked for.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Filters {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) device: Option<Value>,
}

/// Gives what is left.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Unsubscribed {
    pub(crate) unsubscribed: bool,
    pub(crate) topics: Vec<&'static str>,
}

/// Gives who hears what.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SubscriptionStats {
    pub(crate) global_stats: GlobalStats,
    pub(crate) client_topics: Vec<&'static str>,
    pub(crate) client_id: String,
}

/// Of all connections.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct GlobalStats {
    pub(crate) total_subscriptions: usize,
    pub(crate) active_clients: usize,
    pub(crate) topic_counts: BTreeMap<&'static str, usize>,
}
