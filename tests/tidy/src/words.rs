//! Words that have no place in a finished tree: notes for later, and paths of somebody's machine. The
//! words are put together from halves here, or this file would find itself.

use crate::{Complaint, Text, at, code::places};

/// Notes for later.
const LATER: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Beginnings of paths that exist on one machine only.
const MACHINES: [&str; 3] = [concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/ho", "me/")];

/// Recorded bytes are what they are, and lock files are cargo's.
const NOT_OURS: [&str; 2] = ["/testdata/", "Cargo.lock"];

/// Should this file be read for words at all?
pub fn applies(path: &str) -> bool {
    !NOT_OURS.iter().any(|part| path.contains(part))
}

/// Notes for later and machine paths in one file.
pub fn forbidden(file: &Text) -> Vec<Complaint> {
    let mut found = Vec::new();
    for (number, line) in file.body.lines().enumerate() {
        for word in LATER.iter().filter(|word| places(line, word).next().is_some()) {
            found.push(at(
                &file.path,
                number,
                &format!("`{word}`: do it now, or open an issue and take the note out"),
            ));
        }
        for machine in MACHINES.iter().filter(|machine| is_path(line, machine)) {
            let what =
                format!("`{machine}` exists on one machine only: name the file relative to the repository");
            found.push(at(&file.path, number, &what));
        }
    }
    found
}

/// Does `start` begin a path here, and is not the middle of one or of an address?
fn is_path(line: &str, start: &str) -> bool {
    line.match_indices(start).any(|(place, _)| {
        let before = line[..place].chars().next_back();
        before.is_none_or(|c| !(c.is_alphanumeric() || "._-*}@".contains(c)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_and_machine_paths_are_found() {
        let [todo, ..] = LATER;
        let [root, work, home] = MACHINES;
        for bad in [
            format!("// {todo}: later"),
            format!("let a = 1; // {todo}(me)"),
            format!("cd {work}main"),
            format!("\"{root}.cargo\""),
            format!("file://{home}me"),
        ] {
            assert_eq!(forbidden(&Text::new("a.rs", &bad)).len(), 1, "{bad}");
        }
        for good in [
            format!("let {} = 1;", todo.to_lowercase()),
            format!("A{todo}S"),
            format!("rtsp://camera.example{root}live"),
            format!("docs{work}x"),
        ] {
            assert_eq!(forbidden(&Text::new("a.rs", &good)), [""; 0], "{good}");
        }
    }

    #[test]
    fn recordings_and_locks_are_not_read() {
        assert!(!applies("crates/a/testdata/rtsp/x.txt") && !applies("Cargo.lock") && applies("Makefile"));
    }
}
