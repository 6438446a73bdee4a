//! Documents of Encrypted Data Vaults that say who wrote them and where they belong. Comes in: a
//! document's JSON, its place, a writer's key; or what an envelope held. Goes out: the plaintext of
//! an envelope; or the document, with who wrote it, if it says so. Must not know: who may write.
//!
//! An envelope ([`crate::jwe`]) is anybody's who has a recipient's public key, and says nothing of
//! the document it stands in. So our plaintext has two members more, which other programs pass
//! over:
//!
//! ```text
//! {"content": …, "meta": …, "stream": …,
//!  "strongroom": {"form": 1, "vault": URL, "document": id, "sequence": n, "writer": key id,
//!                 "recipients": [key id…], "manifest": {"bytes": n, "digests": …},
//!                 "signature": over prefix ‖ JCS of all this without signature and padding},
//!  "padding": spaces}
//! ```
//! Bytes: docs/spec/edv-client.md, "Documents that say where they belong". What other programs
//! wrote is read too, and is nobody's ([`Document::proof`] is none).

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Map, Value, json};
use strongroom_wire::did_key;
use strongroom_wire::ids::PublicKey;
use strongroom_wire::limits::{EDV_STREAM_CHUNKS_MAX, JWE_RECIPIENTS_MAX};
use zeroize::Zeroizing;

use crate::identity::{EdvSigningKey, verify};
use crate::jcs;
use crate::padding::{Padding, Padme};

/// What a writer signs starts with this.
pub const EDV_PREFIX: &[u8] = b"strongroom/edv/1\0";
/// The member that holds it all.
const OURS: &str = "strongroom";
const PADDING: &str = "padding";
/// `,"padding":""`
const PADDING_LEN: usize = 13;

/// Why a document is not what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EdvError {
    /// Not JSON of this form.
    #[error("what the document holds is not of the form of one")]
    Form,
    /// Of another place: another document, another state of it, or another vault.
    #[error("the document belongs elsewhere: it was moved, or put back to an older state")]
    Elsewhere,
    /// Not signed by the writer it names.
    #[error("the document is not signed by the writer it names")]
    Signature,
    /// Over a limit.
    #[error("the document is over a limit")]
    Limit,
}

/// Where a state of a document belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The URL of the vault.
    pub vault: &'a str,
    /// The document's id.
    pub document: &'a str,
    /// Which state.
    pub sequence: u64,
}

/// The chunks of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamManifest {
    /// Bytes of plaintext in all of them.
    pub bytes: u64,
    /// [`crate::jwe::Jwe::digest`] of each, in their order.
    pub digests: Vec<[u8; 32]>,
}

/// A document's parts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Body {
    /// What it is.
    pub content: Value,
    /// What is said about it.
    pub meta: Value,
    /// `{"sequence", "chunks"}`, if it has a stream.
    pub stream: Option<Value>,
}

/// What a signed document says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Whose signature holds. Whether they may write is for others to know.
    pub writer: PublicKey,
    /// Whom the writer sealed it to: unlike an envelope's own list, this one is signed.
    pub recipients: Vec<String>,
    /// Of its stream.
    pub manifest: Option<StreamManifest>,
}

/// A document that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Its parts.
    pub body: Body,
    /// Who wrote it; none: it does not say, and anybody may have.
    pub proof: Option<Proof>,
}

/// The plaintext of a document's envelope, signed and padded.
pub fn write(
    body: &Body,
    place: &Place<'_>,
    recipients: &[&str],
    manifest: Option<&StreamManifest>,
    writer: &EdvSigningKey,
) -> Result<Zeroizing<Vec<u8>>, EdvError> {
    let digests = manifest.map_or(0, |manifest| manifest.digests.len());
    if digests > EDV_STREAM_CHUNKS_MAX || recipients.len() > JWE_RECIPIENTS_MAX {
        return Err(EdvError::Limit);
    }
    let mut ours = json!({
        "form": 1,
        "vault": place.vault,
        "document": place.document,
        "sequence": place.sequence,
        "writer": did_key::method_id(&writer.public()),
        "recipients": recipients,
    });
    if let (Some(ours), Some(manifest)) = (ours.as_object_mut(), manifest) {
        let digests = Base64UrlUnpadded::encode_string(&manifest.digests.concat());
        let manifest = json!({"bytes": manifest.bytes, "digests": digests});
        ours.insert("manifest".to_owned(), manifest);
    }
    let mut all = plain_members(body);
    all.insert(OURS.to_owned(), ours);
    let mut all = Value::Object(all);
    let signature = writer.sign(&statement(&all));
    if let Some(ours) = all.get_mut(OURS).and_then(Value::as_object_mut) {
        let signature = Base64UrlUnpadded::encode_string(&signature);
        ours.insert("signature".to_owned(), signature.into());
    }
    Ok(padded(all.to_string()))
}

/// The same as other programs write it: nothing is bound, signed or padded.
pub fn write_plain(body: &Body) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(Value::Object(plain_members(body)).to_string().into_bytes())
}

fn plain_members(body: &Body) -> Map<String, Value> {
    let mut all = Map::new();
    all.insert("content".to_owned(), body.content.clone());
    all.insert("meta".to_owned(), body.meta.clone());
    if let Some(stream) = &body.stream {
        all.insert("stream".to_owned(), stream.clone());
    }
    all
}

/// What is signed: everything but the signature and the padding.
fn statement(all: &Value) -> Zeroizing<Vec<u8>> {
    let text = Zeroizing::new(jcs::to_string(all));
    Zeroizing::new([EDV_PREFIX, text.as_bytes()].concat())
}

/// Rounds the length up, as a bucket does unless told otherwise.
fn padded(text: String) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(text.into_bytes());
    let len = bytes.len() + PADDING_LEN;
    let target = Padme.padded_len(len as u64).and_then(|it| usize::try_from(it).ok());
    let spaces = target.unwrap_or(len).saturating_sub(len);
    // An object ends with its bracket.
    bytes.pop();
    let padding = format!(",\"{PADDING}\":\"{}\"}}", " ".repeat(spaces));
    bytes.extend_from_slice(padding.as_bytes());
    bytes
}

/// Reads what an envelope held, for a document that stands at this place.
pub fn read(plain: &[u8], place: &Place<'_>) -> Result<Document, EdvError> {
    let value: Value = serde_json::from_slice(plain).map_err(|_| EdvError::Form)?;
    let Value::Object(mut all) = value else { return Err(EdvError::Form) };
    all.remove(PADDING);
    let mut all = Value::Object(all);
    let proof = match all.get_mut(OURS) {
        None => None,
        Some(ours) => Some(read_proof(ours, place)?),
    };
    let proof = match proof {
        None => None,
        Some((proof, signature)) => {
            // The signature was taken out: what is left is what was signed.
            verify(&proof.writer, &statement(&all), &signature).map_err(|_| EdvError::Signature)?;
            Some(proof)
        }
    };
    let mut part = |name: &str| all.get_mut(name).map(Value::take);
    let body = Body {
        content: part("content").ok_or(EdvError::Form)?,
        // Other programs leave it out where they have nothing to say.
        meta: part("meta").unwrap_or_else(|| json!({})),
        stream: part("stream"),
    };
    Ok(Document { body, proof })
}

fn read_proof(ours: &mut Value, place: &Place<'_>) -> Result<(Proof, [u8; 64]), EdvError> {
    let ours = ours.as_object_mut().ok_or(EdvError::Form)?;
    let signature = ours.remove("signature").ok_or(EdvError::Form)?;
    let signature = signature.as_str().ok_or(EdvError::Form)?;
    let mut bytes = [0; 64];
    let read = Base64UrlUnpadded::decode(signature, &mut bytes).map_err(|_| EdvError::Form)?;
    if read.len() != bytes.len() || ours.get("form").and_then(Value::as_u64) != Some(1) {
        return Err(EdvError::Form);
    }
    let text = |name: &str| ours.get(name).and_then(Value::as_str).ok_or(EdvError::Form);
    let sequence = ours.get("sequence").and_then(Value::as_u64).ok_or(EdvError::Form)?;
    let (vault, document) = (text("vault")?, text("document")?);
    if (Place { vault, document, sequence }) != *place {
        return Err(EdvError::Elsewhere);
    }
    let (_, writer) = did_key::parse_method_id(text("writer")?).ok_or(EdvError::Form)?;
    let recipients = ours.get("recipients").and_then(Value::as_array).ok_or(EdvError::Form)?;
    let recipients: Option<Vec<String>> =
        recipients.iter().map(|it| it.as_str().map(str::to_owned)).collect();
    let manifest = ours.get("manifest").map(read_manifest).transpose()?;
    let recipients = recipients.ok_or(EdvError::Form)?;
    Ok((Proof { writer, recipients, manifest }, bytes))
}

fn read_manifest(value: &Value) -> Result<StreamManifest, EdvError> {
    let bytes = value.get("bytes").and_then(Value::as_u64).ok_or(EdvError::Form)?;
    let digests = value.get("digests").and_then(Value::as_str).ok_or(EdvError::Form)?;
    let digests = Base64UrlUnpadded::decode_vec(digests).map_err(|_| EdvError::Form)?;
    let (digests, rest) = digests.as_chunks::<32>();
    if !rest.is_empty() || digests.len() > EDV_STREAM_CHUNKS_MAX {
        return Err(EdvError::Form);
    }
    Ok(StreamManifest { bytes, digests: digests.to_vec() })
}

/// What stands in the protected header of a chunk: where it belongs.
pub fn chunk_header(place: &Place<'_>, index: u64) -> Map<String, Value> {
    let ours = json!({
        "form": 1,
        "vault": place.vault,
        "document": place.document,
        "sequence": place.sequence,
        "index": index,
    });
    let mut header = Map::new();
    header.insert(OURS.to_owned(), ours);
    header
}

/// Whether a chunk's header says that it belongs here. One without a place, of another program,
/// says nothing.
pub fn check_chunk(
    header: &Map<String, Value>,
    place: &Place<'_>,
    index: u64,
) -> Result<(), EdvError> {
    match header.get(OURS) {
        Some(ours) if Some(ours) != chunk_header(place, index).get(OURS) => {
            Err(EdvError::Elsewhere)
        }
        _ => Ok(()),
    }
}
