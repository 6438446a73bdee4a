//! `request`. Comes in: a contact, and what of theirs. Goes out: a signed message in their inbox.
//! Must not know: keys.

use serde::Serialize;
use strongroom_client::Rights;

use crate::{exit::Outcome, session::Session};

/// Ask a contact for access to something of theirs
#[derive(Debug, clap::Args)]
#[command(after_help = "They see who asks, and decide what they give. It comes to your inbox: \
                        `strongroom inbox`.")]
pub struct Args {
    /// Whom: a contact whose card names an inbox
    who: String,
    /// What, in your words: a bucket as they call it, or a place in it
    what: String,
    /// To read (the default)
    #[arg(long)]
    read: bool,
    /// To read and write
    #[arg(long, conflicts_with = "read")]
    write: bool,
    /// What for
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
}

#[derive(Debug, Serialize)]
struct Asked<'a> {
    who: &'a str,
    what: &'a str,
    rights: &'a str,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let rights = if args.write { Rights::Write } else { Rights::Read };
    session.open()?.request(&args.who, &args.what, rights, args.why.as_deref())?;
    let asked = Asked { who: &args.who, what: &args.what, rights: rights.word() };
    session.out.report(&asked, |to| {
        let who = session.out.name(&args.who);
        writeln!(to, "{who} is asked; the answer comes to `strongroom inbox`")
    })
}
