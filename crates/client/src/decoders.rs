//! Every form that only a person's own devices read: internal documents, the key store's content,
//! rows of the replica. Comes in: a form's name and bytes. Goes out: what is written for what was
//! read. Must not know: where such bytes lie.
//!
//! For golden files and for the fuzzer. All this lies sealed, yet a device reads what another one
//! wrote, and an older program what a newer one did.

use strongroom_wire::cbor::CborError;

use crate::edv::{EdvGrant, EdvIdentityKeys, EdvRecord, EdvSeen};
use crate::put::journal::{JournalHead, JournalPiece};
use crate::replica::alone::AloneRow;
use crate::replica::checkpoints::{CheckpointRow, ForkRow, RecordRow};
use crate::replica::rows::{
    BucketRecord, DocumentRow, Meta, NameRow, RemoteRecord, Row, SyncState, Tip, Totals,
};
use crate::secrets::Secrets;
use crate::vault::{
    AgreeRow, BucketDocument, LinkDocument, ProviderDocument, RecordContents, StoredKeyLog,
    decode_closed, decode_own, decode_settings, decode_settled, encode_closed, encode_own,
    encode_settings, encode_settled,
};

type Again = fn(&[u8]) -> Result<Vec<u8>, CborError>;

/// By the names golden files use.
pub const ALL: [(&str, Again); 29] = [
    ("settings", |bytes| decode_settings(bytes).map(|label| encode_settings(&label))),
    ("bucket document", |bytes| BucketDocument::decode(bytes).map(|it| it.encode())),
    ("key log document", |bytes| StoredKeyLog::decode(bytes).map(|it| it.encode())),
    ("record contents", record_contents),
    ("key store content", |bytes| Secrets::decode(bytes).map(|it| it.encode().to_vec())),
    ("replica row", again::<Meta>),
    ("bucket row", again::<BucketRecord>),
    ("document keys row", again::<AloneRow>),
    ("provider row", again::<RemoteRecord>),
    ("tip row", again::<Tip>),
    ("totals row", again::<Totals>),
    ("document row", again::<DocumentRow>),
    ("name row", again::<NameRow>),
    ("exchange row", again::<SyncState>),
    ("checkpoints row", again::<CheckpointRow>),
    ("fork row", again::<ForkRow>),
    ("record row", again::<RecordRow>),
    ("journal row", again::<JournalHead>),
    ("journal chunk row", again::<JournalPiece>),
    ("agree seeds", again::<AgreeRow>),
    ("vault key document", |bytes| ProviderDocument::decode(bytes).map(|it| it.encode())),
    ("closed document", |bytes| decode_closed(bytes).map(encode_closed)),
    ("settled document", |bytes| decode_settled(bytes).map(|ids| encode_settled(&ids))),
    ("link document", |bytes| LinkDocument::decode(bytes).map(|it| it.encode())),
    ("edv vault document", |bytes| EdvRecord::decode(bytes).map(|it| it.encode().to_vec())),
    ("edv grant document", |bytes| EdvGrant::decode(bytes).map(|it| it.encode())),
    ("edv seen document", |bytes| EdvSeen::decode(bytes).map(|it| it.encode())),
    ("edv identity document", |bytes| {
        EdvIdentityKeys::decode(bytes).map(|it| it.encode().to_vec())
    }),
    ("own bucket document", |bytes| decode_own(bytes).map(encode_own)),
];

fn record_contents(bytes: &[u8]) -> Result<Vec<u8>, CborError> {
    let contents = RecordContents::decode(bytes)?;
    // The form of before there were checkpoints, seven fields, is read and never written again.
    let older = bytes.first() == Some(&0x87);
    Ok(if older { bytes.to_vec() } else { contents.encode().to_vec() })
}

fn again<R: Row>(bytes: &[u8]) -> Result<Vec<u8>, CborError> {
    R::decode(bytes).map(|row| row.encode())
}
