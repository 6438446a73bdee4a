//! Makes vectors/frame: bodies of one or several frames.

use strongroom_wire::frame::{Area, Cursor, Frame};
use strongroom_wire::ids::{ChunkId, DocumentTag, EntryId};

use crate::golden::Book;
use crate::samples::{blob, key, list, run, uint, version, version_header};

fn framed(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes()[..], body].concat()
}

fn bytes(frames: &[Frame]) -> Vec<u8> {
    let mut out = Vec::new();
    for frame in frames {
        frame.write(&mut out);
    }
    out
}

fn items(items: &[Vec<u8>]) -> Vec<u8> {
    framed(&list(items))
}

#[test]
fn frames() {
    let mut book = Book::new("frame/frames", "frames");
    good(&mut book);
    broken_lengths(&mut book);
    broken_fields(&mut book);
    book.settle();
}

fn good(book: &mut Book) {
    let cursor = Some(Cursor { log: [7; 8], at: 500 });
    let hello = Frame::Hello { formats: vec![0], salt: [5; 16] };
    let since = Frame::Since { area: Area::Bucket, cursor: None };
    let document = Frame::Since { area: Area::Document(DocumentTag([0xd0; 16])), cursor };
    let area = Area::Version(DocumentTag([0xd0; 16]), EntryId([0xe0; 32]));
    let one_version = Frame::Since { area, cursor };
    let chunk = ChunkId([0xcc; 32]);
    let whole = Frame::Chunk { chunk, offset: 0, data: vec![0x5e; 1_048_576] };
    let part = Frame::Chunk { chunk, offset: 1_048_575, data: vec![0x5e] };
    let done = Frame::Done { count: 3, fingerprint: [9; 16] };
    book.case("nothing", "ok", "a body may hold no frame", &[])
        .case("hello", "ok", "format numbers and a salt", &bytes(std::slice::from_ref(&hello)))
        .case("from the start", "ok", "no cursor yet", &bytes(&[hello, since]))
        .case("one document", "ok", "since a cursor", &bytes(&[document]))
        .case("one version", "ok", "a tag and an entry id", &bytes(&[one_version]))
        .case("cursor", "ok", "and there is more", &{
            bytes(&[Frame::CursorIs { cursor, more: true }])
        })
        .case("cursor unknown", "ok", "the log was renumbered", &{
            bytes(&[Frame::CursorIs { cursor: None, more: false }])
        })
        .case("no entries", "ok", "nothing new", &bytes(&[Frame::Entries(vec![])]))
        .case("a run and its end", "ok", "three entries, one signature, the set's sum", &{
            bytes(&[Frame::Entries(run(3, |seq| seq == 2)), done])
        })
        .case("lost", "ok", "two chunks that are gone", &{
            bytes(&[Frame::Lost(vec![ChunkId([1; 32]), ChunkId([2; 32])])])
        })
        .case("want", "ok", "the first half of a chunk", &{
            bytes(&[Frame::Want { chunk, offset: 0, len: 524_288 }])
        })
        .case("whole chunk", "ok", "the largest frame there is", &bytes(&[whole]))
        .case("last byte of a chunk", "ok", "a range ends where the chunk does", &bytes(&[part]));
}

fn broken_lengths(book: &mut Book) {
    let done = bytes(&[Frame::Done { count: 3, fingerprint: [9; 16] }]);
    let many = bytes(&vec![Frame::Since { area: Area::Bucket, cursor: None }; 16_385]);
    book.case("three bytes", "cut", "not even a length", &[0, 0, 0])
        .case("length without a frame", "cut", "nothing follows", &[0, 0, 0, 9])
        .case("cut", "cut", "the last byte is missing", &done[..done.len() - 1])
        .case("second frame cut", "cut", "the first alone would be sound", &{
            [&done[..], &done[..9]].concat()
        })
        .case("too long", "limit", "refused by its length alone", &[0, 0x11, 0, 1])
        .case("4 GiB", "limit", "refused by its length alone", &[0xff; 4])
        .case("empty frame", "cut", "no frame is empty", &[0, 0, 0, 0])
        .case("length one too large", "trailing", "a byte after the array", &{
            let mut longer = done.clone();
            longer[3] += 1;
            longer.push(0);
            longer
        })
        .case("16,385 frames", "limit", "tiny frames would take many times their bytes", &many);
}

fn broken_fields(book: &mut Book) {
    let chunk = blob(&[0xcc; 32]);
    let log = blob(&[7; 8]);
    let entry = version(version_header(), &[0x5e; 20], &key(1)).encode();
    let mut bent = entry.clone();
    *bent.last_mut().unwrap() ^= 1;
    let null = vec![0xf6];
    let kept = "kept for another way of replication";
    book.case("a map", "type", "frames are arrays", &framed(&[0xa0]))
        .case("empty array", "cut", "no frame number", &framed(&[0x80]))
        .case("five fields", "limit", "no frame has so many", &items(&vec![uint(9); 5]))
        .case("number 3", "unknown", kept, &items(&[uint(3), uint(0)]))
        .case("number 4", "unknown", kept, &items(&[uint(4), uint(0)]))
        .case("number 8", "unknown", kept, &items(&[uint(8), uint(0)]))
        .case("number 10", "unknown", kept, &items(&[uint(10), uint(0)]))
        .case("number 12", "unknown", "no such frame", &items(&[uint(12), uint(0)]))
        .case("lost that is no list", "type", "a list", &items(&[uint(11), uint(0)]))
        .case("lost twice", "order", "ascending, none twice", &{
            items(&[uint(11), list(&[chunk.clone(), chunk.clone()])])
        })
        .case("lost with a short id", "limit", "32 bytes", &{
            items(&[uint(11), list(&[blob(&[1; 31])])])
        })
        .case("16,385 lost", "limit", "at most 16,384", &{
            framed(&[vec![0x82, 11, 0x99, 0x40, 0x01], vec![0; 17_000]].concat())
        })
        .case("number as text", "type", "a number is due", &items(&[vec![0x61, b'a']]))
        .case("hello without formats", "limit", "nobody could answer", &{
            items(&[uint(0), blob(&[]), blob(&[5; 16])])
        })
        .case("hello with 17 formats", "limit", "at most 16", &{
            items(&[uint(0), blob(&[0; 17]), blob(&[5; 16])])
        })
        .case("short salt", "limit", "16 bytes", &items(&[uint(0), blob(&[0]), blob(&[5; 15])]))
        .case("hello of two fields", "unknown", "the salt is missing", &{
            items(&[uint(0), blob(&[0])])
        })
        .case("since with a short tag", "limit", "16 bytes", &{
            items(&[uint(1), blob(&[1; 15]), null.clone()])
        })
        .case("cursor without a place", "limit", "log and place", &{
            items(&[uint(1), null.clone(), list(std::slice::from_ref(&log))])
        })
        .case("cursor with a short log", "limit", "8 bytes", &{
            items(&[uint(1), null.clone(), list(&[blob(&[7; 7]), uint(1)])])
        })
        .case("more as 1", "type", "true or false", &items(&[uint(2), null, uint(1)]))
        .case("entries that are no list", "type", "a list", &items(&[uint(5), uint(1)]))
        .case("an entry with a bent byte", "body", "one bad entry spoils the frame", &{
            items(&[uint(5), list(&[entry, bent])])
        })
        .case("16,385 entries", "limit", "at most one batch", &{
            framed(&[vec![0x82, 5, 0x99, 0x40, 0x01], vec![0; 17_000]].concat())
        })
        .case("want past the end", "limit", "chunks are at most 1,048,576 bytes", &{
            items(&[uint(6), chunk.clone(), uint(1_048_576), uint(1)])
        })
        .case("want that wraps around", "limit", "offset and length are added as they are", &{
            items(&[uint(6), chunk.clone(), uint(0xffff_ffff), uint(0xffff_ffff)])
        })
        .case("offset 2^32", "limit", "four bytes", &{
            items(&[uint(6), chunk.clone(), uint(1 << 32), uint(1)])
        })
        .case("chunk past the end", "limit", "two bytes at the last place", &{
            items(&[uint(7), chunk.clone(), uint(1_048_575), blob(&[1, 2])])
        })
        .case("chunk too long", "limit", "1,048,577 bytes", &{
            items(&[uint(7), chunk, uint(0), blob(&vec![0; 1_048_577])])
        })
        .case(
            "short fingerprint",
            "limit",
            "16 bytes",
            &items(&[uint(9), uint(3), blob(&[9; 15])]),
        );
}
