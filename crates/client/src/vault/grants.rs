//! Sharing buckets. Comes in: contacts, and invitations of others. Goes out: invitations, buckets
//! that were shared with this person, and who is in. Must not know: terminals, how invitations
//! travel.
//!
//! Nothing is mounted without consent: an invitation is read first, and accepted then.

use strongroom_core::card::Card;
use strongroom_core::granting::{GrantError, Grantee, Granter, Invited, Rights, invite, take};
use strongroom_core::invitation::{Invitation, KeptAt, from_text, to_text};
use strongroom_core::keylog::KeyLog;
use strongroom_core::writer::Planned;
use strongroom_seal::identity::MemberSigningKey;
use strongroom_seal::invitation::{open_invitation, seal_invitation};
use strongroom_seal::kem::KemPublic;
use strongroom_seal::suite::Suite;
use strongroom_wire::capability::CapabilityChain;
use strongroom_wire::frame::Area;
use strongroom_wire::ids::{EntryId, MemberTag, PrincipalId};
use strongroom_wire::limits::CLOCK_SKEW_SECS;

use super::buckets::bucket_document;
use super::documents::BUCKET;
use super::exchange::member_session;
use super::membership::Terms;
use super::people::{CARD, Person};
use super::renew::next_end;
use super::{Bucket, BucketDocument, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::random::SystemRng;
use crate::replica::index::{Intake, Taken};
use crate::replica::keys;
use crate::replica::rows::{BucketRecord, RemoteRecord};
use crate::report::{BucketInfo, GrantInfo, InvitationInfo, MemberInfo};

/// An invitation as it was read.
struct Read {
    invitation: Invitation,
    granter: KeyLog,
}

impl Vault {
    /// Lets a contact into a bucket, with its history. The invitation it gives is for them alone,
    /// and useless once accepted.
    pub fn grant(
        &self,
        bucket: Option<&str>,
        who: &str,
        rights: Rights,
        until: Option<u64>,
    ) -> Result<GrantInfo> {
        self.grant_as(bucket, who, Terms { rights, until, from_now: false })
    }

    /// The same on any terms. Who has access already gets more of it, or for longer; never less.
    pub fn grant_as(&self, bucket: Option<&str>, who: &str, terms: Terms) -> Result<GrantInfo> {
        let until = terms.until;
        let log = self.contact_log(who)?;
        let agree = agree_key(&log, who)?;
        let mut bucket = self.bucket(bucket)?;
        bucket.writable()?;
        if until.is_some_and(|until| until <= self.clock.now_secs()) {
            return Err(Error::new(ErrorKind::Usage, "that time is over already"));
        }
        let own = self.own_log()?.0.card(None).encode();
        let tag = bucket.names.member_tag(log.principal());
        let Terms { rights, from_now, .. } = self.widened(&bucket, tag, who, terms)?;
        if from_now {
            self.begin_now(&mut bucket)?;
        }
        self.leave_card(&bucket, self.secrets.principal, &own)?;
        let grantee = Grantee {
            principal: log.principal(),
            agree: &agree,
            rights,
            until,
            // A provider whose clock is behind this one's must not call it too early.
            from: self.clock.now_secs().saturating_sub(CLOCK_SKEW_SECS),
            from_now,
        };
        let (invited, entry, bytes) = self.write_grant(&mut bucket, &grantee)?;
        let expires = invited.chain.last().map_or(0, |last| last.claims().expires);
        let text = self.sealed_invitation(&bucket, &grantee, invited, entry, own)?;
        let sent = self.push_best_effort(&mut bucket)?;
        Ok(GrantInfo {
            name: who.to_owned(),
            bucket: bucket.record.label.clone(),
            path: None,
            rights: rights.word(),
            from_now,
            until: expires,
            bytes,
            sent,
            invitation: text,
        })
    }

    /// Somebody's card in the bucket, so that others have the key to seal to.
    pub(super) fn leave_card(
        &self,
        bucket: &Bucket,
        principal: PrincipalId,
        card: &[u8],
    ) -> Result<()> {
        let text = format!("{CARD}{}", principal.to_base32());
        if self.internal(bucket, &text)?.as_deref() == Some(card) {
            return Ok(());
        }
        let change = self.internal_change(bucket, &text, card.to_vec())?;
        self.write(bucket, vec![change]).map(drop)
    }

    fn write_grant(
        &self,
        bucket: &mut Bucket,
        grantee: &Grantee<'_>,
    ) -> Result<(Invited, EntryId, u64)> {
        self.write_member(bucket, |granter| {
            let invited = invite(granter, grantee, &mut SystemRng).map_err(cannot_grant)?;
            Ok((invited.planned.clone(), invited))
        })
    }

    /// Writes the one entry that lets somebody in: what `plan` makes of who lets in, and where.
    /// Gives what it made, the entry, and its bytes.
    pub(super) fn write_member<T>(
        &self,
        bucket: &mut Bucket,
        plan: impl FnOnce(&Granter<'_>) -> Result<(Planned, T)>,
    ) -> Result<(T, EntryId, u64)> {
        self.renew_if_due(bucket)?;
        let _lock = self.replica.lock_bucket(bucket.no())?;
        let standing = self.standing(bucket)?;
        let epoch = bucket.record.current_epoch;
        let number = standing.control.epochs().find(|(id, _)| **id == epoch).map(|(_, it)| it.n);
        let key = bucket.keyring.epoch(&epoch).zip(number);
        let key = key.ok_or_else(|| Error::damaged("this device holds no epoch of the bucket"))?;
        let member = MemberSigningKey::from_secret_bytes(&bucket.record.member_seed);
        let granter = Granter {
            bucket: bucket.record.id,
            member: &member,
            chain: &bucket.member_chain()?,
            names: &bucket.names,
            epoch: key,
            suite: bucket.keyring.sealing().map_err(|e| Error::damaged(e.to_string()))?.suite,
            heads: &standing.control.parents(),
        };
        let (planned, made) = plan(&granter)?;
        let mut intake = Intake::start(&self.replica, bucket.no())?;
        let entries = self.seal(bucket, &[planned], false, &mut intake)?;
        let mut control = standing.control;
        let (mut id, mut bytes) = (EntryId::ZERO, 0);
        for entry in entries {
            control
                .insert(&entry)
                .map_err(|e| Error::new(ErrorKind::Refused, format!("you may not do this: {e}")))?;
            id = entry.id();
            bytes += entry.encode().len() as u64;
            intake.add(Taken::plain(entry), true)?;
        }
        if !control.counts(&id) {
            return Err(Error::new(ErrorKind::Refused, "you were taken out of this bucket"));
        }
        let mut record = bucket.record.clone();
        record.fresh_until = next_end(&control, self.clock.now_secs());
        let key = record.key();
        let row = self.replica.seal(&key, &record)?;
        intake.batch().put(key, row);
        intake.commit()?;
        bucket.record = record;
        Ok((made, id, bytes))
    }

    fn sealed_invitation(
        &self,
        bucket: &Bucket,
        grantee: &Grantee<'_>,
        invited: Invited,
        entry: EntryId,
        card: Vec<u8>,
    ) -> Result<String> {
        let kept = self.remote_records()?;
        let invitation = Invitation {
            bucket: bucket.record.id,
            label: bucket.record.label.clone(),
            kept_at: kept.into_iter().map(|it| KeptAt { url: it.url, key: it.key }).collect(),
            chain: invited.chain.capabilities().iter().map(|it| it.bytes().to_vec()).collect(),
            key: invited.key,
            tag_key: invited.tag_key,
            entry,
            rights: words(grantee),
            card,
            device: self.secrets.device.public(),
        };
        let plain = invitation.encode(grantee.principal, &self.secrets.device);
        let (to, suite) = (grantee.principal, Suite::DEFAULT);
        Ok(to_text(seal_invitation(suite, grantee.agree, to, &plain, &mut SystemRng)?))
    }

    fn read(&self, text: &str) -> Result<Read> {
        let bad = |e: strongroom_core::invitation::InvitationError| Error::damaged(e.to_string());
        let sealed = from_text(text).map_err(bad)?;
        let me = self.secrets.principal;
        // Whoever sent it may not have heard of the newest key.
        let pairs = self.agree_pairs();
        let opened = pairs.iter().find_map(|pair| open_invitation(pair, me, &sealed).ok());
        let plain = opened.ok_or_else(|| {
            Error::new(ErrorKind::Refused, "this invitation is not for you, or was changed")
                .with_hint("send your newest card (`strongroom id export`) and ask for another")
        })?;
        let invitation = Invitation::decode(&plain, me).map_err(bad)?;
        let card = Card::decode(&invitation.card).map_err(|e| Error::damaged(e.to_string()))?;
        let granter = card.verify().map_err(|e| Error::damaged(e.to_string()))?;
        if granter.device(&invitation.device).is_none() {
            let what = "the invitation is signed by a device its sender does not have";
            return Err(Error::damaged(what));
        }
        Ok(Read { invitation, granter })
    }

    /// What an invitation says. Nothing is fetched, nothing is kept.
    pub fn read_invitation(&self, text: &str) -> Result<InvitationInfo> {
        let Read { invitation, granter } = self.read(text)?;
        let parts: Vec<&[u8]> = invitation.chain.iter().map(Vec::as_slice).collect();
        let chain = CapabilityChain::from_parts(&parts)
            .map_err(|e| Error::damaged(format!("the invitation's capabilities: {e}")))?;
        let from = self.contact_of(granter.principal())?;
        Ok(InvitationInfo {
            from: from.as_ref().map(|it| it.name.clone()),
            level: from.as_ref().map(|it| it.level),
            principal: granter.principal().to_string(),
            bucket: invitation.bucket.to_string(),
            label: invitation.label,
            rights: invitation.rights,
            until: chain.last().map_or(0, |last| last.claims().expires),
            kept_at: invitation.kept_at.into_iter().map(|it| it.url).collect(),
        })
    }

    /// Accepts an invitation: from now on the bucket is among this person's, on all devices. Doing
    /// it again finishes what was cut short.
    pub fn accept(&self, text: &str, progress: &dyn Progress) -> Result<BucketInfo> {
        let Read { invitation, .. } = self.read(text)?;
        let record = self.remote_of(&invitation)?;
        if BucketRecord::area_of(&invitation.chain) != Area::Bucket {
            return self.accept_part(&invitation, &record, progress);
        }
        let mut bucket = Bucket::open(self.kept(&invitation, &record)?, self)?;
        self.join(&mut bucket, &record, None, progress)?;
        self.update_remote(record.no, |record| {
            if !record.buckets.contains(&invitation.bucket) {
                record.buckets.push(invitation.bucket);
            }
        })?;
        // All devices of the person are to have it.
        let mut vault = self.vault_bucket()?;
        let name = format!("{BUCKET}{}", invitation.bucket.to_base32());
        let document = bucket_document(&bucket, Vec::new()).encode();
        if self.internal(&vault, &name)?.as_ref() != Some(&document) {
            let change = self.internal_change(&vault, &name, document)?;
            self.write(&vault, vec![change])?;
            self.push(&mut vault, progress)?;
        }
        let bucket = self.bucket(Some(&invitation.bucket.to_string()))?;
        self.bucket_info(&bucket, false)
    }

    /// What this device keeps of a bucket it is invited to. Who was taken out and comes back gets a
    /// new member key, and its devices new authors: the old ones count for nothing any more.
    fn kept(&self, invitation: &Invitation, remote: &RemoteRecord) -> Result<BucketRecord> {
        let key = keys::bucket(invitation.bucket);
        let Some(mut made) = self.replica.get::<BucketRecord>(&key)? else {
            return self.keep_bucket(&Self::taken(invitation)?);
        };
        let last = invitation.chain.last();
        let taken = last.is_some_and(|invite| made.member_chain.contains(invite));
        if taken || made.is_of_own_root() {
            return Ok(made);
        }
        made = self.taken_anew(made, &Self::taken(invitation)?, remote)?;
        Ok(made)
    }

    /// The same bucket with another member key of this person's.
    pub(super) fn taken_anew(
        &self,
        made: BucketRecord,
        document: &BucketDocument,
        remote: &RemoteRecord,
    ) -> Result<BucketRecord> {
        self.update_record(made.id, |record| {
            record.member_seed.clone_from(&document.member_seed);
            record.member_chain.clone_from(&document.member_chain);
            record.tag_key.clone_from(&document.tag_key);
        })?;
        let made = self.replica.get(&made.key())?.unwrap_or(made);
        self.return_to(Bucket::open(made, self)?, remote)
    }

    /// Hears what happened meanwhile, and writes again as a new author what nobody has taken of the
    /// old one; if this person may still write.
    fn return_to(&self, mut bucket: Bucket, remote: &RemoteRecord) -> Result<BucketRecord> {
        let session = member_session(&self.remote(remote)?, &bucket)?;
        self.look(&mut bucket, remote, &session)?;
        let sent = self.sync_state(&bucket, remote)?.pushed;
        if !self.seal_unsent_again(&mut bucket, sent)? {
            self.update_record(bucket.record.id, |record| {
                record.author_capability.clear();
                record.instance += 1;
            })?;
        }
        let kept = self.replica.get(&bucket.record.key())?;
        Ok(kept.unwrap_or(bucket.record))
    }

    /// The member key of one's own that an invitation is exchanged for.
    fn taken(invitation: &Invitation) -> Result<BucketDocument> {
        let parts: Vec<&[u8]> = invitation.chain.iter().map(Vec::as_slice).collect();
        let malformed = |_| Error::damaged("the invitation's capabilities");
        let chain = CapabilityChain::from_parts(&parts).map_err(malformed)?;
        let (member, chain) =
            take(&invitation.key, &chain, &mut SystemRng).map_err(cannot_grant)?;
        Ok(BucketDocument {
            id: invitation.bucket,
            member_seed: member.to_secret_bytes(),
            member_chain: chain.capabilities().iter().map(|it| it.bytes().to_vec()).collect(),
            tag_key: invitation.tag_key.to_secret_bytes(),
            root_wrap: Vec::new(),
            default: false,
        })
    }

    /// The provider a bucket is kept at, if this vault is kept there as well.
    fn remote_of(&self, invitation: &Invitation) -> Result<RemoteRecord> {
        let records = self.remote_records()?;
        let at = |record: &RemoteRecord| invitation.kept_at.iter().any(|it| it.key == record.key);
        records.into_iter().find(at).ok_or_else(|| {
            let urls: Vec<&str> = invitation.kept_at.iter().map(|it| it.url.as_str()).collect();
            let Some(url) = urls.first() else {
                let what = "whoever invited you keeps this bucket at no provider yet";
                return Error::new(ErrorKind::Refused, what)
                    .with_hint("ask them to add a provider, and to invite you again");
            };
            let what = format!("the bucket is kept at {url}, where your vault is not");
            Error::new(ErrorKind::Refused, what)
                .with_hint(format!("`strongroom provider add {url}`, if you have none yet"))
        })
    }

    /// Who is in a bucket, by name: complete, from what this device has.
    pub fn members(&self, bucket: Option<&str>) -> Result<Vec<MemberInfo>> {
        let bucket = self.bucket(bucket)?;
        let log = self.control_entries(&bucket)?;
        let control = self.standing(&bucket)?.control;
        let people = self.people(&bucket, &control, &log)?;
        let mut found = Vec::with_capacity(people.len());
        for person in people.values() {
            found.push(self.member_info(person, &people)?);
        }
        found.sort_by(|a, b| (!a.you, &a.name).cmp(&(!b.you, &b.name)));
        Ok(found)
    }

    fn member_info(
        &self,
        person: &Person,
        people: &std::collections::BTreeMap<MemberTag, Person>,
    ) -> Result<MemberInfo> {
        let name = |principal: PrincipalId| -> Result<Option<String>> {
            Ok(self.contact_of(principal)?.map(|it| it.name))
        };
        let by = person.by.and_then(|tag| people.get(&tag)).map(|it| it.principal);
        Ok(MemberInfo {
            name: name(person.principal)?,
            you: person.principal == self.secrets.principal,
            principal: person.principal.to_string(),
            rights: person.rights().word(),
            from_now: person.from_now,
            accepted: person.accepted,
            devices: person.authors.len() as u64,
            since: person.since,
            until: person.until,
            link: person.link.as_ref().map(|link| link.label.clone()),
            by: by.map(|it| it.to_string()),
        })
    }
}

pub(super) fn agree_key(log: &KeyLog, who: &str) -> Result<KemPublic> {
    let key = log.agree().filter(|_| !log.is_closed());
    key.and_then(|agree| KemPublic::from_bytes(&agree.key).ok()).ok_or_else(|| {
        Error::new(ErrorKind::Refused, format!("the key log of {who} has no key to share to"))
            .with_hint(format!("ask for their newest card: `strongroom contact update {who} CARD`"))
    })
}

/// For people: what is given.
fn words(grantee: &Grantee<'_>) -> String {
    let rights = grantee.rights.word();
    if grantee.from_now { format!("{rights} from now on") } else { rights.to_owned() }
}

pub(super) fn cannot_grant(error: GrantError) -> Error {
    match error {
        GrantError::Seal(error) => error.into(),
        GrantError::FromNowAdmin => Error::new(ErrorKind::Usage, error.to_string())
            .with_hint("grant it with its history, or `--write --from-now`"),
        GrantError::Delegation(_) | GrantError::Capability(_) => {
            Error::new(ErrorKind::Refused, format!("you cannot give this: {error}"))
                .with_hint("`strongroom grants` shows what you may do here")
        }
    }
}
