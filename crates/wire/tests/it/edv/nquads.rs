//! N-Quads of test files, read into quads.

use std::collections::BTreeMap;

use strongroom_wire::edv::canon::{Quad, Term};

/// Reads lines of N-Quads. Names of blank nodes become numbers in the order they come.
pub fn read(text: &str) -> Vec<Quad> {
    let mut names = BTreeMap::new();
    text.lines().filter(|line| !line.trim().is_empty()).map(|line| quad(line, &mut names)).collect()
}

fn quad(line: &str, names: &mut BTreeMap<String, usize>) -> Quad {
    let mut rest = line.trim();
    let subject = term(&mut rest, names);
    let Term::Named(predicate) = term(&mut rest, names) else { panic!("{line}") };
    let object = term(&mut rest, names);
    let graph = (rest != ".").then(|| term(&mut rest, names));
    assert_eq!(rest, ".", "{line}");
    Quad { subject, predicate, object, graph }
}

fn term(rest: &mut &str, names: &mut BTreeMap<String, usize>) -> Term {
    let (found, after) = match rest.as_bytes()[0] {
        b'_' => {
            let (name, after) = rest.split_once(' ').unwrap();
            let next = names.len();
            (Term::Blank(*names.entry(name.to_owned()).or_insert(next)), after)
        }
        b'<' => {
            let (iri, after) = rest.split_at(rest.find('>').unwrap() + 1);
            (Term::Named(iri.to_owned()), after)
        }
        b'"' => literal(rest),
        _ => panic!("{rest}"),
    };
    *rest = after.trim_start();
    found
}

/// A literal, with its type or language.
fn literal(text: &str) -> (Term, &str) {
    let mut value = String::new();
    let mut chars = text[1..].char_indices();
    let end = loop {
        match chars.next().unwrap() {
            (at, '"') => break at + 2,
            (_, '\\') => value.push(escaped(&mut chars)),
            (_, c) => value.push(c),
        }
    };
    let after = &text[end..];
    let len = after.find(' ').unwrap();
    let (kind, after) = after.split_at(len);
    let Term::Named(mut named) = Term::literal(&value, None) else { panic!("{text}") };
    if kind != "^^<http://www.w3.org/2001/XMLSchema#string>" {
        named.push_str(kind);
    }
    (Term::Named(named), after)
}

fn escaped(chars: &mut std::str::CharIndices<'_>) -> char {
    let (_, kind) = chars.next().unwrap();
    let digits = match kind {
        'b' => return '\u{8}',
        't' => return '\t',
        'n' => return '\n',
        'f' => return '\u{c}',
        'r' => return '\r',
        'u' => 4,
        'U' => 8,
        other => return other,
    };
    let hex: String = chars.by_ref().take(digits).map(|(_, c)| c).collect();
    char::from_u32(u32::from_str_radix(&hex, 16).unwrap()).unwrap()
}
