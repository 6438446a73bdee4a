//! Drops at a provider: somebody who may put in and nothing else, how much of it, and what the
//! provider says for it.

use ed25519_dalek::SigningKey;
use strongroom_wire::capability::{Capability, CapabilityChain, Caveats, Claims, Target};
use strongroom_wire::clear::{
    Clear, KEM_ENC_LEN, KEM_PUBLIC_LEN, Message, References, Revoke, RevokeTarget,
};
use strongroom_wire::control::DROP_ACTIONS;
use strongroom_wire::drop_card::{DropCard, check};
use strongroom_wire::entry::{Entry, Kind};
use strongroom_wire::frame::Frame;
use strongroom_wire::ids::{CapabilityId, ChunkId, DocumentTag, EntryId, MemberTag};
use strongroom_wire::session::ClientSession;
use strongroom_wire::statement::Received;

use crate::client::{Client, Reply, new_key, now, public, random};
use crate::world::{
    Author, Bucket, Running, Vault, carries, chunk, exchange, frames, issue, noise, since,
};

/// A bucket with a drop in it, at a provider.
struct Story {
    bucket: Bucket,
    session: ClientSession,
    key: SigningKey,
    capability: Capability,
    tag: MemberTag,
    made: EntryId,
}

impl Story {
    async fn new(client: &Client, caveats: Caveats) -> Self {
        let vault = Vault::open(client).await;
        let mut bucket = Bucket::new();
        let session = bucket.found(client, &vault).await;
        let (key, tag) = (new_key(), MemberTag(random()));
        let target = Target::Bucket(bucket.id);
        let claims = Claims::new(target, DROP_ACTIONS, now() + 700_000, random())
            .for_holder(public(&key), Some(tag))
            .with_caveats(caveats)
            .with_depth(1);
        let member = bucket.chain.capabilities()[0].clone();
        let capability = issue(&member.attenuate(&claims).unwrap(), &bucket.member_key);
        let mut header = bucket.author.header(Kind::Member, DocumentTag::ZERO);
        header.parents = vec![bucket.founding[3].id()];
        let entry = bucket.author.finish(header, &carries(&capability), noise(60));
        let made = entry.id();
        exchange(client, &session, &bucket, &[Frame::Entries(vec![entry])]).await;
        Self { bucket, session, key, capability, tag, made }
    }

    /// Somebody with the drop's address, and a session for one message.
    async fn sender(&self, client: &Client) -> Sender {
        let key = new_key();
        let target = Target::Bucket(self.bucket.id);
        let above = self.capability.claims();
        let claims = Claims::new(target, DROP_ACTIONS, above.expires, random())
            .for_holder(public(&key), Some(self.tag))
            .with_caveats(above.caveats);
        let given = issue(&self.capability.attenuate(&claims).unwrap(), &self.key);
        let root = self.bucket.chain.capabilities()[0].clone();
        let chain = CapabilityChain::new(vec![root, self.capability.clone(), given.clone()]);
        let session = client.open(&key, Some(&chain.unwrap())).await.unwrap();
        let mut author = Author::new(key, self.bucket.id, self.bucket.author.epoch, given.id());
        // No older than the drop: a sender has that from the card.
        author.hlc = self.bucket.author.hlc;
        Sender { author, session, given, drop: self.made }
    }

    fn card(&self, change: impl FnOnce(&mut DropCard)) -> Vec<u8> {
        let mut card = DropCard {
            bucket: self.bucket.id,
            epoch: self.bucket.author.epoch,
            hlc: self.bucket.founding[1].header().hlc,
            key: Box::new([5; KEM_PUBLIC_LEN]),
            expires: now() + 50_000,
        };
        change(&mut card);
        let key = &self.bucket.author.key;
        use ed25519_dalek::Signer as _;
        card.issue(&self.bucket.founding[0], &self.bucket.chain, |it| key.sign(it).to_bytes())
    }

    async fn close(&mut self, client: &Client) {
        let mut header = self.bucket.author.header(Kind::Revoke, DocumentTag::ZERO);
        header.parents = vec![self.made];
        let targets = vec![RevokeTarget::Capability(self.capability.id())];
        let clear = Clear::Revoke(Revoke { targets, cutoffs: vec![] });
        let entry = self.bucket.author.finish(header, &clear, noise(40));
        exchange(client, &self.session, &self.bucket, &[Frame::Entries(vec![entry])]).await;
    }
}

struct Sender {
    author: Author,
    session: ClientSession,
    given: Capability,
    drop: EntryId,
}

impl Sender {
    fn message(&mut self, references: References) -> Entry {
        let clear = Clear::Message(Message {
            enc: Box::new([1; KEM_ENC_LEN]),
            drop: self.drop,
            capability: self.given.bytes().to_vec(),
            references,
        });
        let header = self.author.header(Kind::Message, DocumentTag(random()));
        self.author.finish(header, &clear, noise(300))
    }

    async fn put(&mut self, client: &Client, bucket: &Bucket) -> Reply {
        let message = self.message(References::NONE).encode();
        client.call(&self.session, "POST", &bucket.path("/messages"), message).await
    }

    async fn chunk(&self, client: &Client, bucket: &Bucket, len: usize) -> (ChunkId, Reply) {
        let (id, bytes) = chunk(len);
        let path = bucket.path(&format!("/chunks/{}", id.to_base32()));
        (id, client.call(&self.session, "PUT", &path, bytes).await)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_puts_a_message_with_chunks_in_and_holds_a_statement_for_it() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let story = Story::new(&client, Caveats::NONE).await;
    let mut sender = story.sender(&client).await;
    let (id, reply) = sender.chunk(&client, &story.bucket, 5_000).await;
    reply.expect(201);
    let message = sender.message(References::Chunks(vec![id]));
    let path = story.bucket.path("/messages");
    let reply = client.call(&sender.session, "POST", &path, message.encode()).await.expect(201);
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    let said = Received::verify(&text, &running.key()).unwrap();
    assert!(said.is_about(&message.encode()) && said.bucket == story.bucket.id);
    // Again after a lost answer: nothing is stored twice, and it is said again.
    client.call(&sender.session, "POST", &path, message.encode()).await.expect(201);
    let got = exchange(&client, &story.session, &story.bucket, &[since(None)]).await;
    assert_eq!(got.ids().iter().filter(|it| **it == message.id()).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_append_reads_nothing_and_writes_nothing_else() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let story = Story::new(&client, Caveats::NONE).await;
    let mut sender = story.sender(&client).await;
    let bucket = &story.bucket;
    let (id, reply) = sender.chunk(&client, bucket, 100).await;
    reply.expect(201);
    let pulls = frames(&[since(None)]);
    let session = &sender.session;
    client.call(session, "POST", &bucket.path("/frames"), pulls).await.refused(403, "forbidden");
    let path = bucket.path(&format!("/chunks/{}", id.to_base32()));
    client.call(session, "GET", &path, "").await.refused(403, "forbidden");
    let path = bucket.path(&format!("/entries/{}", bucket.founding[0].id().to_base32()));
    client.call(session, "GET", &path, "").await.refused(403, "forbidden");
    client.call(session, "POST", &bucket.path("/have"), "").await.refused(403, "forbidden");
    // A version, and somebody else's message, by the door for messages.
    let version = sender.author.version(100, References::NONE).encode();
    let messages = bucket.path("/messages");
    client.call(session, "POST", &messages, version).await.refused(400, "malformed");
    let others = story.sender(&client).await.message(References::NONE).encode();
    client.call(session, "POST", &messages, others).await.refused(400, "malformed");
    // What a member brings by the door for all is still judged as a message.
    let mut second = story.sender(&client).await;
    let relayed = second.message(References::NONE);
    exchange(&client, &story.session, bucket, &[Frame::Entries(vec![relayed])]).await;
    let mut forged = story.sender(&client).await;
    forged.author.cap = CapabilityId(random());
    let body = frames(&[Frame::Entries(vec![forged.message(References::NONE)])]);
    let reply = client.call(&story.session, "POST", &bucket.path("/frames"), body).await;
    reply.refused(422, "invalid-entry");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_drop_takes_nothing_from_the_next_request_on() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let mut story = Story::new(&client, Caveats::NONE).await;
    let mut sender = story.sender(&client).await;
    sender.put(&client, &story.bucket).await.expect(201);
    let mut late = story.sender(&client).await;
    story.close(&client).await;
    late.put(&client, &story.bucket).await.refused(401, "unauthorized");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_stops_at_the_entries_of_an_hour_and_nobody_else_is_held_up() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let hourly = Caveats { entries_per_hour: Some(3), ..Caveats::NONE };
    let mut story = Story::new(&client, hourly).await;
    // Each message has an author of its own; the drop is what is counted.
    let mut refused = 0;
    for _ in 0..8 {
        let reply = story.sender(&client).await.put(&client, &story.bucket).await;
        if reply.status == 201 {
            continue;
        }
        reply.refused(429, "rate");
        assert!(reply.problem()["retry_after"].as_u64().unwrap() <= 3_600);
        refused += 1;
    }
    // The hour may have turned once meanwhile.
    assert!((2..=5).contains(&refused), "{refused} of 8 were refused");
    let version = story.bucket.author.version(100, References::NONE);
    exchange(&client, &story.session, &story.bucket, &[Frame::Entries(vec![version])]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quotas_of_a_drop_count_over_all_its_authors_and_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::on(dir.path()).await;
    let client = running.client().await;
    let caveats = Caveats { quota_bytes: Some(20_000), quota_entries: Some(3), ..Caveats::NONE };
    let story = Story::new(&client, caveats).await;
    let sender = story.sender(&client).await;
    let (_, reply) = sender.chunk(&client, &story.bucket, 9_000).await;
    reply.expect(201);
    story.sender(&client).await.put(&client, &story.bucket).await.expect(201);
    drop(client);
    running.stop().await;

    let running = Running::on(dir.path()).await;
    let client = running.client().await;
    let sender = story.sender(&client).await;
    let (_, reply) = sender.chunk(&client, &story.bucket, 9_000).await;
    reply.refused(507, "quota");
    let problem = reply.problem();
    assert_eq!(problem["quota_bytes"], 20_000);
    let used = problem["used_bytes"].as_u64().unwrap();
    assert!((11_000..20_000).contains(&used), "{used}");
    story.sender(&client).await.put(&client, &story.bucket).await.expect(201);
    story.sender(&client).await.put(&client, &story.bucket).await.expect(201);
    let fourth = story.sender(&client).await.put(&client, &story.bucket).await;
    fourth.refused(507, "quota");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_is_kept_if_it_holds_and_shown_to_who_may_append() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let mut story = Story::new(&client, Caveats::NONE).await;
    let path = story.bucket.path("/drop");
    let sender = story.sender(&client).await;
    client.call(&sender.session, "GET", &path, "").await.refused(404, "not-found");
    let good = story.card(|_| ());
    client.call(&story.session, "PUT", &path, good.clone()).await.expect(201);
    let shown = client.call(&sender.session, "GET", &path, "").await.expect(200);
    assert_eq!(shown.body, good);
    assert!(check(&shown.body, story.bucket.id, now()).is_ok());
    // Nobody without `rotate` puts one, and nobody one that does not hold.
    client.call(&sender.session, "PUT", &path, good).await.refused(403, "forbidden");
    let over = story.card(|card| card.expires = now());
    client.call(&story.session, "PUT", &path, over).await.refused(400, "malformed");
    let other = story.card(|card| card.bucket = strongroom_wire::ids::BucketId([9; 32]));
    client.call(&story.session, "PUT", &path, other).await.refused(400, "malformed");
    client.call(&story.session, "PUT", &path, noise(500)).await.refused(400, "malformed");
    story.close(&client).await;
    let reply = client.call(&sender.session, "GET", &path, "").await;
    reply.refused(401, "unauthorized");
}
