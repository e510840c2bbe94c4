//! The TCP side: who may connect, by TLS or not and through which proxies, how long a connection may stay
//! without getting on, and how one is closed so that its last words arrive.

mod connection;
mod gate;
mod listener;
mod proxies;
mod tls;

pub(crate) use gate::{AtWork, Full, Gate, Ticket};
pub(crate) use listener::{Door, From};
pub(crate) use proxies::Proxies;
pub(crate) use tls::{Tls, TlsFiles};
