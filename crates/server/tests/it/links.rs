//! Links (attacks A27, A51): what a provider keeps for them, and that a counted one is opened
//! exactly as often as it says.

use ed25519_dalek::SigningKey;
use rustix::process::Signal;
use strongroom_server::Config;
use strongroom_wire::capability::{Action, Actions, Capability, CapabilityChain, Claims, Target};
use strongroom_wire::clear::{Clear, Revoke, RevokeTarget};
use strongroom_wire::entry::Kind;
use strongroom_wire::frame::Frame;
use strongroom_wire::ids::{DocumentTag, LinkId, MemberTag};
use strongroom_wire::limits::{LINK_RECORD_LEN_MAX, LINKS_PER_BUCKET_MAX};
use strongroom_wire::link::{LinkRecord, LinkUses, PasswordSalt};
use strongroom_wire::session::ClientSession;

use crate::client::{Client, Reply, new_key, now, public, random};
use crate::limits::terms;
use crate::process::Daemon;
use crate::world::{Bucket, Running, Vault, chain_of, exchange, issue, noise, since};

/// A link as its maker has it.
struct Link {
    id: LinkId,
    member: SigningKey,
    tag: MemberTag,
    record: LinkRecord,
}

impl Link {
    fn of(client: &Client, bucket: &Bucket, uses: Option<u64>, until: u64) -> Self {
        let (member, tag) = (new_key(), MemberTag(random()));
        let first = bucket.chain.capabilities()[0].clone();
        let mut claims = Claims::new(Target::Bucket(bucket.id), Actions::PULL, until, random())
            .for_holder(public(&member), Some(tag))
            .with_depth(1);
        claims.caveats.uses = uses;
        claims.audience = uses.map(|_| client.provider.thumbprint());
        let made = issue(&first.attenuate(&claims).unwrap(), &bucket.member_key);
        let chain = chain_of(&[first, made]);
        Self {
            id: LinkId(random()),
            member,
            tag,
            record: LinkRecord { password: None, chain, drop: None },
        }
    }

    fn path(&self, bucket: &Bucket) -> String {
        bucket.path(&format!("/links/{}", self.id.to_base32()))
    }

    async fn put(&self, client: &Client, session: &ClientSession, bucket: &Bucket) -> Reply {
        client.call(session, "PUT", &self.path(bucket), self.record.encode()).await
    }

    async fn read(&self, client: &Client, bucket: &Bucket) -> Reply {
        let session = client.open(&new_key(), None).await.unwrap();
        client.call(&session, "GET", &self.path(bucket), "").await
    }

    /// From the link down to a fresh key, as its holder makes it.
    fn use_chain(&self, key: &SigningKey) -> CapabilityChain {
        let last = self.record.chain.last().unwrap();
        let above = last.claims();
        let mut claims = Claims::new(above.target, above.actions, above.expires, random())
            .for_holder(public(key), above.member);
        claims.not_before = Some(now() - 10);
        claims.audience = above.audience;
        claims.caveats = above.caveats;
        let made = issue(&last.attenuate(&claims).unwrap(), &self.member);
        self.record.chain.extended(made).unwrap()
    }

    async fn open(&self, client: &Client, key: &SigningKey) -> Result<ClientSession, Reply> {
        client.open(key, Some(&self.use_chain(key))).await
    }
}

async fn spent(client: &Client, session: &ClientSession, bucket: &Bucket, link: &Link) -> LinkUses {
    let reply = client.call(session, "GET", &format!("{}/uses", link.path(bucket)), "").await;
    LinkUses::decode(&reply.expect(200).body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_for_whoever_knows_its_name_until_it_ends() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let mut bucket = Bucket::new();
    let session = bucket.found(&client, &vault).await;
    let mut link = Link::of(&client, &bucket, None, now() + 600);
    let salt = PasswordSalt { salt: [7; 16], memory_kib: 65_536, passes: 3, lanes: 4 };
    link.record.password = Some(salt);
    link.read(&client, &bucket).await.refused(404, "not-found");
    link.put(&client, &session, &bucket).await.expect(201);
    link.put(&client, &session, &bucket).await.expect(201); // its retry
    let kept = link.read(&client, &bucket).await.expect(200);
    assert_eq!(kept.body, link.record.encode());
    // What it leads to is pulled with the key of its chain, and with no other.
    let reader = client.open(&link.member, Some(&link.record.chain)).await.unwrap();
    assert_eq!(exchange(&client, &reader, &bucket, &[since(None)]).await.entries.len(), 4);
    assert_eq!(client.open(&new_key(), Some(&link.record.chain)).await.unwrap_err().status, 401);
    // Another record under the same name is refused, and nobody but a granter puts or deletes one.
    let other = Link { id: link.id, ..Link::of(&client, &bucket, None, now() + 600) };
    other.put(&client, &session, &bucket).await.refused(409, "conflict");
    other.put(&client, &reader, &bucket).await.refused(403, "forbidden");
    client.call(&reader, "DELETE", &link.path(&bucket), "").await.refused(403, "forbidden");
    let uses = format!("{}/uses", link.path(&bucket));
    client.call(&reader, "GET", &uses, "").await.refused(403, "forbidden");
    assert_eq!(spent(&client, &session, &bucket, &link).await.allowed, None);
    // The same name in another bucket is another name.
    let elsewhere = Bucket::new();
    elsewhere.found(&client, &vault).await;
    link.read(&client, &elsewhere).await.refused(404, "not-found");
    link.read(&client, &Bucket::new()).await.refused(404, "not-found");
    // Revoked is as unknown, although nobody deleted the record yet.
    let mut header = bucket.author.header(Kind::Revoke, DocumentTag::ZERO);
    header.parents = vec![bucket.founding[3].id()];
    let targets = vec![RevokeTarget::Member(link.tag)];
    let clear = Clear::Revoke(Revoke { targets, cutoffs: Vec::new() });
    let revoke = bucket.author.finish(header, &clear, noise(40));
    exchange(&client, &session, &bucket, &[Frame::Entries(vec![revoke])]).await;
    link.read(&client, &bucket).await.refused(404, "not-found");
    let gone = client.call(&reader, "POST", &bucket.path("/frames"), vec![]).await;
    assert_eq!(gone.status, 401);
    assert_eq!(client.open(&link.member, Some(&link.record.chain)).await.unwrap_err().status, 401);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_deleted_for_good_and_forgotten_when_it_has_ended() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let bucket = Bucket::new();
    let session = bucket.found(&client, &vault).await;
    let [link, counted] = [None, Some(1)].map(|it| Link::of(&client, &bucket, it, now() + 600));
    for one in [&link, &counted] {
        one.put(&client, &session, &bucket).await.expect(201);
    }
    counted.open(&client, &new_key()).await.unwrap();
    client.call(&session, "DELETE", &link.path(&bucket), "").await.expect(204);
    client.call(&session, "DELETE", &link.path(&bucket), "").await.expect(204);
    link.read(&client, &bucket).await.refused(404, "not-found");
    assert_eq!(running.provider.forget_links(now()).await.unwrap(), 0, "nothing has ended");
    let later = now() + 600 + 24 * 3_600;
    // The record, the count and the key that was used.
    assert_eq!(running.provider.forget_links(later).await.unwrap(), 3);
    counted.read(&client, &bucket).await.refused(404, "not-found");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_charged_to_the_vault_until_it_goes() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { data: Some(dir.path().to_owned()), ..Config::in_memory() };
    let running = Running::start(config.clone()).await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let bucket = Bucket::new();
    let session = bucket.found(&client, &vault).await;
    let used = async |client: &Client| terms(client, &vault).await.used_bytes;
    let empty = used(&client).await;
    let [link, other] = [None, None].map(|it| Link::of(&client, &bucket, it, now() + 600));
    let cost = |link: &Link| link.record.encode().len() as u64 + 8 + 256;
    for _ in 0..2 {
        link.put(&client, &session, &bucket).await.expect(201);
        assert_eq!(used(&client).await, empty + cost(&link), "the same again costs nothing");
    }
    other.put(&client, &session, &bucket).await.expect(201);
    let both = empty + cost(&link) + cost(&other);
    assert_eq!(used(&client).await, both);
    running.stop().await;

    // A provider that starts anew counts what is there; and without room keeps none.
    let running = Running::start(Config { quota_bytes: both + 100, ..config }).await;
    let client = running.client().await;
    let again = vault.again(&client).await;
    let vault = Vault { session: again, ..vault };
    let used = async |client: &Client| terms(client, &vault).await.used_bytes;
    assert_eq!(used(&client).await, both);
    let session = bucket.session(&client).await;
    let third = Link::of(&client, &bucket, None, now() + 600);
    third.put(&client, &session, &bucket).await.refused(507, "quota");
    for _ in 0..2 {
        client.call(&session, "DELETE", &link.path(&bucket), "").await.expect(204);
        assert_eq!(used(&client).await, empty + cost(&other), "given back once");
    }
    let later = now() + 600 + 24 * 3_600;
    assert_eq!(running.provider.forget_links(later).await.unwrap(), 1);
    assert_eq!(used(&client).await, empty);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_links_record_is_not_kept() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let bucket = Bucket::new();
    let session = bucket.found(&client, &vault).await;
    let good = Link::of(&client, &bucket, None, now() + 600);
    let path = good.path(&bucket);
    let refused = |record: Vec<u8>| client.call(&session, "PUT", &path, record);
    refused(vec![0; 40]).await.refused(400, "malformed");
    refused(vec![0; LINK_RECORD_LEN_MAX + 1]).await.refused(413, "too-large");
    let ended = Link::of(&client, &bucket, None, now());
    let foreign = Link::of(&client, &Bucket::new(), None, now() + 600);
    let first = bucket.chain.capabilities()[0].clone();
    let with = |actions: Actions, holder: Option<SigningKey>| {
        let claims = Claims::new(Target::Bucket(bucket.id), actions, now() + 600, random());
        let claims = match holder {
            Some(key) => claims.for_holder(public(&key), Some(good.tag)),
            None => claims,
        };
        let made: Capability = issue(&first.attenuate(&claims).unwrap(), &bucket.member_key);
        LinkRecord { password: None, chain: chain_of(&[first.clone(), made]), drop: None }
    };
    for (why, record) in [
        ("it has ended", ended.record),
        ("of another bucket", foreign.record),
        ("it writes", with(Actions::of(&[Action::Pull, Action::Write]), Some(new_key()))),
        ("it lets in", with(Actions::of(&[Action::Pull, Action::Grant]), Some(new_key()))),
        ("for anyone", with(Actions::PULL, None)),
    ] {
        let reply = refused(record.encode()).await;
        assert_eq!(reply.status, 422, "{why}");
    }
    good.put(&client, &session, &bucket).await.expect(201);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_has_so_many_links_and_a_reader_so_many_reads() {
    let mut config = Config::in_memory();
    config.tuning.link_reads_per_hour = 2;
    let running = Running::start(config).await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let bucket = Bucket::new();
    let session = bucket.found(&client, &vault).await;
    let mut link = Link::of(&client, &bucket, None, now() + 600);
    for _ in 0..LINKS_PER_BUCKET_MAX {
        link.id = LinkId(random());
        link.put(&client, &session, &bucket).await.expect(201);
    }
    let last = link.id;
    link.id = LinkId(random());
    link.put(&client, &session, &bucket).await.refused(507, "quota");
    link.id = last;
    link.read(&client, &bucket).await.expect(200);
    link.read(&client, &bucket).await.expect(200);
    link.read(&client, &bucket).await.refused(429, "rate");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a51_many_at_the_same_instant_open_it_exactly_as_often_as_it_says() {
    const USES: u64 = 5;
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let bucket = Bucket::new();
    let session = bucket.found(&client, &vault).await;
    let link = std::sync::Arc::new(Link::of(&client, &bucket, Some(USES), now() + 600));
    link.put(&client, &session, &bucket).await.expect(201);
    let barrier = std::sync::Arc::new(tokio::sync::Barrier::new(40));
    let mut openings = Vec::new();
    for _ in 0..40 {
        let (client, link, barrier) = (running.client().await, link.clone(), barrier.clone());
        openings.push(tokio::spawn(async move {
            let key = new_key();
            barrier.wait().await;
            link.open(&client, &key).await.map(|_| key).map_err(|reply| reply.status)
        }));
    }
    let mut keys = Vec::new();
    for opening in openings {
        match opening.await.unwrap() {
            Ok(key) => keys.push(key),
            Err(status) => assert_eq!(status, 401, "spent and ended are one answer"),
        }
    }
    assert_eq!(keys.len() as u64, USES);
    let counted = spent(&client, &session, &bucket, &link).await;
    assert_eq!(counted, LinkUses { allowed: Some(USES), spent: USES });
    // Those who were counted go on; a new chain down to the same key is the same use.
    for key in &keys {
        let reader = link.open(&client, key).await.unwrap();
        assert_eq!(exchange(&client, &reader, &bucket, &[since(None)]).await.entries.len(), 4);
    }
    assert_eq!(link.open(&client, &new_key()).await.unwrap_err().status, 401);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a51_a_counted_link_is_nothing_without_a_use_and_no_use_elsewhere() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let bucket = Bucket::new();
    let session = bucket.found(&client, &vault).await;
    let link = Link::of(&client, &bucket, Some(1), now() + 600);
    link.put(&client, &session, &bucket).await.expect(201);
    let itself = client.open(&link.member, Some(&link.record.chain)).await;
    assert_eq!(itself.unwrap_err().status, 401, "without a use key");
    let key = new_key();
    let chain = link.use_chain(&key);
    assert_eq!(client.open(&new_key(), Some(&chain)).await.unwrap_err().status, 401);
    assert_eq!(spent(&client, &session, &bucket, &link).await.spent, 0, "nobody came in yet");
    // Another provider that has the same bucket is not whom the link was made for.
    let second = Running::in_memory().await;
    let there = second.client().await;
    let copy = Vault::open(&there).await;
    bucket.found(&there, &copy).await;
    assert_eq!(there.open(&key, Some(&chain)).await.unwrap_err().status, 401);
    client.open(&key, Some(&chain)).await.unwrap();
    assert_eq!(spent(&client, &session, &bucket, &link).await.spent, 1);
    second.stop().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a51_a_provider_that_was_killed_has_not_forgotten_who_was_in() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(folder.path(), &[]);
    let client = daemon.client().await;
    let vault = Vault::open(&client).await;
    let bucket = Bucket::new();
    let session = bucket.found(&client, &vault).await;
    let link = Link::of(&client, &bucket, Some(2), now() + 600);
    link.put(&client, &session, &bucket).await.expect(201);
    let first = new_key();
    link.open(&client, &first).await.unwrap();
    daemon.signal(Signal::KILL);
    daemon.wait();
    let daemon = Daemon::start(folder.path(), &[]);
    let client = daemon.client().await;
    let session = bucket.session(&client).await;
    assert_eq!(spent(&client, &session, &bucket, &link).await.spent, 1);
    link.open(&client, &first).await.unwrap();
    assert_eq!(spent(&client, &session, &bucket, &link).await.spent, 1, "the same use goes on");
    link.open(&client, &new_key()).await.unwrap();
    assert_eq!(link.open(&client, &new_key()).await.unwrap_err().status, 401);
    daemon.signal(Signal::KILL);
    daemon.wait();
}

#[tokio::test(flavor = "multi_thread")]
async fn a27_the_page_for_browsers_has_no_secret_and_sends_nothing_on() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let page = client.send("GET", "/open", &[], "").await.expect(200);
    let field = |name: &str| page.headers[name].to_str().unwrap().to_owned();
    assert_eq!(field("referrer-policy"), "no-referrer");
    assert_eq!(field("x-frame-options"), "DENY");
    assert_eq!(field("cache-control"), "no-store");
    assert_eq!(field("x-content-type-options"), "nosniff");
    let policy = field("content-security-policy");
    assert!(policy.starts_with("default-src 'none';") && policy.contains("form-action 'none'"));
    let text = String::from_utf8(page.body.to_vec()).unwrap();
    for forbidden in ["<script", "src=", "href=", "http:", "https:", "<form", "<link", "<img"] {
        assert!(!text.contains(forbidden), "{forbidden}");
    }
    assert!(text.contains("strongroom open"));
    // It is one page for everybody: it does not depend on what was asked.
    let other = client.send("GET", "/open?x=1", &[], "").await.expect(200);
    assert_eq!(other.body, page.body);
    running.stop().await;
}
