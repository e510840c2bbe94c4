//! Figures and long runs: `xtask bench [SCENARIO..]`, `xtask storm` and `xtask soak` drive the release binary
//! from outside, `xtask fuzz [TARGET..]` attacks its parsers; all write what they saw to `docs/evidence/`.
//! `xtask docs` writes the documents that are made of what the binary says of itself.
//!
//! *Invariant:* nothing here judges by hearsay: a figure is a file of raw samples with the machine it was
//! taken on, and a summary computed from them.

mod bench;
mod docs;
mod events;
mod evidence;
mod fuzz;
mod listeners;
mod mediamtx;
mod metrics;
mod publisher;
mod readers;
mod reference;
mod service;
mod soak;
mod stats;
mod storm;

use std::process::ExitCode;

const USAGE: &str = "\
xtask bench [SCENARIO..]   measure and write docs/evidence/SCENARIO.json; all of them without a name:
                           idle first-frame snapshot recording-start ten-cameras api connections
                           events mediamtx hotplug rooms
xtask storm                hostile clients: 10,000 wrong logins and 2,000 half-open connections a round
xtask soak                 SOAK_MINUTES (30) of watching, recording, snapshots and killed cameras, then
                           SOAK_FUZZ_SECONDS (600) of `fuzz` for each target of the server
xtask fuzz [TARGET..] [--seconds N]
                           attack a parser for N seconds (600), then measure how much of it its seeds
                           reach; all targets without a name; writes docs/evidence/fuzz-coverage.json
xtask docs [--check]       README.md's table of methods, docs/openrpc.json, docs/reference.md and
                           docs/metrics.md, from target/debug/camera-service
";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["bench", names @ ..] => match bench::chosen(names) {
            Ok(scenarios) => bench::run(&scenarios).await,
            Err(unknown) => return usage(&format!("no scenario {unknown}")),
        },
        ["docs"] => docs::run(false).await,
        ["docs", "--check"] => docs::run(true).await,
        ["storm"] => Box::pin(storm::run()).await,
        ["soak"] => Box::pin(soak::run()).await,
        ["fuzz", words @ ..] => match fuzz::Plan::read(words) {
            Ok(plan) => fuzz::Tools::find().and_then(|tools| fuzz::run(&plan, &tools)),
            Err(unknown) => return usage(&unknown),
        },
        _ => return usage("what shall be done?"),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(missed) => {
            eprintln!("{missed}");
            ExitCode::FAILURE
        }
    }
}

fn usage(what: &str) -> ExitCode {
    eprint!("{what}\n{USAGE}");
    ExitCode::from(2)
}
