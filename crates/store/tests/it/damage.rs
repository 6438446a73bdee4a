//! Real bytes of a real store, cut and flipped: what was acknowledged is there, or the damage is
//! reported. Never silently wrong.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use strongroom_store::conformance::Dice;
use strongroom_store::{Batch, BlobId, Blobs, Local, Rows, Scan, StoreError};

/// What was acknowledged.
#[derive(Default)]
struct Model {
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    blobs: BTreeMap<BlobId, Vec<u8>>,
}

impl Model {
    fn fill(&mut self, store: &Local, dice: &mut Dice, batches: u64) {
        for n in 0..batches {
            let mut batch = Batch::new();
            for _ in 0..3 {
                let key = dice.below(100).to_be_bytes().to_vec();
                if dice.once_in(5) {
                    batch.delete(key.clone());
                    self.rows.remove(&key);
                } else {
                    let len = dice.below(700) as usize;
                    let value = dice.bytes(len);
                    batch.put(key.clone(), value.clone());
                    self.rows.insert(key, value);
                }
            }
            store.commit(batch).unwrap();
            let id = BlobId(dice.bytes(32).try_into().unwrap());
            let len = if n % 10 == 0 { 30_000 } else { dice.below(900) as usize };
            let bytes = dice.bytes(len);
            store.put(vec![(id, bytes.clone())]).unwrap();
            self.blobs.insert(id, bytes);
            if dice.once_in(4) {
                let gone = *self.blobs.keys().next().unwrap();
                store.delete(&[gone]).unwrap();
                self.blobs.remove(&gone);
            }
        }
    }

    /// Whether the store in `dir` is whole. Panics if it is silently wrong.
    fn verdict(&self, dir: &Path, what: &str) -> Result<(), StoreError> {
        let store = match Local::open(dir) {
            Ok(store) => store,
            Err(error) => return reported(what, error),
        };
        let mut damaged = None;
        let mut note = |error| {
            reported(what, error).unwrap_err();
            damaged = Some(StoreError::corrupt("reported"));
        };
        for (key, value) in &self.rows {
            match Rows::get(&store, key) {
                Ok(found) => assert_eq!(found.as_ref(), Some(value), "{what}: wrong row {key:?}"),
                Err(error) => note(error),
            }
        }
        let mut rows = Vec::new();
        let scanned = store.scan(&Scan::all(), &mut |key, value| {
            rows.push((key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        });
        match scanned {
            Ok(()) => {
                assert!(rows.into_iter().eq(self.rows.clone()), "{what}: wrong rows in a scan");
            }
            Err(error) => note(error),
        }
        match store.list(None, usize::MAX) {
            Ok(ids) => assert!(ids.iter().eq(self.blobs.keys()), "{what}: wrong list of blobs"),
            Err(error) => note(error),
        }
        for (id, bytes) in &self.blobs {
            match Blobs::get(&store, id, 0..u64::MAX) {
                Ok(found) => assert!(found.as_ref() == Some(bytes), "{what}: wrong blob {id}"),
                Err(error) => note(error),
            }
        }
        let found = store.check(true).unwrap();
        assert_eq!(found.is_clean(), damaged.is_none(), "{what}: check says {:?}", found.damaged);
        damaged.map_or(Ok(()), Err)
    }
}

fn reported(what: &str, error: StoreError) -> Result<(), StoreError> {
    match error {
        StoreError::Corrupt { .. } | StoreError::Foreign { .. } => Err(error),
        other => panic!("{what}: {other}"),
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(file, target).unwrap();
    }
}

/// Damages each file of the store at many places, one at a time; how many were reported.
fn damage_everywhere(origin: &Path, model: &Model, places: u64) -> (u32, u32) {
    let work = tempfile::tempdir().unwrap();
    let copied = work.path().join("store");
    let (mut reported, mut harmless) = (0, 0);
    let mut dice = Dice::new(5);
    for file in files(origin) {
        let name = file.strip_prefix(origin).unwrap();
        let whole = fs::read(&file).unwrap();
        for _ in 0..places.min(whole.len() as u64 + 1) {
            let at = dice.below(whole.len() as u64) as usize;
            let cut = whole.is_empty() || dice.once_in(3);
            let what =
                format!("{} {} at {at}", name.display(), if cut { "cut" } else { "flipped" });
            copy(origin, &copied);
            let mut bytes = whole.clone();
            if cut {
                bytes.truncate(at);
            } else {
                bytes[at] ^= 1 << dice.below(8);
            }
            fs::write(copied.join(name), bytes).unwrap();
            match model.verdict(&copied, &what) {
                Ok(()) => harmless += 1,
                Err(_) => reported += 1,
            }
        }
        copy(origin, &copied);
        fs::remove_file(copied.join(name)).unwrap();
        let _ = model.verdict(&copied, &format!("{} removed", name.display()));
    }
    (reported, harmless)
}

#[test]
fn damaged_logs_are_reported_never_read_wrong() {
    let home = tempfile::tempdir().unwrap();
    let mut model = Model::default();
    let store = Local::open(home.path()).unwrap();
    model.fill(&store, &mut Dice::new(1), 60);
    drop(store);
    model.verdict(home.path(), "undamaged").unwrap();
    let (reported, harmless) = damage_everywhere(home.path(), &model, places());
    assert!(reported > harmless, "{reported} reported, {harmless} harmless");
}

#[test]
fn a_damaged_index_is_reported_never_read_wrong() {
    let home = tempfile::tempdir().unwrap();
    let mut model = Model::default();
    let mut dice = Dice::new(2);
    for _ in 0..3 {
        let store = Local::open(home.path()).unwrap();
        model.fill(&store, &mut dice, 30);
        drop(store);
        // A repair of a sound store writes everything into the tables.
        assert!(Local::repair(home.path()).unwrap().is_clean());
    }
    let store = Local::open(home.path()).unwrap();
    model.fill(&store, &mut dice, 10);
    drop(store);
    model.verdict(home.path(), "undamaged").unwrap();
    let (reported, _) = damage_everywhere(home.path(), &model, places());
    assert!(reported > 20, "only {reported} reported");
}

fn places() -> u64 {
    if std::env::var_os("STRONGROOM_LONG").is_some() { 400 } else { 12 }
}

#[test]
fn repair_leaves_a_store_that_opens_and_says_what_is_lost() {
    let home = tempfile::tempdir().unwrap();
    let mut model = Model::default();
    let store = Local::open(home.path()).unwrap();
    model.fill(&store, &mut Dice::new(3), 40);
    drop(store);
    let work = tempfile::tempdir().unwrap();
    let copied = work.path().join("store");
    let mut dice = Dice::new(4);
    for name in ["journal-00000001", "segment-00000001"] {
        let whole = fs::read(home.path().join(name)).unwrap();
        for _ in 0..6 {
            copy(home.path(), &copied);
            let mut bytes = whole.clone();
            let at = dice.below(whole.len() as u64) as usize;
            bytes[at] ^= 1;
            fs::write(copied.join(name), bytes).unwrap();
            let before = model.verdict(&copied, name);
            let report = Local::repair(&copied).unwrap();
            assert_eq!(report.is_clean(), before.is_ok(), "{name} at {at}: {report:?}");
            let store = Local::open(&copied).unwrap();
            assert!(store.check(true).unwrap().is_clean(), "{name} at {at}");
            let lost_rows = model.rows.len() as u64 - report.rows.min(model.rows.len() as u64);
            let lost_blobs = model.blobs.len() as u64 - report.blobs.min(model.blobs.len() as u64);
            assert!(lost_rows <= 6 && lost_blobs <= 2, "{name} at {at}: lost too much: {report:?}");
            let mut more = Model::default();
            more.fill(&store, &mut dice, 3);
        }
    }
}

/// What rots at a provider comes back when somebody who still has it puts it again.
#[test]
fn a_rotten_blob_is_mended_by_putting_it_again() {
    let home = tempfile::tempdir().unwrap();
    let mut model = Model::default();
    let store = Local::open(home.path()).unwrap();
    model.fill(&store, &mut Dice::new(9), 20);
    let (id, bytes) = (BlobId([7; 32]), Dice::new(10).bytes(70_000));
    let beside = (BlobId([8; 32]), b"beside".to_vec());
    store.put(vec![(id, bytes.clone()), beside.clone()]).unwrap();
    model.blobs.extend([(id, bytes.clone()), beside.clone()]);
    let segment = home.path().join("segment-00000001");
    let mut rotten = fs::read(&segment).unwrap();
    let at = rotten.windows(64).position(|part| part == &bytes[9_000..9_064]).unwrap();
    rotten[at] ^= 1;
    fs::write(&segment, rotten).unwrap();
    let read = Blobs::get(&store, &id, 0..u64::MAX);
    assert!(matches!(read, Err(StoreError::Corrupt { .. })), "{read:?}");
    assert!(!store.check(true).unwrap().is_clean());
    let (before, written) = (store.disk_bytes(), fs::metadata(&segment).unwrap().len());
    // What is whole is not written again; what is rotten is.
    store.put(vec![beside, (id, bytes.clone())]).unwrap();
    let grown = fs::metadata(&segment).unwrap().len() - written;
    assert!((70_000..80_000).contains(&grown), "{grown}");
    assert_eq!(store.disk_bytes(), before, "the rotten bytes do not count any more");
    assert_eq!(Blobs::get(&store, &id, 0..u64::MAX).unwrap(), Some(bytes));
    drop(store);
    model.verdict(home.path(), "opened again").unwrap();
    fs::remove_dir_all(home.path().join("index")).unwrap();
    model.verdict(home.path(), "the index built again").unwrap();
}

#[test]
fn a_lost_index_is_built_again_from_the_logs() {
    let home = tempfile::tempdir().unwrap();
    let mut model = Model::default();
    let store = Local::open(home.path()).unwrap();
    model.fill(&store, &mut Dice::new(6), 40);
    drop(store);
    fs::remove_dir_all(home.path().join("index")).unwrap();
    model.verdict(home.path(), "the index is gone, the logs have everything").unwrap();
}

#[test]
fn a_power_cut_anywhere_leaves_a_beginning() {
    // HEAD and the index were never written back; the log ends at any byte. What is left must
    // be the state after some group: not an error, not half a batch, nothing out of order.
    let home = tempfile::tempdir().unwrap();
    let store = Local::open(home.path()).unwrap();
    let (mut model, mut dice) = (Model::default(), Dice::new(7));
    let mut states = vec![(BTreeMap::new(), BTreeMap::new())];
    for _ in 0..12 {
        model.fill(&store, &mut dice, 1);
        states.push((model.rows.clone(), model.blobs.clone()));
    }
    drop(store);
    let work = tempfile::tempdir().unwrap();
    let copied = work.path().join("store");
    for name in ["journal-00000001", "segment-00000001"] {
        let whole = fs::read(home.path().join(name)).unwrap();
        let mut reached = 0;
        let step = if places() > 100 { 7 } else { 1_601 };
        for cut in (0..whole.len()).step_by(step).chain([whole.len()]) {
            copy(home.path(), &copied);
            fs::remove_file(copied.join("HEAD")).unwrap();
            fs::remove_dir_all(copied.join("index")).unwrap();
            let mut bytes = whole[..cut].to_vec();
            // Whatever the disk had there, or had already allocated.
            let junk = dice.below(300) as usize;
            bytes.extend(if dice.once_in(2) { vec![0; junk] } else { dice.bytes(junk) });
            fs::write(copied.join(name), bytes).unwrap();
            let store = Local::open(&copied).unwrap_or_else(|e| panic!("{name} at {cut}: {e}"));
            if name.starts_with("journal") {
                let mut rows = BTreeMap::new();
                let visit = &mut |key: &[u8], value: &[u8]| {
                    rows.insert(key.to_vec(), value.to_vec());
                    ControlFlow::Continue(())
                };
                store.scan(&Scan::all(), visit).unwrap();
                let at = states.iter().rposition(|(state, _)| *state == rows);
                let at = at.unwrap_or_else(|| panic!("{name} at {cut}: no state there ever was"));
                assert!(at >= reached, "a longer log gave less");
                reached = at;
            } else {
                for id in store.list(None, usize::MAX).unwrap() {
                    let found = Blobs::get(&store, &id, 0..u64::MAX).ok().flatten();
                    let mut ever = states.iter().filter_map(|(_, blobs)| blobs.get(&id));
                    // A blob that was deleted later may come back with its room punched out.
                    let deleted = !model.blobs.contains_key(&id);
                    assert!(
                        deleted || ever.any(|blob| Some(blob) == found.as_ref()),
                        "{id} at {cut}"
                    );
                }
            }
            // And on it goes.
            let mut batch = Batch::new();
            batch.put(b"after", b"");
            store.commit(batch).unwrap();
            drop(store);
            let store = Local::open(&copied).unwrap();
            assert!(Rows::get(&store, b"after").unwrap().is_some());
        }
        assert!(!name.starts_with("journal") || reached == 12);
    }
}
