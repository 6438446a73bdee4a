//! EDV vaults: Encrypted Data Vaults, as other programs use them too. Comes in: what a person
//! wants done with one. Goes out: it is done at the server, which may be anybody's. Must not know:
//! terminals, how envelopes are made.
//!
//! A vault of this kind is a second tier (docs/spec/edv-client.md): a server keeps envelopes,
//! blinded attributes and who may do what, and nothing ties one state to the next. What this client
//! adds within what the protocol allows: documents name their place and their writer, streams list
//! their chunks, and the person's own vault remembers what was seen of each document, so that no
//! device of theirs is shown less. The keys are sealed documents of the person's own vault, too:
//! they are on every device, and come back with the words.

mod answers;
mod bundle;
mod call;
mod copy;
mod documents;
mod grants;
mod import;
mod indexing;
mod keys;
mod memory;
mod opening;
mod privacy;
mod queries;
mod record;
mod resealing;
mod streams;
mod vaults;

pub use documents::{EdvContent, PutStream};
pub use grants::GrantOptions;
pub use queries::Wanted;
pub use vaults::NewEdv;

use strongroom_seal::identity::EdvSigningKey;
use strongroom_wire::edv::zcap::Zcap;

use crate::error::Result;
use crate::remote::{EdvRemote, Options};
use crate::vault::Vault;
pub(crate) use memory::Seen as EdvSeen;
pub(crate) use record::{EdvGrant, EdvRecord};
pub(crate) use vaults::Identity as EdvIdentityKeys;

/// One EDV vault, ready to be asked.
pub struct Edv<'a> {
    vault: &'a Vault,
    record: EdvRecord,
    remote: EdvRemote,
    signer: EdvSigningKey,
    /// What lets this person in, if the vault is another's.
    zcap: Option<Zcap>,
    /// Who is being let out: what they wrote until now is still theirs to have written.
    leaving: Vec<EdvGrant>,
}

impl core::fmt::Debug for Edv<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Edv").field(&self.record.url).finish()
    }
}

impl<'a> Edv<'a> {
    fn of(vault: &'a Vault, record: EdvRecord) -> Result<Self> {
        let origin = keys::origin_of(&record.url)?;
        let remote = EdvRemote::new(origin, &Options::default())?;
        let signer = EdvSigningKey::from_secret_bytes(&record.seed);
        let zcap = record.zcap.as_deref().map(keys::read_zcap).transpose()?;
        Ok(Self { vault, record, remote, signer, zcap, leaving: Vec::new() })
    }

    /// Its URL, which is its id.
    pub fn url(&self) -> &str {
        &self.record.url
    }

    /// What it is called here.
    pub fn name(&self) -> &str {
        &self.record.name
    }

    /// Whether it is this person's.
    pub const fn is_own(&self) -> bool {
        self.zcap.is_none()
    }
}
