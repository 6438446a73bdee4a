//! `get`. Comes in: a place and where to write it. Goes out: files that are whole, or not there.
//! Must not know: keys, chunks, providers.

use std::path::{Path, PathBuf};

use strongroom_client::{GetOptions, place::Place, report::GetReport};

use crate::{
    args,
    commands::{refusals, warn_withheld},
    exit::{Exit, Failure, Outcome},
    session::Session,
    show::{counted, size},
};

/// Write a file or a tree to this device
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to fetch
    #[arg(value_name = "PLACE", value_parser = args::place)]
    from: Place,
    /// What it becomes; with a slash at the end, the directory it goes into [default: its own
    /// name, in the current directory]
    #[arg(value_name = "LOCAL")]
    to: Option<PathBuf>,
    /// Fetch this version, as `strongroom history` names it
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// Replace files that are there and differ
    #[arg(long)]
    overwrite: bool,
}

pub fn run(args: Args, session: &Session) -> Outcome {
    let to = destination(&args.from, args.to)?;
    let options = GetOptions { overwrite: args.overwrite, version: args.version };
    let vault = session.open()?;
    warn_withheld(session, &vault)?;
    let report = {
        let progress = session.progress();
        vault.get(&args.from, &to, &options, &progress)?
    };
    session.out.report(&report, |out| {
        writeln!(out, "{}", words(&report, &session.out.name(&to.to_string_lossy())))
    })?;
    refusals(session, &report.refused, Exit::General)
}

fn words(report: &GetReport, to: &str) -> String {
    if report.written == 0 && report.refused.is_empty() {
        return format!("{to} is up to date");
    }
    let as_before = match report.unchanged {
        0 => String::new(),
        n => format!(", {n} as before"),
    };
    format!(
        "wrote {} to {to}, {}{as_before}",
        counted(report.written, "document", "documents"),
        size(report.content_bytes)
    )
}

/// What the document becomes on this device.
fn destination(from: &Place, to: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let folder = match to {
        None => PathBuf::new(),
        Some(to) if goes_into(&to) => to,
        Some(to) => return Ok(to),
    };
    match from.names.last() {
        Some(name) => Ok(folder.join(name)),
        None => Err(Failure::usage("the root of a bucket has no name of its own")
            .hint(format!("say what it becomes: strongroom get {from} NAME"))),
    }
}

/// Whether a local path means a directory to write into rather than what is written: `dir/`, `.`,
/// `..`.
fn goes_into(path: &Path) -> bool {
    let text = path.as_os_str().as_encoded_bytes();
    text.ends_with(b"/") || path.file_name().is_none() || text.ends_with(b"/.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(from: &str, local: Option<&str>) -> Result<String, Exit> {
        let from = Place::parse(from).unwrap();
        match destination(&from, local.map(PathBuf::from)) {
            Ok(path) => Ok(path.to_string_lossy().into_owned()),
            Err(failure) => Err(failure.exit),
        }
    }

    #[test]
    fn a_slash_at_the_end_means_into() {
        assert_eq!(to("/a/b.txt", None), Ok("b.txt".to_owned()));
        assert_eq!(to("/a/b.txt", Some("c")), Ok("c".to_owned()));
        assert_eq!(to("/a/b.txt", Some("c/")), Ok("c/b.txt".to_owned()));
        assert_eq!(to("/a/b.txt", Some(".")), Ok("./b.txt".to_owned()));
        assert_eq!(to("/a/b.txt", Some("x/..")), Ok("x/../b.txt".to_owned()));
    }

    #[test]
    fn the_root_has_no_name() {
        assert_eq!(to("/", None), Err(Exit::Usage));
        assert_eq!(to("/", Some("out/")), Err(Exit::Usage));
        assert_eq!(to("/", Some("out")), Ok("out".to_owned()));
    }
}
