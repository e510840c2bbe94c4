//! House rules that no lint knows, as functions from text to complaints. `tests/house.rs` asks them of
//! this repository; the unit tests beside each rule show that it can fail.
//!
//! *Invariant:* a rule never changes a file, and a complaint says how to mend what it found.

pub mod code;
pub mod docs;
pub mod edges;
pub mod manifests;
pub mod proofs;
pub mod sources;
pub mod tree;
pub mod words;

pub use tree::{Text, Tree};

/// One complaint: where, and what to do about it.
pub type Complaint = String;

/// `path:line: what`, as compilers print it, so that editors can jump there. `line` counts from 0.
pub(crate) fn at(path: &str, line: usize, what: &str) -> Complaint {
    format!("{path}:{}: {what}", line + 1)
}
