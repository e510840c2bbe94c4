//! `check`: every mistake of a configuration at once.

use std::path::PathBuf;

use super::say;
use crate::{
    app::Failure,
    config::{self, Sources},
};

pub(super) fn run(file: Option<PathBuf>) -> Result<(), Failure> {
    let name =
        file.as_ref().map_or("the built-in configuration".to_owned(), |file| file.display().to_string());
    let loaded = config::check(&Sources::of_process(file)).map_err(Failure::Config)?;
    say(&format!("{name}: good, {} keys", loaded.shown.len()));
    Ok(())
}
