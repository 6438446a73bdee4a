//! TLS 1.3. Comes in: the public authorities, and a file of others. Goes out: a configuration, and
//! a connection's channel binding. Must not know: requests.
//!
//! The certificate names the host; who the provider *is* says its own key, which is pinned. Key
//! exchange prefers X25519 and ML-KEM-768 together, so what is recorded today stays closed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use rustls_pki_types::pem::PemObject as _;

use super::error::RemoteError;

/// Label of the exporter of RFC 9266.
const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";
/// Bytes of a file of authorities. The system's own bundle has 220 kB.
const CA_FILE_LEN_MAX: u64 = 4 << 20;

/// A configuration that trusts the public authorities and those in `extra`.
pub(super) fn client_config(extra: Option<&PathBuf>) -> Result<Arc<ClientConfig>, RemoteError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = extra {
        add_authorities(&mut roots, path)?;
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|_| RemoteError::Protocol("TLS 1.3 is not available"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// 32 bytes that only the two ends of this connection know.
pub(super) fn exporter(connection: &ClientConnection) -> Result<[u8; 32], RemoteError> {
    connection
        .export_keying_material([0; 32], EXPORTER_LABEL, Some(b""))
        .map_err(|_| RemoteError::Protocol("TLS gives no channel binding"))
}

fn add_authorities(roots: &mut RootCertStore, path: &Path) -> Result<(), RemoteError> {
    let fail = |reason: &str| RemoteError::CaFile(format!("{}: {reason}", path.display()));
    let pem = crate::keyfile::read_bounded(path, CA_FILE_LEN_MAX)
        .map_err(|error| fail(&error.to_string()))?;
    let before = roots.len();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|_| fail("not a PEM certificate"))?;
        roots.add(certificate).map_err(|_| fail("a certificate in it cannot be read"))?;
    }
    if roots.len() == before { Err(fail("no PEM certificate in it")) } else { Ok(()) }
}
