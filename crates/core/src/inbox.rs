//! L2 · Inboxes: where a person takes messages from whoever has their card. Takes the address of a
//! drop and a device of the person; gives what stands in their card; and back. Must not know: what
//! is put in, how cards travel.
//!
//! A card's key log is signed; its inbox must be, too: else whoever hands the card on could have
//! what is meant for its owner sent to himself. Bytes: docs/spec/card.md, "Inbox". Golden files:
//! vectors/card/inbox.json.

use strongroom_seal::identity::{DeviceSigningKey, verify};
use strongroom_wire::cbor::{CborError, Reader, Writer};
use strongroom_wire::ids::{PrincipalId, PublicKey};
use strongroom_wire::limits::{CARD_INBOX_LEN_MAX, DROP_ADDRESS_LEN_MAX};
use zeroize::Zeroizing;

use crate::drops::Address;
use crate::keylog::KeyLog;

/// What a device signs starts with this.
pub const INBOX_PREFIX: &[u8] = b"strongroom/inbox/1\0";

/// Why an inbox is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InboxError {
    /// Not the canonical form.
    #[error("the inbox in the card is malformed: {0}")]
    Form(#[from] CborError),
    /// No device of the card's owner signed it.
    #[error("the inbox in the card is signed by no device of its owner")]
    Signature,
}

/// What stands in a card: an address, and the device that says it is its owner's.
#[derive(Debug)]
pub struct Inbox {
    /// The drop's address, as it was signed.
    address: Zeroizing<Vec<u8>>,
    device: PublicKey,
    signature: [u8; 64],
}

impl Inbox {
    /// This drop as the inbox of this person.
    pub fn sign(address: &Address, principal: PrincipalId, device: &DeviceSigningKey) -> Self {
        let address = address.encode();
        let signature = device.sign(&signed(principal, &address));
        Self { address, device: device.public(), signature }
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::with_capacity(self.address.len() + 128);
        w.array(3).bytes(&self.address).bytes(&self.device.0).bytes(&self.signature);
        w.into_bytes()
    }

    /// Reads the canonical bytes. Whose it is, is not looked into.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        if bytes.len() > CARD_INBOX_LEN_MAX {
            return Err(CborError::Limit);
        }
        let mut r = Reader::new(bytes);
        r.array_exact(3)?;
        let address = Zeroizing::new(r.bytes(DROP_ADDRESS_LEN_MAX)?.to_vec());
        let inbox =
            Self { address, device: PublicKey(r.bytes_exact()?), signature: r.bytes_exact()? };
        r.end()?;
        Address::decode(&inbox.address)?;
        Ok(inbox)
    }

    /// The address, if a device that this log names now signed it for the log's principal.
    pub fn address_for(&self, log: &KeyLog) -> Result<Address, InboxError> {
        let known = log.device(&self.device).is_some() && !log.is_closed();
        let said = signed(log.principal(), &self.address);
        if !known || verify(&self.device, &said, &self.signature).is_err() {
            return Err(InboxError::Signature);
        }
        Ok(Address::decode(&self.address)?)
    }
}

fn signed(principal: PrincipalId, address: &[u8]) -> Vec<u8> {
    [INBOX_PREFIX, &principal.0, blake3::hash(address).as_bytes()].concat()
}
