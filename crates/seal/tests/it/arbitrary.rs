//! Bytes of strangers: whatever they are, the answer is an error, never a panic.

use proptest::collection::vec;
use proptest::prelude::*;
use strongroom_seal::epoch;
use strongroom_seal::kem::{AgreeSeed, KemPair, KemPublic};
use strongroom_seal::keys::{Commitment, ContentKey, DeviceSecret, EpochKey, Nonce, TagKey};
use strongroom_seal::manifest::Manifest;
use strongroom_seal::part::{self, PartHeader};
use strongroom_seal::phrase::Phrase;
use strongroom_seal::recovery::{Locator, open_record};
use strongroom_seal::sealing::Sealing;
use strongroom_seal::stream::{ArrivedChunk, Layout};
use strongroom_seal::suite::Suite;
use strongroom_seal::wrap::{Place, open_epoch};
use strongroom_wire::ids::{BucketId, ChunkId, DocumentTag, EntryId, Thumbprint};

const SUITE: Suite = Suite::Aes256Gcm;

fn pair() -> KemPair {
    AgreeSeed::from_secret_bytes(&[3; 32]).pair()
}

proptest! {
    #[test]
    fn sealed_parts(
        sealed in vec(any::<u8>(), 0..600),
        aad in vec(any::<u8>(), 0..100),
        nonce: [u8; 32],
        lie: bool,
    ) {
        let document = ContentKey::from_secret_bytes(&[1; 32]).document(DocumentTag([2; 16]), 0);
        let commitment = document.version(&Nonce(nonce)).commitment();
        let sealed_len = sealed.len() as u32 + u32::from(lie);
        let header = PartHeader { nonce: Nonce(nonce), commitment, sealed_len };
        prop_assert!(part::open(Sealing::DEFAULT, &document, &header, &aad, &sealed).is_err());
    }

    #[test]
    fn chunks(bytes in vec(any::<u8>(), 0..600), id: [u8; 32]) {
        prop_assert!(ArrivedChunk::check(ChunkId(id), bytes).is_err());
    }

    #[test]
    fn manifests_have_one_encoding(bytes in vec(any::<u8>(), 0..300)) {
        if let Ok(manifest) = Manifest::decode(&bytes) {
            prop_assert_eq!(&manifest.encode()[..], &bytes[..]);
        }
    }

    #[test]
    fn nearly_manifests(size: u64, padded: u64, depth in 0..4_u64, len: u32, rows in 0..5_usize) {
        let mut w = strongroom_wire::cbor::Writer::new();
        w.array(4).uint(size).uint(padded).uint(depth).array(rows);
        for _ in 0..rows {
            w.array(3).bytes(&[1; 32]).bytes(&[2; 32]).uint(len.into());
        }
        let bytes = w.into_bytes();
        if let Ok(manifest) = Manifest::decode(&bytes) {
            prop_assert_eq!(&manifest.encode()[..], &bytes[..]);
            prop_assert!(manifest.size() <= manifest.layout().padded);
        }
    }

    #[test]
    fn layouts(size: u64, padded: u64, start: u64, end: u64, index: u64) {
        let layout = Layout { size: size.min(1 << 40), padded };
        prop_assert!(layout.plain_len(index) <= 1_048_560);
        let range = start.min(1 << 41)..end.min(1 << 41);
        for (_, part) in layout.locate(range).take(10) {
            prop_assert!(part.start < part.end && part.end <= 1_048_560);
        }
    }

    #[test]
    fn slots(slot in vec(any::<u8>(), 48), id: [u8; 32]) {
        let slot: [u8; 48] = slot.try_into().unwrap();
        let e = EpochKey::from_secret_bytes(&[1; 32]);
        let bucket = BucketId([2; 32]);
        let committed = Commitment(id);
        let history = e.history(bucket);
        prop_assert!(epoch::open_back(SUITE, &history, EntryId(id), committed, &slot).is_err());
        let children = e.children(bucket);
        prop_assert!(epoch::open_child(SUITE, &children, bucket, committed, &[slot]).is_err());
    }

    #[test]
    fn local_rows(row in vec(any::<u8>(), 0..200), key in vec(any::<u8>(), 0..20)) {
        let local = DeviceSecret::from_secret_bytes(&[1; 32]).local();
        prop_assert!(local.open_row(&key, &row).is_err());
    }

    #[test]
    fn phrases(typed in "\\PC{0,200}") {
        prop_assert!(Phrase::parse(&typed).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))] // each costs KEM runs

    #[test]
    fn wraps(bytes in vec(any::<u8>(), 1_184), tagged: bool) {
        let mut wrap: [u8; 1_184] = bytes.try_into().unwrap();
        let (place, tag_key) = (
            Place { suite: SUITE, bucket: BucketId([1; 32]), n: 1 },
            TagKey::from_secret_bytes(&[2; 32]),
        );
        if tagged {
            wrap[..16].copy_from_slice(&tag_key.wrap_tag(place.bucket, place.n));
        }
        let committed = Commitment([4; 32]);
        let opened = open_epoch(place, &pair(), Some(&tag_key), committed, committed, &[wrap]);
        prop_assert!(opened.is_err());
    }

    #[test]
    fn public_keys(bytes in vec(any::<u8>(), 1_216)) {
        let _ = KemPublic::from_bytes(&bytes.try_into().unwrap());
    }

    #[test]
    fn records(bytes in vec(any::<u8>(), 0..3_300), whole: bool) {
        let locator = Locator::from_secret_bytes(&[5; 32]);
        let mut bytes = bytes;
        if whole {
            bytes.resize(3_257, 1);
        }
        prop_assert!(open_record(&pair(), &locator, &Thumbprint([6; 32]), &bytes).is_err());
    }
}
