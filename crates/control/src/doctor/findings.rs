//! From facts to findings. Pure.

use paths::Ffmpeg;

use super::probes::{Facts, Folder, Holder, Node, Port, SeenCamera, User};
use crate::api::CameraStatus;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Good,
    /// Worth knowing.
    Note,
    /// Something will not work.
    Wrong,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What was looked at, in a word.
    pub about: String,
    /// What was found.
    pub what: String,
    /// The command, or the change, that mends it.
    pub mend: Option<String>,
}

impl Finding {
    /// As it should be.
    pub fn good(about: &str, what: impl Into<String>) -> Self {
        Self { level: Level::Good, about: about.to_owned(), what: what.into(), mend: None }
    }

    /// Worth knowing.
    pub fn note(about: &str, what: impl Into<String>) -> Self {
        Self { level: Level::Note, ..Self::good(about, what) }
    }

    /// Something will not work until it is mended.
    pub fn wrong(about: &str, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { level: Level::Wrong, mend: Some(mend.into()), ..Self::good(about, what) }
    }

    pub(super) fn with(mut self, mend: impl Into<String>) -> Self {
        self.mend = Some(mend.into());
        self
    }
}

/// The oldest ffmpeg whose options we use.
const OLDEST_FFMPEG: (u32, u32) = (5, 1);
const INSTALL_FFMPEG: &str = "sudo apt install ffmpeg";

/// All findings, in the order in which a person would look.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![ffmpeg(&facts.ffmpeg, facts.libx264)];
    match &facts.cameras {
        Ok(cameras) if cameras.is_empty() => {
            let none = Finding::note("cameras", "none is plugged in, none is configured");
            findings.push(none.with("plug one in, or name a network camera in camera.sources"));
        }
        Ok(cameras) => findings.extend(cameras.iter().map(|camera| of_camera(camera, &facts.user))),
        Err(why) => {
            let file = facts.known_cameras.display();
            findings.push(Finding::wrong(
                "cameras",
                why,
                format!("mv {file} {file}.bad   (numbers begin anew)"),
            ));
        }
    }
    findings.extend(facts.folders.iter().map(|folder| of_folder(folder, facts.required_bytes, &facts.user)));
    findings.push(of_port(facts.rtsp_is_for, &facts.rtsp, facts.service_runs));
    findings
}

fn ffmpeg(ffmpeg: &Ffmpeg, libx264: Option<bool>) -> Finding {
    let about = "ffmpeg";
    let line = match ffmpeg {
        Ffmpeg::Missing => {
            return Finding::wrong(about, "not installed: only network cameras will work", INSTALL_FFMPEG);
        }
        Ffmpeg::Unclear => {
            return Finding::wrong(about, "does not tell its version", "ffmpeg -version");
        }
        Ffmpeg::Version(line) => line,
    };
    let version = line.split_whitespace().nth(2).unwrap_or(line);
    if release(version).is_some_and(|release| release < OLDEST_FFMPEG) {
        let (major, minor) = OLDEST_FFMPEG;
        return Finding::wrong(
            about,
            format!("{version} is too old, {major}.{minor} is needed"),
            INSTALL_FFMPEG,
        );
    }
    match libx264 {
        Some(true) => Finding::good(about, format!("{version}, with libx264")),
        Some(false) => Finding::wrong(
            about,
            format!("{version} was built without libx264, which encodes"),
            INSTALL_FFMPEG,
        ),
        None => Finding::note(about, format!("{version}; whether it has libx264 it does not tell")),
    }
}

/// `5.1.6-0+deb12u1` is 5.1, `n7.1` 7.1; a build of no release is none.
fn release(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.trim_start_matches('n').split(|c: char| !c.is_ascii_digit());
    let major = numbers.next()?.parse().ok()?;
    Some((major, numbers.next().and_then(|minor| minor.parse().ok()).unwrap_or(0)))
}

fn of_camera(camera: &SeenCamera, user: &User) -> Finding {
    let about = camera.id.to_string();
    let name = &camera.name;
    let Some(node) = &camera.node else {
        return match camera.status {
            CameraStatus::Disconnected => Finding::note(&about, format!("{name} is not plugged in")),
            CameraStatus::Connected | CameraStatus::Error => {
                Finding::good(&about, format!("{name}, configured"))
            }
        };
    };
    let path = node.path.display();
    let held = holders(&node.holders);
    match (camera.status, &held) {
        (CameraStatus::Error, _) if !user.may_use(node) => permission(&about, name, node, user),
        (CameraStatus::Error, Some((who, pid))) => {
            Finding::wrong(&about, format!("{name} ({path}) is held by {who}"), format!("kill {pid}"))
        }
        (CameraStatus::Error, None) => {
            let why = camera.error.as_deref().unwrap_or("it cannot be used");
            Finding::wrong(&about, format!("{name} ({path}): {why}"), "plug it out and in again")
        }
        (_, Some((who, _))) => {
            Finding::note(&about, format!("{name} ({path}) can be used; {who} has it open"))
        }
        (_, None) => Finding::good(&about, format!("{name} ({path}) can be used")),
    }
}

fn holders(holders: &[Holder]) -> Option<(String, u32)> {
    let first = holders.first()?;
    let all: Vec<String> =
        holders.iter().map(|holder| format!("{} ({})", holder.program, holder.pid)).collect();
    Some((all.join(", "), first.pid))
}

fn permission(about: &str, name: &str, node: &Node, user: &User) -> Finding {
    let (path, me) = (node.path.display(), &user.name);
    match &node.group {
        Some(group) if node.mode & 0o060 == 0o060 => Finding::wrong(
            about,
            format!("{name}: {me} may not use {path}, which is for group {group}"),
            format!(
                "sudo usermod -aG {group} {me}   (then log in anew; under systemd: SupplementaryGroups={group})"
            ),
        ),
        _ => Finding::wrong(
            about,
            format!("{name}: {me} may not use {path}, and neither may any group"),
            format!("sudo chgrp video {path} && sudo chmod 660 {path}"),
        ),
    }
}

fn of_folder(folder: &Folder, required_bytes: u64, user: &User) -> Finding {
    let path = folder.path.display();
    match &folder.room {
        Err(why) => {
            let mend = format!("sudo install -d -o {} -m 750 {path}", user.name);
            Finding::wrong(folder.about, format!("{path} cannot be written: {why}"), mend)
        }
        Ok(free) if *free < required_bytes => {
            let what =
                format!("{path}: {} free, {} are needed for a recording", size(*free), size(required_bytes));
            Finding::wrong(folder.about, what, format!("du -xh {path} | sort -h | tail"))
        }
        Ok(free) => Finding::good(folder.about, format!("{path} can be written, {} free", size(*free))),
    }
}

/// What a service that already runs holds is as it should be.
pub(super) fn of_port(about: &str, port: &Port, service_runs: bool) -> Finding {
    let address = port.address;
    match &port.trouble {
        None => Finding::good(about, format!("{address} is free")),
        Some(_) if port.taken && service_runs => {
            Finding::good(about, format!("{address} is in use, and so is the data folder: the service runs"))
        }
        Some(_) if port.taken => {
            let mend = format!("ss -ltnp 'sport = :{}'   (tells who has it)", address.port());
            Finding::wrong(about, format!("{address} is in use by another program"), mend)
        }
        Some(why) => Finding::wrong(about, format!("{address} cannot be served: {why}"), "ip address"),
    }
}

fn size(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}

#[cfg(test)]
#[path = "findings_tests.rs"]
mod tests;
