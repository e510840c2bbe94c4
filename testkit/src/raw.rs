//! A connection from any address of this machine, of which only the bytes are known.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

/// Longest wait for an answer or an end: the slowest end is `security.auth_timeout` (30 s) away.
const LIMIT: Duration = Duration::from_secs(60);

/// One connection.
#[derive(Debug)]
pub struct Raw {
    pub(crate) stream: TcpStream,
}

/// The head of an upgrade up to its empty line.
pub(crate) fn upgrade_head(host: &str) -> String {
    format!(
        "GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
    )
}

impl Raw {
    /// Connects from `source`.
    ///
    /// # Panics
    /// If nobody listens.
    pub async fn connect(address: SocketAddr, source: Ipv4Addr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket is to be had");
        socket.bind((source, 0).into()).expect("all of 127/8 is this machine (RFC 1122, section 3.2.1.3)");
        let stream = socket.connect(address).await.expect("the service listens");
        stream.set_nodelay(true).expect("the connection is open");
        Self { stream }
    }

    /// Connects and becomes a WebSocket, without credentials.
    ///
    /// # Panics
    /// If that is refused.
    pub async fn websocket(address: SocketAddr, source: Ipv4Addr) -> Self {
        let mut raw = Self::connect(address, source).await;
        raw.send(format!("{}\r\n", upgrade_head(&address.to_string())).as_bytes()).await;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(raw.stream.read_u8().await.expect("the upgrade is answered"));
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        raw
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    /// If the service does not read.
    pub async fn send(&mut self, bytes: &[u8]) {
        let sent = tokio::time::timeout(LIMIT, self.stream.write_all(bytes)).await;
        // An error: it was refused before all of it was sent, which the answer tells.
        let _ = sent.expect("the service reads in time");
    }

    /// Waits for the service's close frame; gives its code.
    ///
    /// # Panics
    /// If something else comes, or nothing.
    pub async fn close_code(&mut self) -> u16 {
        let mut frame = [0; 4];
        let read = tokio::time::timeout(LIMIT, self.stream.read_exact(&mut frame)).await;
        read.expect("a close in time").expect("a close before the end");
        assert_eq!(frame[0], 0x88, "not a close: {frame:?}");
        u16::from_be_bytes([frame[2], frame[3]])
    }

    /// Waits for the end; gives what came before. An error: the connection was broken off.
    ///
    /// # Panics
    /// If there is no end.
    pub async fn rest(&mut self) -> Result<Vec<u8>, io::ErrorKind> {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(LIMIT, self.stream.read_to_end(&mut rest)).await;
        let read = read.expect("it is closed in time");
        read.map(|_| rest).map_err(|error| error.kind())
    }
}
