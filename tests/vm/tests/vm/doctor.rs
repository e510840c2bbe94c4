//! `doctor` for a user who is not root: a camera he may not open, a folder he may not write, a disk that is full.

use std::{fs, os::unix::fs::PermissionsExt};

use testkit::service::command_output;
use vm::{
    UvcCamera,
    uvc::{Config, Format},
};

use crate::{
    common::{Disk, PATIENCE, setup},
    permission::NOBODY,
};

pub(crate) async fn who_is_not_root_is_told_what_he_may_not_do_and_what_mends_it() {
    let disk = Disk::of_megabytes(64);
    let folder = disk.path().join("recordings");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let _camera = UvcCamera::plug(0, Config::new("Desk Cam", "A1").only(&[Format::Mjpeg])).await;
    let mut service = setup()
        .set("storage.recordings_dir", folder.to_str().unwrap())
        .set("recording.min_free_space", "8MiB")
        .run_as(NOBODY, NOBODY)
        .start()
        .await;
    service.terminate(PATIENCE).await;
    let doctor = async || {
        let output = command_output(service.command("doctor")).await;
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, page) = doctor().await;
    assert_eq!(code, Some(1), "{page}");
    assert!(page.contains("Desk Cam") && page.contains("-> sudo usermod -aG video "), "{page}");
    assert!(page.lines().any(|line| line.starts_with("good   recordings ")), "{page}");

    fs::write(disk.path().join("big"), vec![0; 63 << 20]).unwrap();
    let (_, page) = doctor().await;
    let full = found(&page, "recordings");
    assert!(full.contains("are needed for a recording") && page.contains("-> du -xh "), "{page}");

    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    let (_, page) = doctor().await;
    let shut = found(&page, "recordings");
    assert!(shut.contains("cannot be written") && page.contains("-> sudo install -d -o "), "{page}");
}

/// What is wrong about one thing.
fn found<'a>(page: &'a str, about: &str) -> &'a str {
    let wrong = format!("WRONG  {about} ");
    page.lines().find(|line| line.starts_with(&wrong)).unwrap_or_else(|| panic!("{wrong}: {page}"))
}
