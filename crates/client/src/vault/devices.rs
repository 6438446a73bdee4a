//! The person's devices. Comes in: the key log, names, what was seen of each. Goes out: a list.
//! Must not know: how a device is added or taken out.

use std::collections::BTreeMap;

use strongroom_core::joining::member_facts;
use strongroom_core::keylog::KeyLog;
use strongroom_wire::chain::Verified;
use strongroom_wire::entry::{Entry, Kind};
use strongroom_wire::ids::{AuthorKey, PublicKey};

use super::documents::{DEVICE, decode_settings, encode_settings};
use super::frames::header_of;
use super::pairing::check_device_name;
use super::{Bucket, Change, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::replica::{keys, read_tip};
use crate::report::DeviceInfo;

/// Characters of a key that name a device, at least.
const PREFIX_MIN: usize = 6;

impl Vault {
    /// All devices of this person, this one first; `all`: also those that were taken out.
    pub fn devices(&self, all: bool) -> Result<Vec<DeviceInfo>> {
        let vault = self.vault_bucket()?;
        let (_, log) = self.stored_log(&vault)?;
        let seen = self.devices_seen()?;
        let here = self.secrets.device.public();
        let mut found = Vec::new();
        for (key, device) in log.devices() {
            found.push(DeviceInfo {
                device: key.to_string(),
                name: self.device_name(&vault, *key)?,
                this: *key == here,
                added: device.added_at,
                added_by: device.added_by.map(|by| self.device_called(&vault, by)).transpose()?,
                seen: seen.get(key).copied(),
                removed: None,
            });
        }
        found.sort_by_key(|it| (!it.this, it.added, it.device.clone()));
        for (key, retired) in log.all_retired().filter(|_| all) {
            found.push(DeviceInfo {
                device: key.to_string(),
                name: self.device_name(&vault, *key)?,
                this: *key == here,
                added: 0,
                added_by: None,
                seen: seen.get(key).copied(),
                removed: Some(retired.at),
            });
        }
        Ok(found)
    }

    /// Gives this device a name, which only the person's devices see. Empty: none.
    pub fn name_device(&self, name: &str) -> Result<DeviceInfo> {
        check_device_name(name)?;
        let mut vault = self.vault_bucket()?;
        let change = self.name_change(&vault, self.secrets.device.public(), name)?;
        self.write(&vault, vec![change])?;
        self.push_best_effort(&mut vault)?;
        let devices = self.devices(false)?;
        let this = devices.into_iter().find(|device| device.this);
        this.ok_or_else(|| Error::new(ErrorKind::Refused, "this device was taken out of the vault"))
    }

    pub(super) fn name_change(
        &self,
        vault: &Bucket,
        device: PublicKey,
        name: &str,
    ) -> Result<Change> {
        let text = format!("{DEVICE}{}", device.to_base32());
        self.internal_change(vault, &text, encode_settings(name))
    }

    fn device_name(&self, vault: &Bucket, device: PublicKey) -> Result<Option<String>> {
        let bytes = self.internal(vault, &format!("{DEVICE}{}", device.to_base32()))?;
        let name = bytes.map(|bytes| decode_settings(&bytes)).transpose()?;
        Ok(name.filter(|name| !name.is_empty()))
    }

    /// Its name, or the start of its key.
    pub(super) fn device_called(&self, vault: &Bucket, device: PublicKey) -> Result<String> {
        let short = || device.to_string().chars().take(12).collect();
        Ok(self.device_name(vault, device)?.unwrap_or_else(short))
    }

    /// A device by name, key, or the start of its key: current ones first, then those that were
    /// taken out.
    pub(super) fn device_by(&self, vault: &Bucket, log: &KeyLog, who: &str) -> Result<PublicKey> {
        let current: Vec<PublicKey> = log.devices().map(|(key, _)| *key).collect();
        let gone: Vec<PublicKey> = log.all_retired().map(|(key, _)| *key).collect();
        let bare = who.strip_prefix("key:").unwrap_or(who);
        for all in [current, gone] {
            let mut found = Vec::new();
            for key in all {
                let by_key = bare.len() >= PREFIX_MIN && key.to_base32().starts_with(bare);
                if by_key || self.device_name(vault, key)?.as_deref() == Some(who) {
                    found.push(key);
                }
            }
            match found[..] {
                [] => {}
                [one] => return Ok(one),
                _ => {
                    let what = format!("{} devices are called {who}", found.len());
                    return Err(Error::new(ErrorKind::Usage, what)
                        .with_hint("use the start of a key that `strongroom device ls` shows"));
                }
            }
        }
        Err(Error::new(ErrorKind::NotFound, format!("you have no device called {who}"))
            .with_hint("`strongroom device ls` shows all"))
    }

    /// When each device wrote last, in any bucket.
    fn devices_seen(&self) -> Result<BTreeMap<PublicKey, u64>> {
        let mut seen: BTreeMap<PublicKey, u64> = BTreeMap::new();
        for record in self.records()? {
            let bucket = Bucket::open(record, self)?;
            for (device, author) in self.own_authors(&bucket, &self.control_entries(&bucket)?) {
                let Some(at) = self.last_of(&bucket, author)? else { continue };
                let newest = seen.entry(device).or_default();
                *newest = (*newest).max(at);
            }
        }
        Ok(seen)
    }

    fn last_of(&self, bucket: &Bucket, author: AuthorKey) -> Result<Option<u64>> {
        let row = self.replica.rows().get(&keys::author(bucket.no(), author))?;
        let Some(tip) = row.as_deref().map(read_tip).transpose()? else { return Ok(None) };
        let Some(no) = self.replica.entry_no(bucket.no(), tip.id)? else { return Ok(None) };
        let bytes = self.replica.rows().get(&keys::entry(bucket.no(), no))?;
        bytes.map(|bytes| Ok(header_of(&bytes)?.0.hlc.secs())).transpose()
    }

    /// This person's authors in a bucket, with the device that proved each its own.
    pub(super) fn own_authors(
        &self,
        bucket: &Bucket,
        log: &[Verified<Entry>],
    ) -> Vec<(PublicKey, AuthorKey)> {
        let members = log.iter().filter(|entry| entry.header().kind == Kind::Member);
        let mut found = Vec::new();
        for entry in members {
            let Ok(facts) = member_facts(&bucket.keyring, &bucket.names, entry) else { continue };
            let proof = facts.body.proof.filter(|_| facts.body.principal == self.secrets.principal);
            found.extend(proof.map(|proof| (proof.device, entry.header().author)));
        }
        found
    }
}
