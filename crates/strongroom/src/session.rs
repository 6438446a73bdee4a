//! One command's surroundings. Comes in: the global flags. Goes out: an open vault, by the agent,
//! the passphrase file or a prompt, in this order. Must not know: what the command does with it.

use std::path::PathBuf;

use strongroom_client::{ErrorKind, Home, Passphrase, Unlock, Vault};

use crate::{
    args::Global,
    ask,
    bar::Bar,
    exit::{Exit, Failure},
    out::Out,
};

/// What every command is handed.
#[derive(Debug)]
pub struct Session {
    /// Where words go.
    pub out: Out,
    /// Whether questions are answered with yes.
    pub yes: bool,
    /// Whether nothing is shown while something is withheld.
    pub strict: bool,
    passphrase_file: Option<PathBuf>,
}

impl Session {
    /// The surroundings these flags ask for.
    pub fn new(global: &Global) -> Self {
        Self {
            out: Out::new(global.json, global.quiet),
            yes: global.yes,
            strict: global.strict,
            passphrase_file: global.passphrase_file.clone().or_else(|| {
                // Empty means unset, as in a shell that clears it for one command.
                let path = std::env::var_os("STRONGROOM_PASSPHRASE_FILE")?;
                (!path.is_empty()).then(|| path.into())
            }),
        }
    }

    /// The directory for a vault that is to be made.
    pub fn new_home() -> Result<Home, Failure> {
        let home = Home::from_env_or_default()?;
        if home.exists() {
            let path = home.path().display();
            return Err(Failure::new(
                Exit::Conflict,
                format!("there is a vault at {path} already"),
            )
            .hint("set STRONGROOM_HOME to another directory to have two"));
        }
        Ok(home)
    }

    /// The directory of a vault that exists.
    pub fn existing_home() -> Result<Home, Failure> {
        let home = Home::from_env_or_default()?;
        if !home.exists() {
            let path = home.path().display();
            return Err(Failure::new(Exit::NotFound, format!("there is no vault at {path}")).hint(
                "make one with `strongroom init`, or bring yours back with `strongroom recover`",
            ));
        }
        Ok(home)
    }

    /// The vault, open.
    pub fn open(&self) -> Result<Vault, Failure> {
        let home = Self::existing_home()?;
        match Vault::open(&home, Unlock::Agent) {
            Err(error) if error.kind() == ErrorKind::Locked => {}
            other => return Ok(other?),
        }
        self.open_with_passphrase()
    }

    /// The vault, opened without the agent's help.
    pub fn open_with_passphrase(&self) -> Result<Vault, Failure> {
        let home = Self::existing_home()?;
        let passphrase = self.passphrase()?;
        Ok(Vault::open(&home, Unlock::Passphrase(&passphrase))?)
    }

    /// The passphrase for a vault that is to be made: from the file, or typed twice.
    pub fn new_passphrase(&self) -> Result<Passphrase, Failure> {
        match self.passphrase_from_file()? {
            Some(passphrase) => Ok(passphrase),
            None if ask::somebody_is_there() => ask::new_passphrase(),
            None => {
                Err(Failure::usage("a passphrase is needed, and there is no terminal to ask on")
                    .hint("name a file that holds one: --passphrase-file FILE"))
            }
        }
    }

    /// Progress of work that may take long, with Ctrl-C.
    pub fn progress(&self) -> Bar {
        Bar::start(self.out.may_move())
    }

    fn passphrase(&self) -> Result<Passphrase, Failure> {
        match self.passphrase_from_file()? {
            Some(passphrase) => Ok(passphrase),
            None if ask::somebody_is_there() => ask::passphrase("Passphrase: "),
            None => Err(Failure::new(
                Exit::Locked,
                "the vault is locked, and there is no terminal to ask on",
            )
            .hint("run `strongroom unlock` first, or name a file: --passphrase-file FILE")),
        }
    }

    fn passphrase_from_file(&self) -> Result<Option<Passphrase>, Failure> {
        let Some(path) = &self.passphrase_file else { return Ok(None) };
        let secret = ask::secret_file(path, "the passphrase file")?;
        Ok(Some(Passphrase::new(String::clone(&secret))))
    }
}
