//! Connections over real sockets to the real service, without a camera that runs: what frames, time
//! and the other side can do to one. Pictures and recordings are the end-to-end tests' part.

use std::{
    net::SocketAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::{SinkExt, StreamExt};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Bytes, Error, Message, client::IntoClientRequest},
};

use crate::{
    app::Bound,
    config::{self, Sources},
};

const SECRET: &str = "a secret for tests, of more than 32 bytes";
/// Longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(20);

struct House {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    running: JoinHandle<bool>,
    _dir: tempfile::TempDir,
}

impl House {
    async fn with(more: &[(&'static str, Value)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut insist = vec![
            ("storage.data_dir", json!(dir.path().to_str().unwrap())),
            ("websocket.port", json!(0)),
            ("embedded.rtsp", json!("127.0.0.1:0")),
            ("security.jwt_secret", json!(SECRET)),
            ("camera.sources", json!([{"name": "A", "test": "64x64@5"}, {"name": "B", "test": "64x64@5"}])),
        ];
        insist.extend_from_slice(more);
        let loaded = config::load(&Sources { file: None, env: Vec::new(), insist }).unwrap();
        let bound = Bound::new(loaded.config).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        let address = bound.address;
        let running = tokio::spawn(bound.run(async move { drop(stopped.await) }));
        Self { address, stop, running, _dir: dir }
    }

    async fn new() -> Self {
        Self::with(&[]).await
    }

    async fn connect(&self) -> Client {
        self.connect_as(&[]).await.unwrap()
    }

    async fn connect_as(&self, headers: &[(&'static str, &str)]) -> Result<Client, u16> {
        let mut request = format!("ws://{}/ws", self.address).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Client { socket, next_id: 0 }),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Status and body of a plain request.
    async fn http(&self, request: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("x-content-type-options: nosniff"), "{head}");
        (head[9..12].parse().unwrap(), body.to_owned())
    }

    async fn stop(self) -> bool {
        self.stop.send(()).unwrap();
        tokio::time::timeout(LIMIT, self.running).await.unwrap().unwrap()
    }
}

struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_id: u64,
}

impl Client {
    async fn send(&mut self, text: impl Into<String>) {
        self.socket.send(Message::text(text.into())).await.unwrap();
    }

    /// The next text, or the code of the close.
    async fn next(&mut self) -> Result<Value, u16> {
        loop {
            let frame = tokio::time::timeout(LIMIT, self.socket.next()).await.expect("an answer in time");
            match frame {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(0, |frame| frame.code.into())),
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        self.next_id += 1;
        let id = self.next_id;
        self.send(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()).await;
        let reply = self.next().await.unwrap();
        assert_eq!((&reply["jsonrpc"], &reply["id"]), (&json!("2.0"), &json!(id)), "{reply}");
        reply
    }

    /// The error's code, or 0.
    async fn code(&mut self, method: &str, params: Value) -> i64 {
        self.call(method, params).await["error"]["code"].as_i64().unwrap_or(0)
    }
}

/// A token; members of `change` laid over the usual claims.
fn token(role: &str, change: &Value) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut claims = json!({"sub": "ann", "role": role, "iat": now, "exp": now + 600});
    claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap()
}

#[tokio::test]
async fn a_conversation() {
    let house = House::new().await;
    let mut client = house.connect().await;
    assert_eq!(client.code("ping", json!({})).await, -32001);
    assert_eq!(client.code("no_such_method", json!({})).await, -32001);
    assert_eq!(client.code("authenticate", json!({})).await, -32602);
    assert_eq!(client.code("authenticate", json!({"auth_token": "x"})).await, -32001);
    let reply = client.call("authenticate", json!({"auth_token": token("viewer", &json!({}))})).await;
    assert_eq!(reply["result"]["role"], "viewer");
    assert_eq!(reply["result"]["api_version"], 1);
    assert_eq!(client.call("ping", json!({})).await["result"]["pong"], true);
    // A failed attempt leaves the session as it was.
    assert_eq!(client.code("authenticate", json!({"auth_token": "x"})).await, -32001);
    assert_eq!(client.code("ping", json!({"auth_token": "x"})).await, -32001);
    assert_eq!(client.code("ping", json!({})).await, 0);
    assert_eq!(client.code("no_such_method", json!({})).await, -32601);
    let reply = client.call("take_snapshot", json!({"device": "camera9", "x": 1})).await;
    assert_eq!(reply["error"]["data"]["required_role"], "operator");
    // Another identity for one call only.
    let operator = token("operator", &json!({}));
    let params = json!({"device": "camera0", "auth_token": operator});
    assert_eq!(client.code("stop_recording", params).await, -32020);
    assert_eq!(client.code("stop_recording", json!({"device": "camera0"})).await, -32002);
    client.send(r#"{"jsonrpc":"2.0","method":"ping","id":1e2,"params":[1]}"#).await;
    assert_eq!(client.next().await.unwrap()["error"]["code"], -32602);
    client.send("[]").await;
    assert_eq!(client.next().await.unwrap()["error"]["code"], -32600);
    client.send("{").await;
    assert_eq!(client.next().await.unwrap()["error"]["code"], -32700);
    drop(client);
    assert!(house.stop().await);
}

#[tokio::test]
async fn a_scope_hides_cameras() {
    let house = House::new().await;
    let scoped = token("admin", &json!({"cameras": ["camera1", "camera7"]}));
    let mut client = house.connect_as(&[("authorization", &format!("Bearer {scoped}"))]).await.unwrap();
    let list = client.call("get_camera_list", json!({})).await;
    assert_eq!(
        (&list["result"]["total"], &list["result"]["cameras"][0]["device"]),
        (&json!(1), &json!("camera1"))
    );
    let streams = client.call("get_streams", json!({})).await;
    assert_eq!(streams["result"].as_array().unwrap().len(), 1);
    let status = client.call("get_system_status", json!({})).await;
    assert_eq!(status["result"]["available_cameras"], json!(["camera1"]));
    let refused = async |client: &mut Client, device: &str| {
        let mut reply = client.call("get_camera_status", json!({"device": device})).await;
        assert_eq!(reply["error"]["data"]["device"], device);
        reply["error"]["data"]["device"] = json!(null);
        reply["error"].to_string()
    };
    let hidden = refused(&mut client, "camera0").await;
    assert_eq!(hidden, refused(&mut client, "camera7").await);
    assert!(hidden.contains(r#""available_devices":["camera1"]"#), "{hidden}");
    drop(client);
    assert!(house.stop().await);
}

#[tokio::test]
async fn many_at_once_are_all_answered() {
    let house = House::with(&[("websocket.max_in_flight", json!(3))]).await;
    let bearer = format!("Bearer {}", token("viewer", &json!({})));
    let mut client = house.connect_as(&[("authorization", &bearer)]).await.unwrap();
    let one = |id: usize| json!({"jsonrpc": "2.0", "id": id, "method": "list_recordings"}).to_string();
    let many = (0..50).map(one).collect::<Vec<_>>().join(",");
    for id in 0..200 {
        client.send(one(id)).await;
        client.send(r#"{"jsonrpc":"2.0","method":"ping"}"#).await;
    }
    client.send(format!("[{many}]")).await;
    let (mut singles, mut batch) = (vec![0; 200], 0);
    while singles.contains(&0) || batch == 0 {
        match client.next().await.unwrap() {
            Value::Array(replies) => batch += replies.len(),
            reply => singles[reply["id"].as_u64().unwrap() as usize] += 1,
        }
    }
    assert!(singles.iter().all(|n| *n == 1) && batch == 50);
    drop(client);
    assert!(house.stop().await);
}

#[tokio::test]
async fn frames_that_end_a_connection() {
    let house = House::with(&[("websocket.max_message_size", json!(2048))]).await;
    for (frame, code) in [
        (Message::binary(vec![1, 2, 3]), 1003),
        (Message::text("x".repeat(2049)), 1009),
        (Message::text("x".repeat(3_000_000)), 1009),
    ] {
        let mut client = house.connect().await;
        // A large one may be refused before all of it has left.
        let _ = client.socket.send(frame).await;
        assert_eq!(client.next().await, Err(code));
    }
    let mut client = house.connect().await;
    client.send("x".repeat(2048)).await;
    assert_eq!(client.next().await.unwrap()["error"]["code"], -32700);
    // A text frame that is not UTF-8, unmasked by a zero mask.
    let mut stream = raw_websocket(house.address).await;
    stream.write_all(&[0x81, 0x81, 0, 0, 0, 0, 0xff]).await.unwrap();
    assert_eq!(close_code(&mut stream).await, 1007);
    // Reserved bits.
    let mut stream = raw_websocket(house.address).await;
    stream.write_all(&[0xf1, 0x80, 0, 0, 0, 0]).await.unwrap();
    assert_eq!(close_code(&mut stream).await, 1002);
    drop(client);
    assert!(house.stop().await);
}

/// A WebSocket of which only the bytes are known: it answers no ping.
async fn raw_websocket(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101"));
    stream
}

/// Reads short unmasked frames up to a close, and gives its code.
async fn close_code(stream: &mut TcpStream) -> u16 {
    let read = async {
        loop {
            let (kind, length) = (stream.read_u8().await.unwrap(), stream.read_u8().await.unwrap());
            let mut payload = vec![0; length.into()];
            stream.read_exact(&mut payload).await.unwrap();
            if kind == 0x88 {
                return u16::from_be_bytes([payload[0], payload[1]]);
            }
        }
    };
    tokio::time::timeout(LIMIT, read).await.expect("a close in time")
}

#[tokio::test]
async fn time_ends_connections() {
    let house = House::with(&[
        ("security.auth_timeout", json!("400ms")),
        ("websocket.ping_interval", json!("100ms")),
        ("websocket.read_timeout", json!("1s")),
    ])
    .await;
    // Nobody in particular: no longer than auth_timeout, whatever it says meanwhile.
    let mut stranger = house.connect().await;
    assert_eq!(stranger.code("ping", json!({})).await, -32001);
    assert_eq!(stranger.next().await, Err(4401));
    // Proven by one call, and answering pings: it stays. Silent: it goes.
    let mut friend = house.connect().await;
    assert_eq!(friend.code("ping", json!({"auth_token": token("viewer", &json!({}))})).await, 0);
    let mut silent = raw_websocket(house.address).await;
    let text =
        json!({"jsonrpc": "2.0", "method": "ping", "params": {"auth_token": token("viewer", &json!({}))}});
    let text = text.to_string();
    let mut frame = vec![0x81, 0xfe];
    frame.extend((text.len() as u16).to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    silent.write_all(&frame).await.unwrap();
    let silence = tokio::spawn(async move { close_code(&mut silent).await });
    // Reading answers the pings; nothing else comes until the silent one has been closed.
    let code = tokio::select! {
        code = silence => code.unwrap(),
        frame = friend.next() => panic!("{frame:?}"),
    };
    assert_eq!(code, 1001);
    assert_eq!(friend.code("ping", json!({})).await, -32001);
    drop(friend);
    assert!(house.stop().await);
}

#[tokio::test]
async fn a_session_ends_at_its_time() {
    let house = House::new().await;
    let mut client = house.connect().await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    // With the leeway of 30 s it has 0.7 s left.
    let short = token("viewer", &json!({"iat": now - 60.0, "exp": now - 29.3}));
    assert_eq!(client.code("authenticate", json!({"auth_token": short})).await, 0);
    let told = client.next().await.unwrap();
    assert_eq!((&told["method"], &told["params"]["reason"]), (&json!("session_expired"), &json!("expired")));
    assert!(told.get("id").is_none() && told["params"]["timestamp"].is_string());
    assert_eq!(client.code("ping", json!({})).await, -32001);
    assert_eq!(client.code("authenticate", json!({"auth_token": short})).await, -32001);
    assert_eq!(client.code("authenticate", json!({"auth_token": token("admin", &json!({}))})).await, 0);
    assert_eq!(client.code("ping", json!({})).await, 0);
    drop(client);
    assert!(house.stop().await);
}

#[tokio::test]
async fn too_many_wrong_tokens() {
    let house = House::with(&[("security.max_auth_failures", json!(3))]).await;
    let mut client = house.connect().await;
    for code in [-32001, -32001, -32001, -32040] {
        assert_eq!(client.code("authenticate", json!({"auth_token": "x"})).await, code);
    }
    let limited = client.call("ping", json!({"auth_token": 7})).await;
    assert!(limited["error"]["data"]["retry_after_ms"].as_u64().unwrap() > 50_000, "{limited}");
    assert_eq!(house.connect_as(&[("authorization", "Bearer x")]).await.err(), Some(429));
    // A missing one is no failure, and a good one passes.
    assert_eq!(client.code("ping", json!({})).await, -32001);
    assert_eq!(client.code("authenticate", json!({"auth_token": token("admin", &json!({}))})).await, 0);
    drop(client);
    assert!(house.stop().await);
}

#[tokio::test]
async fn what_http_refuses() {
    let house = House::with(&[
        ("websocket.max_connections", json!(1)),
        ("security.allowed_hosts", json!(["cam.example"])),
        ("security.allowed_origins", json!(["https://console.example"])),
    ])
    .await;
    let own = format!("http://{}", house.address);
    let good = format!("Bearer {}", token("viewer", &json!({})));
    for (headers, status) in [
        (vec![("host", "evil.example")], 421),
        (vec![("origin", "http://evil.example")], 403),
        (vec![("origin", "null")], 403),
        (vec![("authorization", "Bearer x")], 401),
        (vec![("authorization", "Basic YTpi")], 401),
        (vec![("x-api-key", "x")], 401),
    ] {
        assert_eq!(house.connect_as(&headers).await.err(), Some(status), "{headers:?}");
    }
    for headers in [
        vec![("origin", own.as_str()), ("authorization", good.as_str())],
        vec![("origin", "https://console.example"), ("host", "cam.example")],
    ] {
        let mut client = house.connect_as(&headers).await.unwrap();
        assert_eq!(house.connect_as(&headers).await.err(), Some(503));
        client.socket.close(None).await.unwrap();
        while client.socket.next().await.is_some_and(|frame| frame.is_ok()) {}
    }
    let (status, body) =
        house.http("GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(status == 404 && serde_json::from_str::<Value>(&body).is_ok(), "{status} {body}");
    for (request, wanted) in [
        ("GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 400),
        ("GET /ws HTTP/1.1\r\nConnection: close\r\n\r\n", 421),
        ("GET /ws HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nConnection: close\r\n\r\n", 421),
        ("GET http://evil.example/ws HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 421),
    ] {
        let (status, body) = house.http(request).await;
        assert!(
            status == wanted && serde_json::from_str::<Value>(&body).is_ok(),
            "{request}: {status} {body}"
        );
    }
    assert!(house.stop().await);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_dropped() {
    let house = House::with(&[("websocket.write_timeout", json!("300ms"))]).await;
    let bearer = format!("Bearer {}", token("viewer", &json!({})));
    let mut deaf = house.connect_as(&[("authorization", &bearer)]).await.unwrap();
    // Replies of a few hundred bytes to thousands of requests fill every buffer on the way.
    let one = json!({"jsonrpc": "2.0", "id": "x".repeat(500), "method": "get_server_info"});
    let many = Value::Array(vec![one; 50]).to_string();
    let flood = async { while deaf.socket.send(Message::text(many.as_str())).await.is_ok() {} };
    tokio::time::timeout(LIMIT, flood).await.expect("the connection ends");
    let mut other = house.connect_as(&[("authorization", &bearer)]).await.unwrap();
    assert_eq!(other.code("ping", json!({})).await, 0);
    drop(other);
    assert!(house.stop().await);
}

#[tokio::test]
async fn stopping_says_goodbye() {
    let house = House::new().await;
    let mut client = house.connect().await;
    client.socket.send(Message::Ping(Bytes::new())).await.unwrap();
    let House { stop, running, address, _dir } = house;
    stop.send(()).unwrap();
    assert_eq!(client.next().await, Err(1001));
    while client.socket.next().await.is_some_and(|frame| frame.is_ok()) {}
    assert!(tokio::time::timeout(LIMIT, running).await.unwrap().unwrap());
    assert!(TcpStream::connect(address).await.is_err());
}
