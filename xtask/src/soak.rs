//! `xtask soak`: everything at once for long, with cameras that die. Asserts what a week in a cellar asks
//! for: memory that does not grow, descriptors that come back, no video program left behind. Then the
//! parsers of what clients send are attacked for as long as `fuzz` does it.

use std::{
    collections::BTreeSet,
    fs,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid as NixPid,
};
use serde_json::{Value, json};
use testkit::{Pid, Player, Rpc, Service, Transport, ffmpeg::probe};

use crate::{
    evidence::Evidence,
    fuzz,
    service::{self, START_LIMIT, mb},
    stats::Summary,
};

const CAMERAS: usize = 3;
const DEFAULT_MINUTES: u64 = 30;
/// A day: longer is asked for by mistake.
const MAX_MINUTES: u64 = 24 * 60;
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
const KILL_INTERVAL: Duration = Duration::from_secs(20);
const SNAPSHOT_INTERVAL: Duration = Duration::from_millis(500);
const RECORDING: Duration = Duration::from_secs(15);
const VISIT: Duration = Duration::from_millis(700);
/// What grows until here is caches and pools filling.
const WARM_UP_PART: f64 = 0.25;
const GOAL_GROWTH_PERCENT: f64 = 10.0;
/// How long after the last viewer the cameras must be off.
const QUIET_LIMIT: Duration = Duration::from_secs(20);

/// What happened meanwhile.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    done: u64,
    /// Refused, as the contract allows while a camera restarts.
    refused: u64,
}

/// Runs it to its end: both parts, whatever the first one says.
pub(crate) async fn run() -> Result<(), String> {
    let minutes = asked("SOAK_MINUTES", DEFAULT_MINUTES, MAX_MINUTES)?;
    let seconds = asked("SOAK_FUZZ_SECONDS", fuzz::DEFAULT_SECONDS, fuzz::MAX_SECONDS)?;
    // What is missing is told now, and not when the first part is over.
    let tools = fuzz::Tools::find()?;
    let parts = [Box::pin(under_load(minutes)).await, fuzz::run(&fuzz::Plan::of_the_server(seconds), &tools)];
    let wrong: Vec<String> = parts.into_iter().filter_map(Result::err).collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

async fn under_load(minutes: u64) -> Result<(), String> {
    let source = service::build()?;
    let whole = Duration::from_secs(60 * minutes);
    let parameters = json!({
        "minutes": minutes, "cameras": CAMERAS, "camera": service::PICTURE,
        "a_camera_killed_every_s": KILL_INTERVAL.as_secs(), "recording_s": RECORDING.as_secs(),
        "segment_s": 5, "a_snapshot_every_ms": SNAPSHOT_INTERVAL.as_millis() as u64,
    });
    let mut evidence = Evidence::new("soak", source, parameters);
    let setup = service::with_cameras(CAMERAS)
        .set("stream.viewing.close_after", "1s")
        .set("stream.snapshot.close_after", "1s")
        .set("recording.segment_duration", "5s");
    let mut service = setup.start().await;
    let mut devices = Vec::new();
    for number in 0..CAMERAS {
        devices.push(service::device(&mut service, number).await);
    }
    let fds_before = quiet_fds(&service, &devices).await?;
    let until = Instant::now() + whole;
    let (watched, visits, snapshots, recordings, kills, looks) = tokio::try_join!(
        watch(&service, &devices, until),
        visit(&service, &devices, until),
        snapshots(&service, &devices, until),
        record(&service, &devices, until),
        kill_cameras(&service, until),
        look(&service, until),
    )?;
    let fds_after = quiet_fds(&service, &devices).await?;
    let status = service.terminate(QUIET_LIMIT).await;
    let left: Vec<&Seen> = looks.ffmpegs.iter().filter(|seen| seen.is_alive()).collect();
    for Seen { pid, .. } in &left {
        evidence.fact(&format!("left_{}", pid.0), &pid.arguments().join(" "));
    }

    for (name, counts) in [("watched_pictures", watched), ("visits", visits), ("snapshots", snapshots)] {
        evidence.value(name, counts.done as f64);
        evidence.value(&format!("{name}_refused"), counts.refused as f64);
    }
    evidence.value("recordings", recordings.done as f64);
    evidence.value("cameras_killed", kills as f64);
    evidence.value("video_programs_seen", looks.ffmpegs.len() as f64);
    evidence.samples("rss_mb", &looks.rss_mb);
    evidence.samples("open_fds", &looks.fds);
    evidence.samples("threads", &looks.threads);
    evidence.value("quiet_fds_before", fds_before as f64);
    evidence.value("quiet_fds_after", fds_after as f64);
    let growth = growth_percent(&looks.rss_mb);
    evidence.value("rss_growth_percent", growth);
    evidence.goal("growth of resident memory after warm-up, percent", growth, GOAL_GROWTH_PERCENT);
    evidence.goal("descriptors left open", fds_after as f64 - fds_before as f64, 0.0);
    evidence.goal("video programs left", left.len() as f64, 0.0);
    evidence.goal("exit status", f64::from(status.code().unwrap_or(-1)).abs(), 0.0);
    // While a camera restarts, a caller or two may be turned away; more would be an outage.
    let bearable = 3.0 * kills as f64;
    evidence.goal("snapshots refused", snapshots.refused as f64, bearable);
    evidence.goal("viewers refused or lost", (visits.refused + watched.refused) as f64, bearable);
    let missed = evidence.write();
    if missed.is_empty() { Ok(()) } else { Err(format!("missed:\n  {}", missed.join("\n  "))) }
}

/// A number from the environment, from 1 to `most`.
fn asked(name: &str, default: u64, most: u64) -> Result<u64, String> {
    let Ok(text) = std::env::var(name) else { return Ok(default) };
    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("{name} is 1 to {most}, not {text}"))
}

/// Median of the last quarter against that of the first one after warm-up.
fn growth_percent(rss_mb: &[f64]) -> f64 {
    let warm = &rss_mb[(rss_mb.len() as f64 * WARM_UP_PART) as usize..];
    let part = warm.len().div_ceil(4).max(1);
    let (first, last) = (Summary::of(&warm[..part]), Summary::of(&warm[warm.len() - part..]));
    (last.p50 / first.p50 - 1.0) * 100.0
}

/// Open descriptors once every camera has been used and is off again.
async fn quiet_fds(service: &Service, devices: &[String]) -> Result<usize, String> {
    let mut rpc = service::admin(service).await;
    for device in devices {
        rpc.ok("take_snapshot", json!({"device": device})).await;
    }
    drop(rpc);
    service.ffmpegs_become(0, QUIET_LIMIT).await;
    // The connection's own descriptor goes a moment after it.
    let mut fewest = usize::MAX;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        fewest = fewest.min(service.pid().open_fds().ok_or("the service has ended")?);
    }
    Ok(fewest)
}

/// One viewer for each camera, from beginning to end.
async fn watch(service: &Service, devices: &[String], until: Instant) -> Result<Counts, String> {
    let rtsp = service.rtsp().await;
    let mut tasks = tokio::task::JoinSet::new();
    for (number, device) in devices.iter().cloned().enumerate() {
        let transport = if number % 2 == 0 { Transport::Tcp } else { Transport::Udp };
        tasks.spawn(async move {
            let mut counts = Counts::default();
            while Instant::now() < until {
                let Ok(mut player) = Player::open(rtsp, &device, transport).await else {
                    counts.refused += 1;
                    pause(Duration::from_secs(1), until).await;
                    continue;
                };
                while Instant::now() < until && player.frame().await.is_ok() {
                    counts.done += 1;
                }
                counts.refused += u64::from(Instant::now() < until);
            }
            counts
        });
    }
    let mut all = Counts::default();
    while let Some(counts) = tasks.join_next().await {
        let counts = counts.map_err(|error| error.to_string())?;
        all.done += counts.done;
        all.refused += counts.refused;
    }
    Ok(all)
}

/// Viewers who come and go; every fifth one leaves without a word.
async fn visit(service: &Service, devices: &[String], until: Instant) -> Result<Counts, String> {
    let rtsp = service.rtsp().await;
    let mut counts = Counts::default();
    for number in 0.. {
        if Instant::now() >= until {
            break;
        }
        let transport = if number % 2 == 0 { Transport::Udp } else { Transport::Tcp };
        let visit = async {
            let mut player = Player::open(rtsp, &devices[number % devices.len()], transport).await?;
            player.frame().await?;
            if number % 5 == 0 {
                return Ok(());
            }
            pause(VISIT, until).await;
            player.teardown().await
        };
        if visit.await.is_ok() {
            counts.done += 1;
        } else {
            counts.refused += 1;
            pause(VISIT, until).await;
        }
    }
    Ok(counts)
}

async fn snapshots(service: &Service, devices: &[String], until: Instant) -> Result<Counts, String> {
    let mut rpc = service::admin(service).await;
    let mut counts = Counts::default();
    for device in devices.iter().cycle() {
        if Instant::now() >= until {
            break;
        }
        match rpc.call("take_snapshot", json!({"device": device})).await {
            Ok(answer) => {
                counts.done += 1;
                remove(&service.snapshot(text(&answer, "filename")?))?;
            }
            Err(_) => counts.refused += 1,
        }
        pause(SNAPSHOT_INTERVAL, until).await;
    }
    Ok(counts)
}

/// One recording after the other of every camera; the first file of each must play.
async fn record(service: &Service, devices: &[String], until: Instant) -> Result<Counts, String> {
    let mut rpc = service::admin(service).await;
    let mut counts = Counts::default();
    while Instant::now() < until {
        for device in devices {
            begin(&mut rpc, device).await?;
        }
        pause(RECORDING, until).await;
        for device in devices {
            let answer = rpc.ok("stop_recording", json!({"device": device})).await;
            counts.done += 1;
            let files = answer["files"].as_array().ok_or_else(|| format!("no files: {answer}"))?;
            for (number, name) in files.iter().enumerate() {
                let file = service.recording(name.as_str().unwrap_or_default());
                // Panics, with ffprobe's words, if it does not play.
                if number == 0 && probe(&file).await.frames == 0 {
                    return Err(format!("{name} holds no picture"));
                }
                remove(&file)?;
            }
        }
    }
    Ok(counts)
}

/// Starts a recording; a camera that is just coming back gets its time.
async fn begin(rpc: &mut Rpc, device: &str) -> Result<(), String> {
    let began = Instant::now();
    loop {
        match rpc.call("start_recording", json!({"device": device})).await {
            Ok(_) => return Ok(()),
            Err(error) if began.elapsed() > START_LIMIT => return Err(format!("{device}: {error:?}")),
            Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
}

/// Kills one video program after the other, as a camera does that is pulled out.
async fn kill_cameras(service: &Service, until: Instant) -> Result<u64, String> {
    let mut kills = 0;
    loop {
        pause(KILL_INTERVAL, until).await;
        // The last one has time to come back before everything is looked at.
        if Instant::now() + KILL_INTERVAL >= until {
            return Ok(kills);
        }
        let running = service.ffmpegs();
        let Some(victim) = running.get(kills as usize % running.len().max(1)) else { continue };
        // Only ever a child of the service we have started. An error: it has just ended by itself.
        let _ = kill(NixPid::from_raw(victim.0.cast_signed()), Signal::SIGKILL);
        kills += 1;
    }
}

/// A process for good: over a long run its number comes round again.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    pid: Pid,
    started_ticks: u64,
}

impl Seen {
    fn is_alive(&self) -> bool {
        self.pid.is_alive() && self.pid.started_ticks() == Some(self.started_ticks)
    }
}

#[derive(Debug, Default)]
struct Looks {
    rss_mb: Vec<f64>,
    fds: Vec<f64>,
    threads: Vec<f64>,
    ffmpegs: BTreeSet<Seen>,
}

/// Looks at the process now and then, to the end.
async fn look(service: &Service, until: Instant) -> Result<Looks, String> {
    let mut looks = Looks::default();
    let gone = || format!("the service has ended:\n{}", service.log().tail());
    let pid = service.pid();
    while Instant::now() < until {
        pause(LOOK_INTERVAL, until).await;
        looks.rss_mb.push(mb(pid.rss_bytes().ok_or_else(gone)?));
        looks.fds.push(pid.open_fds().ok_or_else(gone)? as f64);
        looks.threads.push(f64::from(pid.threads().ok_or_else(gone)?));
        let running = service.ffmpegs();
        if running.len() > CAMERAS {
            return Err(format!("{} video programs for {CAMERAS} cameras", running.len()));
        }
        let seen = |pid: Pid| Some(Seen { pid, started_ticks: pid.started_ticks()? });
        looks.ffmpegs.extend(running.into_iter().filter_map(seen));
    }
    Ok(looks)
}

async fn pause(duration: Duration, until: Instant) {
    tokio::time::sleep(duration.min(until.saturating_duration_since(Instant::now()))).await;
}

fn text<'a>(answer: &'a Value, name: &str) -> Result<&'a str, String> {
    answer[name].as_str().ok_or_else(|| format!("no {name}: {answer}"))
}

/// What was made goes, so that a long run does not fill the disk.
fn remove(file: &std::path::Path) -> Result<(), String> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    fs::remove_file(file).map_err(|error| format!("{name}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_told_after_warm_up() {
        let flat: Vec<f64> = (0..100).map(|at| if at < 20 { f64::from(at) } else { 20.0 }).collect();
        assert!(growth_percent(&flat).abs() < 1e-9);
        let growing: Vec<f64> = (0..100).map(|at| 100.0 + f64::from(at)).collect();
        assert!(growth_percent(&growing) > GOAL_GROWTH_PERCENT);
        assert!(growth_percent(&[1.0, 1.0]).abs() < 1e-9);
    }
}
