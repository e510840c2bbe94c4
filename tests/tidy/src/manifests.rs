//! Rules about manifests: every crate lives under the workspace's lints, and the one room that cannot
//! inherit them keeps the same list.

use std::collections::BTreeSet;

use crate::{Complaint, Text};

/// The room that holds `unsafe`, and so a table of its own.
const OWN_TABLE: &str = "crates/cameras/Cargo.toml";

/// The one line that may differ there.
const MAY_DIFFER: &str = "rust.unsafe_code";

/// Crates that do not inherit the lints, and differences between the two tables.
pub fn lints(workspace: &Text, members: &[Text]) -> Vec<Complaint> {
    let house = table(&workspace.body, "workspace.lints.");
    let mut found = Vec::new();
    for member in members.iter().filter(|member| member.path != workspace.path) {
        let inherits = section(&member.body, "lints").any(|line| line == "workspace = true");
        if member.path == OWN_TABLE {
            let own = table(&member.body, "lints.");
            for line in house.symmetric_difference(&own).filter(|line| !line.starts_with(MAY_DIFFER)) {
                found.push(format!(
                    "{OWN_TABLE}: `{line}` stands in only one of its lint table and the workspace's"
                ));
            }
        } else if !inherits {
            found.push(format!("{}: add `[lints]` with `workspace = true`", member.path));
        }
    }
    found
}

/// All lines below tables whose names begin with `prefix`, as `rest.key = value`.
fn table(manifest: &str, prefix: &str) -> BTreeSet<String> {
    let names = manifest.lines().filter_map(|line| line.strip_prefix('[')?.split(']').next());
    names
        .filter_map(|name| Some((name, name.strip_prefix(prefix)?)))
        .flat_map(|(name, rest)| section(manifest, name).map(move |line| format!("{rest}.{line}")))
        .collect()
}

/// The lines of one table, without comments and empty ones.
fn section<'a>(manifest: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let mut inside = false;
    manifest.lines().filter_map(move |line| {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(header) = line.strip_prefix('[') {
            inside = header.strip_suffix(']') == Some(name);
            return None;
        }
        (inside && !line.is_empty()).then_some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUSE: &str =
        "[workspace.lints.rust]\nunsafe_code = \"forbid\"\ndocs = \"deny\" # why\n\n[profile.dev]\nx = 1\n";

    fn check(path: &str, body: &str) -> usize {
        lints(&Text::new("Cargo.toml", HOUSE), &[Text::new(path, body)]).len()
    }

    #[test]
    fn a_crate_outside_the_lints_is_found() {
        assert_eq!(check("crates/a/Cargo.toml", "[package]\nname = \"a\"\n[lints]\nworkspace = true\n"), 0);
        assert_eq!(check("crates/a/Cargo.toml", "[package]\nname = \"a\"\n"), 1);
        assert_eq!(check("crates/a/Cargo.toml", "[lints.rust]\nunsafe_code = \"allow\"\n"), 1);
    }

    #[test]
    fn a_table_that_drifts_is_found() {
        assert_eq!(check(OWN_TABLE, "[lints.rust]\nunsafe_code = \"deny\"\ndocs = \"deny\"\n"), 0);
        assert_eq!(check(OWN_TABLE, "[lints.rust]\nunsafe_code = \"deny\"\n"), 1);
        assert_eq!(check(OWN_TABLE, "[lints.rust]\ndocs = \"warn\"\n"), 2);
    }
}
