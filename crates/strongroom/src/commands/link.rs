//! `link`. Comes in: what to share with whoever has an address, for how long, how often. Goes out:
//! that address; what links there are; an end to one. Must not know: keys, who opens it.

use std::path::PathBuf;

use strongroom_client::{
    LinkOptions, Passphrase, Vault,
    report::{DropTerms, LinkInfo},
};

use crate::{
    args, ask,
    commands::drop::{self, PER_HOUR_DEFAULT, QUOTA_DEFAULT},
    commands::{
        grant::{What, bucket_of, what_of},
        own,
    },
    exit::{Failure, Outcome},
    out::Out,
    qr,
    session::Session,
    show::{Table, counted, size, time_or_never},
};

/// How long a link leads somewhere unless the person says otherwise.
const DAYS_DEFAULT: &str = "30d";

/// Share with whoever has an address, for a time
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    arg_required_else_help = true,
    after_help = "Who has the link can read what it leads to, now and until it ends: send it only \
                  to whom you\nmean. They need no account: `strongroom open LINK` opens it."
)]
pub struct Args {
    #[command(subcommand)]
    other: Option<Other>,
    #[command(flatten)]
    new: New,
}

#[derive(Debug, clap::Subcommand)]
enum Other {
    /// List the links there are
    Ls(Ls),
    /// End a link
    Revoke(Revoke),
}

#[derive(Debug, clap::Args)]
struct New {
    /// What to share: a bucket, by its label or did:bkt:…; or a file or directory:
    /// `[BUCKET:]/path`. A directory becomes a bucket of its own
    #[arg(value_name = "BUCKET|PATH")]
    place: Option<String>,
    /// Until the end of that day, or for that long: 2027-01-31, 8h [default: 30d]
    #[arg(long, value_name = "WHEN", value_parser = args::until)]
    until: Option<u64>,
    /// It can be opened so many times, and then no more
    #[arg(long, value_name = "N")]
    uses: Option<u64>,
    /// Ask for a password, which whoever opens it has to type
    #[arg(long)]
    password: bool,
    /// Take that password from FILE instead of asking
    #[arg(long, value_name = "FILE")]
    link_password_file: Option<PathBuf>,
    /// Whoever has it can only put files in, and read nothing: a drop
    #[arg(long, conflicts_with_all = ["uses", "password", "link_password_file"])]
    drop: bool,
    /// What you and other members call it [default: the bucket's label, or the file's name]
    #[arg(long, value_name = "LABEL", default_value = "")]
    name: String,
    /// Draw it as a QR code, too
    #[arg(long)]
    qr: bool,
}

#[derive(Debug, clap::Args)]
struct Ls {
    /// Into this bucket only
    bucket: Option<String>,
    /// Print the links themselves
    #[arg(long)]
    show: bool,
}

#[derive(Debug, clap::Args)]
struct Revoke {
    /// Its name, as `strongroom link ls` shows it, or the link itself
    link: String,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    match &args.other {
        Some(Other::Ls(args)) => ls(args, session),
        Some(Other::Revoke(args)) => revoke(args, session),
        None => make(&args.new, session),
    }
}

fn make(args: &New, session: &Session) -> Outcome {
    let place = args.place.as_deref().ok_or_else(|| {
        Failure::usage("say what to share")
            .hint("strongroom link BUCKET, strongroom link PATH, or strongroom link ls")
    })?;
    let until = match args.until {
        Some(until) => until,
        None => args::until(DAYS_DEFAULT).map_err(Failure::usage)?,
    };
    let vault = session.open()?;
    let what = what_of(&vault, place)?;
    if args.drop {
        return make_drop(args, &vault, &what, until, session);
    }
    let password = password(args)?;
    let password = password.as_ref();
    let options = LinkOptions { until, uses: args.uses, password, label: &args.name };
    let mut own = None;
    let made = match &what {
        What::Bucket(bucket) => vault.link(Some(bucket), &options)?,
        What::Document(place) if vault.is_directory(place)? => {
            own::ask(&vault, place, None, session)?;
            let made = own.insert(own::make(&vault, place, None, session)?);
            vault.link(Some(&made.did), &options)?
        }
        What::Document(place) => vault.link_document(place, &options)?,
    };
    let link = made.link.clone().unwrap_or_default();
    session.out.report(&made, |to| {
        if let Some(own) = &own {
            own::print(own, to, session)?;
        }
        writeln!(to, "{link}")?;
        if args.qr {
            write!(to, "{}", qr::drawn(&link).unwrap_or_default())?;
        }
        let often = made.uses.map_or_else(String::new, |uses| format!(", {}", times(uses)));
        let ends = time_or_never(made.until);
        let what = into(&made);
        let what = session.out.name(&what);
        writeln!(to, "  whoever has it may read {what} until {ends}{often}")?;
        writeln!(to, "  to end it sooner: strongroom link revoke {}", short(&made))
    })
}

/// A drop, with the link in place of its address.
fn make_drop(args: &New, vault: &Vault, what: &What, until: u64, session: &Session) -> Outcome {
    let What::Bucket(bucket) = what else {
        return Err(Failure::usage("what is put in lands in a bucket, and this is a document")
            .hint("strongroom link BUCKET --drop"));
    };
    let label = vault.get_bucket(bucket)?.label;
    let name = if args.name.is_empty() { label } else { args.name.clone() };
    // As `drop create` makes it unless told otherwise.
    let terms = DropTerms {
        until: Some(until),
        quota_bytes: Some(QUOTA_DEFAULT),
        per_hour: Some(PER_HOUR_DEFAULT),
    };
    vault.create_drop(Some(bucket), &name, &terms)?;
    drop::print_link(session, vault, &name, args.qr)
}

/// What it leads to.
fn into(link: &LinkInfo) -> String {
    link.path.as_ref().map_or_else(|| link.bucket.clone(), |path| format!("{}:{path}", link.bucket))
}

fn times(uses: u64) -> String {
    if uses == 1 { "once".to_owned() } else { format!("{uses} times") }
}

fn password(args: &New) -> Result<Option<Passphrase>, Failure> {
    if let Some(path) = &args.link_password_file {
        let secret = ask::secret_file(path, "the password file")?;
        return Ok(Some(Passphrase::new(String::clone(&secret))));
    }
    if !args.password {
        return Ok(None);
    }
    if !ask::somebody_is_there() {
        return Err(Failure::usage("a password is needed, and there is no terminal to ask on")
            .hint("name a file that holds one: --link-password-file FILE"));
    }
    let first = ask::passphrase("Password of the link: ")?;
    if first.is_empty() {
        return Err(Failure::usage("an empty password protects nothing"));
    }
    if !first.equals(&ask::passphrase("The same again: ")?) {
        return Err(Failure::usage("the two passwords are not the same; nothing was made"));
    }
    Ok(Some(first))
}

/// Enough of a link's name to tell it from others.
fn short(link: &LinkInfo) -> &str {
    const LEN: usize = "prn:".len() + 10;
    link.name.get(..LEN).unwrap_or(&link.name)
}

fn ls(args: &Ls, session: &Session) -> Outcome {
    let vault = session.open()?;
    let bucket = args.bucket.as_deref().map(|text| bucket_of(&vault, text)).transpose()?;
    let links = vault.links(bucket.as_deref(), args.show)?;
    let out = &session.out;
    out.facts(&links, |to| {
        let mut table = Table::new(&[]);
        table.heading(["LINK", "CALLED", "INTO", "UNTIL", "OPENED"]);
        for link in &links {
            table.row([
                short(link).to_owned(),
                out.name(&link.label).into_owned(),
                out.name(&into(link)).into_owned(),
                time_or_never(link.until),
                opened(link),
            ]);
        }
        write!(to, "{table}")?;
        shown(to, out, &links)
    })
}

fn shown(to: &mut dyn std::io::Write, out: &Out, links: &[LinkInfo]) -> std::io::Result<()> {
    for link in links {
        if let Some(text) = &link.link {
            writeln!(to, "{}  {}", out.name(&link.label), text)?;
        }
    }
    Ok(())
}

fn opened(link: &LinkInfo) -> String {
    if link.kept == Some(false) {
        return "not at its provider: revoke it".to_owned();
    }
    match (link.spent, link.uses) {
        (Some(spent), Some(uses)) => format!("{spent} of {uses}"),
        (None, Some(uses)) => format!("? of {uses}"),
        (_, None) => "not counted".to_owned(),
    }
}

fn revoke(args: &Revoke, session: &Session) -> Outcome {
    let vault = session.open()?;
    let removed = vault.revoke_link(&args.link)?;
    session.out.report(&removed, |to| {
        let bucket = session.out.name(&removed.bucket);
        writeln!(to, "the link into {bucket} leads nowhere now; nothing had to be sealed again")?;
        let entries = counted(removed.entries, "entry", "entries");
        writeln!(to, "  written  {entries}, {}", size(removed.bytes))?;
        if !removed.sent {
            writeln!(to, "  not sent  no provider answered; `strongroom sync` sends it")?;
        }
        Ok(())
    })
}
