//! The provider sees nothing: a thousand distinctive strings of a tree, its names and paths, the
//! passphrase and the words are searched in its data, its log at the finest level, and its memory.
//! None is there. The same search finds them in the tree, and finds in the provider's memory what
//! must be there.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use strongroom_client::{Passphrase, Quiet};

use crate::support::{Device, Dice, place, put};
use crate::worker::{Daemon, anywhere};

/// Sixteen letters that stand nowhere else in the world, this program included.
fn word(dice: &mut Dice) -> String {
    (0..16).map(|_| char::from(b'a' + dice.below(26) as u8)).collect()
}

/// What is searched for, by its first eight bytes.
struct Needles {
    by_start: std::collections::HashMap<[u8; 8], Vec<usize>>,
    all: Vec<Vec<u8>>,
}

impl Needles {
    fn new(all: Vec<Vec<u8>>) -> Self {
        let mut by_start: std::collections::HashMap<_, Vec<usize>> =
            std::collections::HashMap::default();
        for (n, needle) in all.iter().enumerate() {
            by_start.entry(*needle.first_chunk().unwrap()).or_default().push(n);
        }
        Self { by_start, all }
    }

    /// Marks what stands in these bytes.
    fn search(&self, bytes: &[u8], found: &mut [bool]) {
        // One bit for each pair of first bytes: most places are left after one look.
        let mut pairs = vec![false; 65_536];
        for start in self.by_start.keys() {
            pairs[usize::from(u16::from_le_bytes([start[0], start[1]]))] = true;
        }
        for at in 0..bytes.len().saturating_sub(7) {
            if !pairs[usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]))] {
                continue;
            }
            let Some(ids) = self.by_start.get(&bytes[at..at + 8]) else { continue };
            for id in ids {
                found[*id] |= bytes[at..].starts_with(&self.all[*id]);
            }
        }
    }

    fn in_bytes(&self, bytes: &[u8]) -> Vec<String> {
        let mut found = vec![false; self.all.len()];
        self.search(bytes, &mut found);
        self.named(&found)
    }

    fn in_files(&self, dir: &Path) -> Vec<String> {
        let mut found = vec![false; self.all.len()];
        for path in files(dir) {
            self.search(&std::fs::read(&path).unwrap(), &mut found);
            self.search(path.to_str().unwrap().as_bytes(), &mut found);
        }
        self.named(&found)
    }

    /// Everything the process can read of itself, region by region.
    fn in_memory(&self, process: u32) -> Vec<String> {
        let mut found = vec![false; self.all.len()];
        let mut memory = std::fs::File::open(format!("/proc/{process}/mem")).unwrap();
        let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
        let mut seen = 0;
        for line in maps.lines() {
            let mut fields = line.split(' ');
            let (range, rights) = (fields.next().unwrap(), fields.next().unwrap());
            if !rights.starts_with('r') || line.ends_with("[vvar]") {
                continue;
            }
            let (from, to) = range.split_once('-').unwrap();
            let number = |text| u64::from_str_radix(text, 16).unwrap();
            let (from, to) = (number(from), number(to));
            if memory.seek(SeekFrom::Start(from)).is_err() {
                continue;
            }
            let mut bytes = Vec::new();
            // What cannot be read is not there: a region that ended meanwhile, or the kernel's.
            let _ = (&mut memory).take(to - from).read_to_end(&mut bytes);
            seen += bytes.len();
            self.search(&bytes, &mut found);
        }
        assert!(seen > 1 << 20, "only {seen} bytes of memory were seen");
        self.named(&found)
    }

    fn named(&self, found: &[bool]) -> Vec<String> {
        let names = self.all.iter().map(|needle| String::from_utf8_lossy(needle).into_owned());
        names.zip(found).filter(|(_, found)| **found).map(|(name, _)| name).collect()
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut stack = vec![dir.to_owned()];
    while let Some(dir) = stack.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { stack.push(path) } else { found.push(path) }
        }
    }
    found
}

#[test]
fn a_thousand_strings_of_a_tree_are_nowhere_at_the_provider() {
    let data = tempfile::tempdir().unwrap();
    let logs = tempfile::tempdir().unwrap();
    let log = logs.path().join("log");
    let daemon = Daemon::logging(anywhere(), data.path(), log.to_str().unwrap());
    // The seed is drawn anew: the provider is this program, and what stands in its code would be
    // found in its memory.
    let seed = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    let mut dice = Dice(seed);
    let passphrase = word(&mut dice);
    let alice = Device::under(&Passphrase::new(passphrase.clone()));
    alice.vault.add_provider(&daemon.url, None).unwrap();

    let mut strings = Vec::new();
    let mut say = |dice: &mut Dice| {
        let word = word(dice);
        strings.push(word.clone());
        word
    };
    for _ in 0..21 {
        let dir = say(&mut dice);
        for _ in 0..12 {
            let name = say(&mut dice);
            let (first, second) = (say(&mut dice), say(&mut dice));
            alice.write(
                &format!("source/{dir}/{name}.txt"),
                format!("{first} is a friend of {second}.\n"),
            );
        }
    }
    for _ in 0..4 {
        // Large ones, cut into chunks, with words at their borders.
        let (name, target) = (say(&mut dice), say(&mut dice));
        let mut content = String::new();
        while content.len() < 1_200_000 {
            content.push_str(&target);
            content.push(' ');
        }
        for _ in 0..60 {
            content.push_str(&say(&mut dice));
        }
        alice.write(&format!("source/{name}"), content);
        std::os::unix::fs::symlink(say(&mut dice), alice.path("source").join(say(&mut dice)))
            .unwrap();
    }
    let (label, find) = (say(&mut dice), say(&mut dice));
    assert!(strings.len() >= 1_000, "{}", strings.len());

    // A day's work: everything that talks to the provider.
    put(&alice.vault, &alice.path("source"), "/tree");
    put(&alice.vault, &alice.path("source"), "/tree");
    alice.vault.create_bucket(&label).unwrap();
    put(&alice.vault, &alice.path("source"), &format!("{label}:/{find}"));
    alice.vault.remove(&place(&format!("{label}:/{find}")), true).unwrap();
    alice.vault.undelete(&place(&format!("{label}:/{find}"))).unwrap();
    alice
        .vault
        .rename(&place(&format!("{label}:/{find}")), &place(&format!("{label}:/x")), &Quiet)
        .unwrap();
    alice.sync();
    let other = Device::recovered(&daemon.url, &alice.phrase);
    crate::support::get(&other.vault, "/tree", &other.path("back"));
    crate::support::assert_same_tree(&alice.path("source"), &other.path("back"));
    let privacy = alice.vault.privacy().unwrap();
    assert!(!privacy.is_empty());
    other.assert_whole();

    let mut secrets: Vec<Vec<u8>> = strings.iter().map(|text| text.clone().into_bytes()).collect();
    secrets.push(passphrase.into());
    secrets.push(alice.phrase.clone().into());
    // Words of the phrase in a row; one alone is in every dictionary.
    let words: Vec<&str> = alice.phrase.split(' ').collect();
    secrets.extend(words.windows(3).map(|three| three.join(" ").into_bytes()));
    secrets.push(alice.vault.principal().into_bytes());
    let needles = Needles::new(secrets);

    // The same search finds them where they are.
    let mut tree = Vec::new();
    for path in files(&alice.path("source")) {
        tree.extend_from_slice(path.to_str().unwrap().as_bytes());
        match std::fs::read_link(&path) {
            Ok(target) => tree.extend_from_slice(target.to_str().unwrap().as_bytes()),
            Err(_) => tree.extend(std::fs::read(&path).unwrap()),
        }
        tree.push(0);
    }
    assert_eq!(needles.in_bytes(&tree).len(), strings.len() - 2);

    // In the provider's memory is what must be there, and nothing of those.
    let process = daemon.worker.id();
    let planted =
        Needles::new(vec![data.path().to_str().unwrap().into(), b"STRONGROOM_TEST_ROLE".to_vec()]);
    assert_eq!(planted.in_memory(process).len(), 2);
    assert_eq!(needles.in_memory(process), Vec::<String>::new());

    assert_eq!(needles.in_files(data.path()), Vec::<String>::new());
    daemon.worker.terminate();
    assert_eq!(needles.in_files(data.path()), Vec::<String>::new());
    // It logs little even at its finest; that it logs at all shows at its end.
    let logged = std::fs::read(&log).unwrap();
    let end = Needles::new(vec![b"strongroom_server".to_vec()]);
    assert_eq!(end.in_bytes(&logged).len(), 1, "{}", String::from_utf8_lossy(&logged));
    assert_eq!(needles.in_bytes(&logged), Vec::<String>::new());
}
