//! `config show`: one line a key.

use std::path::PathBuf;

use super::say;
use crate::{
    app::Failure,
    config::{self, Sources},
};

pub(super) fn run(file: Option<PathBuf>) -> Result<(), Failure> {
    let loaded = config::load(&Sources::of_process(file)).map_err(Failure::Config)?;
    let mut lines: Vec<String> = loaded
        .shown
        .iter()
        // A value with a line break would be two lines.
        .map(|shown| format!("{} = {}  # {}", shown.key, shown.value.escape_debug(), shown.origin.as_str()))
        .collect();
    lines.sort();
    say(&lines.join("\n"));
    Ok(())
}
