//! Work that does not count: honest, it may be, and past a cutoff. Comes in: what the rules set
//! aside. Goes out: who wrote it, what it says, and the same under one's own name. Must not know:
//! terminals.
//!
//! Nothing of it is shown as content before an admin adopts it. What was adopted or dismissed is
//! remembered in the vault's own bucket, so that all devices of a person say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use strongroom_core::joining::member_facts;
use strongroom_wire::capability::Action;
use strongroom_wire::cbor::{CborError, Reader, Writer, strictly_ascending};
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::{Clear, References, RevokeTarget};
use strongroom_wire::entry::{Entry, Kind};
use strongroom_wire::ids::{AuthorKey, EntryId, MemberTag, PrincipalId};

use super::bucket::heads_of;
use super::{Bucket, Change, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::get::Fetcher;
use crate::progress::{Progress, Quiet};
use crate::report::Quarantined;

/// Documents of the vault's bucket, one a bucket: entries that were looked at.
pub(crate) const SETTLED: &str = "strongroom/settled/";
/// Entries one such document names. They stand in its entry.
const SETTLED_MAX: usize = 1_024;

/// The bytes of a document that names entries.
pub(crate) fn encode_settled(entries: &BTreeSet<EntryId>) -> Vec<u8> {
    let mut w = Writer::new();
    w.array(1).array(entries.len());
    for id in entries {
        w.bytes(&id.0);
    }
    w.into_bytes()
}

/// Reads what [`encode_settled`] wrote.
pub(crate) fn decode_settled(bytes: &[u8]) -> Result<BTreeSet<EntryId>, CborError> {
    let mut r = Reader::new(bytes);
    r.array_exact(1)?;
    let count = r.array(SETTLED_MAX)?;
    let ids = (0..count).map(|_| r.bytes_exact().map(EntryId)).collect::<Result<Vec<_>, _>>()?;
    r.end()?;
    if strictly_ascending(&ids) { Ok(ids.into_iter().collect()) } else { Err(CborError::Order) }
}

/// One of them, and where it is.
struct Found {
    bucket: Bucket,
    entry: Verified<Entry>,
    info: Quarantined,
}

impl Vault {
    /// Everything that does not count and was neither adopted nor dismissed, oldest first.
    pub fn quarantine(&self, bucket: Option<&str>) -> Result<Vec<Quarantined>> {
        let mut found = self.set_aside(bucket)?;
        found.sort_by_key(|it| (it.entry.header().hlc, it.entry.id()));
        Ok(found.into_iter().map(|found| found.info).collect())
    }

    /// Writes what one of them says, if it is a content that opens.
    pub fn quarantined(&self, entry: &str, out: &mut dyn Write) -> Result<Quarantined> {
        let found = self.one(entry)?;
        if found.entry.header().kind == Kind::Version {
            let body = found.bucket.keyring.open_version(&found.entry)?;
            let fetcher = Fetcher::new(self, &found.bucket);
            fetcher.write_content(&body, out, &Quiet)?;
            fetcher.end()?;
        }
        Ok(found.info)
    }

    /// Writes it again under this person's own name. Only admins may; the others see it then.
    pub fn adopt(&self, entry: &str, progress: &dyn Progress) -> Result<Quarantined> {
        let Found { mut bucket, entry, info } = self.one(entry)?;
        bucket.writable()?;
        if !bucket.may(Action::Admin) || info.what == "unsent" {
            let what = "only an admin can take work over that does not count";
            return Err(Error::new(ErrorKind::Refused, what)
                .with_hint("`strongroom grants` shows who is one"));
        }
        let header = entry.header();
        match header.kind {
            Kind::Revoke => self.confirm(&bucket, &entry)?,
            kind => {
                let row = self.replica.document(bucket.no(), header.document)?;
                let (body, references) = match kind {
                    Kind::Version => (Some(bucket.keyring.open_version(&entry)?), refs(&entry)?),
                    _ => (None, References::NONE),
                };
                let parents = heads_of(row.as_ref());
                let tag = header.document;
                let change = Change { tag, parents, body, references, stamp: None };
                self.write(&bucket, vec![change])?;
            }
        }
        self.settled(&bucket, &[entry.id()])?;
        self.push_best_effort(&mut bucket)?;
        progress.advance(1, 0);
        Ok(info)
    }

    /// Says that it need not be looked at any more. It stays where it is.
    pub fn dismiss(&self, entry: &str) -> Result<Quarantined> {
        let Found { bucket, entry, info } = self.one(entry)?;
        self.settled(&bucket, &[entry.id()])?;
        let mut vault = self.vault_bucket()?;
        self.push_best_effort(&mut vault)?;
        Ok(info)
    }

    /// Says so of all that is in a bucket, and that nobody takes what this device has not sent
    /// there. Gives how many entries it was.
    pub fn dismiss_all(&self, bucket: &str) -> Result<u64> {
        let bucket = self.bucket(Some(bucket))?;
        let found = self.set_aside(Some(&bucket.record.id.to_string()))?;
        let kept = found.iter().filter(|it| it.info.what != "unsent");
        let ids: Vec<EntryId> = kept.map(|it| it.entry.id()).collect();
        if !ids.is_empty() {
            self.settled(&bucket, &ids)?;
        }
        let last = self.replica.tip(bucket.no())?.last_no;
        for record in self.remote_records()? {
            let mut state = self.sync_state(&bucket, &record)?;
            if state.closed {
                state.pushed = last;
                self.put_sync_state(&bucket, &record, &state)?;
            }
        }
        let mut vault = self.vault_bucket()?;
        self.push_best_effort(&mut vault)?;
        Ok(found.len() as u64)
    }

    fn one(&self, name: &str) -> Result<Found> {
        let bare = name.strip_prefix("ent:").unwrap_or(name);
        let such = |it: &Found| !bare.is_empty() && it.entry.id().to_base32().starts_with(bare);
        let found: Vec<Found> = self.set_aside(None)?.into_iter().filter(such).collect();
        match <[Found; 1]>::try_from(found) {
            Ok([one]) => Ok(one),
            Err(none) if none.is_empty() => {
                Err(Error::not_found(format!("entry {name} in quarantine"))
                    .with_hint("`strongroom quarantine ls` shows all"))
            }
            Err(_) => Err(Error::new(ErrorKind::Usage, format!("{name} names several entries"))
                .with_hint("type more of the id that `strongroom quarantine ls` shows")),
        }
    }

    fn set_aside(&self, bucket: Option<&str>) -> Result<Vec<Found>> {
        let mut records = self.records()?;
        records.retain(|record| !record.internal);
        if let Some(name) = bucket {
            let id = self.bucket(Some(name))?.record.id;
            records.retain(|record| record.id == id);
        }
        let mut found = Vec::new();
        for record in records {
            let bucket = Bucket::open(record, self)?;
            let entries = self.aside(&bucket)?;
            if entries.is_empty() {
                continue;
            }
            let settled = self.all_settled(&bucket)?;
            let writers = self.writers(&bucket)?;
            for (entry, what) in entries {
                if !settled.contains(&entry.id()) {
                    let info = self.said_of(&bucket, &entry, what, &writers)?;
                    let bucket = Bucket::open(bucket.record.clone(), self)?;
                    found.push(Found { bucket, entry, info });
                }
            }
        }
        Ok(found)
    }

    /// What was set aside in a bucket: hidden versions and removals, revokes that do not stand, and
    /// what this device wrote and nobody takes.
    fn aside(&self, bucket: &Bucket) -> Result<Vec<(Verified<Entry>, &'static str)>> {
        let mut entries = Vec::new();
        for no in self.hidden_numbers(bucket)? {
            let entry = self.replica.entry(bucket.no(), no)?;
            match entry.header().kind {
                Kind::Version => entries.push((entry, "version")),
                Kind::Tombstone => entries.push((entry, "removal")),
                _ => {}
            }
        }
        let log = self.control_entries(bucket)?;
        if log.iter().any(|entry| entry.header().kind == Kind::Revoke)
            && let Some(control) = self.control(bucket)?
        {
            let undone = log.into_iter().filter(|entry| {
                entry.header().kind == Kind::Revoke && !control.stands(&entry.id())
            });
            entries.extend(undone.map(|entry| (entry, "revoke")));
        }
        let own = bucket.author.author();
        for record in self.remote_records()? {
            let state = self.sync_state(bucket, &record)?;
            let last = self.replica.tip(bucket.no())?.last_no;
            for no in (state.pushed + 1..=last).filter(|_| state.closed) {
                let entry = self.replica.entry(bucket.no(), no)?;
                let header = entry.header();
                let is_work = matches!(header.kind, Kind::Version | Kind::Tombstone);
                if is_work && header.author == own {
                    entries.push((entry, "unsent"));
                }
            }
        }
        Ok(entries)
    }

    /// Who is behind each author, whether in or out.
    fn writers(&self, bucket: &Bucket) -> Result<BTreeMap<AuthorKey, PrincipalId>> {
        let mut writers = BTreeMap::new();
        for entry in self.control_entries(bucket)? {
            if entry.header().kind == Kind::Member
                && let Ok(facts) = member_facts(&bucket.keyring, &bucket.names, &entry)
                && facts.body.proof.is_some()
            {
                writers.insert(entry.header().author, facts.body.principal);
            }
        }
        Ok(writers)
    }

    fn said_of(
        &self,
        bucket: &Bucket,
        entry: &Verified<Entry>,
        what: &'static str,
        writers: &BTreeMap<AuthorKey, PrincipalId>,
    ) -> Result<Quarantined> {
        let header = entry.header();
        let principal = writers.get(&header.author).copied();
        let by = principal.map(|it| self.contact_of(it)).transpose()?.flatten();
        let body = Self::said(bucket, entry).filter(|_| header.kind == Kind::Version);
        let name = match (&body, header.kind) {
            (Some(body), _) => Some(body.metadata.name.clone()),
            (None, Kind::Revoke) => Some(self.named_by(bucket, entry)?.join(", ")),
            _ => self.path_of(bucket, header.document).ok(),
        };
        Ok(Quarantined {
            entry: entry.id().to_string(),
            bucket: bucket.record.label.clone(),
            what,
            by: by.map(|it| it.name),
            principal: principal.map(|it| it.to_string()),
            at: header.hlc.secs(),
            name: name.filter(|name| !name.is_empty()),
            size: body.map(|body| body.metadata.size),
        })
    }

    /// Whom a revoke names, by name or principal.
    fn named_by(&self, bucket: &Bucket, entry: &Entry) -> Result<Vec<String>> {
        let tags = tags_of(entry);
        let mut names = Vec::new();
        for member in self.control_entries(bucket)? {
            let Ok(facts) = member_facts(&bucket.keyring, &bucket.names, &member) else { continue };
            let principal = facts.body.principal;
            if tags.contains(&bucket.names.member_tag(principal)) {
                let known = self.contact_of(principal)?.map(|it| it.name);
                names.push(known.unwrap_or_else(|| principal.to_string()));
            }
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// Takes out, in this person's own name, whom an undone revoke named.
    fn confirm(&self, bucket: &Bucket, entry: &Entry) -> Result<()> {
        let members = self.standing(bucket)?.control.members();
        for tag in tags_of(entry).intersection(&members) {
            let mut bucket = Bucket::open(bucket.record.clone(), self)?;
            self.renew_if_due(&mut bucket)?;
            self.write_removal(&mut bucket, *tag, "they")?;
        }
        Ok(())
    }

    fn settled(&self, bucket: &Bucket, entries: &[EntryId]) -> Result<()> {
        let mut all = self.all_settled(bucket)?;
        all.extend(entries);
        if all.len() > SETTLED_MAX {
            let what = format!("a bucket remembers {SETTLED_MAX} entries that were looked at");
            return Err(Error::new(ErrorKind::Usage, what)
                .with_hint("leave the rest; it does not count either way"));
        }
        let vault = self.vault_bucket()?;
        let text = format!("{SETTLED}{}", bucket.record.id.to_base32());
        let change = self.internal_change(&vault, &text, encode_settled(&all))?;
        self.write(&vault, vec![change]).map(drop)
    }

    /// What devices of this person have looked at, together.
    fn all_settled(&self, bucket: &Bucket) -> Result<BTreeSet<EntryId>> {
        let vault = self.vault_bucket()?;
        let text = format!("{SETTLED}{}", bucket.record.id.to_base32());
        let mut all = BTreeSet::new();
        if let Some(row) = self.replica.document(vault.no(), vault.natural(&text))? {
            for bytes in self.internal_heads(&vault, &row)? {
                all.append(&mut decode_settled(&bytes)?);
            }
        }
        Ok(all)
    }
}

fn refs(entry: &Entry) -> Result<References> {
    match Clear::decode(entry.header().kind, entry.clear())? {
        Clear::Version(version) => Ok(version.references),
        _ => Ok(References::NONE),
    }
}

fn tags_of(entry: &Entry) -> BTreeSet<MemberTag> {
    let Ok(Clear::Revoke(revoke)) = Clear::decode(entry.header().kind, entry.clear()) else {
        return BTreeSet::new();
    };
    let tag = |target: &RevokeTarget| match target {
        RevokeTarget::Member(tag) => Some(*tag),
        _ => None,
    };
    revoke.targets.iter().filter_map(tag).collect()
}
