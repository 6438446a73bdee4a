//! The agent's loop. Comes in: connections of this user's processes. Goes out: the secret, until
//! its time is over. Must not know: how this process came about.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use zeroize::Zeroizing;

use super::place::{Claim, Place};
use super::{
    DONE, FETCH, REPLACE, STATUS, STOP, VERSION, peer_is_ours, read_secret, set_patience,
    write_secret,
};
use crate::error::{Error, ErrorKind, Result};
use crate::home::Home;

/// How often the time is looked at. A machine that slept past the end wakes up to this.
const LOOK: Duration = Duration::from_secs(5);

/// Holds the secret for this home until it was not used for `idle`, somebody stops it, or the home
/// is gone. Fails
/// with [`ErrorKind::Conflict`] if another agent does already.
pub fn serve(home: &Home, secret: Zeroizing<Vec<u8>>, idle: Duration) -> Result<()> {
    let Some(agent) = Agent::listen(home, idle)? else {
        return Err(Error::new(ErrorKind::Conflict, "another agent holds the keys already"));
    };
    agent.run(secret)
}

/// An agent that listens and has no secret yet.
#[derive(Debug)]
pub(super) struct Agent {
    listener: UnixListener,
    claim: Claim,
    clock: IdleClock,
    home: PathBuf,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Listen,
    End,
}

impl Agent {
    /// `None`: another agent is there.
    pub(super) fn listen(home: &Home, idle: Duration) -> Result<Option<Self>> {
        let mut last = None;
        for place in Place::all(home)? {
            match place.claim() {
                Ok(Some(claim)) => return Self::bind(claim, home, idle).map(Some),
                Ok(None) => return Ok(None),
                // A runtime directory that cannot be used is no reason to have no agent.
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| Error::new(ErrorKind::Other, "no place for an agent")))
    }

    fn bind(claim: Claim, home: &Home, idle: Duration) -> Result<Self> {
        let made = (|| {
            let listener = UnixListener::bind(claim.socket())?;
            // The directory keeps others out already; this is for those who look at the socket.
            fs::set_permissions(claim.socket(), fs::Permissions::from_mode(0o600))?;
            set_socket_timeout(&listener, Timeout::Recv, Some(LOOK.min(idle)))?;
            Ok(listener)
        })();
        let listener =
            made.map_err(|error: io::Error| Error::io("the agent cannot listen", &error))?;
        let home = home.path().to_owned();
        Ok(Self { listener, claim, clock: IdleClock::new(idle), home })
    }

    pub(super) fn run(mut self, secret: Zeroizing<Vec<u8>>) -> Result<()> {
        let mut secret = secret;
        loop {
            let accepted = self.listener.accept();
            // The keys of a home that was removed open nothing here any more.
            if self.clock.is_over() || !self.home.exists() {
                return Ok(());
            }
            let mut stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) if is_passing(&error) => continue,
                Err(error) => return Err(Error::io("the agent cannot listen any more", &error)),
            };
            // Whoever asks wrongly, or goes away in the middle, harms only himself.
            if let Ok(Next::End) = self.answer(&mut stream, &mut secret) {
                // In this order, so that who waits for the answer finds nothing left.
                drop(secret);
                drop(self.listener);
                drop(self.claim);
                let _ = stream.write_all(&[DONE]);
                return Ok(());
            }
        }
    }

    fn answer(
        &mut self,
        stream: &mut UnixStream,
        secret: &mut Zeroizing<Vec<u8>>,
    ) -> io::Result<Next> {
        set_patience(stream)?;
        if !peer_is_ours(stream) {
            return Ok(Next::Listen);
        }
        let mut request = [0; 2];
        stream.read_exact(&mut request)?;
        match request {
            [VERSION, FETCH] => {
                self.clock.restart();
                write_secret(stream, secret)?;
            }
            [VERSION, REPLACE] => {
                *secret = read_secret(stream)?;
                self.clock.restart();
                stream.write_all(&[DONE])?;
            }
            [VERSION, STATUS] => {
                stream.write_all(&std::process::id().to_be_bytes())?;
                stream.write_all(&self.clock.left().as_secs().to_be_bytes())?;
            }
            // Whatever the version: a newer program must be able to end an older agent.
            [_, STOP] => return Ok(Next::End),
            _ => {}
        }
        Ok(Next::Listen)
    }
}

/// Nobody came, or who came went away before we looked.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), ConnectionAborted | Interrupted | TimedOut | WouldBlock)
}

/// Time since the last use, by two clocks: one stands still while the machine sleeps, the other
/// can be set. Whichever says first that the time is over is believed.
#[derive(Debug)]
struct IdleClock {
    idle: Duration,
    used: (Instant, SystemTime),
}

impl IdleClock {
    fn new(idle: Duration) -> Self {
        Self { idle, used: (Instant::now(), SystemTime::now()) }
    }

    fn restart(&mut self) {
        *self = Self::new(self.idle);
    }

    fn left(&self) -> Duration {
        let (running, wall) = self.used;
        // A wall clock that was set back says nothing.
        let elapsed = running.elapsed().max(wall.elapsed().unwrap_or_default());
        self.idle.saturating_sub(elapsed)
    }

    fn is_over(&self) -> bool {
        self.left().is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_slept_past_the_end_gives_nothing_away() {
        let mut clock = IdleClock::new(Duration::from_mins(15));
        assert!(!clock.is_over());
        clock.used.1 -= Duration::from_secs(901);
        assert!(clock.is_over());
        clock.restart();
        clock.used.1 += Duration::from_secs(5_000); // the wall clock was set back
        assert!(clock.left() > Duration::from_secs(800));
    }
}
