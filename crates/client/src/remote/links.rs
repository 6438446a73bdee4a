//! What a client asks a provider about links. Comes in: ids, records. Goes out: records and counts
//! whose form was checked. Must not know: a link's secret.

use strongroom_wire::ids::{BucketId, LinkId};
use strongroom_wire::limits::LINK_RECORD_LEN_MAX;
use strongroom_wire::link::{LinkRecord, LinkUses};
use strongroom_wire::problem::Problem;

use super::error::RemoteError;
use super::request::Call;
use super::session::Session;

impl Session {
    /// Leaves what a link needs. The session's chain has `grant` on the bucket.
    pub async fn put_link(
        &self,
        bucket: BucketId,
        link: LinkId,
        record: &LinkRecord,
    ) -> Result<(), RemoteError> {
        let call = Call::put(path(bucket, link, ""), record.encode());
        self.call(|_| call.clone()).await.map(drop)
    }

    /// What a link needs; `None`: it is unknown, was revoked, or has ended. Any session will do.
    pub async fn link(
        &self,
        bucket: BucketId,
        link: LinkId,
    ) -> Result<Option<LinkRecord>, RemoteError> {
        let call = Call::get(path(bucket, link, "")).answer_max(LINK_RECORD_LEN_MAX);
        let answer = self.call(|_| call.clone()).await;
        let Some(answer) = unless_unknown(answer)? else { return Ok(None) };
        let malformed = |_| RemoteError::Protocol("an answer is malformed");
        LinkRecord::decode(&answer.body).map(Some).map_err(malformed)
    }

    /// Forgets what a link needs. The session's chain has `grant` on the bucket.
    pub async fn forget_link(&self, bucket: BucketId, link: LinkId) -> Result<(), RemoteError> {
        let call = Call::delete(path(bucket, link, ""));
        self.call(|_| call.clone()).await.map(drop)
    }

    /// How often a link was opened; `None`: the provider does not know it. The session's chain has
    /// `grant` on the bucket.
    pub async fn link_uses(
        &self,
        bucket: BucketId,
        link: LinkId,
    ) -> Result<Option<LinkUses>, RemoteError> {
        let call = Call::get(path(bucket, link, "/uses"));
        let answer = self.call(|_| call.clone()).await;
        let Some(answer) = unless_unknown(answer)? else { return Ok(None) };
        Ok(Some(LinkUses::decode(&answer.body)?))
    }
}

fn unless_unknown<T>(answer: Result<T, RemoteError>) -> Result<Option<T>, RemoteError> {
    match answer {
        Err(error) if error.problem() == Some(Problem::NotFound) => Ok(None),
        answer => answer.map(Some),
    }
}

fn path(bucket: BucketId, link: LinkId, rest: &str) -> String {
    format!("/buckets/{}/links/{}{rest}", bucket.to_base32(), link.to_base32())
}
