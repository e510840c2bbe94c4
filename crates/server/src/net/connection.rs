//! One connection, plain or by TLS, and its clock: a client that does not get on with what is its turn
//! is closed, so that slow handshakes and deaf readers do not pile up, while a long answer takes its time.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::{Instant, Sleep},
};
use tokio_rustls::{Accept, server::TlsStream};

use super::gate::Ticket;

/// A request's head, its TLS handshake included, must be there within this time after the connection or
/// the last answer; and an answer must get on within it.
const PATIENCE: Duration = Duration::from_secs(10);
/// When we close first, the rest of what the client was sending is read and thrown away for this long, and
/// up to this much: closing with unread bytes resets the connection and loses our last words (RFC 9112
/// section 9.6).
const LISTEN_ON: Duration = Duration::from_secs(1);
const LISTEN_ON_BYTES: u64 = 64 << 20;

/// What carries the bytes.
pub(super) enum Stream {
    Plain(TcpStream),
    /// Not there yet; with its place among the handshakes.
    Handshake {
        accept: Box<Accept<TcpStream>>,
        _place: OwnedSemaphorePermit,
    },
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Gets a handshake on. Ready: bytes of the client's may be read and written.
    fn ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Pin<&mut dyn Bytes>>> {
        if let Self::Handshake { accept, .. } = self {
            match Pin::new(&mut **accept).poll(context) {
                Poll::Ready(Ok(stream)) => *self = Self::Tls(Box::new(stream)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        match self {
            Self::Plain(stream) => Poll::Ready(Ok(Pin::new(stream))),
            Self::Tls(stream) => Poll::Ready(Ok(Pin::new(&mut **stream))),
            Self::Handshake { .. } => Poll::Pending,
        }
    }
}

/// Both directions.
trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

/// One connection.
pub(crate) struct Connection {
    /// `None` only while it is being dropped.
    stream: Option<Stream>,
    ticket: Arc<Ticket>,
    /// `None` once it is a WebSocket, which has time-outs of its own.
    clock: Option<Clock>,
    /// The client has closed, has broken the connection, or has let its time pass: there is nobody to hear
    /// last words.
    gone: bool,
}

/// How long the client may still take.
struct Clock {
    sleep: Pin<Box<Sleep>>,
    /// It waits for the client to read.
    stalled: bool,
    /// It was our turn when last looked at.
    ours: bool,
}

impl Clock {
    fn restart(&mut self) {
        self.sleep.as_mut().reset(Instant::now() + PATIENCE);
    }

    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        self.sleep.as_mut().poll(context).is_ready()
    }
}

impl Connection {
    pub(super) fn new(stream: Stream, ticket: Arc<Ticket>) -> Self {
        let sleep = Box::pin(tokio::time::sleep(PATIENCE));
        Self {
            stream: Some(stream),
            ticket,
            clock: Some(Clock { sleep, stalled: false, ours: false }),
            gone: false,
        }
    }

    pub(super) fn is_secure(&self) -> bool {
        !matches!(self.stream, Some(Stream::Plain(_)))
    }

    pub(super) fn ticket(&self) -> &Arc<Ticket> {
        &self.ticket
    }

    fn stream(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Pin<&mut dyn Bytes>>> {
        self.stream.as_mut().expect("only `drop` takes the stream out").ready(context)
    }

    /// The clock, unless none runs any more.
    fn clock(&mut self) -> Option<&mut Clock> {
        if self.ticket.is_websocket() {
            self.clock = None;
        }
        self.clock.as_mut()
    }

    /// Is it the client's turn, and has it let its time pass?
    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        let at_work = self.ticket.is_at_work();
        let Some(clock) = self.clock() else { return false };
        let was_ours = std::mem::replace(&mut clock.ours, at_work);
        if at_work {
            return false;
        }
        if was_ours {
            clock.restart();
        }
        clock.is_over(context)
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_late(context) {
            self.gone = true;
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let room = buffer.remaining();
        let read = match self.stream(context)? {
            Poll::Ready(stream) => stream.poll_read(context, buffer),
            Poll::Pending => Poll::Pending,
        };
        self.gone |= match &read {
            Poll::Ready(Ok(())) => room > 0 && buffer.remaining() == room,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = match self.stream(context)? {
            Poll::Ready(stream) => stream.poll_write(context, bytes),
            Poll::Pending => Poll::Pending,
        };
        let Some(clock) = self.clock() else { return written };
        if written.is_ready() {
            clock.stalled = false;
            clock.restart();
            return written;
        }
        if !std::mem::replace(&mut clock.stalled, true) {
            clock.restart();
        }
        if clock.is_over(context) {
            self.gone = true;
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = match self.stream(context)? {
            Poll::Ready(stream) => stream.poll_flush(context),
            Poll::Pending => Poll::Pending,
        };
        // TLS may hold what was written until there is room.
        let Some(clock) = self.clock() else { return flushed };
        if flushed.is_pending() && clock.is_over(context) {
            self.gone = true;
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.stream(context)? {
            Poll::Ready(stream) => stream.poll_shutdown(context),
            // Nothing was said that would have to be ended.
            Poll::Pending => Poll::Ready(Ok(())),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // A WebSocket says when it has last words; an answer by HTTP may always be some.
        let is_heard = !self.gone && !self.ticket.is_websocket() || self.ticket.has_last_words();
        let Some(stream) = self.stream.take().filter(|_| is_heard) else { return };
        // Without a runtime the process is ending, and the kernel closes the socket.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let ticket = self.ticket.clone();
            runtime.spawn(async move {
                let listening = async {
                    match stream {
                        Stream::Plain(stream) => listen_on(stream).await,
                        Stream::Tls(stream) => listen_on(stream).await,
                        Stream::Handshake { .. } => Ok(()),
                    }
                };
                let _ = tokio::time::timeout(LISTEN_ON, listening).await;
                drop(ticket);
            });
        }
    }
}

async fn listen_on(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    stream.shutdown().await?;
    let mut rest = stream.take(LISTEN_ON_BYTES);
    let mut buffer = [0; 2048];
    while rest.read(&mut buffer).await? > 0 {}
    Ok(())
}
