//! A picture of a camera every so often, of which the newest ones are kept. The names of its files say
//! that they are its own: no other file ever goes by this rule.

use std::time::Duration;

use base::{CameraId, config::Settings};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval_at},
};

use crate::{
    Controller,
    api::{FileQuery, SnapshotRequest},
    error::Result,
};

/// Begins the names of its pictures.
const PREFIX: &str = "timelapse_";
/// Pictures looked at in one go while the oldest are taken away.
const PAGE: usize = 1000;

/// One entry of `timelapse`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Config {
    device: CameraId,
    every: Duration,
    keep: usize,
}

impl Config {
    pub(crate) fn read(settings: &mut Settings) -> Vec<Self> {
        let mut devices = Vec::new();
        settings.top().list("timelapse", |item| {
            let device: Option<CameraId> = item.opt_text("device").and_then(|text| text.parse().ok());
            let every = item.duration_in("every", "60s", Duration::from_secs(1)..=Duration::from_hours(24));
            let keep = item.integer("keep", 1440, 1..=100_000) as usize;
            match device {
                None => item.problem("device", "must be a camera's id such as camera0"),
                Some(device) if devices.contains(&device) => {
                    item.problem("device", "has a timelapse already");
                }
                Some(device) => devices.push(device),
            }
            Some(Self { device: device?, every, keep })
        })
    }
}

/// Takes pictures until `stop` says so or its sender is gone.
pub(crate) async fn run(controller: Controller, config: Config, mut stop: watch::Receiver<bool>) {
    let mut ticks = interval_at(Instant::now() + config.every, config.every);
    // A picture that is late is not made up for by two.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut told: Option<String> = None;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let outcome = async {
            take(&controller, config.device).await?;
            thin(&controller, config).await
        };
        // The same failure is told once, and so is its end.
        match outcome.await {
            Ok(()) if told.is_some() => {
                told = None;
                tracing::info!(camera = %config.device, "timelapse goes on");
            }
            Ok(()) => {}
            Err(error) if told.as_deref() == Some(error.public.as_str()) => {}
            Err(error) => {
                tracing::warn!(camera = %config.device, reason = error.public, detail = error.private, "no picture for the timelapse");
                told = Some(error.public.clone());
            }
        }
    }
}

async fn take(controller: &Controller, device: CameraId) -> Result<()> {
    let now = base::time::rfc3339(std::time::SystemTime::now()).replace(':', "-");
    let filename = Some(format!("{PREFIX}{device}_{now}.jpg"));
    controller
        .take_snapshot(device, SnapshotRequest { filename, ..SnapshotRequest::default() })
        .await
        .map(drop)
}

/// Takes its oldest pictures away, down to those that are kept.
async fn thin(controller: &Controller, config: Config) -> Result<()> {
    let (mut own, mut cursor) = (0, None);
    loop {
        let query = FileQuery {
            limit: PAGE,
            offset: 0,
            cursor,
            devices: Some(vec![config.device]),
            since: None,
            until: None,
        };
        let page = controller.list_snapshots(query).await?;
        let names = page.files.into_iter().map(|file| file.filename);
        for filename in names.filter(|name| is_own(name, config.device)) {
            own += 1;
            if own > config.keep {
                controller.delete_snapshot(filename, None).await?;
            }
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(());
        }
    }
}

/// `timelapse_camera0_2026-11-24T11-32-50.275Z.jpg`: nothing else.
fn is_own(name: &str, device: CameraId) -> bool {
    let time = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix(&format!("{device}_")));
    let Some(time) = time.and_then(|rest| rest.strip_suffix(".jpg")) else { return false };
    let shape =
        |text: &str| -> String { text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect() };
    shape(time) == "0000-00-00T00-00-00.000Z"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_its_own_pictures_are_its_own() {
        let camera = CameraId(1);
        assert!(is_own("timelapse_camera1_2026-11-24T11-32-50.275Z.jpg", camera));
        for other in [
            "timelapse_camera0_2026-11-24T11-32-50.275Z.jpg",
            "timelapse_camera1_holiday.jpg",
            "timelapse_camera1_2026-11-24T11-32-50.275Z.png",
            "camera1_2026-11-24T11-32-50.275Z.jpg",
            "timelapse_camera1_.jpg",
        ] {
            assert!(!is_own(other, camera), "{other}");
        }
    }

    #[test]
    fn each_camera_has_one() {
        let read = |value| {
            let mut settings = Settings::default();
            settings.overlay(json!({ "timelapse": value }), base::config::Origin::File);
            let config = Config::read(&mut settings);
            settings.finish().map(|_| config)
        };
        let good = read(json!([{"device": "camera0", "every": "60s", "keep": 10}, {"device": "camera1"}]));
        assert_eq!(
            good.unwrap()[1],
            Config { device: CameraId(1), every: Duration::from_secs(60), keep: 1440 }
        );
        for bad in [
            json!([{"every": "60s"}]),
            json!([{"device": "x"}]),
            json!([{"device": "camera0"}, {"device": "camera0"}]),
        ] {
            assert!(read(bad).is_err());
        }
    }
}
