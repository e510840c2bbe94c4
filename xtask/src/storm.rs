//! `xtask storm`: hostile clients in full number against the release binary with the limits as shipped, in
//! the environment of the systemd unit. A good client's pings and the service's memory are judged. The
//! attacks and their answers are `testkit`'s; the same in small is `tests/e2e`'s.

use futures_util::future::join_all;
use serde_json::json;
use testkit::{
    Service, Setup, eventually,
    hostile::{self, GoodClient, Ground, Held, Size},
    service::unit_environment,
};

use crate::{
    evidence::Evidence,
    service::{self, START_LIMIT, mb},
};

/// Of each round.
const SIZE: Size = Size { at_once: 8, logins: 10_000, half_open: 2_000 };
/// As in `tests/e2e`: three rounds are warm-up, then the third of three equal ones is held against the first.
/// Memory after each round of all stands in the evidence.
const WARM_UP: u8 = 3;
const ROUNDS: u8 = WARM_UP + 3;
const GOAL_PING_MS: f64 = 50.0;
const GOAL_GROWTH_PERCENT: f64 = 2.0;

/// Runs it to its end.
pub(crate) async fn run() -> Result<(), String> {
    let source = service::build()?;
    let parameters = json!({
        "rounds": ROUNDS, "warm_up_rounds": WARM_UP, "logins": SIZE.logins, "half_open": SIZE.half_open,
        "attacks_at_once": SIZE.at_once, "a_ping_every_ms": 5, "limits": "as shipped",
        "environment": unit_environment().iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
    });
    let mut evidence = Evidence::new("hostile", source, parameters);
    // The C library's own choice first, for comparison only.
    let plain = storm(Setup::new()).await?;
    let unit = unit_environment().into_iter();
    let unit = unit.fold(Setup::new(), |setup, (name, value)| setup.environment(&name, &value));
    let Storm { rss_mb, wrong, attacks, pings } = storm(unit).await?;

    let websocket = evidence.samples("ping_websocket_ms", &pings.websocket_ms);
    let post = evidence.samples("ping_post_ms", &pings.post_ms);
    evidence.samples("echo_without_a_service_ms", &pings.machine_ms);
    evidence.samples("rss_mb", &rss_mb);
    evidence.samples("rss_mb_without_the_unit", &plain.rss_mb);
    let growth = growth_percent(&rss_mb);
    evidence.value("rss_growth_percent", growth);
    evidence.value("rss_growth_percent_without_the_unit", growth_percent(&plain.rss_mb));
    evidence.value("kinds_of_attacks", attacks as f64);
    let wrong = [plain.wrong, wrong].concat();
    evidence.value("wrong_answers", wrong.len() as f64);
    evidence.goal("ping by WebSocket, p99, ms", websocket.p99, GOAL_PING_MS);
    evidence.goal("ping by POST, p99, ms", post.p99, GOAL_PING_MS);
    evidence.goal("growth of resident memory over three rounds, percent", growth, GOAL_GROWTH_PERCENT);
    evidence.goal("answers that were not as they must be", wrong.len() as f64, 0.0);
    for what in wrong.iter().take(20) {
        eprintln!("  {what}");
    }
    let missed = evidence.write();
    if missed.is_empty() { Ok(()) } else { Err(format!("missed:\n  {}", missed.join("\n  "))) }
}

/// What one service has gone through.
struct Storm {
    /// After each round.
    rss_mb: Vec<f64>,
    wrong: Vec<String>,
    attacks: usize,
    pings: hostile::Pings,
}

async fn storm(setup: Setup) -> Result<Storm, String> {
    let mut service: Service = setup.test_camera("A", service::PICTURE).start().await;
    let ground = Ground::of(&mut service).await;
    let (service, attacks) = (ground.service(), hostile::attacks(&ground).len());
    let pid = service.pid();
    let gone = || "the service has ended".to_owned();
    let quiet = pid.open_fds().ok_or_else(gone)?;
    let good = GoodClient::start(service).await;
    let (mut rss_mb, mut wrong) = (Vec::new(), Vec::new());
    for number in 0..ROUNDS {
        wrong.extend(hostile::round(&ground, SIZE, number).await);
        let closed = async || pid.open_fds().filter(|open| *open <= quiet + GoodClient::CONNECTIONS);
        eventually("the attackers' connections are closed", START_LIMIT, closed).await;
        rss_mb.push(mb(pid.rss_bytes().ok_or_else(gone)?));
    }
    let pings = good.stop();
    // Once to the end: the service ends what stays half open, and says why where somebody can hear it.
    let held = hostile::half_open(&ground, SIZE.half_open).await;
    wrong.extend(join_all(held.into_iter().map(Held::ends)).await.into_iter().filter_map(Result::err));
    Ok(Storm { rss_mb, wrong, attacks, pings })
}

/// The third of three equal rounds against the first.
fn growth_percent(rss_mb: &[f64]) -> f64 {
    (rss_mb[rss_mb.len() - 1] / rss_mb[usize::from(WARM_UP)] - 1.0) * 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warm_up_does_not_count() {
        assert!((growth_percent(&[1.0, 5.0, 7.0, 100.0, 200.0, 101.0]) - 1.0).abs() < 1e-9);
    }
}
