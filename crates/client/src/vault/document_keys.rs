//! Keys that go with a version of a document which somebody holds alone. Comes in: what is about to
//! be sealed, and under which epoch. Goes out: the same with its generation and, where they are
//! due, keys for the holders. Must not know: sockets, what a version says.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use strongroom_core::holding::{Extent, Holder, Parent, Writing, document_keys, keys_of};
use strongroom_core::rotation::NewEpoch;
use strongroom_core::writer::Planned;
use strongroom_seal::kem::KemPublic;
use strongroom_seal::wrap::Place;
use strongroom_wire::clear::{Clear, Version};
use strongroom_wire::control::Control;
use strongroom_wire::entry::Kind;
use strongroom_wire::ids::{DocumentTag, EntryId};

use super::document_grants::Holding;
use super::{Bucket, Vault};
use crate::error::Result;
use crate::random::SystemRng;
use crate::replica::keys;

impl Vault {
    /// A transaction for an epoch that is held here, with what holders of single documents need.
    /// Most buckets have none: then nothing is looked at but one row a document.
    pub(super) fn dressed<'p>(
        &self,
        bucket: &Bucket,
        planned: &'p [Planned],
        epoch: EntryId,
    ) -> Result<Cow<'p, [Planned]>> {
        if self.granted_among(bucket, planned)?.is_empty() {
            return Ok(Cow::Borrowed(planned));
        }
        let control = self.standing(bucket)?.control;
        let n = control.epochs().find(|(id, _)| **id == epoch).map(|(_, it)| it.n);
        let Some((key, n)) = bucket.keyring.epoch(&epoch).zip(n) else {
            // Who is in from now on has no key that others' are made of, and leaves them to the
            // next who has.
            let mut planned = planned.to_vec();
            for plan in planned.iter_mut().filter(|plan| !plan.document.is_zero()) {
                plan.generation = control.generation(plan.document);
            }
            return Ok(Cow::Owned(planned));
        };
        let at = NewEpoch { id: epoch, n, key };
        self.dressed_for(bucket, planned, &control, &at).map(Cow::Owned)
    }

    /// The same for any epoch, as of this control log.
    pub(super) fn dressed_for(
        &self,
        bucket: &Bucket,
        planned: &[Planned],
        control: &Control,
        at: &NewEpoch<'_>,
    ) -> Result<Vec<Planned>> {
        let granted = self.granted_among(bucket, planned)?;
        let mut planned = planned.to_vec();
        if granted.is_empty() {
            return Ok(planned);
        }
        let now = self.clock.now_secs();
        let mut holdings = self.document_holdings(bucket, control)?;
        holdings.retain(|it| it.version.is_none() && it.until > now);
        for plan in planned.iter_mut().filter(|plan| granted.contains(&plan.document)) {
            plan.generation = control.generation(plan.document);
            let of_it = |it: &&Holding| it.document == plan.document;
            let holders: Vec<&Holding> = holdings.iter().filter(of_it).collect();
            if plan.kind == Kind::Version {
                self.dress(bucket, plan, &holders, at)?;
            }
        }
        Ok(planned)
    }

    /// Documents of a transaction that were granted alone at some time.
    fn granted_among(&self, bucket: &Bucket, planned: &[Planned]) -> Result<BTreeSet<DocumentTag>> {
        let mut granted = BTreeSet::new();
        for plan in planned.iter().filter(|plan| !plan.document.is_zero()) {
            let key = keys::granted(bucket.no(), plan.document);
            if self.replica.rows().get(&key)?.is_some() {
                granted.insert(plan.document);
            }
        }
        Ok(granted)
    }

    fn dress(
        &self,
        bucket: &Bucket,
        plan: &mut Planned,
        holders: &[&Holding],
        at: &NewEpoch<'_>,
    ) -> Result<()> {
        let Clear::Version(Version { references, keys }) = Clear::decode(plan.kind, &plan.clear)?
        else {
            return Ok(());
        };
        // What is written again had keys for another place.
        let due = keys.is_some() || self.keys_are_due(bucket, plan, holders, at.id)?;
        let keys = if due && !holders.is_empty() {
            self.keys_for(bucket, plan, holders, at)?.map(Box::new)
        } else {
            None
        };
        plan.clear = Clear::Version(Version { references, keys }).encode();
        Ok(())
    }

    /// Whether no version under this epoch and generation has keys yet; unless one was here before
    /// all holders were let in: then they got its key with the grant.
    fn keys_are_due(
        &self,
        bucket: &Bucket,
        plan: &Planned,
        holders: &[&Holding],
        epoch: EntryId,
    ) -> Result<bool> {
        let mut first = None;
        for entry in self.all_versions(bucket, plan.document)? {
            let header = entry.header();
            let here = (header.epoch, header.generation) == (epoch, plan.generation);
            if header.kind != Kind::Version || !here {
                continue;
            }
            if keys_of(&entry).is_some() {
                return Ok(false);
            }
            first = first.or(Some(header.hlc));
        }
        let given = |first| holders.iter().all(|it| it.epoch == epoch && it.given >= first);
        Ok(!first.is_some_and(given))
    }

    fn keys_for(
        &self,
        bucket: &Bucket,
        plan: &Planned,
        holders: &[&Holding],
        at: &NewEpoch<'_>,
    ) -> Result<Option<strongroom_wire::clear::DocumentKeys>> {
        let mut logs = BTreeMap::new();
        let mut agrees: Vec<(KemPublic, &Holding)> = Vec::with_capacity(holders.len());
        for holding in holders {
            let agree = match &holding.link {
                Some(link) => KemPublic::from_bytes(&link.agree).ok(),
                // Whoever let him in left his card here.
                None => self.agree_of(bucket, holding.principal, &mut logs)?,
            };
            if let Some(agree) = agree {
                agrees.push((agree, holding));
            }
        }
        let wrapped: Vec<Holder<'_>> = agrees
            .iter()
            .map(|(agree, holding)| Holder {
                agree,
                tag_key: &holding.tag_key,
                from_now: holding.extent == Extent::FromNow,
            })
            .collect();
        let mut parents = Vec::with_capacity(plan.parents.len());
        for id in &plan.parents {
            let header = self.replica.entry_by_id(bucket.no(), *id)?;
            let history = header.and_then(|entry| {
                let header = entry.header();
                let epoch = bucket.keyring.epoch(&header.epoch)?;
                let history = epoch.history(bucket.record.id);
                Some(history.document(plan.document, header.generation))
            });
            parents.push(Parent { id: *id, history });
        }
        let suite = bucket.sealing()?.suite;
        let place = Place { suite, bucket: bucket.record.id, n: at.n };
        let (document, generation) = (plan.document, plan.generation);
        let writing = Writing { place, epoch: at.key, document, generation };
        Ok(document_keys(writing, &wrapped, &parents, &mut SystemRng)?)
    }
}
