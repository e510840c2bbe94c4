//! What the kernel says of video nodes (sysfs), for tests that must know which node a camera has just now. Not a camera's own
//! answers: those are the service's to find out.

use std::{fs, path::Path};

/// One node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node {
    /// N of `videoN`.
    pub number: u16,
    /// What its driver calls it.
    pub name: String,
    /// Which one of its device it is; a UVC camera's 1 carries metadata.
    pub index: u16,
}

/// All nodes, by number.
pub fn all() -> Vec<Node> {
    let entries = fs::read_dir("/sys/class/video4linux").into_iter().flatten().flatten();
    let mut nodes: Vec<Node> = entries.filter_map(|entry| node(&entry.path())).collect();
    nodes.sort();
    nodes
}

/// The numbers of the first nodes of the devices of that name.
pub fn numbers(name: &str) -> Vec<u16> {
    all()
        .iter()
        .filter(|node| node.name.starts_with(name) && node.index == 0)
        .map(|node| node.number)
        .collect()
}

fn node(folder: &Path) -> Option<Node> {
    let number = folder.file_name()?.to_str()?.strip_prefix("video")?.parse().ok()?;
    let text = |what: &str| Some(fs::read_to_string(folder.join(what)).ok()?.trim().to_owned());
    Some(Node { number, name: text("name")?, index: text("index")?.parse().ok()? })
}
