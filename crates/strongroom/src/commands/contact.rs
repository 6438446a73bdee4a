//! `contact`. Comes in: where somebody's card is, names, fingerprints, digits. Goes out: who is
//! known, and how surely. Must not know: keys, what makes a claim true.

use std::{
    fs::File,
    io::{self, IsTerminal, Read, Write},
    path::Path,
};

use clap::Subcommand;
use strongroom_client::{
    Vault,
    report::{ContactInfo, SafetyInfo},
};

use crate::{
    ask,
    exit::{Failure, Outcome},
    out::Out,
    session::Session,
    show::Table,
};

/// Bytes of a file with a card. Longer ones are the wrong file.
const CARD_FILE_LEN_MAX: u64 = 2 << 20;

/// People you know, and how surely
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add somebody by their card
    #[command(after_help = CARDS)]
    Add {
        /// A card file, `-`, an https:// address, a did:web or did:key, the text of a QR code
        #[arg(value_name = "CARD|URL|DID")]
        card: String,
        /// What to call them; without it, what they call themselves
        #[arg(long = "as", value_name = "NAME")]
        name: Option<String>,
        /// Their fingerprint as they told you, or the new one after a full stop
        #[arg(long, value_name = "prn:…|kev:…")]
        fingerprint: Option<String>,
    },
    /// Compare keys with somebody: 60 digits, or the card or QR code from their hands
    Verify {
        /// Whom
        name: String,
        /// The digits they read to you, for scripts
        #[arg(long, value_name = "DIGITS", conflicts_with = "card")]
        number: Option<String>,
        /// Their card or the text of their QR code: a file, `-`, or the text itself
        #[arg(long, value_name = "CARD")]
        card: Option<String>,
    },
    /// Fetch somebody's newest card
    Update {
        /// Whom
        name: String,
        /// Where their new card is; without it, where it came from
        #[arg(value_name = "CARD|URL|DID")]
        card: Option<String>,
        /// The new fingerprint after a full stop
        #[arg(long, value_name = "prn:…|kev:…")]
        fingerprint: Option<String>,
    },
    /// List everybody
    Ls,
    /// Show one of them
    Show {
        /// Whom: a name or prn:…
        name: String,
    },
    /// Call somebody something else
    Rename {
        /// Whom: a name or prn:…
        name: String,
        /// The new name
        new: String,
    },
    /// Take somebody off the list; their pinned keys are not forgotten
    Rm {
        /// Whom: a name or prn:…
        name: String,
    },
}

const CARDS: &str = "\
Keys are pinned at first sight. From then on a card that does not go on from what is pinned is a
full stop (exit code 6) that shows both fingerprints; only naming the new one in full goes on.";

pub fn run(args: Args, session: &Session) -> Outcome {
    let out = &session.out;
    match args.verb {
        Verb::Add { card, name, fingerprint } => {
            let source = source(&card)?;
            let vault = session.open()?;
            let one = vault.add_contact(&source, name.as_deref(), fingerprint.as_deref())?;
            out.report(&one, |to| added(to, out, &one))
        }
        Verb::Verify { name, number, card } => {
            let vault = session.open()?;
            match (number, card) {
                (Some(number), _) => told(out, &vault.verify_by_number(&name, &number)?),
                (None, Some(card)) => told(out, &vault.verify_by_card(&name, &source(&card)?)?),
                (None, None) => compare(&vault, session, &name),
            }
        }
        Verb::Update { name, card, fingerprint } => {
            let source = card.as_deref().map(source).transpose()?;
            let vault = session.open()?;
            let one = vault.update_contact(&name, source.as_deref(), fingerprint.as_deref())?;
            told(out, &one)
        }
        Verb::Ls => {
            let all = session.open()?.contacts()?;
            out.facts(&all, |to| write!(to, "{}", table(out, &all)))
        }
        Verb::Show { name } => {
            let one = session.open()?.contact(&name)?;
            out.facts(&one, |to| write!(to, "{}", details(out, &one)))
        }
        Verb::Rename { name, new } => {
            let one = session.open()?.rename_contact(&name, &new)?;
            told(out, &one)
        }
        Verb::Rm { name } => {
            let one = session.open()?.remove_contact(&name)?;
            out.report(&one, |to| writeln!(to, "{} is off the list", out.name(&one.name)))
        }
    }
}

/// What stands in a file or comes down a pipe; anything else is an alias or a text by itself.
fn source(text: &str) -> Result<String, Failure> {
    let is_alias = text.contains(':') && !Path::new(text).exists();
    if is_alias {
        return Ok(text.to_owned());
    }
    let failed = |error: io::Error| Failure::io(format!("the card {text}"), &error);
    let reader: Box<dyn Read> = if text == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(text).map_err(failed)?)
    };
    let mut read = String::new();
    reader.take(CARD_FILE_LEN_MAX + 1).read_to_string(&mut read).map_err(|error| {
        if error.kind() == io::ErrorKind::InvalidData {
            return Failure::usage(format!("{text} is no card: it is not text"));
        }
        failed(error)
    })?;
    Ok(read)
}

fn added(to: &mut dyn Write, out: &Out, one: &ContactInfo) -> io::Result<()> {
    let name = out.name(&one.name);
    writeln!(to, "{name} is {}", one.principal)?;
    match one.level {
        "verified" => writeln!(to, "verified: these are the keys you compared"),
        level => {
            writeln!(to, "{level}: `strongroom contact verify {name}` makes sure that it is them")
        }
    }
}

fn told(out: &Out, one: &ContactInfo) -> Outcome {
    out.report(one, |to| {
        writeln!(to, "{} is {} ({})", out.name(&one.name), one.principal, one.level)
    })
}

/// Shows the digits and, where somebody sits there, asks. `--yes` is no comparison.
fn compare(vault: &Vault, session: &Session, name: &str) -> Outcome {
    let shown = vault.safety_number(name)?;
    let asks = !session.out.is_json() && ask::somebody_is_there() && io::stdout().is_terminal();
    session.out.facts(&shown, |to| digits(to, &session.out, &shown))?;
    if !asks {
        return Ok(());
    }
    let answer = ask::line("Are theirs the same, all sixty? (yes/no) ")?;
    if answer.is_none_or(|answer| answer.trim() != "yes") {
        return Err(Failure::usage("not verified; nothing was changed")
            .hint("if they differ, exchange the newest cards and compare again"));
    }
    told(&session.out, &vault.verify_by_number(name, &shown.groups.concat())?)
}

fn digits(to: &mut dyn Write, out: &Out, shown: &SafetyInfo) -> io::Result<()> {
    let name = out.name(&shown.name);
    for line in shown.groups.chunks(4) {
        writeln!(to, "  {}", line.join("  "))?;
    }
    writeln!(to, "Compare with what {name} sees (`strongroom contact verify` with your name),")?;
    writeln!(to, "in person or by telephone, never by a way that {name}'s card came.")
}

fn table(out: &Out, all: &[ContactInfo]) -> Table {
    let mut table = Table::new(&[]);
    table.heading(["LEVEL", "FINGERPRINT", "NAME"]);
    for one in all {
        let level = if one.histories.is_empty() { one.level } else { "CONFLICT" };
        let twice = if one.name_taken_twice { "  (two have this name)" } else { "" };
        table.row([
            level.to_owned(),
            one.principal.clone(),
            format!("{}{twice}", out.name(&one.name)),
        ]);
    }
    table
}

fn details(out: &Out, one: &ContactInfo) -> Table {
    let mut table = Table::new(&[]);
    let mut row = |what: &str, text: String| table.row([what.to_owned(), text]);
    row("name", out.name(&one.name).into_owned());
    if let Some(claimed) = &one.claimed_name {
        row("calls themselves", out.name(claimed).into_owned());
    }
    row("level", one.level.to_owned());
    row("fingerprint", one.principal.clone());
    row("last event", format!("{} ({} in all)", one.head, one.events));
    let receives = match (one.closed, one.can_receive) {
        (true, _) => "no: they closed their key log",
        (false, false) => "not yet: their key log has no key that grants go to",
        (false, true) => "yes",
    };
    row("can be granted to", receives.to_owned());
    for alias in &one.aliases {
        let back = if alias.claimed_back { "  (their key log says so, too)" } else { "" };
        row("found at", format!("{}{back}", out.name(&alias.uri)));
    }
    for history in &one.histories {
        row("CONFLICT", format!("a history that ends in {history}"));
    }
    table
}
