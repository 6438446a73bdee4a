//! The provider alone: a program whose dependencies show that it cannot open what it stores. Comes
//! in: a command line. Goes out: a served address. Must not know: keys of any vault.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use strongroom_server::cli::ServeArgs;
use tracing_subscriber::EnvFilter;

/// A blind provider: stores opaque bytes for those who may, and knows no key that opens them.
#[derive(Debug, Parser)]
#[command(name = "strongroomd", version)]
struct Arguments {
    #[command(flatten)]
    serve: ServeArgs,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_env("STRONGROOM_LOG").unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(arguments.serve.run()).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("strongroomd: {error}");
            ExitCode::FAILURE
        }
    }
}
