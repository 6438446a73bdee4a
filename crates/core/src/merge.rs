//! L2 · Merging: what becomes of several heads of one document. Takes heads; gives which of them
//! is shown, or one content for all. Must not know: the version graph, names, keys.
//!
//! A strategy is deterministic: the same heads give the same outcome on every device, in any order,
//! so that merges made at the same time collapse into one. Nothing is ever dropped: what an outcome
//! does not show stays in the history.

use strongroom_wire::entry::Hlc;
use strongroom_wire::ids::EntryId;

/// One of several concurrent heads. Content is the plaintext, where the strategy asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head<'a> {
    /// Its entry.
    pub id: EntryId,
    /// Its author's clock.
    pub hlc: Hlc,
    /// Its content; none where the strategy does not look at it.
    pub content: Option<&'a [u8]>,
}

/// What becomes of heads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// One keeps the name, the others are shown beside it as conflict copies.
    KeepBoth {
        /// Keeps the name.
        main: EntryId,
        /// Latest first.
        copies: Vec<EntryId>,
    },
    /// One is shown, the others are history.
    Take(EntryId),
    /// A new version with this plaintext follows all heads.
    Merged(Vec<u8>),
}

/// Why heads cannot be merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// There is nothing to merge.
    #[error("a document without heads cannot be merged")]
    NoHeads,
    /// The strategy needs the content of a head and did not get it.
    #[error("the content of a version is needed to merge and is not here")]
    ContentMissing,
}

/// A way to treat several heads of a document.
///
/// ```
/// use strongroom_core::merge::{Head, KeepBoth, Merge, Outcome};
/// use strongroom_wire::{entry::Hlc, ids::EntryId};
/// let head = |n| Head { id: EntryId([n; 32]), hlc: Hlc(u64::from(n)), content: None };
/// let outcome = KeepBoth.merge(None, &[head(1), head(2)]).unwrap();
/// let main = EntryId([2; 32]);
/// assert_eq!(outcome, Outcome::KeepBoth { main, copies: vec![EntryId([1; 32])] });
/// ```
pub trait Merge {
    /// Its name in a bucket's settings.
    fn name(&self) -> &'static str;

    /// Decides. `base` is the last version all heads follow, where one is known.
    fn merge(&self, base: Option<Head<'_>>, heads: &[Head<'_>]) -> Result<Outcome, MergeError>;
}

/// Files: everything stays visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeepBoth;

/// The last writer wins, among concurrent heads only: a causally later version is no head's rival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LastWriter;

impl Merge for KeepBoth {
    fn name(&self) -> &'static str {
        "keep-both"
    }

    fn merge(&self, _base: Option<Head<'_>>, heads: &[Head<'_>]) -> Result<Outcome, MergeError> {
        let mut ids = latest_first(heads).into_iter();
        let main = ids.next().ok_or(MergeError::NoHeads)?;
        Ok(Outcome::KeepBoth { main, copies: ids.collect() })
    }
}

impl Merge for LastWriter {
    fn name(&self) -> &'static str {
        "lww"
    }

    fn merge(&self, _base: Option<Head<'_>>, heads: &[Head<'_>]) -> Result<Outcome, MergeError> {
        latest_first(heads).first().copied().map(Outcome::Take).ok_or(MergeError::NoHeads)
    }
}

/// Ids by (hlc, id), highest first, each once.
fn latest_first(heads: &[Head<'_>]) -> Vec<EntryId> {
    let mut ranks: Vec<_> = heads.iter().map(|head| (head.hlc, head.id)).collect();
    ranks.sort_unstable_by(|a, b| b.cmp(a));
    ranks.dedup();
    ranks.into_iter().map(|(_, id)| id).collect()
}
