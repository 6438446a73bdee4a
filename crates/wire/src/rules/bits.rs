//! Sets of small numbers. Comes in: places in a log. Goes out: which are in. Must not know: what
//! stands there.

/// A set of places, one bit each, as long as its highest member.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    const fn split(place: u32) -> (usize, u64) {
        ((place / 64) as usize, 1 << (place % 64))
    }

    pub fn contains(&self, place: u32) -> bool {
        let (word, bit) = Self::split(place);
        self.words.get(word).is_some_and(|it| it & bit != 0)
    }

    pub fn insert(&mut self, place: u32) {
        let (word, bit) = Self::split(place);
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        if let Some(it) = self.words.get_mut(word) {
            *it |= bit;
        }
    }

    /// Sets one member's presence; tells whether that changed anything.
    pub fn put(&mut self, place: u32, present: bool) -> bool {
        let before = self.contains(place);
        if present {
            self.insert(place);
        } else if let Some(it) = self.words.get_mut(Self::split(place).0) {
            *it &= !Self::split(place).1;
        }
        before != present
    }

    pub fn extend(&mut self, other: &Self) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        for (mine, theirs) in self.words.iter_mut().zip(&other.words) {
            *mine |= theirs;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    pub fn clear(&mut self) {
        self.words.clear();
    }

    /// The members, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.words.iter().zip(0_u32..).flat_map(|(word, at)| {
            let word = *word;
            (0..64).filter(move |bit| word & (1 << bit) != 0).map(move |bit| at * 64 + bit)
        })
    }
}
