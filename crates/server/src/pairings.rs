//! Pairing mailboxes. Comes in: messages of two sides that have a code in common. Goes out: to each
//! side what the other one put. Must not know: whose devices they are, what the messages say.
//!
//! In memory only, few and small, and gone ten minutes after they were begun: nothing of a pairing
//! outlives it. The first message at a place stays there; who comes second is told.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use strongroom_wire::limits::{PAIRING_AGE_SECS, PAIRING_MESSAGES_MAX, PAIRINGS_MAX};

/// How long one lives.
const AGE: Duration = Duration::from_secs(PAIRING_AGE_SECS);

/// Name of a mailbox.
pub type PairingId = [u8; 16];

/// Whose messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The device that begins.
    Host,
    /// The device that comes.
    Guest,
}

/// Why a message is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// There is no such mailbox, or not any more.
    Unknown,
    /// Another message lies there.
    Taken,
    /// There is no room for another mailbox.
    Full,
}

#[derive(Debug)]
struct Mailbox {
    begun: Instant,
    host: [Option<Vec<u8>>; PAIRING_MESSAGES_MAX],
    guest: [Option<Vec<u8>>; PAIRING_MESSAGES_MAX],
}

impl Mailbox {
    fn side(&mut self, side: Side) -> &mut [Option<Vec<u8>>; PAIRING_MESSAGES_MAX] {
        match side {
            Side::Host => &mut self.host,
            Side::Guest => &mut self.guest,
        }
    }
}

/// All mailboxes.
#[derive(Debug, Default)]
pub struct Pairings(Mutex<HashMap<PairingId, Mailbox>>);

impl Pairings {
    /// Whether there is one of this name.
    pub fn has(&self, id: &PairingId, now: Instant) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(id).is_some_and(|mailbox| now.duration_since(mailbox.begun) < AGE)
    }

    /// Keeps a message. The host's first one begins a mailbox. The same once more changes nothing.
    pub fn put(
        &self,
        id: PairingId,
        (side, number): (Side, usize),
        message: Vec<u8>,
        now: Instant,
    ) -> Result<(), Refused> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, mailbox| now.duration_since(mailbox.begun) < AGE);
        let begins = side == Side::Host && number == 0;
        if begins && !all.contains_key(&id) {
            if all.len() >= PAIRINGS_MAX {
                return Err(Refused::Full);
            }
            let (host, guest) = (Default::default(), Default::default());
            all.insert(id, Mailbox { begun: now, host, guest });
        }
        let mailbox = all.get_mut(&id).ok_or(Refused::Unknown)?;
        let place = mailbox.side(side).get_mut(number).ok_or(Refused::Unknown)?;
        match place {
            Some(there) if *there != message => Err(Refused::Taken),
            _ => {
                *place = Some(message);
                Ok(())
            }
        }
    }

    /// The message at a place; `None`: not yet. [`Refused::Unknown`]: there is no such mailbox.
    pub fn read(
        &self,
        id: &PairingId,
        (side, number): (Side, usize),
        now: Instant,
    ) -> Result<Option<Vec<u8>>, Refused> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mailbox = all.get_mut(id).ok_or(Refused::Unknown)?;
        if now.duration_since(mailbox.begun) >= AGE {
            return Err(Refused::Unknown);
        }
        Ok(mailbox.side(side).get(number).cloned().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: (Side, usize) = (Side::Host, 0);

    #[test]
    fn a_mailbox_is_begun_by_its_host_and_gone_after_ten_minutes() {
        let (all, now) = (Pairings::default(), Instant::now());
        let id = [1; 16];
        let early = all.put(id, (Side::Guest, 0), vec![1], now);
        assert_eq!(early, Err(Refused::Unknown));
        all.put(id, FIRST, vec![2], now).unwrap();
        all.put(id, (Side::Guest, 0), vec![3], now).unwrap();
        assert_eq!(all.read(&id, (Side::Guest, 0), now), Ok(Some(vec![3])));
        assert_eq!(all.read(&id, (Side::Guest, 1), now), Ok(None));
        let over = now + AGE;
        let last = over.checked_sub(Duration::from_secs(1)).unwrap();
        assert!(all.has(&id, last) && !all.has(&id, over));
        assert_eq!(all.read(&id, FIRST, over), Err(Refused::Unknown));
        assert_eq!(all.put(id, (Side::Guest, 1), vec![4], over), Err(Refused::Unknown));
        assert!(all.0.lock().unwrap().is_empty(), "nothing of it is left");
    }

    #[test]
    fn who_comes_second_is_told_and_changes_nothing() {
        let (all, now) = (Pairings::default(), Instant::now());
        let id = [1; 16];
        all.put(id, FIRST, vec![1], now).unwrap();
        all.put(id, FIRST, vec![1], now).unwrap(); // its retry
        assert_eq!(all.put(id, FIRST, vec![2], now), Err(Refused::Taken));
        assert_eq!(all.read(&id, FIRST, now), Ok(Some(vec![1])));
        let beyond = (Side::Guest, PAIRING_MESSAGES_MAX);
        assert_eq!(all.put(id, beyond, vec![1], now), Err(Refused::Unknown));
    }

    #[test]
    fn a_flood_of_mailboxes_does_not_grow_and_ends_by_itself() {
        let (all, now) = (Pairings::default(), Instant::now());
        let id = |number: usize| -> PairingId { (number as u128).to_be_bytes() };
        for number in 0..PAIRINGS_MAX {
            all.put(id(number), FIRST, vec![1], now).unwrap();
        }
        assert_eq!(all.put(id(PAIRINGS_MAX), FIRST, vec![1], now), Err(Refused::Full));
        all.put(id(7), (Side::Host, 1), vec![2], now).unwrap();
        all.put(id(PAIRINGS_MAX), FIRST, vec![1], now + AGE).unwrap();
        assert_eq!(all.0.lock().unwrap().len(), 1);
    }
}
