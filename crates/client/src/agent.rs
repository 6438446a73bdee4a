//! The agent: a process that keeps the opened key store in memory, so that commands answer at once.
//! Comes in: opened bytes. Goes out: the same bytes, to this user's processes, for a while. Must
//! not know: passphrases, what the bytes open.
//!
//! ```text
//! strongroom unlock ──start──► strongroom agent (own session, no core dump, not traceable)
//!                                  │ <runtime dir>/strongroom-<home>/agent.sock, 0600 in 0700
//! any command ──────fetch────►     │ peer's user id must be ours
//! strongroom lock ───stop────►     │ or 15 minutes without use: wiped, gone
//! ```
//! The bytes go to it over a pipe, never by arguments or environment. On disk is nothing of them,
//! but what the system swaps out. Whoever may read this user's memory (root) reads them there.
//!
//! A request is two bytes, version and verb; answers have a length in front. Limits: one secret of
//! 1 MiB, two seconds for a request.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use rustix::net::sockopt::socket_peercred;
use strongroom_seal::keystore::CONTENTS_LEN_MAX;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};
use crate::home::Home;

mod place;
mod process;
mod serve;

pub use process::run;
pub use serve::serve;

use place::Place;

/// How long an agent waits without use unless the person says otherwise.
pub const IDLE_DEFAULT: Duration = Duration::from_mins(15);

/// The verb under which the command line runs [`run`].
pub const VERB: &str = "agent";

/// First byte of each request.
const VERSION: u8 = 0;
/// Gives the secret.
const FETCH: u8 = b'F';
/// Gives process id and seconds left.
const STATUS: u8 = b'S';
/// Takes another secret.
const REPLACE: u8 = b'R';
/// Wipes the secret and ends.
const STOP: u8 = b'L';
/// The answer to `REPLACE` and `STOP`.
const DONE: u8 = b'D';

/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(2);
/// Tries to start an agent while others start and end theirs.
const STARTS_MAX: usize = 5;

/// What a running agent says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Status {
    /// Its process.
    pub process: u32,
    /// Seconds until it ends, unless it is used.
    pub seconds_left: u64,
}

/// The opened key store, if an agent has it. Starts the agent's time anew.
pub fn fetch(home: &Home) -> Option<Zeroizing<Vec<u8>>> {
    ask(home, FETCH, read_secret).filter(|secret| !secret.is_empty())
}

/// Whether an agent runs for this home. Does not count as use.
pub fn status(home: &Home) -> Option<Status> {
    ask(home, STATUS, |stream| {
        let (mut process, mut seconds) = ([0; 4], [0; 8]);
        stream.read_exact(&mut process)?;
        stream.read_exact(&mut seconds)?;
        let (process, seconds_left) = (u32::from_be_bytes(process), u64::from_be_bytes(seconds));
        Ok(Status { process, seconds_left })
    })
}

/// Ends the agents of this home, wherever they listen. When it returns, what they held is wiped.
/// Gives whether there was one.
pub fn stop(home: &Home) -> Result<bool> {
    let mut stopped = false;
    for place in Place::all(home)? {
        let Some(mut stream) = connect(&place) else { continue };
        let ended = stream.write_all(&[VERSION, STOP]).and_then(|()| expect_done(&mut stream));
        ended.map_err(|error| {
            Error::io("the agent did not answer and may still hold the keys", &error)
                .with_hint("end the process `strongroom agent`, or log out")
        })?;
        stopped = true;
    }
    Ok(stopped)
}

/// Gives the opened key store to an agent: the one that runs, or a new one. `program` is the
/// command line that ends in [`run`]; see [`this_program`]. Returns when the agent answers.
pub fn start(mut program: Command, home: &Home, secret: &[u8], idle: Duration) -> Result<()> {
    if secret.is_empty() || secret.len() > CONTENTS_LEN_MAX {
        return Err(Error::new(ErrorKind::Usage, "an agent takes 1 byte to 1 MiB"));
    }
    for _ in 0..STARTS_MAX {
        if replace(home, secret) || process::spawn(&mut program, home, secret, idle)? {
            return Ok(());
        }
        // Another one was a little faster and is about to listen.
        std::thread::sleep(Duration::from_millis(20));
    }
    Err(Error::new(ErrorKind::Other, "the agent does not start: others start and end all the time"))
}

/// This program, run as an agent.
pub fn this_program() -> Result<Command> {
    let path = std::env::current_exe()
        .map_err(|error| Error::io("cannot find this program's own file", &error))?;
    let mut command = Command::new(path);
    command.arg(VERB);
    Ok(command)
}

/// Gives a running agent another secret. Its time starts anew; how long it is stays as it was.
fn replace(home: &Home, secret: &[u8]) -> bool {
    let send = |stream: &mut UnixStream| {
        write_secret(stream, secret)?;
        expect_done(stream)
    };
    ask(home, REPLACE, send).is_some()
}

/// Asks the first agent that answers.
fn ask<T>(
    home: &Home,
    verb: u8,
    mut talk: impl FnMut(&mut UnixStream) -> io::Result<T>,
) -> Option<T> {
    Place::all(home).ok()?.into_iter().find_map(|place| {
        let mut stream = connect(&place)?;
        stream.write_all(&[VERSION, verb]).ok()?;
        talk(&mut stream).ok()
    })
}

/// A connection to an agent of this user. Another user's process in its place hears nothing.
fn connect(place: &Place) -> Option<UnixStream> {
    if !place.is_ours() {
        return None;
    }
    let stream = UnixStream::connect(place.socket()).ok()?;
    set_patience(&stream).ok()?;
    peer_is_ours(&stream).then_some(stream)
}

fn peer_is_ours(stream: &UnixStream) -> bool {
    socket_peercred(stream).is_ok_and(|peer| peer.uid == rustix::process::geteuid())
}

fn set_patience(stream: &UnixStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))
}

fn expect_done(stream: &mut UnixStream) -> io::Result<()> {
    let mut answer = [0];
    stream.read_exact(&mut answer)?;
    if answer == [DONE] { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

fn write_secret(to: &mut impl Write, secret: &[u8]) -> io::Result<()> {
    to.write_all(&(secret.len() as u32).to_be_bytes())?;
    to.write_all(secret)
}

/// Straight into a buffer of the right size: a buffer that grows leaves copies behind.
fn read_secret(from: &mut impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut len = [0; 4];
    from.read_exact(&mut len)?;
    let len = u32::from_be_bytes(len) as usize;
    if len > CONTENTS_LEN_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut secret = Zeroizing::new(vec![0; len]);
    from.read_exact(&mut secret)?;
    Ok(secret)
}
