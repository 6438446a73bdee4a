//! Closing one bucket to a device that was lost. Comes in: the key log, which says who is out. Goes
//! out: a member key that follows the one the device has, and, when a provider has that, the revoke
//! and the epoch. Must not know: in which order buckets are closed.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_core::granting::{Successor, succeed, take_out};
use strongroom_core::joining::member_facts;
use strongroom_core::keylog::KeyLog;
use strongroom_seal::identity::MemberSigningKey;
use strongroom_wire::capability::{Action, Capability};
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::{Clear, RevokeTarget};
use strongroom_wire::control::Control;
use strongroom_wire::entry::{Entry, Kind};
use strongroom_wire::ids::{AuthorKey, EntryId, PublicKey};
use strongroom_wire::limits::CHAIN_LEN_MAX;

use super::buckets::bucket_document;
use super::documents::{AGREE, BUCKET, BucketDocument};
use super::removal::Recipients;
use super::retire::taken_out;
use super::{Bucket, Change, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Quiet;
use crate::random::SystemRng;
use crate::replica::index::{Intake, Taken};
use crate::replica::rows::RemoteRecord;
use crate::replica::{keys, read_tip};

/// Bytes of a card that stand in an entry beside all else.
const CARD_IN_ENTRY_MAX: usize = 48_000;

/// A bucket with the member key that is to be its next.
pub(super) struct Closing {
    pub bucket: Bucket,
    pub next: Successor,
}

/// What a revoke names: this person's keys and authors that a device has which is none any more.
struct Outs {
    targets: Vec<RevokeTarget>,
    authors: BTreeSet<AuthorKey>,
}

impl Vault {
    /// Writes the member key that is to be the next one, and has a provider take it. Refuses if
    /// another device's arrived before.
    pub(super) fn begin_closing(
        &self,
        mut bucket: Bucket,
        remotes: &[RemoteRecord],
    ) -> Result<Closing> {
        check_room(&bucket)?;
        let (next, entry, before) = self.write_next_key(&mut bucket)?;
        for record in remotes {
            let session = self.bucket_session(&self.remote(record)?, &bucket)?;
            self.exchange(&mut bucket, record, &session, &Quiet)?;
        }
        let control = self.standing(&bucket)?.control;
        for other in self.control_entries(&bucket)? {
            let id = other.id();
            if id != entry && !before.contains(&id) && self.carries_own_key(&bucket, &other) {
                let what = "another of your devices is taking a device out at this moment";
                return Err(Error::new(ErrorKind::Conflict, what)
                    .with_hint("run it again when that one has ended"));
            }
        }
        if !control.counts(&entry) {
            return Err(taken_out());
        }
        Ok(Closing { bucket, next })
    }

    /// Gives the key, its entry, and the control entries there were before.
    fn write_next_key(
        &self,
        bucket: &mut Bucket,
    ) -> Result<(Successor, EntryId, BTreeSet<EntryId>)> {
        let _lock = self.replica.lock_bucket(bucket.no())?;
        if let Some(record) = self.replica.get(&keys::bucket(bucket.record.id))? {
            *bucket = Bucket::open(record, self)?;
        }
        let before = self.control_entries(bucket)?.iter().map(|entry| entry.id()).collect();
        let standing = self.standing(bucket)?;
        let shared = standing.control.members().len() > 1;
        let card = if shared { Some(self.own_log()?.0.card(None).encode()) } else { None };
        let card = card.filter(|card| card.len() <= CARD_IN_ENTRY_MAX);
        let member = MemberSigningKey::from_secret_bytes(&bucket.record.member_seed);
        let heads = standing.control.parents();
        let chain = bucket.member_chain()?;
        let me = (self.secrets.principal, card);
        let next = succeed(&member, &chain, me, &heads, &mut SystemRng)
            .map_err(|e| Error::new(ErrorKind::Refused, e.to_string()))?;
        let mut intake = Intake::start(&self.replica, bucket.no())?;
        let planned = std::slice::from_ref(&next.planned);
        let mut made = EntryId::ZERO;
        let mut control = standing.control;
        for entry in self.seal(bucket, planned, false, &mut intake)? {
            control.insert(&entry).map_err(|e| Error::new(ErrorKind::Refused, e.to_string()))?;
            made = entry.id();
            intake.add(Taken::plain(entry), true)?;
        }
        intake.commit()?;
        Ok((next, made, before))
    }

    /// Whether an entry gives this person another member key.
    fn carries_own_key(&self, bucket: &Bucket, entry: &Verified<Entry>) -> bool {
        let tag = bucket.names.member_tag(self.secrets.principal);
        let Ok(Clear::Member(clear)) = Clear::decode(entry.header().kind, entry.clear()) else {
            return false;
        };
        let author = entry.header().author.public_key();
        clear.capabilities.iter().filter_map(|it| Capability::decode(it).ok()).any(|carried| {
            let claims = carried.claims();
            claims.member == Some(tag) && !claims.caveats.accept && claims.holder != Some(author)
        })
    }

    /// The revoke and the epoch, in one commit. Gives the bucket as it is then.
    pub(super) fn close_to_lost(&self, closing: Closing) -> Result<Bucket> {
        let Closing { mut bucket, next } = closing;
        self.hear_of_new_devices(&bucket)?;
        {
            let _lock = self.replica.lock_bucket(bucket.no())?;
            if let Some(record) = self.replica.get(&keys::bucket(bucket.record.id))? {
                bucket = Bucket::open(record, self)?;
            }
            self.write_closing(&mut bucket, &next)?;
            self.settle_hidden(&bucket)?;
            if let Some(record) = self.replica.get(&keys::bucket(bucket.record.id))? {
                bucket = Bucket::open(record, self)?;
            }
        }
        Ok(bucket)
    }

    /// An author of a device that the key log here does not name may be that of a device that was
    /// added a moment ago: its event came to the provider first.
    fn hear_of_new_devices(&self, bucket: &Bucket) -> Result<()> {
        let mut vault = self.vault_bucket()?;
        let (_, log) = self.stored_log(&vault)?;
        let authors = self.own_authors(bucket, &self.control_entries(bucket)?);
        if authors.iter().any(|(device, _)| !log.was_device(device)) {
            self.push(&mut vault, &Quiet)?;
        }
        Ok(())
    }

    fn write_closing(&self, bucket: &mut Bucket, next: &Successor) -> Result<()> {
        let (_, log) = self.stored_log(&self.vault_bucket()?)?;
        let standing = self.standing(bucket)?;
        let mut control = standing.control;
        let entries = self.control_entries(bucket)?;
        let outs = self.outs(bucket, &control, &entries, &log, next.key.public());
        let mut cutoffs = Vec::new();
        for author in &outs.authors {
            let row = self.replica.rows().get(&keys::author(bucket.no(), *author))?;
            if let Some(tip) = row.as_deref().map(read_tip).transpose()? {
                cutoffs.push((*author, tip.seq, tip.id));
            }
        }
        let reason = "a device was taken out";
        let planned = take_out(outs.targets, cutoffs, &control.parents(), reason);
        let mut intake = Intake::start(&self.replica, bucket.no())?;
        let revoke = self.seal(bucket, &[planned], false, &mut intake)?;
        let mut position = intake.tip().position;
        for entry in revoke {
            control.insert(&entry).map_err(|e| Error::new(ErrorKind::Refused, e.to_string()))?;
            if !control.counts(&entry.id()) {
                return Err(taken_out());
            }
            (position.next_seq, position.prev) = (entry.header().seq + 1, entry.id());
            intake.add(Taken::plain(entry), true)?;
        }
        bucket.record.member_seed = next.key.to_secret_bytes();
        bucket.record.member_chain = parts(next);
        let changes = self.changes_beside(bucket, next, &log)?;
        let people = self.people(bucket, &control, &entries)?;
        let members = control.members_at(self.clock.now_secs());
        // Who may not make epochs leaves that to those who may: they see that one is due.
        if bucket.may(Action::Rotate) && Recipients::of(&people, &members).is_ok() {
            let (mut planned, mut facts) = (Vec::new(), BTreeMap::new());
            for (plan, said) in changes.into_iter().map(Change::planned) {
                facts.insert(plan.document, said);
                planned.push(plan);
            }
            let prev = control.current_epochs();
            let sealed =
                self.next_epoch(bucket, &control, &prev, &planned, position, &mut intake)?;
            // They come in an order that says nothing.
            for entry in sealed {
                let facts = facts.remove(&entry.header().document).flatten();
                intake.add(Taken { entry, facts, stamp: None, counts: true }, true)?;
            }
        } else {
            bucket.record.current_epoch = EntryId::ZERO;
            let key = keys::bucket(bucket.record.id);
            let row = self.replica.seal(&key, &bucket.record)?;
            intake.batch().put(key, row);
        }
        intake.batch().put(keys::unsettled(bucket.no()), Vec::new());
        intake.commit().map(drop)
    }

    /// What stands in the same commit if it is the vault's own bucket, under the epoch the lost
    /// device cannot open.
    fn changes_beside(
        &self,
        bucket: &Bucket,
        next: &Successor,
        log: &KeyLog,
    ) -> Result<Vec<Change>> {
        if !bucket.record.internal {
            return Ok(Vec::new());
        }
        let text = format!("{BUCKET}{}", bucket.record.id.to_base32());
        let known = self.internal(bucket, &text)?;
        let known = known.map(|bytes| BucketDocument::decode(&bytes)).transpose()?;
        let document = BucketDocument {
            member_seed: next.key.to_secret_bytes(),
            member_chain: parts(next),
            ..bucket_document(bucket, known.map(|it| it.root_wrap).unwrap_or_default())
        };
        Ok(vec![
            self.internal_change(bucket, &text, document.encode())?,
            self.internal_change(bucket, AGREE, self.all_agree())?,
            self.closed_change(bucket, &bucket.record.id.to_base32(), log)?,
        ])
    }

    /// This person's authors and keys that are not those of a device there is, nor the next key.
    fn outs(
        &self,
        bucket: &Bucket,
        control: &Control,
        entries: &[Verified<Entry>],
        log: &KeyLog,
        next: PublicKey,
    ) -> Outs {
        let tag = bucket.names.member_tag(self.secrets.principal);
        let mut outs = Outs { targets: Vec::new(), authors: BTreeSet::new() };
        for entry in entries.iter().filter(|it| it.header().kind == Kind::Member) {
            let Ok(Clear::Member(clear)) = Clear::decode(Kind::Member, entry.clear()) else {
                continue;
            };
            let author = entry.header().author;
            let facts = member_facts(&bucket.keyring, &bucket.names, entry).ok();
            let proof = facts.and_then(|facts| facts.body.proof);
            let carried = clear.capabilities.iter().filter_map(|it| Capability::decode(it).ok());
            for claims in carried.map(|it| it.claims().clone()) {
                let Some(holder) = claims.holder.filter(|_| claims.member == Some(tag)) else {
                    continue;
                };
                let target = if holder == author.public_key() {
                    let device = proof.as_ref().map(|proof| proof.device);
                    if device.is_some_and(|device| log.device(&device).is_some()) {
                        continue;
                    }
                    RevokeTarget::Author(author)
                } else if holder == next || claims.caveats.accept {
                    continue;
                } else {
                    RevokeTarget::MemberKey(holder)
                };
                if !control.is_named(&target) {
                    outs.targets.push(target);
                    outs.authors
                        .extend(matches!(target, RevokeTarget::Author(_)).then_some(author));
                }
            }
        }
        outs
    }
}

pub(super) fn parts(next: &Successor) -> Vec<Vec<u8>> {
    next.chain.capabilities().iter().map(|it| it.bytes().to_vec()).collect()
}

/// A chain takes eight capabilities, and the last is an author's.
fn check_room(bucket: &Bucket) -> Result<()> {
    if bucket.record.member_chain.len() + 2 <= CHAIN_LEN_MAX {
        return Ok(());
    }
    let what = format!(
        "the member key of {} was changed so often that it cannot be changed again",
        bucket.record.label
    );
    Err(Error::new(ErrorKind::Refused, what)
        .with_hint("move what is in it to a new bucket, then deactivate it"))
}
