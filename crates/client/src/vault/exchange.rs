//! Exchanging entries with a provider. Comes in: what this replica has and a provider's answers.
//! Goes out: both sides hold the same set, or a word on why not. Must not know: source files.
//!
//! By cursor: one round trip brings what is new both ways. The cursor is trusted for nothing: the
//! provider tells count and fingerprint of its whole set, and a difference leads to everything from
//! the start.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use strongroom_seal::identity::{MemberSigningKey, VaultSigningKey};
use strongroom_seal::rng::Rng;
use strongroom_wire::capability::{Action, Actions, Capability, CapabilityChain, Claims, Target};
use strongroom_wire::chain::Verified;
use strongroom_wire::control::Control;
use strongroom_wire::entry::{Entry, Hlc, Kind};
use strongroom_wire::format::FORMAT;
use strongroom_wire::frame::{self, Area, Frame};
use strongroom_wire::ids::EntryId;
use strongroom_wire::limits::ROOT_CAPABILITY_AGE_SECS;

use strongroom_store::CommitError;

use super::chains::forking;
use super::checkpoints::take_checkpoint;
use super::frames::{header_of, read_answer, signed_prefix};
use super::holding::authentic;
use super::lost::Lost;
use super::retire::taken_out;
use super::{Bucket, Vault, hidden};
use crate::error::{Error, ErrorKind, Result};
use crate::progress::{Progress, Stage};
use crate::random::SystemRng;
use crate::remote::{Options, ProviderUrl, Remote, RemoteError, Session};
use crate::replica::damaged_row;
use crate::replica::index::{Intake, Taken};
use crate::replica::keys::{self, BucketNo};
use crate::replica::rows::{RemoteRecord, Row, SyncState};

/// Bytes of entries in one request. Larger ones would hold up other requests at the provider and
/// cost more to repeat.
const PUSH_LEN: usize = 4 * 1_048_576;

/// What one exchange did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exchanged {
    /// Entries sent.
    pub sent: u64,
    /// Entries received that were new here.
    pub received: u64,
    /// Whether both sets are equal afterwards.
    pub equal: bool,
    /// Whether they were not, until both sides told everything from the start: the provider had
    /// lost or hidden entries that it had acknowledged.
    pub mended: bool,
    /// Chunks that the provider had lost and that were sent again.
    pub brought_again: u64,
    /// Documents of which the provider lost a part that this device has not.
    pub lost: Vec<String>,
}

/// Entries that are known already, which an answer may bring beyond what is on this device, before
/// its list counts as endless.
const REPEATED_MAX: u64 = 65_536;

impl Vault {
    /// The provider of this record, connected and pinned. Connections are kept while the vault is
    /// open.
    pub(crate) fn remote(&self, record: &RemoteRecord) -> Result<Remote> {
        let mut remotes = self.remotes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((_, remote)) = remotes.iter().find(|(no, _)| *no == record.no) {
            return Ok(remote.clone());
        }
        let url: ProviderUrl = record.url.parse().map_err(RemoteError::from)?;
        let connecting = Remote::connect(url, Some(record.key), Options::default());
        let remote = self.runtime()?.block_on(connecting)?;
        remotes.push((record.no, remote.clone()));
        Ok(remote)
    }

    /// A session about one bucket, as this device's author; with the member key where it has none
    /// and gets none, in a bucket that was deactivated before this device joined.
    pub(crate) fn bucket_session(&self, remote: &Remote, bucket: &Bucket) -> Result<Session> {
        if bucket.record.author_capability.is_empty() {
            return member_session(remote, bucket);
        }
        let author = self.secrets.secret.author(bucket.record.id, bucket.record.instance);
        Ok(remote.session(Arc::new(author), &bucket.chain()?))
    }

    /// A session about the vault itself at this provider.
    pub(crate) fn vault_session(&self, remote: &Remote, record: &RemoteRecord) -> Result<Session> {
        let key = VaultSigningKey::from_secret_bytes(&record.vault_seed);
        let expires = self.clock.now_secs() + ROOT_CAPABILITY_AGE_SECS;
        let mut unique = [0; 16];
        SystemRng.fill(&mut unique);
        let target = Target::Vault(record.vault);
        let claims = Claims::new(target, Actions::of(&[Action::Host]), expires, unique)
            .for_holder(key.public(), None);
        let malformed = |_| Error::new(ErrorKind::Other, "the vault's capability is malformed");
        let capability = Capability::issue(&claims, |input| key.sign(input)).map_err(malformed)?;
        let chain = CapabilityChain::new(vec![capability]).map_err(malformed)?;
        Ok(remote.session(Arc::new(key), &chain))
    }

    /// Sends what the provider lacks and takes in what is new there.
    pub(crate) fn exchange(
        &self,
        bucket: &mut Bucket,
        record: &RemoteRecord,
        session: &Session,
        progress: &dyn Progress,
    ) -> Result<Exchanged> {
        let done = self.exchange_both(bucket, record, session, progress);
        let hosted = bucket.is_hosted_by_us();
        done.map_err(|e| match e {
            e if !e.is_unauthorized() => e,
            _ if hosted => taken_out(),
            e => closed_to_you(&bucket.record.label, e),
        })
    }

    fn exchange_both(
        &self,
        bucket: &mut Bucket,
        record: &RemoteRecord,
        session: &Session,
        progress: &dyn Progress,
    ) -> Result<Exchanged> {
        let mut done = Exchanged::default();
        let mut state = self.sync_state(bucket, record)?;
        let (mut again, mut from_start) = (false, false);
        let (mut refused, mut looking, mut stale) = (false, false, false);
        let mut repeated = 0_u64;
        let mut lost = Lost::default();
        loop {
            let (body, sent, upto) = if looking {
                let nothing = SyncState { pushed: self.replica.tip(bucket.no())?.last_no, ..state };
                (self.push_body(bucket, &nothing, &lost)?.0, 0, state.pushed)
            } else {
                self.push_body(bucket, &state, &lost)?
            };
            let salt = body.1;
            let asked = self.runtime()?.block_on(session.exchange(bucket.record.id, body.0));
            let frames = match asked {
                // Perhaps this device was brought back from a backup, and wrote again where it had
                // written before: look at what is there before anything is said.
                // Or somebody was taken out meanwhile, and what was sealed before this device heard
                // of it must be sealed again without him.
                Err(error)
                    if sent > 0 && !refused && (refuses_entry(&error) || is_stale(&error)) =>
                {
                    (refused, looking, stale) = (true, true, is_stale(&error));
                    continue;
                }
                Err(error) => {
                    let range = (state.pushed, upto);
                    if sent == 0 || !self.resupplied(bucket, session, range, &error, &mut lost)? {
                        return Err(error.into());
                    }
                    continue;
                }
                Ok(frames) => frames,
            };
            let answer = read_answer(frames)?;
            done.sent += sent;
            progress.advance(sent, 0);
            let (instance, came) = (bucket.record.instance, answer.entries.len() as u64);
            let taken = self.take_in(bucket, answer.entries, &mut state, upto);
            let received = match taken {
                // The cursor may be one of another history: what lies between it and what came is
                // asked for once, before anything is said of it.
                Err(error) if error.kind() == ErrorKind::Damaged && state.cursor.is_some() => {
                    if std::mem::replace(&mut from_start, true) {
                        return Err(error);
                    }
                    (state.cursor, state.pushed) = (None, 0);
                    continue;
                }
                taken => taken?,
            };
            done.received += received;
            if std::mem::take(&mut looking) && bucket.record.instance == instance {
                let before = state.pushed;
                (state.cursor, state.pushed) = (None, 0);
                if std::mem::take(&mut stale) {
                    self.seal_unsent_again(bucket, before)?;
                    continue;
                }
                // The provider was set back, and lacks what this follows: everything, once. What is
                // refused then is refused.
                from_start = true;
                continue;
            }
            // With the chunks that went before.
            add_traffic(&mut state, session.remote());
            state.cursor = answer.cursor;
            let tip = self.replica.tip(bucket.no())?;
            let pending = state.pushed < tip.last_no;
            repeated = if received + sent > 0 { 0 } else { repeated.saturating_add(came) };
            let endless = came == 0 || repeated > tip.last_no.saturating_add(REPEATED_MAX);
            if answer.more && !pending && received == 0 && endless {
                return Err(RemoteError::Protocol("its list of entries has no end").into());
            }
            if pending || answer.more {
                self.put_sync_state(bucket, record, &state)?;
                if progress.cancelled() {
                    return Err(Error::cancelled());
                }
                continue;
            }
            let ours = (tip.sum.count(), tip.sum.fingerprint(&salt));
            done.equal = ours == (answer.count, answer.fingerprint);
            state.since_compared = 0;
            if !done.equal && !again {
                // Another device may have written between the two halves of the answer.
                again = true;
                continue;
            }
            if !done.equal && !from_start {
                // Something was skipped, lost or withheld: both sides from the start, once.
                from_start = true;
                state.cursor = None;
                state.pushed = 0;
                continue;
            }
            let gone = self.bring_again(bucket, session, &answer.lost)?;
            done.brought_again = (answer.lost.len() - gone.len()) as u64;
            done.lost = self.lacking(bucket, session, &gone)?;
            done.mended = done.equal && from_start;
            if done.mended {
                self.note(bucket.no(), loss(&record.url, &bucket.record.label))?;
            }
            state.differs = !done.equal;
            state.closed = false;
            state.synced = self.clock.now_secs();
            self.put_sync_state(bucket, record, &state)?;
            return Ok(done);
        }
    }

    /// Takes in what is new at a provider, and sends nothing.
    pub(crate) fn look(
        &self,
        bucket: &mut Bucket,
        record: &RemoteRecord,
        session: &Session,
    ) -> Result<()> {
        let mut state = self.sync_state(bucket, record)?;
        loop {
            let all = SyncState { pushed: self.replica.tip(bucket.no())?.last_no, ..state };
            let ((body, _), ..) = self.push_body(bucket, &all, &Lost::default())?;
            let frames = self.runtime()?.block_on(session.exchange(bucket.record.id, body))?;
            let answer = read_answer(frames)?;
            let pushed = state.pushed;
            self.take_in(bucket, answer.entries, &mut state, pushed)?;
            state.cursor = answer.cursor;
            self.put_sync_state(bucket, record, &state)?;
            if !answer.more {
                return Ok(());
            }
        }
    }

    pub(crate) fn sync_state(&self, bucket: &Bucket, remote: &RemoteRecord) -> Result<SyncState> {
        let key = keys::sync(bucket.no(), remote.no);
        Ok(self.replica.get_clear(&key)?.unwrap_or_default())
    }

    pub(super) fn put_sync_state(
        &self,
        bucket: &Bucket,
        remote: &RemoteRecord,
        state: &SyncState,
    ) -> Result<()> {
        let mut batch = strongroom_store::Batch::new();
        batch.put(keys::sync(bucket.no(), remote.no), state.encode());
        Ok(self.replica.rows().commit(batch)?)
    }

    /// Keeps count of requests about a bucket that no exchange followed.
    pub(crate) fn note_traffic(&self, bucket: &Bucket, session: &Session) -> Result<()> {
        let Some(remote) = self.remote_records()?.into_iter().next() else { return Ok(()) };
        let key = keys::sync(bucket.no(), remote.no);
        let Some(before) = self.replica.rows().get(&key)? else { return Ok(()) };
        let mut state = SyncState::decode(&before).map_err(|_| damaged_row())?;
        add_traffic(&mut state, session.remote());
        let mut batch = strongroom_store::Batch::new();
        batch.expect_equals(key.clone(), before);
        batch.put(key, state.encode());
        match self.replica.rows().commit(batch) {
            // Another process exchanged meanwhile: what it noted is worth more than this count.
            Err(CommitError::Conflict { .. }) => Ok(()),
            done => Ok(done?),
        }
    }

    /// Frames with entries the provider lacks, at most [`PUSH_LEN`] bytes of them.
    #[allow(clippy::type_complexity)] // (frames, salt), entries in them, number of the last
    fn push_body(
        &self,
        bucket: &Bucket,
        state: &SyncState,
        lost: &Lost,
    ) -> Result<((Vec<u8>, [u8; 16]), u64, u64)> {
        let mut salt = [0; 16];
        SystemRng.fill(&mut salt);
        let mut body = Vec::new();
        Frame::Hello { formats: vec![FORMAT], salt }.write(&mut body);
        let area = bucket.record.area();
        if area != Area::Bucket {
            // Who holds one document writes nothing.
            Frame::Since { area, cursor: state.cursor }.write(&mut body);
            return Ok(((body, salt), 0, self.replica.tip(bucket.no())?.last_no));
        }
        let mut entries: Vec<Vec<u8>> = Vec::new();
        let (mut len, mut upto) = (0, state.pushed);
        let b = bucket.no();
        let scan = strongroom_store::Scan::range(
            keys::entry(b, state.pushed + 1),
            keys::entry(b, u64::MAX),
        );
        self.replica.each_in(&scan, |key, bytes| {
            if !entries.is_empty() && len + bytes.len() > PUSH_LEN {
                return Ok(false);
            }
            len += bytes.len();
            entries.push(bytes.to_vec());
            upto = key.last_chunk::<8>().map_or(upto, |no| u64::from_be_bytes(*no));
            Ok(entries.len() < strongroom_wire::limits::BATCH_ENTRIES_MAX)
        })?;
        // A run must end in a signature: cut back to the last entry of each author that has one.
        let kept = signed_prefix(&entries)?;
        if kept < entries.len() {
            upto -= (entries.len() - kept) as u64;
            entries.truncate(kept);
        }
        self.leave_out_future(bucket, &mut entries)?;
        lost.write(&mut body);
        frame::write_entries(&mut body, entries.iter().map(Vec::as_slice));
        Frame::Since { area, cursor: state.cursor }.write(&mut body);
        Ok(((body, salt), entries.len() as u64, upto))
    }

    /// Others' entries from more than a day ahead are kept here and sent to nobody: a provider
    /// takes none, and would refuse with them what comes beside them. All entries of a transaction
    /// have one time, so a run still ends in its signature. Who may only read sends what is about
    /// himself, each of which is signed.
    fn leave_out_future(&self, bucket: &Bucket, entries: &mut Vec<Vec<u8>>) -> Result<()> {
        let horizon = self.clock.horizon();
        let own = bucket.author.author();
        let mut result = Ok(());
        let reads = bucket.reads_only();
        let about_itself = |kind| matches!(kind, Kind::Member | Kind::Revoke | Kind::Checkpoint);
        entries.retain(|bytes| match header_of(bytes) {
            Ok((header, _)) if reads => header.author == own && about_itself(header.kind),
            Ok((header, _)) => header.author == own || header.hlc <= horizon,
            Err(error) => {
                result = Err(error);
                true
            }
        });
        result
    }

    /// Takes in what a provider answered: checks everything, then commits it with what follows
    /// from it. `upto` is the number of the last entry that was sent.
    pub(crate) fn take_in(
        &self,
        bucket: &mut Bucket,
        entries: Vec<Entry>,
        state: &mut SyncState,
        upto: u64,
    ) -> Result<u64> {
        state.pushed = upto;
        if entries.is_empty() {
            return Ok(0);
        }
        let _lock = self.replica.lock_bucket(bucket.no())?;
        // Another process may have changed the record since this one opened it.
        if let Some(record) = self.replica.get(&bucket.record.key())? {
            *bucket = Bucket::open(record, self)?;
        }
        let b = bucket.no();
        let mut new = Vec::with_capacity(entries.len());
        let mut seen = HashSet::new();
        for entry in entries {
            if seen.insert(entry.id()) && self.replica.entry_no(b, entry.id())?.is_none() {
                new.push(entry);
            }
        }
        if new.is_empty() {
            return Ok(0);
        }
        let rewritten = match self.fork_of_own(bucket, &new)? {
            Some(seq) => {
                self.rewrite_own(bucket, seq)?;
                (state.pushed, state.cursor) = (0, None);
                true
            }
            None => false,
        };
        let tips = self.author_tips(bucket, &new)?;
        let suspects = forking(&new, &tips);
        let verified = match authentic(bucket, new, |author| tips.get(author).copied()) {
            Ok(verified) => verified,
            Err(error) => {
                self.keep_forks(bucket, &suspects)?;
                return Err(Error::damaged(format!("the provider sent an entry that {error}")));
            }
        };
        let mut intake = Intake::start(&self.replica, b)?;
        intake.absorb_up_to(self.clock.horizon());
        let contiguous = intake.tip().last_no == upto && !rewritten;
        let mut met_itself = false;
        let count = verified.len() as u64;
        let mut control = self.control(bucket)?;
        let standing = control.as_ref().map(Control::standing).unwrap_or_default();
        let mut taken = HashMap::new();
        let log: Vec<Verified<Entry>> =
            verified.iter().filter(|entry| entry.header().kind.is_control()).cloned().collect();
        if let Some(genesis) = log.iter().find(|it| it.id() == bucket.record.id.genesis()) {
            bucket.keyring.born(genesis).map_err(|e| Error::damaged(e.to_string()))?;
        }
        let part = bucket.record.is_part();
        let held = bucket.keyring.held();
        let mut heard = false;
        if !part {
            self.open_epochs(bucket, &log)?;
        }
        while bucket.record.internal && self.hear_agree(bucket, &verified)? {
            heard = true;
            self.open_epochs(bucket, &log)?;
        }
        let learned = part && self.learn(bucket, &verified, &mut intake)?;
        let came: HashSet<EntryId> = log.iter().map(|entry| entry.id()).collect();
        // What came before, and was shut, may open by what came now.
        let opened =
            learned || bucket.keyring.held().difference(&held).any(|epoch| !came.contains(epoch));
        for entry in verified {
            bucket.admit(&entry)?;
            self.check_follows(bucket, &entry, &taken)?;
            let (facts, counts) = self.judge(bucket, &mut control, &entry)?;
            taken.insert(entry.id(), entry.header().hlc);
            let own = entry.header().author == bucket.author.author();
            met_itself |= own;
            if entry.header().kind == Kind::Checkpoint {
                let said = Self::read_checkpoint(bucket, &entry);
                take_checkpoint(&mut intake, entry, said.as_ref(), own)?;
            } else {
                intake.add(Taken { entry, facts, stamp: None, counts }, own)?;
            }
        }
        if !log.is_empty() && !part {
            self.settle_epochs(bucket, &log, intake.tip().position.clock)?;
        }
        let record_key = bucket.record.key();
        let sealed = self.replica.seal(&record_key, &bucket.record)?;
        intake.batch().put(record_key, sealed);
        let changed = control.as_ref().is_some_and(|now| now.standing() != standing);
        if changed || opened {
            let mark = if opened { hidden::OPENED.to_vec() } else { Vec::new() };
            intake.batch().put(keys::unsettled(b), mark);
        }
        let tip = intake.commit()?;
        if changed || opened {
            self.settle_hidden(bucket)?;
            // What it is called may have been shut until now.
            if let Some(record) = self.replica.get(&bucket.record.key())? {
                bucket.record = record;
            }
        }
        if contiguous {
            // What came from there need not go back there.
            state.pushed = tip.last_no;
        }
        if heard && let Ok((_, log)) = self.stored_log(bucket) {
            self.settle_agree(&log)?;
        }
        if met_itself {
            self.next_instance(bucket)?;
        }
        Ok(count)
    }

    /// What an entry follows must be here before it. Else a provider could hold an old version
    /// back, and send it after what replaced it: it would come up again as if it were new.
    /// Nor is anything older than what it follows, its author's entry before included: `taken` has
    /// the clocks of what came before it in this answer. Of a part of a bucket, the entry before
    /// need not be here; of one version, nor what it follows.
    fn check_follows(
        &self,
        bucket: &Bucket,
        entry: &Verified<Entry>,
        taken: &HashMap<EntryId, Hlc>,
    ) -> Result<()> {
        let (id, header) = (entry.id(), entry.header());
        let area = bucket.record.area();
        let prev = Some(&header.prev).filter(|prev| !prev.is_zero());
        for before in header.parents.iter().chain(prev) {
            let clock = match taken.get(before) {
                Some(clock) => Some(*clock),
                None => self.clock_of(bucket.no(), *before)?,
            };
            let may_lack = match area {
                Area::Bucket => false,
                Area::Document(_) => prev == Some(before),
                Area::Version(..) => prev == Some(before) || !header.kind.is_control(),
            };
            if clock.is_none() && may_lack {
                continue;
            }
            let Some(clock) = clock else {
                let what = format!("the provider sent {id} before {before}, which it follows");
                return Err(Error::damaged(what));
            };
            if header.hlc < clock {
                let what = format!("the provider sent {id}, which is older than {before}");
                return Err(Error::damaged(format!("{what}, which it follows")));
            }
        }
        Ok(())
    }

    fn clock_of(&self, bucket: BucketNo, id: EntryId) -> Result<Option<Hlc>> {
        let Some(no) = self.replica.entry_no(bucket, id)? else { return Ok(None) };
        let bytes = self.replica.rows().get(&keys::entry(bucket, no))?;
        bytes.map(|bytes| header_of(&bytes).map(|(header, _)| header.hlc)).transpose()
    }

    /// Exchanges one bucket with every provider of the vault. A provider that does not answer is
    /// told and costs nothing else.
    pub(crate) fn push(&self, bucket: &mut Bucket, progress: &dyn Progress) -> Result<bool> {
        let mut durable = false;
        for record in self.remote_records()? {
            let remote = match self.remote(&record) {
                Ok(remote) => remote,
                Err(error) if error.kind() == ErrorKind::Unreachable => continue,
                Err(error) => return Err(error),
            };
            let session = self.bucket_session(&remote, bucket)?;
            progress.begin(Stage::Send, None, None);
            let chunks = self.send_pending_chunks(bucket, &session, progress);
            let done = chunks.and_then(|_| self.exchange(bucket, &record, &session, progress));
            match done.and_then(|_| self.renew_drop_card(bucket, &record, &session)) {
                Ok(()) => durable = true,
                Err(error) if error.kind() == ErrorKind::Unreachable => {}
                Err(error) => return Err(error),
            }
        }
        Ok(durable)
    }
}

/// A session about one bucket with the member key: before this device has an author there.
pub(crate) fn member_session(remote: &Remote, bucket: &Bucket) -> Result<Session> {
    let member = MemberSigningKey::from_secret_bytes(&bucket.record.member_seed);
    Ok(remote.session(Arc::new(member), &bucket.member_chain()?))
}

/// Whether a provider refused an entry for what it is, and not for who sent it.
fn refuses_entry(error: &RemoteError) -> bool {
    use strongroom_wire::problem::Problem;
    matches!(error.problem(), Some(Problem::InvalidEntry | Problem::Conflict))
}

/// Whether a provider refused what was sealed under an epoch that somebody can still open who was
/// taken out.
fn is_stale(error: &RemoteError) -> bool {
    error.problem() == Some(strongroom_wire::problem::Problem::StaleEpoch)
}

/// What a person is told of a provider that had lost what it had.
pub(crate) fn loss(url: &str, bucket: &str) -> String {
    format!(
        "the provider {url} had lost or hidden entries of {bucket} that it had before; everything \
         was compared from the start, and the entries are there again"
    )
}

/// What a person is told whose access to somebody else's bucket ended.
pub(crate) fn closed_to_you(bucket: &str, error: Error) -> Error {
    if !error.is_unauthorized() {
        return error;
    }
    // A device that joined afterwards never learnt what it is called.
    let bucket = if bucket.is_empty() { "something that was shared with you" } else { bucket };
    let what = format!("{bucket} is closed to you: you were taken out of it, or your time is over");
    Error::new(ErrorKind::Refused, what)
        .with_hint("what you had is still here; whoever shared it can invite you again")
        .because_of(&error)
}

fn add_traffic(state: &mut SyncState, remote: &Remote) {
    let traffic = remote.take_traffic();
    state.requests += traffic.requests;
    state.bytes_sent += traffic.bytes_sent;
}
