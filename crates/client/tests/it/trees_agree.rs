//! Two computations of one tree: the index that this crate keeps entry by entry, and the one that
//! core computes of all heads at once. They must tell the same, whatever order entries come in.

use std::sync::Arc;

use strongroom_client::replica::Replica;
use strongroom_client::replica::index::{Intake, Taken};
use strongroom_core::document::{DocumentType, Metadata, Timestamp};
use strongroom_core::tree::{Claim, Place, Row, What, tree};
use strongroom_seal::keys::DeviceSecret;
use strongroom_store::Memory;
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::{Clear, References};
use strongroom_wire::entry::{Entry, Header, Hlc, Kind};
use strongroom_wire::heads::Heads;
use strongroom_wire::ids::{AuthorKey, BucketId, CapabilityId, DocumentTag, EntryId};

use crate::support::{Dice, long};

const B: u32 = 1;
/// 22 November 2026, noon.
const NOON: u64 = 1_795_348_800_000;
/// Documents there are; 0 is the root, and the last two are named as parents only.
const TAGS: u64 = 9;
const NAMES: [&str; 7] = ["a", "b", "a.t", "", "..", "x/y", "a (conflict 2026-11-22 aaaaaaaa)"];

fn tag(number: u64) -> DocumentTag {
    DocumentTag([number as u8; 16])
}

/// One version or tombstone.
#[derive(Clone)]
struct Written {
    entry: Verified<Entry>,
    facts: Option<Metadata>,
}

impl Written {
    fn header(&self) -> &Header {
        self.entry.header()
    }

    fn place(&self) -> Option<Place> {
        let facts = self.facts.as_ref()?;
        Some(Place { parent: facts.parent, name: facts.name.clone(), what: What::of(facts) })
    }
}

/// A version of some document that follows some of those before it.
fn write(dice: &mut Dice, before: &[Written]) -> Written {
    let document = tag(1 + dice.below(TAGS - 3));
    let mut parents: Vec<EntryId> = before
        .iter()
        .filter(|one| one.header().document == document && dice.below(3) > 0)
        .map(|one| one.entry.id())
        .collect();
    parents.sort_unstable();
    parents.truncate(16);
    let removed = dice.below(8) == 0;
    let facts = Metadata {
        parent: tag(dice.below(TAGS)),
        name: NAMES[dice.below(NAMES.len() as u64) as usize].to_owned(),
        kind: match dice.below(8) {
            0 | 1 => DocumentType::File,
            2 => DocumentType::Link,
            _ => DocumentType::Directory,
        },
        media_type: None,
        size: 0,
        modified: Timestamp::default(),
        mode: None,
        digest: Some(dice.below(3)).filter(|it| *it > 0).map(|it| [it as u8; 32]),
        schema: None,
    };
    let (kind, clear) = if removed {
        (Kind::Tombstone, Clear::Tombstone { keep_until: 0 })
    } else {
        (Kind::Version, Clear::version(References::NONE))
    };
    let mut nonce = [0; 32];
    nonce[..8].copy_from_slice(&dice.next().to_be_bytes());
    let header = Header {
        suite: 1,
        bucket: BucketId([7; 32]),
        document,
        kind,
        parents,
        epoch: EntryId([8; 32]),
        generation: 0,
        nonce,
        kc: [0; 32],
        hlc: Hlc::new(NOON + dice.below(4) * 60_000, 0),
        author: AuthorKey([9; 32]),
        seq: before.len() as u64 + 1,
        prev: EntryId([1; 32]),
        cap: CapabilityId([1; 32]),
        sealed_len: 16,
        body_hash: [0; 32],
    };
    let entry = Entry::assemble(header, clear.encode(), vec![0; 16]);
    let facts = if removed { None } else { Some(facts) };
    Written { entry: Verified::danger_made_here(entry), facts }
}

/// Another order in which what is followed comes first.
fn shuffled(dice: &mut Dice, all: &[Written]) -> Vec<Written> {
    let mut left = all.to_vec();
    let mut ordered: Vec<Written> = Vec::new();
    while !left.is_empty() {
        let here = |id: &EntryId| ordered.iter().any(|one| one.entry.id() == *id);
        let ready: Vec<usize> =
            (0..left.len()).filter(|at| left[*at].header().parents.iter().all(here)).collect();
        ordered.push(left.remove(ready[dice.below(ready.len() as u64) as usize]));
    }
    ordered
}

/// What core makes of the heads.
fn by_core(all: &[Written]) -> Vec<Row> {
    let mut claims = Vec::new();
    for number in 1..TAGS {
        let mut heads = Heads::default();
        for one in all.iter().filter(|one| one.header().document == tag(number)) {
            heads.insert(one.entry.id(), one.header().hlc, &one.header().parents);
        }
        for (head, hlc) in heads.iter() {
            let written = all.iter().find(|one| one.entry.id() == head).unwrap();
            claims.push(Claim { tag: tag(number), head, hlc, place: written.place() });
        }
    }
    tree(&claims)
}

/// A replica that took them in, in this order and some batches.
fn taken_in(dice: &mut Dice, all: Vec<Written>) -> Replica {
    let folder = std::env::temp_dir();
    let key = DeviceSecret::from_secret_bytes(&[5; 32]).local();
    let replica = Replica::new(Arc::new(Memory::new()), key, folder);
    let mut waiting = all.into_iter().peekable();
    while waiting.peek().is_some() {
        let mut intake = Intake::start(&replica, B).unwrap();
        for one in waiting.by_ref().take(1 + dice.below(6) as usize) {
            let Written { entry, facts } = one;
            intake.add(Taken { entry, facts, stamp: None, counts: true }, false).unwrap();
        }
        intake.commit().unwrap();
    }
    replica
}

type Line = (DocumentTag, String, DocumentTag, EntryId, bool, bool);

#[track_caller]
fn assert_same(seed: u64, replica: &Replica, rows: &[Row]) {
    let mut expected: Vec<Line> = rows
        .iter()
        .map(|row| {
            let kept = !row.is_renamed;
            (row.parent, row.name.clone(), row.tag, row.head, kept, row.stray.is_some())
        })
        .collect();
    let mut found: Vec<Line> = Vec::new();
    for dir in (0..TAGS).map(tag) {
        for one in replica.directory(B, dir).unwrap() {
            let (head, displaced) = (one.head().id, one.row.displaced);
            let looked_up = replica.named(B, dir, &one.name).unwrap();
            assert_eq!(looked_up.as_ref(), Some(&one), "seed {seed}: not found by its name");
            found.push((dir, one.name, one.row.tag, head, one.keeps_name, displaced));
        }
    }
    expected.sort();
    found.sort();
    assert_eq!(found, expected, "seed {seed}");
}

#[test]
fn the_index_and_core_tell_the_same_tree_in_every_order() {
    let seeds = if long() { 30_000 } else { 1_000 };
    for seed in 0..seeds {
        let mut dice = Dice(seed);
        let mut all = Vec::new();
        for _ in 0..2 + dice.below(16) {
            let next = write(&mut dice, &all);
            all.push(next);
        }
        let rows = by_core(&all);
        for _ in 0..2 {
            let order = shuffled(&mut dice, &all);
            assert_same(seed, &taken_in(&mut dice, order), &rows);
        }
    }
}
