//! Stories of the tree: equal names, circles, orphans, several heads; and the same tree from every
//! order of the same heads.

use std::collections::BTreeSet;

use proptest::prelude::*;
use strongroom_core::document::DocumentType;
use strongroom_core::names::check_name;
use strongroom_core::tree::{Claim, Move, Place, Row, Stray, What, cut_of, may_move, tree};
use strongroom_wire::entry::Hlc;
use strongroom_wire::ids::{DocumentTag, EntryId};

/// 22 November 2026, noon.
const NOON: u64 = 1_795_348_800_000;

fn tag(number: u8) -> DocumentTag {
    DocumentTag([number; 16])
}

/// A head of document `number` under `parent` (0: the root), written `minute` minutes after noon.
fn at(number: u8, parent: u8, name: &str, minute: u8) -> Claim {
    let place = Place { parent: tag(parent), name: name.to_owned(), what: What::Directory };
    let hlc = Hlc::new(NOON + u64::from(minute) * 60_000, 0);
    let head = EntryId(*blake3::hash(&[number, minute]).as_bytes());
    Claim { tag: tag(number), head, hlc, place: Some(place) }
}

fn removed(number: u8, minute: u8) -> Claim {
    Claim { place: None, ..at(number, 0, "", minute) }
}

fn row(rows: &[Row], number: u8) -> &Row {
    let mut found = rows.iter().filter(|row| row.tag == tag(number) && !row.is_copy);
    let row = found.next().unwrap();
    assert!(found.next().is_none(), "document {number} is listed twice");
    row
}

#[test]
fn two_devices_add_a_file_of_the_same_name() {
    let rows = tree(&[at(1, 0, "tax.pdf", 1), at(2, 0, "tax.pdf", 2)]);
    assert_eq!(row(&rows, 2).name, "tax.pdf", "the later keeps it");
    let copy = row(&rows, 1);
    assert!(copy.name.starts_with("tax (conflict 2026-11-22 ") && copy.name.ends_with(").pdf"));
    assert!(copy.is_renamed && !copy.is_copy);
}

#[test]
fn two_devices_change_one_file() {
    let file = |minute| {
        let mut claim = at(1, 0, "tax.pdf", minute);
        claim.place.as_mut().unwrap().what = What::Content(DocumentType::File, None);
        claim
    };
    let rows = tree(&[file(1), file(2)]);
    assert_eq!(rows.len(), 2);
    assert_eq!(row(&rows, 1).name, "tax.pdf");
    let copy = rows.iter().find(|row| row.is_copy).unwrap();
    assert!(copy.name.starts_with("tax (conflict 2026-11-22 "));
}

#[test]
fn two_devices_make_one_directory() {
    let rows = tree(&[at(1, 0, "photos", 1), at(1, 0, "photos", 2)]);
    assert_eq!(rows.len(), 1, "shown once");
    assert_eq!(row(&rows, 1).name, "photos");
    // One of them moved it or called it otherwise: both are shown.
    assert_eq!(tree(&[at(1, 0, "photos", 1), at(1, 0, "pictures", 2)]).len(), 2);
}

#[test]
fn two_devices_store_one_content() {
    let file = |name, minute, digest| {
        let mut claim = at(1, 0, name, minute);
        claim.place.as_mut().unwrap().what = What::Content(DocumentType::File, digest);
        claim
    };
    let (one, other) = (Some([1; 32]), Some([2; 32]));
    let rows = tree(&[file("tax.pdf", 1, one), file("tax.pdf", 2, one)]);
    assert_eq!((rows.len(), row(&rows, 1).name.as_str()), (1, "tax.pdf"), "shown once");
    // A link that leads to what a file says is another thing.
    let mut link = file("tax.pdf", 2, one);
    link.place.as_mut().unwrap().what = What::Content(DocumentType::Link, one);
    assert_eq!(tree(&[file("tax.pdf", 1, one), link]).len(), 2);
    // Another content, another name, or none that is known to be the same: both are shown.
    for second in [file("tax.pdf", 2, other), file("2026.pdf", 2, one), at(1, 0, "tax.pdf", 2)] {
        assert_eq!(tree(&[file("tax.pdf", 1, one), second]).len(), 2);
    }
    // Of three heads two say the same: the third is what a person should look at.
    let three = [file("tax.pdf", 1, one), file("tax.pdf", 2, other), file("tax.pdf", 3, one)];
    assert_eq!(tree(&three).len(), 2);
}

#[test]
fn two_devices_move_one_file_to_two_places() {
    let rows = tree(&[
        at(1, 0, "home", 0),
        at(2, 0, "work", 0),
        at(3, 1, "tax.pdf", 1),
        at(3, 2, "tax-2026.pdf", 2),
    ]);
    assert_eq!((row(&rows, 3).parent, &*row(&rows, 3).name), (tag(2), "tax-2026.pdf"));
    let copy = rows.iter().find(|row| row.is_copy).unwrap();
    assert_eq!(copy.parent, tag(2), "beside the one that won");
    assert!(copy.name.starts_with("tax (conflict "), "{}", copy.name);
}

#[test]
fn one_device_removes_what_another_changes() {
    let rows = tree(&[at(1, 0, "tax.pdf", 1), removed(1, 9)]);
    assert_eq!(row(&rows, 1).name, "tax.pdf", "a change is not lost to a later removal");
    assert!(tree(&[removed(1, 9)]).is_empty());
}

#[test]
fn what_was_in_a_removed_directory_is_at_the_root() {
    let rows = tree(&[removed(1, 9), at(2, 1, "tax.pdf", 1), at(3, 77, "lost.txt", 1)]);
    for number in [2, 3] {
        let row = row(&rows, number);
        assert_eq!((row.parent, row.stray), (DocumentTag::ZERO, Some(Stray::Orphan)));
    }
}

#[test]
fn what_is_in_a_file_is_at_the_root() {
    let mut file = at(1, 0, "file", 1);
    file.place.as_mut().unwrap().what = What::Content(DocumentType::File, None);
    let rows = tree(&[file, at(2, 1, "inside", 1)]);
    assert_eq!(row(&rows, 2).stray, Some(Stray::Orphan));
}

#[test]
fn a_circle_is_cut_where_the_last_move_closed_it() {
    // Alice moves 1 into 2, Bob moves 2 into 1; 3 is in 1, and 4 points into the circle.
    let claims =
        [at(1, 2, "one", 5), at(2, 1, "two", 6), at(3, 1, "three", 1), at(4, 2, "four", 9)];
    let rows = tree(&claims);
    assert_eq!((row(&rows, 2).parent, row(&rows, 2).stray), (tag(0), Some(Stray::Cycle)));
    assert_eq!((row(&rows, 1).parent, row(&rows, 1).stray), (tag(2), None));
    assert_eq!((row(&rows, 3).parent, row(&rows, 4).parent), (tag(1), tag(2)));
    let claim_of = |at: DocumentTag| {
        let claim = claims.iter().find(|claim| claim.tag == at)?;
        Some((claim.place.as_ref()?.parent, (claim.hlc, claim.head)))
    };
    assert_eq!(cut_of(tag(1), claim_of), Some(tag(2)));
    assert_eq!(cut_of(tag(2), claim_of), Some(tag(2)));
    assert_eq!(cut_of(tag(3), claim_of), None, "it only leads into the circle");
}

#[test]
fn a_directory_in_itself_is_at_the_root() {
    let rows = tree(&[at(1, 1, "snake", 1)]);
    assert_eq!(row(&rows, 1).stray, Some(Stray::Cycle));
}

#[test]
fn a_name_that_is_none_is_still_listed() {
    for name in ["", "..", "a/b", "a\0"] {
        let rows = tree(&[at(1, 0, name, 1)]);
        assert!(row(&rows, 1).name.starts_with("unnamed (conflict "), "{name:?}");
    }
}

#[test]
fn nobody_takes_anothers_name_by_guessing_conflict_names() {
    let copy = tree(&[at(1, 0, "a", 1), at(2, 0, "a", 2)]);
    let made = row(&copy, 1).name.clone();
    // Mallory names a document just so.
    let rows = tree(&[at(1, 0, "a", 1), at(2, 0, "a", 2), at(3, 0, &made, 3)]);
    assert_eq!(row(&rows, 3).name, made, "a name that was written goes first");
    assert!(row(&rows, 1).name.len() > made.len(), "more digits");
}

#[test]
fn a_long_name_stays_a_name_in_conflict() {
    let long = format!("{}.txt", "\u{20ac}".repeat(83));
    let rows = tree(&[at(1, 0, &long, 1), at(2, 0, &long, 2)]);
    assert_eq!(check_name(&row(&rows, 1).name), Ok(()));
    assert!(row(&rows, 1).name.ends_with(").txt"));
}

#[test]
fn a_move_into_itself_is_known_before_it_is_written() {
    let parent_of = |of: DocumentTag| tag(of.0[0].saturating_sub(1));
    assert_eq!(may_move(tag(1), tag(3), parent_of), Move::IntoItself);
    assert_eq!(may_move(tag(3), tag(3), parent_of), Move::IntoItself);
    assert_eq!(may_move(tag(3), tag(1), parent_of), Move::Allowed { depth: 1 });
    assert_eq!(may_move(tag(3), tag(9), |of| of), Move::TooDeep, "ends even in a circle");
}

#[test]
fn a_hundred_thousand_deep_tree_does_not_recurse() {
    let claims: Vec<_> = (1..100_000_u32)
        .map(|number| {
            let tag = |n: u32| {
                let mut bytes = [0; 16];
                bytes[..4].copy_from_slice(&n.to_be_bytes());
                DocumentTag(bytes)
            };
            let mut claim = at(1, 0, "d", 0);
            claim.tag = tag(number);
            claim.place.as_mut().unwrap().parent = tag(number - 1);
            claim
        })
        .collect();
    assert_eq!(tree(&claims).len(), claims.len());
}

fn any_claims() -> impl Strategy<Value = Vec<Claim>> {
    let claim = (1_u8..12, 0_u8..14, "[ab]{0,1}(\\.t)?", 0_u8..6, 0_u8..7, 0_u8..8).prop_map(
        |(number, parent, name, minute, what, gone)| {
            let mut claim = at(number, parent, &name, minute);
            if let Some(place) = &mut claim.place {
                place.what = match what {
                    0..3 => What::Directory,
                    3 => What::Content(DocumentType::File, None),
                    4 => What::Content(DocumentType::Link, Some([4; 32])),
                    _ => What::Content(DocumentType::File, Some([what / 6; 32])),
                };
            }
            if gone == 0 {
                claim.place = None;
            }
            claim
        },
    );
    // One head says one thing.
    proptest::collection::vec(claim, 0..30).prop_map(|mut claims| {
        let mut heads = BTreeSet::new();
        claims.retain(|claim| heads.insert(claim.head));
        claims
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_order_gives_the_same_tree(
        (claims, mixed) in any_claims()
            .prop_flat_map(|it| (Just(it.clone()), Just(it).prop_shuffle()))
    ) {
        prop_assert_eq!(tree(&claims), tree(&mixed));
    }

    #[test]
    fn every_document_is_listed_once_and_reached_from_the_root(claims in any_claims()) {
        let rows = tree(&claims);
        let live: BTreeSet<_> =
            claims.iter().filter(|claim| claim.place.is_some()).map(|claim| claim.tag).collect();
        let place_of = |row: &Row| claims.iter().find(|it| it.head == row.head)?.place.clone();
        for claim in claims.iter().filter(|claim| claim.place.is_some()) {
            // Every head that is no tombstone has its row, but for what was made twice.
            let place = claim.place.clone().unwrap();
            let shown = |row: &Row| row.tag == claim.tag
                && (row.head == claim.head
                    || (!row.is_copy && place_of(row).unwrap().says_the_same(&place)));
            prop_assert_eq!(rows.iter().filter(|row| shown(row)).count(), 1);
        }
        let main: Vec<_> = rows.iter().filter(|row| !row.is_copy).collect();
        prop_assert_eq!(main.len(), live.len());
        prop_assert_eq!(main.iter().map(|row| row.tag).collect::<BTreeSet<_>>(), live);
        let shown: BTreeSet<_> = rows.iter().map(|row| (row.parent, &row.name)).collect();
        prop_assert_eq!(shown.len(), rows.len(), "a name is shown twice in one directory");
        for row in &rows {
            prop_assert_eq!(check_name(&row.name), Ok(()));
            let (mut at, mut steps) = (row.parent, 0);
            while !at.is_zero() {
                steps += 1;
                prop_assert!(steps < 20, "a circle is left");
                at = main.iter().find(|row| row.tag == at).unwrap().parent;
            }
        }
    }
}
