//! Tokens good and bad, judged at chosen times.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::*;

const NOW_S: u64 = 1_795_483_519;

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW_S)
}

fn secret(letter: &str) -> Secret {
    Secret::new(&letter.repeat(40)).unwrap()
}

fn config(change: impl FnOnce(&mut crate::config::Security)) -> crate::config::Security {
    let mut settings = control::settings::Settings::default();
    let mut config = crate::config::Security::read(&mut settings);
    change(&mut config);
    config
}

fn tokens() -> Tokens {
    Tokens::new(&secret("a"), &config(|_| {}))
}

/// The usual claims with `change` laid over; `null` takes one away.
fn claims(change: &Value) -> Value {
    let mut claims = json!({"sub": "ann", "role": "viewer", "iat": NOW_S - 10, "exp": NOW_S + 60});
    for (name, value) in change.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

fn signed(algorithm: Algorithm, letter: &str, claims: &Value) -> String {
    let key = EncodingKey::from_secret(secret(letter).bytes());
    jsonwebtoken::encode(&Header::new(algorithm), claims, &key).unwrap()
}

fn judged(change: &Value) -> Result<Principal, Refusal> {
    tokens().verify(&signed(Algorithm::HS256, "a", &claims(change)), now())
}

#[test]
fn what_is_issued_is_believed_until_it_expires() {
    let order = Issue {
        user: "ann".into(),
        role: Role::Operator,
        ttl: Duration::from_secs(100),
        cameras: Some(vec![CameraId(0), CameraId(2)]),
    };
    let token = tokens().issue(&order, now()).unwrap();
    let at = |s: u64| tokens().verify(&token, now() + Duration::from_secs(s));
    let principal = at(0).unwrap();
    assert_eq!((principal.user.as_str(), principal.role), ("ann", Role::Operator));
    assert_eq!(principal.scope, Scope::Only([CameraId(0), CameraId(2)].into()));
    assert_eq!(principal.expires_at, Some(now() + Duration::from_secs(100)));
    assert!(at(129).is_ok());
    assert_eq!(at(130), Err(Refusal::Expired));
    assert!(tokens().verify(&token, now() - Duration::from_secs(30)).is_ok());
    assert_eq!(tokens().verify(&token, now() - Duration::from_secs(31)), Err(Refusal::Early));
}

#[test]
fn claims_are_judged() {
    for (change, want) in [
        (json!({}), Ok(())),
        (json!({"sub": null, "user_id": "ann"}), Ok(())),
        (json!({"iat": NOW_S as f64 - 0.5, "exp": NOW_S as f64 + 0.5}), Ok(())),
        (json!({"iss": "x", "aud": ["y"]}), Ok(())),
        (json!({"nbf": NOW_S + 30}), Ok(())),
        (json!({"sub": null}), Err(Refusal::Claims)),
        (json!({"sub": ""}), Err(Refusal::Claims)),
        (json!({"sub": 7}), Err(Refusal::Claims)),
        (json!({"sub": "a\nb"}), Err(Refusal::Claims)),
        (json!({"sub": "a".repeat(129)}), Err(Refusal::Claims)),
        (json!({"role": null}), Err(Refusal::Claims)),
        (json!({"role": "root"}), Err(Refusal::Claims)),
        (json!({"role": ["admin"]}), Err(Refusal::Claims)),
        (json!({"iat": null}), Err(Refusal::Claims)),
        (json!({"exp": null}), Err(Refusal::Claims)),
        (json!({"exp": "tomorrow"}), Err(Refusal::Claims)),
        (json!({"exp": -1}), Err(Refusal::Claims)),
        (json!({"exp": 1e300}), Err(Refusal::Claims)),
        (json!({"nbf": "now"}), Err(Refusal::Claims)),
        (json!({"cameras": "camera0"}), Err(Refusal::Claims)),
        (json!({"cameras": ["camera0", 1]}), Err(Refusal::Claims)),
        (json!({"cameras": ["/dev/video0"]}), Err(Refusal::Claims)),
        (json!({"exp": NOW_S - 30}), Err(Refusal::Expired)),
        (json!({"iat": NOW_S + 31}), Err(Refusal::Early)),
        (json!({"nbf": NOW_S + 31}), Err(Refusal::Early)),
        (json!({"iat": NOW_S - 30 * 86_400 - 31}), Err(Refusal::TooOld)),
    ] {
        assert_eq!(judged(&change).map(drop), want, "{change}");
    }
    assert_eq!(judged(&json!({"cameras": []})).unwrap().scope, Scope::Only([].into()));
}

#[test]
fn only_our_algorithm_and_our_secrets() {
    let good = claims(&json!({}));
    assert!(tokens().verify(&signed(Algorithm::HS256, "a", &good), now()).is_ok());
    for token in [
        signed(Algorithm::HS256, "b", &good),
        signed(Algorithm::HS384, "a", &good),
        signed(Algorithm::HS512, "a", &good),
        // {"alg":"none"} with no signature, and with the one of the good token.
        format!("eyJhbGciOiJub25lIn0.{}.", signed(Algorithm::HS256, "a", &good).split('.').nth(1).unwrap()),
        signed(Algorithm::HS256, "a", &good).replacen(
            "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9",
            "eyJhbGciOiJub25lIn0",
            1,
        ),
        String::new(),
        "a.b.c".into(),
        "x".repeat(MAX_TOKEN_BYTES + 1),
    ] {
        assert_eq!(tokens().verify(&token, now()), Err(Refusal::Unsigned), "{token}");
    }
}

#[test]
fn previous_secrets_are_still_believed_but_sign_nothing() {
    let rotated = Tokens::new(&secret("b"), &config(|config| config.previous = vec![secret("a")]));
    let old = signed(Algorithm::HS256, "a", &claims(&json!({})));
    assert!(rotated.verify(&old, now()).is_ok());
    let order = Issue { user: "x".into(), role: Role::Viewer, ttl: Duration::from_secs(60), cameras: None };
    assert_eq!(tokens().verify(&rotated.issue(&order, now()).unwrap(), now()), Err(Refusal::Unsigned));
}

#[test]
fn issuer_and_audience_count_when_configured() {
    let strict = Tokens::new(
        &secret("a"),
        &config(|config| {
            config.issuer = Some("us".into());
            config.audience = Some("cameras".into());
        }),
    );
    let order = Issue { user: "x".into(), role: Role::Viewer, ttl: Duration::from_secs(60), cameras: None };
    assert!(strict.verify(&strict.issue(&order, now()).unwrap(), now()).is_ok());
    for (change, good) in [
        (json!({"iss": "us", "aud": "cameras"}), true),
        (json!({"iss": "us", "aud": ["other", "cameras"]}), true),
        (json!({"iss": "us"}), false),
        (json!({"iss": "them", "aud": "cameras"}), false),
        (json!({"iss": "us", "aud": "camera"}), false),
        (json!({"iss": "us", "aud": 7}), false),
    ] {
        let outcome = strict.verify(&signed(Algorithm::HS256, "a", &claims(&change)), now());
        assert_eq!(outcome.map(drop), if good { Ok(()) } else { Err(Refusal::Elsewhere) }, "{change}");
    }
}
