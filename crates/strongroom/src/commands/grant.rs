//! `grant`. Comes in: a bucket, a contact and what they may do. Goes out: an invitation. Must not
//! know: keys, how it travels.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use strongroom_client::{ErrorKind, Rights, Terms, Vault};

use crate::{
    args, ask,
    exit::{Exit, Failure, Outcome},
    session::Session,
    show::time_or_never,
};

/// Let a contact into a bucket, for a time
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The invitation opens for that contact alone, and once. Send it any way you \
                        like.\nThey open it with `strongroom accept FILE`."
)]
pub struct Args {
    /// The bucket: its label or did:bkt:…
    bucket: String,
    /// Whom: a contact's name, as `strongroom contact ls` shows it
    who: String,
    /// They may read (the default)
    #[arg(long)]
    read: bool,
    /// They may read and write
    #[arg(long, conflicts_with = "read")]
    write: bool,
    /// They may also let in and take out others
    #[arg(long, conflicts_with_all = ["read", "write"])]
    admin: bool,
    /// They open nothing from before now
    #[arg(long, conflicts_with = "admin")]
    from_now: bool,
    /// Until the end of that day, or for that long: 2027-01-31, 30d, 8h
    #[arg(long, value_name = "WHEN", value_parser = args::until)]
    until: Option<u64>,
    /// Until you take them out
    #[arg(long, conflicts_with = "until")]
    forever: bool,
    /// Where the invitation goes; `-`: standard output
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Their principal, compared with them in person: for contacts who are not verified yet
    #[arg(long, value_name = "PRN")]
    fingerprint: Option<String>,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let vault = session.open()?;
    let bucket = bucket_of(&vault, &args.bucket)?;
    known_well(&vault, args, session)?;
    if args.until.is_none() && !args.forever && !session.yes {
        let question =
            format!("{} will have access until you take it back. Sure? [y/N] ", args.who);
        agreed(&question, "say until when: --until 2027-01-31, --until 30d, or --forever")?;
    }
    let rights = match (args.write, args.admin) {
        (_, true) => Rights::Admin,
        (true, _) => Rights::Write,
        _ => Rights::Read,
    };
    let out = args.out.clone().unwrap_or_else(|| format!("{}.invitation", args.who).into());
    let to_stdout = out.as_os_str() == "-";
    if !to_stdout && out.exists() {
        return Err(Failure::new(Exit::Conflict, format!("{} is there already", out.display()))
            .hint("name another file: --out FILE; nothing was granted"));
    }
    let terms = Terms { rights, until: args.until, from_now: args.from_now };
    let granted = vault.grant_as(Some(&bucket), &args.who, terms)?;
    if to_stdout && !session.out.is_json() {
        return session.out.facts(&granted, |to| write!(to, "{}", granted.invitation));
    }
    if !to_stdout {
        write_new(&out, &granted.invitation)?;
    }
    session.out.report(&granted, |to| {
        let (who, bucket) = (session.out.name(&granted.name), session.out.name(&granted.bucket));
        writeln!(
            to,
            "{who} may {} {bucket}{} until {}",
            in_words(granted.rights),
            if granted.from_now { " from now on" } else { "" },
            time_or_never(granted.until)
        )?;
        writeln!(to, "  invitation  {}  (only {who} can open it, once)", out.display())?;
        if !granted.sent {
            writeln!(to, "  not sent    no provider answered; `strongroom sync` sends it")?;
        }
        Ok(())
    })
}

fn in_words(rights: &str) -> &'static str {
    match rights {
        "admin" => "read, write and manage",
        "write" => "read and write",
        _ => "read",
    }
}

/// The bucket a person names, with or without the colon of a place.
pub fn bucket_of(vault: &Vault, text: &str) -> Result<String, Failure> {
    let bare = text.strip_suffix(":/").or_else(|| text.strip_suffix(':')).unwrap_or(text);
    match vault.get_bucket(bare) {
        Ok(_) => Ok(bare.to_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound && text.contains('/') => {
            Err(Failure::usage("this version shares whole buckets, not single documents")
                .hint("`strongroom bucket create LABEL`, put it there, and grant that bucket"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Nobody is let in whose keys were never compared, unless a person says so, looking at them.
fn known_well(vault: &Vault, args: &Args, session: &Session) -> Outcome {
    let contact = vault.contact(&args.who)?;
    if let Some(told) = &args.fingerprint {
        if *told == contact.principal {
            return Ok(());
        }
        return Err(Failure::new(
            Exit::Damaged,
            format!("{} is another:\n  told   {told}\n  pinned {}", args.who, contact.principal),
        )
        .hint("nothing was granted; compare with them in person"));
    }
    if contact.level != "tofu" {
        return Ok(());
    }
    let name = session.out.name(&contact.name);
    let question = format!(
        "You never compared keys with {name}:\n  {}\nIs that what they show? [y/N] ",
        contact.principal
    );
    let hint = format!(
        "`strongroom contact verify {}`, or name their principal: --fingerprint prn:…",
        args.who
    );
    agreed(&question, &hint)
}

/// Asks; where nobody is there to ask, that is a usage error.
pub fn agreed(question: &str, hint: &str) -> Outcome {
    if !ask::somebody_is_there() {
        return Err(
            Failure::usage("this needs a yes, and there is no terminal to ask on").hint(hint)
        );
    }
    let answer = ask::line(question)?;
    let yes = answer.is_some_and(|it| matches!(it.trim().to_lowercase().as_str(), "y" | "yes"));
    if yes { Ok(()) } else { Err(Failure::new(Exit::General, "nothing was changed").hint(hint)) }
}

fn write_new(path: &Path, text: &str) -> Outcome {
    let failed = |error| Failure::io(path.display(), &error);
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}
