//! RDFC-1.0 (URDNA2015): one text for a set of quads, however its blank nodes are named. Comes in:
//! quads. Goes out: their canonical N-Quads, or a refusal when they take too much work. Must not
//! know: what the quads say, JSON, signatures.
//!
//! All of the algorithm with its n-degree step, under a limit of work: there are small sets whose
//! labelling takes longer than anybody waits (cliques of blank nodes). Its work is counted, not
//! timed, so that every verifier refuses the same sets.

use sha2::{Digest, Sha256};

use super::limits::{CANON_DEPTH_MAX, CANON_WORK_MAX, QUADS_MAX};

/// Why quads got no canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CanonError {
    /// More quads than may be.
    #[error("too many quads")]
    TooMany,
    /// Telling the blank nodes apart takes too much work.
    #[error("blank nodes that cannot be told apart with little work")]
    TooMuch,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// A blank node; the number is its name, any will do.
    Blank(usize),
    /// An IRI or a literal, as N-Quads write it.
    Named(String),
}

impl Term {
    /// An IRI of characters that need no escape.
    pub fn iri(iri: &str) -> Self {
        Self::Named(format!("<{iri}>"))
    }

    /// A literal; of a type unless it is a plain text.
    ///
    /// ```
    /// use strongroom_wire::edv::canon::Term;
    /// assert_eq!(Term::literal("a\"b\n", None), Term::Named("\"a\\\"b\\n\"".to_owned()));
    /// ```
    pub fn literal(text: &str, kind: Option<&str>) -> Self {
        use core::fmt::Write as _;
        let mut out = String::with_capacity(text.len() + 2);
        out.push('"');
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\u{8}' => out.push_str("\\b"),
                '\t' => out.push_str("\\t"),
                '\n' => out.push_str("\\n"),
                '\u{c}' => out.push_str("\\f"),
                '\r' => out.push_str("\\r"),
                // Writing to a String cannot fail.
                '\0'..='\u{1f}' | '\u{7f}' => {
                    let _ = write!(out, "\\u{:04X}", u32::from(c));
                }
                c => out.push(c),
            }
        }
        out.push('"');
        if let Some(kind) = kind {
            let _ = write!(out, "^^<{kind}>");
        }
        Self::Named(out)
    }
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quad {
    /// What it is about.
    pub subject: Term,
    /// The relation, an IRI in angle brackets.
    pub predicate: String,
    /// What stands in that relation to the subject.
    pub object: Term,
    /// The graph it is in; none: the default graph.
    pub graph: Option<Term>,
}

/// The canonical N-Quads: one line each, sorted, none twice, blank nodes named `_:c14n0` and on.
pub fn canonical(quads: &[Quad]) -> Result<String, CanonError> {
    if quads.len() > QUADS_MAX {
        return Err(CanonError::TooMany);
    }
    let mut names: Vec<usize> = quads.iter().flat_map(blanks_of).map(|(blank, _)| blank).collect();
    names.sort_unstable();
    names.dedup();
    // From here on blank nodes have dense numbers.
    let dense = |blank: usize| names.binary_search(&blank).unwrap_or_default();
    let mut quads: Vec<Quad> = quads.iter().map(|quad| renamed(quad, dense)).collect();
    dedup(&mut quads);
    let labels = Labelling::new(&quads, names.len()).label()?;
    let name = |out: &mut String, blank: usize| write_label(out, "c14n", labels.of(blank));
    let mut lines: Vec<String> = quads.iter().map(|quad| line(quad, name)).collect();
    lines.sort_unstable();
    Ok(lines.concat())
}

/// The blank nodes of a quad, each with its position.
fn blanks_of(quad: &Quad) -> impl Iterator<Item = (usize, char)> {
    let terms = [(Some(&quad.subject), 's'), (Some(&quad.object), 'o'), (quad.graph.as_ref(), 'g')];
    terms.into_iter().filter_map(|(term, position)| match term? {
        Term::Blank(blank) => Some((*blank, position)),
        Term::Named(_) => None,
    })
}

fn renamed(quad: &Quad, name: impl Fn(usize) -> usize) -> Quad {
    let term = |term: &Term| match term {
        Term::Blank(blank) => Term::Blank(name(*blank)),
        named @ Term::Named(_) => named.clone(),
    };
    Quad {
        subject: term(&quad.subject),
        predicate: quad.predicate.clone(),
        object: term(&quad.object),
        graph: quad.graph.as_ref().map(term),
    }
}

/// Quads are a set: the same one twice would change hashes.
fn dedup(quads: &mut Vec<Quad>) {
    let mut keyed: Vec<(String, Quad)> = std::mem::take(quads)
        .into_iter()
        .map(|quad| (line(&quad, |out, blank| write_label(out, "", blank)), quad))
        .collect();
    keyed.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    keyed.dedup_by(|(a, _), (b, _)| a == b);
    quads.extend(keyed.into_iter().map(|(_, quad)| quad));
}

/// One line of N-Quads, with the names that `name` writes.
fn line(quad: &Quad, name: impl Fn(&mut String, usize)) -> String {
    let mut out = String::with_capacity(192);
    let term = |out: &mut String, term: &Term| match term {
        Term::Blank(blank) => name(out, *blank),
        Term::Named(text) => out.push_str(text),
    };
    term(&mut out, &quad.subject);
    out.push(' ');
    out.push_str(&quad.predicate);
    out.push(' ');
    term(&mut out, &quad.object);
    if let Some(graph) = &quad.graph {
        out.push(' ');
        term(&mut out, graph);
    }
    out.push_str(" .\n");
    out
}

fn write_label(out: &mut String, prefix: &str, number: usize) {
    use core::fmt::Write as _;
    // Writing to a String cannot fail.
    let _ = write!(out, "_:{prefix}{number}");
}

fn sha256_hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied();
    let digest = Sha256::digest(bytes);
    digest.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).flatten().collect()
}

/// Numbers given to blank nodes, in the order they were given.
#[derive(Clone)]
struct Issuer {
    numbers: Vec<Option<usize>>,
    order: Vec<usize>,
}

impl Issuer {
    fn new(blanks: usize) -> Self {
        Self { numbers: vec![None; blanks], order: Vec::new() }
    }

    fn has(&self, blank: usize) -> Option<usize> {
        self.numbers.get(blank).copied().flatten()
    }

    /// The number of a node that has one.
    fn of(&self, blank: usize) -> usize {
        self.has(blank).unwrap_or_default()
    }

    fn issue(&mut self, blank: usize) -> usize {
        if let Some(number) = self.has(blank) {
            return number;
        }
        let number = self.order.len();
        if let Some(place) = self.numbers.get_mut(blank) {
            *place = Some(number);
            self.order.push(blank);
        }
        number
    }
}

/// The state of the algorithm; names of its steps are those of the specification.
struct Labelling<'a> {
    /// The quads each blank node stands in.
    mentions: Vec<Vec<&'a Quad>>,
    /// First-degree hashes.
    first: Vec<String>,
    canonical: Issuer,
    work: usize,
}

impl<'a> Labelling<'a> {
    fn new(quads: &'a [Quad], blanks: usize) -> Self {
        let mut mentions: Vec<Vec<&Quad>> = vec![Vec::new(); blanks];
        for quad in quads {
            let mut seen: Vec<usize> = blanks_of(quad).map(|(blank, _)| blank).collect();
            seen.sort_unstable();
            seen.dedup();
            for blank in seen {
                if let Some(own) = mentions.get_mut(blank) {
                    own.push(quad);
                }
            }
        }
        let first = mentions.iter().enumerate().map(|(blank, own)| first_degree(blank, own));
        Self { first: first.collect(), mentions, canonical: Issuer::new(blanks), work: 0 }
    }

    fn label(mut self) -> Result<Issuer, CanonError> {
        let mut by_hash: Vec<(String, usize)> =
            self.first.iter().enumerate().map(|(blank, hash)| (hash.clone(), blank)).collect();
        by_hash.sort_unstable();
        let groups: Vec<Vec<usize>> = by_hash
            .chunk_by(|(a, _), (b, _)| a == b)
            .map(|group| group.iter().map(|(_, blank)| *blank).collect())
            .collect();
        for group in &groups {
            if let [alone] = group.as_slice() {
                self.canonical.issue(*alone);
            }
        }
        for group in groups.iter().filter(|group| group.len() > 1) {
            let mut found = Vec::with_capacity(group.len());
            for blank in group {
                if self.canonical.has(*blank).is_none() {
                    let mut issuer = Issuer::new(self.first.len());
                    issuer.issue(*blank);
                    found.push(self.n_degree(*blank, issuer, 0)?);
                }
            }
            found.sort_by(|(a, _), (b, _)| a.cmp(b));
            for (_, issuer) in found {
                for blank in issuer.order {
                    self.canonical.issue(blank);
                }
            }
        }
        Ok(self.canonical)
    }

    fn spend(&mut self, work: usize) -> Result<(), CanonError> {
        self.work = self.work.saturating_add(work);
        if self.work > CANON_WORK_MAX { Err(CanonError::TooMuch) } else { Ok(()) }
    }

    /// Hash Related Blank Node.
    fn related(&self, blank: usize, quad: &Quad, issuer: &Issuer, position: char) -> String {
        let mut input = String::with_capacity(128);
        input.push(position);
        if position != 'g' {
            input.push_str(&quad.predicate);
        }
        match (self.canonical.has(blank), issuer.has(blank)) {
            (Some(number), _) => write_label(&mut input, "c14n", number),
            (None, Some(number)) => write_label(&mut input, "b", number),
            (None, None) => input.push_str(self.first.get(blank).map_or("", String::as_str)),
        }
        sha256_hex(input.as_bytes())
    }

    /// Hash N-Degree Quads. Depth is bounded before it is gone into.
    fn n_degree(
        &mut self,
        blank: usize,
        issuer: Issuer,
        depth: usize,
    ) -> Result<(String, Issuer), CanonError> {
        if depth > CANON_DEPTH_MAX {
            return Err(CanonError::TooMuch);
        }
        let mentions = self.mentions.get(blank).cloned().unwrap_or_default();
        self.spend(1 + mentions.len())?;
        let mut related: Vec<(String, usize)> = Vec::new();
        for quad in mentions {
            for (other, position) in blanks_of(quad).filter(|(other, _)| *other != blank) {
                related.push((self.related(other, quad, &issuer, position), other));
            }
        }
        related.sort_unstable();
        let mut issuer = issuer;
        let mut data = String::new();
        for group in related.chunk_by(|(a, _), (b, _)| a == b) {
            data.push_str(group.first().map_or("", |(hash, _)| hash));
            let group: Vec<usize> = group.iter().map(|(_, other)| *other).collect();
            let (path, chosen) = self.best_path(group, &issuer, depth)?;
            data.push_str(&path);
            issuer = chosen;
        }
        Ok((sha256_hex(data.as_bytes()), issuer))
    }

    /// The least path over all orders of a group, and the numbers given on it.
    fn best_path(
        &mut self,
        mut order: Vec<usize>,
        issuer: &Issuer,
        depth: usize,
    ) -> Result<(String, Issuer), CanonError> {
        let mut best: Option<(String, Issuer)> = None;
        order.sort_unstable();
        loop {
            self.spend(order.len())?;
            let least = best.as_ref().map(|(path, _)| path.as_str());
            if let Some(found) = self.path(&order, issuer.clone(), least, depth)? {
                best = Some(found);
            }
            if !next_order(&mut order) {
                return Ok(best.unwrap_or_else(|| (String::new(), issuer.clone())));
            }
        }
    }

    /// The path of one order, unless it is not less than the least so far.
    fn path(
        &mut self,
        order: &[usize],
        mut issuer: Issuer,
        least: Option<&str>,
        depth: usize,
    ) -> Result<Option<(String, Issuer)>, CanonError> {
        let worse =
            |path: &str| least.is_some_and(|least| path.len() >= least.len() && path > least);
        let mut path = String::new();
        let mut deeper = Vec::new();
        for other in order {
            if let Some(number) = self.canonical.has(*other) {
                write_label(&mut path, "c14n", number);
            } else {
                if issuer.has(*other).is_none() {
                    deeper.push(*other);
                }
                let number = issuer.issue(*other);
                write_label(&mut path, "b", number);
            }
            if worse(&path) {
                return Ok(None);
            }
        }
        for other in deeper {
            let (hash, after) = self.n_degree(other, issuer.clone(), depth + 1)?;
            let number = issuer.issue(other);
            write_label(&mut path, "b", number);
            path.push('<');
            path.push_str(&hash);
            path.push('>');
            issuer = after;
            if worse(&path) {
                return Ok(None);
            }
        }
        let less = least.is_none_or(|least| path.as_str() < least);
        Ok(less.then_some((path, issuer)))
    }
}

/// Hash First Degree Quads.
fn first_degree(blank: usize, mentions: &[&Quad]) -> String {
    let name = |out: &mut String, other: usize| {
        out.push_str(if other == blank { "_:a" } else { "_:z" });
    };
    let mut lines: Vec<String> = mentions.iter().map(|quad| line(quad, name)).collect();
    lines.sort_unstable();
    sha256_hex(lines.concat().as_bytes())
}

/// The next order in the sequence of all; `false` after the last. Equal members are not swapped.
fn next_order(order: &mut [usize]) -> bool {
    let Some(at) = order.windows(2).rposition(|pair| matches!(pair, [a, b] if a < b)) else {
        return false;
    };
    let Some(pivot) = order.get(at).copied() else { return false };
    let Some(other) = order.iter().rposition(|member| *member > pivot) else { return false };
    order.swap(at, other);
    if let Some(tail) = order.get_mut(at + 1..) {
        tail.reverse();
    }
    true
}
