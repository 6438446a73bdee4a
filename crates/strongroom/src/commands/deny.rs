//! `deny`. Comes in: a request. Goes out: a no, to whoever asked. Must not know: keys.

use crate::{exit::Outcome, session::Session};

/// Say no to a request; `decline` throws it away without a word
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which: the start of its id, as `strongroom requests` shows it
    id: String,
    /// Say this to them [default: no]
    #[arg(long, short, value_name = "TEXT")]
    message: Option<String>,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let denied = session.open()?.deny(&args.id, args.message.as_deref())?;
    session.out.report(&denied, |to| {
        let heard = if denied.told { "they are told" } else { "nobody could be told" };
        writeln!(to, "{} is denied; {heard}", denied.request.id)
    })
}
