//! `import`. Comes in: something of another kind. Goes out: the same as documents of a bucket. Must
//! not know: keys, requests.

use strongroom_client::place::Place;

use crate::{
    args,
    exit::{Exit, Failure, Outcome},
    session::Session,
    show::{counted, size},
};

/// Copy something of another kind into a bucket
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    from: From,
}

#[derive(Debug, clap::Subcommand)]
enum From {
    /// An EDV vault: its documents become files, its streams too
    #[command(
        after_help = "It is a vault you made, or one that `strongroom edv import` took in.\n\
            A document becomes ID.json, its stream ID.bin. Copying again changes what has changed."
    )]
    Edv {
        /// The vault: its URL or its name
        #[arg(value_name = "URL")]
        vault: String,
        /// The directory they go to, as `[BUCKET:]/PATH` [default: the vault's name]
        #[arg(value_name = "DIR", value_parser = args::place)]
        to: Option<Place>,
    },
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let From::Edv { vault: name, to } = &args.from;
    let vault = session.open()?;
    let edv = vault.edv(name)?;
    let to = match to {
        Some(to) => to.clone(),
        None => args::place(&format!("/{}/", edv.name())).map_err(Failure::usage)?,
    };
    let copied = {
        let progress = session.progress();
        edv.copy_to(&to, session.strict, &progress)?
    };
    session.out.report(&copied, |out| {
        let documents = counted(copied.documents, "document", "documents");
        let streams = counted(copied.streams, "stream", "streams");
        writeln!(out, "copied {documents} and {streams}, {}", size(copied.bytes))
    })?;
    if copied.not_authenticated > 0 {
        let some = counted(copied.not_authenticated, "document was", "documents were");
        session.out.remark(&format!("{some} not authenticated: anybody may have written that"));
    }
    if !copied.complete {
        session.out.remark("the server does not list what it has: what was seen or indexed came");
    }
    for line in &copied.damaged {
        session.out.remark(line);
    }
    if copied.damaged.is_empty() { Ok(()) } else { Err(Failure::told(Exit::Damaged)) }
}
