//! L1 · did:web. Takes such a DID, its document, the card that names; gives the claim. Must not
//! know: the keys in the document: they are none of ours, and no part of a key log.

use serde::Deserialize;
use serde_json::Value;
use strongroom_wire::ids::PrincipalId;
use strongroom_wire::limits::{ALIAS_LEN_MAX, DID_DOCUMENT_LEN_MAX, DID_SERVICES_MAX};

use super::{Get, Promise, ResolveError, Resolver, Step, card_at, claim};
use crate::keylog::is_uri;

const PREFIX: &str = "did:web:";
/// The type of the service that says where the card is.
pub const SERVICE_TYPE: &str = "StrongroomCard";

/// `did:web:alice.example`, `did:web:example.org:people:alice`.
#[derive(Debug, Clone, Copy)]
pub struct DidWeb;

impl Resolver for DidWeb {
    fn form(&self) -> &'static str {
        "did:web:…"
    }

    fn takes(&self, alias: &str) -> bool {
        alias.starts_with(PREFIX)
    }

    fn step(&self, alias: &str, answers: &[Vec<u8>]) -> Result<Step, ResolveError> {
        match answers {
            [] => Ok(Step::Get(Get { url: document_url(alias)?, len_max: DID_DOCUMENT_LEN_MAX })),
            [document] => Ok(Step::Get(card_at(&read(alias, document)?.0))),
            [document, card, ..] => {
                let principal = read(alias, document)?.1;
                let mut claim = claim(card, alias)?;
                claim.promised.extend(principal.map(Promise::Principal));
                Ok(Step::Claim(Box::new(claim)))
            }
        }
    }
}

/// Where the document of a DID is.
fn document_url(did: &str) -> Result<String, ResolveError> {
    let wrong = ResolveError::Form("a host, then names, with colons between them");
    let rest = did.strip_prefix(PREFIX).filter(|_| did.len() <= ALIAS_LEN_MAX).ok_or(wrong)?;
    let mut names = rest.split(':');
    let (host, port) = match names.next().unwrap_or_default().split_once("%3A") {
        Some((host, port)) => (host, Some(port)),
        None => (rest.split(':').next().unwrap_or_default(), None),
    };
    let is_host = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.');
    let sound = !host.is_empty()
        && host.bytes().all(is_host)
        && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|c| c.is_ascii_digit()));
    if !sound {
        return Err(wrong);
    }
    let mut url = match port {
        Some(port) => format!("https://{host}:{port}"),
        None => format!("https://{host}"),
    };
    let mut is_root = true;
    for name in names {
        let is_plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_' | b'~');
        if name.is_empty() || matches!(name, "." | "..") || !name.bytes().all(is_plain) {
            return Err(wrong);
        }
        url.push('/');
        url.push_str(name);
        is_root = false;
    }
    url.push_str(if is_root { "/.well-known/did.json" } else { "/did.json" });
    Ok(url)
}

/// What is read of a document. Everything else in it is somebody else's business.
#[derive(Deserialize)]
struct Document {
    id: String,
    #[serde(default)]
    service: Vec<Value>,
}

/// Where the card is and, if the document says so, whose it must be.
fn read(did: &str, json: &[u8]) -> Result<(String, Option<PrincipalId>), ResolveError> {
    if json.len() > DID_DOCUMENT_LEN_MAX {
        return Err(ResolveError::Document("it is too long"));
    }
    let document: Document = serde_json::from_slice(json)
        .map_err(|_| ResolveError::Document("it is no DID document"))?;
    if document.id != did {
        return Err(ResolveError::Document("it is the document of another DID"));
    }
    if document.service.len() > DID_SERVICES_MAX {
        return Err(ResolveError::Document("it has too many services"));
    }
    let mut ours = document.service.iter().filter(|service| is_ours(service));
    let (Some(service), None) = (ours.next(), ours.next()) else {
        return Err(ResolveError::Document("it has not exactly one service StrongroomCard"));
    };
    let endpoint = service.get("serviceEndpoint").and_then(Value::as_str).unwrap_or_default();
    if !endpoint.starts_with("https://") || !is_uri(endpoint) || endpoint.contains('#') {
        return Err(ResolveError::Document("its serviceEndpoint is no https: address"));
    }
    let principal = match service.get("principal") {
        None => None,
        Some(text) => Some(
            text.as_str()
                .and_then(|text| text.parse().ok())
                .ok_or(ResolveError::Document("the principal it names is none"))?,
        ),
    };
    Ok((endpoint.to_owned(), principal))
}

fn is_ours(service: &Value) -> bool {
    match service.get("type") {
        Some(Value::String(one)) => one == SERVICE_TYPE,
        Some(Value::Array(several)) => several.iter().any(|one| one == SERVICE_TYPE),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DID: &str = "did:web:alice.example";

    #[test]
    fn a_did_leads_to_one_address() {
        for (did, url) in [
            (DID, "https://alice.example/.well-known/did.json"),
            ("did:web:alice.example%3A8443", "https://alice.example:8443/.well-known/did.json"),
            ("did:web:a.example:people:alice", "https://a.example/people/alice/did.json"),
        ] {
            assert_eq!(document_url(did).as_deref(), Ok(url));
        }
        for bad in [
            "did:web:",
            "did:web::alice",
            "did:web:a.example:",
            "did:web:a.example:..:x",
            "did:web:a.example:a/b",
            "did:web:a.example:a%2Fb",
            "did:web:a.example%3A",
            "did:web:a.example%3A80%3A80",
            "did:web:a.example%3a80",
            "did:web:user@a.example",
            "did:web:a.example?x",
            "did:web:a.example#key",
            "did:web:[::1]",
        ] {
            assert!(document_url(bad).is_err(), "{bad}");
        }
        assert!(document_url(&format!("did:web:{}", "a".repeat(512))).is_err());
    }

    fn with(service: &Value) -> Result<(String, Option<PrincipalId>), ResolveError> {
        let document = json!({"@context": "x", "id": DID, "service": service});
        read(DID, document.to_string().as_bytes())
    }

    #[test]
    fn one_service_of_our_type_names_the_card() {
        let url = "https://cards.example/alice";
        let other = json!({"id": "#hub", "type": "LinkedDomains", "serviceEndpoint": {"x": []}});
        let ours = json!({"id": "#c", "type": SERVICE_TYPE, "serviceEndpoint": url});
        let listed = json!({"type": ["Other", SERVICE_TYPE], "serviceEndpoint": url});
        let id = PrincipalId([7; 32]);
        let named =
            json!({"type": SERVICE_TYPE, "serviceEndpoint": url, "principal": id.to_string()});
        assert_eq!(with(&json!([other, ours])), Ok((url.to_owned(), None)));
        assert_eq!(with(&json!([listed])), Ok((url.to_owned(), None)));
        assert_eq!(with(&json!([named])), Ok((url.to_owned(), Some(id))));
    }

    #[test]
    fn everything_else_leads_nowhere() {
        let url = "https://cards.example/alice";
        let ours = json!({"type": SERVICE_TYPE, "serviceEndpoint": url});
        for bad in [
            json!([]),
            json!([ours, ours]),
            json!("StrongroomCard"),
            json!([{"type": SERVICE_TYPE}]),
            json!([{"type": SERVICE_TYPE, "serviceEndpoint": [url]}]),
            json!([{"type": SERVICE_TYPE, "serviceEndpoint": "http://cards.example/alice"}]),
            json!([{"type": SERVICE_TYPE, "serviceEndpoint": "http://127.0.0.1/alice"}]),
            json!([{"type": SERVICE_TYPE, "serviceEndpoint": "file:///etc/passwd"}]),
            json!([{"type": SERVICE_TYPE, "serviceEndpoint": "https://a b"}]),
            json!([{"type": SERVICE_TYPE, "serviceEndpoint": url, "principal": "alice"}]),
            json!([{"type": SERVICE_TYPE, "serviceEndpoint": url, "principal": null}]),
            Value::Array(vec![json!({}); 65]),
        ] {
            assert!(with(&bad).is_err(), "{bad}");
        }
        let foreign = json!({"id": "did:web:bob.example", "service": [ours]}).to_string();
        let twice = format!("{{\"id\":\"{DID}\",\"id\":\"{DID}\",\"service\":[{ours}]}}");
        let deep = format!("{}{}", "[".repeat(4_000), "]".repeat(4_000));
        for bad in [foreign, twice, deep, String::new(), " ".repeat(65_537)] {
            assert!(matches!(read(DID, bad.as_bytes()), Err(ResolveError::Document(_))));
        }
    }
}
