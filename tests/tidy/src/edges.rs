//! Who may depend on whom: the drawing in ARCHITECTURE.md as a table. An arrow that is not here is a
//! change of the design, and is made here first.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

use crate::{Complaint, Tree};

/// For each member of the workspace, the members its normal and build dependencies may name.
pub const ARROWS: [(&str, &[&str]); 13] = [
    ("server", &["control"]),
    ("control", &["base", "cameras", "files", "media", "paths"]),
    ("cameras", &["base"]),
    ("paths", &["base", "engine", "media"]),
    ("files", &["base", "media"]),
    ("engine", &["media"]),
    ("media", &[]),
    ("base", &[]),
    // For tests and figures only: they drive the binary from outside.
    ("testkit", &[]),
    ("e2e", &["testkit"]),
    ("tidy", &["testkit"]),
    ("vm", &["testkit"]),
    ("xtask", &["testkit"]),
];

/// What every test may use besides what its crate may name anyway.
const FOR_TESTS: &str = "testkit";

/// Rooms that touch no socket, task or system call, and the crates that would tempt them to.
const PURE: [&str; 3] = ["base", "engine", "media"];
const WORLD: [&str; 6] = ["async-std", "libc", "mio", "nix", "socket2", "tokio"];

/// One dependency as a manifest states it.
#[derive(Debug, Clone)]
pub struct Edge {
    /// The crate whose manifest it is.
    pub from: String,
    /// What it names.
    pub to: String,
    /// Is it for tests only?
    pub dev: bool,
}

/// Every dependency the workspace's manifests state, and the names of its members.
///
/// # Panics
/// If `cargo metadata` cannot read the workspace.
pub fn stated(tree: &Tree) -> (Vec<String>, Vec<Edge>) {
    let metadata: Metadata = MetadataCommand::new()
        .manifest_path(tree.root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo runs this test, so it can read the workspace's manifests");
    let members = metadata.packages.iter().map(|package| package.name.to_string()).collect();
    let edges = metadata.packages.iter().flat_map(|package| {
        package.dependencies.iter().map(|dependency| Edge {
            from: package.name.to_string(),
            to: dependency.name.clone(),
            dev: dependency.kind == DependencyKind::Development,
        })
    });
    (members, edges.collect())
}

/// Arrows that are not in the table, and members the table does not know.
pub fn forbidden(members: &[String], edges: &[Edge]) -> Vec<Complaint> {
    let row = |name: &str| ARROWS.iter().find(|(from, _)| *from == name);
    let strangers = members.iter().filter(|name| row(name).is_none()).map(|name| {
        format!(
            "{name}: a new member; draw its arrows in ARCHITECTURE.md and in tests/tidy/src/edges.rs first"
        )
    });
    let arrows = edges.iter().filter(|edge| members.contains(&edge.to)).filter_map(|edge| {
        let (_, allowed) = row(&edge.from)?;
        let good = allowed.contains(&edge.to.as_str()) || (edge.dev && edge.to == FOR_TESTS);
        (!good).then(|| {
            let Edge { from, to, .. } = edge;
            format!(
                "{from} -> {to}: not an arrow of ARCHITECTURE.md; let `control` connect the two, or hand the value down"
            )
        })
    });
    strangers.chain(arrows).collect()
}

/// Pure rooms that name a crate of the outer world.
pub fn impure(edges: &[Edge]) -> Vec<Complaint> {
    edges
        .iter()
        .filter(|edge| !edge.dev && PURE.contains(&edge.from.as_str()) && WORLD.contains(&edge.to.as_str()))
        .map(|Edge { from, to, .. }| {
            format!("{from} -> {to}: this room takes bytes and times as arguments; the driver in `paths` does the I/O")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(from: &str, to: &str, dev: bool) -> Edge {
        Edge { from: from.into(), to: to.into(), dev }
    }

    #[test]
    fn a_new_arrow_is_found() {
        let members: Vec<String> = ARROWS.iter().map(|(name, _)| (*name).to_owned()).collect();
        for (from, to, dev, found) in [
            ("server", "control", false, 0),
            ("server", "cameras", false, 1),
            ("server", "base", false, 1),
            ("cameras", "paths", false, 1),
            ("cameras", "paths", true, 1),
            ("engine", "base", false, 1),
            ("paths", "testkit", true, 0),
            ("paths", "testkit", false, 1),
            ("xtask", "control", false, 1),
            ("control", "tokio", false, 0),
        ] {
            assert_eq!(forbidden(&members, &[edge(from, to, dev)]).len(), found, "{from} -> {to} {dev}");
        }
        assert_eq!(forbidden(&["attic".into()], &[]).len(), 1);
    }

    #[test]
    fn a_socket_in_a_pure_room_is_found() {
        assert_eq!(impure(&[edge("engine", "tokio", false)]).len(), 1);
        assert_eq!(impure(&[edge("engine", "tokio", true), edge("paths", "tokio", false)]), [""; 0]);
    }
}
