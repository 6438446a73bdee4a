//! `status`. Comes in: the vault and, unless told not to, its providers. Goes out: what a person
//! should know now. Must not know: keys, requests.

use std::io::{self, Write};

use strongroom_client::report::{RemoteStatus, Status};

use crate::{
    commands::{bucket, sync::waiting},
    exit::Outcome,
    out::Out,
    session::Session,
    show::{Table, counted, short, size, time_or_never},
};

/// Show the vault: buckets, providers, what is not sent yet, conflicts
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Do not ask the providers
    #[arg(long)]
    offline: bool,
    /// Remove the notes after showing them
    #[arg(long)]
    dismiss: bool,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let vault = session.open()?;
    let status = vault.status(!args.offline)?;
    session.out.facts(&status, |to| print(to, &session.out, &status))?;
    if args.dismiss {
        vault.dismiss_notices()?;
    }
    Ok(())
}

fn print(to: &mut dyn Write, out: &Out, status: &Status) -> io::Result<()> {
    let mut table = Table::new(&[]);
    table.row(["vault".to_owned(), status.principal.clone()]);
    table.row(["home".to_owned(), out.name(&status.home).into_owned()]);
    let cache = format!("{} of {}", size(status.cache_bytes), size(status.cache_limit));
    table.row(["cache".to_owned(), cache]);
    write!(to, "{table}\n{}\n", bucket::table(out, &status.buckets))?;
    if status.remotes.is_empty() {
        writeln!(to, "no provider: everything is on this device alone")?;
        writeln!(to, "  add one: strongroom provider add URL")?;
    }
    for remote in &status.remotes {
        provider(to, out, remote)?;
    }
    for bucket in status.buckets.iter().filter(|it| it.shut > 0) {
        let shut = counted(bucket.shut, "document", "documents");
        let label = out.name(&bucket.label);
        writeln!(to, "{label}: {shut} from before you were let in cannot be opened by you")?;
    }
    for conflict in &status.conflicts {
        let place = format!("{}:{}", conflict.bucket, conflict.path);
        let place = out.name(&place);
        writeln!(to, "conflict: {place} has {} versions", conflict.versions.len())?;
        for version in &conflict.versions {
            writeln!(to, "  strongroom restore '{place}' --version {}", short(version))?;
        }
    }
    for upload in &status.uploads {
        let source = out.name(&upload.source);
        let (done, size) = (size(upload.done), size(upload.size));
        writeln!(to, "cut short: {source}, {done} of {size}; the same put goes on")?;
    }
    for one in &status.withheld {
        let (bucket, reason) = (out.name(&one.bucket).into_owned(), one.reason());
        writeln!(to, "withheld: {bucket}: {reason}")?;
    }
    if status.quarantine > 0 {
        let entries = counted(status.quarantine, "entry", "entries");
        writeln!(to, "quarantine: {entries} that do not count: strongroom quarantine ls")?;
    }
    waiting(to, status.inbox)?;
    for notice in &status.notices {
        let when = notice.at.map(|at| time_or_never(at) + " ").unwrap_or_default();
        writeln!(to, "note: {when}{}", out.name(&notice.text))?;
    }
    Ok(())
}

fn provider(to: &mut dyn Write, out: &Out, remote: &RemoteStatus) -> io::Result<()> {
    let state = match (remote.reachable, &remote.problem) {
        (_, Some(problem)) => {
            let named = format!("the provider {} ", remote.url);
            out.name(problem.strip_prefix(&named).unwrap_or(problem)).into_owned()
        }
        (Some(true), None) => "answers".to_owned(),
        (Some(false), None) => "does not answer; writes are kept on this device".to_owned(),
        (None, None) => "not asked".to_owned(),
    };
    writeln!(to, "provider {}: {state}", out.name(&remote.url))?;
    let mut table = Table::new(&[]).indented(2);
    table.row(["key".to_owned(), remote.key.clone()]);
    let unsent = match remote.unsent_entries {
        0 => "nothing".to_owned(),
        n => format!("{}: `strongroom sync` sends them", counted(n, "entry", "entries")),
    };
    table.row(["unsent".to_owned(), unsent]);
    for one in &remote.untaken {
        let entries = counted(one.entries, "entry", "entries");
        let label = out.name(&one.bucket);
        let words = format!(
            "{entries} of {label}: nobody takes them, you are out; `strongroom get` saves them, \
             `strongroom quarantine dismiss --all {label}` lets them go"
        );
        table.row(["not taken".to_owned(), words]);
    }
    table.row(["last sync".to_owned(), time_or_never(remote.synced)]);
    if let Some(used) = remote.used_bytes {
        let quota = match remote.quota_bytes {
            None | Some(0) => ", no quota".to_owned(),
            Some(quota) => format!(" of {}", size(quota)),
        };
        table.row(["used".to_owned(), size(used) + &quota]);
    }
    write!(to, "{table}")
}
