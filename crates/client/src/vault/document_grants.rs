//! Sharing single documents. Comes in: a place, a contact, how much of it. Goes out: an invitation
//! to that document; who can read it; and the end of it. Must not know: terminals.
//!
//! Why it is so: docs/design/document-grants.md.

use std::collections::BTreeMap;

use strongroom_core::document::DocumentType;
use strongroom_core::granting::{Granter, Rights, take_out};
use strongroom_core::holding::{Extent, Given, NewHolder, Shared, share};
use strongroom_core::invitation::{Invitation, KeptAt, to_text};
use strongroom_core::parts::LinkFacts;
use strongroom_seal::identity::{InviteSigningKey, MemberSigningKey};
use strongroom_seal::invitation::seal_invitation;
use strongroom_seal::keys::{Nonce, TagKey};
use strongroom_seal::suite::Suite;
use strongroom_wire::capability::Target;
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::RevokeTarget;
use strongroom_wire::control::Control;
use strongroom_wire::entry::{Entry, Hlc, Kind};
use strongroom_wire::ids::{AuthorKey, CapabilityId, DocumentTag, EntryId, PrincipalId};
use strongroom_wire::limits::CLOCK_SKEW_SECS;

use super::grants::{agree_key, cannot_grant};
use super::holding::firsts;
use super::people::said_by;
use super::{Bucket, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::place::Place;
use crate::random::SystemRng;
use crate::replica::index::{Intake, Taken};
use crate::replica::keys;
use crate::report::{AccessInfo, GrantInfo, MemberInfo, WithdrawnInfo};

/// How much of a document is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentShare {
    /// All versions, old and new.
    All,
    /// Versions from now on.
    FromNow,
    /// One version, by its id or the start of it.
    Version(String),
}

/// Somebody who holds a document alone, as members know it.
#[derive(Debug)]
pub(crate) struct Holding {
    pub document: DocumentTag,
    pub version: Option<EntryId>,
    pub principal: PrincipalId,
    pub extent: Extent,
    pub tag_key: TagKey,
    pub capability: CapabilityId,
    /// The epoch it was given under.
    pub epoch: EntryId,
    /// The clock of the entry that gave it.
    pub given: Hlc,
    pub until: u64,
    pub by: Option<PrincipalId>,
    /// Present where it is a link, and nobody has a key log of it.
    pub link: Option<LinkFacts>,
    /// How often a link may be opened.
    pub uses: Option<u64>,
}

impl Vault {
    /// Lets a contact read one document, and nothing else. The invitation opens for them alone.
    pub fn grant_document(
        &self,
        place: &Place,
        who: &str,
        what: &DocumentShare,
        until: Option<u64>,
    ) -> Result<GrantInfo> {
        let (granted, mut bucket) = self.grant_unsent(place, who, what, until)?;
        let sent = self.push_best_effort(&mut bucket)?;
        Ok(GrantInfo { sent, ..granted })
    }

    /// The same for several documents, with one push at the end. Who has one of them already goes
    /// on having it, and needs no invitation.
    pub fn grant_documents(
        &self,
        places: &[Place],
        who: &str,
        until: Option<u64>,
    ) -> Result<Vec<GrantInfo>> {
        let mut all = Vec::with_capacity(places.len());
        let mut last = None;
        for place in places {
            match self.grant_unsent(place, who, &DocumentShare::All, until) {
                Ok((granted, bucket)) => {
                    all.push(granted);
                    last = Some(bucket);
                }
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(mut bucket) = last {
            let sent = self.push_best_effort(&mut bucket)?;
            for granted in &mut all {
                granted.sent = sent;
            }
        }
        Ok(all)
    }

    fn grant_unsent(
        &self,
        place: &Place,
        who: &str,
        what: &DocumentShare,
        until: Option<u64>,
    ) -> Result<(GrantInfo, Bucket)> {
        let contact = self.contact_card(who)?;
        let log = contact.verify().map_err(|e| Error::damaged(e.to_string()))?;
        let agree = agree_key(&log, who)?;
        if until.is_some_and(|until| until <= self.clock.now_secs()) {
            return Err(Error::new(ErrorKind::Usage, "that time is over already"));
        }
        let (mut bucket, shown) = self.need_place(place)?;
        bucket.need_whole()?;
        bucket.writable()?;
        if shown.kind() == DocumentType::Directory {
            return Err(a_directory(place));
        }
        let tag = shown.row.tag;
        let version = match what {
            DocumentShare::Version(name) => Some(self.version_by_name(&bucket, tag, name)?),
            _ => None,
        };
        self.refuse_if_held(&bucket, tag, log.principal(), what, who)?;
        let card = strongroom_core::card::Card { name: None, inbox: None, ..contact }.encode();
        self.leave_card(&bucket, log.principal(), &card)?;
        let holder = NewHolder {
            principal: log.principal(),
            agree: &agree,
            until,
            // A provider whose clock is behind this one's must not call it too early.
            from: self.clock.now_secs().saturating_sub(CLOCK_SKEW_SECS),
            link: None,
        };
        let (shared, entry, bytes) = self.write_share(&mut bucket, tag, what, version, &holder)?;
        let expires = shared.chain.last().map_or(0, |last| last.claims().expires);
        let rights = extent_of(what).words();
        let name = shown.name.clone();
        let invitation = self.invitation_to(&bucket, name, rights, shared, entry)?;
        let plain = invitation.encode(log.principal(), &self.secrets.device);
        let (to, suite) = (log.principal(), Suite::DEFAULT);
        let text = to_text(seal_invitation(suite, &agree, to, &plain, &mut SystemRng)?);
        let granted = GrantInfo {
            name: who.to_owned(),
            bucket: bucket.record.label.clone(),
            path: Some(self.path_of(&bucket, tag)?),
            rights: Rights::Read.word(),
            from_now: *what == DocumentShare::FromNow,
            until: expires,
            bytes,
            sent: false,
            invitation: text,
        };
        Ok((granted, bucket))
    }

    fn refuse_if_held(
        &self,
        bucket: &Bucket,
        tag: DocumentTag,
        principal: PrincipalId,
        what: &DocumentShare,
        who: &str,
    ) -> Result<()> {
        let control = self.standing(bucket)?.control;
        let label = &bucket.record.label;
        if control.members().contains(&bucket.names.member_tag(principal)) {
            let what = format!("{who} may read all of {label} already");
            return Err(Error::new(ErrorKind::Conflict, what)
                .with_hint("`strongroom grants` shows who may read what"));
        }
        let held = self.document_holdings(bucket, &control)?;
        let same = |it: &&Holding| {
            it.document == tag && it.principal == principal && it.extent == extent_of(what)
        };
        let now = self.clock.now_secs();
        let all = held.iter().find(same).filter(|it| it.version.is_none() && it.until > now);
        if all.is_some() {
            let what = format!("{who} may read this document already");
            return Err(Error::new(ErrorKind::Conflict, what).with_hint(
                "`strongroom grants PATH` shows until when; revoke it to give it anew",
            ));
        }
        Ok(())
    }

    /// One entry, committed here.
    pub(super) fn write_share(
        &self,
        bucket: &mut Bucket,
        tag: DocumentTag,
        what: &DocumentShare,
        version: Option<u64>,
        holder: &NewHolder<'_>,
    ) -> Result<(Shared, EntryId, u64)> {
        self.renew_if_due(bucket)?;
        let _lock = self.replica.lock_bucket(bucket.no())?;
        let mut control = self.standing(bucket)?.control;
        let epoch = bucket.record.current_epoch;
        let number = control.epochs().find(|(id, _)| **id == epoch).map(|(_, it)| it.n);
        let key = bucket.keyring.epoch(&epoch).zip(number);
        let key = key.ok_or_else(|| Error::damaged("this device holds no epoch of the bucket"))?;
        let member = MemberSigningKey::from_secret_bytes(&bucket.record.member_seed);
        let heads = control.parents();
        let granter = Granter {
            bucket: bucket.record.id,
            member: &member,
            chain: &bucket.member_chain()?,
            names: &bucket.names,
            epoch: key,
            suite: bucket.sealing()?.suite,
            heads: &heads,
        };
        let given = self.given(bucket, tag, what, version)?;
        let about = (tag, control.generation(tag));
        let shared =
            share(&granter, holder, about, &given, &mut SystemRng).map_err(cannot_grant)?;
        let mut intake = Intake::start(&self.replica, bucket.no())?;
        let planned = std::slice::from_ref(&shared.planned);
        let (mut made, mut bytes) = (EntryId::ZERO, 0);
        for entry in self.seal(bucket, planned, false, &mut intake)? {
            control
                .insert(&entry)
                .map_err(|e| Error::new(ErrorKind::Refused, format!("you may not do this: {e}")))?;
            made = entry.id();
            bytes = entry.encode().len() as u64;
            intake.add(Taken::plain(entry), true)?;
        }
        if !control.counts(&made) {
            return Err(Error::new(ErrorKind::Refused, "you were taken out of this bucket"));
        }
        intake.commit()?;
        Ok((shared, made, bytes))
    }

    /// The keys that go with a grant.
    fn given(
        &self,
        bucket: &Bucket,
        tag: DocumentTag,
        what: &DocumentShare,
        version: Option<u64>,
    ) -> Result<Given> {
        if let Some(no) = version {
            let entry = self.replica.entry(bucket.no(), no)?;
            let header = entry.header();
            let content = bucket.keyring.content(&header.epoch);
            let content =
                content.ok_or_else(|| Error::damaged("no key here opens that version"))?;
            let key = content.document(tag, header.generation).version(&Nonce(header.nonce));
            return Ok(Given::Version(entry.id(), key));
        }
        if *what == DocumentShare::FromNow {
            return Ok(Given::FromNow);
        }
        let firsts = firsts(&self.all_versions(bucket, tag)?);
        let open = firsts.into_iter().filter_map(|(id, epoch, generation)| {
            Some((id, bucket.keyring.content(&epoch)?.document(tag, generation)))
        });
        Ok(Given::All(open.collect()))
    }

    pub(super) fn all_versions(
        &self,
        bucket: &Bucket,
        tag: DocumentTag,
    ) -> Result<Vec<Verified<Entry>>> {
        let numbers = self.version_numbers(bucket, tag)?;
        numbers.into_iter().map(|no| self.replica.entry(bucket.no(), no)).collect()
    }

    fn invitation_to(
        &self,
        bucket: &Bucket,
        label: String,
        rights: &str,
        shared: Shared,
        entry: EntryId,
    ) -> Result<Invitation> {
        let kept = self.remote_records()?;
        Ok(Invitation {
            bucket: bucket.record.id,
            label,
            kept_at: kept.into_iter().map(|it| KeptAt { url: it.url, key: it.key }).collect(),
            chain: shared.chain.capabilities().iter().map(|it| it.bytes().to_vec()).collect(),
            key: InviteSigningKey::from_secret_bytes(&shared.key.to_secret_bytes()),
            tag_key: shared.tag_key,
            entry,
            rights: rights.to_owned(),
            card: self.own_log()?.0.card(None).encode(),
            device: self.secrets.device.public(),
        })
    }

    /// Who holds single documents of a bucket, by grants that stand. Those that have ended by time
    /// are among them.
    pub(crate) fn document_holdings(
        &self,
        bucket: &Bucket,
        control: &Control,
    ) -> Result<Vec<Holding>> {
        let mut found = Vec::new();
        let mut by_author: BTreeMap<AuthorKey, PrincipalId> = BTreeMap::new();
        for entry in self.control_entries(bucket)? {
            if entry.header().kind != Kind::Member {
                continue;
            }
            let Some((facts, carried)) = said_by(bucket, &entry) else { continue };
            let author = entry.header().author;
            if carried.iter().any(|it| it.claims().holder == Some(author.public_key())) {
                by_author.insert(author, facts.body.principal);
            }
            let Some(last) = carried.last() else { continue };
            let (document, version) = match last.claims().target {
                Target::Document(_, document) => (document, None),
                Target::Version(_, document, version) => (document, Some(version)),
                _ => continue,
            };
            let stands = control.counts(&entry.id()) && control.is_usable(&last.id());
            let extent = Extent::of(&facts.body.rights);
            if let (true, Some(extent), Some(tag_key)) = (stands, extent, facts.body.tag_key) {
                found.push(Holding {
                    document,
                    version,
                    principal: facts.body.principal,
                    extent,
                    tag_key,
                    capability: last.id(),
                    epoch: entry.header().epoch,
                    given: entry.header().hlc,
                    until: last.claims().expires,
                    by: by_author.get(&author).copied(),
                    link: facts.body.link,
                    uses: last.claims().caveats.uses,
                });
            }
        }
        Ok(found)
    }

    /// Who can read a bucket, or one document of it: complete, from what this device has. Members
    /// first, then who holds single documents.
    pub fn access(&self, place: &Place) -> Result<Vec<AccessInfo>> {
        let bucket = self.bucket(place.bucket.as_deref())?;
        bucket.need_whole()?;
        let tag =
            if place.names.is_empty() { None } else { Some(self.tag_now_or_once(&bucket, place)?) };
        let control = self.standing(&bucket)?.control;
        let mut documents = Vec::new();
        for holding in self.document_holdings(&bucket, &control)? {
            if tag.is_none_or(|tag| tag == holding.document) {
                documents.push(self.holder_info(&bucket, &holding)?);
            }
        }
        documents.sort_by(|a, b| (&a.path, &a.who.name).cmp(&(&b.path, &b.who.name)));
        let members = self.members(Some(&bucket.record.id.to_string()))?;
        let label = &bucket.record.label;
        let whole = members.into_iter().map(|who| AccessInfo {
            bucket: label.clone(),
            path: None,
            document: None,
            version: None,
            who,
        });
        Ok(whole.chain(documents).collect())
    }

    /// The same of every bucket that this person is a member of.
    pub fn access_everywhere(&self) -> Result<Vec<AccessInfo>> {
        let mut all = Vec::new();
        for it in self.records()?.into_iter().filter(|it| !it.internal && !it.is_part()) {
            let place = Place { bucket: Some(it.id.to_string()), ..Place::root() };
            all.extend(self.access(&place)?);
        }
        Ok(all)
    }

    fn holder_info(&self, bucket: &Bucket, holding: &Holding) -> Result<AccessInfo> {
        let who = MemberInfo {
            name: self.contact_of(holding.principal)?.map(|it| it.name),
            you: holding.principal == self.secrets.principal,
            principal: holding.principal.to_string(),
            rights: Rights::Read.word(),
            from_now: holding.extent == Extent::FromNow,
            link: holding.link.as_ref().map(|link| link.label.clone()),
            accepted: true,
            devices: 0,
            since: holding.given.secs(),
            until: holding.until,
            by: holding.by.map(|it| it.to_string()),
        };
        Ok(AccessInfo {
            bucket: bucket.record.label.clone(),
            path: Some(self.path_of(bucket, holding.document)?),
            document: Some(holding.document.to_string()),
            version: holding.version.map(|it| it.to_string()),
            who,
        })
    }

    /// Closes one document to somebody who holds it alone: at the provider at once, and what is
    /// written of it from now on is not for him. One entry; no other holder notices.
    pub fn withdraw(&self, place: &Place, who: &str) -> Result<WithdrawnInfo> {
        let principal = self.principal_of(who)?;
        let mut bucket = self.bucket(place.bucket.as_deref())?;
        bucket.need_whole()?;
        bucket.writable()?;
        let tag = self.tag_now_or_once(&bucket, place)?;
        self.renew_if_due(&mut bucket)?;
        let called = (place.to_string(), who);
        let (bytes, left) =
            self.write_withdrawal(&bucket, tag, principal, (&called.0, called.1))?;
        let path = self.path_of(&bucket, tag)?;
        let sent = self.push_best_effort(&mut bucket)?;
        let label = bucket.record.label.clone();
        Ok(WithdrawnInfo { name: who.to_owned(), bucket: label, path, bytes, left, sent })
    }

    /// `place` and `who` are for people.
    pub(super) fn write_withdrawal(
        &self,
        bucket: &Bucket,
        tag: DocumentTag,
        principal: PrincipalId,
        (place, who): (&str, &str),
    ) -> Result<(u64, u64)> {
        let _lock = self.replica.lock_bucket(bucket.no())?;
        let mut control = self.standing(bucket)?.control;
        let (mine, others): (Vec<_>, Vec<_>) = self
            .document_holdings(bucket, &control)?
            .into_iter()
            .filter(|it| it.document == tag)
            .partition(|it| it.principal == principal);
        if mine.is_empty() {
            return Err(holds_nothing(bucket, &control, principal, place, who));
        }
        let mut targets: Vec<_> =
            mine.iter().map(|it| RevokeTarget::Capability(it.capability)).collect();
        // What is one version cannot change: no key of what comes later was given.
        if mine.iter().any(|it| it.version.is_none()) {
            targets.push(RevokeTarget::Document(tag));
        }
        let planned = take_out(targets, Vec::new(), &control.parents(), "closed to one holder");
        let mut intake = Intake::start(&self.replica, bucket.no())?;
        let mut bytes = 0;
        for entry in self.seal(bucket, &[planned], false, &mut intake)? {
            control.insert(&entry).map_err(|e| Error::new(ErrorKind::Refused, e.to_string()))?;
            bytes += entry.encode().len() as u64;
            intake.add(Taken::plain(entry), true)?;
        }
        if mine.iter().any(|it| control.is_usable(&it.capability)) {
            let what = format!("you may not close {place} to {who}: somebody else let them in");
            return Err(Error::new(ErrorKind::Refused, what)
                .with_hint("`strongroom grants PATH` shows who did"));
        }
        intake.batch().put(keys::unsettled(bucket.no()), Vec::new());
        intake.commit()?;
        self.settle_hidden(bucket)?;
        Ok((bytes, others.len() as u64))
    }
}

fn holds_nothing(
    bucket: &Bucket,
    control: &Control,
    principal: PrincipalId,
    place: &str,
    who: &str,
) -> Error {
    let label = &bucket.record.label;
    if control.members().contains(&bucket.names.member_tag(principal)) {
        let what = format!("{who} may read all of {label}, and not only {place}");
        return Error::new(ErrorKind::Conflict, what)
            .with_hint(format!("`strongroom revoke {label} {who}` takes them out of all of it"));
    }
    Error::new(ErrorKind::NotFound, format!("{who} has no access to {place}"))
        .with_hint("`strongroom grants PATH` shows who has")
}

const fn extent_of(what: &DocumentShare) -> Extent {
    match what {
        DocumentShare::All => Extent::All,
        DocumentShare::FromNow => Extent::FromNow,
        DocumentShare::Version(_) => Extent::Version,
    }
}

/// A directory's documents would each be granted, and what is put into it later would not.
pub(super) fn a_directory(place: &Place) -> Error {
    let what = format!("{place} is a directory: what is shared as a whole is a bucket of its own");
    Error::new(ErrorKind::Usage, what)
        .with_hint(format!("`strongroom grant {place} WHO` makes it one, and shares that"))
}
