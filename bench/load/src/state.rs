//! What one run leaves for the next. Comes in: a bucket with its authors. Goes out: the same, as
//! far as reading needs it. Must not know: providers.
//!
//! The file holds secrets of a vault that exists for one measurement only.

use std::path::Path;

use strongroom_seal::keys::DeviceSecret;
use strongroom_wire::capability::CapabilityChain;
use strongroom_wire::cbor::{Reader, Writer};
use strongroom_wire::ids::{BucketId, ChunkId};
use strongroom_wire::limits::{CAPABILITY_LEN_MAX, CHAIN_LEN_MAX};

use crate::Failure;
use crate::vault::Bucket;

const READERS_MAX: usize = 256;
const CHUNKS_MAX: usize = 10_000_000;
const FILE: &str = "state.cbor";

/// A bucket as its readers know it.
pub struct State {
    pub bucket: BucketId,
    pub readers: Vec<(DeviceSecret, CapabilityChain)>,
    /// What is there to be read.
    pub chunks: Vec<ChunkId>,
}

impl State {
    /// Nothing to read yet.
    pub fn of(bucket: &Bucket) -> Self {
        let copy =
            |secret: &DeviceSecret| DeviceSecret::from_secret_bytes(&secret.to_secret_bytes());
        let readers = bucket
            .authors
            .iter()
            .map(|author| (copy(&author.secret), author.chain.clone()))
            .collect();
        Self { bucket: bucket.id, readers, chunks: Vec::new() }
    }

    pub fn write(&self, folder: &Path) -> Result<(), Failure> {
        let mut w = Writer::new();
        w.array(3).bytes(&self.bucket.0).array(self.readers.len());
        for (secret, chain) in &self.readers {
            w.array(2).bytes(&*secret.to_secret_bytes()).array(chain.capabilities().len());
            for capability in chain.capabilities() {
                w.bytes(capability.bytes());
            }
        }
        w.array(self.chunks.len());
        for chunk in &self.chunks {
            w.bytes(&chunk.0);
        }
        std::fs::create_dir_all(folder)?;
        Ok(std::fs::write(folder.join(FILE), w.into_bytes())?)
    }

    pub fn read(folder: &Path) -> Result<Self, Failure> {
        let bytes = std::fs::read(folder.join(FILE))
            .map_err(|error| format!("nothing was put with this --state: {error}"))?;
        let mut r = Reader::new(&bytes);
        r.array_exact(3)?;
        let bucket = BucketId(r.bytes_exact()?);
        let mut readers = Vec::new();
        for _ in 0..r.array(READERS_MAX)? {
            r.array_exact(2)?;
            let secret = DeviceSecret::from_secret_bytes(&r.bytes_exact()?);
            let mut parts = Vec::new();
            for _ in 0..r.array(CHAIN_LEN_MAX)? {
                parts.push(r.bytes(CAPABILITY_LEN_MAX)?);
            }
            readers.push((secret, CapabilityChain::from_parts(&parts)?));
        }
        let mut chunks = Vec::new();
        for _ in 0..r.array(CHUNKS_MAX)? {
            chunks.push(ChunkId(r.bytes_exact()?));
        }
        r.end()?;
        Ok(Self { bucket, readers, chunks })
    }
}
