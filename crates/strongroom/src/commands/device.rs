//! `device`. Comes in: a code, six words, a name. Goes out: a device more or less, and a list. Must
//! not know: keys, how two devices agree.

use std::{
    io::{self, BufRead, Write},
    path::{Path, PathBuf},
};

use clap::Subcommand;
use strongroom_client::{
    CodeKind, Error, GivenCode, PairingPerson, ShownCode, Vault,
    report::{DeviceInfo, DeviceRemovalInfo, JoinedInfo},
};
use zeroize::Zeroizing;

use crate::{
    ask,
    commands::{grant::agreed, refusals},
    exit::{Exit, Failure, Outcome},
    out::Out,
    qr,
    session::Session,
    show::{Table, short, time_or_never},
};

/// Bytes of a line with six words.
const WORDS_LEN_MAX: u64 = 1_024;

/// Your devices: add another one, or take out one that was lost
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make another device one of yours: shows a code for it, and six words to compare
    #[command(after_help = "On the other device: `strongroom device join`.")]
    Add {
        /// Show nine digits to type instead of a code to copy or scan
        #[arg(long)]
        short: bool,
        /// Read the words the other device shows from FILE (`-`: standard input), for scripts
        #[arg(long, value_name = "FILE")]
        words: Option<PathBuf>,
    },
    /// Make this device one of yours, with the code that `device add` shows on another
    Join {
        /// The code; without it, it is asked for
        #[arg(value_name = "CODE")]
        code: Option<String>,
        /// Read the code from FILE (`-`: standard input); arguments can be seen by others
        #[arg(long, value_name = "FILE", conflicts_with = "code")]
        code_file: Option<PathBuf>,
        /// The provider, with a code of nine digits
        #[arg(long, value_name = "URL")]
        provider: Option<String>,
        /// What this device is to be called
        #[arg(long, default_value = "")]
        name: String,
        /// Read the words the other device shows from FILE (`-`: standard input), for scripts
        #[arg(long, value_name = "FILE")]
        words: Option<PathBuf>,
    },
    /// List your devices
    Ls {
        /// Those that were taken out, too
        #[arg(long)]
        all: bool,
    },
    /// Give this device a name that only your devices see
    Name {
        /// The name
        name: String,
    },
    /// Take a device out: it reads nothing new, and what it writes counts for nothing
    #[command(after_help = REMOVE)]
    Remove {
        /// Which: its name, or the start of its key
        #[arg(value_name = "DEVICE")]
        device: String,
        /// And all that it added
        #[arg(long)]
        with_added: bool,
    },
}

const REMOVE: &str = "\
What it had it may have kept. All your buckets get new keys; nothing is uploaded again. Whom it had
let in stays in: look with `strongroom grants BUCKET`.";

pub fn run(args: Args, session: &Session) -> Outcome {
    let out = &session.out;
    match args.verb {
        Verb::Add { short, words } => add(short, words.as_deref(), session),
        Verb::Join { code, code_file, provider, name, words } => {
            let code = given(code, code_file.as_deref())?;
            let code = GivenCode::parse(&code, provider.as_deref())?;
            join(code, &name, words.as_deref(), session)
        }
        Verb::Ls { all } => {
            let devices = session.open()?.devices(all)?;
            out.facts(&devices, |to| write!(to, "{}", table(out, &devices)))
        }
        Verb::Name { name } => {
            let device = session.open()?.name_device(&name)?;
            out.report(&device, |to| {
                let name = device.name.as_deref().unwrap_or("nothing");
                writeln!(to, "this device is called {}", out.name(name))
            })
        }
        Verb::Remove { device, with_added } => remove(&device, with_added, session),
    }
}

/// Who compares the words.
struct Person<'a> {
    /// The code says that it is the right device: `--yes` will do.
    sure: bool,
    words: Option<&'a Path>,
    yes: bool,
    quiet: bool,
}

impl<'a> Person<'a> {
    fn new(sure: bool, words: Option<&'a Path>, session: &Session) -> Result<Self, Failure> {
        let person = Self { sure, words, yes: session.yes, quiet: session.out.is_terse() };
        if person.may_decide() {
            return Ok(person);
        }
        let failure = Failure::usage("six words must be compared, and there is no terminal");
        Err(failure.hint(if sure {
            "--yes will do with a long code, as it is a secret; or --words FILE"
        } else {
            "name a file that will hold the words the other device shows: --words FILE"
        }))
    }

    fn may_decide(&self) -> bool {
        self.words.is_some() || self.sure && self.yes || ask::somebody_is_there()
    }
}

impl PairingPerson for Person<'_> {
    fn code(&self, shown: &ShownCode<'_>) -> Result<(), Error> {
        let long = shown.code.starts_with("pair:");
        let drawn = if long && !self.quiet { qr::drawn(&shown.code.to_uppercase()) } else { None };
        let text = if long {
            format!(
                "{}On the new device: strongroom device join\nand then this code, which is good \
                 for ten minutes and for one device. Show it to nobody else.\n{}\n",
                drawn.unwrap_or_default(),
                shown.code
            )
        } else {
            format!(
                "On the new device: strongroom device join {} --provider {}\n",
                shown.code, shown.url
            )
        };
        say(&text)
    }

    fn same(&self, words: &[&str; 6]) -> Result<bool, Error> {
        say(&format!("Words: {}\n", words.join(" ")))?;
        if let Some(path) = self.words {
            let line = read_words(path).map_err(|error| {
                Error::io(format!("cannot read the words from {}", path.display()), &error)
            })?;
            return Ok(line.split_whitespace().eq(words.iter().copied()));
        }
        if self.sure && self.yes {
            return Ok(true);
        }
        let question = "Does the other device show the same six words? [y/N] ";
        let answer = ask::line(question).ok().flatten();
        Ok(answer.is_some_and(|it| matches!(it.trim().to_lowercase().as_str(), "y" | "yes")))
    }
}

/// On stderr, at once: somebody waits for it.
fn say(text: &str) -> Result<(), Error> {
    let mut to = io::stderr().lock();
    let said = to.write_all(text.as_bytes()).and_then(|()| to.flush());
    said.map_err(|error| Error::io("cannot show what must be compared", &error))
}

fn read_words(path: &Path) -> io::Result<String> {
    use std::io::Read as _;
    let mut line = String::new();
    if path.as_os_str() == "-" {
        io::stdin().lock().take(WORDS_LEN_MAX).read_line(&mut line)?;
    } else {
        let file = std::fs::File::open(path)?;
        io::BufReader::new(file).take(WORDS_LEN_MAX).read_line(&mut line)?;
    }
    Ok(line.to_lowercase())
}

fn add(short: bool, words: Option<&Path>, session: &Session) -> Outcome {
    let person = Person::new(!short, words, session)?;
    let vault = session.open()?;
    let kind = if short { CodeKind::Short } else { CodeKind::Long };
    let joined = {
        let progress = session.progress();
        vault.add_device(kind, &person, &progress)?
    };
    session.out.report(&joined, |to| told(to, &session.out, &joined))
}

fn told(to: &mut dyn Write, out: &Out, joined: &JoinedInfo) -> io::Result<()> {
    let name = joined
        .name
        .as_deref()
        .map_or_else(|| short(&joined.device).to_owned(), |name| out.name(name).into_owned());
    if joined.answered {
        return writeln!(to, "{name} is one of your devices now");
    }
    writeln!(to, "{name} was added, and has not said yet that it has everything")?;
    writeln!(to, "if it does not come: strongroom device remove {}", short(&joined.device))
}

fn given(code: Option<String>, file: Option<&Path>) -> Result<Zeroizing<String>, Failure> {
    if let Some(code) = code {
        return Ok(Zeroizing::new(code));
    }
    if let Some(path) = file {
        return ask::secret_file(path, "the code file");
    }
    if !ask::somebody_is_there() {
        return Err(Failure::usage("a code is needed, and there is no terminal to ask on")
            .hint("name a file that holds it: --code-file FILE"));
    }
    ask::line("The code that the other device shows: ")?
        .ok_or_else(|| Failure::new(Exit::Usage, "no code was typed"))
}

fn join(code: GivenCode, name: &str, words: Option<&Path>, session: &Session) -> Outcome {
    let person = Person::new(matches!(code, GivenCode::Long(_)), words, session)?;
    let home = Session::new_home()?;
    let passphrase = session.new_passphrase()?;
    let vault = {
        let progress = session.progress();
        Vault::join_by_code(&home, code, &passphrase, name, &person, &progress)?
    };
    let devices = vault.devices(false)?;
    session.out.report(&devices, |to| {
        writeln!(to, "this device has your vault now: `strongroom ls` shows what is in it")
    })
}

fn table(out: &Out, devices: &[DeviceInfo]) -> Table {
    let mut table = Table::new(&[]);
    table.heading(["device", "name", "added", "by", "last wrote", ""]);
    for device in devices {
        let note = match (device.this, device.removed) {
            (_, Some(at)) => format!("taken out {}", time_or_never(at)),
            (true, None) => "this one".to_owned(),
            _ => String::new(),
        };
        let name = |name: &Option<String>| {
            name.as_deref().map(|name| out.name(name).into_owned()).unwrap_or_default()
        };
        table.row([
            short(&device.device).to_owned(),
            name(&device.name),
            if device.added == 0 { String::new() } else { time_or_never(device.added) },
            device
                .added_by
                .as_ref()
                .map_or_else(|| "24 words".to_owned(), |it| out.name(it).into_owned()),
            device.seen.map(time_or_never).unwrap_or_default(),
            note,
        ]);
    }
    table
}

fn remove(device: &str, with_added: bool, session: &Session) -> Outcome {
    let vault = session.open()?;
    if !session.yes {
        let question = format!(
            "Take {} out of your vault for good? It cannot come back under its old keys. [y/N] ",
            session.out.name(device)
        );
        agreed(&question, "`strongroom device ls` shows all; --yes takes it out")?;
    }
    let removal = {
        let progress = session.progress();
        vault.remove_device(device, with_added, &progress)?
    };
    session.out.report(&removal, |to| removed(to, &session.out, &removal))?;
    refusals(session, &removal.left, Exit::General)
}

fn removed(to: &mut dyn Write, out: &Out, removal: &DeviceRemovalInfo) -> io::Result<()> {
    for device in &removal.devices {
        writeln!(to, "{device} is taken out")?;
    }
    let buckets: Vec<_> = removal.buckets.iter().map(|it| out.name(it)).collect();
    writeln!(to, "it is shut out of {}", buckets.join(", "))?;
    writeln!(to, "what it had is still on it, and can be read by whoever opens it")?;
    for other in &removal.added_by_it {
        let name = out.name(other);
        writeln!(to, "it had added {name}: if you do not know it, `device remove {name}`")?;
    }
    Ok(())
}
