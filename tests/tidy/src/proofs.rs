//! The page of controls and the tests that prove them: a table that names tests which are not there, or a
//! control without one, is worse than no table.
//!
//! A test is named by its room, its file and its function: `server::security::jwt::claims_are_judged` is
//! a test of `crates/server/src/security/jwt.rs` or `jwt_tests.rs`, `e2e::keys::..` one of
//! `tests/e2e/tests/e2e/keys.rs`.

use std::collections::BTreeSet;

use crate::{Complaint, Text, at, code::blanked};

/// Where controls are told.
pub const CONTROLS: &str = "docs/security.md";

/// The last column of a table of controls.
const COLUMN: &str = "Proved by";

/// Every test of these files, by its full name.
pub fn tests(rust: &[Text]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in rust {
        let module = module(&file.path);
        let code = blanked(&file.body);
        let mut is_test = false;
        for line in code.lines().map(str::trim) {
            if line.starts_with("#[") {
                is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            } else if let Some(name) = function(line) {
                if is_test {
                    found.insert(format!("{module}::{name}"));
                }
                is_test = false;
            }
        }
    }
    found
}

/// Tests that are named and not there, and controls that name none.
pub fn unproved(page: &Text, tests: &BTreeSet<String>) -> Vec<Complaint> {
    let (mut found, mut is_control) = (Vec::new(), false);
    for (number, line) in page.body.lines().enumerate() {
        let named: Vec<&str> = line.split('`').skip(1).step_by(2).filter(|code| is_name(code)).collect();
        for name in named.iter().filter(|name| !tests.contains(**name)) {
            found.push(at(
                &page.path,
                number,
                &format!("there is no test `{name}`: name the one that proves it"),
            ));
        }
        let cells = cells(line);
        match cells.as_deref() {
            None => is_control = false,
            Some([.., last]) if *last == COLUMN => is_control = true,
            Some([first, ..]) if first.starts_with("--") => {}
            Some([.., last]) if is_control && !named.iter().any(|name| last.contains(name)) => {
                found.push(at(&page.path, number, "a control without a test: write one, and name it here"));
            }
            Some(_) => {}
        }
    }
    found
}

/// Does this look like the name of a test, and not like a word of the configuration or the API?
fn is_name(code: &str) -> bool {
    let word = |part: &str| {
        !part.is_empty() && part.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_')
    };
    code.contains("::") && code.split("::").all(word)
}

fn cells(line: &str) -> Option<Vec<&str>> {
    let inside = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inside.split('|').map(str::trim).collect())
}

/// The name of the function that begins on this line.
fn function(line: &str) -> Option<&str> {
    let line = line.strip_prefix("pub ").unwrap_or(line);
    let rest = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?;
    rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next()
}

/// `server::security::jwt` of `crates/server/src/security/jwt_tests.rs`.
fn module(path: &str) -> String {
    let path = path.strip_prefix("crates/").or_else(|| path.strip_prefix("tests/")).unwrap_or(path);
    let mut parts: Vec<&str> = path.strip_suffix(".rs").unwrap_or(path).split('/').collect();
    // A folder of tests has a program for each file and folder in it; a program of many files adds no word.
    match parts.get(1) {
        Some(&"src") => drop(parts.remove(1)),
        Some(&"tests") => drop(parts.drain(1..if parts.len() > 3 { 3 } else { 2 })),
        _ => {}
    }
    if let Some(last) = parts.pop() {
        let last = last.strip_suffix("_tests").unwrap_or(last);
        parts.extend((!["mod", "lib", "main"].contains(&last)).then_some(last));
    }
    parts.join("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_files() {
        for (path, want) in [
            ("crates/server/src/security/jwt_tests.rs", "server::security::jwt"),
            ("crates/server/src/security/links.rs", "server::security::links"),
            ("crates/server/src/config/mod.rs", "server::config"),
            ("crates/engine/tests/engine/refusals.rs", "engine::refusals"),
            ("crates/cameras/tests/scan.rs", "cameras::scan"),
            ("tests/e2e/tests/e2e/http/tls.rs", "e2e::http::tls"),
            ("tests/tidy/src/code.rs", "tidy::code"),
            ("xtask/src/docs.rs", "xtask::docs"),
        ] {
            assert_eq!(module(path), want, "{path}");
        }
    }

    #[test]
    fn only_tests_count() {
        let body = "fn helper() {}\n#[test]\nfn a() {}\n#[tokio::test(flavor = \"x\")]\n#[cfg(unix)]\nasync fn b() {}\n\
                    // #[test]\nfn c() {}\n";
        let found = tests(&[Text::new("crates/base/src/id.rs", body)]);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["base::id::a", "base::id::b"]);
    }

    #[test]
    fn a_control_needs_a_test_that_is_there() {
        let tests: BTreeSet<String> = ["e2e::keys::a".to_owned()].into();
        let check = |body: &str| unproved(&Text::new(CONTROLS, body), &tests).len();
        let table = |row: &str| format!("| Control | Proved by |\n|---|---|\n{row}\n");
        assert_eq!(check(&table("| x | `e2e::keys::a` |")), 0);
        assert_eq!(check("| Secret | Where |\n|---|---|\n| x | `security.jwt_secret` |"), 0);
        assert_eq!(check("told in `e2e::keys::gone`"), 1);
        for bad in
            ["| x | |", "| x | see below |", "| `e2e::keys::a` | |", "| x | `e2e::keys::a` `e2e::keys::b` |"]
        {
            assert_eq!(check(&table(bad)), 1, "{bad}");
        }
        // A table that follows another one is judged by its own heading.
        assert_eq!(check(&format!("{}\ntext\n| a | b |", table("| x | `e2e::keys::a` |"))), 0);
    }
}
