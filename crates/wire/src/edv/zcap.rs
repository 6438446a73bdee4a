//! Delegated capabilities of the EDV protocol (zcaps) as JSON. Comes in: a stranger's JSON, or
//! what a delegator wants to say. Goes out: a [`Zcap`] of the one shape with its whole chain in
//! it. Must not know: whether its proofs hold, times, requests.
//!
//! Contexts are fixed and unknown members refused, so that the quads its proof is made over follow
//! from the JSON without any JSON-LD. The chain's shape is part of the form: a [`Zcap`] exists
//! only with every ancestor in its place. Table: docs/spec/edv.md.

use super::json::{Json, JsonError, write_text};
use super::limits::{
    ACTION_LEN_MAX, ACTIONS_MAX, CHAIN_LEN_MAX, CONTROLLERS_MAX, DELEGATION_AGE_MAX_SECS,
    REFERENCE_LEN_MAX, URL_LEN_MAX, ZCAP_LEN_MAX,
};
use super::quads;
use super::time::Moment;
use super::{canon::CanonError, chain};
use crate::walk::Refusal;
use crate::{base58, did_key, ids::PublicKey};

/// The context of a root, and the first of a delegated zcap.
pub const CONTEXT: &str = "https://w3id.org/zcap/v1";
/// The second context of a delegated zcap.
pub const PROOF_CONTEXT: &str = "https://w3id.org/security/suites/ed25519-2020/v1";
/// The type of the proof.
pub const PROOF_TYPE: &str = "Ed25519Signature2020";
/// Its purpose.
pub const PROOF_PURPOSE: &str = "capabilityDelegation";
/// What a root's id begins with.
pub const ROOT_PREFIX: &str = "urn:zcap:root:";

/// Why something is no zcap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ZcapError {
    /// No JSON, or JSON nobody agrees on.
    #[error("not a capability: {0}")]
    Json(#[from] JsonError),
    /// Longer than its limit.
    #[error("the capability is over its limit")]
    TooLarge,
    /// A member that is not known, not there or not of its form.
    #[error("a member of the capability is unknown, missing or not of its form")]
    Member,
    /// Not the two contexts.
    #[error("the capability has other contexts than the two known ones")]
    Context,
    /// A proof of another type or purpose.
    #[error("the capability has no delegation proof of the known type")]
    Proof,
    /// The chain is too long, has a cycle, or does not fit what is embedded in it.
    #[error("the capability's chain is not in order")]
    Chain,
    /// It expires before it was made, or more than a year after.
    #[error("the capability lasts longer than a year, or ends before it begins")]
    Age,
    /// It would widen what it is derived from.
    #[error("the capability cannot be derived from its parent: {0}")]
    Wider(Refusal),
    /// Its proof takes too much work.
    #[error("{0}")]
    Canon(#[from] CanonError),
}

/// The proof of a delegation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proof {
    pub(super) created: Moment,
    pub(super) method: String,
    /// Ids of all ancestors, root first.
    pub(super) chain: Vec<String>,
    /// The parent, unless that is the root.
    pub(super) parent: Option<Box<Zcap>>,
    pub(super) value: [u8; 64],
}

/// A delegated capability of the one shape. Its proofs have **not** been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zcap {
    pub(super) id: String,
    pub(super) controllers: Vec<String>,
    pub(super) target: String,
    pub(super) expires: Moment,
    pub(super) actions: Option<Vec<String>>,
    pub(super) reference: Option<String>,
    pub(super) proof: Proof,
}

/// What a new zcap is derived from.
#[derive(Debug, Clone, Copy)]
pub enum Parent<'a> {
    /// The root of this URL.
    RootOf(&'a str),
    /// A delegated one.
    Delegated(&'a Zcap),
}

/// What a delegator wants to say.
#[derive(Debug, Clone, Copy)]
pub struct Grant<'a> {
    /// A fresh name, an absolute IRI: `urn:uuid:…`.
    pub id: &'a str,
    /// The DID (or key id) of who may use it and delegate it on.
    pub controller: &'a str,
    /// A URL at or below the parent's.
    pub target: &'a str,
    /// What it allows; empty: whatever the parent does, which then must not list actions.
    pub actions: &'a [&'a str],
    /// From when on it is void, in seconds since 1970.
    pub expires: u64,
    /// When it is made, in seconds since 1970.
    pub created: u64,
    /// Whose key signs it.
    pub delegator: PublicKey,
}

impl Zcap {
    /// Reads one zcap.
    pub fn parse(json: &[u8]) -> Result<Self, ZcapError> {
        if json.len() > ZCAP_LEN_MAX {
            return Err(ZcapError::TooLarge);
        }
        Self::read(&Json::parse(json)?)
    }

    /// Reads one zcap from JSON that was parsed. Recursion is bounded by the depth of JSON.
    pub fn read(json: &Json<'_>) -> Result<Self, ZcapError> {
        let mut members = Members::of(json)?;
        members.contexts()?;
        let zcap = Self {
            id: members.need("id", iri)?,
            controllers: members.need("controller", controllers)?,
            target: members.need("invocationTarget", iri)?,
            expires: members.need("expires", moment)?,
            actions: members.may("allowedAction", actions)?,
            reference: members.may("referenceId", reference)?,
            proof: members.need_with("proof", Proof::read)?,
        };
        let parent = members.need("parentCapability", iri)?;
        members.end()?;
        zcap.check(&parent)?;
        Ok(zcap)
    }

    /// What must hold within one zcap and to the ancestors in it.
    fn check(&self, parent: &str) -> Result<(), ZcapError> {
        let chain = &self.proof.chain;
        let mut names: Vec<&str> = chain.iter().map(String::as_str).collect();
        names.push(&self.id);
        names.sort_unstable();
        names.dedup();
        let distinct = names.len() == chain.len() + 1;
        // Embedded ancestors were checked when they were read, so that one step suffices here.
        let embedded = match (chain.split_last(), &self.proof.parent) {
            (Some((last, [])), None) => last.starts_with(ROOT_PREFIX),
            (Some((last, before)), Some(parent)) => {
                *last == parent.id && parent.proof.chain == before
            }
            _ => false,
        };
        if !distinct || !embedded || chain.last().is_none_or(|last| last != parent) {
            return Err(ZcapError::Chain);
        }
        let age = self.expires.millis().checked_sub(self.proof.created.millis());
        if age.is_none_or(|age| age > DELEGATION_AGE_MAX_SECS * 1_000) {
            return Err(ZcapError::Age);
        }
        Ok(())
    }

    /// Derives a zcap, as its delegator signs it. `sign` gets the 64 bytes to be signed. What the
    /// verifier would refuse for widening its parent is refused before it is signed.
    pub fn delegate(
        parent: &Parent<'_>,
        grant: &Grant<'_>,
        sign: impl FnOnce(&[u8]) -> [u8; 64],
    ) -> Result<Self, ZcapError> {
        let (chain, embedded) = match parent {
            Parent::RootOf(url) => (vec![root_id(url)], None),
            Parent::Delegated(zcap) => {
                let mut chain = zcap.proof.chain.clone();
                chain.push(zcap.id.clone());
                (chain, Some(Box::new((*zcap).clone())))
            }
        };
        let actions = grant.actions.iter().map(|action| (*action).to_owned()).collect();
        let mut zcap = Self {
            id: grant.id.to_owned(),
            controllers: vec![grant.controller.to_owned()],
            target: grant.target.to_owned(),
            expires: Moment::of_secs(grant.expires),
            actions: Some(actions).filter(|actions: &Vec<String>| !actions.is_empty()),
            reference: None,
            proof: Proof {
                created: Moment::of_secs(grant.created),
                method: did_key::method_id(&grant.delegator),
                chain,
                parent: embedded,
                value: [0; 64],
            },
        };
        // Read as the verifier will: whatever it would refuse is not signed.
        Self::parse(zcap.to_json().as_bytes())?;
        chain::may_be_derived(&zcap, parent).map_err(ZcapError::Wider)?;
        zcap.proof.value = sign(&zcap.to_be_signed()?);
        Ok(zcap)
    }

    /// The 64 bytes its proof signs: SHA-256 of the proof's options and of the rest, both as
    /// canonical quads.
    pub fn to_be_signed(&self) -> Result<[u8; 64], CanonError> {
        quads::to_be_signed(self)
    }

    /// Its name, chosen by its delegator.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// DIDs or key ids of who may use it.
    pub fn controllers(&self) -> &[String] {
        &self.controllers
    }

    /// The URL it is about.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// What it allows; none: whatever is asked.
    pub fn actions(&self) -> Option<&[String]> {
        self.actions.as_deref()
    }

    /// Whether it allows an action.
    pub fn allows(&self, action: &str) -> bool {
        self.actions.as_ref().is_none_or(|actions| actions.iter().any(|own| own == action))
    }

    /// From when on it is void.
    pub const fn expires(&self) -> &Moment {
        &self.expires
    }

    /// When it was delegated.
    pub const fn created(&self) -> &Moment {
        &self.proof.created
    }

    /// The id of the key that signed its proof, as it says itself.
    pub fn method(&self) -> &str {
        &self.proof.method
    }

    /// The id of the root of its chain.
    pub fn root(&self) -> &str {
        self.proof.chain.first().map_or("", String::as_str)
    }

    /// What it was derived from, unless that is the root.
    pub fn parent(&self) -> Option<&Self> {
        self.proof.parent.as_deref()
    }

    /// It and its ancestors without the root, the root's own delegation first.
    pub fn lineage(&self) -> Vec<&Self> {
        let mut lineage = vec![self];
        while let Some(parent) = lineage.last().and_then(|zcap| zcap.parent()) {
            lineage.push(parent);
        }
        lineage.reverse();
        lineage
    }

    /// As JSON, with its ancestors in it.
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(1_024);
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        out.push_str(r#"{"@context":["#);
        write_text(out, CONTEXT);
        out.push(',');
        write_text(out, PROOF_CONTEXT);
        out.push(']');
        write_member(out, "id", &self.id);
        match self.controllers.as_slice() {
            [one] => write_member(out, "controller", one),
            several => write_list(out, "controller", several),
        }
        write_member(out, "parentCapability", self.proof.chain.last().map_or("", String::as_str));
        write_member(out, "invocationTarget", &self.target);
        write_member(out, "expires", self.expires.text());
        if let Some(actions) = &self.actions {
            write_list(out, "allowedAction", actions);
        }
        if let Some(reference) = &self.reference {
            write_member(out, "referenceId", reference);
        }
        out.push_str(r#","proof":{"type":"#);
        write_text(out, PROOF_TYPE);
        write_member(out, "created", self.proof.created.text());
        write_member(out, "verificationMethod", &self.proof.method);
        write_member(out, "proofPurpose", PROOF_PURPOSE);
        out.push_str(r#","capabilityChain":["#);
        let parent = self.proof.parent.as_ref();
        let ids = self.proof.chain.len() - usize::from(parent.is_some());
        for (at, id) in self.proof.chain.iter().take(ids).enumerate() {
            if at > 0 {
                out.push(',');
            }
            write_text(out, id);
        }
        if let Some(parent) = parent {
            out.push(',');
            parent.write(out);
        }
        out.push(']');
        write_member(out, "proofValue", &self.proof.value_text());
        out.push_str("}}");
    }
}

impl Proof {
    fn read(json: &Json<'_>) -> Result<Self, ZcapError> {
        let mut members = Members::of(json)?;
        let is = |text: &'static str| {
            move |json: &Json<'_>| json.text().is_some_and(|own| own == text).then_some(())
        };
        members.need("type", is(PROOF_TYPE)).map_err(|_| ZcapError::Proof)?;
        members.need("proofPurpose", is(PROOF_PURPOSE)).map_err(|_| ZcapError::Proof)?;
        let (chain, parent) = members.need_with("capabilityChain", read_chain)?;
        let proof = Self {
            created: members.need("created", moment)?,
            method: members.need("verificationMethod", iri)?,
            chain,
            parent,
            value: members.need("proofValue", proof_value)?,
        };
        members.end()?;
        Ok(proof)
    }

    /// `z` and base58btc.
    pub(super) fn value_text(&self) -> String {
        format!("z{}", base58::encode(&self.value))
    }
}

/// Ids, and the whole parent where it is delegated: then, and only then, it stands last.
fn read_chain(json: &Json<'_>) -> Result<(Vec<String>, Option<Box<Zcap>>), ZcapError> {
    let items = json.items().ok_or(ZcapError::Chain)?;
    // The chain does not name the zcap it stands in.
    if items.is_empty() || items.len() >= CHAIN_LEN_MAX {
        return Err(ZcapError::Chain);
    }
    let (mut ids, mut parent) = (Vec::with_capacity(items.len()), None);
    for (at, item) in items.iter().enumerate() {
        if at + 1 == items.len() && at > 0 {
            // A name alone would leave its parent to be fetched from somewhere.
            item.members().ok_or(ZcapError::Chain)?;
            let zcap = Zcap::read(item)?;
            ids.push(zcap.id.clone());
            parent = Some(Box::new(zcap));
        } else {
            ids.push(iri(item).ok_or(ZcapError::Chain)?);
        }
    }
    Ok((ids, parent))
}

fn write_member(out: &mut String, name: &str, value: &str) {
    out.push(',');
    write_text(out, name);
    out.push(':');
    write_text(out, value);
}

fn write_list(out: &mut String, name: &str, values: &[String]) {
    out.push(',');
    write_text(out, name);
    for (at, value) in values.iter().enumerate() {
        out.push_str(if at == 0 { ":[" } else { "," });
        write_text(out, value);
    }
    out.push(']');
}

/// Members of one object, taken out one by one: what is left over is unknown.
struct Members<'j, 'a> {
    left: Vec<(&'j str, &'j Json<'a>)>,
}

impl<'j, 'a> Members<'j, 'a> {
    fn of(json: &'j Json<'a>) -> Result<Self, ZcapError> {
        let members = json.members().ok_or(ZcapError::Member)?;
        if members.len() > 16 {
            return Err(ZcapError::Member);
        }
        Ok(Self { left: members.iter().map(|(name, value)| (name.as_ref(), value)).collect() })
    }

    fn take(&mut self, name: &str) -> Option<&'j Json<'a>> {
        let at = self.left.iter().position(|(own, _)| *own == name)?;
        Some(self.left.swap_remove(at).1)
    }

    fn need<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Json<'a>) -> Option<T>,
    ) -> Result<T, ZcapError> {
        self.take(name).and_then(read).ok_or(ZcapError::Member)
    }

    fn need_with<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Json<'a>) -> Result<T, ZcapError>,
    ) -> Result<T, ZcapError> {
        self.take(name).ok_or(ZcapError::Member).and_then(read)
    }

    fn may<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Json<'a>) -> Option<T>,
    ) -> Result<Option<T>, ZcapError> {
        self.take(name).map(|json| read(json).ok_or(ZcapError::Member)).transpose()
    }

    fn contexts(&mut self) -> Result<(), ZcapError> {
        let contexts = self.take("@context").and_then(Json::items).ok_or(ZcapError::Context)?;
        let texts: Vec<_> = contexts.iter().map(Json::text).collect();
        if texts == [Some(CONTEXT), Some(PROOF_CONTEXT)] { Ok(()) } else { Err(ZcapError::Context) }
    }

    fn end(&self) -> Result<(), ZcapError> {
        if self.left.is_empty() { Ok(()) } else { Err(ZcapError::Member) }
    }
}

fn iri(json: &Json<'_>) -> Option<String> {
    json.text().filter(|text| is_iri(text)).map(str::to_owned)
}

fn moment(json: &Json<'_>) -> Option<Moment> {
    json.text().and_then(Moment::parse)
}

fn proof_value(json: &Json<'_>) -> Option<[u8; 64]> {
    base58::decode(json.text()?.strip_prefix('z')?, 64)?.try_into().ok()
}

/// Text without control characters: readers differ on how those are escaped in quads.
fn reference(json: &Json<'_>) -> Option<String> {
    let plain = |text: &&str| {
        text.len() <= REFERENCE_LEN_MAX && !text.is_empty() && !text.contains(char::is_control)
    };
    json.text().filter(plain).map(str::to_owned)
}

fn actions(json: &Json<'_>) -> Option<Vec<String>> {
    one_or_more(json, ACTIONS_MAX, is_action)
}

fn controllers(json: &Json<'_>) -> Option<Vec<String>> {
    one_or_more(json, CONTROLLERS_MAX, is_iri)
}

/// A text, or an array of some, none twice.
fn one_or_more(json: &Json<'_>, max: usize, good: impl Fn(&str) -> bool) -> Option<Vec<String>> {
    let items = match json {
        Json::Array(items) => items.as_slice(),
        one => core::slice::from_ref(one),
    };
    if items.is_empty() || items.len() > max {
        return None;
    }
    let mut texts = Vec::with_capacity(items.len());
    for item in items {
        let text = item.text().filter(|text| good(text))?.to_owned();
        if texts.contains(&text) {
            return None;
        }
        texts.push(text);
    }
    Some(texts)
}

/// Whether a text can be an action: visible ASCII without quotes and backslashes.
pub(super) fn is_action(text: &str) -> bool {
    let plain = |c: u8| c.is_ascii_graphic() && c != b'"' && c != b'\\';
    (1..=ACTION_LEN_MAX).contains(&text.len()) && text.bytes().all(plain)
}

/// Whether a text is an absolute IRI that stands in quads as it is: a scheme, and visible ASCII
/// without what N-Quads escape. `_:` is no scheme: it would be a blank node.
pub(super) fn is_iri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let name = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-' | b'.');
    let plain = |c: u8| c.is_ascii_graphic() && !br#"<>"{}|^`\"#.contains(&c);
    text.len() <= URL_LEN_MAX
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(name)
        && !rest.is_empty()
        && rest.bytes().all(plain)
}

/// The id of the root of a URL.
///
/// ```
/// use strongroom_wire::edv::zcap::root_id;
/// let id = root_id("https://vault.example/edvs/z1A?a=(b)");
/// assert_eq!(id, "urn:zcap:root:https%3A%2F%2Fvault.example%2Fedvs%2Fz1A%3Fa%3D(b)");
/// ```
pub fn root_id(url: &str) -> String {
    format!("{ROOT_PREFIX}{}", encode_uri_component(url))
}

/// Whether `id` is [`root_id`] of a URL, without writing that.
pub(super) fn is_root_id(id: &str, url: &str) -> bool {
    let Some(id) = id.strip_prefix(ROOT_PREFIX) else { return false };
    let mut rest = id.bytes();
    let mut next_is = |byte: u8| rest.next() == Some(byte);
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'A' + nibble - 10 };
    let same = url.bytes().all(|byte| match byte {
        byte if stays(byte) => next_is(byte),
        byte => next_is(b'%') && next_is(digit(byte >> 4)) && next_is(digit(byte & 15)),
    });
    same && rest.next().is_none()
}

/// Whether `encodeURIComponent` leaves a byte as it is.
fn stays(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte)
}

/// As JavaScript's `encodeURIComponent`: all but `A-Z a-z 0-9 - _ . ! ~ * ' ( )` is escaped.
pub fn encode_uri_component(text: &str) -> String {
    use core::fmt::Write as _;
    let mut out = String::with_capacity(text.len() * 5 / 4);
    for byte in text.bytes() {
        if stays(byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_is_that_of_its_url_alone(url in "[ -~é]{0,40}", other in "[ -~é]{0,40}") {
            prop_assert!(is_root_id(&root_id(&url), &url));
            prop_assert_eq!(is_root_id(&root_id(&other), &url), other == url);
            prop_assert_eq!(is_root_id(&other, &url), other == root_id(&url));
        }
    }

    #[test]
    fn an_id_has_one_spelling() {
        let good = root_id("http://a/b?c");
        assert_eq!(good, "urn:zcap:root:http%3A%2F%2Fa%2Fb%3Fc");
        assert!(is_root_id(&good, "http://a/b?c"));
        for bad in [
            &good.to_lowercase(),
            &good.replace("%3F", "?"),
            &good.replace("/b", "%2Fb"),
            &good.replace("a%", "%61%"),
            &good.replace("urn:", ""),
            &format!("{good}c"),
            &good[..good.len() - 1],
            &good[..good.len() - 2],
        ] {
            let same = *bad == *good;
            assert_eq!(is_root_id(bad, "http://a/b?c"), same, "{bad}");
        }
    }
}
