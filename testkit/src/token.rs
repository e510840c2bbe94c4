//! Credentials: good ones from the binary's own command, bad ones bent by hand.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::{
    hs256,
    service::{self, SECRET, command_output},
    time::seconds,
};

/// How much a caller may do. Who is greater may do all that a lesser one may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look.
    Viewer,
    /// Look and record.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    /// As in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// A token from `camera-service token issue` with these further arguments.
///
/// # Panics
/// If the command fails or prints anything but a token.
pub async fn issue(config: &std::path::Path, role: Role, arguments: &[&str]) -> String {
    let mut command = service::command();
    command.args(["token", "issue", "--role", role.name(), "--config"]).arg(config).args(arguments);
    let output = command_output(command).await;
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "token issue: {}; {told}", output.status);
    let text = String::from_utf8(output.stdout).expect("a token is ASCII");
    let token = text.trim_end_matches('\n');
    assert_eq!(token.split('.').count(), 3, "not a token alone on stdout: {text:?}");
    assert!(!token.contains(char::is_whitespace), "not a token alone on stdout: {text:?}");
    token.to_owned()
}

/// Claims like those of a good token; a test takes some away or bends them.
pub fn claims(role: Role) -> Value {
    let now = seconds(SystemTime::now());
    json!({"sub": "test", "role": role.name(), "iat": now, "exp": now + 3600})
}

/// A token with these claims, signed with the service's secret.
pub fn signed(claims: &Value) -> String {
    hs256::sign(&json!({"alg": "HS256", "typ": "JWT"}), claims, SECRET.as_bytes())
}

/// A token that ended `ago`.
pub fn ended(role: Role, ago: Duration) -> String {
    let mut claims = claims(role);
    let now = seconds(SystemTime::now());
    claims["iat"] = json!(now.saturating_sub(3600));
    claims["exp"] = json!(now.saturating_sub(ago.as_secs()));
    signed(&claims)
}

/// Tokens that must be refused, each with what is wrong with it.
pub fn bad() -> Vec<(&'static str, String)> {
    let good = signed(&claims(Role::Admin));
    let head = |alg: &str| json!({"alg": alg, "typ": "JWT"});
    let without = |name: &str| {
        let mut claims = claims(Role::Admin);
        claims.as_object_mut().expect("claims are an object").remove(name);
        signed(&claims)
    };
    let with = |name: &str, value: Value| {
        let mut claims = claims(Role::Admin);
        claims[name] = value;
        signed(&claims)
    };
    let now = seconds(SystemTime::now());
    let (signed_part, signature) = good.rsplit_once('.').expect("a token has three parts");
    let unsigned = format!("{}.{}", hs256::part(&head("none")), hs256::part(&claims(Role::Admin)));
    // The first character of a signature carries six of its bits; the last one may carry none.
    let other = if signature.starts_with('A') { 'B' } else { 'A' };
    let bent = format!("{signed_part}.{other}{}", &signature[1..]);
    let mut viewer = claims(Role::Viewer);
    viewer["role"] = json!("admin");
    let viewer_signature = signed(&claims(Role::Viewer));
    let viewer_signature = viewer_signature.rsplit_once('.').expect("a token has three parts").1;
    let promoted = format!("{}.{}.{viewer_signature}", hs256::part(&head("HS256")), hs256::part(&viewer));
    vec![
        ("nothing", String::new()),
        ("no token at all", "hello".into()),
        ("three empty parts", "..".into()),
        ("alg none, no signature", format!("{unsigned}.")),
        ("alg none, some signature", format!("{unsigned}.{signature}")),
        ("alg HS512", hs256::sign(&head("HS512"), &claims(Role::Admin), SECRET.as_bytes())),
        ("alg RS256", hs256::sign(&head("RS256"), &claims(Role::Admin), SECRET.as_bytes())),
        (
            "another secret",
            hs256::sign(&head("HS256"), &claims(Role::Admin), b"another secret, just as long as ours"),
        ),
        ("signature bent", bent),
        ("signature cut", signed_part.to_owned() + "."),
        ("role raised under an old signature", promoted),
        ("ended, beyond the leeway", ended(Role::Admin, Duration::from_secs(60))),
        ("no exp", without("exp")),
        ("no iat", without("iat")),
        ("no sub", without("sub")),
        ("no role", without("role")),
        ("unknown role", with("role", json!("root"))),
        ("exp is a text", with("exp", json!("tomorrow"))),
        ("iat too old", with("iat", json!(now - 31 * 86_400))),
        ("not valid yet", with("nbf", json!(now + 3600))),
    ]
}
