//! The inbox: where whoever has this person's card sends invitations and requests. Comes in: a
//! contact, or a message that came. Goes out: invitations delivered, read, or thrown away.
//! Must not know: terminals.
//!
//! Nothing in it does anything by itself (attack A18): an invitation waits until somebody accepts
//! it, a request until somebody answers. It is a drop in the vault's own bucket, which no list
//! shows.

use strongroom_core::card::Card;
use strongroom_core::document::{Content, digest_of};
use strongroom_core::drops::Address;
use strongroom_core::inbox::Inbox;
use strongroom_core::invitation::{KeptAt, from_text, to_text};
use strongroom_core::keylog::KeyLog;
use strongroom_core::message::{MessageBody, Purpose};
use strongroom_wire::ids::PrincipalId;
use strongroom_wire::limits::NAME_LEN_MAX;

use super::drops::Known;
use super::messages::Held;
use super::{Bucket, Change, Vault};
use crate::drops::{Parcel, send};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Quiet;
use crate::report::{Delivery, DropTerms, GrantInfo, MessageInfo};

/// What the drop is called.
const INBOX: &str = "inbox";
/// Documents of the vault's bucket, one a contact: the inbox in their card.
const INBOX_OF: &str = "strongroom/inbox/";
/// Bytes an inbox takes in, in all. A flood ends there; then another is opened.
const QUOTA_BYTES: u64 = 64 << 20;
/// Messages an inbox takes in an hour, of all senders.
const PER_HOUR: u64 = 30;

fn inbox_text(principal: PrincipalId) -> String {
    format!("{INBOX_OF}{}", principal.to_base32())
}

impl Vault {
    /// Opens the inbox, if none is open and there is a provider that could keep it.
    pub(super) fn open_inbox(&self) -> Result<()> {
        if self.remote_records()?.is_empty() || self.own_inbox()?.is_some() {
            return Ok(());
        }
        let mut vault = self.vault_bucket()?;
        // Perhaps another device did it.
        self.push_best_effort(&mut vault)?;
        if self.own_inbox()?.is_some() {
            return Ok(());
        }
        let terms =
            DropTerms { until: None, quota_bytes: Some(QUOTA_BYTES), per_hour: Some(PER_HOUR) };
        let address = self.write_drop(&mut vault, INBOX, &terms)?;
        self.keep_address(&address)?;
        self.push_best_effort(&mut vault).map(drop)
    }

    fn open_inboxes(&self, vault: &Bucket) -> Result<Vec<Known>> {
        let mut all = self.known_drops(vault)?;
        all.retain(|known| known.name == INBOX && known.drop.expires > self.clock.now_secs());
        Ok(all)
    }

    /// Whether an inbox is open.
    pub(super) fn has_inbox(&self) -> Result<bool> {
        Ok(!self.open_inboxes(&self.vault_bucket()?)?.is_empty())
    }

    /// What stands in the own card: the open inbox, where it is kept now, signed by this device.
    pub(crate) fn own_inbox(&self) -> Result<Option<Vec<u8>>> {
        for known in self.open_inboxes(&self.vault_bucket()?)? {
            let Some(address) = self.kept_address(known.drop.entry)? else { continue };
            let kept = self.remote_records()?;
            let kept_at = kept.into_iter().map(|it| KeptAt { url: it.url, key: it.key }).collect();
            let address = Address { kept_at, ..address };
            let said = Inbox::sign(&address, self.secrets.principal, self.device_key());
            return Ok(Some(said.encode()));
        }
        Ok(None)
    }

    /// Closes the inbox: nothing comes any more, what came stays. The next card opens another.
    pub fn close_inbox(&self) -> Result<()> {
        let mut vault = self.vault_bucket()?;
        let open = self.open_inboxes(&vault)?;
        if open.is_empty() {
            return Err(Error::not_found("open inbox")
                .with_hint("`strongroom id export` opens one, and says so in your card"));
        }
        let held = self.held_messages(&vault)?;
        for known in open {
            self.write_close(&mut vault, known.drop.capability, &held)?;
        }
        self.push_best_effort(&mut vault).map(drop)
    }

    /// Remembers where a contact takes messages, if their card says so and they signed it.
    pub(super) fn inbox_change(
        &self,
        vault: &Bucket,
        card: &Card,
        log: &KeyLog,
    ) -> Result<Option<Change>> {
        let Some(said) = &card.inbox else { return Ok(None) };
        inbox_in(said, log).map_err(|error| {
            error.with_hint("somebody changed it on its way: get the card from its owner again")
        })?;
        let text = inbox_text(log.principal());
        if self.internal(vault, &text)?.as_ref() == Some(said) {
            return Ok(None);
        }
        self.internal_change(vault, &text, said.clone()).map(Some)
    }

    pub(super) fn inbox_of(&self, log: &KeyLog) -> Result<Option<Address>> {
        let said = self.internal(&self.vault_bucket()?, &inbox_text(log.principal()))?;
        // Who took the device out that signed it has a newer card to hand on.
        Ok(said.and_then(|said| inbox_in(&said, log).ok()))
    }

    /// Sends an invitation to its reader's inbox, if their card says where. It is sealed to them
    /// as it is; the message only carries it.
    pub fn deliver(&self, granted: &GrantInfo) -> Result<Delivery> {
        let not = |problem| Ok(Delivery { delivered: false, problem });
        let Some(address) = self.inbox_of(&self.contact_log(&granted.name)?)? else {
            return not(None);
        };
        if !granted.sent {
            return not(Some("no provider of yours answers".to_owned()));
        }
        let sealed = from_text(&granted.invitation).map_err(|e| Error::damaged(e.to_string()))?;
        // The name alone: who gets one document need not know where it lies.
        let place = granted.path.as_deref().and_then(|path| path.rsplit('/').next());
        let about = place.unwrap_or(&granted.bucket);
        let body = MessageBody {
            name: Some(shortened(about)),
            media_type: Some(granted.rights.to_owned()),
            words: None,
            size: sealed.len() as u64,
            digest: Some(digest_of(&sealed)),
            content: Content::Inline(sealed),
            ..MessageBody::words(Purpose::Invitation, String::new())
        };
        match send(&address, Parcel::Body(body), None, Some(self), &Quiet) {
            Ok(_) => Ok(Delivery { delivered: true, problem: None }),
            Err(error) => not(Some(error.to_string())),
        }
    }

    /// What waits in the inbox, oldest first.
    pub fn inbox(&self) -> Result<Vec<MessageInfo>> {
        let vault = self.vault_bucket()?;
        let mut found = Vec::new();
        for held in self.held_messages(&vault)? {
            found.push(self.message_info(&vault, &held)?);
        }
        found.sort_by(|a, b| (a.sent, &a.message).cmp(&(b.sent, &b.message)));
        Ok(found)
    }

    /// How many messages wait in the inbox.
    pub(super) fn inbox_waiting(&self) -> Result<u64> {
        Ok(self.held_messages(&self.vault_bucket()?)?.len() as u64)
    }

    pub(super) fn find_letter(&self, id: &str) -> Result<(Bucket, Held)> {
        self.find_among(vec![self.vault_bucket()?], id, "`strongroom inbox`")
    }

    /// The text of an invitation that came to the inbox.
    pub fn invitation_text(&self, id: &str) -> Result<String> {
        let (_, held) = self.find_letter(id)?;
        match (held.opened.body.purpose, held.opened.body.content) {
            (Purpose::Invitation, Content::Inline(sealed)) => Ok(to_text(sealed)),
            (purpose, _) => {
                let what = format!("this is no invitation: it is a {}", purpose.word());
                Err(Error::new(ErrorKind::Usage, what)
                    .with_hint("`strongroom inbox` shows what waits"))
            }
        }
    }

    /// Throws away what came to the inbox. Its sender is told nothing.
    pub fn decline(&self, id: &str) -> Result<MessageInfo> {
        let (mut vault, held) = self.find_letter(id)?;
        self.discard(&mut vault, &held)
    }
}

pub(super) fn inbox_in(said: &[u8], log: &KeyLog) -> Result<Address> {
    let read = Inbox::decode(said).map_err(Into::into).and_then(|it| it.address_for(log));
    read.map_err(|error: strongroom_core::inbox::InboxError| Error::damaged(error.to_string()))
}

/// As much of it as a message can name.
pub(super) fn shortened(text: &str) -> String {
    let mut short = String::new();
    for c in text.chars() {
        if short.len() + c.len_utf8() > NAME_LEN_MAX {
            break;
        }
        short.push(c);
    }
    short
}
