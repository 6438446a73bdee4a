//! L2 · The tree. Takes what the heads of documents claim: parent, name, time; gives where each is
//! shown and under which name. Must not know: how it is stored, what documents contain.
//!
//! Nobody stores a listing: the tree is a pure function of the heads, so every device shows the
//! same, whatever order the entries came in. Every document is listed exactly once; nothing is
//! hidden by a cycle, a missing parent or an equal name. Rules: docs/spec/names.md.

mod label;

use std::collections::{BTreeMap, BTreeSet};

use strongroom_wire::entry::Hlc;
use strongroom_wire::ids::{DocumentTag, EntryId};
use strongroom_wire::limits::PATH_DEPTH_MAX;

use crate::document::{DocumentType, Metadata};

pub use label::{CONFLICT_MARK, Named, Sibling, conflict_name, name_siblings};

/// Who is later: clock, then id. Total, and the same everywhere.
pub type Rank = (Hlc, EntryId);

/// What one head of a document says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The document.
    pub tag: DocumentTag,
    /// The head.
    pub head: EntryId,
    /// Its clock.
    pub hlc: Hlc,
    /// Where it is; none: the head is a tombstone.
    pub place: Option<Place>,
}

/// Where a head says its document is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The directory; zero: the bucket's root.
    pub parent: DocumentTag,
    /// Its name there, as written.
    pub name: String,
    /// What is there.
    pub what: What,
}

/// What a head is, as far as another head of its document may be the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A directory: other documents may be in it.
    Directory,
    /// Something else, by its type and the digest of its content; no digest: like nothing else.
    Content(DocumentType, Option<[u8; 32]>),
}

impl What {
    /// Of these facts.
    pub const fn of(facts: &Metadata) -> Self {
        match facts.kind {
            DocumentType::Directory => Self::Directory,
            kind => Self::Content(kind, facts.digest),
        }
    }
}

impl Place {
    /// Whether both say the same, see [`says_the_same`].
    pub fn says_the_same(&self, other: &Self) -> bool {
        let of = |place: &Self| (place.parent, place.what);
        says_the_same((of(self), &self.name), (of(other), &other.name))
    }
}

/// Whether two heads of a document, given as ((parent, what), name), are one directory in one
/// place, or one content. Two devices that made the same, or stored it from the same source, meet
/// in a document with two heads: that is no conflict, and shown once.
pub fn says_the_same(one: ((DocumentTag, What), &str), other: ((DocumentTag, What), &str)) -> bool {
    !matches!(one.0.1, What::Content(_, None)) && one == other
}

impl Claim {
    const fn rank(&self) -> Rank {
        (self.hlc, self.head)
    }
}

/// One line of the tree: a document, or a head of one that lost to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The document.
    pub tag: DocumentTag,
    /// The head that is shown.
    pub head: EntryId,
    /// The directory it is shown in.
    pub parent: DocumentTag,
    /// The name it is shown under; no two rows of one directory have the same.
    pub name: String,
    /// Whether this head lost: the document itself is shown by another row.
    pub is_copy: bool,
    /// Whether the name is not the one that was written: another document has it, this head lost,
    /// or it is no allowed name.
    pub is_renamed: bool,
    /// Why it is at the root though it does not say so.
    pub stray: Option<Stray>,
}

/// Why a document is shown at the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stray {
    /// Its directory is missing, removed, or no directory.
    Orphan,
    /// It and its directories went round in a circle, and it was the last to move.
    Cycle,
}

/// Computes the tree of all heads of an area. Rows come ordered by parent, then name.
///
/// ```
/// use strongroom_core::tree::{Claim, Place, What, tree};
/// use strongroom_wire::{entry::Hlc, ids::{DocumentTag, EntryId}};
/// let place = Place { parent: DocumentTag::ZERO, name: "a".into(), what: What::Directory };
/// let claim = Claim {
///     tag: DocumentTag([1; 16]),
///     head: EntryId([2; 32]),
///     hlc: Hlc(3),
///     place: Some(place),
/// };
/// assert_eq!(tree(&[claim])[0].name, "a");
/// ```
pub fn tree(claims: &[Claim]) -> Vec<Row> {
    let winners = winners(claims);
    let mut above: BTreeMap<DocumentTag, DocumentTag> = BTreeMap::new();
    let mut strays = BTreeMap::new();
    for (tag, (_, place)) in &winners {
        let parent = place.parent;
        let held = parent.is_zero()
            || winners.get(&parent).is_some_and(|(_, it)| it.what == What::Directory);
        if held {
            above.insert(*tag, parent);
        } else {
            above.insert(*tag, DocumentTag::ZERO);
            strays.insert(*tag, Stray::Orphan);
        }
    }
    for tag in cycle_cuts(&above, |tag| winners.get(&tag).map(|(rank, _)| *rank)) {
        above.insert(tag, DocumentTag::ZERO);
        strays.insert(tag, Stray::Cycle);
    }
    let mut directories: BTreeMap<DocumentTag, Vec<Sibling<'_>>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for claim in claims.iter().filter(|claim| seen.insert((claim.tag, claim.head))) {
        let (Some(place), Some((rank, best))) = (&claim.place, winners.get(&claim.tag)) else {
            continue;
        };
        if claim.rank() != *rank && place.says_the_same(best) {
            continue;
        }
        // A head that lost is shown beside the one that won, wherever it says it is.
        let parent = above.get(&claim.tag).copied().unwrap_or(DocumentTag::ZERO);
        directories.entry(parent).or_default().push(Sibling {
            tag: claim.tag,
            rank: claim.rank(),
            name: &place.name,
            is_copy: claim.rank() != *rank,
        });
    }
    let rows = directories.into_iter().flat_map(|(parent, siblings)| {
        let named = name_siblings(siblings, |sibling| *sibling).into_iter();
        named.map(|named| row(named, parent, &strays)).collect::<Vec<_>>()
    });
    rows.collect()
}

fn row(
    named: Named<Sibling<'_>>,
    parent: DocumentTag,
    strays: &BTreeMap<DocumentTag, Stray>,
) -> Row {
    let Named { item: sibling, made } = named;
    Row {
        tag: sibling.tag,
        head: sibling.rank.1,
        parent,
        is_renamed: made.is_some(),
        name: made.unwrap_or_else(|| sibling.name.to_owned()),
        is_copy: sibling.is_copy,
        stray: strays.get(&sibling.tag).copied(),
    }
}

/// Of each document the latest head that is no tombstone.
fn winners(claims: &[Claim]) -> BTreeMap<DocumentTag, (Rank, &Place)> {
    let mut winners: BTreeMap<DocumentTag, (Rank, &Place)> = BTreeMap::new();
    for claim in claims {
        let Some(place) = &claim.place else { continue };
        let best = winners.entry(claim.tag).or_insert((claim.rank(), place));
        if claim.rank() > best.0 {
            *best = (claim.rank(), place);
        }
    }
    winners
}

/// The member of every cycle that moves to the root: the one with the highest rank.
fn cycle_cuts(
    above: &BTreeMap<DocumentTag, DocumentTag>,
    rank: impl Fn(DocumentTag) -> Option<Rank>,
) -> Vec<DocumentTag> {
    let mut settled = BTreeSet::new();
    let mut cuts = Vec::new();
    for start in above.keys() {
        let mut path = Vec::new();
        let mut on_path = BTreeSet::new();
        let mut at = *start;
        while !at.is_zero() && !settled.contains(&at) && on_path.insert(at) {
            path.push(at);
            at = above.get(&at).copied().unwrap_or(DocumentTag::ZERO);
        }
        if on_path.contains(&at) {
            // What was walked before the circle closed only leads into it.
            let circle = path.iter().skip_while(|tag| **tag != at);
            cuts.extend(circle.max_by_key(|tag| rank(**tag)));
        }
        settled.extend(on_path);
    }
    cuts
}

/// What a move would do, for a writer that asks before it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// It goes; the document will be this many directories below the root (0: in the root).
    Allowed {
        /// Directories above it.
        depth: usize,
    },
    /// The new directory is the document itself, or inside it.
    IntoItself,
    /// The tree would be deeper than is allowed. (What is inside the document is not counted.)
    TooDeep,
}

/// Whether `document` may move into the directory `into`. `parent_of` gives where a directory is
/// shown now, zero for the root. Reads at most as many parents as the tree is deep.
///
/// ```
/// use strongroom_core::tree::{Move, may_move};
/// use strongroom_wire::ids::DocumentTag;
/// let (a, b) = (DocumentTag([1; 16]), DocumentTag([2; 16]));
/// // b is in a, a is in the root.
/// let parent_of = |tag: DocumentTag| if tag == b { a } else { DocumentTag::ZERO };
/// assert_eq!(may_move(a, b, parent_of), Move::IntoItself);
/// assert_eq!(may_move(b, DocumentTag::ZERO, parent_of), Move::Allowed { depth: 0 });
/// ```
pub fn may_move(
    document: DocumentTag,
    into: DocumentTag,
    mut parent_of: impl FnMut(DocumentTag) -> DocumentTag,
) -> Move {
    let (mut at, mut depth) = (into, 0);
    while !at.is_zero() {
        if at == document {
            return Move::IntoItself;
        }
        depth += 1;
        if depth >= PATH_DEPTH_MAX {
            return Move::TooDeep;
        }
        at = parent_of(at);
    }
    Move::Allowed { depth }
}

/// For an index that is kept up to date entry by entry: the circle `document` is part of, if any,
/// is cut at the tag this gives. `claim_of` gives what a document's winning head says: its
/// parent (zero for the root, orphans too) and its rank; none for what is not there.
pub fn cut_of(
    document: DocumentTag,
    mut claim_of: impl FnMut(DocumentTag) -> Option<(DocumentTag, Rank)>,
) -> Option<DocumentTag> {
    let mut seen = BTreeSet::new();
    let mut highest: Option<(Rank, DocumentTag)> = None;
    let mut at = document;
    loop {
        let (parent, rank) = claim_of(at)?;
        highest = highest.max(Some((rank, at)));
        if parent == document {
            return highest.map(|(_, tag)| tag);
        }
        // Another circle further up is none of this document's.
        if parent.is_zero() || !seen.insert(parent) {
            return None;
        }
        at = parent;
    }
}
