//! Recovery records (attack A57): one answer for all refusals, a counter, older records kept.

use ed25519_dalek::{Signer as _, SigningKey};
use strongroom_server::Config;
use strongroom_wire::api::{RecordPut, VaultTerms, decode_records, record_read_input};
use strongroom_wire::ids::RecordId;
use strongroom_wire::recovery::RecoveryRecord;
use strongroom_wire::session::ClientSession;

use crate::client::{Client, Reply, new_key, public, random};
use crate::world::{Running, Vault, noise};

struct Record {
    id: RecordId,
    key: SigningKey,
}

impl Record {
    fn new() -> Self {
        Self { id: RecordId(random()), key: new_key() }
    }

    fn path(&self) -> String {
        format!("/records/{}", self.id.to_base32())
    }

    fn at(&self, counter: u64) -> Vec<u8> {
        let (enc, sealed) = (noise(1_120).try_into().unwrap(), noise(2_064).try_into().unwrap());
        let sign = |bytes: &[u8]| self.key.sign(bytes).to_bytes();
        let record = RecoveryRecord::assemble(self.id, 1, counter, &enc, &sealed, sign);
        record.unwrap().as_bytes().to_vec()
    }

    async fn put(&self, client: &Client, session: &ClientSession, record: &[u8]) -> Reply {
        let put = RecordPut { key: public(&self.key), record: record.to_vec() }.encode();
        client.call(session, "PUT", &self.path(), put).await
    }

    /// Reads it as somebody without a device would.
    async fn read(&self, client: &Client, signer: &SigningKey) -> Reply {
        let session = client.open(&new_key(), None).await.unwrap();
        let input = record_read_input(self.id, client.provider.thumbprint(), session.id);
        let signature = signer.sign(&input).to_bytes().to_vec();
        client.call(&session, "POST", &format!("{}/read", self.path()), signature).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_next_counter_replaces_a_record() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let record = Record::new();
    let first = record.at(5);
    record.put(&client, &vault.session, &first).await.expect(201);
    record.put(&client, &vault.session, &first).await.expect(201); // its retry
    for (why, counter) in [("again", 5), ("older", 4), ("skipping", 7)] {
        let reply = record.put(&client, &vault.session, &record.at(counter)).await;
        assert_eq!((reply.status, &reply.problem()["counter"]), (409, &5.into()), "{why}");
    }
    // Not by another vault, not with another key, not unsigned.
    let other = Vault::open(&client).await;
    record.put(&client, &other.session, &record.at(6)).await.refused(404, "not-found");
    let thief = Record { id: record.id, key: new_key() };
    thief.put(&client, &vault.session, &thief.at(6)).await.refused(404, "not-found");
    let mut forged = record.at(6);
    forged[100] ^= 1;
    record.put(&client, &vault.session, &forged).await.refused(422, "invalid-entry");
    let elsewhere = Record { id: RecordId(random()), key: record.key.clone() };
    elsewhere.put(&client, &vault.session, &record.at(6)).await.refused(422, "invalid-entry");
    record.put(&client, &vault.session, &record.at(6)).await.expect(201);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thief_cannot_push_out_the_record_its_owner_needs() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let record = Record::new();
    let all: Vec<Vec<u8>> = (1..=8).map(|counter| record.at(counter)).collect();
    for one in &all {
        record.put(&client, &vault.session, one).await.expect(201);
    }
    record.put(&client, &vault.session, &record.at(9)).await.refused(429, "rate");
    let reply = record.read(&client, &record.key).await.expect(200);
    let newest_first: Vec<Vec<u8>> = all.into_iter().rev().collect();
    assert_eq!(decode_records(&reply.body).unwrap(), newest_first);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_wrong_key_and_too_often_are_one_answer() {
    let mut config = Config::in_memory();
    config.tuning.record_reads_per_hour = 6;
    config.tuning.record_reads_per_hour_each = 2;
    let running = Running::start(config).await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let record = Record::new();
    record.put(&client, &vault.session, &record.at(1)).await.expect(201);
    let unknown = record_of(&Record::new(), &client).await;
    let wrong = record.read(&client, &new_key()).await.expect(404);
    record.read(&client, &record.key).await.expect(200);
    record.read(&client, &record.key).await.expect(200);
    let often = record.read(&client, &record.key).await.expect(404);
    assert!(unknown.body == wrong.body && wrong.body == often.body);
    // Each read, and no failed one, is told to the vault's devices.
    let reply = client.call(&vault.session, "GET", "/vault", "").await.expect(200);
    assert_eq!(VaultTerms::decode(&reply.body).unwrap().record_reads, 2);
    // Five so far from this address, and one more; then another record must wait, too.
    let other = Record::new();
    other.put(&client, &vault.session, &other.at(1)).await.expect(201);
    other.read(&client, &other.key).await.expect(200);
    let late = other.read(&client, &other.key).await.expect(404);
    assert_eq!(late.body, often.body);
    // A signature for another session is none.
    running.stop().await;
}

async fn record_of(record: &Record, client: &Client) -> Reply {
    record.read(client, &record.key).await.expect(404)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_is_bound_to_its_session() {
    let running = Running::in_memory().await;
    let client = running.client().await;
    let vault = Vault::open(&client).await;
    let record = Record::new();
    record.put(&client, &vault.session, &record.at(1)).await.expect(201);
    let (one, two) = (client.open(&new_key(), None).await, client.open(&new_key(), None).await);
    let (one, two) = (one.unwrap(), two.unwrap());
    let input = record_read_input(record.id, client.provider.thumbprint(), one.id);
    let signature = record.key.sign(&input).to_bytes().to_vec();
    let path = format!("{}/read", record.path());
    client.call(&two, "POST", &path, signature.clone()).await.refused(404, "not-found");
    client.call(&one, "POST", &path, signature).await.expect(200);
    running.stop().await;
}
