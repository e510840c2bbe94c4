//! RTSP/1.0 (RFC 2326) for viewers: messages, addresses, transports, and one connection as a state
//! machine. Publishing (ANNOUNCE, RECORD) does not exist here. Credentials are read and handed out; the
//! driver decides who may see what.

mod conn;
mod credentials;
mod fuzz;
mod input;
mod message;
mod status;
mod transport;
mod uri;

pub use conn::{Conn, Event, Limits, MAX_BUFFERED_BYTES, Ticket, Violation, Why};
pub use credentials::Credentials;
#[doc(hidden)]
pub use fuzz::fuzz;
pub use status::Status;
pub use transport::Transport;
