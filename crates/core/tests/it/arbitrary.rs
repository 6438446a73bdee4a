//! Arbitrary bytes for every decoder of this crate: none panics, and what is accepted is written
//! back the same. The long form of this is in fuzz/.

use proptest::prelude::*;
use strongroom_core::checkpoint::{Checkpoint, ForkProof, Frontier, purge_root};
use strongroom_core::keylog::{Genesis, KeyLog, SignedEvent};
use strongroom_core::names::{BucketPath, name_from_bytes};
use strongroom_wire::chain::Tip;
use strongroom_wire::ids::{AuthorKey, EntryId};

use crate::checkpoint::entry;
use crate::people::{Diary, alias, alice};

fn seeds() -> Vec<Vec<u8>> {
    let mut diary = Diary::of(&alice());
    diary.write(&[1], alias("https://alice.example", true));
    let first = entry(1, None, 1, true);
    let fork = ForkProof::new(&[first], &[entry(1, None, 2, true)]).unwrap();
    let tips = [(AuthorKey([1; 32]), Tip { seq: 1, id: EntryId([1; 32]) })];
    let frontier: Frontier = tips.into_iter().collect();
    let checkpoint = Checkpoint::build(&frontier, None, &[], purge_root([]));
    vec![alice().encode(), diary.events.remove(0), fork.encode(), checkpoint.encode()]
}

fn every_decoder(bytes: &[u8]) {
    if let Ok(genesis) = Genesis::decode(bytes) {
        assert_eq!(genesis.encode(), bytes);
    }
    if let Ok(event) = SignedEvent::decode(bytes) {
        assert_eq!(event.encode(), bytes);
    }
    if let Ok(checkpoint) = Checkpoint::decode(bytes) {
        assert_eq!(checkpoint.encode(), bytes);
    }
    if let Ok(proof) = ForkProof::decode(bytes) {
        assert_eq!(proof.encode(), bytes);
    }
    if let Ok(name) = name_from_bytes(bytes) {
        assert_eq!(name.as_bytes(), bytes);
    }
    if let Ok(path) = String::from_utf8_lossy(bytes).parse::<BucketPath>() {
        assert_eq!(path.to_string().parse(), Ok(path));
    }
    let _ = KeyLog::verify(&alice().encode(), &[bytes.to_vec()]);
}

proptest! {
    #[test]
    fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        every_decoder(&bytes);
    }

    #[test]
    fn bent_samples(
        seed in 0_usize..4,
        bends in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = seeds()[seed].clone();
        for (at, byte) in bends {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        every_decoder(&bytes);
    }
}
