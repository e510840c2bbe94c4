//! The listening socket and what it accepts. Nothing here waits for a client: a handshake is made by
//! the connection's own task.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{net::TcpListener, sync::Semaphore};

use super::{
    connection::{Connection, Stream},
    gate::{Gate, Ticket},
    proxies::Proxies,
    tls::Tls,
};

/// TLS handshakes at once; each takes memory and a signature.
const MAX_HANDSHAKES: usize = 256;
/// After a failed accept, which mostly means that descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections as long as there are places.
pub(crate) struct Door {
    listener: TcpListener,
    gate: Arc<Gate>,
    proxies: Proxies,
    tls: Option<Tls>,
    handshakes: Arc<Semaphore>,
}

impl Door {
    pub(crate) fn new(listener: TcpListener, gate: Arc<Gate>, proxies: Proxies, tls: Option<Tls>) -> Self {
        Self { listener, gate, proxies, tls, handshakes: Arc::new(Semaphore::new(MAX_HANDSHAKES)) }
    }
}

impl Listener for Door {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    let proxy = self.proxies.holds(address.ip());
                    let Some(ticket) = self.gate.enter(address.ip(), proxy) else {
                        tracing::debug!(%address, "too many connections");
                        continue;
                    };
                    // Answers are small and somebody waits for each.
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "TCP_NODELAY");
                    }
                    let stream = match &self.tls {
                        None => Stream::Plain(stream),
                        Some(tls) => {
                            let Ok(place) = self.handshakes.clone().try_acquire_owned() else {
                                tracing::debug!(%address, "too many TLS handshakes");
                                continue;
                            };
                            Stream::Handshake {
                                accept: Box::new(tls.acceptor().accept(stream)),
                                _place: place,
                            }
                        }
                    };
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

/// Where a connection comes from, for those who answer it.
#[derive(Debug, Clone)]
pub(crate) struct From {
    pub(crate) address: SocketAddr,
    /// It speaks TLS.
    pub(crate) secure: bool,
    pub(crate) ticket: Arc<Ticket>,
}

impl Connected<IncomingStream<'_, Door>> for From {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        let connection = stream.io();
        Self {
            address: *stream.remote_addr(),
            secure: connection.is_secure(),
            ticket: connection.ticket().clone(),
        }
    }
}
