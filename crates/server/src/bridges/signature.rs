//! How a receiver knows that a request is ours, whole and new: Standard Webhooks 1.0.0
//! (standardwebhooks.com), symmetric signatures `v1`. Pure.

use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_STANDARD};

use crate::security::Secret;

/// Begins a secret whose key is written in Base64 (Standard Webhooks, "Signature scheme").
const BASE64_MARK: &str = "whsec_";

/// What signs. Not shown by `Debug`.
#[derive(Clone)]
pub(crate) struct SigningKey(hmac::Key);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(hidden)")
    }
}

impl SigningKey {
    /// The key a secret stands for: what follows `whsec_`, in Base64; else its bytes.
    pub(crate) fn of(secret: &Secret) -> Result<Self, String> {
        let key = match secret.bytes().strip_prefix(BASE64_MARK.as_bytes()) {
            None => secret.bytes().to_vec(),
            Some(text) => BASE64_STANDARD
                .decode(text)
                .map_err(|_| format!("what follows {BASE64_MARK} is not Base64"))?,
        };
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// The value of `webhook-signature`.
    pub(super) fn sign(&self, id: &str, timestamp_s: u64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        for part in [id.as_bytes(), b".", timestamp_s.to_string().as_bytes(), b".", body] {
            context.update(part);
        }
        format!("v1,{}", BASE64_STANDARD.encode(context.sign()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the reference implementations (standard-webhooks, `libraries/*/tests`).
    #[test]
    fn the_published_example() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let key = SigningKey::of(&secret).unwrap();
        let signature = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(format!("{key:?}"), "SigningKey(hidden)");
    }

    #[test]
    fn a_plain_secret_is_the_key_itself() {
        let text = "0123456789abcdef0123456789abcdef";
        let plain = SigningKey::of(&Secret::new(text).unwrap()).unwrap();
        let marked = format!("{BASE64_MARK}{}", BASE64_STANDARD.encode(text));
        let marked = SigningKey::of(&Secret::new(&marked).unwrap()).unwrap();
        assert_eq!(plain.sign("a", 1, b"b"), marked.sign("a", 1, b"b"));
        assert_ne!(plain.sign("a", 1, b"b"), plain.sign("a", 2, b"b"));
        let bad = Secret::new("whsec_!!!!0123456789abcdef0123456789").unwrap();
        assert!(SigningKey::of(&bad).unwrap_err().contains("not Base64"));
    }
}
