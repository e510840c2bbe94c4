//! Nobody gets in who should not: every method, with every kind of credential, by every way a credential
//! comes. Who may is written down by hand in `data/authorisation.tsv`. Nothing here is limited: limits are
//! the subject of `keys` and `strangers`.

mod credentials;
mod table;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::{
    Http, Rpc, RpcError, Service, Setup, rpc,
    token::{self, Role},
};
use tokio::net::TcpStream;

use credentials::{Form, Kind, Shown};
use table::{Cameras, Row, Way, rows};

/// Who shows one credential, by every way.
struct Visitor<'a> {
    service: &'a Service,
    shown: Shown,
    session: Rpc,
    inline: Rpc,
    /// `None`: there is no upgrade with such a credential.
    header: Option<Rpc>,
    http: Http<TcpStream>,
}

impl<'a> Visitor<'a> {
    /// `session`: one that began with the credential.
    async fn new(service: &'a Service, shown: Shown, session: Rpc) -> Self {
        let mut inline = service.connect().await;
        if let Some(role) = shown.kind.beside() {
            inline.authenticate(&token::signed(&token::claims(role))).await;
        }
        let mut visitor =
            Self { service, shown, session, inline, header: None, http: Http::connect(service).await };
        visitor.header = visitor.upgrade().await.ok();
        visitor
    }

    async fn upgrade(&self) -> Result<Rpc, rpc::Refused> {
        let header = self.shown.header();
        let headers: Vec<_> = header.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Rpc::connect(self.service, &headers).await
    }

    /// Calls, and says what was answered.
    async fn call(&mut self, row: &Row, way: Way) -> String {
        let params = row.sent(way, &self.shown);
        let rpc = match way {
            Way::Session => &mut self.session,
            Way::Inline => &mut self.inline,
            Way::Header => match &mut self.header {
                Some(rpc) => rpc,
                // Each time anew: every cell is an answer, none is concluded from another.
                None => match self.upgrade().await {
                    Ok(_) => return "an upgrade".into(),
                    Err(refused) => {
                        let body: Value = serde_json::from_str(&refused.body).expect("a body of JSON");
                        return format!("no upgrade: {} {}", refused.status, said(rpc::outcome(&body)));
                    }
                },
            },
            Way::Http => return self.post(&row.method, &params).await,
        };
        said(rpc.call(&row.method, params).await)
    }

    async fn post(&mut self, method: &str, params: &Value) -> String {
        let header = self.shown.header();
        let mut headers: Vec<_> = header.iter().map(|(name, value)| (*name, value.as_str())).collect();
        headers.push(("Content-Type", "application/json"));
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        let answer = self.http.ask("POST", "/rpc", &headers, body.as_bytes()).await;
        format!("{} {}", answer.status, said(rpc::outcome(&answer.json())))
    }
}

/// An answer in a few words: all that the contract promises of it, and no more.
fn said(outcome: Result<Value, RpcError>) -> String {
    let error = match outcome {
        Ok(result) if result["authenticated"] == true => {
            return format!("signed in as {}", result["role"].as_str().unwrap_or_default());
        }
        Ok(result) if result["subscribed"] == true => return format!("subscribed {}", result["topics"]),
        Ok(result) => return format!("done: {result}"),
        Err(error) => error,
    };
    let members: &[&str] = match error.code {
        -32000 => &["device", "available_devices"],
        -32002 => &["required_role", "role"],
        -32030 => &["feature"],
        -32602 => &["param", "rule"],
        _ => &[],
    };
    let members = members.iter().map(|name| match &error.data[name] {
        Value::String(text) => format!(" {text}"),
        other => format!(" {other}"),
    });
    error.code.to_string() + &members.collect::<String>()
}

/// The table has every method of the service, and no other.
async fn is_complete(rows: &[Row], admin: &mut Rpc) {
    let written: BTreeSet<&str> = rows.iter().map(|row| row.method.as_str()).collect();
    let document = admin.ok("rpc.discover", Value::Null).await;
    let methods = document["methods"].as_array().expect("OpenRPC's member").iter();
    let listed: BTreeSet<&str> = methods.filter_map(|method| method["name"].as_str()).collect();
    let differing: Vec<_> = written.symmetric_difference(&listed).collect();
    assert!(differing.is_empty(), "not both in the table and in rpc.discover: {differing:?}");
}

/// What a call that took effect would have changed.
async fn world(admin: &mut Rpc) -> Value {
    let mut keys = admin.ok("list_api_keys", Value::Null).await;
    for key in keys["keys"].as_array_mut().into_iter().flatten() {
        // A key is used by being shown, whatever is refused then.
        key["last_used_at"].take();
    }
    let storage = admin.ok("get_storage_info", Value::Null).await;
    let mut seen = vec![keys, storage["retention"].clone()];
    for method in ["get_camera_list", "get_streams", "list_recordings", "list_snapshots"] {
        seen.push(admin.ok(method, Value::Null).await);
    }
    json!(seen)
}

#[tokio::test]
async fn every_method_every_credential_every_way() {
    let setup = Setup::new().test_camera("A", "320x180@5").test_camera("B", "320x180@5");
    // Most of the calls show a wrong credential, and all come from one address. Nobody is shut out for
    // waiting: a busy machine may take its time.
    let setup = setup.without_limits().set("security.max_auth_failures", 10_000);
    let setup = setup.set("security.auth_timeout", "10m").set("websocket.read_timeout", "10m");
    let mut service = setup.start().await;
    let cameras = Cameras { meant: service.device("A").await, other: service.device("B").await };
    let mut admin = service.rpc(Role::Admin).await;
    let rows = rows(&cameras.meant);
    is_complete(&rows, &mut admin).await;

    let nothing = Shown::nothing();
    let mut sessions = vec![(nothing.session(&service).await, nothing)];
    for (kind, form) in Kind::SHOWN.into_iter().flat_map(|kind| Form::ALL.map(|form| (kind, form))) {
        let shown = Shown::make(kind, form, &cameras.other, &mut admin).await;
        sessions.push((shown.session(&service).await, shown));
    }
    for (session, shown) in &mut sessions {
        shown.spend(session, &mut admin).await;
    }
    let before = world(&mut admin).await;

    let (credentials, mut cells, mut wrong) = (sessions.len(), 0, Vec::new());
    for (session, shown) in sessions {
        let mut visitor = Visitor::new(&service, shown, session).await;
        for (row, way) in rows.iter().flat_map(|row| Way::ALL.map(|way| (row, way))) {
            let wanted = row.wanted(way, &visitor.shown, &cameras);
            let got = visitor.call(row, way).await;
            cells += 1;
            if got != wanted {
                let Shown { kind, form, .. } = visitor.shown;
                wrong.push(format!("{} {kind:?} {form:?} {way:?}: wanted {wanted}, got {got}", row.method));
            }
        }
    }
    println!("{cells} cells: {} rows, {credentials} credentials, {} ways", rows.len(), Way::ALL.len());
    assert!(wrong.is_empty(), "{} cells of {cells} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    // Eight kinds of which all but none come as a token and as a key, in four ways.
    assert_eq!(cells, rows.len() * (1 + 7 * 2) * 4);
    assert_eq!(world(&mut admin).await, before, "a call that was refused had an effect");
    assert!(service.ffmpegs().is_empty(), "a call that was refused started a camera");
}
