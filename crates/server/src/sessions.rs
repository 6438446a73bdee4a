//! Sessions of this process. Comes in: sessions just opened, names of sessions. Goes out: the
//! session, if it is still held. Must not know: requests. Nothing of it is ever on disk.
//!
//! Sessions of strangers (an empty chain) and of members have room of their own, so that no number
//! of strangers ends a member's session.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use strongroom_wire::capability::Grant;
use strongroom_wire::http_signature::SessionMac;
use strongroom_wire::ids::{PublicKey, SessionId, VaultTag};
use strongroom_wire::limits::SESSIONS_PER_KEY_MAX;
use strongroom_wire::session::{Session, SessionRefusal};

/// An open session.
#[derive(Debug)]
pub struct Open {
    /// Its name.
    pub id: SessionId,
    /// Who opened it.
    pub opener: PublicKey,
    /// What it is good for; none: sign-up, recovery and public reads only.
    pub grant: Option<Arc<Grant>>,
    session: Mutex<Session>,
}

impl Open {
    /// Lets one request through: in time, with the right MAC, once.
    pub fn admit(&self, request: &SessionMac, now: u64) -> Result<(), SessionRefusal> {
        lock(&self.session).admit(request, now)
    }

    /// Whether its time is over.
    pub fn is_over(&self, now: u64) -> bool {
        now >= lock(&self.session).expires
    }

    /// Whether it vouches for what is asked for in another session.
    pub fn vouches(&self, input: &[u8], mac: &[u8; 32], now: u64) -> Result<(), SessionRefusal> {
        lock(&self.session).vouches(input, mac, now)
    }
}

/// All open sessions.
#[derive(Debug)]
pub struct Sessions {
    members: Mutex<Table>,
    strangers: Mutex<Table>,
}

#[derive(Debug)]
struct Table {
    max: usize,
    open: HashMap<SessionId, Arc<Open>>,
    /// Per key, oldest first.
    by_key: HashMap<PublicKey, VecDeque<SessionId>>,
    /// All, oldest first; those that ended early stand here until their turn.
    order: VecDeque<SessionId>,
}

/// Room for sessions without a chain. They live for a sign-up or a recovery.
const STRANGERS_MAX: usize = 4_096;

impl Sessions {
    /// Room for `max` sessions of members.
    pub fn new(max: usize) -> Self {
        let strangers = Mutex::new(Table::new(STRANGERS_MAX.min(max)));
        Self { members: Mutex::new(Table::new(max)), strangers }
    }

    /// Keeps a session. The oldest of the same key, or of all, gives way where there is no room.
    pub fn insert(&self, session: Session) {
        let table = if session.grant.is_some() { &self.members } else { &self.strangers };
        lock(table).insert(session);
    }

    /// The session of this name.
    pub fn find(&self, id: SessionId) -> Option<Arc<Open>> {
        let member = lock(&self.members).open.get(&id).cloned();
        member.or_else(|| lock(&self.strangers).open.get(&id).cloned())
    }

    /// Ends a session.
    pub fn end(&self, open: &Open) {
        let table = if open.grant.is_some() { &self.members } else { &self.strangers };
        lock(table).remove(open.id);
    }

    /// Ends all sessions that act for a vault.
    pub fn end_of_vault(&self, vault: VaultTag) {
        let mut members = lock(&self.members);
        let of_vault = |open: &&Arc<Open>| {
            open.grant.as_ref().is_some_and(|grant| grant.target().vault() == Some(vault))
        };
        let ended: Vec<SessionId> =
            members.open.values().filter(of_vault).map(|it| it.id).collect();
        for id in ended {
            members.remove(id);
        }
    }

    /// How many are open.
    pub fn len(&self) -> usize {
        lock(&self.members).open.len() + lock(&self.strangers).open.len()
    }
}

impl Table {
    fn new(max: usize) -> Self {
        Self { max, open: HashMap::new(), by_key: HashMap::new(), order: VecDeque::new() }
    }

    fn insert(&mut self, session: Session) {
        let of_key = self.by_key.get(&session.opener);
        if of_key.is_some_and(|ids| ids.len() >= SESSIONS_PER_KEY_MAX)
            && let Some(oldest) = of_key.and_then(|ids| ids.front().copied())
        {
            self.remove(oldest);
        }
        while self.open.len() >= self.max {
            let Some(oldest) = self.order.pop_front() else { break };
            self.remove(oldest);
        }
        if self.order.len() > self.max.saturating_mul(2) {
            let open = &self.open;
            self.order.retain(|id| open.contains_key(id));
        }
        let (id, opener, grant) = (session.id, session.opener, session.grant.clone());
        self.by_key.entry(opener).or_default().push_back(id);
        self.order.push_back(id);
        self.open.insert(id, Arc::new(Open { id, opener, grant, session: Mutex::new(session) }));
    }

    fn remove(&mut self, id: SessionId) {
        let Some(open) = self.open.remove(&id) else { return };
        if let Some(ids) = self.by_key.get_mut(&open.opener) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_key.remove(&open.opener);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
