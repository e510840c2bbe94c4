//! The log as the service uses it: a thread, a queue, and a folder that comes and goes.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{store::tests::place, *};

fn entry(event: Event, outcome: Outcome) -> Entry {
    Entry {
        event,
        who: None,
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        method: "take_snapshot",
        device: Some("camera0".into()),
        filename: None,
        outcome,
        reason: Some("a reason".into()),
        correlation_id: "00ff".into(),
    }
}

fn call() -> Entry {
    entry(Event::Call, Outcome::Refused)
}

fn open(place: &Place) -> Audit {
    Audit::with_key(place.clone(), Key::for_tests()).unwrap()
}

fn lines(place: &Place) -> Vec<Value> {
    let text = fs::read_to_string(&place.file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Waits until something is so; gives up after ten seconds.
async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let give_up = Instant::now() + Duration::from_secs(10);
    let mut clock = tokio::time::interval(Duration::from_millis(5));
    while !so() {
        assert!(Instant::now() < give_up, "not within ten seconds: {what}");
        clock.tick().await;
    }
}

#[tokio::test]
async fn a_reserved_line_is_written_whatever_happens() {
    let dir = tempfile::tempdir().unwrap();
    let place = place(dir.path(), 1 << 20);
    let audit = open(&place);
    audit.started();
    let result = RawValue::from_string(r#"{"filename": "a.jpg"}"#.into()).unwrap();
    audit.reserve(call()).unwrap().finish(Outcome::Done, None, Some(&result));
    audit.reserve(call()).unwrap().finish(Outcome::Failed, Some("no picture".into()), None);
    drop(audit.reserve(call()).unwrap());
    audit.reloaded(&["websocket.port".into(), "logging.level".into()], Outcome::Done);
    audit.close().await;
    let lines = lines(&place);
    let told =
        |member: &str| lines.iter().map(|line| line[member].as_str().unwrap_or("-")).collect::<Vec<_>>();
    assert_eq!(told("event"), ["checkpoint", "start", "call", "call", "call", "configuration", "stop"]);
    assert_eq!(told("outcome"), ["done", "done", "done", "failed", "abandoned", "done", "done"]);
    assert_eq!(told("filename"), ["-", "-", "a.jpg", "-", "-", "-", "-"]);
    assert_eq!(told("reason")[5], "websocket.port, logging.level");
    for line in &lines {
        for member in
            ["ts", "seq", "event", "user", "role", "address", "method", "outcome", "correlation_id", "mac"]
        {
            assert!(line.get(member).is_some(), "{member} is missing in {line}");
        }
    }
    assert_eq!(audit.head(), (7, lines[6]["mac"].as_str().unwrap().to_owned()));
    // After the end nothing is written, and nobody is harmed.
    audit.note(&call());
    audit.close().await;
    assert_eq!(verify_place(&place, &Key::for_tests(), None).unwrap().lines, 7);
}

#[tokio::test]
async fn an_unwritable_log_refuses_calls_keeps_lines_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let place = place(&dir.path().join("later"), 1 << 20);
    let audit = open(&place);
    assert_eq!(audit.reserve(call()).unwrap_err(), Unwritable);
    audit.note(&entry(Event::Refusal, Outcome::Refused));
    fs::create_dir(dir.path().join("later")).unwrap();
    until("it comes back by itself", || audit.shared.writable.load(Ordering::Acquire)).await;
    until("the line was kept", || lines(&place).len() == 2).await;

    // A file that goes while it is written is noticed at the very next call.
    let pending = audit.reserve(call()).unwrap();
    fs::rename(dir.path().join("later"), dir.path().join("gone")).unwrap();
    assert!(audit.reserve(call()).is_err());
    pending.finish(Outcome::Done, None, None);
    fs::rename(dir.path().join("gone"), dir.path().join("later")).unwrap();
    until("it is writable again", || audit.reserve(call()).is_ok()).await;
    audit.close().await;
    assert!(lines(&place).iter().any(|line| line["event"] == "call" && line["outcome"] == "done"));
    verify_place(&place, &Key::for_tests(), None).unwrap();
}

#[tokio::test]
async fn strangers_cannot_take_the_places_of_calls_and_what_is_lost_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let place = place(&dir.path().join("later"), 1 << 20);
    let audit = open(&place);
    let began = Instant::now();
    for number in 0..PLACES as u32 + 100 {
        let mut stranger = entry(Event::Refusal, Outcome::Refused);
        stranger.address = IpAddr::from(number.to_be_bytes());
        audit.note(&stranger);
    }
    // Nobody has waited for anything.
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(audit.places.available_permits() == 0 && audit.shared.dropped.load(Ordering::Relaxed) >= 100);
    fs::create_dir(dir.path().join("later")).unwrap();
    until("it comes back", || audit.reserve(call()).is_ok()).await;
    audit.close().await;
    let lines = lines(&place);
    let dropped = lines.iter().find(|line| line["event"] == "dropped").unwrap();
    assert!(dropped["repeated"].as_u64().unwrap() >= 100, "{dropped}");
    assert!(lines.iter().filter(|line| line["event"] == "refusal").count() >= PLACES);
}

#[tokio::test]
async fn a_flood_of_one_stranger_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let place = place(dir.path(), 1 << 20);
    let audit = open(&place);
    for _ in 0..1000 {
        audit.note(&entry(Event::Authentication, Outcome::Refused));
    }
    audit.close().await;
    let lines = lines(&place);
    assert!(lines.len() < 20, "{}", lines.len());
    let count = |line: &Value| line["repeated"].as_u64().unwrap_or(1);
    let told = lines.iter().filter(|line| line["event"] == "authentication").map(count);
    assert_eq!(told.sum::<u64>(), 1000);
}
