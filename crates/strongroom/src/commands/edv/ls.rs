//! `edv ls`. Comes in: perhaps the name of an EDV vault. Goes out: all of them, or what is in
//! one, or who was let in. Must not know: keys, requests.

use std::io;

use strongroom_client::report::{EdvIndexInfo, EdvInfo, EdvListing};

use crate::{
    exit::{Exit, Failure, Outcome},
    out::Out,
    session::Session,
    show::{Table, count, size, time_or_never},
};

/// List EDV vaults, or what is in one
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One vault: its documents
    name: Option<String>,
    /// Who was let into it, and into what
    #[arg(long, requires = "name")]
    grants: bool,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    match &args.name {
        None => vaults(session),
        Some(name) if args.grants => grants(name, session),
        Some(name) => documents(name, session),
    }
}

fn vaults(session: &Session) -> Outcome {
    let vaults = session.open()?.edvs()?;
    let out = &session.out;
    out.facts(&vaults, |to| {
        if vaults.is_empty() {
            return writeln!(to, "there is no EDV vault; `strongroom edv create` makes one");
        }
        let mut table = Table::new(&[]);
        table.heading(["NAME", "TIER", "YOU MAY", "ASKED BY", "URL"]);
        for vault in &vaults {
            table.row([
                out.name(&vault.name).into_owned(),
                "edv".to_owned(),
                rights(vault),
                out.name(&indexes(&vault.indexes)).into_owned(),
                out.name(&vault.url).into_owned(),
            ]);
        }
        write!(to, "{table}")
    })?;
    if !vaults.is_empty() {
        out.remark(super::TIER);
    }
    Ok(())
}

fn rights(vault: &EdvInfo) -> String {
    if vault.own {
        return "own".to_owned();
    }
    let what = if vault.write { "write" } else { "read" };
    let part = if vault.only.is_some() { " one document" } else { "" };
    format!("{what}{part} until {}", time_or_never(vault.until.unwrap_or_default()))
}

fn indexes(all: &[EdvIndexInfo]) -> String {
    let one = |it: &EdvIndexInfo| {
        let mark = if it.unique {
            " (unique)"
        } else if it.leaky {
            " (leaky)"
        } else {
            ""
        };
        format!("{}{mark}", it.attributes.join(","))
    };
    all.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn documents(name: &str, session: &Session) -> Outcome {
    let vault = session.open()?;
    let edv = vault.edv(name)?;
    let listing = {
        let progress = session.progress();
        edv.list(&progress)?
    };
    session.out.facts(&listing, |to| print(to, &session.out, &listing))?;
    if !listing.complete {
        session.out.remark("the server does not list what it has: these were seen, or are indexed");
    }
    let unseen = listing.missing.iter().map(|id| format!("{id}: the server has it no longer"));
    for line in unseen.chain(listing.damaged.iter().cloned()) {
        session.out.remark(&line);
    }
    if listing.missing.is_empty() && listing.damaged.is_empty() {
        return Ok(());
    }
    Err(Failure::told(Exit::Damaged))
}

fn print(to: &mut dyn io::Write, out: &Out, listing: &EdvListing) -> io::Result<()> {
    let mut table = Table::new(&[1, 2, 3]);
    table.heading(["DOCUMENT", "STATE", "SEALED", "CHUNKS", "BELIEVED"]);
    for document in listing.documents.iter().filter(|it| !it.deleted) {
        table.row([
            out.name(&document.id).into_owned(),
            count(document.sequence),
            size(document.bytes),
            document.chunks.map_or_else(|| "-".to_owned(), count),
            document.trust.words().to_owned(),
        ]);
    }
    write!(to, "{table}")
}

fn grants(name: &str, session: &Session) -> Outcome {
    let vault = session.open()?;
    let grants = vault.edv(name)?.grants()?;
    session.out.facts(&grants, |to| {
        let mut table = Table::new(&[]);
        table.heading(["MAY", "UNTIL", "TO", "INTO", "GRANT"]);
        for grant in &grants {
            table.row([
                if grant.write { "write" } else { "read" }.to_owned(),
                time_or_never(grant.until),
                session.out.name(&grant.to).into_owned(),
                session.out.name(&grant.target).into_owned(),
                session.out.name(&grant.id).into_owned(),
            ]);
        }
        write!(to, "{table}")
    })
}
