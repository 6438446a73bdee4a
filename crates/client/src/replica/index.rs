//! Taking entries in. Comes in: verified entries of one bucket with what they say. Goes out: one
//! batch that holds entries, heads, versions, the tree and the counts, all or nothing. Must not
//! know: where the entries came from.
//!
//! The tree is computed: every document's versions name its parent and its name; nobody stores a
//! listing that another replica would have to believe. A document whose parent is absent, removed
//! or below itself is shown at the root until that ends (attack A59).

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use strongroom_core::checkpoint::Checkpoint;
use strongroom_core::document::{DocumentType, Metadata};
use strongroom_core::tree::{Rank, cut_of};
use strongroom_store::Batch;
use strongroom_wire::capability::Capability;
use strongroom_wire::chain::{Tip as AuthorTip, Verified};
use strongroom_wire::clear::{Clear, Version};
use strongroom_wire::control::makes_drop;
use strongroom_wire::entry::{Entry, Hlc, Kind};
use strongroom_wire::ids::{AuthorKey, DocumentTag, EntryId};

use super::checkpoints::CheckpointRow;
use super::keys::{self, BucketNo, LocalNo};
use super::rows::{DocumentRow, Head, NameRow, Row, Stamp, Tip, Totals};
use super::{Replica, damaged_row};
use crate::error::Result;

/// One entry with what it says, as far as the index needs it.
#[derive(Debug)]
pub struct Taken {
    /// The entry.
    pub entry: Verified<Entry>,
    /// What a version says; `None` for all other kinds, and for versions that do not open.
    pub facts: Option<Metadata>,
    /// How the source looked, for what this device put.
    pub stamp: Option<Stamp>,
    /// Whether it counts: not if its author was taken out before it. Then it is kept and hidden.
    pub counts: bool,
}

impl Taken {
    /// An entry that counts and of which the index need not know what it says.
    pub const fn plain(entry: Verified<Entry>) -> Self {
        Self { entry, facts: None, stamp: None, counts: true }
    }
}

/// A version or tombstone that was judged once more.
#[derive(Debug)]
pub struct Judged {
    /// Its number here.
    pub no: LocalNo,
    /// Its id.
    pub id: EntryId,
    /// Its clock.
    pub hlc: Hlc,
    /// What it follows.
    pub parents: Vec<EntryId>,
    /// What it says.
    pub facts: Option<Metadata>,
    /// Whether it counts now.
    pub counts: bool,
}

/// A set of entries being taken in.
pub struct Intake<'a> {
    replica: &'a Replica,
    bucket: BucketNo,
    batch: Batch,
    tip: Tip,
    tip_before: Option<Vec<u8>>,
    totals: Totals,
    documents: HashMap<DocumentTag, Pending>,
    authors: HashMap<AuthorKey, AuthorTip>,
    /// Documents whose place must be looked at again, once each round.
    unplaced: VecDeque<DocumentTag>,
    queued: HashSet<DocumentTag>,
    parents: HashMap<DocumentTag, bool>,
    /// What checkpoints leave behind, before and after.
    checkpoints: (CheckpointRow, CheckpointRow),
    added: HashSet<EntryId>,
    /// Messages added here.
    messages: HashMap<EntryId, LocalNo>,
    /// Clocks beyond it are not followed.
    horizon: Hlc,
    /// Starts from nothing: what the replica holds of the bucket is replaced.
    blank: bool,
}

/// A document before and after.
struct Pending {
    before: DocumentRow,
    after: DocumentRow,
}

impl<'a> Intake<'a> {
    /// Starts from the replica's state; the commit will expect it unchanged.
    pub fn start(replica: &'a Replica, bucket: BucketNo) -> Result<Self> {
        let tip_before = replica.rows().get(&keys::tip(bucket))?;
        let tip = match &tip_before {
            Some(bytes) => Tip::decode(bytes).map_err(|_| damaged_row())?,
            None => Tip::default(),
        };
        let checkpoints: CheckpointRow =
            replica.get(&keys::checkpoints(bucket))?.unwrap_or_default();
        Ok(Self {
            replica,
            bucket,
            batch: Batch::new(),
            tip,
            tip_before,
            totals: replica.get(&keys::totals(bucket))?.unwrap_or_default(),
            documents: HashMap::new(),
            authors: HashMap::new(),
            unplaced: VecDeque::new(),
            queued: HashSet::new(),
            parents: HashMap::new(),
            checkpoints: (checkpoints.clone(), checkpoints),
            added: HashSet::new(),
            messages: HashMap::new(),
            horizon: Hlc(u64::MAX),
            blank: false,
        })
    }

    /// Starts from nothing. The commit removes all entries of the bucket and what followed from
    /// them, and where the exchange with providers stood, and puts what was added here in their
    /// place: all or nothing.
    pub fn replace(replica: &'a Replica, bucket: BucketNo) -> Result<Self> {
        let mut intake = Self::start(replica, bucket)?;
        for prefix in keys::of_entries(replica.key(), bucket) {
            let batch = &mut intake.batch;
            replica.each(&prefix, |key, _| {
                batch.delete(key);
                Ok(true)
            })?;
        }
        intake.tip = Tip::default();
        intake.totals = Totals::default();
        // What the recovery record named follows from no entry.
        let due = intake.checkpoints.0.due;
        intake.checkpoints.1 = CheckpointRow { due, ..CheckpointRow::default() };
        intake.blank = true;
        Ok(intake)
    }

    /// Entries later than this are taken in, and no clock follows them.
    pub const fn absorb_up_to(&mut self, horizon: Hlc) {
        self.horizon = horizon;
    }

    /// Where this device stood when it started, or after what was added here.
    pub const fn tip(&self) -> Tip {
        self.tip
    }

    /// For rows that belong into the same commit.
    pub const fn batch(&mut self) -> &mut Batch {
        &mut self.batch
    }

    /// Remembers how the source of a document's current version looks now, on this device only.
    pub fn restamp(&mut self, tag: DocumentTag, stamp: Stamp) -> Result<()> {
        let row = &mut self.pending(tag)?.after;
        if let Some(head) = row.heads.iter_mut().find(|head| head.facts.is_some()) {
            head.stamp = Some(stamp);
        }
        Ok(())
    }

    /// Reads the documents that entries will be about, all at once.
    pub fn expect(&mut self, tags: &[DocumentTag]) -> Result<()> {
        if self.blank {
            return Ok(());
        }
        let rows = self.replica.documents(self.bucket, tags)?;
        for (tag, row) in tags.iter().zip(rows) {
            let before = row.unwrap_or_default();
            self.documents.entry(*tag).or_insert_with(|| Pending { after: before.clone(), before });
        }
        Ok(())
    }

    /// Adds one entry that is not here yet. `own` when this device's author wrote it.
    pub fn add(&mut self, taken: Taken, own: bool) -> Result<LocalNo> {
        let Taken { entry, facts, stamp, counts } = taken;
        let header = entry.header();
        let no = self.tip.last_no + 1;
        self.tip.last_no = no;
        self.tip.sum.add(header.hlc, entry.id());
        if own || header.hlc <= self.horizon {
            self.tip.position.clock = self.tip.position.clock.max(header.hlc);
        }
        if own {
            self.tip.position.next_seq = header.seq + 1;
            self.tip.position.prev = entry.id();
        }
        self.checkpoints.1.count(entry.id(), header, own);
        self.added.insert(entry.id());
        let b = self.bucket;
        let bytes = entry.encode();
        self.count(&entry, bytes.len() as u64);
        self.batch.put(keys::entry(b, no), bytes);
        self.batch.put(keys::entry_no(b, entry.id()), no.to_be_bytes());
        self.authors.insert(header.author, AuthorTip { seq: header.seq, id: entry.id() });
        if header.kind.is_control() {
            self.batch.put(keys::control(b, no), Vec::new());
            for tag in granted_by(&entry) {
                self.batch.put(keys::granted(b, tag), Vec::new());
            }
        }
        self.note_drops(&entry, no)?;
        if matches!(header.kind, Kind::Version | Kind::Tombstone) {
            let key = keys::version(b, header.document, header.hlc, entry.id());
            self.batch.put(key, no.to_be_bytes());
            if !counts {
                self.batch.put(keys::hidden(b, no), Vec::new());
                return Ok(no);
            }
            // A version that does not open counts in the graph and is shown nowhere: `facts` of
            // None makes it look like a tombstone, and `verify` names it.
            let head = Head { id: entry.id(), no, hlc: header.hlc, facts, stamp };
            self.add_head(header.document, head, &header.parents)?;
        }
        Ok(no)
    }

    /// Notes what is found again without looking through everything: drops, and messages until they
    /// are purged.
    fn note_drops(&mut self, entry: &Entry, no: LocalNo) -> Result<()> {
        let b = self.bucket;
        match Clear::decode(entry.header().kind, entry.clear()) {
            Ok(Clear::Message(_)) => {
                self.batch.put(keys::message(b, no), Vec::new());
                self.messages.insert(entry.id(), no);
            }
            Ok(Clear::Member(member)) if makes_drop(&member) => {
                self.batch.put(keys::drop_made(b, no), Vec::new());
            }
            Ok(Clear::Purge { entries, .. }) => {
                for id in &entries {
                    let here = self.messages.remove(id);
                    let held = if self.blank { None } else { self.replica.entry_no(b, *id)? };
                    for no in here.into_iter().chain(held) {
                        self.batch.delete(keys::message(b, no));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Works a document out from all its versions once more, each after what it follows.
    pub fn judge_again(&mut self, tag: DocumentTag, versions: Vec<Judged>) -> Result<()> {
        let stamps: HashMap<EntryId, Stamp> = {
            let row = &mut self.pending(tag)?.after;
            let heads = std::mem::take(&mut row.heads);
            heads.into_iter().filter_map(|head| Some((head.id, head.stamp?))).collect()
        };
        self.queue(tag);
        for Judged { no, id, hlc, parents, facts, counts } in versions {
            let key = keys::hidden(self.bucket, no);
            if !counts {
                self.batch.put(key, Vec::new());
                continue;
            }
            self.batch.delete(key);
            let stamp = stamps.get(&id).copied();
            self.add_head(tag, Head { id, no, hlc, facts, stamp }, &parents)?;
        }
        Ok(())
    }

    /// Notes what a checkpoint says that was added just now. `own` when this device's author wrote
    /// it.
    pub fn witness(&mut self, entry: &Entry, said: &Checkpoint, own: bool) {
        self.checkpoints.1.witness(entry.id(), entry.header(), said, own);
    }

    /// What checkpoints left behind so far.
    pub const fn checkpoints(&self) -> &CheckpointRow {
        &self.checkpoints.1
    }

    /// What a recovery record says must be here.
    pub const fn expect_due(&mut self, due: EntryId) {
        self.checkpoints.1.due = Some(due);
    }

    /// Claims about what is here by now are forgotten; what is left is withheld.
    fn settle_checkpoints(&mut self) -> Result<()> {
        let (replica, b) = (self.replica, self.bucket);
        let (added, blank) = (&self.added, self.blank);
        let mut failed = None;
        let mut here = |id: EntryId| {
            let mut held = || match replica.entry_no(b, id) {
                Ok(no) => no.is_some(),
                Err(error) => {
                    failed = Some(error);
                    false
                }
            };
            added.contains(&id) || (!blank && held())
        };
        let row = &mut self.checkpoints.1;
        row.witnessed.settle(&mut here);
        row.due = row.due.filter(|id| !here(*id));
        if let Some(error) = failed {
            return Err(error);
        }
        if self.checkpoints.0 != self.checkpoints.1 || self.blank {
            replica.put(&mut self.batch, keys::checkpoints(b), &self.checkpoints.1)?;
        }
        Ok(())
    }

    fn count(&mut self, entry: &Entry, bytes: u64) {
        let millis = entry.header().hlc.millis();
        self.totals.entry_bytes += bytes;
        if self.totals.first == 0 {
            self.totals.first = millis;
        }
        self.totals.last = self.totals.last.max(millis);
        if let Ok(Clear::Version(Version { references, .. })) =
            Clear::decode(entry.header().kind, entry.clear())
        {
            self.totals.chunks += references.direct().len() as u64;
        }
    }

    fn pending(&mut self, tag: DocumentTag) -> Result<&mut Pending> {
        if !self.documents.contains_key(&tag) {
            let key = keys::document(self.bucket, tag);
            let held = if self.blank { None } else { self.replica.get::<DocumentRow>(&key)? };
            let before = held.unwrap_or_default();
            self.documents.insert(tag, Pending { after: before.clone(), before });
        }
        self.documents.get_mut(&tag).ok_or_else(damaged_row)
    }

    fn add_head(&mut self, tag: DocumentTag, head: Head, parents: &[EntryId]) -> Result<()> {
        let row = &mut self.pending(tag)?.after;
        row.heads.retain(|other| !parents.contains(&other.id));
        let at = row.heads.partition_point(|other| (other.hlc, other.id) > (head.hlc, head.id));
        row.heads.insert(at, head);
        self.queue(tag);
        Ok(())
    }

    fn queue(&mut self, tag: DocumentTag) {
        if self.queued.insert(tag) {
            self.unplaced.push_back(tag);
        }
    }

    /// A document as it will be after this intake.
    fn view(&mut self, tag: DocumentTag) -> Result<Option<&DocumentRow>> {
        if tag.is_zero() {
            return Ok(None);
        }
        let row = &self.pending(tag)?.after;
        Ok(if row.heads.is_empty() { None } else { Some(row) })
    }

    fn is_live_directory(&mut self, tag: DocumentTag) -> Result<bool> {
        if let Some(known) = self.parents.get(&tag) {
            return Ok(*known);
        }
        let live = self.view(tag)?.and_then(DocumentRow::current).is_some_and(|head| {
            head.facts.as_ref().is_some_and(|facts| facts.kind == DocumentType::Directory)
        });
        self.parents.insert(tag, live);
        Ok(live)
    }

    /// Places every document whose heads or parent changed, and those that depend on it.
    fn place_all(&mut self) -> Result<()> {
        // What was looked up while entries were still coming may be out of date.
        self.parents.clear();
        let changed: Vec<DocumentTag> = self.unplaced.iter().copied().collect();
        let mut directories = false;
        for tag in changed {
            self.queue_dependents(tag)?;
            directories |= self.is_or_was_directory(tag)?;
        }
        if directories {
            self.queue_displaced()?;
        }
        // Each document is placed at most twice: once itself, once when it closes a cycle.
        let mut again = BTreeSet::new();
        while let Some(tag) = self.unplaced.pop_front() {
            self.queued.remove(&tag);
            if let Some(cut) = self.place(tag)?
                && cut != tag
                && again.insert(cut)
            {
                self.queue(cut);
            }
        }
        Ok(())
    }

    fn is_or_was_directory(&mut self, tag: DocumentTag) -> Result<bool> {
        let pending = self.pending(tag)?;
        Ok([&pending.before, &pending.after].into_iter().any(|row| {
            let facts = row.current().and_then(|head| head.facts.as_ref());
            facts.is_some_and(|facts| facts.kind == DocumentType::Directory)
        }))
    }

    /// What was cut out of a cycle depends on every member of it: on their parents, and on which of
    /// them was written last. Without this two devices that heard of the same moves in another
    /// order would show them in different places.
    fn queue_displaced(&mut self) -> Result<()> {
        let mut displaced = Vec::new();
        self.replica.each(&keys::all_waiting(self.bucket), |key, _| {
            displaced.extend(key.last_chunk::<16>().map(|tag| DocumentTag(*tag)));
            Ok(true)
        })?;
        for tag in displaced {
            self.queue(tag);
        }
        Ok(())
    }

    /// If a document stopped or started to be a directory, what names it as parent moves.
    fn queue_dependents(&mut self, tag: DocumentTag) -> Result<()> {
        let is_directory = |row: &DocumentRow| {
            row.current()
                .and_then(|head| head.facts.as_ref())
                .map(|facts| (facts.kind == DocumentType::Directory, facts.parent))
        };
        let (before, after) = {
            let pending = self.pending(tag)?;
            (is_directory(&pending.before), is_directory(&pending.after))
        };
        if before == after {
            return Ok(());
        }
        let mut dependents = Vec::new();
        if before.is_some_and(|(directory, _)| directory) {
            let prefix = keys::directory(self.replica.key(), self.bucket, tag);
            for (_, name) in self.replica.all::<NameRow>(&prefix)? {
                dependents.push(name.tag);
            }
        }
        let prefix = keys::waiting_for(self.replica.key(), self.bucket, tag);
        self.replica.each(&prefix, |key, _| {
            if let Some(tag) = key.last_chunk::<16>() {
                dependents.push(DocumentTag(*tag));
            }
            Ok(true)
        })?;
        for tag in dependents {
            self.pending(tag)?;
            self.queue(tag);
        }
        Ok(())
    }

    /// Decides where a document is shown. Gives the member of a cycle that is cut, if there is one.
    fn place(&mut self, tag: DocumentTag) -> Result<Option<DocumentTag>> {
        let wanted = self
            .view(tag)?
            .and_then(DocumentRow::current)
            .and_then(|head| head.facts.as_ref().map(|facts| facts.parent));
        let Some(wanted) = wanted else { return Ok(None) };
        let cut = if wanted.is_zero() { None } else { self.cycle_cut(tag)? };
        let here = wanted.is_zero() || (self.is_live_directory(wanted)? && cut != Some(tag));
        let waiting = keys::waiting(self.replica.key(), self.bucket, wanted, tag);
        let row = &mut self.pending(tag)?.after;
        row.shown_in = if here { wanted } else { DocumentTag::ZERO };
        let was_displaced = std::mem::replace(&mut row.displaced, !here);
        if !here {
            self.batch.put(waiting, Vec::new());
        } else if was_displaced {
            self.batch.delete(waiting);
        }
        Ok(cut)
    }

    /// Where the cycle this document is part of is cut, if it is part of one.
    fn cycle_cut(&mut self, start: DocumentTag) -> Result<Option<DocumentTag>> {
        let mut failed = None;
        let cut = cut_of(start, |at| match self.claim(at) {
            Ok(claim) => claim,
            Err(error) => {
                failed = Some(error);
                None
            }
        });
        failed.map_or(Ok(cut), Err)
    }

    /// What a document says of its place: its parent, zero where that is no directory.
    fn claim(&mut self, tag: DocumentTag) -> Result<Option<(DocumentTag, Rank)>> {
        let head = self.view(tag)?.and_then(DocumentRow::current);
        let said = head.and_then(|it| Some((it.facts.as_ref()?.parent, (it.hlc, it.id))));
        let Some((parent, rank)) = said else { return Ok(None) };
        let held = !parent.is_zero() && self.is_live_directory(parent)?;
        Ok(Some((if held { parent } else { DocumentTag::ZERO }, rank)))
    }

    /// Writes everything and waits until it is durable. Fails with a conflict if another process
    /// was faster; then nothing was written.
    pub fn commit(mut self) -> Result<Tip> {
        self.place_all()?;
        self.settle_checkpoints()?;
        let documents = std::mem::take(&mut self.documents);
        for (tag, pending) in documents {
            self.write_document(tag, &pending)?;
        }
        let b = self.bucket;
        for (author, tip) in &self.authors {
            let mut value = tip.seq.to_be_bytes().to_vec();
            value.extend_from_slice(&tip.id.0);
            self.batch.put(keys::author(b, *author), value);
        }
        let key = keys::tip(b);
        match self.tip_before.take() {
            Some(bytes) => self.batch.expect_equals(key.clone(), bytes),
            None => self.batch.expect_absent(key.clone()),
        };
        self.batch.put(key, self.tip.encode());
        let totals = self.totals;
        self.replica.put(&mut self.batch, keys::totals(b), &totals)?;
        self.replica.rows().commit(self.batch)?;
        Ok(self.tip)
    }

    fn write_document(&mut self, tag: DocumentTag, pending: &Pending) -> Result<()> {
        let (before, after) = (&pending.before, &pending.after);
        if before == after {
            return Ok(());
        }
        let b = self.bucket;
        let replica = self.replica;
        for head in before.live() {
            if let Some(facts) = &head.facts {
                let dir = before.shown_in;
                self.batch.delete(keys::name(replica.key(), b, dir, &facts.name, tag, head.id));
            }
        }
        let conflict = after.is_conflict();
        let current = after.current().map(|head| head.id);
        for head in after.live() {
            let Some(facts) = &head.facts else { continue };
            let row = NameRow {
                tag,
                first: Some(head.id) == current,
                conflict,
                displaced: after.displaced,
                head: head.clone(),
            };
            let key = keys::name(replica.key(), b, after.shown_in, &facts.name, tag, head.id);
            replica.put(&mut self.batch, key, &row)?;
        }
        match (before.is_conflict(), conflict) {
            (false, true) => {
                self.batch.put(keys::conflict(b, tag), Vec::new());
            }
            (true, false) => {
                self.batch.delete(keys::conflict(b, tag));
            }
            _ => {}
        }
        self.totals.tags += u64::from(before.heads.is_empty());
        let (listed_before, bytes_before) = weight(before);
        let (listed_after, bytes_after) = weight(after);
        self.totals.documents =
            (self.totals.documents + listed_after).saturating_sub(listed_before);
        self.totals.content_bytes =
            (self.totals.content_bytes + bytes_after).saturating_sub(bytes_before);
        replica.put(&mut self.batch, keys::document(b, tag), after)
    }
}

/// Documents that a control entry grants alone.
fn granted_by(entry: &Entry) -> Vec<DocumentTag> {
    let Ok(Clear::Member(member)) = Clear::decode(entry.header().kind, entry.clear()) else {
        return Vec::new();
    };
    let carried = member.capabilities.iter().filter_map(|it| Capability::decode(it).ok());
    carried.filter_map(|it| it.claims().target.document()).collect()
}

/// What a document counts: itself, if it is listed, and its bytes.
fn weight(row: &DocumentRow) -> (u64, u64) {
    let current = row.current().and_then(|head| head.facts.as_ref());
    match current {
        Some(facts) if facts.kind != DocumentType::Internal => (1, facts.size),
        _ => (0, 0),
    }
}
