//! Behind a proxy: whose word on the client is taken.

use serde_json::{Value, json};
use testkit::{Http, Service, Setup, token::Role};

use super::{bearer, request};

async fn wrong(service: &Service, forwarded: &str) -> u16 {
    let mut http = Http::connect(service).await;
    http.get("/health", &[("Authorization", "Bearer x"), ("X-Forwarded-For", forwarded)]).await.status
}

#[tokio::test]
async fn a_trusted_proxy_speaks_for_its_clients() {
    let setup = Setup::new()
        .set("websocket.trusted_proxies", json!(["127.0.0.0/8", "10.0.0.0/8"]))
        .set("security.allowed_hosts", json!(["cam.example"]))
        .set("security.max_auth_failures", 2);
    let service = setup.start().await;
    // Each client has its own failures, however they are dressed up.
    for forwarded in ["203.0.113.1", "198.51.100.9, 203.0.113.1", "203.0.113.1, 10.1.2.3"] {
        let want = if forwarded.contains("10.1.2.3") { 429 } else { 401 };
        assert_eq!(wrong(&service, forwarded).await, want, "{forwarded}");
    }
    assert_eq!(wrong(&service, "203.0.113.2").await, 401);
    service.log().says("203.0.113.1").await;
    service.log().says("203.0.113.2").await;
    assert_eq!(service.log().with("198.51.100.9").len(), 0);

    let viewer = bearer(&service, Role::Viewer).await;
    let ping = request(1, "ping", Value::Null).to_string();
    let mut http = Http::connect(&service).await;
    let https = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "cam.example")];
    for (more, status) in [
        (&[("Origin", "https://cam.example")][..], 403),
        (&[https[0], https[1], ("Origin", "https://cam.example")], 200),
        (&[https[0], https[1], ("Origin", "http://cam.example")], 403),
        (&[("X-Forwarded-Proto", "http, https"), https[1], ("Origin", "https://cam.example")], 200),
        (&[("X-Forwarded-Host", "evil.example")], 421),
    ] {
        let headers =
            [more, &[("Authorization", viewer.as_str()), ("Content-Type", "application/json")]].concat();
        let answer = http.ask("POST", "/rpc", &headers, ping.as_bytes()).await;
        assert_eq!(answer.status, status, "{more:?}");
        let secure =
            more.iter().any(|(name, value)| *name == "X-Forwarded-Proto" && value.ends_with("https"));
        assert_eq!(answer.header("strict-transport-security").is_some(), secure, "{more:?}");
    }
}

#[tokio::test]
async fn from_others_forwarded_headers_are_air() {
    let setup = Setup::new().set("websocket.trusted_proxies", json!(["10.0.0.0/8"]));
    let service = setup.set("security.max_auth_failures", 2).start().await;
    for (forwarded, want) in [("203.0.113.1", 401), ("203.0.113.2", 401), ("203.0.113.3", 429)] {
        assert_eq!(wrong(&service, forwarded).await, want, "{forwarded}");
    }
    assert!(service.log().with("203.0.113").is_empty());
    let mut http = Http::connect(&service).await;
    let page = format!("https://{}", service.address());
    let headers = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil.example")];
    let answer = http.get("/health/live", &headers).await;
    assert_eq!((answer.status, answer.header("strict-transport-security")), (200, None));
    let answer = http.get("/health/live", &[headers[0], ("Origin", &page)]).await;
    assert_eq!(answer.status, 403);
}
