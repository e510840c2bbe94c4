//! JWTs signed by hand (RFC 7519, HS256), good and bad: tests need tokens that `camera-service token
//! issue` rightly refuses to make. SHA-256 and HMAC stand here so that the tests check the service's
//! library with code that shares nothing with it.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::Value;

/// A token with this header and these claims, signed with `secret`, whatever the header says.
pub fn sign(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(hmac(secret, signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// One part of a token.
pub fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// The claims of a token.
///
/// # Panics
/// If it is none.
pub fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).expect("a token has three parts");
    let text = URL_SAFE_NO_PAD.decode(part).expect("its parts are base64url without padding");
    serde_json::from_slice(&text).expect("its claims are JSON")
}

/// Was this token signed with `secret`?
pub fn is_signed_with(token: &str, secret: &[u8]) -> bool {
    token.rsplit_once('.').is_some_and(|(signed, signature)| {
        URL_SAFE_NO_PAD.encode(hmac(secret, signed.as_bytes())) == signature
    })
}

/// HMAC-SHA256 of a text, in Base64 with padding.
pub fn base64_hmac(key: &[u8], text: &[u8]) -> String {
    STANDARD.encode(hmac(key, text))
}

const BLOCK_BYTES: usize = 64;

/// RFC 2104 with SHA-256.
fn hmac(secret: &[u8], text: &[u8]) -> [u8; 32] {
    let mut key = [0_u8; BLOCK_BYTES];
    if secret.len() > BLOCK_BYTES {
        key[..32].copy_from_slice(&sha256(secret));
    } else {
        key[..secret.len()].copy_from_slice(secret);
    }
    let inner = sha256(&[&key.map(|byte| byte ^ 0x36), text].concat());
    sha256(&[&key.map(|byte| byte ^ 0x5c)[..], &inner].concat())
}

/// FIPS 180-4.
fn sha256(text: &[u8]) -> [u8; 32] {
    // Fractions of roots of the first primes (FIPS 180-4, sections 4.2.2 and 5.3.3): computed, so that
    // no digit can be mistyped.
    let primes: Vec<u32> = (2..312).filter(|n| (2..*n).all(|d| n % d != 0)).collect();
    let mut hash = [0_u32; 8];
    let mut constants = [0_u32; 64];
    for (word, prime) in hash.iter_mut().zip(&primes) {
        *word = fraction(*prime, 2);
    }
    for (word, prime) in constants.iter_mut().zip(&primes) {
        *word = fraction(*prime, 3);
    }
    let mut message = text.to_vec();
    message.push(0x80);
    while message.len() % BLOCK_BYTES != BLOCK_BYTES - 8 {
        message.push(0);
    }
    message.extend((text.len() as u64 * 8).to_be_bytes());
    for block in message.chunks_exact(BLOCK_BYTES) {
        compress(&mut hash, &constants, block);
    }
    let mut out = [0; 32];
    for (bytes, word) in out.chunks_exact_mut(4).zip(hash) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    out
}

/// The first 32 bits behind the point of the `degree`-th root of `n`.
fn fraction(n: u32, degree: u32) -> u32 {
    // The root times 2^32, found bit by bit; it has at most 32 + 5 bits, its cube 111.
    let wanted = u128::from(n) << (32 * degree);
    let mut root = 0_u128;
    for bit in (0..37).rev() {
        let trial = root | 1 << bit;
        if trial.pow(degree) <= wanted {
            root = trial;
        }
    }
    root as u32
}

fn compress(hash: &mut [u32; 8], constants: &[u32; 64], block: &[u8]) {
    let mut w = [0_u32; 64];
    for (word, bytes) in w.iter_mut().zip(block.chunks_exact(4)) {
        *word = bytes.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
    }
    for t in 16..64 {
        let (x, y) = (w[t - 15], w[t - 2]);
        let small0 = x.rotate_right(7) ^ x.rotate_right(18) ^ x >> 3;
        let small1 = y.rotate_right(17) ^ y.rotate_right(19) ^ y >> 10;
        w[t] = small1.wrapping_add(w[t - 7]).wrapping_add(small0).wrapping_add(w[t - 16]);
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *hash;
    for t in 0..64 {
        let big1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let choice = e & f ^ !e & g;
        let one = [big1, choice, constants[t], w[t]].iter().fold(h, |sum, x| sum.wrapping_add(*x));
        let big0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let two = big0.wrapping_add(a & b ^ a & c ^ b & c);
        (h, g, f, e) = (g, f, e, d.wrapping_add(one));
        (d, c, b, a) = (c, b, a, one.wrapping_add(two));
    }
    for (word, new) in hash.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *word = word.wrapping_add(new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        use std::fmt::Write as _;
        bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    #[test]
    fn the_examples_of_the_standards() {
        // FIPS 180-4's example page, one block and two.
        assert_eq!(hex(&sha256(b"abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(
            hex(&sha256(b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        );
        // RFC 4231, test case 2.
        assert_eq!(
            hex(&hmac(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn a_token_has_its_claims() {
        let claims = serde_json::json!({"sub": "a", "exp": 7});
        let token = sign(&serde_json::json!({"alg": "HS256"}), &claims, b"secret");
        assert_eq!(super::claims(&token), claims);
    }
}
