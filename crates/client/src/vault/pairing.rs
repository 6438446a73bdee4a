//! Making another device one of the same person's. Comes in: a code, and a person who compares six
//! words. Goes out: on the old device an event in the key log, on the new one a vault. Must not
//! know: terminals, how a code is shown.
//!
//! Nothing half-done is in the way of the next try: a code is good once, and the new device makes
//! new keys each time. What the old one added and nobody took is a device that was never seen.

use strongroom_core::keylog::{Change, possession_input};
use strongroom_core::pairing::{
    Gift, GiftProvider, Guest, Host, LongCode, NewDevice, PairingError, Promised, ShortCode,
    Waiting, is_device_name,
};
use strongroom_seal::kem::{AgreeSeed, KemPublic};
use strongroom_seal::pairing::{CodeKey, Side, WORDS};
use strongroom_seal::recovery::Locator;
use strongroom_seal::rng::Rng as _;
use strongroom_wire::ids::{KeyEventId, Thumbprint};

use super::create::{check_passphrase, refuse_existing};
use super::documents::KEY_LOG;
use super::mailbox::Mailbox;
use super::provider::RecordContents;
use super::{Passphrase, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::home::Home;
use crate::progress::{Progress, Quiet};
use crate::random::SystemRng;
use crate::remote::{Options, ProviderUrl, Remote, RemoteError, Runtime};
use crate::replica::rows::RemoteRecord;
use crate::report::JoinedInfo;
use crate::secrets::Secrets;

/// How the code comes to the new device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeKind {
    /// Copied or scanned: it holds a secret and all that is needed.
    Long,
    /// Typed: nine digits, which are no secret. Only the words say who is there.
    Short,
}

/// What the old device shows.
#[derive(Debug)]
pub struct ShownCode<'a> {
    /// `pair:…`, or nine digits.
    pub code: &'a str,
    /// The provider's address, which a short code does not say.
    pub url: &'a str,
}

/// The person before a device, during a pairing.
pub trait PairingPerson {
    /// The code is there to be shown.
    fn code(&self, shown: &ShownCode<'_>) -> Result<()>;
    /// Whether the other device shows the same six words.
    fn same(&self, words: &[&str; WORDS]) -> Result<bool>;
}

/// What a person gives the new device.
#[derive(Debug)]
pub enum GivenCode {
    /// A long code.
    Long(LongCode),
    /// A short one, and the provider's address.
    Short(ShortCode, String),
}

impl GivenCode {
    /// Reads what was copied, scanned or typed. `url`: the address beside a short code.
    pub fn parse(text: &str, url: Option<&str>) -> Result<Self> {
        let wrong = |error: strongroom_core::pairing::CodeError| {
            Error::new(ErrorKind::Usage, error.to_string())
                .with_hint("`strongroom device add` on the device that has the vault shows one")
        };
        if text.trim().get(..5).is_some_and(|start| start.eq_ignore_ascii_case("pair:")) {
            return LongCode::parse(text).map(Self::Long).map_err(wrong);
        }
        let code = ShortCode::parse(text).map_err(wrong)?;
        let Some(url) = url else {
            let what = "a short code does not say at which provider";
            return Err(Error::new(ErrorKind::Usage, what)
                .with_hint("name the one the other device shows: --provider URL"));
        };
        Ok(Self::Short(code, url.to_owned()))
    }

    fn into_parts(self) -> (CodeKey, String, Option<Thumbprint>) {
        match self {
            Self::Long(code) => (code.key, code.url, Some(code.provider)),
            Self::Short(code, url) => (code.key(), url, None),
        }
    }
}

fn pairing_error(error: &PairingError) -> Error {
    let hint = match error {
        PairingError::Ended => "nothing was changed; begin again when both are ready",
        PairingError::Fault(_) => {
            "nothing was changed; begin again, and if it happens again do not use this network"
        }
        _ => "nothing secret was sent; begin again",
    };
    Error::new(ErrorKind::Refused, error.to_string()).with_hint(hint)
}

fn different() -> Error {
    let what = "the two devices show different words: somebody may be in between";
    Error::new(ErrorKind::Refused, what)
        .with_hint("nothing secret was sent; begin again, from another network")
}

impl Vault {
    /// Makes another device one of this person's: shows a code, agrees with whoever uses it, has
    /// the person compare six words, and hands over what it needs.
    pub fn add_device(
        &self,
        kind: CodeKind,
        person: &dyn PairingPerson,
        progress: &dyn Progress,
    ) -> Result<JoinedInfo> {
        let record = self.pairing_provider()?;
        let remote = self.remote(&record)?;
        let (key, text) = match kind {
            CodeKind::Long => {
                let key = CodeKey::generate(&mut SystemRng);
                let again = CodeKey::from_secret_bytes(&key.to_secret_bytes());
                let (url, provider) = (record.url.clone(), record.key);
                (key, LongCode { url, provider, key: again }.to_text().to_string())
            }
            CodeKind::Short => {
                let mut random = [0; 8];
                SystemRng.fill(&mut random);
                let code = ShortCode::from_random(random);
                (code.key(), code.to_string())
            }
        };
        let mut mailbox = Mailbox::of(self.runtime()?, &remote, &key, Side::Host);
        let (promised, message) = Promised::begin(key, &mut SystemRng);
        mailbox.put(&message)?;
        person.code(&ShownCode { code: &text, url: &record.url })?;
        let done = self.host(&mut mailbox, promised, &record, person, progress);
        if done.is_err() {
            mailbox.refuse();
        }
        done
    }

    fn pairing_provider(&self) -> Result<RemoteRecord> {
        let mut vault = self.vault_bucket()?;
        let Some(record) = self.remote_records()?.into_iter().next() else {
            let what = "two devices meet at a provider, and this vault has none";
            return Err(Error::new(ErrorKind::Usage, what)
                .with_hint("`strongroom provider add URL` gives it one"));
        };
        if self.knows_all(&mut vault)? {
            return Ok(record);
        }
        let what = format!("{} does not answer: two devices meet there", record.url);
        Err(Error::new(ErrorKind::Unreachable, what).with_hint("try again later"))
    }

    fn host(
        &self,
        mailbox: &mut Mailbox<'_>,
        promised: Promised,
        record: &RemoteRecord,
        person: &dyn PairingPerson,
        progress: &dyn Progress,
    ) -> Result<JoinedInfo> {
        let wrong = |error: PairingError| pairing_error(&error);
        let share = mailbox.wait(0, progress)?;
        let (shown, reveal) = promised.answered(&share, &mut SystemRng).map_err(wrong)?;
        mailbox.put(&reveal)?;
        let host = shown.confirmed(&mailbox.wait(1, progress)?).map_err(wrong)?;
        if !person.same(host.words())? {
            return Err(different());
        }
        let me = self.secrets.principal;
        mailbox.put(&host.invite(me).map_err(wrong)?)?;
        let guest = host.guest(&mailbox.wait(2, progress)?, me).map_err(wrong)?;
        let head = self.take_device(&guest)?;
        self.hand_over(mailbox, &host, record, head)?;
        // Whatever becomes of the last word, the device is one of the person's from here on.
        let heard = mailbox.wait(3, progress).and_then(|it| host.done(&it).map_err(wrong));
        Ok(JoinedInfo {
            device: guest.device.to_string(),
            name: Some(guest.name).filter(|name| !name.is_empty()),
            answered: heard.is_ok(),
        })
    }

    /// Puts the new device into the key log and has that at the provider. Gives the event.
    fn take_device(&self, guest: &NewDevice) -> Result<KeyEventId> {
        let mut vault = self.vault_bucket()?;
        let unheard = || {
            let what = "the provider does not answer any more; the new device was not added";
            Error::new(ErrorKind::Unreachable, what).with_hint("begin again later")
        };
        if !self.knows_all(&mut vault)? {
            return Err(unheard());
        }
        let (mut stored, _) = self.stored_log(&vault)?;
        let NewDevice { device, kem, possession, .. } = guest.clone();
        let change = Change::AddDevice { device, kem, possession };
        stored.change(&self.secrets, self.clock.now_secs(), change)?;
        let mut changes = vec![self.internal_change(&vault, KEY_LOG, stored.encode())?];
        if !guest.name.is_empty() {
            changes.push(self.name_change(&vault, device, &guest.name)?);
        }
        self.write(&vault, changes)?;
        if !self.push(&mut vault, &Quiet)? {
            return Err(unheard());
        }
        Ok(stored.verify()?.head())
    }

    fn hand_over(
        &self,
        mailbox: &mut Mailbox<'_>,
        host: &Host,
        record: &RemoteRecord,
        head: KeyEventId,
    ) -> Result<()> {
        let meta = self.replica.meta()?;
        let vault = self.vault_bucket()?;
        let kept = self.remote_records()?.into_iter().find(|it| it.no == record.no);
        let record = kept.unwrap_or_else(|| record.clone());
        let recovery_public = super::provider::recovery_public(&meta)?.to_bytes();
        let gift = Gift {
            principal: self.secrets.principal,
            head,
            agree: self.agree_seed().to_secret_bytes(),
            vault_bucket: vault.record.id,
            member_seed: vault.record.member_seed.clone(),
            member_chain: vault.record.member_chain.clone(),
            checkpoint: self.newest_checkpoint(&vault)?,
            recovery_public,
            recovery_locator: meta.recovery_locator.clone(),
            providers: vec![GiftProvider {
                url: record.url,
                key: record.key,
                vault: record.vault,
                vault_seed: record.vault_seed,
                record_counter: record.record_counter,
            }],
        };
        mailbox.put(&host.give(&gift).map_err(|error| pairing_error(&error))?)
    }

    /// Makes this device one of a person's, with another device of theirs that shows a code.
    /// `name`: what this device is to be called; may be empty.
    pub fn join_by_code(
        home: &Home,
        code: GivenCode,
        passphrase: &Passphrase,
        name: &str,
        person: &dyn PairingPerson,
        progress: &dyn Progress,
    ) -> Result<Self> {
        refuse_existing(home)?;
        check_passphrase(passphrase)?;
        check_device_name(name)?;
        let (key, url, pin) = code.into_parts();
        let parsed: ProviderUrl = url.parse().map_err(RemoteError::from)?;
        let url = parsed.to_string();
        let runtime = Runtime::new().map_err(|e| Error::io("cannot start the network", &e))?;
        let remote = runtime.block_on(Remote::connect(parsed, pin, Options::default()))?;
        let mut mailbox = Mailbox::of(&runtime, &remote, &key, Side::Guest);
        let taken = Self::guest(&mut mailbox, key, name, person, progress);
        let (secrets, gift) = match taken {
            Ok(taken) => taken,
            Err(error) => {
                mailbox.refuse();
                return Err(error);
            }
        };
        let vault = Self::unpacked(home, secrets, &gift, &url, remote.thumbprint(), progress)?;
        vault.write_key_store(passphrase)?;
        let done = Guest::done(&gift.1).map_err(|error| pairing_error(&error))?;
        // The vault is here, whether or not the other device hears of it.
        let _ = mailbox.put(&done);
        for record in vault.remote_records()? {
            vault.absorb_buckets(&record, progress)?;
        }
        Ok(vault)
    }

    fn guest(
        mailbox: &mut Mailbox<'_>,
        key: CodeKey,
        name: &str,
        person: &dyn PairingPerson,
        progress: &dyn Progress,
    ) -> Result<(Secrets, (Gift, Guest))> {
        let wrong = |error: PairingError| pairing_error(&error);
        let commit = mailbox.wait(0, progress)?;
        let (waiting, share) = Waiting::begin(key, &commit, &mut SystemRng).map_err(wrong)?;
        mailbox.put(&share)?;
        let reveal = mailbox.wait(1, progress)?;
        let (guest, confirm) = waiting.shown(&reveal, &mut SystemRng).map_err(wrong)?;
        mailbox.put(&confirm)?;
        if !person.same(guest.words())? {
            return Err(different());
        }
        let principal = guest.invited(&mailbox.wait(2, progress)?).map_err(wrong)?;
        let mut rng = SystemRng;
        // The person's agree key comes with the gift.
        let unknown = AgreeSeed::generate(&mut rng);
        let mut secrets = Secrets::generate(principal, unknown, &mut rng);
        let kem = secrets.device_agree.pair().public().to_bytes();
        let device = secrets.device.public();
        let possession = secrets.device.sign(&possession_input(principal, &device, &kem));
        let joining = NewDevice { device, kem, possession, name: name.to_owned() };
        mailbox.put(&guest.join(&joining).map_err(wrong)?)?;
        let gift = guest.take(&mailbox.wait(3, progress)?).map_err(wrong)?;
        if gift.principal != principal {
            return Err(Error::damaged("the other device named two persons"));
        }
        secrets.agree = AgreeSeed::from_secret_bytes(&gift.agree);
        secrets.vault_bucket = gift.vault_bucket;
        Ok((secrets, (gift, guest)))
    }

    /// A vault from a gift. The key store is not written yet.
    fn unpacked(
        home: &Home,
        secrets: Secrets,
        (gift, _): &(Gift, Guest),
        url: &str,
        provider: Thumbprint,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let Some(kept) = gift.providers.iter().find(|it| it.key == provider) else {
            return Err(Error::damaged("the other device's vault is not kept at this provider"));
        };
        let public = KemPublic::from_bytes(&gift.recovery_public).map_err(Error::damaged)?;
        let vault = Self::fresh(home, secrets)?;
        vault.write_meta(&public, &Locator::from_secret_bytes(&gift.recovery_locator))?;
        let contents = RecordContents {
            principal: gift.principal,
            agree: gift.agree.clone(),
            vault_bucket: gift.vault_bucket,
            member_seed: gift.member_seed.clone(),
            member_chain: gift.member_chain.clone(),
            vault: kept.vault,
            vault_seed: kept.vault_seed.clone(),
            checkpoint: gift.checkpoint,
        };
        let record = RemoteRecord {
            no: 1,
            url: url.to_owned(),
            key: provider,
            vault: kept.vault,
            vault_seed: kept.vault_seed.clone(),
            buckets: vec![gift.vault_bucket],
            record_counter: kept.record_counter,
            record_reads: 0,
        };
        vault.keep_recovered(&contents, &record)?;
        let mut bucket = vault.vault_bucket()?;
        let (_, log) = vault.fetch_vault(&mut bucket, &record, gift.checkpoint, progress)?;
        let here = vault.secrets.device.public();
        if !log.contains(&gift.head) || log.device(&here).is_none() {
            return Err(Error::damaged(
                "this provider shows an older state of the vault than the other device has",
            ));
        }
        vault.exchange_as_author(&mut bucket, &record, progress)?;
        Ok(vault)
    }
}

/// Refuses what cannot be the name of a device.
pub(super) fn check_device_name(name: &str) -> Result<()> {
    if is_device_name(name) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Usage, format!("`{name}` cannot be the name of a device"))
        .with_hint("up to 128 bytes, without `/`, `:` and marks nobody sees"))
}
