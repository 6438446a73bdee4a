//! `id`. Comes in: nothing, or where the card shall go. Goes out: who this is, as text, card and QR
//! code. Must not know: keys, how codes are computed.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::PathBuf,
};

use clap::Subcommand;
use serde::Serialize;
use strongroom_client::report::{CardInfo, IdInfo, PointerInfo};

use crate::{
    exit::{Failure, Outcome},
    out::Out,
    qr,
    session::Session,
    show::Table,
};

/// Who you are to others: fingerprint, card, QR code
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show your fingerprint and devices
    Show,
    /// Claim an address or identifier at which others may look for you, in your key log
    #[command(
        after_help = "It is public with your card. Put your card there, too: then each says \
        that the other is right."
    )]
    Alias {
        /// Any URI: an https address of a card, or did:web:alice.example
        #[arg(value_name = "URI")]
        uri: String,
        /// Claim it no longer
        #[arg(long)]
        remove: bool,
    },
    /// Write your card: all that others need to share with you
    #[command(
        after_help = "The card is public. Others add it with `strongroom contact add`.\nWith a \
        provider it says where they can send you invitations; they come to `strongroom inbox`."
    )]
    Export {
        /// Where to; `-` is stdout
        #[arg(value_name = "FILE", default_value = "-")]
        file: PathBuf,
        /// Say in it what you are called; without it there is no name in it
        #[arg(long)]
        name: Option<String>,
        /// Do not say in it where others can send to you
        #[arg(long)]
        no_inbox: bool,
        /// Replace FILE if it is there
        #[arg(long)]
        overwrite: bool,
    },
    /// Draw a QR code that says who you are, and where your card is
    #[command(after_help = "A code is too small for your keys: it holds your fingerprint. Others \
        compare it with `strongroom contact verify NAME --card -`, or add you with it if --at says \
        where your card is.")]
    Qr {
        /// Where others find your card, if not at an alias of yours
        #[arg(long, value_name = "URL|DID")]
        at: Option<String>,
        /// Say in it what you are called
        #[arg(long)]
        name: Option<String>,
    },
}

#[derive(Debug, Serialize)]
struct Exported<'a> {
    file: &'a str,
    bytes: usize,
    principal: &'a str,
    head: &'a str,
    name: Option<&'a str>,
    inbox: bool,
}

pub fn run(args: Args, session: &Session) -> Outcome {
    let vault = session.open()?;
    let out = &session.out;
    match args.verb {
        Verb::Show => {
            let id = vault.id()?;
            out.facts(&id, |to| write!(to, "{}", shown(out, &id)))
        }
        Verb::Alias { uri, remove } => {
            let id = vault.claim_alias(&uri, !remove)?;
            out.report(&id, |to| write!(to, "{}", shown(out, &id)))
        }
        Verb::Export { file, name, no_inbox, overwrite } => {
            let name = name.as_deref();
            let card = if no_inbox { vault.card(name)? } else { vault.card_with_inbox(name)? };
            if file.as_os_str() == "-" {
                return out.facts(&card, |to| write!(to, "{}", card.text));
            }
            save(&file, &card.text, overwrite)?;
            exported(out, &file.to_string_lossy(), &card)
        }
        Verb::Qr { at, name } => {
            let pointer = vault.pointer(name.as_deref(), at.as_deref())?;
            out.facts(&pointer, |to| draw(to, &pointer))
        }
    }
}

fn shown(out: &Out, id: &IdInfo) -> Table {
    let mut table = Table::new(&[]);
    table.row(["fingerprint".to_owned(), id.principal.clone()]);
    table.row(["last event".to_owned(), format!("{} ({} in all)", id.head, id.events)]);
    for device in &id.devices {
        let this = if *device == id.this_device { "  (this one)" } else { "" };
        table.row(["device".to_owned(), format!("{device}{this}")]);
    }
    for alias in &id.aliases {
        table.row(["alias".to_owned(), out.name(alias).into_owned()]);
    }
    table
}

fn exported(out: &Out, file: &str, card: &CardInfo) -> Outcome {
    let exported = Exported {
        file,
        bytes: card.text.len(),
        principal: &card.principal,
        head: &card.head,
        name: card.name.as_deref(),
        inbox: card.inbox,
    };
    out.report(&exported, |to| {
        writeln!(to, "{} holds your card: hand it on as it is", out.name(file))
    })
}

/// Writes beside nothing: a card is small, and made again with one command.
fn save(file: &PathBuf, text: &str, overwrite: bool) -> Outcome {
    let mut options = OpenOptions::new();
    options.write(true);
    if overwrite {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let written = options.open(file).and_then(|mut opened| opened.write_all(text.as_bytes()));
    written.map_err(|error| {
        let failure = Failure::io(file.display(), &error);
        if error.kind() == io::ErrorKind::AlreadyExists {
            return failure.hint("choose another name, or replace it with --overwrite");
        }
        failure
    })
}

fn draw(to: &mut dyn Write, pointer: &PointerInfo) -> io::Result<()> {
    // What the library makes of a bounded text always fits; if not, the text is enough.
    if let Some(code) = qr::drawn(&pointer.text) {
        writeln!(to, "{code}")?;
    }
    writeln!(to, "{}", pointer.text)
}
