//! `xtask fuzz`: attacks parsers with cargo-fuzz, then measures by source coverage how much of each its
//! seeds reach, and writes both to `docs/evidence/fuzz-coverage.json`. `lines` decides which lines count,
//! `targets` holds the table, `tools` starts the programs.
//!
//! *Invariant:* coverage is told of the parser alone. The rest of a target (what it asserts, what it was
//! linked with) would make any figure look good.

mod lines;
mod targets;
mod tools;

use std::{collections::BTreeMap, fs};

use lines::{Runs, counted};
use serde_json::{Value, json};
use targets::{Of, Target};
pub(crate) use tools::Tools;

use crate::evidence::{Evidence, Source, root};

/// How long each target is attacked when nothing else is asked for.
pub(crate) const DEFAULT_SECONDS: u64 = 600;
/// A day: longer is asked for by mistake.
pub(crate) const MAX_SECONDS: u64 = 24 * 60 * 60;
/// What the seeds alone must reach of each parser: they are what `make test` replays.
const GOAL_PERCENT: f64 = 80.0;

/// What shall be attacked, and for how long.
#[derive(Debug)]
pub(crate) struct Plan {
    targets: Vec<Target>,
    seconds: u64,
}

impl Plan {
    /// The targets that read what a client or an operator hands to the server.
    pub(crate) fn of_the_server(seconds: u64) -> Self {
        Self { targets: targets::of_the_server(), seconds }
    }

    /// Reads the words behind `fuzz`: names of targets (all of them without one) and `--seconds N`.
    ///
    /// # Errors
    /// A word nobody knows.
    pub(crate) fn read(words: &[&str]) -> Result<Self, String> {
        let (mut names, mut seconds, mut words) = (Vec::new(), DEFAULT_SECONDS, words.iter());
        while let Some(word) = words.next() {
            if *word == "--seconds" {
                let given = words.next().and_then(|text| text.parse().ok());
                let good = given.filter(|given| (1..=MAX_SECONDS).contains(given));
                seconds = good.ok_or_else(|| format!("--seconds is 1 to {MAX_SECONDS}"))?;
            } else {
                names.push(*word);
            }
        }
        Ok(Self { targets: targets::chosen(&names)?, seconds })
    }
}

/// Attacks one target after the other and measures it; all of them, whatever the first one says.
///
/// # Errors
/// A finding, a parser whose seeds reach too little of it, or a program that does not do its work.
pub(crate) fn run(plan: &Plan, tools: &Tools) -> Result<(), String> {
    let names: Vec<&str> = plan.targets.iter().map(|target| target.name).collect();
    let parameters = json!({"targets": names, "seconds_each": plan.seconds, "tools": tools.versions()});
    let mut evidence = Evidence::new("fuzz-coverage", Source::now(), parameters);
    let mut wrong = Vec::new();
    for target in &plan.targets {
        println!("==> fuzz {}, {} s", target.name, plan.seconds);
        if let Err(error) = one(target, plan.seconds, tools, &mut evidence) {
            // The file must not look complete without it.
            evidence.goal_at_least(&format!("{}: attacked and measured", target.name), 0.0, 1.0);
            wrong.push(error);
        }
    }
    wrong.extend(evidence.write());
    if wrong.is_empty() { Ok(()) } else { Err(format!("missed:\n  {}", wrong.join("\n  "))) }
}

fn one(target: &Target, seconds: u64, tools: &Tools, evidence: &mut Evidence) -> Result<(), String> {
    let attack = tools.attack(target, seconds)?;
    let seeds = measured(target, &tools.coverage(target, false)?)?;
    let grown = measured(target, &tools.coverage(target, true)?)?;
    let name = target.name;
    println!("  {:<12} runs {:>10}   findings {}", name, attack.runs, attack.findings.len());
    println!(
        "  {:<12} lines {:>9}   from the seeds {:.1} %   with what was grown {:.1} %",
        "",
        seeds.lines,
        seeds.percent(),
        grown.percent()
    );
    evidence.goal(&format!("{name}: findings"), attack.findings.len() as f64, 0.0);
    evidence.goal_at_least(
        &format!("{name}: lines of the parser that its seeds reach, percent"),
        seeds.percent(),
        GOAL_PERCENT,
    );
    evidence.record(
        name,
        json!({
            "seconds": attack.took.as_secs(),
            "runs": attack.runs,
            "findings": attack.findings,
            "lines": seeds.lines,
            "covered_by_seeds": seeds.covered,
            "percent_by_seeds": seeds.percent(),
            "covered_with_grown": grown.covered,
            "percent_with_grown": grown.percent(),
            "files": seeds.files,
        }),
    );
    Ok(())
}

/// Coverage of one parser.
#[derive(Debug, Default)]
struct Measured {
    /// Lines with code.
    lines: usize,
    /// Lines of these that ran.
    covered: usize,
    files: Vec<Value>,
}

impl Measured {
    fn percent(&self) -> f64 {
        (1e3 * self.covered as f64 / self.lines.max(1) as f64).round() / 10.0
    }
}

/// Counts the lines of a target's parser in what llvm-cov reports of its files.
fn measured(target: &Target, report: &BTreeMap<String, Runs>) -> Result<Measured, String> {
    let mut whole = Measured::default();
    for part in target.parser {
        let source = fs::read_to_string(root().join(part.file)).map_err(|e| format!("{}: {e}", part.file))?;
        let counted = counted(&source, part.of).map_err(|what| format!("{}: {what}", part.file))?;
        let none = || format!("{}: {} is not part of what it attacks", target.name, part.file);
        let runs = report.get(part.file).ok_or_else(none)?;
        let runs: Vec<_> = runs.iter().filter(|(line, _)| counted.contains(line)).collect();
        if runs.is_empty() {
            return Err(none());
        }
        let missed: Vec<usize> =
            runs.iter().filter(|(_, runs)| **runs == 0).map(|(line, _)| **line).collect();
        whole.lines += runs.len();
        whole.covered += runs.len() - missed.len();
        whole.files.push(json!({
            "file": part.file,
            "functions": match part.of {
                Of::File => json!("all"),
                Of::Only(names) => json!({"only": names}),
                Of::Without(names) => json!({"without": names}),
            },
            "lines": runs.len(),
            "covered_by_seeds": runs.len() - missed.len(),
            "missed_by_seeds": missed,
        }));
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_a_plan() {
        let names = |words: &[&str]| {
            let plan = Plan::read(words)?;
            Ok((plan.targets.iter().map(|target| target.name).collect::<Vec<_>>(), plan.seconds))
        };
        assert_eq!(names(&["jwt", "--seconds", "30", "rpc"]), Ok((vec!["jwt", "rpc"], 30)));
        assert_eq!(names(&[]).map(|(names, seconds)| (names.len(), seconds)), Ok((targets::ALL.len(), 600)));
        for wrong in [&["nothing"][..], &["--seconds"], &["--seconds", "0"], &["--seconds", "rpc"], &["-x"]] {
            assert!(names(wrong).is_err_and(|what: String| !what.is_empty()), "{wrong:?}");
        }
    }

    #[test]
    fn only_lines_of_the_parser_are_counted() {
        let file = "crates/server/src/http/range.rs";
        let source = fs::read_to_string(root().join(file)).unwrap();
        let parse = 1 + source.lines().position(|line| line.contains("fn parse(")).unwrap();
        let fuzz = 1 + source.lines().position(|line| line.contains("fn fuzz(")).unwrap();
        let [target] = targets::chosen(&["range"]).unwrap()[..] else { panic!("one name, one target") };
        let report =
            |runs: &[(usize, u64)]| BTreeMap::from([(file.to_owned(), runs.iter().copied().collect())]);
        let all =
            measured(&target, &report(&[(parse, 3), (parse + 1, 0), (parse + 2, 1), (fuzz, 9)])).unwrap();
        assert_eq!((all.lines, all.covered, all.percent()), (3, 2, 66.7));
        assert_eq!(all.files[0]["missed_by_seeds"], json!([parse + 1]));
        let error = measured(&target, &report(&[(fuzz, 9)])).unwrap_err();
        assert_eq!(error, format!("range: {file} is not part of what it attacks"));
        assert!(measured(&target, &BTreeMap::new()).is_err());
    }
}
