//! Who may read one document, or one version of it, gets that, the control log, and what shows who
//! wrote it. Nothing else, whatever is asked.

use ed25519_dalek::SigningKey;
use strongroom_wire::capability::{Actions, Claims, Target};
use strongroom_wire::chain::{ChainFault, authenticate_sparse};
use strongroom_wire::clear::{Clear, References, Revoke, RevokeTarget};
use strongroom_wire::entry::{Entry, Header, Kind};
use strongroom_wire::fingerprint::SetSum;
use strongroom_wire::frame::{Area, Frame};
use strongroom_wire::ids::{ChunkId, DocumentTag, EntryId};
use strongroom_wire::session::ClientSession;

use crate::client::{Client, new_key, now, public, random};
use crate::world::{Bucket, Running, Vault, carries, chain_of, chunk, exchange, issue, noise};

struct Scene {
    running: Running,
    client: Client,
    bucket: Bucket,
    session: ClientSession,
    /// The newest entry of the control log.
    head: EntryId,
}

impl Scene {
    async fn set() -> Self {
        let running = Running::in_memory().await;
        let client = running.client().await;
        let vault = Vault::open(&client).await;
        let bucket = Bucket::new();
        let session = bucket.found(&client, &vault).await;
        let head = bucket.founding[3].id();
        Self { running, client, bucket, session, head }
    }

    async fn bring(&self, entries: Vec<Entry>) {
        exchange(&self.client, &self.session, &self.bucket, &[Frame::Entries(entries)]).await;
    }

    /// A run of one author in which only the last is signed: one entry a document.
    fn run(&mut self, tags: &[DocumentTag], references: &References) -> Vec<Entry> {
        let author = &mut self.bucket.author;
        let last = tags.len() - 1;
        let mut entries = Vec::new();
        for (at, tag) in tags.iter().enumerate() {
            let header = author.header(Kind::Version, *tag);
            let clear = Clear::version(references.clone());
            entries.push(if at == last {
                author.finish(header, &clear, noise(50))
            } else {
                author.unsigned(header, &clear, noise(50))
            });
        }
        entries
    }

    /// A holder of this target: the grant stands in the log.
    async fn holder(&mut self, target: Target) -> (SigningKey, ClientSession, Entry) {
        let key = new_key();
        let first = self.bucket.chain.capabilities()[0].clone();
        let claims = Claims::new(target, Actions::PULL, now() + 1_000, random())
            .for_holder(public(&key), Some(strongroom_wire::ids::MemberTag(random())))
            .with_depth(0);
        let grant = issue(&first.attenuate(&claims).unwrap(), &self.bucket.member_key);
        let author = &mut self.bucket.author;
        let mut header = author.header(Kind::Member, DocumentTag::ZERO);
        header.parents = vec![self.head];
        let entry = author.finish(header, &carries(&grant), noise(60));
        self.bring(vec![entry.clone()]).await;
        let session = self.client.open(&key, Some(&chain_of(&[first, grant]))).await.unwrap();
        (key, session, entry)
    }
}

fn sum<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> ([u8; 16], u64) {
    let mut sum = SetSum::default();
    for entry in entries {
        sum.add(entry.header().hlc, entry.id());
    }
    (sum.fingerprint(&[3; 16]), sum.count())
}

fn ask(area: Area) -> [Frame; 2] {
    let hello = Frame::Hello { formats: vec![strongroom_wire::format::FORMAT], salt: [3; 16] };
    [hello, Frame::Since { area, cursor: None }]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_of_one_document_gets_it_with_what_shows_who_wrote_it() {
    let mut scene = Scene::set().await;
    let (mine, other) = (DocumentTag(random()), DocumentTag(random()));
    // mine | other, mine, other, other | other
    let runs = [
        scene.run(&[mine], &References::NONE),
        scene.run(&[other, mine, other, other], &References::NONE),
        scene.run(&[other], &References::NONE),
    ];
    for run in &runs {
        scene.bring(run.clone()).await;
    }
    let (_, session, grant) = scene.holder(Target::Document(scene.bucket.id, mine)).await;
    let area = Area::Document(mine);
    let got = exchange(&scene.client, &session, &scene.bucket, &ask(area)).await;
    let inside = |entry: &&Entry| area.contains(entry.header(), &entry.id());
    let whole: Vec<&Entry> = got.entries.iter().filter(inside).collect();
    let versions = [&runs[0][0], &runs[1][1]];
    let due: Vec<_> = scene.bucket.founding.iter().chain(versions).chain([&grant]).collect();
    let ids = |all: &[&Entry]| all.iter().map(|it| it.id()).collect::<Vec<_>>();
    assert_eq!(ids(&whole), ids(&due));
    assert!(
        whole.iter().all(|entry| entry.header().sealed_len == 0 || entry.sealed_bytes().is_some())
    );
    // Beside it, headers of what follows an unsigned version, up to a signature: two, and bare.
    let beside: Vec<&Entry> = got.entries.iter().filter(|it| !inside(it)).collect();
    assert_eq!(ids(&beside), ids(&[&runs[1][2], &runs[1][3]]));
    assert!(beside.iter().all(|entry| entry.sealed_bytes().is_none()));
    let bucket = scene.bucket.id;
    assert!(authenticate_sparse(bucket, got.entries.clone(), |_| None).is_ok());
    let without: Vec<Entry> = whole.iter().map(|it| (*it).clone()).collect();
    let fault = authenticate_sparse(bucket, without.clone(), |_| None).unwrap_err();
    assert_eq!((fault.entry, fault.reason), (runs[1][1].id(), ChainFault::Unsigned));
    let (fingerprint, count) = sum(&without);
    assert_eq!(got.done, Some((count, fingerprint)), "DONE tells of the part");
    // DONE without SINCE tells of the part, too.
    let hello = [Frame::Hello { formats: vec![strongroom_wire::format::FORMAT], salt: [3; 16] }];
    let told = exchange(&scene.client, &session, &scene.bucket, &hello).await;
    assert_eq!(told.done, got.done);
    for wider in [Area::Bucket, Area::Document(other), Area::Version(other, runs[2][0].id())] {
        let body = crate::world::frames(&ask(wider));
        let path = scene.bucket.path("/frames");
        let reply = scene.client.call(&session, "POST", &path, body).await;
        reply.refused(403, "forbidden");
    }
    scene.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_of_one_version_gets_that_one_and_its_chunks() {
    let mut scene = Scene::set().await;
    let mine = DocumentTag(random());
    let (kept, others) = (chunk(1_000), chunk(1_000));
    for (id, bytes) in [&kept, &others] {
        let path = scene.bucket.path(&format!("/chunks/{}", id.to_base32()));
        scene.client.call(&scene.session, "PUT", &path, bytes.clone()).await.expect(201);
    }
    let first = scene.run(&[mine], &References::Chunks(vec![kept.0])).remove(0);
    let second = scene.run(&[mine], &References::Chunks(vec![others.0])).remove(0);
    scene.bring(vec![first.clone(), second.clone()]).await;
    let id = first.id();
    let target = Target::Version(scene.bucket.id, mine, id);
    let (key, session, grant) = scene.holder(target).await;
    let got = exchange(&scene.client, &session, &scene.bucket, &ask(Area::Version(mine, id))).await;
    let about: Vec<EntryId> =
        got.entries.iter().filter(|it| it.header().document == mine).map(Entry::id).collect();
    assert_eq!(about, [id]);
    let base = scene.bucket.path("");
    let path = |id: ChunkId| format!("{base}/chunks/{}", id.to_base32());
    let get = |path: String| {
        let (client, session) = (&scene.client, &session);
        async move { client.call(session, "GET", &path, "").await }
    };
    assert_eq!(get(path(kept.0)).await.expect(200).body[..], kept.1);
    let (foreign, unknown) = (get(path(others.0)).await, get(path(ChunkId(random()))).await);
    foreign.refused(404, "not-found");
    assert_eq!(foreign.body, unknown.body, "refused and unknown are one answer");
    let entry = |id: EntryId| format!("{base}/entries/{}", id.to_base32());
    assert_eq!(get(entry(id)).await.status, 200);
    get(entry(second.id())).await.refused(404, "not-found");
    // Nobody probes for chunks, nor writes, with it.
    let have = strongroom_wire::api::encode_have(&[others.0]);
    let have_path = scene.bucket.path("/have");
    scene.client.call(&session, "POST", &have_path, have).await.refused(403, "forbidden");
    let body = crate::world::frames(&[Frame::Entries(vec![second.clone()])]);
    let frames = scene.bucket.path("/frames");
    scene.client.call(&session, "POST", &frames, body).await.refused(403, "forbidden");

    // A revoke of the capability ends the session at the next request, and no other.
    let capability = strongroom_wire::capability::Capability::decode(&match Clear::decode(
        Kind::Member,
        grant.clear(),
    )
    .unwrap()
    {
        Clear::Member(member) => member.capabilities[0].clone(),
        other => panic!("{other:?}"),
    })
    .unwrap();
    let targets = vec![RevokeTarget::Capability(capability.id()), RevokeTarget::Document(mine)];
    let author = &mut scene.bucket.author;
    let header = author.header(Kind::Revoke, DocumentTag::ZERO);
    let header = Header { parents: vec![grant.id()], ..header };
    let revoke =
        author.finish(header, &Clear::Revoke(Revoke { targets, cutoffs: Vec::new() }), noise(60));
    scene.bring(vec![revoke]).await;
    assert_eq!(get(path(kept.0)).await.status, 401);
    assert!(scene.client.open(&key, None).await.is_ok());
    assert_eq!(scene.client.call(&scene.session, "GET", &path(kept.0), "").await.status, 200);
    scene.running.stop().await;
}
