//! Using a camera for a moment without a stream: is it free, why does it not begin, one picture. All of it blocks while
//! the driver does.

use std::{
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

use base::{Error, Kind, Result, units::Size};
use nix::errno::Errno;

use super::{
    Rate, holder,
    offer::FourCc,
    refusal::{self, Step},
    sys::{Device, Layout, Stream},
};

/// Buffers asked for: one is filled while another is looked at, and two are to spare.
const BUFFERS: u32 = 4;

/// What is asked of which node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) path: PathBuf,
    pub(crate) format: FourCc,
    pub(crate) size: Size,
    pub(crate) rate: Option<Rate>,
}

/// One picture as the driver has laid it into memory.
#[derive(Debug, Clone, Copy)]
pub struct Grabbed<'a> {
    /// Its V4L2 pixel format.
    pub format: [u8; 4],
    /// In pixels.
    pub size: Size,
    /// From one row to the next; 0 where there are none.
    pub bytes_per_line: u32,
    /// All of it.
    pub bytes: &'a [u8],
    /// When the driver handed it over.
    pub captured: SystemTime,
    /// Since the camera was told to begin.
    pub since_start: Duration,
}

impl Ask {
    fn open(&self) -> Result<Device> {
        Device::open(&self.path).map_err(|error| self.refused(Step::Open, error))
    }

    /// Does nobody else take pictures from it? Starts nothing.
    pub(crate) fn is_free(&self) -> Result<()> {
        let device = self.open()?;
        let asked = device.request_buffers(1).and_then(|_| device.request_buffers(0));
        match asked {
            Err(Errno::EBUSY) => Err(self.refused(Step::Begin, Errno::EBUSY)),
            // Whatever else is wrong, whoever reads it will find out.
            _ => Ok(()),
        }
    }

    /// Begins and ends at once: what is wrong when a stream fails?
    pub(crate) fn try_out(&self) -> Result<()> {
        let device = self.open()?;
        drop(self.begin(&device)?);
        // It would begin, and wait for ever.
        match device.input().filter(|input| input.is_dead) {
            Some(input) => Err(Error::new(Kind::Timeout, refusal::dead_input(&input.name))),
            None => Ok(()),
        }
    }

    /// Takes pictures until `look` makes something of one, for no longer than until `deadline`.
    pub(crate) fn grab<T>(
        &self,
        deadline: Instant,
        mut look: impl FnMut(Grabbed<'_>) -> Option<T>,
    ) -> Result<T> {
        let device = self.open()?;
        let (layout, stream) = self.begin(&device)?;
        let began = Instant::now();
        let mut pictures = 0_u32;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let dead = device.input().filter(|input| input.is_dead && pictures == 0);
                let silence = || refusal::silence(pictures > 0).to_owned();
                let why = dead.map_or_else(silence, |input| refusal::dead_input(&input.name));
                return Err(Error::new(Kind::Timeout, why));
            }
            let filled = stream.next(left).map_err(|error| self.refused(Step::Picture, error))?;
            let Some(filled) = filled else { continue };
            let (captured, since_start) = (SystemTime::now(), began.elapsed());
            let damaged = filled.damaged;
            let made = stream.with(filled, |bytes| {
                // An empty buffer is how some drivers say that a picture was lost.
                (!damaged && !bytes.is_empty()).then(|| {
                    pictures += 1;
                    look(Grabbed {
                        format: FourCc::from_code(layout.pixel_format).0,
                        size: layout.size,
                        bytes_per_line: layout.bytes_per_line,
                        bytes,
                        captured,
                        since_start,
                    })
                })
            });
            match made {
                Ok(Some(Some(made))) => return Ok(made),
                Ok(_) => {}
                Err(error) => return Err(self.refused(Step::Picture, error)),
            }
        }
    }

    fn begin<'a>(&self, device: &'a Device) -> Result<(Layout, Stream<'a>)> {
        let layout = device
            .set_format(self.format.code(), self.size)
            .map_err(|error| self.refused(Step::Begin, error))?;
        if let Some(rate) = self.rate {
            // Not every driver has a choice.
            let _ = device.set_rate(rate.frames, rate.seconds);
        }
        let stream = Stream::begin(device, BUFFERS).map_err(|error| self.refused(Step::Begin, error))?;
        Ok((layout, stream))
    }

    fn refused(&self, step: Step, error: Errno) -> Error {
        let holders = if error == Errno::EBUSY { holder::holders(&self.path) } else { Vec::new() };
        refusal::of_use(step, error, &holders, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_camera_is_refused_with_a_reason() {
        let size = Size { width: 64, height: 64 };
        let ask = |path: &str| Ask { path: path.into(), format: FourCc(*b"MJPG"), size, rate: None };
        let gone = ask("/dev/nonexistent").is_free().unwrap_err();
        assert_eq!((gone.kind, gone.public.contains("gone")), (Kind::NotFound, true), "{gone}");
        for error in [
            ask("/dev/null").try_out().unwrap_err(),
            ask("/dev/null").grab(Instant::now(), |_| Some(())).unwrap_err(),
        ] {
            assert_eq!(error.kind, Kind::Dependency);
            assert!(!error.public.contains('/'), "{error:?}");
        }
    }
}
