//! The good client: pings by WebSocket and by POST while others attack, and measures how long that takes.
//! It has a thread of its own, so that the attackers' work in this process is not its delay.
//!
//! A ping is timed from when it was due, not from when it was sent: a service that stands still for a
//! second makes a hundred slow pings, not one. Beside it the same is asked of an echo in this process:
//! how long that takes is the machine's doing, not the service's.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use futures_util::future::join_all;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, Interval},
};

use crate::{Http, Rpc, Service, token::Role};

/// Connections of each kind, and from one ping of each to its next: half as often as a session may ask
/// (`security.rate_limit`, 50 a second). So one of each kind comes every 10 ms.
const EACH_KIND: u32 = 4;
const INTERVAL: Duration = Duration::from_millis(40);

/// A good client at work.
#[derive(Debug)]
pub struct GoodClient {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Pings>,
}

/// How long pings took, in milliseconds.
#[derive(Debug, Default, Clone)]
#[expect(clippy::struct_field_names, reason = "a unit stands in its name")]
pub struct Pings {
    /// By WebSocket.
    pub websocket_ms: Vec<f64>,
    /// By `POST /rpc`.
    pub post_ms: Vec<f64>,
    /// An echo without any service.
    pub machine_ms: Vec<f64>,
}

impl GoodClient {
    /// Connections it keeps open.
    pub const CONNECTIONS: usize = 2 * EACH_KIND as usize;

    /// Begins, and goes on until it is stopped.
    pub async fn start(service: &Service) -> Self {
        let token = service.token_for(Role::Viewer, "good").await;
        let (address, data_dir) = (service.address(), service.data_dir());
        let stop = Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime is to be had").block_on(ask(address, data_dir, &token, &told))
        });
        Self { stop, thread }
    }

    /// Stops it.
    ///
    /// # Panics
    /// If a ping was not answered as it must be.
    pub fn stop(self) -> Pings {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("every ping of the good client is answered")
    }
}

impl Pings {
    /// The nearest-rank percentile of some samples.
    ///
    /// # Panics
    /// Without samples.
    pub fn percentile(samples: &[f64], percent: usize) -> f64 {
        let mut sorted = samples.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1]
    }
}

async fn ask(address: SocketAddr, data_dir: PathBuf, token: &str, stop: &AtomicBool) -> Pings {
    let bearer = format!("Bearer {token}");
    let (mut sessions, mut posts, mut echoes) = (Vec::new(), Vec::new(), Vec::new());
    let echo = echo();
    for number in 0..EACH_KIND {
        let due = || tokio::time::interval_at(Instant::now() + INTERVAL / EACH_KIND * number, INTERVAL);
        let stream = connected(address).await;
        let session = Rpc::on(stream, address, &data_dir, &[("authorization", &bearer)]).await;
        let session = session.unwrap_or_else(|refused| panic!("{refused}"));
        sessions.push(by_websocket(session, due(), stop));
        let http = Http::on(connected(address).await, &address.to_string());
        posts.push(by_post(http, &bearer, due(), stop));
        echoes.push(by_echo(connected(echo).await, due(), stop));
    }
    let (websocket, post, machine) = tokio::join!(join_all(sessions), join_all(posts), join_all(echoes));
    Pings { websocket_ms: websocket.concat(), post_ms: post.concat(), machine_ms: machine.concat() }
}

async fn connected(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await.expect("somebody listens there");
    stream.set_nodelay(true).expect("the connection is open");
    stream
}

async fn by_websocket(mut rpc: Rpc, mut due: Interval, stop: &AtomicBool) -> Vec<f64> {
    let mut samples = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let due = due.tick().await;
        rpc.ok("ping", Value::Null).await;
        samples.push(ms_since(due));
    }
    samples
}

async fn by_post(mut http: Http<TcpStream>, bearer: &str, mut due: Interval, stop: &AtomicBool) -> Vec<f64> {
    let headers = [("Authorization", bearer), ("Content-Type", "application/json")];
    let body = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let mut samples = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let due = due.tick().await;
        let answer = http.ask("POST", "/rpc", &headers, body).await;
        samples.push(ms_since(due));
        assert_eq!((answer.status, &answer.json()["result"]["pong"]), (200, &Value::Bool(true)));
    }
    samples
}

async fn by_echo(mut stream: TcpStream, mut due: Interval, stop: &AtomicBool) -> Vec<f64> {
    let mut samples = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let due = due.tick().await;
        stream.write_u8(1).await.expect("the echo reads");
        stream.read_u8().await.expect("the echo answers");
        samples.push(ms_since(due));
    }
    samples
}

/// Threads that do nothing but send back what comes; they end with their connections.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for _ in 0..EACH_KIND {
            let (mut stream, _) = listener.accept().expect("the good client connects");
            std::thread::spawn(move || {
                let mut byte = [0];
                while stream.read_exact(&mut byte).and_then(|()| stream.write_all(&byte)).is_ok() {}
            });
        }
    });
    address
}

fn ms_since(due: Instant) -> f64 {
    due.elapsed().as_secs_f64() * 1e3
}
