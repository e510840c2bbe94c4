//! Hears of it when somebody sets the wall clock: the kernel ends a timer of that clock then
//! (`timerfd_create(2)`, `TFD_TIMER_CANCEL_ON_SET`).

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::{
        time::TimeSpec,
        timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
    },
};
use tokio::io::unix::AsyncFd;

/// A moment on the wall clock that nobody lives to see: year 2200, in seconds since 1970.
const NEVER: Duration = Duration::from_secs(7_258_118_400);

/// Tells when the clock was set.
#[derive(Debug)]
pub(crate) struct ClockSet(AsyncFd<Timer>);

#[derive(Debug)]
struct Timer(TimerFd);

/// What tokio wants.
impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl ClockSet {
    /// Needs a runtime with I/O.
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_REALTIME, flags)?;
        arm(&timer)?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe; our descriptor is owned by the value, which is what it asks for"
        )]
        let timer = AsyncFd::new(Timer(timer))?;
        Ok(Self(timer))
    }

    /// Waits until the clock is set, or was since the last call.
    pub(crate) async fn next(&mut self) {
        if let Err(error) = self.set().await {
            tracing::warn!(%error, "nobody tells any more when the clock is set");
            std::future::pending::<()>().await;
        }
    }

    async fn set(&mut self) -> io::Result<()> {
        loop {
            let mut ready = self.0.readable().await?;
            let set = ready.try_io(|timer| match timer.get_ref().0.wait() {
                Err(Errno::EAGAIN) => Err(io::ErrorKind::WouldBlock.into()),
                // ECANCELED: it was set. It has come: it was set to beyond that moment.
                Err(Errno::ECANCELED) | Ok(()) => Ok(()),
                Err(error) => Err(error.into()),
            });
            // An error outside: nothing was there after all.
            if let Ok(set) = set {
                set?;
                return Ok(arm(&self.0.get_ref().0)?);
            }
        }
    }
}

fn arm(timer: &TimerFd) -> nix::Result<()> {
    let flags = TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
    timer.set(Expiration::OneShot(TimeSpec::from(NEVER)), flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_is_told_while_nobody_sets_the_clock() {
        let mut set = ClockSet::new().unwrap();
        let told = tokio::time::timeout(Duration::from_millis(20), set.next()).await;
        assert!(told.is_err(), "setting it is for the guest's tests, which may");
    }
}
