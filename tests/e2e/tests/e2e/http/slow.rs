//! Those who take their time: a long download is none of the clock's business, a deaf client is.

use std::{fs, time::Duration};

use e2e::PATIENCE;
use serde_json::Value;
use testkit::{Http, Setup, eventually, token::Role};
use tokio::time::{Instant, interval};

use super::{bearer, recorded, request};

/// A connection that does not get on is closed after this long.
const CLOCK: Duration = Duration::from_secs(10);
const LENGTH: u64 = 64 << 20;

#[tokio::test]
async fn a_slow_reader_is_served_and_a_deaf_one_is_closed() {
    let mut service = Setup::new().test_camera("A", "320x180@5").start().await;
    let device = service.device("A").await;
    let name = recorded(&mut service.rpc(Role::Operator).await, &device).await;
    // Its mark stands at its beginning; the rest is a hole.
    let file = fs::OpenOptions::new().write(true).open(service.recording(&name)).unwrap();
    file.set_len(LENGTH).unwrap();
    let auth = bearer(&service, Role::Viewer).await;
    let quiet = service.pid().open_fds().unwrap();
    let request = format!(
        "GET /files/recordings/{name} HTTP/1.1\r\nHost: {}\r\nAuthorization: {auth}\r\n\r\n",
        service.address()
    );
    let (mut slow, mut deaf) = (Http::connect(&service).await, Http::connect(&service).await);
    deaf.send(request.as_bytes()).await;
    let began = Instant::now();
    slow.send(request.as_bytes()).await;
    assert_eq!(slow.head().await.status, 200);
    let (mut read, steps) = (0, 14);
    let mut pace = interval(Duration::from_secs(1));
    for _ in 0..steps {
        // The pace is what is tested: more than the clock's time in all, less of it in each step.
        pace.tick().await;
        let chunk = LENGTH / steps;
        read += slow.bytes(chunk as usize).await.len() as u64;
    }
    assert!(began.elapsed() > CLOCK);
    slow.bytes((LENGTH - read) as usize).await;
    drop(slow);
    eventually("the deaf one is closed", PATIENCE, async || {
        service.pid().open_fds().filter(|open| *open <= quiet)
    })
    .await;
    assert!((deaf.rest().await.len() as u64) < LENGTH);

    // A head that comes by drops has the clock against it.
    let mut drops = Http::connect(&service).await;
    let began = Instant::now();
    drops.send(b"GET / HTTP/1.1\r\n").await;
    let dropping = async {
        let mut pace = interval(Duration::from_millis(500));
        for _ in 0..60 {
            pace.tick().await;
            drops.send(b"X: x\r\n").await;
        }
    };
    let closed = eventually("the dripping one is closed", PATIENCE, async || {
        service.pid().open_fds().filter(|open| *open <= quiet && began.elapsed() > CLOCK / 2)
    });
    tokio::select! { () = dropping => panic!("still served after 30 s"), _ = closed => {} }
}

#[tokio::test]
async fn bodies_that_stay_half_sent_keep_nobody_waiting() {
    let service = Setup::new().start().await;
    let auth = bearer(&service, Role::Viewer).await;
    let head = format!(
        "POST /rpc HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n",
        service.address()
    );
    // As many who announce much, and as many who send some of it, as there are places of any kind.
    let mut half = Vec::new();
    for sent in ["{".to_owned(), " ".repeat(20 << 10)].iter().cycle().take(160) {
        let mut http = Http::connect(&service).await;
        http.send((head.clone() + sent).as_bytes()).await;
        half.push(http);
    }
    let began = Instant::now();
    let ping = request(1, "ping", Value::Null).to_string();
    let long = " ".repeat(100 << 10) + &ping;
    let json = ("Content-Type", "application/json");
    for (headers, body, status) in [
        (&[json][..], &ping, 401),
        (&[json, ("Authorization", &auth)], &ping, 200),
        (&[json, ("Authorization", &auth)], &long, 200),
    ] {
        let answer = Http::connect(&service).await.ask("POST", "/rpc", headers, body.as_bytes()).await;
        assert_eq!(answer.status, status);
    }
    assert!(began.elapsed() < CLOCK / 2, "{:?}", began.elapsed());
    for mut http in half {
        assert!(String::from_utf8_lossy(&http.rest().await).starts_with("HTTP/1.1 408 "));
    }
}
