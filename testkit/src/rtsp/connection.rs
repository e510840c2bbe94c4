//! One RTSP connection: requests out, answers and interleaved packets in. Does no more than it is told.

use std::{fmt::Write as _, io, net::SocketAddr, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

/// Longest wait for an answer; a cold camera that does not come up takes the server its `start_timeout`.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// Most bytes of one answer.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// Such as 200.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// As long as Content-Length says.
    pub body: String,
}

impl Response {
    /// A header's value; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }
}

/// What comes in.
#[derive(Debug)]
pub enum Item {
    /// An answer.
    Response(Response),
    /// An interleaved packet (RFC 2326 section 10.12).
    Packet {
        /// Its channel.
        channel: u8,
        /// RTP or RTCP.
        data: Bytes,
    },
    /// The server has closed.
    Closed,
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    input: BytesMut,
    cseq: u32,
    session: Option<String>,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self::on(stream))
    }

    /// Connects with as little room for unread bytes as the kernel allows.
    pub async fn open_narrow(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(1)?;
        Ok(Self::on(socket.connect(address).await?))
    }

    fn on(stream: TcpStream) -> Self {
        Self { stream, input: BytesMut::with_capacity(16 << 10), cseq: 0, session: None }
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Says that nothing more will be sent.
    pub async fn finish(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// Sends a request and does not wait.
    pub async fn start(&mut self, method: &str, url: &str, headers: &[(&str, &str)]) -> io::Result<()> {
        self.cseq += 1;
        let mut text = format!("{method} {url} RTSP/1.0\r\nCSeq: {}\r\nUser-Agent: testkit\r\n", self.cseq);
        let session = self.session.as_deref().map(|id| ("Session", id));
        for (name, value) in session.iter().chain(headers) {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        text += "\r\n";
        self.send(text.as_bytes()).await
    }

    /// Sends a request and waits for its answer; packets that come before it are dropped.
    pub async fn request(
        &mut self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
    ) -> io::Result<Response> {
        self.start(method, url, headers).await?;
        let response = self.response().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let cseq = response.header("cseq").and_then(|text| text.parse().ok());
        if cseq != Some(self.cseq) {
            return Err(io::Error::other(format!("CSeq {} was answered with {cseq:?}", self.cseq)));
        }
        if let Some(session) = response.header("session") {
            self.session = session.split(';').next().map(str::to_owned);
        }
        Ok(response)
    }

    /// The next answer; `None`: the server has closed.
    pub async fn response(&mut self) -> io::Result<Option<Response>> {
        let waiting = async {
            loop {
                match self.item().await? {
                    Item::Response(response) => return Ok(Some(response)),
                    Item::Packet { .. } => {}
                    Item::Closed => return Ok(None),
                }
            }
        };
        timeout(ANSWER_LIMIT, waiting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Waits until the server closes; gives the statuses of what it answered before.
    pub async fn until_closed(&mut self) -> io::Result<Vec<u16>> {
        let mut statuses = Vec::new();
        loop {
            match self.response().await {
                Ok(Some(response)) => statuses.push(response.status),
                Ok(None) => return Ok(statuses),
                // It closed with bytes of ours unread.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(statuses),
                Err(error) => return Err(error),
            }
        }
    }

    /// What comes next. Nothing is lost when the wait is given up.
    pub async fn item(&mut self) -> io::Result<Item> {
        loop {
            if let Some(item) = self.parse()? {
                return Ok(item);
            }
            self.input.reserve(16 << 10);
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Ok(Item::Closed);
            }
        }
    }

    fn parse(&mut self) -> io::Result<Option<Item>> {
        if self.input.first() == Some(&b'$') {
            let &[_, channel, high, low, ..] = &self.input[..] else { return Ok(None) };
            let length = usize::from(u16::from_be_bytes([high, low]));
            if self.input.len() < 4 + length {
                return Ok(None);
            }
            self.input.advance(4);
            let data = self.input.split_to(length).freeze();
            return Ok(Some(Item::Packet { channel, data }));
        }
        let Some(head) = self.input.windows(4).position(|end| end == b"\r\n\r\n") else {
            if self.input.len() > MAX_ANSWER_BYTES {
                return Err(io::Error::other("an answer without end"));
            }
            return Ok(None);
        };
        let mut response = parse_head(&self.input[..head])?;
        let length = response.header("content-length").map_or(Ok(0), str::parse);
        let length: usize = length.map_err(|e| io::Error::other(format!("Content-Length: {e}")))?;
        if self.input.len() < head + 4 + length {
            return Ok(None);
        }
        self.input.advance(head + 4);
        response.body = String::from_utf8_lossy(&self.input.split_to(length)).into_owned();
        Ok(Some(Item::Response(response)))
    }
}

fn parse_head(bytes: &[u8]) -> io::Result<Response> {
    let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
    let bad = || io::Error::other(format!("not an answer of RTSP: {text:?}"));
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("RTSP/1.0 ")?.get(..3)?.parse().ok());
    let headers = lines
        .map(|line| {
            line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        })
        .collect::<Option<Vec<_>>>();
    Ok(Response { status: status.ok_or_else(bad)?, headers: headers.ok_or_else(bad)?, body: String::new() })
}

/// An Authorization header's value with this password (RFC 7617).
pub fn basic(password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("anybody:{password}")))
}
