//! The packets of MQTT 3.1.1 (OASIS Standard, 29 October 2014) that a publisher sends and gets. Pure.

/// Longest packet a publisher is sent: three kinds, of two or four bytes.
const MAX_PACKET_BYTES: usize = 16;
/// Section 2.2.3: what a length of four bytes can say.
pub(super) const MAX_LENGTH: usize = 268_435_455;

/// How surely a message arrives (section 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Qos {
    /// It is sent, no more.
    AtMostOnce,
    /// The broker says that it has it.
    AtLeastOnce,
}

/// Who connects (section 3.1).
#[derive(Debug)]
pub(super) struct Connect<'a> {
    pub(super) client_id: &'a str,
    pub(super) user: Option<&'a str>,
    pub(super) password: Option<&'a [u8]>,
    /// Topic and message that the broker publishes, to be kept, when the connection ends without a goodbye.
    pub(super) will: (&'a str, &'a str),
    pub(super) keep_alive_s: u16,
}

impl Connect<'_> {
    pub(super) fn encode(&self) -> Vec<u8> {
        // A will that is kept (bit 5), at least once (bit 3), and a session that begins clean (bit 1).
        let mut flags = 0b0010_1110;
        flags |= u8::from(self.user.is_some()) << 7 | u8::from(self.password.is_some()) << 6;
        let mut body = Vec::new();
        text(&mut body, b"MQTT");
        body.extend([4, flags]);
        body.extend(self.keep_alive_s.to_be_bytes());
        let (topic, message) = self.will;
        for field in [Some(self.client_id), Some(topic), Some(message), self.user].into_iter().flatten() {
            text(&mut body, field.as_bytes());
        }
        if let Some(password) = self.password {
            text(&mut body, password);
        }
        packet(0x10, &body)
    }
}

/// A message (section 3.3). `id`: not 0; said only where an answer is wanted.
pub(super) fn publish(topic: &str, message: &[u8], qos: Qos, kept: bool, id: u16) -> Vec<u8> {
    let mut body = Vec::with_capacity(topic.len() + message.len() + 4);
    text(&mut body, topic.as_bytes());
    if qos == Qos::AtLeastOnce {
        body.extend(id.to_be_bytes());
    }
    body.extend(message);
    packet(0x30 | u8::from(qos == Qos::AtLeastOnce) << 1 | u8::from(kept), &body)
}

/// A sign of life (section 3.12).
pub(super) const PING: [u8; 2] = [0xc0, 0];
/// A goodbye: the will is forgotten (section 3.14).
pub(super) const DISCONNECT: [u8; 2] = [0xe0, 0];

/// What a broker says to a publisher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// `CONNACK` with its return code; 0 is yes.
    Connected(u8),
    /// `PUBACK` of this id.
    Taken(u16),
    /// `PINGRESP`.
    Pong,
}

/// Reads one packet off the front; `None`: it is not whole yet. The error is what no broker says to a publisher.
pub(super) fn decode(bytes: &[u8]) -> Result<Option<(Heard, usize)>, &'static str> {
    let [kind, length, rest @ ..] = bytes else { return Ok(None) };
    // A length of one byte says up to 127.
    let (length, whole) = (usize::from(*length), usize::from(*length) + 2);
    if whole > MAX_PACKET_BYTES {
        return Err("a longer packet than a broker has for a publisher");
    }
    let Some(body) = rest.get(..length) else { return Ok(None) };
    let heard = match (kind, body) {
        (0x20, [_, code]) => Heard::Connected(*code),
        (0x40, [high, low]) => Heard::Taken(u16::from_be_bytes([*high, *low])),
        (0xd0, []) => Heard::Pong,
        _ => return Err("a packet that a broker does not send to a publisher"),
    };
    Ok(Some((heard, whole)))
}

/// Why a broker refuses (section 3.2.2.3).
pub(super) fn refusal(code: u8) -> &'static str {
    match code {
        1 => "the broker does not speak MQTT 3.1.1",
        2 => "the broker refuses the client id",
        3 => "the broker is not available",
        4 | 5 => "the broker refuses the user or the password",
        _ => "the broker refuses, and says no known reason",
    }
}

/// Text or bytes behind their length, which a checked configuration keeps below 64 KiB.
fn text(body: &mut Vec<u8>, text: &[u8]) {
    body.extend((text.len() as u16).to_be_bytes());
    body.extend(text);
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    let mut length = body.len().min(MAX_LENGTH);
    loop {
        let more = length > 0x7f;
        packet.push((length & 0x7f) as u8 | u8::from(more) << 7);
        length >>= 7;
        if !more {
            break;
        }
    }
    packet.extend(body);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_connects_is_said_as_the_standard_has_it() {
        let connect = Connect {
            client_id: "c",
            user: Some("u"),
            password: Some(b"p"),
            will: ("t", "off"),
            keep_alive_s: 10,
        };
        let want = b"\x10\x1b\x00\x04MQTT\x04\xee\x00\x0a\x00\x01c\x00\x01t\x00\x03off\x00\x01u\x00\x01p";
        assert_eq!(connect.encode(), want);
        let nobody = Connect { user: None, password: None, ..connect };
        assert_eq!(nobody.encode()[9], 0x2e);
    }

    #[test]
    fn a_message_and_its_length() {
        assert_eq!(publish("a/b", b"hi", Qos::AtLeastOnce, false, 10), b"\x32\x09\x00\x03a/b\x00\x0ahi");
        assert_eq!(publish("a/b", b"hi", Qos::AtMostOnce, true, 10), b"\x31\x07\x00\x03a/bhi");
        // Section 2.2.3: 321 is 65 + 2 * 128.
        assert_eq!(publish("t", &[0; 318], Qos::AtMostOnce, false, 1)[..3], [0x30, 0xc1, 2]);
    }

    #[test]
    fn whatever_comes_no_more_is_read_than_is_there_and_no_more_waited_for_than_a_packet() {
        for (kind, length) in (0..=255).flat_map(|kind| (0..=255).map(move |length| (kind, length))) {
            for rest in 0..=MAX_PACKET_BYTES {
                let bytes = [vec![kind, length], vec![0xa5; rest]].concat();
                match decode(&bytes) {
                    Ok(Some((_, taken))) => {
                        assert!((2..=4).contains(&taken) && taken <= bytes.len(), "{bytes:?}");
                    }
                    Ok(None) => assert!(bytes.len() < MAX_PACKET_BYTES, "{bytes:?}"),
                    Err(why) => assert!(why.starts_with("a "), "{why}"),
                }
            }
        }
    }

    #[test]
    fn what_a_broker_says_and_what_none_says() {
        for (bytes, want) in [
            (&b"\x20\x02\x00\x05"[..], Ok(Some((Heard::Connected(5), 4)))),
            (b"\x40\x02\x01\x02\xd0", Ok(Some((Heard::Taken(258), 4)))),
            (b"\xd0\x00", Ok(Some((Heard::Pong, 2)))),
            (b"", Ok(None)),
            (b"\x40", Ok(None)),
            (b"\x40\x02\x01", Ok(None)),
        ] {
            assert_eq!(decode(bytes), want, "{bytes:?}");
        }
        for bytes in
            [&b"\x30\x03abc"[..], b"\xd0\x01a", b"\x40\xff\xff\xff\x7f", b"HTTP/1.1 400 Bad", b"\x40\x00"]
        {
            assert!(decode(bytes).is_err(), "{bytes:?}");
        }
    }
}
