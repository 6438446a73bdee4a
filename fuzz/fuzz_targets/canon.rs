//! Fuzzes the canonical form of quads: four bytes each for subject, predicate, object, graph. The
//! same set backwards has the same form, unless blank nodes name graphs.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_wire::edv::canon::{Quad, Term, canonical};

fn term(byte: u8) -> Term {
    match byte {
        0..=199 => Term::Blank(usize::from(byte)),
        200..=239 => Term::iri(&format!("urn:{byte}")),
        _ => Term::literal(&char::from(byte).to_string(), None),
    }
}

fuzz_target!(|data: &[u8]| {
    let quads: Vec<Quad> = data
        .chunks_exact(4)
        .map(|bytes| Quad {
            subject: term(bytes[0] % 240),
            predicate: format!("<urn:p{}>", bytes[1] % 4),
            object: term(bytes[2]),
            graph: (bytes[3] < 240).then(|| term(bytes[3])),
        })
        .collect();
    let form = canonical(&quads);
    if quads.iter().all(|quad| !matches!(quad.graph, Some(Term::Blank(_)))) {
        let backwards: Vec<Quad> = quads.iter().rev().cloned().collect();
        assert_eq!(canonical(&backwards), form);
    }
    if let Ok(text) = form {
        assert!(text.lines().count() <= quads.len());
    }
});
