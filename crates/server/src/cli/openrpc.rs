//! `openrpc`: the API as a document on stdout, for those who make clients of it.

use super::say;
use crate::{app::Failure, rpc::openrpc};

pub(super) fn run() -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(openrpc::document());
    say(&text.map_err(|cause| Failure::Start(format!("the document cannot be written: {cause}")))?);
    Ok(())
}
