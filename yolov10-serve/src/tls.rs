//! TLS with rustls: a certificate chain and a key from PEM files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

use crate::error::Error;

/// The protocols to offer during the TLS handshake (ALPN).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

pub(crate) fn acceptor([certificates, key]: &[PathBuf; 2]) -> Result<TlsAcceptor, Error> {
    let refused = |file: &Path, reason: String| Error::Tls { file: file.to_owned(), reason };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificates)
        .and_then(Iterator::collect)
        .map_err(|error| refused(certificates, error.to_string()))?;
    if chain.is_empty() {
        return Err(refused(certificates, "expected a certificate in PEM, found none".to_owned()));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| refused(key, error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| refused(certificates, error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| refused(certificates, error.to_string()))?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(TlsAcceptor::from(Arc::new(config)))
}
