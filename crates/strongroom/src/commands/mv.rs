//! `mv`. Comes in: two places. Goes out: one document with another name. Must not know: content.

use strongroom_client::place::Place;

use crate::{
    args,
    exit::{Failure, Outcome},
    session::Session,
};

/// Move or rename within a bucket
#[derive(Debug, clap::Args)]
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
    let moved = session.open()?.rename(&args.from, &args.to)?;
    session.out.report(&moved, |to| {
        let from = args.from.to_string();
        let now = match &args.to.bucket {
            Some(bucket) => format!("{bucket}:{}", moved.path),
            None => moved.path.clone(),
        };
        writeln!(to, "{} is now {}", session.out.name(&from), session.out.name(&now))
    })
}
