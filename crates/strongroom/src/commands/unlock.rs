//! `unlock`. Comes in: the passphrase, once. Goes out: an agent that holds the key store open for
//! a while. Must not know: what is in the key store.

use std::time::Duration;

use strongroom_client::{Unlock, Vault, agent};

use crate::{
    args,
    exit::{Exit, Failure, Outcome},
    session::Session,
    show::duration,
};

/// Keep the key store open for a while, so that commands answer at once
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Lock again after this time without use, as 90s, 15m or 8h [default: 15m]
    #[arg(long = "for", value_name = "TIME", value_parser = args::seconds)]
    idle: Option<u64>,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let home = Session::existing_home()?;
    if agent::status(&home).is_none() {
        let vault = session.open_with_passphrase()?;
        start(&vault, args.idle.unwrap_or(agent::IDLE_DEFAULT.as_secs()))?;
    } else if let Some(seconds) = args.idle {
        // Open already: the passphrase need not be typed again to open it for another time.
        let vault = Vault::open(&home, Unlock::Agent)?;
        agent::stop(&home)?;
        start(&vault, seconds)?;
    }
    let status = agent::status(&home).ok_or_else(|| {
        Failure::new(Exit::General, "the agent ended at once").hint("run `strongroom unlock` again")
    })?;
    session.out.report(&status, |to| {
        let time = duration(status.seconds_left);
        writeln!(to, "unlocked until {time} pass without use, or `strongroom lock`")
    })
}

fn start(vault: &Vault, seconds: u64) -> Outcome {
    let secret = vault.key_store_bytes();
    let idle = Duration::from_secs(seconds);
    Ok(agent::start(agent::this_program()?, vault.home(), &secret, idle)?)
}
