//! Asking for access, and answering. Comes in: a contact whose card names an inbox, or a request
//! that came to one's own. Goes out: a signed request, who asks, a no. Must not know: terminals,
//! what is granted.
//!
//! What somebody asks for is a text of theirs; nothing is given before a person says what.

use strongroom_core::card::Card;
use strongroom_core::granting::Rights;
use strongroom_core::keylog::KeyLog;
use strongroom_core::message::{MessageBody, Purpose, Sender, WORDS_LEN_MAX};

use super::Vault;
use super::inbox::{inbox_in, shortened};
use super::messages::Held;
use crate::drops::{Parcel, send};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Quiet;
use crate::report::{Denied, Requester};

impl Vault {
    /// Asks a contact for access to something of theirs. It is signed, and has this person's card
    /// with their inbox, where the answer comes.
    pub fn request(&self, who: &str, what: &str, rights: Rights, why: Option<&str>) -> Result<()> {
        let address = self.inbox_of(&self.contact_log(who)?)?.ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("{who}'s card names no inbox to ask at"))
                .with_hint(format!(
                    "ask {who} for a newer card (`strongroom id export`), then `strongroom \
                     contact update {who} CARD`"
                ))
        })?;
        if what.is_empty() || shortened(what) != what || why.is_some_and(too_long) {
            return Err(Error::new(ErrorKind::Usage, "that is too long to ask, or nothing")
                .with_hint("255 bytes say what, 4,096 bytes why"));
        }
        self.open_inbox()?;
        let body = MessageBody {
            name: Some(what.to_owned()),
            media_type: Some(rights.word().to_owned()),
            words: why.map(str::to_owned),
            ..MessageBody::words(Purpose::Request, String::new())
        };
        send(&address, Parcel::Body(body), None, Some(self), &Quiet).map(drop)
    }

    /// Who asks in this request. Who is no contact becomes one, if `name` says what to call them:
    /// their keys were never compared then.
    pub fn requester(&self, id: &str, name: Option<&str>) -> Result<Requester> {
        let (vault, held) = self.find_letter(id)?;
        let asked = self.message_info(&vault, &held)?;
        let (log, card) = asker(&held)?;
        if let Some(contact) = self.contact_of(log.principal())? {
            if asked.from.is_none() {
                let what = format!("no device that {} has signed this", contact.name);
                return Err(Error::new(ErrorKind::Refused, what)
                    .with_hint("`strongroom decline ID` throws it away"));
            }
            let pinned = self.contact_log(&contact.name)?;
            let newest = if log.contains(&pinned.head()) { log } else { &pinned };
            if newest.head() != pinned.head() {
                let text = Card { inbox: None, ..card.clone() }.to_text();
                self.add_contact(&text, Some(&contact.name), None)?;
            }
            let change = self.inbox_change(&vault, &card, newest)?;
            self.write(&vault, change.into_iter().collect())?;
            return Ok(Requester { name: contact.name, asked });
        }
        let name = name.ok_or_else(|| {
            Error::new(ErrorKind::Usage, "whoever asks is none of your contacts")
                .with_hint("say what to call them, and compare keys with them: --as NAME")
        })?;
        let contact = self.add_contact(&card.to_text(), Some(name), None)?;
        Ok(Requester { name: contact.name, asked })
    }

    /// Says no to a request and throws it away. Who signed none, or has no inbox that answers,
    /// hears nothing.
    pub fn deny(&self, id: &str, words: Option<&str>) -> Result<Denied> {
        let words = words.unwrap_or("no");
        if too_long(words) {
            return Err(Error::new(ErrorKind::Usage, "that is too long for an answer"));
        }
        let (mut vault, held) = self.find_letter(id)?;
        if held.opened.body.purpose != Purpose::Request {
            return Err(no_request(held.opened.body.purpose));
        }
        let told = self.answer(&held, words);
        let request = self.discard(&mut vault, &held)?;
        Ok(Denied { request, told })
    }

    fn answer(&self, held: &Held, words: &str) -> bool {
        let Ok((log, card)) = asker(held) else { return false };
        let address = card.inbox.and_then(|said| inbox_in(&said, log).ok());
        let body = MessageBody {
            name: held.opened.body.name.clone(),
            ..MessageBody::words(Purpose::Answer, words.to_owned())
        };
        address.is_some_and(|address| {
            send(&address, Parcel::Body(body), None, Some(self), &Quiet).is_ok()
        })
    }
}

/// The keys a request is signed by, and the card that came with it.
fn asker(held: &Held) -> Result<(&KeyLog, Card)> {
    let body = &held.opened.body;
    if body.purpose != Purpose::Request {
        return Err(no_request(body.purpose));
    }
    let (Sender::Signed(log), Some(card)) = (&held.opened.sender, &body.card) else {
        return Err(Error::new(ErrorKind::Refused, "this request is signed by nobody")
            .with_hint("`strongroom decline ID` throws it away"));
    };
    let card = Card::decode(card).map_err(|e| Error::damaged(e.to_string()))?;
    Ok((log, card))
}

fn no_request(purpose: Purpose) -> Error {
    Error::new(ErrorKind::Usage, format!("this is no request, it is of kind {}", purpose.word()))
        .with_hint("`strongroom requests` shows those there are")
}

const fn too_long(words: &str) -> bool {
    words.len() > WORDS_LEN_MAX
}
