//! The provider itself. Comes in: real requests. Goes out: real answers, except where the script
//! says otherwise. Must not know: vaults.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::{Method, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, Collected};
use strongroom_server::{Config, Identity, Peer, Provider, Ready, Tuning, serve_wrapped};
use strongroom_store::{Batch, Blobs as _, Memory, Rows as _, Scan};
use tokio::sync::{Notify, oneshot};
use tower::ServiceExt as _;

use crate::script::{Act, Answer, Asked, Rule};
use crate::tap::{Seen, Tap};

/// Addresses by which a provider is reached. Each device of a test gets its own.
const DOORS: usize = 4;
/// Largest request a test makes.
const BODY_MAX: usize = 64 << 20;
/// How long a request is held back for another to overtake it, if none comes.
const OVERTAKE: Duration = Duration::from_millis(200);
/// One piece of a flood.
const FLOOD_PIECE: &[u8] = &[0x9f; 65_536];
/// Bytes after which a flood ends, so that a client that reads on forever fails instead of
/// filling this machine.
const FLOOD_MAX: u64 = 256 << 20;

/// One state of the store, and the provider that serves it.
struct History {
    store: Memory,
    provider: Provider,
}

struct Inner {
    key: key_directory::KeyDirectory,
    /// 0 is what honest answers come from.
    histories: RwLock<Vec<Arc<History>>>,
    /// Which history a request gets when no rule says otherwise.
    current: AtomicU64,
    /// Its own addresses, once it listens.
    origins: OnceLock<(SocketAddr, Vec<String>)>,
    script: Mutex<Vec<Arc<Rule>>>,
    tap: Tap,
    flooded: AtomicU64,
    passed: Notify,
}

/// A real provider that does what its script says. It ends when it is dropped.
pub struct EvilProvider {
    inner: Arc<Inner>,
    urls: Vec<String>,
    stop: Option<Vec<oneshot::Sender<()>>>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for EvilProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EvilProvider").field("urls", &self.urls).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The provider's key rests in a directory, so that every history has the same one.
mod key_directory {
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU64, Ordering};

    static NEXT: AtomicU64 = AtomicU64::new(0);

    /// A directory that is removed in the end.
    pub struct KeyDirectory(PathBuf);

    impl KeyDirectory {
        pub fn new() -> Self {
            let no = NEXT.fetch_add(1, Ordering::SeqCst);
            let name = format!("strongroom-evil-{}-{no}", std::process::id());
            Self(std::env::temp_dir().join(name))
        }

        pub fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for KeyDirectory {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

impl Inner {
    fn serve(&self, store: Memory) -> History {
        let identity = Identity::open(self.key.path()).expect("the provider's key");
        let many = 1_000_000;
        let tuning = Tuning {
            sign_ups_per_hour: many,
            session_opens_per_minute: many,
            record_reads_per_hour: many,
            record_reads_per_hour_each: many,
            ..Tuning::default()
        };
        let own = self.origins.get();
        let origins = own.map(|(_, urls)| urls.clone()).unwrap_or_default();
        let config = Config { tuning, origins, ..Config::in_memory() };
        let rows = Arc::new(store.clone());
        let provider = Provider::new(rows, Arc::new(store.clone()), identity, config)
            .expect("a provider over this store");
        if let Some((address, _)) = own {
            provider.is_reached_at(*address);
        }
        History { store, provider }
    }

    fn history(&self, no: usize) -> Arc<History> {
        let histories = self.histories.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&histories[no])
    }

    async fn ask(&self, peer: Option<Peer>, history: usize, asked: &Asked) -> Answer {
        let provider = self.history(history).provider.clone();
        let mut request = Request::new(Body::from(asked.body.clone()));
        *request.method_mut() = Method::from_bytes(asked.method.as_bytes()).expect("a method");
        *request.uri_mut() = asked.path.parse().expect("a path");
        *request.headers_mut() = asked.headers.clone();
        if asked.headers.contains_key(header::CONTENT_LENGTH) {
            request.headers_mut().insert(header::CONTENT_LENGTH, asked.body.len().into());
        }
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        let response = match provider.router().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_or_else(|_| Bytes::new(), Collected::to_bytes);
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    fn rule_for(&self, asked: &Asked) -> Option<Act> {
        let script = lock(&self.script).clone();
        script.iter().find_map(|rule| rule.strike(asked))
    }

    async fn answer(self: Arc<Self>, door: usize, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let peer = parts.extensions.get::<Peer>().copied();
        let path = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
        let Ok(body) = axum::body::to_bytes(body, BODY_MAX).await else {
            return hang_up();
        };
        let method = parts.method.to_string();
        let asked = Asked { door, method, path, headers: parts.headers, body };
        let act = self.rule_for(&asked);
        let current = self.current.load(Ordering::SeqCst) as usize;
        let answer = match act {
            None => Some(self.ask(peer, current, &asked).await),
            Some(Act::Drop) => None,
            Some(Act::DropAnswer) => {
                self.ask(peer, current, &asked).await;
                None
            }
            Some(Act::Later) => {
                let _ = tokio::time::timeout(OVERTAKE, self.passed.notified()).await;
                Some(self.ask(peer, current, &asked).await)
            }
            Some(Act::Repeat) => {
                let first = self.ask(peer, current, &asked).await;
                let second = self.ask(peer, current, &asked).await;
                self.tap.note(Seen { asked: asked.clone(), answer: Some(second) });
                Some(first)
            }
            Some(Act::History(no)) => Some(self.ask(peer, no, &asked).await),
            Some(Act::Edit(edit)) => {
                let mut answer = self.ask(peer, current, &asked).await;
                edit(&asked, &mut answer);
                Some(answer)
            }
            Some(Act::Alter(alter)) => {
                let mut altered = asked.clone();
                alter(&mut altered);
                Some(self.ask(peer, current, &altered).await)
            }
            Some(Act::Invent(invent)) => Some(invent(&asked)),
            Some(Act::Answer(status)) => Some(Answer::empty(status)),
            Some(Act::Flood) => return flood(self),
        };
        self.tap.note(Seen { asked, answer: answer.clone() });
        self.passed.notify_waiters();
        answer.map_or_else(hang_up, respond)
    }
}

fn respond(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = http::StatusCode::from_u16(answer.status).expect("a status");
    *response.headers_mut() = answer.headers;
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response
}

/// A body that breaks before its first byte: the connection ends without an answer worth the name.
fn hang_up() -> Response {
    Response::new(Body::new(Pieces(std::iter::once(Err(std::io::Error::other("gone"))))))
}

fn flood(inner: Arc<Inner>) -> Response {
    let pieces = std::iter::from_fn(move || {
        let before = inner.flooded.fetch_add(FLOOD_PIECE.len() as u64, Ordering::SeqCst);
        (before < FLOOD_MAX).then(|| Ok(Bytes::from_static(FLOOD_PIECE)))
    });
    Response::new(Body::new(Pieces(pieces)))
}

/// A body of pieces that are all at hand.
struct Pieces<I>(I);

impl<I: Iterator<Item = std::io::Result<Bytes>> + Unpin> http_body::Body for Pieces<I> {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        Poll::Ready(self.0.next().map(|piece| piece.map(Frame::data)))
    }
}

impl EvilProvider {
    /// Starts a provider with an empty script on free ports of loopback.
    ///
    /// # Panics
    /// Where the machine has no free port or no memory: a test can say nothing then.
    pub fn start() -> Self {
        let inner = Arc::new(Inner {
            key: key_directory::KeyDirectory::new(),
            histories: RwLock::default(),
            current: AtomicU64::new(0),
            origins: OnceLock::new(),
            script: Mutex::default(),
            tap: Tap::default(),
            flooded: AtomicU64::new(0),
            passed: Notify::new(),
        });
        // Made once, before several would make it at the same time.
        Identity::open(inner.key.path()).expect("the provider's key");
        let (tell, told) = std::sync::mpsc::channel();
        let (mut stops, mut stopped) = (Vec::new(), Vec::new());
        for _ in 0..DOORS {
            let (stop, on_stop) = oneshot::channel::<()>();
            stops.push(stop);
            stopped.push(on_stop);
        }
        let served = inner.clone();
        let thread = std::thread::spawn(move || {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            let runtime = builder.worker_threads(2).enable_all().build().expect("threads");
            runtime.block_on(async move {
                let mut doors = tokio::task::JoinSet::new();
                for (door, on_stop) in stopped.into_iter().enumerate() {
                    let (inner, tell) = (served.clone(), tell.clone());
                    doors.spawn(async move { serve_door(inner, door, tell, on_stop).await });
                }
                drop((served, tell));
                doors.join_all().await;
            });
        });
        let mut doors: Vec<(usize, Ready)> = told.iter().take(DOORS).collect();
        doors.sort_by_key(|(door, _)| *door);
        let address = doors.first().expect("a door").1.address;
        let urls: Vec<String> = doors.into_iter().map(|(_, ready)| ready.url).collect();
        let _ = inner.origins.set((address, urls.clone()));
        let first = inner.serve(Memory::new());
        inner.histories.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(first));
        Self { inner, urls, stop: Some(stops), thread: Some(thread) }
    }

    /// One of its addresses; the provider behind all of them is the same.
    pub fn url(&self, door: usize) -> &str {
        &self.urls[door]
    }

    /// Adds a rule at the end of the script. The first that matches acts.
    pub fn play(&self, rule: Rule) -> Arc<Rule> {
        let rule = Arc::new(rule);
        lock(&self.inner.script).push(rule.clone());
        rule
    }

    /// Throws the script away, and answers from the newest state again.
    pub fn honest(&self) {
        lock(&self.inner.script).clear();
        self.inner.current.store(0, Ordering::SeqCst);
    }

    /// Keeps the store as it is now; gives the number for [`Act::History`] and
    /// [`EvilProvider::show`]. What is written there stays there.
    pub fn keep_history(&self) -> usize {
        let from = self.inner.history(0).store.clone();
        let kept = self.inner.serve(copy(&from));
        let mut histories = self.inner.histories.write().unwrap_or_else(PoisonError::into_inner);
        histories.push(Arc::new(kept));
        histories.len() - 1
    }

    /// From now on everybody is shown this state.
    pub fn show(&self, history: usize) {
        self.inner.current.store(history as u64, Ordering::SeqCst);
    }

    /// Throws away everything after this state: it is the only one from now on. What restoring a
    /// backup does to an honest provider.
    pub fn roll_back(&self, history: usize) {
        let kept = copy(&self.inner.history(history).store);
        let kept = Arc::new(self.inner.serve(kept));
        let mut histories = self.inner.histories.write().unwrap_or_else(PoisonError::into_inner);
        histories[0] = kept;
    }

    /// Ends the provider's process as far as its peers can tell: sessions and nonces are gone,
    /// what was committed is there.
    pub fn restart(&self) {
        let store = self.inner.history(0).store.clone();
        let again = Arc::new(self.inner.serve(store));
        let mut histories = self.inner.histories.write().unwrap_or_else(PoisonError::into_inner);
        histories[0] = again;
    }

    /// Sends a request somebody heard once more, as anyone on the network could.
    pub fn replay(&self, asked: &Asked) -> Answer {
        let address = self.inner.origins.get().expect("it listens").0;
        let peer = Peer { address, exporter: None };
        // On a thread of its own: a script may ask from inside another provider.
        let ask = || {
            let builder = tokio::runtime::Builder::new_current_thread().enable_all().build();
            builder.expect("a thread").block_on(self.inner.ask(Some(peer), 0, asked))
        };
        std::thread::scope(|scope| scope.spawn(ask).join()).expect("an answer")
    }

    /// What went over its wires.
    pub fn tap(&self) -> &Tap {
        &self.inner.tap
    }

    /// Bytes of floods that were taken off its hands.
    pub fn flooded(&self) -> u64 {
        self.inner.flooded.load(Ordering::SeqCst)
    }

    /// Every value and every blob it holds.
    pub fn stored(&self) -> Vec<Vec<u8>> {
        let store = &self.inner.history(0).store;
        let mut all = Vec::new();
        let _ = store.scan(&Scan::all(), &mut |key, value| {
            all.push(key.to_vec());
            all.push(value.to_vec());
            ControlFlow::Continue(())
        });
        for id in store.list(None, usize::MAX).unwrap_or_default() {
            all.extend(store.get_blob(&id));
        }
        all
    }
}

/// Reads a blob whole; both traits of a memory store have a `get`.
trait GetBlob {
    fn get_blob(&self, id: &strongroom_store::BlobId) -> Option<Vec<u8>>;
}

impl GetBlob for Memory {
    fn get_blob(&self, id: &strongroom_store::BlobId) -> Option<Vec<u8>> {
        strongroom_store::Blobs::get(self, id, 0..u64::MAX).ok().flatten()
    }
}

fn copy(from: &Memory) -> Memory {
    let to = Memory::new();
    let _ = from.scan(&Scan::all(), &mut |key, value| {
        let mut batch = Batch::new();
        batch.put(key, value);
        to.commit(batch).expect("memory takes rows");
        ControlFlow::Continue(())
    });
    for id in from.list(None, usize::MAX).unwrap_or_default() {
        if let Some(bytes) = from.get_blob(&id) {
            to.put(vec![(id, bytes)]).expect("memory takes blobs");
        }
    }
    to
}

async fn serve_door(
    inner: Arc<Inner>,
    door: usize,
    tell: std::sync::mpsc::Sender<(usize, Ready)>,
    stop: oneshot::Receiver<()>,
) {
    // Its listener is the real one; what it would answer is never asked.
    let front = inner.serve(Memory::new()).provider;
    let wrap = move |_: Router| {
        Router::new().fallback(move |request: Request| inner.clone().answer(door, request))
    };
    let ready = move |ready: Ready| {
        let _ = tell.send((door, ready));
    };
    let stop = async move { drop(stop.await) };
    serve_wrapped(front, wrap, ready, stop).await.expect("a free port");
}

impl Drop for EvilProvider {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
