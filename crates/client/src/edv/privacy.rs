//! What the server of an EDV vault learns, and what this protocol cannot protect. Comes in: what
//! this person's devices have seen of the vault. Goes out: numbers and words. Must not know:
//! sockets; nothing is asked for it.

use std::collections::BTreeMap;

use super::Edv;
use super::memory::Seen;
use super::record::EdvIndex;
use crate::error::Result;
use crate::report::{PrivacyReport, count};
use crate::vault::Vault;

impl Vault {
    /// One report for each EDV vault.
    pub fn edv_privacy(&self) -> Result<Vec<PrivacyReport>> {
        let records = self.edv_records()?;
        records.into_iter().map(|record| Edv::of(self, record)?.privacy()).collect()
    }
}

impl Edv<'_> {
    fn privacy(&self) -> Result<PrivacyReport> {
        let seen = self.all_seen()?;
        let mut can_know = shape(&seen);
        can_know.extend(self.record.indexes.iter().enumerate().map(|(at, it)| told(at, it, &seen)));
        can_know.extend(self.people());
        can_know.push(
            "from which network address each document was asked for and written, and when"
                .to_owned(),
        );
        let signed = seen.values().filter(|it| it.signed).count() as u64;
        let others = seen.len() as u64 - signed;
        let cannot_know = vec![
            format!("what the {} documents say: they are sealed", count(seen.len() as u64)),
            "names and values that are indexed: they are blinded; it can only compare and count \
             them"
                .to_owned(),
            "that another vault of yours is yours, by its keys: each has its own".to_owned(),
        ];
        let cannot_protect = vec![
            "from a server that hides a document nobody of you has seen, or gives a device that \
             has seen no newer one an old state: nothing ties one state to the next"
                .to_owned(),
            format!(
                "from a server that writes: {} documents are signed by somebody who may write, and \
                 {} could be anybody's; --strict shows the first only",
                count(signed),
                count(others)
            ),
            "what somebody could read while they were let in; and there are no epochs: letting \
             somebody out seals each document again"
                .to_owned(),
            "from whoever asks again what was asked before: a signed request can be repeated for \
             15 minutes, and a capability is good for 5 minutes after its end"
                .to_owned(),
        ];
        Ok(PrivacyReport {
            url: self.record.url.clone(),
            tier: "edv",
            label: Some(self.record.name.clone()),
            buckets: Vec::new(),
            requests: 0,
            bytes_sent: 0,
            can_know,
            cannot_know,
            cannot_protect,
        })
    }

    fn people(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "whose it is ({}), to which keys each document is sealed, by name, and who was let in: \
             {} now, until when, to read or to write",
            self.record.controller,
            count(self.record.grants.len() as u64)
        )];
        if !self.is_own() {
            lines.push(
                "that you are the one who was let into other vaults by the same key, if it keeps \
                 those, too: `edv id` is one for all"
                    .to_owned(),
            );
        }
        lines
    }
}

fn shape(seen: &BTreeMap<String, Seen>) -> Vec<String> {
    let live = seen.values().filter(|it| !it.deleted).count() as u64;
    let states: u64 = seen.values().map(|it| it.sequence + 1).sum();
    vec![
        format!(
            "that there are {} documents (as far as you have seen), {} of them removed, and \
             how often each was written: {} states in all",
            count(seen.len() as u64),
            count(seen.len() as u64 - live),
            count(states)
        ),
        "how long each is: rounded up where this program wrote it, to the byte where another \
         did; how many chunks a stream has, and how long the last is"
            .to_owned(),
    ]
}

/// What one index tells.
fn told(at: usize, it: &EdvIndex, seen: &BTreeMap<String, Seen>) -> String {
    let mut counts: BTreeMap<[u8; 8], u64> = BTreeMap::new();
    for (_, value) in seen
        .values()
        .filter(|seen| !seen.deleted)
        .flat_map(|seen| seen.values.iter().filter(|(index, _)| *index == at as u64))
    {
        *counts.entry(*value).or_default() += 1;
    }
    let all: u64 = counts.values().sum();
    let top = counts.values().max().copied().unwrap_or_default();
    let more = if it.leaky {
        "; it was made although values repeat: with a list of how frequent they are, it can guess \
         most of them"
    } else {
        ""
    };
    format!(
        "which documents have the same {}: {} values, {} different, the most frequent {} times, \
         and how often each was asked for{more}",
        it.index.name(),
        count(all),
        count(counts.len() as u64),
        count(top)
    )
}
