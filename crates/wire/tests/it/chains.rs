//! Capability chains for tests. Comes in: what a test wants to vary. Goes out: a chain of four
//! with fixed keys, and what a verifier knows. Must not know: which rule is tested.

use ed25519_dalek::{Signer, SigningKey};
use strongroom_wire::capability::{
    Action, Actions, Capability, CapabilityChain, Claims, Grant, Judge, Target, VerifyError, verify,
};
use strongroom_wire::ids::{
    BucketId, CapabilityId, DocumentTag, EntryId, MemberTag, PublicKey, Thumbprint, VaultTag,
};

pub const BUCKET: BucketId = BucketId([0xb0; 32]);
pub const OTHER_BUCKET: BucketId = BucketId([0xb1; 32]);
pub const DOCUMENT: DocumentTag = DocumentTag([0xd0; 16]);
pub const OTHER_DOCUMENT: DocumentTag = DocumentTag([0xd1; 16]);
pub const VERSION: EntryId = EntryId([0xe0; 32]);
pub const VAULT: VaultTag = VaultTag([0xa0; 16]);
pub const HERE: Thumbprint = Thumbprint([0x77; 32]);
pub const ELSEWHERE: Thumbprint = Thumbprint([0x78; 32]);
/// The time at which everything is judged, unless a test says otherwise.
pub const NOW: u64 = 1_800_000_000;

/// The key that signs as `who`: 0 root, 1 Alice, 2 Bob, 3 Carroll, 4 Carroll's device.
pub fn key(who: u8) -> SigningKey {
    SigningKey::from_bytes(&[who + 1; 32])
}

pub fn public(who: u8) -> PublicKey {
    PublicKey(key(who).verifying_key().to_bytes())
}

pub fn tag(who: u8) -> MemberTag {
    MemberTag([who + 1; 16])
}

/// Signs with the key of `who`.
pub fn signer(who: u8) -> impl FnOnce(&[u8]) -> [u8; 64] {
    move |bytes| key(who).sign(bytes).to_bytes()
}

/// How an element names its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parent {
    /// As it should: the element before it; none for the first.
    Before,
    /// None, though there is one.
    None,
    /// This one.
    Is(CapabilityId),
}

/// One element, before it is signed.
#[derive(Debug, Clone)]
pub struct Step {
    pub claims: Claims,
    pub signer: u8,
    pub parent: Parent,
}

/// A chain and its judge.
#[derive(Debug, Clone)]
pub struct Story {
    pub steps: Vec<Step>,
    pub root: u8,
    pub now: u64,
    pub provider: Option<Thumbprint>,
    pub suites: Vec<u8>,
    /// Places of the elements that were revoked.
    pub revoked: Vec<usize>,
    /// Places of the encoded elements, as they are handed over; empty: all in order.
    pub order: Vec<usize>,
}

impl Story {
    /// Root → Alice (all) → Bob (pull, write, grant) → Carroll (pull, write) → her device.
    pub fn new() -> Self {
        let step = |signer: u8, holder: u8, member: u8, actions: &[Action], depth: u8| Step {
            claims: Claims::new(
                Target::Bucket(BUCKET),
                Actions::of(actions),
                NOW + 1_000,
                [signer; 16],
            )
            .for_holder(public(holder), Some(tag(member)))
            .with_not_before(NOW - 1_000)
            .with_depth(depth),
            signer,
            parent: Parent::Before,
        };
        let pull_write = [Action::Pull, Action::Write];
        let mut steps = vec![
            step(0, 1, 1, &Action::ALL, 7),
            step(1, 2, 2, &[Action::Pull, Action::Write, Action::Grant], 5),
            step(2, 3, 3, &pull_write, 3),
            step(3, 4, 3, &pull_write, 0),
        ];
        steps[0].claims.expires = NOW + 20 * 365 * 86_400;
        Self {
            steps,
            root: 0,
            now: NOW,
            provider: Some(HERE),
            suites: vec![1],
            revoked: vec![],
            order: vec![],
        }
    }

    /// The claims of one element.
    pub fn claims(&mut self, at: usize) -> &mut Claims {
        &mut self.steps[at].claims
    }

    /// Sets the target of one element and all below it.
    pub fn retarget(&mut self, from: usize, target: Target) {
        for step in &mut self.steps[from..] {
            step.claims.target = target;
            if target.vault().is_some() {
                step.claims.member = None;
            }
        }
    }

    /// Signs what the steps say, root first.
    pub fn issue(&self) -> Vec<Capability> {
        let mut issued: Vec<Capability> = Vec::new();
        for step in &self.steps {
            let parent = match step.parent {
                Parent::Before => issued.last().map(Capability::id),
                Parent::None => None,
                Parent::Is(id) => Some(id),
            };
            let claims = Claims { parent, ..step.claims.clone() };
            issued.push(Capability::issue(&claims, signer(step.signer)).unwrap());
        }
        if self.order.is_empty() {
            return issued;
        }
        self.order.iter().map(|at| issued[*at].clone()).collect()
    }

    pub fn chain(&self) -> CapabilityChain {
        // Through the bytes, as a provider gets it.
        let encoded = CapabilityChain::new(self.issue()).unwrap().encode();
        CapabilityChain::decode(&encoded).unwrap()
    }

    pub fn judge(&self) -> Judge<'_> {
        Judge {
            root: public(self.root),
            now: self.now,
            provider: self.provider,
            suites: &self.suites,
        }
    }

    pub fn verify(&self) -> Result<Grant, VerifyError> {
        let chain = self.chain();
        let revoked: Vec<CapabilityId> =
            self.revoked.iter().map(|at| chain.capabilities()[*at].id()).collect();
        verify(&chain, &self.judge(), |id| revoked.contains(id))
    }
}
