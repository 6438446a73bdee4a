//! `edv create`. Comes in: a name and what is indexed. Goes out: an empty EDV vault. Must not
//! know: keys, requests.

use std::path::PathBuf;

use strongroom_client::edv::NewEdv;

use crate::{exit::Outcome, session::Session};

/// Make an EDV vault
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Each index tells the server which documents have the same value. One whose \
                        values repeat is\nrefused when a document is put, unless it was made with \
                        --leaky."
)]
pub struct Args {
    /// What to call it
    name: String,
    /// The server: https://host [default: the vault's provider]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Make it possible to ask for this: content.name, or several joined by commas
    #[arg(long, value_name = "NAME")]
    index: Vec<String>,
    /// The same, and the server refuses a second document with the same value
    #[arg(long, value_name = "NAME")]
    unique: Vec<String>,
    /// The same, although its values repeat and the server learns how often
    #[arg(long, value_name = "NAME")]
    leaky: Vec<String>,
    /// Read the token that the server's operator asks for from FILE
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Let the key of `edv id` be its controller: for servers that let in who is on a list
    #[arg(long)]
    as_id: bool,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let token = super::token_of(args.token_file.as_deref())?;
    let made = session.open()?.create_edv(&NewEdv {
        name: &args.name,
        server: args.server.as_deref(),
        indexes: &args.index,
        unique: &args.unique,
        leaky: &args.leaky,
        token: token.as_deref().map(String::as_str),
        as_id: args.as_id,
    })?;
    session.out.report(&made, |to| {
        writeln!(to, "made {}, {}", session.out.name(&made.name), session.out.name(&made.url))
    })?;
    session.out.remark(super::TIER);
    Ok(())
}
