//! Which files the rules look at: what git tracks, or, where there is no git, what lies in the folder
//! without build output.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Folders that hold build output or downloads, never sources.
const OUTPUT: [&str; 4] = [".git", "target", "corpus-grown", "node_modules"];

/// One text file of the repository.
#[derive(Debug, Clone)]
pub struct Text {
    /// Relative to the root, with `/`.
    pub path: String,
    /// All of it.
    pub body: String,
}

impl Text {
    /// For examples in tests.
    pub fn new(path: &str, body: &str) -> Self {
        Self { path: path.into(), body: body.into() }
    }
}

/// The files of the repository.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    paths: Vec<String>,
}

impl Tree {
    /// The repository this crate lies in.
    pub fn of_repository() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let paths = tracked(&root).unwrap_or_else(|| walk(&root));
        Self { root, paths }
    }

    /// Where it lies.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// All files, relative to the root, sorted.
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    /// The text files among those `wanted`; what is not UTF-8 is no text.
    pub fn texts(&self, wanted: impl Fn(&str) -> bool) -> Vec<Text> {
        let read = |path: &String| {
            let body = fs::read_to_string(self.root.join(path)).ok()?;
            Some(Text { path: path.clone(), body })
        };
        self.paths.iter().filter(|path| wanted(path)).filter_map(read).collect()
    }

    /// Everything with this ending, such as `.rs`.
    pub fn ending(&self, ending: &str) -> Vec<Text> {
        self.texts(|path| path.ends_with(ending))
    }
}

/// What git tracks and still lies there; `None` without git or outside a checkout.
pub fn tracked(root: &Path) -> Option<Vec<String>> {
    let output = Command::new("git").arg("-C").arg(root).args(["ls-files", "-z"]).output().ok()?;
    if !output.status.success() {
        return None;
    }
    let list = String::from_utf8(output.stdout).ok()?;
    let mut paths: Vec<String> =
        list.split_terminator('\0').filter(|path| root.join(path).is_file()).map(Into::into).collect();
    paths.sort();
    (!paths.is_empty()).then_some(paths)
}

/// Every file below `root` that is not build output.
pub fn walk(root: &Path) -> Vec<String> {
    let (mut paths, mut folders) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if !OUTPUT.iter().any(|output| name == *output) {
                    folders.push(path);
                }
            } else if let Some(path) = path.strip_prefix(root).ok().and_then(Path::to_str) {
                paths.push(path.to_owned());
            }
        }
    }
    paths.sort();
    paths
}
