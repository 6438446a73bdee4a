//! Revoking a delegated zcap. Comes in: the zcap somebody wants to be void, the vault's root, a
//! time. Goes out: which roots are good for that request, what to look up, what to keep and until
//! when; or a refusal. Must not know: stores, who asks (that is [`super::invocation`]'s).

use super::chain::{self, Root};
use super::invocation::Delegation;
use super::limits::REVOCATION_KEPT_SECS;
use super::zcap::{Zcap, ZcapError, encode_uri_component};
use crate::walk::WalkError;

/// Why a zcap cannot be revoked here. All but one are the request's fault (400); where it was
/// revoked before, the store tells (409).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RevocationError {
    /// The body is no delegated zcap. Roots are not revoked.
    #[error("the body is no delegated capability: {0}")]
    Zcap(#[from] ZcapError),
    /// The URL names another one.
    #[error("the URL names another capability than the body")]
    Id,
    /// It does not come from this vault's root.
    #[error("the capability is of another vault")]
    Root,
    /// Its chain does not hold, so there is nothing to revoke.
    #[error("{0}")]
    Chain(WalkError),
}

/// A delegation that may be revoked by those it says. Only [`Revocation::of`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    delegations: Vec<Delegation>,
    revoked: Delegation,
    controllers: Vec<String>,
    kept_until: u64,
}

impl Revocation {
    /// Judges what was sent: `body` is the zcap as JSON, `id` the last part of the URL without
    /// its percent signs, `vault` the root it must come from, `now` in seconds since 1970.
    pub fn of(body: &[u8], id: &str, vault: &Root<'_>, now: u64) -> Result<Self, RevocationError> {
        let zcap = Zcap::parse(body)?;
        if zcap.id() != id {
            return Err(RevocationError::Id);
        }
        if zcap.root() != vault.id() {
            return Err(RevocationError::Root);
        }
        chain::verify(&zcap, vault, now).map_err(RevocationError::Chain)?;
        let mut controllers = vault.controllers.to_vec();
        controllers.extend(zcap.lineage().iter().flat_map(|zcap| zcap.controllers().to_vec()));
        controllers.sort_unstable();
        controllers.dedup();
        Ok(Self {
            delegations: chain::delegations(&zcap),
            revoked: Delegation { delegator: chain::delegator(&zcap), id: zcap.id().to_owned() },
            controllers,
            kept_until: zcap.expires().secs().saturating_add(REVOCATION_KEPT_SECS),
        })
    }

    /// What is to be kept: this pair is void from now on, and all that is derived from it.
    pub const fn revoked(&self) -> &Delegation {
        &self.revoked
    }

    /// Until when it must be kept, in seconds since 1970: later nobody takes the zcap anyway.
    pub const fn kept_until(&self) -> u64 {
        self.kept_until
    }

    /// All delegations of its chain, itself last. If one of them was revoked before, it is void
    /// already.
    pub fn delegations(&self) -> &[Delegation] {
        &self.delegations
    }

    /// Who may invoke the root of the request's own URL: everybody who controls a part of the
    /// chain, from the vault's controller down to who holds the zcap. Beside it the vault's own
    /// root is good for the request.
    pub fn controllers(&self) -> &[String] {
        &self.controllers
    }
}

/// The URL of the request that revokes: `EDV/zcaps/revocations/` and the id, escaped as
/// JavaScript's `encodeURIComponent` does.
pub fn revocation_url(vault: &str, id: &str) -> String {
    format!("{vault}/zcaps/revocations/{}", encode_uri_component(id))
}
