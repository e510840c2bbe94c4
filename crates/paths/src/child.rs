//! Children that cannot outlive us. A program is started through a hidden subcommand of our own
//! binary: it ties its life to ours, gives up what it does not need, and becomes the program. All by
//! safe calls, so that no code runs between fork and exec.

use std::{
    ffi::{OsStr, OsString},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, ExitCode},
};

use nix::{
    sys::{prctl, signal::Signal},
    unistd::{Pid, getppid},
};

/// Exit code of the launcher when the program is not installed; what shells use for it.
pub(crate) const EXIT_NOT_FOUND: i32 = 127;
/// Exit code of the launcher when it could not make the program safe to run.
const EXIT_REFUSED: u8 = 126;
/// What a child may see of our environment: nothing else is passed on, secrets least of all.
const PASSED_ON: [&str; 5] = ["PATH", "LANG", "TZ", "LD_LIBRARY_PATH", "FONTCONFIG_PATH"];

/// How to start children: our own binary and the word that makes it the launcher.
#[derive(Debug, Clone)]
pub struct Launcher {
    program: PathBuf,
    subcommand: OsString,
}

impl Launcher {
    /// Launches through the running binary, whatever has become of its file meanwhile.
    /// `subcommand` is the word on which `main` calls [`run_child`].
    pub fn own_binary(subcommand: &str) -> Self {
        // The kernel resolves this link to the running image even after an upgrade has replaced it.
        Self { program: "/proc/self/exe".into(), subcommand: subcommand.into() }
    }

    /// A command for `program`, in a process group of its own.
    pub(crate) fn command(&self, program: &str, args: &[String]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.program);
        command
            .arg(&self.subcommand)
            .arg(std::process::id().to_string())
            .arg(program)
            .args(args)
            .process_group(0)
            .kill_on_drop(true);
        command
    }
}

/// The hidden subcommand: `PARENT_PID PROGRAM ARG…`. Returns only when it could not become the program.
///
/// `main` must call it before it starts a thread or opens a file.
pub fn run_child(mut args: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(parent) = args.next().and_then(|pid| pid.to_str()?.parse().ok()).map(Pid::from_raw) else {
        return ExitCode::from(EXIT_REFUSED);
    };
    let Some(program) = args.next() else { return ExitCode::from(EXIT_REFUSED) };
    match become_program(parent, &program, args) {
        Refusal::NotFound => ExitCode::from(EXIT_NOT_FOUND as u8),
        Refusal::Unsafe => ExitCode::from(EXIT_REFUSED),
    }
}

enum Refusal {
    NotFound,
    Unsafe,
}

fn become_program(parent: Pid, program: &OsStr, args: impl Iterator<Item = OsString>) -> Refusal {
    // Die with the thread that started us (prctl(2), PR_SET_PDEATHSIG); it is a runtime worker, which
    // lives as long as the service.
    if prctl::set_pdeathsig(Signal::SIGKILL).is_err() || prctl::set_no_new_privs().is_err() {
        return Refusal::Unsafe;
    }
    // The parent may have died before the line above; then nobody would ever signal us.
    if getppid() != parent {
        return Refusal::Unsafe;
    }
    close_all_but_stdio();
    let kept = PASSED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    let error = Command::new(program).args(args).env_clear().envs(kept).exec();
    if error.kind() == std::io::ErrorKind::NotFound { Refusal::NotFound } else { Refusal::Unsafe }
}

/// Our own descriptors are close-on-exec; this is for those we inherited ourselves.
fn close_all_but_stdio() {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return };
    let open: Vec<i32> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|fd| *fd > 2)
        .collect();
    for fd in open {
        // The listing's own descriptor is closed already: that error is expected.
        let _ = nix::unistd::close(fd);
    }
}
