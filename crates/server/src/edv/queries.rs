//! Queries over blinded attributes. Comes in: a query that was checked. Goes out: ids of documents,
//! ascending. Must not know: requests, what the tokens stand for.
//!
//! The rows of a term are its documents in order of their ids, so that the answers to several
//! conditions are joined page by page, and a query goes on where the one before ended.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use strongroom_store::{Rows, Scan};
use strongroom_wire::edv::ids::LocalId;
use strongroom_wire::edv::model::{Filter, Query};

use super::failure::Failure;
use super::rows::{self, Name, Term};

/// Rows looked at in one step.
const STEP: usize = 1_024;

/// One condition: the rows with this prefix end in the documents that meet it.
type Condition = Vec<u8>;

/// The documents that meet a query, after its cursor, at most `most` of them.
pub fn matches(
    store: &dyn Rows,
    vault: LocalId,
    query: &Query,
    most: usize,
) -> Result<Vec<LocalId>, Failure> {
    let mut found = BTreeSet::new();
    for conditions in conditions(vault, query) {
        let mut after = query.cursor;
        let mut count = 0;
        while count < most {
            let step = meeting_all(store, &conditions, after, most - count)?;
            count += step.found.len();
            found.extend(step.found);
            after = step.after;
            if after.is_none() {
                break;
            }
        }
    }
    // The first of each alternative are enough for the first of all.
    Ok(found.into_iter().take(most).collect())
}

/// Each alternative with its conditions, all of which a document must meet.
fn conditions(vault: LocalId, query: &Query) -> Vec<Vec<Condition>> {
    let name = |name: &str| Name::of(&query.index, name);
    match &query.filter {
        Filter::Has(names) => {
            let each = names.iter().map(|it| rows::with_name(vault, &name(it)));
            vec![each.collect::<BTreeSet<_>>().into_iter().collect()]
        }
        Filter::Equals(objects) => {
            let term = |(it, value): &(String, String)| Term::of(name(it), value);
            let of = |object: &Vec<_>| {
                let each = object.iter().map(|it| rows::with_term(vault, &term(it)));
                each.collect::<BTreeSet<_>>().into_iter().collect()
            };
            objects.iter().map(of).collect()
        }
    }
}

struct Step {
    found: Vec<LocalId>,
    /// Where to go on; none: that was all.
    after: Option<LocalId>,
}

/// Looks at one page of the rarest condition, and at the others for each document of it.
fn meeting_all(
    store: &dyn Rows,
    conditions: &[Condition],
    after: Option<LocalId>,
    most: usize,
) -> Result<Step, Failure> {
    let mut pages = Vec::with_capacity(conditions.len());
    for condition in conditions {
        let page = page(store, condition, after)?;
        let ends = page.len() < STEP;
        pages.push((condition, page));
        if ends {
            break;
        }
    }
    // One that ends within a page is looked at alone; among those that do not, any will do.
    let Some((rarest, documents)) = pages.pop() else {
        return Ok(Step { found: Vec::new(), after: None });
    };
    let whole = documents.len() < STEP;
    let last = documents.last().copied().filter(|_| !whole);
    let mut found = documents;
    for condition in conditions.iter().filter(|it| *it != rarest) {
        let keys: Vec<_> = found.iter().map(|it| [condition.as_slice(), &it.0].concat()).collect();
        let there = store.get_many(&keys)?;
        found = found.into_iter().zip(there).filter_map(|(it, row)| row.map(|_| it)).collect();
    }
    let cut = found.len() > most;
    found.truncate(most);
    let after = if cut { found.last().copied() } else { last };
    Ok(Step { found, after })
}

fn page(
    store: &dyn Rows,
    condition: &Condition,
    after: Option<LocalId>,
) -> Result<Vec<LocalId>, Failure> {
    let mut found = Vec::new();
    store.scan(&after_document(condition, after), &mut |key, _| {
        found.extend(rows::document_of(key));
        if found.len() < STEP { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(found)
}

/// The rows with a prefix whose documents come after this one.
pub fn after_document(prefix: &[u8], after: Option<LocalId>) -> Scan {
    let mut scan = Scan::prefix(prefix);
    if let Some(after) = after {
        scan.from = [prefix, &after.0, &[0]].concat();
    }
    scan
}

#[cfg(test)]
mod tests {
    use strongroom_store::{Batch, Memory};

    use super::*;

    const VAULT: LocalId = LocalId([7; 16]);

    fn id(number: u32) -> LocalId {
        let mut id = [0; 16];
        id[12..].copy_from_slice(&number.to_be_bytes());
        LocalId(id)
    }

    /// Documents 0 to 4,999: all are `all`, every third is `third`, every fifth `fifth`.
    fn store() -> Memory {
        let store = Memory::new();
        let mut batch = Batch::new();
        let mut put = |number, value: &str| {
            let term = Term::of(Name::of("h", "n"), value);
            batch.put(rows::indexed(VAULT, &term, id(number)), "");
            batch.put(rows::has_name(VAULT, &term.name(), id(number)), "");
        };
        for number in 0..5_000 {
            put(number, "all");
            if number % 3 == 0 {
                put(number, "third");
            }
            if number % 5 == 0 {
                put(number, "fifth");
            }
        }
        store.commit(batch).unwrap();
        store
    }

    fn ask(store: &Memory, json: &str, most: usize) -> Vec<LocalId> {
        matches(store, VAULT, &Query::parse(json.as_bytes()).unwrap(), most).unwrap()
    }

    fn those(keep: impl Fn(u32) -> bool) -> Vec<LocalId> {
        (0..5_000).filter(|it| keep(*it)).map(id).collect()
    }

    #[test]
    fn alternatives_are_joined_and_conditions_met_all() {
        let store = store();
        let all = usize::MAX;
        let both = ask(&store, r#"{"index":"h","equals":[{"n":"all"}]}"#, all);
        assert_eq!(both, those(|_| true));
        let third = ask(&store, r#"{"index":"h","equals":{"n":"third"}}"#, all);
        assert_eq!(third, those(|it| it % 3 == 0));
        let either = ask(&store, r#"{"index":"h","equals":[{"n":"third"},{"n":"fifth"}]}"#, all);
        assert_eq!(either, those(|it| it % 3 == 0 || it % 5 == 0), "each once");
        assert_eq!(ask(&store, r#"{"index":"h","has":["n"]}"#, all), those(|_| true));
        assert!(ask(&store, r#"{"index":"h","has":["n","m"]}"#, all).is_empty());
        assert!(ask(&store, r#"{"index":"i","has":["n"]}"#, all).is_empty(), "another key");
    }

    #[test]
    fn pages_are_cut_and_go_on_without_loss_or_repetition() {
        let store = store();
        for filter in [r#""equals":[{"n":"third"},{"n":"fifth"}]"#, r#""has":["n"]"#] {
            let whole = ask(&store, &format!(r#"{{"index":"h",{filter}}}"#), usize::MAX);
            for most in [1_000, 1_001, 1_024] {
                let (mut got, mut cursor) = (Vec::new(), String::new());
                loop {
                    let json = format!(r#"{{"index":"h",{filter}{cursor}}}"#);
                    let page = ask(&store, &json, most);
                    let Some(last) = page.last() else { break };
                    cursor = format!(r#","cursor":"{last}""#);
                    got.extend(page);
                }
                assert_eq!(got, whole, "{most}");
            }
        }
    }

    #[test]
    fn conditions_that_meet_rarely_are_followed_to_the_end() {
        let store = store();
        // Two conditions, each longer than a page, in either order.
        let mut batch = Batch::new();
        let term = Term::of(Name::of("h", "m"), "v");
        for number in (0..5_000).filter(|it| it % 2 == 0 || *it == 4_999) {
            batch.put(rows::indexed(VAULT, &term, id(number)), "");
        }
        store.commit(batch).unwrap();
        let wanted = those(|it| it % 3 == 0 && it % 2 == 0);
        for json in [
            r#"{"index":"h","equals":{"n":"third","m":"v"}}"#,
            r#"{"index":"h","equals":{"m":"v","n":"third"}}"#,
        ] {
            assert_eq!(ask(&store, json, usize::MAX), wanted);
            assert_eq!(ask(&store, json, 700), wanted[..700]);
        }
    }
}
