//! Taking somebody out of a bucket. Comes in: who. Goes out: two entries, the revoke and the epoch
//! without him, in one commit; no document is touched. Must not know: terminals.

use std::collections::BTreeMap;

use strongroom_core::granting::take_out;
use strongroom_core::rotation::{Recipient, Renewal, seal_renewing};
use strongroom_core::writer::ChainPosition;
use strongroom_seal::kem::KemPublic;
use strongroom_seal::keys::TagKey;
use strongroom_wire::capability::Capability;
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::{Clear, RevokeTarget};
use strongroom_wire::control::Control;
use strongroom_wire::entry::{Entry, Kind};
use strongroom_wire::ids::{AuthorKey, EntryId, MemberTag, PrincipalId};

use super::people::Person;
use super::{Bucket, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::random::SystemRng;
use crate::replica::index::{Intake, Taken};
use crate::replica::{keys, read_tip};
use crate::report::RemovalInfo;

impl Vault {
    /// Takes a member out of a bucket. What they opened they may have kept; what is written from
    /// now on they cannot open, and what they write counts for nobody.
    pub fn remove_member(&self, bucket: Option<&str>, who: &str) -> Result<RemovalInfo> {
        let mut bucket = self.bucket(bucket)?;
        bucket.writable()?;
        let principal = self.principal_of(who)?;
        if principal == self.secrets.principal {
            return Err(Error::new(ErrorKind::Usage, "you cannot take yourself out").with_hint(
                "another admin can; or `strongroom bucket deactivate` ends it for all",
            ));
        }
        let tag = bucket.names.member_tag(principal);
        self.renew_if_due(&mut bucket)?;
        let (entries, bytes) = self.write_removal(&mut bucket, tag, who)?;
        let sent = self.push_best_effort(&mut bucket)?;
        let label = bucket.record.label.clone();
        Ok(RemovalInfo { name: who.to_owned(), bucket: label, entries, bytes, sent })
    }

    fn principal_of(&self, who: &str) -> Result<PrincipalId> {
        if who.starts_with("prn:")
            && let Ok(principal) = who.parse()
        {
            return Ok(principal);
        }
        Ok(self.contact_log(who)?.principal())
    }

    fn write_removal(&self, bucket: &mut Bucket, tag: MemberTag, who: &str) -> Result<(u64, u64)> {
        let _lock = self.replica.lock_bucket(bucket.no())?;
        if let Some(record) = self.replica.get(&keys::bucket(bucket.record.id))? {
            *bucket = Bucket::open(record, self)?;
        }
        let standing = self.standing(bucket)?;
        let mut control = standing.control;
        if !control.members().contains(&tag) {
            return Err(Error::new(ErrorKind::NotFound, format!("{who} has no access here"))
                .with_hint("`strongroom grants` shows who has"));
        }
        let cutoffs = self.ends_of(bucket, tag)?;
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
        let last = entries.last().map(|entry| (entry.header().seq, entry.id()));
        let (seq, id) = last.ok_or_else(|| Error::new(ErrorKind::Other, "nothing was sealed"))?;
        let mut position = intake.tip().position;
        (position.next_seq, position.prev) = (seq + 1, id);
        entries.extend(self.epoch_without(bucket, &control, position, &mut intake)?);
        let (count, mut bytes) = (entries.len() as u64, 0);
        for entry in entries {
            bytes += entry.encode().len() as u64;
            intake.add(Taken::plain(entry), true)?;
        }
        intake.batch().put(keys::unsettled(bucket.no()), Vec::new());
        intake.commit()?;
        self.settle_hidden(bucket)?;
        if let Some(record) = self.replica.get(&keys::bucket(bucket.record.id))? {
            *bucket = Bucket::open(record, self)?;
        }
        Ok((count, bytes))
    }

    /// The epoch for everybody who is left.
    fn epoch_without(
        &self,
        bucket: &Bucket,
        control: &Control,
        position: ChainPosition,
        intake: &mut Intake<'_>,
    ) -> Result<Vec<Verified<Entry>>> {
        let log = self.control_entries(bucket)?;
        let people = self.people(bucket, control, &log)?;
        let recipients = Recipients::of(&people)?;
        let renewal = Renewal {
            control,
            keyring: &bucket.keyring,
            names: &bucket.names,
            prev: &control.current_epochs(),
            recipients: &recipients.as_recipients(),
        };
        let author = self.author_of(bucket);
        let now = self.clock.now_millis();
        let sealed = seal_renewing(&author, &renewal, &[], position, now, &mut SystemRng)
            .map_err(|e| Error::new(ErrorKind::Other, e.to_string()))?;
        let mut record = bucket.record.clone();
        record.epochs.push((sealed.epoch, sealed.key.to_secret_bytes()));
        record.current_epoch = sealed.epoch;
        let key = keys::bucket(record.id);
        let row = self.replica.seal(&key, &record)?;
        intake.batch().put(key, row);
        Ok(sealed.entries)
    }

    /// Where each author of a member ends, as far as this device saw it.
    fn ends_of(&self, bucket: &Bucket, tag: MemberTag) -> Result<Vec<(AuthorKey, u64, EntryId)>> {
        let mut ends = BTreeMap::new();
        for entry in self.control_entries(bucket)? {
            let header = entry.header();
            let Ok(Clear::Member(clear)) = Clear::decode(Kind::Member, entry.clear()) else {
                continue;
            };
            let carried = clear.capabilities.iter().filter_map(|it| Capability::decode(it).ok());
            let enrols = carried.map(|it| (it.claims().member, it.claims().holder)).any(
                |(member, holder)| {
                    member == Some(tag) && holder == Some(header.author.public_key())
                },
            );
            if header.kind != Kind::Member || !enrols {
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

/// Whom an epoch is for: everybody whose keys are known.
pub(crate) struct Recipients<'a>(Vec<(MemberTag, &'a KemPublic, &'a TagKey)>);

impl<'a> Recipients<'a> {
    /// All of these people. One who accepted and whose keys are not known would be shut out: then
    /// somebody else must make the epoch.
    pub(crate) fn of(people: &'a BTreeMap<MemberTag, Person>) -> Result<Self> {
        let mut found = Vec::with_capacity(people.len());
        for (tag, person) in people {
            match (&person.agree, &person.tag_key) {
                (Some(agree), Some(tag_key)) => found.push((*tag, agree, tag_key)),
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

    pub(crate) fn as_recipients(&self) -> Vec<Recipient<'a>> {
        let of = |(tag, agree, tag_key): &(MemberTag, &'a KemPublic, &'a TagKey)| Recipient {
            tag: *tag,
            agree,
            tag_key,
        };
        self.0.iter().map(of).collect()
    }
}
