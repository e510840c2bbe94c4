//! Events that leave by themselves to an MQTT broker: each at its topic, in order, again after the connection
//! broke; and whether the service is there.

use std::fs;

use e2e::PATIENCE;
use serde_json::{Value, json};
use testkit::{
    Setup,
    broker::{Broker, Came},
    eventually,
    token::Role,
};

const PASSWORD: &str = "hunter2";

/// A password file, and a configuration that sends events to `broker`.
fn sending_to(broker: &Broker) -> (tempfile::TempDir, Setup) {
    let folder = tempfile::tempdir().expect("the temporary folder can be written");
    let password = folder.path().join("password");
    fs::write(&password, format!("{PASSWORD}\n")).expect("the temporary folder can be written");
    let keys = json!({
        "host": "127.0.0.1",
        "port": broker.address().port(),
        "user": "ann",
        "password_file": password,
        "client_id": "gatehouse",
        "topic_prefix": "house/cameras",
    });
    (folder, Setup::new().test_camera("A", "160x90@10").set("events.mqtt", keys))
}

fn status(text: &str) -> Came {
    Came::Message { topic: "house/cameras/status".into(), text: text.into(), qos: 1, kept: true }
}

fn events(came: &[Came]) -> Vec<(&str, Value)> {
    came.iter().filter_map(Came::event).collect()
}

#[tokio::test]
async fn events_are_published_in_order_and_the_end_is_told() {
    let broker = Broker::start().await;
    broker.refuse(&[5, 3]);
    let (_folder, setup) = sending_to(&broker);
    let mut service = setup.start().await;
    let device = service.device("A").await;
    let refused = service.log().says("did not arrive; it is tried again").await;
    assert!(refused.contains("refuses the user or the password"), "{refused}");
    eventually("the start is told", PATIENCE, async || (!events(&broker.came()).is_empty()).then_some(()))
        .await;
    let mut client = service.rpc(Role::Admin).await;
    // The broker breaks the connection in the middle of a message, which comes again.
    broker.break_after(1);
    let mut names = Vec::new();
    for _ in 0..4 {
        names.push(client.ok("take_snapshot", json!({"device": device})).await["filename"].clone());
    }
    let at = format!("house/cameras/snapshot.taken/{device}");
    let came = eventually("all snapshots are told", PATIENCE, async || {
        let came = broker.came();
        (events(&came).iter().filter(|(topic, _)| *topic == at).count() >= 4).then_some(came)
    })
    .await;
    let connected = Came::Connected {
        client_id: "gatehouse".into(),
        user: Some(("ann".into(), PASSWORD.into())),
        will: ("house/cameras/status".into(), "offline".into()),
    };
    let connections = came.iter().filter(|one| **one == connected).count();
    assert_eq!(connections, 2, "{came:?}");
    let lost = came.iter().position(|one| *one == Came::Lost).unwrap();
    assert_eq!(came[lost..].iter().filter(|one| **one == status("online")).count(), 1, "{came:?}");
    let all = events(&came);
    assert_eq!(
        (all[0].0, &all[0].1["params"]["topic"]),
        ("house/cameras/system.startup", &json!("system.startup"))
    );
    let told = all.iter().filter(|(topic, _)| *topic == at).map(|(_, event)| &event["params"]["filename"]);
    assert_eq!(told.collect::<Vec<_>>(), names.iter().collect::<Vec<_>>());
    let seqs: Vec<u64> = all.iter().map(|(_, event)| event["params"]["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>(), "nothing is missing, nothing twice");
    assert!(service.log().with(PASSWORD).is_empty());

    let ended = service.terminate(PATIENCE).await;
    assert!(ended.success(), "{ended}");
    let came = broker.came();
    let end = &came[came.len() - 3..];
    assert_eq!(end[0].event().unwrap().0, "house/cameras/system.shutdown", "{end:?}");
    assert_eq!(end[1..], [status("offline"), Came::Left], "{end:?}");
}

#[tokio::test]
async fn the_service_is_online_before_anything_happens_and_its_will_tells_when_it_is_killed() {
    let broker = Broker::start().await;
    let (_folder, setup) = sending_to(&broker);
    let setup = setup.set("events.mqtt.topics", json!(["snapshot.taken"])).set("events.mqtt.qos", 0);
    let mut service = setup.start().await;
    eventually("it is online", PATIENCE, async || broker.came().contains(&status("online")).then_some(()))
        .await;
    let device = service.device("A").await;
    service.rpc(Role::Admin).await.ok("take_snapshot", json!({"device": device})).await;
    eventually("the snapshot is told once", PATIENCE, async || {
        let came = broker.came();
        came.iter().any(|one| matches!(one, Came::Message { qos: 0, kept: false, .. })).then_some(())
    })
    .await;
    service.kill9();
    eventually("it is gone without a goodbye", PATIENCE, async || {
        (broker.came().last() == Some(&Came::Lost)).then_some(())
    })
    .await;
    assert!(!broker.came().contains(&status("offline")), "the broker publishes the will itself");
}
