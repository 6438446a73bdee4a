//! Where contacts are kept: sealed documents of the vault's own bucket. Comes in: a record with its
//! card. Goes out: the same from every device of the person, joined. Must not know: where cards
//! come from, what is believed of them.
//!
//! Bytes: docs/spec/document.md, "Contacts".

use strongroom_core::card::{Card, CardError};
use strongroom_core::contact::{Contact, ContactRecord, merge};
use strongroom_core::keylog::KeyLog;
use strongroom_wire::ids::{PrincipalId, base32};
use strongroom_wire::limits::CARD_PART_LEN;

use super::documents::{CARD, CONTACT};
use super::{Bucket, Change, Vault};
use crate::error::{Error, Result};
use crate::replica::keys;
use crate::replica::rows::DocumentRow;

/// The document of a contact.
fn contact_text(principal: PrincipalId) -> String {
    format!("{CONTACT}{}", principal.to_base32())
}

/// The document of one part of a card.
fn part_text(hash: &[u8; 32], part: usize) -> String {
    format!("{CARD}{}/{part}", base32(hash))
}

impl Vault {
    /// All principals that are or were pinned, by name, then by id.
    pub(crate) fn pinned(&self, vault: &Bucket) -> Result<Vec<Contact>> {
        self.pinned_where(vault, |_| true)
    }

    /// Those of whom some device wrote such a record. Nobody else's key log is verified: among a
    /// hundred contacts that takes longer than what is asked for.
    pub(crate) fn pinned_where(
        &self,
        vault: &Bucket,
        such: impl Fn(&ContactRecord) -> bool,
    ) -> Result<Vec<Contact>> {
        let start = CONTACT.replace('/', ":");
        let rows: Vec<(Vec<u8>, DocumentRow)> = self.replica.all(&keys::documents(vault.no()))?;
        let mut found = Vec::new();
        for (_, row) in rows {
            let facts = row.current().and_then(|head| head.facts.as_ref());
            if facts.is_some_and(|facts| facts.name.starts_with(&start)) {
                let about = |error: Error| match facts {
                    Some(facts) => error.about(&facts.name),
                    None => error,
                };
                let records = self.records_of(vault, &row).map_err(about)?;
                if records.iter().any(&such) {
                    found.push(self.joined(vault, records).map_err(about)?);
                }
            }
        }
        found.sort_by(|a, b| {
            let key = |it: &Contact| (it.record.name.to_lowercase(), it.record.pin.principal);
            key(a).cmp(&key(b))
        });
        Ok(found)
    }

    /// One principal, if it is or was pinned.
    pub(crate) fn pinned_one(
        &self,
        vault: &Bucket,
        principal: PrincipalId,
    ) -> Result<Option<Contact>> {
        let tag = vault.natural(&contact_text(principal));
        let Some(row) = self.replica.document(vault.no(), tag)? else { return Ok(None) };
        let records = self.records_of(vault, &row)?;
        if records.iter().all(|record| record.pin.principal != principal) {
            return Ok(None);
        }
        self.joined(vault, records).map(Some)
    }

    /// What devices wrote of somebody without knowing of each other, the newest first.
    fn records_of(&self, vault: &Bucket, row: &DocumentRow) -> Result<Vec<ContactRecord>> {
        let heads = self.internal_heads(vault, row)?;
        Ok(heads
            .iter()
            .map(|it| ContactRecord::decode(it))
            .collect::<core::result::Result<_, _>>()?)
    }

    fn joined(&self, vault: &Bucket, records: Vec<ContactRecord>) -> Result<Contact> {
        let mut heads = Vec::new();
        for record in records {
            let log = self.kept_log(vault, &record)?;
            heads.push((record, log));
        }
        merge(&heads).ok_or_else(|| Error::damaged("what is kept of a contact"))
    }

    /// The log of a record. It was verified before it was written, by some device, and is verified
    /// again: what is used is never older than its check.
    fn kept_log(&self, vault: &Bucket, record: &ContactRecord) -> Result<KeyLog> {
        let card = self.kept_card(vault, record)?;
        let damaged = |error| Error::damaged(format!("the card of {}: {error}", record.name));
        card.verify().map_err(damaged)
    }

    /// The card of a record, as it was pinned; nothing of it is verified again.
    pub(crate) fn kept_card(&self, vault: &Bucket, record: &ContactRecord) -> Result<Card> {
        let damaged = |what: &str| Error::damaged(format!("the card of {}: {what}", record.name));
        let mut bytes = Vec::new();
        let parts = usize::try_from(record.card_len).unwrap_or(usize::MAX).div_ceil(CARD_PART_LEN);
        for part in 0..parts {
            let text = part_text(&record.card, part);
            let content = self.internal(vault, &text)?;
            bytes.extend(content.ok_or_else(|| damaged("a part of it is missing"))?);
        }
        if *blake3::hash(&bytes).as_bytes() != record.card {
            return Err(damaged("it is not the one that was pinned"));
        }
        Card::decode(&bytes).map_err(|error: CardError| damaged(&error.to_string()))
    }

    /// Writes a contact, and what of its card is not there yet.
    pub(crate) fn contact_changes(
        &self,
        vault: &Bucket,
        record: &mut ContactRecord,
        card: &Card,
    ) -> Result<Vec<Change>> {
        // Without name and inbox, so that the same log has the same bytes however it came.
        let bytes = Card { name: None, inbox: None, ..card.clone() }.encode();
        record.card = *blake3::hash(&bytes).as_bytes();
        record.card_len = bytes.len() as u64;
        let mut changes = vec![self.record_change(vault, record)?];
        for (part, content) in bytes.chunks(CARD_PART_LEN).enumerate() {
            let text = part_text(&record.card, part);
            if self.internal(vault, &text)?.is_none() {
                changes.push(self.internal_change(vault, &text, content.to_vec())?);
            }
        }
        Ok(changes)
    }

    /// Writes what is known of a contact whose card stays. It follows all that devices wrote of
    /// them before.
    pub(crate) fn record_change(&self, vault: &Bucket, record: &ContactRecord) -> Result<Change> {
        self.internal_change(vault, &contact_text(record.pin.principal), record.encode())
    }
}
