//! Requests to the server of an EDV vault. Comes in: what is wanted. Goes out: the answer, or
//! what a refusal means for a person. Must not know: what bodies hold.

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::Value;
use strongroom_wire::edv::signature::Capability;

use super::Edv;
use crate::error::{Error, ErrorKind, Result};
use crate::remote::{EdvAnswer, EdvCall};

/// Characters of a server's words that go to a terminal.
const WORDS_MAX: usize = 200;

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// It changes nothing.
    Read,
    /// It does.
    Write,
}

impl Act {
    const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

impl Edv<'_> {
    /// The URL of the vault and what follows it.
    pub(super) fn url_of(&self, rest: &str) -> String {
        format!("{}{rest}", self.record.url)
    }

    /// The URL of a document.
    pub(super) fn document_url(&self, id: &str) -> String {
        self.url_of(&format!("/documents/{id}"))
    }

    /// Asks, under the vault's root or what lets this person in.
    pub(super) fn ask(
        &self,
        method: Method,
        url: String,
        act: Act,
        json: Option<String>,
    ) -> Result<EdvAnswer> {
        let capability = match &self.zcap {
            Some(zcap) => Capability::Delegated(zcap),
            None => Capability::RootOf(&self.record.url),
        };
        self.ask_by(capability, method, url, act, json)
    }

    /// The same under a capability of the caller's choice.
    pub(super) fn ask_by(
        &self,
        capability: Capability<'_>,
        method: Method,
        url: String,
        act: Act,
        json: Option<String>,
    ) -> Result<EdvAnswer> {
        let json = json.map(|json| Bytes::from(json.into_bytes()));
        let call = EdvCall { method, url, json, capability, action: act.name(), token: None };
        Ok(self.vault.runtime()?.block_on(self.remote.send(&call, &self.signer))?)
    }

    /// A document's or chunk's JSON; none if the server has none.
    pub(super) fn fetch(&self, url: String) -> Result<Option<Bytes>> {
        let answer = self.ask(Method::GET, url, Act::Read, None)?;
        match answer.status {
            StatusCode::OK => Ok(Some(answer.body)),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(refused(&answer)),
        }
    }

    /// Puts something; a server that has another state meanwhile is a conflict.
    pub(super) fn post(&self, url: String, json: String) -> Result<()> {
        let answer = self.ask(Method::POST, url, Act::Write, Some(json))?;
        if answer.status.is_success() { Ok(()) } else { Err(refused(&answer)) }
    }
}

/// What a refusal means. The server's own words are shown, cut and made harmless.
pub fn refused(answer: &EdvAnswer) -> Error {
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = |value: &Value| {
        let text = value.as_str().unwrap_or_default();
        text.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect::<String>()
    };
    let words = match (text(&said["message"]), text(&said["cause"]["message"])) {
        (message, _) if message.is_empty() => answer.status.to_string(),
        (message, cause) if cause.is_empty() => message,
        (message, cause) => format!("{message} {cause}"),
    };
    let made = |kind, message: String| Error::new(kind, message);
    match answer.status.as_u16() {
        403 => made(ErrorKind::Refused, format!("the server does not allow it: {words}"))
            .with_hint("`strongroom edv ls` shows what you may; clocks that differ refuse too"),
        404 => made(ErrorKind::NotFound, format!("the server has no such thing: {words}"))
            .with_hint("`strongroom edv ls NAME` lists what is there"),
        409 => made(ErrorKind::Conflict, format!("the server has another state: {words}"))
            .with_hint("somebody wrote meanwhile, or a unique value is taken; look, then again"),
        413 => made(ErrorKind::Full, format!("the server takes no more: {words}"))
            .with_hint("put something smaller, or ask whoever runs it"),
        429 | 500.. => made(ErrorKind::Unreachable, format!("the server cannot now: {words}"))
            .with_hint("try again in a while"),
        _ => made(ErrorKind::Refused, format!("the server refuses it: {words}"))
            .with_hint("this is a server that does not speak the protocol as others do"),
    }
}
