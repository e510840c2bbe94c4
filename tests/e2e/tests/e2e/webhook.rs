//! Events that leave by themselves to a web server: signed, in order, each until it is taken; a server that
//! fails or hangs holds up nobody.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use e2e::PATIENCE;
use serde_json::{Value, json};
use testkit::{
    Http, Setup, eventually,
    receiver::{Receiver, Reply},
    token::Role,
};
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

const KEY: &str = "a key that only tests know, and long enough";

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/tls").join(name)
}

/// A key file, and a configuration that sends events to `receiver`.
fn sending_to(receiver: &Receiver) -> (tempfile::TempDir, Setup) {
    let folder = tempfile::tempdir().expect("the temporary folder can be written");
    let secret: PathBuf = folder.path().join("key");
    fs::write(&secret, KEY).expect("the temporary folder can be written");
    let url = format!("http://ann:hunter2@{}/events?from=here", receiver.address());
    let setup = Setup::new()
        .test_camera("A", "160x90@10")
        .set("events.webhook", json!({"url": url, "secret_file": secret}));
    (folder, setup)
}

fn seq(event: &Value) -> u64 {
    event["params"]["seq"].as_u64().expect("every event has its number")
}

#[tokio::test]
async fn every_event_arrives_signed_and_in_order_whatever_the_receiver_does() {
    let receiver = Receiver::start().await;
    receiver.reply_next([Reply::Status(500), Reply::Break, Reply::Status(302), Reply::Status(204)]);
    let (_folder, setup) = sending_to(&receiver);
    let mut service = setup.start().await;
    let device = service.device("A").await;
    let mut client = service.rpc(Role::Admin).await;
    let place = client.ok("subscribe_events", json!({"topics": ["*"]})).await;
    let since = json!({"epoch": place["epoch"], "seq": 0});
    client.ok("subscribe_events", json!({"topics": ["*"], "since": since})).await;
    for _ in 0..3 {
        client.ok("take_snapshot", json!({"device": device})).await;
    }
    client.ok("start_recording", json!({"device": device})).await;
    client.ok("stop_recording", json!({"device": device})).await;
    let taken = eventually("the recording's end is told", PATIENCE, async || {
        let taken = receiver.taken();
        taken.iter().any(|one| one.json()["params"]["topic"] == "recording.stop").then_some(taken)
    })
    .await;

    // The first event was refused in three ways, and came again as the same event.
    let came = receiver.came();
    let first: Vec<&str> = came.iter().take(4).map(|one| one.header("webhook-id")).collect();
    assert_eq!(first, [first[0]; 4]);
    assert!(first[0].starts_with(place["epoch"].as_str().unwrap()), "{first:?}");
    for one in &came {
        assert!(one.is_signed_with(KEY.as_bytes()) && !one.is_signed_with(b"another"), "{one:?}");
        assert_eq!(one.line, "POST /events?from=here HTTP/1.1");
        assert_eq!(one.header("content-type"), "application/json");
        assert_eq!(one.header("authorization"), "Basic YW5uOmh1bnRlcjI=");
        let id = format!("{}-{}", one.json()["params"]["epoch"].as_str().unwrap(), seq(&one.json()));
        assert_eq!(one.header("webhook-id"), id);
    }
    // Nothing is missing, nothing twice, and each as a subscriber hears it.
    let events: Vec<Value> = taken.iter().map(testkit::receiver::Delivery::json).collect();
    let seqs: Vec<u64> = events.iter().map(seq).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    assert_eq!(events[0]["params"]["topic"], "system.startup", "{}", events[0]);
    for event in &events {
        let heard = client.notification(event["method"].as_str().unwrap()).await;
        assert_eq!(without_addresses(heard), without_addresses(event.clone()));
    }
    let stats = client.ok("get_subscription_stats", json!({})).await;
    assert_eq!(stats["global_stats"]["active_clients"], 1, "a bridge is no client: {stats}");

    assert!(service.log().with("hunter2").is_empty() && service.log().with(KEY).is_empty());
    assert_eq!(service.log().with("did not arrive; it is tried again").len(), 1);

    // The end is told too, and what ends with it.
    client.ok("start_recording", json!({"device": device})).await;
    let ended = service.terminate(PATIENCE).await;
    assert!(ended.success(), "{ended}");
    let taken = receiver.taken();
    let topics: Vec<Value> = taken.iter().map(|one| one.json()["params"]["topic"].clone()).collect();
    let place = |topic: &str| topics.iter().rposition(|known| known == topic);
    let (shutdown, stop) = (place("system.shutdown").unwrap(), place("recording.stop").unwrap());
    assert!(shutdown < stop, "{topics:?}");
}

/// An event of a camera holds addresses, which depend on whom one asks.
fn without_addresses(mut event: Value) -> Value {
    if let Some(params) = event["params"].as_object_mut() {
        params.remove("streams");
    }
    event
}

#[tokio::test]
async fn a_receiver_that_hangs_holds_up_nobody_and_what_is_lost_is_counted() {
    let receiver = Receiver::start().await;
    let (_folder, setup) = sending_to(&receiver);
    let topics = json!(["snapshot.taken"]);
    let setup = setup
        .set("events.webhook.max_queue", 2)
        .set("events.webhook.topics", topics)
        .set("events.webhook.timeout", "5m");
    let mut service = setup.start().await;
    let device = service.device("A").await;
    let mut client = service.rpc(Role::Admin).await;
    receiver.reply_next([Reply::Hang]);
    let mut names = Vec::new();
    for _ in 0..6 {
        names.push(client.ok("take_snapshot", json!({"device": device})).await["filename"].clone());
        // The first one is on its way, and hangs, before the next ones wait.
        eventually("the receiver hangs", PATIENCE, async || (!receiver.came().is_empty()).then_some(()))
            .await;
    }
    let mut http = Http::connect(&service).await;
    let token = service.token(Role::Admin).await;
    let counted = async |http: &mut Http<TcpStream>, name: &str| {
        let answer = http.get("/metrics", &[("Authorization", &format!("Bearer {token}"))]).await;
        let line = format!("camera_service_bridge_events_{name}_total{{bridge=\"webhook\"}} ");
        let value = answer.text().lines().find_map(|text| text.strip_prefix(&line).map(str::to_owned));
        value.unwrap_or_else(|| panic!("no {line}: {}", answer.text()))
    };
    eventually("what has no room is counted", PATIENCE, async || {
        (counted(&mut http, "dropped").await == "3").then_some(())
    })
    .await;
    receiver.let_go();
    let taken = eventually("what waited is told", PATIENCE, async || {
        Some(receiver.taken()).filter(|taken| taken.len() == 4)
    })
    .await;
    let told: Vec<Value> = taken.iter().map(testkit::receiver::Delivery::json).collect();
    assert_eq!(told[0]["params"]["filename"], names[0]);
    assert_eq!((&told[1]["method"], &told[1]["params"]["dropped"]), (&json!("events_dropped"), &json!(3)));
    assert_eq!([&told[2], &told[3]].map(|told| &told["params"]["filename"]), [&names[4], &names[5]]);
    let ids: BTreeSet<&str> = taken.iter().map(|one| one.header("webhook-id")).collect();
    assert_eq!(ids.len(), 4, "{ids:?}");
    eventually("the last is counted", PATIENCE, async || {
        (counted(&mut http, "delivered").await == "4").then_some(())
    })
    .await;
    assert_eq!(
        (counted(&mut http, "dropped").await, counted(&mut http, "given_up").await),
        ("3".into(), "0".into())
    );
}

#[tokio::test]
async fn a_receiver_that_is_gone_keeps_nobody_from_ending() {
    let receiver = Receiver::start().await;
    let (_folder, setup) = sending_to(&receiver);
    drop(receiver);
    let mut service = setup.start().await;
    service.log().says("did not arrive; it is tried again").await;
    let ended = service.terminate(Duration::from_secs(10)).await;
    assert!(ended.success(), "{ended}");
}

#[tokio::test]
async fn by_tls_only_to_whom_the_named_authority_vouches_for() {
    let chain = vec![CertificateDer::from_pem_file(testdata("first.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(testdata("first.key")).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let receiver = Receiver::start_behind(move |stream| {
        let acceptor = acceptor.clone();
        Box::pin(async move { acceptor.accept(stream).await.ok() })
    })
    .await;
    let url = format!("https://localhost:{}/events", receiver.address().port());
    let (_folder, setup) = sending_to(&receiver);
    let setup = setup.set("events.webhook.url", url.clone());
    let believing = setup.set("events.webhook.ca_file", json!(testdata("authority.pem"))).start().await;
    eventually("an event arrives by TLS", PATIENCE, async || (!receiver.taken().is_empty()).then_some(()))
        .await;
    drop(believing);

    let before = receiver.came().len();
    let (_folder, setup) = sending_to(&receiver);
    let setup = setup.set("events.webhook.url", url);
    let doubting = setup.set("events.webhook.ca_file", json!(testdata("second.pem"))).start().await;
    let line = doubting.log().says("did not arrive; it is tried again").await;
    assert!(line.contains("TLS: "), "{line}");
    assert_eq!(receiver.came().len(), before);
}
