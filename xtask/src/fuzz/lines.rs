//! Which lines of a file are the parser, and which of them ran. Pure: a source's text and llvm-cov's
//! report come in.

use std::collections::{BTreeMap, BTreeSet};

use super::targets::Of;

/// How often each line ran, by its number from 1; lines without code are not in it.
pub(super) type Runs = BTreeMap<usize, u64>;

/// Reads a report of llvm-cov in lcov's format (geninfo(1), "FILES"): a section a file, from `SF:` with its
/// path to `end_of_record`, and in it `DA:` with a line's number and how often it ran. llvm-cov itself
/// makes lines of regions and of several instances of a generic function there; its JSON leaves that to us.
pub(super) fn report(text: &str) -> Result<BTreeMap<String, Runs>, String> {
    let mut files: BTreeMap<String, Runs> = BTreeMap::new();
    let mut file = None;
    for line in text.lines() {
        if let Some(path) = line.strip_prefix("SF:") {
            file = Some(files.entry(path.to_owned()).or_default());
        } else if line == "end_of_record" {
            file = None;
        } else if let Some(rest) = line.strip_prefix("DA:") {
            let wrong = || format!("not a line of a report: {line}");
            let mut numbers = rest.split(',');
            let number = numbers.next().and_then(|text| text.parse().ok()).ok_or_else(wrong)?;
            let runs = numbers.next().and_then(|text| text.parse::<u64>().ok()).ok_or_else(wrong)?;
            let known = file.as_mut().ok_or_else(wrong)?.entry(number).or_default();
            *known = (*known).max(runs);
        }
    }
    Ok(files)
}

/// The numbers, from 1, of a source's lines that count.
///
/// # Errors
/// A function that is not there: it has got another name, and coverage would be told of less.
pub(super) fn counted(source: &str, of: Of) -> Result<BTreeSet<usize>, String> {
    let every = || (1..=source.lines().count()).collect::<BTreeSet<_>>();
    match of {
        Of::File => Ok(every()),
        Of::Only(names) => all_functions(source, names),
        Of::Without(names) => Ok(&every() - &all_functions(source, names)?),
    }
}

fn all_functions(source: &str, names: &[&str]) -> Result<BTreeSet<usize>, String> {
    let mut lines = BTreeSet::new();
    for name in names {
        let found = function(source, name);
        if found.is_empty() {
            return Err(format!("there is no function {name}"));
        }
        lines.extend(found);
    }
    Ok(lines)
}

/// The lines of every function of this name. As rustfmt writes it: from `fn` to the next line that is a
/// closing brace as far in.
fn function(source: &str, name: &str) -> BTreeSet<usize> {
    let lines: Vec<&str> = source.lines().collect();
    let mut found = BTreeSet::new();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| begins(line, name)) {
        let indent = &line[..line.len() - line.trim_start().len()];
        let last = if line.ends_with('}') { Some(at) } else { end(&lines, at, indent) };
        found.extend(last.into_iter().flat_map(|last| at + 1..=last + 1));
    }
    found
}

fn end(lines: &[&str], at: usize, indent: &str) -> Option<usize> {
    (at..lines.len()).find(|at| lines[*at].strip_prefix(indent) == Some("}"))
}

/// Does a function of this name begin here, with a body?
fn begins(line: &str, name: &str) -> bool {
    let line = line.trim_start();
    let Some((before, after)) = line.split_once("fn ") else { return false };
    let named = after.strip_prefix(name).is_some_and(|rest| rest.starts_with(['(', '<']));
    // Words such as `pub(crate) const`, and no comment.
    named && !line.ends_with(';') && before.chars().all(|c| c.is_ascii_lowercase() || " ()".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
//! The fn parse(..) is here.
pub(super) fn parse(text: &str) -> u8 {
    if text.is_empty() {
        return 0;
    }
    1
}

trait T {
    fn read(&self);
}

impl T for u8 {
    fn read(&self) {
        parse_more();
    }
}

impl T for u16 {
    fn read<'a>(
        &self,
    ) {
    }
}

fn parse_more() {}
";

    #[test]
    fn functions_are_found_by_name() {
        let of = |names: &'static [&'static str]| counted(SOURCE, Of::Only(names)).map(Vec::from_iter);
        assert_eq!(of(&["parse"]), Ok(vec![2, 3, 4, 5, 6, 7]));
        assert_eq!(of(&["read"]), Ok(vec![14, 15, 16, 20, 21, 22, 23]));
        assert_eq!(of(&["parse_more", "parse"]), Ok(vec![2, 3, 4, 5, 6, 7, 26]));
        assert_eq!(of(&["parse", "write"]), Err("there is no function write".into()));
        assert_eq!(counted(SOURCE, Of::File).unwrap().len(), 26);
        assert_eq!(counted(SOURCE, Of::Without(&["parse"])).unwrap().len(), 20);
        assert!(counted(SOURCE, Of::Without(&["write"])).is_err());
    }

    #[test]
    fn a_report_is_read_file_by_file() {
        let text = "SF:/a.rs\nFN:1,parse\nDA:2,7\nDA:3,0\nLF:2\nend_of_record\n\
                    SF:/b.rs\nDA:1,1\nend_of_record\nSF:/a.rs\nDA:3,4\nDA:2,0\nend_of_record\n";
        let files = report(text).unwrap();
        assert_eq!(files["/a.rs"], Runs::from([(2, 7), (3, 4)]));
        assert_eq!(files["/b.rs"], Runs::from([(1, 1)]));
        for wrong in
            ["DA:1,1\n", "SF:/a.rs\nDA:one,1\n", "SF:/a.rs\nDA:1\n", "SF:/a.rs\nend_of_record\nDA:1,1\n"]
        {
            assert!(report(wrong).is_err(), "{wrong}");
        }
    }
}
