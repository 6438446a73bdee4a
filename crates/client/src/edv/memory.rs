//! What a person's devices have seen of the documents of an EDV vault. Comes in: states that
//! were read or written. Goes out: whether a server shows less than that. Must not know: servers,
//! what the documents say.
//!
//! One sealed document of the vault's own bucket for each document seen. Devices that did not know
//! of each other leave several heads; the highest state counts.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_wire::cbor::{CborError, Reader, Writer};
use strongroom_wire::ids::base32;
use strongroom_wire::limits::BLIND_ATTRIBUTES_MAX;

use super::Edv;
use super::record::{EdvGrant, EdvRecord};
use crate::error::{Error, ErrorKind, Result};
use crate::replica::keys;
use crate::replica::rows::DocumentRow;
use crate::vault::{Bucket, Change, Vault};

/// Documents of the vault's own bucket, one an EDV vault.
pub const EDV: &str = "strongroom/edv/";
/// Documents of the vault's own bucket, one a document of an EDV vault.
pub const SEEN: &str = "strongroom/edv-seen/";

/// Documents of the vault's own bucket, one a grant of an EDV vault.
pub const GRANT: &str = "strongroom/edv-grant/";

/// By what a vault is kept: its URL is too long for a name.
fn tag_of(url: &str) -> String {
    let hash = blake3::hash(url.as_bytes());
    base32(hash.as_bytes().first_chunk::<16>().unwrap_or(&[0; 16]))
}

/// What was seen of one document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// The state.
    pub sequence: u64,
    /// Of its envelope.
    pub digest: [u8; 32],
    /// Whether somebody who may write had signed it.
    pub signed: bool,
    /// Whether it was a tombstone.
    pub deleted: bool,
    /// Indexes by number, and eight bytes of a value's hash: whether a value repeats.
    pub values: BTreeSet<(u64, [u8; 8])>,
}

impl Seen {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(5).uint(self.sequence).bytes(&self.digest).bool(self.signed).bool(self.deleted);
        w.array(self.values.len());
        for (index, value) in &self.values {
            w.array(2).uint(*index).bytes(value);
        }
        w.into_bytes()
    }

    /// Reads the canonical bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        r.array_exact(5)?;
        let (sequence, digest) = (r.uint()?, r.bytes_exact()?);
        let (signed, deleted) = (r.bool()?, r.bool()?);
        let count = r.array(BLIND_ATTRIBUTES_MAX)?;
        let mut values = BTreeSet::new();
        for _ in 0..count {
            r.array_exact(2)?;
            let value = (r.uint()?, r.bytes_exact()?);
            if values.last().is_some_and(|last| *last >= value) {
                return Err(CborError::Order);
            }
            values.insert(value);
        }
        r.end()?;
        Ok(Self { sequence, digest, signed, deleted, values })
    }
}

impl Vault {
    /// All EDV vaults this person knows, by name.
    pub(super) fn edv_records(&self) -> Result<Vec<EdvRecord>> {
        let own = self.vault_bucket()?;
        let mut found: Vec<EdvRecord> = Vec::new();
        for (_, row) in self.internal_under(&own, EDV)? {
            if let Some(bytes) = self.internal_content(&own, &row)? {
                let record = EdvRecord::decode(&bytes)?;
                let grants = self.kept_grants(&own, &record.url)?;
                found.push(EdvRecord { grants, ..record });
            }
        }
        found.sort_by(|a, b| (&a.name, &a.url).cmp(&(&b.name, &b.url)));
        Ok(found)
    }

    /// Writes what is known of one.
    pub(super) fn keep_edv(&self, record: &EdvRecord) -> Result<()> {
        let text = format!("{EDV}{}", tag_of(&record.url));
        let mut own = self.vault_bucket()?;
        let change = self.internal_change(&own, &text, record.encode().to_vec())?;
        self.write(&own, vec![change])?;
        self.push_best_effort(&mut own).map(drop)
    }

    /// Grants that were not taken back. Of one that two devices wrote of, the end counts.
    fn kept_grants(&self, own: &Bucket, url: &str) -> Result<Vec<EdvGrant>> {
        let mut grants = Vec::new();
        for (_, row) in self.internal_under(own, &format!("{GRANT}{}/", tag_of(url)))? {
            let heads = self.internal_heads(own, &row)?;
            let heads =
                heads.iter().map(|bytes| EdvGrant::decode(bytes)).collect::<Result<Vec<_>, _>>()?;
            if heads.iter().all(|head| !head.ended) {
                grants.extend(heads.into_iter().next());
            }
        }
        Ok(grants)
    }

    /// Writes grants, or that they are taken back.
    pub(super) fn keep_grants(&self, url: &str, grants: &[EdvGrant]) -> Result<()> {
        let mut own = self.vault_bucket()?;
        let mut changes = Vec::new();
        for grant in grants {
            let hash = blake3::hash(grant.zcap.as_bytes());
            let short = hash.as_bytes().first_chunk::<16>().copied().unwrap_or_default();
            let text = format!("{GRANT}{}/{}", tag_of(url), base32(&short));
            changes.push(self.internal_change(&own, &text, grant.encode())?);
        }
        self.write(&own, changes)?;
        self.push_best_effort(&mut own).map(drop)
    }

    /// Internal documents whose text begins so, by the rest of it.
    fn internal_under(&self, bucket: &Bucket, start: &str) -> Result<Vec<(String, DocumentRow)>> {
        let start = start.replace('/', ":");
        let rows: Vec<(Vec<u8>, DocumentRow)> = self.replica.all(&keys::documents(bucket.no()))?;
        let named = rows.into_iter().filter_map(|(_, row)| {
            let name = &row.current()?.facts.as_ref()?.name;
            let rest = name.strip_prefix(&start)?.to_owned();
            Some((rest, row))
        });
        Ok(named.collect())
    }
}

impl Edv<'_> {
    fn seen_text(&self, document: &str) -> String {
        format!("{SEEN}{}/{document}", tag_of(&self.record.url))
    }

    /// What was seen of all documents of this vault.
    pub(super) fn all_seen(&self) -> Result<BTreeMap<String, Seen>> {
        let own = self.vault.vault_bucket()?;
        let start = format!("{SEEN}{}/", tag_of(&self.record.url));
        let mut all = BTreeMap::new();
        for (document, row) in self.vault.internal_under(&own, &start)? {
            if let Some(seen) = self.newest(&own, &row)? {
                all.insert(document, seen);
            }
        }
        Ok(all)
    }

    /// What was seen of one.
    pub(super) fn seen(&self, document: &str) -> Result<Option<Seen>> {
        let own = self.vault.vault_bucket()?;
        let tag = own.natural(&self.seen_text(document));
        match self.vault.replica.document(own.no(), tag)? {
            Some(row) => self.newest(&own, &row),
            None => Ok(None),
        }
    }

    fn newest(&self, own: &Bucket, row: &DocumentRow) -> Result<Option<Seen>> {
        let heads = self.vault.internal_heads(own, row)?;
        let seen = heads.iter().map(|bytes| Seen::decode(bytes)).collect::<Result<Vec<_>, _>>()?;
        Ok(seen.into_iter().max())
    }

    /// Remembers these. What is known already costs nothing.
    pub(super) fn remember(&self, seen: &BTreeMap<String, Seen>) -> Result<()> {
        let mut own = self.vault.vault_bucket()?;
        let mut changes: Vec<Change> = Vec::new();
        for (document, seen) in seen {
            if self.seen(document)?.as_ref() != Some(seen) {
                let text = self.seen_text(document);
                changes.push(self.vault.internal_change(&own, &text, seen.encode())?);
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        self.vault.write(&own, changes)?;
        self.vault.push_best_effort(&mut own).map(drop)
    }
}

/// Refuses a state that is older than one that was seen, or another of the same number.
pub(super) fn not_less(document: &str, now: &Seen, before: &Seen) -> Result<()> {
    let wrong = if now.sequence < before.sequence {
        format!(
            "{document}: the server shows state {}, and state {} was seen",
            now.sequence, before.sequence
        )
    } else if now.sequence == before.sequence && now.digest != before.digest {
        format!("{document}: the server shows another state {} than was seen", now.sequence)
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Damaged, wrong)
        .with_hint("nothing of it was used; ask whoever runs the server what was put back"))
}
