//! `grants`. Comes in: a bucket. Goes out: who can read and write it. Must not know: keys.

use crate::{
    commands::grant::bucket_of,
    exit::Outcome,
    session::Session,
    show::{Table, counted, now_secs, time_or_never},
};

/// List who has access to a bucket: complete and true offline
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The bucket: its label or did:bkt:… [default: the default bucket]
    bucket: Option<String>,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let vault = session.open()?;
    let bucket = args.bucket.as_deref().map(|text| bucket_of(&vault, text)).transpose()?;
    let members = vault.members(bucket.as_deref())?;
    let shown = vault.get_bucket_of(bucket.as_deref())?;
    let all = if shown.from_now { shown.members } else { 0 };
    let now = now_secs();
    let out = &session.out;
    out.facts(&members, |to| {
        let mut table = Table::new(&[]);
        table.heading(["WHO", "MAY", "UNTIL", "STATE", "PRINCIPAL"]);
        for one in &members {
            let name = match (&one.name, one.you) {
                (_, true) => "you".to_owned(),
                _ if one.link.is_some() => {
                    format!("link {}", out.name(one.link.as_deref().unwrap_or_default()))
                }
                (Some(name), _) => out.name(name).into_owned(),
                (None, _) => "(no contact)".to_owned(),
            };
            let state = if one.until <= now {
                "ended"
            } else if one.accepted {
                "in"
            } else {
                "invited"
            };
            let since = if one.from_now { ", from now on" } else { "" };
            table.row([
                name,
                format!("{}{since}", one.rights),
                time_or_never(one.until),
                state.to_owned(),
                one.principal.clone(),
            ]);
        }
        write!(to, "{table}")?;
        let others = all.saturating_sub(members.len() as u64);
        if others > 0 {
            let others = counted(others, "member", "members");
            writeln!(to, "and {others} let in before you: their names are from before, too")?;
        }
        Ok(())
    })
}
