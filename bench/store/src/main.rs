//! Engines for the store side by side: the same work, interleaved, medians of five.
//!
//! `cargo run --release [-- ROUNDS [DOCUMENTS [ENGINE…]]]`, on the disk to be
//! measured (`TMPDIR` names another). Prints a table; docs/design/store.md quotes one.
#![forbid(unsafe_code)]

mod engines;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use engines::Engine;

const WRITERS: u64 = 16;
const DOCUMENT: usize = 1024;
const SCANNED: usize = 1000;

type Numbers = BTreeMap<&'static str, BTreeMap<&'static str, Vec<f64>>>;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |or| arguments.next().map_or(or, |n| n.parse::<u64>().expect("a number"));
    let (rounds, documents) = (number(5), number(20_000));
    let wanted: Vec<_> = arguments.collect();
    let mut numbers = Numbers::new();
    for round in 0..rounds {
        // Another order each round: no engine always has the warm or the tired disk.
        let mut makers = engines::all();
        let shift = round as usize % makers.len();
        makers.rotate_left(shift);
        for (name, make) in makers {
            if !wanted.is_empty() && wanted.iter().all(|wanted| wanted != name) {
                continue;
            }
            eprintln!("round {round}: {name}");
            measure(name, make, documents, &mut numbers);
        }
    }
    print(&numbers);
}

fn measure(name: &'static str, make: engines::Make, documents: u64, numbers: &mut Numbers) {
    let home = tempfile::tempdir().expect("a temporary directory");
    let mut note = |what, value| {
        numbers.entry(what).or_default().entry(name).or_default().push(value);
    };
    let engine: Arc<dyn Engine> = make(home.path());
    let (rate, cpu) = in_threads(documents, |n| engine.put(&key(n), &value(n)));
    note("1 puts/s, 16 writers", rate);
    note("2 processor µs a put", cpu);
    let conditional = documents / 4;
    if engine.put_if_absent(&key(u64::MAX), &value(0)) {
        let (rate, _) = in_threads(conditional, |n| {
            assert!(engine.put_if_absent(&key(documents + n), &value(n)));
        });
        note("3 conditional puts/s", rate);
    }
    note("7 bytes a document", disk(home.path()) as f64 / (documents + conditional) as f64);
    if engine.get(&key(1)).is_some() {
        let (rate, _) = in_threads(documents * 2, |n| {
            // Spread, so that neighbours in time are not neighbours in the tree.
            let wanted = n.wrapping_mul(7_919) % documents;
            assert_eq!(engine.get(&key(wanted)).map(|v| v.len()), Some(DOCUMENT));
        });
        note("4 gets/s, 16 readers", rate);
        let start = Instant::now();
        let mut rows = 0;
        for n in 0..200 {
            rows += engine.scan(&key(n * 97), SCANNED);
        }
        note("5 rows/s scanned", rows as f64 / start.elapsed().as_secs_f64());
    }
    drop(engine);
    let start = Instant::now();
    let engine: Arc<dyn Engine> = make(home.path());
    note("6 ms to open again", start.elapsed().as_secs_f64() * 1e3);
    drop(engine);
}

fn in_threads(count: u64, work: impl Fn(u64) + Sync) -> (f64, f64) {
    let next = AtomicU64::new(0);
    let (start, cpu) = (Instant::now(), processor_secs());
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= count {
                        break;
                    }
                    work(n);
                }
            });
        }
    });
    let rate = count as f64 / start.elapsed().as_secs_f64();
    (rate, (processor_secs() - cpu) / count as f64 * 1e6)
}

fn processor_secs() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Keys look like ids: random to the engine, the same in each run.
fn key(n: u64) -> [u8; 32] {
    let mut key = [0; 32];
    for part in 0..4_u64 {
        let word = scramble(n ^ (part << 56));
        key[part as usize * 8..][..8].copy_from_slice(&word.to_be_bytes());
    }
    key
}

/// Values cannot be compressed: what is stored is sealed.
fn value(n: u64) -> Vec<u8> {
    let words = (0..DOCUMENT as u64 / 8).map(|i| scramble(n << 16 | i));
    words.flat_map(u64::to_le_bytes).collect()
}

fn scramble(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Bytes really taken on the disk by everything in a directory.
fn disk(dir: &std::path::Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => disk(&entry.path()),
        Ok(meta) => meta.blocks() * 512,
        Err(_) => 0,
    };
    entries.map(size).sum()
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn print(numbers: &Numbers) {
    let names: Vec<_> = engines::all().into_iter().map(|(name, _)| name).collect();
    print!("{:<22}", "median");
    names.iter().for_each(|name| print!("{name:>12}"));
    println!();
    for (what, by_name) in numbers {
        print!("{:<22}", &what[2..]);
        for name in &names {
            match by_name.get(name) {
                Some(values) => print!("{:>12.0}", median(values)),
                None => print!("{:>12}", "–"),
            }
        }
        println!();
    }
    let puts = &numbers["1 puts/s, 16 writers"];
    println!("ours / log, puts: {:.2}", median(&puts["ours"]) / median(&puts["log"]));
}
