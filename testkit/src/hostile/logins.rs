//! Wrong credentials in great number, by every way there is to show one. The service's counting is held to
//! the attempt: so many are refused, every further one of that minute is told to come again later.

use std::net::Ipv4Addr;

use super::{Attack, Ground, Must, UPGRADE, Who, paths::call};

/// `security.max_auth_failures` as shipped.
const MAX_FAILURES: usize = 20;
/// Ways to show one.
const WAYS: usize = 6;

/// So many attempts from an address that has made none before; tells what was wrong with the answers.
pub(super) async fn from(ground: &Ground<'_>, source: Ipv4Addr, attempts: usize) -> Vec<String> {
    let mut wrong = Vec::new();
    for number in 0..attempts {
        let attack = attempt(ground, number);
        if let Err(what) = attack.perform(ground, source).await {
            wrong.push(format!("attempt {number} from {source}: {what}"));
        }
    }
    wrong
}

fn attempt(ground: &Ground<'_>, number: usize) -> Attack {
    let limited = number >= MAX_FAILURES;
    let guess = format!("guess-{number}-of-a-token");
    let in_frame = Must::Error(if limited { -32040 } else { -32001 });
    let by_http = if limited { Must::StatusError(429, -32040) } else { Must::StatusError(401, -32001) };
    let shown = format!(r#"{{"auth_token":"{guess}"}}"#);
    let json = "Content-Type: application/json\r\n";
    let bearer = format!("Authorization: Bearer {guess}\r\n");
    let request = |line, headers: &str, body: &str| ground.request(line, headers, body);
    let (ping, with_guess) = (call("ping", "{}"), call("ping", &shown));
    match number % WAYS {
        0 => Attack::text(Who::Stranger, "authenticate", call("authenticate", &shown), in_frame),
        1 => Attack::text(Who::Stranger, "beside a call", with_guess, in_frame),
        2 => Attack::bytes("in a body", request("POST /rpc", json, &with_guess), by_http),
        3 => Attack::bytes("POST", request("POST /rpc", &format!("{bearer}{json}"), &ping), by_http),
        4 => Attack::bytes("upgrade", request("GET /ws", &format!("{bearer}{UPGRADE}"), ""), by_http),
        _ => Attack::bytes("key", request("GET /health", &format!("X-API-Key: {guess}\r\n"), ""), by_http),
    }
}
