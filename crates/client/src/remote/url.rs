//! Provider addresses. Comes in: what a person typed. Goes out: scheme, host and port, or why not.
//! Must not know: what is at the address.
//!
//! A provider is named by an origin alone: no path, no query, no user. Plain `http` is taken for
//! loopback only; anything else would show ids and times to everyone on the way.

use core::fmt;
use core::str::FromStr;
use std::net::IpAddr;

/// Bytes of an address. Host names end at 253.
const URL_LEN_MAX: usize = 300;

/// Why a text is no provider's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not of the form.
    #[error("not a provider's address; it looks like https://host or https://host:port")]
    Form,
    /// Plain HTTP to something that is not this machine.
    #[error("plain http is only for a provider on this machine; use https")]
    Plain,
}

/// The origin of a provider: `https://host[:port]`, or `http://` on loopback.
///
/// ```
/// use strongroom_client::remote::ProviderUrl;
/// let url: ProviderUrl = "https://Provider.example:443/".parse().unwrap();
/// assert_eq!(url.to_string(), "https://provider.example");
/// assert!("http://provider.example".parse::<ProviderUrl>().is_err());
/// assert!("http://127.0.0.1:8080".parse::<ProviderUrl>().is_ok());
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ProviderUrl {
    secure: bool,
    /// Without brackets.
    host: String,
    port: u16,
}

impl ProviderUrl {
    /// Whether it is reached over TLS.
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// Host name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// TCP port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Host and port as the `Host` field spells them: the scheme's own port is left out.
    pub fn authority(&self) -> String {
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == default_port(self.secure) { host } else { format!("{host}:{}", self.port) }
    }
}

impl FromStr for ProviderUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        if text.len() > URL_LEN_MAX {
            return Err(UrlError::Form);
        }
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Form)?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(UrlError::Form),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = split_port(rest)?;
        let port = match port {
            // `parse` alone would take a sign.
            Some(digits) if digits.bytes().all(|c| c.is_ascii_digit()) => {
                digits.parse().map_err(|_| UrlError::Form)?
            }
            Some(_) => return Err(UrlError::Form),
            None => default_port(secure),
        };
        let host = read_host(host)?;
        if port == 0 {
            return Err(UrlError::Form);
        }
        if !secure && !is_loopback(&host) {
            return Err(UrlError::Plain);
        }
        Ok(Self { secure, host, port })
    }
}

impl fmt::Display for ProviderUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

impl fmt::Debug for ProviderUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Host, brackets and all, and what stands behind the colon after it.
fn split_port(authority: &str) -> Result<(&str, Option<&str>), UrlError> {
    let end = if authority.starts_with('[') {
        authority.find(']').ok_or(UrlError::Form)? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, rest) = authority.split_at(end);
    match rest.strip_prefix(':') {
        Some(port) => Ok((host, Some(port))),
        None if rest.is_empty() => Ok((host, None)),
        None => Err(UrlError::Form),
    }
}

/// A host in its one spelling: an IPv6 address without brackets, or a name (an IPv4 address is
/// spelt like one).
fn read_host(text: &str) -> Result<String, UrlError> {
    if let Some(rest) = text.strip_prefix('[') {
        let address = rest.strip_suffix(']').ok_or(UrlError::Form)?;
        let address: std::net::Ipv6Addr = address.parse().map_err(|_| UrlError::Form)?;
        return Ok(address.to_string());
    }
    let is_name = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_');
    if text.is_empty() || !text.bytes().all(is_name) {
        return Err(UrlError::Form);
    }
    Ok(text.to_ascii_lowercase())
}

const fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// What `host` says; that `localhost` really leads here is checked when connecting.
fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, UrlError> {
        text.parse::<ProviderUrl>().map(|url| url.to_string())
    }

    #[test]
    fn an_origin_has_one_spelling() {
        assert_eq!(parse("HTTPS://Alice.Example"), Ok("https://alice.example".into()));
        assert_eq!(parse("https://a.example:8443/"), Ok("https://a.example:8443".into()));
        assert_eq!(parse("https://[2001:DB8::1]:443"), Ok("https://[2001:db8::1]".into()));
        assert_eq!(parse("http://[::1]:7000"), Ok("http://[::1]:7000".into()));
        assert_eq!(parse("http://localhost:7000"), Ok("http://localhost:7000".into()));
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for bad in [
            "",
            "provider",
            "ftp://a.example",
            "https://",
            "https:///",
            "https://a.example/x",
            "https://a.example?x",
            "https://a.example#x",
            "https://user@a.example",
            "https://a.example:0",
            "https://a.example:99999",
            "https://a.example:",
            "https://a.example:+80",
            "https://a.example:80:80",
            "https://[::1]80",
            "https://2001:db8::1",
            "https://a b",
            "https://[::1",
            "https://[zz]",
            "https://a.example//",
        ] {
            assert_eq!(parse(bad), Err(UrlError::Form), "{bad}");
        }
        assert_eq!(parse(&format!("https://{}", "a".repeat(300))), Err(UrlError::Form));
    }

    #[test]
    fn plain_http_leaves_this_machine_never() {
        for bad in [
            "http://a.example",
            "http://10.0.0.1:80",
            "http://[2001:db8::1]",
            "http://127.1.example",
        ] {
            assert_eq!(parse(bad), Err(UrlError::Plain), "{bad}");
        }
    }
}
