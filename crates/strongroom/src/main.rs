//! The terminal. Comes in: arguments, stdin, signals. Goes out: the library's answers as words or
//! JSON, and an exit code. Must not know: keys, sockets, bytes on disk. One verb, one file.
#![forbid(unsafe_code)]

mod args;
mod ask;
mod bar;
mod commands;
mod exit;
mod interrupt;
mod out;
mod qr;
mod session;
mod show;

use std::process::ExitCode;

use clap::{Parser, error::ErrorKind};

use crate::{
    args::Cli,
    exit::{Exit, Failure},
    out::Out,
    session::Session,
};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let session = Session::new(&cli.global);
    match commands::run(cli.command, &session) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            session.out.failure(&failure);
            failure.exit.code().into()
        }
    }
}

/// Prints help, or says what is wrong with the arguments: as JSON to those who asked for JSON.
fn refuse(error: &clap::Error) -> ExitCode {
    let asked_for_json = std::env::args_os().any(|arg| arg == "--json");
    let is_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if is_help || !asked_for_json {
        // A closed stdout or stderr: there is nobody to tell.
        let _ = error.print();
        return if is_help { ExitCode::SUCCESS } else { Exit::Usage.code().into() };
    }
    let text = error.render().to_string();
    let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    let failure = Failure::usage(message).hint("see `strongroom --help`");
    Out::new(true, false).failure(&failure);
    failure.exit.code().into()
}
