//! Section `websocket`: where clients connect, and how much each may ask at once.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use control::settings::{Section, Settings};

use crate::net::{Proxies, TlsFiles};

/// The checked section.
#[derive(Debug, Clone)]
pub(crate) struct WebSocket {
    pub(crate) host: IpAddr,
    pub(crate) port: u16,
    pub(crate) max_connections: usize,
    /// Loopback is exempt.
    pub(crate) max_connections_per_address: usize,
    /// Longest time without any frame from the client.
    pub(crate) read_timeout: Duration,
    /// Longest time for one message to leave.
    pub(crate) write_timeout: Duration,
    pub(crate) ping_interval: Duration,
    pub(crate) max_message_bytes: usize,
    /// Requests of one connection at work at once.
    pub(crate) max_in_flight: usize,
    /// Events waiting for one client.
    pub(crate) max_queue: usize,
    /// Whose word on forwarded requests is believed.
    pub(crate) proxies: Proxies,
    /// `None`: TLS is off.
    pub(crate) tls: Option<TlsFiles>,
}

impl WebSocket {
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let mut section = settings.section("websocket");
        let host = section.text("host", "127.0.0.1");
        let host = match host.parse() {
            Ok(address) => address,
            Err(_) if host == "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Err(_) => {
                section.problem("host", format!("`{host}` is not an IP address or localhost"));
                IpAddr::V4(Ipv4Addr::LOCALHOST)
            }
        };
        let (short, long) = (Duration::from_millis(100), Duration::from_hours(24));
        let config = Self {
            host,
            port: section.port("port", 8002),
            max_connections: section.integer("max_connections", 4096, 1..=65_536) as usize,
            max_connections_per_address: section.integer("max_connections_per_address", 64, 1..=65_536)
                as usize,
            read_timeout: section.duration_in("read_timeout", "60s", short..=long),
            write_timeout: section.duration_in("write_timeout", "10s", short..=Duration::from_mins(10)),
            ping_interval: section.duration_in("ping_interval", "30s", Duration::from_millis(50)..=long),
            max_message_bytes: section.size("max_message_size", "1MiB", 1024..=1 << 26) as usize,
            max_in_flight: section.integer("max_in_flight", 32, 1..=1024) as usize,
            max_queue: section.integer("max_queue", 256, 1..=65_536) as usize,
            proxies: proxies(&mut section),
            tls: tls(&mut section.section("tls")),
        };
        if config.read_timeout <= config.ping_interval {
            // An idle client says nothing but its pongs.
            section.problem("read_timeout", "must be longer than websocket.ping_interval");
        }
        config
    }

    /// Where to listen.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }
}

fn proxies(section: &mut Section<'_>) -> Proxies {
    let texts = section.texts("trusted_proxies");
    let (proxies, wrong) = Proxies::parse(&texts);
    for wrong in wrong {
        let what = format!("`{wrong}` is no address or network such as 10.0.0.1 or 10.0.0.0/8");
        section.problem("trusted_proxies", what);
    }
    proxies
}

/// Both files or none, and a pair that fits: better told now than by the first client.
fn tls(section: &mut Section<'_>) -> Option<TlsFiles> {
    let mut path = |key| section.opt_text(key).map(PathBuf::from);
    match (path("cert"), path("key")) {
        (None, None) => None,
        (Some(cert), Some(key)) => {
            let files = TlsFiles { cert, key };
            files.read().map_err(|what| section.problem("cert", what)).ok()?;
            Some(files)
        }
        (Some(_), None) => {
            section.problem("key", "is needed beside websocket.tls.cert");
            None
        }
        (None, Some(_)) => {
            section.problem("cert", "is needed beside websocket.tls.key");
            None
        }
    }
}
