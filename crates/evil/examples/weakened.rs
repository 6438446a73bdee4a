//! Switches each defence off and demands that its row turns red. Comes in: the names of weakenings
//! or rows, or none for all. Goes out: a table, and a failure if one was not caught. Must not know:
//! what any of them means.
//!
//! A copy of the tree, below the folder of builds, gets a switch at every defence and is built
//! once. First every test runs with all defences on: all must be green. Then each weakening runs
//! with its tests, which must fail, saying the words that stand in its file.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use strongroom_evil::weakened::{Red, VARIABLE, Weakening, weaken};

/// A test that takes longer has met no assertion.
const PATIENCE: Duration = Duration::from_mins(10);

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn builds() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

fn weakenings() -> Outcome<Vec<Weakening>> {
    let mut all = Vec::new();
    for one in std::fs::read_dir(root().join("crates/evil/weakened"))? {
        let path = one?.path();
        if path.extension().is_some_and(|end| end == "txt") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            all.push(Weakening::parse(&name, &std::fs::read_to_string(&path)?)?);
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

/// Brings the copy up to date; what did not change keeps its time, so that it is not built again.
fn copy(all: &[Weakening], tree: &Path) -> Outcome<()> {
    let ask = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let listed = Command::new("git").args(ask).current_dir(root()).output()?;
    let listed = String::from_utf8(listed.stdout)?;
    let changed = weaken(all, |path| std::fs::read_to_string(root().join(path)).ok())
        .map_err(|wrong| wrong.join("\n"))?;
    let mut kept = BTreeSet::new();
    for path in listed.split('\0').filter(|path| !path.is_empty()) {
        kept.insert(tree.join(path));
        let bytes = match changed.get(path) {
            Some(text) => text.clone().into_bytes(),
            None => match std::fs::read(root().join(path)) {
                Ok(bytes) => bytes,
                Err(_) => continue,
            },
        };
        let to = tree.join(path);
        if std::fs::read(&to).is_ok_and(|old| old == bytes) {
            continue;
        }
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&to, bytes)?;
    }
    forget(tree, &kept)
}

/// Takes away what the tree no longer has.
fn forget(folder: &Path, kept: &BTreeSet<PathBuf>) -> Outcome<()> {
    for one in std::fs::read_dir(folder)? {
        let one = one?;
        if one.file_type()?.is_dir() {
            forget(&one.path(), kept)?;
        } else if !kept.contains(&one.path()) {
            std::fs::remove_file(one.path())?;
        }
    }
    Ok(())
}

/// Where a test is: package and target.
type Place = (String, String);

/// Builds all tests; gives each target's program.
fn build(tree: &Path) -> Outcome<BTreeMap<Place, PathBuf>> {
    let built = Command::new("cargo")
        .args(["test", "--workspace", "--no-run", "--locked"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(tree)
        // Its own: cargo tells two trees apart by the paths inside them, which are the same.
        .env("CARGO_TARGET_DIR", builds().join("weakened/build"))
        .stderr(Stdio::inherit())
        .output()?;
    if !built.status.success() {
        return Err("the copy with its switches does not build".into());
    }
    let mut programs = BTreeMap::new();
    for line in String::from_utf8(built.stdout)?.lines() {
        let field = |name: &str| {
            let (_, rest) = line.split_once(&format!("\"{name}\":\""))?;
            rest.split_once('"').map(|(value, _)| value.to_owned())
        };
        let target = line.split_once("\"target\":{").map(|(_, rest)| rest).unwrap_or_default();
        let kind = target.split_once("\"kind\":[\"").map(|(_, rest)| rest).unwrap_or_default();
        let name = target.split_once("\"name\":\"").and_then(|(_, rest)| rest.split_once('"'));
        let (Some(program), Some((name, _)), Some(id)) =
            (field("executable"), name, field("package_id"))
        else {
            continue;
        };
        let package = package_of(&id);
        let target = if kind.starts_with("lib") { "lib" } else { name };
        programs.insert((package.to_owned(), target.to_owned()), PathBuf::from(program));
    }
    Ok(programs)
}

/// `…/crates/evil#strongroom-evil@1.0.0`, or `…/crates/strongroom#1.0.0` where they are the same.
fn package_of(id: &str) -> &str {
    let (path, named) = id.rsplit_once('#').unwrap_or((id, ""));
    let folder = path.rsplit('/').next().unwrap_or_default();
    named.split_once('@').map_or(folder, |(name, _)| name)
}

/// What a test did: nothing, if it passed; else its complaint.
type Told = BTreeMap<String, Option<String>>;

/// Runs these tests of one program; none: it had to be ended.
fn run(
    tree: &Path,
    place: &Place,
    program: &Path,
    tests: &[&str],
    off: &str,
) -> Outcome<Option<Told>> {
    let folder = place.0.trim_start_matches("strongroom-");
    let mut child = Command::new(program)
        .arg("--exact")
        .args(tests)
        .current_dir(tree.join("crates").join(folder))
        .env(VARIABLE, off)
        .env("RUST_BACKTRACE", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut out = child.stdout.take().ok_or("no output")?;
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = out.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let begun = Instant::now();
    while child.try_wait()?.is_none() {
        if begun.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let text = reader.join().map_err(|_| "its output is lost")?;
    let mut told = Told::new();
    for test in tests {
        if text.contains(&format!("test {test} ... ok")) {
            told.insert((*test).to_owned(), None);
        } else if text.contains(&format!("test {test} ... FAILED")) {
            let start = format!("---- {test} stdout ----");
            let part = text.split_once(&start).map(|(_, rest)| rest).unwrap_or_default();
            let part = part.split("\n---- ").next().unwrap_or_default();
            let part = part.split("\nfailures:").next().unwrap_or_default();
            told.insert((*test).to_owned(), Some(part.trim().to_owned()));
        }
    }
    Ok(Some(told))
}

fn place(red: &Red) -> Place {
    (red.package.clone(), red.target.clone())
}

/// What a test that was run complained of, if it did; or why nothing is known.
type Said = Result<Option<String>, String>;

/// Runs the tests of all these lines; what each did, or why nothing is known.
fn run_all(
    tree: &Path,
    programs: &BTreeMap<Place, PathBuf>,
    reds: &[&Red],
    off: &str,
) -> Outcome<BTreeMap<(Place, String), Said>> {
    let mut groups: BTreeMap<Place, BTreeSet<&str>> = BTreeMap::new();
    for red in reds {
        groups.entry(place(red)).or_default().insert(&red.test);
    }
    let mut all = BTreeMap::new();
    for (place, tests) in groups {
        let tests: Vec<&str> = tests.into_iter().collect();
        let Some(program) = programs.get(&place) else {
            return Err(format!("{} has no target {}", place.0, place.1).into());
        };
        let told = run(tree, &place, program, &tests, off)?;
        for test in tests {
            let done = match &told {
                None => Err(format!("had to be ended after {} s", PATIENCE.as_secs())),
                Some(told) => told.get(test).cloned().ok_or_else(|| "did not run".to_owned()),
            };
            all.insert((place.clone(), test.to_owned()), done);
        }
    }
    Ok(all)
}

/// One line of the table for each test; how many did not turn red as they should.
fn judge(
    it: &Weakening,
    told: &BTreeMap<(Place, String), Result<Option<String>, String>>,
) -> usize {
    let mut missed = 0;
    for red in &it.reds {
        let why = match told.get(&(place(red), red.test.clone())) {
            Some(Ok(Some(words))) if words.contains(&red.says) => None,
            Some(Ok(Some(words))) => Some(format!("it failed of something else:\n{words}")),
            Some(Ok(None)) => Some("its test passed".to_owned()),
            Some(Err(why)) => Some(why.clone()),
            None => Some("it did not run".to_owned()),
        };
        match why {
            None => println!("caught      {} {}: {}", red.row, it.name, red.name()),
            Some(why) => {
                missed += 1;
                println!("NOT CAUGHT  {} {}: {}: {why}", red.row, it.name, red.name());
            }
        }
    }
    missed
}

fn control(chosen: &[String]) -> Outcome<bool> {
    let all = weakenings()?;
    let wanted = |it: &&Weakening| {
        let named = |one: &String| it.name == *one || it.reds.iter().any(|red| red.row == *one);
        chosen.is_empty() || chosen.iter().any(named)
    };
    let these: Vec<&Weakening> = all.iter().filter(wanted).collect();
    if these.is_empty() {
        return Err("no weakening and no row is called so; see crates/evil/weakened/".into());
    }
    let tree = builds().join("weakened/tree");
    copy(&all, &tree)?;
    let reds: Vec<&Red> = these.iter().flat_map(|it| &it.reds).collect();
    let programs = build(&tree)?;

    let green = run_all(&tree, &programs, &reds, "")?;
    let mut sound = true;
    for ((_, test), told) in &green {
        match told {
            Ok(None) => {}
            Ok(Some(words)) => println!("NOT GREEN   {test}: {words}"),
            Err(why) => println!("NOT GREEN   {test}: {why}"),
        }
        sound &= *told == Ok(None);
    }
    if !sound {
        return Err("tests fail with every defence on; nothing can be said of them".into());
    }
    println!("green       {} tests, with every defence on", green.len());
    let mut missed = 0;
    for it in &these {
        let reds: Vec<&Red> = it.reds.iter().collect();
        missed += judge(it, &run_all(&tree, &programs, &reds, &it.switched_off())?);
    }
    let rows: BTreeSet<&str> = reds.iter().map(|red| red.row.as_str()).collect();
    println!("{} weakenings of {} rows, {missed} not caught", these.len(), rows.len());
    Ok(missed == 0)
}

fn main() -> ExitCode {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    match control(&chosen) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("weakened: {error}");
            ExitCode::FAILURE
        }
    }
}
