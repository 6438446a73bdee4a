//! `serve`. Comes in: arguments. Goes out: a running provider, the same as `strongroomd`, until it
//! is told to stop. Must not know: vaults, keys.

use std::io;

use strongroom_server::cli::ServeArgs;
use tracing_subscriber::EnvFilter;

use crate::exit::{Exit, Failure, Outcome};

/// Run a provider: it stores for others and can see nothing
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    provider: ServeArgs,
}

pub fn run(args: &Args) -> Outcome {
    let filter = EnvFilter::try_from_env("STRONGROOM_LOG").unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("the provider's threads", &error))?;
    runtime
        .block_on(args.provider.run())
        .map_err(|error| Failure::new(Exit::General, error.to_string()))
}
