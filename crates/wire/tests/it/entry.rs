//! Stories of single entries.

use proptest::prelude::*;
use strongroom_wire::chain::signature_holds;
use strongroom_wire::entry::{Entry, Header, Hlc, Kind};
use strongroom_wire::ids::{AuthorKey, BucketId, CapabilityId, DocumentTag, EntryId};

use crate::samples::{genesis, key, version, version_header};

#[test]
fn a_flipped_bit_anywhere_is_refused_or_makes_another_entry() {
    let entry = version(version_header(), &[0x5e; 40], &key(1));
    let bytes = entry.encode();
    let signature_at = bytes.len() - 42 - 66 - entry.clear().len() - 1;
    let signature = signature_at..signature_at + 66;
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bent = bytes.clone();
            bent[at] ^= 1 << bit;
            let Ok(read) = Entry::decode(&bent) else { continue };
            // Whatever still reads is another entry, or has a signature that no longer holds.
            assert!(!signature_holds(&read), "byte {at}, bit {bit}");
            assert!(read.id() != entry.id() || signature.contains(&at), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn every_cut_is_refused() {
    let bytes = version(version_header(), &[0x5e; 40], &key(1)).encode();
    for len in 0..bytes.len() {
        assert!(Entry::decode(&bytes[..len]).is_err(), "{len} bytes");
    }
}

#[test]
fn a_purge_keeps_the_id_and_the_signature() {
    let entry = version(version_header(), &[0x5e; 40], &key(1));
    let purged = Entry::decode(&entry.clone().without_sealed().encode()).unwrap();
    assert_eq!((purged.id(), purged.sealed_bytes()), (entry.id(), None));
    assert!(signature_holds(&purged));
    assert_eq!(purged.clone().without_sealed(), purged);
}

#[test]
fn a_bucket_is_its_genesis() {
    let genesis = genesis();
    assert_eq!(genesis.bucket(), genesis.id().to_bucket());
    assert_eq!(genesis.bucket().genesis(), genesis.id());
}

#[test]
fn what_is_sealed_is_bound_to_every_other_field() {
    let header = version_header();
    let bound = header.aad(&[9; 32]);
    let changes: [fn(&mut Header); 4] = [
        |h| h.document = DocumentTag([1; 16]),
        |h| h.parents = vec![EntryId([1; 32])],
        |h| h.hlc = Hlc(7),
        |h| h.sealed_len += 1,
    ];
    for change in changes {
        let mut other = header.clone();
        change(&mut other);
        assert_ne!(other.aad(&[9; 32]), bound);
    }
    let other = Header { body_hash: [8; 32], ..header };
    assert_eq!(other.aad(&[9; 32]), bound, "the body's hash is not known when it is sealed");
}

#[test]
fn a_header_with_two_parents_and_its_signature_is_small() {
    let parents = vec![EntryId([1; 32]), EntryId([2; 32])];
    let header = Header { parents, seq: 1 << 40, prev: EntryId([3; 32]), ..version_header() };
    let len = header.encode().len() + 64;
    assert!(len <= 450, "{len} bytes");
}

fn any_header() -> impl Strategy<Value = Header> {
    let ids = (any::<[u8; 16]>(), any::<[u8; 32]>(), any::<[u8; 32]>(), any::<[u8; 32]>());
    let numbers = (any::<u32>(), any::<u64>(), 1..u64::MAX, 16_u32..65_553);
    let parents = proptest::collection::btree_set(any::<[u8; 32]>(), 0..=16);
    (ids, numbers, parents, any::<bool>()).prop_map(|(ids, numbers, parents, tombstone)| Header {
        suite: 1,
        bucket: BucketId([0xb0; 32]),
        document: DocumentTag(ids.0),
        kind: if tombstone { Kind::Tombstone } else { Kind::Version },
        parents: parents.into_iter().map(EntryId).collect(),
        epoch: EntryId(ids.1),
        generation: numbers.0,
        nonce: ids.2,
        kc: ids.3,
        hlc: Hlc(numbers.1),
        author: AuthorKey(ids.1),
        seq: numbers.2,
        prev: EntryId(ids.2),
        cap: CapabilityId(ids.3),
        sealed_len: numbers.3,
        body_hash: ids.1,
    })
}

proptest! {
    #[test]
    fn headers_read_as_they_were_written(header in any_header()) {
        prop_assert_eq!(Header::decode(&header.encode()), Ok(header));
    }

    #[test]
    fn the_clock_never_goes_back(now in any::<u64>(), seen in 0..u64::MAX) {
        let next = Hlc(now).after(Hlc(seen));
        prop_assert!(next > Hlc(seen) && next >= Hlc(now));
    }
}
