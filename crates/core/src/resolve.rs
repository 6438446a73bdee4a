//! L1 · Resolvers: from an alias to a claim of a key log. Takes any URI, or the text of a card, and
//! the bytes somebody fetched; gives the next address to fetch, or the claim. Must not know:
//! sockets, what is pinned, whether the claim is true.
//!
//! An alias is never a key. It is where to look for a key log, and nothing is named, derived or
//! stored by it but the alias itself. A new scheme is a new [`Resolver`] and nothing else.
//! What is read of each: docs/spec/card.md.

mod did_key;
mod did_web;

use strongroom_wire::limits::{ALIAS_LEN_MAX, CARD_TEXT_LEN_MAX};

use crate::card::{BEGIN, Card, CardError, Pointer};
use crate::keylog::{Pin, is_uri};

pub use did_key::DidKey;
pub use did_web::DidWeb;

/// Addresses that are fetched for one alias. Ours need two; above it somebody sends us around.
const GETS_MAX: usize = 4;

/// Turns the aliases of one kind into claims. Has no memory: it is asked again with every answer.
pub trait Resolver: Send + Sync {
    /// What its aliases look like, for people.
    fn form(&self) -> &'static str;

    /// Whether this alias, or text, is of its kind; a sound one or not.
    fn takes(&self, alias: &str) -> bool;

    /// What comes next, after these answers to what it asked for before, in order.
    fn step(&self, alias: &str, answers: &[Vec<u8>]) -> Result<Step, ResolveError>;
}

/// What a resolver needs, or found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The bytes at this address.
    Get(Get),
    /// The log is where this other alias leads, and it contains what is pinned here.
    Follow(String, Pin),
    /// The log is this one, they say.
    Claim(Box<Claim>),
}

/// Something to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Get {
    /// Where: an absolute `https:` URL, or an `http:` one of this machine.
    pub url: String,
    /// Bytes to take at most.
    pub len_max: usize,
}

/// A key log somebody says is somebody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The log.
    pub card: Card,
    /// What whoever pointed here said of it.
    pub promised: Vec<Promise>,
    /// Where to ask again; nothing for a file.
    pub alias: Option<String>,
}

/// What was said of a log by who pointed to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// It is this principal's.
    Principal(strongroom_wire::ids::PrincipalId),
    /// And contains this event.
    Contains(Pin),
}

/// Why an alias leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// No resolver takes it.
    #[error("nothing here knows how to resolve it")]
    Unknown,
    /// It is of a kind that is known, and not sound.
    #[error("it is no such identifier: {0}")]
    Form(&'static str),
    /// What was fetched does not lead on.
    #[error("the document there does not lead to a card: {0}")]
    Document(&'static str),
    /// What was fetched, or given, is no card.
    #[error(transparent)]
    Card(#[from] CardError),
    /// A pointer that does not say where.
    #[error("it says who, and not where their card is")]
    Nowhere,
    /// More steps than any honest alias takes.
    #[error("it leads from one place to another without end")]
    Endless,
}

/// Resolvers, asked in order.
pub struct Resolvers(Vec<Box<dyn Resolver>>);

impl Default for Resolvers {
    /// Cards and pointers as text, `https:` addresses of cards, did:key, did:web.
    fn default() -> Self {
        Self(vec![Box::new(CardText), Box::new(CardAt), Box::new(DidKey), Box::new(DidWeb)])
    }
}

impl core::fmt::Debug for Resolvers {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.forms()).finish()
    }
}

impl Resolvers {
    /// One more, asked after the others.
    #[must_use]
    pub fn with(mut self, resolver: impl Resolver + 'static) -> Self {
        self.0.push(Box::new(resolver));
        self
    }

    /// What can be resolved, for people.
    pub fn forms(&self) -> Vec<&'static str> {
        self.0.iter().map(|it| it.form()).collect()
    }

    /// Whether some resolver takes this text.
    pub fn take(&self, alias: &str) -> bool {
        self.0.iter().any(|it| it.takes(alias))
    }

    /// Begins with an alias, or the text of a card.
    pub fn resolve<'a>(&'a self, alias: &str) -> Resolution<'a> {
        let alias = alias.to_owned();
        let (answers, promised) = (Vec::new(), Vec::new());
        Resolution { resolvers: self, alias, answers, promised, gets: 0 }
    }
}

/// One alias under way. Whoever holds it does the fetching.
///
/// ```
/// use strongroom_core::resolve::{Resolvers, Step};
/// let resolvers = Resolvers::default();
/// let mut under_way = resolvers.resolve("did:web:alice.example");
/// let Ok(Step::Get(get)) = under_way.next() else { panic!() };
/// assert_eq!(get.url, "https://alice.example/.well-known/did.json");
/// under_way.answer(b"<html>".to_vec());
/// assert!(under_way.next().is_err());
/// ```
#[derive(Debug)]
pub struct Resolution<'a> {
    resolvers: &'a Resolvers,
    alias: String,
    answers: Vec<Vec<u8>>,
    promised: Vec<Promise>,
    gets: usize,
}

impl Resolution<'_> {
    /// A [`Step::Get`] to be answered, or the [`Step::Claim`].
    #[allow(clippy::should_implement_trait)] // it ends in a claim, not in nothing
    pub fn next(&mut self) -> Result<Step, ResolveError> {
        loop {
            let mut resolvers = self.resolvers.0.iter();
            let resolver = resolvers.find(|it| it.takes(&self.alias));
            let resolver = resolver.ok_or(ResolveError::Unknown)?;
            match resolver.step(&self.alias, &self.answers)? {
                Step::Follow(alias, pin) => {
                    // A pointer points to a place, never to another pointer.
                    if !self.promised.is_empty() || !is_uri(&alias) {
                        return Err(ResolveError::Endless);
                    }
                    self.promised.push(Promise::Contains(pin));
                    self.alias = alias;
                    self.answers.clear();
                }
                Step::Get(_) if self.gets == GETS_MAX => return Err(ResolveError::Endless),
                Step::Get(get) => {
                    self.gets += 1;
                    return Ok(Step::Get(get));
                }
                Step::Claim(mut claim) => {
                    claim.promised.append(&mut self.promised);
                    return Ok(Step::Claim(claim));
                }
            }
        }
    }

    /// The bytes that were asked for last.
    pub fn answer(&mut self, bytes: Vec<u8>) {
        self.answers.push(bytes);
    }
}

/// Text of a card or of a pointer: from a file, from a QR code, from the clipboard.
#[derive(Debug, Clone, Copy)]
pub struct CardText;

impl Resolver for CardText {
    fn form(&self) -> &'static str {
        "a card, or the text of its QR code"
    }

    fn takes(&self, alias: &str) -> bool {
        alias.contains(BEGIN) || Pointer::is_meant_by(alias)
    }

    fn step(&self, alias: &str, _: &[Vec<u8>]) -> Result<Step, ResolveError> {
        if Pointer::is_meant_by(alias) {
            let pointer = Pointer::from_text(alias)?;
            let at = pointer.at.ok_or(ResolveError::Nowhere)?;
            return Ok(Step::Follow(at, pointer.pin));
        }
        let card = Card::from_text(alias)?;
        Ok(Step::Claim(Box::new(Claim { card, promised: Vec::new(), alias: None })))
    }
}

/// A card at an address.
#[derive(Debug, Clone, Copy)]
pub struct CardAt;

impl Resolver for CardAt {
    fn form(&self) -> &'static str {
        "https://… of a card"
    }

    fn takes(&self, alias: &str) -> bool {
        is_web(alias)
    }

    fn step(&self, alias: &str, answers: &[Vec<u8>]) -> Result<Step, ResolveError> {
        if alias.len() > ALIAS_LEN_MAX || !is_uri(alias) || alias.contains('#') {
            return Err(ResolveError::Form("an address is at most 512 plain characters, no `#`"));
        }
        match answers {
            [] => Ok(Step::Get(card_at(alias))),
            [text, ..] => Ok(Step::Claim(Box::new(claim(text, alias)?))),
        }
    }
}

fn is_web(alias: &str) -> bool {
    alias.starts_with("https://") || alias.starts_with("http://")
}

/// The card at this address.
fn card_at(url: &str) -> Get {
    Get { url: url.to_owned(), len_max: CARD_TEXT_LEN_MAX }
}

/// The card in this answer, found through this alias.
fn claim(answer: &[u8], alias: &str) -> Result<Claim, CardError> {
    let text = core::str::from_utf8(answer).map_err(|_| CardError::None)?;
    let card = Card::from_text(text)?;
    Ok(Claim { card, promised: Vec::new(), alias: Some(alias.to_owned()) })
}
