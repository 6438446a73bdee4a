//! Documents, their index entries, and chunks. Comes in: JSON of a stranger. Goes out: ids,
//! sequences and blinded attributes. Must not know: what is sealed in a JWE.

use super::super::ids::LocalId;
use super::super::json::Json;
use super::super::limits::{ATTRIBUTE_LEN_MAX, ATTRIBUTES_MAX, INDEXED_MAX, URL_LEN_MAX};
use super::{KeyName, ModelError, Shape, base64url, local_id, text, wrong};

/// What a provider knows of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Chosen by the client.
    pub id: LocalId,
    /// How often it was changed.
    pub sequence: u64,
    /// What it can be found by: one entry a key.
    pub indexed: Vec<IndexEntry>,
    /// Its content in chunks.
    pub stream: Stream,
}

/// What is said of a document's chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// It has none.
    None,
    /// They are on their way.
    Open,
    /// All are here.
    Whole {
        /// The sequence they were sent under.
        sequence: u64,
        /// How many.
        chunks: u64,
    },
}

/// Blinded attributes under one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    /// The key.
    pub hmac: KeyName,
    /// The document's sequence when they were made.
    pub sequence: u64,
    /// The attributes.
    pub attributes: Vec<Attribute>,
}

/// One blinded attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// The blinded name.
    pub name: String,
    /// The blinded value.
    pub value: String,
    /// No other document of the vault may claim the same.
    pub unique: bool,
}

/// What a provider knows of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Its place.
    pub index: u64,
    /// Plaintext bytes up to its end.
    pub offset: u64,
    /// The document's sequence when it was sent.
    pub sequence: u64,
}

impl Document {
    /// Reads a document.
    pub fn parse(bytes: &[u8]) -> Result<Self, ModelError> {
        Self::read(&Json::parse(bytes)?)
    }

    fn read(json: &Json<'_>) -> Result<Self, ModelError> {
        const MEMBERS: [&str; 5] = ["id", "sequence", "indexed", "jwe", "stream"];
        let it = Shape::of(json, "the document", &MEMBERS)?;
        check_jwe(it.need("jwe")?)?;
        Ok(Self {
            id: local_id(it.need("id")?, "id")?,
            sequence: it.sequence("sequence")?,
            indexed: it.maybe("indexed").map_or(Ok(Vec::new()), read_indexed)?,
            stream: it.maybe("stream").map_or(Ok(Stream::None), Stream::read)?,
        })
    }

    /// The stored document with this entry in the place of the one under the same key; with what a
    /// provider knows of it. Nothing else of it changes.
    pub fn with_entry(stored: &[u8], entry: &[u8]) -> Result<(Self, String), ModelError> {
        let mut json = Json::parse(stored)?;
        let entry = Json::parse(entry)?;
        let key = IndexEntry::read(&entry)?.hmac;
        let Json::Object(members) = &mut json else {
            return Err(wrong("the document", "an object"));
        };
        let place = members.iter_mut().find(|(name, _)| name == "indexed");
        match place {
            None => members.push(("indexed".into(), Json::Array(vec![entry]))),
            Some((_, Json::Array(entries))) => {
                let same = |it: &&mut Json<'_>| IndexEntry::read(it).is_ok_and(|it| it.hmac == key);
                match entries.iter_mut().find(same) {
                    Some(old) => *old = entry,
                    None => entries.push(entry),
                }
            }
            Some(_) => return Err(wrong("indexed", "a list")),
        }
        let document = Self::read(&json)?;
        let mut text = String::with_capacity(stored.len() + 1_024);
        json.write(&mut text);
        Ok((document, text))
    }
}

impl Stream {
    fn read(json: &Json<'_>) -> Result<Self, ModelError> {
        let it = Shape::of(json, "stream", &["sequence", "chunks"])?;
        if json.members().is_some_and(<[_]>::is_empty) {
            return Ok(Self::Open);
        }
        Ok(Self::Whole { sequence: it.sequence("sequence")?, chunks: it.sequence("chunks")? })
    }

    /// Whether a chunk belongs to it, or may still come to.
    pub fn keeps(&self, index: u64, sent_under: u64) -> bool {
        match self {
            Self::None => false,
            Self::Open => true,
            Self::Whole { sequence, chunks } => index < *chunks && sent_under == *sequence,
        }
    }
}

impl IndexEntry {
    /// Reads an entry that comes alone.
    pub fn parse(bytes: &[u8]) -> Result<Self, ModelError> {
        Self::read(&Json::parse(bytes)?)
    }

    fn read(json: &Json<'_>) -> Result<Self, ModelError> {
        const AT: &str = "indexed.attributes";
        let it = Shape::of(json, "indexed", &["hmac", "sequence", "attributes"])?;
        let attributes = it.need("attributes")?.items().ok_or(wrong(AT, "a list"))?;
        if attributes.len() > ATTRIBUTES_MAX {
            return Err(wrong(AT, "not so many"));
        }
        Ok(Self {
            hmac: KeyName::read(it.need("hmac")?, "indexed.hmac")?,
            sequence: it.sequence("sequence")?,
            attributes: attributes.iter().map(Attribute::read).collect::<Result<_, _>>()?,
        })
    }
}

impl Attribute {
    fn read(json: &Json<'_>) -> Result<Self, ModelError> {
        const AT: &str = "indexed.attributes";
        let it = Shape::of(json, AT, &["name", "value", "unique"])?;
        let unique = it.maybe("unique").map(|it| it.truth().ok_or(wrong(AT, "`unique` is a yes")));
        Ok(Self {
            name: it.text("name", (AT, ATTRIBUTE_LEN_MAX))?,
            value: it.text("value", (AT, ATTRIBUTE_LEN_MAX))?,
            unique: unique.transpose()?.unwrap_or(false),
        })
    }
}

impl Chunk {
    /// Reads a chunk.
    pub fn parse(bytes: &[u8]) -> Result<Self, ModelError> {
        let json = Json::parse(bytes)?;
        let it = Shape::of(&json, "the chunk", &["index", "offset", "sequence", "jwe"])?;
        check_jwe(it.need("jwe")?)?;
        Ok(Self {
            index: it.sequence("index")?,
            offset: it.sequence("offset")?,
            sequence: it.sequence("sequence")?,
        })
    }
}

fn read_indexed(json: &Json<'_>) -> Result<Vec<IndexEntry>, ModelError> {
    let items = json.items().ok_or(wrong("indexed", "a list"))?;
    if items.len() > INDEXED_MAX {
        return Err(wrong("indexed", "not so many entries"));
    }
    let mut entries: Vec<IndexEntry> = Vec::with_capacity(items.len());
    for item in items {
        let entry = IndexEntry::read(item)?;
        if entries.iter().any(|other| other.hmac == entry.hmac) {
            return Err(wrong("indexed", "one entry for each key"));
        }
        entries.push(entry);
    }
    if entries.iter().map(|entry| entry.attributes.len()).sum::<usize>() > ATTRIBUTES_MAX {
        return Err(wrong("indexed.attributes", "not so many in all"));
    }
    Ok(entries)
}

fn check_jwe(json: &Json<'_>) -> Result<(), ModelError> {
    const MEMBERS: [&str; 5] = ["protected", "recipients", "iv", "ciphertext", "tag"];
    let it = Shape::of(json, "jwe", &MEMBERS)?;
    for name in ["protected", "iv", "ciphertext", "tag"] {
        base64url(it.need(name)?, "jwe")?;
    }
    let recipients = it.need("recipients")?.items().filter(|all| !all.is_empty());
    recipients
        .ok_or(wrong("jwe.recipients", "a list of one at least"))?
        .iter()
        .try_for_each(check_recipient)
}

fn check_recipient(json: &Json<'_>) -> Result<(), ModelError> {
    const AT: (&str, usize) = ("jwe.recipients.header", URL_LEN_MAX);
    let it = Shape::of(json, "jwe.recipients", &["header", "encrypted_key"])?;
    base64url(it.need("encrypted_key")?, "jwe.recipients.encrypted_key")?;
    // A header may hold more than these: how a key was agreed on is the recipients' matter.
    let header = it.need("header")?;
    for name in ["alg", "kid"] {
        text(header.member(name).ok_or(wrong(AT.0, "`alg` and `kid`"))?, AT)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const JWE: &str = r#"{"protected":"eyJlbmMiOiJYQzIwUCJ9","recipients":[{"header":{"kid":"k",
        "alg":"ECDH-ES+A256KW","epk":{"kty":"OKP"},"apu":"u"},"encrypted_key":"k-_"}],
        "iv":"i","ciphertext":"c","tag":"t"}"#;
    const ENTRY: &str = r#"{"hmac":{"id":"h","type":"S"},"sequence":2,
        "attributes":[{"name":"n","value":"v","unique":true},{"name":"n","value":"w"}]}"#;

    fn document() -> String {
        let id = "z19pjAGaCdp2EkKzUcvdSf9wG";
        format!(
            r#"{{"id":"{id}","sequence":2,"indexed":[{ENTRY}],"jwe":{JWE},
                "stream":{{"sequence":1,"chunks":9}}}}"#
        )
    }

    #[test]
    fn a_document_tells_what_a_provider_may_know() {
        let read = Document::parse(document().as_bytes()).unwrap();
        assert_eq!((read.sequence, read.indexed.len()), (2, 1));
        assert_eq!(read.stream, Stream::Whole { sequence: 1, chunks: 9 });
        assert_eq!(read.indexed[0], IndexEntry::parse(ENTRY.as_bytes()).unwrap());
        assert!(read.indexed[0].attributes[0].unique && !read.indexed[0].attributes[1].unique);
    }

    #[test]
    fn each_member_is_looked_at_also_in_the_second_item_of_a_list() {
        let good = document();
        let swaps = [
            ("\"jwe\":", "\"jew\":"),
            ("\"sequence\":2,\"indexed\"", "\"indexed\""),
            ("z19pjAGaCdp2EkKzUcvdSf9wG", "z6Mk"),
            ("\"iv\":\"i\",", ""),
            ("\"iv\":\"i\"", "\"iv\":\"i=\""),
            ("\"iv\":\"i\"", "\"iv\":\"i\",\"aad\":\"a\""),
            ("\"alg\":\"ECDH-ES+A256KW\",", ""),
            ("\"kid\":\"k\"", "\"kid\":\"\""),
            ("\"encrypted_key\":\"k-_\"}", "\"encrypted_key\":\"k-_\",\"more\":1}"),
            ("\"k-_\"}]", "\"k-_\"},{}]"),
            ("[{\"header\"", "[7,{\"header\""),
            ("{\"name\":\"n\",\"value\":\"w\"}", "{\"name\":\"n\"}"),
            ("{\"name\":\"n\",\"value\":\"w\"}", "{\"name\":\"n\",\"value\":7}"),
            ("\"unique\":true", "\"unique\":1"),
            ("\"value\":\"w\"", "\"value\":\"w\",\"plain\":\"w\""),
            ("{\"sequence\":1,\"chunks\":9}", "{\"sequence\":1}"),
            ("{\"sequence\":1,\"chunks\":9}", "{\"sequence\":1,\"chunks\":9,\"more\":1}"),
            ("{\"sequence\":1,\"chunks\":9}", "[]"),
            ("\"stream\":", "\"content\":"),
        ];
        for (from, to) in swaps {
            assert!(good.contains(from), "{from}");
            let bent = good.replacen(from, to, 1);
            assert!(Document::parse(bent.as_bytes()).is_err(), "{from} to {to}");
        }
        let twice = good.replacen(ENTRY, &format!("{ENTRY},{ENTRY}"), 1);
        let wants = wrong("indexed", "one entry for each key");
        assert_eq!(Document::parse(twice.as_bytes()), Err(wants));
        assert!(Document::parse(good.as_bytes()).is_ok(), "the positive control");
    }

    #[test]
    fn a_refusal_tells_nothing_of_the_body() {
        let bent = document().replacen("\"stream\":", "\"plaintext-marker\":", 1);
        let error = Document::parse(bent.as_bytes()).unwrap_err().to_string();
        assert_eq!(error, "the document: a member stands there that is not known");
    }

    #[test]
    fn an_entry_takes_the_place_of_the_one_under_its_key() {
        let stored = document();
        let other = ENTRY.replacen("\"h\"", "\"h2\"", 1);
        let (read, text) = Document::with_entry(stored.as_bytes(), other.as_bytes()).unwrap();
        assert_eq!(Document::parse(text.as_bytes()), Ok(read.clone()));
        assert_eq!(read.indexed.len(), 2);
        let newer = other.replacen("\"w\"", "\"x\"", 1);
        let (read, text) = Document::with_entry(text.as_bytes(), newer.as_bytes()).unwrap();
        assert_eq!((read.indexed.len(), &*read.indexed[1].attributes[1].value), (2, "x"));
        let bare = stored.replacen(&format!("\"indexed\":[{ENTRY}],"), "", 1);
        let (read, _) = Document::with_entry(bare.as_bytes(), newer.as_bytes()).unwrap();
        assert_eq!(read.indexed.len(), 1);
        assert!(text.contains("\"stream\":{\"sequence\":1,\"chunks\":9}"), "{text}");
    }

    #[test]
    fn a_chunk_has_its_three_numbers_and_nothing_else() {
        let good = format!(r#"{{"index":0,"offset":1048576,"sequence":0,"jwe":{JWE}}}"#);
        let chunk = Chunk { index: 0, offset: 1_048_576, sequence: 0 };
        assert_eq!(Chunk::parse(good.as_bytes()), Ok(chunk));
        for (from, to) in [
            ("\"index\":0", "\"index\":\"0\""),
            ("\"offset\":1048576,", ""),
            ("\"offset\"", "\"id\""),
            ("\"tag\":\"t\"", "\"tag\":7"),
        ] {
            assert!(Chunk::parse(good.replacen(from, to, 1).as_bytes()).is_err(), "{to}");
        }
    }

    #[test]
    fn a_stream_keeps_its_own_chunks() {
        let whole = Stream::Whole { sequence: 4, chunks: 2 };
        assert!(whole.keeps(1, 4) && !whole.keeps(2, 4) && !whole.keeps(1, 3));
        assert!(Stream::Open.keeps(9, 9) && !Stream::None.keeps(0, 0));
    }
}
