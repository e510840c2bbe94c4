//! The benches beside the rooms' code (`crates/*/benches`), with their samples kept.

use std::process::Command;

use serde_json::{Value, json};

use super::Outcome;
use crate::evidence::{self, Evidence, Source};

const ROOMS: [&str; 2] = ["engine", "media"];

pub(super) fn run(source: Source) -> Outcome {
    let mut evidence =
        Evidence::new("rooms", source, json!({"rooms": ROOMS, "command": "cargo bench -p ROOM"}));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    for room in ROOMS {
        let arguments = ["bench", "--locked", "--quiet", "--package", room, "--bench", room];
        // Nothing else happens meanwhile, so that waiting here disturbs nobody.
        let run = Command::new(&cargo).args(arguments).current_dir(evidence::root()).output();
        let run = run.map_err(|error| format!("cargo: {error}"))?;
        if !run.status.success() {
            return Err(format!("bench of {room}: {}", String::from_utf8_lossy(&run.stderr)));
        }
        let text = String::from_utf8_lossy(&run.stdout);
        let measured = text.lines().filter(|line| line.starts_with('{'));
        for line in measured {
            let line: Value =
                serde_json::from_str(line).map_err(|error| format!("{room}: {error}: {line}"))?;
            let name = line["name"].as_str().ok_or_else(|| format!("no name: {line}"))?;
            let samples: Option<Vec<f64>> =
                line["samples"].as_array().map(|all| all.iter().filter_map(Value::as_f64).collect());
            let samples =
                samples.filter(|samples| !samples.is_empty()).ok_or_else(|| format!("no samples: {line}"))?;
            let micros: Vec<f64> = samples.iter().map(|ns| ns / 1e3).collect();
            evidence.samples(&format!("{name} (us)"), &micros);
        }
    }
    Ok(evidence.write())
}
