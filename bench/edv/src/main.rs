//! The load on a provider's EDV vaults: small documents, many at once, one request each. Comes in:
//! a provider's address, how many, how long. Goes out: one line with what was achieved. Must not
//! know: what it is compared with.
//!
//! Requests are signed beforehand, as long as the signatures stay good: what is measured is the
//! provider with all its checks. Each writer has one connection and waits for each answer; two
//! threads drive them all, as pgbench does it here: a thread for each would cost the provider's
//! processors more in switches than in work.
#![forbid(unsafe_code)]

mod connection;
mod lane;
mod requests;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use connection::Connection;
use lane::{Done, Lane};
use requests::{Owner, new_document_id};

const USAGE: &str = "usage: strongroom-edv-load put|fill|get --provider http://ADDR [--state FILE] \
                     [--writers N] [--seconds S]; get reads what fill put in, and both need FILE";
/// Requests signed beforehand for each writer and second; a writer that runs out ends early.
const SIGNED_A_SECOND: usize = 1_500;
/// Threads that drive the connections; pgbench gets `-j 2`.
const THREADS: usize = 2;
/// Documents that are there to be read.
const READ_FROM: usize = 2_000;

/// Anything that ends a run: none of it is measured as a slower operation.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What is done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Put,
    /// Puts in what is read later, one after the other.
    Fill,
    Get,
}

/// What a run is told.
#[derive(Clone)]
struct Wish {
    verb: Verb,
    host: String,
    /// Where `fill` notes whose documents there are.
    state: Option<PathBuf>,
    writers: usize,
    seconds: u64,
}

fn main() -> ExitCode {
    match read_arguments().and_then(|wish| run(&wish)) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("strongroom-edv-load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn read_arguments() -> Result<Wish, Failure> {
    let mut words = std::env::args().skip(1);
    let verb = match words.next().as_deref() {
        Some("put") => Verb::Put,
        Some("fill") => Verb::Fill,
        Some("get") => Verb::Get,
        _ => return Err(USAGE.into()),
    };
    let (mut host, mut state, mut writers, mut seconds) = (None, None, 16, 10);
    while let Some(word) = words.next() {
        let value = words.next().ok_or(USAGE)?;
        match word.as_str() {
            "--provider" => host = value.strip_prefix("http://").map(str::to_owned),
            "--state" => state = Some(PathBuf::from(value)),
            "--writers" => writers = value.parse()?,
            "--seconds" => seconds = value.parse()?,
            _ => return Err(USAGE.into()),
        }
    }
    if !(1..=256).contains(&writers) || !(1..=600).contains(&seconds) {
        return Err("give 1 to 256 writers and 1 to 600 seconds".into());
    }
    Ok(Wish { verb, host: host.ok_or(USAGE)?, state, writers, seconds })
}

fn run(wish: &Wish) -> Result<String, Failure> {
    let state = || wish.state.as_deref().ok_or(USAGE);
    let mut first = Connection::open(&wish.host)?;
    match wish.verb {
        Verb::Fill => {
            let owner = Owner::with_vault(&wish.host, &mut first)?;
            let ids = fill(&owner, &mut first)?;
            std::fs::write(state()?, [owner.notes(), ids].concat().join("\n"))?;
            Ok("{}".to_owned())
        }
        Verb::Put => load(wish, Owner::with_vault(&wish.host, &mut first)?, Vec::new()),
        Verb::Get => {
            let noted = std::fs::read_to_string(state()?)?;
            let mut lines = noted.lines();
            let owner = Owner::noted(&wish.host, &mut lines)?;
            load(wish, owner, lines.map(str::to_owned).collect())
        }
    }
}

/// The load itself.
fn load(wish: &Wish, owner: Owner, ids: Vec<String>) -> Result<String, Failure> {
    let (owner, ids, puts) = (Arc::new(owner), Arc::new(ids), wish.verb == Verb::Put);
    let threads = wish.writers.min(THREADS);
    let start = Arc::new(Barrier::new(threads));
    let drivers: Vec<_> = (0..threads)
        .map(|thread| {
            let (owner, ids, start, wish) =
                (owner.clone(), ids.clone(), start.clone(), wish.clone());
            thread::spawn(move || -> Result<Done, Failure> {
                let lanes = (thread..wish.writers).step_by(threads);
                let mut lanes = lanes
                    .map(|lane| {
                        let requests = signed(&owner, &ids, lane, puts, wish.seconds)?;
                        Ok(Lane::new(Connection::open(&wish.host)?, requests, !puts))
                    })
                    .collect::<Result<Vec<_>, Failure>>()?;
                let expected = if puts { 201 } else { 200 };
                start.wait();
                lane::drive(&mut lanes, expected, Duration::from_secs(wish.seconds))
            })
        })
        .collect();
    let mut took = Vec::new();
    let mut seconds = 0.0_f64;
    for driver in drivers {
        let done = driver.join().map_err(|_| "a thread ended")??;
        took.extend(done.took);
        seconds = seconds.max(done.seconds);
    }
    took.sort_unstable();
    let at = |share: f64| took.get((took.len() as f64 * share) as usize).copied().unwrap_or(0);
    Ok(format!(
        "{{\"operations\": {}, \"seconds\": {seconds:.3}, \"p50_ms\": {:.3}, \"p99_ms\": {:.3}, \
         \"body_b\": {}}}",
        took.len(),
        at(0.5) as f64 / 1e3,
        at(0.99) as f64 / 1e3,
        owner.body_len(),
    ))
}

/// Puts in what is read later.
fn fill(owner: &Owner, connection: &mut Connection) -> Result<Vec<String>, Failure> {
    let ids: Vec<_> = (0..READ_FROM).map(|_| new_document_id()).collect::<Result<_, _>>()?;
    for id in &ids {
        connection.ask(&owner.insert(id)?, 201)?;
    }
    Ok(ids)
}

/// What one writer will send.
fn signed(
    owner: &Owner,
    ids: &[String],
    lane: usize,
    puts: bool,
    seconds: u64,
) -> Result<Vec<Vec<u8>>, Failure> {
    if puts {
        let count = SIGNED_A_SECOND * seconds as usize;
        return (0..count).map(|_| owner.insert(&new_document_id()?)).collect();
    }
    // Reads may be repeated: each begins elsewhere in the same list.
    let mut requests: Vec<_> = ids.iter().map(|id| owner.read(id)).collect::<Result<_, _>>()?;
    requests.rotate_left(lane * ids.len() / 256);
    Ok(requests)
}
