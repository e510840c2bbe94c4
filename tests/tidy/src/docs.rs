//! Rules about documents: links lead somewhere, every room has its page, a figure has its evidence.

use std::collections::{BTreeSet, HashMap};

use crate::{Complaint, Text, at};

/// Where measured figures are told, and where their samples lie.
pub const FIGURES: &str = "docs/performance.md";
const EVIDENCE: &str = "docs/evidence/";

/// What stands in a table for a figure nobody has measured.
const UNMEASURED: [&str; 3] = ["", "-", "not yet"];

/// Links to files that are not there, and to headings their files do not have.
pub fn broken_links(pages: &[Text], paths: &[String]) -> Vec<Complaint> {
    let anchors: HashMap<&str, BTreeSet<String>> =
        pages.iter().map(|page| (page.path.as_str(), headings(&page.body))).collect();
    let exists = |wanted: &str| {
        let folder = format!("{}/", wanted.trim_end_matches('/'));
        wanted.is_empty() || paths.iter().any(|path| path == wanted || path.starts_with(&folder))
    };
    let mut found = Vec::new();
    for page in pages {
        for (line, link) in links(&page.body) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let Some(target) = resolve(&page.path, file) else {
                found.push(at(
                    &page.path,
                    line,
                    &format!("`{link}` leads out of the repository; make it relative"),
                ));
                continue;
            };
            if !exists(&target) {
                found.push(at(
                    &page.path,
                    line,
                    &format!("`{link}`: there is no {target} (is it tracked by git?)"),
                ));
            } else if !anchor.is_empty()
                && anchors.get(target.as_str()).is_some_and(|known| !known.contains(anchor))
            {
                found.push(at(&page.path, line, &format!("`{link}`: {target} has no heading `#{anchor}`")));
            }
        }
    }
    found
}

/// Rooms without a README.
pub fn rooms_without_readme(paths: &[String]) -> Vec<Complaint> {
    let rooms: BTreeSet<&str> = paths
        .iter()
        .filter_map(|path| path.strip_suffix("/Cargo.toml"))
        .filter(|room| room.starts_with("crates/") || *room == "fuzz")
        .collect();
    rooms
        .into_iter()
        .map(|room| format!("{room}/README.md"))
        .filter(|readme| !paths.contains(readme))
        .map(|readme| {
            format!("{readme}: say in a few lines what lives here, what must not, and where to begin")
        })
        .collect()
}

/// Evidence a page names that is not there, and figures without evidence.
pub fn figures_without_evidence(page: &Text, paths: &[String]) -> Vec<Complaint> {
    let mut found = Vec::new();
    for (number, line) in page.body.lines().enumerate() {
        let named: Vec<&str> = evidence(line).collect();
        for name in &named {
            if !paths.iter().any(|path| path.strip_prefix(EVIDENCE) == Some(name)) {
                let what =
                    format!("there is no {EVIDENCE}{name}: run `make bench` or `make soak` and commit it");
                found.push(at(&page.path, number, &what));
            }
        }
        if page.path == FIGURES
            && named.is_empty()
            && measured(line).is_some_and(|cell| !UNMEASURED.contains(&cell))
        {
            found.push(at(&page.path, number, "a measured figure names its file in docs/evidence"));
        }
    }
    found
}

/// The third cell of a table's row: figure, goal, measured, evidence.
fn measured(line: &str) -> Option<&str> {
    let cells: Vec<&str> =
        line.trim().strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect();
    let is_row = cells.len() == 4 && cells[2] != "Measured" && !cells[0].starts_with("--");
    is_row.then_some(cells[2])
}

/// Names after `evidence/` that end in `.json`.
fn evidence(line: &str) -> impl Iterator<Item = &str> {
    line.split("evidence/").skip(1).filter_map(|rest| {
        let end =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c))).unwrap_or(rest.len());
        let name = &rest[..end];
        name.strip_suffix(".json").map(|_| name)
    })
}

/// Lines outside of fenced blocks, with their numbers, inline code blanked out.
fn prose(body: &str) -> impl Iterator<Item = (usize, String)> {
    let mut fenced = false;
    body.lines().enumerate().filter_map(move |(number, line)| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return None;
        }
        let outside = line.split('`').enumerate().map(|(n, part)| if n % 2 == 0 { part } else { "code" });
        (!fenced).then(|| (number, outside.collect()))
    })
}

/// Targets of `[text](target)` and `[name]: target`, with their lines.
fn links(body: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(body) {
        let inline = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let defined = line.strip_prefix('[').and_then(|rest| Some(rest.split_once("]: ")?.1));
        for target in inline.chain(defined) {
            let target = target.split_whitespace().next().unwrap_or_default();
            found.push((number, target.trim_matches(['<', '>']).to_owned()));
        }
    }
    found
}

/// The anchors of a page's headings, as hosting sites make them: lower case, no punctuation, spaces to
/// hyphens, repeated ones numbered.
fn headings(body: &str) -> BTreeSet<String> {
    let mut fenced = false;
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut anchors = BTreeSet::new();
    for line in body.lines() {
        fenced ^= line.trim_start().starts_with("```");
        let Some(title) = line.strip_prefix('#').filter(|_| !fenced).map(|rest| rest.trim_start_matches('#'))
        else {
            continue;
        };
        let kept = title.trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect::<String>().to_lowercase();
        let repeats = seen.entry(anchor.clone()).or_default();
        anchors.insert(if *repeats == 0 { anchor } else { format!("{anchor}-{repeats}") });
        *repeats += 1;
    }
    anchors
}

/// `link` as seen from `page`, relative to the root; `None` above it or absolute.
fn resolve(page: &str, link: &str) -> Option<String> {
    if link.is_empty() {
        return Some(page.to_owned());
    }
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            ".." => drop(parts.pop()?),
            // An absolute link begins with an empty part; a folder's link may end with one.
            "" if link.starts_with('/') => return None,
            "." | "" => {}
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_nowhere_is_found() {
        let paths: Vec<String> = ["README.md", "docs/a.md", "docs/b/c.md"].map(Into::into).into();
        let check = |body: &str| {
            let pages =
                [Text::new("docs/a.md", body), Text::new("README.md", "# Hello, you!\n## Same\n## Same\n")];
            broken_links(&pages, &paths).len()
        };
        for good in [
            "[x](../README.md)",
            "[x](../README.md#hello-you)",
            "[x](../README.md#same-1)",
            "[x](b/c.md \"title\") and [y](b/)",
            "[x](https://example.org/nothing)",
            "[x](#here)\n# Here",
            "`[x](gone.md)`",
            "```\n[x](gone.md)\n```",
            "[x][1]\n\n[1]: b/c.md",
        ] {
            assert_eq!(check(good), 0, "{good}");
        }
        for bad in [
            "[x](gone.md)",
            "text [x](b/c.md) and ![y](../gone.png)",
            "[x](../README.md#hello)",
            "[x](/README.md)",
            "[x](../../outside.md)",
            "[x](#there)\n```\n# There\n```",
            "[1]: gone.md",
        ] {
            assert_eq!(check(bad), 1, "{bad}");
        }
    }

    #[test]
    fn a_room_without_a_page_is_found() {
        let paths = ["crates/a/Cargo.toml", "crates/a/README.md", "crates/b/Cargo.toml"].map(Into::into);
        let found = rooms_without_readme(&paths);
        assert!(found.len() == 1 && found[0].starts_with("crates/b/README.md"), "{found:?}");
    }

    #[test]
    fn a_figure_without_evidence_is_found() {
        let paths = ["docs/evidence/bench.json".to_owned()];
        let check = |line: &str| figures_without_evidence(&Text::new(FIGURES, line), &paths).len();
        for good in [
            "| Figure | Goal | Measured | Evidence |",
            "|---|---|---|---|",
            "| start | 5 ms | not yet | |",
            "| start | 5 ms | 3 ms | [bench](evidence/bench.json) |",
            "Every figure has a file in docs/evidence/ with its samples.",
        ] {
            assert_eq!(check(good), 0, "{good}");
        }
        for bad in ["| start | 5 ms | 3 ms | |", "| start | 5 ms | not yet | evidence/gone.json |"] {
            assert_eq!(check(bad), 1, "{bad}");
        }
    }
}
