//! Makes vectors/jwe/broken.json: what another program sealed, broken in one place each.

use serde_json::{Value, json};

use crate::edv::{envelope, read_others};
use crate::golden::Book;

/// The envelope of vectors/edv, as a case.
fn good() -> Value {
    let envelope = envelope();
    json!({
        "profile": "recommended",
        "kid": envelope["keyId"],
        "secret": crate::edv::envelope_secret(),
        "plain": envelope["plaintext"],
        "jwe": envelope["jwe"],
    })
}

struct Cases(Book);

impl Cases {
    fn from(&mut self, base: &Value, row: (&str, &str, &str), change: impl FnOnce(&mut Value)) {
        let (name, expect, why) = row;
        let mut case = base.clone();
        change(&mut case["jwe"]);
        self.0.object(name, expect, why, &case);
    }
}

/// The last character of a text, changed to another that is canonical in the same place.
fn flip(value: &mut Value) {
    let text = value.as_str().unwrap().to_owned();
    let (first, rest) = text.split_at(1);
    *value = format!("{}{rest}", if first == "A" { "B" } else { "A" }).into();
}

#[test]
fn make_broken_jwes() {
    let mut cases = Cases(Book::new("jwe/broken", "jwe"));
    let base = good();
    cases.from(&base, ("as it is", "ok", "sealed by another program"), |_| {});
    for (name, why) in [
        ("protected", "the tag is over these very characters"),
        ("recipients", "whoever opens it is one of them"),
        ("iv", "without it nothing opens"),
        ("ciphertext", "there is no JWE without, not even an empty one"),
        ("tag", "nothing opens without a tag"),
    ] {
        let row = (&*format!("no {name}"), "form", why);
        cases.from(&base, row, |jwe| drop(jwe.as_object_mut().unwrap().remove(name)));
        let row = (&*format!("{name} is a number"), "form", "of another type");
        cases.from(&base, row, |jwe| jwe[name] = 7.into());
    }
    for (name, row) in [
        ("iv", ("another iv", "open", "the iv is under the tag")),
        ("ciphertext", ("another ciphertext", "open", "every bit is under the tag")),
        ("tag", ("another tag", "open", "a tag fits one ciphertext")),
    ] {
        cases.from(&base, row, |jwe| flip(&mut jwe[name]));
    }
    members(&mut cases, &base);
    headers(&mut cases, &base);
    recipients(&mut cases, &base);
    cases.0.settle();
}

fn members(cases: &mut Cases, base: &Value) {
    cases.from(base, ("one member more", "form", "five, and no other"), |jwe| {
        jwe["aad"] = "AA".into();
    });
    cases.from(base, ("padded base64", "form", "base64url has one spelling here"), |jwe| {
        jwe["tag"] = format!("{}==", jwe["tag"].as_str().unwrap()).into();
    });
    cases.from(base, ("plain base64", "form", "`+` and `/` are another alphabet"), |jwe| {
        jwe["iv"] = "6vcEnBcUZdLkSYBJtSRO87VPOhibU7J+".into();
    });
    cases.from(base, ("loose bits", "form", "bits that stand for nothing are zero"), |jwe| {
        jwe["tag"] = "tt4lNnOC0KZq2EjaVUXp5x".into();
    });
    cases.from(base, ("a short tag", "form", "16 bytes, or a forger needs few tries"), |jwe| {
        jwe["tag"] = "tt4lNnOC0KY".into();
    });
    cases.from(base, ("a long tag", "form", "16 bytes"), |jwe| jwe["tag"] = "A".repeat(32).into());
    cases.from(base, ("no tag at all", "form", "an empty one"), |jwe| jwe["tag"] = "".into());
    cases.from(base, ("a short iv", "form", "12 bytes, for XC20P"), |jwe| {
        jwe["iv"] = "A".repeat(16).into();
    });
    cases.from(base, ("cut ciphertext", "open", "the end is under the tag, too"), |jwe| {
        jwe["ciphertext"] = "W723D--8gp7RaZc-VzUROt2ZNncXZt_3".into();
    });
}

fn headers(cases: &mut Cases, base: &Value) {
    // {"enc":"A256GCM"}, {"enc":"none"}, {"enc":"XC20P","zip":"DEF"}, {"enc":"XC20P","crit":["x"]},
    // {"alg":"dir"}, "XC20P", no JSON, {"enc":"XC20P" }
    for (name, expect, why, header) in [
        ("another cipher", "form", "its iv has 12 bytes", "eyJlbmMiOiJBMjU2R0NNIn0"),
        ("no cipher", "cipher", "`none` seals nothing", "eyJlbmMiOiJub25lIn0"),
        ("compressed", "form", "lengths would tell", "eyJlbmMiOiJYQzIwUCIsInppcCI6IkRFRiJ9"),
        (
            "critical",
            "form",
            "what must be understood and is not",
            "eyJlbmMiOiJYQzIwUCIsImNyaXQiOlsieCJdfQ",
        ),
        ("no enc", "form", "nothing says how", "eyJhbGciOiJkaXIifQ"),
        ("a text", "form", "a header is an object", "IlhDMjBQIg"),
        ("no JSON", "form", "a header is JSON", "AAAA"),
        ("a space", "open", "the same JSON, and not the same bytes", "eyJlbmMiOiJYQzIwUCIgfQ"),
    ] {
        let row = (&*format!("header: {name}"), expect, why);
        cases.from(base, row, |jwe| jwe["protected"] = header.into());
    }
    cases.from(base, ("header: long", "limit", "8,192 characters"), |jwe| {
        jwe["protected"] = "e".repeat(8_196).into();
    });
}

fn recipients(cases: &mut Cases, base: &Value) {
    let low_order = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    cases.from(base, ("nobody", "form", "one recipient at least"), |jwe| {
        jwe["recipients"] = json!([]);
    });
    cases.from(base, ("somebody else", "recipient", "this key is not named"), |jwe| {
        let header = &mut jwe["recipients"][0]["header"];
        header["kid"] = "urn:bob".into();
        header["apv"] = "dXJuOmJvYg".into();
    });
    let mut header = |row, change: fn(&mut Value)| {
        cases.from(base, row, |jwe| change(&mut jwe["recipients"][0]));
    };
    header(("a header may hold more", "ok", "it is left alone"), |it| {
        it["header"]["more"] = json!({"a": [1]});
    });
    header(("no apu, no apv", "ok", "both follow from epk and kid"), |it| {
        let header = it["header"].as_object_mut().unwrap();
        header.remove("apu");
        header.remove("apv");
    });
    header(("no kid", "form", "nobody knows whose it is"), |it| {
        drop(it["header"].as_object_mut().unwrap().remove("kid"));
    });
    header(("another apu", "form", "it is the key of epk"), |it| it["header"]["apu"] = "AA".into());
    header(("another apv", "form", "it is the kid"), |it| it["header"]["apv"] = "AA".into());
    header(("another algorithm", "form", "ECDH-ES+A256KW only"), |it| {
        it["header"]["alg"] = "A256KW".into();
    });
    header(("agreed directly", "form", "one key cannot serve several"), |it| {
        it["header"]["alg"] = "ECDH-ES".into();
    });
    header(("a recipient with more", "form", "header and encrypted_key"), |it| {
        it["more"] = 1.into();
    });
    header(("another wrapped key", "open", "unwrapping checks it"), |it| {
        flip(&mut it["encrypted_key"]);
    });
    header(("a short wrapped key", "form", "40 bytes: a key of 32"), |it| {
        it["encrypted_key"] = "A".repeat(32).into();
    });
    header(("epk of another curve", "form", "X25519 or P-256"), |it| {
        it["header"]["epk"]["crv"] = "X448".into();
    });
    header(("epk of another type", "form", "a point has two coordinates"), |it| {
        it["header"]["epk"]["kty"] = "EC".into();
    });
    header(("a short epk", "form", "32 bytes"), |it| it["header"]["epk"]["x"] = "AAAA".into());
    let mut weak = base.clone();
    let header = &mut weak["jwe"]["recipients"][0]["header"];
    header["epk"]["x"] = low_order.into();
    header["apu"] = low_order.into();
    let why = "a point of small order would make a secret everyone knows";
    cases.0.object("weak epk", "open", why, &weak);
    let fips = read_others().into_iter().find(|case| case["profile"] == "fips").unwrap();
    let mut outside = fips;
    let header = &mut outside["jwe"]["recipients"][0]["header"];
    flip(&mut header["epk"]["x"]);
    header.as_object_mut().unwrap().remove("apu");
    let why = "a point beside the curve would give the key away bit by bit";
    cases.0.object("epk beside the curve", "open", why, &outside);
}
