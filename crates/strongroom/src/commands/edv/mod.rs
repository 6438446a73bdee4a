//! `edv`. Comes in: what to do with an EDV vault. Goes out: it is done, one verb a file. Must
//! not know: keys, requests.

mod create;
mod export;
mod get;
mod grant;
mod id;
mod import;
mod ls;
mod put;
mod query;
mod revoke;
mod rm;

use std::{
    fs::OpenOptions,
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use clap::Subcommand;
use serde_json::Value;
use strongroom_client::report::EdvTrust;
use zeroize::Zeroizing;

use crate::{
    ask,
    exit::{Failure, Outcome},
    session::Session,
};

/// Bytes of JSON on a command line or in a file.
const JSON_LEN_MAX: u64 = 8 << 20;

/// Said wherever vaults of this kind are listed.
pub const TIER: &str = "EDV vaults are a weaker tier: their server can hide documents or put \
                        old ones back, and sees which values are equal; `strongroom privacy` says \
                        all of it";

/// EDV vaults (Encrypted Data Vaults), as other programs use them too
#[derive(Debug, clap::Args)]
#[command(
    after_help = "An EDV vault is a weaker tier than a bucket: use it to work with programs \
                        that know\nnothing else. `strongroom import edv` copies one into a bucket."
)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Create(create::Args),
    Ls(ls::Args),
    Get(get::Args),
    Put(put::Args),
    Rm(rm::Args),
    Query(query::Args),
    Id(id::Args),
    Grant(grant::Args),
    Revoke(revoke::Args),
    Export(export::Args),
    Import(import::Args),
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    match &args.verb {
        Verb::Create(args) => create::run(args, session),
        Verb::Ls(args) => ls::run(args, session),
        Verb::Get(args) => get::run(args, session),
        Verb::Put(args) => put::run(args, session),
        Verb::Rm(args) => rm::run(args, session),
        Verb::Query(args) => query::run(args, session),
        Verb::Id(args) => id::run(args, session),
        Verb::Grant(args) => grant::run(args, session),
        Verb::Revoke(args) => revoke::run(args, session),
        Verb::Export(args) => export::run(args, session),
        Verb::Import(args) => import::run(args, session),
    }
}

/// JSON that was typed, or stands in a file (`@FILE`), or comes in (`-`).
fn json_of(text: &str) -> Result<Value, Failure> {
    let read = |from: &mut dyn Read| {
        let mut all = String::new();
        from.take(JSON_LEN_MAX).read_to_string(&mut all).map(|_| all)
    };
    let text = if text == "-" {
        read(&mut io::stdin().lock()).map_err(|error| Failure::io("standard input", &error))?
    } else if let Some(path) = text.strip_prefix('@') {
        let mut file = std::fs::File::open(path).map_err(|error| Failure::io(path, &error))?;
        read(&mut file).map_err(|error| Failure::io(path, &error))?
    } else {
        text.to_owned()
    };
    serde_json::from_str(&text).map_err(|error| {
        Failure::usage(format!("this is no JSON: {error}"))
            .hint(r#"write it as '{"name": "value"}', or name a file: @FILE"#)
    })
}

/// A token that stands in a file.
fn token_of(path: Option<&Path>) -> Result<Option<Zeroizing<String>>, Failure> {
    path.map(|path| ask::secret_file(path, "the token file")).transpose()
}

/// Writes a file that is not there yet; `-`: standard output. A secret one is the person's alone.
fn write_new(path: &Path, bytes: &[u8], secret: bool) -> Outcome {
    if path == Path::new("-") {
        io::stdout().lock().write_all(bytes)?;
        return Ok(());
    }
    let failed = |error: io::Error| Failure::io(path.display(), &error);
    let mode = if secret { 0o600 } else { 0o644 };
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let mut file = file.map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)
}

/// A remark about what may not be believed.
fn warn_of(session: &Session, id: &str, trust: EdvTrust) {
    match trust {
        EdvTrust::Signed => {}
        EdvTrust::NotAuthenticated => session.out.remark(&format!(
            "{id}: not authenticated: whoever knows the public key may have written it, the \
             server too"
        )),
        EdvTrust::Stranger => {
            session.out.remark(&format!("{id}: signed by somebody who may not write here"));
        }
        EdvTrust::NoLonger => session.out.remark(&format!(
            "{id}: not authenticated, and a state before it was: another program wrote it, or the \
             server did"
        )),
        EdvTrust::OpenToAll => session.out.remark(&format!(
            "{id}: the key that opens it stands beside it (a fault of the program that wrote it): \
             the server can read it; `strongroom edv put` it again"
        )),
    }
}
