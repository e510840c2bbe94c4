//! What events cost. From an event to the last of a thousand subscribed sockets that reads it, while a hundred more
//! subscribe and read nothing at all; whether memory grows from round to round; and what one subscriber costs among a
//! thousand connections that did not ask. The listeners live in this process, the service in its own, in the environment
//! of the systemd unit; an event is a camera's new name.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::json;
use testkit::{Pid, Rpc, Service, Setup, eventually, service::unit_environment, token::Role};
use tokio::task::JoinSet;

use super::Outcome;
use crate::{
    evidence::{Evidence, Source},
    listeners::{Listener, Told},
    service::{self, START_LIMIT, mb},
};

const LISTENERS: usize = 1_000;
const DEAF: usize = 100;
/// Of each round.
const EVENTS: usize = 100;
/// From one event to the next: longer than any of them should take.
const PAUSE: Duration = Duration::from_millis(100);
/// Three rounds are warm-up, then the third of three equal ones is held against the first, as in `storm`.
const WARM_UP: usize = 3;
const ROUNDS: usize = WARM_UP + 3;
/// For the costs of one subscriber; one right after the other.
const RENAMES: usize = 2_000;
const TOPIC: &str = "camera.status_change";
const GOAL_LAST_P99_MS: f64 = 20.0;
const GOAL_GROWTH_PERCENT: f64 = 2.0;
const GOAL_RATIO: f64 = 2.0;

/// Of each event: how many have read it, and how long after it happened the last one had.
type Read = Arc<Mutex<BTreeMap<u64, (usize, Duration)>>>;

pub(super) async fn run(source: Source) -> Outcome {
    let parameters = json!({
        "listeners": LISTENERS, "deaf": DEAF, "events_a_round": EVENTS, "pause_ms": PAUSE.as_millis(),
        "rounds": ROUNDS, "warm_up_rounds": WARM_UP, "renames": RENAMES, "sources": "127.0.0.2-250",
        "websocket.ping_interval": "5m", "rate_limits": "none",
        "environment": unit_environment().iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
    });
    let mut evidence = Evidence::new("events", source, parameters);
    let mut service = start().await;
    let (mut last_ms, mut rss_mb) = (Vec::new(), Vec::new());
    for number in 0..ROUNDS {
        let (round_ms, rss) = round(&mut service, number).await?;
        rss_mb.push(rss);
        if number >= WARM_UP {
            last_ms.extend(round_ms);
        }
    }
    let metrics = service::admin(&service).await.ok("get_metrics", json!({})).await;
    drop(service);
    let last = evidence.samples("event_to_last_of_1000_ms", &last_ms);
    evidence.samples("rss_mb", &rss_mb);
    let growth = (rss_mb[ROUNDS - 1] / rss_mb[WARM_UP] - 1.0) * 100.0;
    evidence.value("rss_growth_percent", growth);
    let told = &metrics["event_metrics"];
    for figure in ["p50", "p99"] {
        let name = format!("event_to_writer_{figure}_ms");
        evidence.value(&name, told["delay_ms"][figure].as_f64().unwrap_or_default());
    }
    evidence.value("events_dropped_for_the_deaf", told["dropped"].as_f64().unwrap_or_default());
    evidence.value("events_lost", told["lost"].as_f64().unwrap_or_default());

    let mut service = start().await;
    let alone = one_subscriber(&mut service, 0).await?;
    let among = one_subscriber(&mut service, LISTENERS - 1).await?;
    drop(service);
    evidence.samples("rename_to_event_alone_ms", &alone.took_ms);
    evidence.samples("rename_to_event_among_1000_ms", &among.took_ms);
    let median = |of: &Cost| crate::stats::Summary::of(&of.took_ms).p50;
    let (time_ratio, cpu_ratio) = (median(&among) / median(&alone), among.cpu_us / alone.cpu_us);
    evidence.value("cpu_us_an_event_alone", alone.cpu_us);
    evidence.value("cpu_us_an_event_among_1000", among.cpu_us);
    evidence.value("time_ratio", time_ratio);
    evidence.value("cpu_ratio", cpu_ratio);

    evidence.goal("event to the last of 1,000 sockets, p99, ms", last.p99, GOAL_LAST_P99_MS);
    evidence.goal("growth of resident memory over three rounds, percent", growth, GOAL_GROWTH_PERCENT);
    evidence.goal("one subscriber among 1,000 connections, time, ratio", time_ratio, GOAL_RATIO);
    evidence.goal("one subscriber among 1,000 connections, processor, ratio", cpu_ratio, GOAL_RATIO);
    Ok(evidence.write())
}

async fn start() -> Service {
    let setup = service::with_cameras(1)
        .set("websocket.max_connections", LISTENERS + DEAF + 100)
        // Bare sockets answer no pings, and need not within a round.
        .set("websocket.ping_interval", "5m")
        .set("websocket.read_timeout", "10m");
    unit_environment()
        .into_iter()
        .fold(setup, |setup: Setup, (name, value)| setup.environment(&name, &value))
        .start()
        .await
}

/// One round: everybody comes, hears all events, and goes. Gives of each event how long it took to the last listener, and
/// the service's memory, MB, when all are gone.
async fn round(service: &mut Service, number: usize) -> Result<(Vec<f64>, f64), String> {
    let (pid, device) = (service.pid(), service::device(service, 0).await);
    let quiet = pid.open_fds().ok_or("the service has ended")?;
    let mut admin = service::admin(service).await;
    let token = service.token(Role::Viewer).await;
    let deaf = connect(service, &token, DEAF, true).await?;
    let read = Read::default();
    let mut hearing = JoinSet::new();
    for listener in connect(service, &token, LISTENERS, false).await? {
        hearing.spawn(hear(listener, read.clone()));
    }
    for event in 0..EVENTS {
        rename(&mut admin, &device, number * EVENTS + event).await;
        tokio::time::sleep(PAUSE).await;
    }
    while let Some(heard) = hearing.join_next().await {
        heard.map_err(|error| error.to_string())?.map_err(|error| format!("a listener: {error}"))?;
    }
    drop((deaf, admin));
    let closed = async || pid.open_fds().filter(|open| *open <= quiet);
    eventually("all connections of a round are closed", START_LIMIT, closed).await;
    let read = read.lock().unwrap_or_else(PoisonError::into_inner);
    let missed = read.values().filter(|(readers, _)| *readers != LISTENERS).count();
    if read.len() != EVENTS || missed > 0 {
        return Err(format!("{} of {EVENTS} events were heard, {missed} of them not by all", read.len()));
    }
    let last_ms = read.values().map(|(_, delay)| delay.as_secs_f64() * 1e3).collect();
    Ok((last_ms, mb(pid.rss_bytes().ok_or("the service has ended")?)))
}

/// So many connections that are subscribed, from 249 addresses in turn.
async fn connect(service: &Service, token: &str, count: usize, deaf: bool) -> Result<Vec<Listener>, String> {
    let mut all = Vec::with_capacity(count);
    for number in 0..count {
        let mut listener = open(service, token, number, deaf).await?;
        listener.subscribe(TOPIC).await.map_err(|error| format!("not subscribed: {error}"))?;
        all.push(listener);
    }
    Ok(all)
}

async fn open(service: &Service, token: &str, number: usize, deaf: bool) -> Result<Listener, String> {
    let (address, source) = (service.address(), Ipv4Addr::new(127, 0, 0, 2 + (number % 249) as u8));
    let connected = if deaf {
        Listener::connect_deaf(address, source, token).await
    } else {
        Listener::connect(address, source, token).await
    };
    connected.map_err(|error| format!("connection {number}: {error}"))
}

/// Hears a round's events.
async fn hear(mut listener: Listener, read: Read) -> std::io::Result<()> {
    for _ in 0..EVENTS {
        let Told { seq, delay } = listener.told().await?;
        let mut read = read.lock().unwrap_or_else(PoisonError::into_inner);
        let (readers, last) = read.entry(seq).or_default();
        *readers += 1;
        *last = delay.max(*last);
    }
    Ok(())
}

async fn rename(admin: &mut Rpc, device: &str, number: usize) {
    admin.ok("set_camera", json!({"device": device, "name": format!("name {number}")})).await;
}

/// What one subscriber costs.
struct Cost {
    /// From each call that renames the camera to the event that was read.
    took_ms: Vec<f64>,
    /// The service's processor time for each of them.
    cpu_us: f64,
}

/// One subscriber, with so many connections beside it that asked for nothing.
async fn one_subscriber(service: &mut Service, others: usize) -> Result<Cost, String> {
    let (pid, device): (Pid, String) = (service.pid(), service::device(service, 0).await);
    let mut admin = service::admin(service).await;
    let token = service.token(Role::Viewer).await;
    let mut beside = Vec::with_capacity(others);
    for number in 0..others {
        beside.push(open(service, &token, number, false).await?);
    }
    let one = connect(service, &token, 1, false).await?.pop();
    let mut one = one.ok_or("no subscriber")?;
    let cpu = || pid.cpu_time().ok_or("the service has ended");
    let before = cpu()?;
    let mut took_ms = Vec::with_capacity(RENAMES);
    for number in 0..RENAMES {
        let began = Instant::now();
        rename(&mut admin, &device, number).await;
        one.told().await.map_err(|error| format!("the subscriber: {error}"))?;
        took_ms.push(began.elapsed().as_secs_f64() * 1e3);
    }
    let cpu_us = cpu()?.saturating_sub(before).as_secs_f64() * 1e6 / RENAMES as f64;
    Ok(Cost { took_ms, cpu_us })
}
