//! Who this vault's controller is, to others. Comes in: the own key log. Goes out: a card, a
//! pointer, facts. Must not know: whom they are handed to, files, terminals.

use strongroom_core::card::{Card, Pointer, is_person_name};
use strongroom_core::keylog::{Change, KeyLog, is_uri};

use super::create::StoredKeyLog;
use super::documents::KEY_LOG;
use super::{Bucket, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Quiet;
use crate::report::{CardInfo, IdInfo, PointerInfo};

impl Vault {
    /// Who this is.
    pub fn id(&self) -> Result<IdInfo> {
        let (_, log) = self.own_log()?;
        Ok(IdInfo {
            principal: log.principal().to_string(),
            head: log.head().to_string(),
            events: log.len() as u64,
            devices: log.devices().map(|(key, _)| key.to_string()).collect(),
            this_device: self.secrets.device.public().to_string(),
            agree_number: log.agree().map_or(0, |agree| agree.number),
            aliases: log.aliases().map(str::to_owned).collect(),
        })
    }

    /// Claims an alias in the own key log, or no longer: where others may look for it. Whoever
    /// finds the log there sees that each says the other is right.
    pub fn claim_alias(&self, uri: &str, claimed: bool) -> Result<IdInfo> {
        if !is_uri(uri) {
            let what = format!("`{uri}` cannot be an alias");
            return Err(Error::new(ErrorKind::Usage, what)
                .with_hint("any URI can, as https://alice.example/card or did:web:alice.example"));
        }
        let mut vault = self.vault_bucket()?;
        if !self.knows_all(&mut vault)? {
            let what = "no provider answers, and another device may have changed your key log";
            return Err(Error::new(ErrorKind::Unreachable, what).with_hint(
                "two histories of it would stop everybody who knows you; try again later",
            ));
        }
        let (mut stored, log) = self.stored_log(&vault)?;
        if log.aliases().any(|known| known == uri) == claimed {
            let (kind, what) = if claimed {
                (ErrorKind::Conflict, "your key log claims it already")
            } else {
                (ErrorKind::NotFound, "your key log does not claim it")
            };
            return Err(Error::new(kind, what).with_hint("`strongroom id show` lists them all"));
        }
        let change = Change::Alias { uri: uri.to_owned(), claimed };
        stored.change(&self.secrets, self.clock.now_secs(), change)?;
        self.write_log(&mut vault, &stored)?;
        self.id()
    }

    /// The own card. It has no name in it unless one is given, and no inbox.
    pub fn card(&self, name: Option<&str>) -> Result<CardInfo> {
        self.card_saying(name, None)
    }

    /// The same with the inbox, which is opened if there is none. Without a provider there is none.
    pub fn card_with_inbox(&self, name: Option<&str>) -> Result<CardInfo> {
        check_name(name)?;
        self.open_inbox()?;
        self.card_saying(name, self.own_inbox()?)
    }

    fn card_saying(&self, name: Option<&str>, inbox: Option<Vec<u8>>) -> Result<CardInfo> {
        check_name(name)?;
        let (stored, log) = self.own_log()?;
        let card = Card { inbox, ..stored.card(name.map(str::to_owned)) };
        Ok(CardInfo {
            principal: log.principal().to_string(),
            head: log.head().to_string(),
            events: log.len() as u64,
            text: card.to_text(),
            inbox: card.inbox.is_some(),
            name: card.name,
        })
    }

    /// What a QR code says of the person; `at`: where the card can be had, if not at an alias that
    /// the own key log claims.
    pub fn pointer(&self, name: Option<&str>, at: Option<&str>) -> Result<PointerInfo> {
        check_name(name)?;
        if let Some(at) = at.filter(|at| !is_uri(at) || !self.resolvers.take(at)) {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("`{at}` is no place others could find a card at"),
            )
            .with_hint("an https:// address of your card file, or a did:web that names one"));
        }
        let (_, log) = self.own_log()?;
        let claimed = log.aliases().find(|alias| self.resolvers.take(alias));
        let (name, at) = (name.map(str::to_owned), at.or(claimed).map(str::to_owned));
        let pointer = Pointer { pin: log.pin(), name, at };
        Ok(PointerInfo {
            principal: log.principal().to_string(),
            head: log.head().to_string(),
            text: pointer.to_text(),
            at: pointer.at,
            name: pointer.name,
        })
    }

    /// The own key log, with the key that grants go to: a vault from before there was one gets it
    /// now.
    pub(crate) fn own_log(&self) -> Result<(StoredKeyLog, KeyLog)> {
        let mut vault = self.vault_bucket()?;
        let (mut stored, log) = self.stored_log(&vault)?;
        let lacks = |log: &KeyLog| {
            log.agree().is_none() && log.device(&self.secrets.device.public()).is_some()
        };
        if !lacks(&log) || !self.knows_all(&mut vault)? {
            return Ok((stored, log));
        }
        // Another device may have done it meanwhile.
        let (now, log) = self.stored_log(&vault)?;
        stored = now;
        if lacks(&log) {
            stored.add_agree(&self.secrets, self.clock.now_secs())?;
            self.write_log(&mut vault, &stored)?;
        }
        let log = stored.verify()?;
        Ok((stored, log))
    }

    /// Whether all that the person's other devices wrote is here: a key log changed without it
    /// would have two histories, which no event ever joins.
    pub(super) fn knows_all(&self, vault: &mut Bucket) -> Result<bool> {
        // Without a provider there is no other device.
        Ok(self.remote_records()?.is_empty() || self.push(vault, &Quiet)?)
    }

    pub(super) fn write_log(&self, vault: &mut Bucket, log: &StoredKeyLog) -> Result<()> {
        let change = self.internal_change(vault, KEY_LOG, log.encode())?;
        self.write(vault, vec![change])?;
        self.push_best_effort(vault).map(drop)
    }

    pub(super) fn stored_log(&self, vault: &Bucket) -> Result<(StoredKeyLog, KeyLog)> {
        let row = self.replica.document(vault.no(), vault.natural(KEY_LOG))?.unwrap_or_default();
        let mut logs = Vec::new();
        for bytes in self.internal_heads(vault, &row)? {
            let stored = StoredKeyLog::decode(&bytes)?;
            let log = stored.verify()?;
            logs.push((stored, log));
        }
        if logs.is_empty() {
            return Err(Error::damaged("the own key log is missing on this device"));
        }
        let heads: Vec<_> = logs.iter().map(|(_, log)| log.head()).collect();
        let holds_all = |log: &KeyLog| heads.iter().all(|head| log.contains(head));
        // Handing out one of two histories would make the other's holders stop for good.
        logs.into_iter().find(|(_, log)| holds_all(log)).ok_or_else(|| {
            Error::new(
                ErrorKind::Conflict,
                "two of your devices changed your key log without knowing of each other",
            )
            .with_hint("nothing is handed out; keep both devices, this cannot be settled yet")
        })
    }
}

/// Whether others can be shown this as a name.
pub(crate) fn check_name(name: Option<&str>) -> Result<()> {
    match name {
        Some(name) if !is_person_name(name) => {
            Err(Error::new(ErrorKind::Usage, format!("`{name}` cannot be anybody's name"))
                .with_hint("1 to 128 bytes, without `/`, `:` and marks nobody sees"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use strongroom_seal::agree::{Rotation, unwrap_agree};
    use strongroom_seal::suite::Suite;
    use strongroom_wire::cbor::Writer;

    use super::*;
    use crate::{Home, Passphrase};

    fn vault(folder: &tempfile::TempDir) -> Vault {
        let home = Home::at(folder.path().join("home"));
        Vault::create(&home, &Passphrase::new("correct horse".into())).unwrap().0
    }

    #[test]
    fn every_device_can_open_the_agree_key_of_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let vault = vault(&folder);
        let (_, log) = vault.own_log().unwrap();
        let agree = log.agree().unwrap();
        let rotation = Rotation { suite: Suite::DEFAULT, principal: log.principal(), number: 1 };
        let wrap = &agree.wraps[&vault.secrets.device.public()];
        let pair = vault.secrets.device_agree.pair();
        let seed = unwrap_agree(rotation, &pair, &agree.key, wrap).unwrap();
        assert_eq!(*seed.to_secret_bytes(), *vault.secrets.agree.to_secret_bytes());
    }

    #[test]
    fn a_log_from_before_there_was_an_agree_key_gets_one_when_a_card_is_handed_out() {
        let folder = tempfile::tempdir().unwrap();
        let vault = vault(&folder);
        let card = Card::from_text(&vault.card(None).unwrap().text).unwrap();
        let mut w = Writer::new();
        w.array(2).bytes(&card.genesis).array(1).bytes(&card.events[0]);
        let bucket = vault.vault_bucket().unwrap();
        let change = vault.internal_change(&bucket, KEY_LOG, w.into_bytes()).unwrap();
        vault.write(&bucket, vec![change]).unwrap();
        assert!(vault.stored_log(&bucket).unwrap().1.agree().is_none());
        let id = vault.id().unwrap();
        assert_eq!((id.agree_number, id.events), (1, 2));
        assert_eq!(vault.id().unwrap(), id, "once");
    }
}
