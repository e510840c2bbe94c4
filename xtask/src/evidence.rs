//! The files in `docs/evidence/`: what was run, where, how busy the machine was, every sample, and the
//! numbers made of them. No path of this machine, no name of its user.

use std::{fs, path::PathBuf, process::Command};

use serde_json::{Map, Value, json};

use crate::stats::{Summary, rounded};

/// What the measured binary was built from, noted when it was: a long run ends in another world.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    commit: String,
    /// Something in the crates was not committed.
    changed: bool,
}

impl Source {
    /// As the checkout is now.
    pub(crate) fn now() -> Self {
        let changes = output("git", &["status", "--porcelain", "--", "crates", "Cargo.lock"]);
        Self { commit: output("git", &["rev-parse", "HEAD"]), changed: !changes.is_empty() }
    }
}

/// One file being gathered.
#[derive(Debug)]
pub(crate) struct Evidence {
    name: &'static str,
    source: Source,
    load_before: Vec<f64>,
    date: String,
    parameters: Value,
    samples: Map<String, Value>,
    summary: Map<String, Value>,
    goals: Vec<Value>,
    missed: Vec<String>,
}

impl Evidence {
    /// Begins at the scenario's beginning: it notes how busy the machine was before.
    pub(crate) fn new(name: &'static str, source: Source, parameters: Value) -> Self {
        Self {
            name,
            source,
            load_before: load(),
            date: output("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]),
            parameters,
            samples: Map::new(),
            summary: Map::new(),
            goals: Vec::new(),
            missed: Vec::new(),
        }
    }

    /// Keeps samples under a name that ends in their unit, with their summary.
    pub(crate) fn samples(&mut self, name: &str, samples: &[f64]) -> Summary {
        let summary = Summary::of(samples);
        let rounded: Vec<f64> = samples.iter().copied().map(rounded).collect();
        self.samples.insert(name.to_owned(), json!(rounded));
        self.summary.insert(name.to_owned(), summary.json());
        println!(
            "  {name:<44} n {:>4}   p50 {:>9.3}   p95 {:>9.3}   max {:>9.3}",
            summary.count, summary.p50, summary.p95, summary.max
        );
        summary
    }

    /// Keeps one number.
    pub(crate) fn value(&mut self, name: &str, value: f64) {
        self.summary.insert(name.to_owned(), json!(rounded(value)));
        println!("  {name:<44} {value:>9.3}");
    }

    /// Keeps a fact in words.
    pub(crate) fn fact(&mut self, name: &str, text: &str) {
        self.summary.insert(name.to_owned(), json!(text));
        println!("  {name:<44} {text}");
    }

    /// Keeps what has its own form.
    pub(crate) fn record(&mut self, name: &str, value: Value) {
        self.summary.insert(name.to_owned(), value);
    }

    /// Judges: `measured` must not exceed `at_most`.
    pub(crate) fn goal(&mut self, what: &str, measured: f64, at_most: f64) {
        let met = measured <= at_most;
        self.goals.push(json!({"what": what, "at_most": at_most, "measured": rounded(measured), "met": met}));
        if !met {
            self.missed.push(format!("{}: {what}: {measured:.3}, at most {at_most}", self.name));
        }
    }

    /// Judges: `measured` must reach `at_least`.
    pub(crate) fn goal_at_least(&mut self, what: &str, measured: f64, at_least: f64) {
        let met = measured >= at_least;
        self.goals
            .push(json!({"what": what, "at_least": at_least, "measured": rounded(measured), "met": met}));
        if !met {
            self.missed.push(format!("{}: {what}: {measured:.3}, at least {at_least}", self.name));
        }
    }

    /// Writes the file; what missed its goal is said once more.
    ///
    /// # Panics
    /// If the repository cannot be written.
    pub(crate) fn write(self) -> Vec<String> {
        let file = root().join("docs/evidence").join(format!("{}.json", self.name));
        let value = json!({
            "scenario": self.name,
            "command": command(),
            "commit": self.source.commit,
            "uncommitted_changes": self.source.changed,
            "date": self.date,
            "machine": machine(&self.load_before),
            "parameters": self.parameters,
            "goals": self.goals,
            "summary": self.summary,
            "samples": self.samples,
        });
        let text = written(&value);
        fs::write(&file, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", file.display()));
        println!("  -> docs/evidence/{}.json", self.name);
        self.missed
    }
}

/// The root of the repository: this program is only ever run from a checkout.
pub(crate) fn root() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("xtask lies in the repository's root").to_owned()
}

/// Pretty, but each list of numbers on one line: a person reads the rest.
fn written(value: &Value) -> String {
    let pretty = serde_json::to_string_pretty(value).expect("a value of JSON can be written");
    let mut text = String::with_capacity(pretty.len());
    let mut lines = pretty.lines().peekable();
    let is_number = |line: &str| line.trim_start().starts_with(|c: char| c.is_ascii_digit() || c == '-');
    while let Some(line) = lines.next() {
        text.push_str(line);
        if line.ends_with('[') && lines.peek().is_some_and(|next| is_number(next)) {
            while let Some(number) = lines.next_if(|next| is_number(next)) {
                text.push_str(number.trim_start());
                if number.ends_with(',') {
                    text.push(' ');
                }
            }
            text.push_str(lines.next().unwrap_or_default().trim_start());
        }
        text.push('\n');
    }
    text
}

fn machine(load_before: &[f64]) -> Value {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned()))
    };
    let memory = field(&fs::read_to_string("/proc/meminfo").unwrap_or_default(), "MemTotal");
    json!({
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "cpu": field(&cpu, "model name"),
        "memory": memory,
        // Without what its builder has added to the name.
        "kernel": output("uname", &["-sr"]).split('-').next(),
        "load_average_before": load_before,
        "load_average_after": load(),
        "ffmpeg": output("ffmpeg", &["-version"]).lines().next().and_then(|line| line.split(' ').nth(2)),
    })
}

/// The machine's load averages over 1, 5 and 15 minutes.
fn load() -> Vec<f64> {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).filter_map(|number| number.parse().ok()).collect()
}

/// What a person types to get this again.
fn command() -> String {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let profile = if cfg!(debug_assertions) { "" } else { "--release " };
    format!("cargo run --locked {profile}--package xtask -- {}", words.join(" "))
}

/// A program's standard output without its last line feed; empty when there is none.
pub(crate) fn output(program: &str, arguments: &[&str]) -> String {
    let run = Command::new(program).args(arguments).current_dir(root()).output();
    run.map(|run| String::from_utf8_lossy(&run.stdout).trim_end().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_numbers_stands_on_one_line() {
        let value = json!({"a": [1.5, 2, -3], "b": {"c": [], "d": ["x", "y"]}, "e": [{"f": 1}], "g": 7});
        let text = written(&value);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        assert!(text.contains("\"a\": [1.5, 2, -3],\n") && text.contains("\"e\": [\n    {\n"), "{text}");
    }
}
