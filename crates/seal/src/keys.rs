//! Keys. Comes in: random bytes, or a key one step up. Goes out: a key one step down, as a type of
//! its own. Must not know: who holds it.
//!
//! ```text
//! E  epoch      ─► CK content · HK history · GK children;   CK ─► IK index
//! CK ─► DK (document, generation) ─► VK (nonce) ─► one sealed part;   VK ─► kc, its commitment
//! HK ─► BK (document, generation)
//! ```
//!
//! Each purpose has its own type, so a key cannot serve another purpose (attack A05):
//!
//! ```compile_fail,E0308
//! use strongroom_seal::keys::{ContentKey, Nonce, VersionKey};
//! fn content_is_no_document_key(key: &ContentKey, nonce: &Nonce) -> VersionKey {
//!     strongroom_seal::keys::DocumentKey::version(key, nonce)
//! }
//! ```
//! Keys are not cloned, compared or printed:
//!
//! ```compile_fail,E0599
//! # let e = strongroom_seal::keys::EpochKey::from_secret_bytes(&[7; 32]);
//! let copy = e.clone();
//! ```
//! ```
//! let e = strongroom_seal::keys::EpochKey::from_secret_bytes(&[7; 32]);
//! assert_eq!(format!("{e:?}"), "EpochKey(secret)");
//! ```
//! and a key that nothing stores has no bytes to ask for:
//!
//! ```compile_fail,E0599
//! use strongroom_wire::ids::BucketId;
//! let e = strongroom_seal::keys::EpochKey::from_secret_bytes(&[7; 32]);
//! e.history(BucketId::ZERO).to_secret_bytes();
//! ```

use strongroom_wire::ids::{AuthorKey, BucketId, DocumentTag, EntryId, MemberTag, PrincipalId};
use subtle::ConstantTimeEq;

use crate::aead::{Opens, SealsOnce};
use crate::derive::{self, derive, derive_tag};
use crate::identity::AuthorSigningKey;
use crate::kem::DropSeed;
use crate::local::LocalKey;

/// A secret of 32 bytes that wipes itself and never prints.
macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
        pub struct $name([u8; 32]);

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(concat!(stringify!($name), "(secret)"))
            }
        }

        #[allow(dead_code)] // not every kind of key needs both
        impl $name {
            pub(crate) fn new(bytes: &[u8; 32]) -> Self {
                Self(*bytes)
            }

            pub(crate) fn expose(&self) -> &[u8; 32] {
                &self.0
            }
        }
    };
}
pub(crate) use secret;

/// A secret whose bytes are stored: wrapped for someone, or inside something sealed.
macro_rules! stored_secret {
    ($(#[$doc:meta])* $name:ident) => {
        $crate::keys::secret!($(#[$doc])* $name);

        impl $name {
            /// The key with these bytes, which came out of something sealed.
            pub fn from_secret_bytes(bytes: &[u8; 32]) -> Self {
                Self(*bytes)
            }

            /// The bytes, to be wrapped or to stand inside something sealed. They wipe themselves.
            pub fn to_secret_bytes(&self) -> zeroize::Zeroizing<[u8; 32]> {
                zeroize::Zeroizing::new(self.0)
            }
        }
    };
}
pub(crate) use stored_secret;

/// A stored secret that is drawn at random.
macro_rules! random_secret {
    ($(#[$doc:meta])* $name:ident) => {
        $crate::keys::stored_secret!($(#[$doc])* $name);

        impl $name {
            /// A new one.
            pub fn generate(rng: &mut impl $crate::rng::Rng) -> Self {
                Self(*rng.secret32())
            }
        }
    };
}
pub(crate) use random_secret;

random_secret! {
    /// E: random, one per bucket and epoch. Everything below a bucket is derived from it.
    EpochKey
}
stored_secret! {
    /// CK: opens what is written in one epoch; what a member "from now on" gets.
    ContentKey
}
secret! {
    /// HK: opens the epochs before, and gives the history keys of documents.
    HistoryKey
}
secret! {
    /// GK: opens the child buckets of a bucket.
    ChildKey
}
secret! {
    /// IK: the search index of one bucket and epoch.
    IndexKey
}
stored_secret! {
    /// DK: one document in one generation; what a holder "from that document's now on" gets.
    DocumentKey
}
stored_secret! {
    /// BK: one document with its history; what a holder of one document gets.
    DocumentHistoryKey
}
stored_secret! {
    /// VK: one sealed part. Sealing uses it up.
    VersionKey
}
stored_secret! {
    /// Opens one chunk. It can be copied, because a later manifest may name the same chunk; it
    /// cannot seal.
    ChunkKey
}
random_secret! {
    /// Makes the member tags and natural document tags of one bucket, for the bucket's life.
    NameKey
}
random_secret! {
    /// By it one member finds his wrap in every epoch.
    TagKey
}
random_secret! {
    /// One device's root of author keys and local keys; never leaves the device.
    DeviceSecret
}
secret! {
    /// Seals the new E against HK's readers of the epoch before it: one key, one plaintext.
    BackKey
}
secret! {
    /// Seals one child's E for the holders of GK: one key, one plaintext.
    ChildSlotKey
}
secret! {
    /// Seals a document's DK and the BK before it, keyed by one parent.
    DocumentBackKey
}
secret! {
    /// Seals DK for a holder of BK, keyed by one version.
    DocumentOpenKey
}
secret! {
    /// Seals one chunk, then becomes its [`ChunkKey`].
    FreshChunkKey
}

impl Clone for ChunkKey {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

macro_rules! bulk {
    ($($name:ident: $($role:ident)+;)*) => { $($(bulk!(@$role $name);)+)* };
    (@seals $name:ident) => {
        impl SealsOnce for $name {
            fn seal_key(&self) -> &[u8; 32] {
                &self.0
            }
        }
    };
    (@opens $name:ident) => {
        impl Opens for $name {
            fn open_key(&self) -> &[u8; 32] {
                &self.0
            }
        }
    };
}
bulk! {
    VersionKey: seals opens;
    FreshChunkKey: seals;
    ChunkKey: opens;
    BackKey: seals opens;
    ChildSlotKey: seals opens;
    DocumentBackKey: seals opens;
    DocumentOpenKey: seals opens;
}

/// A public statement that fixes a key without telling it. For VK it is the `kc` of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Commitment(pub [u8; 32]);

impl Commitment {
    /// Whether both are the same, in constant time: one of them may come from a guessed key.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl From<[u8; 32]> for Commitment {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// The 32 bytes of a header from which, with DK, the key of its sealed part is derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nonce(pub [u8; 32]);

impl From<[u8; 32]> for Nonce {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl EpochKey {
    /// CK of this epoch.
    pub fn content(&self, bucket: BucketId) -> ContentKey {
        ContentKey(*derive(derive::CONTENT, &[&self.0, &bucket.0]))
    }

    /// HK of this epoch.
    pub fn history(&self, bucket: BucketId) -> HistoryKey {
        HistoryKey(*derive(derive::HISTORY, &[&self.0, &bucket.0]))
    }

    /// GK of this epoch.
    pub fn children(&self, bucket: BucketId) -> ChildKey {
        ChildKey(*derive(derive::CHILD, &[&self.0, &bucket.0]))
    }

    /// commit(E), in the clear part of the epoch entry.
    pub fn commitment(&self) -> Commitment {
        Commitment(*derive(derive::EPOCH_COMMIT, &[&self.0]))
    }
}

impl ContentKey {
    /// IK of this epoch.
    pub fn index(&self, bucket: BucketId) -> IndexKey {
        IndexKey(*derive(derive::INDEX, &[&self.0, &bucket.0]))
    }

    /// DK of one document in one generation.
    pub fn document(&self, document: DocumentTag, generation: u32) -> DocumentKey {
        let generation = generation.to_be_bytes();
        DocumentKey(*derive(derive::DOCUMENT, &[&self.0, &document.0, &generation]))
    }

    /// The seed of this epoch's drop key pair.
    pub fn drop_seed(&self) -> DropSeed {
        DropSeed::new(&derive(derive::DROP, &[&self.0]))
    }

    /// commit(CK), in the clear part of the epoch entry.
    pub fn commitment(&self) -> Commitment {
        Commitment(*derive(derive::CONTENT_COMMIT, &[&self.0]))
    }
}

impl HistoryKey {
    /// BK of one document in one generation.
    pub fn document(&self, document: DocumentTag, generation: u32) -> DocumentHistoryKey {
        let generation = generation.to_be_bytes();
        DocumentHistoryKey(*derive(derive::DOCUMENT_HISTORY, &[&self.0, &document.0, &generation]))
    }

    /// The key of one back slot. HK seals nothing itself: an epoch that follows two epochs would
    /// seal two plaintexts under it.
    pub(crate) fn back(&self, previous: EntryId, commitment: Commitment) -> BackKey {
        BackKey(*derive(derive::EPOCH_BACK, &[&self.0, &previous.0, &commitment.0]))
    }
}

impl ChildKey {
    /// The key of one child slot; see [`HistoryKey::back`] for why GK seals nothing itself.
    pub(crate) fn slot(&self, child: BucketId, commitment: Commitment) -> ChildSlotKey {
        ChildSlotKey(*derive(derive::CHILD_SLOT, &[&self.0, &child.0, &commitment.0]))
    }
}

impl DocumentKey {
    /// VK of the sealed part with this nonce.
    pub fn version(&self, nonce: &Nonce) -> VersionKey {
        VersionKey(*derive(derive::VERSION, &[&self.0, &nonce.0]))
    }

    /// commit(DK).
    pub fn commitment(&self) -> Commitment {
        Commitment(*derive(derive::DOCUMENT_COMMIT, &[&self.0]))
    }
}

impl DocumentHistoryKey {
    /// The key under which a version's first writer leaves DK and the parent's BK. `parent` is the
    /// zero id where there is none.
    pub fn back(&self, parent: EntryId) -> DocumentBackKey {
        DocumentBackKey(*derive(derive::DOCUMENT_BACK, &[&self.0, &parent.0]))
    }

    /// The key under which a holder of BK finds DK of one version.
    pub fn open(&self, version: EntryId) -> DocumentOpenKey {
        DocumentOpenKey(*derive(derive::DOCUMENT_OPEN, &[&self.0, &version.0]))
    }

    /// commit(BK).
    pub fn commitment(&self) -> Commitment {
        Commitment(*derive(derive::HISTORY_COMMIT, &[&self.0]))
    }
}

impl VersionKey {
    /// kc, in the header. AES-GCM does not commit to its key, this does (attack A12).
    pub fn commitment(&self) -> Commitment {
        Commitment(*derive(derive::COMMIT, &[&self.0]))
    }
}

impl NameKey {
    /// The pseudonym of one principal in this bucket.
    pub fn member_tag(&self, principal: PrincipalId) -> MemberTag {
        MemberTag(derive_tag(derive::MEMBER_TAG, &[&self.0, &principal.0]))
    }

    /// The tag of the document that has this text as its name for the whole bucket, such as
    /// `strongroom/settings`: two devices that make it meet in one document.
    pub fn natural_tag(&self, text: &str) -> DocumentTag {
        DocumentTag(derive_tag(derive::NATURAL, &[&self.0, text.as_bytes()]))
    }
}

impl TagKey {
    /// The tag at the front of this member's wrap in the epoch number `n`.
    pub fn wrap_tag(&self, bucket: BucketId, n: u64) -> [u8; 16] {
        derive_tag(derive::WRAP_TAG, &[&self.0, &bucket.0, &n.to_be_bytes()])
    }
}

impl DeviceSecret {
    /// The signing key of this device in one bucket. A device restored from a backup takes the
    /// next instance, so its chain is a new one.
    pub fn author(&self, bucket: BucketId, instance: u32) -> AuthorSigningKey {
        let instance = instance.to_be_bytes();
        let seed = derive(derive::AUTHOR, &[&self.0, &bucket.0, &instance]);
        AuthorSigningKey::from_seed(&seed)
    }

    /// The key of this device's local rows.
    pub fn local(&self) -> LocalKey {
        LocalKey::new(&derive(derive::LOCAL, &[&self.0]))
    }

    /// The nonce of a sealed part. Hedged: even with a repeated `random` it repeats only for the
    /// same plaintext, author and seq on the same device (attack A13).
    pub(crate) fn nonce(
        &self,
        random: &[u8; 32],
        author: AuthorKey,
        seq: u64,
        plain_hash: &[u8; 32],
    ) -> Nonce {
        let seq = seq.to_be_bytes();
        Nonce(*derive(derive::NONCE, &[random, &self.0, &author.0, &seq, plain_hash]))
    }

    /// The key of a chunk, hedged like a nonce.
    pub(crate) fn chunk(&self, random: &[u8; 32], plain_hash: &[u8; 32]) -> FreshChunkKey {
        FreshChunkKey(*derive(derive::CHUNK, &[random, &self.0, plain_hash]))
    }
}

impl FreshChunkKey {
    /// What will open the chunk. Called before sealing uses this key up.
    pub(crate) fn opening(&self) -> ChunkKey {
        ChunkKey(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::DangerSeeded;

    #[test]
    fn a05_known_answers_are_blake3_derive_key_of_the_table() {
        let bucket = BucketId([2; 32]);
        let e = EpochKey::from_secret_bytes(&[1; 32]);
        let expect = |context: &str, input: &[&[u8]]| {
            blake3::derive_key(&format!("strongroom 1 {context}"), &input.concat())
        };
        let ck = e.content(bucket);
        assert_eq!(ck.0, expect("content", &[&[1; 32], &[2; 32]]));
        let hk = e.history(bucket);
        assert_eq!(hk.0, expect("history", &[&[1; 32], &[2; 32]]));
        assert_eq!(e.children(bucket).0, expect("child", &[&[1; 32], &[2; 32]]));
        assert_eq!(e.commitment().0, expect("epoch commit", &[&[1; 32]]));
        assert_eq!(ck.index(bucket).0, expect("index", &[&ck.0, &[2; 32]]));
        assert_eq!(ck.commitment().0, expect("content commit", &[&ck.0]));
        assert_eq!(ck.drop_seed().expose(), &expect("drop", &[&ck.0]));
        let dk = ck.document(DocumentTag([3; 16]), 258);
        assert_eq!(dk.0, expect("document", &[&ck.0, &[3; 16], &[0, 0, 1, 2]]));
        assert_eq!(dk.commitment().0, expect("document commit", &[&dk.0]));
        let vk = dk.version(&Nonce([4; 32]));
        assert_eq!(vk.0, expect("version", &[&dk.0, &[4; 32]]));
        assert_eq!(vk.commitment().0, expect("commit", &[&vk.0]));
        let bk = hk.document(DocumentTag([3; 16]), 1);
        assert_eq!(bk.0, expect("document history", &[&hk.0, &[3; 16], &[0, 0, 0, 1]]));
        assert_eq!(bk.commitment().0, expect("history commit", &[&bk.0]));
        assert_eq!(bk.back(EntryId([5; 32])).0, expect("document back", &[&bk.0, &[5; 32]]));
        assert_eq!(bk.open(EntryId([5; 32])).0, expect("document open", &[&bk.0, &[5; 32]]));
        let back = hk.back(EntryId([5; 32]), Commitment([6; 32]));
        assert_eq!(back.0, expect("epoch back", &[&hk.0, &[5; 32], &[6; 32]]));
        let slot = e.children(bucket).slot(BucketId([5; 32]), Commitment([6; 32]));
        assert_eq!(slot.0, expect("child slot", &[&e.children(bucket).0, &[5; 32], &[6; 32]]));
        let device = DeviceSecret::from_secret_bytes(&[7; 32]);
        let nonce = device.nonce(&[8; 32], AuthorKey([9; 32]), 1, &[10; 32]);
        let seq = 1_u64.to_be_bytes();
        assert_eq!(nonce.0, expect("nonce", &[&[8; 32], &[7; 32], &[9; 32], &seq, &[10; 32]]));
        assert_eq!(
            device.chunk(&[8; 32], &[10; 32]).0,
            expect("chunk", &[&[8; 32], &[7; 32], &[10; 32]])
        );
        let names = NameKey::from_secret_bytes(&[11; 32]);
        assert_eq!(
            names.member_tag(PrincipalId([12; 32])).0,
            expect("member tag", &[&[11; 32], &[12; 32]])[..16]
        );
        assert_eq!(
            names.natural_tag("strongroom/settings").0,
            expect("natural", &[&[11; 32], b"strongroom/settings"])[..16]
        );
        assert_eq!(
            TagKey::from_secret_bytes(&[13; 32]).wrap_tag(bucket, 1),
            expect("wrap tag", &[&[13; 32], &[2; 32], &seq])[..16]
        );
    }

    #[test]
    fn a13_a_stuck_random_source_repeats_a_nonce_only_for_the_same_plaintext() {
        let device = DeviceSecret::from_secret_bytes(&[7; 32]);
        let author = AuthorKey([9; 32]);
        let mut seen = std::collections::BTreeSet::new();
        for seq in 0..100 {
            for plain in 0..100_u8 {
                let nonce = device.nonce(&[0; 32], author, seq, &[plain; 32]);
                assert!(seen.insert(nonce.0));
            }
        }
        let other = DeviceSecret::generate(&mut DangerSeeded::new(1));
        assert!(seen.insert(other.nonce(&[0; 32], author, 0, &[0; 32]).0));
    }

    #[test]
    fn nothing_of_a_key_is_printed() {
        let key = DeviceSecret::from_secret_bytes(&[0xab; 32]);
        assert_eq!(format!("{key:?}"), "DeviceSecret(secret)");
    }
}
