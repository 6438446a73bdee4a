//! TLS 1.3. Comes in: PEM files. Goes out: an acceptor, and the channel binding of a connection.
//! Must not know: requests.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, crypto::aws_lc_rs};
use tokio_rustls::TlsAcceptor;

use crate::ServeError;
use crate::config::TlsFiles;

/// Label of the exporter of RFC 9266.
const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

/// The DNS names the certificate is for: what a provider without configured origins is called.
pub fn names(files: &TlsFiles) -> Result<Vec<String>, ServeError> {
    let certs = read_certs(&files.cert)?;
    let Some(own) = certs.first() else { return Ok(Vec::new()) };
    let cert = webpki::EndEntityCert::try_from(own)
        .map_err(|error| ServeError::Tls(format!("{}: {error}", files.cert.display())))?;
    Ok(cert.valid_dns_names().map(str::to_ascii_lowercase).collect())
}

/// TLS 1.3 only; the hybrid X25519MLKEM768 first, so that what is recorded today is not opened by
/// a quantum computer later.
pub fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, ServeError> {
    let certs = read_certs(&files.cert)?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| ServeError::Tls(format!("{}: {error}", files.key.display())))?;
    let fail = |error: rustls::Error| ServeError::Tls(error.to_string());
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(fail)?
        .with_no_client_auth()
        .with_single_cert(certs, key)
        .map_err(fail)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn read_certs(path: &Path) -> Result<Vec<CertificateDer<'static>>, ServeError> {
    let fail = |why: String| ServeError::Tls(format!("{}: {why}", path.display()));
    let certs = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| fail(error.to_string()))?;
    if certs.is_empty() { Err(fail("it holds no certificate".into())) } else { Ok(certs) }
}

/// The channel binding (RFC 9266) of an open connection.
pub fn exporter(connection: &ServerConnection) -> Option<[u8; 32]> {
    connection.export_keying_material([0; 32], EXPORTER_LABEL, Some(b"")).ok()
}
