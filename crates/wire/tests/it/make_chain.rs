//! Makes vectors/chain: batches of entries against where an author's chain stood.

use serde_json::{Value, json};
use strongroom_wire::entry::{Entry, Header, Hlc};
use strongroom_wire::ids::BucketId;

use crate::golden::{Book, hex};
use crate::samples::{BUCKET, key, run, sign, version, version_header};

fn input(entries: &[Entry], tip: Option<&Entry>, at: Option<&Entry>) -> Value {
    let tip = tip.map(|tip| json!({"seq": tip.header().seq, "id": hex(tip.id().as_bytes())}));
    json!({
        "bucket": hex(&BUCKET.0),
        "tip": tip,
        "entries": entries.iter().map(|entry| hex(&entry.encode())).collect::<Vec<_>>(),
        "at": at.map(|entry| hex(entry.id().as_bytes())),
    })
}

/// The entry after `before`, changed and then signed by the author's key.
fn next(before: &Entry, change: impl FnOnce(&mut Header)) -> Entry {
    let mut header = Header {
        seq: before.header().seq + 1,
        prev: before.id(),
        hlc: before.header().hlc,
        ..version_header()
    };
    change(&mut header);
    version(header, &[0x5e; 20], &key(1))
}

#[test]
fn chains() {
    let mut book = Book::new("chain/chain", "chain");
    good(&mut book);
    broken(&mut book);
    book.settle();
}

fn good(book: &mut Book) {
    let signed = run(4, |_| true);
    let last_only = run(4, |seq| seq == 3);
    let turned: Vec<_> = last_only.iter().rev().cloned().collect();
    let doubled = [&last_only[..], &last_only[1..3]].concat();
    let bare = run(1, |_| false);
    let copies = [bare[0].clone(), signed[0].clone()];
    book.object("nothing", "ok", "an empty batch", &input(&[], None, None))
        .object("each signed", "ok", "four entries, four signatures", &input(&signed, None, None))
        .object("one signature", "ok", "the last covers all before it", &{
            input(&last_only, None, None)
        })
        .object("continued", "ok", "two are held already", &{
            input(&last_only[2..], Some(&last_only[1]), None)
        })
        .object("turned around", "ok", "a batch has no order of its own", &{
            input(&turned, None, None)
        })
        .object("entries twice", "ok", "a copy is no fork", &input(&doubled, None, None))
        .object("a bare copy of a signed entry", "ok", "the signed one is kept", &{
            input(&copies, None, None)
        });
}

fn broken(book: &mut Book) {
    let all = run(4, |_| true);
    let bare = run(4, |seq| seq < 3);
    let other = |header: Header| version(header, &[0x0f; 20], &key(1));
    let fork = other(Header { seq: 1, prev: all[0].id(), ..version_header() });
    let forged = sign(run(1, |_| false).remove(0), &key(2));
    let back = next(&all[0], |header| header.hlc = Hlc::new(1, 0));
    let elsewhere = next(&all[0], |header| header.bucket = BucketId([0xbb; 32]));
    let skips = next(&all[0], |header| header.seq = 2);
    let mut high = all[0].signature().copied().unwrap();
    high[63] |= 0xe0;
    let malleable = run(1, |_| false).remove(0).signed(high);
    let tail = &bare[3];
    book.object("unsigned tail", "unsigned", "nothing covers the last entry", &{
        input(&bare, None, Some(tail))
    })
    .object("signed by another", "unsigned", "another key than the author's", &{
        input(std::slice::from_ref(&forged), None, Some(&forged))
    })
    .object("malleable signature", "unsigned", "the scalar is not reduced", &{
        input(std::slice::from_ref(&malleable), None, Some(&malleable))
    })
    .object("does not start at 0", "gap", "what was before it is missing", &{
        input(&all[1..], None, Some(&all[1]))
    })
    .object("a hole", "gap", "the third is missing", &{
        input(&[all[0].clone(), all[1].clone(), all[3].clone()], None, Some(&all[3]))
    })
    .object("a number left out", "gap", "prev fits, the number does not", &{
        input(&[all[0].clone(), skips.clone()], None, Some(&skips))
    })
    .object("before what is held", "fork", "another entry at a place that is taken", &{
        input(std::slice::from_ref(&fork), Some(&all[2]), Some(&fork))
    })
    .object("another past", "fork", "its predecessor is not the one held", &{
        input(&all[2..], Some(&fork), Some(&all[2]))
    })
    .object("another bucket", "bucket", "a whole run must be of one bucket", &{
        input(&[all[0].clone(), elsewhere.clone()], None, Some(&elsewhere))
    })
    .object("goes back in time", "clock", "an author's clock never goes back", &{
        input(&[all[0].clone(), back.clone()], None, Some(&back))
    });
    let mut pair = [all[1].clone(), fork];
    pair.sort_by_key(Entry::id);
    book.object("two at one place", "fork", "one author, one number, two entries", &{
        input(&[all[0].clone(), pair[0].clone(), pair[1].clone()], None, Some(&pair[1]))
    });
}
