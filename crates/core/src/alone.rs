//! L1 · Keys of one document. Takes those that were found; gives the one that opens a version. Must
//! not know: where they were found, who gave them.

use strongroom_seal::keys::{Commitment, DocumentHistoryKey, DocumentKey, Nonce, VersionKey};
use strongroom_seal::wrap::DocumentGrant;

/// The keys of somebody who holds one document of a bucket, and nothing else.
#[derive(Debug, Default)]
pub struct Alone {
    /// BK of some epochs and generations.
    pub histories: Vec<DocumentHistoryKey>,
    /// DK of some.
    pub documents: Vec<DocumentKey>,
    /// VK of single versions.
    pub versions: Vec<VersionKey>,
}

impl Alone {
    /// Whether nothing is held.
    pub const fn is_empty(&self) -> bool {
        self.histories.is_empty() && self.documents.is_empty() && self.versions.is_empty()
    }

    /// How many keys there are.
    pub const fn len(&self) -> usize {
        self.histories.len() + self.documents.len() + self.versions.len()
    }

    /// The key of one version: the one that its header commits to.
    pub fn version_key(&self, nonce: &Nonce, kc: &Commitment) -> Option<VersionKey> {
        let derived = self.documents.iter().map(|key| key.version(nonce));
        let given = self.versions.iter();
        let given = given.map(|key| VersionKey::from_secret_bytes(&key.to_secret_bytes()));
        derived.chain(given).find(|key| key.commitment().matches(kc))
    }

    pub(crate) fn knows(&self, commitment: &Commitment) -> bool {
        self.history(commitment).is_some()
            || self.has_document(commitment)
            || self.versions.iter().any(|key| key.commitment().matches(commitment))
    }

    pub(crate) fn has_document(&self, commitment: &Commitment) -> bool {
        self.documents.iter().any(|key| key.commitment().matches(commitment))
    }

    pub(crate) fn history(&self, commitment: &Commitment) -> Option<&DocumentHistoryKey> {
        self.histories.iter().find(|key| key.commitment().matches(commitment))
    }

    pub(crate) fn add(&mut self, found: DocumentGrant) {
        match found {
            DocumentGrant::History(key) => self.add_history(key),
            DocumentGrant::Document(key) => self.add_document(key),
            DocumentGrant::Version(key) => {
                let known = self.versions.iter().any(|it| it.commitment() == key.commitment());
                if !known {
                    self.versions.push(key);
                }
            }
        }
    }

    pub(crate) fn add_history(&mut self, key: DocumentHistoryKey) {
        if self.history(&key.commitment()).is_none() {
            self.histories.push(key);
        }
    }

    pub(crate) fn add_document(&mut self, key: DocumentKey) {
        if !self.has_document(&key.commitment()) {
            self.documents.push(key);
        }
    }
}
