//! On what terms somebody is in. Comes in: what a granter gives. Goes out: the same, no less than
//! what the member has; and an epoch for who is in from now on. Must not know: invitations,
//! sockets.

use strongroom_core::granting::Rights;
use strongroom_wire::capability::{Action, Capability};
use strongroom_wire::ids::MemberTag;

use super::documents::{SETTINGS, encode_settings};
use super::{Bucket, Vault};
use crate::error::{Error, ErrorKind, Result};
use crate::replica::index::{Intake, Taken};

/// What somebody gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// What they may do.
    pub rights: Rights,
    /// Until then, seconds since 1970; `None`: as long as the granter.
    pub until: Option<u64>,
    /// Whether they open nothing from before now. Not for admins.
    pub from_now: bool,
}

impl Vault {
    /// What a member gets, who may be in already: more rights, a later end, or the history. What
    /// it has it keeps.
    pub(super) fn widened(
        &self,
        bucket: &Bucket,
        tag: MemberTag,
        who: &str,
        terms: Terms,
    ) -> Result<Terms> {
        let control = self.standing(bucket)?.control;
        let now = self.clock.now_secs();
        let Some(end) = control.ends().get(&tag).copied().filter(|end| *end > now) else {
            return Ok(terms);
        };
        let log = self.control_entries(bucket)?;
        let people = self.people(bucket, &control, &log)?;
        let Some(person) = people.get(&tag) else { return Ok(terms) };
        let own = bucket.record.member_chain.last().and_then(|it| Capability::decode(it).ok());
        let longest = own.map_or(u64::MAX, |own| own.claims().expires);
        let wider = terms.until.unwrap_or(u64::MAX).min(longest) > end
            || terms.rights > person.rights()
            || person.from_now && !terms.from_now;
        if !wider {
            return Err(Error::new(ErrorKind::Conflict, format!("{who} has access already"))
                .with_hint("`strongroom grants` shows what; revoke it to give less"));
        }
        let rights = terms.rights.max(person.rights());
        Ok(Terms { rights, from_now: terms.from_now && person.from_now, ..terms })
    }

    /// Whether this device holds no key of a bucket that leads to what came before: who is in from
    /// now on.
    pub fn holds_no_history(&self, bucket: &str) -> Result<bool> {
        let bucket = self.bucket(Some(bucket))?;
        Ok(bucket.keyring.iter().next().is_none())
    }

    /// Makes an epoch, so that who is in from now on opens nothing that was sealed before; with
    /// what the bucket is called under it.
    pub(super) fn begin_now(&self, bucket: &mut Bucket) -> Result<()> {
        if !bucket.may(Action::Rotate) {
            let what = "who lets in from now on makes a new key, and you may not here";
            return Err(Error::new(ErrorKind::Refused, what)
                .with_hint("an admin can; `strongroom grants` shows who"));
        }
        let lock = self.replica.lock_bucket(bucket.no())?;
        if let Some(record) = self.replica.get(&bucket.record.key())? {
            *bucket = Bucket::open(record, self)?;
        }
        let mut intake = Intake::start(&self.replica, bucket.no())?;
        let mut standing = self.standing(bucket)?;
        let before = intake.tip().position;
        let (mut entries, position) = self.say_what_ended(bucket, &mut standing, before)?;
        let prev = standing.control.current_epochs();
        let control = &standing.control;
        entries.extend(self.next_epoch(bucket, control, &prev, &[], position, &mut intake)?);
        for entry in entries {
            intake.add(Taken::plain(entry), true)?;
        }
        intake.commit()?;
        drop(lock);
        if let Some(record) = self.replica.get(&bucket.record.key())? {
            *bucket = Bucket::open(record, self)?;
        }
        let label = encode_settings(&bucket.record.label);
        let change = self.internal_change(bucket, SETTINGS, label)?;
        self.write(bucket, vec![change]).map(drop)
    }
}
