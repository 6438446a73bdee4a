//! Problems as they arrive. Comes in: status, fields and body of an answer that is not a good one.
//! Goes out: the error. Must not know: what was asked.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use serde_json::Value;
use strongroom_wire::ids::{ChunkId, EntryId};
use strongroom_wire::problem::Problem;

use super::connection::Answer;
use super::error::{ProblemReport, RemoteError};

/// Characters of a provider's words that are shown.
const DETAIL_LEN_MAX: usize = 200;

/// The error this answer stands for.
pub(super) fn error_of(answer: &Answer) -> RemoteError {
    if answer.status == StatusCode::RANGE_NOT_SATISFIABLE {
        return RemoteError::Protocol("the range asked for begins after the chunk's end");
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    let named = text(&body, "type")
        .and_then(|kind| kind.strip_prefix("/problems/"))
        .and_then(Problem::from_name)
        .filter(|problem| problem.status() == answer.status.as_u16());
    let Some(problem) = named.or_else(|| by_status(answer.status)) else {
        return RemoteError::Protocol("an answer with a status that has no meaning here");
    };
    RemoteError::Problem(Box::new(ProblemReport {
        problem,
        detail: text(&body, "detail").map(printable).filter(|detail| !detail.is_empty()),
        entry: text(&body, "entry").and_then(|id| EntryId::from_base32(id).ok()),
        chunk: text(&body, "chunk").and_then(|id| ChunkId::from_base32(id).ok()),
        counter: body.get("counter").and_then(Value::as_u64),
        retry_after: retry_after(&answer.headers),
    }))
}

/// The provider's clock, seconds since 1970, where a refusal tells it.
pub(super) fn provider_time(answer: &Answer) -> Option<u64> {
    serde_json::from_slice::<Value>(&answer.body).ok()?.get("time")?.as_u64()
}

/// Something between us and the provider may answer in its place, without our words.
fn by_status(status: StatusCode) -> Option<Problem> {
    match status.as_u16() {
        400 => Some(Problem::Malformed),
        401 => Some(Problem::Unauthorized),
        403 => Some(Problem::Forbidden),
        404 => Some(Problem::NotFound),
        408 => Some(Problem::Slow),
        413 => Some(Problem::TooLarge),
        429 => Some(Problem::Rate),
        431 => Some(Problem::HeadTooLarge),
        500 | 502 => Some(Problem::Internal),
        503 | 504 => Some(Problem::Busy),
        507 => Some(Problem::Full),
        _ => None,
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let secs = headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(secs))
}

fn text<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body.get(name)?.as_str()
}

/// A stranger's words, without what could move a terminal's cursor.
fn printable(words: &str) -> String {
    words.chars().filter(|c| !c.is_control()).take(DETAIL_LEN_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn answer(status: u16, body: &str) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, "3".parse().unwrap());
        let status = StatusCode::from_u16(status).unwrap();
        Answer { status, headers, body: Bytes::from(body.to_owned()), hash: None }
    }

    fn report(status: u16, body: &str) -> ProblemReport {
        match error_of(&answer(status, body)) {
            RemoteError::Problem(report) => *report,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_problem_keeps_its_kind_and_what_the_kind_adds() {
        let entry = EntryId([7; 32]);
        let body = format!(
            r#"{{"type":"/problems/invalid-entry","status":422,"entry":"{}","detail":"seq"}}"#,
            entry.to_base32()
        );
        let report = report(422, &body);
        assert_eq!(report.problem, Problem::InvalidEntry);
        assert_eq!(report.entry, Some(entry));
        assert_eq!(report.detail.as_deref(), Some("seq"));
        assert_eq!(report.retry_after, Some(Duration::from_secs(3)));
    }

    #[test]
    fn every_problem_of_the_list_is_recognised() {
        for &problem in Problem::ALL {
            let body = format!(r#"{{"type":"/problems/{}"}}"#, problem.name());
            assert_eq!(report(problem.status(), &body).problem, problem);
        }
    }

    #[test]
    fn words_of_a_stranger_move_no_cursor_and_fill_no_screen() {
        let long = "x".repeat(5_000);
        let body = format!(r#"{{"type":"/problems/rate","detail":"\u001b[2J{long}"}}"#);
        let detail = report(429, &body).detail.unwrap();
        assert!(detail.starts_with("[2Jx") && detail.chars().count() == 200);
    }

    #[test]
    fn a_kind_that_does_not_fit_its_status_or_a_body_that_is_none_falls_back_to_the_status() {
        assert_eq!(report(404, r#"{"type":"/problems/quota"}"#).problem, Problem::NotFound);
        assert_eq!(report(503, "<html>").problem, Problem::Busy);
        let odd = error_of(&answer(302, ""));
        assert!(matches!(odd, RemoteError::Protocol(_)), "{odd}");
    }
}
