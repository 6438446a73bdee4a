//! Blinded attributes of Encrypted Data Vaults. Comes in: a document's JSON, the indexes of its
//! vault, the vault's blinding key. Goes out: names and values a provider can compare and not
//! read. Must not know: who asks, what is stored.
//!
//! ```text
//! simple    n = H(name)            v = H(JCS(value))
//! compound  n = H(n1 ‖ … ‖ nk)     v = H(v1 ‖ … ‖ vk)      for each prefix, each combination
//! blinded   M(n), M(H(n ‖ v))      H: SHA-256, M: HMAC-SHA-256 under the vault's key
//! ```
//! Bytes: docs/spec/edv-client.md, "Blinded attributes". Equal values stay equal: a provider counts
//! them.
//! [`Spread`] is the rule by which an attribute with few values is refused.

mod path;
mod spread;

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::{digest, hmac};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Map, Value};
use strongroom_wire::limits::{BLIND_ATTRIBUTES_MAX, BLIND_INDEX_PARTS_MAX, BLIND_NAME_LEN_MAX};

pub use spread::Spread;

use crate::jcs;
use crate::keys::random_secret;

random_secret! {
    /// Blinds the attributes of one Encrypted Data Vault, for the vault's life.
    BlindKey
}

type Hash = [u8; 32];

/// Why something cannot be blinded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlindError {
    /// Not the name of an attribute.
    #[error("`{0}` is no attribute: it begins with `content.` or `meta.`")]
    Name(String),
    /// An index over too many attributes, or over one twice, or over none.
    #[error("an index is over 1 to {BLIND_INDEX_PARTS_MAX} different attributes")]
    Parts,
    /// A document with more attributes than one may have.
    #[error("the document has more than {BLIND_ATTRIBUTES_MAX} indexed values")]
    TooMany,
    /// A question about what no index is over.
    #[error("no index of this vault answers for `{0}`")]
    NotIndexed(String),
}

/// One index: over one attribute, or over several in an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    attributes: Vec<String>,
    unique: bool,
}

impl Index {
    /// An index over these attributes: dotted paths that begin with `content` or `meta`; `\.` is a
    /// dot in a name. `unique`: the provider refuses a second document with the same value.
    pub fn new<S: AsRef<str>>(attributes: &[S], unique: bool) -> Result<Self, BlindError> {
        let attributes: Vec<String> =
            attributes.iter().map(|name| name.as_ref().to_owned()).collect();
        let different: BTreeSet<_> = attributes.iter().collect();
        let fits = (1..=BLIND_INDEX_PARTS_MAX).contains(&attributes.len());
        if !fits || different.len() != attributes.len() {
            return Err(BlindError::Parts);
        }
        for name in &attributes {
            if name.len() > BLIND_NAME_LEN_MAX || path::parse(name).is_none() {
                return Err(BlindError::Name(name.chars().take(80).collect()));
            }
        }
        Ok(Self { attributes, unique })
    }

    /// What it is over.
    pub fn attributes(&self) -> &[String] {
        &self.attributes
    }

    /// Whether no two documents may have the same values.
    pub const fn is_unique(&self) -> bool {
        self.unique
    }

    /// One word for it: its attributes, joined by commas.
    pub fn name(&self) -> String {
        self.attributes.join(",")
    }
}

/// One blinded attribute, as a provider keeps it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlindAttribute {
    /// 43 characters.
    pub name: String,
    /// 43 characters.
    pub value: String,
    /// Whether no other document may have it.
    pub unique: bool,
}

/// Name and value of an attribute, hashed and not yet blinded.
#[derive(Clone, Copy)]
struct Hashed {
    name: Hash,
    value: Hash,
    unique: bool,
}

impl BlindKey {
    /// What a provider is told of a document: `{"content": …, "meta": …}`.
    pub fn attributes(
        &self,
        indexes: &[Index],
        document: &Value,
    ) -> Result<Vec<BlindAttribute>, BlindError> {
        let values = |name: &str| path::values(document, name);
        let mut found = BTreeSet::new();
        for hashed in hash_all(indexes, values)? {
            found.insert(self.blind(&hashed));
        }
        // Of two entries for one value, unique is the stronger.
        let mut out: Vec<BlindAttribute> = Vec::with_capacity(found.len());
        for attribute in found {
            match out.last_mut() {
                Some(last) if last.name == attribute.name && last.value == attribute.value => {
                    last.unique |= attribute.unique;
                }
                _ => out.push(attribute),
            }
        }
        Ok(out)
    }

    /// One object of a query for documents that have all these values: blinded name to blinded
    /// value. An attribute without an index is refused, as leaving it out would find too much.
    pub fn equals(
        &self,
        indexes: &[Index],
        wanted: &Map<String, Value>,
    ) -> Result<BTreeMap<String, String>, BlindError> {
        let given: Vec<&str> = wanted.keys().map(String::as_str).collect();
        covered(indexes, &given)?;
        let values = |name: &str| wanted.get(name).map(|value| vec![value.clone()]);
        let all = hash_all(indexes, values)?;
        Ok(all.iter().map(|hashed| self.blind(hashed)).map(|it| (it.name, it.value)).collect())
    }

    /// Blinded names for documents that have all these attributes, with any value.
    pub fn has(&self, indexes: &[Index], wanted: &[&str]) -> Result<Vec<String>, BlindError> {
        covered(indexes, wanted)?;
        let values = |name: &str| wanted.contains(&name).then(|| vec![Value::Bool(true)]);
        let names = hash_all(indexes, values)?.into_iter();
        let names: BTreeSet<String> = names.map(|hashed| self.blind(&hashed).name).collect();
        Ok(names.into_iter().collect())
    }

    fn blind(&self, hashed: &Hashed) -> BlindAttribute {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.expose());
        let mac = |data: &Hash| Base64UrlUnpadded::encode_string(hmac::sign(&key, data).as_ref());
        BlindAttribute {
            name: mac(&hashed.name),
            value: mac(&hash(&[&hashed.name, &hashed.value])),
            unique: hashed.unique,
        }
    }
}

/// Every attribute that is asked for must be answered by some index: alone, or behind all that
/// stand before it.
fn covered(indexes: &[Index], wanted: &[&str]) -> Result<(), BlindError> {
    let asked = |name: &&String| wanted.contains(&name.as_str());
    let answers: BTreeSet<&str> = indexes
        .iter()
        .flat_map(|index| index.attributes.iter().take_while(asked))
        .map(String::as_str)
        .collect();
    match wanted.iter().find(|name| !answers.contains(**name)) {
        Some(name) => Err(BlindError::NotIndexed((*name).to_owned())),
        None => Ok(()),
    }
}

/// All attributes that these indexes make of these values.
fn hash_all(
    indexes: &[Index],
    values: impl Fn(&str) -> Option<Vec<Value>>,
) -> Result<Vec<Hashed>, BlindError> {
    let mut out = Vec::new();
    let simple: BTreeSet<&str> = indexes
        .iter()
        .filter(|index| index.attributes.len() == 1)
        .flat_map(|index| index.attributes.iter().map(String::as_str))
        .collect();
    for index in indexes {
        let parts = index.attributes.len();
        let mut combinations: Vec<Vec<Hashed>> = vec![Vec::new()];
        for (at, name) in index.attributes.iter().enumerate() {
            let Some(values) = values(name) else { break };
            let hashed = hash_values(name, &values);
            if out.len() + combinations.len() * hashed.len() > BLIND_ATTRIBUTES_MAX {
                return Err(BlindError::TooMany);
            }
            combinations = hashed
                .iter()
                .flat_map(|value| {
                    combinations.iter().map(|head| [head.as_slice(), &[*value]].concat())
                })
                .collect();
            // The first attribute alone is left to its own index, if it has one.
            if at == 0 && parts > 1 && simple.contains(name.as_str()) {
                continue;
            }
            let unique = index.unique && at + 1 == parts;
            let entry = |it: &Vec<Hashed>| joined(it, parts > 1, unique);
            out.extend(combinations.iter().map(entry));
        }
    }
    Ok(out)
}

fn hash_values(name: &str, values: &[Value]) -> Vec<Hashed> {
    let name = hash(&[name.as_bytes()]);
    let texts: BTreeSet<String> = values.iter().map(jcs::to_string).collect();
    let hashed = |text: &String| Hashed { name, value: hash(&[text.as_bytes()]), unique: false };
    texts.iter().map(hashed).collect()
}

/// One entry of several hashed parts. A compound index hashes even a prefix of one part again.
fn joined(parts: &[Hashed], compound: bool, unique: bool) -> Hashed {
    if let ([one], false) = (parts, compound) {
        return Hashed { unique, ..*one };
    }
    let names: Vec<&[u8]> = parts.iter().map(|part| &part.name[..]).collect();
    let values: Vec<&[u8]> = parts.iter().map(|part| &part.value[..]).collect();
    Hashed { name: hash(&names), value: hash(&values), unique }
}

fn hash<T: AsRef<[u8]>>(parts: &[T]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part.as_ref());
    }
    context.finish().as_ref().first_chunk::<32>().copied().unwrap_or_default()
}
