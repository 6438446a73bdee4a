//! Configurations, documents, chunks and queries, as clients send them. Comes in: JSON of a
//! stranger. Goes out: what a provider needs to know of it, or which member is wrong. Must not
//! know: what is sealed in a JWE, whose anything is.
//!
//! A member that no table of docs/spec/edv.md names refuses the whole, every item of an array is
//! looked at, and numbers are exact. A refusal names the member that is wrong and never what stands
//! in it.

mod config;
mod document;
mod query;

pub use config::{Cidr, Config};
pub use document::{Attribute, Chunk, Document, IndexEntry, Stream};
pub use query::{Filter, Query};

use super::ids::{IdError, LocalId};
use super::json::{Json, JsonError};
use super::limits::SEQUENCE_MAX;

/// Why a body is none of this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// No JSON that is taken here.
    #[error("the body: {0}")]
    Json(#[from] JsonError),
    /// An id is not spelled as one.
    #[error("{0}")]
    Id(#[from] IdError),
    /// A member lacks, is of another form, or is not in the table.
    #[error("{at}: {wants}")]
    Member {
        /// The member, from the outermost in: `jwe.recipients`.
        at: &'static str,
        /// What is due there.
        wants: &'static str,
    },
}

const fn wrong(at: &'static str, wants: &'static str) -> ModelError {
    ModelError::Member { at, wants }
}

/// An id and a type, as keys are named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyName {
    /// Any URI.
    pub id: String,
    /// What kind of key it is: `Sha256HmacKey2019`.
    pub kind: String,
}

impl KeyName {
    fn read(json: &Json<'_>, at: &'static str) -> Result<Self, ModelError> {
        let members = Shape::of(json, at, &["id", "type"])?;
        Ok(Self { id: members.text("id", NAMES_AT)?, kind: members.text("type", NAMES_AT)? })
    }

    fn write(&self, out: &mut String) {
        out.push_str("{\"id\":");
        super::json::write_text(out, &self.id);
        out.push_str(",\"type\":");
        super::json::write_text(out, &self.kind);
        out.push('}');
    }
}

const NAMES_AT: (&str, usize) = ("the id and type of a key", super::limits::URL_LEN_MAX);

/// An object that has members of a table only.
struct Shape<'j, 'a> {
    at: &'static str,
    json: &'j Json<'a>,
}

impl<'j, 'a> Shape<'j, 'a> {
    fn of(
        json: &'j Json<'a>,
        at: &'static str,
        allowed: &[&'static str],
    ) -> Result<Self, ModelError> {
        let members = json.members().ok_or(wrong(at, "an object"))?;
        if members.iter().all(|(name, _)| allowed.contains(&name.as_ref())) {
            Ok(Self { at, json })
        } else {
            Err(wrong(at, "a member stands there that is not known"))
        }
    }

    fn maybe(&self, name: &str) -> Option<&'j Json<'a>> {
        self.json.member(name)
    }

    fn need(&self, name: &'static str) -> Result<&'j Json<'a>, ModelError> {
        self.maybe(name).ok_or(wrong(self.at, "a member lacks"))
    }

    /// A text of one byte at least; `at` says where it stands, and how long it may be.
    fn text(&self, name: &'static str, at: (&'static str, usize)) -> Result<String, ModelError> {
        text(self.need(name)?, at).map(str::to_owned)
    }

    fn sequence(&self, name: &'static str) -> Result<u64, ModelError> {
        sequence(self.need(name)?)
    }
}

fn text<'j>(json: &'j Json<'_>, at: (&'static str, usize)) -> Result<&'j str, ModelError> {
    let text = json.text().filter(|text| !text.is_empty() && text.len() <= at.1);
    text.ok_or(wrong(at.0, "a text, neither empty nor too long"))
}

/// A whole number that every client can hold: 0 to 2^53 - 2.
fn sequence(json: &Json<'_>) -> Result<u64, ModelError> {
    let number = json.integer().filter(|number| *number <= SEQUENCE_MAX);
    number.ok_or(wrong("a number", "a whole number from 0 to 9007199254740990"))
}

fn base64url<'j>(json: &'j Json<'_>, at: &'static str) -> Result<&'j str, ModelError> {
    // All of them without a branch for each: most of a document is such text.
    let allowed = |c: u8| matches!(c, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    let all = |text: &&str| text.bytes().fold(true, |all, c| all & allowed(c));
    let text = json.text().filter(all);
    text.ok_or(wrong(at, "base64url without padding"))
}

fn local_id(json: &Json<'_>, at: &'static str) -> Result<LocalId, ModelError> {
    Ok(LocalId::parse(json.text().ok_or(wrong(at, "a text"))?)?)
}
