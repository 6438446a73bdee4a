//! L2 · Letting people in. Takes a member who may, and whom to let in; gives the member entry to
//! be, and what the new member needs; and for the one who was let in, a member key of its own. Must
//! not know: clocks, disks, who the people are beyond their keys.
//!
//! The granter never knows a key that stays good: he makes an *invite key*, good for one
//! acceptance, and the new member makes the key that acts (attack A46).

use strongroom_seal::aead::SealError;
use strongroom_seal::identity::{InviteSigningKey, MemberSigningKey};
use strongroom_seal::kem::KemPublic;
use strongroom_seal::keys::{EpochKey, NameKey, TagKey};
use strongroom_seal::rng::Rng;
use strongroom_seal::suite::Suite;
use strongroom_seal::wrap::{Place, wrap};
use strongroom_wire::capability::{
    Action, Actions, Capability, CapabilityChain, CapabilityError, Caveats, Claims,
};
use strongroom_wire::clear::{Clear, Member, Revoke, RevokeTarget};
use strongroom_wire::entry::Kind;
use strongroom_wire::ids::{AuthorKey, BucketId, DocumentTag, EntryId, PrincipalId};
use strongroom_wire::walk::Refusal;

use crate::parts::{MemberBody, encode_reason};
use crate::writer::Planned;

/// Why nobody can be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// Sealing failed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A capability of the chain is malformed.
    #[error(transparent)]
    Capability(#[from] CapabilityError),
    /// The granter has not what he would give, or it is as deep as it may go.
    #[error("it cannot be passed on: {0}")]
    Delegation(#[from] Refusal),
    /// Who makes epochs seals the keys of those before under the new one.
    #[error("an admin makes epochs, and needs the history for it")]
    FromNowAdmin,
}

/// What somebody may do in a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rights {
    /// Read everything.
    Read,
    /// And write.
    Write,
    /// And let in and take out others.
    Admin,
}

impl Rights {
    /// As actions of a capability.
    pub const fn actions(self) -> Actions {
        match self {
            Self::Read => Actions::PULL,
            Self::Write => {
                Actions::of(&[Action::Pull, Action::Append, Action::Write, Action::Tombstone])
            }
            Self::Admin => Actions::ALL.without(Action::Host).without(Action::Recover),
        }
    }

    /// The most that these actions are good for.
    pub const fn of(actions: Actions) -> Self {
        if actions.contains(Action::Admin) {
            Self::Admin
        } else if actions.contains(Action::Write) {
            Self::Write
        } else {
            Self::Read
        }
    }

    /// In one word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

/// Who lets in, and where.
#[derive(Debug)]
pub struct Granter<'a> {
    /// The bucket.
    pub bucket: BucketId,
    /// The granter's member key.
    pub member: &'a MemberSigningKey,
    /// From the root key to it.
    pub chain: &'a CapabilityChain,
    /// Makes the bucket's tags.
    pub names: &'a NameKey,
    /// The epoch whose key is given, and its number.
    pub epoch: (&'a EpochKey, u64),
    /// The bucket's suite.
    pub suite: Suite,
    /// Heads of the control log.
    pub heads: &'a [EntryId],
}

/// Whom to let in.
#[derive(Debug)]
pub struct Grantee<'a> {
    /// Who.
    pub principal: PrincipalId,
    /// The agree key the bucket's key goes to.
    pub agree: &'a KemPublic,
    /// What it may do.
    pub rights: Rights,
    /// Until then, seconds since 1970; no longer than the granter's own.
    pub until: Option<u64>,
    /// From then, seconds since 1970.
    pub from: u64,
    /// Whether it opens nothing from before the epoch it is let in under. Not for admins.
    pub from_now: bool,
}

/// What comes of it.
#[derive(Debug)]
pub struct Invited {
    /// The member entry to be.
    pub planned: Planned,
    /// Good for one acceptance.
    pub key: InviteSigningKey,
    /// From the root key to it.
    pub chain: CapabilityChain,
    /// By which the new member finds its wraps.
    pub tag_key: TagKey,
}

/// Lets somebody in. One entry; the bucket's key goes with it.
pub fn invite(
    granter: &Granter<'_>,
    grantee: &Grantee<'_>,
    rng: &mut impl Rng,
) -> Result<Invited, GrantError> {
    if grantee.from_now && grantee.rights == Rights::Admin {
        return Err(GrantError::FromNowAdmin);
    }
    let key = InviteSigningKey::generate(rng);
    let tag_key = TagKey::generate(rng);
    let parent = granter.chain.last().ok_or(CapabilityError::Missing)?;
    let above = parent.claims();
    let expires = grantee.until.map_or(above.expires, |until| until.min(above.expires));
    let actions = grantee.rights.actions();
    let mut claims = Claims::new(above.target, actions, expires, unique(rng))
        .for_holder(key.public(), Some(granter.names.member_tag(grantee.principal)))
        .with_depth(above.depth.saturating_sub(1));
    claims.not_before = Some(grantee.from);
    claims.caveats = Caveats { accept: true, ..claims.caveats };
    let claims = parent.attenuate(&claims)?;
    let capability = Capability::issue(&claims, |input| granter.member.sign(input))?;
    let (epoch, n) = granter.epoch;
    let place = Place { suite: granter.suite, bucket: granter.bucket, n };
    let wrapped = if grantee.from_now {
        wrap(place, &epoch.content(granter.bucket), grantee.agree, &tag_key, rng)?
    } else {
        wrap(place, epoch, grantee.agree, &tag_key, rng)?
    };
    let clear = Clear::Member(Member {
        capabilities: vec![capability.bytes().to_vec()],
        wrap: Some(Box::new(wrapped)),
        // The same for both, so that a provider does not see which it is.
        commitment: Some(epoch.commitment().0),
        open: Vec::new(),
    });
    let body = MemberBody {
        principal: grantee.principal,
        proof: None,
        tag_key: Some(TagKey::from_secret_bytes(&tag_key.to_secret_bytes())),
        rights: grantee.rights.word().to_owned(),
        from_now: grantee.from_now,
        card: None,
        link: None,
    };
    let planned = control(Kind::Member, granter.heads, &clear, body.encode().to_vec());
    Ok(Invited { planned, key, chain: granter.chain.extended(capability)?, tag_key })
}

/// The new member's own key: the one thing an invite key is good for. Gives the key and the chain
/// down to it.
pub fn take(
    key: &InviteSigningKey,
    chain: &CapabilityChain,
    rng: &mut impl Rng,
) -> Result<(MemberSigningKey, CapabilityChain), GrantError> {
    let member = MemberSigningKey::generate(rng);
    let parent = chain.last().ok_or(CapabilityError::Missing)?;
    let above = parent.claims();
    let mut claims = Claims::new(above.target, above.actions, above.expires, unique(rng))
        .for_holder(member.public(), above.member)
        .with_depth(above.depth.saturating_sub(1));
    claims.not_before = above.not_before;
    let claims = parent.attenuate(&claims)?;
    let capability = Capability::issue(&claims, |input| key.sign(input))?;
    Ok((member, chain.extended(capability)?))
}

/// A further key of one's own member, from the one there is.
#[derive(Debug)]
pub struct Successor {
    /// The member entry to be.
    pub planned: Planned,
    /// The new member key.
    pub key: MemberSigningKey,
    /// From the root key to it.
    pub chain: CapabilityChain,
}

/// Makes the member key that follows this one, because a device was lost that has it. The one
/// before is closed by a revoke that comes after. `card`: what others make epochs with.
pub fn succeed(
    member: &MemberSigningKey,
    chain: &CapabilityChain,
    (principal, card): (PrincipalId, Option<Vec<u8>>),
    heads: &[EntryId],
    rng: &mut impl Rng,
) -> Result<Successor, GrantError> {
    let key = MemberSigningKey::generate(rng);
    let parent = chain.last().ok_or(CapabilityError::Missing)?;
    let above = parent.claims();
    let mut claims = Claims::new(above.target, above.actions, above.expires, unique(rng))
        .for_holder(key.public(), above.member)
        .with_depth(above.depth.saturating_sub(1));
    claims.not_before = above.not_before;
    let claims = parent.attenuate(&claims)?;
    let capability = Capability::issue(&claims, |input| member.sign(input))?;
    let clear = Clear::Member(Member {
        capabilities: vec![capability.bytes().to_vec()],
        wrap: None,
        commitment: None,
        open: Vec::new(),
    });
    let body = MemberBody {
        principal,
        proof: None,
        tag_key: None,
        rights: "follows".to_owned(),
        from_now: false,
        card,
        link: None,
    };
    let planned = control(Kind::Member, heads, &clear, body.encode().to_vec());
    Ok(Successor { planned, key, chain: chain.extended(capability)? })
}

/// The entry that takes out, with where each stopped author ends.
pub fn take_out(
    targets: Vec<RevokeTarget>,
    cutoffs: Vec<(AuthorKey, u64, EntryId)>,
    heads: &[EntryId],
    reason: &str,
) -> Planned {
    let (mut targets, mut cutoffs) = (targets, cutoffs);
    targets.sort_unstable();
    targets.dedup();
    cutoffs.sort_unstable();
    let clear = Clear::Revoke(Revoke { targets, cutoffs });
    control(Kind::Revoke, heads, &clear, encode_reason(reason))
}

pub(crate) fn control(kind: Kind, heads: &[EntryId], clear: &Clear, plain: Vec<u8>) -> Planned {
    let mut parents = heads.to_vec();
    parents.sort_unstable();
    Planned {
        document: DocumentTag::ZERO,
        kind,
        parents,
        generation: 0,
        clear: clear.encode(),
        plain,
    }
}

pub(crate) fn unique(rng: &mut impl Rng) -> [u8; 16] {
    let mut out = [0; 16];
    rng.fill(&mut out);
    out
}
