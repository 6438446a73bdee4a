//! `approve`. Comes in: a request, and what is given. Goes out: an invitation in the inbox of
//! whoever asked. Must not know: keys.

use strongroom_client::{DocumentShare, Rights, Terms};

use crate::{
    args,
    commands::{
        grant::{What, file_for, give, known_well, nothing_there, what_of},
        own,
    },
    exit::{Failure, Outcome},
    session::Session,
};

/// Give what a request asks for: to read, for 30 days, unless you say otherwise
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which: the start of its id, as `strongroom requests` shows it
    id: String,
    /// What they get, in your words [default: what they name, if you have something called so]
    #[arg(value_name = "BUCKET|PATH")]
    what: Option<String>,
    /// What to call whoever asks, if they are no contact yet
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
    /// They may read (the default, whatever they ask for)
    #[arg(long)]
    read: bool,
    /// They may read and write
    #[arg(long, conflicts_with = "read")]
    write: bool,
    /// Until the end of that day, or for that long: 2027-01-31, 30d, 8h
    #[arg(long, value_name = "WHEN", value_parser = args::until, default_value = "30d")]
    until: u64,
    /// Their principal, compared with them in person: for contacts who are not verified yet
    #[arg(long, value_name = "PRN")]
    fingerprint: Option<String>,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let vault = session.open()?;
    let requester = vault.requester(&args.id, args.name.as_deref())?;
    let (who, asked) = (requester.name, requester.asked.name.unwrap_or_default());
    let named = args.what.as_deref().unwrap_or(&asked);
    let what = what_of(&vault, named).map_err(|failure| match args.what {
        Some(_) => failure,
        None => Failure::usage(format!("you have nothing called {}", session.out.name(&asked)))
            .hint(format!("name what they get: `strongroom approve {} BUCKET|PATH`", args.id)),
    })?;
    known_well(&vault, &who, args.fingerprint.as_deref(), session)?;
    nothing_there(&file_for(&who), "move it away; nothing was granted")?;
    let until = Some(args.until);
    let own = match &what {
        What::Document(place) if args.write || vault.is_directory(place)? => {
            own::ask(&vault, place, None, session)?;
            Some(own::make(&vault, place, None, session)?)
        }
        _ => None,
    };
    let what = own.as_ref().map_or(what, |own| What::Bucket(own.did.clone()));
    let granted = match what {
        What::Bucket(bucket) => {
            let rights = if args.write { Rights::Write } else { Rights::Read };
            vault.grant_as(Some(&bucket), &who, Terms { rights, until, from_now: false })?
        }
        What::Document(place) => vault.grant_document(&place, &who, &DocumentShare::All, until)?,
    };
    give(session, &vault, (&granted, own.as_ref()), None)?;
    vault.decline(&args.id).map(drop).map_err(Into::into)
}
