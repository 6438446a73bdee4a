//! Bodies of the requests that are not replication. Comes in: bytes of a peer. Goes out: typed
//! requests whose signatures were checked. Must not know: HTTP, or where anything is stored.
//!
//! Bytes and paths: docs/spec/http.md. All bodies are CBOR arrays; every list has a limit.

use crate::cbor::{CborError, Reader, Writer};
use crate::chain::verify_signature;
use crate::format::FORMAT;
use crate::ids::{BucketId, ChunkId, PublicKey, RecordId, SessionId, Thumbprint, VaultTag};
use crate::limits::{RECOVERY_RECORD_LEN, RECOVERY_RECORDS_MAX};

/// UTF-8 bytes of a sign-up token.
const TOKEN_LEN_MAX: usize = 256;
/// Chunks one question may name.
pub const HAVE_CHUNKS_MAX: usize = 4_096;
/// Buckets one vault's holdings list.
pub const HOLDINGS_MAX: usize = 100_000;

/// `POST /vaults`, in a session with an empty chain: asks for a vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignUp {
    /// Random, new at every provider.
    pub vault: VaultTag,
    /// The vault's root key, new at every provider.
    pub key: PublicKey,
    /// Where the provider asks for one.
    pub token: Option<String>,
    /// By `key`, over [`SignUp::signing_input`].
    pub signature: [u8; 64],
}

impl SignUp {
    /// What the vault key signs: bound to this provider and this session, so that neither a
    /// relay nor a replay opens a vault.
    pub fn signing_input(
        vault: VaultTag,
        token: Option<&str>,
        provider: Thumbprint,
        session: SessionId,
    ) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(5).text("strongroom sign-up").uint(u64::from(FORMAT)).bytes(&vault.0);
        w.option(token, |w, token| {
            w.text(token);
        });
        w.array(2).bytes(&provider.0).bytes(&session.0);
        w.into_bytes()
    }

    /// Whether the vault key signed this, for this provider and session.
    pub fn holds(&self, provider: Thumbprint, session: SessionId) -> bool {
        let input = Self::signing_input(self.vault, self.token.as_deref(), provider, session);
        verify_signature(&self.key.0, &input, &self.signature)
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(4).bytes(&self.vault.0).bytes(&self.key.0);
        w.option(self.token.as_deref(), |w, token| {
            w.text(token);
        });
        w.bytes(&self.signature);
        w.into_bytes()
    }

    /// Reads the canonical bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        r.array_exact(4)?;
        let sign_up = Self {
            vault: VaultTag(r.bytes_exact()?),
            key: PublicKey(r.bytes_exact()?),
            token: r.option(|r| r.text(TOKEN_LEN_MAX).map(str::to_owned))?,
            signature: r.bytes_exact()?,
        };
        r.end()?;
        Ok(sign_up)
    }
}

/// `GET /vault`: what the provider grants this vault and has used of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VaultTerms {
    /// Bytes the vault may fill; 0: no limit.
    pub quota_bytes: u64,
    /// Bytes it fills, all told.
    pub used_bytes: u64,
    /// Buckets it opened here.
    pub buckets: u64,
    /// How often its recovery record was read.
    pub record_reads: u64,
    /// When that happened last, seconds since 1970; 0: never.
    pub record_read_at: u64,
}

impl VaultTerms {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(5).uint(self.quota_bytes).uint(self.used_bytes).uint(self.buckets);
        w.uint(self.record_reads).uint(self.record_read_at);
        w.into_bytes()
    }

    /// Reads the canonical bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        r.array_exact(5)?;
        let terms = Self {
            quota_bytes: r.uint()?,
            used_bytes: r.uint()?,
            buckets: r.uint()?,
            record_reads: r.uint()?,
            record_read_at: r.uint()?,
        };
        r.end()?;
        Ok(terms)
    }
}

/// One bucket as its host counts it (`GET /vault/holdings`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// Which.
    pub bucket: BucketId,
    /// Entries.
    pub entries: u64,
    /// Bytes of entries.
    pub entry_bytes: u64,
    /// Chunks.
    pub chunks: u64,
    /// Bytes of chunks.
    pub chunk_bytes: u64,
    /// Different authors.
    pub authors: u64,
    /// Different document tags.
    pub documents: u64,
    /// When the provider got the first and the newest entry, seconds since 1970.
    pub first_at: u64,
    /// See `first_at`.
    pub last_at: u64,
}

impl Holding {
    /// The canonical bytes of a list.
    pub fn encode_all(all: &[Self]) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(all.len());
        for h in all {
            w.array(9).bytes(&h.bucket.0).uint(h.entries).uint(h.entry_bytes);
            w.uint(h.chunks).uint(h.chunk_bytes).uint(h.authors).uint(h.documents);
            w.uint(h.first_at).uint(h.last_at);
        }
        w.into_bytes()
    }

    /// Reads a list.
    pub fn decode_all(bytes: &[u8]) -> Result<Vec<Self>, CborError> {
        let mut r = Reader::new(bytes);
        let count = r.array(HOLDINGS_MAX)?;
        let all = (0..count)
            .map(|_| {
                r.array_exact(9)?;
                Ok(Self {
                    bucket: BucketId(r.bytes_exact()?),
                    entries: r.uint()?,
                    entry_bytes: r.uint()?,
                    chunks: r.uint()?,
                    chunk_bytes: r.uint()?,
                    authors: r.uint()?,
                    documents: r.uint()?,
                    first_at: r.uint()?,
                    last_at: r.uint()?,
                })
            })
            .collect::<Result<_, CborError>>()?;
        r.end()?;
        Ok(all)
    }
}

/// `POST /buckets/{bucket}/have`: which of these chunks are held under this bucket? The answer is
/// one byte each, 1 or 0, in the same order.
pub fn encode_have(chunks: &[ChunkId]) -> Vec<u8> {
    let mut w = Writer::with_capacity(chunks.len() * 34 + 3);
    write_chunks(&mut w, chunks);
    w.into_bytes()
}

/// Reads what [`encode_have`] wrote.
pub fn decode_have(bytes: &[u8]) -> Result<Vec<ChunkId>, CborError> {
    let mut r = Reader::new(bytes);
    let chunks = read_chunks(&mut r)?;
    r.end()?;
    Ok(chunks)
}

/// `POST /buckets/{bucket}/copies`: makes chunks of another bucket this bucket's as well. Who asks
/// has a session on each of the two; the one on the other bucket vouches for this request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyChunks {
    /// Where they are.
    pub from: BucketId,
    /// The session that may read them there.
    pub session: SessionId,
    /// Its MAC over [`CopyChunks::proof_input`].
    pub proof: [u8; 32],
    /// At most [`HAVE_CHUNKS_MAX`].
    pub chunks: Vec<ChunkId>,
}

impl CopyChunks {
    /// What the session on the other bucket vouches for: these chunks, into this bucket, asked for
    /// in this session and no other. A request's signature base begins with a quotation mark, so
    /// neither stands for the other.
    pub fn proof_input(
        from: BucketId,
        to: BucketId,
        asking: SessionId,
        chunks: &[ChunkId],
    ) -> Vec<u8> {
        let mut w = Writer::with_capacity(chunks.len() * 34 + 128);
        w.array(6).text("strongroom copy").uint(u64::from(FORMAT));
        w.bytes(&from.0).bytes(&to.0).bytes(&asking.0);
        write_chunks(&mut w, chunks);
        w.into_bytes()
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::with_capacity(self.chunks.len() * 34 + 96);
        w.array(4).bytes(&self.from.0).bytes(&self.session.0).bytes(&self.proof);
        write_chunks(&mut w, &self.chunks);
        w.into_bytes()
    }

    /// Reads the canonical bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        r.array_exact(4)?;
        let copy = Self {
            from: BucketId(r.bytes_exact()?),
            session: SessionId(r.bytes_exact()?),
            proof: r.bytes_exact()?,
            chunks: read_chunks(&mut r)?,
        };
        r.end()?;
        Ok(copy)
    }
}

fn write_chunks(w: &mut Writer, chunks: &[ChunkId]) {
    w.array(chunks.len());
    for chunk in chunks {
        w.bytes(&chunk.0);
    }
}

fn read_chunks(r: &mut Reader<'_>) -> Result<Vec<ChunkId>, CborError> {
    let count = r.array(HAVE_CHUNKS_MAX)?;
    (0..count).map(|_| r.bytes_exact().map(ChunkId)).collect()
}

/// `PUT /records/{record}`, with `host` on the vault: creates or replaces a recovery record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordPut {
    /// The key that signs the record and its reads.
    pub key: PublicKey,
    /// The record, 3,257 bytes.
    pub record: Vec<u8>,
}

impl RecordPut {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(2).bytes(&self.key.0).bytes(&self.record);
        w.into_bytes()
    }

    /// Reads the canonical bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut r = Reader::new(bytes);
        r.array_exact(2)?;
        let put = Self {
            key: PublicKey(r.bytes_exact()?),
            record: r.bytes_exact::<RECOVERY_RECORD_LEN>()?.to_vec(),
        };
        r.end()?;
        Ok(put)
    }
}

/// What the record key signs to read its record (`POST /records/{record}/read`, in a session with
/// an empty chain): bound to provider and session. The body of the request is the signature.
pub fn record_read_input(record: RecordId, provider: Thumbprint, session: SessionId) -> Vec<u8> {
    let mut w = Writer::new();
    w.array(5).text("strongroom record read").uint(u64::from(FORMAT)).bytes(&record.0);
    w.bytes(&provider.0).bytes(&session.0);
    w.into_bytes()
}

/// The answer: the newest record first, at most eight.
pub fn encode_records(records: &[Vec<u8>]) -> Vec<u8> {
    let mut w = Writer::new();
    w.array(records.len());
    for record in records {
        w.bytes(record);
    }
    w.into_bytes()
}

/// Reads what [`encode_records`] wrote.
pub fn decode_records(bytes: &[u8]) -> Result<Vec<Vec<u8>>, CborError> {
    let mut r = Reader::new(bytes);
    let count = r.array(RECOVERY_RECORDS_MAX)?;
    let records = (0..count)
        .map(|_| r.bytes_exact::<RECOVERY_RECORD_LEN>().map(|record| record.to_vec()))
        .collect::<Result<_, _>>()?;
    r.end()?;
    Ok(records)
}
