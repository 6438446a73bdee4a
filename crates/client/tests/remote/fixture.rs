//! A small provider in which every byte of an answer can be chosen. It speaks HTTP/1.1 by hand,
//! opens sessions with the wire crate and checks every signature; what it answers is a script.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::{Signer as _, SigningKey};
use rustls::ServerConfig;
use strongroom_client::random::SystemRng;
use strongroom_client::remote::{Options, ProviderUrl, Remote, RemoteError, Runtime, Session};
use strongroom_seal::identity::SessionSigningKey;
use strongroom_seal::rng::Rng as _;
use strongroom_wire::capability::CapabilityChain;
use strongroom_wire::http_signature::{CapabilityField, RequestParts, Signed, parse};
use strongroom_wire::ids::{PublicKey, SessionId, Thumbprint};
use strongroom_wire::session::{self, OpeningRequest, session_end};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// One request, as it arrived.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub fields: HashMap<String, String>,
    pub body: Vec<u8>,
    /// How many came before it over the same connection.
    pub nth: usize,
}

impl Asked {
    fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

/// What to do about a request.
#[derive(Debug, Clone)]
pub enum Act {
    /// Status, more fields, body.
    Answer(u16, &'static str, Vec<u8>),
    /// These bytes, whatever they are, then the end.
    Raw(Vec<u8>),
    /// These bytes, then those again and again, until the other end has had enough.
    Flood(Vec<u8>, Vec<u8>),
    /// The end, without a word.
    Close,
    /// Nothing, for ever.
    Silence,
}

impl Act {
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::Answer(200, "", body.into())
    }

    pub fn problem(name: &str, status: u16, more: &str) -> Self {
        let body = format!(r#"{{"type":"/problems/{name}","status":{status}{more}}}"#);
        Self::Answer(status, "content-type: application/problem+json\r\n", body.into())
    }
}

type Script = dyn Fn(&Asked) -> Act + Send + Sync;

/// What the script and the test can turn while it runs.
pub struct State {
    pub key: SigningKey,
    /// Signs session answers; another key than `key` is an impostor's.
    pub signs: SigningKey,
    pub sessions: Mutex<HashMap<SessionId, session::Session>>,
    pub opened: AtomicUsize,
    pub connections: AtomicUsize,
    /// The description says that TLS ends elsewhere.
    pub hides_tls: AtomicBool,
    /// Binds sessions to another channel than this one, as a relay would.
    pub relays: AtomicBool,
    /// Refuses what belongs to no session it knows before it takes the body, and closes.
    pub hasty: AtomicBool,
    /// Every request as it arrived, in order.
    pub log: Mutex<Vec<Asked>>,
    /// Seconds by which its clock is ahead.
    pub ahead: AtomicU64,
    script: Box<Script>,
}

pub struct Fixture {
    pub runtime: Runtime,
    pub url: String,
    pub state: Arc<State>,
}

/// What differs from an ordinary provider.
#[derive(Default)]
pub struct Setup {
    pub tls: Option<Arc<ServerConfig>>,
    pub signs: Option<SigningKey>,
    pub host: Option<&'static str>,
}

pub fn new_key() -> SigningKey {
    SigningKey::from_bytes(&SystemRng.bytes32())
}

impl Fixture {
    /// A provider without TLS that answers what belongs to a session by `script`.
    pub fn start(script: impl Fn(&Asked) -> Act + Send + Sync + 'static) -> Self {
        Self::start_with(Setup::default(), script)
    }

    pub fn start_with(
        setup: Setup,
        script: impl Fn(&Asked) -> Act + Send + Sync + 'static,
    ) -> Self {
        let runtime = Runtime::new().unwrap();
        let key = new_key();
        let state = Arc::new(State {
            signs: setup.signs.unwrap_or_else(|| key.clone()),
            key,
            sessions: Mutex::default(),
            opened: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            hides_tls: AtomicBool::new(false),
            relays: AtomicBool::new(false),
            hasty: AtomicBool::new(false),
            log: Mutex::default(),
            ahead: AtomicU64::new(0),
            script: Box::new(script),
        });
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if setup.tls.is_some() { "https" } else { "http" };
        let host = setup.host.unwrap_or("127.0.0.1");
        let url = format!("{scheme}://{host}:{}", address.port());
        let acceptor = setup.tls.map(TlsAcceptor::from);
        drop(runtime.spawn(accept(listener, acceptor, url.clone(), state.clone())));
        Self { runtime, url, state }
    }

    pub fn url(&self) -> ProviderUrl {
        self.url.parse().unwrap()
    }

    pub fn thumbprint(&self) -> Thumbprint {
        PublicKey(self.state.key.verifying_key().to_bytes()).thumbprint()
    }

    pub fn connect(&self) -> Result<Remote, RemoteError> {
        self.connect_with(None, options())
    }

    pub fn connect_with(
        &self,
        pin: Option<Thumbprint>,
        options: Options,
    ) -> Result<Remote, RemoteError> {
        self.runtime.block_on(Remote::connect(self.url(), pin, options))
    }

    /// A session with a key of its own and an empty chain: this provider looks at neither.
    pub fn session(&self) -> Session {
        session(&self.connect().unwrap())
    }

    /// Requests whose path contains this.
    pub fn count(&self, path: &str) -> usize {
        self.state.log.lock().unwrap().iter().filter(|asked| asked.path.contains(path)).count()
    }
}

pub fn session(remote: &Remote) -> Session {
    let key = SessionSigningKey::generate(&mut SystemRng);
    remote.session(Arc::new(key), &CapabilityChain::none())
}

/// Not those of the environment.
pub fn options() -> Options {
    Options { ca_file: None, ..Options::default() }
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    origin: String,
    state: Arc<State>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        state.connections.fetch_add(1, Ordering::SeqCst);
        let (state, origin, tls) = (state.clone(), origin.clone(), tls.clone());
        tokio::spawn(async move {
            let Some(tls) = tls else {
                return drop(serve(stream, Vec::new(), &origin, &state).await);
            };
            let Ok(stream) = tls.accept(stream).await else { return };
            let exporter = stream
                .get_ref()
                .1
                .export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b""))
                .unwrap();
            let _ = serve(stream, exporter.to_vec(), &origin, &state).await;
        });
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    exporter: Vec<u8>,
    origin: &str,
    state: &State,
) -> io::Result<()> {
    for nth in 0.. {
        let mut asked = read_head(&mut stream, nth).await?;
        if state.hasty.load(Ordering::SeqCst) && state.refuses_head(&asked) {
            return stream.write_all(b"HTTP/1.1 401 X\r\ncontent-length: 0\r\n\r\n").await;
        }
        stream.read_exact(&mut asked.body).await?;
        state.log.lock().unwrap().push(asked.clone());
        match state.answer(&asked, origin, &exporter) {
            Act::Answer(status, fields, body) => {
                let len = body.len();
                let head = format!("HTTP/1.1 {status} X\r\n{fields}content-length: {len}\r\n\r\n");
                stream.write_all(&[head.as_bytes(), &body].concat()).await?;
                stream.flush().await?;
            }
            Act::Raw(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
            Act::Flood(first, then) => {
                stream.write_all(&first).await?;
                loop {
                    stream.write_all(&then).await?;
                }
            }
            Act::Close => return Ok(()),
            Act::Silence => tokio::time::sleep(Duration::from_hours(1)).await,
        }
    }
    Ok(())
}

/// The head; the body has its length and is still on the wire.
async fn read_head(stream: &mut (impl AsyncRead + Unpin), nth: usize) -> io::Result<Asked> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().split(' ');
    let (method, path) = (first.next().unwrap().to_owned(), first.next().unwrap().to_owned());
    let fields: HashMap<_, _> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let len = fields.get("content-length").map_or(0, |len| len.parse().unwrap());
    Ok(Asked { method, path, fields, body: vec![0; len], nth })
}

impl State {
    pub fn now(&self) -> u64 {
        now() + self.ahead.load(Ordering::SeqCst)
    }

    fn refuses_head(&self, asked: &Asked) -> bool {
        asked.path.contains("/chunks/") && self.sessions.lock().unwrap().is_empty()
    }

    fn answer(&self, asked: &Asked, origin: &str, exporter: &[u8]) -> Act {
        if asked.path == "/.well-known/strongroom" {
            return Act::ok(self.description(!exporter.is_empty()));
        }
        let uri = format!("{origin}{}", asked.path);
        let parts = RequestParts {
            method: &asked.method,
            target_uri: &uri,
            content_digest: asked.field("content-digest"),
            capability: asked.field("strongroom-capability").map(CapabilityField::Chain),
        };
        let input = asked.field("signature-input").unwrap();
        let signed = parse(&parts, input, asked.field("signature").unwrap()).unwrap();
        match signed {
            Signed::Key(signature) => {
                let Ok(signed) = signature.verify(self.now(), 0) else {
                    return self.unauthorized();
                };
                assert_eq!(asked.path, "/session");
                assert!(signed.body().holds(&asked.body));
                let other = [7; 32];
                let exporter = if self.relays.load(Ordering::SeqCst) { &other } else { exporter };
                let request = OpeningRequest {
                    base: signed.base(),
                    signature: signed.signature(),
                    body: &asked.body,
                    exporter,
                };
                Act::ok(self.open(&request, signed.key()))
            }
            Signed::Session(mac) => {
                assert!(mac.body().holds(&asked.body), "{}", asked.path);
                let mut sessions = self.sessions.lock().unwrap();
                let admitted = sessions
                    .get_mut(&mac.session())
                    .is_some_and(|session| session.admit(&mac, self.now()).is_ok());
                drop(sessions);
                if admitted { (self.script)(asked) } else { self.unauthorized() }
            }
        }
    }

    fn open(&self, request: &OpeningRequest<'_>, opener: PublicKey) -> Vec<u8> {
        let mut random = [0; 64];
        SystemRng.fill(&mut random);
        let mut id = SessionId::ZERO;
        SystemRng.fill(&mut id.0);
        let end = session_end(self.now(), None);
        let sign = |message: &[u8]| self.signs.sign(message).to_bytes();
        let answered = session::answer(request, id, end, &random, sign).unwrap();
        let session = session::Session::new(id, answered.key, opener, None, end);
        self.sessions.lock().unwrap().insert(id, session);
        self.opened.fetch_add(1, Ordering::SeqCst);
        answered.body
    }

    fn unauthorized(&self) -> Act {
        Act::problem("unauthorized", 401, &format!(r#","time":{}"#, self.now()))
    }

    fn description(&self, tls: bool) -> String {
        let key = Base64UrlUnpadded::encode_string(&self.key.verifying_key().to_bytes());
        let tls = tls && !self.hides_tls.load(Ordering::SeqCst);
        let format = strongroom_wire::format::FORMAT;
        format!(r#"{{"formats":[{format}],"key":"{key}","sign_up":"open","tls_exporter":{tls}}}"#)
    }
}

/// Nobody listens here any more.
pub fn dead_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
