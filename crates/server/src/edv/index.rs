//! What documents are found by. Comes in: entries of blinded attributes. Goes out: terms, and the
//! rows that change. Must not know: what any token stands for.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_store::{Batch, Rows};
use strongroom_wire::edv::ids::LocalId;
use strongroom_wire::edv::model::Document;

use super::failure::{Failure, Kind};
use super::rows::{self, Name, Term};

/// A term, and whether its document claims it for itself.
pub type Claim = (Term, bool);

/// What a document is found by, ascending, each once.
pub fn terms(document: &Document) -> Vec<Claim> {
    let mut terms = BTreeMap::new();
    for entry in &document.indexed {
        for attribute in &entry.attributes {
            let term = Term::of(Name::of(&entry.hmac.id, &attribute.name), &attribute.value);
            *terms.entry(term).or_insert(false) |= attribute.unique;
        }
    }
    terms.into_iter().collect()
}

/// Writes what changes between two lists of terms of one document. A term that another document
/// claims, and this one would, is refused; the batch holds only while nobody else takes it.
pub fn write(
    batch: &mut Batch,
    store: &dyn Rows,
    (vault, document): (LocalId, LocalId),
    old: &[Claim],
    new: &[Claim],
) -> Result<(), Failure> {
    let (before, after) = (Index::of(old), Index::of(new));
    for term in before.terms.difference(&after.terms) {
        batch.delete(rows::indexed(vault, term, document));
    }
    for term in after.terms.difference(&before.terms) {
        batch.put(rows::indexed(vault, term, document), Vec::new());
    }
    for name in before.names.difference(&after.names) {
        batch.delete(rows::has_name(vault, name, document));
    }
    for name in after.names.difference(&before.names) {
        batch.put(rows::has_name(vault, name, document), Vec::new());
    }
    for term in before.claimed.difference(&after.claimed) {
        batch.delete(rows::unique(vault, term));
    }
    for term in after.claimed.difference(&before.claimed) {
        let key = rows::unique(vault, term);
        if store.get(&key)?.is_some() {
            let why = "Another document has a value that must be unique.";
            return Err(Failure::new(Kind::Duplicate, why));
        }
        batch.expect_absent(key.clone()).put(key, document.0);
    }
    Ok(())
}

#[derive(Default)]
struct Index {
    terms: BTreeSet<Term>,
    names: BTreeSet<Name>,
    claimed: BTreeSet<Term>,
}

impl Index {
    fn of(claims: &[Claim]) -> Self {
        let mut index = Self::default();
        for (term, claimed) in claims {
            index.terms.insert(*term);
            index.names.insert(term.name());
            if *claimed {
                index.claimed.insert(*term);
            }
        }
        index
    }
}
