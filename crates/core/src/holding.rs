//! L2 · Documents held alone. Takes one document's keys as a member has them, and who is to hold
//! it; gives the grant, and the keys that go with its next version. For who holds it: takes what
//! came, and finds the keys in it. Must not know: clocks, disks, who is a member.
//!
//! Bytes: docs/spec/epoch.md, "Slots of documents". Why it is so: docs/design/document-grants.md.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_seal::aead::SealError;
use strongroom_seal::epoch::{
    open_document, open_document_back, seal_document_back, seal_document_open,
};
use strongroom_seal::identity::MemberSigningKey;
use strongroom_seal::kem::{KemPair, KemPublic};
use strongroom_seal::keys::{
    Commitment, DocumentHistoryKey, DocumentKey, EpochKey, Nonce, TagKey, VersionKey,
};
use strongroom_seal::link::link_principal;
use strongroom_seal::rng::Rng;
use strongroom_seal::suite::Suite;
use strongroom_seal::wrap::{
    DocumentGrant, Place, open_document_grant, open_document_keys, pad_document_wraps, wrap,
};
use strongroom_wire::capability::{
    Actions, Capability, CapabilityChain, CapabilityError, Claims, Target,
};
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::{Clear, DOCUMENT_BACK_LEN, DocumentKeys, Member, WRAP_LEN};
use strongroom_wire::entry::{Entry, Header, Kind};
use strongroom_wire::ids::{DocumentTag, EntryId, PrincipalId};
use strongroom_wire::limits::{DOCUMENT_OPEN_MAX, PARENTS_MAX};

use crate::granting::{GrantError, Granter, control, unique};
use crate::keyring::Keyring;
use crate::link::{ForLink, counted};
use crate::parts::{LinkFacts, MemberBody};

/// How much of a document somebody holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    /// All its versions.
    All,
    /// Those written under the present epoch and generation, and later ones.
    FromNow,
    /// One version.
    Version,
}

impl Extent {
    /// As a member entry says it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::All => "read",
            Self::FromNow => "read from now on",
            Self::Version => "read one version",
        }
    }

    /// What a member entry says.
    pub fn of(words: &str) -> Option<Self> {
        [Self::All, Self::FromNow, Self::Version].into_iter().find(|it| it.words() == words)
    }
}

/// The key that is given.
#[derive(Debug)]
pub enum Given {
    /// All versions: with the document's key under each epoch and generation before, by the first
    /// version there.
    All(Vec<(EntryId, DocumentKey)>),
    /// From now on.
    FromNow,
    /// One version, by its id.
    Version(EntryId, VersionKey),
}

/// Who is to hold a document.
#[derive(Debug)]
pub struct NewHolder<'a> {
    /// Who.
    pub principal: PrincipalId,
    /// The agree key its key goes to.
    pub agree: &'a KemPublic,
    /// Until then, seconds since 1970; no longer than the granter's own.
    pub until: Option<u64>,
    /// From then, seconds since 1970.
    pub from: u64,
    /// Where nobody in person is to hold it, but whoever has a link: its keys are the link's.
    pub link: Option<&'a ForLink<'a>>,
}

impl<'a> NewHolder<'a> {
    /// A link as holder. `agree`: its agree key.
    pub fn of_link(link: &'a ForLink<'a>, agree: &'a KemPublic) -> Self {
        let principal = link_principal(agree);
        Self { principal, agree, until: Some(link.until), from: link.from, link: Some(link) }
    }

    /// The key it asks a provider by, and the one it finds its wraps by.
    fn keys(&self, rng: &mut impl Rng) -> (MemberSigningKey, TagKey) {
        match self.link {
            Some(link) => (link.key.member(), link.key.tag_key()),
            None => (MemberSigningKey::generate(rng), TagKey::generate(rng)),
        }
    }
}

/// What comes of it.
#[derive(Debug)]
pub struct Shared {
    /// The member entry to be.
    pub planned: crate::writer::Planned,
    /// By which the holder asks the provider; it writes nothing, and delegates nothing but single
    /// uses of a counted link.
    pub key: MemberSigningKey,
    /// From the root key to it.
    pub chain: CapabilityChain,
    /// By which the holder finds its wraps.
    pub tag_key: TagKey,
}

/// Gives one document, or one version, to be read and nothing else. One entry; there is nothing to
/// accept in the bucket, so the granter knows the holder's key.
pub fn share(
    granter: &Granter<'_>,
    holder: &NewHolder<'_>,
    (document, generation): (DocumentTag, u32),
    given: &Given,
    rng: &mut impl Rng,
) -> Result<Shared, GrantError> {
    let (key, tag_key) = holder.keys(rng);
    let (epoch, n) = granter.epoch;
    let place = Place { suite: granter.suite, bucket: granter.bucket, n };
    let sealed = Sealed::of(place, epoch, (document, generation), given, holder, &tag_key, rng)?;
    let target = match given {
        Given::Version(id, _) => Target::Version(granter.bucket, document, *id),
        Given::All(_) | Given::FromNow => Target::Document(granter.bucket, document),
    };
    let parent = granter.chain.last().ok_or(CapabilityError::Missing)?;
    let above = parent.claims();
    let expires = holder.until.map_or(above.expires, |until| until.min(above.expires));
    let tag = granter.names.member_tag(holder.principal);
    let mut claims = Claims::new(target, Actions::PULL, expires, unique(rng))
        .for_holder(key.public(), Some(tag))
        .with_depth(0);
    claims.not_before = Some(holder.from);
    if let Some(link) = holder.link {
        claims = counted(claims, link);
    }
    let claims = parent.attenuate(&claims)?;
    let capability = Capability::issue(&claims, |input| granter.member.sign(input))?;
    let clear = Clear::Member(Member {
        capabilities: vec![capability.bytes().to_vec()],
        wrap: Some(Box::new(sealed.wrap)),
        commitment: Some(sealed.commitment.0),
        open: sealed.open,
    });
    let extent = match given {
        Given::All(_) => Extent::All,
        Given::FromNow => Extent::FromNow,
        Given::Version(..) => Extent::Version,
    };
    let body = MemberBody {
        principal: holder.principal,
        proof: None,
        tag_key: Some(TagKey::from_secret_bytes(&tag_key.to_secret_bytes())),
        rights: extent.words().to_owned(),
        // That is said of members.
        from_now: false,
        card: None,
        link: holder
            .link
            .map(|link| LinkFacts { agree: holder.agree.to_bytes(), label: link.label.to_owned() }),
    };
    let planned = control(Kind::Member, granter.heads, &clear, body.encode().to_vec());
    Ok(Shared { planned, key, chain: granter.chain.extended(capability)?, tag_key })
}

/// The sealed fields of a grant.
struct Sealed {
    wrap: [u8; WRAP_LEN],
    commitment: Commitment,
    open: Vec<[u8; 48]>,
}

impl Sealed {
    fn of(
        place: Place,
        epoch: &EpochKey,
        (document, generation): (DocumentTag, u32),
        given: &Given,
        holder: &NewHolder<'_>,
        tag_key: &TagKey,
        rng: &mut impl Rng,
    ) -> Result<Self, SealError> {
        let (agree, bucket) = (holder.agree, place.bucket);
        let mut open = Vec::new();
        let (wrap, commitment) = match given {
            Given::All(until_now) => {
                let history = epoch.history(bucket).document(document, generation);
                // The newest matter most.
                let skipped = until_now.len().saturating_sub(DOCUMENT_OPEN_MAX);
                for (version, key) in until_now.iter().skip(skipped) {
                    open.push(seal_document_open(place.suite, &history, *version, key)?);
                }
                (wrap(place, &history, agree, tag_key, rng)?, history.commitment())
            }
            Given::FromNow => {
                let key = epoch.content(bucket).document(document, generation);
                (wrap(place, &key, agree, tag_key, rng)?, key.commitment())
            }
            Given::Version(_, key) => (wrap(place, key, agree, tag_key, rng)?, key.commitment()),
        };
        Ok(Self { wrap, commitment, open })
    }
}

/// Somebody who holds a document and is to go on reading it.
#[derive(Debug, Clone, Copy)]
pub struct Holder<'a> {
    /// Its agree key.
    pub agree: &'a KemPublic,
    /// By which it finds its wrap.
    pub tag_key: &'a TagKey,
    /// Whether it gets nothing older: DK in place of BK.
    pub from_now: bool,
}

/// What a version follows.
#[derive(Debug)]
pub struct Parent {
    /// The version before.
    pub id: EntryId,
    /// The document's history key there; `None`: this writer cannot open its epoch.
    pub history: Option<DocumentHistoryKey>,
}

/// Where a version is written.
#[derive(Debug, Clone, Copy)]
pub struct Writing<'a> {
    /// Suite, bucket and number of the epoch.
    pub place: Place,
    /// The epoch's key.
    pub epoch: &'a EpochKey,
    /// The document.
    pub document: DocumentTag,
    /// Its generation.
    pub generation: u32,
}

/// The keys that the first version under a new epoch or generation carries. `None`: this writer
/// can open nothing of what it follows, and leaves them to somebody who can.
pub fn document_keys(
    writing: Writing<'_>,
    holders: &[Holder<'_>],
    parents: &[Parent],
    rng: &mut impl Rng,
) -> Result<Option<DocumentKeys>, SealError> {
    let Writing { place, epoch, document, generation } = writing;
    let history = epoch.history(place.bucket).document(document, generation);
    let key = epoch.content(place.bucket).document(document, generation);
    let mut wraps = Vec::with_capacity(holders.len());
    for holder in holders {
        let Holder { agree, tag_key, from_now } = *holder;
        wraps.push(if from_now {
            wrap(place, &key, agree, tag_key, rng)?
        } else {
            wrap(place, &history, agree, tag_key, rng)?
        });
    }
    let mut back = Vec::with_capacity(parents.len().max(1));
    if parents.is_empty() {
        back.push(seal_document_back(place.suite, &history, &key, None)?);
    } else if parents.iter().all(|parent| parent.history.is_none()) {
        return Ok(None);
    }
    for parent in parents {
        back.push(if let Some(before) = &parent.history {
            seal_document_back(place.suite, &history, &key, Some((parent.id, before)))?
        } else {
            // Zeros in place of a key would be a second plaintext under the key of this slot.
            let mut nothing = [0; DOCUMENT_BACK_LEN];
            rng.fill(&mut nothing);
            nothing
        });
    }
    Ok(Some(DocumentKeys {
        commit_bk: history.commitment().0,
        commit_dk: key.commitment().0,
        wraps: pad_document_wraps(place, wraps, rng)?,
        back,
    }))
}

/// What a holder has to find keys with.
#[derive(Debug, Clone, Copy)]
pub struct Finder<'a> {
    /// Its agree key.
    pub pair: &'a KemPair,
    /// By which it finds its wraps.
    pub tag_key: &'a TagKey,
    /// Numbers of the epochs.
    pub epochs: &'a BTreeMap<EntryId, u64>,
}

/// Finds the keys of one document in the entry that granted it and in its versions. Tells whether
/// there are new ones. What does not open is passed over: who poisoned it wrote that one version.
pub fn learn(
    keyring: &mut Keyring,
    finder: Finder<'_>,
    grant: Option<&Verified<Entry>>,
    versions: &[Verified<Entry>],
) -> bool {
    let before = keyring.alone().len();
    let grant = grant.and_then(|entry| Some((entry, granted(entry)?)));
    if let Some((entry, member)) = &grant
        && !member.commitment.is_some_and(|it| keyring.alone().knows(&Commitment(it)))
        && let Some(found) = open_grant(keyring, finder, entry, member)
    {
        keyring.alone_mut().add(found);
    }
    let keyed: Vec<_> = versions.iter().filter_map(|it| Some((it, keys_of(it)?))).collect();
    // A key of one may lead to another, newer or older.
    for _ in 0..=keyed.len() {
        let known = keyring.alone().len();
        for (entry, keys) in &keyed {
            learn_from(keyring, finder, entry, keys);
        }
        if keyring.alone().len() == known {
            break;
        }
    }
    if let Some((entry, member)) = &grant {
        open_slots(keyring, entry, member, versions);
    }
    keyring.alone().len() > before
}

fn granted(entry: &Entry) -> Option<Member> {
    match Clear::decode(entry.header().kind, entry.clear()).ok()? {
        Clear::Member(member) => Some(member),
        _ => None,
    }
}

/// The keys a version carries.
pub fn keys_of(entry: &Entry) -> Option<DocumentKeys> {
    match Clear::decode(entry.header().kind, entry.clear()).ok()? {
        Clear::Version(version) => version.keys.map(|keys| *keys),
        _ => None,
    }
}

fn place_of(keyring: &Keyring, finder: Finder<'_>, header: &Header) -> Option<Place> {
    let suite = keyring.admit(header.suite).ok()?;
    let n = *finder.epochs.get(&header.epoch)?;
    Some(Place { suite, bucket: header.bucket, n })
}

fn open_grant(
    keyring: &Keyring,
    finder: Finder<'_>,
    entry: &Entry,
    member: &Member,
) -> Option<DocumentGrant> {
    let place = place_of(keyring, finder, entry.header())?;
    let commitment = Commitment(member.commitment?);
    open_document_grant(place, finder.pair, commitment, member.wrap.as_deref()?).ok()
}

fn learn_from(keyring: &mut Keyring, finder: Finder<'_>, entry: &Entry, keys: &DocumentKeys) {
    let (bk, dk) = (Commitment(keys.commit_bk), Commitment(keys.commit_dk));
    let Some(place) = place_of(keyring, finder, entry.header()) else { return };
    let alone = keyring.alone();
    let known = alone.history(&bk).is_some();
    if !known
        && !alone.has_document(&dk)
        && let Ok(found) =
            open_document_keys(place, finder.pair, finder.tag_key, (bk, dk), &keys.wraps)
    {
        keyring.alone_mut().add(found);
    }
    let Some(history) = keyring.alone().history(&bk) else { return };
    let parents = &entry.header().parents;
    let parents = if parents.is_empty() { &[EntryId::ZERO][..] } else { parents };
    let opened: Vec<_> = parents
        .iter()
        .zip(&keys.back)
        .filter_map(|(parent, slot)| {
            open_document_back(place.suite, history, *parent, dk, slot).ok()
        })
        .collect();
    for (key, before) in opened {
        keyring.alone_mut().add_document(key);
        if let Some(before) = before {
            keyring.alone_mut().add_history(before);
        }
    }
}

/// What was written before the grant: a slot for each epoch and generation, at the first version
/// there.
fn open_slots(keyring: &mut Keyring, entry: &Entry, member: &Member, versions: &[Verified<Entry>]) {
    let Ok(suite) = keyring.admit(entry.header().suite) else { return };
    let mut tries: BTreeMap<(EntryId, u32), usize> = BTreeMap::new();
    let mut sorted: Vec<_> = versions.iter().map(|it| (it.header().hlc, it.id(), it)).collect();
    sorted.sort_unstable_by_key(|(hlc, id, _)| (*hlc, *id));
    let mut spent = BTreeSet::new();
    for (_, id, version) in sorted {
        let header = version.header();
        let (nonce, kc) = (Nonce(header.nonce), Commitment(header.kc));
        if header.kind != Kind::Version || keyring.alone().version_key(&nonce, &kc).is_some() {
            continue;
        }
        let tried = tries.entry((header.epoch, header.generation)).or_default();
        *tried += 1;
        if *tried > SLOT_TRIES {
            continue;
        }
        if let Some((at, key)) = find_slot(keyring, suite, member, &spent, (id, &nonce, kc)) {
            spent.insert(at);
            keyring.alone_mut().add_document(key);
        }
    }
}

/// Versions at which the slots are tried, for each epoch and generation.
const SLOT_TRIES: usize = PARENTS_MAX;

fn find_slot(
    keyring: &Keyring,
    suite: Suite,
    member: &Member,
    spent: &BTreeSet<usize>,
    (id, nonce, kc): (EntryId, &Nonce, Commitment),
) -> Option<(usize, DocumentKey)> {
    let slots = member.open.iter().enumerate().filter(|(at, _)| !spent.contains(at));
    slots
        .flat_map(|(at, slot)| keyring.alone().histories.iter().map(move |bk| (at, slot, bk)))
        .find_map(|(at, slot, bk)| Some((at, open_document(suite, bk, id, nonce, kc, slot).ok()?)))
}
