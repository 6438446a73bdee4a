//! A request on its way to a provider: it can be changed before it arrives, signed anew by
//! anybody, written to a golden file and judged.

use base64ct::{Base64, Encoding};
use serde_json::{Value, json};
use strongroom_wire::base58;
use strongroom_wire::edv::Denied;
use strongroom_wire::edv::chain::Root;
use strongroom_wire::edv::invocation::{Authorized, Expected};
use strongroom_wire::edv::signature::{Capability, Outgoing};
use strongroom_wire::edv::zcap::Zcap;
use strongroom_wire::walk::{Refusal, WalkError};

use super::world::{ALICE, EDV, Headers, NOW, Person, verify};

/// What every signature covers, and what besides where there is a body.
pub const COVERED: [&str; 8] = [
    "(key-id)",
    "(created)",
    "(expires)",
    "(request-target)",
    "host",
    "capability-invocation",
    "content-type",
    "digest",
];

/// A request, and what the provider knows when it comes.
#[derive(Clone)]
pub struct Sent {
    pub method: String,
    pub target: String,
    pub headers: Headers,
    pub body: Option<String>,
    pub now: u64,
    pub roots: Vec<(String, Vec<String>)>,
    pub url: String,
    pub action: String,
}

impl Sent {
    /// A request that is in order, if the capability is good for it.
    pub fn by(
        who: Person,
        method: &str,
        url: &str,
        capability: Capability<'_>,
        what: &str,
    ) -> Self {
        Self::at(NOW, who, method, url, capability, what)
    }

    /// The same at another time. What is not read has a body.
    pub fn at(
        now: u64,
        who: Person,
        method: &str,
        url: &str,
        capability: Capability<'_>,
        action: &str,
    ) -> Self {
        let body = (method != "GET").then(|| "{\"sequence\":0}".to_owned());
        let outgoing = Outgoing {
            method,
            url,
            body: body.as_ref().map(|body| ("application/json", body.as_bytes())),
            capability,
            action,
            key: who.public(),
            created: now,
        };
        Self {
            method: method.to_owned(),
            target: url.strip_prefix("https://edv.example").unwrap().to_owned(),
            headers: Headers::of(&outgoing.sign(|bytes| who.sign(bytes)).unwrap()),
            body,
            now,
            roots: vec![(EDV.to_owned(), vec![ALICE.did()])],
            url: url.to_owned(),
            action: action.to_owned(),
        }
    }

    /// Changes a header, or takes it out.
    pub fn with(mut self, name: &str, value: Option<&str>) -> Self {
        self.headers = self.headers.with(name, value);
        self
    }

    /// Changes anything.
    pub fn changed(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Replaces text in `authorization`.
    pub fn authorization(self, from: &str, to: &str) -> Self {
        let old = self.headers.get("authorization").unwrap();
        assert!(old.contains(from), "{from} in {old}");
        let new = old.replacen(from, to, 1);
        self.with("authorization", Some(&new))
    }

    /// Signs what is there now, covering these names. The string is made here once more, so that
    /// signer and verifier do not agree on a mistake.
    pub fn signed(self, who: Person, key_id: &str, names: &[&str], times: (u64, u64)) -> Self {
        let line = |name: &&str| {
            let value = match *name {
                "(key-id)" => key_id.to_owned(),
                "(created)" => times.0.to_string(),
                "(expires)" => times.1.to_string(),
                "(request-target)" => format!("{} {}", self.method.to_lowercase(), self.target),
                name => self.headers.get(name).unwrap_or_default().trim().to_owned(),
            };
            format!("{name}: {value}")
        };
        let text = names.iter().map(line).collect::<Vec<_>>().join("\n");
        let (names, (created, expires)) = (names.join(" "), times);
        let signature = Base64::encode_string(&who.sign(text.as_bytes()));
        let authorization = format!(
            "Signature keyId=\"{key_id}\",headers=\"{names}\",signature=\"{signature}\",\
             created=\"{created}\",expires=\"{expires}\""
        );
        self.with("authorization", Some(&authorization))
    }

    /// Signs what is there now as a client would.
    pub fn signed_again(self, who: Person) -> Self {
        let times = (self.now, self.now + 600);
        let names = if self.body.is_some() { &COVERED[..] } else { &COVERED[..6] };
        self.signed(who, &who.key_id(), names, times)
    }

    /// What the provider says.
    pub fn judge(&self) -> Result<Authorized, Denied> {
        let body = self.body.as_ref().map(String::as_bytes);
        let invocation = verify(&self.method, &self.target, &self.headers, body, self.now)?;
        let roots: Vec<_> =
            self.roots.iter().map(|(target, controllers)| Root { target, controllers }).collect();
        let expected = Expected { roots: &roots, target: &self.url, action: &self.action };
        invocation.authorize(&expected, self.now)
    }

    /// As a case of a golden file.
    pub fn to_json(&self) -> Value {
        let headers: serde_json::Map<_, _> =
            self.headers.0.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let root = |(target, controllers): &(String, Vec<String>)| -> Value {
            let mut root = json!({"target": target});
            root["controllers"] = json!(controllers);
            root
        };
        json!({
            "method": self.method, "target": self.target, "headers": headers, "body": self.body,
            "now": self.now, "roots": self.roots.iter().map(root).collect::<Vec<_>>(),
            "url": self.url, "action": self.action,
        })
    }

    /// From a case of a golden file.
    pub fn read(case: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let root = |root: &Value| {
            let controllers = root["controllers"].as_array().unwrap().iter().map(text).collect();
            (text(&root["target"]), controllers)
        };
        let header = |(name, value): (&String, &Value)| (name.clone(), text(value));
        Self {
            method: text(&case["method"]),
            target: text(&case["target"]),
            headers: Headers(case["headers"].as_object().unwrap().iter().map(header).collect()),
            body: case["body"].as_str().map(str::to_owned),
            now: case["now"].as_u64().unwrap(),
            roots: case["roots"].as_array().unwrap().iter().map(root).collect(),
            url: text(&case["url"]),
            action: text(&case["action"]),
        }
    }
}

/// What golden files call a refusal.
pub fn name_of(denied: Denied) -> String {
    match denied {
        Denied::Chain(WalkError { at, why }) => format!("chain {at}: {}", refusal(why)),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// What golden files call a link that does not hold.
pub fn refusal(why: Refusal) -> String {
    format!("{why:?}").to_lowercase()
}

/// The zcap that this JSON is, with its proof made anew by `signer`: whatever its form allows,
/// whether it widens its parent or not.
pub fn forge(mut zcap: Value, signer: Person) -> Zcap {
    zcap["proof"]["proofValue"] = json!(format!("z{}", "1".repeat(64)));
    let unsigned = Zcap::parse(zcap.to_string().as_bytes()).unwrap();
    let signature = signer.sign(&unsigned.to_be_signed().unwrap());
    zcap["proof"]["proofValue"] = json!(format!("z{}", base58::encode(&signature)));
    Zcap::parse(zcap.to_string().as_bytes()).unwrap()
}

/// A zcap as JSON that can be changed.
pub fn value_of(zcap: &Zcap) -> Value {
    serde_json::from_str(&zcap.to_json()).unwrap()
}
