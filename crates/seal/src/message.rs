//! The keys of messages. Comes in: a drop's public key, or the content key it follows from. Goes
//! out: the key that seals one message, and what its reader needs to find it. Must not know: what
//! the message says, who sends it.
//!
//! ```text
//! drop pair = X-Wing(drop(CK))                                      docs/spec/drop.md
//! DK        = message(X-Wing shared secret ‖ bucket id ‖ document tag)
//! ```
//! From DK on a message is sealed like any sealed part. Whoever sends forgets DK: he cannot open
//! his own message again.
//!
//! ```
//! use strongroom_seal::keys::ContentKey;
//! use strongroom_seal::message::{open_from, seal_to};
//! use strongroom_seal::rng::DangerSeeded;
//! use strongroom_wire::ids::{BucketId, DocumentTag};
//!
//! let content = ContentKey::from_secret_bytes(&[7; 32]);
//! let (bucket, tag) = (BucketId([1; 32]), DocumentTag([2; 16]));
//! let drop = content.drop_seed().pair().public();
//! let (enc, key) = seal_to(&drop, bucket, tag, &mut DangerSeeded::new(1));
//! let opened = open_from(&content, &enc, bucket, tag);
//! assert_eq!(opened.commitment(), key.commitment());
//! ```

use strongroom_wire::clear::KEM_ENC_LEN;
use strongroom_wire::ids::{BucketId, DocumentTag};

use crate::derive::{self, derive};
use crate::identity::DropSigningKey;
use crate::kem::{KemPublic, SharedSecret};
use crate::keys::{ContentKey, DocumentKey, random_secret};
use crate::rng::Rng;

random_secret! {
    /// What a drop's address holds: whoever has it may put messages in, and open none.
    DropSecret
}

impl DropSecret {
    /// The drop's key.
    pub fn key(&self) -> DropSigningKey {
        DropSigningKey::from_seed(&derive(derive::DROP_MEMBER, &[self.expose()]))
    }
}

fn message_key(shared: &SharedSecret, bucket: BucketId, document: DocumentTag) -> DocumentKey {
    DocumentKey::new(&derive(derive::MESSAGE, &[shared.expose(), &bucket.0, &document.0]))
}

/// The key of a new message to this drop, and the encapsulation that goes with it.
pub fn seal_to(
    drop: &KemPublic,
    bucket: BucketId,
    document: DocumentTag,
    rng: &mut impl Rng,
) -> (Box<[u8; KEM_ENC_LEN]>, DocumentKey) {
    let (enc, shared) = drop.encapsulate(rng);
    (enc, message_key(&shared, bucket, document))
}

/// The key of a message that came. Never fails: a foreign encapsulation gives an unrelated key,
/// which opens nothing.
pub fn open_from(
    content: &ContentKey,
    enc: &[u8; KEM_ENC_LEN],
    bucket: BucketId,
    document: DocumentTag,
) -> DocumentKey {
    message_key(&content.drop_seed().pair().decapsulate(enc), bucket, document)
}
