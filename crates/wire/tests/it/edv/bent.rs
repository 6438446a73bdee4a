//! Bent and arbitrary input for every reader of this protocol: none panics, and what is read is
//! written so that it is read the same. The long form of this is in fuzz/.

use proptest::prelude::*;
use strongroom_wire::edv::invocation::Invoked;
use strongroom_wire::edv::json::Json;
use strongroom_wire::edv::signature::Capability;
use strongroom_wire::edv::time::Moment;
use strongroom_wire::edv::zcap::Zcap;

use super::sent::Sent;
use super::world::{ALICE, EDV, Person, chain_of};

fn read(bytes: &[u8]) {
    if let Ok(json) = Json::parse(bytes) {
        let mut again = String::new();
        json.write(&mut again);
        assert_eq!(Json::parse(again.as_bytes()), Ok(json));
    }
    if let Ok(zcap) = Zcap::parse(bytes) {
        let again = Zcap::parse(zcap.to_json().as_bytes()).unwrap();
        assert_eq!(again.to_be_signed(), zcap.to_be_signed());
        assert_eq!(again, zcap);
    }
    let text = String::from_utf8_lossy(bytes);
    let _ = (Invoked::parse(&text), Moment::parse(&text));
}

type Bends = Vec<(prop::sample::Index, u8)>;

fn bent(text: &str, bends: &Bends, cut: Option<prop::sample::Index>) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for (at, byte) in bends {
        let at = at.index(bytes.len());
        bytes[at] = *byte;
    }
    if let Some(cut) = cut {
        bytes.truncate(cut.index(bytes.len()));
    }
    bytes
}

fn bends() -> impl Strategy<Value = Bends> {
    proptest::collection::vec((any::<prop::sample::Index>(), 0x20_u8..0x7f), 1..4)
}

proptest! {
    #[test]
    fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        read(&bytes);
    }

    /// No change of a single chain lets it do more: it is refused, or is the same one.
    #[test]
    fn bent_zcaps(
        bends in bends(), cut in proptest::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let chain = chain_of(3, EDV, &["read"]);
        let bytes = bent(&chain.to_json(), &bends, cut);
        read(&bytes);
        if let Ok(zcap) = Zcap::parse(&bytes) {
            let who = Person(4);
            let sent = Sent::by(who, "GET", EDV, Capability::Delegated(&zcap), "read");
            prop_assert_eq!(sent.judge().is_ok(), zcap == chain);
        }
    }

    /// No change of a header that is covered goes unnoticed.
    #[test]
    fn bent_headers(name in 0_usize..5, bends in bends()) {
        let sent = Sent::by(ALICE, "POST", EDV, Capability::RootOf(EDV), "write");
        let (name, old) = sent.headers.0[name].clone();
        let new = String::from_utf8(bent(&old, &bends, None)).unwrap();
        let judged = sent.with(&name, Some(&new)).judge();
        // White space around a value, and how `authorization` is spaced, is not signed.
        let plain = |text: &str| text.replace(' ', "").to_ascii_lowercase();
        prop_assert!(judged.is_err() || plain(&new) == plain(&old), "{name}: {new}");
    }
}
