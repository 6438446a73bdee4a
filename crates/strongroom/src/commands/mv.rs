//! `mv`. Comes in: two places. Goes out: one document with another name. Must not know: content.

use strongroom_client::place::Place;

use crate::{
    args,
    exit::{Failure, Outcome},
    session::Session,
};

/// Move or rename, within a bucket or to another one
#[derive(Debug, clap::Args)]
#[command(after_help = "To another bucket goes what is there now; older versions stay where they \
                        were, and who may read it is\nsaid by that bucket.")]
pub struct Args {
    /// What to move
    #[arg(value_name = "FROM", value_parser = args::place)]
    from: Place,
    /// What it becomes, or the directory it goes into
    #[arg(value_name = "TO", value_parser = args::place)]
    to: Place,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    if args.from.names.is_empty() {
        return Err(Failure::usage("the root of a bucket cannot be moved")
            .hint("to name a bucket anew: strongroom bucket label BUCKET NEW"));
    }
    let vault = session.open()?;
    let moved = {
        let progress = session.progress();
        vault.rename(&args.from, &args.to, &progress)?
    };
    session.out.report(&moved, |to| {
        let from = args.from.to_string();
        let now = match &args.to.bucket {
            Some(bucket) => format!("{bucket}:{}", moved.path),
            None => moved.path.clone(),
        };
        writeln!(to, "{} is now {}", session.out.name(&from), session.out.name(&now))
    })
}
