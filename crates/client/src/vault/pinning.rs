//! How a claim becomes a contact. Comes in: an alias, what is pinned, what the person named. Goes
//! out: what to write, or a full stop that shows both fingerprints. Must not know: terminals,
//! where contacts are kept.

use std::collections::BTreeSet;

use strongroom_core::contact::{Contact, ContactRecord, Fingerprint, Known, Level, Refusal, judge};
use strongroom_core::keylog::{KeyLog, Pin};
use strongroom_core::resolve::{Claim, ResolveError, Step};
use strongroom_wire::ids::PrincipalId;

use super::contacts::conflict;
use super::{Bucket, Change, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::remote::{Options, WebUrl, fetch};

/// A claim, and the host that led to it.
pub(crate) struct Found {
    pub claim: Claim,
    /// Nothing for files, and for what follows from the alias itself.
    pub host: Option<String>,
}

/// What the person asked for.
pub(crate) struct Asked<'a> {
    pub found: &'a Found,
    pub named: Option<&'a Fingerprint>,
    pub name: Option<&'a str>,
}

impl Vault {
    /// Follows an alias to a claim.
    pub(crate) fn resolved(&self, source: &str) -> Result<Found> {
        let source = source.trim();
        let mut under_way = self.resolvers.resolve(source);
        let unresolved = |error| match error {
            ResolveError::Unknown => unknown(source, &self.resolvers.forms()),
            error => unresolved(error),
        };
        let mut host = None;
        loop {
            match under_way.next().map_err(unresolved)? {
                Step::Claim(claim) => return Ok(Found { claim: *claim, host }),
                Step::Get(get) => {
                    let url: WebUrl = get.url.parse()?;
                    host.get_or_insert(url.host().to_owned());
                    let options = Options::default();
                    let bytes = self.runtime()?.block_on(fetch(&url, get.len_max, &options))?;
                    under_way.answer(bytes);
                }
                // Followed inside.
                Step::Follow(..) => return Err(unresolved(ResolveError::Endless)),
            }
        }
    }

    /// What is written to pin this log, or why nothing is.
    pub(crate) fn pin(
        &self,
        vault: &Bucket,
        all: &[Contact],
        log: &KeyLog,
        asked: &Asked<'_>,
    ) -> Result<Vec<Change>> {
        let replaced = in_the_way(all, log, asked)?;
        let before = all.iter().find(|one| one.record.pin.principal == log.principal());
        let overruled = goes_on(before, asked)?;
        if asked.named.is_some_and(|named| !named.is_of(log)) {
            return Err(stop(asked.name, &Refusal::Named { found: log.pin() }));
        }
        let name = name_for(all, &replaced, before, log, asked)?;
        let now = self.clock.now_secs();
        let mut record = before.map_or_else(|| fresh(log, now), |before| before.record.clone());
        record.pin = log.pin();
        record.events = log.len() as u64;
        if log.floors().rise_from(&record.floors) {
            record.floors = log.floors().clone();
        }
        record.name = name;
        let card = &asked.found.claim.card;
        record.claimed = card.name.clone().or(record.claimed);
        record.removed = false;
        if overruled {
            // Somebody named the new history; how sure they are begins anew.
            record.level = Level::Tofu;
            record.verified = 0;
            record.ways.clear();
        }
        if let Some(host) = &asked.found.host {
            record.note_way(host);
        }
        if asked.named.is_some() && !overruled && replaced.is_empty() {
            record.note_told();
        }
        if let Some(alias) = &asked.found.claim.alias {
            record.note_alias(alias);
        }
        let mut changes = self.contact_changes(vault, &mut record, card)?;
        changes.extend(self.inbox_change(vault, card, log)?);
        for other in replaced {
            let mut gone = other.record.clone();
            gone.removed = true;
            gone.aliases.clear();
            changes.push(self.record_change(vault, &gone)?);
        }
        Ok(changes)
    }
}

/// Contacts of another principal that have the name or the alias: a full stop, unless the person
/// named the new one; then these make room.
fn in_the_way<'a>(all: &'a [Contact], log: &KeyLog, asked: &Asked<'_>) -> Result<Vec<&'a Contact>> {
    let mut replaced = Vec::new();
    for one in all.iter().filter(|one| !one.record.removed) {
        let record = &one.record;
        let by_name = asked.name.is_some_and(|name| is_called(&one.record, name));
        let alias = asked.found.claim.alias.as_ref();
        let by_alias = alias.is_some_and(|alias| record.aliases.contains(alias));
        if record.pin.principal == log.principal() || !(by_name || by_alias) {
            continue;
        }
        let refusal = Refusal::Principal { pinned: record.pin, found: log.pin() };
        if !refusal.is_settled_by(asked.named) {
            return Err(stop(Some(&record.name), &refusal));
        }
        replaced.push(one);
    }
    Ok(replaced)
}

/// Whether the claim goes on from what is pinned of its principal (false), or the person named
/// another history (true).
fn goes_on(before: Option<&Contact>, asked: &Asked<'_>) -> Result<bool> {
    let Some(before) = before else { return Ok(false) };
    let known = Known { log: &before.log, floors: &before.record.floors };
    let judged = judge(Some(known), &asked.found.claim);
    let refused = match judged {
        Err(refusal) if !refusal.is_settled_by(asked.named) => {
            // Of several histories none is the pinned one; say that rather than which is first.
            let second = matches!(*refusal, Refusal::Second { .. });
            if second && !before.is_settled() {
                return Err(conflict(before));
            }
            return Err(stop(Some(&before.record.name), &refusal));
        }
        other => other.is_err(),
    };
    if before.is_settled() {
        return Ok(refused);
    }
    // The person says which of the histories is theirs, by the last event of this very log.
    let head = asked.found.claim.card.verify().map(|log| log.head());
    match (asked.named, head) {
        (Some(Fingerprint::Head(named)), Ok(head)) if *named == head => Ok(true),
        _ => Err(conflict(before)),
    }
}

fn name_for(
    all: &[Contact],
    replaced: &[&Contact],
    before: Option<&Contact>,
    log: &KeyLog,
    asked: &Asked<'_>,
) -> Result<String> {
    let kept = replaced.first().copied().or(before.filter(|it| !it.record.removed));
    let name = match (asked.name, kept, &asked.found.claim.card.name) {
        (Some(name), _, _) => name.to_owned(),
        (None, Some(kept), _) => kept.record.name.clone(),
        (None, None, Some(claimed)) => claimed.clone(),
        (None, None, None) => {
            return Err(Error::new(ErrorKind::Usage, "there is no name in the card")
                .with_hint("say what to call them: `--as NAME`"));
        }
    };
    let makes_room = |one: &Contact| {
        replaced.iter().any(|it| it.record.pin.principal == one.record.pin.principal)
    };
    let others: Vec<Contact> = all.iter().filter(|one| !makes_room(one)).cloned().collect();
    check_free(&others, &name, log.principal())?;
    Ok(name)
}

/// Refuses a name that somebody else has.
pub(crate) fn check_free(all: &[Contact], name: &str, principal: PrincipalId) -> Result<()> {
    let taken = |one: &&Contact| {
        !one.record.removed && one.record.pin.principal != principal && is_called(&one.record, name)
    };
    match all.iter().find(taken) {
        None => Ok(()),
        Some(one) => Err(Error::new(
            ErrorKind::Conflict,
            format!("you know somebody called {} already", one.record.name),
        )
        .with_hint("choose another name: `--as NAME`")),
    }
}

/// Whether the person calls them so, without regard to case: two who differ in it would be taken
/// for one another.
pub(crate) fn is_called(one: &ContactRecord, name: &str) -> bool {
    one.name.to_lowercase() == name.to_lowercase()
}

fn fresh(log: &KeyLog, now: u64) -> ContactRecord {
    ContactRecord {
        pin: log.pin(),
        events: log.len() as u64,
        floors: log.floors().clone(),
        name: String::new(),
        claimed: None,
        level: Level::Tofu,
        ways: BTreeSet::new(),
        aliases: BTreeSet::new(),
        card: [0; 32],
        card_len: 0,
        added: now,
        verified: 0,
        removed: false,
    }
}

/// Reads a fingerprint that overrules or confirms: never a part of one.
pub(crate) fn read_fingerprint(text: &str) -> Result<Fingerprint> {
    let wrong = || {
        Error::new(ErrorKind::Usage, format!("`{text}` is no fingerprint"))
            .with_hint("`prn:…` or `kev:…`, whole, as `strongroom id show` prints them")
    };
    if !(text.starts_with("prn:") || text.starts_with("kev:")) {
        return Err(wrong());
    }
    text.parse().map_err(|_| wrong())
}

/// A hard stop, for people: what is known, what came, what now.
pub(crate) fn stop(name: Option<&str>, refusal: &Refusal) -> Error {
    let who = name.unwrap_or("this contact");
    let line = |what: &str, pin: &Pin| {
        format!("\n  {what:<9} {}\n            {}", pin.principal, pin.head)
    };
    let both = |pinned: &Pin, found: &Pin| line("known", pinned) + &line("shown now", found);
    let (shown, now) = match refusal {
        Refusal::Log(_) => {
            (String::new(), "get the card again; if it stays so, somebody made it up".to_owned())
        }
        Refusal::Promise { promised, found } => (
            line("promised", promised) + &line("shown now", found),
            "ask them for the card as a file, and compare with them".to_owned(),
        ),
        Refusal::Named { found } => (
            line("shown now", found),
            "somebody hands out keys that are not theirs, or the fingerprint is of another person"
                .to_owned(),
        ),
        Refusal::Older { pinned, found } => {
            (both(pinned, found), format!("ask {who} for the newest card; this one is out of date"))
        }
        Refusal::Floors { pinned, found } => (
            both(pinned, found),
            format!("{who} would not weaken their keys: ask them, and believe no card until then"),
        ),
        Refusal::Principal { pinned, found } | Refusal::Second { pinned, found, .. } => {
            let new = refusal.new_fingerprint().map_or_else(String::new, |it| it.to_string());
            (
                both(pinned, found),
                format!(
                    "ask {who} in person or by telephone which one is theirs (`strongroom id \
                     show`). If it is the new one, and only then, say so: --fingerprint {new}"
                ),
            )
        }
    };
    let about = name.map_or_else(String::new, |name| format!("{name}: "));
    Error::new(ErrorKind::Damaged, format!("{about}{refusal}; nothing was changed{shown}"))
        .with_hint(now)
}

/// Why an alias led nowhere.
pub(crate) fn unresolved(error: ResolveError) -> Error {
    let (kind, hint) = match error {
        ResolveError::Unknown | ResolveError::Form(_) => {
            (ErrorKind::Usage, "see `strongroom contact add --help`")
        }
        ResolveError::Nowhere => (
            ErrorKind::Usage,
            "add their card as a file, and name this code's fingerprint: --fingerprint prn:…",
        ),
        ResolveError::Card(_) => (ErrorKind::Damaged, "get it again, or ask them for a new one"),
        ResolveError::Document(_) | ResolveError::Endless => {
            (ErrorKind::Refused, "ask them for the card as a file")
        }
    };
    Error::new(kind, error.to_string()).with_hint(hint)
}

fn unknown(source: &str, forms: &[&str]) -> Error {
    let shown: String = source.chars().take(80).collect();
    Error::new(ErrorKind::Usage, format!("`{shown}` leads to nobody"))
        .with_hint(format!("what can be added: {}", forms.join(", ")))
}
