//! People this person knows. Comes in: where somebody's card is, names, fingerprints, digits. Goes
//! out: contacts as facts; or a full stop with both fingerprints, and nothing changed. Must not
//! know: terminals, how documents are sealed, how a claim is judged.
//!
//! Why so: docs/design/contacts.md.

use strongroom_core::card::{BEGIN, Card, Pointer};
use strongroom_core::contact::{Contact, ContactRecord, Known, Refusal, judge};
use strongroom_core::keylog::{KeyLog, Pin};
use strongroom_core::resolve::Claim;
use strongroom_core::safety::SafetyNumber;
use strongroom_wire::ids::PrincipalId;

use super::identity::check_name;
use super::pinning::{Asked, Found, check_free, is_called, stop, unresolved};
use super::{Bucket, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::report::{AliasInfo, ContactInfo, SafetyInfo};

impl Vault {
    /// Pins somebody's key log. `source`: text of a card or of a QR code, or an alias of theirs.
    /// Without a `name`, they are called what they call themselves. A `fingerprint` is one that
    /// was told by another way, or the one that settles a hard stop.
    pub fn add_contact(
        &self,
        source: &str,
        name: Option<&str>,
        fingerprint: Option<&str>,
    ) -> Result<ContactInfo> {
        check_name(name)?;
        let named = fingerprint.map(super::pinning::read_fingerprint).transpose()?;
        let found = self.resolved(source)?;
        let log = judge(None, &found.claim).map_err(|refusal| stop(name, &refusal))?;
        if log.principal() == self.secrets.principal {
            return Err(Error::new(ErrorKind::Usage, "this card is your own")
                .with_hint("`strongroom id show` shows it"));
        }
        let mut vault = self.vault_bucket()?;
        let asked = Asked { found: &found, named: named.as_ref(), name };
        let changes = self.pin(&vault, &self.pinned(&vault)?, &log, &asked)?;
        self.write(&vault, changes)?;
        self.push_best_effort(&mut vault)?;
        self.info_of(&vault, log.principal())
    }

    /// Asks for a contact's log again: where `source` says, or everywhere it came from before.
    pub fn update_contact(
        &self,
        name: &str,
        source: Option<&str>,
        fingerprint: Option<&str>,
    ) -> Result<ContactInfo> {
        let contact = self.called(&self.vault_bucket()?, name)?;
        let sources: Vec<String> = match source {
            Some(source) => vec![source.to_owned()],
            None => contact.record.aliases.iter().cloned().collect(),
        };
        let mut last = None;
        for source in sources {
            let is_text = source.contains('\n');
            let about = |error: Error| if is_text { error } else { error.about(&source) };
            let name = Some(contact.record.name.as_str());
            last = Some(self.add_contact(&source, name, fingerprint).map_err(about)?);
        }
        last.ok_or_else(|| {
            let what = format!("{name} came from a file; nothing says where to ask again");
            Error::new(ErrorKind::Usage, what)
                .with_hint(format!("get their new card: `strongroom contact update {name} CARD`"))
        })
    }

    /// Everybody, by name.
    pub fn contacts(&self) -> Result<Vec<ContactInfo>> {
        let all = self.pinned(&self.vault_bucket()?)?;
        Ok(all.iter().filter(|one| !one.record.removed).map(|one| info(one, &all)).collect())
    }

    /// Somebody, by name or `prn:…`.
    pub fn contact(&self, name: &str) -> Result<ContactInfo> {
        let vault = self.vault_bucket()?;
        let contact = self.called(&vault, name)?;
        Ok(info(&contact, &self.pinned(&vault)?))
    }

    /// The keys of somebody: only if exactly one history of exactly one principal has this name.
    pub fn contact_log(&self, name: &str) -> Result<KeyLog> {
        let contact = self.called(&self.vault_bucket()?, name)?;
        settled(&contact)?;
        Ok(contact.log)
    }

    /// A contact's card without a name, with the key log that is pinned.
    pub(crate) fn contact_card(&self, name: &str) -> Result<Card> {
        let vault = self.vault_bucket()?;
        let contact = self.called(&vault, name)?;
        settled(&contact)?;
        self.kept_card(&vault, &contact.record)
    }

    /// The digits to compare with somebody.
    pub fn safety_number(&self, name: &str) -> Result<SafetyInfo> {
        let contact = self.called(&self.vault_bucket()?, name)?;
        settled(&contact)?;
        let own = self.own_log()?.1.pin();
        let theirs = contact.log.pin();
        Ok(SafetyInfo {
            name: contact.record.name.clone(),
            groups: SafetyNumber::of(&own, &theirs).groups().collect(),
            level: contact.record.level.word(),
            own_head: own.head.to_string(),
            their_head: theirs.head.to_string(),
        })
    }

    /// The person compared: these are the digits the other one reads out.
    pub fn verify_by_number(&self, name: &str, digits: &str) -> Result<ContactInfo> {
        let read = SafetyNumber::parse(digits).ok_or_else(|| {
            Error::new(ErrorKind::Usage, "a safety number has 60 digits")
                .with_hint(format!("`strongroom contact verify {name}` shows yours"))
        })?;
        let shown = self.safety_number(name)?;
        if shown.groups.concat() != read.groups().collect::<String>() {
            return Err(Error::new(
                ErrorKind::Damaged,
                format!("these are not the digits of you and {name}; nothing was changed"),
            )
            .with_hint(
                "exchange the newest cards and compare again: a new device changes the digits. \
                 If they still differ, one of you holds keys of somebody else",
            ));
        }
        self.verified(name)
    }

    /// The person was handed this by the other one: a card, or the text of the code on their
    /// screen.
    pub fn verify_by_card(&self, name: &str, source: &str) -> Result<ContactInfo> {
        let vault = self.vault_bucket()?;
        let contact = self.called(&vault, name)?;
        settled(&contact)?;
        if Pointer::is_meant_by(source) {
            let pointer = Pointer::from_text(source).map_err(|e| unresolved(e.into()))?;
            compare(&contact, &pointer.pin)?;
            return self.verified(name);
        }
        if !source.contains(BEGIN) && self.resolvers.take(source) {
            let what = "what a server says proves nothing: compare what they hand you themselves";
            return Err(Error::new(ErrorKind::Usage, what)
                .with_hint(format!("`strongroom contact verify {name}` shows sixty digits")));
        }
        let card = Card::from_text(source).map_err(|e| unresolved(e.into()))?;
        let claim = Claim { card, promised: Vec::new(), alias: None };
        let known = Known { log: &contact.log, floors: &contact.record.floors };
        let log = judge(Some(known), &claim).map_err(|it| stop(Some(&contact.record.name), &it))?;
        let found = Found { claim, host: None };
        let asked = Asked { found: &found, named: None, name: None };
        let changes = self.pin(&vault, &self.pinned(&vault)?, &log, &asked)?;
        self.write(&vault, changes)?;
        self.verified(name)
    }

    fn verified(&self, name: &str) -> Result<ContactInfo> {
        self.changed(name, ContactRecord::note_verified)
    }

    /// Calls somebody something else.
    pub fn rename_contact(&self, name: &str, new: &str) -> Result<ContactInfo> {
        check_name(Some(new))?;
        let vault = self.vault_bucket()?;
        let principal = self.called(&vault, name)?.record.pin.principal;
        check_free(&self.pinned(&vault)?, new, principal)?;
        self.changed(name, |record, _| new.clone_into(&mut record.name))
    }

    /// Takes somebody off the list. The pin stays: adding them again goes on from it.
    pub fn remove_contact(&self, name: &str) -> Result<ContactInfo> {
        self.changed(name, |record, _| {
            record.removed = true;
            record.aliases.clear();
        })
    }

    fn changed(
        &self,
        name: &str,
        change: impl FnOnce(&mut ContactRecord, u64),
    ) -> Result<ContactInfo> {
        let mut vault = self.vault_bucket()?;
        let contact = self.called(&vault, name)?;
        let mut record = contact.record.clone();
        change(&mut record, self.clock.now_secs());
        // A record follows all heads; written now, it would hide a second history.
        if !record.removed {
            settled(&contact)?;
        }
        let written = self.record_change(&vault, &record)?;
        self.write(&vault, vec![written])?;
        self.push_best_effort(&mut vault)?;
        let after = Contact { record, ..contact };
        Ok(info(&after, &self.pinned(&vault)?))
    }

    /// What a person has to settle among the people they know.
    pub(crate) fn unclear_contacts(&self) -> Result<Vec<String>> {
        let told = |one: &ContactInfo| {
            let name = &one.name;
            if one.histories.len() > 1 {
                return Some(format!(
                    "your devices saw {} histories of {name}'s keys; nothing is granted to them \
                     until one is named: `strongroom contact show {name}`",
                    one.histories.len()
                ));
            }
            one.name_taken_twice.then(|| {
                format!(
                    "two people are called {name}; `strongroom contact rename {} NAME` tells \
                     them apart",
                    one.principal
                )
            })
        };
        Ok(self.contacts()?.iter().filter_map(told).collect())
    }

    /// Somebody who is not removed, by name or by principal.
    fn called(&self, vault: &Bucket, name: &str) -> Result<Contact> {
        let of_name = |one: &ContactRecord| match name.parse::<PrincipalId>() {
            Ok(principal) if name.starts_with("prn:") => one.pin.principal == principal,
            _ => is_called(one, name),
        };
        let mut found: Vec<Contact> = self.pinned_where(vault, of_name)?;
        found.retain(|one| !one.record.removed && of_name(&one.record));
        match (found.pop(), found.pop()) {
            (Some(one), None) => Ok(one),
            (Some(one), Some(other)) => Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "two principals are called {name}, added by different devices:\n  {}\n  {}",
                    other.record.pin.principal, one.record.pin.principal
                ),
            )
            .with_hint("`strongroom contact rename prn:… NAME`, or `strongroom contact rm prn:…`")),
            (None, _) => {
                Err(Error::new(ErrorKind::NotFound, format!("you know nobody called {name}"))
                    .with_hint("`strongroom contact ls` shows everybody you know"))
            }
        }
    }

    /// A contact by its principal, if it is one.
    pub(crate) fn contact_of(&self, principal: PrincipalId) -> Result<Option<ContactInfo>> {
        let all = self.pinned(&self.vault_bucket()?)?;
        let is = |one: &&Contact| !one.record.removed && one.record.pin.principal == principal;
        Ok(all.iter().find(is).map(|one| info(one, &all)))
    }

    /// The key log of a principal, if it is pinned.
    pub(crate) fn pinned_log(&self, principal: PrincipalId) -> Result<Option<KeyLog>> {
        Ok(self.pinned_one(&self.vault_bucket()?, principal)?.map(|it| it.log))
    }

    fn info_of(&self, vault: &Bucket, principal: PrincipalId) -> Result<ContactInfo> {
        let all = self.pinned(vault)?;
        let one = all.iter().find(|one| one.record.pin.principal == principal);
        one.map(|one| info(one, &all)).ok_or_else(|| Error::not_found("such contact"))
    }
}

/// What a code shows against what is pinned.
fn compare(contact: &Contact, shown: &Pin) -> Result<()> {
    let (pinned, name) = (contact.log.pin(), &contact.record.name);
    if shown.principal != pinned.principal {
        return Err(stop(Some(name), &Refusal::Principal { pinned, found: *shown }));
    }
    if !contact.log.contains(&shown.head) {
        return Err(Error::new(
            ErrorKind::Damaged,
            format!(
                "the code shows an event of {name}'s key log that you do not have: {}; nothing \
                 was changed",
                shown.head
            ),
        )
        .with_hint(format!(
            "`strongroom contact update {name}` fetches their newest card; then compare again"
        )));
    }
    Ok(())
}

/// Refuses while there are several histories.
fn settled(contact: &Contact) -> Result<()> {
    if contact.is_settled() {
        return Ok(());
    }
    Err(conflict(contact))
}

/// Two devices pinned two histories of one principal.
pub(crate) fn conflict(contact: &Contact) -> Error {
    let name = &contact.record.name;
    let heads: Vec<String> = std::iter::once(&contact.record.pin)
        .chain(&contact.conflict)
        .map(|pin| format!("\n  {}", pin.head))
        .collect();
    Error::new(
        ErrorKind::Conflict,
        format!(
            "your devices saw {} histories of {name}'s key log, which end in{}",
            heads.len(),
            heads.concat()
        ),
    )
    .with_hint(format!(
        "ask {name} which last event is theirs (`strongroom id show`), then \
         `strongroom contact update {name} CARD --fingerprint kev:…`"
    ))
}

fn info(contact: &Contact, all: &[Contact]) -> ContactInfo {
    let record = &contact.record;
    let claims: Vec<&str> = contact.log.aliases().collect();
    let principal = record.pin.principal;
    let same_name = |one: &&Contact| {
        !one.record.removed
            && one.record.pin.principal != principal
            && is_called(&one.record, &record.name)
    };
    let alias =
        |uri: &String| AliasInfo { uri: uri.clone(), claimed_back: claims.contains(&uri.as_str()) };
    let histories = if contact.is_settled() {
        Vec::new()
    } else {
        let all = std::iter::once(&record.pin).chain(&contact.conflict);
        all.map(|pin| pin.head.to_string()).collect()
    };
    ContactInfo {
        name: record.name.clone(),
        claimed_name: record.claimed.clone(),
        level: record.level.word(),
        principal: principal.to_string(),
        head: record.pin.head.to_string(),
        events: record.events,
        can_receive: contact.log.agree().is_some() && !contact.log.is_closed(),
        closed: contact.log.is_closed(),
        aliases: record.aliases.iter().map(alias).collect(),
        ways: record.ways.iter().cloned().collect(),
        added: record.added,
        verified: record.verified,
        histories,
        name_taken_twice: all.iter().find(same_name).is_some(),
    }
}
