//! The few RTCP packets (RFC 3550 section 6) a server of live video needs: sender reports and BYE to
//! viewers, and knowing a viewer's sign of life. Statistics of receivers are not read.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds from 1900 (NTP) to 1970 (Unix), RFC 5905 appendix A.
const NTP_TO_UNIX_S: u64 = 2_208_988_800;

/// Packet types (RFC 3550 section 12.1).
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const BYE: u8 = 203;

/// Version 2, no padding.
const VERSION: u8 = 2 << 6;

/// A sender report with the CNAME, as one compound packet (RFC 3550 sections 6.4.1 and 6.5.1).
/// `rtp_timestamp` is the stream's time at `now`; `packets` and `octets` count what was sent since the
/// session began and wrap. Of `cname` at most 255 bytes are told.
pub fn sender_report(
    ssrc: u32,
    now: SystemTime,
    rtp_timestamp: u32,
    packets: u32,
    octets: u32,
    cname: &str,
) -> Vec<u8> {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs().wrapping_add(NTP_TO_UNIX_S) as u32;
    let fraction = ((u64::from(since.subsec_nanos()) << 32) / 1_000_000_000) as u32;
    let mut out = vec![VERSION, SENDER_REPORT, 0, 6];
    for word in [ssrc, seconds, fraction, rtp_timestamp, packets, octets] {
        out.extend(word.to_be_bytes());
    }
    let cname = cname.as_bytes();
    let cname = &cname[..cname.len().min(255)];
    // SSRC, item type, length, text, at least one zero, up to a word boundary.
    let words = (4 + 2 + cname.len() + 1).div_ceil(4);
    let end = out.len() + 4 + words * 4;
    out.extend([VERSION | 1, SOURCE_DESCRIPTION, 0, words as u8]);
    out.extend(ssrc.to_be_bytes());
    out.extend([1, cname.len() as u8]);
    out.extend(cname);
    out.resize(end, 0);
    out
}

/// The end of a source (RFC 3550 section 6.6), behind an empty receiver report, since every compound
/// packet begins with a report (section 6.1).
pub fn bye(ssrc: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(16);
    for head in [[VERSION, RECEIVER_REPORT, 0, 1], [VERSION | 1, BYE, 0, 1]] {
        out.extend(head);
        out.extend(ssrc.to_be_bytes());
    }
    out
}

/// Does a viewer live? True for an RTCP compound packet that begins with a receiver report, the sign of
/// life RFC 2326 section 10.5 (and every client) means. Only the first header is looked at.
pub fn is_receiver_report(packet: &[u8]) -> bool {
    let &[first, kind, high, low, ..] = packet else { return false };
    let bytes = (usize::from(u16::from_be_bytes([high, low])) + 1) * 4;
    let reports = usize::from(first & 0x1f);
    first >> 6 == 2 && kind == RECEIVER_REPORT && bytes >= 8 + reports * 24 && bytes <= packet.len()
}
