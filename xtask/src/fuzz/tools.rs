//! The programs behind `xtask fuzz`: cargo-fuzz and the llvm-cov of the nightly toolchain. Their command
//! lines and what they print are known here and nowhere else.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    lines::{self, Runs},
    targets::Target,
};
use crate::evidence::{output, root};

/// Sanitizers and coverage need it (`RUSTUP_TOOLCHAIN`; the rest of the repository is built by another).
const TOOLCHAIN: &str = "nightly";
/// Largest input that is tried: a parser's limits lie below.
const MAX_INPUT_BYTES: u32 = 65_536;
/// An input that takes longer is a finding, and so is one that takes more memory.
const INPUT_TIMEOUT_S: u32 = 10;
const MEMORY_LIMIT_MB: u32 = 1_024;
/// Of the output of a program that failed, so many lines are shown.
const TAIL_LINES: usize = 40;

/// Where things lie, relative to the root. Binaries with and without sanitizer do not share a folder.
const CARGO_FUZZ: &str = "target/tools/bin/cargo-fuzz";
const BUILD: &str = "target/fuzz";
const COVERAGE_BUILD: &str = "target/fuzz-coverage";

/// What one attack came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attack {
    /// From its first input to its last.
    pub(super) took: Duration,
    /// Inputs tried.
    pub(super) runs: u64,
    /// One line a finding: what libFuzzer calls it, and the file that makes it happen.
    pub(super) findings: Vec<String>,
}

/// The programs, found.
#[derive(Debug)]
pub(crate) struct Tools {
    /// The folder of llvm-cov.
    llvm: PathBuf,
    /// As Rust calls this machine.
    host: String,
}

impl Tools {
    /// Looks for them.
    pub(crate) fn find() -> Result<Self, String> {
        let missing = |what: &str| format!("{what} is missing: run `scripts/setup.sh fuzz`");
        let libraries =
            PathBuf::from(output("rustup", &["run", TOOLCHAIN, "rustc", "--print", "target-libdir"]));
        let of_host = libraries.parent().ok_or_else(|| missing("the nightly toolchain"))?;
        let host = of_host.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let llvm = of_host.join("bin");
        if !llvm.join("llvm-cov").exists() || !llvm.join("llvm-profdata").exists() {
            return Err(missing("the nightly toolchain's component llvm-tools"));
        }
        if !root().join(CARGO_FUZZ).exists() {
            return Err(missing("cargo-fuzz"));
        }
        Ok(Self { llvm, host })
    }

    /// By what the figures were had.
    pub(super) fn versions(&self) -> Value {
        let cargo_fuzz = root().join(CARGO_FUZZ);
        let llvm = output(&self.llvm.join("llvm-cov").to_string_lossy(), &["--version"]);
        json!({
            "cargo_fuzz": output(&cargo_fuzz.to_string_lossy(), &["--version"]),
            "rustc": output("rustup", &["run", TOOLCHAIN, "rustc", "--version"]),
            "llvm_cov": llvm.lines().find(|line| line.contains("version")).unwrap_or_default().trim(),
        })
    }

    /// Tries inputs on a target for so long, beginning with its seeds and what was grown before.
    pub(super) fn attack(&self, target: &Target, seconds: u64) -> Result<Attack, String> {
        let grown = grown(target);
        fs::create_dir_all(root().join(&grown)).map_err(|error| format!("{grown}: {error}"))?;
        // First alone, so that a program that cannot be built is no finding.
        let (built, text) = run(&mut self.cargo_fuzz("build", BUILD, target), target)?;
        if !built {
            return Err(format!("fuzz target {} cannot be built:\n{}", target.name, tail(&text)));
        }
        let mut command = self.cargo_fuzz("run", BUILD, target);
        command.args([grown.as_str(), target.seeds, "--"]).args([
            format!("-max_total_time={seconds}"),
            format!("-max_len={MAX_INPUT_BYTES}"),
            format!("-timeout={INPUT_TIMEOUT_S}"),
            format!("-rss_limit_mb={MEMORY_LIMIT_MB}"),
            "-print_final_stats=1".into(),
        ]);
        let began = Instant::now();
        let (good, text) = run(&mut command, target)?;
        let attack = told(&text, began.elapsed());
        if good != attack.findings.is_empty() {
            return Err(format!("fuzz target {} ended unlike itself:\n{}", target.name, tail(&text)));
        }
        if !good {
            eprintln!("{}", tail(&text));
        }
        Ok(attack)
    }

    /// Replays the seeds, and what was grown too if wanted; says how often each line of the parser's
    /// files ran, by file.
    pub(super) fn coverage(
        &self,
        target: &Target,
        with_grown: bool,
    ) -> Result<BTreeMap<String, Runs>, String> {
        let mut command = self.cargo_fuzz("coverage", COVERAGE_BUILD, target);
        // It looks for nothing here but lines.
        command.args(["--sanitizer", "none", target.seeds]);
        if with_grown {
            command.arg(grown(target));
        }
        let (good, text) = run(&mut command, target)?;
        if !good {
            return Err(format!("coverage of {} cannot be measured:\n{}", target.name, tail(&text)));
        }
        let binary = root().join(COVERAGE_BUILD).join(&self.host).join("release").join(target.name);
        let mut export = Command::new(self.llvm.join("llvm-cov"));
        export.args(["export", "--format=lcov", "--instr-profile"]);
        export.arg(root().join("fuzz/coverage").join(target.name).join("coverage.profdata")).arg(binary);
        export.args(target.parser.iter().map(|part| root().join(part.file)));
        let report = export.output().map_err(|error| format!("llvm-cov: {error}"))?;
        if !report.status.success() {
            return Err(format!("llvm-cov: {}", String::from_utf8_lossy(&report.stderr)));
        }
        let files = lines::report(&String::from_utf8_lossy(&report.stdout))?;
        let relative = |(path, runs): (String, Runs)| {
            let path = PathBuf::from(path);
            Some((path.strip_prefix(root()).ok()?.to_str()?.to_owned(), runs))
        };
        Ok(files.into_iter().filter_map(relative).collect())
    }

    fn cargo_fuzz(&self, what: &str, build: &str, target: &Target) -> Command {
        let mut command = Command::new(root().join(CARGO_FUZZ));
        command.args([
            what,
            "--fuzz-dir",
            "fuzz",
            "--target-dir",
            build,
            "--target",
            &self.host,
            target.name,
        ]);
        command.current_dir(root()).env("RUSTUP_TOOLCHAIN", TOOLCHAIN);
        // They are of the toolchain that built this program.
        for name in ["CARGO", "RUSTC", "RUSTDOC", "LD_LIBRARY_PATH"] {
            command.env_remove(name);
        }
        command
    }
}

/// What the fuzzer has learned of a target; git does not keep it.
fn grown(target: &Target) -> String {
    format!("fuzz/corpus-grown/{}", target.name)
}

/// Runs it to its end; did it succeed, and what did it say? All of it goes to a file: a fuzzer says much.
fn run(command: &mut Command, target: &Target) -> Result<(bool, String), String> {
    let log = root().join(BUILD).join(format!("{}.log", target.name));
    let failed = |error: std::io::Error| format!("{}: {error}", log.display());
    fs::create_dir_all(root().join(BUILD)).map_err(failed)?;
    let file = File::create(&log).map_err(failed)?;
    command.stdin(Stdio::null()).stdout(file.try_clone().map_err(failed)?).stderr(file);
    let status = command.status().map_err(|error| format!("cargo-fuzz: {error}"))?;
    let said = fs::read(&log).map_err(failed)?;
    Ok((status.success(), String::from_utf8_lossy(&said).into_owned()))
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

/// Reads what libFuzzer says at its end: with `-print_final_stats`, and of a finding.
fn told(text: &str, took: Duration) -> Attack {
    let number = |line: &str| line.strip_prefix("stat::number_of_executed_units:")?.trim().parse().ok();
    let runs = text.lines().find_map(number).unwrap_or_default();
    // Behind its name a sanitizer may tell where in which source: a path of this machine.
    let kind = text.lines().find_map(|line| line.strip_prefix("SUMMARY: ")?.split('/').next());
    let written = text.lines().filter_map(|line| Some(line.split_once("Test unit written to ")?.1));
    // No more of the path than lies in the repository.
    let file = |path: &str| {
        path.find("fuzz/artifacts/").map_or_else(|| "(a file)".into(), |at| path[at..].to_owned())
    };
    let findings = written.map(|path| format!("{}: {}", kind.unwrap_or("a finding").trim(), file(path)));
    Attack { took, runs, findings: findings.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attack_is_told_by_its_last_lines() {
        let took = Duration::from_secs(31);
        let of = |runs, findings: &[&str]| Attack {
            took,
            runs,
            findings: findings.iter().map(ToString::to_string).collect(),
        };
        let quiet = "#2\tINITED cov: 5\nDone 123456 runs in 31 second(s)\nstat::number_of_executed_units: 123456\n\
                     stat::average_exec_per_sec:     3982\n";
        assert_eq!(told(quiet, took), of(123_456, &[]));
        let loud = |kind: &str| {
            format!(
                "==7== ERROR: {kind}\nSUMMARY: {kind}\nartifact_prefix='/x/fuzz/artifacts/rpc/'; \
                 Test unit written to /x/fuzz/artifacts/rpc/crash-0a\nstat::number_of_executed_units: 9\n"
            )
        };
        let found = "libFuzzer: deadly signal: fuzz/artifacts/rpc/crash-0a";
        assert_eq!(told(&loud("libFuzzer: deadly signal"), took), of(9, &[found]));
        let found = "AddressSanitizer: heap-use-after-free: fuzz/artifacts/rpc/crash-0a";
        assert_eq!(told(&loud("AddressSanitizer: heap-use-after-free /x/a.rs:7"), took), of(9, &[found]));
        assert_eq!(told("error: could not compile", took), of(0, &[]));
    }

    #[test]
    fn the_tail_is_the_end() {
        let lines: Vec<String> = (0..100).map(|n| n.to_string()).collect();
        let text = lines.join("\n");
        assert!(tail(&text).starts_with("60\n") && tail(&text).ends_with("\n99"), "{}", tail(&text));
        assert_eq!(tail("one"), "one");
    }
}
