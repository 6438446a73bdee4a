//! kill -9 at random points: what was acknowledged is there, nothing is half there.
//!
//! The child is this test binary again. It says on its output what was acknowledged to it; the
//! parent kills it, opens what is left, and compares. Forty kills by default, four hundred with
//! STRONGROOM_LONG.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use strongroom_store::conformance::Dice;
use strongroom_store::{Batch, BlobId, Blobs, Files, Local, Rows, Scan, Sqlite};

const HOME: &str = "STRONGROOM_TEST_CRASH";
const ENGINE: &str = "STRONGROOM_TEST_ENGINE";
const WRITERS: u8 = 4;

/// What the child was told, over all its lives: per writer the last number.
#[derive(Default)]
struct Told {
    rows: BTreeMap<u8, u64>,
    blobs: BTreeMap<u8, u64>,
    deleted: BTreeMap<u8, u64>,
}

#[test]
fn kill_nine_loses_nothing_of_the_providers_engine() {
    let kills = if std::env::var_os("STRONGROOM_LONG").is_some() { 400 } else { 30 };
    let told = run("local", kills, |home, told| {
        let store = Local::open(home).unwrap();
        compare(&store, &store, told);
        assert!(store.check(false).unwrap().is_clean());
    });
    assert!(told > 100, "only {told} writes were acknowledged");
}

#[test]
fn kill_nine_loses_nothing_of_the_devices_replica() {
    let kills = if std::env::var_os("STRONGROOM_LONG").is_some() { 200 } else { 12 };
    let told = run("sqlite", kills, |home, told| {
        let rows = Sqlite::open(&home.join("rows.db")).unwrap();
        let blobs = Files::open(&home.join("chunks")).unwrap();
        compare(&rows, &blobs, told);
        assert!(rows.check(true).unwrap().is_clean());
    });
    assert!(told > 10, "only {told} writes were acknowledged");
}

fn run(engine: &str, kills: u64, compare: impl Fn(&Path, &Told)) -> u64 {
    let home = tempfile::tempdir().unwrap();
    let mut told = Told::default();
    let mut dice = Dice::new(u64::from(std::process::id()));
    for kill in 0..kills {
        let child = start(engine, home.path());
        // Now and then long enough for tables to be written and logs to be removed.
        let millis = dice.below(if kill % 10 == 9 { 600 } else { 120 });
        listen(child, Duration::from_millis(millis), &mut told);
        compare(home.path(), &told);
    }
    told.rows.values().chain(told.blobs.values()).sum()
}

fn start(engine: &str, home: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "crash::child", "--nocapture"]);
    command.env(HOME, home).env(ENGINE, engine);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Lets the child live for a while after its first word, kills it, and notes what it said.
fn listen(mut child: Child, life: Duration, told: &mut Told) {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = lines.by_ref().map(Result::unwrap).any(|line| line.ends_with("ready"));
    assert!(ready, "the child could not open what was left: {:?}", child.wait());
    let killer = thread::spawn(move || {
        thread::sleep(life);
        child.kill().unwrap();
        child.wait().unwrap();
    });
    for line in lines.map_while(Result::ok) {
        let mut words = line.split(' ');
        let (Some(kind), Some(Ok(who)), Some(Ok(n)), Some("ok")) = (
            words.next(),
            words.next().map(str::parse::<u8>),
            words.next().map(str::parse::<u64>),
            words.next(),
        ) else {
            continue;
        };
        let told = match kind {
            "row" => &mut told.rows,
            "blob" => &mut told.blobs,
            "gone" => &mut told.deleted,
            _ => continue,
        };
        let last = told.entry(who).or_insert(0);
        *last = n.max(*last);
    }
    killer.join().unwrap();
}

fn compare(rows: &impl Rows, blobs: &impl Blobs, told: &Told) {
    for who in 1..=WRITERS {
        let told_rows = told.rows.get(&who).copied().unwrap_or(0);
        for n in 1..=told_rows {
            for half in [0, 1] {
                let found = rows.get(&row_key(who, n, half)).unwrap();
                assert_eq!(found, Some(row_value(who, n)), "row {who} {n} was acknowledged");
            }
        }
        // What came after may be there or not, but whole.
        let mut seen = 0;
        let visit = &mut |_: &[u8], _: &[u8]| {
            seen += 1;
            ControlFlow::Continue(())
        };
        rows.scan(&Scan::prefix([who]), visit).unwrap();
        assert!(seen % 2 == 0, "half a batch of {who} is there: {seen} rows");
        let last = rows.get(&[100, who]).unwrap().map_or(0, |n| number(&n));
        assert_eq!(seen, 2 * last, "the counter is part of the batch");
        assert!(last >= told_rows);
        let deleted = told.deleted.get(&who).copied().unwrap_or(0);
        for n in 1..=told.blobs.get(&who).copied().unwrap_or(0) {
            let found = blobs.get(&blob_id(who, n), 0..u64::MAX).unwrap();
            match found {
                Some(found) => {
                    assert!(n > deleted, "blob {who} {n} was deleted");
                    assert!(found == blob_bytes(who, n), "blob {who} {n} is wrong");
                }
                // The one being deleted when the power went may be gone or not.
                None => assert!(n <= deleted + 1, "blob {who} {n} was acknowledged"),
            }
        }
    }
}

#[test]
fn child() {
    let Some(home) = std::env::var_os(HOME) else { return };
    let home = Path::new(&home);
    if std::env::var(ENGINE).unwrap() == "local" {
        let store = Local::open(home).unwrap();
        write_for_ever(&store, &store);
    } else {
        let rows = Sqlite::open(&home.join("rows.db")).unwrap();
        write_for_ever(&rows, &Files::open(&home.join("chunks")).unwrap());
    }
}

fn write_for_ever(rows: &impl Rows, blobs: &impl Blobs) {
    let out = Mutex::new(std::io::stdout());
    // One write a line: a killed process leaves whole lines or, the last one, a part.
    let say = |words: String| out.lock().unwrap().write_all(words.as_bytes()).unwrap();
    say("ready\n".to_owned());
    thread::scope(|scope| {
        for who in 1..=WRITERS {
            scope.spawn(move || {
                let mut n = rows.get(&[100, who]).unwrap().map_or(0, |n| number(&n));
                loop {
                    n += 1;
                    let mut batch = Batch::new();
                    batch.put(row_key(who, n, 0), row_value(who, n));
                    batch.put([100, who], n.to_be_bytes());
                    batch.put(row_key(who, n, 1), row_value(who, n));
                    rows.commit(batch).unwrap();
                    say(format!("row {who} {n} ok\n"));
                }
            });
            scope.spawn(move || {
                let mut before = BlobId([0; 32]);
                before.0[0] = who;
                let held = blobs.list(Some(before), 1).unwrap();
                let held = held.into_iter().find(|id| id.0[0] == who);
                let first = held.map_or(1, |id| number(&id.0[1..9]));
                let mut oldest = first;
                // A life before may have been ended between deleting and saying so.
                say(format!("gone {who} {} ok\n", first - 1));
                for n in first.. {
                    blobs.put(vec![(blob_id(who, n), blob_bytes(who, n))]).unwrap();
                    say(format!("blob {who} {n} ok\n"));
                    if n > oldest + 20 {
                        blobs.delete(&[blob_id(who, oldest)]).unwrap();
                        say(format!("gone {who} {oldest} ok\n"));
                        oldest += 1;
                    }
                }
            });
        }
    });
}

fn row_key(who: u8, n: u64, half: u8) -> Vec<u8> {
    let mut key = vec![who, half];
    key.extend_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    key
}

fn row_value(who: u8, n: u64) -> Vec<u8> {
    Dice::new(n << 8 | u64::from(who)).bytes(300 + (n % 7) as usize * 100)
}

fn blob_id(who: u8, n: u64) -> BlobId {
    let mut id = [who; 32];
    id[1..9].copy_from_slice(&n.to_be_bytes());
    BlobId(id)
}

fn blob_bytes(who: u8, n: u64) -> Vec<u8> {
    let len = if n.is_multiple_of(5) { 200_000 } else { 700 };
    Dice::new(n << 8 | u64::from(who)).bytes(len)
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(bytes.try_into().unwrap())
}
