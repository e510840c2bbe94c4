//! The benches beside the rooms' code (`crates/*/benches`), with their samples kept.

use serde_json::json;

use super::{Outcome, inside};
use crate::evidence::{Evidence, Source};

const ROOMS: [&str; 2] = ["engine", "media"];

pub(super) fn run(source: Source) -> Outcome {
    let mut evidence =
        Evidence::new("rooms", source, json!({"rooms": ROOMS, "command": "cargo bench -p ROOM"}));
    for room in ROOMS {
        for measured in inside::run(room, room)? {
            let micros: Vec<f64> = measured.samples_ns.iter().map(|ns| ns / 1e3).collect();
            evidence.samples(&format!("{} (us)", measured.name), &micros);
        }
    }
    Ok(evidence.write())
}
