//! What no viewer should send, and the viewer that never reads: answered or closed, and no one else
//! notices.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use e2e::{PATIENCE, readers_become};
use testkit::{
    Player, Service, Setup, Transport, Watch, eventually,
    rtsp::{Connection, Item},
    token::Role,
};

/// More than a service of one small camera ever needs; a leak or an unbounded buffer goes past it.
const MOST_RSS_BYTES: u64 = 96 << 20;

#[tokio::test]
async fn nonsense_is_answered_or_closed_and_the_service_lives() {
    let mut service = Setup::new().test_camera("A", "320x180@15").start().await;
    let device = service.device("A").await;
    let address = service.rtsp().await;
    let watch = Watch::start(address, &device, Transport::Tcp).await.unwrap();
    let quiet = service.pid().open_fds().unwrap();
    // Half a message, and then silence: closed when its time (10 s) is up, while all the rest goes on.
    let half = tokio::spawn(ends(address, b"DESCRIBE rtsp://x/y RTSP/1.0\r\nCSe", false));
    let url = format!("rtsp://{address}/{device}");
    let long = "x".repeat(10_000);
    let request = |line: &str, headers: &str| format!("{line}\r\n{headers}\r\n").into_bytes();

    // What the standard has a status for; the connection may stay or go.
    for (bytes, statuses) in [
        (request(&format!("DESCRIBE {url} RTSP/1.0"), &format!("CSeq: 1\r\nX: {long}\r\n")), &[400, 413][..]),
        (request(&format!("DESCRIBE rtsp://{address}/{long} RTSP/1.0"), "CSeq: 1\r\n"), &[400, 413, 414]),
        (request(&format!("DESCRIBE {url} RTSP/2.0"), "CSeq: 1\r\n"), &[505]),
        (request(&format!("FROBNICATE {url} RTSP/1.0"), "CSeq: 1\r\n"), &[501]),
        (request(&format!("DESCRIBE {url} RTSP/1.0"), ""), &[400]),
        (request(&format!("PLAY {url} RTSP/1.0"), "CSeq: 1\r\n"), &[455, 454]),
        (request(&format!("SETUP {url}/trackID=0 RTSP/1.0"), "CSeq: 1\r\n"), &[400, 461]),
        (
            request(
                &format!("SETUP {url}/trackID=0 RTSP/1.0"),
                "CSeq: 1\r\nTransport: RTP/AVP;multicast\r\n",
            ),
            &[461],
        ),
        (
            request(&format!("SETUP {url}/trackID=7 RTSP/1.0"), "CSeq: 1\r\nTransport: RTP/AVP/TCP\r\n"),
            &[404],
        ),
        (request(&format!("OPTIONS {url} RTSP/1.0"), "CSeq: 1\r\nRequire: x\r\n"), &[551]),
        (
            request(&format!("OPTIONS {url} RTSP/1.0"), "CSeq: 1\r\nContent-Length: 99999999999\r\n"),
            &[400, 413],
        ),
        (request("DESCRIBE http://x/ RTSP/1.0", "CSeq: 1\r\n"), &[400]),
    ] {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(90)]).into_owned();
        let mut connection = Connection::open(address).await.unwrap();
        connection.send(&bytes).await.unwrap();
        let answer = connection.response().await.unwrap_or_else(|e| panic!("{shown:?}: {e}"));
        let status = answer.unwrap_or_else(|| panic!("{shown:?}: closed without an answer")).status;
        assert!(statuses.contains(&status), "{shown:?} was answered with {status}, not {statuses:?}");
    }

    // What is no RTSP at all: closed, at once or when its time is up.
    let noise: Vec<u8> = (0..60_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for bytes in [
        noise.as_slice(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\0\0\0\0\0\0\0\0\r\n\r\n",
        b"$\0\xff\xff",
        &vec![b'a'; 100_000],
    ] {
        ends(address, bytes, false).await;
    }
    // Half a message, and then goodbye.
    for bytes in [&b"DESCR"[..], b"DESCRIBE rtsp://x/y RTSP/1.0\r\nCSe", b"$\0\x10", b""] {
        ends(address, bytes, true).await;
    }
    // A request in single bytes is as good as any.
    let mut slow = Connection::open(address).await.unwrap();
    for byte in request(&format!("OPTIONS {url} RTSP/1.0"), "CSeq: 1\r\n") {
        slow.send(&[byte]).await.unwrap();
    }
    assert_eq!(slow.response().await.unwrap().unwrap().status, 200);
    drop(slow);

    half.await.unwrap();
    still_well(&mut service, &device, address).await;
    let closed = async || service.pid().open_fds().filter(|open| *open <= quiet + 2);
    eventually("the connections of all this are closed", PATIENCE, closed).await;
    watch.reach(watch.count() + 5, PATIENCE).await;
    let (player, _, error) = watch.stop().await;
    assert!(error.is_none() && player.lost_packets() == 0 && player.problems().is_empty(), "{error:?}");
}

/// The server closes after this, whatever it may have answered before.
async fn ends(address: SocketAddr, bytes: &[u8], then_finish: bool) {
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(20)]).into_owned();
    let mut connection = Connection::open(address).await.expect("the server takes connections");
    // An error: it has closed before all of it was sent.
    let _ = connection.send(bytes).await;
    if then_finish {
        let _ = connection.finish().await;
    }
    let statuses = connection.until_closed().await.unwrap_or_else(|e| panic!("{shown:?}: {e}"));
    assert!(statuses.iter().all(|status| *status >= 400), "{shown:?} was answered with {statuses:?}");
}

#[tokio::test]
async fn viewers_that_misbehave_or_vanish_harm_no_other() {
    let mut service =
        Setup::new().test_camera("A", "320x180@15").test_camera("B", "320x180@15").start().await;
    let (device, other) = (service.device("A").await, service.device("B").await);
    let address = service.rtsp().await;
    let mut rpc = service.rpc(Role::Viewer).await;
    let watch = Watch::start(address, &device, Transport::Tcp).await.unwrap();
    let quiet = service.pid().open_fds().unwrap();
    let url = format!("rtsp://{address}/{device}");
    let interleaved = [("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1")];

    // What has no place in a session that plays is answered, and it plays on.
    let mut viewer = playing(address, &device).await;
    for (method, url, headers, status) in [
        ("SETUP", format!("{url}/trackID=0"), &interleaved[..], 455),
        ("DESCRIBE", format!("rtsp://{address}/{other}"), &[], 455),
        ("ANNOUNCE", url.clone(), &[], 405),
        ("RECORD", url.clone(), &[], 405),
        ("PLAY", url.clone(), &[], 200),
    ] {
        assert_eq!(viewer.request(method, &url, headers).await.unwrap().status, status, "{method} {url}");
    }
    // Packets where none belong, and one that is longer than any of ours, are passed over.
    for (channel, length) in [(0, 0), (0, 12), (1, 0), (1, 7), (1, 1400), (7, 100), (255, 65_535)] {
        let [high, low] = u16::to_be_bytes(length);
        let packet = [&[b'$', channel, high, low][..], &vec![0x81; length.into()]].concat();
        viewer.send(&packet).await.unwrap();
    }
    assert_eq!(viewer.request("GET_PARAMETER", &url, &[]).await.unwrap().status, 200);
    packet(&mut viewer).await;
    // Somebody else's session is none of theirs, nor is one that was never there.
    let strange = format!("TEARDOWN {url} RTSP/1.0\r\nCSeq: 1\r\nSession: 0123456789abcdef00000001\r\n\r\n");
    let mut stranger = Connection::open(address).await.unwrap();
    stranger.send(strange.as_bytes()).await.unwrap();
    assert_eq!(stranger.response().await.unwrap().unwrap().status, 454);
    readers_become(&mut rpc, &device, 2).await;
    // Noise while it plays ends it, and nobody else.
    viewer.send(&[0xff; 5_000]).await.unwrap();
    viewer.until_closed().await.unwrap();
    readers_become(&mut rpc, &device, 1).await;

    // One session is for one camera.
    let mut viewer = Connection::open(address).await.unwrap();
    let setup = viewer.request("SETUP", &format!("{url}/trackID=0"), &interleaved).await.unwrap();
    assert_eq!(setup.status, 200);
    let foreign = format!("rtsp://{address}/{other}/trackID=0");
    assert_eq!(viewer.request("SETUP", &foreign, &interleaved).await.unwrap().status, 459);
    drop(viewer);

    // Requests without end and no ear for their answers.
    let mut flood = Connection::open_narrow(address).await.unwrap();
    let options = format!("OPTIONS {url} RTSP/1.0\r\nCSeq: 1\r\n\r\n").repeat(1_000);
    let flooding = async { while flood.send(options.as_bytes()).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, flooding).await.expect("it is closed");

    // Those who go without a word are gone.
    let mut crowd = Vec::new();
    for number in 0..16 {
        let transport = if number % 2 == 0 { Transport::Tcp } else { Transport::Udp };
        crowd.push(Player::open(address, &device, transport).await.unwrap());
    }
    readers_become(&mut rpc, &device, 17).await;
    drop(crowd);
    readers_become(&mut rpc, &device, 1).await;

    still_well(&mut service, &device, address).await;
    let closed = async || service.pid().open_fds().filter(|open| *open <= quiet + 2);
    eventually("the connections of all this are closed", PATIENCE, closed).await;
    watch.reach(watch.count() + 5, PATIENCE).await;
    let (player, _, error) = watch.stop().await;
    assert!(error.is_none() && player.lost_packets() == 0 && player.problems().is_empty(), "{error:?}");
}

/// A viewer that plays, down to its bytes.
async fn playing(address: SocketAddr, device: &str) -> Connection {
    let url = format!("rtsp://{address}/{device}");
    let mut connection = Connection::open(address).await.expect("the server takes connections");
    let transport = [("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1")];
    for (method, url, headers) in
        [("SETUP", &format!("{url}/trackID=0"), &transport[..]), ("PLAY", &url, &[])]
    {
        let answer = connection.request(method, url, headers).await.expect("the server answers");
        assert_eq!(answer.status, 200, "{method}");
    }
    packet(&mut connection).await;
    connection
}

/// Waits for a packet.
async fn packet(connection: &mut Connection) {
    let waiting = async {
        loop {
            match connection.item().await.expect("the connection lives") {
                Item::Packet { .. } => return,
                Item::Response(_) => {}
                Item::Closed => panic!("the server has closed"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("a packet in time");
}

#[tokio::test]
async fn a_viewer_that_never_reads_is_closed_and_the_others_get_every_picture() {
    // Enough bytes that every buffer on the way is soon full.
    let setup = Setup::new()
        .without_limits()
        .test_camera("A", "640x360@30")
        .set("codec.bitrate", "6M")
        .set("codec.level", "4.0");
    let mut service = setup.start().await;
    let device = service.device("A").await;
    let address = service.rtsp().await;
    let good = Watch::start(address, &device, Transport::Tcp).await.unwrap();
    let mut rpc = service.rpc(Role::Viewer).await;
    let deaf = Player::open_narrow(address, &device).await.unwrap();
    readers_become(&mut rpc, &device, 2).await;
    let began = Instant::now();
    readers_become(&mut rpc, &device, 1).await;
    assert!(began.elapsed() > Duration::from_secs(2), "it was closed before it could be found out");
    let count = good.count();
    good.reach(count + 30, PATIENCE).await;
    let (player, frames, error) = good.stop().await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!((player.lost_packets(), player.problems()), (0, &[][..]));
    // Each picture once, a 30th of a second after the one before.
    for pair in frames.windows(2) {
        let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
        assert!((2_900..3_100).contains(&step), "{step} ticks between two pictures");
    }
    drop(deaf);
    still_well(&mut service, &device, address).await;
}

/// The service answers, shows pictures, and has not grown.
async fn still_well(service: &mut Service, device: &str, address: SocketAddr) {
    service.rpc(Role::Viewer).await.ok("ping", serde_json::Value::Null).await;
    let mut player = Player::open(address, device, Transport::Tcp).await.expect("the stream is still served");
    player.first_key().await.expect("it still begins with a key frame");
    let rss = service.pid().rss_bytes().expect("the service still runs");
    assert!(rss < MOST_RSS_BYTES, "the service has grown to {} MiB", rss >> 20);
}
