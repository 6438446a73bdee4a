//! Who is in a bucket, as its members know it. Comes in: a bucket's control log. Goes out: people
//! with what others need to make an epoch for them. Must not know: what providers see.
//!
//! A member's agree key comes from a key log that hashes to the principal his member entry names:
//! from the card he accepted with, from a card a granter left in the bucket, or from a contact. Of
//! several logs the longest counts; each goes on from the other or is nobody's.

use std::collections::BTreeMap;

use strongroom_core::card::Card;
use strongroom_core::granting::Rights;
use strongroom_core::joining::{MemberFacts, member_facts};
use strongroom_core::keylog::KeyLog;
use strongroom_core::parts::LinkFacts;
use strongroom_seal::kem::KemPublic;
use strongroom_seal::keys::TagKey;
use strongroom_wire::capability::{Actions, Capability, CapabilityChain};
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::Clear;
use strongroom_wire::control::Control;
use strongroom_wire::entry::{Entry, Kind};
use strongroom_wire::ids::{AuthorKey, CapabilityId, MemberTag, PrincipalId};

use super::judging::grants_a_part;
use super::{Bucket, Vault};
use crate::error::Result;

/// A document of every shared bucket, one a granter: his card.
pub(crate) const CARD: &str = "strongroom/card/";

/// One member.
#[derive(Debug)]
pub(crate) struct Person {
    pub principal: PrincipalId,
    /// By which it finds its wraps.
    pub tag_key: Option<TagKey>,
    /// What epochs are wrapped to.
    pub agree: Option<KemPublic>,
    /// What it may do, and until when.
    pub actions: Actions,
    pub until: u64,
    /// Since when, seconds since 1970.
    pub since: u64,
    /// Whether it has accepted: founders have.
    pub accepted: bool,
    /// Its authors: one a device.
    pub authors: Vec<AuthorKey>,
    /// Who let it in.
    pub by: Option<MemberTag>,
    /// Whether everybody who let it in did so from now on: it gets no E. What it says of itself
    /// does not count.
    pub from_now: bool,
    /// Present where it is a link, and nobody has a key log of it.
    pub link: Option<LinkFacts>,
    /// How often a link may be opened.
    pub uses: Option<u64>,
}

impl Person {
    pub(crate) const fn rights(&self) -> Rights {
        Rights::of(self.actions)
    }
}

impl Vault {
    /// The members of a bucket, by tag. `log`: its control entries.
    pub(crate) fn people(
        &self,
        bucket: &Bucket,
        control: &Control,
        log: &[Verified<Entry>],
    ) -> Result<BTreeMap<MemberTag, Person>> {
        let mut in_by = control.capabilities_in();
        // A key that was closed because a device was lost, and that another of the same member
        // follows: what gave it still says what the member has.
        let own = |chain: &CapabilityChain| -> Vec<CapabilityId> {
            let member = chain.last().and_then(|it| it.claims().member);
            let own = chain.capabilities().iter().filter(|it| it.claims().member == member);
            own.map(Capability::id).collect()
        };
        let above: Vec<_> =
            in_by.iter().filter_map(|id| control.chain(id).ok()).flat_map(|it| own(&it)).collect();
        in_by.extend(above);
        let mut people: BTreeMap<MemberTag, Person> = BTreeMap::new();
        let mut logs: BTreeMap<PrincipalId, KeyLog> = BTreeMap::new();
        let mut by_author: BTreeMap<AuthorKey, MemberTag> = BTreeMap::new();
        for entry in log.iter().filter(|it| it.header().kind == Kind::Member) {
            let Some((facts, carried)) = said_by(bucket, entry) else { continue };
            let Some(tag) = carried.last().and_then(|it| it.claims().member) else { continue };
            let author = entry.header().author;
            let enrols = carried.iter().any(|it| it.claims().holder == Some(author.public_key()));
            if enrols {
                by_author.insert(author, tag);
            }
            // What one was let in by before he was taken out does not come back with him.
            let in_now = carried.iter().any(|it| in_by.contains(&it.id()));
            if !control.counts(&entry.id()) || !in_now || grants_a_part(entry) {
                continue;
            }
            let by = by_author.get(&author).copied();
            let word = Word { carried: &carried, facts: &facts, enrols, by };
            note(&mut people, tag, entry, &word);
            keep_log(&mut logs, facts.body.principal, facts.body.card.as_deref());
        }
        self.find_agree_keys(bucket, &mut people, logs)?;
        Ok(people)
    }

    fn find_agree_keys(
        &self,
        bucket: &Bucket,
        people: &mut BTreeMap<MemberTag, Person>,
        mut logs: BTreeMap<PrincipalId, KeyLog>,
    ) -> Result<()> {
        for person in people.values_mut() {
            if let Some(link) = &person.link {
                person.agree = KemPublic::from_bytes(&link.agree).ok();
                continue;
            }
            if person.principal == self.secrets.principal {
                person.agree = Some(self.agree_seed().pair().public());
                person.tag_key = Some(TagKey::from_secret_bytes(&bucket.record.tag_key));
                continue;
            }
            person.agree = self.agree_of(bucket, person.principal, &mut logs)?;
        }
        Ok(())
    }

    /// Somebody's agree key, by the longest log known here.
    pub(super) fn agree_of(
        &self,
        bucket: &Bucket,
        principal: PrincipalId,
        logs: &mut BTreeMap<PrincipalId, KeyLog>,
    ) -> Result<Option<KemPublic>> {
        let text = format!("{CARD}{}", principal.to_base32());
        let left = self.internal(bucket, &text)?;
        keep_log(logs, principal, left.as_deref());
        let known = self.pinned_log(principal)?;
        let newest = [logs.remove(&principal), known].into_iter().flatten();
        let newest = newest.max_by_key(KeyLog::len);
        let agree = newest.as_ref().and_then(KeyLog::agree);
        Ok(agree.and_then(|agree| KemPublic::from_bytes(&agree.key).ok()))
    }
}

/// What a member entry says, and what it carries, if this member can open it.
pub(super) fn said_by(
    bucket: &Bucket,
    entry: &Verified<Entry>,
) -> Option<(MemberFacts, Vec<Capability>)> {
    let facts = member_facts(&bucket.keyring, &bucket.names, entry).ok()?;
    let Ok(Clear::Member(clear)) = Clear::decode(Kind::Member, entry.clear()) else { return None };
    let carried = clear.capabilities.iter().map(|bytes| Capability::decode(bytes).ok());
    Some((facts, carried.collect::<Option<_>>()?))
}

/// What one entry says of a member.
struct Word<'a> {
    carried: &'a [Capability],
    facts: &'a MemberFacts,
    /// Whether it makes its author one of the member's.
    enrols: bool,
    /// Whose author wrote it; none: the root key.
    by: Option<MemberTag>,
}

fn note(
    people: &mut BTreeMap<MemberTag, Person>,
    tag: MemberTag,
    entry: &Verified<Entry>,
    word: &Word<'_>,
) {
    let Word { carried, facts, enrols, by } = word;
    let own = *by == Some(tag);
    let person = people.entry(tag).or_insert_with(|| Person {
        principal: facts.body.principal,
        tag_key: None,
        agree: None,
        actions: Actions::NONE,
        until: 0,
        since: entry.header().hlc.secs(),
        accepted: false,
        authors: Vec::new(),
        by: None,
        from_now: true,
        link: None,
        uses: None,
    });
    for claims in carried.iter().map(Capability::claims) {
        for action in claims.actions.iter() {
            person.actions = person.actions.with(action);
        }
        person.until = person.until.max(claims.expires);
        person.accepted |= !claims.caveats.accept;
    }
    if let Some(key) = &facts.body.tag_key {
        person.tag_key = Some(TagKey::from_secret_bytes(&key.to_secret_bytes()));
    }
    person.uses = carried.iter().find_map(|it| it.claims().caveats.uses).or(person.uses);
    person.link = facts.body.link.clone().or(person.link.take());
    person.authors.extend(enrols.then(|| entry.header().author));
    person.by = person.by.or(by.filter(|_| !own));
    if !own {
        person.from_now &= facts.body.from_now;
    }
}

/// Keeps a log that is this principal's, if it is longer than what is known.
fn keep_log(logs: &mut BTreeMap<PrincipalId, KeyLog>, principal: PrincipalId, card: Option<&[u8]>) {
    let Some(card) = card.and_then(|bytes| Card::decode(bytes).ok()) else { return };
    let Ok(log) = KeyLog::verify(&card.genesis, &card.events) else { return };
    let longer = logs.get(&principal).is_none_or(|known| known.len() < log.len());
    if log.principal() == principal && longer {
        logs.insert(principal, log);
    }
}
