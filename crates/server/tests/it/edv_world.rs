//! A person with a vault of the EDV protocol, who signs as clients of that protocol do.

use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use strongroom_wire::did_key;
use strongroom_wire::edv::ids::LocalId;
use strongroom_wire::edv::signature::{Capability, Outgoing};

use crate::client::{Client, Reply, new_key, now, public, random};
use crate::process::Daemon;

/// Somebody with a key.
#[derive(Clone)]
pub struct Person {
    pub key: SigningKey,
}

/// A request that is about to be signed.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    pub method: &'a str,
    /// Path and query.
    pub path: &'a str,
    /// JSON, if there is a body.
    pub body: Option<&'a [u8]>,
    /// `read` or `write`.
    pub action: &'a str,
    /// Path whose root is invoked.
    pub root: &'a str,
}

impl Person {
    pub fn new() -> Self {
        Self { key: new_key() }
    }

    pub fn did(&self) -> String {
        did_key::did(&public(&self.key))
    }

    /// The fields of a signed request.
    pub fn sign(&self, client: &Client, ask: &Ask<'_>) -> Vec<(String, String)> {
        let (url, root) =
            (format!("{}{}", client.origin, ask.path), format!("{}{}", client.origin, ask.root));
        let outgoing = Outgoing {
            method: ask.method,
            url: &url,
            body: ask.body.map(|body| ("application/json", body)),
            capability: Capability::RootOf(&root),
            action: ask.action,
            key: public(&self.key),
            created: now(),
        };
        let signed = outgoing.sign(|bytes| self.key.sign(bytes).to_bytes()).unwrap();
        let fields = signed.iter().filter(|(name, _)| *name != "host");
        fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    pub async fn ask(&self, client: &Client, ask: Ask<'_>) -> Reply {
        self.try_ask(client, ask).await.expect("the connection holds")
    }

    /// `None`: the connection ended.
    pub async fn try_ask(&self, client: &Client, ask: Ask<'_>) -> Option<Reply> {
        let fields = self.sign(client, &ask);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        let body = ask.body.unwrap_or_default().to_vec();
        client.try_send(ask.method, ask.path, &fields, body).await
    }

    /// A configuration of this person's.
    pub fn config(&self) -> Value {
        json!({
            "controller": self.did(), "sequence": 0,
            "keyAgreementKey": { "id": "urn:k", "type": "X25519KeyAgreementKey2020" },
            "hmac": { "id": "urn:h", "type": "Sha256HmacKey2019" },
        })
    }

    /// Asks for a vault.
    pub async fn create(&self, client: &Client, config: &Value) -> Reply {
        let body = config.to_string();
        let body = Some(body.as_bytes());
        let ask = Ask { method: "POST", path: "/edvs", body, action: "write", root: "/edvs" };
        self.ask(client, ask).await
    }

    /// Opens a vault; gives its path.
    pub async fn vault(&self, client: &Client) -> Vault {
        let reply = self.create(client, &self.config()).await.expect(201);
        let config: Value = serde_json::from_slice(&reply.body).unwrap();
        let path = config["id"].as_str().unwrap().strip_prefix(&client.origin).unwrap().to_owned();
        Vault { owner: self.clone(), path }
    }
}

/// A vault and whose it is.
#[derive(Clone)]
pub struct Vault {
    pub owner: Person,
    /// `/edvs/…`.
    pub path: String,
}

impl Vault {
    /// Asks something of it, under its root.
    pub async fn ask(&self, client: &Client, method: &str, below: &str, body: &str) -> Reply {
        self.try_ask(client, method, below, body).await.expect("the connection holds")
    }

    /// `None`: the connection ended.
    pub async fn try_ask(
        &self,
        client: &Client,
        method: &str,
        below: &str,
        body: &str,
    ) -> Option<Reply> {
        let path = format!("{}{below}", self.path);
        let reads = method == "GET" || below.ends_with("/query");
        let ask = Ask {
            method,
            path: &path,
            body: Some(body.as_bytes()).filter(|body| !body.is_empty()),
            action: if reads { "read" } else { "write" },
            root: &self.path,
        };
        self.owner.try_ask(client, ask).await
    }

    pub async fn insert(&self, client: &Client, document: &Value) -> Reply {
        self.ask(client, "POST", "/documents", &document.to_string()).await
    }

    pub async fn update(&self, client: &Client, document: &Value) -> Reply {
        let below = format!("/documents/{}", document["id"].as_str().unwrap());
        self.ask(client, "POST", &below, &document.to_string()).await
    }

    pub async fn get(&self, client: &Client, id: &str) -> Reply {
        self.ask(client, "GET", &format!("/documents/{id}"), "").await
    }

    /// Ids of the documents with this value.
    pub async fn having(&self, client: &Client, value: &str) -> Vec<String> {
        let query = json!({ "index": "urn:h", "equals": { "n": value }, "returnDocuments": false });
        let reply = self.ask(client, "POST", "/query", &query.to_string()).await.expect(200);
        let answer: Value = serde_json::from_slice(&reply.body).unwrap();
        let ids = answer["documentIds"].as_array().unwrap().iter();
        ids.map(|id| id.as_str().unwrap().to_owned()).collect()
    }

    /// All documents, by pages.
    pub async fn export(&self, client: &Client) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let reply = self.ask(client, "GET", &format!("/documents{cursor}"), "").await;
            let page: Value = serde_json::from_slice(&reply.expect(200).body).unwrap();
            all.extend(page["documents"].as_array().unwrap().iter().cloned());
            let Some(next) = page["cursor"].as_str() else { return all };
            cursor = format!("?cursor={next}");
        }
    }
}

pub fn new_id() -> String {
    LocalId(random()).to_string()
}

/// A JWE of `len` bytes of ciphertext.
pub fn jwe(len: usize) -> Value {
    let header = json!({ "kid": "k", "alg": "ECDH-ES+A256KW" });
    json!({
        "protected": "eyJlbmMiOiJYQzIwUCJ9", "iv": "aXY", "tag": "dGFn",
        "ciphertext": "A".repeat(len),
        "recipients": [{ "header": header, "encrypted_key": "a2V5" }],
    })
}

/// A document found by one value; it claims the value if that begins with `u`.
pub fn document(id: &str, sequence: u64, value: &str, len: usize) -> Value {
    let mut attribute = json!({ "name": "n", "value": value });
    if value.starts_with('u') {
        attribute["unique"] = true.into();
    }
    let hmac = json!({ "id": "urn:h", "type": "Sha256HmacKey2019" });
    json!({
        "id": id, "sequence": sequence, "jwe": jwe(len),
        "indexed": [{ "hmac": hmac, "sequence": sequence, "attributes": [attribute] }],
    })
}

/// A chunk.
pub fn chunk(index: u64, sequence: u64, len: usize) -> Value {
    json!({ "index": index, "offset": len, "sequence": sequence, "jwe": jwe(len) })
}

/// The name in a refusal.
#[track_caller]
pub fn refused(reply: &Reply, status: u16, name: &str) {
    assert_eq!(reply.status, status, "{}", String::from_utf8_lossy(&reply.body));
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!((&body["name"], &body["details"]["httpStatusCode"]), (&name.into(), &status.into()));
}

/// A `strongroomd` that opens vaults for everyone.
pub fn open_daemon(data: &std::path::Path) -> Daemon {
    Daemon::start(data, &["--edv", "open"])
}
