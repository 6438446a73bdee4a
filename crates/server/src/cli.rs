//! Arguments of a provider, the same for `strongroomd` and `strongroom serve`. Comes in: a command
//! line. Goes out: a running provider. Must not know: requests.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::json;

use crate::ServeError;
use crate::config::{Config, EdvConfig, EdvPolicy, SignUpPolicy, TlsFiles, Tuning};
use crate::serve::{Ready, serve};

/// Serves a blind provider.
#[derive(Debug, Clone, clap::Args)]
pub struct ServeArgs {
    /// Directory of the provider's data; made if it is not there
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Address to listen on; port 0 is any free one. Beyond loopback, TLS is needed
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7420")]
    pub listen: SocketAddr,
    /// Certificate chain, PEM
    #[arg(long, value_name = "F", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Key of the certificate, PEM
    #[arg(long, value_name = "F", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// How clients address this provider: https://host or https://host:port. Can be repeated
    #[arg(long, value_name = "URL", value_parser = parse_origin)]
    pub origin: Vec<String>,
    /// Bytes one vault may fill, as 500M or 20G; 0: no limit
    #[arg(long, value_name = "BYTES", default_value = "0", value_parser = parse_bytes)]
    pub quota: u64,
    /// Who may open a vault
    #[arg(long, value_enum, default_value_t = SignUpArg::Open)]
    pub signup: SignUpArg,
    /// File with the sign-up tokens, one a line (never in the arguments: others could see them)
    #[arg(long, value_name = "F", required_if_eq("signup", "token"))]
    pub signup_token_file: Option<PathBuf>,
    /// Vaults one network address may open in an hour
    #[arg(long, value_name = "N", default_value_t = Tuning::default().sign_ups_per_hour)]
    pub signups_per_hour: u32,
    /// Who may open a vault of the EDV protocol, under /edvs. Those that are there stay
    #[arg(long, value_enum, default_value_t = EdvArg::Closed)]
    pub edv: EdvArg,
    /// The origin that EDV vault ids begin with, where it is not the first --origin: clients must
    /// address the provider by it
    #[arg(long, value_name = "URL", value_parser = parse_origin)]
    pub edv_base: Option<String>,
    /// File with the controllers (DIDs) who may open EDV vaults, one a line
    #[arg(long, value_name = "F", required_if_eq("edv", "listed"))]
    pub edv_controllers_file: Option<PathBuf>,
    /// File with tokens for opening EDV vaults, one a line; sent as the header strongroom-token
    #[arg(long, value_name = "F", required_if_eq("edv", "token"))]
    pub edv_token_file: Option<PathBuf>,
    /// When ready, print one line of JSON with the URL and the provider's key
    #[arg(long)]
    pub json: bool,
}

/// Who may open a vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum SignUpArg {
    /// Everyone
    Open,
    /// Who knows a token
    Token,
    /// Nobody new
    Closed,
}

/// Who may open a vault of the EDV protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum EdvArg {
    /// Nobody new
    Closed,
    /// Everyone
    Open,
    /// The controllers of a file
    Listed,
    /// Who knows a token
    Token,
}

impl ServeArgs {
    /// The configuration these arguments describe.
    pub fn config(&self) -> Result<Config, ServeError> {
        let sign_up = match self.signup {
            SignUpArg::Open => SignUpPolicy::Open,
            SignUpArg::Closed => SignUpPolicy::Closed,
            SignUpArg::Token => SignUpPolicy::Token(lines_of(
                self.signup_token_file.as_ref(),
                "--signup-token-file",
            )?),
        };
        let policy = match self.edv {
            EdvArg::Closed => EdvPolicy::Closed,
            EdvArg::Open => EdvPolicy::Open,
            EdvArg::Listed => EdvPolicy::Listed(lines_of(
                self.edv_controllers_file.as_ref(),
                "--edv-controllers-file",
            )?),
            EdvArg::Token => {
                EdvPolicy::Token(lines_of(self.edv_token_file.as_ref(), "--edv-token-file")?)
            }
        };
        let tls = self.tls_cert.clone().zip(self.tls_key.clone());
        Ok(Config {
            data: Some(self.data.clone()),
            listen: self.listen,
            tls: tls.map(|(cert, key)| TlsFiles { cert, key }),
            origins: self.origin.clone(),
            quota_bytes: self.quota,
            sign_up,
            edv: EdvConfig { base: self.edv_base.clone(), policy },
            tuning: Tuning { sign_ups_per_hour: self.signups_per_hour, ..Tuning::default() },
        })
    }

    /// Serves until SIGTERM or SIGINT.
    pub async fn run(&self) -> Result<(), ServeError> {
        let json = self.json;
        serve(self.config()?, move |ready| announce(&ready, json)).await
    }
}

/// The lines of a file with tokens or names; `flag` names the argument that says which.
fn lines_of(path: Option<&PathBuf>, flag: &str) -> Result<Vec<String>, ServeError> {
    let path = path.ok_or_else(|| ServeError::Tokens(format!("give {flag}")))?;
    let text = std::fs::read_to_string(path)
        .map_err(|error| ServeError::Tokens(format!("{}: {error}", path.display())))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<String> = lines.map(str::to_owned).collect();
    if lines.is_empty() {
        return Err(ServeError::Tokens(format!("{}: nothing in it", path.display())));
    }
    Ok(lines)
}

/// The one line on standard output.
#[expect(clippy::print_stdout, reason = "the line is the interface of this program")]
fn announce(ready: &Ready, json: bool) {
    if json {
        println!("{}", json!({ "url": ready.url, "key": ready.key }));
    } else {
        println!("Serving on {} · provider key {}", ready.url, ready.thumbprint.to_base64url());
    }
}

fn parse_bytes(text: &str) -> Result<u64, String> {
    let (digits, factor) = match text.as_bytes().last() {
        Some(b'K' | b'k') => (text.get(..text.len() - 1), 1_u64 << 10),
        Some(b'M' | b'm') => (text.get(..text.len() - 1), 1 << 20),
        Some(b'G' | b'g') => (text.get(..text.len() - 1), 1 << 30),
        Some(b'T' | b't') => (text.get(..text.len() - 1), 1 << 40),
        _ => (Some(text), 1),
    };
    let number = digits.and_then(|digits| digits.parse::<u64>().ok());
    number
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| "give a number of bytes, with K, M, G or T if you like".into())
}

fn parse_origin(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let authority = rest.map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    match authority {
        Some(authority) if !authority.is_empty() && !authority.contains(['/', '?', '#', '@']) => {
            Ok(text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase())
        }
        _ => Err("give https://host or https://host:port, without a path".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_suffixes() {
        assert_eq!(parse_bytes("0"), Ok(0));
        assert_eq!(parse_bytes("3K"), Ok(3_072));
        assert_eq!(parse_bytes("20G"), Ok(20 << 30));
        for bad in ["", "G", "-1", "1.5G", "99999999999T"] {
            assert!(parse_bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_origin_has_no_path() {
        assert_eq!(parse_origin("https://Rooms.example/"), Ok("https://rooms.example".into()));
        for bad in ["rooms.example", "https://", "https://a/b", "ftp://a", "https://a@b"] {
            assert!(parse_origin(bad).is_err(), "{bad}");
        }
    }
}
