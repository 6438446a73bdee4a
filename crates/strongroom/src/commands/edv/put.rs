//! `edv put`. Comes in: JSON, perhaps a stream. Goes out: a document in an EDV vault. Must not
//! know: keys, requests.

use std::{fs::File, io, path::PathBuf};

use serde_json::json;
use strongroom_client::edv::{EdvContent, PutStream};

use crate::{
    exit::{Failure, Outcome},
    session::Session,
    show::{count, size},
};

/// Put a document into an EDV vault
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The vault: its name or its URL
    vault: String,
    /// The document's id, to put its next state [default: a new document]
    id: Option<String>,
    /// What it says: a JSON object, @FILE, or `-` [default: {}]
    #[arg(long, value_name = "JSON")]
    content: Option<String>,
    /// What is said about it: a JSON object, or @FILE [default: {}]
    #[arg(long, value_name = "JSON")]
    meta: Option<String>,
    /// Bytes that go with it; `-`: standard input
    #[arg(long, value_name = "FILE")]
    stream: Option<PathBuf>,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let read = |text: &Option<String>| match text {
        Some(text) => super::json_of(text),
        None => Ok(json!({})),
    };
    if args.content.is_none() && args.stream.is_none() {
        return Err(Failure::usage("say what to put: --content JSON, or --stream FILE")
            .hint(r#"strongroom edv put NAME --content '{"name": "value"}'"#));
    }
    let content = EdvContent { content: read(&args.content)?, meta: read(&args.meta)? };
    let vault = session.open()?;
    let edv = vault.edv(&args.vault)?;
    let id = args.id.as_deref();
    let put = match &args.stream {
        None => edv.put(id, &content)?,
        Some(path) if path.as_os_str() == "-" => {
            let mut stdin = io::stdin().lock();
            let mut stream = PutStream { from: &mut stdin, len: None };
            edv.put_stream(id, &content, &mut stream, &session.progress())?
        }
        Some(path) => {
            let failed = |error: io::Error| Failure::io(path.display(), &error);
            let mut file = File::open(path).map_err(failed)?;
            let len = file.metadata().map_err(failed)?.len();
            let mut stream = PutStream { from: &mut file, len: Some(len) };
            edv.put_stream(id, &content, &mut stream, &session.progress())?
        }
    };
    session.out.report(&put, |to| {
        let chunks = put.chunks.map_or_else(String::new, |n| format!(", {} chunks", count(n)));
        writeln!(to, "put {}, state {}, {}{chunks}", put.id, put.sequence, size(put.bytes))
    })
}
