//! What this device keeps of a document that is held alone. Comes in: its keys. Goes out: their
//! bytes, sealed by the caller. Must not know: disks.
//!
//! Bytes: docs/spec/replica.md.

use strongroom_wire::cbor::{CborError, Reader, Writer};
use zeroize::Zeroizing;

use super::rows::Row;

/// Keys of the one document that this person holds of a bucket. Sealed.
#[derive(Debug, Clone, Default)]
pub struct AloneRow {
    /// 0: BK, 1: DK, 2: VK; and the key.
    pub keys: Vec<(u8, Zeroizing<[u8; 32]>)>,
}

impl Row for AloneRow {
    fn write(&self, w: &mut Writer) {
        w.array(1).array(self.keys.len());
        for (kind, key) in &self.keys {
            w.array(2).uint(u64::from(*kind)).bytes(&**key);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.array_exact(1)?;
        let count = r.array(1_000_000)?;
        let key = |r: &mut Reader<'_>| {
            r.array_exact(2)?;
            match r.u8()? {
                kind @ 0..=2 => Ok((kind, Zeroizing::new(r.bytes_exact()?))),
                _ => Err(CborError::Unknown),
            }
        };
        Ok(Self { keys: (0..count).map(|_| key(r)).collect::<Result<_, _>>()? })
    }
}
