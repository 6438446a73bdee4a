//! A member's working day: the vault on this device, its replica, its providers. The Rust library
//! behind `strongroom`.
//!
//! Comes in: what a person wants done. Goes out: it is done, durably here and, where a provider
//! answers, there. Must not know: terminals.
//!
//! All calls block. Several processes may use one vault at the same time.
//!
//! ```no_run
//! use strongroom_client::{Home, Passphrase, Place, PutOptions, Quiet, Source, Vault};
//! # fn main() -> strongroom_client::Result<()> {
//! let home = Home::at("/home/alice/.strongroom");
//! let (vault, phrase) = Vault::create(&home, &Passphrase::new("correct horse".into()))?;
//! println!("write these words down: {phrase}");
//! vault.add_provider("https://vaults.example.org", None)?;
//! let sources = [Source::Path("letters".into())];
//! vault.put(&sources, &Place::parse("/letters")?, &PutOptions::default(), &Quiet)?;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod agent;
mod clock;
#[doc(hidden)]
pub mod decoders;
pub mod drops;
pub mod edv;
mod error;
pub mod get;
pub mod glob;
mod home;
pub mod keyfile;
pub mod media_type;
pub mod place;
pub mod progress;
pub mod put;
pub mod random;
pub mod remote;
pub mod replica;
pub mod report;
pub mod sealing;
mod secrets;
pub mod vault;

pub use clock::Clock;
pub use error::{Error, ErrorKind, Result};
pub use get::GetOptions;
pub use home::Home;
pub use place::Place;
pub use progress::{Progress, Quiet, Stage};
pub use put::{PutOptions, Source};
pub use report::*;
pub use strongroom_core::granting::Rights;
pub use strongroom_core::invitation::END as INVITATION_END;
pub use strongroom_core::rotation::Limits as EpochLimits;
pub use vault::{
    CodeKind, DocumentShare, GivenCode, LinkOptions, LinkText, OpenedLink, PairingPerson,
    Passphrase, Phrase, Shown, ShownCode, Terms, Unlock, Vault,
};
