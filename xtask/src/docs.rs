//! `xtask docs`: the method table of README.md, docs/openrpc.json, docs/reference.md, docs/events.md and docs/metrics.md,
//! made of what the binary itself says of its API and its metrics. `--check` writes nothing and fails when they differ.

use std::{fmt::Write as _, path::Path, process::Command};

use serde_json::Value;

use crate::{events, evidence, metrics, reference};

/// Between these lines of README.md stands the table.
const BEGIN: &str = "<!-- methods: made by `make docs` -->\n";
const END: &str = "<!-- methods end -->\n";

/// Writes what differs, or with `check` only tells it.
pub(crate) async fn run(check: bool) -> Result<(), String> {
    let document = openrpc()?;
    let root = evidence::root();
    let readme_path = root.join("README.md");
    let readme = read(&readme_path)?;
    let table = table(&document)?;
    let (before, rest) =
        readme.split_once(BEGIN).ok_or("README.md lacks the line that begins the methods")?;
    let (_, after) = rest.split_once(END).ok_or("README.md lacks the line that ends the methods")?;
    let text = serde_json::to_string_pretty(&document).map_err(|e| e.to_string())?;
    let wanted = [
        (readme_path, format!("{before}{BEGIN}\n{table}\n{END}{after}")),
        (root.join("docs/openrpc.json"), format!("{text}\n")),
        (root.join("docs/reference.md"), reference::page(&document)?),
        (root.join("docs/metrics.md"), metrics::page(&metrics::served().await?)?),
        (root.join("docs/events.md"), events::page(&document)?),
    ];
    let mut stale = Vec::new();
    for (path, text) in wanted {
        if read(&path).is_ok_and(|old| old == text) {
            continue;
        }
        stale.push(path.strip_prefix(&root).unwrap_or(&path).display().to_string());
        if !check {
            std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
        }
    }
    match (stale.as_slice(), check) {
        ([], _) => Ok(()),
        (stale, true) => Err(format!("{} differ from the code: run `make docs`", stale.join(" and "))),
        (stale, false) => {
            println!("written: {}", stale.join(", "));
            Ok(())
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// What the binary that was built last says of itself, without what changes with each build.
fn openrpc() -> Result<Value, String> {
    let binary = evidence::root().join("target/debug/camera-service");
    let told =
        Command::new(&binary).arg("openrpc").output().map_err(|e| format!("{}: {e}", binary.display()))?;
    if !told.status.success() {
        return Err(format!("`camera-service openrpc` failed: {}", told.status));
    }
    serde_json::from_slice(&told.stdout).map_err(|e| format!("`camera-service openrpc`: {e}"))
}

fn table(document: &Value) -> Result<String, String> {
    let mut table = "| Method | Least role | What it does |\n|---|---|---|\n".to_owned();
    for method in document["methods"].as_array().ok_or("no methods")? {
        let text = |key: &str| method[key].as_str();
        let name = text("name").ok_or("a method without a name")?;
        let summary = text("summary").ok_or_else(|| format!("{name} has no summary"))?;
        let role = text("x-role").unwrap_or("none");
        writeln!(table, "| `{name}` | {role} | {summary} |").map_err(|e| e.to_string())?;
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_for_each_method() {
        let document = json!({"methods": [
            {"name": "authenticate", "summary": "Sign in", "x-role": null},
            {"name": "ping", "summary": "A sign of life", "x-role": "viewer"},
        ]});
        let rows = "| `authenticate` | none | Sign in |\n| `ping` | viewer | A sign of life |\n";
        assert!(table(&document).unwrap().ends_with(rows));
        assert!(table(&json!({"methods": [{"name": "x"}]})).is_err());
    }
}
