//! Clients that hear events, thousands of them in one thread: a bare socket each, which reads frames and looks for no
//! more in them than number and time. What an answer must be, `testkit` checks elsewhere; here that would be measured too.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, SystemTime},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

/// Longest wait for an answer.
const LIMIT: Duration = Duration::from_secs(20);
/// A message of ours is shorter: one byte tells its length (RFC 6455, section 5.2).
const MAX_SENT_BYTES: usize = 125;
/// What a deaf client's kernel takes for it.
const DEAF_BUFFER_BYTES: u32 = 4096;
const DAY_MS: u64 = 24 * 3600 * 1000;

/// One connection.
pub(crate) struct Listener {
    stream: TcpStream,
    /// Read and not yet used.
    buffer: Vec<u8>,
}

/// An event as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) seq: u64,
    /// From the event's own time, which is cut to milliseconds, to its being read: up to a millisecond too much.
    pub(crate) delay: Duration,
}

impl Listener {
    /// Connects from `source` as whoever `token` says.
    pub(crate) async fn connect(address: SocketAddr, source: Ipv4Addr, token: &str) -> io::Result<Self> {
        Self::on(TcpSocket::new_v4()?, address, source, token).await
    }

    /// The same for one who will not read.
    pub(crate) async fn connect_deaf(address: SocketAddr, source: Ipv4Addr, token: &str) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(DEAF_BUFFER_BYTES)?;
        Self::on(socket, address, source, token).await
    }

    async fn on(socket: TcpSocket, address: SocketAddr, source: Ipv4Addr, token: &str) -> io::Result<Self> {
        socket.bind((source, 0).into())?;
        let mut stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        let head = format!(
            "GET /ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\
             Authorization: Bearer {token}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        let mut listener = Self { stream, buffer: Vec::new() };
        let end = loop {
            if let Some(at) = listener.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            listener.more().await?;
        };
        if !listener.buffer.starts_with(b"HTTP/1.1 101") {
            return Err(io::Error::other("the upgrade was refused"));
        }
        listener.buffer.drain(..end);
        Ok(listener)
    }

    /// Asks for a topic and waits for the answer.
    pub(crate) async fn subscribe(&mut self, topic: &str) -> io::Result<()> {
        let call = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"subscribe_events","params":{{"topics":["{topic}"]}}}}"#
        );
        self.send(&call).await?;
        let answer = tokio::time::timeout(LIMIT, self.frame()).await.map_err(io::Error::other)??;
        let granted = answer.contains("\"subscribed\":true");
        if granted { Ok(()) } else { Err(io::Error::other(answer)) }
    }

    /// Waits for the next event.
    pub(crate) async fn told(&mut self) -> io::Result<Told> {
        let text = self.frame().await?;
        let now = SystemTime::now();
        told(&text, now).ok_or_else(|| io::Error::other(format!("not an event: {text}")))
    }

    async fn send(&mut self, text: &str) -> io::Result<()> {
        assert!(text.len() <= MAX_SENT_BYTES, "too long for a short frame: {text}");
        // Masked by zeros, which changes nothing.
        let mut frame = vec![0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
        frame.extend_from_slice(text.as_bytes());
        self.stream.write_all(&frame).await
    }

    /// The next text; pings need no answer as long as a run is shorter than `websocket.read_timeout`.
    async fn frame(&mut self) -> io::Result<String> {
        loop {
            while let Some((opcode, head, len)) = header(&self.buffer) {
                if self.buffer.len() < head + len {
                    break;
                }
                let body = self.buffer[head..head + len].to_vec();
                self.buffer.drain(..head + len);
                match opcode {
                    0x1 => return String::from_utf8(body).map_err(io::Error::other),
                    0x8 => return Err(io::Error::other("the service has closed")),
                    _ => {}
                }
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// Opcode, length of the header and of the body of a server's frame (RFC 6455, section 5.2), once they are there.
fn header(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let opcode = bytes.first()? & 0x0f;
    Some(match bytes.get(1)? & 0x7f {
        126 => (opcode, 4, usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]))),
        // Nothing the service sends here is longer than 64 KiB.
        short => (opcode, 2, usize::from(short)),
    })
}

fn told(text: &str, now: SystemTime) -> Option<Told> {
    let after = |key: &str| text.split_once(key).map(|(_, rest)| rest);
    let digits = after("\"seq\":")?;
    let seq = digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    let at_ms = ms_of_day(after("\"timestamp\":\"")?)?;
    let now_ms = u64::try_from(now.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_millis()).ok()? % DAY_MS;
    let nanos = Duration::from_nanos(u64::from(
        now.duration_since(SystemTime::UNIX_EPOCH).ok()?.subsec_nanos() % 1_000_000,
    ));
    // Past midnight the day's clock begins anew.
    Some(Told { seq, delay: Duration::from_millis((now_ms + DAY_MS - at_ms) % DAY_MS) + nanos })
}

/// Milliseconds since midnight of a time such as `2026-11-24T11:32:50.275Z`.
fn ms_of_day(time: &str) -> Option<u64> {
    let number = |from: usize, to: usize| time.get(from..to)?.parse::<u64>().ok();
    let seconds = number(11, 13)? * 3600 + number(14, 16)? * 60 + number(17, 19)?;
    Some(seconds * 1000 + number(20, 23)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_and_delay_of_an_event() {
        let text = r#"{"params":{"topic":"camera.status_change","epoch":"e","seq":42,"timestamp":"1970-01-01T23:59:59.990Z"}}"#;
        let now = SystemTime::UNIX_EPOCH + Duration::from_micros((DAY_MS + 5) * 1000 + 250);
        assert_eq!(told(text, now), Some(Told { seq: 42, delay: Duration::from_micros(15_250) }));
        assert_eq!(told("{}", now), None);
    }

    #[test]
    fn heads_of_frames() {
        assert_eq!(header(&[0x81]), None);
        assert_eq!(header(&[0x81, 5]), Some((1, 2, 5)));
        assert_eq!(header(&[0x81, 126, 1]), None);
        assert_eq!(header(&[0x81, 126, 1, 2]), Some((1, 4, 258)));
        assert_eq!(header(&[0x88, 2]), Some((8, 2, 2)));
    }
}
