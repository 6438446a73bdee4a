//! Can two providers that put together all they have tell whether two buckets are of the same
//! people? Sample sizes and thresholds stand before each run; every classifier is first shown
//! implementations that leak, and must catch them.
//!
//! A trial is a pair: the same first bucket beside one of the same people and beside one of other
//! people, each with everything else drawn anew. Half of all questions have the answer *same*, so
//! who always says the same gains nothing, and no luck is mistaken for an advantage.

use std::collections::{BTreeMap, HashMap, HashSet};

use strongroom_seal::rng::{DangerSeeded, Rng as _};
use strongroom_wire::entry::Kind;

use crate::people::{Person, View, shared_bucket};

/// Largest advantage, |2·accuracy − 1|, that is none.
const ADVANTAGE_MAX: f64 = 0.02;
/// Questions of the whole run; the short one asks 16.
const QUESTIONS: u64 = 1_000;

fn questions() -> u64 {
    if std::env::var_os("STRONGROOM_LONG_TESTS").is_some() { QUESTIONS } else { 16 }
}

/// What is changed in what providers see, to be caught.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Leak {
    None,
    /// One author key for all buckets.
    Author,
    /// A member tag made of the person alone.
    Tag,
    /// The key that grants go to stands in the open.
    Agree,
    /// An acceptance is as long as the key log of who accepts.
    Length,
}

fn bucket(people: &[&Person], leak: Leak, rng: &mut DangerSeeded) -> View {
    let mut view = shared_bucket(people, rng.bytes32(), rng);
    let seen = view.seen_as.clone();
    for (person, (author, tag)) in people.iter().zip(seen) {
        let own = *blake3::hash(&person.principal.0).as_bytes();
        match leak {
            Leak::None => {}
            Leak::Author => view.replace(&author.0, &own),
            // It would stand where its tag does, in each capability.
            Leak::Tag => view.bytes.push(own[..tag.0.len()].to_vec()),
            Leak::Agree => view.bytes.push(person.agree.to_bytes().to_vec()),
            Leak::Length => {
                let member = |(kind, _): &&mut (Kind, usize)| *kind == Kind::Member;
                if let Some((_, len)) = view.lengths.iter_mut().filter(member).last() {
                    *len = person.card.len();
                }
            }
        }
    }
    view
}

/// One question: two buckets at two providers, and whether they are of the same people.
struct Question {
    one: View,
    other: View,
    same: bool,
}

/// Both questions of trial `number`.
fn pair(number: u64, leak: Leak) -> [Question; 2] {
    let mut rng = DangerSeeded::new(7_000 + number);
    let count = 2 + usize::try_from(rng.below(2)).unwrap();
    let mut people = || (0..count).map(|_| Person::new(&mut rng)).collect::<Vec<_>>();
    let (these, others) = (people(), people());
    let these: Vec<&Person> = these.iter().collect();
    let others: Vec<&Person> = others.iter().collect();
    let one = bucket(&these, leak, &mut rng);
    // All that is not people is the same in both.
    let seed = 900_000 + number;
    let same = bucket(&these, leak, &mut DangerSeeded::new(seed));
    let other = bucket(&others, leak, &mut DangerSeeded::new(seed));
    [Question { one: one.clone(), other: same, same: true }, Question { one, other, same: false }]
}

/// Bytes of a string that is compared: as the shortest thing that could be anybody's.
const LEN: usize = 16;
/// Bytes of a string that belongs to the form.
const FORM_LEN: usize = 8;

/// Every string of so many bytes, wherever it begins.
fn strings<const N: usize>(view: &View) -> HashSet<[u8; N]> {
    let all = view.bytes.iter().flat_map(|bytes| bytes.windows(N));
    all.map(|it| it.try_into().unwrap()).collect()
}

/// The bound that is right most often; of several the middle one, furthest from both sides.
fn best_bound(known: &[(usize, bool)]) -> usize {
    let right = |bound: usize| known.iter().filter(|(it, same)| (*it >= bound) == *same).count();
    let most = known.iter().map(|(it, _)| *it).max().unwrap_or(0) + 1;
    let best = (0..=most).map(right).max().unwrap_or(0);
    let all: Vec<usize> = (0..=most).filter(|bound| right(*bound) == best).collect();
    all[all.len() / 2]
}

/// Says *same* where both sides have a string of [`LEN`] bytes in which nothing is of the form: no
/// [`FORM_LEN`] bytes of it are in the buckets of two strangers.
struct Strings {
    form: HashSet<[u8; FORM_LEN]>,
}

impl Strings {
    /// Learns the form from pairs of strangers' buckets.
    fn learn(leak: Leak) -> Self {
        let mut form = HashSet::new();
        for number in 0..6 {
            let [_, strangers] = pair(1_000_000 + number, leak);
            let one = strings(&strangers.one);
            form.extend(strings(&strangers.other).intersection(&one));
        }
        Self { form }
    }

    fn says_same(&self, asked: &Question) -> bool {
        let one = strings::<LEN>(&asked.one);
        let formless = |it: &[u8; LEN]| it.windows(FORM_LEN).all(|part| !self.form.contains(part));
        strings(&asked.other).iter().any(|it| one.contains(it) && formless(it))
    }
}

/// Says *same* by lengths alone: the likeness of the two sides' acceptances, above a bound it
/// learnt.
struct Lengths {
    bound: usize,
}

impl Lengths {
    /// How many member entries of one length both sides have.
    fn likeness(asked: &Question) -> usize {
        let count = |view: &View| {
            let mut all: HashMap<usize, usize> = HashMap::new();
            for (_, len) in view.lengths.iter().filter(|(kind, _)| *kind == Kind::Member) {
                *all.entry(*len).or_default() += 1;
            }
            all
        };
        let (one, other) = (count(&asked.one), count(&asked.other));
        one.iter().map(|(len, n)| (*n).min(other.get(len).copied().unwrap_or(0))).sum()
    }

    fn learn(leak: Leak) -> Self {
        let known: Vec<(usize, bool)> = (0..6)
            .flat_map(|number| pair(2_000_000 + number, leak))
            .map(|asked| (Self::likeness(&asked), asked.same))
            .collect();
        Self { bound: best_bound(&known) }
    }

    fn says_same(&self, asked: &Question) -> bool {
        Self::likeness(asked) >= self.bound
    }
}

/// Advantages over this many questions: by strings, and by lengths.
fn advantages(count: u64, leak: Leak) -> (f64, f64) {
    let (by_strings, by_lengths) = (Strings::learn(leak), Lengths::learn(leak));
    let mut right = (0_u64, 0_u64);
    for asked in (0..count / 2).flat_map(|number| pair(number, leak)) {
        right.0 += u64::from(by_strings.says_same(&asked) == asked.same);
        right.1 += u64::from(by_lengths.says_same(&asked) == asked.same);
    }
    let advantage = |right: u64| (2.0 * right as f64 / count as f64 - 1.0).abs();
    (advantage(right.0), advantage(right.1))
}

/// 1,000 questions (16 in the short form), threshold 2 %.
#[test]
fn two_buckets_of_the_same_people_look_like_two_of_other_people() {
    let (by_strings, by_lengths) = advantages(questions(), Leak::None);
    println!("advantage by strings {by_strings}, by lengths {by_lengths}");
    assert!(by_strings <= ADVANTAGE_MAX, "strings tell: {by_strings}");
    assert!(by_lengths <= ADVANTAGE_MAX, "lengths tell: {by_lengths}");
}

/// The controls: the same classifiers, 6 questions each; at least 90 % of strings, 30 % of
/// lengths, which several people have in common by chance.
#[test]
fn whoever_leaks_who_the_people_are_is_caught() {
    for leak in [Leak::Author, Leak::Tag, Leak::Agree] {
        let (by_strings, _) = advantages(6, leak);
        assert!(by_strings >= 0.9, "{leak:?} was not caught: {by_strings}");
    }
    let (_, by_lengths) = advantages(6, Leak::Length);
    assert!(by_lengths >= 0.3, "lengths were not caught: {by_lengths}");
}

/// Everything but the people is the same in both halves of a trial, so that a difference in shape
/// could come from them alone: all lengths, kinds and counts must be equal.
#[test]
fn the_shape_of_a_bucket_does_not_depend_on_who_is_in_it() {
    for number in 0..questions() / 2 {
        let [same, other] = pair(number, Leak::None);
        let shape = |view: &View| {
            let mut all: BTreeMap<(u8, usize), usize> = BTreeMap::new();
            for (kind, len) in &view.lengths {
                *all.entry((*kind as u8, *len)).or_default() += 1;
            }
            all
        };
        assert_eq!(shape(&same.other), shape(&other.other), "trial {number}");
    }
}
