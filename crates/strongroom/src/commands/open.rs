//! `open`. Comes in: a link. Goes out: what it leads to, shown or written. Must not know: any vault
//! on this device: there may be none.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use strongroom_client::{
    Error, ErrorKind, GetOptions, LinkText, OpenedLink, Passphrase, Place, Quiet,
};

use crate::{
    args, ask,
    commands::{cat::to_stdout, ls, refusals},
    exit::{Exit, Failure, Outcome},
    session::Session,
    show::{counted, size, time_or_never},
};

/// What a broken opening left is of no use after that long.
const LEFT_FOR: Duration = Duration::from_hours(24);

/// Open a link that somebody gave you; you need no account
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Put the link between quotes: it has a `#`. Without DEST it only shows what is \
                  there. If a link can\nbe opened so many times, looking and then writing within \
                  an hour on one device is one time."
)]
pub struct Args {
    /// The link, whole; `-`: read it from standard input
    #[arg(value_name = "LINK")]
    link: String,
    /// The directory to write into; it is made
    #[arg(value_name = "DEST")]
    to: Option<PathBuf>,
    /// Only show what is there
    #[arg(long, conflicts_with = "to")]
    ls: bool,
    /// Print one file's content; without PATH the only one there is
    #[arg(
        long,
        value_name = "PATH",
        num_args = 0..=1,
        default_missing_value = "/",
        value_parser = args::place,
        conflicts_with_all = ["to", "ls"]
    )]
    cat: Option<Place>,
    /// Replace files that are there and differ
    #[arg(long)]
    overwrite: bool,
    /// Take the link's password from FILE instead of asking
    #[arg(long, value_name = "FILE")]
    link_password_file: Option<PathBuf>,
}

pub fn run(args: &Args, session: &Session) -> Outcome {
    let text = read(&args.link)?;
    let folder = Folder::of(&text);
    let mut refused = None;
    let opened = {
        let progress = session.progress();
        let password = || match password(args) {
            Ok(password) => Ok(password),
            Err(failure) => {
                // The library only hears that there is none; the person hears why.
                refused = Some(failure);
                Err(Error::new(ErrorKind::Locked, "there is no password"))
            }
        };
        OpenedLink::open(&text, password, &folder.path, &progress)
    };
    let opened = match (opened, refused) {
        (Ok(opened), _) => opened,
        (Err(error), why) => {
            folder.clear_up();
            return Err(why.unwrap_or_else(|| error.into()));
        }
    };
    let done = match (&args.to, &args.cat) {
        (Some(to), _) => write(&opened, to, args, session),
        (None, Some(place)) => cat(&opened, place),
        (None, None) => show(&opened, session),
    };
    folder.end(opened, args.to.is_some(), done.is_ok());
    done
}

fn read(link: &str) -> Result<LinkText, Failure> {
    if link != "-" {
        return Ok(LinkText::read(link)?);
    }
    let text = ask::secret_file(Path::new("-"), "the link on")?;
    Ok(LinkText::read(&text)?)
}

fn password(args: &Args) -> Result<Passphrase, Failure> {
    if let Some(path) = &args.link_password_file {
        let secret = ask::secret_file(path, "the password file")?;
        return Ok(Passphrase::new(String::clone(&secret)));
    }
    if ask::somebody_is_there() {
        return ask::passphrase("This link takes a password: ");
    }
    let what = "this link takes a password, and there is no terminal to ask on";
    Err(Failure::new(Exit::Locked, what)
        .hint("name a file that holds it: --link-password-file FILE"))
}

/// A directory of this person's own, for what lies in between.
struct Folder {
    path: PathBuf,
    /// Whether the next process finds it again.
    lasts: bool,
}

impl Folder {
    /// Below the person's cache directory, so that a broken opening is gone on with; where there is
    /// none, a directory of this process.
    fn of(text: &LinkText) -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let cache = set("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".cache")))
            .filter(|path| path.is_absolute());
        let Some(cache) = cache else {
            let own = format!("strongroom-open-{}-{}", std::process::id(), text.folder_name());
            return Self { path: std::env::temp_dir().join(own), lasts: false };
        };
        let all = cache.join("strongroom").join("open");
        forget_old(&all);
        Self { path: all.join(text.folder_name()), lasts: true }
    }

    /// Who has written all of it is done; who has looked goes on with the same opening; where
    /// writing broke off, everything stays for the next try.
    fn end(&self, opened: OpenedLink, writes: bool, is_done: bool) {
        if !self.lasts || (writes && is_done) {
            opened.finish();
        } else if !writes {
            opened.close();
        }
    }

    fn clear_up(&self) {
        if !self.lasts {
            // It is of no use to anybody, and sealed.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Removes what openings left that nobody went on with.
fn forget_old(all: &Path) {
    let Ok(folders) = std::fs::read_dir(all) else { return };
    for folder in folders.flatten() {
        let changed = folder.metadata().and_then(|it| it.modified());
        let old = |at: SystemTime| at.elapsed().is_ok_and(|age| age > LEFT_FOR);
        if changed.is_ok_and(old) {
            // What cannot be removed is sealed, and tried again.
            let _ = std::fs::remove_dir_all(folder.path());
        }
    }
}

fn write(opened: &OpenedLink, to: &Path, args: &Args, session: &Session) -> Outcome {
    let options = GetOptions { overwrite: args.overwrite, version: None };
    let report = {
        let progress = session.progress();
        opened.get(&Place::root(), to, &options, &progress)?
    };
    session.out.report(&report, |out| {
        let name = session.out.name(&to.to_string_lossy()).into_owned();
        let documents = counted(report.written, "document", "documents");
        writeln!(out, "wrote {documents} to {name}, {}", size(report.content_bytes))
    })?;
    refusals(session, &report.refused, Exit::General)
}

fn show(opened: &OpenedLink, session: &Session) -> Outcome {
    let listed = opened.list()?;
    let info = opened.info();
    let facts = serde_json::json!({ "link": info, "content": listed });
    session.out.facts(&facts, |to| ls::long(to, &session.out, &listed, true))?;
    let label = session.out.name(&info.label);
    session.out.remark(&format!(
        "{label}, at {}, until {}",
        info.provider,
        time_or_never(info.until)
    ));
    session.out.remark("`strongroom open LINK DEST` writes it into a directory");
    Ok(())
}

fn cat(opened: &OpenedLink, place: &Place) -> Outcome {
    let place = if place.names.is_empty() { only_file(opened)? } else { place.clone() };
    to_stdout(|to| opened.cat(&place, to, &Quiet))
}

fn only_file(opened: &OpenedLink) -> Result<Place, Failure> {
    let listed = opened.list()?;
    let mut files = listed.iter().filter(|one| one.kind == "file");
    match (files.next(), files.next()) {
        (Some(one), None) => args::place(&one.path).map_err(Failure::usage),
        (None, _) => Err(Failure::new(Exit::NotFound, "there is no file in it")),
        (Some(_), Some(_)) => Err(Failure::usage("there are several files in it")
            .hint("name one: `strongroom open LINK --cat PATH`; `--ls` shows them")),
    }
}
