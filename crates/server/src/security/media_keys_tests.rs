//! Key pairs for MediaMTX: kept, published, rotated, and of no use here.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::security::{Credential, Role, Scope, holder_of, ticket::LIFE};

fn principal(ends_at: Option<SystemTime>) -> Principal {
    Principal {
        user: "alice".into(),
        role: Role::Viewer,
        scope: Scope::All,
        credential: Credential::Key { id: "k1".into() },
        expires_at: ends_at,
        ends_at,
    }
}

fn ids(keys: &MediaKeys) -> Vec<String> {
    let public = keys.public();
    let keys = public["keys"].as_array().unwrap();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

fn claims(token: &str) -> Value {
    let body = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&body).unwrap()
}

#[test]
fn a_ticket_says_who_may_read_what_and_for_how_long() {
    let dir = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let keys = MediaKeys::open(dir.path(), now).unwrap();
    let ticket = keys.ticket(&principal(None), CameraId(3), now).unwrap();
    assert!(ticket.token.len() < 500, "{}", ticket.token.len());
    let said = claims(&ticket.token);
    assert_eq!(said["mediamtx_permissions"], json!([{"action": "read", "path": "camera3"}]));
    assert_eq!(said["aud"], "mediamtx");
    assert_eq!(ticket.expires_at, now + LIFE);
    let holder = holder_of(said["sub"].as_str().unwrap()).unwrap();
    assert_eq!(holder.credential, principal(None).credential);
    // No longer than its holder.
    let soon = now + Duration::from_secs(20);
    assert_eq!(keys.ticket(&principal(Some(soon)), CameraId(3), now).unwrap().expires_at, soon);
    let long = Principal { user: "x".repeat(1000), ..principal(None) };
    assert!(keys.ticket(&long, CameraId(3), now).is_none());
    let call = keys.api_token(now).unwrap();
    assert_eq!(claims(&call)["mediamtx_permissions"], json!([{"action": "api"}]));
}

#[test]
fn a_holder_is_known_by_a_ticket_of_ours_only() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let now = SystemTime::now();
    let keys = MediaKeys::open(dir.path(), now).unwrap();
    let old = keys.ticket(&principal(None), CameraId(0), now - Duration::from_secs(86_400)).unwrap().token;
    let foreign = MediaKeys::open(other.path(), now).unwrap();
    let forged = foreign.ticket(&principal(None), CameraId(0), now).unwrap().token;
    let holder = holder_name(&principal(None));
    assert_eq!(keys.holder_in(&format!("a=b&jwt={old}")), Some(holder.clone()));
    assert_eq!(keys.holder_in(&format!("jwt={forged}&token={old}")), Some(holder));
    for query in ["", "jwt=", &format!("jwt={forged}"), &old] {
        assert_eq!(keys.holder_in(query), None, "{query}");
    }
}

#[test]
fn keys_stay_over_a_restart_and_change_with_overlap() {
    let dir = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let keys = MediaKeys::open(dir.path(), now).unwrap();
    let file = dir.path().join(FILE);
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let before = ids(&keys);
    assert_eq!(ids(&MediaKeys::open(dir.path(), now).unwrap()), before);
    assert!(!keys.rotate(now + TERM / 2).unwrap());
    let ticket = keys.ticket(&principal(None), CameraId(0), now).unwrap().token;
    assert!(keys.rotate(now + TERM).unwrap());
    let after = ids(&keys);
    // What signs now was published before; what signed is published still.
    assert_eq!((&after[0], &after[2]), (&before[1], &before[0]));
    assert!(!before.contains(&after[1]));
    assert!(keys.holder_in(&format!("jwt={ticket}")).is_some());
    assert_eq!(ids(&MediaKeys::open(dir.path(), now).unwrap()), after[..2]);
    assert!(!keys.rotate(now + TERM).unwrap());
}

#[test]
fn a_file_that_is_none_is_told_and_left() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(FILE);
    for text in
        ["", "{}", r#"{"since_s":1,"signs":"00","next":"00"}"#, r#"{"since_s":1,"signs":"x","next":""}"#]
    {
        std::fs::write(&file, text).unwrap();
        assert!(MediaKeys::open(dir.path(), SystemTime::now()).is_err(), "{text}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    }
}
