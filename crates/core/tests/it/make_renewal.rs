//! Makes vectors/renewal: control logs with renewed epochs, and what a member's agree key opens of
//! them.

use serde_json::{Value, json};
use strongroom_seal::kem::{AgreeSeed, KemPublic};
use strongroom_seal::keys::{EpochKey, NameKey};
use strongroom_wire::entry::Entry;
use strongroom_wire::ids::{EntryId, MemberTag};

use crate::alices::{Forged, Home};
use crate::golden::{Book, fold, hex};

const SEED: [u8; 32] = [40; 32];

/// A bucket whose later epochs are wrapped to another agree key than the first: what that key opens
/// of the first came through the back keys.
struct Log {
    home: Home,
    reader: KemPublic,
    entries: Vec<Entry>,
    keys: Vec<EpochKey>,
}

impl Log {
    fn new() -> Self {
        let home = Home::new(77);
        let entries = home.founded.entries.iter().map(crate::alices::bare).collect();
        let reader = AgreeSeed::from_secret_bytes(&SEED).pair().public();
        let keys = vec![EpochKey::from_secret_bytes(&home.founded.epoch_key.to_secret_bytes())];
        Self { home, reader, entries, keys }
    }

    fn first(&self) -> (EntryId, &EpochKey) {
        (self.home.founded.epoch, &self.keys[0])
    }

    /// Adds an epoch that follows some of those here, changed before it is wrapped and made.
    fn add(&mut self, fill: u8, n: u64, before: &[usize], change: impl FnOnce(&mut Forged<'_>)) {
        let key = EpochKey::from_secret_bytes(&[fill; 32]);
        // The first epoch is the second entry, later ones come after the founding.
        let id = |at: usize| if at == 0 { self.first().0 } else { self.entries[at + 3].id() };
        let before: Vec<_> = before.iter().map(|at| (id(*at), &self.keys[*at])).collect();
        let mut forged = Forged { n, ..Forged::after(&self.home, &key, &before) };
        let last = self.entries.len();
        forged.parents = match last {
            4 | 5 => vec![self.entries[3].id()],
            _ => vec![self.entries[last - 2].id(), self.entries[last - 1].id()],
        };
        change(&mut forged);
        // Of two that were made at the same time only the one after both has a wrap.
        if fill != 2 {
            forged.wraps = forged.wrapped(&self.home, &self.reader).unwrap();
        }
        let entry = forged.entry(&self.home);
        self.entries.push(entry);
        self.keys.push(key);
    }

    fn case(&self) -> Value {
        json!({
            "entries": self.entries.iter().map(|it| fold(&it.encode())).collect::<Vec<_>>(),
            "agree": hex(&SEED),
            "keys": self.keys.iter().map(|it| hex(&*it.to_secret_bytes())).collect::<Vec<_>>(),
        })
    }
}

/// One renewal, with something changed.
fn one(change: impl FnOnce(&mut Forged<'_>)) -> Value {
    let mut log = Log::new();
    log.add(1, 2, &[0], change);
    log.case()
}

/// Two devices renewed at the same time, and the next writer united them; that one is changed.
fn two(n: u64, change: impl FnOnce(&mut Forged<'_>)) -> Value {
    let mut log = Log::new();
    log.add(2, 2, &[0], |_| ());
    log.add(3, 2, &[0], |_| ());
    log.add(4, n, &[1, 2], change);
    log.case()
}

#[test]
fn make_renewals() {
    let mut book = Book::new("renewal/renewal", "renewal");
    let mut put = |name: &str, expect: &str, why: &str, case: Value| {
        book.object(name, expect, why, &case);
    };
    put("one", "ok", "the second epoch leads back to the first", one(|_| ()));
    put("two prevs", "ok", "made at the same time, and united: all four open", two(3, |_| ()));
    put(
        "nobody left",
        "ok",
        "no recipients are a subset of the members",
        one(|epoch| {
            epoch.recipients.clear();
        }),
    );
    put(
        "wrong back key",
        "refused",
        "one flipped bit: the first epoch stays shut",
        one(|epoch| {
            epoch.back[0][0] ^= 1;
        }),
    );
    put("back key of another E", "refused", "it opens, and was not committed to", {
        let (log, wrong) = (Log::new(), EpochKey::from_secret_bytes(&[9; 32]));
        let key = EpochKey::from_secret_bytes(&[1; 32]);
        let back = Forged::after(&log.home, &key, &[(log.first().0, &wrong)]).back;
        one(|epoch| epoch.back = back)
    });
    put("back keys in another order", "refused", "one for each of prev, in its order", {
        two(3, |epoch| epoch.back.swap(0, 1))
    });
    put(
        "another CK",
        "refused",
        "E opens, and its CK was not committed to",
        one(|epoch| {
            epoch.commit_ck[0] ^= 1;
        }),
    );
    put("n too large", "form", "1 + the largest n in prev", two(4, |_| ()));
    put("n too small", "form", "it would have the number of those it follows", two(2, |_| ()));
    put("prev is not here", "missing", "an entry waits until all it names is here", {
        one(|epoch| epoch.prev = vec![EntryId([9; 32])])
    });
    put("a stranger reads on", "not fresh", "nobody seals under it: 77 is no member", {
        one(|epoch| epoch.recipients.push(MemberTag([0xff; 16])))
    });
    put(
        "another name key",
        "not fresh",
        "every tag would move",
        one(|epoch| {
            epoch.name_key = NameKey::from_secret_bytes(&[9; 32]);
        }),
    );
    book.settle();
}
