//! `sync`. Comes in: nothing. Goes out: what went to and came from each provider. Must not know:
//! keys, requests.

use std::io::{self, Write};

use strongroom_client::report::SyncReport;

use crate::{
    commands::refusals,
    exit::{Exit, Outcome},
    session::Session,
    show::{counted, size},
};

/// Send what providers lack and fetch what is new
#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_: &Args, session: &Session) -> Outcome {
    let vault = session.open()?;
    let report = {
        let progress = session.progress();
        vault.sync(&progress)?
    };
    session.out.report(&report, |to| {
        writeln!(to, "{}", words(&report))?;
        waiting(to, report.inbox)
    })?;
    // What a provider must not do weighs more than that another cannot be reached.
    let unreachable = refusals(session, &report.unreachable, Exit::Unreachable);
    let lost = refusals(session, &report.lost, Exit::Damaged);
    refusals(session, &report.refused, Exit::Damaged)?;
    lost?;
    unreachable?;
    refusals(session, &report.closed, Exit::General)
}

/// What waits in the inbox, if anything does.
pub fn waiting(to: &mut dyn Write, count: u64) -> io::Result<()> {
    if count == 0 {
        return Ok(());
    }
    writeln!(to, "inbox: {} for you: strongroom inbox", counted(count, "message", "messages"))
}

fn words(report: &SyncReport) -> String {
    if report.sent_entries + report.received_entries + report.sent_chunks == 0 {
        return if report.unreachable.is_empty() {
            "in step: nothing to send, nothing new".to_owned()
        } else {
            "nothing was exchanged; what is written is kept on this device".to_owned()
        };
    }
    format!(
        "sent {} and {}, received {}; {} on the wire",
        counted(report.sent_entries, "entry", "entries"),
        counted(report.sent_chunks, "chunk", "chunks"),
        counted(report.received_entries, "entry", "entries"),
        size(report.bytes)
    )
}
