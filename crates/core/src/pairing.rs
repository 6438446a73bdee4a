//! L1 · Pairing: one device of a person makes another one of theirs. Takes messages of the other
//! side; gives the next one, six words to compare, and in the end what the new device needs. Must
//! not know: mailboxes, clocks, people, what the gift opens.
//!
//! Each state is a type and gives the next one only for the message that belongs there: nothing
//! secret can be sent before both sides have agreed on a key, and it is for the caller to send it
//! only after people said that the words are the same. Bytes: docs/spec/pairing.md. Golden files:
//! vectors/pairing/.

mod code;
mod forms;

use strongroom_seal::aead::{OpenError, SealError};
use strongroom_seal::pairing::{
    CodeKey, Offer, PairingFault, PairingKeys, Revealed, Side, WORDS, accept,
};
use strongroom_seal::rng::Rng;
use strongroom_wire::cbor::{CborError, Reader, Writer};
use strongroom_wire::ids::PrincipalId;
use zeroize::Zeroizing;

pub use code::{CODE_PREFIX, CodeError, LongCode, ShortCode};
pub use forms::{Gift, GiftProvider, Message, NewDevice, is_device_name};

/// Why a pairing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PairingError {
    /// Not the canonical form.
    #[error("the other device sent something malformed: {0}")]
    Form(#[from] CborError),
    /// Another message than the one that is due.
    #[error("the other device sent something else than was its turn")]
    Turn,
    /// The other side has ended it.
    #[error("the other device has ended the pairing")]
    Ended,
    /// No common key.
    #[error(transparent)]
    Fault(#[from] PairingFault),
    /// What is sealed is not by the other side.
    #[error("what the other device sent was changed on its way")]
    Open(#[from] OpenError),
    /// It cannot be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The new device did not agree to belong to this person.
    #[error("the new device's keys do not belong together")]
    Possession,
}

/// Reads a message; one that says no ends it.
fn heard(bytes: &[u8]) -> Result<Message, PairingError> {
    match Message::decode(bytes)? {
        Message::No => Err(PairingError::Ended),
        message => Ok(message),
    }
}

/// The host, which has promised a share.
#[derive(Debug)]
pub struct Promised {
    code: CodeKey,
    offer: Offer,
}

impl Promised {
    /// Begins a pairing. Gives a/0.
    pub fn begin(code: CodeKey, rng: &mut impl Rng) -> (Self, Vec<u8>) {
        let offer = Offer::generate(rng);
        let message = Message::Commit(offer.commitment()).encode();
        (Self { code, offer }, message)
    }

    /// Takes b/0, gives a/1.
    pub fn answered(
        self,
        share: &[u8],
        rng: &mut impl Rng,
    ) -> Result<(Shown, Vec<u8>), PairingError> {
        let Message::Share(guest) = heard(share)? else { return Err(PairingError::Turn) };
        let (revealed, enc) = Revealed::to(self.offer, guest, rng)?;
        let message = Message::Reveal(revealed.share().clone(), enc).encode();
        Ok((Shown { code: self.code, revealed }, message))
    }
}

/// The host, which has shown its share.
#[derive(Debug)]
pub struct Shown {
    code: CodeKey,
    revealed: Revealed,
}

impl Shown {
    /// Takes b/1.
    pub fn confirmed(self, confirm: &[u8]) -> Result<Host, PairingError> {
        let Message::Confirm(enc, proof) = heard(confirm)? else { return Err(PairingError::Turn) };
        Ok(Host(self.revealed.confirmed(&self.code, &enc, &proof)?))
    }
}

/// The guest, which has shown its share.
#[derive(Debug)]
pub struct Waiting {
    code: CodeKey,
    promised: [u8; 32],
    offer: Offer,
}

impl Waiting {
    /// Takes a/0, gives b/0.
    pub fn begin(
        code: CodeKey,
        commit: &[u8],
        rng: &mut impl Rng,
    ) -> Result<(Self, Vec<u8>), PairingError> {
        let Message::Commit(promised) = heard(commit)? else { return Err(PairingError::Turn) };
        let offer = Offer::generate(rng);
        let message = Message::Share(offer.share().clone()).encode();
        Ok((Self { code, promised, offer }, message))
    }

    /// Takes a/1, gives b/1.
    pub fn shown(
        self,
        reveal: &[u8],
        rng: &mut impl Rng,
    ) -> Result<(Guest, Vec<u8>), PairingError> {
        let Message::Reveal(host, enc) = heard(reveal)? else { return Err(PairingError::Turn) };
        let agreed = accept(&self.offer, &self.code, &self.promised, &host, &enc, rng)?;
        let (keys, enc, confirmation) = agreed;
        Ok((Guest(keys), Message::Confirm(enc, confirmation).encode()))
    }
}

/// The host with a key it shares with the guest. Until its person has said that the words are the
/// same, nobody knows who the guest is.
#[derive(Debug)]
pub struct Host(PairingKeys);

impl Host {
    /// To be compared.
    pub const fn words(&self) -> &[&'static str; WORDS] {
        self.0.words()
    }

    /// Gives a/2, after the person said yes: whose device the guest would be.
    pub fn invite(&self, principal: PrincipalId) -> Result<Vec<u8>, PairingError> {
        let mut w = Writer::new();
        w.array(1).bytes(&principal.0);
        say(&self.0, Side::Host, 2, &w.into_bytes())
    }

    /// Takes b/2: the guest's person has said yes as well.
    pub fn guest(&self, bytes: &[u8], principal: PrincipalId) -> Result<NewDevice, PairingError> {
        let device = NewDevice::decode(&hear(&self.0, Side::Guest, 2, bytes)?)?;
        if device.belongs_to(principal) { Ok(device) } else { Err(PairingError::Possession) }
    }

    /// Gives a/3.
    pub fn give(&self, gift: &Gift) -> Result<Vec<u8>, PairingError> {
        say(&self.0, Side::Host, 3, &gift.encode())
    }

    /// Takes b/3: the guest has its vault.
    pub fn done(&self, bytes: &[u8]) -> Result<(), PairingError> {
        let contents = hear(&self.0, Side::Guest, 3, bytes)?;
        let mut r = Reader::new(&contents);
        r.array_exact(0)?;
        Ok(r.end()?)
    }
}

/// The guest with a key it shares with the host.
#[derive(Debug)]
pub struct Guest(PairingKeys);

impl Guest {
    /// To be compared.
    pub const fn words(&self) -> &[&'static str; WORDS] {
        self.0.words()
    }

    /// Takes a/2.
    pub fn invited(&self, bytes: &[u8]) -> Result<PrincipalId, PairingError> {
        let contents = hear(&self.0, Side::Host, 2, bytes)?;
        let mut r = Reader::new(&contents);
        r.array_exact(1)?;
        let principal = PrincipalId(r.bytes_exact()?);
        r.end()?;
        Ok(principal)
    }

    /// Gives b/2, after the person said yes.
    pub fn join(&self, device: &NewDevice) -> Result<Vec<u8>, PairingError> {
        say(&self.0, Side::Guest, 2, &device.encode())
    }

    /// Takes a/3.
    pub fn take(&self, bytes: &[u8]) -> Result<Gift, PairingError> {
        Ok(Gift::decode(&hear(&self.0, Side::Host, 3, bytes)?)?)
    }

    /// Gives b/3.
    pub fn done(&self) -> Result<Vec<u8>, PairingError> {
        let mut w = Writer::new();
        w.array(0);
        say(&self.0, Side::Guest, 3, &w.into_bytes())
    }
}

fn say(
    keys: &PairingKeys,
    side: Side,
    number: u8,
    contents: &[u8],
) -> Result<Vec<u8>, PairingError> {
    Ok(Message::Sealed(keys.seal(side, number, contents)?).encode())
}

fn hear(
    keys: &PairingKeys,
    side: Side,
    number: u8,
    bytes: &[u8],
) -> Result<Zeroizing<Vec<u8>>, PairingError> {
    let Message::Sealed(sealed) = heard(bytes)? else { return Err(PairingError::Turn) };
    Ok(keys.open(side, number, &sealed)?)
}
