//! The listening socket and what it accepts. A connection that does not become a WebSocket soon is
//! closed: slow handshakes must not pile up, and no answer by HTTP takes long.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::{TcpListener, TcpStream},
    time::Sleep,
};

use super::gate::{Gate, Ticket};

/// Longest life of a connection that is no WebSocket.
const HTTP_LIFE: Duration = Duration::from_secs(10);
/// After our last words the rest of what the client was sending is read and thrown away for this
/// long, and up to this much: closing with unread bytes resets the connection and loses the words.
const LISTEN_ON: Duration = Duration::from_secs(1);
const LISTEN_ON_BYTES: u64 = 64 << 20;
/// After a failed accept, which mostly means that descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections as long as there are places.
pub(crate) struct Door {
    listener: TcpListener,
    gate: Arc<Gate>,
}

impl Door {
    pub(crate) fn new(listener: TcpListener, gate: Arc<Gate>) -> Self {
        Self { listener, gate }
    }
}

impl Listener for Door {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    let Some(ticket) = self.gate.enter(address.ip()) else {
                        tracing::debug!(%address, "too many connections");
                        continue;
                    };
                    // Answers are small and somebody waits for each.
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "TCP_NODELAY");
                    }
                    return (Connection::new(stream, ticket), address);
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// One connection.
pub(crate) struct Connection {
    /// `None` only while it is being dropped.
    stream: Option<TcpStream>,
    ticket: Arc<Ticket>,
    /// `None` once it is a WebSocket, which has time-outs of its own.
    life: Option<Pin<Box<Sleep>>>,
}

impl Connection {
    fn new(stream: TcpStream, ticket: Arc<Ticket>) -> Self {
        Self { stream: Some(stream), ticket, life: Some(Box::pin(tokio::time::sleep(HTTP_LIFE))) }
    }

    fn stream(&mut self) -> Pin<&mut TcpStream> {
        Pin::new(self.stream.as_mut().expect("only `drop` takes the stream out"))
    }

    /// Is its time over?
    fn over(&mut self, context: &mut Context<'_>) -> bool {
        if self.ticket.is_websocket() {
            self.life = None;
        }
        self.life.as_mut().is_some_and(|life| life.as_mut().poll(context).is_ready())
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.over(context) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        self.stream().poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.over(context) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        self.stream().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(context)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(stream) = self.stream.take().filter(|_| self.ticket.has_last_words()) else { return };
        // Without a runtime the process is ending, and the kernel closes the socket.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let ticket = self.ticket.clone();
            runtime.spawn(async move {
                let _ = tokio::time::timeout(LISTEN_ON, listen_on(stream)).await;
                drop(ticket);
            });
        }
    }
}

async fn listen_on(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut rest = stream.take(LISTEN_ON_BYTES);
    let mut buffer = [0; 2048];
    while rest.read(&mut buffer).await? > 0 {}
    Ok(())
}

/// Where a connection comes from, for those who answer it.
#[derive(Debug, Clone)]
pub(crate) struct From {
    pub(crate) address: SocketAddr,
    pub(crate) ticket: Arc<Ticket>,
}

impl Connected<IncomingStream<'_, Door>> for From {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        Self { address: *stream.remote_addr(), ticket: stream.io().ticket.clone() }
    }
}
