//! The RTSP front: sockets and tasks around the engine's connections. Viewers only.

mod crowd;
mod session;
mod udp;
mod viewers;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use base::{Error, Kind, Result};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use crate::{
    owner::stopped,
    path::{Path, PathName},
};

/// What the kernel may hold back for one viewer. Left to itself it would hide a minute of lag.
const SEND_BUFFER_BYTES: usize = 128 << 10;
/// Pause after a failed accept (usually no descriptors left): others may close meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

pub(crate) use viewers::Viewers;
pub use viewers::{Authorize, Pass, Verdict, Viewer};

/// Finds a path by the name in a viewer's URL.
pub(crate) type Find = dyn Fn(&PathName) -> Option<Arc<Path>> + Send + Sync;

/// Open ports, not served yet.
pub(crate) struct Bound {
    listener: TcpListener,
    local: SocketAddr,
    udp: Option<udp::Udp>,
}

impl Bound {
    pub(crate) fn port(&self) -> u16 {
        self.local.port()
    }
}

/// Opens the ports. Without a free pair of UDP ports viewers are served over TCP alone.
pub(crate) async fn bind(address: SocketAddr) -> Result<Bound> {
    let open = async {
        let listener = TcpListener::bind(address).await?;
        let local = listener.local_addr()?;
        Ok::<_, std::io::Error>((listener, local))
    };
    let (listener, local) = open.await.map_err(|e| {
        let kind = if e.kind() == std::io::ErrorKind::AddrInUse { Kind::Busy } else { Kind::Io };
        Error::new(kind, format!("cannot serve RTSP on {address}")).with_private(e)
    })?;
    let udp = udp::Udp::bind(address.ip())
        .await
        .inspect_err(|error| tracing::warn!(%error, "no UDP ports: viewers are served over TCP alone"))
        .ok();
    Ok(Bound { listener, local, udp })
}

/// What every session needs.
struct Context {
    find: Arc<Find>,
    authorize: Authorize,
    viewers: Arc<Viewers>,
    udp: Option<udp::Udp>,
    sessions: AtomicU32,
}

/// Serves viewers until `stop`; then ends them.
pub(crate) async fn serve(
    bound: Bound,
    find: Arc<Find>,
    authorize: Authorize,
    viewers: Arc<Viewers>,
    mut stop: watch::Receiver<bool>,
) {
    let context = Arc::new(Context { find, authorize, viewers, udp: bound.udp, sessions: AtomicU32::new(0) });
    let mut tasks = JoinSet::new();
    if let Some(udp) = &context.udp {
        tasks.spawn(udp.clone().listen());
    }
    let crowd = crowd::Crowd::default();
    // Told once for each time it fills up: a flood must not fill the log.
    let mut full = false;
    loop {
        tokio::select! {
            accepted = bound.listener.accept() => match accepted {
                Ok((stream, peer)) => match crowd.enter(peer.ip()) {
                    Some(place) => {
                        full = false;
                        let connection = connection(stream, peer, context.clone());
                        tasks.spawn(async move {
                            connection.await;
                            drop(place);
                        });
                    }
                    None => if !std::mem::replace(&mut full, true) {
                        tracing::warn!(%peer, "too many RTSP connections: refused, and more until one ends");
                    },
                },
                Err(error) => {
                    tracing::warn!(%error, "RTSP accept failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = tasks.join_next() => {}
            () = stopped(&mut stop) => break,
        }
    }
    tasks.shutdown().await;
}

async fn connection(stream: TcpStream, peer: SocketAddr, context: Arc<Context>) {
    let number = context.sessions.fetch_add(1, Ordering::Relaxed);
    // Small packets must not wait for each other (RFC 896), nor may the kernel hide a viewer's lag.
    let socket = socket2::SockRef::from(&stream);
    let tuned = stream.set_nodelay(true).and_then(|()| socket.set_send_buffer_size(SEND_BUFFER_BYTES));
    if tuned.is_err() {
        return;
    }
    match session_id(number) {
        Ok(id) => {
            let ended = session::serve(stream, peer, id, &context).await;
            tracing::debug!(%peer, reason = ended, "RTSP connection ended");
        }
        Err(error) => tracing::error!(%error, "no session id"),
    }
}

/// RFC 2326 section 3.4: at least eight octets, hard to guess.
fn session_id(number: u32) -> Result<String> {
    let random =
        getrandom::u64().map_err(|e| Error::new(Kind::Internal, "no random numbers").with_private(e))?;
    Ok(format!("{random:016x}{number:08x}"))
}
