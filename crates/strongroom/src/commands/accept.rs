//! `accept`. Comes in: an invitation, as a file or in the inbox. Goes out: a bucket more, after a
//! yes. Must not know: keys.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use strongroom_client::{INVITATION_END, InvitationInfo, Vault};

use crate::{
    commands::grant::agreed,
    exit::{Exit, Failure, Outcome},
    session::Session,
    show::time_or_never,
};

/// Bytes of an invitation as text.
const INVITATION_LEN_MAX: u64 = 2 * 1_048_576;

/// Accept an invitation: the bucket is among yours from then on
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The invitation: a file, `-` for standard input, or its id as `strongroom inbox` shows it
    #[arg(value_name = "ID|FILE")]
    what: PathBuf,
    /// Only tell what it is; fetch nothing
    #[arg(long)]
    show: bool,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let letter = letter(&args.what);
    let text = if letter.is_some() { String::new() } else { read(&args.what)? };
    let vault = session.open()?;
    let text = letter.map_or(Ok(text), |id| vault.invitation_text(id))?;
    for one in invitations(&text) {
        accept(one, args, &vault, session)?;
    }
    if let Some(id) = letter.filter(|_| !args.show) {
        vault.decline(id)?;
    }
    Ok(())
}

/// One file may hold several: who shares three documents hands over one file.
fn invitations(text: &str) -> Vec<&str> {
    let parts = text.split_inclusive(INVITATION_END);
    let parts: Vec<&str> = parts.filter(|part| part.contains(INVITATION_END)).collect();
    if parts.len() > 1 { parts } else { vec![text] }
}

fn accept(text: &str, args: &Args, vault: &Vault, session: &Session) -> Outcome {
    let said = vault.read_invitation(text)?;
    if args.show {
        return session.out.facts(&said, |to| write!(to, "{}", in_words(&said, session)));
    }
    if !session.yes {
        let question = format!("{}Accept? [y/N] ", in_words(&said, session));
        agreed(&question, "`strongroom accept --show` tells what it is; --yes accepts")?;
    }
    let bar = session.progress();
    let bucket = vault.accept(text, &bar)?;
    drop(bar);
    session.out.report(&bucket, |to| {
        let label = session.out.name(&bucket.label);
        writeln!(to, "{label} is among your buckets: `strongroom ls {label}:/`")
    })
}

fn in_words(said: &InvitationInfo, session: &Session) -> String {
    let from = match (&said.from, said.level) {
        (Some(name), Some(level)) => format!("{} ({level})", session.out.name(name)),
        _ => "somebody who is none of your contacts".to_owned(),
    };
    format!(
        "{from} lets you into {}\n  may    {}\n  until  {}\n  from   {}\n  at     {}\n",
        session.out.name(&said.label),
        said.rights,
        time_or_never(said.until),
        said.principal,
        said.kept_at.join(", "),
    )
}

/// An id, where nothing on the disk is called so.
fn letter(what: &Path) -> Option<&str> {
    let text = what.to_str()?;
    let id = text.strip_prefix("ent:").unwrap_or(text);
    let written = id.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
    (written && !id.is_empty() && !what.exists()).then_some(text)
}

fn read(path: &Path) -> Result<String, Failure> {
    let failed = |error: io::Error| Failure::io(path.display(), &error);
    let reader: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(failed)?)
    };
    let mut bytes = Vec::new();
    reader.take(INVITATION_LEN_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > INVITATION_LEN_MAX {
        let what = format!("{} is too long for an invitation", path.display());
        return Err(Failure::new(Exit::Damaged, what));
    }
    String::from_utf8(bytes)
        .map_err(|_| Failure::new(Exit::Damaged, format!("{} is no invitation", path.display())))
}
