//! TLS: the certificate and its key, read and changed while the service runs. No ring, no client
//! certificates; which connections speak it is `listener`'s business.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use tokio_rustls::TlsAcceptor;

use crate::watch::FileWatch;

/// Where the certificate chain and its key lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

impl TlsFiles {
    /// Reads both, and sees that they belong together.
    pub(crate) fn read(&self) -> Result<CertifiedKey, String> {
        self.read_with(&aws_lc_rs::default_provider())
    }

    fn read_with(&self, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
        let told = |path: &Path, what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
        let chain = CertificateDer::pem_file_iter(&self.cert)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|cause| told(&self.cert, &reason(&cause, "certificate")))?;
        if chain.is_empty() {
            return Err(told(&self.cert, &reason(&pem::Error::NoItemsFound, "certificate")));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|cause| told(&self.key, &reason(&cause, "private key")))?;
        CertifiedKey::from_der(chain, key, provider).map_err(|cause| {
            told(&self.key, &format_args!("it is no key for {}: {cause}", self.cert.display()))
        })
    }
}

/// In words of ours: the library's own may quote the file.
fn reason(cause: &pem::Error, wanted: &str) -> String {
    match cause {
        pem::Error::Io(cause) => format!("cannot be read: {cause}"),
        pem::Error::NoItemsFound => format!("there is no {wanted} in it"),
        _ => "it is not whole PEM".to_owned(),
    }
}

/// The certificate shown to clients; another one takes its place without anybody being cut off.
#[derive(Debug)]
struct Shown(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// What new connections speak. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Tls {
    files: TlsFiles,
    shown: Arc<Shown>,
    config: Arc<ServerConfig>,
}

impl Tls {
    pub(crate) fn new(files: TlsFiles) -> Result<Self, String> {
        let provider = aws_lc_rs::default_provider();
        let shown = Arc::new(Shown(RwLock::new(Arc::new(files.read_with(&provider)?))));
        let mut config = ServerConfig::builder_with_provider(provider.into())
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|cause| format!("no TLS to be had: {cause}"))?
            .with_no_client_auth()
            .with_cert_resolver(shown.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { files, shown, config: Arc::new(config) })
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.config.clone().into()
    }

    /// Reads the files again. A bad pair changes nothing: the two are written one after the other.
    pub(crate) fn reload(&self) {
        match self.files.read() {
            Ok(key) => {
                let mut shown = self.shown.0.write().unwrap_or_else(PoisonError::into_inner);
                if shown.cert != key.cert {
                    *shown = Arc::new(key);
                    tracing::info!("the TLS certificate was changed");
                }
            }
            Err(cause) => tracing::error!(%cause, "the TLS certificate was not changed"),
        }
    }

    /// Reloads whenever one of the files changes; ends only when that cannot be told.
    pub(crate) async fn follow(self) {
        let mut watch = match FileWatch::new(&[self.files.cert.clone(), self.files.key.clone()]) {
            Ok(watch) => watch,
            Err(error) => {
                tracing::warn!(%error, "a changed TLS certificate needs a restart: its folder cannot be watched");
                return;
            }
        };
        // It may have changed since it was read.
        self.reload();
        loop {
            match watch.changed().await {
                Ok(_) => self.reload(),
                Err(error) => {
                    tracing::warn!(%error, "a changed TLS certificate needs a restart from now on");
                    return;
                }
            }
        }
    }
}
