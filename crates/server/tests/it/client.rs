//! A small client: one HTTP connection, sessions, signed requests. It knows no more of the provider
//! than the wire says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ed25519_dalek::{Signer as _, SigningKey};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::{http1, http2};
use hyper::{HeaderMap, Request};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use strongroom_wire::capability::CapabilityChain;
use strongroom_wire::http_signature::{
    CapabilityField, Proof, RequestParts, Unsigned, chain_field, is_body_bound_by_uri,
};
use strongroom_wire::ids::{PublicKey, base32};
use strongroom_wire::session::{ClientSession, Kem, Opening, OpeningRequest};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;

/// An answer, whole.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    /// The problem's body, which must be one.
    #[track_caller]
    pub fn problem(&self) -> Value {
        let kind = self.headers.get("content-type").map(|kind| kind.to_str().unwrap());
        assert_eq!(kind, Some("application/problem+json"), "{self:?}");
        let problem: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["status"], self.status);
        problem
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// Status and name of a problem.
    #[track_caller]
    pub fn refused(&self, status: u16, name: &str) {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.problem()["type"], format!("/problems/{name}"));
    }
}

enum Sender {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

/// One connection.
pub struct Client {
    pub origin: String,
    pub provider: PublicKey,
    exporter: Option<[u8; 32]>,
    sender: Mutex<Sender>,
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

pub fn new_key() -> SigningKey {
    SigningKey::from_bytes(&random())
}

pub fn public(key: &SigningKey) -> PublicKey {
    PublicKey(key.verifying_key().to_bytes())
}

impl Client {
    /// Connects over plain HTTP/1.1.
    pub async fn plain(address: SocketAddr, provider: PublicKey) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let origin = format!("http://{address}");
        Self { origin, provider, exporter: None, sender: Mutex::new(Sender::One(sender)) }
    }

    /// Connects over TLS, with HTTP/2 or HTTP/1.1, trusting this certificate alone.
    pub async fn tls(
        address: SocketAddr,
        provider: PublicKey,
        trusted: &CertificateDer<'static>,
        two: bool,
    ) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(trusted.clone()).unwrap();
        let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(crypto)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![if two { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        let group = stream.get_ref().1.negotiated_key_exchange_group().unwrap();
        assert_eq!(group.name(), rustls::NamedGroup::X25519MLKEM768, "hybrid by default");
        let exporter = stream
            .get_ref()
            .1
            .export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b""))
            .unwrap();
        let io = TokioIo::new(stream);
        let sender = if two {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
            tokio::spawn(connection);
            Sender::Two(sender)
        } else {
            let (sender, connection) = http1::handshake(io).await.unwrap();
            tokio::spawn(connection);
            Sender::One(sender)
        };
        let origin = format!("https://localhost:{}", address.port());
        Self { origin, provider, exporter: Some(exporter), sender: Mutex::new(sender) }
    }

    /// Sends any request to a path.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reply {
        self.try_send(method, path, fields, body).await.expect("the connection holds")
    }

    /// Sends any request; `None`: the connection ended.
    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Option<Reply> {
        let mut sender = self.sender.lock().await;
        let host = self.origin.split("://").nth(1).unwrap();
        let mut request = match &*sender {
            Sender::One(_) => Request::builder().uri(path).header("host", host),
            Sender::Two(_) => Request::builder().uri(format!("{}{path}", self.origin)),
        }
        .method(method);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        let response = match &mut *sender {
            Sender::One(sender) => {
                sender.ready().await.ok()?;
                sender.send_request(request).await.ok()?
            }
            Sender::Two(sender) => {
                sender.ready().await.ok()?;
                sender.send_request(request).await.ok()?
            }
        };
        let (parts, body) = response.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        Some(Reply { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    /// Opens a session with a key and, perhaps, a chain.
    pub async fn open(
        &self,
        key: &SigningKey,
        chain: Option<&CapabilityChain>,
    ) -> Result<ClientSession, Reply> {
        self.open_with(key, chain, Kem::X25519, now()).await
    }

    pub async fn open_with(
        &self,
        key: &SigningKey,
        chain: Option<&CapabilityChain>,
        kem: Kem,
        created: u64,
    ) -> Result<ClientSession, Reply> {
        let opening = Opening::new(kem, &random());
        let signed = SignedOpening::new(self, key, chain, &opening, created);
        let reply = signed.send(self).await;
        if reply.status != 200 {
            return Err(reply);
        }
        let request = OpeningRequest {
            base: &signed.base,
            signature: &signed.raw,
            body: &signed.body,
            exporter: self.exporter.as_ref().map_or(&[][..], |exporter| exporter),
        };
        Ok(opening.finish(&request, &self.provider, &reply.body).expect("the provider's answer"))
    }

    /// A request in a session. The body is bound by `b3`, or by the path of a chunk.
    pub async fn call(
        &self,
        session: &ClientSession,
        method: &str,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Reply {
        self.call_with(session, method, path, &[], body).await
    }

    pub async fn call_with(
        &self,
        session: &ClientSession,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reply {
        let body = body.into();
        let path = self.bound(method, path, &body);
        let signature = self.authorize(session, method, &path);
        let mut all = fields.to_vec();
        all.extend(signature.iter().map(|(name, value)| (*name, value.as_str())));
        self.send(method, &path, &all, body).await
    }

    /// The path with the body's hash in it, where it needs one.
    pub fn bound(&self, method: &str, path: &str, body: &[u8]) -> String {
        let uri = format!("{}{path}", self.origin);
        if body.is_empty() || is_body_bound_by_uri(method, &uri) {
            path.to_owned()
        } else {
            format!("{path}?b3={}", base32(blake3::hash(body).as_bytes()))
        }
    }

    /// The two fields for one request in a session.
    pub fn authorize(
        &self,
        session: &ClientSession,
        method: &str,
        path: &str,
    ) -> [(&'static str, String); 2] {
        let uri = format!("{}{path}", self.origin);
        let fields = session.authorize(&RequestParts::new(method, &uri), now()).unwrap();
        [("signature-input", fields.input), ("signature", fields.signature)]
    }
}

/// A signed opening, to be sent once or more often.
pub struct SignedOpening {
    pub base: Vec<u8>,
    pub raw: [u8; 64],
    pub fields: Vec<(&'static str, String)>,
    pub path: String,
    pub body: Vec<u8>,
}

impl SignedOpening {
    pub fn new(
        client: &Client,
        key: &SigningKey,
        chain: Option<&CapabilityChain>,
        opening: &Opening,
        created: u64,
    ) -> Self {
        let path = client.bound("POST", "/session", opening.body());
        let uri = format!("{}{path}", client.origin);
        let field = chain.map(chain_field);
        let mut parts = RequestParts::new("POST", &uri);
        parts.capability = field.as_deref().map(CapabilityField::Chain);
        let proof = Proof::Key { created, nonce: random(), key: public(key) };
        let unsigned = Unsigned::new(&parts, &proof).unwrap();
        let raw = key.sign(unsigned.base()).to_bytes();
        let signed = unsigned.signed(&raw);
        let mut fields = vec![("signature-input", signed.input), ("signature", signed.signature)];
        if let Some(field) = field {
            fields.push(("strongroom-capability", field));
        }
        let body = opening.body().to_vec();
        Self { base: unsigned.base().to_vec(), raw, fields, path, body }
    }

    pub async fn send(&self, client: &Client) -> Reply {
        let fields: Vec<(&str, &str)> =
            self.fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        client.send("POST", &self.path, &fields, self.body.clone()).await
    }
}
