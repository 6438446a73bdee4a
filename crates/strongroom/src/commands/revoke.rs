//! `revoke`. Comes in: a bucket or one document, and a contact. Goes out: the same without them.
//! Must not know: keys.

use strongroom_client::{ErrorKind, Place, Vault};

use crate::{
    commands::grant::{What, what_of},
    exit::{Failure, Outcome},
    session::Session,
    show::{counted, size},
};

/// Take somebody out of a bucket, or close one document to them, at once
#[derive(Debug, clap::Args)]
#[command(
    after_help = "What they opened before they may have kept, and can go on opening. What is \
                        written from\nnow on they cannot open, and what they write counts for \
                        nobody."
)]
pub struct Args {
    /// The bucket, by its label or did:bkt:…; or one document that they read: `[BUCKET:]/path`
    #[arg(value_name = "BUCKET|PATH")]
    what: String,
    /// Whom: a contact's name, or prn:… as `strongroom grants` shows it; `me` leaves the bucket
    who: String,
    /// And seal again all they could open: current contents, not the versions before. The same
    /// command goes on where it was stopped
    #[arg(long)]
    deep: bool,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let vault = session.open()?;
    let bucket = match what_of(&vault, &args.what)? {
        What::Bucket(bucket) => bucket,
        What::Document(place) => return close(&vault, &place, args, session),
    };
    let removed = match vault.remove_member(Some(&bucket), &args.who) {
        // Out already: what is left is to seal again.
        Err(error) if args.deep && error.kind() == ErrorKind::NotFound => None,
        done => Some(done?),
    };
    if args.deep {
        return deep(&vault, &bucket, args, session);
    }
    let Some(removed) = removed else { return Ok(()) };
    session.out.report(&removed, |to| {
        let (who, label) = (session.out.name(&removed.name), session.out.name(&removed.bucket));
        if removed.you {
            writeln!(to, "you left {label}; what you had of it is still on this device")?;
        } else {
            writeln!(to, "{who} is out of {label}; nothing had to be sealed again")?;
        }
        let entries = counted(removed.entries, "entry", "entries");
        writeln!(to, "  written  {entries}, {}", size(removed.bytes))?;
        if !removed.sent {
            writeln!(to, "  not sent  no provider answered; `strongroom sync` sends it")?;
        }
        Ok(())
    })
}

fn deep(vault: &Vault, bucket: &str, args: &Args, session: &Session) -> Outcome {
    let anew = {
        let progress = session.progress();
        vault.seal_anew(Some(bucket), &args.who, &progress)?
    };
    session.out.report(&anew, |to| {
        let (who, label) = (session.out.name(&args.who), session.out.name(&anew.bucket));
        let documents = counted(anew.documents, "content", "contents");
        writeln!(to, "{who} is out of {label}; {documents} sealed again")?;
        writeln!(to, "  sealed   {}", size(anew.bytes))?;
        writeln!(to, "  purged   {}", counted(anew.purged, "copy", "copies"))?;
        writeln!(to, "  kept     versions of before, as they were; copies they made, as they are")?;
        if !anew.sent {
            writeln!(to, "  not sent  no provider answered; `strongroom sync` sends it")?;
        }
        Ok(())
    })
}

/// Closes one document to who holds it alone.
fn close(vault: &Vault, place: &Place, args: &Args, session: &Session) -> Outcome {
    if args.deep {
        return Err(Failure::usage("what one person reads of a document is not sealed again")
            .hint("leave out --deep: what is written from now on they cannot open"));
    }
    let done = vault.withdraw(place, &args.who)?;
    session.out.report(&done, |to| {
        let what = format!("{}:{}", done.bucket, done.path);
        let (who, what) = (session.out.name(&done.name), session.out.name(&what));
        writeln!(to, "{what} is closed to {who}; nothing had to be sealed again")?;
        writeln!(to, "  written  1 entry, {}", size(done.bytes))?;
        if !done.sent {
            writeln!(to, "  not sent  no provider answered; `strongroom sync` sends it")?;
        }
        Ok(())
    })
}
