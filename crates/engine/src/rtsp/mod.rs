//! RTSP/1.0 (RFC 2326) for viewers: messages, addresses, transports, and one connection as a state
//! machine. Publishing (ANNOUNCE, RECORD) does not exist here, and no authentication: the driver
//! decides who may see what.

mod conn;
mod fuzz;
mod input;
mod message;
mod status;
mod transport;
mod uri;

pub use conn::{Conn, Event, Limits, MAX_BUFFERED_BYTES, Ticket, Violation, Why};
#[doc(hidden)]
pub use fuzz::fuzz;
pub use status::Status;
pub use transport::Transport;
