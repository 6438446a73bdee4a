//! Coming back from the phrase and an address. Comes in: 24 words, a provider. Goes out: a vault
//! on this device, with a new device key, and everything in it. Must not know: the lost device.

use std::sync::Arc;

use strongroom_core::keylog::KeyLog;
use strongroom_seal::identity::SessionSigningKey;
use strongroom_seal::kem::AgreeSeed;
use strongroom_seal::phrase::Phrase as SealPhrase;
use strongroom_seal::recovery::{ROOT_WRAP_LEN, RecoveryKey, open_record, unwrap_root_key};
use strongroom_seal::suite::Suite;
use strongroom_store::Batch;
use strongroom_wire::capability::Capability;
use strongroom_wire::capability::CapabilityChain;
use strongroom_wire::frame::Area;
use strongroom_wire::ids::{BucketId, EntryId};
use zeroize::Zeroizing;

use super::create::{StoredKeyLog, check_passphrase, refuse_existing};
use super::documents::{BUCKET, BucketDocument, KEY_LOG};
use super::exchange::member_session;
use super::provider::RecordContents;
use super::{Bucket, Passphrase, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::home::Home;
use crate::progress::{Progress, Stage};
use crate::random::SystemRng;
use crate::remote::{Options, ProviderUrl, Remote, RemoteError, Runtime};
use crate::replica::checkpoints::{CheckpointRow, RecordRow};
use crate::replica::index::{Intake, Taken};
use crate::replica::keys;
use crate::replica::rows::{BucketRecord, DocumentRow, RemoteRecord};
use crate::secrets::Secrets;

/// What a recovering device takes from a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// What contains everything the recovery record names.
    Whole,
    /// An older state, too: better than nothing, where the provider itself was set back.
    Older,
}

impl Vault {
    /// Brings a vault back to this device from the phrase and a provider's address. Refuses what
    /// is older than the recovery record says.
    pub fn recover(
        home: &Home,
        url: &str,
        phrase: &str,
        passphrase: &Passphrase,
        progress: &dyn Progress,
    ) -> Result<Self> {
        Self::recover_as(home, url, phrase, passphrase, Shown::Whole, progress)
    }

    /// The same; `shown` says whether an older state will do.
    pub fn recover_as(
        home: &Home,
        url: &str,
        phrase: &str,
        passphrase: &Passphrase,
        shown: Shown,
        progress: &dyn Progress,
    ) -> Result<Self> {
        refuse_existing(home)?;
        check_passphrase(passphrase)?;
        let recovery = SealPhrase::parse(phrase)
            .map_err(|e| {
                Error::new(ErrorKind::Locked, e.to_string())
                    .with_hint("check the words and their order on the paper you wrote them on")
            })?
            .to_key();
        let parsed: ProviderUrl = url.parse().map_err(RemoteError::from)?;
        let text = parsed.to_string();
        let runtime = Runtime::new().map_err(|e| Error::io("cannot start the network", &e))?;
        let connecting = runtime.block_on(Remote::connect(parsed, None, Options::default()));
        let remote = connecting.map_err(|error| match Error::from(error) {
            // There is nothing on this device yet that could wait for it.
            away if away.kind() == ErrorKind::Unreachable => {
                away.with_hint("check the address and the network, and run it again")
            }
            other => other,
        })?;
        let (contents, counter) = read_record(&runtime, &remote, &recovery)?;
        let agree = AgreeSeed::from_secret_bytes(&contents.agree);
        let mut secrets = Secrets::generate(contents.principal, agree, &mut SystemRng);
        secrets.vault_bucket = contents.vault_bucket;
        let vault = Self::fresh(home, secrets)?;
        vault.write_meta(&recovery.pair().pair().public(), &recovery.locator())?;
        let record = RemoteRecord {
            no: 1,
            url: text,
            key: remote.thumbprint(),
            vault: contents.vault,
            vault_seed: contents.vault_seed.clone(),
            buckets: vec![contents.vault_bucket],
            record_counter: counter,
            // This one. Whoever has read it before is told of, as nobody else may be left to tell.
            record_reads: 1,
        };
        vault.keep_recovered(&contents, &record)?;
        let due = contents.checkpoint.filter(|_| shown == Shown::Whole);
        vault.join_vault(&record, &recovery, due, progress)?;
        vault.absorb_buckets(&record, progress)?;
        vault.write_key_store(passphrase)?;
        Ok(vault)
    }

    pub(super) fn keep_recovered(
        &self,
        contents: &RecordContents,
        record: &RemoteRecord,
    ) -> Result<()> {
        let mut meta = self.replica.meta()?;
        meta.vault_bucket = contents.vault_bucket;
        meta.next_remote = record.no + 1;
        meta.next_bucket = 2;
        let bucket = blank_record(
            1,
            contents.vault_bucket,
            contents.member_seed.clone(),
            contents.member_chain.clone(),
        );
        let bucket = BucketRecord { internal: true, label: "vault".to_owned(), ..bucket };
        let mut batch = Batch::new();
        self.replica.put(&mut batch, keys::META.to_vec(), &meta)?;
        self.replica.put(&mut batch, bucket.key(), &bucket)?;
        self.replica.put(&mut batch, keys::remote(record.no), record)?;
        // Until it is here, this bucket is withheld.
        let checkpoints = CheckpointRow { due: contents.checkpoint, ..CheckpointRow::default() };
        self.replica.put(&mut batch, keys::checkpoints(1), &checkpoints)?;
        let put = RecordRow { put_at: self.clock.now_secs(), checkpoint: contents.checkpoint };
        self.replica.put(&mut batch, keys::record(record.no), &put)?;
        Ok(self.replica.rows().commit(batch)?)
    }

    /// Fetches the vault's own bucket, checks who the person is, and adds this device.
    fn join_vault(
        &self,
        record: &RemoteRecord,
        recovery: &RecoveryKey,
        due: Option<EntryId>,
        progress: &dyn Progress,
    ) -> Result<()> {
        let mut bucket = self.vault_bucket()?;
        let (mut log, _) = self.fetch_vault(&mut bucket, record, due, progress)?;
        let root = recovery.identity_root(0);
        if !log.is_rooted_in(&root) {
            return Err(Error::damaged("the vault at this provider belongs to somebody else"));
        }
        log.add_device(&self.secrets, &root, self.clock.now_secs())?;
        let change = self.internal_change(&bucket, KEY_LOG, log.encode())?;
        self.write(&bucket, vec![change])?;
        self.exchange_as_author(&mut bucket, record, progress)
    }

    /// Fetches the vault's own bucket and the key log in it, which must be this person's.
    pub(super) fn fetch_vault(
        &self,
        bucket: &mut Bucket,
        record: &RemoteRecord,
        due: Option<EntryId>,
        progress: &dyn Progress,
    ) -> Result<(StoredKeyLog, KeyLog)> {
        progress.begin(Stage::Receive, None, None);
        self.join(bucket, record, due, progress)?;
        self.hear_older_agree(bucket)?;
        let bytes = self.internal(bucket, KEY_LOG)?.ok_or_else(|| {
            Error::damaged("the vault at this provider has no key log; it is not whole")
        })?;
        let stored = StoredKeyLog::decode(&bytes)?;
        let log = stored.verify()?;
        if log.principal() != self.secrets.principal {
            return Err(Error::damaged("the vault at this provider belongs to somebody else"));
        }
        Ok((stored, log))
    }

    /// Fetches a bucket with the member key, makes this device an author there, and says so.
    /// Without what is `due` nothing is said: it is not the state the person left.
    pub(crate) fn join(
        &self,
        bucket: &mut Bucket,
        record: &RemoteRecord,
        due: Option<EntryId>,
        progress: &dyn Progress,
    ) -> Result<()> {
        let remote = self.remote(record)?;
        let session = member_session(&remote, bucket)?;
        self.exchange(bucket, record, &session, progress)?;
        if let Some(due) = due
            && self.replica.entry_no(bucket.no(), due)?.is_none()
        {
            return Err(Error::new(
                ErrorKind::Damaged,
                format!(
                    "this provider shows an older state of the vault than its recovery record \
                     names: {due} is missing; it withholds entries, or was set back"
                ),
            )
            .with_hint(
                "ask the provider; `strongroom recover --older` takes what it shows, and \
                 `status` goes on telling",
            ));
        }
        // A deactivated bucket takes no new author: this device reads it with the member key.
        if bucket.record.author_capability.is_empty() && !bucket.record.deactivated {
            self.enrol_here(bucket)?;
            self.exchange(bucket, record, &session, progress)?;
        }
        Ok(())
    }

    pub(super) fn exchange_as_author(
        &self,
        bucket: &mut Bucket,
        record: &RemoteRecord,
        progress: &dyn Progress,
    ) -> Result<()> {
        let remote = self.remote(record)?;
        let session = self.bucket_session(&remote, bucket)?;
        self.exchange(bucket, record, &session, progress).map(drop)
    }

    /// One entry that makes this device an author in a bucket.
    pub(crate) fn enrol_here(&self, bucket: &mut Bucket) -> Result<()> {
        let _lock = self.replica.lock_bucket(bucket.no())?;
        let mut intake = Intake::start(&self.replica, bucket.no())?;
        let clock = intake.tip().position.clock;
        let enrolled = self.enrolled(bucket, &self.standing(bucket)?, clock)?;
        bucket.record.author_capability = enrolled.capability.bytes().to_vec();
        let key = bucket.record.key();
        let row = self.replica.seal(&key, &bucket.record)?;
        intake.batch().put(key, row);
        intake.add(Taken::plain(enrolled.entry), true)?;
        intake.commit()?;
        Ok(())
    }

    /// Takes in buckets that the vault's own bucket names and this device does not have: made by
    /// another device, or before this one was recovered.
    pub(crate) fn absorb_buckets(
        &self,
        record: &RemoteRecord,
        progress: &dyn Progress,
    ) -> Result<u64> {
        let vault = self.vault_bucket()?;
        let mut joined = 0;
        for document in self.bucket_documents(&vault)? {
            let area = BucketRecord::area_of(&document.member_chain);
            let held: Option<BucketRecord> =
                self.replica.get(&keys::bucket_part(document.id, area))?;
            if let Some(made) = held {
                if area != Area::Bucket && made.member_chain != document.member_chain {
                    self.hold_anew(&made, &document)?;
                } else if area == Area::Bucket
                    && given_later(&document.member_chain, &made.member_chain)
                {
                    let made = self.taken_anew(made, &document, record)?;
                    self.join_unless_closed(&mut Bucket::open(made, self)?, record, progress)?;
                }
                continue;
            }
            self.keep_bucket(&document)?;
            self.update_remote(record.no, |record| record.buckets.push(document.id))?;
            joined += 1;
        }
        // What is new has no author yet, nor has what was cut short. What was closed may be open.
        let half = |made: &BucketRecord| made.author_capability.is_empty() && !made.deactivated;
        for made in self.all_records()?.into_iter().filter(half) {
            let mut bucket = Bucket::open(made, self)?;
            if !bucket.record.is_part() {
                self.join_unless_closed(&mut bucket, record, progress)?;
            } else if self.is_shut_out(&bucket)? {
                self.join_part_unless_closed(&mut bucket, record, progress)?;
            }
        }
        Ok(joined)
    }

    /// Ids of buckets that were shared with this person, whole or in part, and closed before this
    /// device heard of them.
    pub fn shut_out_of(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for made in self.all_records()? {
            let bucket = Bucket::open(made, self)?;
            if self.is_shut_out(&bucket)? {
                found.push(bucket.record.id.to_string());
            }
        }
        Ok(found)
    }

    fn is_shut_out(&self, bucket: &Bucket) -> Result<bool> {
        Ok(self.replica.entry_no(bucket.no(), bucket.record.id.genesis())?.is_none())
    }

    fn join_part_unless_closed(
        &self,
        bucket: &mut Bucket,
        record: &RemoteRecord,
        progress: &dyn Progress,
    ) -> Result<()> {
        match self.join_part(bucket, record, progress) {
            Err(error) if error.kind() == ErrorKind::Refused => Ok(()),
            done => done,
        }
    }

    /// Fetches a bucket. One of somebody else's that is closed to this person by now stays empty:
    /// no other one waits for it, and the words bring back everything else.
    fn join_unless_closed(
        &self,
        bucket: &mut Bucket,
        record: &RemoteRecord,
        progress: &dyn Progress,
    ) -> Result<()> {
        match self.join(bucket, record, None, progress) {
            Err(error) if error.is_unauthorized() && !bucket.is_hosted_by_us() => Ok(()),
            done => done,
        }
    }

    pub(crate) fn keep_bucket(&self, document: &BucketDocument) -> Result<BucketRecord> {
        let _lock = self.replica.lock("meta")?;
        let mut meta = self.replica.meta()?;
        let made = BucketRecord {
            tag_key: document.tag_key.clone(),
            default: document.default,
            ..blank_record(
                meta.next_bucket,
                document.id,
                document.member_seed.clone(),
                document.member_chain.clone(),
            )
        };
        meta.next_bucket += 1;
        let mut batch = Batch::new();
        self.replica.put(&mut batch, keys::META.to_vec(), &meta)?;
        self.replica.put(&mut batch, made.key(), &made)?;
        self.replica.rows().commit(batch)?;
        Ok(made)
    }

    /// Labels of the buckets whose root keys these words open, the vault's own too: present and
    /// next one, as the bucket's genesis names them. No device keeps them; whoever renews or
    /// repairs a bucket needs the words.
    pub fn root_keys(&self, phrase: &str) -> Result<Vec<String>> {
        let wrong =
            |e: strongroom_seal::phrase::PhraseError| Error::new(ErrorKind::Locked, e.to_string());
        let pair = SealPhrase::parse(phrase).map_err(wrong)?.to_key().pair().pair();
        let mut opened = Vec::new();
        for document in self.bucket_documents(&self.vault_bucket()?)? {
            let record: Option<BucketRecord> = self.replica.get(&keys::bucket(document.id))?;
            let Some(record) = record else { continue };
            let bucket = Bucket::open(record, self)?;
            let Some(control) = self.control(&bucket)? else { continue };
            let (wraps, _) = document.root_wrap.as_chunks::<ROOT_WRAP_LEN>();
            let keys: Vec<_> = wraps
                .iter()
                .filter_map(|wrap| unwrap_root_key(Suite::DEFAULT, &pair, document.id, wrap).ok())
                .collect();
            let genesis = control.genesis();
            if let [root, next] = &keys[..]
                && root.public() == genesis.root_key
                && *blake3::hash(&next.public().0).as_bytes() == genesis.next_root
            {
                opened.push(bucket.record.label);
            }
        }
        Ok(opened)
    }

    /// What the vault's own bucket says of the person's buckets.
    pub(super) fn bucket_documents(&self, vault: &Bucket) -> Result<Vec<BucketDocument>> {
        let rows: Vec<(Vec<u8>, DocumentRow)> = self.replica.all(&keys::documents(vault.no()))?;
        let mut found = Vec::new();
        for (_, row) in rows {
            let name = row.current().and_then(|head| head.facts.as_ref()).map(|f| f.name.clone());
            let of_bucket = |name: &String| name.replace(':', "/").starts_with(BUCKET);
            if !name.as_ref().is_some_and(of_bucket) {
                continue;
            }
            if let Some(bytes) = self.internal_content(vault, &row)? {
                found.push(BucketDocument::decode(&bytes)?);
            }
        }
        found.sort_by_key(|document| document.id);
        Ok(found)
    }
}

/// Whether what a chain ends with was given after what the other ends with: another device of the
/// person accepted it.
fn given_later(chain: &[Vec<u8>], than: &[Vec<u8>]) -> bool {
    let given = |chain: &[Vec<u8>]| {
        let last = chain.last().and_then(|bytes| Capability::decode(bytes).ok());
        last.and_then(|last| last.claims().not_before)
    };
    given(chain).is_some_and(|at| given(than).is_none_or(|before| at > before))
}

/// Reads the newest recovery record that opens and is the person's.
fn read_record(
    runtime: &Runtime,
    remote: &Remote,
    recovery: &RecoveryKey,
) -> Result<(RecordContents, u64)> {
    let provider = remote.thumbprint();
    let locator = recovery.locator();
    let throw_away = SessionSigningKey::generate(&mut SystemRng);
    let session = remote.session(Arc::new(throw_away), &CapabilityChain::none());
    let id = locator.record_id(&provider);
    let key = locator.record_key(&provider);
    let records = match runtime.block_on(session.read_records(id, &key)) {
        Err(error) if error.problem() == Some(strongroom_wire::problem::Problem::NotFound) => {
            return Err(Error::new(
                ErrorKind::NotFound,
                "this provider has no vault for these words, or was asked too often",
            )
            .with_hint("check the words and the address; after ten tries wait an hour"));
        }
        other => other?,
    };
    let pair = recovery.pair().pair();
    records
        .iter()
        .filter_map(|bytes| open_record(&pair, &locator, &provider, bytes).ok())
        .filter_map(|opened| {
            let contents = RecordContents::decode(&opened.contents).ok()?;
            Some((contents, opened.counter))
        })
        .max_by_key(|(_, counter)| *counter)
        .ok_or_else(|| Error::damaged("no recovery record at this provider opens"))
}

fn blank_record(
    no: u32,
    id: BucketId,
    member_seed: Zeroizing<[u8; 32]>,
    member_chain: Vec<Vec<u8>>,
) -> BucketRecord {
    BucketRecord {
        no,
        id,
        label: String::new(),
        member_seed,
        member_chain,
        author_capability: Vec::new(),
        instance: 0,
        tag_key: Zeroizing::new([0; 32]),
        name_key: Zeroizing::new([0; 32]),
        epochs: Vec::new(),
        contents: Vec::new(),
        current_epoch: EntryId::ZERO,
        fresh_until: 0,
        deactivated: false,
        internal: false,
        default: false,
    }
}
