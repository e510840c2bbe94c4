//! A USB camera in user space: it speaks USB Video Class to the kernel's own `uvcvideo` through `vhci_hcd`, so that real nodes
//! appear when it is plugged in and go when it is pulled. `descriptors` says what it is, `device` answers the host's requests,
//! `levels` has its controls, `feed` sends pictures.

mod descriptors;
mod device;
mod feed;
mod levels;

use std::{
    io,
    net::Shutdown,
    os::unix::net::UnixStream,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use testkit::eventually;

use self::device::Device;
use crate::{
    film,
    usbip::{self, Request},
};

/// From pulling a camera until its port is free again.
const FREE_LIMIT: Duration = Duration::from_secs(10);

/// A format of the Video Class that the service uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JPEG a picture.
    Mjpeg,
    /// Raw, two bytes a pixel.
    Yuyv,
    /// A byte stream (ITU-T H.264, annex B), one access unit a picture.
    H264,
}

/// What a camera is and offers.
#[derive(Debug, Clone)]
pub struct Config {
    /// USB's number of its maker.
    pub vendor_id: u16,
    /// The maker's number of the model.
    pub product_id: u16,
    /// The maker's name.
    pub vendor: String,
    /// What V4L2 calls it.
    pub product: String,
    /// `None`: it has none.
    pub serial: Option<String>,
    /// Each is offered in every size of [`film::SIZES`].
    pub formats: Vec<Format>,
    /// Frames a second it can do, the usual first.
    pub rates: Vec<u32>,
}

impl Config {
    /// A camera of this name and serial number with all formats, at 10 and 5 frames a second: what an emulated processor can
    /// encode in time.
    pub fn new(product: &str, serial: &str) -> Self {
        Self {
            // pid.codes: numbers for tests.
            vendor_id: 0x1209,
            product_id: 0x0001,
            vendor: "Acme".into(),
            product: product.into(),
            serial: Some(serial.into()),
            formats: vec![Format::Mjpeg, Format::Yuyv, Format::H264],
            rates: vec![10, 5],
        }
    }

    /// The same with these formats only.
    pub fn only(self, formats: &[Format]) -> Self {
        Self { formats: formats.to_vec(), ..self }
    }
}

/// What is wrong with a camera.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// No picture comes any more.
    pub freeze: bool,
    /// It refuses to begin a stream.
    pub stall_commit: bool,
    /// The second half of each picture is damaged.
    pub corrupt: bool,
    /// Each picture ends in its middle.
    pub truncate: bool,
    /// Each picture is marked as wrong in the header of its payload.
    pub error_bit: bool,
    /// It refuses to have its contrast set.
    pub stall_contrast: bool,
    /// It does not answer when one of its controls is to be set, until it hears again; then it refuses.
    pub deaf: bool,
}

/// A camera that is plugged in. Dropped, it is pulled.
#[derive(Debug)]
pub struct UvcCamera {
    cable: UnixStream,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<io::Result<()>>>,
}

/// What the camera's two threads share.
#[derive(Debug)]
struct Shared {
    device: Mutex<Device>,
    /// Something in `device` is different.
    changed: Condvar,
    /// Answers of both threads go out here, each in one piece. Whoever locks both locks this first.
    answers: Mutex<UnixStream>,
    /// Pictures the host has taken whole.
    sent: AtomicU64,
}

impl UvcCamera {
    /// Plugs a camera into a port, 0 to 14, when that is free. The kernel needs half a second until there are nodes.
    ///
    /// # Panics
    /// If there is no such port, or another camera stays in it.
    pub async fn plug(port: u32, config: Config) -> Self {
        let what = format!("USB port {port} is free");
        let cable = eventually(&what, FREE_LIMIT, async || usbip::plug(port).ok()).await;
        let twin = || cable.try_clone().expect("a fresh guest has descriptors enough");
        let shared = Arc::new(Shared {
            device: Mutex::new(Device::new(config)),
            changed: Condvar::new(),
            answers: Mutex::new(twin()),
            sent: AtomicU64::new(0),
        });
        let (listener, feeder, reads) = (Arc::clone(&shared), Arc::clone(&shared), twin());
        let threads = vec![
            std::thread::spawn(move || listener.listen(reads)),
            std::thread::spawn(move || feed::run(&feeder)),
        ];
        Self { cable, shared, threads }
    }

    /// From now on it has these faults and no others.
    pub fn inject(&self, faults: Faults) {
        // The way out first: see `feed::place`.
        let mut out = self.shared.answers();
        let heard = self.shared.change(|device| {
            device.faults = faults;
            if faults.deaf { Vec::new() } else { std::mem::take(&mut device.unheard) }
        });
        for number in heard {
            // An error: the kernel has let go.
            let _ = usbip::stall(&mut *out, number);
        }
    }

    /// Pictures the host has taken whole since it was plugged in.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }
}

impl Drop for UvcCamera {
    fn drop(&mut self) {
        self.shared.change(|device| device.gone = true);
        // An error: the kernel has let go first.
        let _ = self.cable.shutdown(Shutdown::Both);
        for thread in self.threads.drain(..) {
            // That the cable broke is how both end.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn device(&self) -> MutexGuard<'_, Device> {
        self.device.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answers(&self) -> MutexGuard<'_, UnixStream> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Device) -> T) -> T {
        let changed = change(&mut self.device());
        self.changed.notify_all();
        changed
    }

    /// Answers the host until the cable is pulled.
    fn listen(&self, mut cable: UnixStream) -> io::Result<()> {
        loop {
            match usbip::read(&mut cable)? {
                Request::Control { number, setup, .. }
                    if self.change(|device| device.overhears(number, setup)) => {}
                Request::Control { number, setup, data, length } => {
                    let answered = self.change(|device| device.control(setup, &data));
                    let mut out = self.answers();
                    match answered {
                        None => usbip::stall(&mut *out, number)?,
                        Some(_) if !data.is_empty() => usbip::take(&mut *out, number, length)?,
                        Some(answer) => {
                            usbip::give(&mut *out, number, &answer[..answer.len().min(length)])?;
                        }
                    }
                }
                Request::Bulk(urb) => self.change(|device| device.places.push_back(urb)),
                Request::Unlink { number, victim } => {
                    // The way out first: see `feed::place`.
                    let mut out = self.answers();
                    let waited = self.change(|device| device.unlink(victim));
                    usbip::unlinked(&mut *out, number, waited)?;
                }
            }
        }
    }
}

/// The film a camera shows in this mode.
fn film(format: Format, (width, height): (u16, u16)) -> Vec<Vec<u8>> {
    film::pictures(format, width, height)
}
