//! Places: what a person types. Comes in: `[BUCKET:]/path`. Goes out: a bucket's name and the
//! path's parts. Must not know: what is there.

use strongroom_core::names::{BucketPath, NameError};
use strongroom_wire::limits::{PATH_DEPTH_MAX, PATH_LEN_MAX};

/// Why a text names no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// It has no slash after the bucket.
    #[error("`{0}` is not a path in the vault: paths start with /, as in /{0} or BUCKET:/{0}")]
    Relative(String),
    /// A name that no document may have.
    #[error("`{0}` is not a path in the vault: {1}")]
    Name(String, NameError),
    /// Longer or deeper than any path may be.
    #[error("the path is longer than {PATH_LEN_MAX} bytes or deeper than {PATH_DEPTH_MAX} names")]
    Long,
}

/// `[BUCKET:]/path`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// A label or id; `None`: the default bucket.
    pub bucket: Option<String>,
    /// The names on the way; empty: the bucket's root.
    pub names: Vec<String>,
    /// Whether the text ended in a slash: a directory to put things into.
    pub into: bool,
}

impl Place {
    /// Reads what a person typed.
    ///
    /// ```
    /// use strongroom_client::place::Place;
    /// let place = Place::parse("letters:/2026/may.txt").unwrap();
    /// assert_eq!(place.bucket.as_deref(), Some("letters"));
    /// assert_eq!(place.names, ["2026", "may.txt"]);
    /// assert!(Place::parse("/a/").unwrap().into);
    /// assert!(Place::parse("/a/../b").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, PlaceError> {
        let path: BucketPath = text.parse().map_err(|why| match why {
            NameError::NotAbsolute => PlaceError::Relative(text.to_owned()),
            NameError::PathTooLong | NameError::TooDeep => PlaceError::Long,
            why => PlaceError::Name(text.to_owned(), why),
        })?;
        Ok(Self {
            bucket: path.bucket().map(str::to_owned),
            names: path.names().to_vec(),
            into: path.is_into(),
        })
    }

    /// The root of the default bucket.
    pub const fn root() -> Self {
        Self { bucket: None, names: Vec::new(), into: true }
    }

    /// `/a/b`.
    pub fn path(&self) -> String {
        format!("/{}", self.names.join("/"))
    }

    /// The place of `name` in this directory.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        let mut names = self.names.clone();
        names.push(name.to_owned());
        Self { bucket: self.bucket.clone(), names, into: false }
    }
}

impl core::fmt::Display for Place {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match &self.bucket {
            Some(bucket) => write!(f, "{bucket}:{}", self.path()),
            None => f.write_str(&self.path()),
        }
    }
}
