//! Invitations. Comes in: what somebody is to learn, and their agree key; or bytes of a stranger.
//! Goes out: bytes that say nothing but that they are an invitation; or what was to be learned.
//! Must not know: what it says, how it travels.
//!
//! ```text
//! suite u8 ‖ enc 1,120 ‖ AEAD(u32 length ‖ contents ‖ zeros)       docs/spec/invitation.md
//! key = invitation(X-Wing shared secret ‖ principal id of whom it is for)
//! ```

use strongroom_wire::clear::KEM_ENC_LEN;
use strongroom_wire::ids::PrincipalId;
use strongroom_wire::limits::{INVITATION_LEN_MAX, SEAL_TAG_LEN};
use zeroize::Zeroizing;

use crate::aead::{self, OpenError, Opens, SealError, SealsOnce};
use crate::derive::{self, derive};
use crate::kem::{KemPair, KemPublic, SharedSecret};
use crate::keys::secret;
use crate::padding::{Padding, Padme};
use crate::rng::Rng;
use crate::suite::Suite;

const LENGTH_LEN: usize = 4;
const HEAD_LEN: usize = 1 + KEM_ENC_LEN;

secret! {
    /// Seals one invitation.
    InvitationKey
}

impl SealsOnce for InvitationKey {
    fn seal_key(&self) -> &[u8; 32] {
        self.expose()
    }
}
impl Opens for InvitationKey {
    fn open_key(&self) -> &[u8; 32] {
        self.expose()
    }
}

fn key(shared: &SharedSecret, to: PrincipalId) -> InvitationKey {
    InvitationKey::new(&derive(derive::INVITATION, &[shared.expose(), &to.0]))
}

/// Seals an invitation to the agree key of `principal`.
///
/// ```
/// use strongroom_seal::invitation::{open_invitation, seal_invitation};
/// use strongroom_seal::kem::AgreeSeed;
/// use strongroom_seal::{rng::DangerSeeded, suite::Suite};
/// use strongroom_wire::ids::PrincipalId;
///
/// let mut rng = DangerSeeded::new(1);
/// let (bob, who) = (AgreeSeed::generate(&mut rng).pair(), PrincipalId([2; 32]));
/// let sealed = seal_invitation(Suite::DEFAULT, &bob.public(), who, b"come in", &mut rng)?;
/// assert_eq!(open_invitation(&bob, who, &sealed)?.as_slice(), b"come in");
/// assert!(open_invitation(&bob, PrincipalId([3; 32]), &sealed).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn seal_invitation(
    suite: Suite,
    to: &KemPublic,
    principal: PrincipalId,
    contents: &[u8],
    rng: &mut impl Rng,
) -> Result<Vec<u8>, SealError> {
    let max = (INVITATION_LEN_MAX - HEAD_LEN - SEAL_TAG_LEN) as u64;
    let len = (LENGTH_LEN + contents.len()) as u64;
    let padded = Padme.padded_len(len).unwrap_or(u64::MAX);
    if padded > max {
        return Err(SealError::TooLong { len, max });
    }
    let mut plain = Zeroizing::new(Vec::with_capacity(padded as usize + SEAL_TAG_LEN));
    plain.extend_from_slice(&(contents.len() as u32).to_be_bytes());
    plain.extend_from_slice(contents);
    plain.resize(padded as usize, 0);
    let (enc, shared) = to.encapsulate(rng);
    aead::seal_once(suite, key(&shared, principal), &[suite.byte()], &mut plain)?;
    Ok([&[suite.byte()][..], &enc[..], &plain].concat())
}

/// Opens one that is for this principal. Changed, cut and for somebody else are the one error.
pub fn open_invitation(
    pair: &KemPair,
    principal: PrincipalId,
    bytes: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    if bytes.len() > INVITATION_LEN_MAX {
        return Err(OpenError);
    }
    let (suite, rest) = bytes.split_first().ok_or(OpenError)?;
    let (enc, sealed) = rest.split_first_chunk::<KEM_ENC_LEN>().ok_or(OpenError)?;
    let suite = Suite::outside_buckets(*suite).map_err(|_| OpenError)?;
    let mut plain = Zeroizing::new(sealed.to_vec());
    let key = key(&pair.decapsulate(enc), principal);
    aead::open(suite, &key, &[suite.byte()], &mut plain)?;
    let (length, rest) = plain.split_first_chunk::<LENGTH_LEN>().ok_or(OpenError)?;
    let len = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| OpenError)?;
    let (contents, zeros) = rest.split_at_checked(len).ok_or(OpenError)?;
    let padded = Padme.padded_len((LENGTH_LEN + len) as u64);
    if !aead::all_zero(zeros) || padded != Some(plain.len() as u64) {
        return Err(OpenError);
    }
    Ok(Zeroizing::new(contents.to_vec()))
}
