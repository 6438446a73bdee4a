//! What a server of EDV vaults answers with. Comes in: JSON of a stranger. Goes out: documents,
//! chunks and lists whose form was checked. Must not know: keys.

use serde::Deserialize;
use serde_json::{Value, json};
use strongroom_seal::jwe::Jwe;
use strongroom_wire::limits::EDV_STREAM_CHUNKS_MAX;

use super::keys::is_id;
use crate::error::{Error, ErrorKind, Result};

/// The highest number a state may have: what JavaScript counts to, without the last two.
pub const SEQUENCE_MAX: u64 = (1 << 53) - 2;

/// A document as a server keeps it.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its id.
    pub id: String,
    /// Its state.
    pub sequence: u64,
    /// Entries of the index, as they stand there: other programs' too.
    pub indexed: Vec<Value>,
    /// Its stream, as the server sees it.
    pub stream: Option<StreamState>,
    /// Its envelope.
    pub jwe: Jwe,
}

/// What a server knows of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct StreamState {
    /// The state its chunks belong to; none while it is being written.
    pub sequence: Option<u64>,
    /// How many there are.
    pub chunks: Option<u64>,
}

/// A chunk as a server keeps it.
#[derive(Debug)]
pub struct StoredChunk {
    /// The state of the document it belongs to.
    pub sequence: u64,
    /// Its envelope.
    pub jwe: Jwe,
}

#[derive(Deserialize)]
struct RawDocument {
    id: String,
    sequence: u64,
    indexed: Option<Vec<Value>>,
    stream: Option<StreamState>,
    jwe: Value,
}

#[derive(Deserialize)]
struct RawChunk {
    index: u64,
    sequence: u64,
    jwe: Value,
}

fn strange(what: &str) -> Error {
    Error::new(ErrorKind::Damaged, format!("the server answers with something that is no {what}"))
        .with_hint("nothing of it was used; is this a server of vaults of this kind?")
}

/// Reads a document that was asked for by its id.
pub fn document(json: &[u8], id: &str) -> Result<Stored> {
    let raw: RawDocument = serde_json::from_slice(json).map_err(|_| strange("document"))?;
    let read = read_document(raw)?;
    if read.id == id { Ok(read) } else { Err(strange("document of this id")) }
}

/// Reads a document of a list.
pub fn listed_document(value: &Value) -> Result<Stored> {
    let raw = RawDocument::deserialize(value).map_err(|_| strange("document"))?;
    read_document(raw)
}

fn read_document(raw: RawDocument) -> Result<Stored> {
    let chunks = raw.stream.and_then(|stream| stream.chunks).unwrap_or_default();
    if !is_id(&raw.id) || raw.sequence > SEQUENCE_MAX || chunks > EDV_STREAM_CHUNKS_MAX as u64 {
        return Err(strange("document"));
    }
    let jwe =
        Jwe::from_json(&raw.jwe).map_err(|error| Error::damaged(format!("{}: {error}", raw.id)))?;
    let indexed = raw.indexed.unwrap_or_default();
    Ok(Stored { id: raw.id, sequence: raw.sequence, indexed, stream: raw.stream, jwe })
}

/// Reads the chunk with this number.
pub fn chunk(json: &[u8], index: u64) -> Result<StoredChunk> {
    let raw: RawChunk = serde_json::from_slice(json).map_err(|_| strange("chunk"))?;
    if raw.index != index {
        return Err(Error::damaged(format!("the server gives another chunk than {index}")));
    }
    let jwe = Jwe::from_json(&raw.jwe);
    let jwe = jwe.map_err(|error| Error::damaged(format!("chunk {index}: {error}")))?;
    Ok(StoredChunk { sequence: raw.sequence, jwe })
}

impl Stored {
    /// The JSON that a server takes.
    pub fn to_json(&self) -> String {
        let mut value = json!({
            "id": self.id,
            "sequence": self.sequence,
            "indexed": self.indexed,
            "jwe": self.jwe.to_json(),
        });
        if let Some(stream) = self.stream {
            value["stream"] = stream.to_json();
        }
        value.to_string()
    }
}

impl StreamState {
    /// `{}` while it is being written.
    pub fn to_json(self) -> Value {
        match (self.sequence, self.chunks) {
            (Some(sequence), Some(chunks)) => json!({"sequence": sequence, "chunks": chunks}),
            _ => json!({}),
        }
    }
}

/// A page of a list or a query.
#[derive(Debug)]
pub struct Page {
    /// Documents, where the server sends them whole.
    pub documents: Vec<Value>,
    /// Ids of what was found.
    pub ids: Vec<String>,
    /// Whether there are more.
    pub more: bool,
    /// Where to go on; servers of others have none.
    pub cursor: Option<String>,
}

/// Reads a page.
pub fn page(json: &[u8]) -> Result<Page> {
    let mut value: Value = serde_json::from_slice(json).map_err(|_| strange("list"))?;
    let documents = match value["documents"].take() {
        Value::Array(documents) => documents,
        _ => Vec::new(),
    };
    let ids = match value["documentIds"].take() {
        Value::Array(ids) => ids,
        _ => documents.iter().map(|document| document["id"].clone()).collect(),
    };
    let text = |id: Value| id.as_str().filter(|id| is_id(id)).map(str::to_owned);
    let ids: Option<Vec<String>> = ids.into_iter().map(text).collect();
    let cursor = value["cursor"].as_str().filter(|it| it.len() <= 256).map(str::to_owned);
    let more = value["hasMore"] == true;
    Ok(Page { documents, ids: ids.ok_or_else(|| strange("list"))?, more, cursor })
}

/// Reads a number of documents.
pub fn count(json: &[u8]) -> Result<u64> {
    let value: Value = serde_json::from_slice(json).map_err(|_| strange("number"))?;
    value["count"].as_u64().ok_or_else(|| strange("number"))
}

/// Whether these are two texts of one URL path segment of base64url or such.
pub fn is_plain(text: &str) -> bool {
    text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'))
}
