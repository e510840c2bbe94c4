//! From RTP packets to pictures (RFC 3550, RFC 6184): single NAL units, STAP-A, FU-A. Notes every
//! offence against the two; a test asks for them at its end.

use std::time::Instant;

use bytes::{Buf, Bytes, BytesMut};

use crate::h264;

/// Offences kept: one is enough to fail.
const MAX_PROBLEMS: usize = 20;

/// One picture as it came.
#[derive(Debug, Clone)]
pub struct Frame {
    /// In units of 1/90,000 s.
    pub timestamp: u32,
    /// Its NAL units.
    pub nals: Vec<Bytes>,
    /// It can be shown without any other: it has an IDR slice, and parameter sets have come.
    pub key: bool,
    /// When its last packet came.
    pub arrived: Instant,
}

/// Puts pictures together.
#[derive(Debug, Default)]
pub struct Depacketizer {
    next_seq: Option<u16>,
    ssrc: Option<u32>,
    newest_timestamp: Option<u32>,
    /// The picture being put together.
    timestamp: u32,
    nals: Vec<Bytes>,
    fragment: BytesMut,
    broken: bool,
    has_parameters: bool,
    lost_packets: u64,
    packets: u64,
    problems: Vec<String>,
}

impl Depacketizer {
    /// Takes a packet; gives a picture when it was its last one.
    pub fn push(&mut self, packet: &Bytes, arrived: Instant) -> Option<Frame> {
        self.packets += 1;
        let Some((header, mut payload)) = self.header(packet) else {
            self.problem(format!("not an RTP packet of H.264: {:02x?}", &packet[..packet.len().min(16)]));
            return None;
        };
        self.sequence(&header);
        if header.timestamp != self.timestamp && !(self.nals.is_empty() && self.fragment.is_empty()) {
            self.problem(format!("picture {} has no end (marker)", self.timestamp));
            self.drop_picture();
        }
        self.timestamp = header.timestamp;
        self.payload(&mut payload);
        header.marker.then(|| self.finish(arrived)).flatten()
    }

    /// Parameter sets are known already (from the description).
    pub fn know_parameters(&mut self) {
        self.has_parameters = true;
    }

    /// Packets that are missing between those that came.
    pub fn lost_packets(&self) -> u64 {
        self.lost_packets
    }

    /// Packets that came.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// The source's number, once a packet has come.
    pub fn ssrc(&self) -> Option<u32> {
        self.ssrc
    }

    /// Offences against the standards.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    fn header(&self, packet: &Bytes) -> Option<(Header, Bytes)> {
        let mut packet = packet.clone();
        if packet.len() < 13 || packet[0] & 0xcf != 0x80 {
            // Version 2, no contributing sources; padding and extensions are not used by us.
            return None;
        }
        let (extended, kind) = (packet[0] & 0x30 != 0, packet[1]);
        packet.advance(2);
        let header = Header {
            marker: kind & 0x80 != 0,
            seq: packet.get_u16(),
            timestamp: packet.get_u32(),
            ssrc: packet.get_u32(),
        };
        let dynamic = (96..128).contains(&(kind & 0x7f));
        let same = self.ssrc.is_none_or(|ssrc| ssrc == header.ssrc);
        (dynamic && same && !extended).then_some((header, packet))
    }

    fn sequence(&mut self, header: &Header) {
        self.ssrc = Some(header.ssrc);
        if let Some(expected) = self.next_seq {
            let ahead = header.seq.wrapping_sub(expected);
            if ahead > 0x8000 {
                self.problem(format!("packet {} after {}", header.seq, expected.wrapping_sub(1)));
            } else if ahead > 0 {
                self.lost_packets += u64::from(ahead);
                self.broken = true;
                self.drop_picture();
            }
        }
        self.next_seq = Some(header.seq.wrapping_add(1));
    }

    fn payload(&mut self, payload: &mut Bytes) {
        match h264::kind(payload) {
            1..=23 => self.nals.push(payload.clone()),
            24 => {
                payload.advance(1);
                while payload.len() > 2 {
                    let length = usize::from(payload.get_u16());
                    if length == 0 || length > payload.len() {
                        self.problem("STAP-A: a length beyond its packet".into());
                        return;
                    }
                    self.nals.push(payload.split_to(length));
                }
            }
            28 if payload.len() > 2 => self.fragment(payload),
            kind => self.problem(format!("a packet of kind {kind}")),
        }
    }

    fn fragment(&mut self, payload: &mut Bytes) {
        let (indicator, header) = (payload.get_u8(), payload.get_u8());
        let (start, end) = (header & 0x80 != 0, header & 0x40 != 0);
        if start && end {
            self.problem("FU-A: one fragment is no fragment".into());
        }
        if start == self.fragment.is_empty() {
            if start {
                self.fragment.extend([indicator & 0xe0 | header & 0x1f]);
            }
            self.fragment.extend_from_slice(payload);
        } else if !self.broken {
            self.problem("FU-A: begins twice, or not at all".into());
        }
        if end && !self.fragment.is_empty() {
            self.nals.push(std::mem::take(&mut self.fragment).freeze());
        }
    }

    fn finish(&mut self, arrived: Instant) -> Option<Frame> {
        if !self.fragment.is_empty() {
            self.problem("FU-A: a picture ends within a fragment".into());
        }
        let nals = std::mem::take(&mut self.nals);
        self.fragment.clear();
        if std::mem::take(&mut self.broken) {
            return None;
        }
        let has = |kind: u8| nals.iter().any(|nal| h264::kind(nal) == kind);
        self.has_parameters |= has(h264::SPS) && has(h264::PPS);
        if !nals.iter().any(|nal| h264::begins_picture(nal)) {
            self.problem(format!("picture {} does not begin", self.timestamp));
        }
        if let Some(newest) = self.newest_timestamp
            && (self.timestamp.wrapping_sub(newest) == 0 || self.timestamp.wrapping_sub(newest) > 1 << 31)
        {
            self.problem(format!("time {} after {newest}", self.timestamp));
        }
        self.newest_timestamp = Some(self.timestamp);
        Some(Frame { timestamp: self.timestamp, key: has(h264::IDR) && self.has_parameters, nals, arrived })
    }

    fn drop_picture(&mut self) {
        self.nals.clear();
        self.fragment.clear();
    }

    fn problem(&mut self, what: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(what);
        }
    }
}

struct Header {
    marker: bool,
    seq: u16,
    timestamp: u32,
    ssrc: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(seq: u16, timestamp: u32, marker: bool, payload: &[u8]) -> Bytes {
        let mut packet = vec![0x80, 0x60 | u8::from(marker) << 7];
        packet.extend(seq.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend([0, 0, 0, 9]);
        packet.extend(payload);
        packet.into()
    }

    fn push(d: &mut Depacketizer, packets: &[Bytes]) -> Vec<Frame> {
        packets.iter().filter_map(|packet| d.push(packet, Instant::now())).collect()
    }

    #[test]
    fn the_three_ways_to_pack() {
        let mut d = Depacketizer::default();
        let frames = push(
            &mut d,
            &[
                packet(65535, 0, false, &[24, 0, 2, 0x67, 1, 0, 2, 0x68, 2]),
                packet(0, 0, false, &[0x7c, 0x85, 0x80, 1]),
                packet(1, 0, false, &[0x7c, 0x05, 2]),
                packet(2, 0, true, &[0x7c, 0x45, 3]),
                packet(3, 6000, true, &[0x41, 0x9a, 7]),
            ],
        );
        assert_eq!(d.problems(), [""; 0]);
        assert_eq!((frames.len(), d.lost_packets(), d.packets()), (2, 0, 5));
        assert!(frames[0].key && !frames[1].key);
        assert_eq!(frames[0].nals[2], Bytes::from_static(&[0x65, 0x80, 1, 2, 3]));
        assert_eq!(frames[1].timestamp, 6000);
    }

    #[test]
    fn a_loss_costs_its_picture_only() {
        let mut d = Depacketizer::default();
        let frames = push(
            &mut d,
            &[
                packet(1, 0, false, &[0x7c, 0x85, 0x80, 1]),
                packet(3, 0, true, &[0x7c, 0x45, 3]),
                packet(4, 1, true, &[0x65, 0x80]),
            ],
        );
        assert_eq!((frames.len(), d.lost_packets()), (1, 1));
        assert!(!frames[0].key, "parameter sets have not come");
        assert_eq!(d.problems(), [""; 0]);
    }

    #[test]
    fn offences_are_noted() {
        for packets in [
            vec![Bytes::from_static(b"RTSP/1.0 200 OK")],
            vec![packet(1, 0, true, &[0x41, 0x9a]), packet(1, 5, true, &[0x41, 0x9a])],
            vec![packet(1, 0, true, &[0x41, 0x9a]), packet(2, 0, true, &[0x41, 0x9a])],
            vec![packet(1, 0, false, &[0x41, 0x9a]), packet(2, 5, true, &[0x41, 0x9a])],
            vec![packet(1, 0, true, &[0x41, 0x1a])],
            vec![packet(1, 0, true, &[0x7c, 0xc5, 0x80])],
            vec![packet(1, 0, true, &[0x7c, 0x05, 0x80])],
            vec![packet(1, 0, true, &[24, 0, 9, 0x41])],
            vec![packet(1, 0, true, &[29, 0, 9, 0x41])],
        ] {
            let mut d = Depacketizer::default();
            push(&mut d, &packets);
            assert!(!d.problems().is_empty(), "{packets:02x?}");
        }
    }
}
