//! An EDV vault, copied into a bucket. Comes in: a vault of that kind, a place. Goes out: its
//! documents as files there, under epochs, signed entries and sealed names. Must not know:
//! terminals.
//!
//! Of a document its content, what is said about it and what of it may be believed become one JSON
//! file, `ID.json`; its stream becomes `ID.bin`. Copying again changes what has changed.

use std::io::Cursor;

use serde_json::json;

use super::Edv;
use super::opening::OpenDocument;
use super::streams::StreamReader;
use crate::error::{Error, ErrorKind, Result};
use crate::place::Place;
use crate::progress::{Progress, Stage};
use crate::report::{EdvCopied, EdvTrust};

impl Edv<'_> {
    /// Copies all documents to below a place.
    pub fn copy_to(
        &self,
        place: &Place,
        strict: bool,
        progress: &dyn Progress,
    ) -> Result<EdvCopied> {
        let mut ids = Vec::new();
        let complete = self.each_document(&mut |stored| {
            ids.push(stored.id);
            Ok(())
        })?;
        progress.begin(Stage::Store, Some(ids.len() as u64), None);
        let mut copied = EdvCopied { complete, ..EdvCopied::default() };
        for id in ids {
            if progress.cancelled() {
                return Err(Error::cancelled());
            }
            match self.look(&id) {
                Ok(Some(opened)) if !opened.is_deleted() => {
                    if opened.trust != EdvTrust::Signed {
                        copied.not_authenticated += 1;
                    }
                    if strict && opened.trust != EdvTrust::Signed {
                        copied.damaged.push(format!("{id}: {}", opened.trust.words()));
                    } else if let Err(error) = self.copy_one(&opened, place, &mut copied) {
                        match error.kind() {
                            ErrorKind::Damaged => copied.damaged.push(error.to_string()),
                            _ => return Err(error),
                        }
                    }
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Damaged => {
                    copied.damaged.push(error.to_string());
                }
                Err(error) => return Err(error),
            }
            progress.advance(1, 0);
        }
        Ok(copied)
    }

    fn copy_one(&self, opened: &OpenDocument, to: &Place, copied: &mut EdvCopied) -> Result<()> {
        let id = &opened.stored.id;
        let json = json!({
            "content": opened.body.content,
            "meta": opened.body.meta,
            "trust": opened.trust,
        });
        let text = format!("{json:#}\n");
        self.vault.put_reader(&below(to, &format!("{id}.json")), &mut Cursor::new(&text))?;
        copied.documents += 1;
        copied.bytes += text.len() as u64;
        let has_stream = opened.body.stream.as_ref().is_some_and(|it| it["chunks"].is_u64());
        if !has_stream {
            return Ok(());
        }
        let chunks = self.chunks_of(opened, false)?;
        let fetch = |n| self.fetch(format!("{}/chunks/{n}", self.document_url(id)));
        let mut reader = StreamReader::new(chunks, fetch);
        let put = self.vault.put_reader(&below(to, &format!("{id}.bin")), &mut reader);
        if let Some(error) = reader.failed {
            return Err(error);
        }
        copied.streams += 1;
        copied.bytes += put?.size;
        Ok(())
    }
}

fn below(place: &Place, name: &str) -> Place {
    let mut names = place.names.clone();
    names.push(name.to_owned());
    Place { bucket: place.bucket.clone(), names, into: false }
}
