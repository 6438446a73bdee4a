//! The control of the suite itself: each defence taken out once, and which tests must then fail.
//! Comes in: the files of `crates/evil/weakened/`. Goes out: a tree in which each defence asks at
//! run time whether it is switched off, and what has to turn red without it. Must not know: how the
//! tree is built or run.
//!
//! The shipped code has no such switches: they exist in a copy of the tree only. One file is one
//! weakening:
//!
//! ```text
//! what: nobody looks at the newest signature of a chain
//! with: another-weakening                       (optional: is switched off as well)
//! file: crates/wire/src/chain.rs
//! find:
//! Some(last) if !signed.holds(last) => {
//! put:
//! Some(last) if !@off@ && !signed.holds(last) => {
//! end
//! red: A58 strongroom-evil it entries::a58_bad_signature | no signature at the end
//! ```
//! `@off@` becomes the question whether this weakening is on. `red` names the row of the threat
//! model, the package, its target (`lib` for the tests inside it), the test, and words of its
//! complaint: a test that fails of anything else has not noticed the attack. Where two defences
//! stand behind one another, a file may name others alone; where two weaken one place, one of them
//! has the change, and asks for the other by `@off:NAME@`.

use std::collections::{BTreeMap, BTreeSet};

/// Which weakenings are on: their names, with commas between.
pub const VARIABLE: &str = "STRONGROOM_WEAKENED";

/// The room all others link, and what it gets in the copy: the question all switches ask.
const ASKED: (&str, &str) = (
    "crates/wire/src/lib.rs",
    r#"
/// Whether a defence is switched off. Stands in a copy of the tree only.
#[doc(hidden)]
pub fn is_off(name: &str) -> bool {
    static OFF: std::sync::OnceLock<Vec<String>> = std::sync::OnceLock::new();
    let read = || {
        let all = std::env::var("STRONGROOM_WEAKENED").unwrap_or_default();
        all.split(',').map(str::to_owned).collect()
    };
    OFF.get_or_init(read).iter().any(|off| off == name)
}
"#,
);

/// One place of the tree that is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Path from the root of the tree.
    pub file: String,
    /// What stands there, exactly once.
    pub find: String,
    /// What takes its place.
    pub put: String,
}

/// A test that must fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Red {
    /// Row of the threat model, as `A58`.
    pub row: String,
    /// The package it is in.
    pub package: String,
    /// `lib`, or the name of a test target.
    pub target: String,
    /// Its name, with its modules.
    pub test: String,
    /// What its complaint must contain.
    pub says: String,
}

impl Red {
    /// The last part of the test's name, as the threat model names it.
    pub fn name(&self) -> &str {
        self.test.rsplit("::").next().unwrap_or(&self.test)
    }
}

/// One defence that is taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weakening {
    /// Name of its file, without the ending.
    pub name: String,
    /// What is so then, in words.
    pub what: String,
    /// Others that are on with it.
    pub with: Vec<String>,
    /// What is changed.
    pub changes: Vec<Change>,
    /// What must turn red.
    pub reds: Vec<Red>,
}

impl Weakening {
    /// Reads one file.
    ///
    /// # Errors
    /// What is wrong with it, and in which line.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let mut it = Self {
            name: name.to_owned(),
            what: String::new(),
            with: Vec::new(),
            changes: Vec::new(),
            reds: Vec::new(),
        };
        let mut lines = text.lines().enumerate();
        while let Some((at, line)) = lines.next() {
            let wrong = |what: &str| format!("{name}, line {}: {what}", at + 1);
            let (field, rest) = line.split_once(':').unwrap_or((line, ""));
            let rest = rest.trim();
            match field {
                "" => {}
                "what" => rest.clone_into(&mut it.what),
                "with" => it.with = rest.split_whitespace().map(str::to_owned).collect(),
                "file" => it.changes.push(Change {
                    file: rest.to_owned(),
                    find: String::new(),
                    put: String::new(),
                }),
                "find" => {
                    let last = it.changes.last().ok_or_else(|| wrong("no file before it"))?;
                    let mut change = Change { find: String::new(), ..last.clone() };
                    let ends = |line: &str, end: &str| line == end;
                    change.find = block(&mut lines, |line| ends(line, "put:"))
                        .ok_or_else(|| wrong("no put: after it"))?;
                    change.put = block(&mut lines, |line| ends(line, "end"))
                        .ok_or_else(|| wrong("no end after it"))?;
                    if last.find.is_empty() {
                        it.changes.pop();
                    }
                    it.changes.push(change);
                }
                "red" => it.reds.push(red(rest).ok_or_else(|| wrong("not a test and its words"))?),
                _ => return Err(wrong("neither what, with, file, find nor red")),
            }
        }
        let whole = !it.what.is_empty() && !it.reds.is_empty();
        let whole = whole && it.changes.iter().all(|change| !change.find.is_empty());
        if whole { Ok(it) } else { Err(format!("{name}: lacks what, a test, or what is found")) }
    }

    /// What [`VARIABLE`] must be for it.
    pub fn switched_off(&self) -> String {
        let mut all = self.with.clone();
        all.push(self.name.clone());
        all.join(",")
    }
}

fn block<'a>(
    lines: &mut impl Iterator<Item = (usize, &'a str)>,
    ends: impl Fn(&str) -> bool,
) -> Option<String> {
    let mut all: Vec<&str> = Vec::new();
    for (_, line) in lines {
        if ends(line) {
            return Some(all.join("\n"));
        }
        all.push(line);
    }
    None
}

fn red(rest: &str) -> Option<Red> {
    let (place, says) = rest.split_once('|')?;
    let mut parts = place.split_whitespace().map(str::to_owned);
    let red = Red {
        row: parts.next()?,
        package: parts.next()?,
        target: parts.next()?,
        test: parts.next()?,
        says: says.trim().to_owned(),
    };
    (parts.next().is_none() && !red.says.is_empty()).then_some(red)
}

/// The tree with every switch in it: path to text, of the files that change.
///
/// # Errors
/// Every place that is not found exactly once, and every weakening that names an unknown one.
pub fn weaken(
    all: &[Weakening],
    read: impl Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, String>, Vec<String>> {
    let names: BTreeSet<&str> = all.iter().map(|it| it.name.as_str()).collect();
    let mut tree: BTreeMap<String, String> = BTreeMap::new();
    let mut wrong = Vec::new();
    let alone = all.iter().filter(|it| it.with.is_empty());
    let mut idle: BTreeSet<&str> = alone.map(|it| it.name.as_str()).collect();
    for it in all {
        let before = wrong.len();
        let unknown = it.with.iter().filter(|name| !names.contains(name.as_str()));
        wrong.extend(unknown.map(|name| format!("{}: there is no {name}", it.name)));
        for Change { file, find, put } in &it.changes {
            let text = tree.get(file).cloned().or_else(|| read(file));
            let Some(text) = text else {
                wrong.push(format!("{}: there is no {file}", it.name));
                continue;
            };
            let found = text.matches(find.as_str()).count();
            if found != 1 {
                wrong.push(format!("{}: found {found} times in {file}:\n{find}", it.name));
                continue;
            }
            let room =
                if file.starts_with("crates/wire/src/") { "crate" } else { "strongroom_wire" };
            let mut put = put.replace("@off@", &format!("@off:{}@", it.name));
            for name in &names {
                let asks = format!("@off:{name}@");
                if put.contains(&asks) {
                    put = put.replace(&asks, &format!("{room}::is_off(\"{name}\")"));
                    idle.remove(name);
                }
            }
            tree.insert(file.clone(), text.replace(find.as_str(), &put));
        }
        if wrong.len() > before {
            idle.remove(it.name.as_str()); // one complaint of it is enough
        }
    }
    wrong.extend(idle.into_iter().map(|name| format!("{name}: nothing asks for it")));
    let (file, question) = ASKED;
    match tree.get(file).cloned().or_else(|| read(file)) {
        Some(text) => drop(tree.insert(file.to_owned(), text + question)),
        None => wrong.push(format!("there is no {file}")),
    }
    if wrong.is_empty() { Ok(tree) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "what: anybody may\nfile: a.rs\nfind:\n    if may {\nput:\n    \
                        if @off@ || may {\nend\nred: A01 pack it one::test | it was let in\n";

    #[test]
    fn a_weakening_is_read_and_put_in_its_place() {
        let one = Weakening::parse("open-door", GOOD).unwrap();
        assert_eq!(one.reds[0].name(), "test");
        assert_eq!(one.switched_off(), "open-door");
        let read = |path: &str| match path {
            "a.rs" => Some("fn f() {\n    if may {\n".to_owned()),
            "crates/wire/src/lib.rs" => Some("//! Nouns.\n".to_owned()),
            _ => None,
        };
        let tree = weaken(std::slice::from_ref(&one), read).unwrap();
        assert!(tree["a.rs"].contains("    if strongroom_wire::is_off(\"open-door\") || may {"));
        assert!(tree["crates/wire/src/lib.rs"].contains("pub fn is_off"));

        let again = Weakening { name: "again".to_owned(), ..one.clone() };
        let wrong = weaken(&[one.clone(), again], read).unwrap_err();
        assert_eq!(wrong.len(), 1, "a place is taken by one only: {wrong:?}");
        let lost = Weakening { with: vec!["nobody".to_owned()], ..one };
        assert_eq!(weaken(&[lost], read).unwrap_err(), ["open-door: there is no nobody"]);
    }

    #[test]
    fn a_file_that_lacks_something_says_where() {
        for (bad, why) in [
            ("", "lacks what"),
            ("what: x\nfile: a\nfind:\nb\nput:\nc\nend\n", "lacks what, a test, or what is found"),
            ("what: x\nfind:\nb\nput:\nc\nend\n", "line 2: no file"),
            ("what: x\nfile: a\nfind:\nb\n", "line 3: no put"),
            ("what: x\nfile: a\nfind:\nb\nput:\n", "line 3: no end"),
            ("red: A01 pack it test\n", "line 1: not a test"),
            ("red: A01 pack it test |\n", "line 1: not a test"),
            ("colour: red\n", "line 1: neither"),
        ] {
            let error = Weakening::parse("w", bad).unwrap_err();
            assert!(error.contains(why), "{bad:?}: {error}");
        }
    }
}
