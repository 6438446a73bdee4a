//! What the stories need: a provider in this process, devices with vaults, trees and a way to
//! compare them, dice.

use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use strongroom_client::{
    GetOptions, GetReport, Home, Passphrase, Place, PutOptions, PutReport, Quiet, Source, Unlock,
    Vault,
};
use strongroom_server::{Config, EdvConfig, EdvPolicy, Metrics, Tuning, open, serve_provider};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// Opens every key store here.
pub const PASSPHRASE: &str = "correct horse battery staple";

/// Where a content stands in its entry, up to this many bytes.
pub const INLINE_MAX: usize = 64_000;
/// Plain bytes of one chunk.
pub const PIECE: usize = 1_048_560;

/// Limits that a test with hundreds of devices on one address does not meet.
pub fn generous() -> Tuning {
    Tuning {
        sign_ups_per_hour: 1_000_000,
        session_opens_per_minute: 1_000_000,
        record_reads_per_hour: 1_000_000,
        record_reads_per_hour_each: 1_000_000,
        link_reads_per_hour: 1_000_000,
        drain: Duration::from_secs(2),
        ..Tuning::default()
    }
}

/// A provider in this process.
pub struct Provider {
    pub url: String,
    pub metrics: Arc<Metrics>,
    address: SocketAddr,
    data: TempDir,
    runtime: Option<Runtime>,
    stop: Option<oneshot::Sender<()>>,
    served: Option<tokio::task::JoinHandle<()>>,
}

/// A provider that is away: its port and its data.
pub struct Away {
    address: SocketAddr,
    data: TempDir,
}

impl Provider {
    pub fn start() -> Self {
        Self::on(SocketAddr::from(([127, 0, 0, 1], 0)), tempfile::tempdir().unwrap(), 0)
    }

    pub fn with_quota(quota_bytes: u64) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::on(address, tempfile::tempdir().unwrap(), quota_bytes)
    }

    fn on(listen: SocketAddr, data: TempDir, quota_bytes: u64) -> Self {
        Self::try_on(listen, data, quota_bytes).unwrap_or_else(|_| panic!("no provider starts"))
    }

    /// The data is given back if no provider starts on it.
    fn try_on(listen: SocketAddr, data: TempDir, quota_bytes: u64) -> Result<Self, TempDir> {
        let config = Config {
            data: Some(data.path().to_owned()),
            listen,
            quota_bytes,
            edv: EdvConfig { base: None, policy: EdvPolicy::Open },
            tuning: generous(),
            ..Config::in_memory()
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let Ok(provider) = runtime.block_on(open(config)) else { return Err(data) };
        let metrics = provider.metrics();
        let (tell, told) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = runtime.spawn(async move {
            let stop = async move { drop(stopped.await) };
            serve_provider(provider, |ready| drop(tell.send(ready)), stop).await.unwrap();
        });
        let ready = runtime.block_on(told).unwrap();
        Ok(Self {
            url: ready.url,
            metrics,
            address: ready.address,
            data,
            runtime: Some(runtime),
            stop: Some(stop),
            served: Some(served),
        })
    }

    fn end(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        let _ = self.stop.take().map(|stop| stop.send(()));
        if let Some(served) = self.served.take() {
            let _ = runtime.block_on(served);
        }
        // Waits for everything that holds the store, so that it can be opened again.
        runtime.shutdown_timeout(Duration::from_secs(30));
    }

    /// It goes away.
    pub fn stop(mut self) -> Away {
        self.end();
        let data = std::mem::replace(&mut self.data, tempfile::tempdir().unwrap());
        Away { address: self.address, data }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.end();
    }
}

impl Away {
    /// It is back, at the same address, with its data.
    pub fn back(self) -> Provider {
        Provider::on(self.address, self.data, 0)
    }

    /// It tries to come back.
    pub fn try_back(self) -> Result<Provider, Self> {
        let address = self.address;
        Provider::try_on(address, self.data, 0).map_err(|data| Self { address, data })
    }

    /// Its data is replaced.
    pub fn with_data(self, data: TempDir) -> Self {
        Self { address: self.address, data }
    }

    /// At the same address is a provider that never heard of anybody.
    pub fn replaced(self) -> Provider {
        Provider::on(self.address, tempfile::tempdir().unwrap(), 0)
    }

    pub fn data(&self) -> &Path {
        self.data.path()
    }
}

/// A device of Alice's: a folder with a home in it, and the vault opened.
pub struct Device {
    pub folder: TempDir,
    pub home: Home,
    pub phrase: String,
    pub vault: Vault,
}

pub fn passphrase() -> Passphrase {
    Passphrase::new(PASSPHRASE.into())
}

pub fn place(text: &str) -> Place {
    Place::parse(text).unwrap()
}

impl Device {
    /// A vault that no provider knows of.
    pub fn alone() -> Self {
        Self::under(&passphrase())
    }

    /// A vault under this passphrase that no provider knows of.
    pub fn under(passphrase: &Passphrase) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("home"));
        let (vault, phrase) = Vault::create(&home, passphrase).unwrap();
        Self { folder, home, phrase: phrase.to_string(), vault }
    }

    /// A vault at this provider.
    pub fn at(provider: &Provider) -> Self {
        let device = Self::alone();
        device.vault.add_provider(&provider.url, None).unwrap();
        device
    }

    /// Another device of the same person, from the words alone.
    pub fn second(&self, provider: &Provider) -> Self {
        Self::recovered(&provider.url, &self.phrase)
    }

    pub fn recovered(url: &str, phrase: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("home"));
        let vault = Vault::recover(&home, url, phrase, &passphrase(), &Quiet).unwrap();
        Self { folder, home, phrase: phrase.to_owned(), vault }
    }

    /// The same vault, as another command opens it.
    pub fn open(&self) -> Vault {
        Vault::open(&self.home, Unlock::Passphrase(&passphrase())).unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Puts a file of this content.
    #[track_caller]
    pub fn put_text(&self, at: &str, content: impl AsRef<[u8]>) -> PutReport {
        let file = self.write("put-text", content);
        put(&self.vault, &file, at)
    }

    #[track_caller]
    pub fn sync(&self) {
        let report = self.vault.sync(&Quiet).unwrap();
        assert_eq!((report.unreachable, report.refused), (vec![], vec![]));
    }

    #[track_caller]
    pub fn cat(&self, at: &str) -> Vec<u8> {
        cat(&self.vault, at).unwrap()
    }

    /// Every listed path, with a mark for conflicts.
    pub fn listing(&self) -> Vec<(String, bool)> {
        let all = self.vault.list(&place("/"), true).unwrap();
        all.into_iter().map(|one| (one.path, one.conflict)).collect()
    }

    /// Checks everything on this device and at the provider; nothing may be wrong.
    #[track_caller]
    pub fn assert_whole(&self) {
        assert_whole(&self.vault);
    }
}

#[track_caller]
pub fn assert_whole(vault: &Vault) {
    let report = vault.verify(true, &Quiet).unwrap();
    assert_eq!(report.damaged, [], "{report:?}");
    assert!(report.remotes_equal.iter().all(|(_, equal)| *equal), "{report:?}");
    assert!(report.entries > 0);
}

#[track_caller]
pub fn put(vault: &Vault, source: &Path, at: &str) -> PutReport {
    let report = try_put(vault, source, at).unwrap();
    assert_eq!(report.refused, []);
    report
}

pub fn try_put(vault: &Vault, source: &Path, at: &str) -> strongroom_client::Result<PutReport> {
    vault.put(&[Source::Path(source.to_owned())], &place(at), &PutOptions::default(), &Quiet)
}

#[track_caller]
pub fn get(vault: &Vault, at: &str, to: &Path) -> GetReport {
    let report = vault.get(&place(at), to, &GetOptions::default(), &Quiet).unwrap();
    assert_eq!(report.refused, []);
    report
}

pub fn cat(vault: &Vault, at: &str) -> strongroom_client::Result<Vec<u8>> {
    let mut out = Vec::new();
    vault.cat(&place(at), None, &mut out, &Quiet).map(|_| out)
}

/// Dice that fall the same way for the same seed (SplitMix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// Bytes that no compression and no padding makes shorter, the same for the same seed.
pub fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut dice = Dice(seed);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        bytes.extend_from_slice(&dice.next().to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Sets a file's mode and time.
pub fn dress(path: &Path, mode: u32, modified_secs: i64, nanos: u32) {
    let at = if modified_secs >= 0 {
        SystemTime::UNIX_EPOCH + Duration::from_secs(modified_secs.unsigned_abs())
    } else {
        SystemTime::UNIX_EPOCH - Duration::from_secs(modified_secs.unsigned_abs())
    };
    let file = std::fs::File::open(path).unwrap();
    file.set_modified(at + Duration::from_nanos(nanos.into())).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

/// A tree with everything a directory can hold: every length at which something changes, deep
/// directories, links, odd names, modes, old times.
pub fn tree(root: &Path) {
    let lengths = [
        0,
        1,
        INLINE_MAX - 1,
        INLINE_MAX,
        INLINE_MAX + 1,
        65_536,
        PIECE - 1,
        PIECE,
        PIECE + 1,
        1_048_575,
        1_048_576,
        1_048_577,
        3 * 1_048_576,
    ];
    std::fs::create_dir_all(root.join("lengths")).unwrap();
    for len in lengths {
        let path = root.join("lengths").join(format!("{len}.bin"));
        std::fs::write(path, noise(len, len as u64)).unwrap();
    }
    let mut deep = root.to_owned();
    for level in 0..40 {
        deep.push(format!("level {level}"));
    }
    std::fs::create_dir_all(&deep).unwrap();
    std::fs::write(deep.join("bottom"), "still here").unwrap();
    let odd = root.join("odd names");
    std::fs::create_dir(&odd).unwrap();
    let long = "n".repeat(255);
    let names = [
        " leading",
        "trailing ",
        "two\nlines",
        "tab\tand \u{7}",
        "Grüße, 世界 🗝",
        "e\u{301} is not \u{e9}",
        "\u{e9} is not e\u{301}",
        "-rf",
        "*?[a]",
        "back\\slash",
        "quo\"te's",
        ".hidden",
        "...",
        "con",
        "a:b",
        "x (conflict 7f3a9c2e).txt",
        &long,
    ];
    for name in names {
        std::fs::write(odd.join(name), name).unwrap();
    }
    symlink("../lengths/1.bin", root.join("odd names/link")).unwrap();
    symlink("nowhere/at all", root.join("dangling")).unwrap();
    symlink("/etc/passwd", root.join("absolute")).unwrap();
    symlink(".", root.join("loop")).unwrap();
    std::fs::create_dir(root.join("empty directory")).unwrap();
    for (name, mode, secs, nanos) in [
        ("script", 0o755, 1_000_000_000, 123_456_789),
        ("private", 0o600, 0, 0),
        ("read only", 0o444, 1, 1),
        ("before 1970", 0o640, -86_400, 500_000_000),
        ("far away", 0o644, 4_102_444_800, 999_999_999),
    ] {
        let path = root.join(name);
        std::fs::write(&path, name).unwrap();
        dress(&path, mode, secs, nanos);
    }
    dress(&root.join("empty directory"), 0o711, 86_400, 0);
    dress(&odd, 0o750, 1_234_567_890, 7);
}

/// What is where below a directory: names, kinds, modes, times, link targets, contents' hashes.
pub fn snapshot(root: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut stack = vec![root.to_owned()];
    while let Some(dir) = stack.pop() {
        for entry in std::fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let meta = path.symlink_metadata().unwrap();
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            let mode = meta.permissions().mode() & 0o777;
            let time = format!("{}.{:09}", meta.mtime(), meta.mtime_nsec());
            lines.push(if meta.is_symlink() {
                format!("{name:?} -> {}", std::fs::read_link(&path).unwrap().display())
            } else if meta.is_dir() {
                stack.push(path);
                format!("{name:?} dir {mode:o} {time}")
            } else {
                let bytes = std::fs::read(&path).unwrap();
                let hash = blake3::hash(&bytes).to_hex();
                format!("{name:?} file {mode:o} {time} {} {hash}", bytes.len())
            });
        }
    }
    lines.sort();
    lines
}

/// Compares two trees, line by line, so that a difference can be read.
#[track_caller]
pub fn assert_same_tree(one: &Path, other: &Path) {
    let (one, other) = (snapshot(one), snapshot(other));
    let only = |a: &[String], b: &[String]| -> Vec<String> {
        a.iter().filter(|line| !b.contains(line)).cloned().collect()
    };
    assert_eq!((only(&one, &other), only(&other, &one)), (vec![], vec![]));
    assert!(!one.is_empty());
}

/// Whether the long form was asked for.
pub fn long() -> bool {
    std::env::var_os("STRONGROOM_LONG").is_some_and(|set| !set.is_empty() && set != "0")
}
