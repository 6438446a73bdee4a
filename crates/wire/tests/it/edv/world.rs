//! Alice's vault and the people around it: keys, delegations, signed requests.

use ed25519_dalek::{Signer as _, SigningKey};
use strongroom_wire::did_key;
use strongroom_wire::edv::Denied;
use strongroom_wire::edv::invocation::Invocation;
use strongroom_wire::edv::signature::{self, Origin, Request, SignedHeaders};
use strongroom_wire::edv::zcap::{Grant, Parent, Zcap, ZcapError};
use strongroom_wire::ids::PublicKey;

/// The origin of all requests here.
pub const ORIGIN: Origin<'static> = Origin { scheme: "https", host: "edv.example" };
/// Alice's vault.
pub const EDV: &str = "https://edv.example/edvs/z19uMCiPNET4YbcPpBcab5mEE";
/// A document in it.
pub const DOC: &str =
    "https://edv.example/edvs/z19uMCiPNET4YbcPpBcab5mEE/documents/z19pjAGaCdp2EkKzUcvdSf9wG";
/// The start of 2029.
pub const NOW: u64 = 1_861_920_000;
/// An hour.
pub const HOUR: u64 = 3_600;

/// Alice is 1, Bob 2, Carroll 3.
#[derive(Debug, Clone, Copy)]
pub struct Person(pub u8);

/// The owner of the vault.
pub const ALICE: Person = Person(1);
/// A friend.
pub const BOB: Person = Person(2);
/// A friend's friend.
pub const CARROLL: Person = Person(3);
/// A stranger.
pub const MALLORY: Person = Person(66);

impl Person {
    fn key(self) -> SigningKey {
        SigningKey::from_bytes(&[self.0; 32])
    }

    /// Her public key.
    pub fn public(self) -> PublicKey {
        PublicKey(self.key().verifying_key().to_bytes())
    }

    /// Her DID.
    pub fn did(self) -> String {
        did_key::did(&self.public())
    }

    /// The id of her key.
    pub fn key_id(self) -> String {
        did_key::method_id(&self.public())
    }

    /// Her signature.
    pub fn sign(self, bytes: &[u8]) -> [u8; 64] {
        self.key().sign(bytes).to_bytes()
    }
}

/// Headers by name.
#[derive(Debug, Clone)]
pub struct Headers(pub Vec<(String, String)>);

impl Headers {
    /// Those of a signed request.
    pub fn of(signed: &SignedHeaders) -> Self {
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self(signed.iter().map(own).collect())
    }

    /// The value of one.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The same with one header changed, or taken out.
    pub fn with(&self, name: &str, value: Option<&str>) -> Self {
        let mut headers = self.clone();
        headers.0.retain(|(own, _)| own != name);
        headers.0.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        headers
    }
}

/// The provider's first step.
pub fn verify(
    method: &str,
    target: &str,
    headers: &Headers,
    body: Option<&[u8]>,
    now: u64,
) -> Result<Invocation, Denied> {
    let header = |name: &str| headers.get(name);
    let request = Request { method, target, header: &header, body };
    signature::verify(&request, &ORIGIN, now)
}

/// A delegation by `from` to `to`, an hour old, for a month. Its id is made of its number.
pub fn grant_of(number: u32, from: Person, to: &str, target: &str, actions: &[&str]) -> Zcap {
    derive(&Parent::RootOf(EDV), number, from, to, target, actions).unwrap()
}

/// The same from any parent.
pub fn derive(
    parent: &Parent<'_>,
    number: u32,
    from: Person,
    to: &str,
    target: &str,
    actions: &[&str],
) -> Result<Zcap, ZcapError> {
    let id = format!("urn:uuid:00000000-0000-4000-8000-{number:012}");
    let grant = Grant {
        id: &id,
        controller: to,
        target,
        actions,
        expires: NOW + 30 * 24 * HOUR,
        created: NOW - HOUR,
        delegator: from.public(),
    };
    Zcap::delegate(parent, &grant, |bytes| from.sign(bytes))
}

/// A chain of `len` delegations of one target: Alice's to person 2, hers to person 3, and on.
pub fn chain_of(len: u8, target: &str, actions: &[&str]) -> Zcap {
    let mut last = grant_of(1, ALICE, &Person(2).did(), target, actions);
    for at in 2..=len {
        let (from, to) = (Person(at), Person(at + 1).did());
        let parent = Parent::Delegated(&last);
        last = derive(&parent, u32::from(at), from, &to, target, actions).unwrap();
    }
    last
}
