//! The one pair of UDP ports all viewers over UDP share: packets go out there, and receiver reports
//! that come in keep their sessions alive.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::net::UdpSocket;

/// Attempts to find two free ports in a row, the even one first (RFC 3550 section 11).
const PAIR_ATTEMPTS: usize = 32;

/// The pair. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Udp(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    ports: (u16, u16),
    alive: Mutex<HashMap<SocketAddr, Arc<AtomicBool>>>,
}

/// A viewer's place in the list of those whose reports count. Dropping it leaves the list.
#[derive(Debug)]
pub(super) struct Listed {
    udp: Udp,
    address: SocketAddr,
    alive: Arc<AtomicBool>,
}

impl Listed {
    /// A report has come since the last call.
    pub(super) fn take_alive(&self) -> bool {
        self.alive.swap(false, Ordering::Relaxed)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let mut list = self.udp.list();
        if list.get(&self.address).is_some_and(|other| Arc::ptr_eq(other, &self.alive)) {
            list.remove(&self.address);
        }
    }
}

impl Udp {
    pub(super) async fn bind(ip: IpAddr) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..PAIR_ATTEMPTS {
            let one = UdpSocket::bind((ip, 0)).await?;
            let port = one.local_addr()?.port();
            let other = UdpSocket::bind((ip, port ^ 1)).await;
            let (one_is_rtp, low) = (port % 2 == 0, port & !1);
            match other {
                Ok(other) => {
                    let (rtp, rtcp) = if one_is_rtp { (one, other) } else { (other, one) };
                    let alive = Mutex::default();
                    return Ok(Self(Arc::new(Inner { rtp, rtcp, ports: (low, low + 1), alive })));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    pub(super) fn ports(&self) -> (u16, u16) {
        self.0.ports
    }

    fn list(&self) -> MutexGuard<'_, HashMap<SocketAddr, Arc<AtomicBool>>> {
        self.0.alive.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts reports from `address` (a viewer's RTCP port) for one session.
    pub(super) fn enlist(&self, address: SocketAddr) -> Listed {
        let alive = Arc::new(AtomicBool::new(false));
        self.list().insert(address, alive.clone());
        Listed { udp: self.clone(), address, alive }
    }

    /// Sends one RTP packet. A viewer who has gone is found out by its missing reports, not here.
    pub(super) async fn send_rtp(&self, packet: &[u8], to: SocketAddr) {
        let _ = self.0.rtp.send_to(packet, to).await;
    }

    /// Sends one RTCP packet.
    pub(super) async fn send_rtcp(&self, packet: &[u8], to: SocketAddr) {
        let _ = self.0.rtcp.send_to(packet, to).await;
    }

    /// Receives for ever. What comes to the RTP port only opens firewalls; it is read and dropped.
    pub(super) async fn listen(self) {
        let (mut rtp, mut rtcp) = ([0_u8; 64], [0_u8; 1500]);
        loop {
            tokio::select! {
                // Errors here are echoes of packets that found nobody (ICMP): nothing to do.
                _ = self.0.rtp.recv_from(&mut rtp) => {}
                Ok((n, from)) = self.0.rtcp.recv_from(&mut rtcp) => {
                    if engine::rtcp::is_receiver_report(&rtcp[..n]) && let Some(alive) = self.list().get(&from) {
                        alive.store(true, Ordering::Relaxed);
                    }
                }
            }
        }
    }
}
