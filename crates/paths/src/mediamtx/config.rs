//! Section `mediamtx`: where it is, and where it fetches our streams.

use std::{net::SocketAddr, time::Duration};

use base::config::Settings;
use url::Url;

/// Where MediaMTX is.
#[derive(Debug, Clone, PartialEq)]
pub struct MediaMtx {
    /// `HOST:PORT` of its API.
    pub(super) api: String,
    /// The host at which viewers find it; one of this machine's own means: where they found the service.
    pub host: String,
    /// Port for RTSP.
    pub rtsp_port: u16,
    /// Port for WHEP.
    pub webrtc_port: u16,
    /// Port for HLS.
    pub hls_port: u16,
    /// Where it fetches our streams.
    pub feed: SocketAddr,
    pub(super) request_timeout: Duration,
    pub(super) health_interval: Duration,
}

impl MediaMtx {
    /// `HOST:PORT` of its API.
    pub fn api(&self) -> &str {
        &self.api
    }

    /// Reads the section; mistakes are noted in `settings`.
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let mut section = settings.section("mediamtx");
        let url = section.text("api_url", "http://127.0.0.1:9997");
        let api = authority(&url).unwrap_or_else(|| {
            // A token that may do anything there goes with each request.
            section.problem(
                "api_url",
                "must be http://HOST:PORT of this machine, such as http://127.0.0.1:9997",
            );
            String::new()
        });
        let feed = section.address("feed", "127.0.0.1:8564");
        if !feed.ip().is_loopback() {
            section.problem("feed", "must be an address of this machine alone, such as 127.0.0.1:8564");
        }
        let (shortest, longest) = (Duration::from_millis(100), Duration::from_mins(1));
        Self {
            api,
            host: section.text("host", "127.0.0.1"),
            rtsp_port: section.port("rtsp_port", 8554),
            webrtc_port: section.port("webrtc_port", 8889),
            hls_port: section.port("hls_port", 8888),
            feed,
            request_timeout: section.duration_in("request_timeout", "5s", shortest..=longest),
            health_interval: section.duration_in("health_interval", "5s", shortest..=longest),
        }
    }
}

fn authority(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let plain = url.scheme() == "http" && url.username().is_empty() && url.password().is_none();
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let host = url.host()?;
    let own = match &host {
        url::Host::Domain(name) => *name == "localhost",
        url::Host::Ipv4(ip) => ip.is_loopback(),
        url::Host::Ipv6(ip) => ip.is_loopback(),
    };
    (plain && bare && own).then(|| format!("{host}:{}", url.port_or_known_default().unwrap_or(80)))
}

#[cfg(test)]
mod tests {
    use base::config::Origin;

    use super::*;

    fn read(key: &str, value: &str) -> Result<MediaMtx, usize> {
        let mut settings = Settings::default();
        settings.put(key, value.into(), Origin::File);
        let config = MediaMtx::read(&mut settings);
        settings.finish().map(|_| config).map_err(|problems| problems.len())
    }

    #[test]
    fn the_defaults_are_the_contract() {
        let mut settings = Settings::default();
        let config = MediaMtx::read(&mut settings);
        settings.finish().unwrap();
        assert_eq!(config.api, "127.0.0.1:9997");
        assert_eq!((config.rtsp_port, config.webrtc_port, config.hls_port), (8554, 8889, 8888));
        assert_eq!(config.feed.to_string(), "127.0.0.1:8564");
        assert_eq!(config.request_timeout, Duration::from_secs(5));
    }

    #[test]
    fn it_is_on_this_machine_and_spoken_to_plainly() {
        for (url, want) in [
            ("http://localhost:1234/", Some("localhost:1234")),
            ("http://[::1]:9997", Some("[::1]:9997")),
            ("http://127.0.0.1", Some("127.0.0.1:80")),
            ("https://127.0.0.1:9997", None),
            ("http://user:x@127.0.0.1:9997", None),
            ("http://127.0.0.1:9997/v3", None),
            ("http://192.0.2.1:9997", None),
            ("127.0.0.1:9997", None),
        ] {
            let got = read("mediamtx.api_url", url);
            assert_eq!(got.as_ref().map(|config| config.api.as_str()).ok(), want, "{url}");
        }
        assert_eq!(read("mediamtx.feed", "0.0.0.0:8564"), Err(1));
    }
}
