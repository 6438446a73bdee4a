//! Which epoch a write is sealed under. Comes in: what this device has seen of a bucket's control
//! log. Goes out: sealed entries, under the bucket's epoch or under a new one that stands in the
//! same commit. Must not know: sockets; what is written.
//!
//! `current_epoch` in a bucket's record is what was worked out when control entries came last: the
//! one epoch nobody follows, if it is fresh, else zero. So a write looks at the control log only
//! where there is something to decide.

use std::collections::HashSet;

use strongroom_core::joining;
use strongroom_core::rotation::{
    Choice, Current, Limits, NewEpoch, Renewal, RotationError, Use, choose, current,
    seal_renewing_with,
};
use strongroom_core::writer::{ChainPosition, Planned, seal_transaction};
use strongroom_seal::keys::TagKey;
use strongroom_wire::capability::Action;
use strongroom_wire::chain::Verified;
use strongroom_wire::control::Control;
use strongroom_wire::entry::{Entry, Hlc, Kind};
use strongroom_wire::ids::EntryId;

use super::frames::header_of;
use super::removal::Recipients;
use super::{Bucket, Vault};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::random::SystemRng;
use crate::replica::index::{Intake, Taken};
use crate::replica::keys;
use crate::replica::rows::BucketRecord;
use crate::report::EpochInfo;

/// The control log as far as a writer follows it: without what is more than a day ahead.
pub(crate) struct Standing {
    pub control: Control,
    pub epochs: Vec<Verified<Entry>>,
}

impl Standing {
    /// From control entries in the order they came, all of which count.
    pub(crate) fn of<'e>(
        bucket: &Bucket,
        entries: impl IntoIterator<Item = &'e Verified<Entry>>,
        horizon: Hlc,
    ) -> Result<Self> {
        let entries: Vec<_> = entries.into_iter().collect();
        let doubtful = joining::doubtful(&bucket.keyring, &bucket.names, entries.iter().copied());
        let mut standing: Option<Self> = None;
        let damaged = |e| Error::damaged(format!("the control log on this device: {e}"));
        for entry in entries.into_iter().filter(|entry| entry.header().hlc <= horizon) {
            let Some(standing) = &mut standing else {
                let control = Control::new(entry).map_err(damaged)?;
                standing = Some(Self { control, epochs: Vec::new() });
                continue;
            };
            standing.control.insert(entry).map_err(damaged)?;
            if entry.header().kind == Kind::Epoch {
                standing.epochs.push(entry.clone());
            }
        }
        if let Some(standing) = &mut standing {
            for id in &doubtful {
                standing.control.doubt(id);
            }
        }
        standing.ok_or_else(|| {
            Error::damaged("the bucket's control log is missing, or later than this device's clock")
                .with_hint("set the clock, then `strongroom sync`")
        })
    }

    /// The epoch a bucket's record should name: the only one to go on from, if it is fresh.
    pub(crate) fn only_epoch(&self, bucket: &Bucket, now: u64) -> EntryId {
        match self.current(bucket, now)[..] {
            [epoch] if epoch.fresh && !epoch.due => epoch.id,
            _ => EntryId::ZERO,
        }
    }

    fn current(&self, bucket: &Bucket, now: u64) -> Vec<Current> {
        current(&self.control, &bucket.keyring, &bucket.names, &self.epochs, now)
    }

    /// Notes in a bucket's record what it should write under, and until when.
    pub(crate) fn settle(&self, bucket: &mut Bucket, now: u64) {
        bucket.record.current_epoch = self.only_epoch(bucket, now);
        bucket.record.fresh_until = next_end(&self.control, now);
    }

    /// An epoch for a device that is no author yet, and so cannot make one. Where somebody's time
    /// is over and no epoch was made since, it is the newest: all it says there is that it is in.
    pub(crate) fn epoch_to_join(&self, bucket: &Bucket) -> Result<EntryId> {
        let all = self.current(bucket, 0);
        let fresh = all.iter().find(|epoch| epoch.fresh);
        fresh.map(|epoch| epoch.id).ok_or_else(|| {
            let none = all.is_empty();
            cannot_seal(if none { RotationError::NoEpoch } else { RotationError::NotFresh })
        })
    }
}

/// When the next of the members' times is over, seconds since 1970.
pub(crate) fn next_end(control: &Control, now: u64) -> u64 {
    control.ends().into_values().filter(|end| *end > now).min().unwrap_or(u64::MAX)
}

impl Vault {
    /// After how much the epochs of this vault's buckets are renewed on this device. For programs
    /// that want it sooner than after 90 days or 10,000 entries, and for tests.
    pub const fn set_epoch_limits(&mut self, limits: Limits) {
        self.epoch_limits = limits;
    }

    /// All epochs of all buckets, the vault's own first, each bucket's oldest first.
    pub fn epochs(&self) -> Result<Vec<EpochInfo>> {
        let mut found = Vec::new();
        for record in self.records()? {
            let bucket = Bucket::open(record, self)?;
            let standing = self.standing(&bucket)?;
            let current = standing.control.current_epochs();
            let mut epochs: Vec<EpochInfo> = standing
                .control
                .epochs()
                .map(|(id, epoch)| EpochInfo {
                    bucket: bucket.record.label.clone(),
                    epoch: id.to_string(),
                    number: epoch.n,
                    made: epoch.hlc.secs(),
                    follows: epoch.prev.iter().map(EntryId::to_string).collect(),
                    current: current.contains(id),
                    opens: bucket.keyring.has(id),
                })
                .collect();
            epochs.sort_by(|a, b| (a.number, &a.epoch).cmp(&(b.number, &b.epoch)));
            found.append(&mut epochs);
        }
        Ok(found)
    }

    /// Another clock than the system's.
    pub const fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    /// What this device has seen of a bucket's control log.
    pub(crate) fn standing(&self, bucket: &Bucket) -> Result<Standing> {
        let clock = self.replica.tip(bucket.no())?.position.clock;
        let horizon = self.followed(clock);
        if let Some(log) = self.log(bucket)?
            && log.entries.iter().all(|entry| entry.header().hlc <= horizon)
        {
            let control = log.judged();
            let is_epoch = |entry: &Verified<Entry>| entry.header().kind == Kind::Epoch;
            let epochs = log.entries.into_iter().filter(is_epoch).collect();
            return Ok(Standing { control, epochs });
        }
        Standing::of(bucket, &self.control_entries(bucket)?, horizon)
    }

    /// Up to when the control log is followed: a day ahead, or what was followed already. A device
    /// whose clock was set back goes on.
    pub(crate) fn followed(&self, clock: Hlc) -> Hlc {
        self.clock.horizon().max(clock)
    }

    /// Finds the keys of new epochs: of the newest by this person's wrap, of the others by its back
    /// keys.
    pub(super) fn open_epochs(&self, bucket: &mut Bucket, log: &[Verified<Entry>]) -> Result<()> {
        let opens =
            |entry: &&Verified<Entry>| matches!(entry.header().kind, Kind::Epoch | Kind::Member);
        let is_epoch = |entry: &&Verified<Entry>| entry.header().kind == Kind::Epoch;
        let mut epochs: Vec<_> = log.iter().filter(opens).cloned().collect();
        if epochs.is_empty() {
            return Ok(());
        }
        // Those that came before and were for others may open by what comes now.
        let held = self.control_entries(bucket)?;
        let shut =
            held.iter().filter(|it| is_epoch(it) && bucket.keyring.epoch(&it.id()).is_none());
        epochs.extend(shut.cloned());
        epochs.retain(|entry| bucket.keyring.epoch(&entry.id()).is_none());
        let tag_key = TagKey::from_secret_bytes(&bucket.record.tag_key);
        // Whoever made one may not have heard of the newest key.
        for pair in self.agree_pairs() {
            joining::open_granted(&mut bucket.keyring, &epochs, &pair, &tag_key);
            let all: Vec<_> = epochs.iter().filter(is_epoch).cloned().collect();
            joining::open_epochs(&mut bucket.keyring, &all, &pair, Some(&tag_key));
            if all.iter().all(|entry| bucket.keyring.epoch(&entry.id()).is_some()) {
                break;
            }
        }
        // The epoch may have come before what opens it.
        for entry in held.iter().filter(is_epoch) {
            if *bucket.record.name_key == [0; 32]
                && let Ok(body) = joining::epoch_body(&bucket.keyring, entry)
            {
                bucket.record.name_key = body.name_key.to_secret_bytes();
                bucket.names = body.name_key;
            }
        }
        Ok(())
    }

    /// Keeps the keys that were found, and works out the epoch to write under from all that is
    /// here and what is being taken in.
    pub(super) fn settle_epochs(
        &self,
        bucket: &mut Bucket,
        log: &[Verified<Entry>],
        clock: Hlc,
    ) -> Result<()> {
        let held: HashSet<EntryId> = bucket.record.epochs.iter().map(|(id, _)| *id).collect();
        let new = bucket.keyring.iter().filter(|(id, _)| !held.contains(id));
        bucket.record.epochs.extend(new.map(|(id, key)| (*id, key.to_secret_bytes())));
        let only = bucket.keyring.contents_only();
        bucket.record.contents = only.map(|(id, key)| (*id, key.to_secret_bytes())).collect();
        let before = self.control_entries(bucket)?;
        // All of it may be far ahead of this device's clock: then there is no epoch yet.
        bucket.record.current_epoch = EntryId::ZERO;
        if let Ok(standing) = Standing::of(bucket, before.iter().chain(log), self.followed(clock)) {
            standing.settle(bucket, self.clock.now_secs());
        }
        Ok(())
    }

    /// Seals a transaction for this intake, with a new epoch in front if one is due. What changes
    /// in the bucket's record goes into the same commit. The bucket must be locked.
    pub(crate) fn seal(
        &self,
        bucket: &Bucket,
        planned: &[Planned],
        may_renew: bool,
        intake: &mut Intake<'_>,
    ) -> Result<Vec<Verified<Entry>>> {
        let newer = self.newer(bucket)?;
        let bucket = newer.as_ref().unwrap_or(bucket);
        let author = self.author_of(bucket);
        let (now, position) = (self.clock.now_millis(), intake.tip().position);
        let known = bucket.fresh_epoch(self.clock.now_secs());
        let seal_under = |epoch| -> Result<Vec<Verified<Entry>>> {
            let under = bucket.under(epoch)?;
            let planned = self.dressed(bucket, planned, epoch)?;
            Ok(seal_transaction(&author, &under, &planned, position, now, &mut SystemRng)?.0)
        };
        if let Some(known) = known
            && (!may_renew || !self.is_over(bucket, known, intake)?)
        {
            return seal_under(known);
        }
        let mut standing = self.standing(bucket)?;
        let prev = match self.choice(bucket, &standing, may_renew, intake)? {
            Choice::Write(epoch) => {
                let mut record = bucket.record.clone();
                record.fresh_until = next_end(&standing.control, self.clock.now_secs());
                self.put_record(&record, intake)?;
                return seal_under(epoch);
            }
            Choice::Renew(prev) => prev,
        };
        let (mut entries, position) = self.say_what_ended(bucket, &mut standing, position)?;
        let epoch = self.next_epoch(bucket, &standing.control, &prev, planned, position, intake)?;
        entries.extend(epoch);
        Ok(entries)
    }

    /// Seals the next epoch, which follows `prev`, for all members whose time is not over, and
    /// under it what is planned. What it changes in the bucket's record goes into this commit.
    pub(super) fn next_epoch(
        &self,
        bucket: &Bucket,
        control: &Control,
        prev: &[EntryId],
        planned: &[Planned],
        position: ChainPosition,
        intake: &mut Intake<'_>,
    ) -> Result<Vec<Verified<Entry>>> {
        let log = self.control_entries(bucket)?;
        let people = self.people(bucket, control, &log)?;
        let now = self.clock.now_millis();
        let recipients = Recipients::of(&people, &control.members_at(now / 1_000))?;
        let renewal = Renewal {
            control,
            keyring: &bucket.keyring,
            names: &bucket.names,
            prev,
            recipients: recipients.as_recipients(),
        };
        let author = self.author_of(bucket);
        let dress = |at: NewEpoch<'_>| {
            self.dressed_for(bucket, planned, control, &at).map_err(Unsealed::Other)
        };
        let sealed = seal_renewing_with(&author, &renewal, dress, position, now, &mut SystemRng)?;
        let mut record = bucket.record.clone();
        record.epochs.push((sealed.epoch, sealed.key.to_secret_bytes()));
        record.current_epoch = sealed.epoch;
        record.fresh_until = next_end(control, now / 1_000);
        self.put_record(&record, intake)?;
        Ok(sealed.entries)
    }

    fn put_record(&self, record: &BucketRecord, intake: &mut Intake<'_>) -> Result<()> {
        let key = record.key();
        let row = self.replica.seal(&key, record)?;
        intake.batch().put(key, row);
        Ok(())
    }

    /// The bucket as its record is now, if another process learned of an epoch since this one
    /// opened it.
    fn newer(&self, bucket: &Bucket) -> Result<Option<Bucket>> {
        let record: Option<BucketRecord> = self.replica.get(&bucket.record.key())?;
        let Some(record) = record else { return Ok(None) };
        if record.instance != bucket.record.instance {
            // What this process would write now would stand in nobody's chain.
            let what = "this device was brought back from a backup and has just found out";
            return Err(Error::new(ErrorKind::Other, what).with_hint("run it again"));
        }
        let same = record.current_epoch == bucket.record.current_epoch
            && record.fresh_until == bucket.record.fresh_until
            && record.epochs.len() == bucket.record.epochs.len()
            && record.contents.len() == bucket.record.contents.len();
        Ok(if same { None } else { Some(Bucket::open(record, self)?) })
    }

    /// Whether an epoch has been in use for long enough.
    fn is_over(&self, bucket: &Bucket, epoch: EntryId, intake: &Intake<'_>) -> Result<bool> {
        let missing = || Error::damaged("an epoch's entry is missing on this device");
        let b = bucket.no();
        let no = self.replica.entry_no(b, epoch)?.ok_or_else(missing)?;
        let entry = self.replica.rows().get(&keys::entry(b, no))?.ok_or_else(missing)?;
        let made = header_of(&entry)?.0.hlc;
        Ok(self.used(no, intake).is_over(made, &self.epoch_limits))
    }

    fn used(&self, no: u64, intake: &Intake<'_>) -> Use {
        let entries = intake.tip().last_no.saturating_sub(no);
        Use { entries, now: self.clock.now_millis() }
    }

    fn choice(
        &self,
        bucket: &Bucket,
        standing: &Standing,
        may_renew: bool,
        intake: &Intake<'_>,
    ) -> Result<Choice> {
        let current = standing.current(bucket, self.clock.now_secs());
        let newest = current.first().map(|epoch| self.replica.entry_no(bucket.no(), epoch.id));
        let no = newest.transpose()?.flatten().unwrap_or_default();
        let leads_back = current.iter().all(|epoch| bucket.keyring.epoch(&epoch.id).is_some());
        let may = may_renew
            && leads_back
            && bucket.may(Action::Rotate)
            && self.knows_every_key(bucket, standing)?;
        choose(&current, self.used(no, intake), &self.epoch_limits, may).map_err(cannot_seal)
    }

    /// Whether an epoch could be made for every member: one without somebody would shut him out.
    fn knows_every_key(&self, bucket: &Bucket, standing: &Standing) -> Result<bool> {
        let me = bucket.names.member_tag(self.secrets.principal);
        if standing.control.members().iter().all(|tag| *tag == me) {
            return Ok(true);
        }
        let log = self.control_entries(bucket)?;
        let people = self.people(bucket, &standing.control, &log)?;
        let members = standing.control.members_at(self.clock.now_secs());
        Ok(Recipients::of(&people, &members).is_ok())
    }

    /// Makes the next epoch if there is none that something may be sealed under.
    pub(crate) fn renew_if_due(&self, bucket: &mut Bucket) -> Result<()> {
        let _lock = self.replica.lock_bucket(bucket.no())?;
        if let Some(record) = self.replica.get(&bucket.record.key())? {
            *bucket = Bucket::open(record, self)?;
        }
        if bucket.fresh_epoch(self.clock.now_secs()).is_some() {
            return Ok(());
        }
        let mut intake = Intake::start(&self.replica, bucket.no())?;
        for entry in self.seal(bucket, &[], true, &mut intake)? {
            intake.add(Taken::plain(entry), true)?;
        }
        intake.commit()?;
        if let Some(record) = self.replica.get(&bucket.record.key())? {
            *bucket = Bucket::open(record, self)?;
        }
        Ok(())
    }
}

/// Why a transaction was not sealed under a new epoch.
enum Unsealed {
    Epoch(RotationError),
    Other(Error),
}

impl From<RotationError> for Unsealed {
    fn from(error: RotationError) -> Self {
        Self::Epoch(error)
    }
}

impl From<Unsealed> for Error {
    fn from(error: Unsealed) -> Self {
        match error {
            Unsealed::Epoch(error) => cannot_seal(error),
            Unsealed::Other(error) => error,
        }
    }
}

fn cannot_seal(error: RotationError) -> Error {
    let hint = match error {
        RotationError::NoEpoch | RotationError::NoGenesis => {
            "`strongroom sync` fetches it, if you are still a member"
        }
        RotationError::NotFresh | RotationError::NoMember => {
            "the next key comes with an admin's next `strongroom sync`; then write it again: \
             nothing was written here"
        }
        RotationError::Seal(_) => return Error::new(ErrorKind::Other, error.to_string()),
    };
    Error::new(ErrorKind::Locked, error.to_string()).with_hint(hint)
}
