//! A pairing's mailbox at a provider. Comes in: messages of this side. Goes out: those of the other
//! side, as they come. Must not know: what they say.

use std::sync::Arc;
use std::time::{Duration, Instant};

use strongroom_core::pairing::Message;
use strongroom_seal::identity::SessionSigningKey;
use strongroom_seal::pairing::{CodeKey, Side};
use strongroom_wire::capability::CapabilityChain;
use strongroom_wire::limits::PAIRING_AGE_SECS;
use strongroom_wire::problem::Problem;

use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::random::SystemRng;
use crate::remote::{Remote, Runtime, Session};

/// The first pause between two questions; each is half as long again, up to the last.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_millis(1_500);
/// The longest stretch in which nobody looks whether the person wants it to end.
const GLANCE: Duration = Duration::from_millis(100);

/// One side of a mailbox.
pub(super) struct Mailbox<'a> {
    runtime: &'a Runtime,
    session: Session,
    id: [u8; 16],
    side: Side,
    /// Which message of this side comes next.
    next: u8,
    since: Instant,
}

impl<'a> Mailbox<'a> {
    /// In a session of nobody's.
    pub(super) fn of(runtime: &'a Runtime, remote: &Remote, code: &CodeKey, side: Side) -> Self {
        let throw_away = SessionSigningKey::generate(&mut SystemRng);
        let session = remote.session(Arc::new(throw_away), &CapabilityChain::none());
        Self { runtime, session, id: code.mailbox(), side, next: 0, since: Instant::now() }
    }

    /// Puts the next message of this side.
    pub(super) fn put(&mut self, message: &[u8]) -> Result<()> {
        let place = place(self.side, self.next);
        let put = self.session.put_pairing(self.id, &place, message);
        self.runtime.block_on(put).map_err(|error| match error.problem() {
            Some(Problem::Conflict) => {
                let what = "somebody else has used this code already";
                Error::new(ErrorKind::Refused, what).with_hint(START_AGAIN)
            }
            Some(Problem::NotFound) => over(),
            _ => error.into(),
        })?;
        self.next += 1;
        Ok(())
    }

    /// Says that this side ends it, as well as it can: the other one need not wait.
    pub(super) fn refuse(&mut self) {
        let _ = self.put(&Message::No.encode());
    }

    /// The message of the other side at this place, if it is there.
    pub(super) fn read(&self, number: u8) -> Result<Option<Vec<u8>>> {
        let other = match self.side {
            Side::Host => Side::Guest,
            Side::Guest => Side::Host,
        };
        let place = place(other, number);
        let read = self.session.read_pairing(self.id, &place);
        self.runtime.block_on(read).map_err(|error| match error.problem() {
            Some(Problem::NotFound) => over(),
            _ => error.into(),
        })
    }

    /// Waits for a message of the other side.
    pub(super) fn wait(&self, number: u8, progress: &dyn Progress) -> Result<Vec<u8>> {
        let mut pause = PAUSE;
        loop {
            if let Some(message) = self.read(number)? {
                return Ok(message);
            }
            if self.since.elapsed() >= Duration::from_secs(PAIRING_AGE_SECS) {
                return Err(over());
            }
            let until = Instant::now() + pause;
            while let Some(left) = until.checked_duration_since(Instant::now()) {
                if progress.cancelled() {
                    return Err(Error::cancelled());
                }
                std::thread::sleep(left.min(GLANCE));
            }
            pause = (pause * 3 / 2).min(PAUSE_MAX);
        }
    }
}

const START_AGAIN: &str = "run `strongroom device add` again on the device that has the vault";

fn over() -> Error {
    let what = "no device waits under this code; a code is good once, for ten minutes";
    Error::new(ErrorKind::NotFound, what).with_hint(START_AGAIN)
}

fn place(side: Side, number: u8) -> String {
    let side = match side {
        Side::Host => 'a',
        Side::Guest => 'b',
    };
    format!("{side}/{number}")
}
