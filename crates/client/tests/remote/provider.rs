//! The real provider, in this process, on loopback: every request of the client once, as it is
//! meant.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use strongroom_client::random::SystemRng;
use strongroom_client::remote::{Remote, RemoteError, Runtime, Session};
use strongroom_core::founding::{Founded, Founder, found};
use strongroom_seal::identity::{DeviceSigningKey, SessionSigningKey, VaultSigningKey};
use strongroom_seal::kem::AgreeSeed;
use strongroom_seal::keys::DeviceSecret;
use strongroom_seal::recovery::{RecoveryKey, open_record, seal_record};
use strongroom_seal::rng::Rng as _;
use strongroom_seal::sealing::Sealing;
use strongroom_seal::suite::Suite;
use strongroom_server::{Config, serve_until};
use strongroom_wire::capability::{Action, Actions, Capability, CapabilityChain, Claims, Target};
use strongroom_wire::format::FORMAT;
use strongroom_wire::frame::{Area, Frame, write_entries};
use strongroom_wire::ids::{BucketId, ChunkId, PrincipalId, VaultTag};
use strongroom_wire::problem::Problem;
use tokio::sync::oneshot;

use crate::fixture::{now, options, session};

/// A provider that ends with this.
struct Provider {
    runtime: Runtime,
    url: String,
    stop: Option<oneshot::Sender<()>>,
}

impl Provider {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, listens) = oneshot::channel();
        drop(runtime.spawn(async move {
            let ready = |at: strongroom_server::Ready| drop(ready.send(at.url));
            let stopped = async { drop(stopped.await) };
            serve_until(Config::in_memory(), ready, stopped).await.unwrap();
        }));
        let url = runtime.block_on(listens).unwrap();
        Self { runtime, url, stop: Some(stop) }
    }

    fn connect(&self) -> Remote {
        let url = self.url.parse().unwrap();
        self.runtime.block_on(Remote::connect(url, None, options())).unwrap()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.stop.take().map(|stop| stop.send(()));
    }
}

/// Signs up; gives a session that may host buckets.
fn host(provider: &Provider, remote: &Remote) -> Session {
    let key = VaultSigningKey::generate(&mut SystemRng);
    let mut vault = VaultTag::ZERO;
    SystemRng.fill(&mut vault.0);
    let nobody = session(remote);
    let terms = provider.runtime.block_on(nobody.sign_up(vault, &key, None)).unwrap();
    assert_eq!((terms.used_bytes, terms.buckets), (0, 0));
    // The same again is the same vault; another key gets another answer.
    assert_eq!(provider.runtime.block_on(nobody.sign_up(vault, &key, None)).unwrap(), terms);
    let other = VaultSigningKey::generate(&mut SystemRng);
    let taken = provider.runtime.block_on(nobody.sign_up(vault, &other, None)).unwrap_err();
    assert_eq!(taken.problem(), Some(Problem::Conflict));

    let host = Actions::of(&[Action::Host]);
    let claims = Claims::new(Target::Vault(vault), host, now() + 3_600, [1; 16])
        .for_holder(key.public(), None);
    let capability = Capability::issue(&claims, |input| key.sign(input)).unwrap();
    let chain = CapabilityChain::new(vec![capability]).unwrap();
    remote.session(Arc::new(key), &chain)
}

/// A bucket, and the device that founded it.
struct Alice {
    founded: Founded,
    secret: DeviceSecret,
}

impl Alice {
    fn new() -> Self {
        let mut rng = SystemRng;
        let agree = AgreeSeed::generate(&mut rng).pair().public();
        let device = DeviceSigningKey::generate(&mut rng);
        let secret = DeviceSecret::generate(&mut rng);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
        let principal = PrincipalId([1; 32]);
        let founder = Founder { principal, agree: &agree, device: &device, secret: &secret, now };
        let founded = found(&founder, Sealing::DEFAULT, &mut rng).unwrap();
        Self { founded, secret }
    }

    fn bucket(&self) -> BucketId {
        self.founded.bucket
    }

    fn frames(&self) -> Vec<u8> {
        let entries: Vec<_> = self.founded.entries.iter().map(|entry| entry.encode()).collect();
        let mut frames = Vec::new();
        write_entries(&mut frames, entries.iter().map(Vec::as_slice));
        frames
    }

    fn session(&self, remote: &Remote) -> Session {
        let author = self.secret.author(self.bucket(), 0);
        let chain = self.founded.member_chain.extended(self.founded.author_capability.clone());
        remote.session(Arc::new(author), &chain.unwrap())
    }
}

fn random_chunk(len: usize) -> (ChunkId, Bytes) {
    let mut bytes = vec![0; len];
    SystemRng.fill(&mut bytes);
    (ChunkId(*blake3::hash(&bytes).as_bytes()), bytes.into())
}

#[test]
fn a_bucket_is_opened_filled_read_and_counted() {
    let provider = Provider::start();
    let run = &provider.runtime;
    let remote = provider.connect();
    let host = host(&provider, &remote);
    let alice = Alice::new();
    run.block_on(host.open_bucket(alice.bucket(), alice.frames())).unwrap();
    run.block_on(host.open_bucket(alice.bucket(), alice.frames())).unwrap();
    let session = alice.session(&remote);

    // Entries come back as they went.
    let mut hello = Vec::new();
    Frame::Hello { formats: vec![FORMAT], salt: [1; 16] }.write(&mut hello);
    Frame::Since { area: Area::Bucket, cursor: None }.write(&mut hello);
    let frames = run.block_on(session.exchange(alice.bucket(), hello)).unwrap();
    let Frame::Entries(entries) = &frames[0] else { panic!("{frames:?}") };
    assert_eq!(entries.len(), alice.founded.entries.len());
    assert!(frames.iter().any(|frame| matches!(frame, Frame::CursorIs { more: false, .. })));
    assert!(frames.iter().any(|frame| matches!(frame, Frame::Done { count: 4, .. })));

    // One large chunk, and many small ones that need two requests.
    let (large_id, large) = random_chunk(1 << 20);
    run.block_on(session.put_chunk(alice.bucket(), large_id, large.clone())).unwrap();
    let small: Vec<_> = (0..90).map(|_| random_chunk(100_000)).collect();
    let before = remote.traffic().requests;
    run.block_on(session.put_chunks(alice.bucket(), &small)).unwrap();
    assert_eq!(remote.traffic().requests - before, 2);

    let mut asked: Vec<_> = small.iter().map(|(id, _)| *id).collect();
    asked.push(ChunkId([9; 32]));
    let held = run.block_on(session.have(alice.bucket(), &asked)).unwrap();
    assert!(held[..90].iter().all(|held| *held) && !held[90]);
    for (id, bytes) in &small {
        assert_eq!(run.block_on(session.get_chunk(alice.bucket(), *id, None)).unwrap(), bytes);
    }
    let get = |range| run.block_on(session.get_chunk(alice.bucket(), large_id, range));
    assert_eq!(get(None).unwrap(), large);
    assert_eq!(get(Some(10..20)).unwrap(), large[10..20]);
    assert_eq!(get(Some(1_048_570..2_000_000)).unwrap(), large[1_048_570..]);
    assert!(matches!(get(Some(1_048_576..1_048_577)), Err(RemoteError::Protocol(_))));

    let holdings = run.block_on(host.holdings()).unwrap();
    assert_eq!((holdings[0].bucket, holdings[0].entries), (alice.bucket(), 4));
    assert_eq!((holdings[0].chunks, holdings[0].chunk_bytes), (91, (1 << 20) + 90 * 100_000));
    assert_eq!(run.block_on(host.vault_terms()).unwrap().buckets, 1);
}

#[test]
fn what_a_session_does_not_cover_is_refused_by_name() {
    let provider = Provider::start();
    let run = &provider.runtime;
    let remote = provider.connect();
    let host = host(&provider, &remote);
    let (alice, bob) = (Alice::new(), Alice::new());
    run.block_on(host.open_bucket(alice.bucket(), alice.frames())).unwrap();
    let session = alice.session(&remote);
    let problem = |error: RemoteError| error.problem().unwrap();

    let (id, bytes) = random_chunk(1_000);
    let wrong = session.put_chunk(alice.bucket(), ChunkId([1; 32]), bytes.clone());
    assert!(run.block_on(wrong).is_err());
    let other = session.put_chunk(bob.bucket(), id, bytes);
    assert_eq!(problem(run.block_on(other).unwrap_err()), Problem::Forbidden);
    let missing = run.block_on(session.get_chunk(alice.bucket(), id, None));
    assert_eq!(problem(missing.unwrap_err()), Problem::NotFound);
    assert_eq!(problem(run.block_on(session.vault_terms()).unwrap_err()), Problem::Forbidden);
    // Of a bucket that is not here there is no session at all.
    let stranger = bob.session(&remote);
    let refused = run.block_on(stranger.open()).unwrap_err();
    assert_eq!(problem(refused), Problem::Unauthorized);
}

#[test]
fn a_recovery_record_goes_in_is_replaced_in_order_and_comes_back() {
    let provider = Provider::start();
    let run = &provider.runtime;
    let remote = provider.connect();
    let host = host(&provider, &remote);
    let recovery = RecoveryKey::generate(&mut SystemRng);
    let (locator, pair) = (recovery.locator(), recovery.pair().pair());
    let here = remote.thumbprint();
    let (id, key) = (locator.record_id(&here), locator.record_key(&here));
    let seal = |counter, contents: &[u8]| {
        let suite = Suite::DEFAULT;
        let rng = &mut SystemRng;
        let sealed = seal_record(suite, &pair.public(), &locator, &here, counter, contents, rng);
        sealed.unwrap().as_bytes().to_vec()
    };
    let put = |bytes: &[u8]| run.block_on(host.put_record(id, key.public(), bytes));
    put(&seal(1, b"one")).unwrap();
    put(&seal(2, b"two")).unwrap();
    let RemoteError::Problem(lost) = put(&seal(2, b"too late")).unwrap_err() else { panic!() };
    assert_eq!((lost.problem, lost.counter), (Problem::Conflict, Some(2)));

    // With the phrase and the address alone.
    let nobody = session(&provider.connect());
    let records = run.block_on(nobody.read_records(id, &key)).unwrap();
    let opened: Vec<_> = records
        .iter()
        .map(|record| open_record(&pair, &locator, &here, record).unwrap().contents.to_vec())
        .collect();
    assert_eq!(opened, [b"two", b"one"]);
    assert_eq!(run.block_on(host.vault_terms()).unwrap().record_reads, 1);
    let stranger = SessionSigningKey::generate(&mut SystemRng);
    let refused = run.block_on(nobody.read_records(id, &stranger)).unwrap_err();
    assert_eq!(refused.problem(), Some(Problem::NotFound));
}
