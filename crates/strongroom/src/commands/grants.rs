//! `grants`. Comes in: a bucket, one document, or nothing. Goes out: who can read and write it.
//! Must not know: keys.

use strongroom_client::Place;

use crate::{
    commands::grant::{What, what_of},
    exit::Outcome,
    session::Session,
    show::{Table, counted, now_secs, time_or_never},
};

/// List who has access to what: complete and true offline
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The bucket, by its label or did:bkt:…; or one document: `[BUCKET:]/path` [default: all]
    #[arg(value_name = "BUCKET|PATH")]
    what: Option<String>,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let vault = session.open()?;
    let what = args.what.as_deref().map(|text| what_of(&vault, text)).transpose()?;
    let all = match &what {
        None => vault.access_everywhere()?,
        Some(What::Bucket(bucket)) => {
            vault.access(&Place { bucket: Some(bucket.clone()), ..Place::root() })?
        }
        Some(What::Document(place)) => vault.access(place)?,
    };
    // Who was let in later opens no names from before.
    let hidden = match &what {
        Some(What::Bucket(bucket)) => {
            let shown = vault.get_bucket_of(Some(bucket))?;
            let told = all.iter().filter(|one| one.path.is_none()).count() as u64;
            if shown.from_now { shown.members.saturating_sub(told) } else { 0 }
        }
        _ => 0,
    };
    let now = now_secs();
    let out = &session.out;
    out.facts(&all, |to| {
        let mut table = Table::new(&[]);
        table.heading(["WHO", "MAY", "WHAT", "UNTIL", "STATE", "PRINCIPAL"]);
        for one in &all {
            let who = &one.who;
            let name = match (&who.name, who.you) {
                (_, true) => "you".to_owned(),
                _ if one.who.link.is_some() => {
                    format!("link {}", out.name(one.who.link.as_deref().unwrap_or_default()))
                }
                (Some(name), _) => out.name(name).into_owned(),
                (None, _) => "(no contact)".to_owned(),
            };
            let state = if who.until <= now {
                "ended"
            } else if who.accepted {
                "in"
            } else {
                "invited"
            };
            let since = if who.from_now { ", from now on" } else { "" };
            let what = match &one.path {
                Some(path) => format!("{}:{path}", one.bucket),
                None => one.bucket.clone(),
            };
            table.row([
                name,
                format!("{}{since}", who.rights),
                out.name(&what).into_owned(),
                time_or_never(who.until),
                state.to_owned(),
                who.principal.clone(),
            ]);
        }
        write!(to, "{table}")?;
        if hidden > 0 {
            let others = counted(hidden, "member", "members");
            writeln!(to, "and {others} let in before you: their names are from before, too")?;
        }
        Ok(())
    })
}
