//! A34: what sizes tell. A stranger sees how long every sealed part and every chunk is, and
//! guesses. Each test says its samples and threshold first, uses fixed seeds, and has leaky
//! variants beside the product that must be caught by the same detector.

use std::collections::BTreeSet;

use strongroom_seal::keys::{ContentKey, DeviceSecret};
use strongroom_seal::padding::{NoPadding, Padding, Padme, PowerOfTwo};
use strongroom_seal::part::{Draft, Hedge};
use strongroom_seal::rng::{DangerSeeded, Rng};
use strongroom_seal::stream::Cutter;
use strongroom_wire::clear::{ConstantSize, PaddingRule};
use strongroom_wire::ids::{AuthorKey, DocumentTag};

/// Content above this stands in chunks, as in the client.
const INLINE_MAX: u64 = 64_000;

fn constant(bytes: u64) -> PaddingRule {
    PaddingRule::Constant(ConstantSize::from_bytes(bytes).unwrap())
}

fn rules() -> [(&'static str, PaddingRule); 4] {
    [
        ("padme", PaddingRule::Padme),
        ("power of two", PaddingRule::PowerOfTwo),
        ("constant, 64 KiB", constant(1 << 16)),
        ("constant, 1 MiB", constant(1 << 20)),
    ]
}

/// What a provider sees of a document of this length, metadata included where it stands in the
/// entry: the lengths of the sealed part and of chunks.
fn seen(len: u64, padding: impl Padding) -> Vec<u64> {
    if len <= INLINE_MAX {
        let cbor = vec![0x61; (len as usize).saturating_sub(4)];
        let document = ContentKey::from_secret_bytes(&[2; 32]).document(DocumentTag([3; 16]), 0);
        let device = DeviceSecret::from_secret_bytes(&[1; 32]);
        let (author, random) = (AuthorKey([4; 32]), [5; 32]);
        let hedge = Hedge { device: &device, author, seq: 9, random };
        let draft = Draft::new(&document, &cbor, &padding, hedge).unwrap();
        return vec![u64::from(draft.header().sealed_len)];
    }
    let mut cutter = Cutter::new(padding);
    let (mut left, mut lengths) = (len as usize, Vec::new());
    while left > 0 {
        let count = cutter.space().len().min(left);
        left -= count;
        lengths.extend(cutter.filled(count).map(|piece| piece.len() as u64 + 16));
    }
    lengths.extend(cutter.finish().unwrap().map(|piece| piece.len() as u64 + 16));
    lengths
}

/// Pads the last piece only, to a multiple of 4 KiB: the number of pieces shows true.
struct LastOnly;

impl Padding for LastOnly {
    fn padded_len(&self, len: u64) -> Option<u64> {
        len.checked_next_multiple_of(4_096)
    }
}

/// Adds up to 255 bytes that depend on the length: as a bad source of random padding would.
struct Sprinkled;

impl Padding for Sprinkled {
    fn padded_len(&self, len: u64) -> Option<u64> {
        Some(len + len.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 256)
    }
}

/// Two lengths at random that one rule makes equal, from `low` on.
fn pair(rule: PaddingRule, low: u64, rng: &mut DangerSeeded) -> (u64, u64) {
    let pad = |len| if low < INLINE_MAX { rule.part_len(len) } else { rule.padded_len(len) };
    // The first step above `low`; where one step is all there is in an entry, that one.
    let (least, end) = match pad(low).unwrap() {
        65_536 if low < INLINE_MAX => (4, INLINE_MAX),
        least => (
            least,
            pad(least + 1).unwrap().min(if low < INLINE_MAX { INLINE_MAX } else { u64::MAX }),
        ),
    };
    let wide = end - least;
    let draw = |rng: &mut DangerSeeded| {
        let mut bytes = [0; 8];
        rng.fill(&mut bytes);
        least + 1 + u64::from_be_bytes(bytes) % wide
    };
    (draw(rng), draw(rng))
}

/// How much better than tossing a coin the best guesser tells which of two lengths was sealed: 0
/// to 1. It knows the padding and both lengths, and sees everything there is. What it sees is the
/// same each time, so it is right whenever the two differ, and else no better than the coin.
fn advantage(trials: u32, rule: PaddingRule, low: u64, padding: &dyn Padding) -> f64 {
    let mut rng = DangerSeeded::new(low);
    let told = (0..trials).filter(|_| {
        let (a, b) = pair(rule, low, &mut rng);
        seen(a, By(padding)) != seen(b, By(padding))
    });
    told.count() as f64 / f64::from(trials)
}

struct By<'a>(&'a dyn Padding);

impl Padding for By<'_> {
    fn padded_len(&self, len: u64) -> Option<u64> {
        self.0.padded_len(len)
    }
}

/// 1,000 pairs of lengths that the rule says are one in entries, 25 in chunks. Threshold: an
/// advantage of 0; leaky variants above 40 %.
#[test]
fn a34_two_lengths_of_one_step_cannot_be_told_apart() {
    for (name, rule) in rules() {
        for (low, trials) in [(2_000, 1_000), (30_000, 1_000), (300_000, 25), (2_000_000, 25)] {
            let found = advantage(trials, rule, low, &rule);
            assert!(found == 0.0, "{name} at {low}: {found}");
        }
        let leaks: [(&str, &dyn Padding); 3] =
            [("none", &NoPadding), ("last piece only", &LastOnly), ("sprinkled", &Sprinkled)];
        for (leak, padding) in leaks {
            let caught = advantage(25, rule, 300_000, padding);
            assert!(caught > 0.4, "{leak} in the place of {name} was not caught: {caught}");
        }
    }
}

/// 2,000 lengths of equal chances per octave between 256 bytes and 1 MB. Threshold: no more
/// different pictures than the rule has steps there; without padding, at least nine of ten differ.
#[test]
fn a34_no_more_sizes_show_than_the_rule_has_steps() {
    let lengths = log_uniform(2_000, 256.0, 1_000_000.0, 1);
    let pictures = |rule: &dyn Padding| {
        lengths.iter().map(|len| seen(*len, By(rule))).collect::<BTreeSet<_>>()
    };
    // Steps: 16 an octave up to 64 KiB and 32 above; 1 an octave; multiples of 64 KiB or 1 MiB,
    // and one more for what stands in entries.
    let most = [8 * 16 + 4 * 32 + 1, 12 + 2, 16 + 1, 1 + 1];
    for ((name, rule), most) in rules().into_iter().zip(most) {
        let seen = lengths.iter().map(|len| seen(*len, rule)).collect::<BTreeSet<_>>().len();
        assert!(seen <= most, "{name}: {seen} pictures, {most} steps");
        assert!(seen > most / 4, "{name}: the lengths cover its steps: {seen}");
    }
    assert!(pictures(&NoPadding).len() > 1_800, "without padding");
    assert!(pictures(&Sprinkled).len() > 1_800, "sprinkled");
}

fn log_uniform(count: usize, from: f64, to: f64, seed: u64) -> Vec<u64> {
    let mut rng = DangerSeeded::new(seed);
    let unit = |rng: &mut DangerSeeded| {
        let mut bytes = [0; 4];
        rng.fill(&mut bytes);
        f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX)
    };
    #[expect(clippy::cast_sign_loss, reason = "lengths are above zero")]
    let draw = |_| (from * (to / from).powf(unit(&mut rng))) as u64;
    (0..count).map(draw).collect()
}

/// The genesis says which padding a bucket has. That sizes say it too, after few documents, is why
/// it may (docs/design/padding.md). 2,000 buckets of each rule, documents of 256 to 60,000 bytes.
#[test]
fn sizes_tell_the_padding_after_few_documents() {
    let two = |len: u64| (len - 16).is_power_of_two();
    let mistaken = |documents: usize| {
        (0..2_000)
            .filter(|bucket| {
                let lengths = log_uniform(documents, 256.0, 60_000.0, 1_000 + bucket);
                lengths.iter().all(|len| two(seen(*len, Padme)[0]))
            })
            .count()
    };
    // A Padmé bucket is taken for one of powers of two only while all its sizes happen to be some.
    let after = [1, 2, 3].map(mistaken);
    println!("of 2,000 Padmé buckets, all sizes powers of two after 1, 2, 3 documents: {after:?}");
    assert!(after[0] > 40 && after[2] <= 2, "{after:?}");
    for len in log_uniform(500, 1.0, 60_000.0, 3) {
        assert!(two(seen(len, PowerOfTwo)[0]));
        assert_eq!(seen(len, constant(1 << 20)), [65_552], "one entry tells it");
    }
}

/// What the page on padding says it costs: 20,000 lengths of equal chances per octave.
#[test]
fn what_padding_costs() {
    let lengths = log_uniform(20_000, 1_024.0, 1_073_741_824.0, 4);
    let mean = |rule: &dyn Padding| {
        let over = |len: &u64| rule.padded_len(*len).unwrap() as f64 / *len as f64 - 1.0;
        lengths.iter().map(over).sum::<f64>() / lengths.len() as f64
    };
    let (padme, two) = (mean(&Padme), mean(&PowerOfTwo));
    println!("padme {padme:.4}, power of two {two:.4}");
    assert!((0.010..0.025).contains(&padme), "{padme}");
    assert!((0.40..0.48).contains(&two), "{two}");
}
