//! Reference lists that are not those of the manifest: whoever writes one could have chunks of a
//! document collected while it still needs them, or keep others for ever.

use bytes::Bytes;
use strongroom_client::{PutOptions, Quiet};
use strongroom_core::writer::Planned;
use strongroom_wire::clear::{Clear, References, Version};
use strongroom_wire::entry::Kind;
use strongroom_wire::ids::{ChunkId, DocumentTag};

use crate::insider::{Insider, entries_of, now_millis};
use crate::world::World;

/// More chunks than an entry names itself.
const LONG: usize = 17 << 20;

#[test]
fn a_list_that_leaves_out_a_chunk_is_named_by_a_deep_verify() {
    let (world, laptop) = World::with_laptop();
    world.phone.put_with("/long", &world.text(LONG), &PutOptions::default());
    laptop.sync_well();
    let mut insider = Insider::of(&world);
    let all = entries_of(&world, insider.bucket);
    let long =
        all.iter().find_map(|entry| match Clear::decode(entry.header().kind, entry.clear()) {
            Ok(Clear::Version(Version { references: References::Lists(lists), .. })) => {
                Some((entry, lists))
            }
            _ => None,
        });
    let (entry, lists) = long.expect("its chunks stand in a list");
    let plain = insider.open(entry);
    let session = insider.session();
    let list = insider.runtime.block_on(session.get_chunk(insider.bucket, lists[0], None)).unwrap();

    let mut say = |list: Vec<u8>| {
        let id = ChunkId(*blake3::hash(&list).as_bytes());
        let putting = session.put_chunk(insider.bucket, id, Bytes::from(list));
        insider.runtime.block_on(putting).unwrap();
        let planned = Planned {
            document: DocumentTag([id.0[0]; 16]),
            kind: Kind::Version,
            parents: Vec::new(),
            generation: 0,
            clear: Clear::version(References::Lists(vec![id])).encode(),
            plain: plain.clone(),
        };
        let sealed = insider.seal_planned(now_millis(), &[planned]);
        insider.push(&sealed).unwrap();
        laptop.sync_well();
        let report = laptop.vault.verify(true, &Quiet).unwrap();
        (sealed[0].id().to_string(), report)
    };
    // The same content with an honest list is sound.
    let (_, report) = say(list.to_vec());
    assert_eq!(report.damaged, []);
    let (id, report) = say(list[32..].to_vec());
    assert_eq!(report.damaged.len(), 1, "{report:?}");
    assert!(report.damaged[0].reason.contains(&id), "{report:?}");
    assert!(report.damaged[0].reason.contains("chunk references"), "{report:?}");
    world.nothing_leaked();
}
