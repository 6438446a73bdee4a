//! `bucket`. Comes in: labels and ids. Goes out: what the vault knows of its buckets. Must not
//! know: keys, providers.

use std::io::{self, Write};

use clap::Subcommand;
use serde::Serialize;
use strongroom_client::report::BucketInfo;
use strongroom_client::sealing::{PaddingRule, Sealing, Suite};

use crate::{
    args, ask,
    exit::{Exit, Failure, Outcome},
    out::Out,
    session::Session,
    show::{Table, count, counted, size},
};

/// Buckets: separate keys, separate members
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a bucket and print its did:bkt:…
    Create {
        /// What to call it; only you see this
        label: String,
        /// Cipher, for the bucket's life: 1 is AES-256-GCM; 2 is XChaCha20-Poly1305, faster on
        /// devices without AES hardware
        #[arg(long, value_name = "1|2", default_value = "1", value_parser = args::suite)]
        suite: Suite,
        /// How sizes are hidden, for the bucket's life: padme (6.25 % more at most), power-of-two
        /// (up to twice) or constant:SIZE (whole multiples of SIZE, 64KiB to 1GiB)
        #[arg(long, value_name = "RULE", default_value = "padme", value_parser = args::padding)]
        padding: PaddingRule,
    },
    /// Call a bucket something else
    Label {
        /// Its label or did:bkt:…
        bucket: String,
        /// The new label
        new: String,
    },
    /// List all buckets
    Ls,
    /// Show one bucket with its current content
    Show {
        /// Its label or did:bkt:…
        bucket: String,
    },
    /// Tell whether this vault has the bucket (exit code 3: no)
    Exists {
        /// Its did:bkt:…
        did: String,
    },
    /// Close a bucket to all writing; what it holds stays
    Deactivate {
        /// Its label or did:bkt:…
        bucket: String,
    },
}

#[derive(Debug, Serialize)]
struct Exists {
    exists: bool,
}

pub fn run(args: Args, session: &Session) -> Outcome {
    let out = &session.out;
    match args.verb {
        Verb::Create { label, suite, padding } => {
            let sealing = Sealing { suite, padding };
            let bucket = session.open()?.create_bucket_as(&label, sealing)?;
            // Quiet or not, scripts want the id.
            out.facts(&bucket, |to| writeln!(to, "{}", bucket.did))
        }
        Verb::Label { bucket, new } => {
            let bucket = session.open()?.update_label(&bucket, &new)?;
            out.report(&bucket, |to| {
                writeln!(to, "{} is now called {}", bucket.did, out.name(&bucket.label))
            })
        }
        Verb::Ls => {
            let buckets = session.open()?.buckets()?;
            out.facts(&buckets, |to| write!(to, "{}", table(out, &buckets)))
        }
        Verb::Show { bucket } => {
            let bucket = session.open()?.get_bucket(&bucket)?;
            out.facts(&bucket, |to| show(to, out, &bucket))
        }
        Verb::Exists { did } => exists(session, &did),
        Verb::Deactivate { bucket } => deactivate(session, &bucket),
    }
}

fn exists(session: &Session, did: &str) -> Outcome {
    let exists = session.open()?.bucket_exists(did)?;
    session
        .out
        .facts(&Exists { exists }, |to| writeln!(to, "{}", if exists { "yes" } else { "no" }))?;
    if exists { Ok(()) } else { Err(Failure::told(Exit::NotFound)) }
}

fn deactivate(session: &Session, bucket: &str) -> Outcome {
    let vault = session.open()?;
    let known = vault.get_bucket(bucket)?;
    // It cannot be taken back. A script said what it wanted; a person may have mistyped it.
    if known.active && !session.yes && !session.out.is_json() && ask::somebody_is_there() {
        let label = session.out.name(&known.label);
        let question = format!("{label} will take no writes any more, on any device. Sure? [y/N] ");
        let answer = ask::line(&question)?;
        let sure = answer
            .is_some_and(|answer| matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"));
        if !sure {
            return Err(Failure::new(Exit::General, "nothing was changed"));
        }
    }
    let bucket = vault.deactivate_bucket(bucket)?;
    session.out.report(&bucket, |to| {
        let label = session.out.name(&bucket.label);
        writeln!(to, "{label} takes no more writes; what it holds stays readable")
    })
}

/// All buckets, one a line.
pub fn table(out: &Out, buckets: &[BucketInfo]) -> Table {
    let mut table = Table::new(&[2, 3]);
    table.heading(["BUCKET", "STATE", "DOCUMENTS", "SIZE", "LABEL"]);
    for one in buckets {
        let state = match (one.active, one.default) {
            (true, true) => "default",
            (true, false) => "active",
            (false, _) => "closed",
        };
        table.row([
            one.did.clone(),
            state.to_owned(),
            count(one.documents),
            size(one.content_bytes),
            out.name(&one.label).into_owned(),
        ]);
    }
    table
}

fn show(to: &mut dyn Write, out: &Out, bucket: &BucketInfo) -> io::Result<()> {
    let state = match (bucket.active, bucket.default) {
        (true, true) => "active, the default",
        (true, false) => "active",
        (false, _) => "closed to writing",
    };
    let mut table = Table::new(&[]);
    table.row(["label".to_owned(), out.name(&bucket.label).into_owned()]);
    table.row(["bucket".to_owned(), bucket.did.clone()]);
    table.row(["state".to_owned(), state.to_owned()]);
    let content = format!(
        "{}, {}",
        counted(bucket.documents, "document", "documents"),
        size(bucket.content_bytes)
    );
    table.row(["content".to_owned(), content]);
    table.row(["entries".to_owned(), count(bucket.entries)]);
    table.row(["members".to_owned(), count(bucket.members)]);
    table.row(["conflicts".to_owned(), count(bucket.conflicts)]);
    let cipher = match bucket.suite {
        2 => "2, XChaCha20-Poly1305",
        _ => "1, AES-256-GCM",
    };
    table.row(["suite".to_owned(), cipher.to_owned()]);
    table.row(["padding".to_owned(), bucket.padding.clone()]);
    write!(to, "{table}")?;
    if bucket.content.is_empty() {
        return Ok(());
    }
    let mut content = Table::new(&[]).indented(2);
    for (path, version) in &bucket.content {
        content.row([version.clone(), out.name(path).into_owned()]);
    }
    write!(to, "\n{content}")
}
