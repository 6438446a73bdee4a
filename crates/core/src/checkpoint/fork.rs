//! L1 · Fork proofs: one author, one place in its chain, two entries. Takes runs of entries; gives
//! bytes that convict the author before anyone who has nothing else. Must not know: keys.

use strongroom_wire::cbor::{CborError, Reader, Writer};
use strongroom_wire::chain::verify_signature;
use strongroom_wire::entry::{Entry, Header, Kind};
use strongroom_wire::format::ENTRY_PREFIX;
use strongroom_wire::ids::{AuthorKey, BucketId, EntryId};
use strongroom_wire::limits::{FORK_PROOF_HEADERS_MAX, HEADER_LEN_MAX};

/// What a proof proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fork {
    /// In which bucket.
    pub bucket: BucketId,
    /// Who.
    pub author: AuthorKey,
    /// At which place of the chain.
    pub seq: u64,
    /// The two entries, ascending.
    pub entries: [EntryId; 2],
}

/// Why bytes prove nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ForkProofError {
    /// Not the canonical form.
    #[error("not a fork proof: {0}")]
    Form(#[from] CborError),
    /// The headers of one side do not follow each other.
    #[error("one side of a fork proof is no chain")]
    Chain,
    /// The end of one side is not signed by the author.
    #[error("one side of a fork proof is not signed by its author")]
    Signature,
    /// The two sides are of different buckets, authors or places, or the same entry.
    #[error("the sides of a fork proof do not contradict each other")]
    NoFork,
}

/// One side: headers from the fork on to the next that is signed, and that signature.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Side {
    headers: Vec<Vec<u8>>,
    signature: [u8; 64],
}

/// Two signed chains that part at one place. Only checked ones exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForkProof {
    sides: [Side; 2],
    fork: Fork,
}

impl ForkProof {
    /// From two runs: each begins with the entry at the fork and ends with the first signed one.
    pub fn new(one: &[Entry], other: &[Entry]) -> Result<Self, ForkProofError> {
        Self::of([Side::of(one)?, Side::of(other)?])
    }

    fn of(mut sides: [Side; 2]) -> Result<Self, ForkProofError> {
        sides.sort_by_key(Side::first_id);
        let [(bucket, author, seq), (other_bucket, other_author, other_seq)] =
            [sides[0].check()?, sides[1].check()?];
        let entries = [sides[0].first_id(), sides[1].first_id()];
        let contradicts = bucket == other_bucket
            && author == other_author
            && seq == other_seq
            && entries[0] != entries[1];
        if !contradicts {
            return Err(ForkProofError::NoFork);
        }
        Ok(Self { sides, fork: Fork { bucket, author, seq, entries } })
    }

    /// What it proves.
    pub const fn fork(&self) -> &Fork {
        &self.fork
    }

    /// `[[headers, signature], [headers, signature]]`, ascending by the id at the fork.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(2);
        for side in &self.sides {
            w.array(2).array(side.headers.len());
            for header in &side.headers {
                w.bytes(header);
            }
            w.bytes(&side.signature);
        }
        w.into_bytes()
    }

    /// Reads and checks a proof: nothing else is needed to believe it.
    pub fn decode(bytes: &[u8]) -> Result<Self, ForkProofError> {
        let mut r = Reader::new(bytes);
        r.array_exact(2)?;
        let sides = [Side::read(&mut r)?, Side::read(&mut r)?];
        r.end()?;
        if sides[0].first_id() > sides[1].first_id() {
            return Err(CborError::Order.into());
        }
        Self::of(sides)
    }
}

impl Side {
    fn of(run: &[Entry]) -> Result<Self, ForkProofError> {
        let signature = run.last().and_then(Entry::signature).ok_or(ForkProofError::Signature)?;
        let headers = run.iter().map(|entry| entry.header_bytes().to_vec()).collect();
        Ok(Self { headers, signature: *signature })
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.array_exact(2)?;
        let count = r.array(FORK_PROOF_HEADERS_MAX)?;
        let headers = (0..count)
            .map(|_| r.bytes(HEADER_LEN_MAX).map(<[u8]>::to_vec))
            .collect::<Result<_, _>>()?;
        Ok(Self { headers, signature: r.bytes_exact()? })
    }

    fn first_id(&self) -> EntryId {
        self.headers.first().map_or(EntryId::ZERO, |header| id_of(header))
    }

    /// That it is one author's chain with a signature at its end; says where it begins.
    fn check(&self) -> Result<(BucketId, AuthorKey, u64), ForkProofError> {
        let (first_bytes, more) = self.headers.split_first().ok_or(CborError::Limit)?;
        let first = Header::decode(first_bytes)?;
        // Two geneses found two buckets; they cannot contradict each other.
        if first.kind == Kind::Genesis || self.headers.len() > FORK_PROOF_HEADERS_MAX {
            return Err(ForkProofError::NoFork);
        }
        let (mut seq, mut last) = (first.seq, first_bytes);
        for bytes in more {
            let header = Header::decode(bytes)?;
            let follows = header.author == first.author
                && header.bucket == first.bucket
                && Some(header.seq) == seq.checked_add(1)
                && header.prev == id_of(last);
            if !follows {
                return Err(ForkProofError::Chain);
            }
            (seq, last) = (header.seq, bytes);
        }
        let input = [ENTRY_PREFIX, last].concat();
        if !verify_signature(&first.author.0, &input, &self.signature) {
            return Err(ForkProofError::Signature);
        }
        Ok((first.bucket, first.author, first.seq))
    }
}

fn id_of(header: &[u8]) -> EntryId {
    EntryId(*blake3::hash(header).as_bytes())
}
