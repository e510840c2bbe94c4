//! What must hold for any token: the body of the fuzz target, compiled and replayed in every build. A
//! first byte of `{` makes the rest claims that are signed well, so that claims are judged, not only
//! signatures.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Map, Value};

use super::{Issue, Principal, Refusal, Role, Secret, Tokens};

/// 2026-11-24: the corpus is made for this time.
const NOW: Duration = Duration::from_secs(1_795_483_519);

fn tokens() -> Tokens {
    let mut settings = control::settings::Settings::default();
    let mut config = crate::config::Security::read(&mut settings);
    config.issuer = Some("here".into());
    config.audience = Some("cameras".into());
    Tokens::new(&secret(), &config)
}

fn secret() -> Secret {
    Secret::new(&"a".repeat(40)).expect("it is long enough")
}

/// Verifies `data` as a token, or as the claims of one.
///
/// # Panics
/// When a rule is broken.
pub fn fuzz(data: &[u8]) {
    judged(data);
}

fn judged(data: &[u8]) -> Option<Result<Principal, Refusal>> {
    let text = std::str::from_utf8(data).ok()?;
    let (tokens, now) = (tokens(), UNIX_EPOCH + NOW);
    if !text.starts_with('{') {
        let outcome = tokens.verify(text, now);
        // Nobody guesses a signature of 256 bits; what is good was signed with the corpus's secret.
        if let Ok(principal) = &outcome {
            holds(principal, now);
        }
        return Some(outcome);
    }
    let claims: Map<String, Value> = serde_json::from_str(text).ok()?;
    let key = EncodingKey::from_secret(secret().bytes());
    let signed = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).ok()?;
    let outcome = tokens.verify(&signed, now);
    match &outcome {
        Ok(principal) => {
            holds(principal, now);
            assert!(claims["iss"] == "here" && !claims["aud"].is_null(), "meant for us: {text}");
            assert!(claims["exp"].is_number() && claims["iat"].is_number(), "{text}");
        }
        Err(refusal) => assert!(!refusal.reason().is_empty()),
    }
    Some(outcome)
}

/// Who is believed can be written down and has time left.
fn holds(principal: &Principal, now: SystemTime) {
    assert!(!principal.user.is_empty() && !principal.user.chars().any(char::is_control));
    assert!(Role::parse(principal.role.as_str()) == Some(principal.role));
    let (expires_at, ends_at) = (principal.expires_at, principal.ends_at);
    assert!(ends_at.is_some_and(|at| now < at) && expires_at < ends_at && !principal.is_over(now));
    // What is issued to such a caller is believed in turn.
    let order = Issue {
        user: principal.user.clone(),
        role: principal.role,
        ttl: Duration::from_secs(9),
        cameras: None,
    };
    let token = tokens().issue(&order, now).expect("random numbers are to be had");
    assert!(tokens().verify(&token, now).is_ok_and(|again| again.user == principal.user));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus_tests as corpus;

    #[test]
    fn each_file_is_judged_as_its_name_says() {
        for (name, data) in corpus::files("jwt") {
            let good = matches!(judged(&data), Some(Ok(_)));
            assert_eq!(good, name.starts_with("valid-"), "{name}: {:?}", judged(&data));
        }
    }

    #[test]
    fn no_small_change_breaks_a_rule() {
        corpus::bent("jwt", 3_000, fuzz);
    }
}
