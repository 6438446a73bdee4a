//! Arbitrary bytes for every decoder: none panics, and what is accepted is written back the same.
//! The long form of this is in fuzz/.

use proptest::prelude::*;
use strongroom_wire::api::{
    Holding, RecordPut, SignUp, VaultTerms, decode_have, decode_records, encode_have,
    encode_records,
};
use strongroom_wire::cbor::Reader;
use strongroom_wire::clear::Clear;
use strongroom_wire::entry::{Entry, Header, Kind};
use strongroom_wire::fingerprint::SetSum;
use strongroom_wire::frame::{decode_all, split};

use crate::samples::{epoch_clear, genesis, genesis_clear, key, version, version_header};

/// Sound bytes of several formats, to be bent: arbitrary bytes alone rarely get past a head.
fn seeds() -> Vec<Vec<u8>> {
    vec![
        version_header().encode(),
        version(version_header(), &[0x5e; 40], &key(1)).encode(),
        genesis().encode(),
        Clear::Genesis(genesis_clear()).encode(),
        Clear::Epoch(epoch_clear()).encode(),
        encode_have(&[]),
    ]
}

fn every_decoder(bytes: &[u8]) {
    if let Ok(header) = Header::decode(bytes) {
        assert_eq!(header.encode(), bytes);
    }
    if let Ok(entry) = Entry::decode(bytes) {
        assert_eq!(entry.encode(), bytes);
    }
    for kind in Kind::ALL {
        if let Ok(clear) = Clear::decode(kind, bytes) {
            assert_eq!(clear.encode(), bytes);
        }
    }
    let _ = split(bytes);
    if let Ok(frames) = decode_all(bytes) {
        let mut out = Vec::new();
        for frame in frames {
            frame.write(&mut out);
        }
        assert_eq!(out, bytes);
    }
    if let Ok(body) = SignUp::decode(bytes) {
        assert_eq!(body.encode(), bytes);
    }
    if let Ok(body) = VaultTerms::decode(bytes) {
        assert_eq!(body.encode(), bytes);
    }
    if let Ok(body) = Holding::decode_all(bytes) {
        assert_eq!(Holding::encode_all(&body), bytes);
    }
    if let Ok(body) = decode_have(bytes) {
        assert_eq!(encode_have(&body), bytes);
    }
    if let Ok(body) = RecordPut::decode(bytes) {
        assert_eq!(body.encode(), bytes);
    }
    if let Ok(body) = decode_records(bytes) {
        assert_eq!(encode_records(&body), bytes);
    }
    if let Ok(sum) = <[u8; SetSum::LEN]>::try_from(bytes) {
        assert_eq!(SetSum::from_bytes(&sum).to_bytes(), sum);
    }
    every_read(bytes);
}

/// Every method of the reader, from the start.
fn every_read(bytes: &[u8]) {
    let r = Reader::new(bytes);
    let _ = (r.clone().uint(), r.clone().int(), r.clone().bool(), r.clone().null());
    let _ = (r.clone().bytes(100), r.clone().text(100), r.clone().bytes_exact::<32>());
    let _ = (r.clone().array(usize::MAX), r.clone().map(usize::MAX), r.clone().tag(18));
    let _ = (r.clone().key(&mut vec![1]), r.clone().u8(), r.clone().u32());
}

proptest! {
    #[test]
    fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        every_decoder(&bytes);
    }

    #[test]
    fn bent_samples(
        seed in 0_usize..6,
        bends in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let mut bytes = seeds()[seed].clone();
        for (at, byte) in bends {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        every_decoder(&bytes);
    }
}
