//! MediaMTX at its worst, acted by a double: whatever it does, calls are answered at once and cameras go on. What a
//! real one does is for the tests in `tests/mediamtx`.

use std::time::{Duration, Instant};

use e2e::{PATIENCE, finished};
use serde_json::{Value, json};
use testkit::{
    MediaMtxDouble, Rpc, Service, Setup, eventually,
    mediamtx_double::{Generation, Mood},
    token::Role,
};

/// Calls while it is at its worst.
const CALLS: usize = 200;
/// No call takes longer, but one in a hundred: this machine may be busy.
const LIMIT: Duration = Duration::from_millis(50);

/// From its death to the event.
const HEARD_WITHIN: Duration = Duration::from_secs(2);

/// Waits for the event that says so.
async fn health_becomes(rpc: &mut Rpc, status: &str) {
    while rpc.notification("system_health_update").await["params"]["status"] != status {}
}

/// Two cameras, and a service that steers this one.
async fn steering(double: &MediaMtxDouble) -> Service {
    Setup::new()
        .set("media.backend", "mediamtx")
        .set("mediamtx.api_url", format!("http://{}", double.address()))
        .set("mediamtx.feed", "127.0.0.1:0")
        .set("mediamtx.request_timeout", "500ms")
        .test_camera("A", "160x90@5")
        .test_camera("B", "160x90@5")
        .without_limits()
        .start()
        .await
}

async fn media_server_becomes(rpc: &mut Rpc, state: &str) -> Value {
    eventually(&format!("the media server is {state}"), PATIENCE, async || {
        let status = rpc.ok("get_status", Value::Null).await;
        (status["components"]["media_server"] == state).then_some(status)
    })
    .await
}

/// 99 of 100 calls are answered in time, those that need MediaMTX with a refusal.
async fn answers_at_once(rpc: &mut Rpc, device: &str) {
    let mut taken = Vec::new();
    for call in 0..CALLS {
        let began = Instant::now();
        match call % 3 {
            0 => drop(rpc.ok("ping", Value::Null).await),
            1 => drop(rpc.ok("get_streams", Value::Null).await),
            _ => {
                let refused = rpc.err(-32050, "get_stream_url", json!({"device": device})).await;
                assert_eq!(refused.data["dependency"], "mediamtx");
            }
        }
        taken.push(began.elapsed());
    }
    taken.sort();
    assert!(taken[CALLS * 99 / 100 - 1] < LIMIT, "{:?}", &taken[CALLS - 5..]);
}

#[tokio::test]
async fn both_generations_are_told_once_and_told_again_when_they_forget() {
    for generation in [Generation::Old, Generation::New] {
        let double = MediaMtxDouble::start(generation).await;
        double.put("lobby", &json!({"source": "publisher", "maxReaders": 3}));
        let service = steering(&double).await;
        let mut rpc = service.rpc(Role::Admin).await;
        media_server_becomes(&mut rpc, "RUNNING").await;
        assert_eq!(double.paths(), ["camera0", "camera1", "lobby"]);
        let writes = double.writes();
        assert_eq!(writes.iter().filter(|write| write.contains("replace")).count(), 2, "{writes:?}");
        let info = rpc.ok("get_server_info", Value::Null).await;
        let version = if generation == Generation::New { json!("v1.20.1") } else { Value::Null };
        assert_eq!(
            (&info["media_server"]["kind"], &info["media_server"]["version"]),
            (&json!("mediamtx"), &version)
        );

        let mut watching = service.rpc(Role::Admin).await;
        watching.ok("subscribe_events", json!({"topics": ["system.health"]})).await;
        let forgotten = Instant::now();
        double.forget();
        eventually("what was forgotten is back", PATIENCE, async || {
            (double.paths() == ["camera0", "camera1"]).then_some(())
        })
        .await;
        assert!(forgotten.elapsed() < Duration::from_secs(2), "{:?}", forgotten.elapsed());
        // Drift and repair are told.
        for state in ["STARTING", "RUNNING"] {
            let news = watching.notification("system_health_update").await;
            assert_eq!(news["params"]["components"]["media_server"], state, "{news}");
        }
        // Somebody meddles with one of ours: only that one is put back.
        let before = double.writes().len();
        double.put("camera1", &json!({"record": true}));
        eventually("it is put back", PATIENCE, async || {
            let writes = double.writes();
            (writes.len() > before)
                .then(|| assert_eq!(writes[before..], ["POST /v3/config/paths/replace/camera1"]))
        })
        .await;
    }
}

#[tokio::test]
async fn whatever_it_does_calls_are_answered_and_cameras_go_on() {
    let double = MediaMtxDouble::start(Generation::New).await;
    let mut service = steering(&double).await;
    let device = service.device("A").await;
    let mut rpc = service.rpc(Role::Admin).await;
    media_server_becomes(&mut rpc, "RUNNING").await;
    let started = rpc.ok("start_recording", json!({"device": device})).await;
    for (mood, reason) in [
        (Mood::Silent, "does not answer in time"),
        (Mood::Status(500), "answers with an error"),
        (Mood::Status(401), "does not believe the service's token"),
        (Mood::Garbage, "what answers is not MediaMTX"),
    ] {
        double.set_mood(mood);
        let status = media_server_becomes(&mut rpc, "ERROR").await;
        let reasons = status["reasons"].to_string();
        assert!(status["status"] == "DEGRADED" && reasons.contains(reason), "{mood:?}: {status}");
        answers_at_once(&mut rpc, &device).await;
        rpc.ok("take_snapshot", json!({"device": device})).await;
        double.set_mood(Mood::Well);
        media_server_becomes(&mut rpc, "RUNNING").await;
    }
    let mut watching = service.rpc(Role::Viewer).await;
    watching.ok("subscribe_events", json!({"topics": ["system.health"]})).await;
    let died = Instant::now();
    drop(double);
    health_becomes(&mut watching, "DEGRADED").await;
    assert!(died.elapsed() < HEARD_WITHIN, "{:?}", died.elapsed());
    let status = media_server_becomes(&mut rpc, "ERROR").await;
    assert!(status["reasons"].to_string().contains("cannot be reached"), "{status}");
    answers_at_once(&mut rpc, &device).await;
    rpc.ok("stop_recording", json!({"device": device})).await;
    let file = finished(&mut rpc, started["filename"].as_str().unwrap()).await;
    assert_eq!(file["status"], "COMPLETE", "{file}");
}

#[tokio::test]
async fn a_revocation_is_not_forgotten_while_it_is_down() {
    let double = MediaMtxDouble::start(Generation::Old).await;
    let service = steering(&double).await;
    let mut rpc = service.rpc(Role::Admin).await;
    media_server_becomes(&mut rpc, "RUNNING").await;
    double.watch("nameless", "camera0");
    double.set_mood(Mood::Status(500));
    media_server_becomes(&mut rpc, "ERROR").await;
    rpc.ok("revoke_token", json!({"user": "somebody"})).await;
    let kick = "POST /v3/webrtcsessions/kick/nameless".to_owned();
    assert!(!double.writes().contains(&kick));
    double.set_mood(Mood::Well);
    eventually("who may not watch any more is sent away", PATIENCE, async || {
        double.writes().contains(&kick).then_some(())
    })
    .await;
}

#[tokio::test]
async fn half_done_and_unsaid_is_found_out() {
    let double = MediaMtxDouble::start(Generation::New).await;
    double.set_mood(Mood::Lies);
    let service = steering(&double).await;
    let mut rpc = service.rpc(Role::Admin).await;
    eventually("it was asked", PATIENCE, async || (double.writes().len() > 4).then_some(())).await;
    let status = rpc.ok("get_status", Value::Null).await;
    assert_ne!(status["components"]["media_server"], "RUNNING", "it has not what it says: {status}");
    double.set_mood(Mood::Breaks);
    eventually("it was told", PATIENCE, async || (double.paths().len() == 2).then_some(())).await;
    // One that keeps no connection is asked no more often for it.
    double.set_mood(Mood::Closes);
    media_server_becomes(&mut rpc, "RUNNING").await;
}

#[tokio::test]
async fn lists_are_read_to_their_end() {
    let double = MediaMtxDouble::start(Generation::New).await;
    let service = steering(&double).await;
    let mut rpc = service.rpc(Role::Admin).await;
    media_server_becomes(&mut rpc, "RUNNING").await;
    for number in 0..1200 {
        double.put(&format!("foreign{number}"), &json!({"source": "publisher"}));
    }
    // One of ours that should not be there, on the last page.
    double.put("zulu", &double.path("camera0").unwrap());
    eventually("it goes", PATIENCE, async || double.path("zulu").is_none().then_some(())).await;
    assert_eq!(double.paths().len(), 1202);
}
