//! HTTP that two readers would cut differently, that is too large, or that is no HTTP/1.1. A request
//! hidden behind another one must never be answered: each row gets one answer, and the connection ends.

use super::{Attack, Ground, Must, paths::call};

pub(super) fn table(ground: &Ground<'_>) -> Vec<Attack> {
    let Ground { host, viewer, .. } = ground;
    let bearer = format!("Authorization: Bearer {viewer}\r\n");
    let json = "Content-Type: application/json\r\n";
    let hidden = format!("GET /openrpc.json HTTP/1.1\r\nHost: {host}\r\n{bearer}\r\n");
    // Without `Connection: close`: what ends the connection is the service's judgement.
    let post = |headers: &str, body: &str| {
        format!("POST /rpc HTTP/1.1\r\nHost: {host}\r\n{bearer}{json}{headers}\r\n{body}{hidden}")
    };
    let ping = call("ping", "{}");
    let length = ping.len();
    let chunked = format!("{length:x}\r\n{ping}\r\n0\r\n\r\n");
    let mut rows = Vec::new();
    for (name, headers, body, status) in [
        (
            "two kinds of length",
            "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n".to_owned(),
            "0\r\n\r\n",
            411,
        ),
        (
            "two kinds of length, the other way round",
            "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n".into(),
            "0\r\n\r\n",
            411,
        ),
        ("chunked", "Transfer-Encoding: chunked\r\n".into(), chunked.as_str(), 411),
        ("chunked, in capitals", "TRANSFER-ENCODING: CHUNKED\r\n".into(), &chunked, 411),
        (
            "chunked, twice",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n".into(),
            &chunked,
            400,
        ),
        ("an encoding nobody knows", "Transfer-Encoding: xchunked\r\n".into(), &chunked, 400),
        ("chunked behind a tab", "Transfer-Encoding:\tchunked\r\n".into(), &chunked, 411),
        ("two lengths", format!("Content-Length: {length}\r\nContent-Length: 0\r\n"), &ping, 400),
        ("two lengths in one", format!("Content-Length: {length}, 0\r\n"), &ping, 400),
        ("a length with a sign", format!("Content-Length: +{length}\r\n"), &ping, 400),
        ("a negative length", "Content-Length: -1\r\n".into(), &ping, 400),
        ("a length in hexadecimal", "Content-Length: 0x10\r\n".into(), &ping, 400),
        ("a length beyond every number", format!("Content-Length: {}\r\n", "9".repeat(40)), &ping, 400),
        ("a space before the colon", format!("Content-Length : {length}\r\n"), &ping, 400),
        ("a folded line", format!("Content-Length:\r\n {length}\r\n"), &ping, 400),
        ("NUL in a value", "X: a\0b\r\n".into(), &ping, 400),
        ("a bare carriage return in a value", "X: a\rTransfer-Encoding: chunked\r\n".into(), &ping, 400),
        (
            "two hosts",
            format!("Host: {host}\r\nContent-Length: {length}\r\nConnection: close\r\n"),
            &ping,
            421,
        ),
    ] {
        rows.push(Attack::bytes(name, post(&headers, body), Must::Status(status)));
    }
    let many = "X: x\r\n".repeat(10_000);
    let long = "x".repeat(1 << 20);
    for (name, bytes, must) in [
        (
            "a head of 1 MB",
            ground.request("GET /health/live", &format!("X: {long}\r\n"), ""),
            Must::Status(431),
        ),
        ("10,000 headers", ground.request("GET /health/live", &many, ""), Must::Status(431)),
        ("an address of 1 MB", ground.request(&format!("GET /{long}"), "", ""), Must::Status(431)),
        (
            "an address of 100 kB",
            ground.request(&format!("GET /{}", &long[..100_000]), "", ""),
            Must::Status(414),
        ),
        ("a method of 1 MB", ground.request(&format!("{long} /"), "", ""), Must::Status(431)),
        ("an address with control characters", ground.request("GET /\x01\x02", "", ""), Must::Status(400)),
        ("no HTTP", "hello\r\n\r\n".into(), Must::Status(400)),
        ("TLS without TLS", "\x16\x03\x01\0\0\0\0\r\n\r\n".into(), Must::Status(400)),
        ("another version", format!("GET /health/live HTTP/3.7\r\nHost: {host}\r\n\r\n"), Must::Status(400)),
        ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".into(), Must::End),
        (
            "an upgrade to HTTP/2",
            format!(
                "GET /health/live HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
            ),
            Must::Status(200),
        ),
        ("a proxy's request", ground.request("CONNECT 127.0.0.1:22", "", ""), Must::Status(404)),
        ("a trace", ground.request("TRACE /health", &bearer, ""), Must::Status(405)),
        (
            "a form",
            ground.request("POST /rpc", &format!("{bearer}Content-Type: text/plain\r\n"), &ping),
            Must::Status(415),
        ),
        (
            "a body that is too large",
            ground.request("POST /rpc", &format!("{bearer}{json}"), &" ".repeat((1 << 20) + 1)),
            Must::Status(413),
        ),
    ] {
        rows.push(Attack::bytes(name, bytes, must));
    }
    rows
}
