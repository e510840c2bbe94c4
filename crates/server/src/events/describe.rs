//! What is told of each topic, for the `OpenRPC` document: when, to whom, in what shape, with one example
//! written by the code that writes the real ones. Nothing is told from here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use control::{
    CameraId,
    api::{Camera, CameraKind, CameraStatus, Health, MediaServer, Reason, Trouble, Viewing},
    events::{RecordingChange, RecordingNews},
    units::Size,
};
use schemars::SchemaGenerator;
use serde_json::{Value, json};

use super::Topic;
use crate::{
    security::Scope,
    wire::{self, EventBody, UrlBase},
};

/// When the examples begin: 2026-11-24T11:32:50Z.
const BEGIN: Duration = Duration::from_secs(1_795_519_970);
const EPOCH: &str = "5d6743ac46a56c2d";
const CAMERA: CameraId = CameraId(0);

/// One entry for each topic.
pub(crate) fn describe(schemas: &mut SchemaGenerator) -> Vec<Value> {
    Topic::ALL
        .into_iter()
        .zip(1..)
        .map(|(topic, seq)| {
            let body = example_of(topic);
            json!({
                "topic": topic.name(),
                "summary": topic.summary(),
                "method": topic.method(),
                "x-role": topic.least().as_str(),
                "params": body.schema(schemas),
                "example": told(topic, seq, &body),
            })
        })
        .collect()
}

/// The notification as a client would get it.
fn told(topic: Topic, seq: u64, body: &EventBody) -> Value {
    let at: SystemTime = UNIX_EPOCH + BEGIN + Duration::from_secs(seq);
    let text =
        wire::event_text(topic.method(), (topic.name(), EPOCH, seq), at, body, &addresses(), &Scope::All);
    serde_json::from_str(&text).expect("it was written as JSON")
}

fn addresses() -> UrlBase {
    let viewing = Viewing {
        server: MediaServer::Embedded,
        public_host: None,
        rtsp_port: Some(8554),
        webrtc_port: None,
        hls_port: None,
    };
    UrlBase::new(&viewing, "camera-service.example")
}

fn example_of(topic: Topic) -> EventBody {
    let recording = |change, filename: &str, seconds, file_size, reason: Option<&str>| {
        let news = RecordingNews {
            device: CAMERA,
            recording_id: "f1415cedfe996dc6".into(),
            filename: filename.into(),
            duration: Duration::from_secs(seconds),
            file_size,
            reason: reason.map(str::to_owned),
        };
        EventBody::recording(change, news)
    };
    let (first, second) = ("camera0_2026-11-24T11-32-54.000Z.mp4", "camera0_2026-11-24T11-42-54.000Z.mp4");
    match topic {
        Topic::CameraConnected => camera(CameraStatus::Connected),
        Topic::CameraDisconnected => camera(CameraStatus::Disconnected),
        Topic::CameraStatusChange => camera(CameraStatus::Error),
        Topic::RecordingStart => recording(RecordingChange::Start, first, 0, None, None),
        Topic::RecordingSegment => recording(RecordingChange::Segment, second, 600, None, None),
        Topic::RecordingStop => recording(RecordingChange::Stop, first, 660, Some(50_421_760), None),
        Topic::RecordingError => {
            recording(RecordingChange::Error, first, 42, Some(3_211_264), Some("the disk is full"))
        }
        Topic::SnapshotTaken => {
            EventBody::snapshot(CAMERA, "camera0_2026-11-24T11-32-58.000Z.jpg".into(), 61_440)
        }
        Topic::SystemHealth => {
            health(Some(health_with(Vec::new())), vec![Trouble::CameraUnusable(CAMERA)], 9)
        }
        Topic::SystemStartup => health(None, Vec::new(), 0),
        Topic::SystemShutdown => health(None, Vec::new(), 11),
        Topic::SystemStorage => EventBody::storage(81.25),
    }
}

fn camera(status: CameraStatus) -> EventBody {
    EventBody::Camera(Camera {
        id: CAMERA,
        status,
        name: "Gate".into(),
        kind: CameraKind::V4l2,
        size: Size { width: 1280, height: 720 },
        fps: 30.0,
    })
}

fn health(before: Option<Health>, troubles: Vec<Trouble>, uptime_s: u64) -> EventBody {
    EventBody::health(before, health_with(troubles), Duration::from_secs(uptime_s))
}

fn health_with(troubles: Vec<Trouble>) -> Health {
    // The moment of the other examples.
    let since = UNIX_EPOCH + BEGIN;
    let reason = |trouble| Reason { trouble, since };
    Health { reasons: troubles.into_iter().map(reason).collect(), ..Health::default() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use schemars::generate::SchemaSettings;

    use super::*;

    #[test]
    fn an_example_has_what_its_schema_says_and_nothing_else() {
        let mut schemas = SchemaSettings::draft07().for_serialize().into_generator();
        let all = describe(&mut schemas);
        assert_eq!(all.len(), Topic::ALL.len());
        for one in all {
            let members: BTreeSet<&String> = one["example"]["params"].as_object().unwrap().keys().collect();
            let known: BTreeSet<&String> = one["params"]["properties"].as_object().unwrap().keys().collect();
            assert!(members.is_subset(&known), "{one}");
            for needed in one["params"]["required"].as_array().unwrap() {
                assert!(members.iter().any(|member| *needed == **member), "{needed} of {one}");
            }
            let status = one["params"]["properties"]["status"]["enum"].as_array();
            assert!(status.is_none_or(|words| words.contains(&one["example"]["params"]["status"])), "{one}");
            for member in one["params"]["properties"].as_object().unwrap().values() {
                assert!(
                    member["description"].is_string() || member.get("$ref").is_some(),
                    "{member} in {one}"
                );
            }
            assert_eq!(one["example"]["method"], one["method"]);
        }
    }
}
