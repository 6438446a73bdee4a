//! The agent as a process of its own. Comes in: a program, the secret. Goes out: a detached process
//! that listens. Must not know: what is said over its socket.
//!
//! Parent to child, on standard input: length u16 ‖ home ‖ idle milliseconds u64 ‖ length u32 ‖
//! secret, all big-endian. Child to parent, on standard output: one line that starts with
//! `strongroom-agent: `.

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read, Write};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit, setsid};

use super::serve::Agent;
use super::{VERB, read_secret, write_secret};
use crate::error::{Error, ErrorKind, Result};
use crate::home::Home;

/// What the child's line starts with.
const LINE: &str = "strongroom-agent: ";
const READY: &str = "ready";
const TAKEN: &str = "taken";
/// Bytes the parent reads while it waits for that line.
const CHATTER_LEN_MAX: u64 = 65_536;
/// Bytes of a path.
const HOME_LEN_MAX: usize = 4_096;

/// Starts an agent and waits until it listens. `false`: another one is there.
pub(super) fn spawn(
    program: &mut Command,
    home: &Home,
    secret: &[u8],
    idle: Duration,
) -> Result<bool> {
    let fail = |error: io::Error| Error::io("cannot start the agent", &error);
    let path = std::path::absolute(home.path()).map_err(fail)?;
    // In the root directory, so that it keeps no file system busy; silent, so that it holds no
    // terminal and no pipe of the command that started it.
    let child = program
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.map_err(fail)?;
    let told = tell(&mut child, path.as_os_str().as_bytes(), secret, idle);
    let answer = told.and_then(|()| listen(&mut child));
    // It outlives us, or is done already: either way somebody has to collect it.
    std::thread::spawn(move || child.wait());
    match answer.map_err(fail)?.as_str() {
        READY => Ok(true),
        TAKEN => Ok(false),
        "" => Err(Error::new(ErrorKind::Other, "the agent ended before it listened")),
        reason => Err(Error::new(ErrorKind::Other, format!("the agent cannot start: {reason}"))),
    }
}

fn tell(child: &mut Child, home: &[u8], secret: &[u8], idle: Duration) -> io::Result<()> {
    let mut pipe = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let len = u16::try_from(home.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    pipe.write_all(&len.to_be_bytes())?;
    pipe.write_all(home)?;
    pipe.write_all(&(idle.as_millis() as u64).to_be_bytes())?;
    write_secret(&mut pipe, secret)
}

/// What the child says; empty if it says nothing.
fn listen(child: &mut Child) -> io::Result<String> {
    let pipe = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    for line in BufReader::new(pipe.take(CHATTER_LEN_MAX)).lines() {
        if let Some(said) = line?.strip_prefix(LINE) {
            return Ok(said.to_owned());
        }
    }
    Ok(String::new())
}

/// What the hidden verb does: becomes an agent, and returns when its time is over.
pub fn run() -> Result<()> {
    let mut stdin = io::stdin().lock();
    if stdin.is_terminal() {
        let what = format!("`{VERB}` is started by `unlock`, not by hand");
        return Err(Error::new(ErrorKind::Usage, what).with_hint("type `strongroom unlock`"));
    }
    harden()?;
    let fail = |error: io::Error| Error::io("the agent was told nothing it understands", &error);
    let (home, idle) = hear(&mut stdin).map_err(fail)?;
    let secret = read_secret(&mut stdin).map_err(fail)?;
    drop(stdin);
    match Agent::listen(&home, idle) {
        Ok(Some(agent)) => {
            say(READY);
            agent.run(secret)
        }
        Ok(None) => {
            say(TAKEN);
            Ok(())
        }
        Err(error) => {
            say(&error.to_string());
            Err(error)
        }
    }
}

fn hear(from: &mut impl Read) -> io::Result<(Home, Duration)> {
    let mut len = [0; 2];
    from.read_exact(&mut len)?;
    let len = usize::from(u16::from_be_bytes(len));
    if len > HOME_LEN_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut home = vec![0; len];
    from.read_exact(&mut home)?;
    let mut idle = [0; 8];
    from.read_exact(&mut idle)?;
    Ok((Home::at(OsString::from_vec(home)), Duration::from_millis(u64::from_be_bytes(idle))))
}

/// A parent that went away does not matter any more.
fn say(words: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{LINE}{}", words.replace('\n', " ")).and_then(|()| stdout.flush());
}

/// Before the secret comes in: no core file will hold it, no other process of this user can attach
/// and read it, and the end of the terminal does not end it.
fn harden() -> Result<()> {
    let fail = |error: rustix::io::Errno| {
        Error::io("the agent cannot protect its memory", &io::Error::from(error))
    };
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).map_err(fail)?;
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
        .map_err(fail)?;
    // Fails for the leader of a process group, which is nobody's child to be ended with.
    let _ = setsid();
    Ok(())
}
