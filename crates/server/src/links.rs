//! What a provider keeps for links, and how often each was opened. Comes in: records that members
//! put, grants that sessions are opened with. Goes out: records, counts, or one refusal. Must not
//! know: a link's secret, or what it opens.
//!
//! A use is counted in a durable commit that comes before the first answer (attack A51). Every
//! batch expects the count as it was read, so that two openings at one instant cannot be the same
//! one, also not by two processes over one store.

use std::ops::ControlFlow;

use strongroom_store::{Batch, Rows, Scan};
use strongroom_wire::capability::{Action, Actions, Grant, Judge, UseKey, verify};
use strongroom_wire::ids::{BucketId, LinkId};
use strongroom_wire::limits::LINKS_PER_BUCKET_MAX;
use strongroom_wire::link::{LinkRecord, LinkUses};
use strongroom_wire::problem::Problem;

use crate::buckets::Bucket;
use crate::provider::Provider;
use crate::refusal::Refusal;
use crate::rows::{self, LinkRow, OVERHEAD, UsesRow};
use crate::store::now_secs;

/// Seconds that rows of what ended are kept: a clock may be set back by that much.
const ENDED_KEPT_SECS: u64 = 24 * 3_600;
/// Rows one sweep deletes in one batch.
const FORGOTTEN_AT_ONCE: usize = 1_024;

/// What a link's chain allows here and now; `None`: nothing. It may read, or put in, and no more.
pub fn grant_of(provider: &Provider, bucket: &Bucket, record: &LinkRecord) -> Option<Grant> {
    let control = bucket.published().control;
    if record.chain.root_target().and_then(|target| target.bucket()) != Some(bucket.id) {
        return None;
    }
    let judge = Judge {
        root: control.genesis().root_key,
        now: now_secs(),
        provider: Some(provider.identity.thumbprint()),
        suites: &control.genesis().floors.suites,
    };
    let grant = verify(&record.chain, &judge, |_| false).ok()?;
    let most = Actions::of(&[Action::Pull, Action::Append]);
    let fits = grant.actions().is_within(most)
        && grant.holder().is_some()
        && grant.target().bucket() == Some(bucket.id);
    (fits && control.may_use(&grant)).then_some(grant)
}

/// Keeps a record, at the cost of the bucket's vault. The same one again changes nothing; another
/// one under the same id is refused.
pub async fn keep(
    provider: &Provider,
    bucket: &Bucket,
    link: LinkId,
    row: LinkRow,
) -> Result<(), Refusal> {
    let _one_at_a_time = provider.link_rows.lock().await;
    let key = rows::link(bucket.id, link);
    if let Some(stored) = provider.store.rows.get(&key)? {
        let same = stored == row.encode();
        return if same { Ok(()) } else { Err(Problem::Conflict.into()) };
    }
    let mut count = 0;
    provider.store.rows.scan(&Scan::prefix(rows::links(bucket.id)), &mut |_, _| {
        count += 1;
        if count < LINKS_PER_BUCKET_MAX {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    if count >= LINKS_PER_BUCKET_MAX {
        let why = "the bucket has as many links as a provider keeps; revoke one";
        return Err(Refusal::from(Problem::Quota).because(why));
    }
    let row = row.encode();
    let reserved = bucket.vault.reserve(cost(&row))?;
    let mut batch = Batch::new();
    batch.expect_absent(key.clone()).put(key, row);
    provider.store.commit(batch).await?;
    reserved.used();
    Ok(())
}

/// Forgets a record, if it is here.
pub async fn forget(provider: &Provider, bucket: &Bucket, link: LinkId) -> Result<(), Refusal> {
    let _one_at_a_time = provider.link_rows.lock().await;
    let key = rows::link(bucket.id, link);
    let Some(row) = provider.store.rows.get(&key)? else { return Ok(()) };
    let mut batch = Batch::new();
    batch.delete(key);
    provider.store.commit(batch).await?;
    bucket.vault.release(cost(&row));
    Ok(())
}

/// Bytes of a vault's quota that a record's row takes.
const fn cost(row: &[u8]) -> u64 {
    row.len() as u64 + OVERHEAD
}

/// Bytes of its vault's quota that a bucket's records take.
pub fn used_bytes(rows: &dyn Rows, bucket: BucketId) -> Result<u64, Refusal> {
    let mut used = 0;
    rows.scan(&Scan::prefix(rows::links(bucket)), &mut |_, row| {
        used += cost(row);
        ControlFlow::Continue(())
    })?;
    Ok(used)
}

/// The record kept under this id.
pub fn read(provider: &Provider, bucket: BucketId, link: LinkId) -> Result<LinkRecord, Refusal> {
    let stored = provider.store.rows.get(&rows::link(bucket, link))?.ok_or(Problem::NotFound)?;
    let row = LinkRow::decode(&stored).ok_or(Problem::Damaged)?;
    LinkRecord::decode(&row.record).map_err(|_| Problem::Damaged.into())
}

/// How often the link of a record was opened.
pub fn uses(
    provider: &Provider,
    bucket: BucketId,
    record: &LinkRecord,
) -> Result<LinkUses, Refusal> {
    let last = record.chain.last().ok_or(Problem::Damaged)?;
    let row = provider.store.rows.get(&rows::uses(bucket, last.id()))?;
    let row = row.map(|row| UsesRow::decode(&row).ok_or(Problem::Damaged)).transpose()?;
    let spent = row.map_or(0, |row| row.spent);
    Ok(LinkUses { allowed: last.claims().caveats.uses, spent })
}

/// Counts the use a grant stands for, once for each use key, durably. `false`: all are spent, or
/// the grant is a counted link itself and no use of it.
pub async fn spend(provider: &Provider, bucket: BucketId, grant: &Grant) -> Result<bool, Refusal> {
    let Some(used) = grant.use_key() else { return Ok(!grant.needs_use_key()) };
    let _one_at_a_time = provider.link_rows.lock().await;
    let key = rows::use_key(bucket, used.counted, used.key);
    if provider.store.rows.get(&key)?.is_some() {
        return Ok(true); // it goes on with a use that was counted
    }
    let Some(mut batch) = one_more(provider, bucket, used, grant)? else { return Ok(false) };
    batch.expect_absent(key.clone()).put(key, rows::until(grant.expires()));
    provider.store.commit(batch).await?;
    Ok(true)
}

/// The count plus one; `None`: it is full.
fn one_more(
    provider: &Provider,
    bucket: BucketId,
    used: UseKey,
    grant: &Grant,
) -> Result<Option<Batch>, Refusal> {
    let key = rows::uses(bucket, used.counted);
    let mut batch = Batch::new();
    let (spent, expires) = match provider.store.rows.get(&key)? {
        None => {
            batch.expect_absent(key.clone());
            // The counted capability ends no later than all before it, and no earlier than the
            // last: until then its count must not be forgotten.
            (0, counted_until(grant, used))
        }
        Some(stored) => {
            let row = UsesRow::decode(&stored).ok_or(Problem::Damaged)?;
            batch.expect_equals(key.clone(), stored);
            (row.spent, row.expires)
        }
    };
    if spent >= used.uses {
        return Ok(None);
    }
    batch.put(key, UsesRow { spent: spent + 1, expires }.encode());
    Ok(Some(batch))
}

/// When the counted capability ends.
fn counted_until(grant: &Grant, used: UseKey) -> u64 {
    let counted = grant.elements().iter().find(|element| element.id == used.counted);
    counted.map_or(u64::MAX, |element| element.expires)
}

/// Deletes rows of links, counts and use keys that ended a day before `now`. Tells how many.
pub async fn forget_ended(provider: &Provider, now: u64) -> Result<u64, Refusal> {
    let over = now.saturating_sub(ENDED_KEPT_SECS);
    let ended = |key: &[u8], value: &[u8]| {
        let until = match key.first() {
            Some(b'l') => LinkRow::decode(value).map(|row| row.expires),
            Some(b'u') => UsesRow::decode(value).map(|row| row.expires),
            _ => rows::read_until(value),
        };
        until.is_some_and(|until| until <= over)
    };
    let mut count = 0;
    for table in [rows::ALL_LINKS, rows::ALL_USES, rows::ALL_USE_KEYS] {
        let _one_at_a_time = provider.link_rows.lock().await;
        let mut batch = Batch::new();
        let (mut found, mut costs) = (0, Vec::new());
        provider.store.rows.scan(&Scan::prefix(table), &mut |key, value| {
            if ended(key, value) {
                batch.delete(key);
                costs.extend(rows::bucket_of_link(key).map(|bucket| (bucket, cost(value))));
                found += 1;
            }
            if found < FORGOTTEN_AT_ONCE {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        // Counted before they go: who counts meanwhile counts them too, and both are given back. A
        // damaged bucket keeps no other's records here.
        let vaults = costs
            .into_iter()
            .filter_map(|(bucket, cost)| Some((provider.buckets.vault_of(bucket).ok()?, cost)));
        let vaults: Vec<_> = vaults.collect();
        if found > 0 {
            provider.store.commit(batch).await?;
        }
        for (vault, cost) in vaults {
            vault.release(cost);
        }
        count += found as u64;
    }
    Ok(count)
}
