//! Keys of EDV vaults, as text. Comes in: URLs, key ids, capabilities. Goes out: the keys in
//! them. Must not know: whose they are, what is sealed.
//!
//! A key that opens is named by its controller's DID and its own bytes as fragment:
//! `did:key:z6Mk…#z6LS…` (X25519) or `#zDn…` (P-256). So a name is a key, and nobody is asked.

use strongroom_seal::identity::EdvSigningKey;
use strongroom_seal::jwe::{AgreementKey, AgreementPublic, Profile};
use strongroom_seal::rng::Rng;
use strongroom_wire::edv::zcap::Zcap;
use strongroom_wire::{base58, did_key};

use crate::error::{Error, ErrorKind, Result};
use crate::random::SystemRng;
use crate::remote::ProviderUrl;

/// Multicodecs of public keys.
const X25519_PUBLIC: [u8; 2] = [0xec, 0x01];
const P256_PUBLIC: [u8; 2] = [0x80, 0x24];
/// Multicodec of an X25519 private key.
pub const X25519_SECRET: [u8; 2] = [0x82, 0x26];
/// Multicodec of a P-256 private key.
pub const P256_SECRET: [u8; 2] = [0x86, 0x26];
/// Bytes of any of them, the longest.
const MULTIKEY_LEN_MAX: usize = 40;
/// What stands before the 16 random bytes of an id: identity multihash.
const ID_PREFIX: [u8; 2] = [0x00, 0x10];

/// The server of a vault.
pub fn origin_of(url: &str) -> Result<ProviderUrl> {
    let (origin, _) = url.split_once("/edvs/").ok_or_else(|| no_vault(url))?;
    origin.parse().map_err(|error: crate::remote::UrlError| {
        Error::new(ErrorKind::Usage, format!("{url}: {error}"))
    })
}

/// Checks that a URL is a vault's: `ORIGIN/edvs/ID`, nothing behind it.
pub fn check_url(url: &str) -> Result<()> {
    origin_of(url)?;
    let id = url.split_once("/edvs/").map_or("", |(_, id)| id);
    if is_id(id) { Ok(()) } else { Err(no_vault(url)) }
}

fn no_vault(url: &str) -> Error {
    let shown: String = url.chars().take(200).collect();
    Error::new(ErrorKind::Usage, format!("{shown} is no address of a vault of this kind"))
        .with_hint("it looks like https://host/edvs/z19u…")
}

/// A new id of a document.
pub fn generate_id() -> String {
    let mut bytes = [0; 18];
    SystemRng.fill(&mut bytes);
    if let Some(start) = bytes.first_chunk_mut() {
        *start = ID_PREFIX;
    }
    format!("z{}", base58::encode(&bytes))
}

/// A new name for a thing: a random UUID.
pub fn generate_urn() -> String {
    let mut bytes = [0_u8; 16];
    SystemRng.fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    let part = |from, to| hex.get(from..to).unwrap_or_default();
    format!(
        "urn:uuid:{}-{}-{}-{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32)
    )
}

/// Whether a text is an id of the protocol.
pub fn is_id(text: &str) -> bool {
    let bytes = text.strip_prefix('z').and_then(|rest| base58::decode(rest, 18));
    bytes.is_some_and(|bytes| bytes.len() == 18 && bytes.starts_with(&ID_PREFIX))
}

/// The name of a key that opens, of this controller.
fn kid_of(did: &str, public: &AgreementPublic) -> String {
    let codec = match public.profile() {
        Profile::Recommended => X25519_PUBLIC,
        Profile::Fips => P256_PUBLIC,
    };
    let key = match (public.profile(), public.bytes()) {
        (Profile::Fips, [4, coordinates @ ..]) if coordinates.len() == 64 => {
            let sign = if coordinates[63] & 1 == 1 { 3 } else { 2 };
            [&[sign], &coordinates[..32]].concat()
        }
        (_, bytes) => bytes.to_vec(),
    };
    format!("{did}#z{}", base58::encode(&[&codec[..], &key].concat()))
}

/// A new key that opens, named by its controller.
pub fn generate_agreement(did: &str) -> Result<AgreementKey> {
    let key = AgreementKey::generate(Profile::Recommended, "new", &mut SystemRng).map_err(own)?;
    named(key, did)
}

/// The same key by its full name.
pub fn named(key: AgreementKey, did: &str) -> Result<AgreementKey> {
    let kid = kid_of(did, &key.public());
    key.with_kid(&kid).map_err(own)
}

fn own(error: strongroom_seal::jwe::JweError) -> Error {
    Error::new(ErrorKind::Other, error.to_string())
}

/// The key that a name is.
pub fn resolve(kid: &str) -> Result<AgreementPublic> {
    let unknown = || {
        let shown: String = kid.chars().take(200).collect();
        Error::new(ErrorKind::Usage, format!("{shown} is no name of a key that opens"))
            .with_hint("it looks like did:key:z6Mk…#z6LS…; `strongroom edv id` shows one's own")
    };
    let (_, fragment) = kid.split_once('#').ok_or_else(unknown)?;
    let bytes = fragment.strip_prefix('z').and_then(|it| base58::decode(it, MULTIKEY_LEN_MAX));
    let bytes = bytes.ok_or_else(unknown)?;
    let read = |profile, key: &[u8]| AgreementPublic::new(profile, kid, key).ok();
    let key = if let Some(key) = bytes.strip_prefix(&X25519_PUBLIC) {
        read(Profile::Recommended, key)
    } else {
        bytes.strip_prefix(&P256_PUBLIC).and_then(|key| read(Profile::Fips, key))
    };
    key.ok_or_else(unknown)
}

/// A key that opens, from multibase as other programs keep it.
pub fn agreement_from_multibase(kid: &str, secret: &str) -> Result<AgreementKey> {
    let wrong = || Error::new(ErrorKind::Usage, "this is no private key that opens");
    let bytes = secret.strip_prefix('z').and_then(|it| base58::decode(it, MULTIKEY_LEN_MAX));
    let bytes = zeroize::Zeroizing::new(bytes.ok_or_else(wrong)?);
    let (profile, key) = match bytes.split_first_chunk::<2>() {
        Some((&X25519_SECRET, key)) => (Profile::Recommended, key),
        Some((&P256_SECRET, key)) => (Profile::Fips, key),
        _ => return Err(wrong()),
    };
    let key: &[u8; 32] = key.try_into().map_err(|_| wrong())?;
    AgreementKey::from_secret_bytes(profile, kid, key).map_err(|_| wrong())
}

/// The DID of a key that signs.
pub fn did_of(signer: &EdvSigningKey) -> String {
    did_key::did(&signer.public())
}

/// Reads a capability that this vault kept, or was handed.
pub fn read_zcap(json: &str) -> Result<Zcap> {
    Zcap::parse(json.as_bytes()).map_err(|error| {
        Error::new(ErrorKind::Usage, format!("this is no capability: {error}"))
            .with_hint("ask whoever gave it for the file that `strongroom edv grant` wrote")
    })
}
