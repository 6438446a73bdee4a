//! Makes vectors/names: names and paths that are allowed, and those that are not.

use crate::golden::Book;

#[test]
fn names() {
    let mut book = Book::new("names/name", "name");
    let long = "n".repeat(255);
    for (name, why, text) in [
        ("plain", "letters", "letter.txt"),
        ("hidden", "a dot at the start", ".bashrc"),
        ("three dots", "only one and two mean something", "..."),
        ("spaces", "at both ends, kept as they are", " a b "),
        ("composed", "not normalised: stays composed", "\u{e9}"),
        ("decomposed", "not normalised: another name than the composed one", "e\u{301}"),
        ("newline", "odd, and kept: the file system allows it", "a\nb"),
        ("backslash", "a character like any other here", "a\\b"),
        ("longest", "255 bytes", long.as_str()),
    ] {
        book.case(name, "ok", why, text.as_bytes());
    }
    let longer = "n".repeat(256);
    let euros = "\u{20ac}".repeat(86);
    for (name, expect, why, bytes) in [
        ("empty", "empty", "nothing to call it by", &b""[..]),
        ("dot", "dots", "means the directory itself", b"."),
        ("dots", "dots", "means the directory above", b".."),
        ("slash", "slash", "would be two names", b"a/b"),
        ("only a slash", "slash", "means the root", b"/"),
        ("climbs out", "slash", "would lead outside", b"../etc/passwd"),
        ("zero byte", "nul", "would end the name on the way to the system", b"a\0b"),
        ("256 bytes", "too long", "no common file system takes it", longer.as_bytes()),
        ("86 euros", "too long", "bytes count, not characters", euros.as_bytes()),
        ("latin 1", "not utf8", "told, never guessed", b"caf\xe9"),
        ("half a character", "not utf8", "cut in the middle", b"\xe2\x82"),
        ("surrogate", "not utf8", "half of a UTF-16 pair", b"\xed\xa0\x80"),
        ("overlong slash", "not utf8", "a slash in disguise", b"\xc0\xaf"),
    ] {
        book.case(name, expect, why, bytes);
    }
    book.settle();
}

#[test]
fn paths() {
    let mut book = Book::new("names/path", "path");
    let deep = "/d".repeat(256);
    for (name, why, text) in [
        ("root", "the default bucket", "/"),
        ("file", "two names", "/notes/tax.pdf"),
        ("into", "things go into it", "/photos/"),
        ("bucket", "by its label", "work:/a"),
        ("bucket id", "by its id, with colons", "did:bkt:abc:/a"),
        ("bucket root", "all of a bucket", "work:/"),
        ("colon", "colons are allowed in names", "/a:b"),
        ("deepest", "256 directories", deep.as_str()),
    ] {
        book.case(name, "ok", why, text.as_bytes());
    }
    let deeper = "/d".repeat(257);
    let long = format!("/{}", "n".repeat(255)).repeat(17);
    for (name, expect, why, text) in [
        ("empty", "not absolute", "says nothing", ""),
        ("relative", "not absolute", "there is no working directory in a bucket", "notes.txt"),
        ("relative below", "not absolute", "the same with a slash inside", "notes/tax.pdf"),
        ("label without a path", "not absolute", "the slash is missing", "work:"),
        ("no label", "not absolute", "a colon and nothing before it", ":/a"),
        ("double slash", "empty", "an empty name between them", "/a//b"),
        ("two slashes", "empty", "an empty name between them", "//"),
        ("up", "dots", "written out, it is another path", "/a/../b"),
        ("here", "dots", "written out, it is shorter", "/a/./b"),
        ("zero byte", "nul", "in the middle of a name", "/a\0"),
        ("257 deep", "too deep", "257 directories", deeper.as_str()),
        ("too long", "path too long", "17 names of 255 bytes", long.as_str()),
    ] {
        book.case(name, expect, why, text.as_bytes());
    }
    book.settle();
}
