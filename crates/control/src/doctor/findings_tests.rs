//! What a person is told, and what mends it.

use std::{collections::BTreeSet, path::PathBuf};

use base::CameraId;

use super::*;
use crate::api::CameraKind;

fn user(uid: u32, gids: &[u32]) -> User {
    User { name: "ann".into(), uid, gids: gids.iter().copied().collect::<BTreeSet<u32>>() }
}

fn camera(status: CameraStatus, mode: u32, holders: Vec<Holder>) -> SeenCamera {
    let node = Node {
        path: PathBuf::from("/dev/video0"),
        mode,
        uid: 0,
        gid: 44,
        group: Some("video".into()),
        holders,
    };
    SeenCamera {
        id: CameraId(0),
        name: "Webcam".into(),
        kind: CameraKind::V4l2,
        status,
        error: (status == CameraStatus::Error).then(|| "it said why".into()),
        picture: "1280x720@15".into(),
        bus_info: None,
        node: Some(node),
    }
}

fn told(finding: &Finding) -> String {
    format!("{:?} {} | {}", finding.level, finding.what, finding.mend.as_deref().unwrap_or("-"))
}

#[test]
fn an_ffmpeg_that_is_missing_old_or_without_its_encoder_is_told() {
    let version = |text: &str| Ffmpeg::Version(format!("ffmpeg version {text} Copyright (c)"));
    for (found, libx264, level) in [
        (version("5.1.6-0+deb12u1"), Some(true), Level::Good),
        (version("n7.1"), Some(true), Level::Good),
        (version("N-112-gabc"), Some(true), Level::Good),
        (version("7.0.2"), None, Level::Note),
        (version("4.4.2-0ubuntu"), Some(true), Level::Wrong),
        (version("5.0.1"), Some(true), Level::Wrong),
        (version("6.1"), Some(false), Level::Wrong),
        (Ffmpeg::Missing, None, Level::Wrong),
        (Ffmpeg::Unclear, None, Level::Wrong),
    ] {
        let finding = ffmpeg(&found, libx264);
        assert_eq!(finding.level, level, "{finding:?}");
        assert_eq!(finding.mend.is_some(), level == Level::Wrong, "{finding:?}");
    }
}

#[test]
fn a_camera_that_cannot_be_used_names_its_reason_and_the_command() {
    let holder = || vec![Holder { pid: 17, program: "cheese".into() }];
    let error = CameraStatus::Error;
    let table = [
        (
            camera(error, 0o20660, vec![]),
            user(1000, &[1000]),
            "which is for group video | sudo usermod -aG video ann",
        ),
        (
            camera(error, 0o20600, vec![]),
            user(1000, &[44]),
            "neither may any group | sudo chgrp video /dev/video0",
        ),
        (camera(error, 0o20660, holder()), user(1000, &[44]), "is held by cheese (17) | kill 17"),
        (camera(error, 0o20660, vec![]), user(0, &[]), "it said why | plug it out"),
        (
            camera(CameraStatus::Connected, 0o20660, holder()),
            user(0, &[]),
            "can be used; cheese (17) has it open | -",
        ),
        // A list of access rights allows it: it can be used, whatever the bits say.
        (camera(CameraStatus::Connected, 0o20600, vec![]), user(1000, &[]), "can be used | -"),
    ];
    for (camera, user, expected) in table {
        let finding = of_camera(&camera, &user);
        assert!(told(&finding).contains(expected), "{} lacks {expected}", told(&finding));
        assert_eq!(finding.level == Level::Wrong, camera.status == error);
    }
    let mut away = camera(CameraStatus::Disconnected, 0, vec![]);
    away.node = None;
    assert_eq!(of_camera(&away, &user(0, &[])).level, Level::Note);
}

#[test]
fn folders_and_ports() {
    let folder = |room| Folder { about: "data", path: PathBuf::from("/srv/video"), room };
    let me = user(1000, &[]);
    assert_eq!(of_folder(&folder(Ok(2_000_000_000)), 1_000_000_000, &me).level, Level::Good);
    let full = told(&of_folder(&folder(Ok(500_000_000)), 1_000_000_000, &me));
    assert!(full.contains("0.5 GB free, 1.0 GB are needed"), "{full}");
    let shut = told(&of_folder(&folder(Err("Permission denied".into())), 0, &me));
    assert!(shut.contains("| sudo install -d -o ann -m 750 /srv/video"), "{shut}");
    let port = |trouble: Option<&str>, taken| Port {
        address: "127.0.0.1:8554".parse().unwrap(),
        trouble: trouble.map(str::to_owned),
        taken,
    };
    for (port, service_runs, level) in [
        (port(None, false), false, Level::Good),
        (port(Some("in use"), true), true, Level::Good),
        (port(Some("in use"), true), false, Level::Wrong),
        (port(Some("no such address"), false), true, Level::Wrong),
    ] {
        assert_eq!(of_port("RTSP", &port, service_runs).level, level, "{port:?}");
    }
}
