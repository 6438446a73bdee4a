//! Letting somebody into an EDV vault, and out again. Comes in: whose key, what, until when.
//! Goes out: a file for them, and documents they can open; or an end to it. Must not know:
//! terminals.
//!
//! A capability lets them ask, an envelope lets them read: a grant is both. The blinding key goes
//! with a grant to all documents, sealed to them. Who is let out keeps what they have read.

use serde_json::{Value, json};
use strongroom_seal::jwe::{AgreementPublic, Sealer};
use strongroom_wire::did_key;
use strongroom_wire::edv::chain::target_is_within;
use strongroom_wire::edv::limits::DELEGATION_AGE_MAX_SECS;
use strongroom_wire::edv::revocation::revocation_url;
use strongroom_wire::edv::signature::Capability;
use strongroom_wire::edv::zcap::{Grant, Parent, Zcap};
use strongroom_wire::limits::EDV_GRANTS_MAX;

use super::call::{Act, refused};
use super::import::GRANT_TYPE;
use super::opening::OpenDocument;
use super::record::EdvGrant;
use super::{Edv, keys};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::random::SystemRng;
use crate::report::{EdvGrantInfo, EdvGranted, EdvRevoked};

/// What is given.
#[derive(Debug, Clone, Copy)]
pub struct GrantOptions<'a> {
    /// The key that opens, of whoever is let in: `did:key:z6Mk…#z6LS…`.
    pub to: &'a str,
    /// One document; none: all.
    pub document: Option<&'a str>,
    /// Whether they may write, too.
    pub write: bool,
    /// Until then, seconds since 1970; a year at most.
    pub until: u64,
}

impl Edv<'_> {
    /// Lets somebody in. Documents are sealed again, so that they can open them.
    pub fn grant(
        &mut self,
        options: &GrantOptions<'_>,
        progress: &dyn Progress,
    ) -> Result<EdvGranted> {
        let recipient = keys::resolve(options.to)?;
        if recipient.profile() != self.record.profile {
            return Err(Error::new(
                ErrorKind::Usage,
                "their key is of another curve than this vault",
            )
            .with_hint("ask them for a key of this vault's curve"));
        }
        let did = options.to.split_once('#').map_or("", |(did, _)| did);
        if did_key::parse_did(did).is_none() {
            return Err(Error::new(ErrorKind::Usage, "only did:key of Ed25519 can be let in")
                .with_hint("`strongroom edv id` shows them theirs"));
        }
        if self.record.grants.len() == EDV_GRANTS_MAX {
            return Err(Error::new(ErrorKind::Full, "this vault has no room for a further grant")
                .with_hint("`strongroom edv revoke` ends one"));
        }
        if let Some(id) = options.document {
            self.need(id, false)?;
        }
        let zcap = self.delegate(did, options)?;
        let zcap_json = zcap.to_json();
        let grant = EdvGrant { kid: options.to.to_owned(), zcap: zcap_json, ended: false };
        let file = self.grant_file(&zcap, &recipient, options.document.is_none())?;
        self.vault.keep_grants(&self.record.url, std::slice::from_ref(&grant))?;
        self.record.grants.push(grant);
        let sealed_again = self.reseal(zcap.target(), progress)?;
        Ok(EdvGranted { info: info(options.to, &zcap), sealed_again, file })
    }

    fn delegate(&self, did: &str, options: &GrantOptions<'_>) -> Result<Zcap> {
        let created = self.vault.clock.now_secs();
        let latest = created + DELEGATION_AGE_MAX_SECS;
        let held = self.zcap.as_ref().map_or(u64::MAX, |zcap| zcap.expires().millis() / 1_000);
        if options.until > latest || options.until > held {
            return Err(Error::new(ErrorKind::Usage, "nobody can be let in for so long")
                .with_hint("a year at most, and no longer than you are in yourself: --until"));
        }
        let target = match options.document {
            Some(id) => self.document_url(id),
            None => self.url_of("/documents"),
        };
        let actions: &[&str] = if options.write { &["read", "write"] } else { &["read"] };
        let parent = match &self.zcap {
            Some(zcap) => Parent::Delegated(zcap),
            None => Parent::RootOf(&self.record.url),
        };
        let id = keys::generate_urn();
        let grant = Grant {
            id: &id,
            controller: did,
            target: &target,
            actions,
            expires: options.until,
            created,
            delegator: self.signer.public(),
        };
        Zcap::delegate(&parent, &grant, |message| self.signer.sign(message)).map_err(|error| {
            Error::new(ErrorKind::Refused, format!("this cannot be given: {error}"))
                .with_hint("nobody can give more than they have; `strongroom edv ls` shows that")
        })
    }

    /// What is handed to them. It is secret to nobody but for what is sealed to them in it.
    fn grant_file(&self, zcap: &Zcap, to: &AgreementPublic, whole: bool) -> Result<String> {
        let capability: Value = serde_json::from_str(&zcap.to_json())
            .map_err(|_| Error::new(ErrorKind::Other, "the capability is no JSON"))?;
        let mut file = json!({
            "type": GRANT_TYPE,
            "form": 1,
            "vault": self.record.url,
            "name": self.record.name,
            "controller": self.record.controller,
            "owner": self.record.owner_kid,
            "to": to.kid(),
            "capability": capability,
        });
        if let Some(hmac) = self.record.hmac.as_ref().filter(|_| whole) {
            let indexes: Vec<Value> =
                self.record.indexes.iter().map(super::bundle::index).collect();
            let secret = super::bundle::hmac_json(hmac);
            let plain = json!({"hmac": secret, "indexes": indexes}).to_string();
            let sealed = Sealer::new(self.record.profile, std::slice::from_ref(to), &mut SystemRng)
                .and_then(|sealer| sealer.seal(plain.as_bytes(), &mut SystemRng))
                .map_err(|error| Error::new(ErrorKind::Other, error.to_string()))?;
            file["sealed"] = sealed.to_json();
        }
        Ok(format!("{file:#}\n"))
    }

    /// Who was let in, and into what.
    pub fn grants(&self) -> Result<Vec<EdvGrantInfo>> {
        let one = |grant: &EdvGrant| Ok(info(&grant.kid, &keys::read_zcap(&grant.zcap)?));
        self.record.grants.iter().map(one).collect()
    }

    /// Ends a grant, or all of somebody: by the capability's id, a DID or a key's name. The server
    /// refuses them at once; what they could open is sealed again without them.
    pub fn revoke(&mut self, whom: &str, progress: &dyn Progress) -> Result<EdvRevoked> {
        let mut ended = Vec::new();
        let mut kept = Vec::new();
        for grant in std::mem::take(&mut self.record.grants) {
            let zcap = keys::read_zcap(&grant.zcap)?;
            let meant = zcap.id() == whom
                || grant.kid == whom
                || zcap.controllers().iter().any(|did| did == whom);
            if meant { ended.push((grant, zcap)) } else { kept.push(grant) }
        }
        self.record.grants = kept;
        if ended.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, "nobody was let in by this name")
                .with_hint("`strongroom edv ls NAME --grants` shows who, and into what"));
        }
        for (_, zcap) in &ended {
            self.revoke_at_server(zcap)?;
        }
        self.leaving = ended.iter().map(|(grant, _)| grant.clone()).collect();
        let mut sealed_again = 0;
        for (_, zcap) in &ended {
            sealed_again += self.reseal(zcap.target(), progress)?;
        }
        // Only now: an end in between leaves the grant on the list, and the same command goes on.
        let over: Vec<EdvGrant> = std::mem::take(&mut self.leaving)
            .into_iter()
            .map(|grant| EdvGrant { ended: true, ..grant })
            .collect();
        self.vault.keep_grants(&self.record.url, &over)?;
        let ended = ended.iter().map(|(grant, zcap)| info(&grant.kid, zcap)).collect();
        Ok(EdvRevoked { ended, sealed_again })
    }

    fn revoke_at_server(&self, zcap: &Zcap) -> Result<()> {
        let url = revocation_url(&self.record.url, zcap.id());
        let root = Capability::RootOf(&url);
        let json = Some(zcap.to_json());
        let answer = self.ask_by(root, http::Method::POST, url.clone(), Act::Write, json)?;
        // Revoked already, by them or by another device, or over by itself: that is what is wanted.
        let over = zcap.expires().millis() / 1_000 <= self.vault.clock.now_secs();
        let done = answer.status.is_success() || answer.status.as_u16() == 409 || over;
        if done { Ok(()) } else { Err(refused(&answer)) }
    }

    /// Whether somebody was let in to write a document, and is not out yet.
    pub(super) fn was_let_in_to_write(&self, did: &str, id: &str) -> bool {
        self.grants_over(&self.record.grants, id)
            .chain(self.grants_over(&self.leaving, id))
            .any(|(_, zcap)| zcap.allows("write") && zcap.controllers().iter().any(|it| it == did))
    }

    /// Those of some grants that cover a document.
    fn grants_over<'b>(
        &self,
        grants: &'b [EdvGrant],
        id: &str,
    ) -> impl Iterator<Item = (&'b EdvGrant, Zcap)> + use<'b> {
        let url = self.document_url(id);
        grants.iter().filter_map(move |grant| {
            let zcap = keys::read_zcap(&grant.zcap).ok()?;
            target_is_within(&url, zcap.target()).then_some((grant, zcap))
        })
    }

    /// To whom a document is sealed: the owner, this person, whom this person let in; in another's
    /// vault also whom its writer signed for. Never whom a server names.
    pub(super) fn recipients_of(
        &self,
        id: &str,
        current: Option<&OpenDocument>,
    ) -> Result<Vec<AgreementPublic>> {
        let mut all = vec![self.agreement()?.public()];
        let now = self.vault.clock.now_secs();
        let lasting = self
            .grants_over(&self.record.grants, id)
            .filter(|(_, zcap)| zcap.expires().millis() / 1_000 > now);
        let mut kids: Vec<String> = lasting.map(|(grant, _)| grant.kid.clone()).collect();
        if !self.is_own() {
            kids.push(self.record.owner_kid.clone());
            if let Some(proof) = current.and_then(|current| current.proof.as_ref()) {
                kids.extend(proof.recipients.iter().cloned());
            }
        }
        for kid in kids {
            if all.iter().all(|known| known.kid() != kid) {
                all.push(keys::resolve(&kid)?);
            }
        }
        Ok(all)
    }
}

fn info(kid: &str, zcap: &Zcap) -> EdvGrantInfo {
    EdvGrantInfo {
        id: zcap.id().to_owned(),
        to: kid.to_owned(),
        target: zcap.target().to_owned(),
        write: zcap.allows("write"),
        until: zcap.expires().millis() / 1_000,
    }
}
