//! Stories of checkpoints: rollback, withholding, forks.

use std::collections::BTreeMap;

use ed25519_dalek::Signer;
use strongroom_core::checkpoint::{
    AGE_MAX_MS, Checkpoint, CheckpointError, ForkProof, ForkProofError, Frontier, Witnessed,
    is_due, is_full, purge_root, shortfalls,
};
use strongroom_wire::chain::Tip;
use strongroom_wire::entry::{Entry, Header, Hlc, Kind};
use strongroom_wire::ids::{
    AuthorKey, BucketId, CapabilityId, DocumentTag, EntryId, KeyEventId, PrincipalId,
};

use crate::people::{key, public};

/// The next entry of an author after `prev`, with this in its sealed part.
pub fn entry(author: u8, prev: Option<&Entry>, content: u8, signed: bool) -> Entry {
    let header = Header {
        suite: 1,
        bucket: BucketId([0xb0; 32]),
        document: DocumentTag([0xd0; 16]),
        kind: Kind::Version,
        parents: vec![],
        epoch: EntryId([0xe0; 32]),
        generation: 0,
        nonce: [content; 32],
        kc: [0; 32],
        hlc: Hlc::new(1_795_000_000_000, 0),
        author: public(author).author(),
        seq: prev.map_or(0, |prev| prev.header().seq + 1),
        prev: prev.map_or(EntryId::ZERO, Entry::id),
        cap: CapabilityId([0xca; 32]),
        sealed_len: 0,
        body_hash: [0; 32],
    };
    let entry = Entry::assemble(header, vec![0x82, 0, 0x80], vec![content; 16]);
    if !signed {
        return entry;
    }
    let signature = key(author).sign(&entry.signing_input()).to_bytes();
    entry.signed(signature)
}

/// A replica that holds these entries.
fn holding(entries: &[&Entry]) -> impl Fn(&AuthorKey, u64) -> Option<EntryId> {
    let at: BTreeMap<_, _> = entries
        .iter()
        .map(|entry| ((entry.header().author, entry.header().seq), entry.id()))
        .collect();
    move |author, seq| at.get(&(*author, seq)).copied()
}

fn tip(entry: &Entry) -> (AuthorKey, Tip) {
    (entry.header().author, Tip { seq: entry.header().seq, id: entry.id() })
}

#[test]
fn a_provider_rolls_a_device_back() {
    let first = entry(1, None, 1, true);
    let second = entry(1, Some(&first), 2, true);
    let stored: Frontier = [tip(&second)].into_iter().collect();
    assert!(shortfalls(stored.iter(), holding(&[&first, &second])).is_empty());
    let found = shortfalls(stored.iter(), holding(&[&first]));
    assert_eq!((found.len(), found[0].found, found[0].due.seq), (1, None, 1));
}

#[test]
fn a_provider_withholds_what_a_checkpoint_names() {
    let (ours, theirs) = (entry(1, None, 1, true), entry(2, None, 2, true));
    let frontier: Frontier = [tip(&ours), tip(&theirs)].into_iter().collect();
    let checkpoint = Checkpoint::build(&frontier, None, &[], purge_root([]));
    let mut seen = Witnessed::default();
    seen.add(EntryId([7; 32]), checkpoint.tips);
    let withheld = seen.withheld(holding(&[&ours]));
    assert_eq!((withheld.len(), withheld[0].shortfall.author), (1, theirs.header().author));
    let purged = theirs.clone().without_sealed();
    assert!(seen.withheld(holding(&[&ours, &purged])).is_empty(), "purged is not withheld");
}

#[test]
fn a_provider_shows_two_groups_two_histories() {
    let first = entry(1, None, 1, true);
    let (left, right) = (entry(1, Some(&first), 2, true), entry(1, Some(&first), 3, true));
    let mut seen = Witnessed::default();
    seen.add(EntryId([8; 32]), [tip(&left)]);
    seen.add(EntryId([9; 32]), [tip(&right)]);
    seen.add(EntryId([10; 32]), [tip(&first)]);
    let withheld = seen.withheld(holding(&[&first, &left]));
    assert_eq!(withheld.len(), 1, "both claims are kept");
    assert_eq!(withheld[0].shortfall.found, Some(left.id()));
    assert_eq!(withheld[0].by, EntryId([9; 32]), "and who says so");
    seen.settle(|id| id == right.id() || id == left.id());
    assert!(seen.is_empty(), "what came is no longer claimed");
    let proof = ForkProof::new(std::slice::from_ref(&left), std::slice::from_ref(&right)).unwrap();
    let proof = ForkProof::decode(&proof.encode()).unwrap();
    assert_eq!((proof.fork().author, proof.fork().seq), (left.header().author, 1));
}

#[test]
fn a_fork_inside_a_run_is_proved_by_the_next_signature() {
    let first = entry(1, None, 1, true);
    let (left, right) = (entry(1, Some(&first), 2, false), entry(1, Some(&first), 3, true));
    let (end, more) = (entry(1, Some(&left), 4, true), entry(1, Some(&right), 5, true));
    let proof = ForkProof::new(&[left.clone(), end], std::slice::from_ref(&right)).unwrap();
    assert_eq!(proof.fork().seq, 1);
    assert_eq!(ForkProof::new(&[left], &[right]), Err(ForkProofError::Signature));
    assert_eq!(more.header().seq, 2);
}

#[test]
fn an_honest_author_cannot_be_accused() {
    let first = entry(1, None, 1, true);
    let second = entry(1, Some(&first), 2, true);
    let other = entry(2, None, 1, true);
    for pair in [[&first, &first], [&first, &second], [&first, &other]] {
        let [one, two] = pair.map(std::slice::from_ref);
        assert_eq!(ForkProof::new(one, two), Err(ForkProofError::NoFork));
    }
}

#[test]
fn the_list_names_what_changed_and_the_root_covers_all() {
    let tip = |seq, id| Tip { seq, id: EntryId([id; 32]) };
    let mut frontier: Frontier = (1..=200).map(|n| (AuthorKey([n; 32]), tip(3, n))).collect();
    let mut listed = Frontier::default();
    let full = Checkpoint::build(&frontier, None, &[], purge_root([]));
    assert!(full.full && full.count == 800);
    full.note_listed(&mut listed);
    frontier.set(AuthorKey([7; 32]), tip(4, 77));
    let next = Checkpoint::build(&frontier, Some(&listed), &[], purge_root([]));
    assert_eq!((next.full, next.tips.len(), next.count), (false, 1, 801));
    assert_eq!(next.frontier(&listed), Ok(frontier.clone()));
    assert_eq!(next.frontier(&Frontier::default()), Err(CheckpointError::Root), "one is missing");
    assert_eq!(Checkpoint::decode(&next.encode()), Ok(next));
}

#[test]
fn more_authors_than_fit_are_listed_in_turn() {
    let author = |n: u16| {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&n.to_be_bytes());
        AuthorKey(bytes)
    };
    let frontier: Frontier =
        (0..1_000).map(|n| (author(n), Tip { seq: 0, id: EntryId([1; 32]) })).collect();
    let mut listed = Frontier::default();
    for due in [512, 488, 0] {
        let checkpoint = Checkpoint::build(&frontier, Some(&listed), &[], purge_root([]));
        assert_eq!(checkpoint.tips.len(), due);
        assert!(checkpoint.encode().len() < 65_000);
        checkpoint.note_listed(&mut listed);
    }
    assert_eq!(listed, frontier);
}

#[test]
fn the_largest_checkpoint_fits_a_sealed_part() {
    let frontier: Frontier = (0..512_u16)
        .map(|n| {
            let mut author = [0xff; 32];
            author[..2].copy_from_slice(&n.to_be_bytes());
            (AuthorKey(author), Tip { seq: u64::MAX / 1_024, id: EntryId([1; 32]) })
        })
        .collect();
    let members: Vec<_> = (0..=255).map(|n| (PrincipalId([n; 32]), KeyEventId([n; 32]))).collect();
    let len = Checkpoint::build(&frontier, None, &members, purge_root([])).encode().len();
    assert!(len + 4 <= 65_536, "{len} bytes");
}

#[test]
fn a_checkpoint_is_due_by_number_or_age() {
    assert!(!is_due(0, u64::MAX), "nothing to say");
    assert!(is_due(64, 0) && is_due(1, AGE_MAX_MS) && !is_due(63, AGE_MAX_MS - 1));
    assert_eq!((0..33).filter(|number| is_full(*number)).collect::<Vec<_>>(), [0, 16, 32]);
}

#[test]
fn the_purge_root_is_that_of_the_set() {
    let (a, b) = (EntryId([1; 32]), EntryId([2; 32]));
    assert_eq!(purge_root([a, b]), purge_root([b, a, b]));
    assert_ne!(purge_root([a]), purge_root([a, b]));
}
