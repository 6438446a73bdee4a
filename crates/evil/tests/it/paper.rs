//! What the threat model says of its tests is so, and the control of the suite fits both.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use strongroom_evil::weakened::{Weakening, weaken};

fn tests_below(path: &Path, found: &mut BTreeSet<String>) {
    for one in std::fs::read_dir(path).unwrap() {
        let path = one.unwrap().path();
        if path.is_dir() {
            tests_below(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.extend(text.lines().filter_map(|line| {
                let rest = line.trim_start().trim_start_matches("async ").strip_prefix("fn ")?;
                rest.split_once("()").map(|(name, _)| name.to_owned())
            }));
        }
    }
}

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A line of the table: number, tests, state.
struct Row {
    number: String,
    tests: Vec<String>,
    state: String,
}

fn rows() -> Vec<Row> {
    let page = crates().parent().unwrap().join("docs/threat-model.md");
    let page = std::fs::read_to_string(page).unwrap();
    let lines = page.lines().filter(|line| line.starts_with("| A"));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let tests = cells[4].split('`').skip(1).step_by(2);
            let state = cells[5].split([':', ';', '.', ',', ' ']).next().unwrap();
            Row {
                number: cells[1].to_owned(),
                tests: tests.map(str::to_owned).collect(),
                state: state.to_owned(),
            }
        })
        .collect()
}

fn weakenings() -> Vec<Weakening> {
    let folder = crates().join("evil/weakened");
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|one| one.unwrap().path()).collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap();
        Weakening::parse(name, &std::fs::read_to_string(path).unwrap()).unwrap()
    };
    paths.iter().map(read).collect()
}

#[test]
fn the_threat_model_has_every_row_and_every_test_it_names() {
    let rows = rows();
    let numbers: Vec<_> = rows.iter().map(|row| row.number.clone()).collect();
    let expected: Vec<String> = (1..=59).map(|no| format!("A{no:02}")).collect();
    assert_eq!(numbers, expected);

    let mut known = BTreeSet::new();
    tests_below(&crates(), &mut known);
    let mut named = BTreeSet::new();
    for Row { number, tests, state } in rows {
        assert!(["holds", "part", "later"].contains(&state.as_str()), "{number}: {state}");
        assert!(state == "later" || !tests.is_empty(), "{number} holds by no test");
        for test in tests {
            assert!(known.contains(&test), "{number}: there is no test {test}");
            named.insert(test);
        }
    }
    let mut own = BTreeSet::new();
    tests_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"), &mut own);
    let missing: Vec<_> = own
        .iter()
        .filter(|name| name.starts_with('a') && name[1..3].bytes().all(|b| b.is_ascii_digit()))
        .filter(|name| !named.contains(*name))
        .collect();
    assert!(missing.is_empty(), "not in the threat model: {missing:?}");
}

/// What `make weakened` will switch off stands where it is looked for. It is found out here, when
/// a line of a defence changes, and not at night.
#[test]
fn every_weakening_still_finds_what_it_takes_out() {
    let root = crates().parent().unwrap().to_owned();
    let read = |path: &str| std::fs::read_to_string(root.join(path)).ok();
    let weakenings = weakenings();
    match weaken(&weakenings, read) {
        Ok(tree) => assert!(tree.len() > 10),
        Err(wrong) => panic!("mend crates/evil/weakened/:\n{}", wrong.join("\n")),
    }
}

#[test]
fn every_row_with_a_test_has_a_weakening_that_turns_it_red() {
    let weakenings = weakenings();
    let rows = rows();
    for red in weakenings.iter().flat_map(|it| &it.reds) {
        let row = rows.iter().find(|row| row.number == red.row);
        let row = row.unwrap_or_else(|| panic!("{} is no row", red.row));
        assert!(row.tests.iter().any(|it| it == red.name()), "{}: not {}", red.row, red.name());
    }
    let caught = |row: &str, test: &str| {
        let mut reds = weakenings.iter().flat_map(|it| &it.reds);
        reds.any(|red| red.row == row && red.name() == test)
    };
    for row in rows.iter().filter(|row| !row.tests.is_empty()) {
        let turned = row.tests.iter().any(|test| caught(&row.number, test));
        assert!(turned, "{}: no weakening turns any of its tests red", row.number);
    }
}
