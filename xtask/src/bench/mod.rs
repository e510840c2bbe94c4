//! `xtask bench`: one scenario a file, each with its own service and its own evidence.

mod api;
mod connections;
mod events;
mod first_frame;
mod hotplug;
mod idle;
mod inside;
mod mediamtx;
mod recording_start;
mod rooms;
mod snapshot;
mod ten_cameras;

use std::{pin::Pin, time::Duration};

use crate::{evidence::Source, service};

/// What went wrong, or the goals that were missed.
pub(crate) type Outcome = Result<Vec<String>, String>;
type Run = fn(Source) -> Pin<Box<dyn Future<Output = Outcome>>>;

/// A scenario by name.
pub(crate) type Scenario = (&'static str, Run);

const ALL: [Scenario; 11] = [
    ("idle", |source| Box::pin(idle::run(source))),
    ("first-frame", |source| Box::pin(first_frame::run(source))),
    ("snapshot", |source| Box::pin(snapshot::run(source))),
    ("recording-start", |source| Box::pin(recording_start::run(source))),
    ("ten-cameras", |source| Box::pin(ten_cameras::run(source))),
    ("api", |source| Box::pin(api::run(source))),
    ("connections", |source| Box::pin(connections::run(source))),
    ("events", |source| Box::pin(events::run(source))),
    ("mediamtx", |source| Box::pin(mediamtx::run(source))),
    ("hotplug", |source| Box::pin(async { hotplug::run(source) })),
    ("rooms", |source| Box::pin(async { rooms::run(source) })),
];

/// The scenarios of these names, all of them without a name; or the first name nobody knows.
pub(crate) fn chosen(names: &[&str]) -> Result<Vec<Scenario>, String> {
    if names.is_empty() {
        return Ok(ALL.to_vec());
    }
    let find = |name: &&str| ALL.into_iter().find(|(known, _)| known == name).ok_or((*name).to_owned());
    names.iter().map(find).collect()
}

/// Runs them one after the other; all of them, whatever the first one says.
pub(crate) async fn run(scenarios: &[Scenario]) -> Result<(), String> {
    let source = service::build()?;
    let mut wrong = Vec::new();
    for (name, scenario) in scenarios {
        println!("==> {name}");
        match scenario(source.clone()).await {
            Ok(missed) => wrong.extend(missed),
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(format!("missed:\n  {}", wrong.join("\n  "))) }
}

/// Waits a different part of `whole` each time, spread evenly (the golden ratio's multiples): what comes
/// periodically, such as key frames, is met in every phase.
pub(crate) async fn drift(number: usize, whole: Duration) {
    const GOLDEN: f64 = 0.618_033_988_75;
    tokio::time::sleep(whole.mul_f64((number as f64 * GOLDEN).fract())).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_are_found_by_name() {
        let names = |wanted: &[&str]| {
            chosen(wanted).map(|found| found.iter().map(|(name, _)| *name).collect::<Vec<_>>())
        };
        assert_eq!(names(&["api", "idle"]), Ok(vec!["api", "idle"]));
        assert_eq!(names(&[]).unwrap().len(), ALL.len());
        assert_eq!(names(&["api", "nothing"]), Err("nothing".into()));
    }
}
