//! `privacy`. Comes in: what was really sent. Goes out: what each provider holds, in numbers, and
//! what follows from them, in words. Must not know: keys, requests.

use std::io::{self, Write};

use strongroom_client::report::PrivacyReport;

use crate::{
    exit::Outcome,
    out::Out,
    session::Session,
    show::{Table, count, short, size, time_or_never, wrapped},
};

/// Show what each provider can see of this vault, now
#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_: &Args, session: &Session) -> Outcome {
    let vault = session.open()?;
    let mut reports = vault.privacy()?;
    reports.extend(vault.edv_privacy()?);
    session.out.facts(&reports, |to| {
        if reports.is_empty() {
            return writeln!(to, "no provider holds anything of this vault");
        }
        reports.iter().try_for_each(|report| print(to, &session.out, report))
    })
}

fn print(to: &mut dyn Write, out: &Out, report: &PrivacyReport) -> io::Result<()> {
    if let Some(label) = &report.label {
        let (label, url) = (out.name(label), out.name(&report.url));
        writeln!(to, "{label}, an EDV vault ({url}): a weaker tier than a bucket")?;
        list(to, out, "Its server can know", &report.can_know)?;
        list(to, out, "It cannot know", &report.cannot_know)?;
        return list(to, out, "You are not protected", &report.cannot_protect);
    }
    let (requests, bytes) = (count(report.requests), size(report.bytes_sent));
    let url = out.name(&report.url);
    writeln!(
        to,
        "{url} had {requests} requests, {bytes}, from this device; it sees (and does not see)"
    )?;
    let mut table = Table::new(&[1, 2, 3, 4, 5, 6]).indented(2);
    table.heading([
        "BUCKET",
        "ENTRIES",
        "DOCUMENTS",
        "CHUNKS",
        "AUTHORS",
        "SEALED",
        "(TRUE)",
        "LAST WRITTEN",
        "(LABEL)",
    ]);
    for bucket in &report.buckets {
        table.row([
            short(&bucket.did).to_owned(),
            count(bucket.entries),
            count(bucket.documents),
            count(bucket.chunks),
            count(bucket.authors),
            size(bucket.sealed_bytes),
            size(bucket.content_bytes),
            time_or_never(bucket.last),
            out.name(&bucket.label).into_owned(),
        ]);
    }
    write!(to, "{table}")?;
    list(to, out, "It can know", &report.can_know)?;
    list(to, out, "It cannot know", &report.cannot_know)
}

fn list(to: &mut dyn Write, out: &Out, title: &str, lines: &[String]) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(to, "{title}")?;
    lines.iter().try_for_each(|line| write!(to, "{}", wrapped("  - ", "    ", &out.name(line))))
}
