//! L2 · Names and paths. Takes what a person typed, what a file system gave, or what a member
//! wrote; gives the same, checked, or one clear error. Must not know: files.
//!
//! A name is kept exactly as it came: no normalisation, no case folding. What is not allowed is
//! refused, never changed in silence. Bytes: docs/spec/names.md. Golden files: vectors/names/.

use core::fmt;
use std::borrow::Cow;

use strongroom_wire::limits::{NAME_LEN_MAX, PATH_DEPTH_MAX, PATH_LEN_MAX};

/// Why something is no name or path, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// No characters.
    #[error("a name is empty; two slashes may stand side by side")]
    Empty,
    /// More bytes than any common file system takes.
    #[error("a name has more than 255 bytes; shorten it")]
    TooLong,
    /// A slash inside a name.
    #[error("a name contains a slash; rename it")]
    Slash,
    /// A zero byte inside a name.
    #[error("a name contains a zero byte; rename it")]
    Nul,
    /// `.` or `..`.
    #[error("`.` and `..` are no names; write the whole path")]
    Dots,
    /// Bytes that are no text.
    #[error("a name is not UTF-8; rename it first")]
    NotUtf8,
    /// A path that does not start at its bucket's root.
    #[error("a path starts with `/`, or with `BUCKET:/`")]
    NotAbsolute,
    /// A path with too many bytes.
    #[error("a path has more than 4096 bytes")]
    PathTooLong,
    /// A path with too many directories.
    #[error("a path has more than 256 directories above one another")]
    TooDeep,
}

/// Whether this may be a document's name: 1 to 255 bytes of UTF-8 without `/` and zero bytes, and
/// not `.` or `..`.
///
/// ```
/// use strongroom_core::names::{NameError, check_name};
/// assert_eq!(check_name("tax 2026.pdf"), Ok(()));
/// assert_eq!(check_name(".."), Err(NameError::Dots));
/// ```
pub fn check_name(name: &str) -> Result<(), NameError> {
    match name {
        "" => Err(NameError::Empty),
        "." | ".." => Err(NameError::Dots),
        _ if name.len() > NAME_LEN_MAX => Err(NameError::TooLong),
        _ if name.contains('/') => Err(NameError::Slash),
        _ if name.contains('\0') => Err(NameError::Nul),
        _ => Ok(()),
    }
}

/// The name a file system gave as bytes.
///
/// ```
/// use strongroom_core::names::{NameError, name_from_bytes};
/// assert_eq!(name_from_bytes("é".as_bytes()), Ok("é"));
/// assert_eq!(name_from_bytes(b"\xe9"), Err(NameError::NotUtf8));
/// ```
pub fn name_from_bytes(bytes: &[u8]) -> Result<&str, NameError> {
    let name = core::str::from_utf8(bytes).map_err(|_| NameError::NotUtf8)?;
    check_name(name).map(|()| name)
}

/// A path inside a bucket, as typed: `[BUCKET:]/a/b`.
///
/// ```
/// use strongroom_core::names::BucketPath;
/// let path: BucketPath = "did:bkt:abc:/photos/2026/".parse().unwrap();
/// assert_eq!(path.bucket(), Some("did:bkt:abc"));
/// assert_eq!(path.names(), ["photos", "2026"]);
/// assert!(path.is_into());
/// assert!("notes.txt".parse::<BucketPath>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketPath {
    bucket: Option<String>,
    names: Vec<String>,
    into: bool,
}

impl BucketPath {
    /// A path from checked names.
    pub fn new(bucket: Option<String>, names: Vec<String>) -> Result<Self, NameError> {
        if bucket.as_deref() == Some("") {
            return Err(NameError::NotAbsolute);
        }
        if names.len() > PATH_DEPTH_MAX {
            return Err(NameError::TooDeep);
        }
        names.iter().try_for_each(|name| check_name(name))?;
        if names.iter().map(|name| name.len() + 1).sum::<usize>() > PATH_LEN_MAX {
            return Err(NameError::PathTooLong);
        }
        let into = names.is_empty();
        Ok(Self { bucket, names, into })
    }

    /// The bucket's label or id, as typed; none: the default bucket.
    pub fn bucket(&self) -> Option<&str> {
        self.bucket.as_deref()
    }

    /// The names from the root down; empty: the root itself.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether it ended in `/`: things go *into* what it names.
    pub const fn is_into(&self) -> bool {
        self.into
    }

    /// The last name, and the names of the directory it is in; none for the root.
    pub fn split_last(&self) -> Option<(&[String], &str)> {
        self.names.split_last().map(|(last, above)| (above, last.as_str()))
    }
}

impl core::str::FromStr for BucketPath {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (before, path) = text.split_once('/').ok_or(NameError::NotAbsolute)?;
        let bucket = match before {
            "" => None,
            _ => Some(before.strip_suffix(':').ok_or(NameError::NotAbsolute)?.to_owned()),
        };
        if path.len() >= PATH_LEN_MAX {
            return Err(NameError::PathTooLong);
        }
        let inner = path.strip_suffix('/').unwrap_or(path);
        // `/` is the root; `//` has an empty name between its slashes.
        let names = if path.is_empty() {
            Vec::new()
        } else {
            inner.split('/').map(str::to_owned).collect()
        };
        let mut parsed = Self::new(bucket, names)?;
        parsed.into = path.is_empty() || inner.len() < path.len();
        Ok(parsed)
    }
}

impl fmt::Display for BucketPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(bucket) = &self.bucket {
            write!(f, "{bucket}:")?;
        }
        for name in &self.names {
            write!(f, "/{name}")?;
        }
        if self.into { f.write_str("/") } else { Ok(()) }
    }
}

/// What the file system of an export takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportRules {
    /// Any name is one: everything comes back exactly as it went in.
    Unix,
    /// What Windows, macOS and memory sticks take as well. Other characters become `%` and two
    /// hex digits per byte.
    Portable,
}

/// Names that mean devices on Windows, with any ending.
const DEVICE_NAMES: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8",
    "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// The one path component a name becomes outside. A member wrote the name, so it is checked again
/// here: whatever it says, the result is one component and stays where it is put.
///
/// ```
/// use strongroom_core::names::{ExportRules, NameError, export_name};
/// assert_eq!(export_name("a:b", ExportRules::Unix).unwrap(), "a:b");
/// assert_eq!(export_name("a:b", ExportRules::Portable).unwrap(), "a%3Ab");
/// assert_eq!(export_name("../etc", ExportRules::Unix), Err(NameError::Slash));
/// ```
pub fn export_name(name: &str, rules: ExportRules) -> Result<Cow<'_, str>, NameError> {
    check_name(name)?;
    if rules == ExportRules::Unix {
        return Ok(Cow::Borrowed(name));
    }
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_lowercase();
    let device = DEVICE_NAMES.contains(&stem.as_str());
    let last = name.chars().count() - 1;
    let bad = |at: usize, c: char| {
        c.is_control()
            || "<>:\"\\|?*".contains(c)
            || (at == last && matches!(c, '.' | ' '))
            || (at == 0 && device)
    };
    if !name.chars().enumerate().any(|(at, c)| bad(at, c)) {
        return Ok(Cow::Borrowed(name));
    }
    let mut out = String::with_capacity(name.len() + 8);
    for (at, c) in name.chars().enumerate() {
        if bad(at, c) {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                out.push('%');
                for digit in [byte >> 4, byte & 15] {
                    out.extend(char::from_digit(digit.into(), 16).map(|c| c.to_ascii_uppercase()));
                }
            }
        } else {
            out.push(c);
        }
    }
    if out.len() > NAME_LEN_MAX { Err(NameError::TooLong) } else { Ok(Cow::Owned(out)) }
}

/// The relative path of a document on export: every part is one checked component. Nothing in it
/// can lead out of the destination; that no *link* on the way does is for whoever opens it.
///
/// ```
/// use strongroom_core::names::{ExportRules, export_path};
/// assert_eq!(export_path(&["a", "b"], ExportRules::Unix).unwrap(), ["a", "b"]);
/// assert!(export_path(&["a", ".."], ExportRules::Unix).is_err());
/// ```
pub fn export_path<'a>(
    names: &[&'a str],
    rules: ExportRules,
) -> Result<Vec<Cow<'a, str>>, NameError> {
    if names.is_empty() {
        return Err(NameError::Empty);
    }
    if names.len() > PATH_DEPTH_MAX {
        return Err(NameError::TooDeep);
    }
    names.iter().map(|name| export_name(name, rules)).collect()
}

/// A name as it may be printed: characters that move the cursor, colour the terminal or turn the
/// direction of writing are shown as `\u{…}`.
///
/// ```
/// use strongroom_core::names::printable;
/// assert_eq!(printable("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
/// assert_eq!(printable("größe.txt"), "größe.txt");
/// ```
pub fn printable(name: &str) -> Cow<'_, str> {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{61c}')
    };
    if !name.contains(hidden) {
        return Cow::Borrowed(name);
    }
    let show = |c: char| if hidden(c) { c.escape_unicode().to_string() } else { c.to_string() };
    Cow::Owned(name.chars().map(show).collect())
}
