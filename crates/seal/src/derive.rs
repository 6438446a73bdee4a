//! Derivation. Comes in: a context and key material. Goes out: 32 bytes that say nothing about
//! either. Must not know: what the output is for, beyond its context.
//!
//! All derivation is BLAKE3's `derive_key` mode. A context is used for one purpose only, so a key
//! of one purpose never equals a key of another (attack A05). Inputs have a fixed length each
//! (`natural` has one of variable length, and it stands last), so no two inputs run together.

use strongroom_wire::format::KEY_CONTEXT_PREFIX;
use zeroize::{Zeroize, Zeroizing};

macro_rules! contexts {
    ($($name:ident = $text:literal;)*) => {
        $(pub(crate) const $name: &str = concat!("strongroom 1 ", $text);)*
        /// Every context there is.
        #[cfg(test)]
        pub(crate) const ALL: &[&str] = &[$($name),*];
    };
}

// The table of docs/spec/keys.md, row by row.
contexts! {
    CONTENT = "content";
    HISTORY = "history";
    CHILD = "child";
    INDEX = "index";
    EPOCH_COMMIT = "epoch commit";
    CONTENT_COMMIT = "content commit";
    HISTORY_COMMIT = "history commit";
    DOCUMENT_COMMIT = "document commit";
    DOCUMENT = "document";
    DOCUMENT_HISTORY = "document history";
    DOCUMENT_BACK = "document back";
    DOCUMENT_OPEN = "document open";
    VERSION = "version";
    COMMIT = "commit";
    NONCE = "nonce";
    CHUNK = "chunk";
    WRAP = "wrap";
    WRAP_TAG = "wrap tag";
    AUTHOR = "author";
    MEMBER_TAG = "member tag";
    NATURAL = "natural";
    DROP = "drop";
    DROP_MEMBER = "drop member";
    MESSAGE = "message";
    LINK_ID = "link id";
    LINK_AGREE = "link agree";
    LINK_MEMBER = "link member";
    LINK_TAG = "link tag";
    LINK_PRINCIPAL = "link principal";
    EPOCH_BACK = "epoch back";
    CHILD_SLOT = "child slot";
    IDENTITY_ROOT = "identity root";
    RECOVERY_PAIR = "recovery pair";
    RECOVERY_LOCATOR = "recovery locator";
    RECOVERY_ID = "recovery id";
    RECOVERY_SIGN = "recovery sign";
    RECOVERY_WRAP = "recovery wrap";
    ROOT_WRAP = "root wrap";
    INVITATION = "invitation";
    PAIRING = "pairing";
    PAIRING_CODE = "pairing code";
    PAIRING_MAILBOX = "pairing mailbox";
    PAIRING_COMMIT = "pairing commit";
    PAIRING_WORDS = "pairing words";
    PAIRING_CONFIRM = "pairing confirm";
    PAIRING_MESSAGE = "pairing message";
    AGREE_WRAP = "agree wrap";
    LOCAL = "local";
    LOCAL_ROW = "local row";
    LOCAL_NONCE = "local nonce";
    LOCAL_BLIND = "local blind";
    KEY_STORE = "key store";
    KEY_STORE_NONCE = "key store nonce";
    KEY_STORE_COMMIT = "key store commit";
}

// The prefix above is a literal because `concat!` takes nothing else; this keeps it honest.
const _: () = assert!(
    starts_with(CONTENT.as_bytes(), KEY_CONTEXT_PREFIX.as_bytes()),
    "the context prefix differs from the format's"
);

const fn starts_with(mut bytes: &[u8], mut prefix: &[u8]) -> bool {
    loop {
        match (bytes, prefix) {
            (_, []) => return true,
            ([a, bytes_rest @ ..], [b, prefix_rest @ ..]) if *a == *b => {
                bytes = bytes_rest;
                prefix = prefix_rest;
            }
            _ => return false,
        }
    }
}

/// `derive(name, input)`: `input` is the parts one after the other.
pub(crate) fn derive(context: &'static str, input: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in input {
        hasher.update(part);
    }
    let mut out = Zeroizing::new([0; 32]);
    hasher.finalize_xof().fill(out.as_mut_slice());
    // The hasher's block buffer still holds the key material.
    hasher.zeroize();
    out
}

/// The first 16 bytes of `derive(name, input)`: tags, which are public.
pub(crate) fn derive_tag(context: &'static str, input: &[&[u8]]) -> [u8; 16] {
    let full = derive(context, input);
    let mut out = [0; 16];
    for (to, from) in out.iter_mut().zip(full.iter()) {
        *to = *from;
    }
    out
}

/// BLAKE3 of `bytes`.
pub(crate) fn hash(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a05_no_context_stands_for_two_purposes() {
        let mut seen = std::collections::BTreeSet::new();
        for context in ALL {
            assert!(seen.insert(context), "{context} twice");
            assert!(context.starts_with(KEY_CONTEXT_PREFIX), "{context}");
        }
    }

    #[test]
    fn a05_golden_derivations() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/keys/derive.json");
        let book: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let unhex = |value: &serde_json::Value| -> Vec<u8> {
            let text = value.as_str().unwrap();
            (0..text.len() / 2)
                .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
                .collect()
        };
        let mut left: std::collections::BTreeSet<_> = ALL.iter().collect();
        for case in book["cases"].as_array().unwrap() {
            let name = format!("strongroom 1 {}", case["context"].as_str().unwrap());
            let context = *ALL.iter().find(|context| **context == name).unwrap();
            let input: Vec<_> =
                case["input"].as_array().unwrap().iter().map(|part| unhex(&part["hex"])).collect();
            let parts: Vec<_> = input.iter().map(Vec::as_slice).collect();
            assert_eq!(derive(context, &parts)[..], unhex(&case["output"]), "{name}");
            left.remove(&context);
        }
        assert!(left.is_empty(), "without a golden case: {left:?}");
    }

    #[test]
    fn derive_is_blake3_derive_key() {
        let whole = blake3::derive_key("strongroom 1 wrap", b"abc");
        assert_eq!(*derive(WRAP, &[b"a", b"", b"bc"]), whole);
        assert_eq!(derive_tag(WRAP, &[b"abc"])[..], whole[..16]);
    }
}
