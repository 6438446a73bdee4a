//! Taking somebody out of a bucket. Comes in: who. Goes out: two entries, the revoke and the epoch
//! without him, in one commit; no document is touched. Or what goes with the date on which
//! somebody's time is over. Must not know: terminals.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_core::granting::take_out;
use strongroom_core::rotation::Recipient;
use strongroom_core::writer::{ChainPosition, seal_transaction};
use strongroom_seal::identity::MemberSigningKey;
use strongroom_wire::capability::{Action, Capability};
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::{Clear, RevokeTarget};
use strongroom_wire::control::Control;
use strongroom_wire::entry::{Entry, Kind};
use strongroom_wire::ids::{AuthorKey, CapabilityId, EntryId, MemberTag, PrincipalId};
use strongroom_wire::limits::REVOKE_TARGETS_MAX;

use super::people::Person;
use super::renew::Standing;
use super::{Bucket, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::random::SystemRng;
use crate::replica::index::{Intake, Taken};
use crate::replica::{keys, read_tip};
use crate::report::RemovalInfo;

impl Vault {
    /// Takes a member out of a bucket. What they opened they may have kept; what is written from
    /// now on they cannot open, and what they write counts for nobody. Whoever names himself
    /// leaves: one entry, and the others make the next epoch.
    pub fn remove_member(&self, bucket: Option<&str>, who: &str) -> Result<RemovalInfo> {
        let mut bucket = self.bucket(bucket)?;
        let principal = self.principal_of(who)?;
        let own = principal == self.secrets.principal;
        let tag = bucket.names.member_tag(principal);
        let (entries, bytes) = if own {
            self.write_leave(&mut bucket, tag)?
        } else {
            bucket.writable()?;
            self.renew_if_due(&mut bucket)?;
            self.write_removal(&mut bucket, tag, who)?
        };
        let sent = match self.push_best_effort(&mut bucket) {
            // A provider that heard of it answers nothing more.
            Err(error) if own && error.kind() == ErrorKind::Refused => true,
            sent => sent?,
        };
        let label = bucket.record.label.clone();
        Ok(RemovalInfo { name: who.to_owned(), you: own, bucket: label, entries, bytes, sent })
    }

    pub(super) fn principal_of(&self, who: &str) -> Result<PrincipalId> {
        if who == "me" {
            return Ok(self.secrets.principal);
        }
        if who.starts_with("prn:")
            && let Ok(principal) = who.parse()
        {
            return Ok(principal);
        }
        Ok(self.contact_log(who)?.principal())
    }

    pub(super) fn write_removal(
        &self,
        bucket: &mut Bucket,
        tag: MemberTag,
        who: &str,
    ) -> Result<(u64, u64)> {
        let _lock = self.replica.lock_bucket(bucket.no())?;
        if let Some(record) = self.replica.get(&bucket.record.key())? {
            *bucket = Bucket::open(record, self)?;
        }
        let mut control = self.standing(bucket)?.control;
        if !control.members().contains(&tag) {
            return Err(Error::new(ErrorKind::NotFound, format!("{who} has no access here"))
                .with_hint("`strongroom grants` shows who has"));
        }
        let cutoffs = self.ends_of(bucket, |it| it.claims().member == Some(tag))?;
        let targets = vec![RevokeTarget::Member(tag)];
        let planned = take_out(targets, cutoffs, &control.parents(), "taken out");
        let mut intake = Intake::start(&self.replica, bucket.no())?;
        let mut entries = self.seal(bucket, &[planned], false, &mut intake)?;
        for entry in &entries {
            control.insert(entry).map_err(|e| Error::new(ErrorKind::Refused, e.to_string()))?;
        }
        if control.members().contains(&tag) {
            let what = format!("you may not take {who} out: they stand above you here");
            return Err(Error::new(ErrorKind::Refused, what)
                .with_hint("`strongroom grants` shows who let whom in"));
        }
        let position = after(&entries, intake.tip().position)?;
        let prev = control.current_epochs();
        entries.extend(self.next_epoch(bucket, &control, &prev, &[], position, &mut intake)?);
        self.take_in_removal(bucket, entries, intake)
    }

    /// Commits what takes somebody out, and hides what does not count any more.
    fn take_in_removal(
        &self,
        bucket: &mut Bucket,
        entries: Vec<Verified<Entry>>,
        mut intake: Intake<'_>,
    ) -> Result<(u64, u64)> {
        let (count, mut bytes) = (entries.len() as u64, 0);
        for entry in entries {
            bytes += entry.encode().len() as u64;
            intake.add(Taken::plain(entry), true)?;
        }
        intake.batch().put(keys::unsettled(bucket.no()), Vec::new());
        intake.commit()?;
        self.settle_hidden(bucket)?;
        if let Some(record) = self.replica.get(&bucket.record.key())? {
            *bucket = Bucket::open(record, self)?;
        }
        Ok((count, bytes))
    }

    /// Stops this person's own authors and closes its member key. Who leaves makes no epoch: it
    /// would know its key.
    fn write_leave(&self, bucket: &mut Bucket, tag: MemberTag) -> Result<(u64, u64)> {
        let _lock = self.replica.lock_bucket(bucket.no())?;
        if let Some(record) = self.replica.get(&bucket.record.key())? {
            *bucket = Bucket::open(record, self)?;
        }
        let mut control = self.standing(bucket)?.control;
        if !control.members().contains(&tag) {
            return Err(Error::new(ErrorKind::NotFound, "you have no access here any more")
                .with_hint("what you had is still on this device"));
        }
        self.may_leave(bucket, &control, tag)?;
        let cutoffs = self.ends_of(bucket, |it| it.claims().member == Some(tag))?;
        let member = MemberSigningKey::from_secret_bytes(&bucket.record.member_seed);
        let targets = vec![RevokeTarget::Member(tag), RevokeTarget::MemberKey(member.public())];
        let planned = take_out(targets, cutoffs, &control.parents(), "left");
        let intake = Intake::start(&self.replica, bucket.no())?;
        let newest = control.current_epochs().into_iter().rev().find(|id| bucket.keyring.has(id));
        let under = bucket.under(newest.unwrap_or(bucket.record.current_epoch))?;
        let (author, position) = (self.author_of(bucket), intake.tip().position);
        let now = self.clock.now_millis();
        let sealed =
            seal_transaction(&author, &under, &[planned], position, now, &mut SystemRng)?.0;
        for entry in &sealed {
            control.insert(entry).map_err(|e| Error::new(ErrorKind::Refused, e.to_string()))?;
        }
        if control.members().contains(&tag) {
            let what = "another key of yours stays in; an admin has to take you out";
            return Err(Error::new(ErrorKind::Refused, what));
        }
        self.take_in_removal(bucket, sealed, intake)
    }

    /// Whether somebody is left who can let in and take out.
    fn may_leave(&self, bucket: &Bucket, control: &Control, tag: MemberTag) -> Result<()> {
        let log = self.control_entries(bucket)?;
        let people = self.people(bucket, control, &log)?;
        let now = self.clock.now_secs();
        let admins =
            |it: &Person| it.accepted && it.until > now && it.actions.contains(Action::Admin);
        let mine = people.get(&tag).is_some_and(admins);
        if !mine || people.iter().any(|(one, it)| *one != tag && admins(it)) {
            return Ok(());
        }
        let what = format!("you are the last admin of {}", bucket.record.label);
        Err(Error::new(ErrorKind::Usage, what).with_hint(format!(
            "make somebody else one first: `strongroom grant {0} NAME --admin`; or end it for \
             all: `strongroom bucket deactivate {0}`",
            bucket.record.label
        )))
    }

    /// One entry that takes back what is over by its own date, if it is this author's to say: the
    /// cutoffs end what its holders date back. `standing` hears of it.
    pub(super) fn say_what_ended(
        &self,
        bucket: &Bucket,
        standing: &mut Standing,
        position: ChainPosition,
    ) -> Result<(Vec<Verified<Entry>>, ChainPosition)> {
        let nothing = (Vec::new(), position);
        let control = &mut standing.control;
        let now = self.clock.now_millis();
        let Some(rank) = control.rank(&bucket.capability()).filter(|_| bucket.may(Action::Admin))
        else {
            return Ok(nothing);
        };
        let ended: BTreeSet<CapabilityId> = control
            .ended(now / 1_000)
            .into_iter()
            .filter(|it| it.rank >= rank)
            .map(|it| it.capability)
            .take(REVOKE_TARGETS_MAX)
            .collect();
        let held = control.current_epochs().into_iter().rev().find(|id| bucket.keyring.has(id));
        let Some(epoch) = held.filter(|_| !ended.is_empty()) else { return Ok(nothing) };
        let by_these = |it: &Capability| {
            let chain = control.chain(&it.id());
            chain.is_ok_and(|chain| chain.capabilities().iter().any(|it| ended.contains(&it.id())))
        };
        let cutoffs = self.ends_of(bucket, by_these)?;
        let targets = ended.iter().map(|id| RevokeTarget::Capability(*id)).collect();
        let planned = take_out(targets, cutoffs, &control.parents(), "their time is over");
        let (author, under) = (self.author_of(bucket), bucket.under(epoch)?);
        let (sealed, position) =
            seal_transaction(&author, &under, &[planned], position, now, &mut SystemRng)?;
        for entry in &sealed {
            control.insert(entry).map_err(|e| Error::new(ErrorKind::Other, e.to_string()))?;
        }
        Ok((sealed, position))
    }

    /// Where the authors end that enrolled with such a capability, as far as this device saw it.
    fn ends_of(
        &self,
        bucket: &Bucket,
        such: impl Fn(&Capability) -> bool,
    ) -> Result<Vec<(AuthorKey, u64, EntryId)>> {
        let mut ends = BTreeMap::new();
        for entry in self.control_entries(bucket)? {
            let header = entry.header();
            if header.kind != Kind::Member {
                continue;
            }
            let Ok(Clear::Member(clear)) = Clear::decode(Kind::Member, entry.clear()) else {
                continue;
            };
            let mut carried =
                clear.capabilities.iter().filter_map(|it| Capability::decode(it).ok());
            let own = Some(header.author.public_key());
            if !carried.any(|it| it.claims().holder == own && such(&it)) {
                continue;
            }
            let row = self.replica.rows().get(&keys::author(bucket.no(), header.author))?;
            if let Some(tip) = row.as_deref().map(read_tip).transpose()? {
                ends.insert(header.author, (tip.seq, tip.id));
            }
        }
        Ok(ends.into_iter().map(|(author, (seq, id))| (author, seq, id)).collect())
    }
}

/// The author's chain after these entries.
fn after(entries: &[Verified<Entry>], before: ChainPosition) -> Result<ChainPosition> {
    let last = entries.last();
    let last = last.ok_or_else(|| Error::new(ErrorKind::Other, "nothing was sealed"))?;
    let header = last.header();
    let clock = before.clock.max(header.hlc);
    Ok(ChainPosition { next_seq: header.seq + 1, prev: last.id(), clock })
}

/// Whom an epoch is for: everybody whose keys are known.
pub(crate) struct Recipients<'a>(Vec<Recipient<'a>>);

impl<'a> Recipients<'a> {
    /// All of these people who are members. One who accepted and whose keys are not known would be
    /// shut out: then somebody else must make the epoch.
    pub(crate) fn of(
        people: &'a BTreeMap<MemberTag, Person>,
        members: &BTreeSet<MemberTag>,
    ) -> Result<Self> {
        let mut found = Vec::with_capacity(people.len());
        for (tag, person) in people.iter().filter(|(tag, _)| members.contains(tag)) {
            match (&person.agree, &person.tag_key) {
                (Some(agree), Some(tag_key)) => {
                    let from_now = person.from_now;
                    found.push(Recipient { tag: *tag, agree, tag_key, from_now });
                }
                _ if person.accepted => {
                    let what = format!("the keys of {} are not known here", person.principal);
                    return Err(Error::new(ErrorKind::Refused, what)
                        .with_hint("`strongroom contact add` their card, or ask another admin"));
                }
                // Who has not accepted yet is let in again by who invited him.
                _ => {}
            }
        }
        Ok(Self(found))
    }

    pub(crate) fn as_recipients(&self) -> &[Recipient<'a>] {
        &self.0
    }
}
