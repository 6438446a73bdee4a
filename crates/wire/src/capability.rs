//! Capabilities: signed, expiring, attenuable statements of who may do what to which target.
//! Comes in: claims of an issuer, or bytes of a stranger. Goes out: a [`Capability`] of the one
//! form, a chain of them, and, from the verifier alone, a [`Grant`]. Must not know: clocks, lists
//! of revocations, how a request is carried.
//!
//! A capability is a CWT claims map (RFC 8392) in the COSE_Sign1 of [`crate::cose`]. There is no
//! issuer claim: the issuer **is** the key the parent names, or the root key of the target.
//! Bytes and rules: docs/spec/capability.md. Golden files: vectors/capability/.

use base64ct::{Base64UrlUnpadded, Encoding};

use crate::cbor::{CborError, Reader, Writer};
use crate::cose;
use crate::ids::{CapabilityId, MemberTag, PublicKey, Thumbprint};
use crate::limits::{CAPABILITY_DEPTH_MAX, CAPABILITY_LEN_MAX, SUITE_MAX, TIME_SECS_MAX};
use crate::walk::{self, Refusal};

mod actions;
mod caveats;
mod chain;
mod memory;
mod target;
mod verify;

pub use actions::{Action, Actions, ActionsError};
pub use caveats::{AreaCaveat, Caveats, KindSet};
pub use chain::{CapabilityChain, ChainHash};
pub use memory::VerifiedChains;
pub use target::Target;
pub use verify::{Element, Grant, Judge, Strongroom, UseKey, VerifyError, verify};

/// The `typ` of a capability's protected header.
pub const TYP: &str = "application/strongroom-capability+cwt";

/// Claim keys, ascending by their encoding.
const SUB: i64 = 2;
const AUD: i64 = 3;
const EXP: i64 = 4;
const NBF: i64 = 5;
const IAT: i64 = 6;
const CTI: i64 = 7;
const CNF: i64 = 8;
const SCOPE: i64 = 9;
const SUITE: i64 = -70_000;
const PARENT: i64 = -70_001;
const TARGET: i64 = -70_002;
const DEPTH: i64 = -70_003;
const CAVEATS: i64 = -70_004;
/// How many claims there are.
const CLAIMS: usize = 13;

/// Why something is no capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CapabilityError {
    /// Not the one form, over a limit, or with something unknown in it.
    #[error("not a capability: {0}")]
    Form(#[from] CborError),
    /// More capabilities than a chain may have, or more bytes than one may have.
    #[error("the capability chain is over its limits")]
    TooLarge,
    /// A claim that must be there is not.
    #[error("the capability lacks a required claim")]
    Missing,
    /// A text claim is not the one spelling of a tag, a thumbprint or a list of actions.
    #[error("a claim of the capability is misspelt")]
    Spelling,
    /// `sub` is missing for a holder of something in a bucket, or stands with a vault.
    #[error("a capability names a member exactly where its target lies in a bucket")]
    Member,
    /// Without `cnf` it allows more than `pull`, delegation, uses or an acceptance.
    #[error("a capability for anyone may allow pull alone, and no delegation")]
    Anyone,
    /// `uses` without `aud`.
    #[error("a capability with counted uses must name its provider")]
    Uses,
}

/// What a capability says. Build one with [`Claims::new`] and the methods that follow it.
///
/// ```
/// use strongroom_wire::capability::{Action, Actions, Capability, Claims, Target};
/// use strongroom_wire::ids::{BucketId, MemberTag, PublicKey};
/// let target = Target::Bucket(BucketId([1; 32]));
/// let claims = Claims::new(target, Actions::ALL, 2_000_000_000, [9; 16])
///     .for_holder(PublicKey([2; 32]), Some(MemberTag([3; 16])))
///     .with_depth(7);
/// let capability = Capability::issue(&claims, |_to_be_signed| [0; 64]).unwrap();
/// assert_eq!(capability.claims().actions, Actions::ALL);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// `sub`: the member it is granted to; none for a vault, and where it is for anyone.
    pub member: Option<MemberTag>,
    /// `aud`: the one provider that may honour it.
    pub audience: Option<Thumbprint>,
    /// `exp`: seconds since 1970; from then on it is void.
    pub expires: u64,
    /// `nbf`: seconds since 1970; before, it is void.
    pub not_before: Option<u64>,
    /// `iat`: seconds since 1970; for people, not judged.
    pub issued_at: Option<u64>,
    /// `cti`: 16 random bytes, so that two equal grants have two ids.
    pub unique: [u8; 16],
    /// `cnf`: the one key that may use or delegate it; none: anyone may use it.
    pub holder: Option<PublicKey>,
    /// `scope`: what it allows.
    pub actions: Actions,
    /// Suite byte.
    pub suite: u8,
    /// The capability it was derived from; none: issued by the root key.
    pub parent: Option<CapabilityId>,
    /// What it is about.
    pub target: Target,
    /// How many further delegations are allowed, 0 to 7.
    pub depth: u8,
    /// Its conditions.
    pub caveats: Caveats,
}

impl Claims {
    /// For anyone, without further delegation, under suite 1; a delegation takes its parent's suite
    /// when it is attenuated. `unique` is 16 random bytes.
    pub const fn new(target: Target, actions: Actions, expires: u64, unique: [u8; 16]) -> Self {
        Self {
            member: None,
            audience: None,
            expires,
            not_before: None,
            issued_at: None,
            unique,
            holder: None,
            actions,
            suite: 1,
            parent: None,
            target,
            depth: 0,
            caveats: Caveats::NONE,
        }
    }

    /// Names the one key that may use or delegate it, and the member whose key it is (none for a
    /// vault).
    #[must_use]
    pub const fn for_holder(mut self, holder: PublicKey, member: Option<MemberTag>) -> Self {
        self.holder = Some(holder);
        self.member = member;
        self
    }

    /// Names the one provider that may honour it.
    #[must_use]
    pub const fn for_provider(mut self, provider: Thumbprint) -> Self {
        self.audience = Some(provider);
        self
    }

    /// Makes it void before this second.
    #[must_use]
    pub const fn with_not_before(mut self, secs: u64) -> Self {
        self.not_before = Some(secs);
        self
    }

    /// Names the suite of the bucket it is for. A delegation has its parent's.
    #[must_use]
    pub const fn under_suite(mut self, suite: u8) -> Self {
        self.suite = suite;
        self
    }

    /// Allows further delegations.
    #[must_use]
    pub const fn with_depth(mut self, depth: u8) -> Self {
        self.depth = depth;
        self
    }

    /// Sets its conditions.
    #[must_use]
    pub const fn with_caveats(mut self, caveats: Caveats) -> Self {
        self.caveats = caveats;
        self
    }

    /// The canonical claims map. Ill-formed claims are encoded as they are; the decoder refuses
    /// them.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::with_capacity(384);
        w.map(self.count());
        if let Some(member) = &self.member {
            w.int(SUB).text(&Base64UrlUnpadded::encode_string(&member.0));
        }
        if let Some(audience) = &self.audience {
            w.int(AUD).text(&Base64UrlUnpadded::encode_string(&audience.0));
        }
        for (key, secs) in
            [(EXP, Some(self.expires)), (NBF, self.not_before), (IAT, self.issued_at)]
        {
            if let Some(secs) = secs {
                w.int(key).uint(secs);
            }
        }
        w.int(CTI).bytes(&self.unique);
        if let Some(holder) = &self.holder {
            write_confirmation(w.int(CNF), holder);
        }
        w.int(SCOPE).text(&self.actions.to_string());
        w.int(SUITE).uint(u64::from(self.suite));
        if let Some(parent) = &self.parent {
            w.int(PARENT).bytes(&parent.0);
        }
        self.target.write(w.int(TARGET));
        w.int(DEPTH).uint(u64::from(self.depth));
        if !self.caveats.is_empty() {
            self.caveats.write(w.int(CAVEATS));
        }
        w.into_bytes()
    }

    fn count(&self) -> usize {
        let optional = [
            self.member.is_some(),
            self.audience.is_some(),
            self.not_before.is_some(),
            self.issued_at.is_some(),
            self.holder.is_some(),
            self.parent.is_some(),
            !self.caveats.is_empty(),
        ];
        6 + optional.into_iter().filter(|there| *there).count()
    }

    /// Reads the one form of well-formed claims.
    pub fn decode(bytes: &[u8]) -> Result<Self, CapabilityError> {
        let mut r = Reader::new(bytes);
        let mut found = Found::default();
        let mut last = Vec::new();
        for _ in 0..r.map(CLAIMS)? {
            let key = r.key(&mut last)?;
            found.read(key, &mut r)?;
        }
        r.end()?;
        let claims = found.into_claims()?;
        claims.check()?;
        Ok(claims)
    }

    /// What must hold within one capability, whoever issued it.
    fn check(&self) -> Result<(), CapabilityError> {
        match (self.target, self.member, self.holder) {
            (Target::Vault(_), Some(_), _) => return Err(CapabilityError::Member),
            (Target::Vault(_), None, _) | (_, Some(_), _) | (_, None, None) => {}
            (_, None, Some(_)) => return Err(CapabilityError::Member),
        }
        let for_one = self.depth > 0 || self.caveats.accept || self.caveats.uses.is_some();
        if self.holder.is_none() && (self.actions != Actions::PULL || for_one) {
            return Err(CapabilityError::Anyone);
        }
        if self.caveats.uses.is_some() && self.audience.is_none() {
            return Err(CapabilityError::Uses);
        }
        Ok(())
    }
}

/// `{1: COSE_Key}` with `{1: 1 (OKP), -1: 6 (Ed25519), -2: x}`.
fn write_confirmation(w: &mut Writer, key: &PublicKey) {
    w.map(1).int(1).map(3).int(1).uint(1).int(-1).uint(6).int(-2).bytes(&key.0);
}

fn read_confirmation(r: &mut Reader<'_>) -> Result<PublicKey, CborError> {
    let fixed = |ok: bool| if ok { Ok(()) } else { Err(CborError::Unknown) };
    fixed(r.map(1)? == 1)?;
    fixed(r.int()? == 1)?;
    fixed(r.map(3)? == 3)?;
    fixed(r.int()? == 1 && r.uint()? == 1)?;
    fixed(r.int()? == -1 && r.uint()? == 6)?;
    fixed(r.int()? == -2)?;
    Ok(PublicKey(r.bytes_exact()?))
}

/// Claims as they are met.
#[derive(Default)]
struct Found {
    member: Option<MemberTag>,
    audience: Option<Thumbprint>,
    expires: Option<u64>,
    not_before: Option<u64>,
    issued_at: Option<u64>,
    unique: Option<[u8; 16]>,
    holder: Option<PublicKey>,
    actions: Option<Actions>,
    suite: Option<u8>,
    parent: Option<CapabilityId>,
    target: Option<Target>,
    depth: Option<u8>,
    caveats: Caveats,
}

impl Found {
    fn read(&mut self, key: i64, r: &mut Reader<'_>) -> Result<(), CapabilityError> {
        match key {
            SUB => self.member = Some(MemberTag(base64url(r.text(22)?)?)),
            AUD => self.audience = Some(Thumbprint(base64url(r.text(43)?)?)),
            EXP => self.expires = Some(r.uint_max(TIME_SECS_MAX)?),
            NBF => self.not_before = Some(r.uint_max(TIME_SECS_MAX)?),
            IAT => self.issued_at = Some(r.uint_max(TIME_SECS_MAX)?),
            CTI => self.unique = Some(r.bytes_exact()?),
            CNF => self.holder = Some(read_confirmation(r)?),
            SCOPE => {
                let text = r.text(Actions::TEXT_LEN_MAX)?;
                self.actions = Some(text.parse().map_err(|_| CapabilityError::Spelling)?);
            }
            SUITE => match r.u8()? {
                suite @ 1..=SUITE_MAX => self.suite = Some(suite),
                _ => return Err(CborError::Unknown.into()),
            },
            PARENT => self.parent = Some(CapabilityId(r.bytes_exact()?)),
            TARGET => self.target = Some(Target::read(r)?),
            DEPTH => {
                let depth = r.uint_max(u64::from(CAPABILITY_DEPTH_MAX))?;
                self.depth = Some(depth as u8);
            }
            CAVEATS => self.caveats = Caveats::read(r)?,
            _ => return Err(CborError::Unknown.into()),
        }
        Ok(())
    }

    fn into_claims(self) -> Result<Claims, CapabilityError> {
        let missing = CapabilityError::Missing;
        Ok(Claims {
            member: self.member,
            audience: self.audience,
            expires: self.expires.ok_or(missing)?,
            not_before: self.not_before,
            issued_at: self.issued_at,
            unique: self.unique.ok_or(missing)?,
            holder: self.holder,
            actions: self.actions.ok_or(missing)?,
            suite: self.suite.ok_or(missing)?,
            parent: self.parent,
            target: self.target.ok_or(missing)?,
            depth: self.depth.ok_or(missing)?,
            caveats: self.caveats,
        })
    }
}

/// Base64url without padding of exactly `N` bytes; one value has one spelling.
fn base64url<const N: usize>(text: &str) -> Result<[u8; N], CapabilityError> {
    let mut bytes = [0; N];
    let decoded = Base64UrlUnpadded::decode(text, &mut bytes);
    match decoded {
        Ok(decoded) if decoded.len() == N => Ok(bytes),
        _ => Err(CapabilityError::Spelling),
    }
}

/// A capability of the one form. Its signature has **not** been checked: see [`verify`].
#[derive(Clone, PartialEq, Eq)]
pub struct Capability {
    claims: Claims,
    bytes: Box<[u8]>,
    id: CapabilityId,
}

impl Capability {
    /// Encodes, signs and assembles. `sign` gets the bytes to be signed. Claims that nobody would
    /// accept are refused before anything is signed.
    pub fn issue(
        claims: &Claims,
        sign: impl FnOnce(&[u8]) -> [u8; 64],
    ) -> Result<Self, CapabilityError> {
        let payload = claims.encode();
        let claims = Claims::decode(&payload)?;
        let bytes = cose::sign(TYP, &payload, sign);
        Self::sized(&bytes)?;
        Ok(Self { claims, id: id_of(&bytes), bytes: bytes.into() })
    }

    /// Reads the one form.
    pub fn decode(bytes: &[u8]) -> Result<Self, CapabilityError> {
        Self::sized(bytes)?;
        let sign1 = cose::parse(TYP, bytes, CAPABILITY_LEN_MAX)?;
        let claims = Claims::decode(sign1.payload)?;
        Ok(Self { claims, id: id_of(bytes), bytes: bytes.into() })
    }

    fn sized(bytes: &[u8]) -> Result<(), CapabilityError> {
        if bytes.len() > CAPABILITY_LEN_MAX { Err(CapabilityError::TooLarge) } else { Ok(()) }
    }

    /// What it says.
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The tagged COSE_Sign1.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// BLAKE3 of [`Capability::bytes`].
    pub const fn id(&self) -> CapabilityId {
        self.id
    }

    /// Whether `issuer` signed it (Ed25519, strict).
    pub fn is_signed_by(&self, issuer: &PublicKey) -> bool {
        cose::parse(TYP, &self.bytes, CAPABILITY_LEN_MAX)
            .is_ok_and(|sign1| sign1.is_signed_by(issuer))
    }

    /// Makes `child` a delegation of this capability: sets its parent and checks, by the rules
    /// the verifier uses, that it widens nothing. The holder's key signs the result with
    /// [`Capability::issue`].
    pub fn attenuate(&self, child: &Claims) -> Result<Claims, Refusal> {
        let parent = Some(self.id);
        let child = Claims { parent, suite: self.claims.suite, ..child.clone() };
        child.check().map_err(|_| Refusal::Form)?;
        walk::may_follow(&Strongroom::PAIRS, &child, &self.claims)?;
        Ok(child)
    }
}

impl core::fmt::Debug for Capability {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Capability")
            .field("id", &self.id)
            .field("actions", &self.claims.actions)
            .field("target", &self.claims.target)
            .finish_non_exhaustive()
    }
}

fn id_of(bytes: &[u8]) -> CapabilityId {
    CapabilityId(*blake3::hash(bytes).as_bytes())
}
