//! What a source is called and what is said of it. Comes in: a look at it. Goes out: names and
//! metadata. Must not know: vaults.

use std::path::Path;

use strongroom_core::document::{DocumentType, Metadata, Timestamp};
use strongroom_wire::ids::DocumentTag;

use super::Source;
use super::source::{self, Look};
use crate::error::{Error, ErrorKind, Result};

/// Two sources of one name would be two states of one document in one put.
pub fn refuse_equal_names(sources: &[Source]) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for source in sources {
        if let Source::Path(path) = source
            && sources.len() > 1
            && !seen.insert(base_name(path)?)
        {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("two of the sources are called {}", base_name(path)?),
            )
            .with_hint("put them one by one, under different names"));
        }
    }
    Ok(())
}

/// What a source is called in the vault.
pub fn base_name(path: &Path) -> Result<String> {
    let absolute;
    let path = if path.file_name().is_some() {
        path
    } else {
        // `.` and `..` have no name of their own.
        absolute = path.canonicalize().map_err(|e| Error::io("cannot read the source", &e))?;
        &absolute
    };
    let name = path.file_name().ok_or_else(|| {
        Error::new(ErrorKind::Usage, "the source has no name").with_hint("name the destination")
    })?;
    source::document_name(name)
        .map_err(|reason| Error::new(ErrorKind::Usage, format!("{}: {reason}", path.display())))
}

pub fn file_metadata(
    parent: DocumentTag,
    name: &str,
    size: u64,
    modified: Timestamp,
    mode: Option<u16>,
    digest: [u8; 32],
) -> Metadata {
    Metadata {
        parent,
        name: name.to_owned(),
        kind: DocumentType::File,
        media_type: crate::media_type::by_name(name).map(str::to_owned),
        size,
        modified,
        mode,
        digest: Some(digest),
        schema: None,
    }
}

pub fn directory_metadata(parent: DocumentTag, name: &str, look: Option<&Look>) -> Metadata {
    Metadata {
        parent,
        name: name.to_owned(),
        kind: DocumentType::Directory,
        media_type: None,
        size: 0,
        modified: look.map(|look| look.modified).unwrap_or_default(),
        mode: look.map(|look| look.mode),
        digest: None,
        schema: None,
    }
}
