//! JWEs as JSON. Comes in: JSON of a stranger. Goes out: a JWE whose parts have the right lengths;
//! and back. Must not know: keys.
//!
//! A recipient's `header` may hold more than is known here, everything else may not. What is read
//! of a header is `kid`, `alg` and `epk`; `apu` and `apv` follow from these and must agree.

use std::borrow::Cow;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};
use strongroom_wire::limits::{
    JWE_KEY_ID_LEN_MAX, JWE_PLAIN_LEN_MAX, JWE_PROTECTED_LEN_MAX, JWE_RECIPIENTS_MAX,
};

use super::cipher::Enc;
use super::keys::EphemeralKey;
use super::{ALG, Jwe, JweError, TAG_LEN, WRAPPED_LEN};

/// One recipient of a JWE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The id of the key it is for.
    pub kid: String,
    /// How its content key is wrapped. Only [`ALG`] is opened.
    pub alg: String,
    pub(super) epk: EphemeralKey,
    pub(super) encrypted_key: [u8; WRAPPED_LEN],
    /// Whether the private half of `epk` stands beside it.
    pub(super) betrayed: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawJwe<'a> {
    #[serde(borrow)]
    protected: Cow<'a, str>,
    #[serde(borrow)]
    recipients: Vec<RawRecipient<'a>>,
    #[serde(borrow)]
    iv: Cow<'a, str>,
    #[serde(borrow)]
    ciphertext: Cow<'a, str>,
    #[serde(borrow)]
    tag: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRecipient<'a> {
    #[serde(borrow)]
    header: RawHeader<'a>,
    #[serde(borrow)]
    encrypted_key: Cow<'a, str>,
}

#[derive(Deserialize)]
struct RawHeader<'a> {
    #[serde(borrow)]
    kid: Cow<'a, str>,
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow)]
    epk: RawEpk<'a>,
    #[serde(borrow)]
    apu: Option<Cow<'a, str>>,
    #[serde(borrow)]
    apv: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct RawEpk<'a> {
    #[serde(borrow)]
    kty: Cow<'a, str>,
    #[serde(borrow)]
    crv: Cow<'a, str>,
    #[serde(borrow)]
    x: Cow<'a, str>,
    #[serde(borrow)]
    y: Option<Cow<'a, str>>,
    d: Option<IgnoredAny>,
}

pub(super) fn read(raw: RawJwe<'_>) -> Result<Jwe, JweError> {
    if raw.recipients.is_empty() {
        return Err(JweError::Form("it has no recipient"));
    }
    if raw.recipients.len() > JWE_RECIPIENTS_MAX {
        return Err(JweError::Limit("recipients"));
    }
    if raw.protected.len() > JWE_PROTECTED_LEN_MAX {
        return Err(JweError::Limit("protected header"));
    }
    if raw.ciphertext.len() / 4 * 3 > JWE_PLAIN_LEN_MAX {
        return Err(JweError::Limit("ciphertext"));
    }
    let header = read_protected(&raw.protected)?;
    let enc = header.get("enc").and_then(Value::as_str).ok_or(JweError::Form("its `enc`"))?;
    let enc = Enc::from_name(enc).ok_or(JweError::Cipher)?;
    let iv = base64url(&raw.iv, "its iv")?;
    if iv.len() != enc.iv_len() {
        return Err(JweError::Form("the length of its iv"));
    }
    let tag = base64url(&raw.tag, "its tag")?;
    let tag: [u8; TAG_LEN] = tag.try_into().map_err(|_| JweError::Form("the length of its tag"))?;
    let ciphertext = base64url(&raw.ciphertext, "its ciphertext")?;
    let recipients: Result<Vec<_>, _> = raw.recipients.into_iter().map(read_recipient).collect();
    let recipients = recipients?.into();
    let protected = raw.protected.into_owned();
    Ok(Jwe { protected, header, enc, recipients, iv, ciphertext, tag })
}

/// The protected header. What a reader must understand (`crit`), and compression, are refused.
fn read_protected(text: &str) -> Result<Map<String, Value>, JweError> {
    let bytes = base64url(text, "its protected header")?;
    let Ok(Value::Object(header)) = serde_json::from_slice(&bytes) else {
        return Err(JweError::Form("its protected header"));
    };
    if header.contains_key("crit") || header.contains_key("zip") {
        return Err(JweError::Form("its protected header asks for what is not done here"));
    }
    Ok(header)
}

fn read_recipient(raw: RawRecipient<'_>) -> Result<Recipient, JweError> {
    let RawHeader { kid, alg, epk, apu, apv } = raw.header;
    if kid.is_empty() || kid.len() > JWE_KEY_ID_LEN_MAX {
        return Err(JweError::Limit("key id"));
    }
    if alg != ALG {
        return Err(JweError::Form("the `alg` of a recipient"));
    }
    let betrayed = epk.d.is_some();
    let epk = read_epk(&epk)?;
    let same = |given: Option<Cow<'_, str>>, due: &[u8]| {
        given.is_none_or(|given| given == Base64UrlUnpadded::encode_string(due))
    };
    if !same(apu, &epk.party_info()) || !same(apv, kid.as_bytes()) {
        return Err(JweError::Form("`apu` and `apv` of a recipient"));
    }
    let encrypted_key = base64url(&raw.encrypted_key, "its encrypted key")?
        .try_into()
        .map_err(|_| JweError::Form("the length of its encrypted key"))?;
    Ok(Recipient { kid: kid.into_owned(), alg: ALG.to_owned(), epk, encrypted_key, betrayed })
}

fn read_epk(raw: &RawEpk<'_>) -> Result<EphemeralKey, JweError> {
    let coordinate = |text: &str| {
        base64url(text, "its `epk`")?.try_into().map_err(|_| JweError::Form("its `epk`"))
    };
    match (&*raw.kty, &*raw.crv, &raw.y) {
        ("OKP", "X25519", None) => Ok(EphemeralKey::X25519(coordinate(&raw.x)?)),
        ("EC", "P-256", Some(y)) => Ok(EphemeralKey::P256(coordinate(&raw.x)?, coordinate(y)?)),
        _ => Err(JweError::Form("its `epk`")),
    }
}

fn base64url(text: &str, what: &'static str) -> Result<Vec<u8>, JweError> {
    Base64UrlUnpadded::decode_vec(text).map_err(|_| JweError::Form(what))
}

pub(super) fn write(jwe: &Jwe) -> Value {
    let text = |bytes: &[u8]| Base64UrlUnpadded::encode_string(bytes);
    let recipients: Vec<Value> = jwe.recipients.iter().map(write_recipient).collect();
    json!({
        "protected": jwe.protected,
        "recipients": recipients,
        "iv": text(&jwe.iv),
        "ciphertext": text(&jwe.ciphertext),
        "tag": text(&jwe.tag),
    })
}

fn write_recipient(recipient: &Recipient) -> Value {
    let text = |bytes: &[u8]| Base64UrlUnpadded::encode_string(bytes);
    let epk = match &recipient.epk {
        EphemeralKey::X25519(x) => json!({"kty": "OKP", "crv": "X25519", "x": text(x)}),
        EphemeralKey::P256(x, y) => {
            json!({"kty": "EC", "crv": "P-256", "x": text(x), "y": text(y)})
        }
    };
    json!({
        "header": {
            "kid": recipient.kid,
            "alg": recipient.alg,
            "epk": epk,
            "apu": text(&recipient.epk.party_info()),
            "apv": text(recipient.kid.as_bytes()),
        },
        "encrypted_key": text(&recipient.encrypted_key),
    })
}
