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
        .map(|shown| format!("{} = {}  # {}", shown.key, on_one_line(&shown.value), shown.origin.as_str()))
        .collect();
    lines.sort();
    say(&lines.join("\n"));
    Ok(())
}

/// A value with a line break would be two lines.
fn on_one_line(value: &str) -> String {
    let clean = |c: char| if c.is_control() { c.escape_debug().to_string() } else { c.to_string() };
    value.chars().map(clean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stays_as_it_is_but_for_what_would_break_its_line() {
        assert_eq!(on_one_line("[\"*\"] \\d \u{e9}"), "[\"*\"] \\d \u{e9}");
        assert_eq!(on_one_line("a\nb\u{1b}"), "a\\nb\\u{1b}");
    }
}
