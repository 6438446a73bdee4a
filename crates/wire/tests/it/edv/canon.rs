//! The canonical form of quads: against another implementation's, against itself under other
//! names and orders, and against sets made to keep it busy.

use proptest::prelude::*;
use strongroom_wire::edv::canon::{CanonError, Quad, Term, canonical};
use strongroom_wire::edv::quads::proof_options;

use super::nquads;
use super::world::{EDV, chain_of};
use crate::golden::run;

/// What golden files of this format say.
pub fn outcome(quads: &str) -> Result<String, String> {
    canonical(&nquads::read(quads)).map_err(|error| {
        match error {
            CanonError::TooMany => "too many",
            CanonError::TooMuch => "too much",
        }
        .to_owned()
    })
}

#[test]
fn small_sets_have_the_form_of_the_reference() {
    let (good, broken) = run("canon", |decoder, case| {
        assert_eq!(decoder, "quads");
        let found = outcome(case["quads"].as_str().unwrap())?;
        assert_eq!(found, case["canonical"].as_str().unwrap(), "{}", case["name"]);
        Ok(found.into_bytes())
    });
    assert!(good >= 54 && broken >= 6, "{good} good, {broken} broken");
}

/// Blank nodes under other names, quads in another order.
fn disguised(quads: &[Quad], seed: u64) -> Vec<Quad> {
    let mut state = seed | 1;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut names: Vec<usize> = (0..128).map(|number| number * 7 + 3).collect();
    for at in (1..names.len()).rev() {
        names.swap(at, next(at + 1));
    }
    let term = |term: &Term| match term {
        Term::Blank(blank) => Term::Blank(names[*blank]),
        named @ Term::Named(_) => named.clone(),
    };
    let mut out: Vec<Quad> = quads
        .iter()
        .map(|quad| Quad {
            subject: term(&quad.subject),
            predicate: quad.predicate.clone(),
            object: term(&quad.object),
            graph: quad.graph.as_ref().map(term),
        })
        .collect();
    for at in (1..out.len()).rev() {
        out.swap(at, next(at + 1));
    }
    out
}

fn node() -> impl Strategy<Value = Term> {
    prop_oneof![
        6 => (0_usize..7).prop_map(Term::Blank),
        1 => (0_u8..2).prop_map(|number| Term::iri(&format!("urn:i{number}"))),
    ]
}

fn quad() -> impl Strategy<Value = Quad> {
    let object = prop_oneof![6 => node(), 1 => Just(Term::literal("x", None))];
    // No blank names of graphs: which of two graphs a quad with two other blank nodes stands in is
    // not always told by the standard's hashes, so that its labels then depend on the input's. The
    // shapes of zcaps are tried below.
    let named = (0_u8..2).prop_map(|number| Some(Term::iri(&format!("urn:g{number}"))));
    let graph = prop_oneof![2 => Just(None), 1 => named];
    (node(), 0_u8..2, object, graph).prop_map(|(subject, predicate, object, graph)| Quad {
        subject,
        predicate: format!("<urn:p{predicate}>"),
        object,
        graph,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn names_and_order_do_not_matter(
        quads in proptest::collection::vec(quad(), 0..14), seed in any::<u64>(),
    ) {
        // What takes too much work takes it under every name.
        prop_assert_eq!(canonical(&quads), canonical(&disguised(&quads, seed)));
    }

    /// The canonical form is its own, so that it says all of what it was made from.
    #[test]
    fn the_canonical_form_stays(quads in proptest::collection::vec(quad(), 0..10)) {
        if let Ok(text) = canonical(&quads) {
            prop_assert_eq!(canonical(&nquads::read(&text)), Ok(text));
        }
    }

    /// A changed quad changes the form, unless the set was the same.
    #[test]
    fn something_else_has_another_form(
        quads in proptest::collection::vec(quad(), 1..8), at in any::<prop::sample::Index>(),
    ) {
        let mut other = quads.clone();
        at.get_mut(&mut other).predicate = "<urn:other>".to_owned();
        if let (Ok(a), Ok(b)) = (canonical(&quads), canonical(&other)) {
            prop_assert_ne!(a, b);
        }
    }
}

/// A proof with blank graphs within each other has one form, whatever its nodes are called.
#[test]
fn names_and_order_do_not_matter_in_chains_of_any_length() {
    for len in 1..=9 {
        let zcap = chain_of(len, EDV, &["read"]);
        let quads = proof_options(&zcap);
        let text = canonical(&quads).unwrap();
        for seed in 0..40 {
            assert_eq!(canonical(&disguised(&quads, seed)).as_ref(), Ok(&text), "chain of {len}");
        }
    }
}

/// `_:a <urn:p> _:b .`, for each pair.
fn arrows(pairs: impl IntoIterator<Item = (usize, usize)>) -> Vec<Quad> {
    let arrow = |(from, to)| Quad {
        subject: Term::Blank(from),
        predicate: "<urn:p>".to_owned(),
        object: Term::Blank(to),
        graph: None,
    };
    pairs.into_iter().map(arrow).collect()
}

/// Every node to every other one: each step may try all orders of all that are left.
pub fn clique(nodes: usize) -> Vec<Quad> {
    let others = |from: usize| (0..nodes).filter(move |to| *to != from).map(move |to| (from, to));
    arrows((0..nodes).flat_map(others))
}

#[test]
fn a33_poisonous_sets_are_refused_after_a_bounded_count_of_steps() {
    // The count is the same on every machine; a set is refused or it is not.
    assert!(canonical(&clique(4)).is_ok());
    for nodes in [8, 12, 20, 32] {
        assert_eq!(canonical(&clique(nodes)), Err(CanonError::TooMuch), "clique of {nodes}");
    }
    // A ring goes from node to node: its depth is bounded before the stack is.
    let ring = |nodes: usize| arrows((0..nodes).map(|at| (at, (at + 1) % nodes)));
    assert!(canonical(&ring(16)).is_ok());
    for nodes in [200, 1_000] {
        assert_eq!(canonical(&ring(nodes)), Err(CanonError::TooMuch), "ring of {nodes}");
    }
    // Two sides, everyone to everyone of the other one.
    let sides = arrows((0..9).flat_map(|from| (9..18).map(move |to| (from, to))));
    assert_eq!(canonical(&sides), Err(CanonError::TooMuch));
    // Far too many to begin with.
    let many = arrows((0..2_000).map(|at| (at, at)));
    assert_eq!(canonical(&many), Err(CanonError::TooMany));
}

#[test]
fn a_long_list_is_no_poison() {
    // Cells that differ by what they hold need no second look.
    let cell = |at: usize| {
        let subject = Term::Blank(at);
        let first = Term::literal(&at.to_string(), None);
        let rest = Term::Blank(at + 1);
        [("<urn:first>", first), ("<urn:rest>", rest)].map(|(predicate, object)| Quad {
            subject: subject.clone(),
            predicate: predicate.to_owned(),
            object,
            graph: None,
        })
    };
    let list: Vec<Quad> = (0..500).flat_map(cell).collect();
    assert_eq!(canonical(&list).unwrap().lines().count(), 1_000);
}
