//! Tests of tickets.

use super::*;

fn secret(text: &str) -> Secret {
    Secret::new(&text.repeat(32)).unwrap()
}

fn principal(user: &str, ends_at: Option<SystemTime>) -> Principal {
    Principal {
        user: user.into(),
        role: Role::Operator,
        scope: Scope::All,
        credential: Credential::Token {
            id: Some("5d6743ac46a56c2d".into()),
            issued_at: UNIX_EPOCH + Duration::from_millis(1_700_000_000_125),
        },
        expires_at: ends_at,
        ends_at,
    }
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_100)
}

#[test]
fn a_ticket_says_who_and_which_camera_for_five_minutes() {
    let tickets = Tickets::new(&secret("a"));
    let ends_at = now() + Duration::from_secs(3_600);
    let ticket = tickets.issue(&principal("alice", Some(ends_at)), CameraId(7), now()).unwrap();
    assert_eq!(ticket.expires_at, now() + LIFE);
    assert!(Tickets::looks_like_one(&ticket.token));
    let opened = tickets.open(&ticket.token, now()).unwrap();
    let scope = Scope::Only([CameraId(7)].into());
    assert_eq!(opened, Principal { scope, ..principal("alice", Some(ends_at)) });
    assert!(tickets.open(&ticket.token, ticket.expires_at - Duration::from_secs(1)).is_ok());
    assert!(tickets.open(&ticket.token, ticket.expires_at).is_err());
    assert!(ticket.token.len() < 200, "{}", ticket.token.len());
    assert!(ticket.token.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)));
}

#[test]
fn a_ticket_for_an_api_key_names_the_key_so_that_it_can_be_revoked() {
    let tickets = Tickets::new(&secret("a"));
    let credential = Credential::Key { id: "0123456789abcdef".into() };
    let wall = Principal { credential, ..principal("wall", None) };
    let ticket = tickets.issue(&wall, CameraId(7), now()).unwrap();
    let scope = Scope::Only([CameraId(7)].into());
    assert_eq!(tickets.open(&ticket.token, now()).unwrap(), Principal { scope, ..wall.clone() });
    let holder = holder_of(&holder_name(&wall)).unwrap();
    assert_eq!(holder.key(), wall.key());
    assert!(holder_of("wall").is_none() && holder_of("{\"u\":\"wall\",\"r\":\"admin\"}").is_none());
}

#[test]
fn a_ticket_does_not_outlive_its_holders_credential() {
    let tickets = Tickets::new(&secret("a"));
    let ends_at = now() + Duration::from_secs(10);
    let ticket = tickets.issue(&principal("alice", Some(ends_at)), CameraId(0), now()).unwrap();
    assert_eq!(ticket.expires_at, ends_at);
    assert!(tickets.open(&ticket.token, ends_at).is_err());
    let ticket = tickets.issue(&principal("alice", None), CameraId(0), now()).unwrap();
    assert_eq!(tickets.open(&ticket.token, now()).unwrap().ends_at, None);
}

#[test]
fn any_change_makes_it_worthless() {
    let tickets = Tickets::new(&secret("a"));
    let good = tickets.issue(&principal("alice", None), CameraId(0), now()).unwrap().token;
    for at in PREFIX.len()..good.len() {
        let mut bent = good.clone().into_bytes();
        bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
        assert!(tickets.open(str::from_utf8(&bent).unwrap(), now()).is_err(), "byte {at}");
        assert!(tickets.open(&good[..at], now()).is_err(), "cut at {at}");
    }
    let long = format!("{PREFIX}{}", "A".repeat(5_000));
    for text in ["", PREFIX, "mt1.!", &good[PREFIX.len()..], &long] {
        assert!(tickets.open(text, now()).is_err(), "{text}");
    }
    // Neither another secret nor the secret without the label makes the same key.
    assert!(Tickets::new(&secret("b")).open(&good, now()).is_err());
    let bare = hmac::Key::new(hmac::HMAC_SHA256, secret("a").bytes());
    assert!(Tickets(bare).open(&good, now()).is_err());
}

#[test]
fn who_has_too_long_a_name_gets_none() {
    let tickets = Tickets::new(&secret("a"));
    assert!(tickets.issue(&principal(&"€".repeat(128), None), CameraId(0), now()).is_some());
    assert!(tickets.issue(&principal(&"x".repeat(900), None), CameraId(0), now()).is_none());
}
