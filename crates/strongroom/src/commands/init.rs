//! `init`. Comes in: a passphrase, perhaps a provider. Goes out: a new vault, and its 24 words
//! once. Must not know: how words become keys.

use std::{
    fmt::Write as _,
    hash::{BuildHasher, Hasher, RandomState},
    io,
    path::PathBuf,
};

use serde::Serialize;
use strongroom_client::{Home, Phrase, Vault, report::RemoteStatus};

use crate::{
    ask,
    exit::{Exit, Failure, Outcome},
    interrupt,
    session::Session,
};

/// Make an identity and a vault on this device
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Store with this provider, as `https://provider.example`
    #[arg(long, value_name = "URL")]
    provider: Option<String>,
    /// Read the provider's sign-up token from FILE
    #[arg(long, alias = "token", value_name = "FILE", requires = "provider")]
    token_file: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Made<'a> {
    principal: String,
    home: String,
    /// The default bucket.
    bucket: Option<String>,
    phrase: &'a str,
    provider: Option<&'a RemoteStatus>,
}

/// Words asked back.
const ASKED_BACK: usize = 3;

pub fn run(args: &Args, session: &Session) -> Outcome {
    let home = Session::new_home()?;
    let asks = !session.yes && !session.out.is_json();
    if asks && !ask::somebody_is_there() {
        return Err(Failure::usage("init asks for some of the words, and there is no terminal")
            .hint("run `strongroom init --yes` and keep what it prints"));
    }
    let token = args
        .token_file
        .as_deref()
        .map(|path| ask::secret_file(path, "the token file"))
        .transpose()?;
    let passphrase = session.new_passphrase()?;
    let (vault, phrase) = Vault::create(&home, &passphrase)?;
    // Nothing shows the words again, so they come before anything that may fail or be interrupted.
    let add = || add_provider(&vault, args.provider.as_deref(), token.as_ref().map(|t| t.as_str()));
    let added = if session.out.is_json() {
        // One document tells both: until it is printed, Ctrl-C has to be pressed twice.
        interrupt::softly();
        let added = add();
        show(session, &home, &vault, &phrase, added.as_ref().ok().and_then(Option::as_ref))?;
        interrupt::at_once();
        added
    } else {
        show(session, &home, &vault, &phrase, None)?;
        if asks {
            check(&phrase, &home)?;
        }
        add()
    };
    session.out.remark(&match added? {
        Some(remote) => format!("stores with {}", remote.url),
        None => {
            "no provider yet: `strongroom provider add URL`, or run one: `strongroom serve`".into()
        }
    });
    Ok(())
}

fn add_provider(
    vault: &Vault,
    url: Option<&str>,
    token: Option<&str>,
) -> Result<Option<RemoteStatus>, Failure> {
    let Some(url) = url else { return Ok(None) };
    vault.add_provider(url, token).map(Some).map_err(|error| {
        let before = error.hint().map(|hint| format!("{hint}; ")).unwrap_or_default();
        let again =
            format!("{before}the vault is made, so go on with: strongroom provider add {url}");
        Failure::from(error).hint(again)
    })
}

fn show(
    session: &Session,
    home: &Home,
    vault: &Vault,
    phrase: &Phrase,
    provider: Option<&RemoteStatus>,
) -> Outcome {
    let bucket = vault.buckets()?.into_iter().find(|b| b.default).map(|b| b.did);
    let text = zeroize::Zeroizing::new(phrase.to_string());
    let made = Made {
        principal: vault.principal(),
        home: home.path().display().to_string(),
        bucket,
        phrase: &text,
        provider,
    };
    session.out.facts(&made, |to| print(to, session, &made, &phrase.words()))
}

fn print(to: &mut dyn io::Write, session: &Session, made: &Made, words: &[&str]) -> io::Result<()> {
    writeln!(to, "vault  {}", made.principal)?;
    writeln!(to, "home   {}", session.out.name(&made.home))?;
    writeln!(to, "\nThese 24 words and a provider's address bring everything back on any device.")?;
    writeln!(
        to,
        "Write them on paper. Whoever has them has your vault. Nothing shows them again.\n"
    )?;
    let rows = words.len().div_ceil(COLUMNS);
    for row in 0..rows {
        let mut line = String::new();
        for at in (row..words.len()).step_by(rows) {
            let _ = write!(line, "{:>4} {:<10}", at + 1, words.get(at).unwrap_or(&""));
        }
        writeln!(to, "{}", line.trim_end())?;
    }
    writeln!(to)
}

/// Columns of words, read downwards.
const COLUMNS: usize = 4;

/// Asks for some of the words until they are right.
fn check(phrase: &Phrase, home: &Home) -> Outcome {
    let words = phrase.words();
    let left = || {
        let home = home.path().display();
        Failure::new(Exit::Interrupted, "the words were not checked, but the vault is made")
            .hint(format!("if you do not have them all, begin anew: rm -r {home}"))
    };
    for at in positions(words.len()) {
        let Some(right) = words.get(at) else { continue };
        loop {
            let Some(typed) = ask::line(&format!("Word {}: ", at + 1))? else {
                return Err(left());
            };
            if typed.trim().eq_ignore_ascii_case(right) {
                break;
            }
            ask::tell("That is not it. Look at your paper again.\n")?;
        }
    }
    ask::tell("Right. You can clear the screen now.\n")
}

/// Some different positions, in rising order. They need not be secret, only different each time.
fn positions(len: usize) -> Vec<usize> {
    let mut chosen: Vec<usize> = Vec::new();
    while chosen.len() < ASKED_BACK.min(len) {
        let random = RandomState::new().build_hasher().finish();
        let at = (random % len as u64) as usize;
        if !chosen.contains(&at) {
            chosen.push(at);
        }
    }
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_different_words_are_asked() {
        for _ in 0..100 {
            let chosen = positions(24);
            assert_eq!(chosen.len(), 3);
            assert!(chosen.windows(2).all(|two| two[0] < two[1]) && chosen[2] < 24);
        }
        assert_eq!(positions(2), [0, 1]);
    }
}
