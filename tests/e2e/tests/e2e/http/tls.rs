//! TLS: who we are, what is spoken, and a certificate that changes while the service runs.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use e2e::PATIENCE;
use serde_json::{Value, json};
use testkit::{
    Http, Service, Setup, eventually,
    service::{self, command_output},
    token::Role,
};
use tokio::{io::AsyncReadExt, net::TcpStream};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, ProtocolVersion, RootCertStore,
        pki_types::{CertificateDer, pem::PemObject},
        version::{TLS12, TLS13},
    },
};

use super::{bearer, request};

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/tls").join(name)
}

/// Puts a pair where the service looks for it.
fn install(folder: &Path, pair: &str) {
    for ending in ["key", "pem"] {
        // Whole at once, as tools that renew certificates do it.
        let unfinished = folder.join("unfinished");
        let put = fs::copy(testdata(&format!("{pair}.{ending}")), &unfinished)
            .and_then(|_| fs::rename(&unfinished, folder.join(format!("tls.{ending}"))));
        put.expect("the temporary folder can be written");
    }
}

fn setup(folder: &Path) -> Setup {
    let file = |name: &str| json!(folder.join(name));
    Setup::new().set("websocket.tls", json!({"cert": file("tls.pem"), "key": file("tls.key")}))
}

/// A connection that believes the tests' authority and nobody else.
async fn secure(service: &Service, old: bool) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate("authority")).expect("the authority is one");
    let versions = if old { &[&TLS12][..] } else { &[&TLS13] };
    let config = ClientConfig::builder_with_protocol_versions(versions).with_root_certificates(roots);
    let connector = TlsConnector::from(Arc::new(config.with_no_client_auth()));
    let stream = TcpStream::connect(service.address()).await.expect("it takes connections");
    let name = "localhost".try_into().expect("this is a name");
    connector.connect(name, stream).await.expect("we believe whom it shows")
}

fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().expect("the handshake is done")[0].clone()
}

fn certificate(name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(testdata(&format!("{name}.pem"))).expect("it lies in the repository")
}

#[tokio::test]
async fn everything_goes_by_tls_and_a_new_certificate_cuts_nobody_off() {
    let folder = tempfile::tempdir().unwrap();
    install(folder.path(), "first");
    // Beyond this machine, which with TLS is nothing to be warned of.
    let service = setup(folder.path()).set("websocket.host", "0.0.0.0").start().await;
    assert!(service.log().find("listening on wss://").is_some());
    assert!(service.log().with("WITHOUT TLS").is_empty(), "{}", service.log().tail());
    let (auth, ping) = (bearer(&service, Role::Viewer).await, request(1, "ping", Value::Null).to_string());
    let headers = [("Authorization", auth.as_str()), ("Content-Type", "application/json")];
    for old in [true, false] {
        let stream = secure(&service, old).await;
        let version = stream.get_ref().1.protocol_version();
        assert_eq!(version, Some(if old { ProtocolVersion::TLSv1_2 } else { ProtocolVersion::TLSv1_3 }));
        assert_eq!(shown(&stream), certificate("first"));
        let mut http = Http::on(stream, &format!("localhost:{}", service.address().port()));
        let page = format!("https://localhost:{}", service.address().port());
        for origin in [None, Some(("Origin", page.as_str()))] {
            let headers: Vec<_> = headers.into_iter().chain(origin).collect();
            let answer = http.ask("POST", "/rpc", &headers, ping.as_bytes()).await;
            assert_eq!((answer.status, &answer.json()["result"]["pong"]), (200, &json!(true)));
            assert!(answer.header("strict-transport-security").is_some());
        }
    }
    // A WebSocket, with a ping in a frame.
    let mut socket = Http::on(secure(&service, false).await, "localhost");
    let upgrade = [
        ("Authorization", auth.as_str()),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ];
    assert_eq!(socket.get("/ws", &upgrade).await.status, 101);
    let frame = [&[0x81, 0x80 | ping.len() as u8, 0, 0, 0, 0], ping.as_bytes()].concat();
    socket.send(&frame).await;
    let head = socket.bytes(2).await;
    let answer = socket.bytes(usize::from(head[1])).await;
    assert!(String::from_utf8_lossy(&answer).contains("\"pong\":true"));

    // What is no TLS is closed; half a handshake waits, and harms nobody.
    let mut plain = Http::connect(&service).await;
    plain.send(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(!String::from_utf8_lossy(&plain.rest().await).contains("HTTP"));
    let mut half = TcpStream::connect(service.address()).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut half, b"\x16\x03\x01").await.unwrap();

    // Half of a new pair changes nothing; the whole one is shown from then on.
    let mut staying = Http::on(secure(&service, false).await, "localhost");
    assert_eq!(staying.get("/health/live", &[]).await.status, 200);
    fs::copy(testdata("second.pem"), folder.path().join("tls.pem")).unwrap();
    service.log().says("the TLS certificate was not changed").await;
    assert_eq!(shown(&secure(&service, false).await), certificate("first"));
    install(folder.path(), "second");
    eventually("the new certificate is shown", PATIENCE, async || {
        (shown(&secure(&service, false).await) == certificate("second")).then_some(())
    })
    .await;
    assert_eq!(staying.get("/health/live", &[]).await.status, 200);
    let mut nothing = Vec::new();
    let closed = tokio::time::timeout(PATIENCE, half.read_to_end(&mut nothing)).await;
    let _ = closed.expect("half a handshake is closed in time");
}

#[tokio::test]
async fn a_pair_that_cannot_be_used_is_told_by_check() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    fs::write(file("empty.pem"), "").unwrap();
    let shown = |path: PathBuf| json!(path).to_string();
    let (cert, key) = (shown(testdata("first.pem")), shown(testdata("first.key")));
    for (tls, wanted) in [
        (format!("{{cert: {cert}, key: {key}}}"), ""),
        (format!("{{cert: {cert}}}"), "websocket.tls.key: "),
        (format!("{{key: {key}}}"), "websocket.tls.cert: "),
        (format!("{{cert: {cert}, key: {}}}", shown(testdata("second.key"))), "no key for"),
        (format!("{{cert: {}, key: {key}}}", shown(file("empty.pem"))), "no certificate"),
        (format!("{{cert: {cert}, key: {}}}", shown(file("empty.pem"))), "no private key"),
        (format!("{{cert: {}, key: {key}}}", shown(file("none.pem"))), "cannot be read"),
    ] {
        let config = file("config.yaml");
        fs::write(&config, format!("websocket: {{tls: {tls}}}\n")).unwrap();
        let mut command = service::command();
        command.arg("check").arg("--config").arg(&config);
        let output = command_output(command).await;
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(if wanted.is_empty() { 0 } else { 2 }), "{tls}: {told}");
        assert!(told.contains(wanted) && !told.contains("BEGIN"), "{tls}: {told}");
    }
}
