//! Links: sharing with whoever has an address. Comes in: a bucket or a document, and how long, how
//! often and with which password it may be opened. Goes out: a link, the links there are, and an
//! end to them. Must not know: terminals, who opens them.
//!
//! A link is a member of the bucket (docs/design/links.md): one entry lets it in, epochs are made
//! for it, a revoke and an epoch take it out. One to a single document holds that document, as
//! anybody may. What it needs besides its own text lies at the provider. Its secret stands in a
//! sealed document of the vault's own bucket, so that every device of the person can show it again.

use strongroom_core::document::DocumentType;
use strongroom_core::holding::NewHolder;
use strongroom_core::link::{ForLink, let_in, to_text};
use strongroom_core::parts::LinkFacts;
use strongroom_seal::cost::Cost;
use strongroom_seal::link::{Link, LinkKey, LinkSalt, LinkSecret, link_principal};
use strongroom_seal::rng::Rng;
use strongroom_wire::capability::{Action, Capability, CapabilityChain};
use strongroom_wire::ids::{DocumentTag, MemberTag, PrincipalId};
use strongroom_wire::limits::{CLOCK_SKEW_SECS, LINK_LABEL_LEN_MAX, LINK_USES_MAX};
use strongroom_wire::link::{LinkRecord, LinkUses, PasswordSalt};

use super::document_grants::{DocumentShare, Holding, a_directory};
use super::documents::{LINK, LinkDocument};
use super::grants::cannot_grant;
use super::opening::LinkText;
use super::people::Person;
use super::{Bucket, Change, Passphrase, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::place::Place;
use crate::progress::Quiet;
use crate::random::SystemRng;
use crate::remote::{Remote, Session};
use crate::replica::rows::RemoteRecord;
use crate::report::{LinkInfo, RemovalInfo};

/// What a link is good for.
#[derive(Debug, Clone, Copy, Default)]
pub struct LinkOptions<'a> {
    /// Until then, seconds since 1970; no longer than the maker's own access.
    pub until: u64,
    /// How often it may be opened; none: any number of times.
    pub uses: Option<u64>,
    /// What is asked of whoever opens it.
    pub password: Option<&'a Passphrase>,
    /// What members call it; empty: the bucket's label, or the document's name.
    pub label: &'a str,
}

/// A link in the making.
struct Draft {
    link: Link,
    key: LinkKey,
    password: Option<PasswordSalt>,
}

/// A link that stands, as members know it.
struct LinkInto {
    to: To,
    principal: PrincipalId,
    label: String,
    /// Seconds since 1970.
    since: u64,
    until: u64,
    uses: Option<u64>,
}

/// What a link leads to.
#[derive(Clone, Copy)]
enum To {
    /// All of its bucket, as this member of it.
    Bucket(MemberTag),
    /// One document.
    Document(DocumentTag),
}

impl Draft {
    fn new(remote: &Remote, bucket: &Bucket, password: Option<&Passphrase>) -> Result<Self> {
        let secret = LinkSecret::generate(&mut SystemRng);
        let (key, salted) = match password {
            None => (secret.open(), None),
            Some(password) => {
                let mut salt = [0; 16];
                SystemRng.fill(&mut salt);
                let cost = Cost::FLOOR;
                let key = secret.open_with(password.expose().as_bytes(), &LinkSalt { salt, cost });
                let Cost { memory_kib, passes, lanes } = cost;
                let key = key.map_err(|e| Error::new(ErrorKind::Other, e.to_string()))?;
                (key, Some(PasswordSalt { salt, memory_kib, passes, lanes }))
            }
        };
        let link = Link {
            password: salted.is_some(),
            drop: false,
            provider: Link::provider_of(remote.thumbprint()),
            bucket: bucket.record.id,
            secret,
        };
        Ok(Self { link, key, password: salted })
    }

    fn principal(&self) -> PrincipalId {
        link_principal(&self.key.agree().pair().public())
    }
}

impl Vault {
    /// Makes a link to a bucket: whoever has it may read what is there, and what comes. It needs
    /// its provider: where that does not answer, nothing is made.
    pub fn link(&self, bucket: Option<&str>, options: &LinkOptions<'_>) -> Result<LinkInfo> {
        self.check_link(options)?;
        self.make_link(self.bucket(bucket)?, None, options)
    }

    /// The same to one document: whoever has it may read all its versions, old and new, and sees
    /// nothing of any other.
    pub fn link_document(&self, place: &Place, options: &LinkOptions<'_>) -> Result<LinkInfo> {
        self.check_link(options)?;
        let (bucket, shown) = self.need_place(place)?;
        bucket.need_whole()?;
        if shown.kind() == DocumentType::Directory {
            return Err(a_directory(place));
        }
        self.make_link(bucket, Some((shown.row.tag, &shown.name)), options)
    }

    fn make_link(
        &self,
        mut bucket: Bucket,
        document: Option<(DocumentTag, &str)>,
        options: &LinkOptions<'_>,
    ) -> Result<LinkInfo> {
        bucket.writable()?;
        if !may_grant(&bucket) {
            let what = format!("you may not let anybody into {}", bucket.record.label);
            return Err(
                Error::new(ErrorKind::Refused, what).with_hint("`strongroom grants` shows who may")
            );
        }
        let (record, session) = self.links_session(&mut bucket)?;
        let draft = Draft::new(session.remote(), &bucket, options.password)?;
        let called = Some(options.label).filter(|label| !label.is_empty());
        let own = document.map_or(bucket.record.label.as_str(), |(_, name)| name);
        let label = called.unwrap_or(own).to_owned();
        // First of all it is written down what it is: whatever ends this, the link can be revoked.
        let principal = draft.principal();
        let name = format!("{LINK}{}", principal.to_base32());
        let made = LinkDocument { origin: record.url.clone(), link: draft.link };
        let mut vault = self.vault_bucket()?;
        let change = self.internal_change(&vault, &name, made.encode())?;
        self.write(&vault, vec![change])?;
        let wanted = ForLink {
            key: &draft.key,
            label: &label,
            until: options.until,
            // A provider whose clock is behind this one's must not call it too early.
            from: self.clock.now_secs().saturating_sub(CLOCK_SKEW_SECS),
            uses: options.uses.map(|uses| (uses, record.key)),
        };
        let chain = self.write_link(&mut bucket, document.map(|(tag, _)| tag), &wanted)?;
        self.push(&mut vault, &Quiet)?;
        self.push(&mut bucket, &Quiet)?;
        let kept = LinkRecord { password: draft.password, chain, drop: None };
        let put = session.put_link(bucket.record.id, made.link.secret.id(), &kept);
        self.runtime()?.block_on(put)?;
        Ok(LinkInfo {
            name: principal.to_string(),
            label,
            bucket: bucket.record.label.clone(),
            path: document.map(|(tag, _)| self.path_of(&bucket, tag)).transpose()?,
            since: self.clock.now_secs(),
            until: ends(&kept.chain),
            uses: options.uses,
            spent: options.uses.map(|_| 0),
            password: Some(made.link.password),
            kept: Some(true),
            by: Some(self.secrets.principal.to_string()),
            link: Some(to_text(&made.origin, &made.link).to_string()),
        })
    }

    /// The entry that lets it in, and the chain down to it.
    fn write_link(
        &self,
        bucket: &mut Bucket,
        document: Option<DocumentTag>,
        wanted: &ForLink<'_>,
    ) -> Result<CapabilityChain> {
        let Some(tag) = document else {
            let written = self.write_member(bucket, |granter| {
                let_in(granter, wanted, &mut SystemRng).map_err(cannot_grant)
            });
            return written.map(|(chain, ..)| chain);
        };
        let agree = wanted.key.agree().pair().public();
        let holder = NewHolder::of_link(wanted, &agree);
        let written = self.write_share(bucket, tag, &DocumentShare::All, None, &holder);
        written.map(|(shared, ..)| shared.chain)
    }

    fn check_link(&self, options: &LinkOptions<'_>) -> Result<()> {
        let wrong = |what: &str| Err(Error::new(ErrorKind::Usage, what));
        if options.until <= self.clock.now_secs() {
            return wrong("that time is over already");
        }
        if options.uses.is_some_and(|uses| uses == 0 || uses > LINK_USES_MAX) {
            return wrong("a link is good for 1 to 10,000 openings, or for any number of them");
        }
        if options.password.is_some_and(Passphrase::is_empty) {
            return wrong("an empty password protects nothing");
        }
        if options.label.len() > LINK_LABEL_LEN_MAX {
            return wrong("what a link is called has at most 255 bytes");
        }
        Ok(())
    }

    /// A session with the provider of links into this bucket, which has the bucket.
    pub(super) fn links_session(&self, bucket: &mut Bucket) -> Result<(RemoteRecord, Session)> {
        let record = self.remote_records()?.into_iter().next().ok_or_else(|| {
            Error::new(ErrorKind::Refused, "a link leads to a provider, and this vault has none")
                .with_hint("`strongroom provider add URL` adds one")
        })?;
        self.open_at(bucket, &record)?;
        if !self.push(bucket, &Quiet)? {
            let what =
                format!("{} does not answer, and a link needs it: none was made", record.url);
            return Err(Error::new(ErrorKind::Unreachable, what)
                .with_hint("run it again when `strongroom status` reaches it"));
        }
        let session = self.bucket_session(&self.remote(&record)?, bucket)?;
        self.runtime()?.block_on(session.open())?;
        Ok((record, session))
    }

    /// All links into a bucket, or into all buckets. `show`: with those this person made. Providers
    /// that do not answer are not asked twice.
    pub fn links(&self, bucket: Option<&str>, show: bool) -> Result<Vec<LinkInfo>> {
        let buckets = if let Some(name) = bucket {
            vec![self.bucket(Some(name))?]
        } else {
            let records = self.records()?.into_iter().filter(|it| !it.internal);
            records.map(|it| Bucket::open(it, self)).collect::<Result<_>>()?
        };
        let vault = self.vault_bucket()?;
        let mut all = Vec::new();
        for bucket in &buckets {
            let links = self.links_into(bucket)?;
            let session = if links.is_empty() { None } else { self.asking_session(bucket) };
            for link in &links {
                all.push(self.link_info(&vault, bucket, link, session.as_ref(), show)?);
            }
        }
        all.sort_by(|a, b| (&a.bucket, a.since, &a.name).cmp(&(&b.bucket, b.since, &b.name)));
        Ok(all)
    }

    /// Links to all of a bucket, then those to one document of it.
    fn links_into(&self, bucket: &Bucket) -> Result<Vec<LinkInto>> {
        let log = self.control_entries(bucket)?;
        let control = self.standing(bucket)?.control;
        let mut links = Vec::new();
        for (tag, person) in self.people(bucket, &control, &log)? {
            let Person { principal, since, until, uses, link, .. } = person;
            let Some(LinkFacts { label, .. }) = link else { continue };
            links.push(LinkInto { to: To::Bucket(tag), principal, label, since, until, uses });
        }
        for holding in self.document_holdings(bucket, &control)? {
            let Holding { document, principal, given, until, uses, link, .. } = holding;
            let Some(LinkFacts { label, .. }) = link else { continue };
            let (to, since) = (To::Document(document), given.secs());
            links.push(LinkInto { to, principal, label, since, until, uses });
        }
        Ok(links)
    }

    /// Where uses are asked for, if anybody answers and this person may ask.
    pub(super) fn asking_session(&self, bucket: &Bucket) -> Option<Session> {
        let record = self.remote_records().ok()?.into_iter().next()?;
        let remote = self.remote(&record).ok()?;
        self.bucket_session(&remote, bucket).ok()
    }

    fn link_info(
        &self,
        vault: &Bucket,
        bucket: &Bucket,
        link: &LinkInto,
        session: Option<&Session>,
        show: bool,
    ) -> Result<LinkInfo> {
        let made = self.made_link(vault, link.principal)?;
        let id = made.as_ref().map(|made| made.link.secret.id());
        let asked: Option<Option<LinkUses>> = match (session, id) {
            (Some(session), Some(id)) => {
                self.runtime()?.block_on(session.link_uses(bucket.record.id, id)).ok()
            }
            _ => None,
        };
        let by = made.as_ref().map(|_| self.secrets.principal.to_string());
        let text = |made: &LinkDocument| to_text(&made.origin, &made.link).to_string();
        Ok(LinkInfo {
            name: link.principal.to_string(),
            label: link.label.clone(),
            bucket: bucket.record.label.clone(),
            path: match link.to {
                To::Bucket(_) => None,
                To::Document(tag) => Some(self.path_of(bucket, tag)?),
            },
            since: link.since,
            until: link.until,
            uses: link.uses,
            spent: asked.flatten().filter(|it| it.allowed.is_some()).map(|it| it.spent),
            password: made.as_ref().map(|made| made.link.password),
            kept: asked.map(|kept| kept.is_some()),
            by,
            link: made.as_ref().filter(|_| show).map(text),
        })
    }

    /// What this person keeps of a link that it made.
    fn made_link(&self, vault: &Bucket, of: PrincipalId) -> Result<Option<LinkDocument>> {
        let name = format!("{LINK}{}", of.to_base32());
        let document = self.internal(vault, &name)?;
        Ok(document.as_deref().map(LinkDocument::decode).transpose()?)
    }

    /// Ends a link: by its name or the start of it, or by the link itself. What was opened may have
    /// been kept; what is written from now on it does not open.
    pub fn revoke_link(&self, which: &str) -> Result<RemovalInfo> {
        let vault = self.vault_bucket()?;
        let (mut bucket, LinkInto { to, principal, .. }) = self.find_link(&vault, which)?;
        bucket.writable()?;
        let made = self.made_link(&vault, principal)?;
        self.renew_if_due(&mut bucket)?;
        let (entries, bytes) = match to {
            To::Bucket(tag) => self.write_removal(&mut bucket, tag, "the link")?,
            To::Document(tag) => {
                let called = self.path_of(&bucket, tag)?;
                let called = (called.as_str(), "the link");
                (1, self.write_withdrawal(&bucket, tag, principal, called)?.0)
            }
        };
        let sent = self.push_best_effort(&mut bucket)?;
        if let Some(made) = made {
            // The revoke has ended it already; this only clears up.
            if let Some(session) = self.asking_session(&bucket).filter(|_| sent) {
                let id = made.link.secret.id();
                let _ = self.runtime()?.block_on(session.forget_link(bucket.record.id, id));
            }
            self.forget_document(&vault, principal)?;
        }
        let name = principal.to_string();
        let label = bucket.record.label.clone();
        Ok(RemovalInfo { name, you: false, bucket: label, entries, bytes, sent })
    }

    fn forget_document(&self, vault: &Bucket, principal: PrincipalId) -> Result<()> {
        let tag = vault.natural(&format!("{LINK}{}", principal.to_base32()));
        let Some(row) = self.replica.document(vault.no(), tag)? else { return Ok(()) };
        self.write(vault, vec![Change::tombstone(tag, &row)])?;
        let mut vault = self.vault_bucket()?;
        self.push(&mut vault, &Quiet).map(drop)
    }

    fn find_link(&self, vault: &Bucket, which: &str) -> Result<(Bucket, LinkInto)> {
        if LinkText::read(which).is_ok_and(|text| text.is_drop()) {
            let what = "with this link one can only put things in: it is a drop";
            return Err(Error::new(ErrorKind::Usage, what).with_hint(
                "`strongroom drop close NAME` ends it; `strongroom drop ls` shows all",
            ));
        }
        let wanted =
            LinkText::read(which).ok().map(|text| (text.link.bucket, text.link.secret.id()));
        let bare = which.strip_prefix("prn:").unwrap_or(which);
        let mut found = Vec::new();
        for record in self.records()?.into_iter().filter(|it| !it.internal) {
            let bucket = Bucket::open(record, self)?;
            for link in self.links_into(&bucket)? {
                let is_it = match wanted {
                    None => bare.len() >= 6 && link.principal.to_base32().starts_with(bare),
                    Some((at, id)) => {
                        at == bucket.record.id
                            && self
                                .made_link(vault, link.principal)?
                                .is_some_and(|made| made.link.secret.id() == id)
                    }
                };
                if is_it {
                    found.push((bucket.record.clone(), link));
                }
            }
        }
        let hint = "`strongroom link ls` shows all links";
        match <[_; 1]>::try_from(found) {
            Ok([(record, link)]) => Ok((Bucket::open(record, self)?, link)),
            Err(none) if none.is_empty() => {
                Err(Error::not_found("such link, or it was revoked already").with_hint(hint))
            }
            Err(_) => {
                let what = "several links begin like this";
                Err(Error::new(ErrorKind::Usage, what).with_hint(hint))
            }
        }
    }
}

fn may_grant(bucket: &Bucket) -> bool {
    Capability::decode(&bucket.record.author_capability)
        .is_ok_and(|capability| capability.claims().actions.contains(Action::Grant))
}

fn ends(chain: &CapabilityChain) -> u64 {
    chain.last().map_or(0, |last| last.claims().expires)
}
