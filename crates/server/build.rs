//! Finds out what is being built: commit, day, compiler. Says "unknown" rather than failing.

use std::{
    env,
    path::Path,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

fn main() {
    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo:rerun-if-changed=build.rs");
    // Grows by a line at each commit and checkout; a source archive has none.
    if let Some(log) = output("git", &["rev-parse", "--git-path", "logs/HEAD"])
        && Path::new(&log).exists()
    {
        println!("cargo:rerun-if-changed={log}");
    }
    let commit = output("git", &["rev-parse", "--short=12", "HEAD"]);
    let compiler = env::var("RUSTC").ok().and_then(|rustc| output(&rustc, &["--version"]));
    let compiler = compiler.and_then(|said| said.split(' ').nth(1).map(str::to_owned));
    let unknown = || "unknown".to_owned();
    println!("cargo:rustc-env=CAMERA_SERVICE_COMMIT={}", commit.unwrap_or_else(unknown));
    println!("cargo:rustc-env=CAMERA_SERVICE_RUST_VERSION={}", compiler.unwrap_or_else(unknown));
    println!("cargo:rustc-env=CAMERA_SERVICE_BUILD_DATE={}", date(seconds()));
}

fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

/// `SOURCE_DATE_EPOCH` (reproducible-builds.org), else now.
fn seconds() -> u64 {
    let given = env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs()))
}

/// The day in UTC, `2026-11-24`.
fn date(seconds: u64) -> String {
    let mut days = seconds / 86_400;
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", days + 1)
}
