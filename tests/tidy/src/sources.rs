//! Rules about Rust files: they say what they are for, stay short, tests wait for facts instead of
//! sleeping, and escape hatches are closed.

use std::ops::Range;

use crate::{
    Complaint, Text, at,
    code::{self, blanked, places},
};

/// A file longer than this holds two things: find the wall between them.
pub const MOST_LINES: usize = 600;

/// Code that may sleep although it is for tests: (file, function).
///
/// `eventually` looks again and again until a fact holds, for facts of other processes that announce
/// themselves to nobody.
pub const MAY_SLEEP: [(&str, &str); 1] = [("testkit/src/", "eventually")];

/// The one folder that may hold `unsafe`: the calls into the V4L2 driver.
pub const MAY_BE_UNSAFE: &str = "crates/cameras/src/v4l2/sys/";

/// What stands before an item that exists for tests only.
const FOR_TESTS: &str = "#[cfg(test)]";

/// Every file begins by saying what lives there.
pub fn head(file: &Text) -> Option<Complaint> {
    let says = file.body.lines().next().and_then(|line| line.strip_prefix("//!"));
    let good = says.is_some_and(|words| !words.trim().is_empty());
    (!good)
        .then(|| at(&file.path, 0, "the first line must be `//!` and say what lives here and what must not"))
}

/// No file is too long to be read in one go.
pub fn length(file: &Text) -> Option<Complaint> {
    let lines = file.body.lines().count();
    let what = || format!("{lines} lines, {MOST_LINES} is the end: split it by what its parts know");
    (lines > MOST_LINES).then(|| at(&file.path, MOST_LINES, &what()))
}

/// Tests do not sleep.
pub fn sleeps(file: &Text) -> Vec<Complaint> {
    let code = blanked(&file.body);
    let tests = test_parts(&file.path, &code);
    let excused: Vec<Range<usize>> = MAY_SLEEP
        .iter()
        .filter(|(path, _)| file.path.starts_with(path))
        .flat_map(|(_, function)| places(&code, function).filter(|&place| code[..place].ends_with("fn ")))
        .map(|place| code::item(&code, place))
        .collect();
    let inside = |ranges: &[Range<usize>], place: usize| ranges.iter().any(|range| range.contains(&place));
    ["sleep", "sleep_until", "sleep_ms"]
        .iter()
        .flat_map(|word| places(&code, word).map(move |place| (place, place + word.len())))
        .filter(|&(place, end)| code[end..].trim_start().starts_with('(') && !code[..place].ends_with("fn "))
        .filter(|&(place, _)| inside(&tests, place) && !inside(&excused, place))
        .map(|(place, _)| {
            let line = code::line(&code, place);
            at(
                &file.path,
                line,
                "a sleep in a test waits for luck: wait for the event, or `testkit::eventually`",
            )
        })
        .collect()
}

/// The parts that exist for tests only.
fn test_parts(path: &str, code: &str) -> Vec<Range<usize>> {
    let of_tests = |folder: &str| path.starts_with(folder) || path.contains(&format!("/{folder}"));
    if of_tests("tests/") || of_tests("testkit/") || path.ends_with("tests.rs") {
        return vec![0..code.len(); 1];
    }
    code.match_indices(FOR_TESTS).map(|(place, _)| code::item(code, place + FOR_TESTS.len())).collect()
}

/// A module for tests in a file of its own is named `tests` or `*_tests`, so that rules can see it.
pub fn test_file_names(file: &Text) -> Vec<Complaint> {
    let code = blanked(&file.body);
    code.match_indices(FOR_TESTS)
        .filter_map(|(place, attribute)| {
            let item = &code[code::item(&code, place + attribute.len())];
            let name = item.strip_suffix(';')?.rsplit_once("mod ")?.1.trim();
            (!name.ends_with("tests")).then(|| {
                let what =
                    format!("`mod {name};` is for tests only: call the file `tests.rs` or `*_tests.rs`");
                at(&file.path, code::line(&code, place), &what)
            })
        })
        .collect()
}

/// No `unsafe` outside its one folder, no lint switched off without a reason, no test switched off, no
/// code left for later.
pub fn hatches(file: &Text) -> Vec<Complaint> {
    let code = blanked(&file.body);
    let mut found = Vec::new();
    let mut complain = |place: usize, what: &str| found.push(at(&file.path, code::line(&code, place), what));
    if !file.path.starts_with(MAY_BE_UNSAFE) {
        for place in places(&code, "unsafe") {
            complain(place, &format!("`unsafe` belongs in {MAY_BE_UNSAFE}: find the safe call"));
        }
    }
    for (start, mend) in [
        ("[allow(", "say `#[expect(lint, reason = \"...\")]`, or mend what the lint found"),
        (
            "[ignore",
            "a test that does not run proves nothing: make it fast, move it to `xtask`, or delete it",
        ),
        ("[should_panic", "name the error in an assertion instead"),
    ] {
        for (place, _) in code.match_indices(start) {
            if code[..place].ends_with(['#', '!']) {
                complain(place, mend);
            }
        }
    }
    for (place, _) in code.match_indices("[expect(") {
        let attribute = &code[place..][..code[place..].find(']').unwrap_or(0)];
        if places(attribute, "reason").next().is_none() {
            complain(place, "an exception gives its `reason = \"...\"`");
        }
    }
    for later in ["todo", "unimplemented"] {
        for place in places(&code, later).filter(|place| code[place + later.len()..].starts_with('!')) {
            complain(place, "finish it, or leave it out and write it down as an issue");
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rust(path: &str, body: &str) -> Text {
        Text::new(path, body)
    }

    #[test]
    fn a_file_without_a_head_is_found() {
        assert!(head(&rust("a.rs", "//! What lives here.\n")).is_none());
        for bad in ["", "\n//! Late.\n", "// Not a doc comment.\n", "use x;\n", "//!\n"] {
            assert!(head(&rust("a.rs", bad)).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn a_long_file_is_found() {
        assert!(length(&rust("a.rs", &"x\n".repeat(600))).is_none());
        assert_eq!(length(&rust("a.rs", &"x\n".repeat(601))).map(|c| c.starts_with("a.rs:601:")), Some(true));
    }

    #[test]
    fn a_sleep_in_a_test_is_found() {
        let call = "fn f() {\n std::thread::sleep(d);\n}\n";
        for (path, body, found) in [
            ("crates/a/src/x.rs", call, 0),
            ("crates/a/tests/x.rs", call, 1),
            ("tests/e2e/tests/x.rs", "async fn f() { tokio::time::sleep (d).await }", 1),
            ("tests/e2e/src/x.rs", "async fn f() { sleep_until(then).await }", 1),
            ("crates/a/src/x_tests.rs", call, 1),
            ("crates/a/src/x.rs", "#[cfg(test)]\nmod tests {\n fn a() { sleep(d) }\n}\n", 1),
            ("crates/a/src/x.rs", "#[cfg(test)]\nmod tests {\n fn a() {}\n}\nfn b() { sleep(d) }", 0),
            ("crates/a/tests/x.rs", "// sleep(1)\nfn f() { x(\"sleep(1)\"); asleep(1) }", 0),
            ("testkit/src/wait.rs", "pub fn eventually() { loop { sleep(d) } }", 0),
            ("testkit/src/wait.rs", "pub fn eventually() {}\nfn other() { sleep(d) }", 1),
            ("tests/e2e/src/x.rs", "fn eventually() { sleep(d) }", 1),
        ] {
            assert_eq!(sleeps(&rust(path, body)).len(), found, "{path}: {body}");
        }
    }

    #[test]
    fn a_hidden_test_file_is_found() {
        assert_eq!(test_file_names(&rust("a.rs", "#[cfg(test)]\nmod checks;\n")).len(), 1);
        assert_eq!(test_file_names(&rust("a.rs", "#[cfg(test)]\nmod b_tests;\n")), [""; 0]);
    }

    #[test]
    fn open_hatches_are_found() {
        for bad in [
            "fn f() { unsafe { x() } }",
            "unsafe impl Send for X {}",
            "#[allow(dead_code)]\nfn f() {}",
            "#![allow(clippy::all, reason = \"no\")]",
            "#[test]\n#[ignore]\nfn f() {}",
            "#[ignore = \"slow\"]",
            "#[should_panic]",
            "#[expect(dead_code)]",
            "#[expect(\n    dead_code,\n)]",
            "fn f() { todo!() }",
            "fn f() { unimplemented!(\"x\") }",
        ] {
            assert_eq!(hatches(&rust("crates/media/src/x.rs", bad)).len(), 1, "{bad}");
        }
        for good in [
            "// unsafe { }\nconst A: &str = \"unsafe { }\";",
            "#[expect(dead_code, reason = \"a test reads it\")]",
            "fn allow(x: [u8; 1]) {}",
            "unsafe_code();",
        ] {
            assert_eq!(hatches(&rust("crates/media/src/x.rs", good)), [""; 0], "{good}");
        }
        assert_eq!(hatches(&rust(&format!("{MAY_BE_UNSAFE}mod.rs"), "unsafe { x() }")), [""; 0]);
        assert_eq!(hatches(&rust("crates/cameras/src/lib.rs", "unsafe { x() }")).len(), 1);
    }
}
