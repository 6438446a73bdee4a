//! What is to be shared as a whole becomes a bucket of its own, for the commands that share. Comes
//! in: a place. Goes out: a yes, a bucket. Must not know: with whom it is shared.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use strongroom_client::{Place, Vault, report::OwnBucketInfo};

use crate::{
    commands::grant::agreed,
    exit::{Failure, Outcome},
    session::Session,
    show::counted,
};

/// Asks whether what lies at a place shall become a bucket: it will be found elsewhere, and those
/// who read it in its bucket will not read it there.
pub fn ask(vault: &Vault, place: &Place, label: Option<&str>, session: &Session) -> Outcome {
    if session.yes {
        return Ok(());
    }
    let name = |text: &str| session.out.name(text).into_owned();
    let last = place.names.last().map(String::as_str).unwrap_or_default();
    let (was, now) = (place.to_string(), format!("{}:/{last}", label.unwrap_or(last)));
    let what = format!("{} gets a bucket of its own and moves to {}", name(&was), name(&now));
    let mut question = format!("{what}; its older versions stay behind.\n");
    let readers = vault.readers_of(place)?;
    if !readers.is_empty() {
        let who = readers.iter().map(|one| name(one)).collect::<Vec<_>>().join(", ");
        let _ = writeln!(question, "Who reads it now, and will not, unless let in there: {who}.");
    }
    question.push_str("Go on? [y/N] ");
    agreed(&question, &format!("{what}: agree with --yes"))
}

/// Makes it one.
pub fn make(
    vault: &Vault,
    place: &Place,
    label: Option<&str>,
    session: &Session,
) -> Result<OwnBucketInfo, Failure> {
    let progress = session.progress();
    Ok(vault.make_own_bucket(place, label, &progress)?)
}

/// Says where it is now.
pub fn print(own: &OwnBucketInfo, to: &mut dyn Write, session: &Session) -> io::Result<()> {
    let (was, now) = (session.out.name(&own.was), format!("{}:{}", own.label, own.path));
    let documents = counted(own.documents, "document", "documents");
    writeln!(to, "{was} is in a bucket of its own now: {} ({documents})", session.out.name(&now))
}
