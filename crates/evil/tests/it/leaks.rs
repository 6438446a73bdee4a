//! What sizes, equality, order and times tell. Sample sizes and thresholds stand before each run;
//! each detector is first shown something that leaks, and must catch it.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_client::{Place, PutOptions, Quiet, Source};
use strongroom_seal::padding::{Padding as _, Padme};
use strongroom_seal::rng::{DangerSeeded, Rng as _};
use strongroom_wire::entry::{Entry, Kind};

use crate::people::directory;
use crate::world::{LARGE, World};

/// How many of these are equal to an earlier one.
fn repeats<T: Ord>(all: impl IntoIterator<Item = T>) -> usize {
    let mut seen = BTreeSet::new();
    all.into_iter().filter_map(|one| (!seen.insert(one)).then_some(())).count()
}

fn versions(world: &World) -> Vec<Entry> {
    let mut ids = BTreeSet::new();
    let all = world.evil.tap().all();
    let entries = all.iter().flat_map(|seen| seen.asked.frames().sound());
    entries.filter(|entry| entry.header().kind == Kind::Version && ids.insert(entry.id())).collect()
}

fn put_tree(world: &World, name: &str, files: &[(String, Vec<u8>)]) {
    let tree = world.phone.folder.path().join(name);
    std::fs::create_dir_all(&tree).unwrap();
    for (name, content) in files {
        std::fs::write(tree.join(name), content).unwrap();
    }
    let place = Place::parse(&format!("/{name}")).unwrap();
    let source = [Source::Path(tree)];
    world.phone.vault.put(&source, &place, &PutOptions::default(), &Quiet).unwrap();
    world.phone.sync_well();
}

/// 64 equal files, two equal large ones, 600 lengths. Threshold: no repeated byte string of 16, no
/// repeated chunk, at most one sealed length per 12 true ones.
#[test]
fn a34_sizes_equality_deduplication() {
    let world = World::new();
    let text = world.text(500);
    let sixteens = |parts: &[Vec<u8>]| {
        repeats(parts.iter().flat_map(|part| part.chunks_exact(16).map(<[u8]>::to_vec)))
    };
    // Control: sealing that depends on the content alone.
    let convergent: Vec<Vec<u8>> = (0..64)
        .map(|_| {
            let key = blake3::hash(&text);
            let mut out = vec![0; 512];
            blake3::Hasher::new_keyed(key.as_bytes()).finalize_xof().fill(&mut out);
            out
        })
        .collect();
    assert!(sixteens(&convergent) > 1_000, "the detector is blind");

    let equal: Vec<_> = (0..64).map(|no| (format!("file {no}"), text.clone())).collect();
    let before = versions(&world).len();
    put_tree(&world, "equal", &equal);
    let sealed: Vec<Vec<u8>> = versions(&world)[before..]
        .iter()
        .map(|entry| entry.sealed_bytes().unwrap().to_vec())
        .collect();
    assert!(sealed.len() >= 64);
    assert_eq!(sixteens(&sealed), 0, "equal files look alike");

    // Chunks of two equal files, and of one nearly as long.
    let options = PutOptions { cache_size: Some(0), ..PutOptions::default() };
    let large = world.text(LARGE);
    for (name, content) in
        [("/one", &large[..]), ("/two", &large[..]), ("/shorter", &large[..LARGE - 40])]
    {
        world.phone.put_with(name, content, &options);
    }
    let chunks: Vec<Vec<u8>> = world
        .evil
        .tap()
        .find(|seen| seen.asked.method == "PUT" && seen.asked.path.contains("/chunks/"))
        .into_iter()
        .map(|seen| seen.asked.body.to_vec())
        .collect();
    assert_eq!(chunks.len(), 9);
    assert_eq!(repeats(chunks.iter().map(|chunk| blake3::hash(chunk).to_hex().to_string())), 0);
    let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
    for chunk in &chunks {
        *sizes.entry(chunk.len()).or_default() += 1;
    }
    assert_eq!(sizes.len(), 2, "full chunks, and one length of last ones: {sizes:?}");

    // Lengths in steps.
    let lengths: Vec<_> =
        (0..600).map(|len| (format!("{len:04}"), vec![b'x'; 200 + len * 4])).collect();
    let before = versions(&world).len();
    put_tree(&world, "lengths", &lengths);
    let seen: BTreeSet<u32> =
        versions(&world)[before..].iter().map(|entry| entry.header().sealed_len).collect();
    assert!(seen.len() <= 57, "{} sealed lengths", seen.len());
    world.works_again(&world.recover(1).unwrap());
}

/// Rank correlation of two orders of the same things.
fn correlation(order: &[usize]) -> f64 {
    let n = order.len() as f64;
    let squares: f64 =
        order.iter().enumerate().map(|(at, rank)| (at as f64 - *rank as f64).powi(2)).sum();
    1.0 - 6.0 * squares / (n * (n * n - 1.0))
}

/// 12 directories of 40 files. Threshold: mean of |rank correlation| between the order of entries
/// and of names at most 0.3 (independent orders: 0.13 ± 0.03), one clock a transaction.
#[test]
fn a56_order_and_times_of_a_directory() {
    let world = World::new();
    let sorted: Vec<usize> = (0..40).collect();
    assert!(correlation(&sorted) > 0.99, "the detector is blind");
    let mut sum = 0.0;
    for round in 0..12 {
        let name = format!("dir{round}");
        let files: Vec<_> =
            (0..40).map(|no| (format!("{no:02}"), vec![b'y'; 64 + no * 8])).collect();
        let before = versions(&world).len();
        put_tree(&world, &name, &files);
        let sent: Vec<Entry> = versions(&world)[before..].to_vec();
        let clocks: BTreeSet<_> = sent.iter().map(|entry| entry.header().hlc).collect();
        assert_eq!(clocks.len(), 1, "one transaction, one clock");
        let kinds: BTreeSet<_> = sent.iter().map(|entry| entry.header().kind as u8).collect();
        assert_eq!(kinds.len(), 1, "a directory looks like a file");
        let mut names = BTreeMap::new();
        for listed in
            world.phone.vault.list(&Place::parse(&format!("/{name}")).unwrap(), true).unwrap()
        {
            names.insert(listed.version.clone(), listed.name.clone());
        }
        let order: Vec<usize> = sent
            .iter()
            .filter_map(|entry| names.get(&entry.id().to_string()))
            .filter_map(|name| name.parse().ok())
            .collect();
        assert_eq!(order.len(), 40);
        sum += correlation(&order).abs();
    }
    assert!(sum / 12.0 <= 0.3, "order tells of names: {}", sum / 12.0);
    world.works_again(&world.recover(1).unwrap());
}

/// 24 packages of 12 files that everybody knows, in 8 groups of 3 with the same lengths in another
/// order: a classifier that looks at lengths as a multiset is right once in three. One that looks
/// at order and times as well may gain nothing by it. 30 puts of each; threshold: an accuracy of
/// 0.40, which is 4 standard deviations above a third; shown entries in the order of their names,
/// it must be right 9 times in 10.
#[test]
fn a56_order_and_times_tell_no_known_package_from_another_of_the_same_sizes() {
    let mut rng = DangerSeeded::new(56);
    let mut packages: Vec<Vec<usize>> = Vec::new();
    for _ in 0..8 {
        let mut lengths: Vec<usize> =
            (0..12).map(|_| usize::try_from(rng.below(40_000)).unwrap()).collect();
        for _ in 0..3 {
            rng.shuffle(&mut lengths);
            packages.push(lengths.clone());
        }
    }
    let padded = |len: usize| u32::try_from(Padme.part_len(len as u64 + 4).unwrap() + 16).unwrap();
    let known: Vec<Vec<u32>> =
        packages.iter().map(|it| it.iter().map(|len| padded(*len)).collect()).collect();
    let multiset = |lengths: &[u32]| {
        let mut sorted = lengths.to_vec();
        sorted.sort_unstable();
        sorted
    };
    let guess = |seen: &[(u32, u64)]| {
        // By time first: it is the order, if clocks tell it.
        let mut seen = seen.to_vec();
        seen.sort_by_key(|(_, clock)| *clock);
        let lengths: Vec<u32> = seen.iter().map(|(len, _)| *len).collect();
        let alike = |at: &usize| multiset(&known[*at]) == multiset(&lengths);
        let distance = |at: &usize| {
            known[*at].iter().zip(&lengths).map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>()
        };
        (0..known.len()).filter(alike).min_by_key(distance).expect("its sizes are known")
    };
    let mut accuracy = |in_order: bool, rounds: usize| {
        let mut right = 0_u32;
        for _ in 0..rounds {
            for (at, lengths) in packages.iter().enumerate() {
                right += u32::from(guess(&directory(lengths, in_order, &mut rng)) == at);
            }
        }
        f64::from(right) / (rounds * packages.len()) as f64
    };
    let caught = accuracy(true, 2);
    assert!(caught >= 0.9, "the classifier is blind: {caught}");
    let told = accuracy(false, 30);
    assert!(told <= 0.40, "order or times tell of names: {told}");
}
