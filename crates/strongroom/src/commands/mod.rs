//! The verbs. Comes in: one command and its surroundings. Goes out: what it prints, and whether it
//! did all that was asked. Must not know: each other.

pub mod accept;
pub mod agent;
pub mod approve;
pub mod bucket;
pub mod cat;
pub mod completions;
pub mod contact;
pub mod decline;
pub mod deny;
pub mod device;
pub mod drop;
pub mod edv;
pub mod find;
pub mod get;
pub mod grant;
pub mod grants;
pub mod history;
pub mod id;
pub mod import;
pub mod inbox;
pub mod init;
pub mod link;
pub mod lock;
pub mod ls;
pub mod mv;
pub mod open;
mod own;
pub mod privacy;
pub mod provider;
pub mod put;
pub mod quarantine;
pub mod recover;
pub mod request;
pub mod requests;
pub mod restore;
pub mod revoke;
pub mod rm;
pub mod serve;
pub mod status;
pub mod sync;
pub mod undelete;
pub mod unlock;
pub mod verify;

use strongroom_client::{Vault, report::Refused};

use crate::{
    args::Command,
    exit::{Exit, Failure, Outcome},
    session::Session,
};

/// The vault, with what is new at its provider: for commands that show what others sent. A provider
/// that does not answer is a remark.
fn fresh(session: &Session) -> Result<Vault, Failure> {
    let vault = session.open()?;
    let synced = {
        let progress = session.progress();
        vault.sync(&progress)?
    };
    for one in &synced.unreachable {
        session.out.remark(&one.reason);
    }
    Ok(vault)
}

/// Runs one command.
pub fn run(command: Command, session: &Session) -> Outcome {
    match command {
        Command::Init(args) => init::run(&args, session),
        Command::Put(args) => put::run(args, session),
        Command::Get(args) => get::run(args, session),
        Command::Cat(args) => cat::run(&args, session),
        Command::Ls(args) => ls::run(&args, session),
        Command::Find(args) => find::run(&args, session),
        Command::Mv(args) => mv::run(&args, session),
        Command::Rm(args) => rm::run(&args, session),
        Command::Undelete(args) => undelete::run(&args, session),
        Command::History(args) => history::run(&args, session),
        Command::Restore(args) => restore::run(&args, session),
        Command::Bucket(args) => bucket::run(args, session),
        Command::Id(args) => id::run(args, session),
        Command::Contact(args) => contact::run(args, session),
        Command::Device(args) => device::run(args, session),
        Command::Grant(args) => grant::run(&args, session),
        Command::Grants(args) => grants::run(&args, session),
        Command::Inbox(args) => inbox::run(&args, session),
        Command::Accept(args) => accept::run(&args, session),
        Command::Decline(args) => decline::run(&args, session),
        Command::Request(args) => request::run(&args, session),
        Command::Requests(args) => requests::run(&args, session),
        Command::Approve(args) => approve::run(&args, session),
        Command::Deny(args) => deny::run(&args, session),
        Command::Revoke(args) => revoke::run(&args, session),
        Command::Quarantine(args) => quarantine::run(args, session),
        Command::Drop(args) => drop::run(args, session),
        Command::Edv(args) => edv::run(&args, session),
        Command::Import(args) => import::run(&args, session),
        Command::Link(args) => link::run(&args, session),
        Command::Open(args) => open::run(&args, session),
        Command::Sync(args) => sync::run(&args, session),
        Command::Status(args) => status::run(&args, session),
        Command::Verify(args) => verify::run(&args, session),
        Command::Privacy(args) => privacy::run(&args, session),
        Command::Unlock(args) => unlock::run(&args, session),
        Command::Lock(args) => lock::run(&args, session),
        Command::Recover(args) => recover::run(&args, session),
        Command::Provider(args) => provider::run(args, session),
        Command::Serve(args) => serve::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Agent(args) => agent::run(&args),
    }
}

/// Lists on stderr what could not be done and why. `exit` if there is any.
fn refusals(session: &Session, refused: &[Refused], exit: Exit) -> Outcome {
    for one in refused {
        // Some reasons name what they are about: a file first, a provider anywhere.
        let named = one.path.contains("://") && one.reason.contains(&one.path);
        if named || one.reason.starts_with(&format!("{} ", one.path)) {
            session.out.remark(&one.reason);
        } else {
            session.out.remark(&format!("{}: {}", one.path, one.reason));
        }
    }
    if refused.is_empty() { Ok(()) } else { Err(Failure::told(exit)) }
}

/// Says on stderr what others saw and no provider gives: what a command shows may be old. With
/// `--strict` that is the end of it.
fn warn_withheld(session: &Session, vault: &Vault) -> Outcome {
    let withheld = vault.withheld()?;
    for one in &withheld {
        session.out.remark(&format!("{}: {}", one.bucket, one.reason()));
    }
    if session.strict && !withheld.is_empty() {
        return Err(Failure::new(Exit::Damaged, "something is withheld, so nothing is shown")
            .hint("without --strict the newest state that is here is shown"));
    }
    Ok(())
}
