//! The test program on the host: one guest for all tests, and their results in the standard harness's words, so that
//! `.ci/run` counts them. A guest that hangs is ended, and what it said last is shown.

use std::{
    collections::BTreeMap,
    process::ExitCode,
    time::{Duration, Instant},
};

use crate::{
    film,
    machine::{self, Machine},
};

/// Longest test. The longest one takes less than a minute on a calm machine.
const TEST_LIMIT: Duration = Duration::from_secs(240);
/// What the standard harness's programs end with.
const FAILED: u8 = 101;

/// What became of one test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed,
}

/// Runs these tests in a guest; `filtered`: those nobody wants now.
pub fn run(names: &[&str], filtered: usize) -> ExitCode {
    println!("\nrunning {} tests", names.len());
    if names.is_empty() {
        return conclude(names, &BTreeMap::new(), filtered, Duration::ZERO);
    }
    if let Err(why) = machine::prepare() {
        // In the standard harness's words they are ignored: told as neither passed nor failed.
        println!("!!! VM SKIPPED {} tests: {why}", names.len());
        println!(
            "\ntest result: ok. 0 passed; 0 failed; {} ignored; 0 measured; {filtered} filtered out\n",
            names.len()
        );
        return ExitCode::SUCCESS;
    }
    let began = Instant::now();
    // Says how to build it if it is missing; in the guest that would be said once for each test.
    let _ = testkit::service::binary();
    let program = std::env::current_exe().expect("the kernel tells every program its file");
    let arguments: Vec<&str> = std::iter::once("--exact").chain(names.iter().copied()).collect();
    let guest = Machine::boot(&program, &arguments, film::make);
    let verdicts = watch(&guest, names);
    if verdicts.len() < names.len() {
        for log in ["qemu", "console"] {
            println!("{}", guest.last_words(log));
        }
    }
    if verdicts.values().any(|verdict| *verdict == Verdict::Failed) {
        println!("{}", guest.last_words("dmesg"));
    }
    conclude(names, &verdicts, filtered, began.elapsed())
}

/// Shows what the guest says and notes the verdicts in it, until all are there, or it says no more.
fn watch<'a>(guest: &Machine, names: &[&'a str]) -> BTreeMap<&'a str, Verdict> {
    let mut verdicts = BTreeMap::new();
    let mut until = Instant::now() + TEST_LIMIT;
    loop {
        match guest.line(until.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                println!("{line}");
                if let Some((name, verdict)) = verdict(&line, names) {
                    verdicts.insert(name, verdict);
                    until = Instant::now() + TEST_LIMIT;
                }
            }
            Err(error) => {
                if verdicts.len() < names.len() {
                    println!("the guest has ended or says nothing any more: {error}");
                }
                return verdicts;
            }
        }
    }
}

/// `test NAME ... ok <1.2s>`.
fn verdict<'a>(line: &str, names: &[&'a str]) -> Option<(&'a str, Verdict)> {
    let (name, rest) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let name = names.iter().find(|known| **known == name)?;
    let verdict = match rest.split(' ').next()? {
        "ok" => Verdict::Passed,
        "FAILED" => Verdict::Failed,
        _ => return None,
    };
    Some((name, verdict))
}

/// The closing line. A test without a verdict has failed: it hung, or never began.
fn conclude(names: &[&str], verdicts: &BTreeMap<&str, Verdict>, filtered: usize, took: Duration) -> ExitCode {
    let passed = verdicts.values().filter(|verdict| **verdict == Verdict::Passed).count();
    for name in names.iter().filter(|name| !verdicts.contains_key(*name)) {
        println!("test {name} ... FAILED (the guest did not finish it)");
    }
    let failed = names.len() - passed;
    println!(
        "\ntest result: {}. {passed} passed; {failed} failed; 0 ignored; 0 measured; {filtered} filtered out; \
         finished in {:.2}s\n",
        if failed == 0 { "ok" } else { "FAILED" },
        took.as_secs_f64()
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_harness_gives_verdicts() {
        for (line, want) in [
            ("test a::b ... ok <1.2s>", Some(("a::b", Verdict::Passed))),
            ("test a::b ... FAILED <1.2s>", Some(("a::b", Verdict::Failed))),
            ("test a::c ... ok <1.2s>", None),
            ("test a::b ... perhaps", None),
            ("a test a::b ... ok", None),
        ] {
            assert_eq!(verdict(line, &["a::a", "a::b"]), want, "{line}");
        }
    }

    #[test]
    fn a_test_without_a_verdict_has_failed() {
        let all = BTreeMap::from([("a", Verdict::Passed)]);
        let code = |names: &[&str]| format!("{:?}", conclude(names, &all, 0, Duration::ZERO));
        assert_eq!(code(&["a"]), format!("{:?}", ExitCode::SUCCESS));
        assert_eq!(code(&["a", "b"]), format!("{:?}", ExitCode::from(FAILED)));
    }
}
