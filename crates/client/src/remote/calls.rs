//! What a client asks a provider. Comes in: ids, frames, sealed chunks. Goes out: answers in their
//! types, chunks whose hash was checked. Must not know: what is sealed, how requests travel.
//!
//! Paths and bodies: docs/spec/api.md.

use core::ops::Range;

use bytes::Bytes;
use http::StatusCode;
use strongroom_seal::identity::Signer;
use strongroom_wire::api::{
    CopyChunks, HAVE_CHUNKS_MAX, HOLDINGS_MAX, Holding, RecordPut, SignUp, VaultTerms,
    decode_records, encode_have, record_read_input,
};
use strongroom_wire::cbor::CborError;
use strongroom_wire::frame::{self, Frame};
use strongroom_wire::ids::{BucketId, ChunkId, PublicKey, RecordId, VaultTag, base32};
use strongroom_wire::limits::{
    CHUNK_SEALED_LEN, DROP_CARD_LEN_MAX, PAIRING_MESSAGE_LEN_MAX, RECOVERY_RECORD_LEN,
    RECOVERY_RECORDS_MAX, REQUEST_BODY_LEN_MAX, RESPONSE_LEN_MAX, STATEMENT_LEN_MAX,
};

use super::body::Segments;
use super::error::RemoteError;
use super::request::Call;
use super::session::Session;

/// Bytes of the list of holdings: 9 fields of at most 34 bytes each.
const HOLDINGS_LEN_MAX: usize = HOLDINGS_MAX * 128;
/// Bytes of an answer to a read of recovery records.
const RECORDS_LEN_MAX: usize = RECOVERY_RECORDS_MAX * (RECOVERY_RECORD_LEN + 8) + 8;
/// An answer that the wire crate cannot read.
const MALFORMED: RemoteError = RemoteError::Protocol("an answer is malformed");

impl From<CborError> for RemoteError {
    fn from(_: CborError) -> Self {
        MALFORMED
    }
}

impl From<frame::FrameError> for RemoteError {
    fn from(_: frame::FrameError) -> Self {
        MALFORMED
    }
}

/// In a session with an empty chain.
impl Session {
    /// Asks for a vault. `key` is the vault's new root key; `token` where the provider wants one.
    pub async fn sign_up(
        &self,
        vault: VaultTag,
        key: &(dyn Signer + Sync),
        token: Option<&str>,
    ) -> Result<VaultTerms, RemoteError> {
        let provider = self.remote().thumbprint();
        let answer = self.call(|session| {
            // The signature is for this session, so a new session needs a new one.
            let input = SignUp::signing_input(vault, token, provider, session.id);
            let signature = key.sign(&input);
            let token = token.map(str::to_owned);
            let sign_up = SignUp { vault, key: key.public(), token, signature };
            // The same sign-up twice is one vault.
            Call::post("/vaults".to_owned(), sign_up.encode())
        });
        Ok(VaultTerms::decode(&answer.await?.body)?)
    }

    /// Reads a recovery record and those before it, the newest first. `key` is the record key.
    pub async fn read_records(
        &self,
        record: RecordId,
        key: &(dyn Signer + Sync),
    ) -> Result<Vec<Vec<u8>>, RemoteError> {
        let provider = self.remote().thumbprint();
        let answer = self.call(|session| {
            let signature = key.sign(&record_read_input(record, provider, session.id));
            Call::post(format!("/records/{}/read", record.to_base32()), signature.to_vec())
                .bound()
                .once() // each read leaves a notice and counts against the limit
                .answer_max(RECORDS_LEN_MAX)
        });
        Ok(decode_records(&answer.await?.body)?)
    }
}

/// In any session: two devices that have a code in common.
impl Session {
    /// Puts a message into a pairing's mailbox. [`strongroom_wire::problem::Problem::Conflict`]:
    /// another one lies there.
    pub async fn put_pairing(
        &self,
        mailbox: [u8; 16],
        place: &str,
        message: &[u8],
    ) -> Result<(), RemoteError> {
        let path = format!("/pairings/{}/{place}", base32(&mailbox));
        let call = Call::put(path, Bytes::copy_from_slice(message));
        self.call(|_| call.clone()).await.map(drop)
    }

    /// Reads a message of a pairing; `None`: it is not there yet.
    pub async fn read_pairing(
        &self,
        mailbox: [u8; 16],
        place: &str,
    ) -> Result<Option<Vec<u8>>, RemoteError> {
        let path = format!("/pairings/{}/{place}", base32(&mailbox));
        let call = Call::get(path).answer_max(PAIRING_MESSAGE_LEN_MAX);
        let answer = self.call(|_| call.clone()).await?;
        Ok((answer.status == StatusCode::OK).then(|| answer.body.to_vec()))
    }
}

/// In a session whose chain has `host` on the vault.
impl Session {
    /// Gives the vault another key. All its sessions end, this one among them.
    pub async fn change_vault_key(
        &self,
        vault: VaultTag,
        key: &(dyn Signer + Sync),
    ) -> Result<(), RemoteError> {
        let provider = self.remote().thumbprint();
        let answer = self.call(|session| {
            let input = SignUp::signing_input(vault, None, provider, session.id);
            let signature = key.sign(&input);
            let new = SignUp { vault, key: key.public(), token: None, signature };
            Call::put("/vault/key".to_owned(), new.encode()).once()
        });
        answer.await.map(drop)
    }

    /// Quota, what is used of it, and who read the recovery record.
    pub async fn vault_terms(&self) -> Result<VaultTerms, RemoteError> {
        let answer = self.call(|_| Call::get("/vault".to_owned())).await?;
        Ok(VaultTerms::decode(&answer.body)?)
    }

    /// What the provider counts for each bucket of this vault.
    pub async fn holdings(&self) -> Result<Vec<Holding>, RemoteError> {
        let call = |_: &_| Call::get("/vault/holdings".to_owned()).answer_max(HOLDINGS_LEN_MAX);
        Ok(Holding::decode_all(&self.call(call).await?.body)?)
    }

    /// Opens a bucket at this provider, with the first entries of its control log as frames.
    pub async fn open_bucket(&self, bucket: BucketId, frames: Vec<u8>) -> Result<(), RemoteError> {
        let call = Call::put(bucket_path(bucket, ""), fits(frames)?).bound();
        self.call(|_| call.clone()).await.map(drop)
    }

    /// Creates or replaces a recovery record. [`strongroom_wire::problem::Problem::Conflict`] with
    /// the stored counter: somebody was first; read the vault bucket again.
    pub async fn put_record(
        &self,
        record: RecordId,
        key: PublicKey,
        bytes: &[u8],
    ) -> Result<(), RemoteError> {
        let body = Bytes::from(RecordPut { key, record: bytes.to_vec() }.encode());
        let path = format!("/records/{}", record.to_base32());
        // The same record twice is stored once.
        let call = Call::put(path, body).bound();
        self.call(|_| call.clone()).await.map(drop)
    }
}

/// In a session whose chain is about the bucket.
impl Session {
    /// Sends frames, gets frames: one round trip of replication.
    pub async fn exchange(
        &self,
        bucket: BucketId,
        frames: Vec<u8>,
    ) -> Result<Vec<Frame>, RemoteError> {
        Ok(frame::decode_all(&self.exchange_raw(bucket, frames).await?)?)
    }

    /// The same, without reading the answer's frames. At most 8 MiB each way.
    pub async fn exchange_raw(
        &self,
        bucket: BucketId,
        frames: Vec<u8>,
    ) -> Result<Bytes, RemoteError> {
        let call = Call::post(bucket_path(bucket, "/frames"), fits(frames)?)
            .bound()
            .answer_max(RESPONSE_LEN_MAX);
        Ok(self.call(|_| call.clone()).await?.body)
    }

    /// Puts one sealed chunk. `id` must be its hash, which the caller has from sealing; the
    /// provider refuses it otherwise. The bytes are sent from where they are.
    pub async fn put_chunk(
        &self,
        bucket: BucketId,
        id: ChunkId,
        bytes: Bytes,
    ) -> Result<(), RemoteError> {
        if bytes.is_empty() || bytes.len() > CHUNK_SEALED_LEN {
            return Err(RemoteError::Protocol("a chunk has 1 to 1,048,576 bytes"));
        }
        let call = Call::put(chunk_path(bucket, id), bytes);
        self.call(|_| call.clone()).await.map(drop)
    }

    /// Puts many chunks, in as few requests as take them, one after another. For small chunks: a
    /// full one is better off in a request of its own. After an error some may be stored.
    pub async fn put_chunks(
        &self,
        bucket: BucketId,
        chunks: &[(ChunkId, Bytes)],
    ) -> Result<(), RemoteError> {
        let mut body = Segments::default();
        for (id, bytes) in chunks {
            if bytes.is_empty() || bytes.len() > CHUNK_SEALED_LEN {
                return Err(RemoteError::Protocol("a chunk has 1 to 1,048,576 bytes"));
            }
            let head = frame::chunk_head(*id, 0, bytes.len());
            if body.len() + (head.len() + bytes.len()) as u64 > REQUEST_BODY_LEN_MAX as u64 {
                self.put_chunk_frames(bucket, core::mem::take(&mut body)).await?;
            }
            body.push(head.into());
            body.push(bytes.clone());
        }
        if body.len() > 0 { self.put_chunk_frames(bucket, body).await } else { Ok(()) }
    }

    async fn put_chunk_frames(&self, bucket: BucketId, body: Segments) -> Result<(), RemoteError> {
        let call = Call::post(bucket_path(bucket, "/chunks"), body).bound();
        self.call(|_| call.clone()).await.map(drop)
    }

    /// Gets a chunk. Whole, its hash is checked and a wrong one is [`RemoteError::Damaged`]. Of a
    /// range only the length can be checked here: authenticity comes with opening what is in it.
    /// A range that goes beyond the end gives what there is.
    pub async fn get_chunk(
        &self,
        bucket: BucketId,
        id: ChunkId,
        range: Option<Range<u32>>,
    ) -> Result<Bytes, RemoteError> {
        let path = chunk_path(bucket, id);
        let Some(range) = range else {
            let call = Call::get(path).answer_max(CHUNK_SEALED_LEN).hashed();
            let answer = self.call(|_| call.clone()).await?;
            let whole = answer.status == StatusCode::OK && answer.hash == Some(id.0);
            return if whole { Ok(answer.body) } else { Err(RemoteError::Damaged(id)) };
        };
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let field = format!("bytes={}-{}", range.start, range.end - 1);
        let call = Call::get(path).range(field).answer_max(range.len());
        let answer = self.call(|_| call.clone()).await?;
        if answer.status != StatusCode::PARTIAL_CONTENT || answer.body.is_empty() {
            return Err(RemoteError::Protocol("it does not answer with the range asked for"));
        }
        Ok(answer.body)
    }

    /// Puts one message into a drop, in a session of its author. Gives the provider's statement
    /// that it has it, as it came: the caller checks it.
    pub async fn put_message(
        &self,
        bucket: BucketId,
        entry: Vec<u8>,
    ) -> Result<String, RemoteError> {
        // The same message twice is stored once.
        let call = Call::post(bucket_path(bucket, "/messages"), fits(entry)?)
            .bound()
            .answer_max(STATEMENT_LEN_MAX);
        let answer = self.call(|_| call.clone()).await?;
        String::from_utf8(answer.body.to_vec()).map_err(|_| MALFORMED)
    }

    /// The bucket's drop card, as it came: the caller checks it.
    pub async fn drop_card(&self, bucket: BucketId) -> Result<Bytes, RemoteError> {
        let call = Call::get(bucket_path(bucket, "/drop")).answer_max(DROP_CARD_LEN_MAX);
        Ok(self.call(|_| call.clone()).await?.body)
    }

    /// Puts the bucket's drop card in the place of the one before.
    pub async fn put_drop_card(&self, bucket: BucketId, card: Vec<u8>) -> Result<(), RemoteError> {
        let call = Call::put(bucket_path(bucket, "/drop"), fits(card)?).bound();
        self.call(|_| call.clone()).await.map(drop)
    }

    /// Which of these chunks are held under this bucket, in the same order.
    pub async fn have(
        &self,
        bucket: BucketId,
        chunks: &[ChunkId],
    ) -> Result<Vec<bool>, RemoteError> {
        let mut all = Vec::with_capacity(chunks.len());
        for chunks in chunks.chunks(HAVE_CHUNKS_MAX) {
            let call = Call::post(bucket_path(bucket, "/have"), encode_have(chunks)).bound();
            let answer = self.call(|_| call.clone()).await?;
            all.extend(one_byte_each(&answer.body, chunks.len())?);
        }
        Ok(all)
    }
}

impl Session {
    /// Makes chunks that `source` may read in the bucket `from` this bucket's as well, without
    /// their bytes. In the same order: whether they are, or were not found there.
    pub async fn copy_chunks(
        &self,
        to: BucketId,
        source: &Self,
        from: BucketId,
        chunks: &[ChunkId],
    ) -> Result<Vec<bool>, RemoteError> {
        let mut all = Vec::with_capacity(chunks.len());
        for chunks in chunks.chunks(HAVE_CHUNKS_MAX) {
            let vouching = source.current().await?;
            let answer = self
                .call(|asking| {
                    let input = CopyChunks::proof_input(from, to, asking.id, chunks);
                    let (session, proof) = (vouching.id, vouching.vouch(&input));
                    let copy = CopyChunks { from, session, proof, chunks: chunks.to_vec() };
                    Call::post(bucket_path(to, "/copies"), copy.encode()).bound()
                })
                .await?;
            all.extend(one_byte_each(&answer.body, chunks.len())?);
        }
        Ok(all)
    }
}

/// An answer of one byte for each thing that was asked about, 1 or 0.
fn one_byte_each(body: &[u8], count: usize) -> Result<impl Iterator<Item = bool>, RemoteError> {
    if body.len() != count || body.iter().any(|&held| held > 1) {
        return Err(MALFORMED);
    }
    Ok(body.iter().map(|&held| held == 1))
}

fn bucket_path(bucket: BucketId, rest: &str) -> String {
    format!("/buckets/{}{rest}", bucket.to_base32())
}

fn chunk_path(bucket: BucketId, id: ChunkId) -> String {
    format!("/buckets/{}/chunks/{}", bucket.to_base32(), id.to_base32())
}

/// What a provider would refuse is not sent.
fn fits(body: Vec<u8>) -> Result<Bytes, RemoteError> {
    if body.len() > REQUEST_BODY_LEN_MAX {
        return Err(RemoteError::Protocol("a request may have 8 MiB; send several"));
    }
    Ok(body.into())
}
