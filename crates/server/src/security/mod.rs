//! Who may do what: secrets, tokens, roles, sessions, failed attempts, and which pages may connect.
//! All of it but reading secrets is pure; time comes in as an argument.

mod failures;
mod jwt;
mod jwt_fuzzing;
pub(crate) mod origin;
mod role;
mod secret;
mod session;
mod ticket;

pub(crate) use failures::{Failures, Noted, block};
pub(crate) use jwt::{Issue, Refusal, Tokens};
pub use jwt_fuzzing::fuzz as fuzz_jwt;
pub(crate) use role::Role;
pub(crate) use secret::{Secret, kept_in, load_or_make};
pub(crate) use session::{Credential, Principal, Scope, Session};
pub(crate) use ticket::{Ticket, Tickets, holder_name};
