//! The provider as adversary. Comes in: a script, a list of (match on request, action). Goes out:
//! a real provider, with its own key, store and sessions, that misbehaves where the script says
//! so and counts how often it did. Must not know: any key of a vault.
//!
//! It can do what every malicious provider can, and no more: it sees each request in the clear
//! of its own end of the connection, it keeps and restores old states of its own store, it may
//! answer anything to anybody. It cannot sign for a device and opens nothing. Sessions protect
//! requests from strangers, not answers from the provider; so changing an answer takes no key.
//!
//! For tests only: it holds everything it saw in memory, without limits.
//!
//! ```no_run
//! use strongroom_evil::{Act, EvilProvider, Rule};
//! let evil = EvilProvider::start();
//! let rule = evil.play(Rule::new("no chunk is ever found", Act::Answer(404))
//!     .when(|asked| asked.method == "GET" && asked.path.contains("/chunks/")));
//! // … a vault at `evil.url(0)` …
//! assert!(rule.fired() > 0, "a test that cannot fail is not a test");
//! evil.honest();
//! ```
#![forbid(unsafe_code)]

pub mod lies;
mod provider;
mod raw;
mod script;
mod tap;
pub mod weakened;

pub use provider::EvilProvider;
pub use raw::{RawEntry, RawFrames};
pub use script::{Act, Answer, Asked, Rule};
pub use tap::{Needles, Seen, Tap};
