//! What the threat model says of its tests is so.

use std::collections::BTreeSet;
use std::path::Path;

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

#[test]
fn the_threat_model_has_every_row_and_every_test_it_names() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = crates.parent().unwrap().join("docs/threat-model.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| A"))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    let numbers: Vec<String> = rows.iter().map(|row| row[1].to_owned()).collect();
    let expected: Vec<String> = (1..=59).map(|no| format!("A{no:02}")).collect();
    assert_eq!(numbers, expected);

    let mut known = BTreeSet::new();
    tests_below(crates, &mut known);
    let mut named = BTreeSet::new();
    for row in &rows {
        let tests: Vec<&str> = row[4].split('`').skip(1).step_by(2).collect();
        let state = row[5].split([':', ';', '.', ',', ' ']).next().unwrap();
        assert!(["holds", "part", "later"].contains(&state), "{}: {state}", row[1]);
        assert!(state == "later" || !tests.is_empty(), "{} holds by no test", row[1]);
        for test in tests {
            assert!(known.contains(test), "{}: there is no test {test}", row[1]);
            named.insert(test.to_owned());
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
