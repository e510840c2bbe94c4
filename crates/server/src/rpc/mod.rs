//! JSON-RPC 2.0: from the bytes of a message to a call, and from its outcome to the bytes of a reply.
//! Knows no socket: `ws` and `http` bring messages and take replies.

mod access;
mod begin;
mod call;
mod envelope;
mod error;
mod fuzzing;
mod given;
mod methods;
pub(crate) mod openrpc;
mod table;

pub(crate) use access::Access;
pub(crate) use begin::{Begun, Reply, begin};
pub(crate) use call::{Admitted, Caller, Peer, Service, Task, Transport};
pub(crate) use envelope::{Item, Message, batch, notification, read, refusal, reply};
pub(crate) use error::{correlation_id, from_control};
pub use fuzzing::fuzz;
#[cfg(test)]
pub(crate) use table::Rate;
pub(crate) use table::{AUTHENTICATE, Effect, METHODS};

/// An answer without its envelope.
pub(crate) type Outcome = Result<Box<serde_json::value::RawValue>, crate::wire::Error>;
