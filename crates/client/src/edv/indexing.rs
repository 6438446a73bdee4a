//! What a server of EDV vaults is told of a document's content. Comes in: a document and the
//! indexes of its vault. Goes out: blinded attributes, or a refusal where they would say too much.
//! Must not know: sockets.
//!
//! The rule (docs/spec/edv-client.md) is kept by what this person's devices have seen of the vault:
//! no server has to be asked, and none can lie about it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use strongroom_seal::blind::{BlindError, BlindKey, Index, Spread};
use strongroom_seal::edv::Body;

use super::Edv;
use super::memory::Seen;
use crate::error::{Error, ErrorKind, Result};

/// The only kind of blinding key.
pub const HMAC_TYPE: &str = "Sha256HmacKey2019";

impl Edv<'_> {
    pub(super) fn blind_key(&self) -> Option<BlindKey> {
        self.record.hmac.as_ref().map(|hmac| BlindKey::from_secret_bytes(&hmac.key))
    }

    pub(super) fn indexes(&self) -> Vec<Index> {
        self.record.indexes.iter().map(|it| it.index.clone()).collect()
    }

    /// By which values are counted: eight bytes of each blinded value, by index.
    pub(super) fn values_of(&self, body: &Body) -> BTreeSet<(u64, [u8; 8])> {
        let Some(key) = self.blind_key() else { return BTreeSet::new() };
        let document = document_of(body);
        let mut values = BTreeSet::new();
        for (number, it) in self.record.indexes.iter().enumerate() {
            let found = key.attributes(std::slice::from_ref(&it.index), &document);
            // What cannot be indexed here, another program has written.
            for attribute in found.unwrap_or_default() {
                let hash = blake3::hash(attribute.value.as_bytes());
                let short = hash.as_bytes().first_chunk::<8>().copied().unwrap_or_default();
                values.insert((number as u64, short));
            }
        }
        values
    }

    /// The entries for a document: ours anew, those of other programs as they are.
    pub(super) fn index_entries(
        &self,
        id: &str,
        sequence: u64,
        body: &Body,
        before: &[Value],
    ) -> Result<Vec<Value>> {
        let Some(hmac) = &self.record.hmac else { return Ok(before.to_vec()) };
        let is_ours = |entry: &&Value| {
            entry["hmac"]["id"] == hmac.id.as_str() && entry["hmac"]["type"] == HMAC_TYPE
        };
        let mut entries: Vec<Value> =
            before.iter().filter(|entry| !is_ours(entry)).cloned().collect();
        if self.record.indexes.is_empty() && entries.len() == before.len() {
            return Ok(entries);
        }
        self.not_too_much(id, body)?;
        let key = BlindKey::from_secret_bytes(&hmac.key);
        let found =
            key.attributes(&self.indexes(), &document_of(body)).map_err(|it| blind_error(&it))?;
        let attributes: Vec<Value> = found
            .into_iter()
            .map(|it| {
                let mut entry = json!({"name": it.name, "value": it.value});
                if it.unique {
                    entry["unique"] = true.into();
                }
                entry
            })
            .collect();
        entries.push(json!({
            "hmac": {"id": hmac.id, "type": HMAC_TYPE},
            "sequence": sequence,
            "attributes": attributes,
        }));
        Ok(entries)
    }

    /// Refuses a document with which an index would say too much. Unique ones cannot repeat.
    fn not_too_much(&self, id: &str, body: &Body) -> Result<()> {
        let watched: Vec<usize> = (0..self.record.indexes.len())
            .filter(|at| {
                let it = &self.record.indexes[*at];
                !it.leaky && !it.index.is_unique()
            })
            .collect();
        if watched.is_empty() {
            return Ok(());
        }
        let mut all = self.all_seen()?;
        let values = self.values_of(body);
        let fresh = Seen { sequence: 0, digest: [0; 32], signed: true, deleted: false, values };
        all.insert(id.to_owned(), fresh);
        for at in watched {
            let mut counts: BTreeMap<[u8; 8], u64> = BTreeMap::new();
            for seen in all.values().filter(|seen| !seen.deleted) {
                for (_, value) in seen.values.iter().filter(|(index, _)| *index == at as u64) {
                    *counts.entry(*value).or_default() += 1;
                }
            }
            let spread = Spread::of(counts.into_values());
            if spread.says_too_much() {
                return Err(says_too_much(&self.record.indexes[at].index, &spread));
            }
        }
        Ok(())
    }
}

fn says_too_much(index: &Index, spread: &Spread) -> Error {
    let what = format!(
        "the values of {} repeat ({} different of {}, one of them {} times): the server would \
         learn which documents have the same, and guess what it is",
        index.name(),
        spread.distinct,
        spread.values,
        spread.top
    );
    Error::new(ErrorKind::Refused, what).with_hint(format!(
        "nothing was sent; if you want it all the same: strongroom edv create … --leaky {}",
        index.name()
    ))
}

/// What cannot be blinded, for people.
pub fn blind_error(error: &BlindError) -> Error {
    let made = Error::new(ErrorKind::Usage, error.to_string());
    match error {
        BlindError::NotIndexed(_) => {
            made.with_hint("`strongroom edv ls` shows what each vault is indexed by")
        }
        _ => made,
    }
}

/// As indexes look at it.
pub fn document_of(body: &Body) -> Value {
    json!({"content": body.content, "meta": body.meta})
}
