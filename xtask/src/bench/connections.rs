//! Many clients at once: how long a ping takes when a thousand of them ask each second, and what five
//! thousand idle ones cost. The service runs as shipped but for `websocket.max_connections`; its clients
//! live in this process, come from many addresses of this machine and are many principals.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use serde_json::json;
use testkit::{Rpc, Service, Setup, token::Role};
use tokio::task::JoinSet;

use super::Outcome;
use crate::{
    evidence::{Evidence, Source},
    service::mb,
};

/// Connections that ask.
const BUSY: usize = 1_000;
/// Pings of each; one a second.
const PINGS: usize = 60;
/// Connections that only answer the service's own pings.
const IDLE: usize = 5_000;
/// Tokens: each is another user.
const PRINCIPALS: usize = 50;
/// A comparable service of another language on a machine like this: 1.9 ms, 36 MB, 73 MB.
const GOAL_P99_MS: f64 = 5.0;
const GOAL_BUSY_RSS_MB: f64 = 36.0;
const GOAL_IDLE_RSS_MB: f64 = 73.0;

pub(super) async fn run(source: Source) -> Outcome {
    let parameters = json!({
        "asking": BUSY, "pings_each": PINGS, "interval_s": 1, "idle": IDLE, "principals": PRINCIPALS,
        "sources": "127.0.0.2-250", "websocket.max_connections": IDLE + BUSY,
    });
    let mut evidence = Evidence::new("connections", source, parameters);
    let setup = Setup::new().set("websocket.max_connections", IDLE + BUSY);
    let service = setup.start().await;
    let tokens = tokens(&service).await;

    let clients = connect(&service, &tokens, BUSY).await;
    let began = Instant::now();
    let mut asking = JoinSet::new();
    for (number, client) in clients.into_iter().enumerate() {
        // Spread over the second: a thousand people do not ask at the same moment.
        let offset = Duration::from_secs(1).mul_f64(number as f64 / BUSY as f64);
        asking.spawn(ask(client, began + offset));
    }
    let mut samples = Vec::with_capacity(BUSY * PINGS);
    let mut errors = 0;
    let mut clients = Vec::with_capacity(BUSY);
    while let Some(done) = asking.join_next().await {
        let (client, taken, failed) = done.map_err(|error| format!("a client ended early: {error}"))?;
        samples.extend(taken);
        errors += failed;
        clients.push(client);
    }
    let gone = || "the service has ended".to_owned();
    let busy_rss = mb(service.pid().rss_bytes().ok_or_else(gone)?);
    let summary = evidence.samples("ping_ms", &samples);
    evidence.value("ping_p99_ms", summary.p99);
    evidence.value("errors", f64::from(errors));
    evidence.value("rss_mb_at_1000_asking", busy_rss);
    drop(clients);
    drop(service);

    // Another service: what the first thousand left in its memory is not the idle ones' cost.
    let service = Setup::new().set("websocket.max_connections", IDLE + BUSY).start().await;
    let idle = connect(&service, &tokens, IDLE).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let idle_rss = mb(service.pid().rss_bytes().ok_or_else(gone)?);
    evidence.value("rss_mb_at_5000_idle", idle_rss);
    evidence.value("idle_connections", idle.len() as f64);
    drop(idle);

    evidence.goal("errors", f64::from(errors), 0.0);
    evidence.goal("ping_p99_ms", summary.p99, GOAL_P99_MS);
    evidence.goal("rss_mb_at_1000_asking", busy_rss, GOAL_BUSY_RSS_MB);
    evidence.goal("rss_mb_at_5000_idle", idle_rss, GOAL_IDLE_RSS_MB);
    Ok(evidence.write())
}

async fn tokens(service: &Service) -> Vec<String> {
    let mut tokens = Vec::with_capacity(PRINCIPALS);
    for number in 0..PRINCIPALS {
        let user = format!("client{number}");
        tokens.push(service.token_for(Role::Viewer, &user).await);
    }
    tokens
}

/// Opens so many sessions, from 249 addresses and of all principals in turn; one after the other, for a
/// thundering herd is another scenario.
async fn connect(service: &Service, tokens: &[String], count: usize) -> Vec<Rpc> {
    let mut clients = Vec::with_capacity(count);
    for number in 0..count {
        let source = Ipv4Addr::new(127, 0, 0, 2 + (number % 249) as u8);
        let mut client = Rpc::connect_from(service, source, &[]).await;
        client.authenticate(&tokens[number % tokens.len()]).await;
        clients.push(client);
    }
    clients
}

/// Asks once a second, and stays.
async fn ask(mut client: Rpc, from: Instant) -> (Rpc, Vec<f64>, u32) {
    let mut samples = Vec::with_capacity(PINGS);
    let mut errors = 0;
    for turn in 0..PINGS {
        let at = from + Duration::from_secs(turn as u64);
        tokio::time::sleep_until(at.into()).await;
        let began = Instant::now();
        match client.call("ping", json!({})).await {
            Ok(_) => samples.push(began.elapsed().as_secs_f64() * 1e3),
            Err(_) => errors += 1,
        }
    }
    (client, samples, errors)
}
