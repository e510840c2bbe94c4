//! `POST /rpc`: the methods without a connection that stays; and what answers beside them.

use e2e::PATIENCE;
use serde_json::{Value, json};
use testkit::{
    Http, Setup, eventually,
    http::Answer,
    token::{self, Role},
};
use tokio::net::TcpStream;

use super::{bearer, request, text};

const JSON: (&str, &str) = ("Content-Type", "application/json");

async fn call(http: &mut Http<TcpStream>, headers: &[(&str, &str)], body: &Value) -> Answer {
    http.ask("POST", "/rpc", &[headers, &[JSON]].concat(), body.to_string().as_bytes()).await
}

#[tokio::test]
async fn calls_and_their_statuses() {
    let mut service = Setup::new().test_camera("A", "320x180@5").start().await;
    let device = service.device("A").await;
    let (viewer, token) = (bearer(&service, Role::Viewer).await, service.token(Role::Operator).await);
    let auth = [("Authorization", viewer.as_str())];
    let mut http = Http::connect(&service).await;
    let ping = call(&mut http, &auth, &request(1, "ping", Value::Null)).await;
    assert_eq!((ping.status, &ping.json()["result"]["pong"]), (200, &json!(true)));
    // A command, by a token beside its parameters.
    let wish = json!({"device": device, "auth_token": token});
    let taken = call(&mut http, &[], &request(2, "take_snapshot", wish)).await;
    assert_eq!((taken.status, &taken.json()["result"]["status"]), (200, &json!("SUCCESS")));
    assert_eq!(http.get(&text(&taken.json()["result"]["download_url"]), &[]).await.status, 200);
    // Nothing stays of it.
    let none = call(&mut http, &[], &request(3, "ping", Value::Null)).await;
    assert_eq!((none.status, &none.json()["error"]["code"]), (401, &json!(-32001)));
    assert_eq!((none.header("www-authenticate"), &none.json()["id"]), (Some("Bearer"), &json!(3)));

    for (headers, body, status, code) in [
        (&auth[..], request(4, "take_snapshot", json!({"device": device})), 403, -32002),
        (&auth, request(4, "ping", json!({"auth_token": "x"})), 401, -32001),
        (&[("Authorization", "Bearer x")], request(4, "ping", Value::Null), 401, -32001),
        (&[("X-API-Key", "x")], request(4, "ping", json!({"auth_token": token})), 401, -32001),
        (&auth, request(4, "no_such_method", Value::Null), 200, -32601),
        (&auth, request(4, "ping", json!({"x": 1})), 200, -32602),
        (&auth, request(4, "get_camera_status", json!({"device": "camera77"})), 200, -32000),
        (&auth, json!([]), 200, -32600),
        (&auth, json!(7), 200, -32600),
        (&auth, request(4, "authenticate", json!({"auth_token": token})), 200, -32030),
        (&auth, request(4, "authenticate", json!({"auth_token": "x"})), 401, -32001),
        (&auth, request(4, "subscribe_events", json!({"topics": ["*"]})), 200, -32030),
        (&auth, request(4, "unsubscribe_events", Value::Null), 200, -32030),
        (&auth, request(4, "get_subscription_stats", Value::Null), 200, -32030),
        (&[], request(4, "authenticate", Value::Null), 401, -32001),
        (&[], request(4, "subscribe_events", Value::Null), 401, -32001),
    ] {
        let answer = call(&mut http, headers, &body).await;
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (status, &json!(code)), "{body}");
        if code == -32030 {
            assert_eq!(answer.json()["error"]["data"]["feature"], "session");
        }
    }
    let notification = json!({"jsonrpc": "2.0", "method": "ping"});
    for silent in [notification.clone(), json!([notification, notification])] {
        let answer = call(&mut http, &auth, &silent).await;
        assert_eq!((answer.status, answer.body.len()), (204, 0), "{silent}");
    }
    let mixed =
        json!([request(1, "ping", Value::Null), notification, request(2, "take_snapshot", Value::Null), 7]);
    let batch = call(&mut http, &auth, &mixed).await;
    let codes: Vec<_> =
        batch.json().as_array().unwrap().iter().map(|one| one["error"]["code"].clone()).collect();
    assert_eq!((batch.status, codes), (200, vec![Value::Null, json!(-32002), json!(-32600)]));
    let fifty: Value = (0..50).map(|id| request(id, "get_server_info", Value::Null)).collect();
    let batch = call(&mut http, &auth, &fifty).await;
    let ids: Vec<_> = batch.json().as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
    assert_eq!(ids, (0..50).map(|id| json!(id)).collect::<Vec<_>>());
    let many: Value = (0..51).map(|id| request(id, "ping", Value::Null)).collect();
    assert_eq!(call(&mut http, &auth, &many).await.json()["error"]["code"], -32600);
}

#[tokio::test]
async fn bodies_that_are_none() {
    let setup = Setup::new().set("websocket.max_message_size", "4KiB");
    let limited = json!({"ping": {"per_second": 0.1, "burst": 1}});
    let service = setup.set("security.rate_limit.methods", limited).start().await;
    let viewer = bearer(&service, Role::Viewer).await;
    let auth = ("Authorization", viewer.as_str());
    let mut http = Http::connect(&service).await;
    for (kind, body, status) in [
        (&[("Content-Type", "text/plain")][..], &b"{}"[..], 415),
        (&[], b"{}", 415),
        (&[("Content-Type", "application/json; charset=utf-8")], b"{", 200),
        (&[JSON], b"", 200),
        (&[JSON], b"\"\xff\"", 200),
        (&[JSON], b"[[[[[[", 200),
    ] {
        let answer = http.ask("POST", "/rpc", &[kind, &[auth]].concat(), body).await;
        assert_eq!(answer.status, status, "{kind:?} {body:?}");
        if status == 200 {
            assert_eq!(answer.json()["error"]["code"], -32700);
        }
    }
    assert_eq!(http.get("/rpc", &[auth]).await.status, 405);
    // The second ping comes too soon; a batch is 200 whatever is in it.
    let ping = request(1, "ping", Value::Null);
    assert_eq!(call(&mut http, &[auth], &ping).await.status, 200);
    let burst = 40;
    let limited = eventually("the limit", PATIENCE, async || {
        let many: Value = (0..burst).map(|id| request(id, "ping", Value::Null)).collect();
        assert_eq!(call(&mut http, &[auth], &many).await.status, 200);
        let answer = call(&mut http, &[auth], &ping).await;
        Some(answer).filter(|answer| answer.status == 429)
    })
    .await;
    assert_eq!(limited.json()["error"]["code"], -32040);
    assert!(limited.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);

    let large = vec![b' '; 5000];
    let answer = http.ask("POST", "/rpc", &[auth, JSON], &large).await;
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
    // Whoever sends all of it before listening hears that, too, and no broken connection.
    let huge = vec![b' '; 12 << 20];
    let answer = Http::connect(&service).await.ask("POST", "/rpc", &[auth, JSON], &huge).await;
    assert_eq!(answer.status, 413);
    // Lengths that two readers would take for two.
    let host = service.address();
    for (head, status) in [
        ("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", 411),
        ("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", 411),
        ("Transfer-Encoding: chunked\r\n", 411),
        ("Content-Length: 4\r\nContent-Length: 5\r\n", 400),
        ("Content-Length: +4\r\n", 400),
        ("Host: other\r\n", 421),
    ] {
        let mut http = Http::connect(&service).await;
        let text = format!(
            "POST /rpc HTTP/1.1\r\nHost: {host}\r\n{head}Content-Type: application/json\r\n\r\n0\r\n\r\n"
        );
        http.send(text.as_bytes()).await;
        let answer = http.head().await;
        assert_eq!(answer.status, status, "{head}");
    }
}

#[tokio::test]
async fn a_command_is_finished_when_its_caller_leaves() {
    let mut service = Setup::new().without_limits().test_camera("A", "320x180@5").start().await;
    let device = service.device("A").await;
    let operator = bearer(&service, Role::Operator).await;
    let mut http = Http::connect(&service).await;
    let body = request(1, "start_recording", json!({"device": device, "duration": 60})).to_string();
    let head = format!(
        "POST /rpc HTTP/1.1\r\nHost: {}\r\nAuthorization: {operator}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        service.address(),
        body.len()
    );
    http.send(format!("{head}{body}").as_bytes()).await;
    // It has begun: a request of somebody who has left before it is looked at is nobody's.
    service.ffmpegs_become(1, PATIENCE).await;
    drop(http);
    let mut rpc = service.rpc(Role::Viewer).await;
    eventually("the recording nobody waits for", PATIENCE, async || {
        let status = rpc.ok("get_camera_status", json!({"device": device})).await;
        (status["recording"]["active"] == true).then_some(())
    })
    .await;
}

#[tokio::test]
async fn health_and_documents() {
    let service =
        Setup::new().set("security.allowed_origins", json!(["https://console.example"])).start().await;
    let viewer = bearer(&service, Role::Viewer).await;
    let mut http = Http::connect(&service).await;
    for (path, want) in [
        ("/health/live", json!({"status": "live"})),
        ("/health/ready", json!({"status": "ready"})),
        ("/.well-known/jwks.json", json!({"keys": []})),
    ] {
        let answer = http.get(path, &[]).await;
        assert_eq!((answer.status, answer.json()), (200, want), "{path}");
        assert_eq!(answer.header("strict-transport-security"), None);
    }
    for (path, member) in [("/health", "status"), ("/openrpc.json", "openrpc")] {
        assert_eq!(http.get(path, &[]).await.status, 401, "{path}");
        let answer = http.get(path, &[("Authorization", &viewer)]).await;
        assert_eq!((answer.status, answer.json()[member].is_string()), (200, true), "{path}");
        let key = token::signed(&token::claims(Role::Viewer));
        assert_eq!(http.get(path, &[("X-API-Key", &key)]).await.status, 200, "{path}");
    }
    for path in ["/", "/nothing", "/files", "/files/recordings/", "/health/"] {
        assert_eq!(http.get(path, &[]).await.json()["status"], 404, "{path}");
    }
    // Pages: our own, one that is listed, and all others.
    let own = format!("http://{}", service.address());
    for (page, status) in
        [(own.as_str(), 200), ("https://console.example", 200), ("https://evil.example", 403)]
    {
        let answer = call(
            &mut http,
            &[("Authorization", &viewer), ("Origin", page)],
            &request(1, "ping", Value::Null),
        )
        .await;
        assert_eq!(answer.status, status, "{page}");
        let told = answer.header("access-control-allow-origin");
        assert_eq!(told, (page == "https://console.example").then_some(page));
    }
    let asks =
        [("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "authorization")];
    let may = http
        .ask("OPTIONS", "/rpc", &[&asks[..], &[("Origin", "https://console.example")]].concat(), b"")
        .await;
    assert_eq!(
        (may.status, may.header("access-control-allow-origin")),
        (204, Some("https://console.example"))
    );
    assert!(may.header("access-control-allow-headers").unwrap().contains("Authorization"));
    let not =
        http.ask("OPTIONS", "/rpc", &[&asks[..], &[("Origin", "https://evil.example")]].concat(), b"").await;
    assert_eq!((not.status, not.header("access-control-allow-origin")), (403, None));
}
