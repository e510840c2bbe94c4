//! One round of everything: many connections are half open while every attack is made and credentials are
//! guessed. Rounds are equal: each guesses from addresses that have not guessed before.

use std::{future::ready, net::Ipv4Addr};

use futures_util::{StreamExt, stream};

use super::{Ground, Half, Held, attacks, logins};

/// Connections that are being opened at once.
const OPENING_AT_ONCE: usize = 32;
/// Attempts from one address: twice what is answered before it is told to come again.
const LOGINS_PER_ADDRESS: usize = 40;
/// Addresses of the attacks in tables. Some show a wrong credential: spread so, each address shows one a round
/// at most, and up to 20 rounds stay below `security.max_auth_failures` (20).
const ATTACKERS: usize = 500;

/// How much of everything.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Attacks at once.
    pub at_once: usize,
    /// Wrong credentials.
    pub logins: usize,
    /// Half-open connections; their clients leave at the end of the round.
    pub half_open: usize,
}

/// Round `number`; tells what was answered otherwise than it must be.
///
/// # Panics
/// If an answer breaks a rule for every answer.
pub async fn round(ground: &Ground<'_>, size: Size, number: u8) -> Vec<String> {
    let held = half_open(ground, size.half_open).await;
    let attacks = attacks(ground);
    let mut wrong: Vec<String> = stream::iter(attacks.iter().enumerate())
        .map(|(at, attack)| attack.perform(ground, source(20, at % ATTACKERS)))
        .buffer_unordered(size.at_once)
        .filter_map(|done| ready(done.err()))
        .collect()
        .await;
    let guessing = stream::iter(0..size.logins.div_ceil(LOGINS_PER_ADDRESS))
        .map(|at| {
            let attempts = LOGINS_PER_ADDRESS.min(size.logins - at * LOGINS_PER_ADDRESS);
            logins::from(ground, source(30 + number, at), attempts)
        })
        .buffer_unordered(size.at_once);
    wrong.extend(guessing.collect::<Vec<_>>().await.concat());
    drop(held);
    wrong
}

/// So many connections that stop in the middle, of all kinds.
pub async fn half_open(ground: &Ground<'_>, count: usize) -> Vec<Held> {
    let opening = (0..count).map(|at| Held::open(ground, source(10, at % 249), Half::nth(at)));
    stream::iter(opening).buffer_unordered(OPENING_AT_ONCE).collect().await
}

/// An address of this machine; `network` keeps those apart that are counted for different things.
fn source(network: u8, at: usize) -> Ipv4Addr {
    let [high, low] = u16::try_from(at + 2).expect("as many addresses as a network has").to_be_bytes();
    Ipv4Addr::new(127, network, high, low)
}
