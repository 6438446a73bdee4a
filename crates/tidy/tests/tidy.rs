//! The house checks itself. Every test is one rule over the whole tree and prints all that breaks
//! it, so that one run is enough to mend everything.
//!
//! A rule may have exceptions. Their lists may only get shorter: what is listed is allowed to stay
//! as it is, what is not listed is not allowed to begin.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};

use strongroom_tidy::{Source, all_files, manifests, uses_of};

/// Lines of a Rust file. Above it a second subject has usually moved in.
const LINES_MAX: usize = 600;
/// Columns of a line.
const COLUMNS_MAX: usize = 100;

/// Files that are longer, with the lines they may have. Only ever lower a number or remove a row.
const LONG_FILES: [(&str, usize); 1] = [
    // 85 cases of one table; apart they would be harder to compare.
    ("crates/wire/tests/it/capability_rules.rs", 760),
];

/// What each crate may link, of ours. The provider's side links nothing that could open anything.
const ARROWS: [(&str, &[&str]); 10] = [
    ("wire", &[]),
    ("seal", &["wire"]),
    ("core", &["seal", "wire"]),
    ("store", &["wire"]),
    ("server", &["store", "wire"]),
    ("client", &["core", "seal", "store", "wire"]),
    ("strongroom", &["client", "server", "store", "wire"]),
    ("evil", &["client", "core", "seal", "server", "store", "wire"]),
    ("simulator", &["wire"]),
    ("tidy", &[]),
];

/// Where a stranger's bytes must never end a program.
const CALM_ROOMS: [&str; 4] = ["wire", "seal", "core", "server"];
/// Where clock, randomness, disk and network come in as arguments.
const THINKING_ROOMS: [&str; 2] = ["seal", "core"];

fn is_a(path: &str, ending: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, own)| own == ending)
}

fn sources() -> Vec<Source> {
    all_files()
        .into_iter()
        .filter(|(path, _)| is_a(path, "rs"))
        .map(|(path, text)| Source { path, text })
        .collect()
}

/// Fails with everything that was found.
fn settle(rule: &str, mut found: Vec<String>) {
    found.sort();
    assert!(found.is_empty(), "{rule}:\n  {}\n", found.join("\n  "));
}

/// Lines of code, in these rooms, that contain one of these words.
fn lines_with(rooms: &[&str], words: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources().iter().filter(|it| it.is_shipped() && rooms.contains(&it.room())) {
        for (at, line) in source.code() {
            if let Some(word) = words.iter().find(|word| line.contains(word.as_str())) {
                found.push(format!("{}:{at}: {word}", source.path));
            }
        }
    }
    found
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn files_are_short() {
    let mut found = Vec::new();
    let mut allowed: BTreeMap<_, _> = LONG_FILES.into_iter().collect();
    for source in sources() {
        let lines = source.text.lines().count();
        match allowed.remove(source.path.as_str()) {
            Some(_) if lines <= LINES_MAX => {
                found.push(format!("{} has {lines} lines: take it off the list", source.path));
            }
            Some(max) if lines > max => {
                found.push(format!("{} grew to {lines} lines, {max} are allowed", source.path));
            }
            None if lines > LINES_MAX => {
                found.push(format!(
                    "{} has {lines} lines: which is the second subject?",
                    source.path
                ));
            }
            _ => {}
        }
    }
    found.extend(allowed.keys().map(|path| format!("{path} is gone: take it off the list")));
    settle("files of more than 600 lines", found);
}

#[test]
fn lines_are_short() {
    let mut found = Vec::new();
    for source in sources() {
        for (at, line) in source.text.lines().enumerate() {
            if line.chars().count() > COLUMNS_MAX {
                found.push(format!("{}:{}", source.path, at + 1));
            }
        }
    }
    settle("lines of more than 100 columns", found);
}

/// What comes in, what goes out, what it must not know: who enters a room reads that first.
#[test]
fn every_module_says_what_it_may_not_know() {
    let mut found = Vec::new();
    for source in sources() {
        let header = source.header();
        if header.is_empty() {
            found.push(format!("{}: no header", source.path));
            continue;
        }
        // A verb of the command line is one thing; its door says what doors may not know.
        let verb = source.path.starts_with("crates/strongroom/src/commands/");
        if !source.is_shipped() || verb {
            continue;
        }
        let has = |words: &[&str]| words.iter().any(|word| header.contains(word));
        for (part, words) in [
            ("what comes in", &["comes in", "takes ", "takes:"][..]),
            ("what goes out", &["goes out", "gives ", "gives:", "out: "][..]),
            ("what it must not know", &["must not know", "must never know", "may not know"][..]),
        ] {
            if !has(words) {
                found.push(format!("{}: does not say {part}", source.path));
            }
        }
    }
    settle("modules without a three-part header", found);
}

#[test]
fn nothing_is_left_over() {
    let words: Vec<_> = ["dbg", "todo", "unimplemented"].map(|it| format!("{it}!(")).to_vec();
    let mut found = Vec::new();
    for source in sources() {
        for (at, line) in source.text.lines().enumerate() {
            if let Some(word) = words.iter().find(|word| line.contains(word.as_str())) {
                found.push(format!("{}:{}: {word}", source.path, at + 1));
            }
        }
    }
    settle("leftovers", found);
}

/// A stranger's bytes must never end a program. (Indexing is clippy's to find.)
#[test]
fn no_room_that_reads_strangers_bytes_panics() {
    let words = words(&[".unwrap()", ".expect(\"", "panic!(", "unreachable!("]);
    settle("ways to panic outside tests", lines_with(&CALM_ROOMS, &words));
}

#[test]
fn every_crate_forbids_unsafe_code() {
    let missing = sources()
        .iter()
        .filter(|source| source.is_crate_root())
        .filter(|source| !source.text.contains("#![forbid(unsafe_code)]"))
        .map(|source| source.path.clone())
        .collect();
    settle("crates without #![forbid(unsafe_code)]", missing);
    let unlinted = all_files()
        .into_iter()
        .filter(|(path, _)| path.starts_with("crates/") && path.ends_with("/Cargo.toml"))
        .filter(|(_, text)| !text.contains("[lints]\nworkspace = true"))
        .map(|(path, _)| path)
        .collect();
    settle("crates that leave the workspace's lints out", unlinted);
}

#[test]
fn thinking_rooms_meet_no_disk_clock_or_network() {
    let words = words(&[
        "std::fs",
        "std::net",
        "std::process",
        "std::env",
        "std::io",
        "std::thread",
        "SystemTime",
        "Instant::",
        "getrandom",
        "tokio",
        "println!(",
        "eprintln!(",
    ]);
    settle("rooms without I/O that have some", lines_with(&THINKING_ROOMS, &words));
}

/// The promise, as far as manifests go. `cargo tree` is asked in the server's own tests.
#[test]
fn arrows_point_down() {
    let allowed: BTreeMap<_, _> = ARROWS.into_iter().collect();
    let mut found = Vec::new();
    for (room, linked) in manifests(&all_files()) {
        let Some(may) = allowed.get(room.as_str()) else {
            found.push(format!("{room} is new: say what it may link, and why it is a crate"));
            continue;
        };
        let wrong = linked.iter().filter(|to| !may.contains(&to.as_str()));
        found.extend(wrong.map(|to| format!("{room} → {to}")));
    }
    settle("arrows that must not exist", found);
}

/// `L0` to `L4` stand at the start of the headers in core; a layer uses its own and those below.
#[test]
fn layers_of_core_are_in_order() {
    let sources: Vec<_> =
        sources().into_iter().filter(|it| it.is_shipped() && it.room() == "core").collect();
    let module = |source: &Source| {
        let rest = source.path.trim_start_matches("crates/core/src/").trim_end_matches(".rs");
        rest.split('/').next().unwrap_or("").to_owned()
    };
    let layer = |source: &Source| -> Option<u8> {
        let header = source.header();
        header.strip_prefix('l')?.chars().next()?.to_digit(10)?.try_into().ok()
    };
    let mut layers = BTreeMap::new();
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| !source.is_crate_root()) {
        match layer(source) {
            Some(at) => drop(layers.insert(module(source), at)),
            // A part of a module is of its module's layer.
            None if source.path.matches('/').count() > 3 => {}
            None => found.push(format!("{}: its header begins with no layer", source.path)),
        }
    }
    for source in sources.iter().filter(|source| !source.is_crate_root()) {
        let own = module(source);
        for (at, line) in source.code() {
            for used in uses_of(line) {
                if layers.get(used) > layers.get(&own) {
                    found.push(format!("{}:{at}: {own} uses {used}", source.path));
                }
            }
        }
    }
    settle("layers that look up", found);
}

/// The project stands alone: it can be cloned, moved and read without the place it came from.
#[test]
fn nothing_names_the_machine_it_was_written_on() {
    // Put together here, or this file would be found.
    let words: Vec<_> =
        ["../sha red", "/wo rk/", "/ro ot/", "/tmp/t -"].map(|it| it.replace(' ', "")).to_vec();
    let mut found = Vec::new();
    for (path, text) in all_files() {
        for (at, line) in text.lines().enumerate() {
            if let Some(word) = words.iter().find(|word| line.contains(word.as_str())) {
                found.push(format!("{path}:{}: {word}", at + 1));
            }
        }
    }
    settle("names of other places", found);
}

#[test]
fn every_guest_says_why_it_is_here() {
    let files = all_files();
    let text = files.get("Cargo.toml").unwrap();
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.starts_with('[') {
            inside = line == "[workspace.dependencies]";
        }
        let dependency = inside && line.contains(" = ") && !line.starts_with(['#', ' ']);
        if dependency && !line.starts_with("strongroom-") && !line.contains(" # ") {
            found.push(line.split(' ').next().unwrap_or(line).to_owned());
        }
    }
    settle("dependencies without a reason in Cargo.toml", found);
}

/// A file nobody declares is never compiled, and its tests never run.
#[test]
fn no_file_is_forgotten() {
    let sources = sources();
    let texts: BTreeMap<_, _> =
        sources.iter().map(|it| (it.path.as_str(), it.text.as_str())).collect();
    let mut found = Vec::new();
    for source in sources.iter().filter(|it| it.path.starts_with("crates/")) {
        let Some((dir, file)) = source.path.rsplit_once('/') else { continue };
        let Some(name) = file.strip_suffix(".rs") else { continue };
        let parts: Vec<_> = source.path.split('/').collect();
        let starts = source.is_crate_root()
            || name == "main"
            || matches!(parts[2..parts.len() - 1], ["tests" | "examples" | "benches"]);
        let (name, dir) = match (name, dir.rsplit_once('/')) {
            ("mod", Some((above, name))) => (name, above),
            _ => (name, dir),
        };
        let homes = ["lib.rs", "main.rs", "mod.rs"].map(|home| format!("{dir}/{home}"));
        let mut homes: BTreeSet<_> = homes.into_iter().collect();
        homes.insert(format!("{dir}.rs"));
        let beside = |path: &str| path.rsplit_once('/').is_some_and(|(above, _)| above == dir);
        homes.extend(texts.keys().filter(|path| beside(path)).map(|path| (*path).to_owned()));
        let declared = homes.iter().filter_map(|home| texts.get(home.as_str())).any(|text| {
            text.lines().any(|line| line.trim_end().ends_with(&format!("mod {name};")))
        });
        if !starts && !declared {
            found.push(source.path.clone());
        }
    }
    settle("files that no module declares", found);
}

/// Every page of bytes is in the list of pages, every folder of golden files on some page.
#[test]
fn the_pages_of_bytes_are_complete() {
    let files = all_files();
    let list = files.get("docs/spec/README.md").unwrap();
    let pages: Vec<_> = files.iter().filter(|(path, _)| path.starts_with("docs/spec/")).collect();
    let mut found = Vec::new();
    for (path, _) in &pages {
        let name = path.trim_start_matches("docs/spec/");
        if name != "README.md" && !list.contains(&format!("]({name})")) {
            found.push(format!("{path} is not in docs/spec/README.md"));
        }
    }
    let folders: BTreeSet<_> = files
        .keys()
        .filter_map(|path| path.strip_prefix("vectors/")?.split_once('/'))
        .map(|(folder, _)| folder)
        .collect();
    for folder in folders {
        if !pages.iter().any(|(_, text)| text.contains(&format!("{folder}/"))) {
            found.push(format!("vectors/{folder}/ stands on no page of docs/spec/"));
        }
    }
    settle("bytes nobody finds", found);
}

/// Links between our own pages lead somewhere.
#[test]
fn links_between_pages_lead_somewhere() {
    let files = all_files();
    let root = strongroom_tidy::root();
    let mut found = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| is_a(path, "md")) {
        let dir = path.rsplit_once('/').map_or("", |(dir, _)| dir);
        for (_, rest) in text.match_indices("](").map(|(at, _)| text.split_at(at + 2)) {
            let link = rest.split([')', '#', ' ']).next().unwrap_or("");
            let foreign = link.is_empty() || link.contains("://") || link.starts_with("mailto:");
            if !foreign && !root.join(dir).join(link).exists() {
                found.push(format!("{path}: {link}"));
            }
        }
    }
    settle("links to nowhere", found);
}
