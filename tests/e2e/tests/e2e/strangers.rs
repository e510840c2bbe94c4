//! Those who must be kept out, by WebSocket: frames that are none, wrong tokens, roles too low, other
//! people's cameras, pages of elsewhere.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use e2e::PATIENCE;
use serde_json::{Value, json};
use testkit::{
    Rpc, Setup, eventually,
    token::{self, Role},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[tokio::test]
async fn frames_that_end_a_connection_end_only_that_one() {
    let setup = Setup::new().set("security.auth_timeout", "4s").set("websocket.max_message_size", "64KiB");
    let service = setup.start().await;
    let mut good = service.rpc(Role::Viewer).await;
    let quiet = service.pid().open_fds().unwrap();
    // Half a request, and then silence: closed when its time (10 s) is up, while all the rest goes on.
    let half = tokio::spawn(http(service.address(), b"GET /ws HTTP/1.1\r\nHo".to_vec(), false));

    let mut rpc = service.connect().await;
    rpc.send_binary(vec![0x7b, 0x7d]).await;
    assert_eq!(rpc.closed().await, 1003);
    let mut rpc = service.connect().await;
    rpc.send(&format!("\"{}\"", "x".repeat(65 << 10))).await;
    assert_eq!(rpc.closed().await, 1009);
    // Up to the limit a message is read.
    let mut rpc = service.connect().await;
    rpc.send(&"x".repeat(60 << 10)).await;
    assert_eq!(rpc.message().await["error"]["code"], -32700);
    drop(rpc);
    // Frames no client library makes; each comes with its mask, which is zero, but for the last.
    let text = vec![b'x'; 32 << 10];
    let first = [&[0x01, 0xfe, 0x80, 0, 0, 0, 0, 0][..], &text].concat();
    let more = [&[0x00, 0xfe, 0x80, 0, 0, 0, 0, 0][..], &text].concat();
    for (what, bytes, code) in [
        ("text that is not UTF-8", &[0x81, 0x81, 0, 0, 0, 0, 0xff][..], 1007),
        ("reserved bits", &[0xf1, 0x80, 0, 0, 0, 0], 1002),
        ("a kind that does not exist", &[0x83, 0x80, 0, 0, 0, 0], 1002),
        ("a ping of 126 bytes", &[&[0x89, 0xfe, 0, 126, 0, 0, 0, 0][..], &[0; 126]].concat(), 1002),
        ("a length of 2^63 - 1", &[0x81, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0], 1009),
        ("too long in pieces", &[first, more.clone(), more].concat(), 1009),
        ("no mask", &[0x81, 0x02, b'{', b'}'], 1002),
    ] {
        let mut raw = Raw::connect(service.address(), None).await;
        raw.stream.write_all(bytes).await.unwrap();
        assert_eq!(raw.close_code().await, code, "{what}");
    }

    // Bytes that are no HTTP, and HTTP that is no WebSocket.
    let long = format!("GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    let many = format!("GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\n{}\r\n", "X: x\r\n".repeat(10_000));
    for bytes in [
        &b"\x16\x03\x01\0\0\0\0"[..],
        b"hello\r\n\r\n",
        b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /ws HTTP/1.1\r\nHo",
        long.as_bytes(),
        many.as_bytes(),
    ] {
        let answer = http(service.address(), bytes.to_vec(), true).await;
        let text = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || text.starts_with("HTTP/1.1 4"), "{text}");
    }

    // Who shows no credentials is closed in time, whatever else they say; who has once shown good ones
    // stays.
    let token = service.token(Role::Viewer).await;
    let mut known = service.connect().await;
    known.ok("ping", json!({"auth_token": token})).await;
    let began = Instant::now();
    let mut stranger = service.connect().await;
    stranger.err(-32001, "ping", Value::Null).await;
    assert_eq!(stranger.closed().await, 4401);
    let after = began.elapsed();
    assert!(after > Duration::from_millis(3900) && after < PATIENCE, "closed after {after:?}");
    known.err(-32001, "ping", Value::Null).await;
    drop(known);
    half.await.unwrap();
    good.ok("ping", Value::Null).await;
    let closed = async || service.pid().open_fds().filter(|open| *open <= quiet);
    eventually("the connections of all this are closed", PATIENCE, closed).await;
}

#[tokio::test]
async fn a_client_that_never_reads_is_closed_and_costs_no_memory() {
    let setup = Setup::new()
        .without_limits()
        .set("websocket.write_timeout", "2s")
        .set("security.auth_timeout", "60s");
    let service = setup.start().await;
    let mut good = service.rpc(Role::Viewer).await;
    let before = service.pid().rss_bytes().unwrap();
    let mut deaf = Raw::connect(service.address(), Some(&service.token(Role::Viewer).await)).await;
    // Each batch has answers far longer than itself.
    let one = json!({"jsonrpc": "2.0", "id": 1, "method": "get_server_info"});
    let text = Value::Array(vec![one; 50]).to_string();
    let length = (text.len() as u16).to_be_bytes();
    let batch = [&[0x81, 0xfe, length[0], length[1], 0, 0, 0, 0], text.as_bytes()].concat();
    let (mut most, mut batches) = (before, 0);
    let flood = async {
        while deaf.stream.write_all(&batch).await.is_ok() {
            batches += 1;
        }
    };
    let watch = async {
        loop {
            good.ok("ping", Value::Null).await;
            most = most.max(service.pid().rss_bytes().unwrap_or_default());
        }
    };
    let closed = async {
        tokio::select! { () = flood => {}, () = watch => {} }
    };
    tokio::time::timeout(PATIENCE, closed).await.expect("the connection is closed");
    assert!(batches > 4, "it was closed after {batches} batches, before it could be found out");
    let grown = most.saturating_sub(before);
    assert!(grown < 16 << 20, "the service grew by {} MiB for one client", grown >> 20);
    good.ok("ping", Value::Null).await;
}

/// Sends these bytes and gives everything that comes until the server closes.
async fn http(address: SocketAddr, bytes: Vec<u8>, then_finish: bool) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.expect("the service takes connections");
    // Errors: it was refused before all of it was sent.
    let _ = stream.write_all(&bytes).await;
    if then_finish {
        let _ = stream.shutdown().await;
    }
    let mut answer = Vec::new();
    let reading = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    let _ = reading.expect("it is closed in time");
    answer
}

/// A WebSocket of which only the bytes are known.
struct Raw {
    stream: TcpStream,
}

impl Raw {
    async fn connect(address: SocketAddr, token: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(address).await.expect("the service takes connections");
        let bearer = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n{bearer}\r\n"
        );
        stream.write_all(request.as_bytes()).await.expect("the service reads");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("the upgrade is answered"));
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        Self { stream }
    }

    /// Waits for the server's close; gives its code.
    async fn close_code(&mut self) -> u16 {
        let mut frame = [0; 4];
        let read = tokio::time::timeout(PATIENCE, self.stream.read_exact(&mut frame)).await;
        read.expect("a close in time").expect("a close before the end");
        assert_eq!(frame[0], 0x88, "not a close: {frame:?}");
        u16::from_be_bytes([frame[2], frame[3]])
    }
}

#[tokio::test]
async fn bad_tokens_open_no_door() {
    let service = Setup::new().without_limits().set("security.max_auth_failures", 1000).start().await;
    let good = service.token(Role::Viewer).await;
    let mut rpc = service.connect().await;
    for (what, bad) in token::bad() {
        let refused = rpc.call("authenticate", json!({"auth_token": bad})).await.unwrap_err();
        assert_eq!(refused.code, -32001, "{what}: {refused:?}");
        let beside = rpc.call("ping", json!({"auth_token": bad})).await.unwrap_err();
        assert_eq!(beside.code, -32001, "{what}: {beside:?}");
        let bearer = format!("Bearer {bad}");
        let upgrade = Rpc::connect(&service, &[("authorization", &bearer)]).await.unwrap_err();
        assert_eq!(upgrade.status, 401, "{what}");
        let key = Rpc::connect(&service, &[("x-api-key", &bad)]).await.unwrap_err();
        assert_eq!(key.status, 401, "{what}");
        assert!(bad.len() < 20 || service.log().with(&bad).is_empty(), "{what}: the log shows it");
    }
    // A failed attempt leaves a good session as it was, and a bad token beside a call is no way around.
    rpc.authenticate(&good).await;
    rpc.err(-32001, "authenticate", json!({"auth_token": "x"})).await;
    rpc.ok("ping", Value::Null).await;
    rpc.err(-32001, "ping", json!({"auth_token": "x"})).await;
    rpc.ok("ping", Value::Null).await;
    assert!(service.log().with(&good).is_empty(), "a token stands in the log");
    assert!(service.log().with(testkit::service::SECRET).is_empty());
    // One made here, by other code, is as good as the service's own.
    let mut other = service.connect().await;
    let told = other.authenticate(&token::signed(&token::claims(Role::Operator))).await;
    assert_eq!((&told["role"], &told["authenticated"]), (&json!("operator"), &json!(true)));
}

#[tokio::test]
async fn after_too_many_wrong_tokens_only_good_ones_are_looked_at() {
    let service = Setup::new().set("security.max_auth_failures", 3).start().await;
    let mut rpc = service.connect().await;
    for _ in 0..3 {
        rpc.err(-32001, "authenticate", json!({"auth_token": "x"})).await;
    }
    let limited = rpc.err(-32040, "authenticate", json!({"auth_token": "x"})).await;
    assert!(limited.data["retry_after_ms"].as_u64().unwrap() > 0, "{limited:?}");
    // A missing credential is no failure, and a good one passes.
    rpc.err(-32001, "ping", Value::Null).await;
    rpc.authenticate(&service.token(Role::Viewer).await).await;
    rpc.ok("ping", Value::Null).await;
    let refused = Rpc::connect(&service, &[("authorization", "Bearer x")]).await.unwrap_err();
    assert_eq!(refused.status, 429, "{refused}");
}

#[tokio::test]
async fn roles_and_scopes_are_kept() {
    let mut service = Setup::new().test_camera("A", "320x180@5").test_camera("B", "320x180@5").start().await;
    let (a, b) = (service.device("A").await, service.device("B").await);
    let mut viewer = service.rpc(Role::Viewer).await;
    for method in ["take_snapshot", "start_recording", "stop_recording"] {
        let refused = viewer.err(-32002, method, json!({"device": a})).await;
        assert_eq!(refused.data["required_role"], "operator", "{refused:?}");
        assert_eq!(refused.data["role"], "viewer", "{refused:?}");
        // The role is looked at before the parameters.
        viewer.err(-32002, method, json!({"nonsense": 1})).await;
    }
    // One that was started for a snapshot would stay for a minute; one that tells its version may be there.
    service.ffmpegs_become(0, PATIENCE).await;

    let mut scoped = service.connect().await;
    scoped.authenticate(&service.scoped_token(Role::Operator, &[&b]).await).await;
    let list = scoped.ok("get_camera_list", Value::Null).await;
    assert_eq!((&list["total"], &list["cameras"][0]["device"]), (&json!(1), &json!(b)), "{list}");
    let streams = scoped.ok("get_streams", Value::Null).await;
    assert_eq!((streams.as_array().unwrap().len(), &streams[0]["name"]), (1, &json!(b)), "{streams}");
    let status = scoped.ok("get_system_status", Value::Null).await;
    assert_eq!(status["available_cameras"], json!([b]), "{status}");
    // Another camera and one that does not exist: the same answer but for the name that was asked for.
    for method in
        ["get_camera_status", "get_stream_url", "take_snapshot", "start_recording", "list_recordings"]
    {
        let hidden = scoped.err(-32000, method, json!({"device": a})).await;
        let mut none = scoped.err(-32000, method, json!({"device": "camera998"})).await;
        assert_eq!(none.data["device"], "camera998");
        none.data["device"] = json!(a);
        assert_eq!(json!(hidden.data), json!(none.data), "{method}");
        assert_eq!(hidden.data["available_devices"], json!([b]), "{method}");
    }
    // Nor are its files there.
    let mut operator = service.rpc(Role::Operator).await;
    operator.ok("take_snapshot", json!({"device": a})).await;
    assert_eq!(scoped.ok("list_snapshots", Value::Null).await["total"], 0);
    scoped.ok("take_snapshot", json!({"device": b})).await;
    assert_eq!(scoped.ok("list_snapshots", Value::Null).await["total"], 1);
    assert_eq!(operator.ok("list_snapshots", Value::Null).await["total"], 2);
}

#[tokio::test]
async fn pages_and_names_of_elsewhere_are_refused() {
    let setup = Setup::new()
        .set("security.allowed_origins", json!(["https://console.example"]))
        .set("security.allowed_hosts", json!(["cam.example"]));
    let service = setup.start().await;
    let (address, token) = (service.address(), service.token(Role::Viewer).await);
    let bearer = format!("Bearer {token}");
    let own_page = format!("http://{address}");
    let other_port = format!("http://127.0.0.1:{}", address.port() ^ 1);
    for (name, value, status) in [
        ("origin", "http://evil.example", 403),
        ("origin", "null", 403),
        ("origin", other_port.as_str(), 403),
        ("host", "evil.example", 421),
        ("host", "localhost.evil.example", 421),
        ("host", "", 421),
    ] {
        // Good credentials do not help.
        let refused = Rpc::connect(&service, &[(name, value), ("authorization", &bearer)]).await.unwrap_err();
        assert_eq!(refused.status, status, "{name}: {value}");
        assert!(!refused.body.contains(&token));
    }
    let localhost = format!("localhost:{}", address.port());
    for headers in [
        &[("origin", own_page.as_str())][..],
        &[("origin", "https://console.example")],
        &[("host", localhost.as_str())],
        &[("host", "cam.example"), ("origin", "http://cam.example")],
    ] {
        let headers = [headers, &[("authorization", &bearer)]].concat();
        let mut rpc = Rpc::connect(&service, &headers).await.unwrap_or_else(|e| panic!("{headers:?}: {e}"));
        rpc.ok("ping", Value::Null).await;
    }
}

#[tokio::test]
async fn a_session_ends_with_its_token() {
    let service = Setup::new().start().await;
    let mut rpc = service.connect().await;
    // It ended 26 seconds ago; with the leeway it has between three seconds and four.
    let short = token::ended(Role::Viewer, Duration::from_secs(26));
    rpc.authenticate(&short).await;
    rpc.ok("ping", Value::Null).await;
    let told = rpc.notification("session_expired").await;
    assert_eq!(told["params"]["reason"], "expired", "{told}");
    testkit::time::parse(told["params"]["timestamp"].as_str().unwrap());
    rpc.err(-32001, "ping", Value::Null).await;
    rpc.err(-32001, "authenticate", json!({"auth_token": short})).await;
    rpc.authenticate(&service.token(Role::Viewer).await).await;
    rpc.ok("ping", Value::Null).await;
}
