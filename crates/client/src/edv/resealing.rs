//! Sealing documents again, because somebody may read them from now on, or no longer. Comes in:
//! documents and their new readers. Goes out: the next state of each. Must not know: why.
//!
//! An envelope's readers are written into it, so that letting one in means a new envelope. A
//! stream is sealed again chunk by chunk, in place: until all are, the document says of which two
//! states its chunks are, so that an end in between loses nothing and the same command goes on.

use std::collections::BTreeSet;

use serde_json::json;
use strongroom_seal::edv::{self, StreamManifest};
use strongroom_seal::jwe::{AgreementPublic, Sealer};
use strongroom_wire::edv::chain::target_is_within;

use super::Edv;
use super::answers::StreamState;
use super::documents::EdvContent;
use super::opening::OpenDocument;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::{Progress, Stage};
use crate::random::SystemRng;

impl Edv<'_> {
    /// Seals what lies at or below `target` for those who may read it now. Gives how many
    /// documents were sealed again.
    pub(super) fn reseal(&self, target: &str, progress: &dyn Progress) -> Result<u64> {
        let mut ids = Vec::new();
        self.each_document(&mut |stored| {
            if target_is_within(&self.document_url(&stored.id), target) {
                ids.push(stored.id);
            }
            Ok(())
        })?;
        progress.begin(Stage::Send, Some(ids.len() as u64), None);
        let mut done = 0;
        for id in ids {
            if progress.cancelled() {
                return Err(Error::cancelled());
            }
            let Some(opened) = self.look(&id)?.filter(|opened| !opened.is_deleted()) else {
                continue;
            };
            done += u64::from(self.reseal_one(&opened, progress)?);
            progress.advance(1, 0);
        }
        Ok(done)
    }

    /// `false`: it is sealed to those who may read it already.
    fn reseal_one(&self, opened: &OpenDocument, progress: &dyn Progress) -> Result<bool> {
        let id = opened.stored.id.as_str();
        let content =
            EdvContent { content: opened.body.content.clone(), meta: opened.body.meta.clone() };
        let mut draft = self.draft(id, Some(opened), &content)?;
        draft.signed = opened.proof.is_some();
        let due: BTreeSet<&str> = draft.recipients.iter().map(AgreementPublic::kid).collect();
        let are: BTreeSet<&str> =
            opened.stored.jwe.recipients().iter().map(|it| it.kid.as_str()).collect();
        let part = |name: &str| opened.body.stream.as_ref().and_then(|it| it[name].as_u64());
        let whole = opened.body.stream.as_ref().is_none_or(|stream| stream["pending"] != true);
        if due == are && whole {
            return Ok(false);
        }
        let (Some(of), Some(chunks)) = (part("sequence"), part("chunks")) else {
            self.send(&draft, false)?;
            return Ok(true);
        };
        if part("next").is_some_and(|next| next != opened.stored.sequence) {
            let what = format!("{id}: its stream was sealed again only in part, and lost");
            return Err(Error::new(ErrorKind::Damaged, what).with_hint("put it again"));
        }
        // The second state that chunks may belong to is the one that is being written.
        let again = if let Some(next) = part("next") {
            next
        } else {
            let next = draft.sequence;
            draft.body.stream =
                Some(json!({"pending": true, "sequence": of, "chunks": chunks, "next": next}));
            draft.stream = Some(StreamState::default());
            draft.manifest = opened.proof.as_ref().and_then(|proof| proof.manifest.clone());
            self.send(&draft, false)?;
            draft.sequence += 1;
            next
        };
        let half = self.look(id)?.ok_or_else(|| Error::damaged(format!("{id} is gone")))?;
        let manifest = self.reseal_chunks(&half, again, &draft.recipients, progress)?;
        draft.body.stream = Some(json!({"sequence": again, "chunks": chunks}));
        draft.stream = Some(StreamState { sequence: Some(again), chunks: Some(chunks) });
        draft.manifest = Some(manifest);
        self.send(&draft, false)?;
        Ok(true)
    }

    fn reseal_chunks(
        &self,
        half: &OpenDocument,
        again: u64,
        recipients: &[AgreementPublic],
        progress: &dyn Progress,
    ) -> Result<StreamManifest> {
        let id = half.stored.id.as_str();
        let wrong =
            |error: strongroom_seal::jwe::JweError| Error::new(ErrorKind::Other, error.to_string());
        let sealer = Sealer::new(self.record.profile, recipients, &mut SystemRng).map_err(wrong)?;
        let mut manifest = StreamManifest::default();
        self.read_stream(half, false, progress, &mut |plain| {
            let index = manifest.digests.len() as u64;
            let header = edv::chunk_header(&self.place(id, again), index);
            let jwe = sealer.seal_with(plain, header, &mut SystemRng).map_err(wrong)?;
            manifest.digests.push(jwe.digest());
            manifest.bytes += plain.len() as u64;
            let chunk = json!({
                "index": index,
                "offset": manifest.bytes,
                "sequence": again,
                "jwe": jwe.to_json(),
            });
            self.post(format!("{}/chunks/{index}", self.document_url(id)), chunk.to_string())
        })?;
        Ok(manifest)
    }
}
