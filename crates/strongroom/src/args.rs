//! What may be typed. Comes in: arguments. Goes out: one command with its own arguments, or a
//! usage error. Must not know: what commands do.

use std::path::PathBuf;

use clap::{
    Args, Parser, Subcommand,
    builder::styling::{AnsiColor, Styles},
};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use strongroom_client::place::Place;
use strongroom_client::sealing::{ConstantSize, PaddingRule, Suite};

use crate::{commands, exit};

/// Store anything with providers who can see nothing.
#[derive(Debug, Parser)]
#[command(
    name = "strongroom",
    version,
    after_help = exit::HELP,
    subcommand_required = true,
    arg_required_else_help = true,
    styles = Styles::styled()
        .header(AnsiColor::Green.on_default().bold())
        .literal(AnsiColor::Cyan.on_default())
)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub global: Global,
    /// The verb.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "With every command")]
pub struct Global {
    /// Print facts as one JSON document, and errors too (on stderr)
    #[arg(long, global = true)]
    pub json: bool,
    /// Say nothing but what was asked for, and errors
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Show nothing while a provider withholds what another device has seen
    #[arg(long, global = true)]
    pub strict: bool,
    /// Answer yes to what would be asked
    #[arg(long, short, global = true)]
    pub yes: bool,
    /// Read the passphrase from FILE instead of asking [env: STRONGROOM_PASSPHRASE_FILE]
    #[arg(long, value_name = "FILE", global = true)]
    pub passphrase_file: Option<PathBuf>,
}

/// All verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    Init(commands::init::Args),
    Put(commands::put::Args),
    Get(commands::get::Args),
    Cat(commands::cat::Args),
    Ls(commands::ls::Args),
    Find(commands::find::Args),
    Mv(commands::mv::Args),
    Rm(commands::rm::Args),
    Undelete(commands::undelete::Args),
    History(commands::history::Args),
    Restore(commands::restore::Args),
    Bucket(commands::bucket::Args),
    Id(commands::id::Args),
    Contact(commands::contact::Args),
    Device(commands::device::Args),
    Grant(commands::grant::Args),
    Grants(commands::grants::Args),
    Inbox(commands::inbox::Args),
    Accept(commands::accept::Args),
    Decline(commands::decline::Args),
    Request(commands::request::Args),
    Requests(commands::requests::Args),
    Approve(commands::approve::Args),
    Deny(commands::deny::Args),
    Revoke(commands::revoke::Args),
    Quarantine(commands::quarantine::Args),
    Drop(commands::drop::Args),
    Edv(commands::edv::Args),
    Import(commands::import::Args),
    Link(commands::link::Args),
    Open(commands::open::Args),
    Sync(commands::sync::Args),
    Status(commands::status::Args),
    Verify(commands::verify::Args),
    Privacy(commands::privacy::Args),
    Unlock(commands::unlock::Args),
    Lock(commands::lock::Args),
    Recover(commands::recover::Args),
    Provider(commands::provider::Args),
    Serve(commands::serve::Args),
    Completions(commands::completions::Args),
    #[command(hide = true)]
    Agent(commands::agent::Args),
}

/// For clap: `[BUCKET:]/path`.
pub fn place(text: &str) -> Result<Place, String> {
    Place::parse(text).map_err(|error| error.to_string())
}

/// For clap: `500M`, `2G`, plain bytes.
pub fn bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size: write bytes, or 500M, 2G, 1T");
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let shift = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err(wrong()),
    };
    number.checked_mul(1 << shift).ok_or_else(wrong)
}

/// For clap: `padme`, `power-of-two`, `constant:64KiB`.
pub fn padding(text: &str) -> Result<PaddingRule, String> {
    let constant = |size| {
        let size = bytes(size).ok().and_then(ConstantSize::from_bytes);
        let wrong = "a power of two from 64KiB to 1GiB: constant:64KiB, constant:1MiB";
        size.map(PaddingRule::Constant).ok_or_else(|| format!("the size must be {wrong}"))
    };
    match text {
        "padme" => Ok(PaddingRule::Padme),
        "power-of-two" => Ok(PaddingRule::PowerOfTwo),
        "none" => Err("only a public bucket may show the true size of everything in it; \
                       `--padding padme` costs 6.25 % at most"
            .to_owned()),
        _ => match text.strip_prefix("constant:") {
            Some(size) => constant(size),
            None => Err("it is one of padme, power-of-two and constant:SIZE".to_owned()),
        },
    }
}

/// For clap: `1`, `2`.
pub fn suite(text: &str) -> Result<Suite, String> {
    let suite = text.parse().ok().and_then(|byte| Suite::from_byte(byte).ok());
    suite.ok_or_else(|| "it is 1 (AES-256-GCM) or 2 (XChaCha20-Poly1305)".to_owned())
}

/// For clap: `90s`, `15m`, `8h`, `1d`, plain seconds.
pub fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no duration: write seconds, or 90s, 15m, 8h, 1d");
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let factor = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    number.checked_mul(factor).filter(|&secs| secs > 0).ok_or_else(wrong)
}

/// For clap: `2027-01-31` (to the end of that day here), `30d`, `8h`. In seconds since 1970.
pub fn until(text: &str) -> Result<u64, String> {
    if let Ok(span) = seconds(text) {
        let now = Timestamp::now().as_second();
        return Ok(u64::try_from(now).unwrap_or(0).saturating_add(span));
    }
    let wrong = || format!("`{text}` is no time: write 2027-01-31, or 30d, 8h");
    let day: Date = text.parse().map_err(|_| wrong())?;
    let end = day.tomorrow().and_then(|next| next.to_zoned(TimeZone::system()));
    let end = end.map_err(|_| wrong())?.timestamp().as_second();
    u64::try_from(end).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use strongroom_client::sealing::padding_word;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_and_durations_are_read() {
        assert_eq!(bytes("17"), Ok(17));
        assert_eq!(bytes("500M"), Ok(500 << 20));
        assert_eq!(bytes("2GiB"), Ok(2 << 30));
        for wrong in ["", "M", "-1", "1.5G", "1Q", "99999999999T", "١"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
        let constant = |bytes| PaddingRule::Constant(ConstantSize::from_bytes(bytes).unwrap());
        assert_eq!(padding("constant:64KiB"), Ok(constant(65_536)));
        assert_eq!(padding("constant:1048576"), Ok(constant(1 << 20)));
        for rule in [PaddingRule::Padme, PaddingRule::PowerOfTwo, constant(1 << 30)] {
            assert_eq!(padding(&padding_word(rule)), Ok(rule), "what is told is what is taken");
        }
        for wrong in ["", "none", "Padme", "constant", "constant:", "constant:32KiB"] {
            assert!(padding(wrong).is_err(), "{wrong}");
        }
        for wrong in ["constant:100KiB", "constant:2GiB", "constant:64KiB ", "constant:x"] {
            assert!(padding(wrong).is_err(), "{wrong}");
        }
        assert_eq!((suite("1"), suite("2")), (Ok(Suite::Aes256Gcm), Ok(Suite::XChaCha20Poly1305)));
        for wrong in ["", "0", "3", "256", "-1", "two"] {
            assert!(suite(wrong).is_err(), "{wrong}");
        }
        assert_eq!(seconds("15m"), Ok(900));
        for wrong in ["", "0", "m", "1w", "-1"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
        assert!(until("1h").unwrap() < until("2037-01-31").unwrap());
        for wrong in ["", "tomorrow", "2027-02-30", "31.1.2027"] {
            assert!(until(wrong).is_err(), "{wrong}");
        }
    }
}
