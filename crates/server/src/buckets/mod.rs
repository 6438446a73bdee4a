//! Buckets in memory. Comes in: ids. Goes out: the state of a bucket, loaded once and kept while
//! there is room. Must not know: requests, sessions.
//!
//! The state runs ahead of the disk: a batch is judged and submitted under the bucket's lock, which
//! is let go before the disk answers, so that many writers share one fsync. Nothing of a batch is
//! shown or acknowledged before it is durable. If one fails, the state is dropped and loaded anew,
//! and every batch that was built on it fails too, because each expects the row [`Meta`] as the
//! batch before left it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use strongroom_store::{Batch, Scan};
use strongroom_wire::chain::Verified;
use strongroom_wire::control::Control;
use strongroom_wire::entry::Entry;
use strongroom_wire::fingerprint::SetSum;
use strongroom_wire::ids::{
    AuthorKey, BucketId, CapabilityId, ChunkId, DocumentTag, EntryId, VaultTag,
};
use strongroom_wire::problem::Problem;
use strongroom_wire::signature::KnownKeys;

use crate::links;
use crate::metrics::Metrics;
use crate::refusal::{Member, Refusal};
use crate::rows::{self, AuthorTip, ChunkRow, Meta, Place, Spent};
use crate::store::{Store, offload};

mod admit;
mod areas;
mod chunks;
mod copies;
mod pull;

pub use admit::{Admitted, Arriving, Bringing, Budget, is_simple};
pub use areas::is_in;
pub use pull::Pulled;

/// What a vault has used, over all its buckets.
#[derive(Debug)]
pub struct VaultUse {
    used: AtomicU64,
    quota: u64,
}

impl VaultUse {
    /// `used` bytes of a quota; 0: there is none.
    pub fn new(used: u64, quota: u64) -> Self {
        Self { used: AtomicU64::new(used), quota }
    }

    /// Bytes in use or about to be.
    pub fn used_bytes(&self) -> u64 {
        self.used.load(Ordering::Acquire)
    }

    /// Sets bytes aside, or says that they are not to be had.
    pub fn reserve(self: &Arc<Self>, bytes: u64) -> Result<Reserved, Refusal> {
        let quota = if self.quota == 0 { u64::MAX } else { self.quota };
        let add = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= quota);
        match self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, add) {
            Ok(_) => Ok(Reserved { vault: self.clone(), bytes }),
            Err(used) => Err(Refusal::from(Problem::Quota)
                .with(Member::QuotaBytes, self.quota)
                .with(Member::UsedBytes, used)),
        }
    }

    /// Gives back bytes that are in use no longer.
    pub fn release(&self, bytes: u64) {
        let _ = self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
            Some(used.saturating_sub(bytes))
        });
    }
}

/// Bytes set aside; given back unless they were used.
#[derive(Debug)]
pub struct Reserved {
    vault: Arc<VaultUse>,
    bytes: u64,
}

impl Reserved {
    /// Makes it exactly this many bytes, or says that they are not to be had.
    pub fn resize(&mut self, bytes: u64) -> Result<(), Refusal> {
        if let Some(more) = bytes.checked_sub(self.bytes) {
            let mut more = self.vault.reserve(more)?;
            self.bytes += std::mem::take(&mut more.bytes);
        } else {
            self.vault.release(self.bytes - bytes);
            self.bytes = bytes;
        }
        Ok(())
    }

    /// The bytes are in use now.
    pub fn used(mut self) {
        self.bytes = 0;
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.vault.release(self.bytes);
    }
}

/// What everybody may see of a bucket: as of its last durable batch.
#[derive(Debug, Clone)]
pub struct Published {
    /// Name of the arrival order.
    pub log: [u8; 8],
    /// Entries numbered.
    pub arrivals: u64,
    /// Sum and count of the set.
    pub sum: SetSum,
    /// Who may do what.
    pub control: Arc<Control>,
    revision: u64,
}

/// One bucket.
pub struct Bucket {
    /// Which.
    pub id: BucketId,
    /// Who is billed.
    pub vault: Arc<VaultUse>,
    state: tokio::sync::Mutex<State>,
    published: Mutex<Published>,
    dead: AtomicBool,
    /// Whether a chunk that entries refer to may be lost. It spares all other buckets a look.
    may_lack: AtomicBool,
    used_at: AtomicU64,
}

/// The bucket as it will be when all submitted batches are durable.
struct State {
    meta: Meta,
    /// The row as the newest submitted batch leaves it.
    meta_row: Vec<u8>,
    control: Arc<Control>,
    tips: HashMap<AuthorKey, AuthorTip>,
    entries: HashMap<EntryId, Place>,
    documents: HashSet<DocumentTag>,
    /// `None`: on its way out.
    chunks: HashMap<ChunkId, Option<ChunkRow>>,
    spent: HashMap<CapabilityId, Spent>,
    in_flight: VecDeque<InFlight>,
}

/// What a submitted batch will have changed; the disk does not show it yet.
struct InFlight {
    revision: u64,
    entries: Vec<EntryId>,
    documents: Vec<DocumentTag>,
    chunks: Vec<ChunkId>,
}

impl Bucket {
    /// The bucket as of its last durable batch.
    pub fn published(&self) -> Published {
        self.lock_published().clone()
    }

    fn lock_published(&self) -> MutexGuard<'_, Published> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn new(id: BucketId, vault: Arc<VaultUse>, meta: Meta, control: Control) -> Self {
        let control = Arc::new(control);
        let published = Published {
            log: meta.log,
            arrivals: meta.arrivals,
            sum: meta.sum,
            control: control.clone(),
            revision: meta.revision,
        };
        let state = State {
            meta_row: meta.encode(),
            meta,
            control,
            tips: HashMap::new(),
            entries: HashMap::new(),
            documents: HashSet::new(),
            chunks: HashMap::new(),
            spent: HashMap::new(),
            in_flight: VecDeque::new(),
        };
        Self {
            id,
            vault,
            state: tokio::sync::Mutex::new(state),
            published: Mutex::new(published),
            dead: AtomicBool::new(false),
            may_lack: AtomicBool::new(false),
            used_at: AtomicU64::new(0),
        }
    }

    /// Adds the new [`Meta`] to the batch, submits it, and makes it the state. The caller holds
    /// the lock and lets it go before awaiting what comes out. `settled` is told on a thread of the
    /// engine, before whoever awaits.
    fn submit<F: FnOnce(bool) + Send + 'static>(
        self: &Arc<Self>,
        store: &Store,
        state: &mut State,
        mut batch: Batch,
        change: &Change,
        settled: F,
    ) -> impl Future<Output = Result<(), Refusal>> + use<F> {
        let mut meta = change.meta;
        meta.revision += 1;
        let row = meta.encode();
        let key = rows::meta(self.id);
        if change.founds {
            batch.expect_absent(key.clone());
        } else {
            batch.expect_equals(key.clone(), std::mem::take(&mut state.meta_row));
        }
        batch.put(key, row.clone());
        if change.lacks {
            self.may_lack.store(true, Ordering::Release);
        }
        state.apply(meta, row, change);
        let published = Published {
            log: meta.log,
            arrivals: meta.arrivals,
            sum: meta.sum,
            control: state.control.clone(),
            revision: meta.revision,
        };
        let bucket = self.clone();
        let answer = store.submit(batch, move |durable| {
            if durable {
                let mut shown = bucket.lock_published();
                // Engines may answer two groups out of order; what is shown never goes back.
                if shown.revision < published.revision {
                    *shown = published;
                }
            } else {
                bucket.dead.store(true, Ordering::Release);
            }
            settled(durable);
        });
        async move { answer.await.map_err(Refusal::from) }
    }

    /// The state, for judging and submitting one batch.
    async fn lock(&self) -> Result<tokio::sync::MutexGuard<'_, State>, Refusal> {
        self.up_to_date(self.state.lock().await)
    }

    /// The same, on a thread that may wait.
    fn blocking_lock(&self) -> Result<tokio::sync::MutexGuard<'_, State>, Refusal> {
        self.up_to_date(self.state.blocking_lock())
    }

    fn up_to_date<'a>(
        &self,
        mut state: tokio::sync::MutexGuard<'a, State>,
    ) -> Result<tokio::sync::MutexGuard<'a, State>, Refusal> {
        if self.dead.load(Ordering::Acquire) {
            return Err(Problem::Busy.into());
        }
        state.settle(self.lock_published().revision);
        Ok(state)
    }

    /// Waits until everything submitted before this call is durable.
    async fn settled(&self, store: &Store) -> Result<(), Refusal> {
        // An empty batch waits for those submitted before it.
        store.commit(Batch::new()).await?;
        if self.dead.load(Ordering::Acquire) { Err(Problem::Busy.into()) } else { Ok(()) }
    }
}

/// What a batch changes, besides its rows.
struct Change {
    meta: Meta,
    founds: bool,
    control: Option<Control>,
    tips: HashMap<AuthorKey, AuthorTip>,
    entries: Vec<(EntryId, Place)>,
    documents: Vec<DocumentTag>,
    chunks: Vec<(ChunkId, Option<ChunkRow>)>,
    spent: Vec<(CapabilityId, Spent)>,
    /// Chunks that are new to the bucket.
    owned: u64,
    /// An entry refers to a chunk that is lost.
    lacks: bool,
}

impl Change {
    fn of(meta: Meta) -> Self {
        Self {
            meta,
            founds: false,
            control: None,
            tips: HashMap::new(),
            entries: Vec::new(),
            documents: Vec::new(),
            chunks: Vec::new(),
            spent: Vec::new(),
            owned: 0,
            lacks: false,
        }
    }
}

impl State {
    fn apply(&mut self, meta: Meta, row: Vec<u8>, change: &Change) {
        if let Some(control) = &change.control {
            self.control = Arc::new(control.clone());
        }
        self.tips.extend(&change.tips);
        self.entries.extend(change.entries.iter().copied());
        self.documents.extend(&change.documents);
        self.chunks.extend(change.chunks.iter().copied());
        self.spent.extend(change.spent.iter().copied());
        self.in_flight.push_back(InFlight {
            revision: meta.revision,
            entries: change.entries.iter().map(|(id, _)| *id).collect(),
            documents: change.documents.clone(),
            chunks: change.chunks.iter().map(|(id, _)| *id).collect(),
        });
        self.meta = meta;
        self.meta_row = row;
    }

    /// Forgets what the disk shows by now.
    fn settle(&mut self, durable: u64) {
        while self.in_flight.front().is_some_and(|first| first.revision <= durable) {
            let Some(done) = self.in_flight.pop_front() else { return };
            for id in done.entries {
                self.entries.remove(&id);
            }
            for document in done.documents {
                self.documents.remove(&document);
            }
            for chunk in done.chunks {
                // A later batch in flight may have changed the same chunk.
                if !self.in_flight.iter().any(|later| later.chunks.contains(&chunk)) {
                    self.chunks.remove(&chunk);
                }
            }
        }
        if self.in_flight.is_empty() && self.tips.len().max(self.spent.len()) > TIPS_MAX {
            self.tips.clear();
            self.spent.clear();
        }
    }

    fn place(
        &self,
        store: &Store,
        bucket: BucketId,
        id: EntryId,
    ) -> Result<Option<Place>, Refusal> {
        if let Some(place) = self.entries.get(&id) {
            return Ok(Some(*place));
        }
        let row = store.rows.get(&rows::entry(bucket, id))?;
        row.map(|row| Place::decode(&row).ok_or_else(damaged)).transpose()
    }

    fn tip(
        &mut self,
        store: &Store,
        bucket: BucketId,
        author: AuthorKey,
    ) -> Result<Option<AuthorTip>, Refusal> {
        if let Some(tip) = self.tips.get(&author) {
            return Ok(Some(*tip));
        }
        let Some(row) = store.rows.get(&rows::author(bucket, author))? else { return Ok(None) };
        let tip = AuthorTip::decode(&row).ok_or_else(damaged)?;
        self.tips.insert(author, tip);
        Ok(Some(tip))
    }

    fn chunk(
        &self,
        store: &Store,
        bucket: BucketId,
        chunk: ChunkId,
    ) -> Result<Option<ChunkRow>, Refusal> {
        if let Some(row) = self.chunks.get(&chunk) {
            return Ok(*row);
        }
        let row = store.rows.get(&rows::chunk(bucket, chunk))?;
        row.map(|row| ChunkRow::decode(&row).ok_or_else(damaged)).transpose()
    }
}

/// Tips of authors kept per bucket before all are read again.
const TIPS_MAX: usize = 4_096;

/// A row of ours that does not read: the store is damaged, or written by a newer version.
fn damaged() -> Refusal {
    tracing::error!("a row does not read, or what it names is gone; run the store's check");
    Problem::Damaged.into()
}

/// All buckets in memory, and what their vaults have used.
pub struct Buckets {
    store: Store,
    metrics: Arc<Metrics>,
    /// Authors who wrote lately.
    keys: KnownKeys,
    quota: u64,
    max: usize,
    clock: AtomicU64,
    held: Mutex<HashMap<BucketId, Arc<Bucket>>>,
    vaults: Mutex<HashMap<VaultTag, Weak<VaultUse>>>,
    /// Held shared while a blob and the row that owns it are written, alone while blobs without
    /// an owner are deleted: else a blob could go between the two.
    blob_gate: tokio::sync::RwLock<()>,
}

impl Buckets {
    /// At most `max` buckets at once; `quota` bytes a vault.
    pub fn new(store: Store, metrics: Arc<Metrics>, quota: u64, max: usize) -> Self {
        Self {
            store,
            metrics,
            keys: KnownKeys::default(),
            quota,
            max,
            clock: AtomicU64::new(0),
            held: Mutex::default(),
            vaults: Mutex::default(),
            blob_gate: tokio::sync::RwLock::new(()),
        }
    }

    /// Held from writing a blob to the durable row of its owner.
    pub async fn blob_gate(&self) -> tokio::sync::RwLockReadGuard<'_, ()> {
        self.blob_gate.read().await
    }

    fn lock_held(&self) -> MutexGuard<'_, HashMap<BucketId, Arc<Bucket>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bucket, if there is one here.
    pub async fn open(self: &Arc<Self>, id: BucketId) -> Result<Option<Arc<Bucket>>, Refusal> {
        if let Some(bucket) = self.in_memory(id) {
            return Ok(Some(bucket));
        }
        let this = self.clone();
        let Some(bucket) = offload(move || this.load(id)).await?? else { return Ok(None) };
        Ok(Some(self.keep(bucket)))
    }

    fn in_memory(&self, id: BucketId) -> Option<Arc<Bucket>> {
        let mut held = self.lock_held();
        let bucket = held.get(&id)?;
        if bucket.dead.load(Ordering::Acquire) {
            held.remove(&id);
            return None;
        }
        bucket.used_at.store(self.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        Some(bucket.clone())
    }

    /// Keeps a bucket just loaded, unless somebody else was faster.
    fn keep(&self, bucket: Bucket) -> Arc<Bucket> {
        let mut held = self.lock_held();
        if let Some(there) = held.get(&bucket.id)
            && !there.dead.load(Ordering::Acquire)
        {
            return there.clone();
        }
        while held.len() >= self.max {
            // A bucket in use, or with a batch under way, has further owners.
            let idle = held.values().filter(|bucket| Arc::strong_count(bucket) == 1);
            let oldest = idle.min_by_key(|bucket| bucket.used_at.load(Ordering::Relaxed));
            let Some(oldest) = oldest.map(|bucket| bucket.id) else { break };
            held.remove(&oldest);
        }
        let bucket = Arc::new(bucket);
        bucket.used_at.store(self.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        held.insert(bucket.id, bucket.clone());
        self.metrics.buckets_cached.set(held.len());
        bucket
    }

    fn load(&self, id: BucketId) -> Result<Option<Bucket>, Refusal> {
        let rows = &self.store.rows;
        let Some(row) = rows.get(&rows::meta(id))? else { return Ok(None) };
        let meta = Meta::decode(&row).map_err(|_| damaged())?;
        let control = self.load_control(id, meta.arrivals)?;
        let vault = self.vault_use(meta.vault)?;
        let bucket = Bucket::new(id, vault, meta, control);
        rows.scan(&Scan::prefix(rows::all_lost(id)), &mut |_, _| {
            bucket.may_lack.store(true, Ordering::Release);
            ControlFlow::Break(())
        })?;
        Ok(Some(bucket))
    }

    /// Replays the control log as of the given arrival.
    fn load_control(&self, id: BucketId, upto: u64) -> Result<Control, Refusal> {
        let mut numbers = Vec::new();
        let scan = Scan::range(rows::controls(id), rows::control(id, upto + 1));
        self.store.rows.scan(&scan, &mut |key, _| {
            numbers.extend(rows::number_of_arrival(key));
            ControlFlow::Continue(())
        })?;
        let mut control: Option<Control> = None;
        for number in numbers {
            let row = self.store.rows.get(&rows::arrival(id, number))?.ok_or_else(damaged)?;
            let entry = Entry::decode(row.get(1..).unwrap_or_default()).map_err(|_| damaged())?;
            let entry = Verified::danger_from_own_store(entry);
            match &mut control {
                None => control = Some(Control::new(&entry).map_err(|_| damaged())?),
                Some(control) => control.insert(&entry).map_err(|_| damaged())?,
            }
        }
        control.ok_or_else(damaged)
    }

    /// What a vault has used: counted from its buckets once, then kept while one is in memory.
    pub fn vault_use(&self, vault: VaultTag) -> Result<Arc<VaultUse>, Refusal> {
        let mut vaults = self.vaults.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = vaults.get(&vault).and_then(Weak::upgrade) {
            return Ok(there);
        }
        let mut used = 0;
        for (bucket, meta) in self.holdings(vault)? {
            used += meta.used_bytes() + links::used_bytes(&*self.store.rows, bucket)?;
        }
        let fresh = Arc::new(VaultUse::new(used, self.quota));
        vaults.retain(|_, vault| vault.strong_count() > 0);
        vaults.insert(vault, Arc::downgrade(&fresh));
        Ok(fresh)
    }

    /// What the vault of a bucket has used.
    pub fn vault_of(&self, bucket: BucketId) -> Result<Arc<VaultUse>, Refusal> {
        let row = self.store.rows.get(&rows::meta(bucket))?.ok_or_else(damaged)?;
        self.vault_use(Meta::decode(&row).map_err(|_| damaged())?.vault)
    }

    /// What a vault holds here, bucket by bucket.
    pub fn holdings(&self, vault: VaultTag) -> Result<Vec<(BucketId, Meta)>, Refusal> {
        let mut buckets = Vec::new();
        self.store.rows.scan(&Scan::prefix(rows::holdings(vault)), &mut |key, _| {
            buckets.extend(rows::bucket_of_holding(key));
            ControlFlow::Continue(())
        })?;
        buckets
            .into_iter()
            .map(|bucket| {
                let row = self.store.rows.get(&rows::meta(bucket))?.ok_or_else(damaged)?;
                Ok((bucket, Meta::decode(&row).map_err(|_| damaged())?))
            })
            .collect()
    }
}
