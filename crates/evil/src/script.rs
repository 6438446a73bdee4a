//! What the adversary does, and when. Comes in: requests. Goes out: the action of the first rule
//! that matches. Must not know: sockets.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::HeaderMap;

use crate::raw::RawFrames;

/// A request, whole.
#[derive(Debug, Clone)]
pub struct Asked {
    /// By which of the provider's addresses it came: tests give each device its own.
    pub door: usize,
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query.
    pub path: String,
    /// All fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Asked {
    /// The frames of an exchange; nothing for other requests.
    pub fn frames(&self) -> RawFrames {
        RawFrames::read(&self.body)
    }

    /// The path without its query, which names the body.
    pub fn route(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }

    /// Whether this is an exchange of entries.
    pub fn is_exchange(&self) -> bool {
        self.method == "POST" && self.route().ends_with("/frames")
    }

    /// Whether this fetches a chunk.
    pub fn is_chunk_read(&self) -> bool {
        self.method == "GET" && self.path.contains("/chunks/")
    }
}

/// An answer, whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// All fields but the length, which follows the body.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// An empty answer.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// An answer to an exchange, changed frame by frame.
    pub fn edit_frames(&mut self, edit: impl FnOnce(&mut RawFrames)) {
        let mut frames = RawFrames::read(&self.body);
        edit(&mut frames);
        self.body = frames.write().into();
    }

    /// Its body, changed byte by byte.
    pub fn edit_body(&mut self, edit: impl FnOnce(&mut Vec<u8>)) {
        let mut body = self.body.to_vec();
        edit(&mut body);
        self.body = body.into();
    }
}

type Edit = Arc<dyn Fn(&Asked, &mut Answer) + Send + Sync>;
type Alter = Arc<dyn Fn(&mut Asked) + Send + Sync>;
type Invent = Arc<dyn Fn(&Asked) -> Answer + Send + Sync>;

/// What is done to a request that matches.
#[derive(Clone)]
pub enum Act {
    /// Neither asked nor answered: the connection ends.
    Drop,
    /// Done, and the answer lost: the connection ends after the provider has committed.
    DropAnswer,
    /// Done, after another request was (or a moment without one).
    Later,
    /// Done twice; the first answer is given. The tap has the second one before it.
    Repeat,
    /// Answered from an older state of the store, or a state that only some devices are shown.
    History(usize),
    /// Done honestly; then the answer is changed.
    Edit(Edit),
    /// The request is changed before the provider looks at it.
    Alter(Alter),
    /// Never done; the answer is made up.
    Invent(Invent),
    /// Never done; this status and an empty body.
    Answer(u16),
    /// Never done; 200, and a body that does not end before the asker hangs up.
    Flood,
}

impl Act {
    /// Changes answers.
    pub fn edit(edit: impl Fn(&Asked, &mut Answer) + Send + Sync + 'static) -> Self {
        Self::Edit(Arc::new(edit))
    }

    /// Changes the frames of answers to exchanges.
    pub fn frames(edit: impl Fn(&mut RawFrames) + Send + Sync + 'static) -> Self {
        Self::edit(move |_, answer| answer.edit_frames(&edit))
    }

    /// Changes the bodies of answers.
    pub fn body(edit: impl Fn(&mut Vec<u8>) + Send + Sync + 'static) -> Self {
        Self::edit(move |_, answer| answer.edit_body(&edit))
    }

    /// Changes requests.
    pub fn alter(alter: impl Fn(&mut Asked) + Send + Sync + 'static) -> Self {
        Self::Alter(Arc::new(alter))
    }

    /// Makes answers up.
    pub fn invent(invent: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::Invent(Arc::new(invent))
    }
}

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Drop => "Drop",
            Self::DropAnswer => "DropAnswer",
            Self::Later => "Later",
            Self::Repeat => "Repeat",
            Self::History(_) => "History",
            Self::Edit(_) => "Edit",
            Self::Alter(_) => "Alter",
            Self::Invent(_) => "Invent",
            Self::Answer(_) => "Answer",
            Self::Flood => "Flood",
        })
    }
}

type When = Box<dyn Fn(&Asked) -> bool + Send + Sync>;

/// One line of a script.
pub struct Rule {
    name: String,
    when: When,
    door: Option<usize>,
    act: Act,
    limit: u64,
    fired: AtomicU64,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({}, fired {} times)", self.act, self.name, self.fired())
    }
}

impl Rule {
    /// Matches everything, always.
    pub fn new(name: impl Into<String>, act: Act) -> Self {
        let when = Box::new(|_: &Asked| true);
        let fired = AtomicU64::new(0);
        Self { name: name.into(), when, door: None, act, limit: u64::MAX, fired }
    }

    /// Only these requests.
    #[must_use]
    pub fn when(mut self, when: impl Fn(&Asked) -> bool + Send + Sync + 'static) -> Self {
        self.when = Box::new(when);
        self
    }

    /// Only exchanges of entries.
    #[must_use]
    pub fn on_exchange(self) -> Self {
        self.when(Asked::is_exchange)
    }

    /// Only requests by this address.
    #[must_use]
    pub fn at(mut self, door: usize) -> Self {
        self.door = Some(door);
        self
    }

    /// Only the first `limit` that match.
    #[must_use]
    pub fn times(mut self, limit: u64) -> Self {
        self.limit = limit;
        self
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How often it did what it says.
    pub fn fired(&self) -> u64 {
        self.fired.load(Ordering::SeqCst)
    }

    /// The action, if it applies; counts.
    pub(crate) fn strike(&self, asked: &Asked) -> Option<Act> {
        let here = self.door.is_none_or(|door| door == asked.door);
        if !here || !(self.when)(asked) {
            return None;
        }
        let count = |fired| (fired < self.limit).then_some(fired + 1);
        self.fired.fetch_update(Ordering::SeqCst, Ordering::SeqCst, count).ok()?;
        Some(self.act.clone())
    }
}
