//! Entries that were changed, swapped, or made up.

use ed25519_dalek::{Signer as _, SigningKey};
use strongroom_evil::{Act, RawEntry, RawFrames, Rule, lies};
use strongroom_wire::capability::{Actions, Capability, Claims, Target};
use strongroom_wire::clear::{Clear, Member, References};
use strongroom_wire::entry::{Entry, Header, Hlc, Kind};
use strongroom_wire::ids::{
    AuthorKey, BucketId, CapabilityId, DocumentTag, EntryId, MemberTag, PublicKey,
};

use crate::insider::entries_of;
use crate::world::{LAPTOP, World, refused_by_recover, refused_by_sync};

/// Changes every entry's parts on their way to the laptop.
fn parts(edit: impl Fn(&mut RawEntry) + Send + Sync + 'static) -> Rule {
    let edit = Act::frames(move |frames| frames.each(&edit));
    Rule::new("changed parts", edit).on_exchange()
}

/// Changes every header in a way that stays a sound entry: hashes fit, only the signature does
/// not.
fn header(edit: impl Fn(&mut Header) + Send + Sync + 'static) -> Rule {
    entries(move |entry| {
        let mut header = entry.header().clone();
        edit(&mut header);
        let (clear, sealed) = (entry.clear().to_vec(), entry.sealed_bytes().unwrap().to_vec());
        let changed = Entry::assemble(header, clear, sealed);
        entry.signature().map_or(changed.clone(), |signature| changed.signed(*signature))
    })
}

fn entries(change: impl Fn(&Entry) -> Entry + Send + Sync + 'static) -> Rule {
    let act = Act::frames(move |frames| {
        let changed = frames.sound().iter().map(|entry| change(entry).encode()).collect();
        frames.entries = changed;
    });
    Rule::new("changed entries", act).on_exchange()
}

/// Adds entries to what is answered.
fn adds(make: impl Fn(&RawFrames) -> Vec<Entry> + Send + Sync + 'static) -> Rule {
    let act = Act::frames(move |frames| {
        let new: Vec<_> = make(frames).iter().map(Entry::encode).collect();
        frames.entries.extend(new);
    });
    Rule::new("added entries", act).on_exchange()
}

#[test]
fn a12_one_ciphertext_two_keys() {
    refused_by_sync(vec![
        ("another key commitment", header(|h| h.kc[7] ^= 1)),
        ("another nonce, and so another key", header(|h| h.nonce[7] ^= 1)),
        ("another generation of the document's key", header(|h| h.generation += 1)),
    ]);
}

/// Whichever of two buckets a provider bends, what is new in the other one is there.
#[test]
fn what_is_bent_in_one_bucket_holds_up_no_other() {
    let world = World::new();
    let other = world.phone.vault.create_bucket("other").unwrap().did;
    let laptop = world.recover(LAPTOP).unwrap();
    let main = laptop.vault.buckets().unwrap().into_iter().find(|it| it.default).unwrap().did;
    for (bent, whole, name) in [(&main, "other:", "one"), (&other, "", "two")] {
        let (here, there) =
            (format!("{whole}/{name}"), if whole.is_empty() { "other:" } else { "" });
        world.phone.put(&here, b"whole");
        world.phone.put(&format!("{there}/{name}"), b"bent on its way");
        let id = bent.parse::<BucketId>().unwrap().to_base32();
        let on_it =
            move |asked: &strongroom_evil::Asked| asked.is_exchange() && asked.path.contains(&id);
        let rule = world.play(header(|h| h.kc[7] ^= 1).when(on_it).at(LAPTOP));
        laptop.sync_catches(name);
        assert!(rule.fired() > 0);
        assert_eq!(laptop.cat(&here).unwrap(), b"whole");
        world.evil.honest();
        laptop.sync_well();
        assert_eq!(laptop.cat(&format!("{there}/{name}")).unwrap(), b"bent on its way");
    }
}

#[test]
fn a14_rename_move_swap_places() {
    refused_by_sync(vec![
        ("under another document's tag", header(|h| h.document = DocumentTag([7; 16]))),
        ("in another bucket", header(|h| h.bucket = BucketId([7; 32]))),
        ("after other versions", header(|h| h.parents = vec![EntryId([7; 32])])),
        ("under another epoch", header(|h| h.epoch = EntryId([7; 32]))),
        ("the bodies of two documents exchanged", bodies_exchanged()),
    ]);
}

/// Each entry with the body of the next; for a single one, the same body with its halves
/// exchanged.
fn bodies_exchanged() -> Rule {
    let act = Act::frames(|frames| {
        let all: Vec<RawEntry> = frames.sound().iter().map(RawEntry::of).collect();
        let mut at = 0;
        frames.each(|raw| {
            at += 1;
            let other = &all[at % all.len()];
            raw.sealed.clone_from(&other.sealed);
            if all.len() == 1 {
                let half = raw.sealed.len() / 2;
                raw.sealed.rotate_left(half);
            }
        });
    });
    Rule::new("bodies exchanged", act).on_exchange()
}

#[test]
fn a15_edited_metadata() {
    refused_by_sync(vec![
        ("another time", header(|h| h.hlc = Hlc(h.hlc.0 + 1))),
        ("another author", header(|h| h.author = AuthorKey([7; 32]))),
        ("another kind", header(|h| h.kind = Kind::Message)),
        ("another place in the author's chain", header(|h| h.seq += 1)),
        ("another predecessor", header(|h| h.prev = EntryId([7; 32]))),
        ("another capability", header(|h| h.cap = CapabilityId([7; 32]))),
        ("another length", parts(|raw| raw.sealed.push(0))),
        (
            "another clear part",
            parts(|raw| raw.clear = Clear::Tombstone { keep_until: 0 }.encode()),
        ),
        ("another sealed part", parts(|raw| lies::flip(&mut raw.sealed, 60))),
        ("another header byte", parts(|raw| lies::flip(&mut raw.header, -1))),
    ]);
}

#[test]
fn a43_header_and_body_parted() {
    refused_by_sync(vec![
        ("another body under the same header", parts(|raw| raw.sealed.rotate_left(1))),
        ("no body at all", parts(|raw| raw.sealed.clear())),
        (
            "a header that fits the other body, under the old signature",
            entries(|entry| {
                let mut sealed = entry.sealed_bytes().unwrap().to_vec();
                sealed.rotate_left(1);
                let made = Entry::assemble(entry.header().clone(), entry.clear().to_vec(), sealed);
                entry.signature().map_or(made.clone(), |signature| made.signed(*signature))
            }),
        ),
    ]);
}

/// A stranger's entry that looks like the newest of these.
fn forged(frames: &RawFrames, edit: impl Fn(&mut Header, &SigningKey)) -> Vec<Entry> {
    let Some(like) = frames.sound().pop() else { return Vec::new() };
    let key = new_key();
    let mut header = like.header().clone();
    header.author = author(&key);
    header.seq = 0;
    header.prev = EntryId::ZERO;
    header.document = DocumentTag([9; 16]);
    edit(&mut header, &key);
    let made = Entry::assemble(header, like.clear().to_vec(), vec![5; 300]);
    let signature = key.sign(&made.signing_input()).to_bytes();
    vec![made.signed(signature)]
}

fn new_key() -> SigningKey {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).unwrap();
    SigningKey::from_bytes(&seed)
}

fn author(key: &SigningKey) -> AuthorKey {
    AuthorKey(key.verifying_key().to_bytes())
}

#[test]
fn a16_injected_file() {
    refused_by_sync(vec![
        ("by a stranger, with a device's capability", adds(|f| forged(f, |_, _| {}))),
        (
            "by a stranger, as if by the root",
            adds(|f| forged(f, |h, _| h.cap = CapabilityId::ZERO)),
        ),
        (
            "by a stranger, in a device's name",
            adds(|f| {
                let of = f.sound().pop().map(|entry| (entry.header().author, entry.id()));
                forged(f, move |h, _| {
                    if let Some((author, id)) = of {
                        (h.author, h.prev, h.seq) = (author, id, h.seq + 1);
                    }
                })
            }),
        ),
        (
            "a device's next entry, unsigned",
            adds(|f| {
                let Some(last) = f.sound().pop() else { return Vec::new() };
                let mut header = last.header().clone();
                (header.seq, header.prev) = (header.seq + 1, last.id());
                vec![Entry::assemble(header, last.clear().to_vec(), vec![5; 300])]
            }),
        ),
        ("a tombstone nobody wrote", adds(fake_tombstone)),
    ]);
}

fn fake_tombstone(frames: &RawFrames) -> Vec<Entry> {
    let Some(last) = frames.sound().pop() else { return Vec::new() };
    let mut header = last.header().clone();
    (header.seq, header.prev) = (header.seq + 1, last.id());
    header.kind = Kind::Tombstone;
    header.parents = vec![last.id()];
    let clear = Clear::Tombstone { keep_until: 0 }.encode();
    vec![Entry::assemble(header, clear, vec![5; 272]).signed([3; 64])]
}

#[test]
fn a17_injected_directory() {
    refused_by_sync(vec![
        (
            "a member of the provider's own making writes it",
            adds(|frames| {
                let Some(like) = frames.sound().pop() else { return Vec::new() };
                enrolled_by_nobody(&like)
            }),
        ),
        ("what a stranger sealed", adds(|f| forged(f, |h, _| h.parents.clear()))),
    ]);
    a_device_nobody_let_in();
}

/// A device is let in by a capability that goes on from a member's, and is not signed by it.
fn a_device_nobody_let_in() {
    let (world, laptop) = World::with_laptop();
    // It enrols itself first: what comes after is not its own.
    laptop.sync_well();
    let did = &laptop.vault.buckets().unwrap()[0].did;
    let control = entries_of(&world, did.parse().unwrap());
    let carried = control.iter().filter_map(|entry| {
        match Clear::decode(entry.header().kind, entry.clear()) {
            Ok(Clear::Member(member)) => Capability::decode(&member.capabilities[0]).ok(),
            _ => None,
        }
    });
    let above = carried.into_iter().find(|it| it.claims().parent.is_none()).unwrap();
    world.letter();
    let before = laptop.picture();
    let rule = adds(move |frames| {
        let Some(like) = frames.sound().pop() else { return Vec::new() };
        let key = new_key();
        let of = above.claims();
        let claims = Claims::new(of.target, of.actions, of.expires, [4; 16])
            .for_holder(PublicKey(author(&key).0), of.member);
        let claims = above.attenuate(&claims).unwrap();
        let own = Capability::issue(&claims, |input| key.sign(input).to_bytes()).unwrap();
        enrolled(&like, &key, &own)
    });
    let there = did.trim_start_matches("did:bkt:").to_owned();
    let rule = rule.when(move |asked| asked.is_exchange() && asked.path.contains(&there));
    let rule = world.play(rule.at(LAPTOP));
    laptop.sync_catches("a device nobody let in");
    assert!(rule.fired() > 0);
    assert_eq!(laptop.picture(), before, "a device nobody let in: the replica changed");
    world.works_again(&laptop);
}

/// A member entry that carries a capability the provider issued to itself, and a version under it.
fn enrolled_by_nobody(like: &Entry) -> Vec<Entry> {
    let (root, key) = (new_key(), new_key());
    let bucket = like.bucket();
    let claims = Claims::new(Target::Bucket(bucket), Actions::ALL, 4_000_000_000, [4; 16])
        .for_holder(PublicKey(author(&key).0), Some(MemberTag([8; 16])));
    let capability = Capability::issue(&claims, |input| root.sign(input).to_bytes()).unwrap();
    enrolled(like, &key, &capability)
}

/// A member entry that carries this capability, and a version under it.
fn enrolled(like: &Entry, key: &SigningKey, capability: &Capability) -> Vec<Entry> {
    let mut header = like.header().clone();
    header.author = author(key);
    (header.seq, header.prev) = (0, EntryId::ZERO);
    header.cap = capability.id();
    header.kind = Kind::Member;
    header.document = DocumentTag::ZERO;
    header.parents = vec![header.epoch];
    let clear = Clear::Member(Member {
        capabilities: vec![capability.bytes().to_vec()],
        wrap: None,
        commitment: None,
        open: Vec::new(),
    });
    let member = Entry::assemble(header.clone(), clear.encode(), vec![5; 300]);
    let member = sign(member, key);
    header.kind = Kind::Version;
    header.document = DocumentTag([9; 16]);
    header.parents.clear();
    (header.seq, header.prev) = (1, member.id());
    let clear = Clear::version(References::NONE).encode();
    let version = sign(Entry::assemble(header, clear, vec![5; 300]), key);
    vec![member, version]
}

fn sign(entry: Entry, key: &SigningKey) -> Entry {
    let signature = key.sign(&entry.signing_input()).to_bytes();
    entry.signed(signature)
}

#[test]
fn a24_replayed_in_another_bucket() {
    let (world, laptop) = World::with_laptop();
    world.phone.vault.create_bucket("letters").unwrap();
    world.phone.put("letters:/first", &world.text(200));
    world.phone.sync_well();
    laptop.sync_well();
    let buckets = laptop.vault.buckets().unwrap();
    let id = |label: &str| {
        let found = buckets.iter().find(|bucket| bucket.label == label).unwrap();
        found.did.trim_start_matches("did:bkt:").to_owned()
    };
    let (main, letters) = (id("main"), id("letters"));

    world.phone.put("letters:/second", &world.text(200));
    world.letter();
    let all = world
        .evil
        .tap()
        .find(|seen| seen.asked.is_exchange() && seen.asked.path.contains(&letters));
    let foreign: Vec<Vec<u8>> = all.iter().flat_map(|seen| seen.asked.frames().entries).collect();
    assert!(!foreign.is_empty());
    let before = laptop.picture();
    let held = || {
        let buckets = laptop.vault.buckets().unwrap();
        buckets.iter().find(|bucket| bucket.label == "main").unwrap().entries
    };
    let held_before = held();
    let rule = Rule::new(
        "entries of another bucket",
        Act::frames(move |frames| {
            frames.entries.extend(foreign.clone());
        }),
    );
    let rule =
        world.play(rule.when(move |asked| asked.is_exchange() && asked.path.contains(&main)).at(1));
    laptop.sync_catches("entries of another bucket");
    assert!(rule.fired() > 0);
    let shown = |picture: &crate::world::Picture| {
        picture.0.keys().filter(|path| path.starts_with("main:")).cloned().collect::<Vec<_>>()
    };
    assert_eq!(shown(&laptop.picture()), shown(&before));
    assert_eq!(held(), held_before, "entries of another bucket were taken in");
    world.works_again(&laptop);
}

#[test]
fn a02_overwritten_epoch() {
    let world = World::new();
    let of = |kind: Kind, change: fn(&Entry) -> Entry| {
        entries(
            move |entry| {
                if entry.header().kind == kind { change(entry) } else { entry.clone() }
            },
        )
    };
    refused_by_recover(
        &world,
        vec![
            (
                "an epoch by the provider's own key",
                of(Kind::Epoch, |entry| {
                    let key = new_key();
                    let mut header = entry.header().clone();
                    header.author = author(&key);
                    (header.seq, header.prev) = (0, EntryId::ZERO);
                    let sealed = entry.sealed_bytes().unwrap().to_vec();
                    sign(Entry::assemble(header, entry.clear().to_vec(), sealed), &key)
                }),
            ),
            (
                "a ghost's wrap in place of a dummy (A26)",
                of(Kind::Epoch, |entry| {
                    let Ok(Clear::Epoch(mut epoch)) = Clear::decode(Kind::Epoch, entry.clear())
                    else {
                        panic!("an epoch has an epoch's clear part")
                    };
                    epoch.wraps[3][40] ^= 1;
                    resealed(entry, &Clear::Epoch(epoch))
                }),
            ),
            (
                "another commitment (A37)",
                of(Kind::Epoch, |entry| {
                    let Ok(Clear::Epoch(mut epoch)) = Clear::decode(Kind::Epoch, entry.clear())
                    else {
                        panic!("an epoch has an epoch's clear part")
                    };
                    epoch.commit_e[0] ^= 1;
                    resealed(entry, &Clear::Epoch(epoch))
                }),
            ),
            (
                "another genesis",
                of(Kind::Genesis, |entry| {
                    let mut header = entry.header().clone();
                    header.hlc = Hlc(header.hlc.0 + 1);
                    let made = Entry::assemble(header, entry.clear().to_vec(), Vec::new());
                    made.signed(*entry.signature().unwrap())
                }),
            ),
        ],
    );
}

fn resealed(entry: &Entry, clear: &Clear) -> Entry {
    let sealed = entry.sealed_bytes().unwrap().to_vec();
    let made = Entry::assemble(entry.header().clone(), clear.encode(), sealed);
    made.signed(*entry.signature().unwrap())
}

#[test]
fn a07_downgrade() {
    refused_by_sync(vec![
        ("suite 0", header(|h| h.suite = 0)),
        ("suite 2, which the bucket does not list", header(|h| h.suite = 2)),
    ]);
    let world = World::new();
    refused_by_recover(
        &world,
        vec![
            (
                "a record of another suite",
                Rule::new(
                    "suite",
                    Act::body(|body| {
                        // An array of byte strings of 3,257 bytes: the first byte of the first.
                        body[4] = 2;
                    }),
                )
                .when(|asked| asked.route().ends_with("/read")),
            ),
            (
                "no format that we speak",
                Rule::new(
                    "formats",
                    Act::body(|body| {
                        let text = String::from_utf8(body.clone()).unwrap();
                        let ours = format!("\"formats\":[{}]", strongroom_wire::format::FORMAT);
                        assert!(text.contains(&ours), "{text}");
                        *body = text.replace(&ours, "\"formats\":[77]").into_bytes();
                    }),
                )
                .when(|asked| asked.route().ends_with("/strongroom")),
            ),
        ],
    );
}

#[test]
fn a58_bad_signature_behind_an_early_acknowledgement() {
    refused_by_sync(vec![
        ("no signature at the end", parts(|raw| raw.signature.clear())),
        (
            "another's signature",
            parts(|raw| {
                if !raw.signature.is_empty() {
                    raw.signature = vec![3; 64];
                }
            }),
        ),
        ("one bit", parts(|raw| lies::flip(&mut raw.signature, 40))),
        ("a malleable form", parts(|raw| lies::flip(&mut raw.signature, 63))),
    ]);
}
