//! Pairing mailboxes: strangers reach each other, nobody else learns whether they did. And the key
//! of a vault, which is changed when a device that has it was lost.

use ed25519_dalek::Signer as _;
use strongroom_server::Config;
use strongroom_wire::api::SignUp;
use strongroom_wire::capability::{Action, Actions, Claims, Target};
use strongroom_wire::ids::base32;
use strongroom_wire::limits::PAIRING_MESSAGE_LEN_MAX;
use strongroom_wire::session::ClientSession;

use crate::client::{Client, new_key, now, public, random};
use crate::world::{Running, Vault, chain_of, issue, noise};

fn path(id: [u8; 16], place: &str) -> String {
    format!("/pairings/{}/{place}", base32(&id))
}

async fn stranger(client: &Client) -> ClientSession {
    client.open(&new_key(), None).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_strangers_with_a_code_in_common_reach_each_other() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let (host, guest) = (stranger(&client).await, stranger(&client).await);
    let id = random();
    let early = client.call(&guest, "PUT", &path(id, "b/0"), noise(40)).await;
    early.refused(404, "not-found");
    let first = noise(60);
    client.call(&host, "PUT", &path(id, "a/0"), first.clone()).await.expect(201);
    client.call(&host, "PUT", &path(id, "a/0"), first.clone()).await.expect(201); // its retry
    client.call(&host, "GET", &path(id, "b/0"), "").await.expect(204);
    let read = client.call(&guest, "GET", &path(id, "a/0"), "").await.expect(200);
    assert_eq!(read.body, first);
    client.call(&guest, "PUT", &path(id, "b/0"), noise(50)).await.expect(201);
    // Who comes second with the same code is told, and changes nothing.
    let second = stranger(&client).await;
    client.call(&second, "PUT", &path(id, "b/0"), noise(50)).await.refused(409, "conflict");
    client.call(&second, "PUT", &path(id, "a/0"), noise(60)).await.refused(409, "conflict");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_place_or_too_large_is_refused() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let host = stranger(&client).await;
    let id = random();
    for place in ["a/6", "a/10", "a/x", "c/0", "a/", "A/0"] {
        let reply = client.call(&host, "PUT", &path(id, place), noise(9)).await;
        assert_eq!(reply.status, 404, "{place}");
    }
    let large = noise(PAIRING_MESSAGE_LEN_MAX + 1);
    client.call(&host, "PUT", &path(id, "a/0"), large).await.refused(413, "too-large");
    client.call(&host, "PUT", &path(id, "a/0"), "").await.refused(400, "malformed");
    client.call(&host, "GET", &path(id, "a/0"), "").await.refused(404, "not-found");
    let most = noise(PAIRING_MESSAGE_LEN_MAX);
    client.call(&host, "PUT", &path(id, "a/0"), most).await.expect(201);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_guesses_codes_or_begins_too_often_waits() {
    let mut config = Config::in_memory();
    config.tuning.pairings_per_hour = 2;
    config.tuning.pairing_misses_per_hour = 3;
    let running = Running::start(config).await;
    let client = running.client().await;
    let host = stranger(&client).await;
    let ours = random();
    client.call(&host, "PUT", &path(ours, "a/0"), noise(9)).await.expect(201);
    client.call(&host, "PUT", &path(random(), "a/0"), noise(9)).await.expect(201);
    client.call(&host, "PUT", &path(random(), "a/0"), noise(9)).await.refused(429, "rate");
    for _ in 0..3 {
        let guess = client.call(&host, "GET", &path(random(), "a/0"), "").await;
        guess.refused(404, "not-found");
    }
    client.call(&host, "GET", &path(random(), "a/0"), "").await.refused(429, "rate");
    // What is there is there.
    client.call(&host, "GET", &path(ours, "a/0"), "").await.expect(200);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vaults_former_key_opens_no_session_and_its_sessions_end() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let thief = vault.again(&client).await;
    client.call(&thief, "GET", "/vault", "").await.expect(200);
    let new = new_key();
    let body = |session: &ClientSession, tag| {
        let input = SignUp::signing_input(tag, None, client.provider.thumbprint(), session.id);
        let signature = new.sign(&input).to_bytes();
        SignUp { vault: tag, key: public(&new), token: None, signature }.encode()
    };
    // Not without the vault's own session, not for another vault, not without the new key.
    let stranger = stranger(&client).await;
    let reply = client.call(&stranger, "PUT", "/vault/key", body(&stranger, vault.tag)).await;
    reply.refused(403, "forbidden");
    let other = Vault::open(&client).await;
    let reply = client.call(&other.session, "PUT", "/vault/key", body(&other.session, vault.tag));
    reply.await.refused(400, "malformed");
    let foreign = body(&stranger, vault.tag);
    let reply = client.call(&vault.session, "PUT", "/vault/key", foreign).await;
    reply.refused(401, "unauthorized");
    let own = body(&vault.session, vault.tag);
    client.call(&vault.session, "PUT", "/vault/key", own).await.expect(201);
    client.call(&thief, "GET", "/vault", "").await.refused(401, "unauthorized");
    assert!(client.open(&vault.device, Some(&vault.chain)).await.is_err());
    let claims = Claims::new(
        Target::Vault(vault.tag),
        Actions::of(&[Action::Host]),
        now() + 3_600,
        random(),
    );
    let claims = claims.for_holder(public(&vault.device), None);
    let chain = chain_of(&[issue(&claims, &new)]);
    let session = client.open(&vault.device, Some(&chain)).await.unwrap();
    client.call(&session, "GET", "/vault", "").await.expect(200);
    running.stop().await;
}
