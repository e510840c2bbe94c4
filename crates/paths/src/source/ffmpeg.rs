//! One run of ffmpeg: started by the launcher, read from its pipe, signalled by order, always reaped.

use std::{
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use media::{
    h264::Assembler,
    nut::{Demuxer, Event},
};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    io::AsyncReadExt,
    process::{Child, ChildStdout},
    sync::watch,
};

use super::{Order, Outcome, ordered, stderr_tail};
use crate::{
    child::{EXIT_NOT_FOUND, Launcher},
    counts::SourceCounts,
    hub::Hub,
};

const PROGRAM: &str = "ffmpeg";
/// What `encode` asks it for.
const ENCODER: &str = "libx264";
/// Longest wait for a version: nobody waits for it, but a hung program must not stay.
const PROBE_LIMIT: Duration = Duration::from_secs(30);
/// One read from the pipe; a pipe holds 64 KiB (pipe(7)), a picture is rarely larger.
const READ_BYTES: usize = 32 << 10;

/// Runs ffmpeg to its end.
pub(super) async fn run(
    launcher: &Launcher,
    args: &[String],
    (hub, counts): (&Arc<Hub>, &SourceCounts),
    orders: watch::Receiver<Order>,
) -> Outcome {
    let mut command = launcher.command(PROGRAM, args);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            return Outcome::failed("the video program could not be started", error.to_string());
        }
    };
    let _counted = counts.process();
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
    tracing::info!(pid = pid.map(Pid::as_raw), "ffmpeg started");
    let stdout = child.stdout.take().expect("stdout was set to piped above");
    let stderr = child.stderr.take().expect("stderr was set to piped above");
    let tail = tokio::spawn(stderr_tail::collect(stderr));

    let mut trouble = None;
    {
        let reading = read(stdout, hub);
        tokio::pin!(reading);
        let mut told = orders.clone();
        tokio::select! {
            result = &mut reading => trouble = result.err(),
            () = ordered(&mut told, Order::Interrupt) => {
                signal(pid, Signal::SIGINT);
                // It may have pictures to finish; they are read so that it never blocks on the pipe.
                tokio::select! {
                    _ = &mut reading => {}
                    () = ordered(&mut told, Order::Kill) => signal(pid, Signal::SIGKILL),
                }
            }
        }
    }
    if trouble.is_some() {
        // What it writes is not what we can read: nothing is to be waited for.
        signal(pid, Signal::SIGKILL);
    }
    let status = reap(&mut child, pid, &orders).await;
    // Its standard error ends with it, unless a stranger holds the other end: then not for ever.
    let tail = tokio::time::timeout(Duration::from_millis(200), tail).await;
    let last_words = tail.ok().and_then(Result::ok).unwrap_or_default();
    outcome(status, trouble, &last_words)
}

/// Reads pictures until the pipe ends.
async fn read(mut stdout: ChildStdout, hub: &Hub) -> Result<(), String> {
    let mut demuxer = Demuxer::new();
    let mut assembler = Assembler::new();
    let mut chunk = vec![0_u8; READ_BYTES];
    loop {
        match stdout.read(&mut chunk).await {
            Ok(0) | Err(_) => return Ok(()),
            Ok(n) => demuxer.push(&chunk[..n]),
        }
        while let Some(event) = demuxer.poll().map_err(|e| e.to_string())? {
            match event {
                Event::Stream { extradata, .. } => {
                    assembler.set_extradata(&extradata).map_err(|e| e.to_string())?;
                }
                Event::Packet { pts_90k, data, .. } => match assembler.annexb(&data) {
                    Ok(Some(picture)) => hub.push(picture, pts_90k),
                    Ok(None) => {}
                    // One bad packet (a camera's own H.264 may have some) costs itself, not the stream.
                    Err(error) => tracing::debug!(%error, "dropped a packet"),
                },
            }
        }
    }
}

/// Waits for the child; a kill order still reaches it.
async fn reap(
    child: &mut Child,
    pid: Option<Pid>,
    orders: &watch::Receiver<Order>,
) -> std::io::Result<ExitStatus> {
    let mut told = orders.clone();
    let status = tokio::select! {
        status = child.wait() => status,
        () = async {
            // It has closed its pipe and lives on: the orders still hold.
            ordered(&mut told, Order::Interrupt).await;
            signal(pid, Signal::SIGINT);
            ordered(&mut told, Order::Kill).await;
        } => {
            signal(pid, Signal::SIGKILL);
            child.wait().await
        }
    };
    // Whatever it may have started itself shares its group.
    signal(pid, Signal::SIGKILL);
    status
}

fn signal(pid: Option<Pid>, signal: Signal) {
    if let Some(pid) = pid {
        // ESRCH: already gone, which is what we want.
        let _ = killpg(pid, signal);
    }
}

fn outcome(status: std::io::Result<ExitStatus>, trouble: Option<String>, last_words: &str) -> Outcome {
    let code = status.as_ref().ok().and_then(ExitStatus::code);
    let exit = status.map_or_else(|e| e.to_string(), |status| status.to_string());
    let private = match trouble {
        Some(trouble) => format!("{trouble}; {exit}; {last_words}"),
        None => format!("{exit}; {last_words}"),
    };
    if code == Some(EXIT_NOT_FOUND) {
        return Outcome::hopeless("ffmpeg is not installed", private);
    }
    Outcome::failed("the video program ended; the camera may be gone or in use", private)
}

/// What `ffmpeg -version` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ffmpeg {
    /// It is there; the first line it prints.
    Version(String),
    /// It is not installed.
    Missing,
    /// It did not answer as expected. That says little: a small machine may just be busy.
    Unclear,
}

/// Asks ffmpeg for its version.
pub async fn probe(launcher: &Launcher) -> Ffmpeg {
    let mut command = launcher.command(PROGRAM, &["-version".to_owned()]);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    let Ok(Ok(output)) = tokio::time::timeout(PROBE_LIMIT, command.output()).await else {
        return Ffmpeg::Unclear;
    };
    if output.status.code() == Some(EXIT_NOT_FOUND) {
        return Ffmpeg::Missing;
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().filter(|_| output.status.success());
    line.map_or(Ffmpeg::Unclear, |line| Ffmpeg::Version(line.to_owned()))
}

/// Can ffmpeg encode what we need? `None`: it does not say.
pub async fn probe_encoder(launcher: &Launcher) -> Option<bool> {
    let mut command = launcher.command(PROGRAM, &["-hide_banner".to_owned(), "-encoders".to_owned()]);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    let output = tokio::time::timeout(PROBE_LIMIT, command.output()).await.ok()?.ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    // ` V....D libx264              libx264 H.264 / AVC / ...`
    let named = text.lines().any(|line| line.split_whitespace().nth(1) == Some(ENCODER));
    output.status.success().then_some(named)
}
