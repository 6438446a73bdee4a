//! Makes vectors/checkpoint: sealed parts of checkpoints, and fork proofs.

use strongroom_core::checkpoint::{Checkpoint, ForkProof, Frontier, purge_root};
use strongroom_wire::cbor::Writer;
use strongroom_wire::chain::Tip;
use strongroom_wire::entry::Entry;
use strongroom_wire::ids::{AuthorKey, EntryId, KeyEventId, PrincipalId};

use crate::checkpoint::entry;
use crate::golden::Book;

fn bytes_of(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut w = Writer::new();
    write(&mut w);
    w.into_bytes()
}

/// A checkpoint with these authors and members, whatever they are.
fn with(full: bool, authors: &[u8], members: &[u8], count: u64) -> Vec<u8> {
    bytes_of(|w| {
        w.array(6).bytes(&[0; 32]).bool(full).array(authors.len());
        for author in authors {
            w.array(3).bytes(&[*author; 32]).uint(0).bytes(&[1; 32]);
        }
        w.array(members.len());
        for member in members {
            w.array(2).bytes(&[*member; 32]).bytes(&[1; 32]);
        }
        w.bytes(&[0; 32]).uint(count);
    })
}

#[test]
fn bodies() {
    let tip = |seq, id| Tip { seq, id: EntryId([id; 32]) };
    let frontier: Frontier =
        [(AuthorKey([1; 32]), tip(4, 7)), (AuthorKey([2; 32]), tip(0, 8))].into_iter().collect();
    let members = [(PrincipalId([3; 32]), KeyEventId([4; 32]))];
    let full = Checkpoint::build(&frontier, None, &members, purge_root([EntryId([5; 32])]));
    let listed: Frontier = [(AuthorKey([1; 32]), tip(4, 7))].into_iter().collect();
    let part = Checkpoint::build(&frontier, Some(&listed), &[], purge_root([]));
    let mut lies = full.clone();
    lies.tips[0].1.seq = 3;
    let mut counts = full.clone();
    counts.count += 1;
    let good = full.encode();
    Book::new("checkpoint/body", "checkpoint body")
        .case("all authors", "ok", "the list makes the root", &good)
        .case("what changed", "ok", "the root also covers an author not listed", &part.encode())
        .case("nothing", "ok", "nothing changed since the last", &with(false, &[], &[], 9))
        .case("list and root differ", "root", "one seq was lowered", &lies.encode())
        .case("wrong count", "root", "one more than the list says", &counts.encode())
        .case("authors descending", "order", "ascending", &with(false, &[2, 1], &[], 2))
        .case("an author twice", "order", "which tip?", &with(false, &[1, 1], &[], 2))
        .case("members descending", "order", "ascending", &with(false, &[], &[2, 1], 0))
        .case("a member twice", "order", "which head?", &with(false, &[], &[1, 1], 0))
        .case("257 members", "limit", "at most 256", &{
            bytes_of(|w| {
                w.array(6).bytes(&[0; 32]).bool(false).array(0).array(257).bytes(&[0; 300]);
            })
        })
        .case("513 authors", "limit", "at most 512", &{
            bytes_of(|w| {
                w.array(6).bytes(&[0; 32]).bool(false).array(513).bytes(&[0; 600]);
            })
        })
        .case(
            "five fields",
            "limit",
            "six are due",
            &bytes_of(|w| {
                w.array(5).bytes(&[0; 32]).bool(false).array(0).array(0).bytes(&[0; 32]);
            }),
        )
        .case("cut", "cut", "the last byte is missing", &good[..good.len() - 1])
        .case("trailing", "trailing", "a byte too many", &[&good[..], &[0]].concat())
        .settle();
}

fn proof_with(sides: &[(&[&Entry], [u8; 64])]) -> Vec<u8> {
    bytes_of(|w| {
        w.array(sides.len());
        for (headers, signature) in sides {
            w.array(2).array(headers.len());
            for header in *headers {
                w.bytes(header.header_bytes());
            }
            w.bytes(signature);
        }
    })
}

#[test]
fn proofs() {
    let first = entry(1, None, 1, true);
    let mut pair = [entry(1, Some(&first), 2, true), entry(1, Some(&first), 3, true)];
    pair.sort_by_key(Entry::id);
    let [low, high] = &pair;
    let after = entry(1, Some(low), 4, true);
    let stranger = entry(2, None, 9, true);
    let signed = |entry: &Entry| *entry.signature().unwrap();
    let of = |one: &[&Entry], other: &[&Entry]| {
        let side = |run: &[&Entry]| signed(run.last().unwrap());
        proof_with(&[(one, side(one)), (other, side(other))])
    };
    let good = ForkProof::new(std::slice::from_ref(low), std::slice::from_ref(high)).unwrap();
    let mut geneses = [stranger.clone(), first.clone()];
    geneses.sort_by_key(Entry::id);
    Book::new("checkpoint/fork-proof", "fork proof")
        .case("two entries", "ok", "one author, one place, both signed", &good.encode())
        .case("a run", "ok", "the first side is signed one entry later", &{
            of(&[low, &after], &[high])
        })
        .case("turned around", "order", "ascending by id", &of(&[high], &[low]))
        .case("the same entry", "no fork", "a copy proves nothing", &of(&[low], &[low]))
        .case("two authors", "no fork", "each may have a first entry", &{
            of(&[&geneses[0]], &[&geneses[1]])
        })
        .case("another's signature", "signature", "anybody could make it", &{
            proof_with(&[(&[low], signed(low)), (&[high], signed(low))])
        })
        .case("signature of the first of two", "signature", "it must be the last one's", &{
            proof_with(&[(&[low, &after], signed(low)), (&[high], signed(high))])
        })
        .case("headers that do not follow", "chain", "no chain leads to the signature", &{
            of(&[low, high], &[high])
        })
        .case("no headers", "limit", "a signature of nothing", &{
            proof_with(&[(&[], [0; 64]), (&[high], signed(high))])
        })
        .case("one side", "limit", "two are due", &proof_with(&[(&[low], signed(low))]))
        .case("trailing", "trailing", "a byte too many", &[good.encode(), vec![0]].concat())
        .settle();
}
