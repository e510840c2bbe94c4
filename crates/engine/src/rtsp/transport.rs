//! How a viewer wants its packets: the Transport header (RFC 2326 section 12.39). Only unicast RTP.

use std::fmt::Write as _;

/// How the packets reach the viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Interleaved on the RTSP connection (RFC 2326 section 10.12).
    Tcp {
        /// Channel of the RTP packets.
        rtp: u8,
        /// Channel of RTCP in both directions.
        rtcp: u8,
    },
    /// To these ports at the address the connection comes from.
    Udp {
        /// Port of the RTP packets.
        rtp: u16,
        /// Port of RTCP.
        rtcp: u16,
    },
}

impl Transport {
    /// The first of the client's wishes that we can serve.
    pub(crate) fn choose(header: &str) -> Option<Self> {
        header.split(',').find_map(Self::parse)
    }

    fn parse(spec: &str) -> Option<Self> {
        let mut parts = spec.split(';').map(str::trim);
        let protocol = parts.next()?.to_ascii_uppercase();
        let mut channels = Some((0, 1));
        let mut ports = None;
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "multicast" => return None,
                "mode" if !value.eq_ignore_ascii_case("play") => return None,
                "interleaved" => channels = pair(value),
                "client_port" => ports = pair(value),
                // `destination` among them: packets go nowhere but to the asker, or we would flood others.
                _ => {}
            }
        }
        match protocol.as_str() {
            "RTP/AVP/TCP" => {
                let (rtp, rtcp) = channels?;
                let channel = |number: u16| u8::try_from(number).ok().filter(|number| *number < 255);
                Some(Self::Tcp { rtp: channel(rtp)?, rtcp: channel(rtcp)? }).filter(|_| rtp != rtcp)
            }
            "RTP/AVP" | "RTP/AVP/UDP" => {
                let (rtp, rtcp) = ports?;
                // No viewer listens on a system port (RFC 6335 section 6); somebody's DNS server might.
                (rtp >= 1024 && rtp < rtcp).then_some(Self::Udp { rtp, rtcp })
            }
            _ => None,
        }
    }

    /// The header of the answer. `server_ports` are told for UDP.
    pub(crate) fn answer(self, server_ports: Option<(u16, u16)>, ssrc: u32) -> String {
        let mut text = match self {
            Self::Tcp { rtp, rtcp } => format!("RTP/AVP/TCP;unicast;interleaved={rtp}-{rtcp}"),
            Self::Udp { rtp, rtcp } => format!("RTP/AVP;unicast;client_port={rtp}-{rtcp}"),
        };
        if let (Self::Udp { .. }, Some((rtp, rtcp))) = (self, server_ports) {
            let _ = write!(text, ";server_port={rtp}-{rtcp}");
        }
        let _ = write!(text, ";ssrc={ssrc:08X}");
        text
    }
}

/// `8000-8001`, or `8000` for that and the next.
fn pair(text: &str) -> Option<(u16, u16)> {
    // `u16::from_str` would take a `+`.
    let number =
        |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u16>().ok()).flatten();
    match text.split_once('-') {
        Some((first, second)) => Some((number(first.trim())?, number(second.trim())?)),
        None => number(text).and_then(|first| Some((first, first.checked_add(1)?))),
    }
}
