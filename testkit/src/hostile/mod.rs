//! Clients that wish the service ill: attacks as tables, floods of wrong credentials, connections that
//! stay half open, and a good client that asks meanwhile. Everything a hostile client gets is asserted;
//! what the service must be afterwards is the test's to ask.
//!
//! Sources are addresses of this machine other than 127.0.0.1, which is the good client's: wrong
//! credentials are counted by address. Each round has sources of its own, so rounds are equal.

mod attack;
mod credentials;
mod frames;
mod good;
mod ground;
mod half_open;
mod logins;
mod messages;
mod pages;
mod paths;
mod requests;
mod round;

pub use attack::{Attack, Must, Sent, Who};
pub use good::{GoodClient, Pings};
pub use ground::Ground;
pub use half_open::{Half, Held};
pub use round::{Size, half_open, round};

/// What makes a request an upgrade, but for its `Connection`.
const UPGRADE: &str = "Upgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
                       Sec-WebSocket-Version: 13\r\n";

/// Every attack of every table.
pub fn attacks(ground: &Ground<'_>) -> Vec<Attack> {
    let tables = [
        paths::table(ground),
        credentials::table(ground),
        messages::table(ground),
        frames::table(),
        requests::table(ground),
        pages::table(ground),
    ];
    tables.into_iter().flatten().collect()
}
