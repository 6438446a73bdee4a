//! `inbox`. Comes in: nothing. Goes out: what others sent to whoever holds this vault. Must not
//! know: keys.

use strongroom_client::report::MessageInfo;

use crate::{
    commands::{drop::message_table, fresh},
    exit::Outcome,
    session::Session,
};

/// Show what others sent you: invitations, requests, answers
#[derive(Debug, clap::Args)]
#[command(after_help = "Nothing of it does anything by itself: `strongroom accept ID`, \
    `approve ID`, `decline ID`.\nOthers can send to you who have your card from `strongroom id \
    export`.")]
pub struct Args {
    /// Close it: nothing comes any more until `strongroom id export` opens another
    #[arg(long)]
    close: bool,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    if args.close {
        session.open()?.close_inbox()?;
        return session.out.report(&serde_json::json!({ "open": false }), |to| {
            writeln!(to, "nothing comes any more; `strongroom id export` opens another inbox")
        });
    }
    show(session, |_| true)
}

/// Lists messages of the inbox, after asking for what is new.
pub fn show(session: &Session, which: impl Fn(&MessageInfo) -> bool) -> Outcome {
    let vault = fresh(session)?;
    let mut waiting = vault.inbox()?;
    waiting.retain(|message| which(message));
    let out = &session.out;
    out.facts(&waiting, |to| {
        write!(to, "{}", message_table(out, &waiting))?;
        for one in waiting.iter().filter(|it| it.name.is_some() && it.words.is_some()) {
            writeln!(to, "{}: {}", one.id, out.name(one.words.as_deref().unwrap_or("")))?;
        }
        Ok(())
    })
}
