//! `put`. Comes in: files, trees or stdin, and where they go. Goes out: what was stored. Must not
//! know: keys, chunks, providers.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use strongroom_client::{
    ErrorKind, GrantInfo, PutOptions, Rights, Source, Terms, Vault,
    place::Place,
    report::{OwnBucketInfo, PutReport},
};

use crate::{
    args,
    commands::{
        grant::{an_end, known_well, write_new},
        own, refusals,
    },
    exit::{Exit, Failure, Outcome},
    session::Session,
    show::{count, counted, size},
};

/// Store files, trees or standard input; the same command again stores only what changed
#[derive(Debug, clap::Args)]
#[command(after_help = HELP, override_usage = "strongroom put [OPTIONS] <SOURCE>... [PLACE]")]
pub struct Args {
    /// What to store, `-` for standard input. Of two or more words the last is where it goes:
    /// `[BUCKET:]/dest` is what the one source becomes, `[BUCKET:]/dest/` what sources go into
    #[arg(required = true, value_name = "SOURCE")]
    words: Vec<OsString>,
    /// Leave out what matches PATTERN, as *.o or node_modules (may be given several times)
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
    /// Store files that did not change, too: brings back content that a provider lost or damaged
    #[arg(long)]
    again: bool,
    /// Keep at most so much sealed content on this device, as 500M or 2G
    #[arg(long, value_name = "SIZE", value_parser = args::bytes)]
    cache_size: Option<u64>,
    #[command(flatten)]
    grant: Grant,
}

/// Sharing what is stored, at once.
#[derive(Debug, clap::Args)]
struct Grant {
    /// Let this contact read each file that is stored; a directory becomes a bucket of its own
    #[arg(long = "grant", value_name = "WHO")]
    who: Option<String>,
    /// Until the end of that day, or for that long: 2027-01-31, 30d, 8h
    #[arg(long, value_name = "WHEN", value_parser = args::until, requires = "who")]
    until: Option<u64>,
    /// Until you take it back
    #[arg(long, conflicts_with = "until", requires = "who")]
    forever: bool,
    /// Write the invitations there and send them nowhere; `-`: standard output
    #[arg(long, short, value_name = "FILE", requires = "who")]
    out: Option<PathBuf>,
    /// Their principal, compared with them in person: for contacts who are not verified yet
    #[arg(long, value_name = "PRN", requires = "who")]
    fingerprint: Option<String>,
}

const HELP: &str = "\
Examples:
  strongroom put letters                 the tree becomes /letters
  strongroom put letters /2026           the tree becomes /2026
  strongroom put a.txt b.txt /2026/      they become /2026/a.txt and /2026/b.txt
  date | strongroom put - work:/now      standard input becomes /now in the bucket `work`
  strongroom put tax.pdf / --grant alice --until 30d    and Alice may read it";

pub fn run(args: Args, session: &Session) -> Outcome {
    let (sources, dest) = sources_and_dest(args.words)?;
    let options =
        PutOptions { cache_size: args.cache_size, exclude: args.exclude, again: args.again };
    let vault = session.open()?;
    // Everything that could stand in the way of sharing is asked before anything is stored.
    let sharing = match &args.grant.who {
        Some(who) => Some(Sharing::of(&vault, who, &args.grant, &sources, &dest, session)?),
        None => None,
    };
    let report = {
        let progress = session.progress();
        vault.put(&sources, &dest, &options, &progress)?
    };
    let Some(sharing) = sharing else {
        session.out.report(&report, |to| writeln!(to, "{}", words(&report)))?;
        return refusals(session, &report.refused, Exit::General);
    };
    refusals(session, &report.refused, Exit::General)?;
    let mut granted = Vec::new();
    if !sharing.documents.is_empty() {
        granted = vault.grant_documents(&sharing.documents, sharing.who, args.grant.until)?;
    }
    let mut own_buckets = Vec::new();
    for place in &sharing.directories {
        let own = own::make(&vault, place, None, session)?;
        let terms = Terms { rights: Rights::Read, until: args.grant.until, from_now: false };
        granted.push(vault.grant_as(Some(&own.did), sharing.who, terms)?);
        own_buckets.push(own);
    }
    let rest = match &args.grant.out {
        Some(_) => granted.iter().collect(),
        None => undelivered(&vault, &granted)?,
    };
    let all: String = rest.iter().map(|one| one.invitation.as_str()).collect();
    if rest.is_empty() {
        // In an inbox; or who has it already reads the new version, too.
    } else if !sharing.to_stdout() {
        write_new(&sharing.out, &all)?;
    } else if !session.out.is_json() {
        return session.out.facts(&granted, |to| write!(to, "{all}"));
    }
    let delivered = granted.len() - rest.len();
    let both = Shared { put: &report, granted: &granted, own_buckets: &own_buckets, delivered };
    session.out.report(&both, |to| {
        writeln!(to, "{}", words(&report))?;
        for own in &own_buckets {
            own::print(own, to, session)?;
        }
        if granted.is_empty() {
            return writeln!(to, "{} may read it already", session.out.name(sharing.who));
        }
        let (who, out) = (session.out.name(sharing.who), sharing.out.display());
        let documents = (granted.len() - own_buckets.len()) as u64;
        let documents = (documents > 0).then(|| counted(documents, "document", "documents"));
        let labels = own_buckets.iter().map(|own| session.out.name(&own.label).into_owned());
        let all: Vec<String> = documents.into_iter().chain(labels).collect();
        writeln!(to, "{who} may read {}", all.join(", "))?;
        if delivered > 0 {
            let invitations = counted(delivered as u64, "invitation", "invitations");
            writeln!(to, "  {invitations} in {who}'s inbox")?;
        }
        if rest.is_empty() {
            return Ok(());
        }
        writeln!(to, "  invitation  {out}  (only {who} can open it)")
    })
}

/// Sends what an inbox takes there; gives the rest. Where one is not taken the next is not tried.
fn undelivered<'a>(vault: &Vault, granted: &'a [GrantInfo]) -> Result<Vec<&'a GrantInfo>, Failure> {
    for (at, one) in granted.iter().enumerate() {
        if !vault.deliver(one)?.delivered {
            return Ok(granted.iter().skip(at).collect());
        }
    }
    Ok(Vec::new())
}

/// What was stored, and to whom it was given.
#[derive(serde::Serialize)]
struct Shared<'a> {
    put: &'a PutReport,
    granted: &'a [GrantInfo],
    own_buckets: &'a [OwnBucketInfo],
    /// How many of the invitations are in an inbox, the first ones.
    delivered: usize,
}

/// Whom to share with, and what.
struct Sharing<'a> {
    who: &'a str,
    documents: Vec<Place>,
    /// What becomes a bucket.
    directories: Vec<Place>,
    out: PathBuf,
}

impl<'a> Sharing<'a> {
    fn of(
        vault: &Vault,
        who: &'a str,
        grant: &Grant,
        sources: &[Source],
        dest: &Place,
        session: &Session,
    ) -> Result<Self, Failure> {
        known_well(vault, who, grant.fingerprint.as_deref(), session)?;
        an_end(who, grant.until, grant.forever, session)?;
        let out = grant.out.clone().unwrap_or_else(|| format!("{who}.invitation").into());
        let mut sharing = Self { who, documents: Vec::new(), directories: Vec::new(), out };
        for source in sources {
            let place = shared_place(source, dest)?;
            if !matches!(source, Source::Path(path) if path.is_dir()) {
                sharing.documents.push(place);
                continue;
            }
            if is_there(vault, &place)? {
                own::ask(vault, &place, None, session)?;
            } else {
                no_such_bucket(vault, &place, who)?;
            }
            sharing.directories.push(place);
        }
        if !sharing.to_stdout() && sharing.out.exists() {
            let what = format!("{} is there already", sharing.out.display());
            return Err(Failure::new(Exit::Conflict, what)
                .hint("name another file: --out FILE; nothing was stored"));
        }
        Ok(sharing)
    }

    fn to_stdout(&self) -> bool {
        self.out.as_os_str() == "-"
    }
}

fn is_there(vault: &Vault, place: &Place) -> Result<bool, Failure> {
    match vault.is_directory(place) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        there => Ok(there.map(|_| true)?),
    }
}

/// What has a bucket of its own already is not stored a second time beside it.
fn no_such_bucket(vault: &Vault, place: &Place, who: &str) -> Outcome {
    let label = place.names.last().map_or("", String::as_str);
    match vault.get_bucket(label) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => {
            let what = format!("there is a bucket called {label} already; nothing was stored");
            Err(Failure::new(Exit::Conflict, what).hint(format!(
                "`strongroom put … {label}:/` stores it there, `strongroom grant {label} {who}` \
                 lets them in"
            )))
        }
    }
}

/// Where a source will be.
fn shared_place(source: &Source, dest: &Place) -> Result<Place, Failure> {
    let Source::Path(path) = source else { return Ok(dest.clone()) };
    if !dest.into {
        return Ok(dest.clone());
    }
    let name = path.file_name().and_then(|name| name.to_str());
    name.map(|name| dest.join(name)).ok_or_else(|| {
        Failure::usage(format!("{} has no name that could be shared", path.display()))
            .hint("say what it becomes: strongroom put FILE /name --grant WHO")
    })
}

fn words(report: &PutReport) -> String {
    let stored = report.added + report.changed;
    let mut words = if stored == 0 {
        format!("nothing new in {}", counted(report.unchanged, "document", "documents"))
    } else {
        let parts =
            [(report.added, "new"), (report.changed, "changed"), (report.unchanged, "as before")];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| format!("{} {what}", count(*number)))
            .collect();
        let (read, sent) = (size(report.content_bytes), size(report.sent_bytes));
        let stored = counted(stored, "document", "documents");
        format!("stored {stored}: {}; {read} read, {sent} sent", parts.join(", "))
    };
    words += if report.durable_remotely {
        "\na provider has all of it"
    } else {
        "\nkept on this device; no provider has all of it yet: see `strongroom status`"
    };
    words
}

/// One word is a source for the root; of several the last is the destination.
fn sources_and_dest(mut words: Vec<OsString>) -> Result<(Vec<Source>, Place), Failure> {
    let dest = if words.len() > 1 { words.pop() } else { None };
    let dest = match dest {
        None => Place::root(),
        Some(text) => match text.to_str() {
            Some(text) => Place::parse(text)?,
            None => {
                return Err(Failure::usage(format!(
                    "the destination {} is not UTF-8",
                    text.display()
                )));
            }
        },
    };
    if words.len() > 1 && !dest.into {
        return Err(Failure::usage(format!("several sources cannot all become {dest}"))
            .hint(format!("to put them into that directory, write {dest}/")));
    }
    let sources = words.into_iter().map(|word| source(word, &dest)).collect::<Result<_, _>>()?;
    Ok((sources, dest))
}

fn source(word: OsString, dest: &Place) -> Result<Source, Failure> {
    if word == "-" {
        return if dest.into {
            Err(Failure::usage("standard input has no name to be stored under")
                .hint("say what it becomes: strongroom put - /name"))
        } else {
            Ok(Source::Stdin)
        };
    }
    let path = PathBuf::from(word);
    if dest.into && path.file_name().is_none() {
        return Ok(Source::Path(named(&path)?));
    }
    Ok(Source::Path(path))
}

/// `.` and `..` go into a directory under the name they have.
fn named(path: &Path) -> Result<PathBuf, Failure> {
    let full = path.canonicalize().map_err(|e| Failure::io(path.display(), &e))?;
    if full.file_name().is_none() {
        return Err(Failure::usage(format!("{} has no name", path.display()))
            .hint(format!("say what it becomes: strongroom put {} /name", path.display())));
    }
    Ok(full)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<(usize, String, bool), Exit> {
        match sources_and_dest(words.iter().map(OsString::from).collect()) {
            Ok((sources, dest)) => Ok((sources.len(), dest.to_string(), dest.into)),
            Err(failure) => Err(failure.exit),
        }
    }

    #[test]
    fn the_last_of_several_words_is_the_destination() {
        assert_eq!(read(&["a"]), Ok((1, "/".to_owned(), true)));
        assert_eq!(read(&["a", "/b"]), Ok((1, "/b".to_owned(), false)));
        assert_eq!(read(&["a", "b", "work:/c/"]), Ok((2, "work:/c".to_owned(), true)));
        assert_eq!(read(&["-", "/b"]), Ok((1, "/b".to_owned(), false)));
    }

    #[test]
    fn what_makes_no_sense_is_a_usage_error() {
        for words in [&["a", "b"][..], &["a", "b", "/c"], &["-"], &["-", "/c/"], &["/", "/c/"]] {
            assert_eq!(read(words), Err(Exit::Usage), "{words:?}");
        }
    }

    #[test]
    fn here_has_the_name_of_its_directory() {
        let (sources, _) = sources_and_dest(vec![".".into()]).unwrap();
        assert!(matches!(&sources[0], Source::Path(path) if path.file_name().is_some()));
    }
}
