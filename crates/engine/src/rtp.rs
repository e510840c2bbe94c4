//! Access units to RTP packets (RFC 3550, RFC 6184), once for all viewers and framed for RTSP. It
//! only writes: nobody sends us RTP.

use bytes::{BufMut, Bytes, BytesMut};
use media::Unit;

/// Largest RTP packet in bytes, its header included: with UDP and IPv6 headers it fits the usual paths.
pub const MAX_PACKET_BYTES: usize = 1_400;

/// The dynamic payload type of the one track (RFC 3551 section 6).
pub const PAYLOAD_TYPE: u8 = 96;

/// RTP header without CSRC (RFC 3550 section 5.1).
const HEADER_BYTES: usize = 12;
const MAX_PAYLOAD_BYTES: usize = MAX_PACKET_BYTES - HEADER_BYTES;

/// `$`, channel, 16-bit length (RFC 2326 section 10.12).
const FRAMING_BYTES: usize = 4;

/// NAL unit types of RFC 6184 table 1.
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// All packets of one access unit.
#[derive(Debug, Clone)]
pub struct Rtp {
    framed: Bytes,
    first_seq: u16,
    timestamp: u32,
    packets: u32,
    payload_bytes: u32,
}

impl Rtp {
    /// The packets back to back, each framed for channel 0 of an RTSP connection.
    pub fn interleaved(&self) -> &Bytes {
        &self.framed
    }

    /// The same for another channel: a copy, unless `channel` is 0.
    pub fn interleaved_on(&self, channel: u8) -> Bytes {
        if channel == 0 {
            return self.framed.clone();
        }
        let mut framed = BytesMut::from(&self.framed[..]);
        let mut at = 0;
        for packet in self.packets() {
            framed[at + 1] = channel;
            at += FRAMING_BYTES + packet.len();
        }
        framed.freeze()
    }

    /// The bare packets, in order, for UDP.
    pub fn packets(&self) -> impl Iterator<Item = Bytes> + '_ {
        let mut rest = self.framed.clone();
        std::iter::from_fn(move || {
            let head: [u8; FRAMING_BYTES] = rest.get(..FRAMING_BYTES)?.try_into().ok()?;
            let mut packet =
                rest.split_to(FRAMING_BYTES + usize::from(u16::from_be_bytes([head[2], head[3]])));
            Some(packet.split_off(FRAMING_BYTES))
        })
    }

    /// Sequence number of the first packet.
    pub fn first_seq(&self) -> u16 {
        self.first_seq
    }

    /// RTP timestamp of all its packets, in 1/90,000 s.
    pub fn timestamp(&self) -> u32 {
        self.timestamp
    }

    /// Number of packets.
    pub fn packet_count(&self) -> u32 {
        self.packets
    }

    /// Bytes of payload without RTP headers, as a sender report counts (RFC 3550 section 6.4.1).
    pub fn payload_bytes(&self) -> u32 {
        self.payload_bytes
    }
}

/// Turns the access units of one stream into packets; all viewers share its numbers.
#[derive(Debug)]
pub struct Packetizer {
    ssrc: u32,
    next_seq: u16,
    timestamp_base: u32,
}

impl Packetizer {
    /// `first_seq` and `timestamp_base` should be random (RFC 3550 section 5.1).
    pub fn new(ssrc: u32, first_seq: u16, timestamp_base: u32) -> Self {
        Self { ssrc, next_seq: first_seq, timestamp_base }
    }

    /// The stream's synchronisation source.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Sequence number the next packet will have.
    pub fn next_seq(&self) -> u16 {
        self.next_seq
    }

    /// RTP timestamp of a time of the path, in 1/90,000 s; wraps.
    pub fn timestamp(&self, pts_90k: i64) -> u32 {
        self.timestamp_base.wrapping_add(pts_90k as u32)
    }

    /// The packets of one access unit (packetization-mode 1). Before a key unit go its parameter sets, so
    /// that a viewer who begins there needs nothing else.
    pub fn packetize(&mut self, unit: &Unit) -> Rtp {
        let bytes = unit.data.len();
        let mut writer = Writer {
            out: BytesMut::with_capacity(bytes + bytes / 64 + 256),
            timestamp: self.timestamp(unit.pts_90k),
            ssrc: self.ssrc,
            seq: self.next_seq,
            last: None,
            packets: 0,
        };
        if unit.key {
            let sets: Vec<&[u8]> =
                std::iter::once(&unit.params.sps).chain(&unit.params.pps).map(|nal| &nal[..]).collect();
            writer.parameter_sets(&sets);
        }
        for nal in unit.nals() {
            writer.nal(&nal);
        }
        let rtp = writer.finish(self.next_seq);
        self.next_seq = self.next_seq.wrapping_add(rtp.packets as u16);
        rtp
    }
}

struct Writer {
    out: BytesMut,
    timestamp: u32,
    ssrc: u32,
    seq: u16,
    /// Where the last packet begins.
    last: Option<usize>,
    packets: u32,
}

impl Writer {
    /// One packet of these parts. `parts` never exceed [`MAX_PAYLOAD_BYTES`]: the callers split.
    fn packet(&mut self, parts: &[&[u8]]) {
        let bytes = HEADER_BYTES + parts.iter().map(|part| part.len()).sum::<usize>();
        self.out.put_slice(b"$\0");
        self.out.put_u16(bytes as u16);
        self.last = Some(self.out.len());
        self.out.put_u8(2 << 6);
        self.out.put_u8(PAYLOAD_TYPE);
        self.out.put_u16(self.seq);
        self.out.put_u32(self.timestamp);
        self.out.put_u32(self.ssrc);
        for part in parts {
            self.out.put_slice(part);
        }
        self.seq = self.seq.wrapping_add(1);
        self.packets += 1;
    }

    /// RFC 6184 section 5.7.1 when all fit into one packet.
    fn parameter_sets(&mut self, sets: &[&[u8]]) {
        let bytes = 1 + sets.iter().map(|set| 2 + set.len()).sum::<usize>();
        if bytes > MAX_PAYLOAD_BYTES || sets.len() < 2 || sets.iter().any(|set| set.is_empty()) {
            for set in sets {
                self.nal(set);
            }
            return;
        }
        // F is the OR, NRI the maximum of those inside; parameter sets have F 0 (section 5.3).
        let nri = sets.iter().map(|set| set[0] & 0x60).max().unwrap_or_default();
        let mut payload = Vec::with_capacity(bytes);
        payload.push(nri | STAP_A);
        for set in sets {
            payload.extend((set.len() as u16).to_be_bytes());
            payload.extend(*set);
        }
        self.packet(&[&payload]);
    }

    /// One NAL unit as it is (RFC 6184 section 5.6) or in fragments (section 5.8).
    fn nal(&mut self, nal: &[u8]) {
        let Some((&head, body)) = nal.split_first() else { return };
        // A viewer would take types from 24 on for one of RFC 6184's own packets.
        if !(1..STAP_A).contains(&(head & 0x1f)) {
            return;
        }
        if nal.len() <= MAX_PAYLOAD_BYTES {
            self.packet(&[nal]);
            return;
        }
        // More than one packet's worth, so never start and end in the same fragment.
        let mut fragments = body.chunks(MAX_PAYLOAD_BYTES - 2).peekable();
        let mut start = 0x80;
        while let Some(fragment) = fragments.next() {
            let end = if fragments.peek().is_none() { 0x40 } else { 0 };
            self.packet(&[&[head & 0xe0 | FU_A, start | end | head & 0x1f], fragment]);
            start = 0;
        }
    }

    fn finish(mut self, first_seq: u16) -> Rtp {
        if let Some(last) = self.last {
            self.out[last + 1] |= 0x80;
        }
        let overhead = self.packets as usize * (FRAMING_BYTES + HEADER_BYTES);
        Rtp {
            payload_bytes: (self.out.len() - overhead) as u32,
            framed: self.out.freeze(),
            first_seq,
            timestamp: self.timestamp,
            packets: self.packets,
        }
    }
}
