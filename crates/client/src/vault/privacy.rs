//! What a provider holds of this vault. Comes in: the entries that were really sent, the counters
//! of what went over the wire, and the provider's own count. Goes out: numbers, and what follows
//! from them in words. Must not know: what the entries say; only their clear bytes are read here,
//! because only those a provider can read.

use std::collections::BTreeSet;

use strongroom_wire::api::Holding;
use strongroom_wire::capability::Capability;
use strongroom_wire::cbor::Reader;
use strongroom_wire::clear::{Clear, Version};
use strongroom_wire::entry::{Header, Kind};
use strongroom_wire::ids::{AuthorKey, ChunkId, DocumentTag, MemberTag};
use strongroom_wire::limits::{CLEAR_LEN_MAX, HEADER_LEN_MAX};

use super::{Bucket, Vault};
use crate::error::Result;
use crate::replica::keys;
use crate::replica::rows::{RemoteRecord, SyncState, Totals};
use crate::report::{PrivacyBucket, PrivacyReport, count};
use crate::sealing::padding_in_words;

/// What anyone can read in the clear bytes of one bucket's entries.
#[derive(Default)]
struct Seen {
    entries: u64,
    bytes: u64,
    documents: BTreeSet<DocumentTag>,
    authors: BTreeSet<AuthorKey>,
    members: BTreeSet<MemberTag>,
    chunks: BTreeSet<ChunkId>,
    sizes: BTreeSet<u32>,
    /// How the bucket rounds lengths, in words: its genesis says it.
    padding: String,
    suite: u8,
    transactions: BTreeSet<u64>,
    first: u64,
    last: u64,
}

impl Vault {
    /// One report a provider.
    pub fn privacy(&self) -> Result<Vec<PrivacyReport>> {
        self.remote_records()?.iter().map(|record| self.privacy_at(record)).collect()
    }

    fn privacy_at(&self, record: &RemoteRecord) -> Result<PrivacyReport> {
        let holdings = self.holdings(record);
        let (mut buckets, mut all) = (Vec::new(), Vec::new());
        let (mut requests, mut bytes_sent) = (0, 0);
        for made in self.records()? {
            let bucket = Bucket::open(made, self)?;
            let state = self.sync_state(&bucket, record)?;
            requests += state.requests;
            bytes_sent += state.bytes_sent;
            let mut seen = self.seen(&bucket, &state)?;
            if seen.entries == 0 {
                continue;
            }
            let sealing = bucket.sealing()?;
            seen.padding = padding_in_words(sealing.padding);
            seen.suite = sealing.suite.byte();
            let totals: Totals = self.replica.get(&keys::totals(bucket.no()))?.unwrap_or_default();
            let held = holdings.iter().find(|held| held.bucket == bucket.record.id);
            buckets.push(PrivacyBucket {
                label: bucket.record.label.clone(),
                did: bucket.record.id.to_string(),
                entries: seen.entries,
                documents: seen.documents.len() as u64,
                authors: seen.authors.len() as u64,
                chunks: held.map_or(seen.chunks.len() as u64, |held| held.chunks),
                sealed_bytes: seen.bytes + held.map_or(0, |held| held.chunk_bytes),
                content_bytes: totals.content_bytes,
                first: seen.first / 1_000,
                last: seen.last / 1_000,
                provider_entries: held.map(|held| held.entries),
                provider_bytes: held.map(|held| held.entry_bytes + held.chunk_bytes),
            });
            all.push(seen);
        }
        let asked = !holdings.is_empty();
        Ok(PrivacyReport {
            url: record.url.clone(),
            tier: "native",
            label: None,
            cannot_protect: Vec::new(),
            can_know: can_know((&buckets, &all), requests, self.has_inbox()?, asked),
            cannot_know: cannot_know(&buckets, &all),
            buckets,
            requests,
            bytes_sent,
        })
    }

    /// The provider's own count; empty when it does not answer.
    fn holdings(&self, record: &RemoteRecord) -> Vec<Holding> {
        let ask = || {
            let remote = self.remote(record)?;
            let session = self.vault_session(&remote, record)?;
            Ok::<_, crate::error::Error>(self.runtime()?.block_on(session.holdings())?)
        };
        ask().unwrap_or_default()
    }

    /// Reads the clear bytes of what was sent.
    fn seen(&self, bucket: &Bucket, state: &SyncState) -> Result<Seen> {
        let mut seen = Seen::default();
        let scan = strongroom_store::Scan::range(
            keys::entry(bucket.no(), 0),
            keys::entry(bucket.no(), state.pushed.saturating_add(1)),
        );
        self.replica.each_in(&scan, |_, bytes| {
            let mut r = Reader::new(bytes);
            r.array_exact(4)?;
            let header = Header::decode(r.bytes(HEADER_LEN_MAX)?)?;
            r.bytes(64)?;
            seen.add(&header, r.bytes(CLEAR_LEN_MAX)?, bytes.len() as u64);
            Ok(true)
        })?;
        Ok(seen)
    }
}

impl Seen {
    fn add(&mut self, header: &Header, clear: &[u8], len: u64) {
        self.entries += 1;
        self.bytes += len;
        self.authors.insert(header.author);
        self.sizes.insert(header.sealed_len);
        self.transactions.insert(header.hlc.0);
        if !header.document.is_zero() {
            self.documents.insert(header.document);
        }
        let millis = header.hlc.millis();
        self.first = if self.first == 0 { millis } else { self.first.min(millis) };
        self.last = self.last.max(millis);
        match Clear::decode(header.kind, clear) {
            Ok(Clear::Version(Version { references, .. })) => {
                self.chunks.extend(references.direct());
            }
            Ok(Clear::Member(member)) if header.kind == Kind::Member => {
                let tags = member.capabilities.iter().filter_map(|bytes| {
                    Capability::decode(bytes).ok().and_then(|one| one.claims().member)
                });
                self.members.extend(tags);
            }
            _ => {}
        }
    }
}

fn can_know(
    (buckets, all): (&[PrivacyBucket], &[Seen]),
    requests: u64,
    inbox: bool,
    asked: bool,
) -> Vec<String> {
    let sum = |of: fn(&PrivacyBucket) -> u64| count(buckets.iter().map(of).sum());
    let mut lines = vec![
        format!(
            "that these {} buckets belong to one vault: it hosts and bills them together, sees \
             them over the same connections and keeps one recovery record",
            buckets.len()
        ),
        format!(
            "that there are {} documents with random tags (directories among them), in {} \
             entries, and which entry follows which",
            sum(|b| b.documents),
            sum(|b| b.entries)
        ),
        how_sealed(all),
        format!(
            "how many bytes each takes when sealed and padded: {} different sizes for {} entries, \
             and {} chunks, {} bytes in all",
            count(all.iter().flat_map(|seen| &seen.sizes).collect::<BTreeSet<_>>().len() as u64),
            sum(|b| b.entries),
            sum(|b| b.chunks),
            sum(|b| b.sealed_bytes)
        ),
        format!(
            "when something was written: {} different times; the entries of one command share one",
            count(all.iter().map(|seen| seen.transactions.len() as u64).sum())
        ),
        format!(
            "how many devices write, as pseudonyms: {} authors of {} members, another in every \
             bucket",
            sum(|b| b.authors),
            all.iter().map(|seen| seen.members.len()).sum::<usize>()
        ),
        "what each pseudonym may do and until when, links and drops among them, and from which \
         network address somebody used a link or put something in"
            .to_owned(),
        format!(
            "from which network address this device made {} requests, when, and what it fetched",
            count(requests)
        ),
        "that a recovery record exists, when it changed and when it was read".to_owned(),
    ];
    if inbox {
        lines.push(
            "that there is an inbox: when something came to it, how long it was, and from which \
             network address; neither from whom nor what"
                .to_owned(),
        );
    }
    if !asked {
        lines.push(
            "it did not answer just now: the numbers are those of what this device sent".to_owned(),
        );
    }
    lines
}

/// What each genesis says in the clear.
fn how_sealed(all: &[Seen]) -> String {
    let of = |suite| all.iter().filter(|seen| seen.suite == suite).count();
    format!(
        "which cipher each bucket is sealed with (suite 1: {}, suite 2: {}) and how its sizes are \
         rounded",
        of(1),
        of(2)
    )
}

fn cannot_know(buckets: &[PrivacyBucket], all: &[Seen]) -> Vec<String> {
    let names = count(buckets.iter().map(|b| b.documents).sum());
    let bytes = count(buckets.iter().map(|b| b.content_bytes).sum());
    let shared = count(all.iter().flat_map(|seen| &seen.transactions).count() as u64);
    vec![
        format!("what is in them: {bytes} bytes of content stand only inside ciphertext"),
        format!("any of the {names} names, paths, types, times and modes: they are sealed, too"),
        "which documents are directories and what is in them: all are sealed alike and shuffled \
         before they are sent"
            .to_owned(),
        format!(
            "true sizes: each is rounded up ({}) before sealing; {shared} commands left no order \
             inside them",
            all.iter()
                .map(|seen| seen.padding.as_str())
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
                .join("; or, where asked for, ")
        ),
        "whether two documents are equal: every sealing has a key of its own".to_owned(),
        "who you are: your identity, your phrase and the labels of buckets never leave this device \
         unsealed"
            .to_owned(),
        "whom you know: contacts are sealed documents of the vault's own bucket, among its others"
            .to_owned(),
        "that a pseudonym in one bucket and one in another are the same device, but for hosting \
         both and seeing the connections"
            .to_owned(),
    ]
}
