//! The wire between the kernel's `vhci_hcd` and a USB device in user space (USB/IP: Linux,
//! `Documentation/usb/usbip_protocol.rst`), as far as a device needs it: requests come in, answers go out. Knows nothing of cameras.

use std::{
    fs,
    io::{self, Read, Write},
    os::{fd::AsRawFd, unix::net::UnixStream},
};

/// The first virtual host controller; it has the high-speed ports 0 to 14 (`/sys/.../status`, hub `hs`) in Debian's kernel.
const CONTROLLER: &str = "/sys/devices/platform/vhci_hcd.0";
/// `enum usb_device_speed` of the kernel: USB 2.0, 480 Mbit/s.
const HIGH_SPEED: u32 = 3;
/// Bytes of every header.
const HEADER: usize = 48;
/// Commands and answers.
const SUBMIT: u32 = 1;
const UNLINK: u32 = 2;
const SUBMITTED: u32 = 3;
const UNLINKED: u32 = 4;
/// Longest transfer taken; `uvcvideo` asks for 16 KiB at once.
const MAX_TRANSFER: usize = 1 << 20;
/// As the status of an answer: the endpoint refuses (stalls), and the transfer was taken back.
const EPIPE: i32 = -32;
const ECONNRESET: i32 = -104;

/// What the host wants.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    /// Of endpoint 0: eight bytes of set-up, and what goes with them to the device.
    Control {
        /// To be named in the answer.
        number: u32,
        /// As USB 2.0, section 9.3 has them.
        setup: [u8; 8],
        /// Empty when data is wanted.
        data: Vec<u8>,
        /// How many bytes are given or wanted.
        length: usize,
    },
    /// Of another endpoint: a place for data is free.
    Bulk(Urb),
    /// That place is taken back.
    Unlink {
        /// To be named in the answer.
        number: u32,
        /// Which request.
        victim: u32,
    },
}

/// A place for data from the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Urb {
    /// To be named in the answer.
    pub number: u32,
    /// Bytes that fit.
    pub length: usize,
}

/// Plugs a device into a port; gives its end of the cable. The kernel holds the other one.
pub fn plug(port: u32) -> io::Result<UnixStream> {
    let (ours, kernels) = UnixStream::pair()?;
    let device = (1 << 16) | (port + 1);
    fs::write(
        format!("{CONTROLLER}/attach"),
        format!("{port} {} {device} {HIGH_SPEED}", kernels.as_raw_fd()),
    )?;
    Ok(ours)
}

/// Reads the next request.
pub fn read(cable: &mut impl Read) -> io::Result<Request> {
    let mut header = [0; HEADER];
    cable.read_exact(&mut header)?;
    let word = |at: usize| {
        let bytes = header[at * 4..][..4].try_into().expect("four bytes were cut out");
        u32::from_be_bytes(bytes)
    };
    let (command, number, to_host, endpoint, length) =
        (word(0), word(1), word(3) == 1, word(4), word(6) as usize);
    match (command, endpoint) {
        (UNLINK, _) => Ok(Request::Unlink { number, victim: word(5) }),
        (SUBMIT, _) if length > MAX_TRANSFER => Err(io::Error::other("a transfer of more than 1 MiB")),
        (SUBMIT, 0) => {
            let mut data = vec![0; if to_host { 0 } else { length }];
            cable.read_exact(&mut data)?;
            let setup = header[HEADER - 8..].try_into().expect("eight bytes were cut out");
            Ok(Request::Control { number, setup, data, length })
        }
        (SUBMIT, _) => Ok(Request::Bulk(Urb { number, length })),
        _ => Err(io::Error::other(format!("command {command} is not of the protocol"))),
    }
}

/// Data for the host, as much as it wanted.
pub fn give(cable: &mut impl Write, number: u32, data: &[u8]) -> io::Result<()> {
    answer(cable, SUBMITTED, number, 0, data.len(), data)
}

/// So many bytes from the host were taken.
pub fn take(cable: &mut impl Write, number: u32, length: usize) -> io::Result<()> {
    answer(cable, SUBMITTED, number, 0, length, &[])
}

/// The device refuses.
pub fn stall(cable: &mut impl Write, number: u32) -> io::Result<()> {
    answer(cable, SUBMITTED, number, EPIPE, 0, &[])
}

/// Answers an unlink. `waited`: the request was still there; it gets no answer of its own then.
pub fn unlinked(cable: &mut impl Write, number: u32, waited: bool) -> io::Result<()> {
    answer(cable, UNLINKED, number, if waited { ECONNRESET } else { 0 }, 0, &[])
}

fn answer(
    cable: &mut impl Write,
    command: u32,
    number: u32,
    status: i32,
    length: usize,
    data: &[u8],
) -> io::Result<()> {
    let mut message = Vec::with_capacity(HEADER + data.len());
    for word in [command, number, 0, 0, 0, status.cast_unsigned(), length as u32, 0, 0, 0, 0, 0] {
        message.extend(word.to_be_bytes());
    }
    message.extend(data);
    cable.write_all(&message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(words: [u32; 10], tail: &[u8]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).chain(tail.iter().copied()).collect()
    }

    #[test]
    fn requests_are_read() {
        let ask = message([SUBMIT, 7, 0, 1, 0, 0, 18, 0, 0, 0], &[0x80, 6, 0, 1, 0, 0, 18, 0]);
        let setup = [0x80, 6, 0, 1, 0, 0, 18, 0];
        let want = Request::Control { number: 7, setup, data: Vec::new(), length: 18 };
        assert_eq!(read(&mut &ask[..]).unwrap(), want);
        let tell = message([SUBMIT, 8, 0, 0, 0, 0, 2, 0, 0, 0], &[0x21, 1, 0, 2, 0, 2, 2, 0, 5, 6]);
        let setup = [0x21, 1, 0, 2, 0, 2, 2, 0];
        let want = Request::Control { number: 8, setup, data: vec![5, 6], length: 2 };
        assert_eq!(read(&mut &tell[..]).unwrap(), want);
        let bulk = message([SUBMIT, 9, 0, 1, 1, 0, 16384, 0, 0, 0], &[0; 8]);
        assert_eq!(read(&mut &bulk[..]).unwrap(), Request::Bulk(Urb { number: 9, length: 16384 }));
        let back = message([UNLINK, 10, 0, 0, 0, 9, 0, 0, 0, 0], &[0; 8]);
        assert_eq!(read(&mut &back[..]).unwrap(), Request::Unlink { number: 10, victim: 9 });
        for bad in [[9, 1, 0, 0, 0, 0, 0, 0, 0, 0], [SUBMIT, 1, 0, 0, 0, 0, u32::MAX, 0, 0, 0]] {
            assert!(read(&mut &message(bad, &[0; 8])[..]).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn answers_are_written() {
        let mut cable = Vec::new();
        give(&mut cable, 7, &[1, 2, 3]).unwrap();
        assert_eq!(cable[..8], [0, 0, 0, 3, 0, 0, 0, 7]);
        assert_eq!(cable[20..28], [0, 0, 0, 0, 0, 0, 0, 3]);
        assert_eq!(cable[HEADER..], [1, 2, 3]);
        cable.clear();
        stall(&mut cable, 7).unwrap();
        assert_eq!((cable.len(), &cable[20..24]), (HEADER, &EPIPE.to_be_bytes()[..]));
    }
}
