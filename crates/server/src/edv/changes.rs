//! All documents of a vault, and what has changed in it. Comes in: a place to go on from. Goes out:
//! ids and sequences, page by page. Must not know: requests, what is sealed.

use std::ops::ControlFlow;

use strongroom_store::{Rows, Scan};
use strongroom_wire::edv::ids::LocalId;

use super::failure::Failure;
use super::open::{damage, newest};
use super::queries::after_document;
use super::rows::{self, ChangeRow};

/// Changes, in the order in which they were made.
pub struct Changes {
    /// At most as many as were asked for. Of each document only its newest change is kept.
    pub list: Vec<ChangeRow>,
    /// Where to go on.
    pub cursor: u64,
    /// Whether there are more already.
    pub more: bool,
}

/// Changes after the one of this number, at most `most`.
pub fn since(
    store: &dyn Rows,
    vault: LocalId,
    after: u64,
    most: usize,
) -> Result<Changes, Failure> {
    let from = rows::change(vault, after.saturating_add(1));
    let scan = Scan { from, ..Scan::prefix(rows::changes(vault)) };
    let (mut list, mut cursor, mut more, mut damaged) = (Vec::new(), after, false, false);
    store.scan(&scan, &mut |key, value| {
        if list.len() == most {
            more = true;
            return ControlFlow::Break(());
        }
        let (Some(number), Some(change)) = (rows::number_of_change(key), ChangeRow::decode(value))
        else {
            damaged = true;
            return ControlFlow::Break(());
        };
        cursor = number;
        list.push(change);
        ControlFlow::Continue(())
    })?;
    if damaged {
        return Err(damage());
    }
    // A cursor of another life of this vault, from before a backup was restored.
    if list.is_empty() {
        cursor = cursor.min(newest(store, vault)?);
    }
    Ok(Changes { list, cursor, more })
}

/// Documents after this one, ascending by their bytes, at most `most`.
pub fn documents(
    store: &dyn Rows,
    vault: LocalId,
    after: Option<LocalId>,
    most: usize,
) -> Result<Vec<LocalId>, Failure> {
    let mut found = Vec::new();
    store.scan(&after_document(&rows::documents(vault), after), &mut |key, _| {
        found.extend(rows::document_of(key));
        if found.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(found)
}
