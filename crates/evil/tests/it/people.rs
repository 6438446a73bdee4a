//! People, and buckets they share, without a network: what a provider stores and hears of one
//! bucket. Comes in: seeds. Goes out: bytes and lengths. Must not know: who looks at them.

use std::collections::BTreeMap;

use strongroom_core::card::Card;
use strongroom_core::founding::{Accepts, Enrolment, Founded, Founder, enrol, found};
use strongroom_core::granting::{Grantee, Granter, Rights, invite, take};
use strongroom_core::keylog::{Change, Genesis, KeyLog, RootKeys, possession_input};
use strongroom_core::writer::{Author, ChainPosition, Planned, Under, seal_transaction};
use strongroom_seal::agree::{Rotation, wrap_agree};
use strongroom_seal::identity::{AuthorSigningKey, DeviceSigningKey, IdentityRootKey};
use strongroom_seal::kem::{AgreeSeed, KemPublic};
use strongroom_seal::keys::DeviceSecret;
use strongroom_seal::recovery::{RecoveryKey, seal_record};
use strongroom_seal::rng::{DangerSeeded, Rng};
use strongroom_seal::sealing::Sealing;
use strongroom_seal::suite::Suite;
use strongroom_wire::capability::CapabilityChain;
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::{Clear, Floors, References};
use strongroom_wire::control::Control;
use strongroom_wire::entry::{Entry, Kind};
use strongroom_wire::ids::{AuthorKey, DocumentTag, MemberTag, PrincipalId, Thumbprint};

/// When it all begins, milliseconds since 1970.
const BEGIN: u64 = 1_795_000_000_000;

/// Somebody, with everything that is the same wherever they go.
pub struct Person {
    pub principal: PrincipalId,
    pub agree: KemPublic,
    device: DeviceSigningKey,
    secret: DeviceSecret,
    recovery: RecoveryKey,
    /// Their key log, as they hand it over.
    pub card: Vec<u8>,
}

/// A key log in the making.
struct Log {
    genesis: Vec<u8>,
    events: Vec<Vec<u8>>,
    root: IdentityRootKey,
}

impl Log {
    fn add(&mut self, change: Change) {
        let log = KeyLog::verify(&self.genesis, &self.events).unwrap();
        let statement = log.next(BEGIN / 1_000 + self.events.len() as u64, change);
        let signature = self.root.sign(&statement.signing_input());
        self.events.push(statement.signed(vec![(self.root.public(), signature)]).encode());
    }
}

impl Person {
    /// One to three devices and up to two aliases: people differ in the length of their logs.
    pub fn new(rng: &mut DangerSeeded) -> Self {
        let recovery = RecoveryKey::generate(rng);
        let root = recovery.identity_root(0);
        let next = RootKeys { keys: vec![recovery.identity_root(1).public()], threshold: 1 };
        let genesis = Genesis {
            suite: 1,
            floors: Floors::suite_1(),
            roots: RootKeys { keys: vec![root.public()], threshold: 1 },
            guardians_commit: [0; 32],
            next_root_commit: next.commit(),
        };
        let principal = genesis.principal();
        let mut log = Log { genesis: genesis.encode(), events: Vec::new(), root };
        let devices: Vec<DeviceSigningKey> =
            (0..=rng.below(3)).map(|_| DeviceSigningKey::generate(rng)).collect();
        let mut wrapped_to = Vec::new();
        for device in &devices {
            let kem = AgreeSeed::generate(rng).pair().public();
            let bytes = kem.to_bytes();
            let possession = device.sign(&possession_input(principal, &device.public(), &bytes));
            log.add(Change::AddDevice { device: device.public(), kem: bytes, possession });
            wrapped_to.push((device.public(), kem));
        }
        let agree = AgreeSeed::generate(rng);
        let rotation = Rotation { suite: Suite::DEFAULT, principal, number: 1 };
        let wrap = |kem: &KemPublic, rng: &mut DangerSeeded| {
            Box::new(wrap_agree(rotation, &agree, kem, rng).unwrap())
        };
        let mut wraps: Vec<_> =
            wrapped_to.iter().map(|(key, kem)| (*key, wrap(kem, rng))).collect();
        wraps.sort_unstable_by_key(|wrap| wrap.0);
        let key = agree.pair().public().to_bytes();
        log.add(Change::RotateAgree { number: 1, key, wraps });
        for number in 0..rng.below(3) {
            let name = strongroom_wire::ids::base32(&rng.bytes32());
            let uri = format!("https://{name}.example/{number}");
            log.add(Change::Alias { uri, claimed: true });
        }
        let card = Card { name: None, genesis: log.genesis, events: log.events, inbox: None };
        Self {
            principal,
            agree: agree.pair().public(),
            device: devices.into_iter().next().unwrap(),
            secret: DeviceSecret::generate(rng),
            recovery,
            card: card.encode(),
        }
    }

    fn founder(&self, now: u64) -> Founder<'_> {
        Founder {
            principal: self.principal,
            agree: &self.agree,
            device: &self.device,
            secret: &self.secret,
            now,
        }
    }
}

/// What one provider has of one bucket.
#[derive(Clone, Default)]
pub struct View {
    /// Everything that was stored, and everything that was said in requests.
    pub bytes: Vec<Vec<u8>>,
    /// Kind and bytes of each entry.
    pub lengths: Vec<(Kind, usize)>,
    /// Author keys of these people, and their tags, in the order of the people.
    pub seen_as: Vec<(AuthorKey, MemberTag)>,
}

impl View {
    /// Everywhere this instead of that: what an implementation would show that derives otherwise.
    pub fn replace(&mut self, from: &[u8], to: &[u8]) {
        assert_eq!(from.len(), to.len());
        let mut count = 0;
        for bytes in &mut self.bytes {
            let mut at = 0;
            while let Some(found) = bytes[at..].windows(from.len()).position(|it| it == from) {
                at += found;
                bytes[at..at + to.len()].copy_from_slice(to);
                at += to.len();
                count += 1;
            }
        }
        assert!(count > 0, "it shows nowhere: the leak is none");
    }
}

/// What a provider sees of a directory of files of these lengths, put in one go: length and clock
/// of each entry, in the order they come. The leaky one has them in the order they were named.
pub fn directory(lengths: &[usize], in_order: bool, rng: &mut DangerSeeded) -> Vec<(u32, u64)> {
    let who = Person::new(rng);
    let founded = found(&who.founder(BEGIN), Sealing::DEFAULT, rng).unwrap();
    let mut order: Vec<DocumentTag> = Vec::new();
    let mut planned = Vec::new();
    for len in lengths {
        let mut document = DocumentTag::ZERO;
        rng.fill(&mut document.0);
        order.push(document);
        let clear = Clear::version(References::NONE).encode();
        let (kind, parents, plain) = (Kind::Version, Vec::new(), vec![7; *len]);
        planned.push(Planned { document, kind, parents, generation: 0, clear, plain });
    }
    let content = founded.epoch_key.content(founded.bucket);
    let author = who.secret.author(founded.bucket, 0);
    let capability = founded.author_capability.id();
    let writer = Author { device: &who.secret, key: &author, capability };
    let (bucket, epoch, sealing) = (founded.bucket, founded.epoch, Sealing::DEFAULT);
    let under = Under { bucket, epoch, content: &content, sealing };
    let (mut entries, _) =
        seal_transaction(&writer, &under, &planned, founded.position, BEGIN + 1, rng).unwrap();
    if in_order {
        let place = |tag: DocumentTag| order.iter().position(|it| *it == tag);
        entries.sort_by_key(|entry| place(entry.header().document));
    }
    entries.iter().map(|it| (it.header().sealed_len, it.header().hlc.0)).collect()
}

/// A bucket of the first of these people, shared with the others, at a provider with this key.
pub fn shared_bucket(people: &[&Person], provider: [u8; 32], rng: &mut DangerSeeded) -> View {
    let mut shared = Shared::found(people[0], rng);
    for guest in &people[1..] {
        shared.let_in(guest, rng);
    }
    let mut view = shared.view;
    // Whoever hosts it leaves a recovery record and has an account.
    let (recovery, provider) = (&people[0].recovery, Thumbprint(provider));
    let locator = recovery.locator();
    let to = recovery.pair().pair().public();
    let contents = rng.bytes32();
    let counter = 1 + rng.below(9);
    let record = seal_record(Suite::DEFAULT, &to, &locator, &provider, counter, &contents, rng);
    view.bytes.push(record.unwrap().as_bytes().to_vec());
    view.bytes.push(locator.record_id(&provider).0.to_vec());
    view.bytes.push(locator.record_key(&provider).public().0.to_vec());
    view.bytes.push(rng.bytes32().to_vec());
    view
}

struct Shared<'a> {
    host: &'a Person,
    founded: Founded,
    control: Control,
    position: ChainPosition,
    now: u64,
    view: View,
}

impl<'a> Shared<'a> {
    fn found(host: &'a Person, rng: &mut DangerSeeded) -> Self {
        let now = BEGIN + rng.below(1 << 36);
        let founded = found(&host.founder(now), Sealing::DEFAULT, rng).unwrap();
        let mut control = Control::new(&founded.entries[0]).unwrap();
        for entry in &founded.entries[1..] {
            control.insert(entry).unwrap();
        }
        let position = founded.position;
        let mut all = Self { host, founded, control, position, now, view: View::default() };
        for entry in all.founded.entries.clone() {
            all.stored(&entry);
        }
        let chain = all.founded.member_chain.clone();
        let own = chain.extended(all.founded.author_capability.clone()).unwrap();
        let author = host.secret.author(all.founded.bucket, 0);
        all.heard(&author, &own, host.principal);
        all.write(host, &author, all.founded.author_capability.id(), all.position, rng);
        all
    }

    fn under<'k>(&self, content: &'k strongroom_seal::keys::ContentKey) -> Under<'k> {
        let founded = &self.founded;
        Under { bucket: founded.bucket, epoch: founded.epoch, content, sealing: Sealing::DEFAULT }
    }

    fn stored(&mut self, entry: &Verified<Entry>) {
        let bytes = entry.encode();
        self.view.lengths.push((entry.header().kind, bytes.len()));
        self.view.bytes.push(bytes);
    }

    /// A session is opened: the key, and the chain, as bytes: its base64 says the same.
    fn heard(&mut self, author: &AuthorSigningKey, chain: &CapabilityChain, who: PrincipalId) {
        self.view.bytes.push(author.public().0.to_vec());
        self.view.bytes.push(chain.encode());
        self.view.seen_as.push((author.author(), self.founded.name_key.member_tag(who)));
    }

    /// Three documents of any size.
    fn write(
        &mut self,
        who: &Person,
        author: &AuthorSigningKey,
        capability: strongroom_wire::ids::CapabilityId,
        position: ChainPosition,
        rng: &mut DangerSeeded,
    ) -> ChainPosition {
        self.now += 1 + rng.below(1 << 30);
        let planned: Vec<Planned> = (0..3)
            .map(|_| {
                let mut document = DocumentTag::ZERO;
                rng.fill(&mut document.0);
                let mut plain = vec![0; usize::try_from(20 + rng.below(3_000)).unwrap()];
                rng.fill(&mut plain);
                let clear = Clear::version(References::NONE).encode();
                let (kind, parents) = (Kind::Version, Vec::new());
                Planned { document, kind, parents, generation: 0, clear, plain }
            })
            .collect();
        let content = self.founded.epoch_key.content(self.founded.bucket);
        let writer = Author { device: &who.secret, key: author, capability };
        let under = self.under(&content);
        let (entries, position) =
            seal_transaction(&writer, &under, &planned, position, self.now, rng).unwrap();
        for entry in &entries {
            self.stored(entry);
        }
        position
    }

    fn let_in(&mut self, guest: &Person, rng: &mut DangerSeeded) {
        self.now += 1 + rng.below(1 << 30);
        let heads = self.control.heads();
        let founded = &self.founded;
        let granter = Granter {
            bucket: founded.bucket,
            member: &founded.member,
            chain: &founded.member_chain,
            names: &founded.name_key,
            epoch: (&founded.epoch_key, 1),
            suite: Suite::DEFAULT,
            heads: &heads,
        };
        let grantee = Grantee {
            principal: guest.principal,
            agree: &guest.agree,
            rights: Rights::Write,
            until: None,
            from: self.now / 1_000,
            from_now: false,
        };
        let invited = invite(&granter, &grantee, rng).unwrap();
        let content = founded.epoch_key.content(founded.bucket);
        let author = self.host.secret.author(founded.bucket, 0);
        let capability = founded.author_capability.id();
        let writer = Author { device: &self.host.secret, key: &author, capability };
        let planned = [invited.planned.clone()];
        // The host's documents went before it.
        let position = ChainPosition { clock: self.control.hlc(), ..self.tip(author.author()) };
        let (entries, _) =
            seal_transaction(&writer, &self.under(&content), &planned, position, self.now, rng)
                .unwrap();
        self.control.insert(&entries[0]).unwrap();
        self.stored(&entries[0]);

        let (member, chain) = take(&invited.key, &invited.chain, rng).unwrap();
        let tag = self.founded.name_key.member_tag(guest.principal);
        let enrolled = enrol(
            &Enrolment {
                founder: &guest.founder(self.now),
                instance: 0,
                member: &member,
                chain: &chain,
                tag,
                heads: &self.control.heads(),
                clock: self.control.hlc(),
                accepts: Some(Accepts { card: guest.card.clone() }),
            },
            &self.under(&content),
            rng,
        )
        .unwrap();
        self.control.insert(&enrolled.entry).unwrap();
        self.stored(&enrolled.entry);
        let author = guest.secret.author(self.founded.bucket, 0);
        let own = chain.extended(enrolled.capability.clone()).unwrap();
        self.heard(&author, &own, guest.principal);
        self.write(guest, &author, enrolled.capability.id(), enrolled.position, rng);
    }

    /// Where an author's chain stands, by what was stored.
    fn tip(&self, author: AuthorKey) -> ChainPosition {
        let mut tips: BTreeMap<u64, ChainPosition> = BTreeMap::new();
        for bytes in &self.view.bytes {
            let Ok(entry) = Entry::decode(bytes) else { continue };
            let header = entry.header();
            if header.author == author {
                let (next_seq, clock) = (header.seq + 1, header.hlc);
                tips.insert(header.seq, ChainPosition { next_seq, prev: entry.id(), clock });
            }
        }
        tips.pop_last().map(|(_, tip)| tip).unwrap_or_default()
    }
}
