//! Stories of heads: what nothing follows, in whatever order it arrives.

use std::collections::BTreeSet;

use proptest::prelude::*;
use strongroom_wire::entry::Hlc;
use strongroom_wire::heads::Heads;
use strongroom_wire::ids::EntryId;

/// A version graph: each names some of those before it.
#[derive(Debug, Clone)]
struct Graph(Vec<(EntryId, Hlc, Vec<EntryId>)>);

fn id(at: usize) -> EntryId {
    // Ids say nothing of the order in which versions were made.
    EntryId(*blake3::hash(&at.to_be_bytes()).as_bytes())
}

fn graph() -> impl Strategy<Value = Graph> {
    let names =
        prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..4), 1..24);
    (names, 1_u64..5).prop_map(|(names, clocks)| {
        let versions = names.iter().enumerate().map(|(at, before)| {
            let parents: BTreeSet<_> =
                before.iter().filter(|_| at > 0).map(|index| id(index.index(at))).collect();
            // Few clocks, so that ties happen.
            (id(at), Hlc(at as u64 / clocks), parents.into_iter().collect())
        });
        Graph(versions.collect())
    })
}

fn taken(versions: &[(EntryId, Hlc, Vec<EntryId>)]) -> Heads {
    let mut heads = Heads::default();
    for (id, hlc, parents) in versions {
        heads.insert(*id, *hlc, parents);
    }
    heads
}

proptest! {
    /// Some versions may never arrive: a head is what is here and named by nothing that is here.
    #[test]
    fn any_order_of_any_part_gives_the_same_heads(
        (graph, order) in graph().prop_flat_map(|graph| {
            let places: Vec<_> = (0..graph.0.len()).collect();
            let some = prop::sample::subsequence(places.clone(), 0..=places.len()).prop_shuffle();
            (Just(graph), some)
        })
    ) {
        let here: Vec<_> = order.iter().map(|at| graph.0[*at].clone()).collect();
        let heads = taken(&here);
        let named: BTreeSet<_> = here.iter().flat_map(|(_, _, parents)| parents).collect();
        let expected: Vec<_> = {
            let mut left: Vec<_> = here
                .iter()
                .filter(|(id, _, _)| !named.contains(id))
                .map(|(id, hlc, _)| (*id, *hlc))
                .collect();
            left.sort();
            left
        };
        prop_assert_eq!(heads.iter().collect::<Vec<_>>(), expected.clone());
        prop_assert_eq!((heads.len(), heads.is_empty()), (expected.len(), expected.is_empty()));
        let first = expected.iter().max_by_key(|(id, hlc)| (*hlc, *id)).map(|(id, _)| *id);
        prop_assert_eq!(heads.first(), first);
        // Nothing that is awaited was forgotten.
        let present: BTreeSet<_> = here.iter().map(|(id, _, _)| *id).collect();
        let awaited: BTreeSet<_> = heads.awaited().collect();
        prop_assert!(named.iter().all(|id| present.contains(*id) || awaited.contains(*id)));
    }

    /// What was kept between two arrivals is enough to go on from.
    #[test]
    fn heads_that_were_stored_go_on(graph in graph(), cut in any::<prop::sample::Index>()) {
        let cut = cut.index(graph.0.len());
        let before = taken(&graph.0[..cut]);
        let mut after = Heads::new(before.iter(), before.awaited());
        for (id, hlc, parents) in &graph.0[cut..] {
            after.insert(*id, *hlc, parents);
        }
        prop_assert_eq!(after, taken(&graph.0));
    }
}

#[test]
fn two_devices_that_write_apart_leave_two_heads_until_someone_unites_them() {
    let (old, left, right, both) = (id(0), id(1), id(2), id(3));
    let mut heads = Heads::default();
    heads.insert(old, Hlc(1), &[]);
    heads.insert(left, Hlc(2), &[old]);
    heads.insert(right, Hlc(3), &[old]);
    assert_eq!((heads.len(), heads.first()), (2, Some(right)));
    heads.insert(both, Hlc(4), &[left, right]);
    assert_eq!((heads.len(), heads.first()), (1, Some(both)));
}
