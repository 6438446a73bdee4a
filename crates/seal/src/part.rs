//! The sealed part of an entry. Comes in: CBOR and DK, or a sealed part and what its header says.
//! Goes out: a sealed part and what its header has to say, or the CBOR. Must not know: what the
//! CBOR means, who may read it.
//!
//! ```text
//! plaintext = length u32 ‖ CBOR ‖ zeros up to the padded length     docs/spec/sealed-part.md
//! sealed    = AEAD(VK, plaintext) ‖ tag 16;   VK = version(DK, nonce);   kc = commit(VK)
//! AAD       = the header's bytes, with BLAKE3(clear part) in field 15
//! ```
//!
//! The header contains nonce, kc and the sealed length, and the header is the associated data.
//! So sealing takes two steps: [`Draft::new`] fixes those three, [`Draft::seal`] takes the AAD.
//!
//! ```
//! use strongroom_seal::keys::{ContentKey, DeviceSecret};
//! use strongroom_seal::part::{self, Draft, Hedge, PartHeader};
//! use strongroom_seal::sealing::Sealing;
//! use strongroom_wire::ids::{AuthorKey, DocumentTag};
//!
//! let device = DeviceSecret::from_secret_bytes(&[1; 32]);
//! let document = ContentKey::from_secret_bytes(&[2; 32]).document(DocumentTag([3; 16]), 0);
//! let hedge = Hedge { device: &device, author: AuthorKey([4; 32]), seq: 0, random: [5; 32] };
//!
//! let draft = Draft::new(&document, b"\x61a", &Sealing::DEFAULT.padding, hedge)?;
//! let header: PartHeader = draft.header(); // goes into the entry's header
//! let sealed = draft.seal(Sealing::DEFAULT.suite, b"the header's bytes")?;
//! assert_eq!(sealed.len(), header.sealed_len as usize);
//!
//! let aad = b"the header's bytes";
//! let opened = part::open(Sealing::DEFAULT, &document, &header, aad, &sealed)?;
//! assert_eq!(opened[..], *b"\x61a");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use strongroom_wire::ids::AuthorKey;
use strongroom_wire::limits::{INLINE_PLAIN_LEN_MAX, SEAL_TAG_LEN, SEALED_LEN_MAX};
use zeroize::Zeroizing;

use crate::aead::{self, OpenError, SealError};
use crate::derive;
use crate::keys::{Commitment, DeviceSecret, DocumentKey, Nonce, VersionKey};
use crate::padding::Padding;
use crate::sealing::Sealing;
use crate::suite::Suite;

/// Bytes of the length in front of the CBOR.
const LENGTH_LEN: usize = 4;

/// Bytes of CBOR that fit into one sealed part.
pub const PART_LEN_MAX: usize = INLINE_PLAIN_LEN_MAX - LENGTH_LEN;

/// What makes a nonce unlike any other, even if one of these repeats.
#[derive(Debug, Clone, Copy)]
pub struct Hedge<'a> {
    /// This device's secret.
    pub device: &'a DeviceSecret,
    /// The author of the entry.
    pub author: AuthorKey,
    /// The entry's number in its author's chain.
    pub seq: u64,
    /// 32 fresh random bytes.
    pub random: [u8; 32],
}

/// What an entry's header says about its sealed part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartHeader {
    /// Field 7.
    pub nonce: Nonce,
    /// Field 8.
    pub commitment: Commitment,
    /// Field 14: bytes of the sealed part, tag included.
    pub sealed_len: u32,
}

/// A sealed part whose key and length are fixed and whose header is not.
#[derive(Debug)]
pub struct Draft {
    plain: Zeroizing<Vec<u8>>,
    key: VersionKey,
    header: PartHeader,
}

impl Draft {
    /// Pads `cbor` and fixes nonce, key and length. At most [`PART_LEN_MAX`] bytes; what is longer
    /// belongs into chunks.
    pub fn new(
        document: &DocumentKey,
        cbor: &[u8],
        padding: &impl Padding,
        hedge: Hedge<'_>,
    ) -> Result<Self, SealError> {
        let plain = pad(cbor, padding)?;
        let nonce =
            hedge.device.nonce(&hedge.random, hedge.author, hedge.seq, &derive::hash(&plain));
        let key = document.version(&nonce);
        let header = PartHeader {
            nonce,
            commitment: key.commitment(),
            // At most SEALED_LEN_MAX, see pad().
            sealed_len: (plain.len() + SEAL_TAG_LEN) as u32,
        };
        Ok(Self { plain, key, header })
    }

    /// What the entry's header has to say.
    pub const fn header(&self) -> PartHeader {
        self.header
    }

    /// VK, for a grant of this one version.
    pub const fn key(&self) -> &VersionKey {
        &self.key
    }

    /// The sealed part. `aad` is the header's bytes with BLAKE3(clear part) in field 15.
    pub fn seal(mut self, suite: Suite, aad: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut out = core::mem::take(&mut *self.plain);
        aead::seal_once(suite, self.key, aad, &mut out)?;
        Ok(out)
    }
}

fn pad(cbor: &[u8], padding: &impl Padding) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let too_long = SealError::TooLong { len: cbor.len() as u64, max: PART_LEN_MAX as u64 };
    if cbor.len() > PART_LEN_MAX {
        return Err(too_long);
    }
    let len = (LENGTH_LEN + cbor.len()) as u64;
    let padded = padding.part_len(len).filter(|&p| p >= len).ok_or(too_long)?;
    let padded = usize::try_from(padded).map_err(|_| too_long)?;
    if padded > INLINE_PLAIN_LEN_MAX {
        return Err(too_long);
    }
    // Room for the tag too: growing the vector would leave a copy of the plaintext behind.
    let mut plain = Zeroizing::new(Vec::with_capacity(padded + SEAL_TAG_LEN));
    plain.extend_from_slice(&(cbor.len() as u32).to_be_bytes());
    plain.extend_from_slice(cbor);
    plain.resize(padded, 0);
    Ok(plain)
}

/// Opens a sealed part with DK. `sealed` is at most [`SEALED_LEN_MAX`] bytes.
///
/// `sealing` is the suite its header names and the padding of its bucket. The caller has checked
/// the signature, the body hash and that the suite may stand here, and decodes the CBOR strictly
/// afterwards.
pub fn open(
    sealing: Sealing,
    document: &DocumentKey,
    header: &PartHeader,
    aad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    open_version(sealing, &document.version(&header.nonce), header, aad, sealed)
}

/// Opens a sealed part with VK: what a holder of one version does.
pub fn open_version(
    sealing: Sealing,
    key: &VersionKey,
    header: &PartHeader,
    aad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    if sealed.len() > SEALED_LEN_MAX || sealed.len() != header.sealed_len as usize {
        return Err(OpenError);
    }
    // First the commitment: one ciphertext must not open under two keys (attack A12).
    if !key.commitment().matches(&header.commitment) {
        return Err(OpenError);
    }
    let mut plain = Zeroizing::new(sealed.to_vec());
    aead::open(sealing.suite, key, aad, &mut plain)?;
    let len = content_len(&plain, &sealing.padding).ok_or(OpenError)?;
    plain.drain(..LENGTH_LEN);
    plain.truncate(len);
    Ok(plain)
}

/// The length of the CBOR inside a padded plaintext, if the rest is zeros and as long as the rule
/// makes it: what fits no rule would tell the length, or something else, to who counts bytes.
fn content_len(plain: &[u8], padding: &impl Padding) -> Option<usize> {
    let (length, rest) = plain.split_first_chunk::<LENGTH_LEN>()?;
    let len = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (_, zeros) = rest.split_at_checked(len)?;
    let due = padding.part_len((LENGTH_LEN + len) as u64);
    (aead::all_zero(zeros) && due == Some(plain.len() as u64)).then_some(len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::ContentKey;
    use crate::padding::{NoPadding, Padme};
    use crate::rng::{DangerSeeded, Rng};
    use strongroom_wire::clear::{ConstantSize, PaddingRule};
    use strongroom_wire::ids::DocumentTag;

    const SUITE: Suite = Suite::Aes256Gcm;
    const SEALING: Sealing = Sealing::DEFAULT;

    fn document() -> DocumentKey {
        ContentKey::from_secret_bytes(&[2; 32]).document(DocumentTag([3; 16]), 0)
    }

    fn draft(cbor: &[u8], padding: &impl Padding, random: [u8; 32]) -> Result<Draft, SealError> {
        let device = DeviceSecret::from_secret_bytes(&[1; 32]);
        let hedge = Hedge { device: &device, author: AuthorKey([4; 32]), seq: 9, random };
        Draft::new(&document(), cbor, padding, hedge)
    }

    fn sealed(cbor: &[u8]) -> (PartHeader, Vec<u8>) {
        sealed_as(SEALING, cbor)
    }

    fn sealed_as(sealing: Sealing, cbor: &[u8]) -> (PartHeader, Vec<u8>) {
        let draft = draft(cbor, &sealing.padding, [5; 32]).unwrap();
        (draft.header(), draft.seal(sealing.suite, b"aad").unwrap())
    }

    /// Every suite with every padding that hides.
    fn sealings() -> Vec<Sealing> {
        let constant = PaddingRule::Constant(ConstantSize::from_bytes(1 << 20).unwrap());
        let paddings = [PaddingRule::Padme, PaddingRule::PowerOfTwo, constant];
        let with = |suite| paddings.map(|padding| Sealing { suite, padding });
        Suite::ALL.into_iter().flat_map(with).collect()
    }

    #[test]
    fn what_goes_in_comes_out_at_every_length() {
        for sealing in sealings() {
            for len in [0, 1, 251, 252, 253, 4_000, PART_LEN_MAX] {
                let cbor = vec![7; len];
                let (header, bytes) = sealed_as(sealing, &cbor);
                assert_eq!(bytes.len(), header.sealed_len as usize);
                let opened = open(sealing, &document(), &header, b"aad", &bytes).unwrap();
                assert_eq!(opened[..], cbor[..], "{sealing:?}");
            }
        }
        assert_eq!(sealed(&[7; 252]).1.len(), 256 + 16, "the length counts as content");
        assert_eq!(sealed(&[7; 253]).1.len(), 272 + 16);
    }

    #[test]
    fn what_does_not_fit_is_refused_before_it_is_copied() {
        for padding in [true, false] {
            let long = vec![0; PART_LEN_MAX + 1];
            let result = if padding {
                draft(&long, &Padme, [0; 32])
            } else {
                draft(&long, &NoPadding, [0; 32])
            };
            let max = PART_LEN_MAX as u64;
            assert_eq!(result.unwrap_err(), SealError::TooLong { len: max + 1, max });
        }
        struct Shrinks;
        impl Padding for Shrinks {
            fn padded_len(&self, _: u64) -> Option<u64> {
                Some(3)
            }
        }
        assert!(draft(b"abc", &Shrinks, [0; 32]).is_err(), "a bad strategy cuts nothing off");
    }

    #[test]
    fn a10_a_flip_of_each_bit_of_sealed_part_nonce_commitment_and_header_fails() {
        for suite in Suite::ALL {
            let sealing = Sealing { suite, ..SEALING };
            let (header, bytes) = sealed_as(sealing, b"the will");
            let opens = |header: &PartHeader, aad: &[u8], bytes: &[u8]| {
                open(sealing, &document(), header, aad, bytes).is_ok()
            };
            assert!(opens(&header, b"aad", &bytes), "without a flip it opens");
            for bit in 0..bytes.len() * 8 {
                let mut bad = bytes.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert!(!opens(&header, b"aad", &bad), "{suite:?} bit {bit}");
            }
            for bit in 0..256 {
                let mut bad = header;
                bad.nonce.0[bit / 8] ^= 1 << (bit % 8);
                assert!(!opens(&bad, b"aad", &bytes));
                let mut bad = header;
                bad.commitment.0[bit / 8] ^= 1 << (bit % 8);
                assert!(!opens(&bad, b"aad", &bytes));
            }
            for aad in [&b""[..], b"aaD", b"aad0", b"aa"] {
                assert!(!opens(&header, aad, &bytes));
            }
            for len in 0..bytes.len() {
                assert!(!opens(&header, b"aad", &bytes[..len]));
            }
        }
    }

    #[test]
    fn a07_a_part_opens_under_its_own_suite_and_padding_only() {
        let all = sealings();
        for sealing in &all {
            let (header, bytes) = sealed_as(*sealing, &[1; 300]);
            for other in &all {
                let opened = open(*other, &document(), &header, b"aad", &bytes).is_ok();
                assert_eq!(opened, other == sealing, "{sealing:?} read as {other:?}");
            }
        }
        // Short ones are 256 bytes under two of the rules; zeros past what a rule asks are refused.
        let (header, bytes) = sealed_as(SEALING, b"short");
        let two = Sealing { padding: PaddingRule::PowerOfTwo, ..SEALING };
        assert!(open(two, &document(), &header, b"aad", &bytes).is_ok());
        let bare = draft(b"short", &NoPadding, [5; 32]).unwrap();
        let header = bare.header();
        let bytes = bare.seal(SUITE, b"aad").unwrap();
        assert!(open(SEALING, &document(), &header, b"aad", &bytes).is_err(), "a bare length");
        let public = Sealing { padding: PaddingRule::None, ..SEALING };
        assert!(open(public, &document(), &header, b"aad", &bytes).is_ok());
    }

    #[test]
    fn a12_the_right_tag_under_a_key_the_header_does_not_commit_to_is_refused() {
        let draft = draft(b"one", &Padme, [6; 32]).unwrap();
        let mut header = draft.header();
        let bytes = draft.seal(SUITE, b"aad").unwrap();
        header.commitment = Commitment([0; 32]);
        assert_eq!(open(SEALING, &document(), &header, b"aad", &bytes), Err(OpenError));
    }

    #[test]
    fn padding_that_is_not_zeros_and_a_length_beyond_the_end_are_refused() {
        let seal = |plain: &[u8]| {
            let key = document().version(&Nonce([8; 32]));
            let header = PartHeader {
                nonce: Nonce([8; 32]),
                commitment: key.commitment(),
                sealed_len: (plain.len() + SEAL_TAG_LEN) as u32,
            };
            let mut bytes = plain.to_vec();
            aead::seal_once(SUITE, key, b"aad", &mut bytes).unwrap();
            open(SEALING, &document(), &header, b"aad", &bytes)
        };
        let mut plain = vec![0, 0, 0, 1, b'x'];
        plain.resize(256, 0);
        assert_eq!(seal(&plain).unwrap()[..], *b"x");
        for at in [5, 100, 255] {
            let mut bad = plain.clone();
            bad[at] = 1;
            assert_eq!(seal(&bad), Err(OpenError), "byte {at}");
        }
        assert_eq!(seal(&[0, 0, 0, 1]), Err(OpenError));
        assert_eq!(seal(&[0xff, 0xff, 0xff, 0xff, 0]), Err(OpenError));
        assert_eq!(seal(&[0, 0, 0]), Err(OpenError));
        assert_eq!(seal(&[]), Err(OpenError));
    }

    #[test]
    fn a13_a_million_entries_and_a_broken_random_source_repeat_no_key() {
        // Short by default: 20,000 entries. The whole number by STRONGROOM_LONG_TESTS.
        let entries =
            if std::env::var_os("STRONGROOM_LONG_TESTS").is_some() { 1_000_000 } else { 20_000 };
        let device = DeviceSecret::from_secret_bytes(&[1; 32]);
        let document = document();
        let mut rng = DangerSeeded::new(3);
        let mut seen = std::collections::HashSet::new();
        for seq in 0..entries {
            // Every second entry meets a source that is stuck, as after a restored snapshot.
            let random = if seq % 2 == 0 { [0; 32] } else { rng.bytes32() };
            let hedge = Hedge { device: &device, author: AuthorKey([4; 32]), seq, random };
            let draft = Draft::new(&document, b"same", &NoPadding, hedge).unwrap();
            assert!(seen.insert(*draft.key().to_secret_bytes()), "key repeated at {seq}");
        }
        // The same seq again, as after a restored snapshot, with other plaintext: another key.
        let hedge = Hedge { device: &device, author: AuthorKey([4; 32]), seq: 0, random: [0; 32] };
        let other = Draft::new(&document, b"other", &NoPadding, hedge).unwrap();
        assert!(seen.insert(*other.key().to_secret_bytes()));
    }
}
