//! One address, read once. Comes in: a URL that an alias led to. Goes out: at most so many bytes,
//! or why not. Must not know: providers, sessions, what the bytes mean.
//!
//! It is a stranger's address, often one that a stranger chose: nothing of ours is sent but the
//! path, nothing is followed to another host, and nothing is kept over the limit.

use core::fmt;
use core::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use tokio::time::timeout;

use super::connection::{Answer, Dialer};
use super::error::RemoteError;
use super::pool::Pool;
use super::request::Call;
use super::traffic::Counters;
use super::url::{ProviderUrl, UrlError};
use super::{Options, send_over, tls};

/// Redirects that are followed, all within the host.
const REDIRECTS_MAX: usize = 3;
/// For one answer, whole. A card is read in a second or not at all.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
/// Bytes of an address: what an alias may have.
const URL_LEN_MAX: usize = 512;

/// Why an address gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Not a URL we read.
    #[error("`{0}` is no address that can be read: it looks like https://host/path")]
    Form(String),
    /// Plain HTTP to something that is not this machine.
    #[error("{0}: plain http is only for this machine; use https")]
    Plain(String),
    /// Nobody answers, or not in time.
    #[error("{at} cannot be reached: {reason}")]
    Unreachable {
        /// The address.
        at: String,
        /// What the system said.
        reason: String,
    },
    /// The connection is not secure.
    #[error("no secure connection to {at}: {reason}")]
    Tls {
        /// The address.
        at: String,
        /// What the check said.
        reason: String,
    },
    /// It answers something else than 200.
    #[error("{at} answers {status}")]
    Status {
        /// The address.
        at: String,
        /// HTTP's number.
        status: u16,
    },
    /// It sends us to another host, or around in circles.
    #[error("{at} sends on to {to}, which is not followed")]
    Elsewhere {
        /// The address.
        at: String,
        /// Where to.
        to: String,
    },
    /// Longer than what was asked for can be; nothing of it was kept.
    #[error("{at} answers more than {limit} bytes")]
    TooLarge {
        /// The address.
        at: String,
        /// Bytes that would have been taken.
        limit: usize,
    },
    /// Not HTTP, or what the environment says is wrong.
    #[error("{at}: {reason}")]
    Other {
        /// The address.
        at: String,
        /// What is wrong.
        reason: String,
    },
}

/// An address with a path: `https://host[:port]/path?query`, or `http://` on loopback.
///
/// ```
/// use strongroom_client::remote::WebUrl;
/// let url: WebUrl = "https://Alice.example/card?v=1".parse().unwrap();
/// assert_eq!(url.to_string(), "https://alice.example/card?v=1");
/// assert_eq!(url.host(), "alice.example");
/// assert!("http://alice.example/card".parse::<WebUrl>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebUrl {
    origin: ProviderUrl,
    /// With the slash in front, and the query.
    path: String,
}

impl WebUrl {
    /// The host, without its port: two ports of one machine are one machine.
    pub fn host(&self) -> &str {
        self.origin.host()
    }

    /// Where a redirect leads, if it stays within this host.
    fn sent_on(&self, location: &str) -> Option<Self> {
        if location.starts_with('/') && !location.starts_with("//") {
            let path = read_path(location)?;
            return Some(Self { origin: self.origin.clone(), path });
        }
        location.parse().ok().filter(|to: &Self| to.origin == self.origin)
    }
}

impl FromStr for WebUrl {
    type Err = FetchError;

    fn from_str(text: &str) -> Result<Self, FetchError> {
        let wrong = || FetchError::Form(text.chars().take(URL_LEN_MAX).collect());
        let (scheme, rest) =
            text.split_once("://").filter(|_| text.len() <= URL_LEN_MAX).ok_or_else(wrong)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let origin = format!("{scheme}://{authority}").parse().map_err(|error| match error {
            UrlError::Plain => FetchError::Plain(text.to_owned()),
            UrlError::Form => wrong(),
        })?;
        let path = read_path(path).ok_or_else(wrong)?;
        Ok(Self { origin, path })
    }
}

fn read_path(text: &str) -> Option<String> {
    let path = if text.starts_with('/') { text.to_owned() } else { format!("/{text}") };
    // A fragment is for whoever shows the page.
    (path.bytes().all(|c| c.is_ascii_graphic()) && !path.contains('#')).then_some(path)
}

impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path)
    }
}

/// Reads what is at an address: at most `limit` bytes.
pub async fn fetch(url: &WebUrl, limit: usize, options: &Options) -> Result<Vec<u8>, FetchError> {
    let mut here = url.clone();
    for _ in 0..=REDIRECTS_MAX {
        let answer = get(&here, limit, options).await?;
        match answer.status {
            StatusCode::OK => return Ok(answer.body.to_vec()),
            StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT => {
                let to = answer.headers.get(header::LOCATION);
                let to = to.and_then(|to| to.to_str().ok()).unwrap_or_default();
                here = here.sent_on(to).ok_or_else(|| elsewhere(&here, to))?;
            }
            status => {
                return Err(FetchError::Status { at: here.to_string(), status: status.as_u16() });
            }
        }
    }
    Err(elsewhere(url, &here.to_string()))
}

fn elsewhere(at: &WebUrl, to: &str) -> FetchError {
    let to = to.chars().filter(char::is_ascii_graphic).take(200).collect();
    FetchError::Elsewhere { at: at.to_string(), to }
}

/// One request over a connection of its own.
async fn get(url: &WebUrl, limit: usize, options: &Options) -> Result<Answer, FetchError> {
    let failed = |error| told(url, error);
    let tls = if url.origin.is_secure() {
        Some(tls::client_config(options.ca_file.as_ref()).map_err(failed)?)
    } else {
        None
    };
    let authority = HeaderValue::try_from(url.origin.authority())
        .map_err(|_| FetchError::Form(url.to_string()))?;
    let dialer = Dialer {
        url: url.origin.clone(),
        tls,
        connect_timeout: options.connect_timeout,
        idle_timeout: options.idle_timeout,
        counters: Arc::new(Counters::default()),
    };
    let pool = Pool::new(dialer, 1);
    let call = Call::get(url.path.clone()).answer_max(limit).head_of_bad();
    let answered = send_over(&pool, true, || call.to_http(&authority, None), &call);
    match timeout(ANSWER_TIME_MAX, answered).await {
        Ok(answer) => answer.map_err(failed),
        Err(_) => Err(FetchError::Unreachable {
            at: url.to_string(),
            reason: "it did not answer in time".to_owned(),
        }),
    }
}

fn told(url: &WebUrl, error: RemoteError) -> FetchError {
    let at = url.to_string();
    match error {
        RemoteError::Unreachable { reason, .. } => FetchError::Unreachable { at, reason },
        RemoteError::Tls { reason, .. } => FetchError::Tls { at, reason },
        RemoteError::TooLarge { limit } => FetchError::TooLarge { at, limit },
        RemoteError::Protocol(reason) => FetchError::Other { at, reason: reason.to_owned() },
        other => FetchError::Other { at, reason: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, FetchError> {
        text.parse::<WebUrl>().map(|url| url.to_string())
    }

    #[test]
    fn an_address_is_an_origin_and_a_path() {
        assert_eq!(parse("https://A.example").unwrap(), "https://a.example/");
        assert_eq!(parse("https://a.example?x=1").unwrap(), "https://a.example/?x=1");
        assert_eq!(parse("http://127.0.0.1:80/a/b").unwrap(), "http://127.0.0.1/a/b");
        for bad in [
            "",
            "a.example",
            "file:///etc/passwd",
            "https://user@a.example/",
            "https://a.example/#x",
            "https://a.example/a b",
            "https://a.example/ä",
            "https:///x",
        ] {
            assert!(matches!(parse(bad), Err(FetchError::Form(_))), "{bad}");
        }
        assert!(parse(&format!("https://a.example/{}", "x".repeat(512))).is_err());
        for plain in ["http://a.example/", "http://10.0.0.1/", "http://localhost.a.example/"] {
            assert!(matches!(parse(plain), Err(FetchError::Plain(_))), "{plain}");
        }
    }

    #[test]
    fn a_redirect_stays_within_scheme_host_and_port() {
        let here: WebUrl = "https://a.example/card".parse().unwrap();
        for (to, found) in [
            ("/other", Some("https://a.example/other")),
            ("https://A.example:443/x", Some("https://a.example/x")),
            ("https://b.example/card", None),
            ("https://a.example:8443/card", None),
            ("http://a.example/card", None),
            ("//b.example/card", None),
            ("http://127.0.0.1/card", None),
            ("other", None),
            ("", None),
        ] {
            let sent_on = here.sent_on(to).map(|url| url.to_string());
            assert_eq!(sent_on.as_deref(), found, "{to}");
        }
    }
}
