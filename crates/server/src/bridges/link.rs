//! A connection to a host of the configuration, plain or by TLS, and whom TLS believes. Knows no protocol
//! above.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
    version::{TLS12, TLS13},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

/// Where Linux distributions keep the authorities an administrator trusts, all in one file: Debian and its
/// kin, Alpine and Arch; then Fedora and its kin; then openSUSE.
const BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];

/// Whom TLS believes.
#[derive(Clone)]
pub(crate) struct Trust(Arc<ClientConfig>);

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trust")
    }
}

impl Trust {
    /// The authorities in a PEM file and no others; without one, the system's.
    pub(crate) fn new(ca_file: Option<&Path>) -> Result<Self, String> {
        let system = || BUNDLES.into_iter().map(Path::new).find(|path| path.is_file());
        let path = ca_file.or_else(system).ok_or("this system has no bundle of authorities; name a file")?;
        let told = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
        let certificates = CertificateDer::pem_file_iter(path).map_err(|cause| told(&cause))?;
        let certificates = certificates.collect::<Result<Vec<_>, _>>().map_err(|cause| told(&cause))?;
        let mut roots = RootCertStore::empty();
        // In a system's bundle there may be one that this library does not understand.
        let (good, _) = roots.add_parsable_certificates(certificates);
        if good == 0 {
            return Err(told(&"there is no certificate of an authority in it"));
        }
        let config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|cause| format!("no TLS to be had: {cause}"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(config.into()))
    }
}

/// Where to connect.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// A name or an address, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// `None`: plain.
    pub(crate) tls: Option<Trust>,
}

/// What bytes go through.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Target {
    /// Is it another machine, and everybody on the way can read?
    pub(crate) fn is_open_to_readers(&self) -> bool {
        let own = self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback());
        self.tls.is_none() && !own
    }

    /// Dials; with TLS, sees that the host is who it says it is.
    pub(super) async fn connect(&self) -> Result<Box<dyn Stream>, String> {
        let stream = TcpStream::connect((&*self.host, self.port)).await.map_err(|cause| cause.to_string())?;
        // An error: slower, and no worse.
        let _ = stream.set_nodelay(true);
        let Some(Trust(config)) = &self.tls else { return Ok(Box::new(stream)) };
        let name = ServerName::try_from(self.host.clone()).map_err(|cause| cause.to_string())?;
        let stream = TlsConnector::from(config.clone()).connect(name, stream).await;
        Ok(Box::new(stream.map_err(|cause| format!("TLS: {cause}"))?))
    }
}
