//! A person with a phone and a laptop at a provider that may be evil.

use std::collections::BTreeMap;
use std::sync::Mutex;

use strongroom_client::{
    Error, ErrorKind, GetOptions, Home, Passphrase, Place, PutOptions, Quiet, Source, SyncReport,
    Unlock, Vault,
};
use strongroom_evil::{EvilProvider, Needles, Rule};
use strongroom_wire::cbor::Reader;
use tempfile::TempDir;

/// The phone's address of the provider.
pub const PHONE: usize = 0;
/// The laptop's.
pub const LAPTOP: usize = 1;
/// Anybody else's.
pub const OTHER: usize = 2;

/// Bytes of a file that takes three chunks.
pub const LARGE: usize = 2_500_000;

pub fn passphrase() -> Passphrase {
    Passphrase::new("correct horse battery staple".to_owned())
}

/// What a device knows of all buckets: bucket and path → version; and how many entries it has.
pub type Picture = (BTreeMap<String, String>, u64);

/// One device.
pub struct Device {
    pub folder: TempDir,
    pub vault: Vault,
}

impl Device {
    pub fn home(&self) -> Home {
        Home::at(self.folder.path().join("home"))
    }

    pub fn picture(&self) -> Picture {
        let (mut shown, mut entries) = (BTreeMap::new(), 0);
        for bucket in self.vault.buckets().unwrap() {
            entries += bucket.entries;
            let place = Place::parse(&format!("{}:/", bucket.did)).unwrap();
            for listed in self.vault.list(&place, true).unwrap() {
                let path = format!("{}:{} {}", bucket.label, listed.path, listed.name);
                shown.insert(path, listed.version);
            }
        }
        (shown, entries)
    }

    /// Puts a file of these bytes.
    pub fn put(&self, path: &str, content: &[u8]) {
        self.put_with(path, content, &PutOptions::default());
    }

    pub fn put_with(&self, path: &str, content: &[u8], options: &PutOptions) {
        let report = self.try_put(path, content, options).unwrap();
        assert!(report.refused.is_empty(), "{:?}", report.refused);
    }

    pub fn try_put(
        &self,
        path: &str,
        content: &[u8],
        options: &PutOptions,
    ) -> Result<strongroom_client::PutReport, Error> {
        let file = self.folder.path().join("source");
        std::fs::write(&file, content).unwrap();
        let place = Place::parse(path).unwrap();
        self.vault.put(&[Source::Path(file)], &place, options, &Quiet)
    }

    /// What is at a path.
    pub fn cat(&self, path: &str) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        self.vault.cat(&Place::parse(path).unwrap(), None, &mut out, &Quiet)?;
        Ok(out)
    }

    /// Gets a document; what was written, if anything was.
    pub fn get(&self, path: &str) -> Result<Vec<u8>, (Error, Option<Vec<u8>>)> {
        let to = self.folder.path().join("got");
        let _ = std::fs::remove_file(&to);
        let options = GetOptions::default();
        let done = self.vault.get(&Place::parse(path).unwrap(), &to, &options, &Quiet);
        let written = std::fs::read(&to).ok();
        match done {
            Ok(report) if report.refused.is_empty() => Ok(written.unwrap()),
            Ok(report) => {
                let reason = report.refused[0].reason.clone();
                Err((Error::new(ErrorKind::Damaged, reason), written))
            }
            Err(error) => Err((error, written)),
        }
    }

    pub fn sync(&self) -> Result<SyncReport, Error> {
        self.vault.sync(&Quiet)
    }

    /// A synchronisation in which nothing is wrong.
    #[track_caller]
    pub fn sync_well(&self) {
        let report = self.sync().unwrap();
        assert!(report.refused.is_empty() && report.unreachable.is_empty(), "{report:?}");
    }

    /// A synchronisation in which the provider was caught; gives what is told.
    #[track_caller]
    pub fn sync_catches(&self, what: &str) -> String {
        match self.sync() {
            Ok(report) => {
                let told: Vec<String> = report
                    .refused
                    .iter()
                    .chain(&report.unreachable)
                    .map(|refused| refused.reason.clone())
                    .collect();
                assert!(!told.is_empty(), "{what}: nothing was noticed: {report:?}");
                told.join("; ")
            }
            Err(error) => {
                documented(&error, what);
                error.to_string()
            }
        }
    }

    /// Opens the vault again, as the next command does.
    pub fn reopened(self) -> Self {
        let Self { folder, vault } = self;
        drop(vault);
        let home = Home::at(folder.path().join("home"));
        let vault = Vault::open(&home, Unlock::Passphrase(&passphrase())).unwrap();
        Self { folder, vault }
    }
}

/// The error is one a person can do something with: of a kind with an exit code of its own, in
/// words.
#[track_caller]
pub fn documented(error: &Error, what: &str) {
    let kinds = [
        ErrorKind::Damaged,
        ErrorKind::Refused,
        ErrorKind::Unreachable,
        ErrorKind::NotFound,
        ErrorKind::Conflict,
    ];
    assert!(kinds.contains(&error.kind()), "{what}: {:?}: {error}", error.kind());
    assert!(error.to_string().len() > 10, "{what}: {error}");
}

/// Alice, her phone with a vault, and her provider.
pub struct World {
    pub evil: EvilProvider,
    pub phone: Device,
    pub phrase: String,
    needles: Mutex<Vec<Vec<u8>>>,
    count: Mutex<u32>,
}

impl World {
    /// A vault with one letter in it, at a provider that is honest so far.
    pub fn new() -> Self {
        let evil = EvilProvider::start();
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("home"));
        let (vault, phrase) = Vault::create(&home, &passphrase()).unwrap();
        vault.add_provider(evil.url(PHONE), None).unwrap();
        let phrase = phrase.to_string();
        let phone = Device { folder, vault };
        let (needles, count) = (Mutex::default(), Mutex::new(0));
        let world = Self { evil, phone, phrase, needles, count };
        world.keep_secret(world.phrase.as_bytes());
        world.keep_secrets_of(&world.phone);
        world.letter();
        world
    }

    /// The same with a second device.
    pub fn with_laptop() -> (Self, Device) {
        let world = Self::new();
        let laptop = world.recover(LAPTOP).unwrap();
        (world, laptop)
    }

    /// Brings the vault back to a new device, by one of the provider's addresses.
    pub fn recover(&self, door: usize) -> Result<Device, Error> {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("home"));
        let url = self.evil.url(door);
        let vault = Vault::recover(&home, url, &self.phrase, &passphrase(), &Quiet)?;
        let device = Device { folder, vault };
        self.keep_secrets_of(&device);
        Ok(device)
    }

    /// These bytes must not be in the traffic.
    pub fn keep_secret(&self, bytes: &[u8]) {
        self.needles.lock().unwrap().push(bytes.to_vec());
    }

    /// The device's own secrets: four keys of 32 bytes.
    fn keep_secrets_of(&self, device: &Device) {
        let bytes = device.vault.key_store_bytes();
        let mut r = Reader::new(&bytes);
        r.array_exact(7).unwrap();
        r.u8().unwrap();
        r.bytes(32).unwrap();
        for _ in 0..4 {
            let key: [u8; 32] = r.bytes_exact().unwrap();
            self.keep_secret(&key);
            let hex: Vec<_> = key.iter().map(|byte| format!("{byte:02x}")).collect();
            self.keep_secret(hex.concat().as_bytes());
        }
    }

    /// A text nobody else has, of this many bytes; to be found nowhere.
    pub fn text(&self, len: usize) -> Vec<u8> {
        let mut count = self.count.lock().unwrap();
        *count += 1;
        let line = format!("Dear Bob, letter {count} is for your eyes only, {}. ", nonce());
        let text: Vec<u8> = line.bytes().cycle().take(len).collect();
        self.keep_secret(&text[..len.min(40)]);
        text
    }

    /// The phone puts one more letter; gives its path.
    pub fn letter(&self) -> String {
        let text = self.text(300);
        let path = format!("/confidential letter {}", self.count.lock().unwrap());
        self.keep_secret(&path.as_bytes()[1..]);
        self.phone.put(&path, &text);
        path
    }

    /// Adds a rule.
    pub fn play(&self, rule: Rule) -> std::sync::Arc<Rule> {
        self.evil.play(rule)
    }

    /// Nothing secret went over the wires or rests at the provider.
    #[track_caller]
    pub fn nothing_leaked(&self) {
        let public = Needles::new([b"/frames".to_vec()]);
        assert!(self.evil.tap().search(&public).is_some(), "the search is blind");
        let secret = Needles::new(self.needles.lock().unwrap().iter().cloned());
        if let Some((needle, place)) = self.evil.tap().search(&secret) {
            panic!("{:?} is in {place}", String::from_utf8_lossy(&needle));
        }
        for bytes in self.evil.stored() {
            let found = secret.find(&bytes).map(String::from_utf8_lossy);
            assert!(found.is_none(), "{found:?} is in the provider's store");
        }
    }

    /// The end of every row: `device` is as it was, nothing leaked, and everything works with an
    /// honest provider.
    #[track_caller]
    pub fn closing(&self, device: &Device, before: &Picture) {
        assert_eq!(device.picture(), *before, "the replica changed");
        self.works_again(device);
    }

    /// Everything works with an honest provider; nothing leaked.
    #[track_caller]
    pub fn works_again(&self, device: &Device) {
        self.evil.honest();
        let path = self.letter();
        // The first may still tell of what was wrong before.
        self.phone.sync().unwrap();
        device.sync().unwrap();
        self.phone.sync_well();
        device.sync_well();
        assert_eq!(device.cat(&path).unwrap(), self.phone.cat(&path).unwrap());
        assert_eq!(device.picture().0, self.phone.picture().0);
        let report = device.vault.verify(false, &Quiet).unwrap();
        assert!(report.damaged.is_empty(), "{:?}", report.damaged);
        assert!(report.remotes_equal.iter().all(|(_, equal)| *equal), "{report:?}");
        self.nothing_leaked();
    }
}

/// Tries cases against a laptop that has something to fetch: the phone has written, the rule
/// stands, the laptop synchronises. It must notice, and show nothing new; and it must have
/// everything when the provider is honest again.
#[track_caller]
pub fn refused_by_sync(cases: Vec<(&str, Rule)>) {
    let (world, laptop) = World::with_laptop();
    world.letter();
    laptop.sync_well();
    let count = cases.len();
    for (what, rule) in cases {
        world.letter();
        let before = laptop.picture();
        let rule = world.play(rule.at(LAPTOP));
        laptop.sync_catches(what);
        assert!(rule.fired() > 0, "{what}: the script did nothing");
        assert_eq!(laptop.picture(), before, "{what}: the replica changed");
        world.evil.honest();
        laptop.sync_well();
        assert_eq!(laptop.picture().0, world.phone.picture().0, "{what}: afterwards");
    }
    assert!(count > 0);
    world.works_again(&laptop);
}

/// The same for a device that comes back from the phrase.
#[track_caller]
pub fn refused_by_recover(world: &World, cases: Vec<(&str, Rule)>) {
    assert!(world.recover(OTHER).is_ok(), "honest");
    for (what, rule) in cases {
        let rule = world.play(rule.at(OTHER));
        let error = world.recover(OTHER).map(|_| ()).expect_err(what);
        documented(&error, what);
        assert!(rule.fired() > 0, "{what}: the script did nothing");
        world.evil.honest();
    }
    let again = world.recover(OTHER).unwrap();
    world.works_again(&again);
}

fn nonce() -> String {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).unwrap();
    u64::from_be_bytes(bytes).to_string()
}
