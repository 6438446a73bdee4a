//! TLS: who is trusted, and what binds a session to its connection.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, SupportedProtocolVersion};
use strongroom_client::remote::{Options, RemoteError};
use strongroom_wire::api::VaultTerms;

use crate::fixture::{Act, Fixture, Setup, options, session};

const TERMS: VaultTerms =
    VaultTerms { quota_bytes: 0, used_bytes: 0, buckets: 0, record_reads: 0, record_read_at: 0 };

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: tempfile::TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::self_signed(params, key).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, dir }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    fn options(&self) -> Options {
        Options { ca_file: Some(self.file()), ..options() }
    }

    fn server(&self, host: &str, version: &'static SupportedProtocolVersion) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Arc::new(config)
    }

    fn provider(&self, host: &'static str) -> Fixture {
        let tls = Some(self.server(host, &rustls::version::TLS13));
        let setup = Setup { tls, host: Some("localhost"), ..Setup::default() };
        Fixture::start_with(setup, |_| Act::ok(TERMS.encode()))
    }
}

fn refused(error: &RemoteError) -> bool {
    matches!(error, RemoteError::Tls { .. })
}

#[test]
fn a_private_authority_counts_where_it_is_named() {
    let authority = Authority::new();
    let provider = authority.provider("localhost");
    let error = provider.connect().unwrap_err();
    assert!(refused(&error), "{error}");
    assert!(error.hint().unwrap().contains("STRONGROOM_CA_FILE"));
    let other = provider.connect_with(None, Authority::new().options()).unwrap_err();
    assert!(refused(&other), "{other}");
    assert_eq!(provider.state.log.lock().unwrap().len(), 0);

    let remote = provider.connect_with(None, authority.options()).unwrap();
    let session = session(&remote);
    for _ in 0..3 {
        assert_eq!(provider.runtime.block_on(session.vault_terms()).unwrap(), TERMS);
    }
    assert_eq!(provider.state.connections.load(Ordering::SeqCst), 3); // two were turned away
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new();
    let provider = authority.provider("provider.example");
    let error = provider.connect_with(None, authority.options()).unwrap_err();
    assert!(refused(&error), "{error}");
}

#[test]
fn tls_below_1_3_is_refused() {
    let authority = Authority::new();
    let tls = Some(authority.server("localhost", &rustls::version::TLS12));
    let setup = Setup { tls, host: Some("localhost"), ..Setup::default() };
    let provider = Fixture::start_with(setup, |_| Act::Close);
    let error = provider.connect_with(None, authority.options()).unwrap_err();
    assert!(refused(&error), "{error}");
}

#[test]
fn a_session_is_bound_to_the_connection_it_was_opened_over() {
    // Who sits in the middle has a certificate we trust and passes everything on: the provider
    // signs another channel than ours.
    let authority = Authority::new();
    let provider = authority.provider("localhost");
    provider.state.relays.store(true, Ordering::SeqCst);
    let remote = provider.connect_with(None, authority.options()).unwrap();
    let error = provider.runtime.block_on(session(&remote).vault_terms()).unwrap_err();
    assert!(matches!(error, RemoteError::Unproven { .. }), "{error}");

    // He gains nothing by saying that TLS ends before the provider: it signs what it sees.
    provider.state.relays.store(false, Ordering::SeqCst);
    provider.state.hides_tls.store(true, Ordering::SeqCst);
    let remote = provider.connect_with(None, authority.options()).unwrap();
    let error = provider.runtime.block_on(session(&remote).vault_terms()).unwrap_err();
    assert!(matches!(error, RemoteError::Unproven { .. }), "{error}");
}

#[test]
fn a_file_of_authorities_that_is_none_is_told_by_name() {
    let authority = Authority::new();
    let provider = authority.provider("localhost");
    let file = authority.file();
    let cut = "-----BEGIN CERTIFICATE-----\nMIIB\n";
    for content in [Some(""), Some("words"), Some(cut), None] {
        match content {
            Some(content) => std::fs::write(&file, content).unwrap(),
            None => std::fs::remove_file(&file).unwrap(),
        }
        let error = provider.connect_with(None, authority.options()).unwrap_err();
        assert!(matches!(error, RemoteError::CaFile(_)), "{error}");
        assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
    }
}
