//! A hostile device of the same person: it has the phrase, so it may write, and it writes what no
//! honest program would.

use std::sync::Arc;

use strongroom_client::random::SystemRng;
use strongroom_client::remote::{Options, Remote, RemoteError, Runtime, Session};
use strongroom_core::document::Content;
use strongroom_core::founding::{Enrolment, Founder, enrol};
use strongroom_core::joining;
use strongroom_core::keyring::Keyring;
use strongroom_core::parts::EpochBody;
use strongroom_core::writer::{Author, ChainPosition, Planned, Under, seal_transaction};
use strongroom_seal::identity::{AuthorSigningKey, DeviceSigningKey, MemberSigningKey, Signer};
use strongroom_seal::kem::{AgreeSeed, KemPublic};
use strongroom_seal::keys::{ContentKey, DeviceSecret, EpochKey, NameKey, TagKey};
use strongroom_seal::part::{Draft, Hedge};
use strongroom_seal::phrase::Phrase;
use strongroom_seal::recovery::open_record;
use strongroom_seal::rng::Rng;
use strongroom_seal::sealing::Sealing;
use strongroom_seal::wrap::{Place, pad_wraps, wrap};
use strongroom_wire::api::RecordPut;
use strongroom_wire::capability::CapabilityChain;
use strongroom_wire::cbor::Reader;
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::{Clear, Epoch, References};
use strongroom_wire::control::Control;
use strongroom_wire::entry::{Entry, Header, Hlc, Kind};
use strongroom_wire::format::FORMAT;
use strongroom_wire::frame::{Area, Frame, write_entries};
use strongroom_wire::ids::{BucketId, CapabilityId, DocumentTag, EntryId, MemberTag, PrincipalId};

use crate::world::{OTHER, World};

/// The hostile device, an author of the default bucket.
pub struct Insider {
    pub runtime: Runtime,
    pub remote: Remote,
    pub bucket: BucketId,
    pub chain: CapabilityChain,
    pub first: Entry,
    epoch: EntryId,
    content: ContentKey,
    keyring: Keyring,
    /// How it seals: as the bucket does, unless a test says otherwise.
    pub sealing: Sealing,
    secret: DeviceSecret,
    cap: CapabilityId,
    agree: KemPublic,
    names: NameKey,
    pub position: ChainPosition,
}

/// What the person's recovery record and the vault's own bucket say of one bucket.
struct Known {
    id: BucketId,
    member: [u8; 32],
    chain: Vec<Vec<u8>>,
}

fn read_chain(r: &mut Reader<'_>) -> Vec<Vec<u8>> {
    let count = r.array(8).unwrap();
    (0..count).map(|_| r.bytes(4_096).unwrap().to_vec()).collect()
}

fn chain_of(parts: &[Vec<u8>]) -> CapabilityChain {
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    CapabilityChain::from_parts(&parts).unwrap()
}

/// All entries of a bucket that went to the provider, in order.
pub fn entries_of(world: &World, bucket: BucketId) -> Vec<Verified<Entry>> {
    let mut all: Vec<Entry> = Vec::new();
    for seen in world.evil.tap().all() {
        if !seen.asked.path.contains(&bucket.to_base32()) {
            continue;
        }
        for entry in seen.asked.frames().sound() {
            if entry.bucket() == bucket && all.iter().all(|other| other.id() != entry.id()) {
                all.push(entry);
            }
        }
    }
    all.into_iter().map(Verified::danger_from_own_store).collect()
}

fn keyring_of(entries: &[Verified<Entry>], bucket: BucketId, agree: &AgreeSeed) -> Keyring {
    let mut keyring = Keyring::new(bucket);
    keyring.born(&entries[0]).unwrap();
    for entry in entries.iter().filter(|entry| entry.header().kind == Kind::Epoch) {
        let key = joining::epoch_key(entry, &agree.pair(), None).unwrap();
        keyring.add(entry.id(), key);
    }
    keyring
}

impl Insider {
    /// Becomes an author of Alice's default bucket.
    pub fn of(world: &World) -> Self {
        Self::by_phrase(world, &world.phrase)
    }

    /// Becomes an author of the default bucket of whose phrase it is.
    pub fn by_phrase(world: &World, phrase: &str) -> Self {
        Self::somewhere(world, phrase, None)
    }

    /// Becomes an author of this bucket of Alice's.
    pub fn in_bucket(world: &World, bucket: BucketId) -> Self {
        Self::somewhere(world, &world.phrase, Some(bucket))
    }

    fn somewhere(world: &World, phrase: &str, bucket: Option<BucketId>) -> Self {
        let runtime = Runtime::new().unwrap();
        let url = world.evil.url(OTHER).parse().unwrap();
        let remote = runtime.block_on(Remote::connect(url, None, Options::default())).unwrap();

        let recovery = Phrase::parse(phrase).unwrap().to_key();
        let puts = world
            .evil
            .tap()
            .find(|seen| seen.asked.method == "PUT" && seen.asked.path.starts_with("/records/"));
        let (pair, locator) = (recovery.pair().pair(), recovery.locator());
        let opened = puts
            .iter()
            .filter_map(|seen| RecordPut::decode(&seen.asked.body).ok())
            .find_map(|put| open_record(&pair, &locator, &remote.thumbprint(), &put.record).ok())
            .unwrap();
        let mut r = Reader::new(&opened.contents);
        r.array_exact(8).unwrap();
        let principal = PrincipalId(r.bytes_exact().unwrap());
        let agree = AgreeSeed::from_secret_bytes(&r.bytes_exact().unwrap());
        let vault = BucketId(r.bytes_exact().unwrap());

        let own = entries_of(world, vault);
        let keyring = keyring_of(&own, vault, &agree);
        let known = own
            .iter()
            .filter(|entry| entry.header().kind == Kind::Version)
            .filter_map(|entry| keyring.open_version(entry).ok())
            .find_map(|body| match body.content {
                // The vault's own is not the one meant.
                Content::Inline(bytes)
                    if body.metadata.name.starts_with("strongroom:bucket")
                        && !body.metadata.name.ends_with(&vault.to_base32())
                        && bucket
                            .is_none_or(|id| body.metadata.name.ends_with(&id.to_base32())) =>
                {
                    let mut r = Reader::new(&bytes);
                    r.array_exact(6).unwrap();
                    let id = BucketId(r.bytes_exact().unwrap());
                    let member = r.bytes_exact().unwrap();
                    Some(Known { id, member, chain: read_chain(&mut r) })
                }
                _ => None,
            })
            .unwrap();
        Self::enrol(world, (runtime, remote), principal, &agree, &known)
    }

    fn enrol(
        world: &World,
        (runtime, remote): (Runtime, Remote),
        principal: PrincipalId,
        agree: &AgreeSeed,
        known: &Known,
    ) -> Self {
        let entries = entries_of(world, known.id);
        let keyring = keyring_of(&entries, known.id, agree);
        let mut control = Control::new(&entries[0]).unwrap();
        for entry in entries.iter().skip(1).filter(|entry| entry.header().kind.is_control()) {
            control.insert(entry).unwrap();
        }
        let epoch = control.current_epochs()[0];
        let of_epoch = entries.iter().find(|entry| entry.id() == epoch).unwrap();
        let names = joining::epoch_body(&keyring, of_epoch).unwrap().name_key;
        let (device, secret) =
            (DeviceSigningKey::generate(&mut SystemRng), DeviceSecret::generate(&mut SystemRng));
        let public = agree.pair().public();
        let founder = Founder {
            principal,
            agree: &public,
            device: &device,
            secret: &secret,
            now: now_millis(),
        };
        let member = MemberSigningKey::from_secret_bytes(&known.member);
        let chain = chain_of(&known.chain);
        let content = keyring.epoch(&epoch).unwrap().content(known.id);
        let sealing = keyring.sealing().unwrap();
        let under = Under { bucket: known.id, epoch, content: &content, sealing };
        let clock = entries.iter().map(|entry| entry.header().hlc).max().unwrap();
        let enrolled = enrol(
            &Enrolment {
                founder: &founder,
                instance: 0,
                member: &member,
                chain: &chain,
                tag: names.member_tag(principal),
                heads: &control.heads(),
                clock,
                accepts: None,
            },
            &under,
            &mut SystemRng,
        )
        .unwrap();
        let cap = enrolled.capability.id();
        let own = chain.extended(enrolled.capability).unwrap();
        let first = enrolled.entry.into_inner();
        let by_member = remote.session(Arc::new(member), &chain);
        let insider = Self {
            runtime,
            remote,
            bucket: known.id,
            chain: own,
            first,
            epoch,
            content,
            keyring,
            sealing,
            secret,
            cap,
            agree: public,
            names,
            position: enrolled.position,
        };
        insider.push_by(&by_member, std::slice::from_ref(&insider.first)).unwrap();
        insider
    }

    fn key(&self) -> AuthorSigningKey {
        self.secret.author(self.bucket, 0)
    }

    /// Its session, as its author.
    pub fn session(&self) -> Session {
        self.session_as(Arc::new(self.key()))
    }

    /// Its chain in somebody's hands.
    pub fn session_as(&self, key: Arc<dyn Signer + Send + Sync>) -> Session {
        self.remote.session(key, &self.chain)
    }

    /// What an entry's sealed part says.
    pub fn open(&self, entry: &Verified<Entry>) -> Vec<u8> {
        self.keyring.open(entry).unwrap().to_vec()
    }

    /// Seals and signs versions of new documents with these plaintexts.
    pub fn seal(&mut self, now: u64, plains: Vec<Vec<u8>>) -> Vec<Entry> {
        let planned = plains.into_iter().map(|plain| {
            let mut document = DocumentTag::ZERO;
            getrandom::fill(&mut document.0).unwrap();
            let clear = Clear::version(References::NONE).encode();
            let kind = Kind::Version;
            Planned { document, kind, parents: Vec::new(), generation: 0, clear, plain }
        });
        self.seal_planned(now, &planned.collect::<Vec<_>>())
    }

    pub fn seal_planned(&mut self, now: u64, planned: &[Planned]) -> Vec<Entry> {
        let key = self.key();
        let author = Author { device: &self.secret, key: &key, capability: self.cap };
        let (bucket, epoch, sealing) = (self.bucket, self.epoch, self.sealing);
        let under = Under { bucket, epoch, content: &self.content, sealing };
        let (entries, position) =
            seal_transaction(&author, &under, planned, self.position, now, &mut SystemRng).unwrap();
        self.position = position;
        entries.into_iter().map(Verified::into_inner).collect()
    }

    /// An epoch after the one it knows, that Alice can open and these are named as recipients of.
    pub fn seal_epoch(&mut self, now: u64, recipients: Vec<MemberTag>) -> Entry {
        let (key, bucket) = (EpochKey::generate(&mut SystemRng), self.bucket);
        let place = Place { suite: self.sealing.suite, bucket, n: 2 };
        let tag_key = TagKey::generate(&mut SystemRng);
        let alice = wrap(place, &key, &self.agree, &tag_key, &mut SystemRng).unwrap();
        let content = key.content(bucket);
        let clear = Clear::Epoch(Epoch {
            n: 2,
            prev: vec![self.epoch],
            commit_e: key.commitment().0,
            commit_ck: content.commitment().0,
            wraps: pad_wraps(place, vec![alice], &mut SystemRng).unwrap(),
            back: vec![[0; 48]],
            child: vec![],
            drop_key: None,
        })
        .encode();
        let name_key = NameKey::from_secret_bytes(&self.names.to_secret_bytes());
        let plain = EpochBody { recipients, name_key }.encode();
        let author = self.key();
        let mut header = Header {
            suite: self.sealing.suite.byte(),
            kind: Kind::Epoch,
            epoch: EntryId::ZERO,
            parents: vec![self.first.id()],
            hlc: Hlc::new(now, 0).after(self.position.clock),
            seq: self.position.next_seq,
            prev: self.position.prev,
            ..self.first.header().clone()
        };
        let document = content.document(DocumentTag::ZERO, 0);
        let (device, random) = (&self.secret, SystemRng.bytes32());
        let hedge = Hedge { device, author: header.author, seq: header.seq, random };
        let draft = Draft::new(&document, &plain, &self.sealing.padding, hedge).unwrap();
        let part = draft.header();
        (header.nonce, header.kc) = (part.nonce.0, part.commitment.0);
        header.sealed_len = part.sealed_len;
        let aad = header.aad(blake3::hash(&clear).as_bytes());
        let sealed = draft.seal(self.sealing.suite, &aad).unwrap();
        let entry = Entry::assemble(header, clear, sealed);
        let signature = author.sign(&entry.signing_input());
        let clock = entry.header().hlc;
        let next_seq = self.position.next_seq + 1;
        self.position = ChainPosition { next_seq, prev: entry.id(), clock };
        entry.signed(signature)
    }

    /// Gives entries to the provider.
    pub fn push(&self, entries: &[Entry]) -> Result<(), RemoteError> {
        self.push_by(&self.session(), entries)
    }

    fn push_by(&self, session: &Session, entries: &[Entry]) -> Result<(), RemoteError> {
        let body = exchange_body(entries);
        self.runtime.block_on(session.exchange(self.bucket, body)).map(drop)
    }
}

/// A request that gives entries and asks for everything.
pub fn exchange_body(entries: &[Entry]) -> Vec<u8> {
    let mut body = Vec::new();
    Frame::Hello { formats: vec![FORMAT], salt: [1; 16] }.write(&mut body);
    let encoded: Vec<_> = entries.iter().map(Entry::encode).collect();
    write_entries(&mut body, encoded.iter().map(Vec::as_slice));
    Frame::Since { area: Area::Bucket, cursor: None }.write(&mut body);
    body
}

pub fn now_millis() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}
