//! Admission: what a provider asks of entries before it stores them. Comes in: decoded entries of
//! one request. Goes out: one batch, submitted, or a refusal that names the entry. Must not know:
//! who carried them, or what they say.
//!
//! All or nothing. The order of the rules: already here → chain of its author → suite → form and
//! kind → clock → what it names is here → its author may → epoch not followed → chunks are here →
//! quotas.

mod references;
mod spending;

pub use spending::Budget;

pub(super) use references::ids_of_list;

use std::collections::hash_map::Entry::Vacant;
use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::sync::Arc;

use strongroom_store::{Batch, BlobId};
use strongroom_wire::chain::{Signed, Tip, Verified, authenticate_signed};
use strongroom_wire::clear::Clear;
use strongroom_wire::control::{Control, ControlError};
use strongroom_wire::entry::{Entry, Header, Hlc, Kind, Sealed};
use strongroom_wire::ids::{AuthorKey, BucketId, ChunkId, DocumentTag, EntryId, VaultTag};
use strongroom_wire::limits::HLC_AHEAD_MAX_MS;
use strongroom_wire::problem::Problem;
use tokio::sync::MutexGuard;

use super::{Bucket, Buckets, Change, Reserved, State};
use crate::refusal::{Member, Refusal};
use crate::rows::{self, AuthorTip, Meta, OVERHEAD, Place, Version};
use crate::store::{Store, now_millis, now_secs, offload, random};

/// What one request brings beside bytes of chunks.
#[derive(Debug, Default)]
pub struct Bringing {
    /// In the order of the request.
    pub entries: Vec<Entry>,
    /// Chunks that the sender cannot bring, because they are lost: entries that refer to them are
    /// taken all the same, or their authors' chains would end here for good.
    pub lost: HashSet<ChunkId>,
    /// A relay stores what others wrote, whenever they wrote it: epochs may have been followed.
    pub relayed: bool,
    /// The author who brings it, where it is one. What others wrote he relays, whatever his rights:
    /// they may have been taken out since, and their entries stay in the set.
    pub by: Option<AuthorKey>,
    /// The quotas of the chain it is brought with.
    pub budgets: Vec<Budget>,
}

/// The same, with its chunks durable.
#[derive(Debug)]
pub struct Arriving {
    /// What is to be judged.
    pub bringing: Bringing,
    /// Chunks whose bytes are durable already; this batch makes them the bucket's.
    pub chunks: Vec<(ChunkId, u32)>,
    /// What was set aside for the chunks.
    pub reserved: Reserved,
}

impl Arriving {
    /// Whether judging it takes longer than a thread that serves sockets may be away.
    fn is_long(&self) -> bool {
        self.bringing.entries.len() > JUDGED_HERE_MAX
    }
}

/// Whether a request's entries are judged and submitted in a moment, and leave nothing to do when
/// they are durable: then nothing is lost if the asker hangs up meanwhile.
pub fn is_simple(entries: &[Entry]) -> bool {
    let purges = |entry: &Entry| entry.header().kind == Kind::Purge;
    entries.len() <= JUDGED_HERE_MAX && !entries.iter().any(purges)
}

/// What became of a request's entries: all of them are durable.
#[derive(Debug, Default)]
pub struct Admitted {
    /// Arrival numbers of all entries of the request, new and known, ascending.
    pub numbers: Vec<u64>,
}

impl Buckets {
    /// Judges and stores, in one batch. Where an entry is refused, the chunks that came with it
    /// are the bucket's all the same: the next try need not send them.
    pub async fn admit(
        self: &Arc<Self>,
        bucket: &Arc<Bucket>,
        arriving: Arriving,
    ) -> Result<Admitted, Refusal> {
        // Signatures take longest, and need nothing of the bucket: before its lock.
        let submitted = if arriving.is_long() {
            let (this, bucket) = (self.clone(), bucket.clone());
            // Thousands of hashes: not on a thread that serves sockets.
            offload(move || {
                let signed = Signed::check(&arriving.bringing.entries, &this.keys);
                this.judge_and_submit(&bucket, bucket.blocking_lock()?, arriving, &signed)
            })
            .await?
        } else {
            let signed = Signed::check(&arriving.bringing.entries, &self.keys);
            self.judge_and_submit(bucket, bucket.lock().await?, arriving, &signed)
        };
        self.finish(bucket, submitted?).await
    }

    /// The part under the bucket's lock. Others judge and submit while the disk is busy with what
    /// comes out of it.
    fn judge_and_submit(
        &self,
        bucket: &Arc<Bucket>,
        mut state: MutexGuard<'_, State>,
        arriving: Arriving,
        signed: &Signed,
    ) -> Result<Submitted, Refusal> {
        let Arriving { bringing, chunks, reserved } = arriving;
        let Bringing { entries, lost, relayed, by, budgets } = bringing;
        let mut judging = Judging::new(&self.store, bucket, &mut state, &chunks)?;
        (judging.relayed, judging.lost, judging.by) = (relayed, lost, by);
        judging.budgets.clone_from(&budgets);
        match judging.run(entries, signed) {
            Ok(judged) => self.submit_judged(bucket, &mut state, judged, reserved),
            Err(refusal) if chunks.is_empty() => Err(refusal),
            Err(refusal) => {
                let mut judging = Judging::new(&self.store, bucket, &mut state, &chunks)?;
                judging.budgets = budgets;
                let judged = judging.run(Vec::new(), signed)?;
                let mut submitted = self.submit_judged(bucket, &mut state, judged, reserved)?;
                submitted.refusal = Some(refusal);
                Ok(submitted)
            }
        }
    }

    fn submit_judged(
        &self,
        bucket: &Arc<Bucket>,
        state: &mut State,
        judged: Judged,
        mut reserved: Reserved,
    ) -> Result<Submitted, Refusal> {
        reserved.resize(judged.new_bytes)?;
        let Judged { batch, change, numbers, fresh, waits, freed, lost, .. } = judged;
        let answer: Option<Answered> = if batch.is_empty() {
            None
        } else {
            let (metrics, vault, chunks) =
                (self.metrics.clone(), bucket.vault.clone(), change.owned);
            // With the batch and not with the asker, who may hang up meanwhile: what was set aside
            // for it and what stands on disk must not part.
            let settled = move |durable| {
                if durable {
                    reserved.used();
                    vault.release(freed);
                    metrics.entries_stored.add(fresh);
                    metrics.chunks_stored.add(chunks);
                }
            };
            Some(Box::pin(bucket.submit(&self.store, state, batch, &change, settled)))
        };
        Ok(Submitted { answer, numbers, waits, lost, refusal: None })
    }

    async fn finish(
        self: &Arc<Self>,
        bucket: &Arc<Bucket>,
        submitted: Submitted,
    ) -> Result<Admitted, Refusal> {
        match submitted.answer {
            Some(answer) => answer.await?,
            None if submitted.waits => bucket.settled(&self.store).await?,
            None => {}
        }
        if !submitted.lost.is_empty() {
            self.delete_unowned(submitted.lost).await?;
        }
        if let Some(refusal) = submitted.refusal {
            return Err(refusal);
        }
        let mut numbers = submitted.numbers;
        numbers.sort_unstable();
        numbers.dedup();
        Ok(Admitted { numbers })
    }

    /// Opens a bucket billed to a vault: genesis first, then what founds it.
    pub async fn found(
        self: &Arc<Self>,
        id: BucketId,
        vault: VaultTag,
        entries: Vec<Entry>,
    ) -> Result<Admitted, Refusal> {
        if let Some(bucket) = self.open(id).await? {
            if self.meta_of(id)?.is_none_or(|meta| meta.vault != vault) {
                return Err(Problem::Conflict.into());
            }
            // The answer to the first try was lost: only what is new is judged.
            let reserved = bucket.vault.reserve(0)?;
            let bringing = Bringing { entries, ..Bringing::default() };
            let arriving = Arriving { bringing, chunks: Vec::new(), reserved };
            return self.admit(&bucket, arriving).await;
        }
        let this = self.clone();
        let (bucket, submitted) =
            offload(move || this.judge_founding(id, vault, entries)).await??;
        let admitted = self.finish(&bucket, submitted).await?;
        self.metrics.buckets_total.one();
        Ok(admitted)
    }

    fn judge_founding(
        &self,
        id: BucketId,
        vault: VaultTag,
        entries: Vec<Entry>,
    ) -> Result<(Arc<Bucket>, Submitted), Refusal> {
        let genesis = entries.first().filter(|entry| entry.id() == id.genesis());
        let Some(genesis) = genesis else {
            return Err(Refusal::from(Problem::Malformed).because("the genesis comes first"));
        };
        // Whether it is authentic is judged below, with its author's chain; nothing is kept, shown
        // or stored before.
        let control = Control::new(&Verified::danger_from_own_store(genesis.clone()))
            .map_err(|error| refuse(genesis, error))?;
        let vault_use = self.vault_use(vault)?;
        let reserved = vault_use.reserve(0)?;
        let meta = Meta::new(vault, random()?, now_secs());
        let bucket = Arc::new(Bucket::new(id, vault_use, meta, control));
        let mut state = bucket.blocking_lock()?;
        let signed = Signed::check(&entries, &self.keys);
        let mut judging = Judging::new(&self.store, &bucket, &mut state, &[])?;
        judging.founding = true;
        let mut judged = judging.run(entries, &signed)?;
        judged.batch.put(rows::holding(vault, id), Vec::new());
        judged.change.founds = true;
        let submitted = self.submit_judged(&bucket, &mut state, judged, reserved)?;
        drop(state);
        Ok((bucket, submitted))
    }

    fn meta_of(&self, id: BucketId) -> Result<Option<Meta>, Refusal> {
        let row = self.store.rows.get(&rows::meta(id))?;
        row.map(|row| Meta::decode(&row).map_err(|_| super::damaged())).transpose()
    }
}

/// Entries of one request that are judged on the thread that serves the socket.
const JUDGED_HERE_MAX: usize = 32;

type Answered = Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>>;

/// A batch on its way to the disk, and what is to be done when it is there.
struct Submitted {
    answer: Option<Answered>,
    numbers: Vec<u64>,
    waits: bool,
    /// Blobs that may have lost their last owner by a purge.
    lost: Vec<BlobId>,
    /// The entries' refusal, where only their chunks were stored.
    refusal: Option<Refusal>,
}

/// One request's entries on their way to a batch. Nothing of the state is changed before all of
/// them passed.
struct Judging<'a> {
    store: &'a Store,
    bucket: BucketId,
    state: &'a mut State,
    relayed: bool,
    by: Option<AuthorKey>,
    founding: bool,
    now: u64,
    /// The control log with what this request adds to it.
    control: Option<Control>,
    /// Clocks of the entries judged so far.
    seen: HashMap<EntryId, Hlc>,
    /// Documents this request is the first to name.
    documents: HashSet<DocumentTag>,
    /// Chunks this request may refer to although they are not here.
    lost: HashSet<ChunkId>,
    /// Chunks this request makes the bucket's, and whether an entry of it refers to them.
    chunks: HashMap<ChunkId, (u32, bool)>,
    /// Quotas that what passes counts against.
    budgets: Vec<Budget>,
}

/// What passed.
struct Judged {
    batch: Batch,
    change: Change,
    numbers: Vec<u64>,
    fresh: u64,
    new_bytes: u64,
    /// Entries of the request are in batches that are not durable yet.
    waits: bool,
    /// Bytes a purge gave back, and blobs that may have lost their last owner by it.
    freed: u64,
    lost: Vec<BlobId>,
}

fn refuse(entry: &Entry, error: ControlError) -> Refusal {
    let problem = match error {
        ControlError::Stopped | ControlError::Deactivated => Problem::Forbidden,
        _ => Problem::InvalidEntry,
    };
    Refusal::entry(problem, entry.id(), &error)
}

fn invalid(entry: &Entry, reason: &str) -> Refusal {
    Refusal::entry(Problem::InvalidEntry, entry.id(), &reason)
}

impl<'a> Judging<'a> {
    fn new(
        store: &'a Store,
        bucket: &Bucket,
        state: &'a mut State,
        chunks: &[(ChunkId, u32)],
    ) -> Result<Self, Refusal> {
        let mut fresh = HashMap::new();
        for (id, len) in chunks {
            // A chunk that is the bucket's already is not counted twice.
            if !state.chunk(store, bucket.id, *id)?.is_some_and(|row| row.is_here()) {
                fresh.insert(*id, (*len, false));
            }
        }
        Ok(Self {
            store,
            bucket: bucket.id,
            state,
            relayed: false,
            by: None,
            founding: false,
            now: now_secs(),
            control: None,
            seen: HashMap::new(),
            documents: HashSet::new(),
            lost: HashSet::new(),
            chunks: fresh,
            budgets: Vec::new(),
        })
    }

    fn run(mut self, entries: Vec<Entry>, signed: &Signed) -> Result<Judged, Refusal> {
        let mut judged = Judged {
            batch: Batch::new(),
            change: Change::of(self.state.meta),
            numbers: Vec::new(),
            fresh: 0,
            new_bytes: 0,
            waits: false,
            freed: 0,
            lost: Vec::new(),
        };
        let fresh = self.drop_known(entries, &mut judged)?;
        // A checkpoint only says what was seen; a device that has not heard of the revoke yet sends
        // one with what it asks.
        let says_only = fresh.iter().all(|entry| entry.header().kind == Kind::Checkpoint);
        if !(says_only && self.chunks.is_empty()) && self.state.control.is_deactivated() {
            let why = "the bucket is deactivated: pull only";
            return Err(Refusal::from(Problem::Forbidden).because(why));
        }
        if !fresh.is_empty() {
            self.judge_all(fresh, signed, &mut judged)?;
        }
        self.own_chunks(&mut judged)?;
        self.spend(&mut judged)?;
        judged.change.control = self.control;
        judged.change.documents = self.documents.into_iter().collect();
        Ok(judged)
    }

    fn judge_all(
        &mut self,
        fresh: Vec<Entry>,
        signed: &Signed,
        judged: &mut Judged,
    ) -> Result<(), Refusal> {
        let mut tips = self.tips(&fresh)?;
        let known = |author: &AuthorKey| {
            tips.get(author).copied().flatten().map(|tip| Tip { seq: tip.seq, id: tip.id })
        };
        let fresh = authenticate_signed(self.bucket, fresh, signed, known)
            .map_err(|e| Refusal::entry(Problem::InvalidEntry, e.entry, &e.reason))?;
        let count = fresh.len();
        for (at, entry) in fresh.into_iter().enumerate() {
            let tip = tips.entry(entry.header().author).or_default();
            self.judge(&entry, tip)?;
            self.keep(&entry, at + 1 == count, judged)?;
        }
        for (author, tip) in tips {
            let Some(tip) = tip else { continue };
            if !self.state.tips.contains_key(&author) {
                judged.change.meta.authors += 1;
            }
            judged.batch.put(rows::author(self.bucket, author), tip.encode());
            judged.change.tips.insert(author, tip);
        }
        judged.change.meta.last_at = self.now;
        Ok(())
    }

    /// Takes out what is here already; a retry after a lost answer changes nothing.
    fn drop_known(
        &mut self,
        entries: Vec<Entry>,
        judged: &mut Judged,
    ) -> Result<Vec<Entry>, Refusal> {
        let mut fresh = Vec::with_capacity(entries.len());
        for entry in entries {
            let header = entry.header();
            let tip = self.state.tip(self.store, self.bucket, header.author)?;
            // What is here of an author is his chain up to its tip: no look is needed beyond.
            let place = if tip.is_some_and(|tip| header.seq <= tip.seq) {
                self.state.place(self.store, self.bucket, entry.id())?
            } else {
                None
            };
            match place {
                Some(place) => {
                    judged.waits |= self.state.entries.contains_key(&entry.id());
                    judged.numbers.push(place.number);
                }
                None => fresh.push(entry),
            }
        }
        Ok(fresh)
    }

    /// Where the chains of the authors stand.
    fn tips(&mut self, fresh: &[Entry]) -> Result<HashMap<AuthorKey, Option<AuthorTip>>, Refusal> {
        let mut tips = HashMap::new();
        for entry in fresh {
            let author = entry.header().author;
            if let Vacant(place) = tips.entry(author) {
                place.insert(self.state.tip(self.store, self.bucket, author)?);
            }
        }
        Ok(tips)
    }

    fn judge(
        &mut self,
        entry: &Verified<Entry>,
        tip: &mut Option<AuthorTip>,
    ) -> Result<(), Refusal> {
        let header = entry.header();
        let genesis = header.kind == Kind::Genesis;
        if genesis && !self.founding {
            return Err(refuse(entry, ControlError::Bucket));
        }
        if !self.state.control.genesis().floors.admits(header.suite) {
            return Err(invalid(entry, "is of a suite that is not in use in its bucket"));
        }
        // Whoever pulls gets entries in this order, and can use every prefix of it.
        if header.seq != tip.map_or(0, |tip| tip.seq + 1) {
            return Err(invalid(entry, "stands before its author's earlier entry"));
        }
        if tip.is_some_and(|tip| header.hlc < tip.hlc) {
            return Err(invalid(entry, "goes back in time"));
        }
        if header.hlc.millis() > now_millis().saturating_add(HLC_AHEAD_MAX_MS) {
            return Err(invalid(entry, "its clock is more than a day ahead"));
        }
        if !matches!(entry.sealed(), Sealed::Here(_)) {
            return Err(invalid(entry, "its sealed part is missing"));
        }
        if header.kind == Kind::Segment {
            return Err(Refusal::entry(Problem::Unsupported, entry.id(), &"unknown kind"));
        }
        self.check_epoch(entry)?;
        let relays = self.relays(header);
        if header.kind.is_control() {
            if !genesis {
                let state = &self.state.control;
                let control = self.control.get_or_insert_with(|| (**state).clone());
                control.insert(entry).map_err(|error| refuse(entry, error))?;
                // Between replicas it would stay, hidden. Here its author can still be told.
                if !relays && !control.counts(&entry.id()) {
                    return Err(refuse(entry, ControlError::Stopped));
                }
            }
        } else {
            let control = self.control.as_ref().unwrap_or(&self.state.control);
            match control.judge_entry(entry) {
                Err(ControlError::Stopped) if relays => {}
                judged => judged.map_err(|error| refuse(entry, error))?,
            }
            self.check_parents(entry)?;
        }
        *tip = Some(AuthorTip { seq: header.seq, id: entry.id(), hlc: header.hlc });
        self.seen.insert(entry.id(), header.hlc);
        Ok(())
    }

    /// Whether an entry is brought by somebody who did not write it.
    fn relays(&self, header: &Header) -> bool {
        self.relayed || self.by.is_some_and(|by| by != header.author)
    }

    /// A device that seals under an epoch that was followed has not seen who was taken out: it
    /// must look again. A revoke is taken all the same; nothing may hold one up.
    fn check_epoch(&self, entry: &Verified<Entry>) -> Result<(), Refusal> {
        let header = entry.header();
        if self.relays(header) || header.epoch.is_zero() || header.kind == Kind::Revoke {
            return Ok(());
        }
        let control = self.control.as_ref().unwrap_or(&self.state.control);
        if !control.is_stale(&header.epoch) {
            return Ok(());
        }
        let current: Vec<String> =
            control.current_epochs().iter().map(EntryId::to_base32).collect();
        Err(Refusal::from(Problem::StaleEpoch)
            .with(Member::Entry, entry.id().to_base32())
            .with(Member::Epochs, current))
    }

    fn check_parents(&self, entry: &Verified<Entry>) -> Result<(), Refusal> {
        for parent in &entry.header().parents {
            let hlc = match self.seen.get(parent) {
                Some(hlc) => Some(*hlc),
                None => self.state.place(self.store, self.bucket, *parent)?.map(|place| place.hlc),
            };
            match hlc {
                None => return Err(refuse(entry, ControlError::Missing)),
                Some(hlc) if entry.header().hlc < hlc => {
                    return Err(refuse(entry, ControlError::Clock));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Adds one judged entry to the batch.
    fn keep(
        &mut self,
        entry: &Verified<Entry>,
        last: bool,
        judged: &mut Judged,
    ) -> Result<(), Refusal> {
        let header = entry.header();
        let clear = Clear::decode(header.kind, entry.clear())
            .map_err(|_| refuse(entry, ControlError::Form))?;
        match &clear {
            Clear::Version(version) => self.refer(entry, &version.references, judged)?,
            Clear::Message(message) => self.refer(entry, &message.references, judged)?,
            Clear::Purge { entries, chunks } => self.purge(entry, entries, chunks, judged)?,
            _ => {}
        }
        self.count_document(header.document, judged)?;
        let meta = &mut judged.change.meta;
        meta.arrivals += 1;
        let place = Place { number: meta.arrivals, hlc: header.hlc };
        let mut row = vec![if last { rows::LAST_OF_REQUEST } else { 0 }];
        row.append(&mut entry.encode());
        let len = row.len() as u64 - 1;
        meta.entry_bytes += len;
        meta.sum.add(header.hlc, entry.id());
        judged.new_bytes += len + OVERHEAD;
        judged.batch.put(rows::arrival(self.bucket, place.number), row);
        judged.batch.put(rows::entry(self.bucket, entry.id()), place.encode());
        if !header.document.is_zero() {
            let key = rows::version(self.bucket, header.document, place.number);
            judged.batch.put(key, Version { hlc: header.hlc, id: entry.id() }.encode());
        }
        if header.kind.is_control() {
            judged.batch.put(rows::control(self.bucket, place.number), Vec::new());
        }
        judged.change.entries.push((entry.id(), place));
        judged.numbers.push(place.number);
        judged.fresh += 1;
        Ok(())
    }

    fn count_document(&mut self, tag: DocumentTag, judged: &mut Judged) -> Result<(), Refusal> {
        if tag.is_zero() || self.documents.contains(&tag) || self.state.documents.contains(&tag) {
            return Ok(());
        }
        let key = rows::document(self.bucket, tag);
        if self.store.rows.get(&key)?.is_none() {
            judged.change.meta.documents += 1;
            judged.batch.put(key, Vec::new());
            self.documents.insert(tag);
        }
        Ok(())
    }
}
