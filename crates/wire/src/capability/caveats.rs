//! Conditions on a capability. Comes in: their encoded map. Goes out: typed conditions, and
//! whether one set is as tight as another. Must not know: what was used up so far.
//!
//! A caveat nobody knows refuses the capability: skipping it would widen what was granted.

use crate::cbor::{CborError, Reader, Writer};
use crate::entry::{Hlc, Kind};

/// Which entries of the target may be seen, where that is less than all. The control log is
/// always part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct AreaCaveat {
    /// Only these kinds; absent: all.
    pub kinds: Option<KindSet>,
    /// Only entries with this clock or a later one; absent: all.
    pub since: Option<Hlc>,
}

/// A set of kinds of entries: bit n is kind n.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KindSet(u16);

impl KindSet {
    /// The set of these kinds.
    pub fn of(kinds: &[Kind]) -> Self {
        Self(kinds.iter().fold(0, |bits, kind| bits | (1 << *kind as u8)))
    }

    /// Whether the kind is in the set.
    pub const fn contains(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        let all = (1 << Kind::ALL.len()) - 1;
        match r.uint()? {
            0 => Err(CborError::Limit),
            bits if bits & !all != 0 => Err(CborError::Unknown),
            bits => u16::try_from(bits).map(Self).map_err(|_| CborError::Limit),
        }
    }
}

impl AreaCaveat {
    fn is_within(&self, outer: &Self) -> bool {
        let kinds = match (self.kinds, outer.kinds) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(inner), Some(outer)) => inner.is_within(outer),
        };
        // "Later" is narrower, and absent is the earliest of all.
        kinds && self.since >= outer.since
    }

    fn write(&self, w: &mut Writer) {
        w.array(2);
        w.option(self.kinds, |w, kinds| {
            w.uint(u64::from(kinds.0));
        });
        w.option(self.since, |w, since| {
            w.uint(since.0);
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.array_exact(2)?;
        let area =
            Self { kinds: r.option(KindSet::read)?, since: r.option(Reader::uint)?.map(Hlc) };
        // All of it is spelled by having no caveat.
        if area == Self::default() { Err(CborError::Limit) } else { Ok(area) }
    }
}

/// The conditions on one capability. `None` and `false`: no such condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Caveats {
    /// Bytes that may be stored under this capability and all below it.
    pub quota_bytes: Option<u64>,
    /// Entries that may be stored under this capability and all below it.
    pub quota_entries: Option<u64>,
    /// Entries an hour.
    pub entries_per_hour: Option<u64>,
    /// How many fresh keys the holder may delegate to (a link good for n openings); at least 1.
    pub uses: Option<u64>,
    /// The policy that is asked, besides, at every request: BLAKE3 of its text.
    pub policy: Option<[u8; 32]>,
    /// Which entries may be seen.
    pub area: Option<AreaCaveat>,
    /// An invitation: good for one acceptance and nothing else.
    pub accept: bool,
}

/// Map keys. Their order is that of their encoding.
const QUOTA_BYTES: i64 = 1;
const QUOTA_ENTRIES: i64 = 2;
const ENTRIES_PER_HOUR: i64 = 3;
const USES: i64 = 4;
const POLICY: i64 = 5;
const AREA: i64 = 6;
const ACCEPT: i64 = 7;
/// How many there are.
const CAVEATS: usize = 7;

impl Caveats {
    /// No conditions.
    pub const NONE: Self = Self {
        quota_bytes: None,
        quota_entries: None,
        entries_per_hour: None,
        uses: None,
        policy: None,
        area: None,
        accept: false,
    };

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::NONE
    }

    /// Whether these conditions hold back at least what `outer` holds back. The acceptance is
    /// left out: it is spent by the delegation itself.
    pub fn are_as_tight_as(&self, outer: &Self) -> bool {
        at_most(self.quota_bytes, outer.quota_bytes)
            && at_most(self.quota_entries, outer.quota_entries)
            && at_most(self.entries_per_hour, outer.entries_per_hour)
            && at_most(self.uses, outer.uses)
            && (outer.policy.is_none() || self.policy == outer.policy)
            && match (&self.area, &outer.area) {
                (_, None) => true,
                (None, Some(_)) => false,
                (Some(inner), Some(outer)) => inner.is_within(outer),
            }
    }

    fn count(&self) -> usize {
        usize::from(self.quota_bytes.is_some())
            + usize::from(self.quota_entries.is_some())
            + usize::from(self.entries_per_hour.is_some())
            + usize::from(self.uses.is_some())
            + usize::from(self.policy.is_some())
            + usize::from(self.area.is_some())
            + usize::from(self.accept)
    }

    /// Writes the map.
    pub fn write(&self, w: &mut Writer) {
        w.map(self.count());
        let numbers = [
            (QUOTA_BYTES, self.quota_bytes),
            (QUOTA_ENTRIES, self.quota_entries),
            (ENTRIES_PER_HOUR, self.entries_per_hour),
            (USES, self.uses),
        ];
        for (key, value) in numbers {
            if let Some(value) = value {
                w.int(key).uint(value);
            }
        }
        if let Some(policy) = &self.policy {
            w.int(POLICY).bytes(policy);
        }
        if let Some(area) = &self.area {
            area.write(w.int(AREA));
        }
        if self.accept {
            w.int(ACCEPT).bool(true);
        }
    }

    /// Reads the map; an unknown key, an empty map and values that mean "no condition" are
    /// refused.
    pub fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        let mut caveats = Self::NONE;
        let mut last = Vec::new();
        let count = r.map(CAVEATS)?;
        for _ in 0..count {
            match r.key(&mut last)? {
                QUOTA_BYTES => caveats.quota_bytes = Some(r.uint()?),
                QUOTA_ENTRIES => caveats.quota_entries = Some(r.uint()?),
                ENTRIES_PER_HOUR => caveats.entries_per_hour = Some(r.uint()?),
                USES => caveats.uses = Some(r.uint()?),
                POLICY => caveats.policy = Some(r.bytes_exact()?),
                AREA => caveats.area = Some(AreaCaveat::read(r)?),
                ACCEPT => caveats.accept = r.bool()?,
                _ => return Err(CborError::Unknown),
            }
        }
        // `accept: false` and `{}` would be second spellings of nothing.
        if count == 0 || caveats.count() != count || caveats.uses == Some(0) {
            return Err(CborError::Limit);
        }
        Ok(caveats)
    }
}

/// Whether `inner` is there and no more than `outer`, where `outer` is there.
fn at_most(inner: Option<u64>, outer: Option<u64>) -> bool {
    match (inner, outer) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(inner), Some(outer)) => inner <= outer,
    }
}
