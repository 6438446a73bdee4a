//! `drop`. Comes in: names, addresses of drops, files. Goes out: drops to hand on, files put into
//! those of others, messages taken. Must not know: keys, how anything travels.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use clap::Subcommand;
use serde::Serialize;
use strongroom_client::drops::{
    Address, Parcel, Receipt, ReceiptInfo, find_address, is_link, read_address, send,
};
use strongroom_client::report::{DropInfo, DropTerms, MessageInfo};
use strongroom_client::{Place, Vault};

use crate::{
    args,
    commands::fresh,
    exit::{Exit, Failure, Outcome},
    out::Out,
    qr,
    session::Session,
    show::{Table, size, time_or_never},
};

/// Bytes of an address or a receipt as text.
const TEXT_LEN_MAX: u64 = 2 * 1_048_576;

/// What a drop takes in all unless told otherwise, bytes: the 1G of `--quota`.
pub const QUOTA_DEFAULT: u64 = 1 << 30;
/// Messages it takes in an hour unless told otherwise: the 60 of `--per-hour`.
pub const PER_HOUR_DEFAULT: u64 = 60;

/// Drops: others put files in, and read nothing
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a drop and write its address to a file that you hand on
    #[command(after_help = "Whoever has the file can put files in, and read nothing, not even \
        what they put in.")]
    Create {
        /// What to call it; whoever has the file sees this
        name: String,
        /// The bucket that what comes is in [default: the default bucket]
        #[arg(long)]
        bucket: Option<String>,
        /// Until the end of that day, or for that long: 2027-01-31, 30d, 8h [default: until closed]
        #[arg(long, value_name = "WHEN", value_parser = args::until)]
        until: Option<u64>,
        /// How much it takes in all: 500M, 2G
        #[arg(long, value_name = "SIZE", value_parser = args::bytes, default_value = "1G")]
        quota: u64,
        /// How many messages it takes in an hour
        #[arg(long, value_name = "N", default_value = "60")]
        per_hour: u64,
        /// Where its address goes; `-`: standard output [default: NAME.drop]
        #[arg(long, short, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Print a link that stands for the address, and write no file
        #[arg(long, conflicts_with = "out")]
        link: bool,
        /// Draw the link as a QR code, too
        #[arg(long, requires = "link")]
        qr: bool,
    },
    /// Print the link of a drop you made: it stands for its address
    Link {
        /// What the drop is called
        name: String,
        /// Draw it as a QR code, too
        #[arg(long)]
        qr: bool,
    },
    /// List drops, and the messages that wait in them
    Ls {
        /// One drop only: with its address
        name: Option<String>,
    },
    /// Take messages: each becomes a file in its bucket
    Take {
        /// Which: the start of its id, as `strongroom drop ls` shows it
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        id: Option<String>,
        /// All that wait
        #[arg(long)]
        all: bool,
        /// The directory they go to, as `[BUCKET:]/PATH` [default: the bucket's root]
        #[arg(long, value_name = "DIR", value_parser = args::place)]
        to: Option<Place>,
    },
    /// Throw a message away
    Rm {
        /// Which: the start of its id, as `strongroom drop ls` shows it
        id: String,
    },
    /// Close a drop: it takes nothing any more; what it took stays
    Close {
        /// What it is called
        name: String,
    },
    /// Put files into somebody's drop; needs no vault
    #[command(after_help = "Nobody can tell who sent it, unless you sign it: --sign.")]
    Put {
        /// The drop: the file or the link you were given; `-`: standard input
        #[arg(value_name = "DROP")]
        drop: PathBuf,
        /// What to put in
        #[arg(value_name = "FILE", required_unless_present = "message")]
        files: Vec<PathBuf>,
        /// Say this with it
        #[arg(long, short, value_name = "TEXT")]
        message: Option<String>,
        /// Sign it with this device, and send your card
        #[arg(long)]
        sign: bool,
        /// Write the provider's signed statement that it has it, for one file
        #[arg(long, value_name = "OUT")]
        receipt: Option<PathBuf>,
    },
    /// Check a receipt that `drop put` wrote
    Check {
        /// The receipt
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

pub fn run(args: Args, session: &Session) -> Outcome {
    match args.verb {
        Verb::Create { name, bucket, until, quota, per_hour, out, link, qr } => {
            let terms = DropTerms { until, quota_bytes: Some(quota), per_hour: Some(per_hour) };
            if link {
                let vault = session.open()?;
                vault.create_drop(bucket.as_deref(), &name, &terms)?;
                return print_link(session, &vault, &name, qr).map_err(|failure| {
                    failure.hint(format!("the drop is made: `strongroom drop link {name}`, later"))
                });
            }
            create(session, &name, bucket.as_deref(), &terms, out)
        }
        Verb::Link { name, qr } => print_link(session, &session.open()?, &name, qr),
        Verb::Ls { name } => list(session, name.as_deref()),
        Verb::Take { id, to, .. } => take(session, id.as_deref(), to.as_ref()),
        Verb::Rm { id } => {
            let gone = session.open()?.discard_message(&id)?;
            session.out.report(&gone, |to| writeln!(to, "{} is thrown away", gone.id))
        }
        Verb::Close { name } => {
            let closed = session.open()?.close_drop(&name)?;
            session.out.report(&closed, |to| {
                writeln!(to, "{} is closed", session.out.name(&closed.name))?;
                unsent(to, closed.sent)
            })
        }
        Verb::Put { drop, files, message, sign, receipt } => {
            put(session, &drop, &files, message.as_deref(), sign, receipt.as_deref())
        }
        Verb::Check { file } => check(session, &file),
    }
}

fn create(
    session: &Session,
    name: &str,
    bucket: Option<&str>,
    terms: &DropTerms,
    out: Option<PathBuf>,
) -> Outcome {
    let file = out.unwrap_or_else(|| format!("{name}.drop").into());
    let to_stdout = file.as_os_str() == "-";
    if !to_stdout && file.exists() {
        return Err(Failure::new(Exit::Conflict, format!("{} is there already", file.display()))
            .hint("name another file: --out FILE; nothing was made"));
    }
    let made = session.open()?.create_drop(bucket, name, terms)?;
    let address = made.address.clone().unwrap_or_default();
    if to_stdout && !session.out.is_json() {
        return session.out.facts(&made, |to| write!(to, "{address}"));
    }
    if !to_stdout {
        write_new(&file, &address)?;
    }
    session.out.report(&made, |to| {
        let (name, bucket) = (session.out.name(&made.name), session.out.name(&made.bucket));
        writeln!(to, "{name} takes messages into {bucket} until {}", time_or_never(made.until))?;
        writeln!(to, "  address  {}  (hand it to whoever shall put in)", file.display())?;
        unsent(to, made.sent)
    })
}

/// Prints the link of a drop that was made here.
pub fn print_link(session: &Session, vault: &Vault, name: &str, qr: bool) -> Outcome {
    let made = vault.drop_link(name)?;
    session.out.report(&made, |to| {
        writeln!(to, "{}", made.link)?;
        if qr {
            write!(to, "{}", qr::drawn(&made.link).unwrap_or_default())?;
        }
        let (name, bucket) = (session.out.name(&made.name), session.out.name(&made.bucket));
        let ends = time_or_never(made.until);
        writeln!(
            to,
            "  whoever has it may put files into {bucket}, and read nothing, until {ends}"
        )?;
        writeln!(to, "  to end it sooner: strongroom drop close {name}")
    })
}

fn unsent(to: &mut dyn Write, sent: Option<bool>) -> io::Result<()> {
    if sent == Some(false) {
        writeln!(to, "  not sent  no provider answered; `strongroom sync` sends it")?;
    }
    Ok(())
}

#[derive(Debug, Serialize)]
struct Listed<'a> {
    drops: &'a [DropInfo],
    messages: &'a [MessageInfo],
}

fn list(session: &Session, name: Option<&str>) -> Outcome {
    let vault = fresh(session)?;
    let mut drops = vault.drops(None)?;
    let mut messages = vault.messages(None)?;
    messages.retain(|message| message.kind == "file");
    if let Some(name) = name {
        drops.retain(|drop| drop.name == name);
        if drops.is_empty() {
            return Err(Failure::new(Exit::NotFound, format!("there is no drop called {name}"))
                .hint("`strongroom drop ls` shows all that are open"));
        }
        messages.retain(|message| drops.iter().any(|drop| drop.bucket == message.bucket));
    }
    let out = &session.out;
    out.facts(&Listed { drops: &drops, messages: &messages }, |to| {
        write!(to, "{}", drop_table(out, &drops))?;
        if !messages.is_empty() {
            write!(to, "\n{}", message_table(out, &messages))?;
        }
        if let (Some(_), [drop]) = (name, &drops[..])
            && let Some(address) = &drop.address
        {
            write!(to, "\n{address}")?;
        }
        Ok(())
    })
}

fn drop_table(out: &Out, drops: &[DropInfo]) -> Table {
    let mut table = Table::new(&[2]);
    table.heading(["DROP", "INTO", "WAITING", "UNTIL", "TAKES"]);
    for one in drops {
        let most = one.quota_bytes.map_or_else(|| "anything".to_owned(), size);
        let hourly = one.per_hour.map_or_else(String::new, |n| format!(", {n} an hour"));
        table.row([
            out.name(&one.name).into_owned(),
            out.name(&one.bucket).into_owned(),
            one.waiting.to_string(),
            time_or_never(one.until),
            format!("{most}{hourly}"),
        ]);
    }
    table
}

/// Messages, one a line.
pub fn message_table(out: &Out, messages: &[MessageInfo]) -> Table {
    let mut table = Table::new(&[3]);
    table.heading(["ID", "KIND", "FROM", "SIZE", "SENT", "NAME"]);
    for one in messages {
        let from = one.from.as_deref().map_or_else(
            || format!("({})", one.level),
            |name| format!("{} ({})", out.name(name), one.level),
        );
        let name = one.name.as_deref().or(one.words.as_deref()).unwrap_or("");
        let first = name.lines().next().unwrap_or("");
        table.row([
            one.id.clone(),
            one.kind.to_owned(),
            from,
            size(one.size),
            time_or_never(one.sent),
            out.name(first).into_owned(),
        ]);
    }
    table
}

fn take(session: &Session, id: Option<&str>, to: Option<&Place>) -> Outcome {
    let vault = fresh(session)?;
    let ids = match id {
        Some(id) => vec![id.to_owned()],
        None => waiting(&vault)?,
    };
    let mut taken = Vec::with_capacity(ids.len());
    for id in &ids {
        taken.push(vault.take_message(id, to)?);
    }
    session.out.report(&taken, |to| {
        for one in &taken {
            let from = match &one.message.from {
                Some(from) => format!("from {}", session.out.name(from)),
                None => format!("({})", one.message.level),
            };
            writeln!(to, "{}  {from}", session.out.name(&one.path))?;
            unsent(to, Some(one.sent))?;
        }
        Ok(())
    })
}

fn waiting(vault: &Vault) -> Result<Vec<String>, Failure> {
    let files = vault.messages(None)?.into_iter().filter(|message| message.kind == "file");
    Ok(files.map(|message| message.message).collect())
}

#[derive(Debug, Serialize)]
struct Delivered {
    message: String,
    name: Option<String>,
    size: u64,
    provider: String,
    receipt: Option<String>,
}

fn put(
    session: &Session,
    drop: &Path,
    files: &[PathBuf],
    message: Option<&str>,
    sign: bool,
    receipt: Option<&Path>,
) -> Outcome {
    if receipt.is_some() && files.len() > 1 {
        return Err(Failure::usage("a receipt is about one message")
            .hint("put the files in one by one, each with its --receipt"));
    }
    if receipt.is_some_and(Path::exists) {
        return Err(Failure::new(Exit::Conflict, "the receipt's file is there already")
            .hint("name another file: --receipt OUT; nothing was sent"));
    }
    let address = address_of(drop)?;
    let vault = if sign { Some(session.open()?) } else { None };
    let bar = session.progress();
    let mut done = Vec::new();
    let mut parcels: Vec<Parcel<'_>> = files.iter().map(|file| Parcel::File(file)).collect();
    if parcels.is_empty() {
        parcels.push(Parcel::Words(message.unwrap_or_default().to_owned()));
    }
    for parcel in parcels {
        let sent = send(&address, parcel, message.map(str::to_owned), vault.as_ref(), &bar)?;
        if let Some(path) = receipt {
            write_new(path, &sent.receipt.to_json())?;
        }
        done.push(Delivered {
            message: sent.entry.to_string(),
            name: sent.name,
            size: sent.size,
            provider: sent.receipt.provider,
            receipt: receipt.map(|path| path.to_string_lossy().into_owned()),
        });
    }
    drop_bar(bar);
    session.out.report(&done, |to| {
        for one in &done {
            let name = one.name.as_deref().unwrap_or("the message");
            writeln!(to, "{} is in, {}", session.out.name(name), size(one.size))?;
        }
        Ok(())
    })
}

/// The address in a file, or the one a link stands for.
fn address_of(drop: &Path) -> Result<Address, Failure> {
    let named = drop.to_string_lossy();
    if is_link(&named) {
        return Ok(find_address(&named)?);
    }
    let text = read(drop)?;
    Ok(if is_link(&text) { find_address(&text)? } else { read_address(&text)? })
}

/// The bar ends before anything is printed.
fn drop_bar(bar: crate::bar::Bar) {
    std::mem::drop(bar);
}

fn check(session: &Session, file: &Path) -> Outcome {
    let proved: ReceiptInfo = Receipt::from_json(&read(file)?)?.check()?;
    session.out.facts(&proved, |to| {
        let mut table = Table::new(&[]);
        table.row(["message".to_owned(), proved.message.clone()]);
        table.row(["received".to_owned(), time_or_never(proved.received)]);
        table.row(["bucket".to_owned(), proved.bucket.clone()]);
        table.row(["by the key".to_owned(), proved.provider_key.clone()]);
        table.row(["sent to".to_owned(), session.out.name(&proved.provider).into_owned()]);
        write!(to, "{table}")
    })
}

/// Text of a file, or of standard input.
pub fn read(path: &Path) -> Result<String, Failure> {
    let failed = |error: io::Error| Failure::io(path.display(), &error);
    let reader: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(failed)?)
    };
    let mut text = String::new();
    reader.take(TEXT_LEN_MAX).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

fn write_new(path: &Path, text: &str) -> Outcome {
    let failed = |error| Failure::io(path.display(), &error);
    let opened = OpenOptions::new().write(true).create_new(true).open(path);
    let mut file: fs::File = opened.map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}
