//! Credentials that can be taken back, and callers who ask too much: API keys by command and by method,
//! revocation that is felt at once and lasts, a new secret, rate limits.

use std::{
    process::Output,
    time::{Duration, Instant, SystemTime},
};

use e2e::PATIENCE;
use serde_json::{Value, json};
use testkit::{
    Rpc, Service, Setup, eventually, hs256,
    service::{self, command_output},
    time::seconds,
    token::{self, Role},
};

/// Until a revocation is felt; a busy machine may double what is promised.
const AT_ONCE: Duration = Duration::from_secs(2);

/// Runs `api-key` with these words for this service.
async fn api_key(service: &Service, words: &[&str]) -> Output {
    let mut command = service::command();
    command.arg("api-key").args(words).arg("--config").arg(service.config());
    command_output(command).await
}

/// Makes a key by the command: its id and its text.
async fn make(service: &Service, words: &[&str]) -> (String, String) {
    let made = api_key(service, &[&["create"], words].concat()).await;
    let (key, id) = (text(made.stdout), text(made.stderr));
    assert!(made.status.success(), "{id}");
    let (key, id) = (key.trim_end_matches('\n').to_owned(), id.trim_end().to_owned());
    assert!(key.starts_with(&format!("cs_{id}_")) && !key.contains(char::is_whitespace), "{key} {id}");
    (id, key)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("commands print UTF-8")
}

/// Waits until the service believes a key; gives a connection that is its holder's.
async fn holder(service: &Service, key: &str) -> Rpc {
    eventually("the service has read the new key", AT_ONCE, async || {
        Rpc::connect(service, &[("x-api-key", key)]).await.ok()
    })
    .await
}

/// The session of this connection ends without a call, and soon.
async fn ends_revoked(rpc: &mut Rpc, since: Instant) {
    let told = rpc.notification("session_expired").await;
    assert_eq!(told["params"]["reason"], "revoked");
    assert!(told["params"]["timestamp"].is_string());
    assert!(since.elapsed() < AT_ONCE, "told after {:?}", since.elapsed());
    rpc.err(-32001, "ping", Value::Null).await;
}

#[tokio::test]
async fn a_key_of_the_command_line_opens_every_door_until_it_is_revoked() {
    let mut service = Setup::new().test_camera("Gate", "320x240@5").start().await;
    let device = service.device("Gate").await;
    let (id, key) =
        make(&service, &["--role", "operator", "--name", "wall", "--cameras", &device, "--expires", "90d"])
            .await;
    let mut by_header = holder(&service, &key).await;
    assert_eq!(by_header.ok("get_camera_list", Value::Null).await["total"], 1);
    let bearer = format!("Bearer {key}");
    let mut by_bearer = Rpc::connect(&service, &[("authorization", &bearer)]).await.unwrap();
    by_bearer.ok("ping", Value::Null).await;
    let mut inline = service.connect().await;
    inline.ok("ping", json!({"auth_token": key})).await;
    let mut session = service.connect().await;
    session.forbid(&key);
    let began = session.authenticate(&key).await;
    assert_eq!(began["role"], "operator");
    assert!(began["expires_at"].is_string());
    let error = session.err(-32002, "list_api_keys", Value::Null).await;
    assert_eq!(error.data["required_role"], "admin");

    // Neither list shows the key, nor what is kept of it.
    let mut admin = service.rpc(Role::Admin).await;
    let kept = std::fs::read_to_string(service.data_dir().join("api_keys.json")).unwrap();
    let kept: Value = serde_json::from_str(&kept).unwrap();
    let secrets =
        [&key, kept["keys"][0]["hash"].as_str().unwrap(), kept["keys"][0]["salt"].as_str().unwrap()];
    for secret in secrets {
        admin.forbid(secret);
    }
    let list = admin.ok("list_api_keys", Value::Null).await;
    let entry = &list["keys"][0];
    assert_eq!(
        (&entry["id"], &entry["name"], &entry["revoked"]),
        (&json!(id), &json!("wall"), &json!(false))
    );
    assert_eq!(entry["cameras"], json!([device]));
    assert!(entry["last_used_at"].is_string() && entry["created_at"].is_string(), "{entry}");
    let listed = api_key(&service, &["list"]).await;
    let succeeded = listed.status.success();
    let text = text(listed.stdout);
    assert!(succeeded && text.contains(&id) && text.contains("wall"), "{text}");
    assert!(secrets.iter().all(|secret| !text.contains(*secret)), "{text}");
    assert!(!service.log().tail().contains(&key));

    let since = Instant::now();
    let revoked = api_key(&service, &["revoke", &id]).await;
    assert!(revoked.status.success(), "{revoked:?}");
    for rpc in [&mut by_header, &mut by_bearer, &mut session] {
        ends_revoked(rpc, since).await;
    }
    inline.err(-32001, "ping", json!({"auth_token": key})).await;
    for headers in [("x-api-key", key.as_str()), ("authorization", &bearer)] {
        assert_eq!(Rpc::connect(&service, &[headers]).await.unwrap_err().status, 401);
    }
    // A session may begin again on the same connection.
    session.authenticate(&service.token(Role::Viewer).await).await;
    assert_eq!(admin.ok("list_api_keys", Value::Null).await["keys"][0]["revoked"], true);
    assert_eq!(api_key(&service, &["revoke", "0123456789abcdef"]).await.status.code(), Some(1));
    // What the command line did stands in the audit log, though nobody called.
    let entries = admin.ok("get_audit_log", json!({"limit": 1000})).await["entries"].clone();
    let told = |what: &str| {
        let lines = entries.as_array().into_iter().flatten().filter(|line| line["method"] == "api-key");
        lines.filter(|line| line["reason"] == format!("{id} {what}")).count()
    };
    assert_eq!((told("made (operator)"), told("revoked")), (1, 1), "{entries}");
    // When it was last used outlives the service.
    assert!(service.terminate(PATIENCE).await.success());
    let text = std::fs::read_to_string(service.data_dir().join("api_keys.json")).unwrap();
    assert!(serde_json::from_str::<Value>(&text).unwrap()["keys"][0]["last_used_at"].is_string(), "{text}");
    service.restart().await;
    assert_eq!(Rpc::connect(&service, &[("x-api-key", &key)]).await.unwrap_err().status, 401);
}

#[tokio::test]
async fn keys_by_method_give_no_more_than_their_maker_has() {
    let mut service = Setup::new().test_camera("A", "320x240@5").test_camera("B", "320x240@5").start().await;
    let (a, b) = (service.device("A").await, service.device("B").await);
    let mut admin = service.rpc(Role::Admin).await;
    let made = admin.ok("create_api_key", json!({"name": "all", "role": "viewer"})).await;
    assert!(made.get("cameras").is_none() && made["expires_at"].is_null() && made["role"] == "viewer");
    let all = made["id"].as_str().unwrap().to_owned();
    let mut holder = Rpc::connect(&service, &[("x-api-key", made["key"].as_str().unwrap())]).await.unwrap();
    assert_eq!(holder.ok("get_camera_list", Value::Null).await["total"], 2);

    // An admin of one camera: sees, makes and revokes what is within it.
    let mut part = service.connect().await;
    part.authenticate(&service.scoped_token(Role::Admin, &[&a]).await).await;
    assert_eq!(part.ok("list_api_keys", Value::Null).await["keys"], json!([]));
    let wide = json!({"name": "x", "role": "viewer", "cameras": [a, b]});
    let wide = part.err(-32602, "create_api_key", wide).await;
    let unknown = json!({"name": "x", "role": "viewer", "cameras": [a, "camera777"]});
    assert_eq!(part.err(-32602, "create_api_key", unknown).await.data, wide.data);
    assert_eq!(part.err(-32602, "revoke_api_key", json!({"id": all})).await.data["rule"], "unknown");
    let own = part.ok("create_api_key", json!({"name": "x", "role": "operator"})).await;
    assert_eq!(own["cameras"], json!([a]));
    assert_eq!(part.ok("list_api_keys", Value::Null).await["keys"].as_array().unwrap().len(), 1);
    holder.ok("ping", Value::Null).await;

    // Ends to the moment: no leeway, although tokens have some.
    let at = SystemTime::now() + Duration::from_secs(2);
    let at = testkit::time::text(at);
    let short = admin.ok("create_api_key", json!({"name": "s", "role": "viewer", "expires_at": at})).await;
    let mut brief = Rpc::connect(&service, &[("x-api-key", short["key"].as_str().unwrap())]).await.unwrap();
    assert_eq!(brief.notification("session_expired").await["params"]["reason"], "expired");
    brief.err(-32001, "ping", json!({"auth_token": short["key"]})).await;

    let since = Instant::now();
    assert_eq!(admin.ok("revoke_api_key", json!({"id": all})).await, json!({"id": all, "revoked": true}));
    ends_revoked(&mut holder, since).await;
    for (params, param, rule) in [
        (json!({"id": "0123456789abcdef"}), "id", "unknown"),
        (json!({"id": made["key"]}), "id", "unknown"),
        (json!({}), "id", "required"),
    ] {
        let error = admin.err(-32602, "revoke_api_key", params).await;
        assert_eq!((&error.data["param"], &error.data["rule"]), (&json!(param), &json!(rule)));
    }
    for (params, param) in [
        (json!({"role": "viewer"}), "name"),
        (json!({"name": "x"}), "role"),
        (json!({"name": "x", "role": "root"}), "role"),
        (json!({"name": "a\nb", "role": "viewer"}), "name"),
        (json!({"name": "x", "role": "viewer", "cameras": ["/dev/video0"]}), "cameras"),
        (json!({"name": "x", "role": "viewer", "cameras": []}), "cameras"),
        (json!({"name": "x", "role": "viewer", "expires_at": "2020-01-01T00:00:00Z"}), "expires_at"),
        (json!({"name": "x", "role": "viewer", "secret": "y"}), "secret"),
    ] {
        assert_eq!(admin.err(-32602, "create_api_key", params).await.data["param"], param);
    }
}

#[tokio::test]
async fn tokens_are_taken_back_one_by_one_or_all_of_a_user_and_stay_so() {
    let mut service = Setup::new().start().await;
    let mut admin = service.rpc(Role::Admin).await;
    let now = seconds(SystemTime::now());
    let of = |user: &str, jti: &str, iat: u64| {
        let mut claims = token::claims(Role::Viewer);
        (claims["sub"], claims["jti"], claims["iat"]) = (json!(user), json!(jti), json!(iat));
        token::signed(&claims)
    };
    let (one, two) = (of("ann", "one", now), of("ann", "two", now));
    let bob = of("bob", "three", now);
    let mut first = Rpc::connect(&service, &[("authorization", &format!("Bearer {one}"))]).await.unwrap();
    let mut second = service.connect().await;
    second.authenticate(&two).await;
    let mut third = service.connect().await;
    third.authenticate(&bob).await;

    let since = Instant::now();
    let done = admin.ok("revoke_token", json!({"jti": "one"})).await;
    assert_eq!((&done["jti"], &done["revoked"]), (&json!("one"), &json!(true)));
    ends_revoked(&mut first, since).await;
    second.ok("ping", Value::Null).await;
    let since = Instant::now();
    admin.ok("revoke_token", json!({"user": "ann"})).await;
    ends_revoked(&mut second, since).await;
    third.ok("ping", Value::Null).await;
    for params in [json!({}), json!({"jti": "a", "user": "b"}), json!({"jti": ""}), json!({"user": 1})] {
        admin.err(-32602, "revoke_token", params).await;
    }

    for _ in 0..2 {
        let mut rpc = service.connect().await;
        for token in [&one, &two] {
            rpc.err(-32001, "ping", json!({"auth_token": token})).await;
        }
        rpc.ok("ping", json!({"auth_token": bob})).await;
        // What the user is given later is good.
        rpc.ok("ping", json!({"auth_token": of("ann", "four", seconds(SystemTime::now()) + 2)})).await;
        service.restart().await;
    }
}

#[tokio::test]
async fn a_new_secret_signs_and_the_old_one_is_still_believed() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (old, new) = ("old-".repeat(10), "new-".repeat(10));
    let (old_file, new_file) = (file("old", &old), file("new", &new));
    let mut service = Setup::new().set("security.jwt_secret_file", old_file.as_str()).start().await;
    let before = service.token(Role::Viewer).await;
    let config = std::fs::read_to_string(service.config()).unwrap();
    let mut config: Value = serde_json::from_str(&config).unwrap();
    let mut use_secrets = |secret: &str, previous: &[&str]| {
        config["security"]["jwt_secret_file"] = json!(secret);
        config["security"]["previous_secret_files"] = json!(previous);
        std::fs::write(service.config(), config.to_string()).unwrap();
    };
    use_secrets(&new_file, &[&old_file]);
    let after = token::issue(&service.config(), Role::Viewer, &[]).await;
    let signed_by = |token: &str, secret: &str| hs256::is_signed_with(token, secret.as_bytes());
    assert!(signed_by(&before, &old) && !signed_by(&before, &new));
    assert!(signed_by(&after, &new) && !signed_by(&after, &old));
    service.restart().await;
    let mut rpc = service.connect().await;
    for token in [&before, &after] {
        rpc.authenticate(token).await;
        rpc.ok("ping", json!({"auth_token": token})).await;
    }
    // And once the old one is gone, so are its tokens.
    config["security"]["previous_secret_files"] = json!([]);
    std::fs::write(service.config(), config.to_string()).unwrap();
    service.restart().await;
    let mut rpc = service.connect().await;
    rpc.err(-32001, "authenticate", json!({"auth_token": before})).await;
    rpc.authenticate(&after).await;
}

/// How many of `count` calls at once pass, and the longest time a refused one is told to wait.
async fn burst(rpc: &mut Rpc, method: &str, params: &Value, count: usize) -> (usize, u64) {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(rpc.start(method, params.clone()).await);
    }
    let (mut passed, mut wait_ms) = (0, 0);
    for id in ids {
        match rpc.answer(&id).await {
            Err(error) if error.code == -32040 => {
                wait_ms = wait_ms.max(error.data["retry_after_ms"].as_u64().expect("the contract's member"));
            }
            _ => passed += 1,
        }
    }
    (passed, wait_ms)
}

#[tokio::test]
async fn who_asks_too_much_is_told_when_to_come_again() {
    // Slow enough that no machine is too slow to see the limit.
    let setup = Setup::new()
        .set("security.rate_limit.requests_per_second", 0.5)
        .set("security.rate_limit.burst", 6)
        .set("security.rate_limit.methods", json!({"get_streams": {"per_second": 0.5, "burst": 3}}));
    let service = setup.start().await;
    let token = service.token(Role::Viewer).await;
    let headers = [("x-api-key", token.as_str())];
    let mut rpc = Rpc::connect(&service, &headers).await.unwrap();
    let (passed, wait_ms) = burst(&mut rpc, "get_streams", &Value::Null, 5).await;
    assert_eq!(passed, 3);
    assert!((1000..=2000).contains(&wait_ms), "{wait_ms}");
    assert_eq!(burst(&mut rpc, "ping", &Value::Null, 6).await.0, 3);
    // The limit comes after credentials and method, and before the role and the parameters.
    rpc.err(-32001, "ping", json!({"auth_token": "wrong"})).await;
    rpc.err(-32601, "no_such_method", Value::Null).await;
    let over = rpc.err(-32040, "delete_recording", json!({"no": 1})).await;
    // Another session is another account; a credential of its own counts for its principal alone.
    let mut other = Rpc::connect(&service, &headers).await.unwrap();
    other.ok("ping", Value::Null).await;
    rpc.ok("ping", json!({"auth_token": token})).await;
    let wait = Duration::from_millis(over.data["retry_after_ms"].as_u64().unwrap());
    let until = Instant::now() + wait;
    eventually("the time told has passed", PATIENCE, async || (Instant::now() >= until).then_some(())).await;
    rpc.ok("ping", Value::Null).await;
}

#[tokio::test]
async fn the_limits_as_shipped() {
    let service = Setup::new().start().await;
    let mut rpc = service.connect().await;
    // Valid or not.
    let wrong = json!({"auth_token": "wrong"});
    assert_eq!(burst(&mut rpc, "authenticate", &wrong, 7).await.0, 5);
    let good = json!({"auth_token": service.token(Role::Operator).await});
    let mut rpc = service.connect().await;
    let (passed, wait_ms) = burst(&mut rpc, "authenticate", &good, 8).await;
    assert!((5..=6).contains(&passed) && (1..=1000).contains(&wait_ms), "{passed} {wait_ms}");
    for (method, burst_of, each_ms) in [("take_snapshot", 10, 200), ("start_recording", 4, 500)] {
        let (passed, wait_ms) = burst(&mut rpc, method, &json!({"device": "camera999"}), burst_of + 10).await;
        assert!((burst_of..burst_of + 3).contains(&passed), "{method}: {passed}");
        assert!((1..=each_ms).contains(&wait_ms), "{method}: {wait_ms}");
    }
}
