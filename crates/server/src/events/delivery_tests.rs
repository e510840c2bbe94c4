//! From the hub to what a client is sent, without a socket: nothing twice, nothing missing, nothing that
//! is not meant for it.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use control::{
    CameraId,
    api::{Camera, CameraKind, CameraStatus, Health, MediaServer, Reason, Trouble, Viewing},
    events::{CameraChange, Event, News, RecordingChange, RecordingNews},
    units::Size,
};
use serde_json::{Value, json};

use super::{
    Hub, Refused, Subscriber, Topic, Wish, Wishes,
    subscriber::{Granted, Seat},
};
use crate::{
    security::{Credential, Principal, Role, Scope},
    wire::{Devices, Since, UrlBase},
};

const EPOCH: &str = "0123456789abcdef";

fn principal(role: Role, scope: Scope) -> Arc<Principal> {
    let credential = Credential::Token { id: None, issued_at: SystemTime::now() };
    Arc::new(Principal { user: "ann".into(), role, scope, credential, expires_at: None, ends_at: None })
}

fn camera(id: u16) -> Event {
    let camera = Camera {
        id: CameraId(id),
        status: CameraStatus::Error,
        name: "A".into(),
        kind: CameraKind::Test,
        size: Size { width: 64, height: 64 },
        fps: 5.0,
    };
    Event::Camera(CameraChange::Status, camera)
}

fn recording(id: u16) -> Event {
    let news = RecordingNews {
        device: CameraId(id),
        recording_id: "r".into(),
        filename: "f.mp4".into(),
        duration: Duration::from_millis(1500),
        file_size: Some(7),
        reason: None,
    };
    Event::Recording(RecordingChange::Stop, news)
}

fn health(troubles: &[Trouble]) -> Health {
    let reason = |trouble: &Trouble| Reason { trouble: trouble.clone(), since: SystemTime::UNIX_EPOCH };
    Health { reasons: troubles.iter().map(reason).collect(), ..Health::default() }
}

fn storage() -> Event {
    Event::Storage { usage_percent: 81.234 }
}

struct Client {
    seat: Seat,
    session: Arc<Principal>,
}

impl Client {
    fn join(hub: &Arc<Hub>, session: Arc<Principal>, host: &str) -> Self {
        let (server, rtsp_port) = (MediaServer::Embedded, Some(8554));
        let viewing = Viewing { public_host: None, server, rtsp_port, webrtc_port: None, hls_port: None };
        let seat = hub.join("s", UrlBase::new(&viewing, host));
        seat.subscriber().belongs_to(Some(session.clone()));
        Self { seat, session }
    }

    fn subscriber(&self) -> &Arc<Subscriber> {
        self.seat.subscriber()
    }

    fn ask(&self, topics: &[&str], devices: Option<&[u16]>, since: Option<u64>) -> Result<Granted, Refused> {
        let topics: Vec<Wish> = topics.iter().map(|text| Wish::parse(text).unwrap()).collect();
        let devices = devices
            .map(|ids| Devices { asked: json!(ids), ids: ids.iter().map(|id| CameraId(*id)).collect() });
        let since = since.map(|seq| Since { epoch: EPOCH.into(), seq });
        let wishes = Wishes { topics: &topics, devices: devices.as_ref(), since: since.as_ref() };
        self.subscriber().subscribe(Some(&self.session), self.session.role, &wishes)
    }

    fn next(&self) -> Option<Value> {
        let told = self.subscriber().pop()?;
        self.subscriber().was_sent();
        Some(serde_json::from_str(told.text()).unwrap())
    }

    fn topics(&self) -> Vec<String> {
        let topic = |told: Value| told["params"]["topic"].as_str().unwrap().to_owned();
        std::iter::from_fn(|| self.next()).map(topic).collect()
    }
}

#[test]
fn a_notification_is_the_contract() {
    let hub = Hub::new(EPOCH, 256, health(&[]));
    let viewers = ["one.example", "[::1]", "one.example"]
        .map(|host| Client::join(&hub, principal(Role::Operator, Scope::All), host));
    for viewer in &viewers {
        viewer.ask(&["*"], None, None).unwrap();
    }
    let at = SystemTime::UNIX_EPOCH;
    for event in [camera(3), recording(3), storage(), Event::Shutdown] {
        hub.publish(News { at, ..News::now(event) });
    }
    let told: Vec<Vec<Value>> =
        viewers.iter().map(|viewer| std::iter::from_fn(|| viewer.next()).collect()).collect();
    assert_eq!(told[0], told[2]);
    let [status, stop, disk, shutdown] = told[0].as_slice() else { panic!("{told:?}") };
    let expected = json!({"jsonrpc": "2.0", "method": "camera_status_update", "params": {
        "topic": "camera.status_change", "epoch": EPOCH, "seq": 1, "timestamp": "1970-01-01T00:00:00.000Z",
        "device": "camera3", "status": "ERROR", "name": "A", "kind": "test", "resolution": "64x64", "fps": 5,
        "streams": {"rtsp": "rtsp://one.example:8554/camera3", "webrtc": null, "hls": null}}});
    assert_eq!(*status, expected);
    assert_eq!(told[1][0]["params"]["streams"]["rtsp"], "rtsp://[::1]:8554/camera3");
    let expected = json!({"topic": "recording.stop", "epoch": EPOCH, "seq": 2,
        "timestamp": "1970-01-01T00:00:00.000Z", "device": "camera3", "recording_id": "r", "session_id": "r",
        "status": "STOPPED", "filename": "f.mp4", "duration": 1.5, "file_size": 7});
    assert_eq!((&stop["method"], &stop["params"]), (&json!("recording_status_update"), &expected));
    assert_eq!(disk["params"]["usage_percentage"], 81.23);
    assert_eq!(disk["method"], "system_health_update");
    assert_eq!(
        (&shutdown["params"]["status"], &shutdown["params"]["topic"]),
        (&json!("HEALTHY"), &json!("system.shutdown"))
    );
}

#[test]
fn health_is_told_as_get_status_tells_it_and_as_far_as_one_may_know() {
    let hub = Hub::new(EPOCH, 256, health(&[]));
    let all = Client::join(&hub, principal(Role::Viewer, Scope::All), "h");
    let near = Client::join(&hub, principal(Role::Viewer, Scope::Only([CameraId(1)].into())), "h");
    for client in [&all, &near] {
        // A filter on cameras keeps nothing of the service itself away.
        client.ask(&["system.*"], Some(&[7]), None).unwrap();
    }
    let changes: [&[Trouble]; 5] = [
        &[Trouble::CameraUnusable(CameraId(0))],
        &[Trouble::CameraUnusable(CameraId(0)), Trouble::CutShort(CameraId(1))],
        &[Trouble::DiskFull(96.4), Trouble::CameraUnusable(CameraId(0))],
        // Only a figure: nobody is told.
        &[Trouble::DiskFull(97.4), Trouble::CameraUnusable(CameraId(0))],
        &[],
    ];
    for troubles in changes {
        hub.publish(News::now(Event::Health(health(troubles))));
    }
    let told = |client: &Client| -> Vec<(Value, Value)> {
        std::iter::from_fn(|| client.next())
            .map(|told| {
                assert_eq!(told["params"]["components"]["ffmpeg"], "RUNNING", "{told}");
                assert_eq!(told["params"]["topic"], "system.health", "{told}");
                (told["params"]["status"].clone(), told["params"]["reasons"].clone())
            })
            .collect()
    };
    let (unusable, cut_short) = ("camera0 cannot be used", "a recording of camera1 was cut short");
    let full = "the disk for recordings is 96 % full: no recording begins";
    let expected = [
        (json!("DEGRADED"), json!([unusable])),
        (json!("DEGRADED"), json!([unusable, cut_short])),
        (json!("UNHEALTHY"), json!([full, unusable])),
        (json!("HEALTHY"), json!([])),
    ];
    assert_eq!(told(&all), expected);
    let expected = [
        (json!("DEGRADED"), json!([cut_short])),
        (json!("UNHEALTHY"), json!([full])),
        (json!("HEALTHY"), json!([])),
    ];
    assert_eq!(told(&near), expected);
    // One who was away hears the same.
    near.ask(&["system.*"], None, Some(0)).unwrap();
    assert_eq!(told(&near), expected);
}

#[test]
fn who_hears_what() {
    let hub = Hub::new(EPOCH, 256, health(&[]));
    let viewer = Client::join(&hub, principal(Role::Viewer, Scope::All), "h");
    assert_eq!(
        viewer.ask(&["camera.*", "recording.stop"], None, None).unwrap_err(),
        Refused::Role(Role::Operator)
    );
    assert_eq!(hub.stats().clients, 0, "one that is refused hears nothing");
    assert_eq!(viewer.ask(&["*"], None, None).unwrap().topics.iter().count(), 7);
    let scoped = Client::join(&hub, principal(Role::Operator, Scope::Only([CameraId(1)].into())), "h");
    scoped.ask(&["*"], None, None).unwrap();
    let picky = Client::join(&hub, principal(Role::Admin, Scope::All), "h");
    picky.ask(&["recording.*", "system.*"], Some(&[0, 7]), None).unwrap();
    // The newest filter of a topic counts, and the other topics keep theirs.
    picky.ask(&["camera.*", "recording.start"], Some(&[1]), None).unwrap();
    assert_eq!(hub.stats().clients, 3);
    for event in [camera(0), camera(1), recording(0), recording(1), storage()] {
        hub.publish(News::now(event));
    }
    assert_eq!(viewer.topics(), ["camera.status_change", "camera.status_change", "system.storage"]);
    assert_eq!(scoped.topics(), ["camera.status_change", "recording.stop", "system.storage"]);
    assert_eq!(picky.topics(), ["camera.status_change", "recording.stop", "system.storage"]);
    let left = picky.subscriber().unsubscribe(Some(&[Wish::parse("system.*").unwrap()]));
    assert_eq!(left.iter().count(), 7);
    hub.publish(News::now(storage()));
    assert_eq!((picky.topics(), viewer.topics().len()), (vec![], 1));
    drop((viewer, scoped, picky));
    assert!(hub.stats().clients == 0 && hub.stats().by_topic.is_empty());
}

#[test]
fn a_session_that_ends_or_changes() {
    let hub = Hub::new(EPOCH, 256, health(&[]));
    let operator = principal(Role::Operator, Scope::All);
    let client = Client::join(&hub, operator.clone(), "h");
    let subscriber = client.subscriber();
    client.ask(&["*"], None, None).unwrap();
    hub.publish(News::now(recording(0)));
    hub.publish(News::now(camera(0)));
    // Another caller takes over before anything has left: what it may not hear does not.
    subscriber.belongs_to(Some(principal(Role::Viewer, Scope::All)));
    assert_eq!(client.topics(), ["camera.status_change"]);
    assert_eq!(subscriber.topics().iter().count(), 7);
    // A call that was admitted for the one before gives the one now nothing.
    assert_eq!(client.ask(&["*"], None, None).unwrap_err(), Refused::NoSession);
    hub.publish(News::now(camera(0)));
    subscriber.belongs_to(None);
    hub.publish(News::now(camera(0)));
    assert!(client.topics().is_empty() && hub.stats().clients == 0);
    subscriber.belongs_to(Some(operator));
    hub.publish(News::now(camera(0)));
    assert!(client.topics().is_empty(), "a new session asks anew");

    // One whose time is over hears nothing, even before anybody has noticed.
    let mut short = (*principal(Role::Operator, Scope::All)).clone();
    short.ends_at = Some(SystemTime::now() + Duration::from_millis(50));
    let short = Arc::new(short);
    let client = Client::join(&hub, short.clone(), "h");
    client.ask(&["*"], None, None).unwrap();
    hub.publish(News::now(camera(0)));
    while !short.is_over(SystemTime::now()) {
        std::thread::yield_now();
    }
    assert!(client.next().is_none());
    assert_eq!(client.ask(&["*"], None, None).unwrap_err(), Refused::NoSession);
    // A credential taken back ends what belongs to it, and nothing else.
    let kept = Client::join(&hub, principal(Role::Admin, Scope::All), "h");
    kept.ask(&["*"], None, None).unwrap();
    let revoked = Client::join(&hub, principal(Role::Viewer, Scope::All), "h");
    revoked.ask(&["*"], None, None).unwrap();
    hub.publish(News::now(storage()));
    hub.end_revoked(|principal| principal.role == Role::Admin);
    assert_eq!((revoked.topics().len(), kept.topics().len()), (0, 1));
    assert_eq!(revoked.ask(&["*"], None, None).unwrap_err(), Refused::NoSession);
    // A call that outlives its connection leaves nothing behind.
    let client = Client::join(&hub, principal(Role::Admin, Scope::All), "h");
    let subscriber = client.subscriber().clone();
    let session = client.session.clone();
    drop(client);
    let wishes = Wishes { topics: &[Wish::Named(Topic::SystemStorage)], devices: None, since: None };
    assert_eq!(subscriber.subscribe(Some(&session), Role::Admin, &wishes).unwrap_err(), Refused::NoSession);
}

#[test]
fn events_wait_for_the_reply() {
    let hub = Hub::new(EPOCH, 256, health(&[]));
    let client = Client::join(&hub, principal(Role::Admin, Scope::All), "h");
    hub.publish(News::now(storage()));
    let (first, second) = (client.subscriber().hold(), client.subscriber().hold());
    let granted = client.ask(&["system.*"], None, Some(0)).unwrap();
    assert_eq!((granted.seq, granted.replayed, granted.gap), (1, 1, false));
    hub.publish(News::now(storage()));
    assert!(client.next().is_none());
    drop(first);
    assert!(client.next().is_none());
    drop(second);
    assert_eq!(client.topics().len(), 2);
}

#[test]
fn what_leaves_waits_and_is_dropped_is_counted() {
    let hub = Hub::new(EPOCH, 2, health(&[]));
    let client = Client::join(&hub, principal(Role::Admin, Scope::All), "h");
    assert_eq!(hub.counted().subscribers, 0, "it has asked for nothing");
    client.ask(&["system.storage"], None, None).unwrap();
    let other = Client::join(&hub, principal(Role::Admin, Scope::All), "h");
    other.ask(&["recording.*"], None, None).unwrap();
    for event in [storage(), storage(), storage(), recording(0)] {
        hub.publish(News::now(event));
    }
    let counted = hub.counted();
    assert_eq!((counted.subscribers, counted.waiting, counted.longest), (2, 3, 2));
    assert_eq!((counted.dropped, counted.lost, counted.delay.count()), (1, 0, 0));
    let of = |topic| counted.published.iter().find(|(known, _)| *known == topic).unwrap().1;
    assert_eq!((of(Topic::SystemStorage), of(Topic::RecordingStop), of(Topic::SystemHealth)), (3, 1, 0));
    assert_eq!(std::iter::from_fn(|| client.next()).count(), 3, "two, and that one was dropped");
    let counted = hub.counted();
    assert_eq!((counted.waiting, counted.longest, counted.delay.count()), (1, 1, 2));
    // What is told again has no delay of its own.
    client.ask(&["system.storage"], None, Some(0)).unwrap();
    assert_eq!(hub.counted().waiting, 4);
    while client.next().is_some() {}
    assert_eq!((hub.counted().delay.count(), hub.counted().dropped), (2, 1));
}

/// A generator of chances that is the same in every run (Numerical Recipes').
struct Chance(u64);

impl Chance {
    fn below(&mut self, count: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % count
    }
}

/// A client that comes, reads a little, goes and comes again, asking for what it missed. Gives the numbers
/// it heard, how many it was told were dropped, and all numbers it should have heard. `asks_again`: also
/// on the same connection, by which what was dropped there may come after all.
fn comes_and_goes(seed: u64, max_queue: usize, asks_again: bool) -> (Vec<u64>, u64, Vec<u64>) {
    let mut chance = Chance(seed);
    let hub = Hub::new(EPOCH, max_queue, health(&[]));
    let session = principal(Role::Operator, Scope::Only([CameraId(1), CameraId(2)].into()));
    let new = || Client::join(&hub, session.clone(), "h");
    let mut client = new();
    client.ask(&["recording.*", "system.*"], Some(&[0, 1]), Some(0)).unwrap();
    let (mut heard, mut dropped, mut place, mut published) = (Vec::new(), 0, 0, Vec::new());
    let mut read = |client: &Client, place: &mut u64| {
        let Some(told) = client.next() else { return false };
        let number = |member: &str| told["params"][member].as_u64().unwrap();
        if told["method"] == "events_dropped" {
            dropped += number("dropped");
            *place = number("last_seq").max(*place);
        } else {
            heard.push(number("seq"));
            *place = number("seq");
        }
        true
    };
    for seq in 1..=900 {
        let event = match chance.below(4) {
            0 => recording(0),
            1 => recording(1),
            2 => camera(1),
            _ => storage(),
        };
        // Camera 0 is out of scope, and cameras were not asked for.
        if matches!(&event, Event::Storage { .. })
            || matches!(&event, Event::Recording(_, news) if news.device == CameraId(1))
        {
            published.push(seq);
        }
        hub.publish(News::now(event));
        match chance.below(20) {
            0 => {
                client = new();
                let granted = client.ask(&["recording.*", "system.*"], Some(&[0, 1]), Some(place)).unwrap();
                assert_eq!((granted.gap, granted.seq), (false, seq));
            }
            // Asks again where it stands, with some of it still waiting.
            1 if asks_again => drop(client.ask(&["recording.stop"], Some(&[1]), Some(place)).unwrap()),
            // Reads now and then, some at once.
            2 => {
                let mut left = 12;
                while left > 0 && read(&client, &mut place) {
                    left -= 1;
                }
            }
            _ => {}
        }
    }
    while read(&client, &mut place) {}
    (heard, dropped, published)
}

#[test]
fn nothing_twice_and_nothing_missing_however_it_comes_and_goes() {
    for seed in 0..40 {
        let (heard, dropped, published) = comes_and_goes(seed, 1000, true);
        assert_eq!(dropped, 0);
        assert_eq!(heard, published, "seed {seed}");
    }
}

#[test]
fn what_is_missing_is_told() {
    let mut dropped_in_all = 0;
    for seed in 0..40 {
        let (heard, dropped, published) = comes_and_goes(seed, 4, false);
        assert!(heard.is_sorted_by(|a, b| a < b), "seed {seed}: {heard:?}");
        assert!(heard.iter().all(|seq| published.binary_search(seq).is_ok()), "seed {seed}");
        assert_eq!(heard.len() as u64 + dropped, published.len() as u64, "seed {seed}");
        dropped_in_all += dropped;
    }
    assert!(dropped_in_all > 100, "the queue was too long to prove anything: {dropped_in_all}");
}

#[tokio::test]
async fn all_is_sent_in_the_end() {
    let hub = Hub::new(EPOCH, 256, health(&[]));
    let client = Client::join(&hub, principal(Role::Admin, Scope::All), "h");
    client.ask(&["*"], None, None).unwrap();
    hub.publish(News::now(storage()));
    let subscriber = client.subscriber().clone();
    let drained = tokio::spawn(async move { subscriber.drained().await });
    assert!(client.subscriber().next().await.contains("system.storage"));
    assert!(!drained.is_finished());
    client.subscriber().was_sent();
    drained.await.unwrap();
}

#[test]
fn a_bridge_hears_from_the_start_on_is_no_client_and_holds_no_credential() {
    let hub = Hub::new(EPOCH, 4, health(&[]));
    hub.publish(News::now(Event::Startup));
    let viewing = Viewing {
        public_host: None,
        server: MediaServer::Embedded,
        rtsp_port: None,
        webrtc_port: None,
        hls_port: None,
    };
    let wishes = [Wish::parse("*").unwrap()];
    let seat = hub.join_bridge("webhook", UrlBase::new(&viewing, "localhost"), 2, &wishes);
    hub.end_revoked(|_| false);
    assert_eq!(hub.stats().clients, 0);
    assert_eq!(hub.stats().by_topic, []);
    hub.publish(News::now(recording(3)));
    // Of one camera, and yet both wait: a bridge keeps a history.
    hub.publish(News::now(camera(3)));
    hub.publish(News::now(camera(3)));
    let told: Vec<(String, &str, Option<CameraId>)> = std::iter::from_fn(|| seat.subscriber().pop())
        .map(|told| (told.id(), told.topic(), told.device()))
        .collect();
    let own = |id: &str| format!("{EPOCH}-{id}");
    let device = Some(CameraId(3));
    assert_eq!(
        told,
        [
            (own("1"), "system.startup", None),
            (own("dropped-2"), "events_dropped", None),
            (own("3"), "camera.status_change", device),
            (own("4"), "camera.status_change", device),
        ]
    );
    assert_eq!(seat.subscriber().dropped(), 1);
}
