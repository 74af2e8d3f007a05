//! The certificate of the server and its private key, read again when the files change.

use std::fmt;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use serde_json::Map;
use tokio_rustls::TlsAcceptor;

use super::private_file;
use crate::config::Serve;
use crate::progress::log::{Level, Log};

/// Bytes of the largest key file.
const MAX_KEY_BYTES: u64 = 1 << 16;

/// The files of `serve.tls_cert` and `serve.tls_key`, and what they contained when they were last read.
pub struct Certificate {
    chain_file: PathBuf,
    key_file: PathBuf,
    current: ArcSwap<CertifiedKey>,
    /// The files when they were last read, successfully or not.
    read: Mutex<[FileState; 2]>,
    log: Log,
}

/// Identity and size of a file, and the time of its last change, also of its permissions; `None` if it
/// cannot be found.
type FileState = Option<[u64; 5]>;

impl Certificate {
    /// The configured certificate; `None` without one.
    ///
    /// # Errors
    /// A file that cannot be read or is not PEM; a key that others can read, or of another certificate.
    pub fn open(serve: &Serve, log: &Log) -> Result<Option<Arc<Self>>> {
        let (Some(chain_file), Some(key_file)) = (&serve.tls_cert, &serve.tls_key) else {
            return Ok(None);
        };
        let state = [state(chain_file), state(key_file)];
        let current = ArcSwap::from_pointee(read(chain_file, key_file)?);
        Ok(Some(Arc::new(Certificate {
            chain_file: chain_file.clone(),
            key_file: key_file.clone(),
            current,
            read: Mutex::new(state),
            log: log.clone(),
        })))
    }

    /// Accepts TLS 1.2 and 1.3 with the current certificate.
    ///
    /// # Errors
    /// Those of the TLS library.
    pub fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor> {
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let mut config = builder
            .with_safe_default_protocol_versions()
            .context("TLS")?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Reads the files again if they have changed. On an error the previous certificate stays in use: a
    /// certificate may be replaced a moment before its key.
    pub fn reload_if_changed(&self) {
        let now = [state(&self.chain_file), state(&self.key_file)];
        let mut last = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != now {
            *last = now;
            self.reload();
        }
    }

    /// Reads the files again.
    pub fn reload(&self) {
        match read(&self.chain_file, &self.key_file) {
            Ok(certificate) => {
                self.current.store(Arc::new(certificate));
                let file = self.chain_file.display();
                let text = format!("the certificate {file} was read again");
                let part = Some("serve");
                self.log.line(Level::Info, part, &text, Map::new(), || format!("serve: {text}"));
            }
            Err(error) => {
                let text = format!("the previous certificate stays in use: {error:#}");
                self.log.error(Some("serve"), &text);
            }
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("chain_file", &self.chain_file).finish_non_exhaustive()
    }
}

fn state(file: &Path) -> FileState {
    let file: Metadata = std::fs::metadata(file).ok()?;
    let changed = [file.ctime().cast_unsigned(), file.ctime_nsec().cast_unsigned()];
    Some([file.dev(), file.ino(), file.size(), changed[0], changed[1]])
}

fn read(chain_file: &Path, key_file: &Path) -> Result<CertifiedKey> {
    let chain_pem = std::fs::read(chain_file)
        .with_context(|| format!("serve.tls_cert {} cannot be read", chain_file.display()))?;
    let chain = CertificateDer::pem_slice_iter(&chain_pem).collect::<Result<Vec<_>, _>>();
    let chain = match chain {
        Ok(chain) if !chain.is_empty() => chain,
        _ => bail!(
            "serve.tls_cert {} contains no PEM certificate (-----BEGIN CERTIFICATE-----)",
            chain_file.display()
        ),
    };
    let key_pem = private_file::read("serve.tls_key", key_file, MAX_KEY_BYTES)?;
    // the error of the parser could quote the file
    let Ok(key) = PrivateKeyDer::from_pem_slice(&key_pem) else {
        bail!(
            "serve.tls_key {} contains no PEM key without a passphrase (-----BEGIN PRIVATE KEY-----)",
            key_file.display()
        )
    };
    let provider: CryptoProvider = ring::default_provider();
    CertifiedKey::from_der(chain, key, &provider).with_context(|| {
        format!(
            "serve.tls_cert {} and serve.tls_key {} do not belong together",
            chain_file.display(),
            key_file.display()
        )
    })
}
