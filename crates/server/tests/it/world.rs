//! A provider in this process, and a person with a vault and a bucket.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use ed25519_dalek::{Signer as _, SigningKey};
use strongroom_server::{Config, Metrics, Provider, Ready, ServeError, open, serve_provider};
use strongroom_store::StoreError;
use strongroom_wire::api::SignUp;
use strongroom_wire::capability::{Action, Actions, Capability, CapabilityChain, Claims, Target};
use strongroom_wire::clear::{Clear, Epoch, Floors, Genesis, Member, References, WRAP_LEN};
use strongroom_wire::entry::{Entry, Header, Hlc, Kind};
use strongroom_wire::frame::{Area, Cursor, Frame, decode_all, write_entries};
use strongroom_wire::ids::{
    AuthorKey, BucketId, CapabilityId, ChunkId, DocumentTag, EntryId, MemberTag, PublicKey,
    VaultTag,
};
use strongroom_wire::session::ClientSession;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::client::{Client, new_key, now, public, random};

/// A provider that runs in this process until it is stopped.
pub struct Running {
    pub ready: Ready,
    pub metrics: Arc<Metrics>,
    pub provider: Provider,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Running {
    pub async fn start(config: Config) -> Self {
        let mut opened = open(config.clone()).await;
        for _ in 0..2_000 {
            // One that stopped in this process lets go when the last of its tasks has ended.
            let Err(ServeError::Store(StoreError::Busy)) = opened else { break };
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            opened = open(config.clone()).await;
        }
        Self::over(opened.unwrap()).await
    }

    pub async fn over(provider: Provider) -> Self {
        let (tell, told) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let metrics = provider.metrics();
        let served = provider.clone();
        let task = tokio::spawn(async move {
            let stop = async move { drop(stopped.await) };
            serve_provider(served, |ready| drop(tell.send(ready)), stop).await.unwrap();
        });
        let ready = told.await.unwrap();
        Self { ready, metrics, provider, stop: Some(stop), task }
    }

    pub async fn in_memory() -> Self {
        Self::start(Config::in_memory()).await
    }

    pub async fn on(data: &Path) -> Self {
        Self::start(Config { data: Some(data.to_owned()), ..Config::in_memory() }).await
    }

    pub fn address(&self) -> SocketAddr {
        self.ready.address
    }

    pub fn key(&self) -> PublicKey {
        PublicKey(from_base64url(&self.ready.key))
    }

    pub async fn client(&self) -> Client {
        Client::plain(self.address(), self.key()).await
    }

    /// Stops, as a signal would, and waits for the end.
    pub async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.task.await.unwrap();
    }
}

const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub fn from_base64url(text: &str) -> [u8; 32] {
    let mut out = Vec::new();
    let (mut buffer, mut bits) = (0_u32, 0);
    for c in text.bytes() {
        buffer = (buffer << 6) | BASE64URL.iter().position(|a| *a == c).unwrap() as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((buffer >> bits) as u8);
        }
    }
    out.try_into().unwrap()
}

pub fn to_base64url(bytes: &[u8]) -> String {
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| usize::from(byte >> (7 - at % 8) & 1));
    let six = |at: usize| (0..6).fold(0, |sum, place| sum * 2 + bit(at + place));
    (0..bytes.len() * 8).step_by(6).map(|at| char::from(BASE64URL[six(at)])).collect()
}

/// A vault at one provider, and the session of its holder.
pub struct Vault {
    pub tag: VaultTag,
    pub root: SigningKey,
    pub device: SigningKey,
    pub chain: CapabilityChain,
    pub session: ClientSession,
}

/// Signs up; gives the reply's status where it is refused.
pub async fn sign_up(
    client: &Client,
    tag: VaultTag,
    root: &SigningKey,
    token: Option<&str>,
) -> crate::client::Reply {
    let session = client.open(&new_key(), None).await.unwrap();
    let provider = client.provider.thumbprint();
    let input = SignUp::signing_input(tag, token, provider, session.id);
    let sign_up = SignUp {
        vault: tag,
        key: public(root),
        token: token.map(str::to_owned),
        signature: root.sign(&input).to_bytes(),
    };
    client.call(&session, "POST", "/vaults", sign_up.encode()).await
}

impl Vault {
    pub async fn open(client: &Client) -> Self {
        let (tag, root, device) = (VaultTag(random()), new_key(), new_key());
        sign_up(client, tag, &root, None).await.expect(201);
        let claims =
            Claims::new(Target::Vault(tag), Actions::of(&[Action::Host]), now() + 3_600, random())
                .for_holder(public(&device), None);
        let chain = chain_of(&[issue(&claims, &root)]);
        let session = client.open(&device, Some(&chain)).await.unwrap();
        Self { tag, root, device, chain, session }
    }

    /// The same vault over another connection.
    pub async fn again(&self, client: &Client) -> ClientSession {
        client.open(&self.device, Some(&self.chain)).await.unwrap()
    }
}

pub fn issue(claims: &Claims, issuer: &SigningKey) -> Capability {
    Capability::issue(claims, |bytes| issuer.sign(bytes).to_bytes()).unwrap()
}

pub fn chain_of(capabilities: &[Capability]) -> CapabilityChain {
    CapabilityChain::new(capabilities.to_vec()).unwrap()
}

/// One author of one bucket: a device.
#[derive(Clone)]
pub struct Author {
    pub key: SigningKey,
    pub bucket: BucketId,
    pub epoch: EntryId,
    pub cap: CapabilityId,
    pub seq: u64,
    pub prev: EntryId,
    pub hlc: u64,
    pub suite: u8,
}

impl Author {
    pub fn new(key: SigningKey, bucket: BucketId, epoch: EntryId, cap: CapabilityId) -> Self {
        Self { key, bucket, epoch, cap, seq: 0, prev: EntryId::ZERO, hlc: 0, suite: 1 }
    }

    pub fn id(&self) -> AuthorKey {
        public(&self.key).author()
    }

    /// The header of this author's next entry.
    pub fn header(&mut self, kind: Kind, document: DocumentTag) -> Header {
        let wall = Hlc::new(now() * 1_000, 0).0;
        self.hlc = wall.max(self.hlc + 1);
        Header {
            suite: self.suite,
            bucket: self.bucket,
            document,
            kind,
            parents: Vec::new(),
            epoch: self.epoch,
            generation: 0,
            nonce: random(),
            kc: random(),
            hlc: Hlc(self.hlc),
            author: self.id(),
            seq: self.seq,
            prev: self.prev,
            cap: self.cap,
            sealed_len: 0,
            body_hash: [0; 32],
        }
    }

    /// Puts an entry together, signs it, and goes on from there.
    pub fn finish(&mut self, header: Header, clear: &Clear, sealed: Vec<u8>) -> Entry {
        let entry = self.unsigned(header, clear, sealed);
        let signature = self.key.sign(&entry.signing_input()).to_bytes();
        entry.signed(signature)
    }

    /// The same without a signature: the next one covers it.
    pub fn unsigned(&mut self, header: Header, clear: &Clear, sealed: Vec<u8>) -> Entry {
        let entry = Entry::assemble(header, clear.encode(), sealed);
        self.seq += 1;
        self.prev = entry.id();
        entry
    }

    /// The author's own first entry, which carries what it uses.
    pub fn enrols(&mut self, capability: &Capability, parent: EntryId) -> Entry {
        let mut header = self.header(Kind::Member, DocumentTag::ZERO);
        header.parents = vec![parent];
        self.finish(header, &carries(capability), noise(60))
    }

    /// A version of a new document, `len` sealed bytes.
    pub fn version(&mut self, len: usize, references: References) -> Entry {
        let header = self.header(Kind::Version, DocumentTag(random()));
        self.finish(header, &Clear::version(references), noise(len))
    }
}

/// The clear part of a member entry with one capability.
pub fn carries(capability: &Capability) -> Clear {
    let capabilities = vec![capability.bytes().to_vec()];
    Clear::Member(Member { capabilities, wrap: None, commitment: None, open: Vec::new() })
}

pub fn noise(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&random::<16>()).finalize_xof().fill(&mut bytes);
    bytes
}

/// A bucket at one provider and its one member's device.
pub struct Bucket {
    pub id: BucketId,
    pub root: Author,
    pub member_key: SigningKey,
    pub member: MemberTag,
    pub author: Author,
    pub chain: CapabilityChain,
    /// Genesis, epoch, member, author.
    pub founding: Vec<Entry>,
}

pub fn epoch_clear(n: u64, prev: Vec<EntryId>) -> Clear {
    let back = vec![[0; 48]; prev.len()];
    Clear::Epoch(Epoch {
        n,
        prev,
        commit_e: random(),
        commit_ck: random(),
        wraps: vec![[7; WRAP_LEN]; 8],
        back,
        child: Vec::new(),
        drop_key: None,
    })
}

impl Bucket {
    /// Makes a bucket; nothing is sent.
    pub fn new() -> Self {
        Self::of_suite(1, Floors::only(1))
    }

    /// One whose first entries and capabilities are of this suite, and whose genesis says this.
    pub fn of_suite(suite: u8, floors: Floors) -> Self {
        let root_key = new_key();
        let mut root =
            Author::new(root_key.clone(), BucketId::ZERO, EntryId::ZERO, CapabilityId::ZERO);
        root.suite = suite;
        let header = root.header(Kind::Genesis, DocumentTag::ZERO);
        let clear = Clear::Genesis(Genesis {
            padding: strongroom_wire::clear::PaddingRule::Padme,
            floors,
            root_key: public(&root_key),
            next_root: random(),
            ledger_keys: [0; 32],
            public: false,
        });
        let genesis = root.finish(header, &clear, Vec::new());
        let id = genesis.id().to_bucket();
        root.bucket = id;

        let mut header = root.header(Kind::Epoch, DocumentTag::ZERO);
        header.parents = vec![genesis.id()];
        let epoch = root.finish(header, &epoch_clear(1, Vec::new()), noise(100));
        root.epoch = epoch.id();

        let (member_key, author_key, member) = (new_key(), new_key(), MemberTag(random()));
        let target = Target::Bucket(id);
        let all = Claims::new(target, Actions::ALL, now() + 1_000_000, random())
            .for_holder(public(&member_key), Some(member))
            .under_suite(suite)
            .with_depth(7);
        let first = issue(&all, &root_key);
        let device = Claims::new(target, Actions::ALL, now() + 900_000, random())
            .for_holder(public(&author_key), Some(member))
            .with_depth(6);
        let second = issue(&first.attenuate(&device).unwrap(), &member_key);
        let mut header = root.header(Kind::Member, DocumentTag::ZERO);
        header.parents = vec![epoch.id()];
        let entry = root.finish(header, &carries(&first), noise(200));
        let mut author = Author::new(author_key, id, epoch.id(), second.id());
        (author.hlc, author.suite) = (root.hlc, suite);
        let enrolment = author.enrols(&second, entry.id());
        let chain = chain_of(&[first, second]);
        let founding = vec![genesis, epoch, entry, enrolment];
        Self { id, root, member_key, member, author, chain, founding }
    }

    pub fn path(&self, rest: &str) -> String {
        format!("/buckets/{}{rest}", self.id.to_base32())
    }

    /// Founds it at the provider and opens the device's session.
    pub async fn found(&self, client: &Client, vault: &Vault) -> ClientSession {
        let body = frames(&[Frame::Entries(self.founding.clone())]);
        client.call(&vault.session, "PUT", &self.path(""), body).await.expect(201);
        self.session(client).await
    }

    pub async fn session(&self, client: &Client) -> ClientSession {
        client.open(&self.author.key, Some(&self.chain)).await.unwrap()
    }

    /// A capability of the member key for another device, which enrols itself.
    pub fn grant(&mut self, actions: Actions) -> (Author, CapabilityChain, Entry) {
        let key = new_key();
        let first = self.chain.capabilities()[0].clone();
        let claims = Claims::new(Target::Bucket(self.id), actions, now() + 800_000, random())
            .for_holder(public(&key), Some(self.member))
            .with_depth(0);
        let second = issue(&first.attenuate(&claims).unwrap(), &self.member_key);
        let mut author = Author::new(key, self.id, self.author.epoch, second.id());
        (author.hlc, author.suite) = (self.author.hlc, self.author.suite);
        let entry = author.enrols(&second, self.founding[3].id());
        (author, chain_of(&[first, second]), entry)
    }
}

/// The frames of one body; ENTRIES are cut to as many as it takes.
pub fn frames(all: &[Frame]) -> Vec<u8> {
    let mut out = Vec::new();
    for frame in all {
        match frame {
            Frame::Entries(entries) => {
                let encoded: Vec<_> = entries.iter().map(Entry::encode).collect();
                write_entries(&mut out, encoded.iter().map(Vec::as_slice));
            }
            other => other.write(&mut out),
        }
    }
    out
}

pub fn since(cursor: Option<Cursor>) -> Frame {
    Frame::Since { area: Area::Bucket, cursor }
}

pub fn chunk(len: usize) -> (ChunkId, Vec<u8>) {
    let bytes = noise(len);
    (ChunkId(*blake3::hash(&bytes).as_bytes()), bytes)
}

/// What an exchange answered.
#[derive(Debug, Default)]
pub struct Got {
    pub entries: Vec<Entry>,
    pub cursor: Option<Cursor>,
    pub more: bool,
    pub done: Option<(u64, [u8; 16])>,
}

impl Got {
    pub fn read(body: &[u8]) -> Self {
        let mut got = Self::default();
        for frame in decode_all(body).unwrap() {
            match frame {
                Frame::Entries(mut entries) => got.entries.append(&mut entries),
                Frame::CursorIs { cursor, more } => (got.cursor, got.more) = (cursor, more),
                Frame::Done { count, fingerprint } => got.done = Some((count, fingerprint)),
                other => panic!("unexpected {other:?}"),
            }
        }
        got
    }

    pub fn ids(&self) -> Vec<EntryId> {
        self.entries.iter().map(Entry::id).collect()
    }
}

/// One exchange that must succeed.
pub async fn exchange(
    client: &Client,
    session: &ClientSession,
    bucket: &Bucket,
    all: &[Frame],
) -> Got {
    let reply = client.call(session, "POST", &bucket.path("/frames"), frames(all)).await;
    Got::read(&reply.expect(200).body)
}
