//! Strangers at the same provider, with capabilities that are not theirs.

use std::sync::Arc;

use bytes::Bytes;
use strongroom_client::PutOptions;
use strongroom_client::random::SystemRng;
use strongroom_client::remote::{RemoteError, Session};
use strongroom_seal::identity::SessionSigningKey;
use strongroom_wire::capability::CapabilityChain;
use strongroom_wire::frame::{Area, Frame};
use strongroom_wire::ids::{BucketId, ChunkId, DocumentTag};

use crate::insider::{Insider, entries_of, exchange_body};
use crate::world::{LARGE, World};

/// Another vault at the same provider, and its owner's session about his own bucket.
fn stranger(world: &World) -> (Insider, Session) {
    let folder = tempfile::tempdir().unwrap();
    let home = strongroom_client::Home::at(folder.path().join("home"));
    let (vault, phrase) =
        strongroom_client::Vault::create(&home, &crate::world::passphrase()).unwrap();
    vault.add_provider(world.evil.url(2), None).unwrap();
    let insider = Insider::by_phrase(world, &phrase.to_string());
    let session = insider.session();
    (insider, session)
}

fn told(error: &RemoteError) -> String {
    format!("{:?}", error.problem())
}

#[test]
fn a47_a_hash_heard_of() {
    let world = World::new();
    let options = PutOptions { cache_size: Some(0), ..PutOptions::default() };
    world.phone.put_with("/large", &world.text(LARGE), &options);
    let puts = world
        .evil
        .tap()
        .find(|seen| seen.asked.method == "PUT" && seen.asked.path.contains("/chunks/"));
    let theirs = &puts[0].asked.body;
    let heard = ChunkId(*blake3::hash(theirs).as_bytes());
    let unknown = ChunkId([3; 32]);
    let (mallory, session) = stranger(&world);
    let own = Bytes::from_static(&[7; 2_000]);
    let own_id = ChunkId(*blake3::hash(&own).as_bytes());
    let put = session.put_chunk(mallory.bucket, own_id, own.clone());
    mallory.runtime.block_on(put).unwrap();
    let read = |id| mallory.runtime.block_on(session.get_chunk(mallory.bucket, id, None));
    assert_eq!(read(own_id).unwrap(), own, "honest");

    // Reading, probing, claiming by a hash: the answer for what was never there.
    assert_eq!(told(&read(heard).unwrap_err()), told(&read(unknown).unwrap_err()));
    let have =
        mallory.runtime.block_on(session.have(mallory.bucket, &[heard, unknown, own_id])).unwrap();
    assert_eq!(have, [false, false, true]);
    let victim = main_bucket(&world);
    for id in [heard, unknown] {
        let at_home = mallory.runtime.block_on(session.get_chunk(victim, id, None));
        let nowhere = mallory.runtime.block_on(session.get_chunk(BucketId([8; 32]), id, None));
        assert_eq!(told(&at_home.unwrap_err()), told(&nowhere.unwrap_err()));
    }
    assert_eq!(world.phone.get("/large").unwrap().len(), LARGE, "the owner's is still there");
    world.works_again(&world.recover(1).unwrap());
}

/// The victim's default bucket: the one with a chunk.
fn main_bucket(world: &World) -> BucketId {
    let did = &world.phone.vault.buckets().unwrap()[0].did;
    did.parse().unwrap()
}

#[test]
fn a31_capability_in_other_hands() {
    let world = World::new();
    let owner = Insider::of(&world);
    owner.runtime.block_on(owner.session().open()).expect("honest");
    let stored = world.evil.stored();
    let thief = SessionSigningKey::generate(&mut SystemRng);
    let session = owner.session_as(Arc::new(thief));
    let error = owner.runtime.block_on(session.open()).unwrap_err();
    assert_eq!(error.problem(), Some(strongroom_wire::problem::Problem::Unauthorized), "{error}");

    // Without any chain a key is nobody's.
    let nobody = SessionSigningKey::generate(&mut SystemRng);
    let session = owner.remote.session(Arc::new(nobody), &CapabilityChain::none());
    let asked = owner.runtime.block_on(session.exchange(owner.bucket, exchange_body(&[])));
    assert!(asked.is_err());
    assert!(world.evil.stored() == stored);
    world.works_again(&world.recover(1).unwrap());
}

#[test]
fn a32_ranges_outside_the_area() {
    let world = World::new();
    let options = PutOptions { cache_size: Some(0), ..PutOptions::default() };
    world.phone.put_with("/large", &world.text(LARGE), &options);
    let (mallory, session) = stranger(&world);
    let victim = main_bucket(&world);
    let own: Vec<_> = entries_of(&world, mallory.bucket).iter().map(|entry| entry.id()).collect();
    let foreign = entries_of(&world, victim);
    assert!(!own.is_empty() && foreign.len() > 4);

    // Any area of one's own bucket, with tags of others: nothing of theirs comes.
    let tags = foreign.iter().map(|entry| entry.header().document);
    let tags = tags.chain([DocumentTag::ZERO, DocumentTag([255; 16])]);
    for tag in tags {
        let mut body = Vec::new();
        Frame::Hello { formats: vec![strongroom_wire::format::FORMAT], salt: [1; 16] }
            .write(&mut body);
        Frame::Since { area: Area::Document(tag), cursor: None }.write(&mut body);
        let answered = mallory.runtime.block_on(session.exchange(mallory.bucket, body));
        for frame in answered.unwrap_or_default() {
            if let Frame::Entries(entries) = frame {
                assert!(entries.iter().all(|entry| entry.bucket() == mallory.bucket));
            }
        }
    }
    // And the victim's bucket as a whole is refused, with the answer of one that is not there.
    let ask = |bucket| mallory.runtime.block_on(session.exchange(bucket, exchange_body(&[])));
    let (theirs, nowhere) = (ask(victim).unwrap_err(), ask(BucketId([8; 32])).unwrap_err());
    assert_eq!(told(&theirs), told(&nowhere));
    world.works_again(&world.recover(1).unwrap());
}
