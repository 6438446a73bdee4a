//! Drops of this vault's buckets. Comes in: names and terms. Goes out: addresses to hand on, and
//! cards at providers that say what messages are sealed to.
//! Must not know: terminals, what is put in.

use strongroom_core::card::Card;
use strongroom_core::drops::{Address, Terms, card, make, name_of};
use strongroom_core::granting::{Granter, take_out};
use strongroom_core::invitation::KeptAt;
use strongroom_core::joining::member_facts;
use strongroom_core::link::to_text as link_text;
use strongroom_seal::identity::{DeviceSigningKey, MemberSigningKey};
use strongroom_seal::link::{Link, LinkSecret};
use strongroom_store::Batch;
use strongroom_wire::capability::{Action, Capability, CapabilityChain};
use strongroom_wire::clear::RevokeTarget;
use strongroom_wire::control::{Control, Drop};
use strongroom_wire::ids::{CapabilityId, EntryId};
use strongroom_wire::limits::{CLOCK_SKEW_SECS, CUTOFFS_MAX, DROP_CARD_AGE_MAX_SECS};
use strongroom_wire::link::LinkRecord;

use super::messages::Held;
use super::{Bucket, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::random::SystemRng;
use crate::remote::Session;
use crate::replica::index::{Intake, Taken};
use crate::replica::keys;
use crate::replica::rows::RemoteRecord;
use crate::report::{DropInfo, DropLinkInfo, DropTerms};

/// Documents of the vault's bucket, one a drop that was made here: its address.
pub(crate) const DROP: &str = "strongroom/drop/";

/// Seconds before a card's end from which a new one is put.
const CARD_RENEWED_SECS: u64 = 30 * 24 * 3_600;

/// What is known of one drop.
pub(super) struct Known {
    pub drop: Drop,
    pub name: String,
}

impl Vault {
    /// Makes a drop in a bucket: others put files in, and read nothing. What it gives is an address
    /// for those who shall.
    pub fn create_drop(
        &self,
        bucket: Option<&str>,
        name: &str,
        terms: &DropTerms,
    ) -> Result<DropInfo> {
        strongroom_core::names::check_name(name).map_err(|e| {
            Error::new(ErrorKind::Usage, format!("a drop cannot be called so: {e}"))
        })?;
        if terms.until.is_some_and(|until| until <= self.clock.now_secs()) {
            return Err(Error::new(ErrorKind::Usage, "that time is over already"));
        }
        let mut bucket = self.bucket(bucket)?;
        bucket.writable()?;
        if self.known_drops(&bucket)?.iter().any(|known| known.name == name) {
            return Err(Error::new(ErrorKind::Conflict, format!("there is a drop {name} already"))
                .with_hint(format!(
                    "`strongroom drop ls {name}` shows it; or choose another name"
                )));
        }
        let address = self.write_drop(&mut bucket, name, terms)?;
        self.keep_address(&address)?;
        let sent = self.push_best_effort(&mut bucket)?;
        let mut info = self.drop_named(&bucket, name)?;
        info.sent = Some(sent);
        Ok(info)
    }

    pub(super) fn write_drop(
        &self,
        bucket: &mut Bucket,
        name: &str,
        terms: &DropTerms,
    ) -> Result<Address> {
        self.renew_if_due(bucket)?;
        let _lock = self.replica.lock_bucket(bucket.no())?;
        let mut control = self.standing(bucket)?.control;
        let epoch = bucket.record.current_epoch;
        let number = control.epochs().find(|(id, _)| **id == epoch).map(|(_, it)| it.n);
        let key = bucket.keyring.epoch(&epoch).zip(number);
        let key = key.ok_or_else(|| Error::damaged("this device holds no epoch of the bucket"))?;
        let member = MemberSigningKey::from_secret_bytes(&bucket.record.member_seed);
        let granter = Granter {
            bucket: bucket.record.id,
            member: &member,
            chain: &bucket.member_chain()?,
            names: &bucket.names,
            epoch: key,
            suite: bucket.sealing()?.suite,
            heads: &control.parents(),
        };
        let terms = Terms {
            until: terms.until,
            from: self.clock.now_secs().saturating_sub(CLOCK_SKEW_SECS),
            quota_bytes: terms.quota_bytes,
            entries_per_hour: terms.per_hour,
        };
        let made = make(&granter, name, &terms, &mut SystemRng).map_err(|e| {
            Error::new(ErrorKind::Refused, format!("you may not make a drop here: {e}"))
                .with_hint("`strongroom grants` shows who may let others in")
        })?;
        let mut intake = Intake::start(&self.replica, bucket.no())?;
        let planned = std::slice::from_ref(&made.planned);
        let mut entry = EntryId::ZERO;
        for sealed in self.seal(bucket, planned, false, &mut intake)? {
            let refused = |e| Error::new(ErrorKind::Refused, format!("you may not do this: {e}"));
            control.insert(&sealed).map_err(refused)?;
            entry = sealed.id();
            intake.add(Taken::plain(sealed), true)?;
        }
        if !control.counts(&entry) {
            return Err(Error::new(ErrorKind::Refused, "you were taken out of this bucket"));
        }
        intake.commit()?;
        let kept = self.remote_records()?;
        Ok(Address {
            name: name.to_owned(),
            kept_at: kept.into_iter().map(|it| KeptAt { url: it.url, key: it.key }).collect(),
            bucket: bucket.record.id,
            entry,
            chain: made.chain.capabilities().iter().map(|it| it.bytes().to_vec()).collect(),
            secret: made.secret,
        })
    }

    /// Keeps the address of a drop for all devices of the person.
    pub(super) fn keep_address(&self, address: &Address) -> Result<()> {
        let vault = self.vault_bucket()?;
        let text = format!("{DROP}{}", address.entry.to_base32());
        let change = self.internal_change(&vault, &text, address.encode().to_vec())?;
        self.write(&vault, vec![change]).map(drop)
    }

    /// The address of a drop, where this person made it.
    pub(super) fn kept_address(&self, entry: EntryId) -> Result<Option<Address>> {
        let text = format!("{DROP}{}", entry.to_base32());
        let kept = self.internal(&self.vault_bucket()?, &text)?;
        Ok(kept.and_then(|bytes| Address::decode(&bytes).ok()))
    }

    /// The link of a drop that was made here: whoever has it puts files in, as with its address. It
    /// needs its provider: where that does not answer, there is none.
    pub fn drop_link(&self, name: &str) -> Result<DropLinkInfo> {
        let (mut bucket, known) = self.find_drop(name)?;
        let address = self.kept_address(known.drop.entry)?.ok_or_else(|| {
            let what = format!("somebody else made the drop {name}, and has its address");
            Error::new(ErrorKind::Refused, what).with_hint("ask them, or make one of your own")
        })?;
        let (record, session) = self.links_session(&mut bucket)?;
        let secret = LinkSecret::from_secret_bytes(&address.secret.to_secret_bytes());
        let parts: Vec<&[u8]> = address.chain.iter().map(Vec::as_slice).collect();
        let malformed = |_| Error::damaged("the drop's capabilities");
        let chain = CapabilityChain::from_parts(&parts).map_err(malformed)?;
        let kept = LinkRecord { password: None, chain, drop: Some(address.entry) };
        let put = session.put_link(bucket.record.id, secret.id(), &kept);
        self.runtime()?.block_on(put)?;
        let link = Link {
            password: false,
            drop: true,
            provider: Link::provider_of(session.remote().thumbprint()),
            bucket: bucket.record.id,
            secret,
        };
        Ok(DropLinkInfo {
            name: name.to_owned(),
            bucket: bucket.record.label.clone(),
            until: known.drop.expires,
            link: link_text(&record.url, &link).to_string(),
        })
    }

    /// The open drops of one bucket, or of all.
    pub fn drops(&self, bucket: Option<&str>) -> Result<Vec<DropInfo>> {
        let mut found = Vec::new();
        for bucket in self.named_or_all(bucket)? {
            let held = self.held_messages(&bucket)?;
            for known in self.known_drops(&bucket)? {
                found.push(self.drop_info(&bucket, known, &held)?);
            }
        }
        Ok(found)
    }

    /// One bucket, or all that are shown.
    pub(crate) fn named_or_all(&self, bucket: Option<&str>) -> Result<Vec<Bucket>> {
        if bucket.is_some() {
            return Ok(vec![self.bucket(bucket)?]);
        }
        let shown = self.records()?.into_iter().filter(|record| !record.internal);
        shown.map(|record| Bucket::open(record, self)).collect()
    }

    /// Closes a drop: from the next request on it takes nothing. What it took stays.
    pub fn close_drop(&self, name: &str) -> Result<DropInfo> {
        let (mut bucket, known) = self.find_drop(name)?;
        bucket.writable()?;
        let held = self.held_messages(&bucket)?;
        let (capability, entry) = (known.drop.capability, known.drop.entry);
        let mut info = self.drop_info(&bucket, known, &held)?;
        self.write_close(&mut bucket, capability, &held)?;
        info.open = false;
        let sent = self.push_best_effort(&mut bucket)?;
        info.sent = Some(sent);
        if let Some(made) = self.kept_address(entry)?
            && let Some(session) = self.asking_session(&bucket).filter(|_| sent)
        {
            // Its link leads nowhere already; this only clears up.
            let id = LinkSecret::from_secret_bytes(&made.secret.to_secret_bytes()).id();
            let _ = self.runtime()?.block_on(session.forget_link(bucket.record.id, id));
        }
        Ok(info)
    }

    pub(super) fn write_close(
        &self,
        bucket: &mut Bucket,
        capability: CapabilityId,
        held: &[Held],
    ) -> Result<()> {
        self.renew_if_due(bucket)?;
        let _lock = self.replica.lock_bucket(bucket.no())?;
        let mut control = self.standing(bucket)?.control;
        // What came through it and was not taken yet goes on counting.
        let of_drop = held.iter().filter(|held| held.capability == Some(capability));
        let cutoffs = of_drop.map(|held| (held.author, 0, held.id)).take(CUTOFFS_MAX).collect();
        let targets = vec![RevokeTarget::Capability(capability)];
        let planned = take_out(targets, cutoffs, &control.parents(), "drop closed");
        let mut intake = Intake::start(&self.replica, bucket.no())?;
        for sealed in self.seal(bucket, &[planned], false, &mut intake)? {
            let refused = |e| Error::new(ErrorKind::Refused, format!("you may not do this: {e}"));
            control.insert(&sealed).map_err(refused)?;
            intake.add(Taken::plain(sealed), true)?;
        }
        if control.drops().iter().any(|drop| drop.capability == capability) {
            let what = "you may not close this drop: who made it stands above you here";
            return Err(Error::new(ErrorKind::Refused, what)
                .with_hint("`strongroom grants` shows who let whom in"));
        }
        intake.commit().map(drop)
    }

    fn find_drop(&self, name: &str) -> Result<(Bucket, Known)> {
        for bucket in self.named_or_all(None)? {
            let known = self.known_drops(&bucket)?.into_iter().find(|known| known.name == name);
            if let Some(known) = known {
                return Ok((bucket, known));
            }
        }
        Err(Error::not_found(format!("drop called {name}"))
            .with_hint("`strongroom drop ls` shows all that are open"))
    }

    fn drop_named(&self, bucket: &Bucket, name: &str) -> Result<DropInfo> {
        let known = self.known_drops(bucket)?.into_iter().find(|known| known.name == name);
        let known = known.ok_or_else(|| Error::not_found(format!("drop called {name}")))?;
        self.drop_info(bucket, known, &[])
    }

    pub(super) fn known_drops(&self, bucket: &Bucket) -> Result<Vec<Known>> {
        if self.made_drops(bucket)?.is_empty() {
            return Ok(Vec::new());
        }
        let drops = self.standing(bucket)?.control.drops();
        drops.into_iter().map(|drop| self.known(bucket, drop)).collect()
    }

    fn known(&self, bucket: &Bucket, drop: Drop) -> Result<Known> {
        let entry = self.replica.entry_by_id(bucket.no(), drop.entry)?;
        let entry = entry.ok_or_else(|| Error::damaged("a drop's entry is missing here"))?;
        let facts = member_facts(&bucket.keyring, &bucket.names, &entry).ok();
        let name = facts.as_ref().and_then(|facts| name_of(&facts.body.rights));
        let name = name.map_or_else(|| drop.entry.to_string(), str::to_owned);
        Ok(Known { drop, name })
    }

    fn drop_info(&self, bucket: &Bucket, known: Known, held: &[Held]) -> Result<DropInfo> {
        let Known { drop, name } = known;
        let address = self.kept_address(drop.entry)?.map(|address| address.to_text());
        let waiting = held.iter().filter(|held| held.capability == Some(drop.capability)).count();
        Ok(DropInfo {
            name,
            bucket: bucket.record.label.clone(),
            until: drop.expires,
            quota_bytes: drop.caveats.quota_bytes,
            per_hour: drop.caveats.entries_per_hour,
            waiting: waiting as u64,
            open: drop.expires > self.clock.now_secs(),
            address,
            sent: None,
        })
    }

    /// Numbers of the member entries that made drops here. Most buckets have none.
    fn made_drops(&self, bucket: &Bucket) -> Result<Vec<u64>> {
        let mut made = Vec::new();
        self.replica.each(&keys::drops_made(bucket.no()), |key, _| {
            made.extend(key.last_chunk::<8>().map(|no| u64::from_be_bytes(*no)));
            Ok(true)
        })?;
        Ok(made)
    }

    /// Puts a drop card where the provider has none of the epoch of now, or one that ends soon.
    /// Only who may make epochs can; of a bucket without a drop nothing is asked.
    pub(crate) fn renew_drop_card(
        &self,
        bucket: &Bucket,
        record: &RemoteRecord,
        session: &Session,
    ) -> Result<()> {
        let epoch = bucket.record.current_epoch;
        let drops = self.made_drops(bucket)?.len() as u64;
        if epoch.is_zero() || drops == 0 {
            return Ok(());
        }
        let chain = bucket.chain()?;
        let Some(own) = chain.last().map(Capability::claims) else { return Ok(()) };
        let now = self.clock.now_secs();
        let expires = (now + DROP_CARD_AGE_MAX_SECS - CLOCK_SKEW_SECS).min(own.expires);
        let key = keys::drop_card(bucket.no(), record.no);
        let last = self.replica.rows().get(&key)?;
        let good = last.as_deref().and_then(read_row).is_some_and(|(id, end, of)| {
            id == epoch && of == drops && (end > now + CARD_RENEWED_SECS || end >= own.expires)
        });
        if good || !own.actions.contains(Action::Rotate) {
            return Ok(());
        }
        let control = self.standing(bucket)?.control;
        // No message is older than its drop, whatever its sender's clock says.
        let made = control.epochs().find(|(id, _)| **id == epoch).map(|_| control.hlc());
        let genesis = self.replica.entry_by_id(bucket.no(), bucket.record.id.genesis())?;
        let content = bucket.keyring.content(&epoch);
        let (Some(made), Some(genesis), Some(content)) = (made, genesis, content) else {
            return Ok(());
        };
        if drops_open(&control, now).is_empty() {
            return Ok(());
        }
        let card = card(bucket.record.id, (epoch, made), content, expires);
        let bytes = card.issue(&genesis, &chain, |input| bucket.author.sign(input));
        self.runtime()?.block_on(session.put_drop_card(bucket.record.id, bytes))?;
        let mut batch = Batch::new();
        batch.put(key, [&epoch.0[..], &expires.to_be_bytes(), &drops.to_be_bytes()].concat());
        Ok(self.replica.rows().commit(batch)?)
    }

    /// This device's key, by which it signs messages to others.
    pub(crate) const fn device_key(&self) -> &DeviceSigningKey {
        &self.secrets.device
    }

    /// This person's card, without a name, with the inbox if one is open: an answer goes there.
    pub(crate) fn own_card_bytes(&self) -> Result<Vec<u8>> {
        let inbox = self.own_inbox()?;
        Ok(Card { inbox, ..self.own_log()?.0.card(None) }.encode())
    }
}

fn drops_open(control: &Control, now: u64) -> Vec<Drop> {
    control.drops().into_iter().filter(|drop| drop.expires > now).collect()
}

fn read_row(row: &[u8]) -> Option<(EntryId, u64, u64)> {
    let (epoch, rest) = row.split_first_chunk::<32>()?;
    let (end, drops) = rest.split_first_chunk::<8>()?;
    let drops = u64::from_be_bytes(drops.try_into().ok()?);
    Some((EntryId(*epoch), u64::from_be_bytes(*end), drops))
}
