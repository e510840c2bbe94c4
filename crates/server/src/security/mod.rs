//! Who may do what: secrets, tokens, roles, sessions, failed attempts, and which pages may connect.
//! All of it but reading and writing the files of secrets, keys and revoked tokens is pure; time comes in
//! as an argument.

mod api_keys;
mod failures;
mod hex;
mod jwt;
mod jwt_fuzzing;
mod keyring;
mod limits;
mod links;
mod media_keys;
mod network;
pub(crate) mod origin;
mod private_file;
mod revoked;
mod role;
mod secret;
mod session;
mod ticket;

pub use api_keys::fuzz as fuzz_api_keys;
pub(crate) use api_keys::{ApiKey, KeyOrder, MAX_CAMERAS, NewKey, judge_name, looks_like_key};
pub(crate) use failures::{Failures, Noted, block};
pub(crate) use hex::{hex, unhex};
pub(crate) use jwt::{Issue, MAX_USER_CHARS, Refusal, Tokens};
pub use jwt_fuzzing::fuzz as fuzz_jwt;
pub(crate) use keyring::{KeyTrouble, Keyring};
pub(crate) use limits::{Asker, Buckets, Limit, Limiter, Limits};
pub(crate) use links::{Folder, Links, encoded};
pub(crate) use media_keys::MediaKeys;
pub(crate) use network::Networks;
pub(crate) use revoked::{MAX_JTI_BYTES, NotRevoked, Revoked, Which};
pub(crate) use role::Role;
pub(crate) use secret::{Secret, kept_in, load_or_make, make_secret};
pub(crate) use session::{Credential, Owner, Principal, Scope, Session};
pub(crate) use ticket::{Ticket, Tickets, holder_name, holder_of};
