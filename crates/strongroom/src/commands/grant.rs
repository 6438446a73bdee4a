//! `grant`. Comes in: a bucket or one document, a contact and what they may do. Goes out: an
//! invitation. Must not know: keys, how it travels.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::Serialize;
use strongroom_client::{
    Delivery, DocumentShare, ErrorKind, GrantInfo, Place, Rights, Terms, Vault,
    report::OwnBucketInfo,
};

use crate::{
    args, ask,
    commands::own,
    exit::{Exit, Failure, Outcome},
    session::Session,
    show::time_or_never,
};

/// Let a contact into a bucket or a directory, or let them read one document, for a time
#[derive(Debug, clap::Args)]
#[command(after_help = "The invitation opens for that contact alone, and once. It goes to their \
                        inbox if their card names one;\nelse it is written to NAME.invitation: \
                        send it any way you like, they say `strongroom accept FILE`.\n\n\
                        A directory becomes a bucket of its own, and so does a document that they \
                        may write: what is\nat /photos is at photos:/photos then.")]
pub struct Args {
    /// The bucket, by its label or did:bkt:…; or a document or directory in it: `[BUCKET:]/path`
    #[arg(value_name = "BUCKET|PATH")]
    what: String,
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
    /// This one version of a document, as `strongroom history` names it
    #[arg(long, value_name = "VERSION", conflicts_with = "from_now")]
    version: Option<String>,
    /// What the bucket is called that a directory becomes [default: its name]
    #[arg(long, value_name = "LABEL")]
    label: Option<String>,
    /// Write the invitation there and send it nowhere; `-`: standard output
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Their principal, compared with them in person: for contacts who are not verified yet
    #[arg(long, value_name = "PRN")]
    fingerprint: Option<String>,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let vault = session.open()?;
    let what = what_of(&vault, &args.what)?;
    let becomes = becomes_bucket(&vault, &what, args)?;
    known_well(&vault, &args.who, args.fingerprint.as_deref(), session)?;
    an_end(&args.who, args.until, args.forever, session)?;
    let rights = match (args.write, args.admin) {
        (_, true) => Rights::Admin,
        (true, _) => Rights::Write,
        _ => Rights::Read,
    };
    let out = args.out.clone().unwrap_or_else(|| file_for(&args.who));
    nothing_there(&out, "name another file: --out FILE; nothing was granted")?;
    let own = match becomes {
        Some(place) => {
            own::ask(&vault, place, args.label.as_deref(), session)?;
            Some(own::make(&vault, place, args.label.as_deref(), session)?)
        }
        None => None,
    };
    let what = own.as_ref().map_or(what, |own| What::Bucket(own.did.clone()));
    let granted = match &what {
        What::Bucket(bucket) => {
            let terms = Terms { rights, until: args.until, from_now: args.from_now };
            vault.grant_as(Some(bucket), &args.who, terms)?
        }
        What::Document(place) => {
            let share = match &args.version {
                Some(version) => DocumentShare::Version(version.clone()),
                None if args.from_now => DocumentShare::FromNow,
                None => DocumentShare::All,
            };
            vault.grant_document(place, &args.who, &share, args.until)?
        }
    };
    give(session, &vault, (&granted, own.as_ref()), args.out.as_deref())
}

/// Sends an invitation to its reader's inbox, or writes it to a file: the one that was named, or
/// one called as they are. Says which bucket was made for it, if one was.
pub fn give(
    session: &Session,
    vault: &Vault,
    (granted, own): (&GrantInfo, Option<&OwnBucketInfo>),
    named: Option<&Path>,
) -> Outcome {
    let out = named.map_or_else(|| file_for(&granted.name), Path::to_owned);
    let to_stdout = out.as_os_str() == "-";
    if to_stdout && !session.out.is_json() {
        return session.out.facts(granted, |to| write!(to, "{}", granted.invitation));
    }
    let sent = match named {
        Some(_) => Delivery { delivered: false, problem: None },
        None => vault.deliver(granted)?,
    };
    let file = (!sent.delivered && !to_stdout).then_some(out.as_path());
    if let Some(file) = file {
        write_new(file, &granted.invitation)?;
    }
    let given = Given {
        granted,
        own_bucket: own,
        delivered: sent.delivered,
        problem: sent.problem.as_deref(),
        file: file.map(|file| file.display().to_string()),
    };
    session.out.report(&given, |to| given.print(to, session))
}

/// Where an invitation goes that no inbox takes.
pub fn file_for(who: &str) -> PathBuf {
    format!("{who}.invitation").into()
}

/// Refuses before anything is granted, where its invitation could not be written.
pub fn nothing_there(out: &Path, hint: &str) -> Outcome {
    if out.as_os_str() == "-" || !out.exists() {
        return Ok(());
    }
    Err(Failure::new(Exit::Conflict, format!("{} is there already", out.display())).hint(hint))
}

/// What was given, and where its invitation is.
#[derive(Debug, Serialize)]
struct Given<'a> {
    #[serde(flatten)]
    granted: &'a GrantInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    own_bucket: Option<&'a OwnBucketInfo>,
    delivered: bool,
    problem: Option<&'a str>,
    file: Option<String>,
}

impl Given<'_> {
    fn print(&self, to: &mut dyn Write, session: &Session) -> io::Result<()> {
        if let Some(own) = self.own_bucket {
            own::print(own, to, session)?;
        }
        let granted = self.granted;
        let who = session.out.name(&granted.name);
        let what = match &granted.path {
            Some(path) => format!("{}:{path}", granted.bucket),
            None => granted.bucket.clone(),
        };
        writeln!(
            to,
            "{who} may {} {}{} until {}",
            in_words(granted.rights),
            session.out.name(&what),
            if granted.from_now { " from now on" } else { "" },
            time_or_never(granted.until)
        )?;
        if self.delivered {
            writeln!(to, "  invitation  in {who}'s inbox  (only {who} can open it, once)")?;
        }
        if let Some(problem) = self.problem {
            writeln!(to, "  not in {who}'s inbox: {}", session.out.name(problem))?;
        }
        if let Some(file) = &self.file {
            writeln!(to, "  invitation  {file}  (only {who} can open it, once)")?;
        }
        if !granted.sent {
            writeln!(to, "  not sent    no provider answered; `strongroom sync` sends it")?;
        }
        Ok(())
    }
}

fn in_words(rights: &str) -> &'static str {
    match rights {
        "admin" => "read, write and manage",
        "write" => "read and write",
        _ => "read",
    }
}

/// What a person names.
pub enum What {
    /// A bucket, by its label or id.
    Bucket(String),
    /// A document.
    Document(Place),
}

/// The bucket a person names, with or without the colon of a place; or the document.
pub fn what_of(vault: &Vault, text: &str) -> Result<What, Failure> {
    let bare = text.strip_suffix(":/").or_else(|| text.strip_suffix(':')).unwrap_or(text);
    match vault.get_bucket(bare) {
        Ok(_) => Ok(What::Bucket(bare.to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound && text.contains('/') => {
            let place = Place::parse(text)?;
            if place.names.is_empty() {
                return Err(Failure::usage(format!("`{text}` names no bucket"))
                    .hint("give its label: `strongroom bucket ls` shows all"));
            }
            Ok(What::Document(place))
        }
        Err(error) => Err(error.into()),
    }
}

/// The bucket a person names, where a document makes no sense.
pub fn bucket_of(vault: &Vault, text: &str) -> Result<String, Failure> {
    match what_of(vault, text)? {
        What::Bucket(bucket) => Ok(bucket),
        What::Document(place) => Err(Failure::usage(format!("{place} is no bucket"))
            .hint("give the label of a bucket: `strongroom bucket ls` shows all")),
    }
}

/// What has to become a bucket to be shared like that: a directory, or what they shall write.
fn becomes_bucket<'a>(
    vault: &Vault,
    what: &'a What,
    args: &Args,
) -> Result<Option<&'a Place>, Failure> {
    let place = match what {
        What::Document(place) => place,
        What::Bucket(bucket) if args.version.is_some() => {
            return Err(Failure::usage(format!("{bucket} is a bucket: versions are of documents"))
                .hint(format!("name the document: `strongroom grant {bucket}:/path …`")));
        }
        What::Bucket(_) => return Ok(None),
    };
    let directory =
        vault.is_directory(place).map_err(|error| became_bucket(vault, place, error))?;
    if args.version.is_some() && (directory || args.write || args.admin) {
        return Err(Failure::usage("one version is of one document, and can only be read")
            .hint("leave out `--version`, or name a document without --write and --admin"));
    }
    Ok((directory || args.write || args.admin).then_some(place))
}

/// What was made a bucket before is not found where it was.
fn became_bucket(vault: &Vault, place: &Place, error: strongroom_client::Error) -> Failure {
    let label = place.names.last().filter(|label| vault.get_bucket(label).is_ok());
    match label {
        Some(label) if error.kind() == ErrorKind::NotFound => {
            Failure::from(error).hint(format!("there is a bucket of that name: give `{label}`"))
        }
        _ => error.into(),
    }
}

/// A grant without an end needs a word.
pub fn an_end(who: &str, until: Option<u64>, forever: bool, session: &Session) -> Outcome {
    if until.is_some() || forever || session.yes {
        return Ok(());
    }
    let question = format!("{who} will have access until you take it back. Sure? [y/N] ");
    agreed(&question, "say until when: --until 2027-01-31, --until 30d, or --forever")
}

/// Nobody is let in whose keys were never compared, unless a person says so, looking at them.
pub fn known_well(vault: &Vault, who: &str, told: Option<&str>, session: &Session) -> Outcome {
    let contact = vault.contact(who)?;
    if let Some(told) = told {
        if told == contact.principal {
            return Ok(());
        }
        return Err(Failure::new(
            Exit::Damaged,
            format!("{who} is another:\n  told   {told}\n  pinned {}", contact.principal),
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
    let hint =
        format!("`strongroom contact verify {who}`, or name their principal: --fingerprint prn:…");
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

pub fn write_new(path: &Path, text: &str) -> Outcome {
    let failed = |error| Failure::io(path.display(), &error);
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}
