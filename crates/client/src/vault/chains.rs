//! Author chains as this replica holds them. Comes in: entries that may not fit. Goes out: where
//! each chain stands, and proofs that an author wrote two. Must not know: sockets, what entries
//! say.

use std::collections::{BTreeMap, HashSet};

use strongroom_core::checkpoint::ForkProof;
use strongroom_wire::chain::{Tip, Verified, signature_holds};
use strongroom_wire::entry::Entry;
use strongroom_wire::ids::AuthorKey;

use super::{Bucket, Vault};
use crate::error::{Error, Result};
use crate::replica::checkpoints::ForkRow;
use crate::replica::keys::{self, BucketNo};
use crate::report::Fork;

impl Vault {
    pub(crate) fn author_tips(
        &self,
        bucket: &Bucket,
        entries: &[Entry],
    ) -> Result<BTreeMap<AuthorKey, Tip>> {
        let mut tips = BTreeMap::new();
        for entry in entries {
            let author = entry.header().author;
            if tips.contains_key(&author) {
                continue;
            }
            let Some(bytes) = self.replica.rows().get(&keys::author(bucket.no(), author))? else {
                continue;
            };
            tips.insert(author, crate::replica::read_tip(&bytes)?);
        }
        Ok(tips)
    }

    /// An author's entries here from this place on, ascending.
    pub(crate) fn chain_from(
        &self,
        b: BucketNo,
        author: AuthorKey,
        seq: u64,
    ) -> Result<Vec<Verified<Entry>>> {
        let mut chain = Vec::new();
        let Some(bytes) = self.replica.rows().get(&keys::author(b, author))? else {
            return Ok(chain);
        };
        let mut at = crate::replica::read_tip(&bytes)?;
        while at.seq >= seq {
            let Some(entry) = self.replica.entry_by_id(b, at.id)? else { break };
            let before = Tip { seq: at.seq.wrapping_sub(1), id: entry.header().prev };
            chain.push(entry);
            if at.seq == 0 {
                break;
            }
            at = before;
        }
        chain.reverse();
        Ok(chain)
    }

    /// R3: of entries that do not fit what is here, proofs that their authors wrote two at one
    /// place. Kept whatever becomes of the rest.
    pub(crate) fn keep_forks(&self, bucket: &Bucket, new: &[Entry]) -> Result<()> {
        let mut runs: BTreeMap<AuthorKey, Vec<&Entry>> = BTreeMap::new();
        for entry in new {
            runs.entry(entry.header().author).or_default().push(entry);
        }
        runs.remove(&bucket.author.author());
        let mut batch = strongroom_store::Batch::new();
        let mut noted = Vec::new();
        for (author, mut run) in runs {
            run.sort_by_key(|entry| (entry.header().seq, entry.id()));
            let Some(proof) = self.fork_of(bucket.no(), author, &run)? else { continue };
            let key = keys::fork(bucket.no(), author, proof.fork().seq);
            if self.replica.rows().get(&key)?.is_none() {
                noted.push(proof.fork().seq);
                self.replica.put(&mut batch, key, &ForkRow(proof.encode()))?;
            }
        }
        if batch.is_empty() {
            return Ok(());
        }
        self.replica.rows().commit(batch)?;
        let label = &bucket.record.label;
        self.note(
            bucket.no(),
            format!(
                "a device wrote two histories into {label}; `strongroom verify --json` shows the \
                 proof, and whoever reads it can check it"
            ),
        )
    }

    fn fork_of(&self, b: BucketNo, author: AuthorKey, run: &[&Entry]) -> Result<Option<ForkProof>> {
        let Some(first) = run.first().map(|entry| entry.header().seq) else { return Ok(None) };
        let ours = self.chain_from(b, author, first)?;
        for (at, entry) in run.iter().enumerate() {
            let seq = entry.header().seq;
            let held =
                ours.iter().position(|one| one.header().seq == seq && one.id() != entry.id());
            let one = held.map(|at| signed_run(ours.iter().skip(at).map(|entry| &**entry)));
            // Or both came in one answer.
            let one = one.or_else(|| {
                let beside = run.get(at + 1).filter(|next| next.header().seq == seq)?;
                (beside.id() != entry.id()).then(|| followers(run, beside))
            });
            let Some(one) = one else { continue };
            if let Ok(proof) = ForkProof::new(&one, &followers(run, entry)) {
                return Ok(Some(proof));
            }
        }
        Ok(None)
    }

    /// Proofs that devices wrote two histories. Each convicts its author before anyone.
    pub fn forks(&self) -> Result<Vec<Fork>> {
        let mut found = Vec::new();
        for made in self.records()? {
            for (_, ForkRow(bytes)) in self.replica.all::<ForkRow>(&keys::forks(made.no))? {
                let proof = ForkProof::decode(&bytes).map_err(Error::damaged)?;
                found.push(Fork::of(&proof));
            }
        }
        Ok(found)
    }
}

/// Entries of authors of whom something stands at one of their places already, here or among them.
pub(crate) fn forking(new: &[Entry], tips: &BTreeMap<AuthorKey, Tip>) -> Vec<Entry> {
    let mut places = HashSet::with_capacity(new.len());
    let mut authors = HashSet::new();
    for entry in new {
        let (author, seq) = (entry.header().author, entry.header().seq);
        let taken = tips.get(&author).is_some_and(|tip| tip.seq >= seq);
        if !places.insert((author, seq)) || taken {
            authors.insert(author);
        }
    }
    new.iter().filter(|entry| authors.contains(&entry.header().author)).cloned().collect()
}

/// Up to the first entry that is signed, and with it.
fn signed_run<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<Entry> {
    let mut run = Vec::new();
    for entry in entries {
        let done = signature_holds(entry);
        run.push(entry.clone());
        if done {
            break;
        }
    }
    run
}

/// The run that begins with `first` and goes on by `prev`.
fn followers(run: &[&Entry], first: &Entry) -> Vec<Entry> {
    let mut last = first.id();
    let follows = run.iter().filter(|entry| {
        let next = entry.header().prev == last && entry.id() != last;
        if next {
            last = entry.id();
        }
        next
    });
    let chain: Vec<&Entry> = std::iter::once(first).chain(follows.copied()).collect();
    signed_run(chain.into_iter())
}
