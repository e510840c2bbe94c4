//! A client whose connection breaks again and again, while events come fast: by `since` it hears each of them once and
//! in order, or is told of the gap.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::{Rpc, Setup, rpc::Incoming, token::Role};

/// Times the connection is broken.
const RECONNECTS: usize = 200;
/// Clients that make events all the while.
const MAKERS: usize = 3;

/// Where a client stands, and what it has heard.
struct Heard {
    epoch: Value,
    seq: u64,
    filenames: BTreeSet<String>,
    gaps: usize,
    replayed: u64,
}

impl Heard {
    /// Asks for what came after the last it heard.
    async fn subscribe(&mut self, rpc: &mut Rpc) {
        let since = json!({"epoch": self.epoch, "seq": self.seq});
        let granted = rpc.ok("subscribe_events", json!({"topics": ["snapshot.taken"], "since": since})).await;
        self.gaps += usize::from(granted["gap"] == true);
        self.replayed += granted["replayed"].as_u64().expect("a count");
    }

    /// Takes the next event.
    async fn take(&mut self, rpc: &mut Rpc) {
        let told = rpc.notification("snapshot_status_update").await["params"].clone();
        assert_eq!(told["epoch"], self.epoch, "{told}");
        let seq = told["seq"].as_u64().expect("a number");
        assert!(seq > self.seq, "out of order or twice, after {}: {told}", self.seq);
        self.seq = seq;
        assert!(
            self.filenames.insert(told["filename"].as_str().expect("a name").to_owned()),
            "twice: {told}"
        );
    }
}

#[tokio::test]
async fn two_hundred_broken_connections_under_load_miss_nothing() {
    let mut service = Setup::new().test_camera("A", "160x90@10").without_limits().start().await;
    let device = service.device("A").await;
    let token = service.token(Role::Operator).await;
    let mut rpc = service.connect().await;
    rpc.authenticate(&token).await;
    let place = rpc.ok("subscribe_events", json!({"topics": ["snapshot.taken"]})).await;
    let mut heard = Heard {
        epoch: place["epoch"].clone(),
        seq: place["seq"].as_u64().unwrap(),
        filenames: BTreeSet::new(),
        gaps: 0,
        replayed: 0,
    };

    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut makers = tokio::task::JoinSet::new();
    for number in 0..MAKERS {
        let (mut maker, device, stopped) = (service.connect().await, device.clone(), stopped.clone());
        maker.authenticate(&token).await;
        makers.spawn(async move {
            let mut made = Vec::new();
            while !*stopped.borrow() {
                // Names of our own: of those made of the time there are 99 for one camera and second.
                let filename = format!("{number}-{}.jpg", made.len());
                maker.ok("take_snapshot", json!({"device": device, "filename": filename})).await;
                made.push(filename);
            }
            made
        });
    }
    for turn in 0..RECONNECTS {
        // Some turns hear one, some more; some break with events on their way, some before the answer to the
        // subscription was read.
        for _ in 0..turn % 4 {
            heard.take(&mut rpc).await;
        }
        drop(rpc);
        rpc = service.connect().await;
        rpc.authenticate(&token).await;
        if turn % 5 == 4 {
            let since = json!({"epoch": heard.epoch, "seq": heard.seq});
            rpc.start("subscribe_events", json!({"topics": ["*"], "since": since})).await;
            drop(rpc);
            rpc = service.connect().await;
            rpc.authenticate(&token).await;
        }
        heard.subscribe(&mut rpc).await;
    }
    stop.send_replace(true);
    let made: BTreeSet<String> = makers.join_all().await.into_iter().flatten().collect();
    assert!(made.len() > RECONNECTS / 2, "{} events are no load for {RECONNECTS} connections", made.len());
    while heard.filenames.len() < made.len() && heard.gaps == 0 {
        heard.take(&mut rpc).await;
    }
    assert!(heard.replayed > 0, "no connection broke with anything left to hear");
    // The journal holds a thousand; who is away for longer is told so.
    if heard.gaps == 0 {
        assert_eq!(heard.filenames, made);
    } else {
        assert!(made.len() > 1000, "a gap was told after {} events", made.len());
        assert!(heard.filenames.is_subset(&made));
    }
    // Nothing comes after the last.
    let id = rpc.start("ping", Value::Null).await;
    match rpc.incoming().await {
        Incoming::Text(value) => assert_eq!(value["id"], id, "{value}"),
        Incoming::Closed(code) => panic!("closed with {code}"),
    }
}
