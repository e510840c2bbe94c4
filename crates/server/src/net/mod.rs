//! The TCP side: who may connect, how long a connection may stay without becoming a WebSocket, and how
//! one is closed so that its last words arrive.

mod gate;
mod listener;

pub(crate) use gate::{Full, Gate, Ticket};
pub(crate) use listener::{Door, From};
