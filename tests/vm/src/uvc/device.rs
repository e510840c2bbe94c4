//! The camera's memory, and its answers on endpoint 0: who it is, which mode is agreed on, its controls. Sends no picture.

use std::{collections::VecDeque, sync::Arc};

use super::{
    Config, Faults, Format,
    descriptors::{self, BULK_IN, LENS, PROCESSING_UNIT, STREAMING_INTERFACE},
    film,
    levels::{CONTRAST, GET_CUR, GET_INFO, GET_LEN, Levels, READ_WRITE, SET_CUR},
};
use crate::{film::SIZES, usbip::Urb};

/// Bytes in one payload; one request of `uvcvideo` takes it whole.
pub(super) const PAYLOAD: usize = 16384;
/// Bytes of the block that agrees on a mode (Video Class 1.1, table 4-47).
const PROBE: usize = 34;
/// Controls of the streaming interface.
const COMMIT: u8 = 2;

/// The camera.
#[derive(Debug)]
pub(super) struct Device {
    config: Config,
    pub(super) faults: Faults,
    probe: Vec<u8>,
    levels: Levels,
    /// What is sent, if anything.
    pub(super) stream: Option<Stream>,
    /// Streams so far.
    streams: u64,
    /// Places for data the host has offered.
    pub(super) places: VecDeque<Urb>,
    /// Requests it is deaf to; the host waits.
    pub(super) unheard: Vec<u32>,
    /// It is pulled.
    pub(super) gone: bool,
}

/// A stream the host has asked for.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    /// Tells it from others.
    pub(super) number: u64,
    /// In 100 ns.
    pub(super) interval: u32,
    pub(super) pictures: Arc<Vec<Vec<u8>>>,
}

impl Device {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            faults: Faults::default(),
            probe: Vec::new(),
            levels: Levels::new(),
            stream: None,
            streams: 0,
            places: VecDeque::new(),
            unheard: Vec::new(),
            gone: false,
        }
    }

    /// Takes a request back; was it still there?
    pub(super) fn unlink(&mut self, victim: u32) -> bool {
        let waiting = |device: &Self| device.places.len() + device.unheard.len();
        let before = waiting(self);
        self.places.retain(|urb| urb.number != victim);
        self.unheard.retain(|number| *number != victim);
        waiting(self) < before
    }

    /// Is it a request that it is deaf to? Then it is answered when it hears again.
    pub(super) fn overhears(&mut self, number: u32, setup: [u8; 8]) -> bool {
        let deaf = self.faults.deaf && setup[..2] == [0x21, SET_CUR] && setup[4] == 0;
        if deaf {
            self.unheard.push(number);
        }
        deaf
    }

    /// The answer to a request of endpoint 0; `None`: it refuses.
    pub(super) fn control(&mut self, setup: [u8; 8], data: &[u8]) -> Option<Vec<u8>> {
        let [kind, request, selector_low, selector, index_low, index, ..] = setup;
        match (kind, request) {
            // GET_DESCRIPTOR
            (0x80, 6) => match selector {
                1 => Some(descriptors::device(&self.config)),
                2 => Some(descriptors::configuration(&self.config)),
                3 => descriptors::string(&self.config, selector_low),
                _ => None,
            },
            // GET_STATUS
            (0x80..=0x82, 0) => Some(vec![0, 0]),
            // CLEAR_FEATURE of the endpoint: so a host ends a stream of bulk transfers, as Windows does.
            (0x02, 1) if index_low == BULK_IN => {
                self.stream = None;
                Some(Vec::new())
            }
            // Whatever else is set: address, configuration, interface.
            (0x00..=0x02, _) => Some(Vec::new()),
            // GET_INTERFACE
            (0x81, 10) => Some(vec![0]),
            (0x21 | 0xa1, _) if index_low == STREAMING_INTERFACE => self.streaming(request, selector, data),
            (0x21, _) if index == PROCESSING_UNIT && selector == CONTRAST && self.faults.stall_contrast => {
                None
            }
            (0x21 | 0xa1, _) if index_low == 0 && index == PROCESSING_UNIT => {
                self.levels.unit(request, selector, data)
            }
            (0x21 | 0xa1, _) if index_low == 0 && index == LENS => self.levels.lens(request, selector, data),
            _ => None,
        }
    }

    /// Agrees on a mode (probe), and begins (commit).
    fn streaming(&mut self, request: u8, selector: u8, data: &[u8]) -> Option<Vec<u8>> {
        match request {
            SET_CUR if selector == COMMIT && self.faults.stall_commit => None,
            SET_CUR => {
                let (probe, format, size, interval) = self.agreed(data);
                self.probe = probe;
                if selector == COMMIT {
                    self.streams += 1;
                    let pictures = Arc::new(film(format, size));
                    self.stream = Some(Stream { number: self.streams, interval, pictures });
                }
                Some(Vec::new())
            }
            GET_LEN => Some(vec![PROBE as u8, 0]),
            GET_INFO => Some(vec![READ_WRITE]),
            GET_CUR => Some(self.agreed(&self.probe).0),
            _ => Some(self.agreed(&[]).0),
        }
    }

    /// The nearest that is offered to what is wanted: the block, and what it means.
    fn agreed(&self, wanted: &[u8]) -> (Vec<u8>, Format, (u16, u16), u32) {
        let mut block = wanted.to_vec();
        block.resize(PROBE, 0);
        // Both are counted from 1.
        let format = usize::from(block[2].max(1)).min(self.config.formats.len());
        let size = usize::from(block[3].max(1)).min(SIZES.len());
        let interval = u32::from_le_bytes(block[4..8].try_into().expect("four bytes were cut out"));
        let offered = || self.config.rates.iter().map(|rate| descriptors::interval(*rate));
        let nearest = offered().min_by_key(|offered| offered.abs_diff(interval));
        let usual = offered().next();
        let interval = if interval == 0 { usual } else { nearest }.unwrap_or(descriptors::interval(1));
        block[2] = format as u8;
        block[3] = size as u8;
        block[4..8].copy_from_slice(&interval.to_le_bytes());
        block[18..22].copy_from_slice(&descriptors::max_picture(SIZES[size - 1]).to_le_bytes());
        block[22..26].copy_from_slice(&(PAYLOAD as u32).to_le_bytes());
        block[26..30].copy_from_slice(&descriptors::CLOCK_HZ.to_le_bytes());
        // Each payload tells picture and end of picture.
        block[30] = 3;
        (block, self.config.formats[format - 1], SIZES[size - 1], interval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> Device {
        Device::new(Config::new("Desk Cam", "A1"))
    }

    #[test]
    fn a_mode_is_agreed_on_that_is_offered() {
        let device = device();
        let mut wanted = vec![0; PROBE];
        (wanted[2], wanted[3]) = (9, 2);
        wanted[4..8].copy_from_slice(&1_900_000u32.to_le_bytes());
        let (block, format, size, interval) = device.agreed(&wanted);
        assert_eq!((format, size, interval), (Format::H264, SIZES[1], 2_000_000));
        assert_eq!((block.len(), block[2], block[3]), (PROBE, 3, 2));
        let (_, format, size, interval) = device.agreed(&[]);
        assert_eq!((format, size, interval), (Format::Mjpeg, SIZES[0], 1_000_000));
    }

    #[test]
    fn controls_are_kept_and_nonsense_is_refused() {
        let mut device = device();
        let brightness = |kind, request| [kind, request, 0, 2, 0, PROCESSING_UNIT, 2, 0];
        assert_eq!(device.control(brightness(0x21, SET_CUR), &[7, 0]), Some(Vec::new()));
        assert_eq!(device.control(brightness(0xa1, GET_CUR), &[]), Some(vec![7, 0]));
        assert_eq!(device.control(brightness(0x21, SET_CUR), &[7]), None);
        assert_eq!(device.control([0xa1, GET_CUR, 0, 9, 0, PROCESSING_UNIT, 2, 0], &[]), None);
        assert_eq!(device.control([0xa1, GET_CUR, 0, 2, 0, 7, 2, 0], &[]), None);
        device.faults.stall_commit = true;
        assert_eq!(device.control([0x21, SET_CUR, 0, COMMIT, STREAMING_INTERFACE, 0, 34, 0], &[]), None);
    }

    #[test]
    fn a_place_is_taken_back_once() {
        let mut device = device();
        device.places.push_back(Urb { number: 5, length: 1 });
        assert!(device.unlink(5) && !device.unlink(5));
    }

    #[test]
    fn what_is_not_heard_waits() {
        let mut device = device();
        let set = [0x21, SET_CUR, 0, 2, 0, PROCESSING_UNIT, 2, 0];
        assert!(!device.overhears(5, set));
        device.faults.deaf = true;
        assert!(
            device.overhears(5, set) && !device.overhears(6, [0xa1, GET_CUR, 0, 2, 0, PROCESSING_UNIT, 2, 0])
        );
        assert!(device.unlink(5) && !device.unlink(5));
    }
}
