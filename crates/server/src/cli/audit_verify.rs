//! `audit verify`: is the audit log as it was written? Reads alone, so it may run beside the service.

use std::path::PathBuf;

use clap::Args;

use super::say;
use crate::{
    app::Failure,
    audit::{Head, Key, verify_files, verify_place},
    config::{self, Sources},
};

#[derive(Args)]
pub(super) struct Verify {
    /// Files of one log (else all files of the configured one)
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A line that must be there, as the system log told it: shows whether the end was cut off
    #[arg(long, value_name = "COUNT:MAC", value_parser = head)]
    head: Option<Head>,
    /// YAML file of the service, whose data folder holds the key
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

fn head(text: &str) -> Result<Head, String> {
    Head::parse(text).ok_or_else(|| "must be COUNT:MAC, a number and 64 hex digits".into())
}

pub(super) fn run(Verify { files, head, config }: Verify) -> Result<(), Failure> {
    let config = config::load(&Sources::of_process(config)).map_err(Failure::Config)?.config;
    let data_dir = config.control.data_dir();
    let key = Key::load(data_dir).map_err(|what| Failure::Start(format!("no key to verify with: {what}")))?;
    let verified = if files.is_empty() {
        verify_place(&config.audit.place(data_dir), &key, head)
    } else {
        verify_files(&files, &key, head)
    };
    let whole = verified.map_err(Failure::Start)?;
    let files = if whole.files == 1 { "file" } else { "files" };
    say(&format!("{} lines in {} {files}, head {}", whole.lines, whole.files, whole.head));
    Ok(())
}
