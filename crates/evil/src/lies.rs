//! Lies by name, for scripts. Comes in: frames of an honest answer. Goes out: frames of another.
//! Must not know: keys; what it signs, it signs with keys it made itself.

use strongroom_wire::entry::Entry;
use strongroom_wire::fingerprint::SetSum;

use crate::raw::RawFrames;

/// Flips one bit of the byte at `at` (from the end if negative), if there is one.
pub fn flip(bytes: &mut [u8], at: isize) {
    let len = bytes.len().cast_signed();
    let place = if at < 0 { len + at } else { at };
    if let Ok(place) = usize::try_from(place)
        && let Some(byte) = bytes.get_mut(place)
    {
        *byte ^= 1;
    }
}

/// Leaves out entries, and says nothing of it in count and fingerprint.
pub fn leave_out(frames: &mut RawFrames, which: impl Fn(&Entry) -> bool) {
    frames.entries.retain(|bytes| Entry::decode(bytes).is_ok_and(|entry| !which(&entry)));
}

/// Says that the whole set is this one. `salt` is the asker's.
pub fn claim_set<'a>(
    frames: &mut RawFrames,
    entries: impl IntoIterator<Item = &'a Entry>,
    salt: &[u8; 16],
) {
    let mut sum = SetSum::default();
    for entry in entries {
        sum.add(entry.header().hlc, entry.id());
    }
    frames.done(|count, fingerprint| {
        *count = sum.count();
        *fingerprint = sum.fingerprint(salt);
    });
}
