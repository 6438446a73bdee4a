//! Recovery records. Comes in: records of one size, signed by a key that is nobody's name. Goes
//! out: records, to who has that key. Must not know: whose they are, or what is sealed in them.
//!
//! A record that was replaced is kept for thirty days at least. Seven are kept; an eighth
//! replacement within thirty days waits, because what a thief with an open device replaces must
//! not push out the record its owner needs.

use std::ops::ControlFlow;
use std::time::Instant;

use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use strongroom_store::{Batch, Scan};
use strongroom_wire::api::{RecordPut, encode_records, record_read_input};
use strongroom_wire::chain::verify_signature;
use strongroom_wire::ids::{PublicKey, RecordId, VaultTag};
use strongroom_wire::limits::{RECOVERY_RECORD_LEN, RECOVERY_RECORDS_MAX};
use strongroom_wire::problem::Problem;
use strongroom_wire::recovery::RecoveryRecord;

use super::{CBOR, answer, done, offload, to_the_end};
use crate::gate::Call;
use crate::provider::Provider;
use crate::rates::network;
use crate::refusal::{Answer, Member, Refusal};
use crate::rows::{self, RecordRow, VaultRow};
use crate::store::now_secs;

/// Seconds a record is kept after it was replaced.
const KEPT_SECS: u64 = 30 * 24 * 3_600;
/// Bytes of a put: the record, a key, and the heads around them.
const PUT_LEN_MAX: usize = RECOVERY_RECORD_LEN + 64;

/// Creates a record, or replaces it: the counter must be the stored one and 1.
#[utoipa::path(
    put, path = "/records/{record}", tag = "record",
    params(("record" = String, Path, description = "Record id, base32")),
    request_body(content_type = "application/cbor", description = "[record key, record]"),
    responses(
        (status = 201, description = "Stored"),
        (status = 401, description = "No session"),
        (status = 403, description = "The session's chain does not allow host on a vault"),
        (status = 404, description = "Another vault's or another key's"),
        (status = 409, description = "Not the next counter; `counter` tells the stored one"),
        (status = 422, description = "The record's key did not sign it"),
        (status = 429, description = "Replaced seven times within thirty days"),
    )
)]
pub async fn put(
    State(provider): State<Provider>,
    Path(record): Path<String>,
    call: Call,
) -> Answer {
    let id = RecordId::from_base32(&record)?;
    let vault = call.vault()?;
    let held = call.body(PUT_LEN_MAX).await?;
    let put = RecordPut::decode(&held.bytes)?;
    let record = RecoveryRecord::verify(&put.record, id, &put.key).map_err(|error| {
        Refusal::from(Problem::InvalidEntry).with(Member::Detail, error.to_string())
    })?;
    let counter = record.counter();
    let row = RecordRow { vault, key: put.key, counter, record: put.record };
    to_the_end(async move { replace(&provider, id, row).await }).await?;
    Ok(done(StatusCode::CREATED))
}

async fn replace(provider: &Provider, id: RecordId, new: RecordRow) -> Result<(), Refusal> {
    let _one_at_a_time = provider.vault_rows.lock().await;
    let key = rows::record(id);
    let mut batch = Batch::new();
    match provider.store.rows.get(&key)? {
        None => batch.expect_absent(key.clone()),
        Some(stored) => {
            let old = read_row(&stored)?;
            if old.vault != new.vault || old.key != new.key {
                return Err(Problem::NotFound.into());
            }
            if old.counter.checked_add(1) != Some(new.counter) {
                return if old == new {
                    Ok(()) // the answer to the first try was lost
                } else {
                    Err(Refusal::from(Problem::Conflict).with(Member::Counter, old.counter))
                };
            }
            retire(provider, id, &old, &mut batch)?;
            batch.expect_equals(key.clone(), stored)
        }
    };
    batch.put(key, new.encode());
    Ok(provider.store.commit(batch).await?)
}

fn read_row(bytes: &[u8]) -> Result<RecordRow, Refusal> {
    RecordRow::decode(bytes).map_err(|_| Problem::Damaged.into())
}

/// Moves the replaced record to the older ones and drops those whose time is over.
fn retire(
    provider: &Provider,
    id: RecordId,
    old: &RecordRow,
    batch: &mut Batch,
) -> Result<(), Refusal> {
    let now = now_secs();
    let older = older_records(provider, id)?;
    let room = RECOVERY_RECORDS_MAX - 1;
    let surplus = (older.len() + 1).saturating_sub(room);
    for (key, replaced_at, _) in older.iter().take(surplus) {
        if now.saturating_sub(*replaced_at) < KEPT_SECS {
            return Err(Problem::Rate.into());
        }
        batch.delete(key.as_slice());
    }
    let mut row = now.to_be_bytes().to_vec();
    row.extend_from_slice(&old.record);
    batch.put(rows::older_record(id, old.counter), row);
    Ok(())
}

/// Key, second of replacement, record; oldest first.
type Older = (Vec<u8>, u64, Vec<u8>);

fn older_records(provider: &Provider, id: RecordId) -> Result<Vec<Older>, Refusal> {
    let mut older = Vec::new();
    provider.store.rows.scan(&Scan::prefix(rows::older_records(id)), &mut |key, value| {
        if let Some((at, record)) = value.split_first_chunk::<8>() {
            older.push((key.to_vec(), u64::from_be_bytes(*at), record.to_vec()));
        }
        ControlFlow::Continue(())
    })?;
    Ok(older)
}

/// Reads the newest record and up to seven older ones. Unknown, wrong key and too often are one
/// answer.
#[utoipa::path(
    post, path = "/records/{record}/read", tag = "record",
    params(
        ("record" = String, Path, description = "Record id, base32"),
        ("b3" = Option<String>, Query, description = "BLAKE3 of the body, base32"),
    ),
    request_body(content_type = "application/octet-stream",
        description = "Signature by the record key, 64 bytes"),
    responses(
        (status = 200, description = "Records, newest first", content_type = "application/cbor"),
        (status = 401, description = "No session"),
        (status = 404, description = "Unknown, not signed by its key, or read too often"),
    )
)]
pub async fn read(
    State(provider): State<Provider>,
    Path(record): Path<String>,
    call: Call,
) -> Answer {
    let id = RecordId::from_base32(&record)?;
    let (session, from) = (call.session.id, network(call.peer.address.ip()));
    let held = call.body(64).await?;
    let signature: [u8; 64] = held.bytes.as_slice().try_into().map_err(|_| Problem::Malformed)?;
    let now = Instant::now();
    let in_time = provider.record_reads.take(&from, now);
    let input = record_read_input(id, provider.identity.thumbprint(), session);
    to_the_end(async move {
        let stored = provider.store.rows.get(&rows::record(id))?;
        let row = stored.map(|stored| read_row(&stored)).transpose()?;
        // Also for an unknown id a signature is checked: the time taken tells nothing.
        let key = row.as_ref().map_or(PublicKey(STAND_IN), |row| row.key);
        let signed = offload(move || verify_signature(&key.0, &input, &signature)).await?;
        let row = row.filter(|_| signed && in_time).ok_or(Problem::NotFound)?;
        if !provider.record_reads_each.take(&id, now) {
            return Err(Problem::NotFound.into());
        }
        leave_notice(&provider, row.vault).await?;
        give(&provider, id, row)
    })
    .await
}

/// A key nobody has the secret of (the base point of the curve).
const STAND_IN: [u8; 32] = [
    0x58, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
    0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
];

/// Every read is counted where the vault's devices see it, durably, before the answer.
async fn leave_notice(provider: &Provider, vault: VaultTag) -> Result<(), Refusal> {
    let _one_at_a_time = provider.vault_rows.lock().await;
    let key = rows::vault(vault);
    let stored = provider.store.rows.get(&key)?.ok_or(Problem::NotFound)?;
    let mut row = VaultRow::decode(&stored).map_err(|_| Problem::Damaged)?;
    row.record_reads += 1;
    row.record_read_at = now_secs();
    let mut batch = Batch::new();
    batch.expect_equals(key.clone(), stored).put(key, row.encode());
    Ok(provider.store.commit(batch).await?)
}

fn give(provider: &Provider, id: RecordId, row: RecordRow) -> Result<Response, Refusal> {
    let mut records = vec![row.record];
    let older = older_records(provider, id)?;
    let newest_first = older.into_iter().rev().map(|(_, _, record)| record);
    records.extend(newest_first.take(RECOVERY_RECORDS_MAX - 1));
    provider.metrics.records_read.one();
    Ok(answer(StatusCode::OK, CBOR, encode_records(&records)))
}
