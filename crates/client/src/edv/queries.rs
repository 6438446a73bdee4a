//! Questions to an EDV vault: which documents have these values. Comes in: names and values.
//! Goes out: documents that really have them. Must not know: terminals.
//!
//! A server compares blinded texts. What it answers is opened and compared again here: a server
//! that answers with something else is found out; one that leaves something out is not.

use std::collections::{BTreeMap, BTreeSet};

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::Edv;
use super::answers::{self, is_plain};
use super::call::{Act, refused};
use super::indexing::{blind_error, document_of};
use super::opening::{OpenDocument, strictly};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::{Progress, Stage};
use crate::report::{EdvFound, EdvQueried};

/// Ids asked for at once.
const PAGE: u64 = 1_000;

/// What is looked for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Documents with all values of one of these.
    pub equals: Vec<Map<String, Value>>,
    /// Or: documents with all these attributes.
    pub has: Vec<String>,
    /// At most so many.
    pub limit: Option<u64>,
}

impl Edv<'_> {
    /// How many documents the server counts.
    pub fn count(&self, wanted: &Wanted) -> Result<u64> {
        let mut query = self.blinded(wanted)?;
        query["count"] = true.into();
        let answer =
            self.ask(Method::POST, self.query_url(""), Act::Read, Some(query.to_string()))?;
        match answer.status {
            StatusCode::OK => answers::count(&answer.body),
            _ => Err(refused(&answer)),
        }
    }

    /// Documents that have what is wanted.
    pub fn query(
        &self,
        wanted: &Wanted,
        strict: bool,
        progress: &dyn Progress,
    ) -> Result<EdvQueried> {
        let (ids, more) = self.find(&self.blinded(wanted)?, wanted.limit)?;
        progress.begin(Stage::Receive, Some(ids.len() as u64), None);
        let (mut found, mut seen) = (Vec::new(), BTreeMap::new());
        let (mut wrong, mut damaged) = (0, Vec::new());
        for id in ids {
            if progress.cancelled() {
                return Err(Error::cancelled());
            }
            let opened = match self.look(&id) {
                Ok(Some(opened)) if !opened.is_deleted() => opened,
                Ok(_) => continue,
                Err(error) if error.kind() == ErrorKind::Damaged => {
                    damaged.push(error.to_string());
                    continue;
                }
                Err(error) => return Err(error),
            };
            progress.advance(1, opened.stored.jwe.len() as u64);
            if !self.matches(wanted, &opened)? {
                wrong += 1;
                continue;
            }
            strictly(&opened, strict)?;
            seen.insert(id.clone(), opened.seen.clone());
            let OpenDocument { stored, body, trust, .. } = opened;
            let (sequence, content, meta) = (stored.sequence, body.content, body.meta);
            found.push(EdvFound { id, sequence, content, meta, trust });
        }
        self.remember(&seen)?;
        Ok(EdvQueried { documents: found, more, wrong, damaged })
    }

    /// Ids the server finds, and whether there are more than it says.
    fn find(&self, query: &Value, limit: Option<u64>) -> Result<(Vec<String>, bool)> {
        let most = limit.unwrap_or(u64::MAX);
        let mut ids: Vec<String> = Vec::new();
        let mut known = BTreeSet::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut asked = query.clone();
            asked["limit"] = (most - ids.len() as u64).min(PAGE).into();
            if let Some(cursor) = &cursor {
                asked["cursor"] = cursor.as_str().into();
            }
            let url = self.query_url("?returnDocuments=false");
            let answer = self.ask(Method::POST, url, Act::Read, Some(asked.to_string()))?;
            if answer.status != StatusCode::OK {
                return Err(refused(&answer));
            }
            let page = answers::page(&answer.body)?;
            let before = ids.len();
            ids.extend(page.ids.into_iter().filter(|id| known.insert(id.clone())));
            let moved = ids.len() > before;
            if ids.len() as u64 >= most {
                ids.truncate(usize::try_from(most).unwrap_or(usize::MAX));
                return Ok((ids, page.more));
            }
            match page.cursor {
                Some(next) if page.more && moved && is_plain(&next) => cursor = Some(next),
                _ => return Ok((ids, page.more)),
            }
        }
    }

    /// Ids of all documents that have some attribute.
    pub(super) fn all_indexed(&self) -> Result<BTreeSet<String>> {
        let mut all = BTreeSet::new();
        for it in &self.record.indexes {
            let first: Vec<String> = it.index.attributes().iter().take(1).cloned().collect();
            let wanted = Wanted { has: first, ..Wanted::default() };
            all.extend(self.find(&self.blinded(&wanted)?, None)?.0);
        }
        Ok(all)
    }

    fn query_url(&self, rest: &str) -> String {
        // What was granted is about documents, and the other road does not lie below that.
        let path = if self.is_own() { "/query" } else { "/documents/query" };
        self.url_of(&format!("{path}{rest}"))
    }

    fn blinded(&self, wanted: &Wanted) -> Result<Value> {
        let key = self.blind_key().zip(self.record.hmac.as_ref()).ok_or_else(|| {
            Error::new(
                ErrorKind::Refused,
                "the key that this vault's values are blinded with is \
                not here",
            )
            .with_hint("whoever let you in has it")
        });
        let (key, hmac) = key?;
        let indexes = self.indexes();
        let mut query = json!({"index": hmac.id});
        match (wanted.equals.as_slice(), wanted.has.as_slice()) {
            ([], []) => {
                return Err(Error::new(ErrorKind::Usage, "say what to look for")
                    .with_hint("--equals NAME=VALUE, or --has NAME"));
            }
            (equals, []) => {
                let all = equals.iter().map(|one| key.equals(&indexes, one));
                let all = all.collect::<Result<Vec<_>, _>>().map_err(|it| blind_error(&it))?;
                query["equals"] = json!(all);
            }
            ([], has) => {
                let has: Vec<&str> = has.iter().map(String::as_str).collect();
                query["has"] = json!(key.has(&indexes, &has).map_err(|it| blind_error(&it))?);
            }
            _ => {
                return Err(Error::new(ErrorKind::Usage, "look for values or for attributes")
                    .with_hint("--equals or --has, not both"));
            }
        }
        Ok(query)
    }

    /// Whether a document really has what was asked for.
    fn matches(&self, wanted: &Wanted, opened: &OpenDocument) -> Result<bool> {
        let Some(key) = self.blind_key() else { return Ok(true) };
        let document = document_of(&opened.body);
        let own = key.attributes(&self.indexes(), &document).unwrap_or_default();
        if wanted.equals.is_empty() {
            let has: Vec<&str> = wanted.has.iter().map(String::as_str).collect();
            let names = key.has(&self.indexes(), &has).map_err(|it| blind_error(&it))?;
            return Ok(names.iter().all(|name| own.iter().any(|it| it.name == *name)));
        }
        for one in &wanted.equals {
            let pairs = key.equals(&self.indexes(), one).map_err(|it| blind_error(&it))?;
            let held = |(name, value): (&String, &String)| {
                own.iter().any(|it| it.name == *name && it.value == *value)
            };
            if pairs.iter().all(held) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
