//! What a capability is about. Comes in: ids. Goes out: a target, and whether one lies inside
//! another. Must not know: actions, keys, URLs.

use crate::cbor::{CborError, Reader, Writer};
use crate::ids::{BucketId, DocumentTag, EntryId, VaultTag};

/// A bucket, something in it, or a vault. Compared by its parts, never as text: `/1` is no part
/// of `/10`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// A whole bucket.
    Bucket(BucketId),
    /// One document with all its versions.
    Document(BucketId, DocumentTag),
    /// One version of one document.
    Version(BucketId, DocumentTag, EntryId),
    /// A vault at one provider.
    Vault(VaultTag),
}

/// The first item of the encoded array.
const IN_BUCKET: u64 = 0;
const VAULT: u64 = 1;

impl Target {
    /// Whether `inner` is this target or a part of it.
    ///
    /// ```
    /// use strongroom_wire::capability::Target;
    /// use strongroom_wire::ids::{BucketId, DocumentTag};
    /// let bucket = Target::Bucket(BucketId([1; 32]));
    /// let document = Target::Document(BucketId([1; 32]), DocumentTag([2; 16]));
    /// assert!(bucket.contains(&document) && !document.contains(&bucket));
    /// ```
    pub fn contains(&self, inner: &Self) -> bool {
        match (self, inner) {
            (Self::Bucket(outer), inner) => inner.bucket() == Some(*outer),
            (Self::Document(bucket, document), Self::Version(b, d, _)) => {
                (bucket, document) == (b, d)
            }
            _ => self == inner,
        }
    }

    /// The bucket, unless this is a vault.
    pub const fn bucket(&self) -> Option<BucketId> {
        match self {
            Self::Bucket(bucket) | Self::Document(bucket, _) | Self::Version(bucket, ..) => {
                Some(*bucket)
            }
            Self::Vault(_) => None,
        }
    }

    /// The vault, if this is one.
    pub const fn vault(&self) -> Option<VaultTag> {
        match self {
            Self::Vault(vault) => Some(*vault),
            _ => None,
        }
    }

    /// The document, where the target is one or a version of one.
    pub const fn document(&self) -> Option<DocumentTag> {
        match self {
            Self::Document(_, document) | Self::Version(_, document, _) => Some(*document),
            _ => None,
        }
    }

    /// Writes `[0, bucket, document?, version?]` or `[1, vault]`.
    pub fn write(&self, w: &mut Writer) {
        match self {
            Self::Bucket(bucket) => w.array(2).uint(IN_BUCKET).bytes(&bucket.0),
            Self::Document(bucket, document) => {
                w.array(3).uint(IN_BUCKET).bytes(&bucket.0).bytes(&document.0)
            }
            Self::Version(bucket, document, version) => {
                w.array(4).uint(IN_BUCKET).bytes(&bucket.0).bytes(&document.0).bytes(&version.0)
            }
            Self::Vault(vault) => w.array(2).uint(VAULT).bytes(&vault.0),
        };
    }

    /// Reads what [`Target::write`] writes.
    pub fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        let len = r.array(4)?;
        let kind = r.uint()?;
        match (kind, len) {
            (IN_BUCKET, 2..=4) => {
                let bucket = BucketId(r.bytes_exact()?);
                if len == 2 {
                    return Ok(Self::Bucket(bucket));
                }
                let document = DocumentTag(r.bytes_exact()?);
                if len == 3 {
                    return Ok(Self::Document(bucket, document));
                }
                Ok(Self::Version(bucket, document, EntryId(r.bytes_exact()?)))
            }
            (VAULT, 2) => Ok(Self::Vault(VaultTag(r.bytes_exact()?))),
            (IN_BUCKET | VAULT, _) => Err(CborError::Limit),
            _ => Err(CborError::Unknown),
        }
    }
}
