//! Links at a provider that listens, and that answers what it likes (attacks A08, A27).

use strongroom_client::{
    Clock, Error, ErrorKind, LinkOptions, LinkText, OpenedLink, Passphrase, Place, Quiet,
};
use strongroom_core::link::from_text;
use strongroom_evil::{Act, Needles, Rule};
use strongroom_seal::cost::Cost;
use strongroom_seal::link::LinkSalt;
use strongroom_wire::link::LinkRecord;

use crate::world::{PHONE, World};

const PASSWORD: &str = "the blue door by the river";

fn password() -> Passphrase {
    Passphrase::new(PASSWORD.to_owned())
}

fn until() -> u64 {
    Clock::default().now_secs() + 3_600
}

fn open(link: &str) -> Result<OpenedLink, Error> {
    let folder = tempfile::tempdir().unwrap().keep();
    OpenedLink::open(&LinkText::read(link)?, || Ok(password()), &folder, &Quiet)
}

/// Alice's bucket with a letter, and a link to it with a password.
fn shared(world: &World) -> (String, Vec<u8>) {
    let text = world.text(200);
    world.phone.vault.create_bucket("plans").unwrap();
    world.phone.put("plans:/confidential drawing", &text);
    world.keep_secret(b"confidential drawing");
    let password = password();
    let options = LinkOptions { until: until(), password: Some(&password), ..Default::default() };
    let made = world.phone.vault.link(Some("plans"), &options).unwrap();
    (made.link.unwrap(), text)
}

/// The records of links that went over the wire.
fn records(world: &World) -> Vec<LinkRecord> {
    let puts = world
        .evil
        .tap()
        .find(|seen| seen.asked.method == "PUT" && seen.asked.path.contains("/links/"));
    puts.iter().map(|seen| LinkRecord::decode(&seen.asked.body).unwrap()).collect()
}

#[test]
fn a27_captured_traffic_holds_no_secret_of_a_link() {
    let world = World::new();
    let (link, text) = shared(&world);
    let opened = open(&link).unwrap();
    let mut out = Vec::new();
    let drawing = Place::parse("/confidential drawing").unwrap();
    opened.cat(&drawing, &mut out, &Quiet).unwrap();
    assert_eq!(out, text);
    opened.finish();
    let (_, parts) = from_text(&link).unwrap();
    let kept = &records(&world)[0];
    let salt = kept.password.unwrap();
    let salted = LinkSalt { salt: salt.salt, cost: Cost::FLOOR };
    let key = parts.secret.open_with(PASSWORD.as_bytes(), &salted).unwrap();
    // The control: what may be seen is seen. The name of the record is not the secret, and the
    // public half of the key is what secret and password can be tested by, together.
    let holder = key.member().public();
    assert_eq!(kept.chain.last().unwrap().claims().holder, Some(holder));
    let shown = [parts.secret.id().to_base32().into_bytes(), holder.0.to_vec()];
    for public in shown {
        assert!(world.evil.tap().search(&Needles::new([public])).is_some(), "the search is blind");
    }
    let fragment = link.split_once('#').unwrap().1;
    let secrets = [
        parts.secret.to_secret_bytes().to_vec(),
        key.agree().to_secret_bytes().to_vec(),
        key.member().to_secret_bytes().to_vec(),
        key.tag_key().to_secret_bytes().to_vec(),
        // Its last third is the secret, however it is cut.
        fragment.as_bytes()[68..].to_vec(),
        fragment.as_bytes()[68..90].to_vec(),
        PASSWORD.as_bytes().to_vec(),
        parts.secret.open().agree().to_secret_bytes().to_vec(),
    ];
    for secret in secrets {
        world.keep_secret(&secret);
    }
    world.nothing_leaked();
    world.works_again(&world.recover(PHONE).unwrap());
}

/// The provider sets the price of a guess low, so high that nobody can pay, or hands out another's
/// record. The link does not open, and no password is asked for.
/// What somebody does to a record on its way.
type Change = fn(&mut LinkRecord);

#[test]
fn a08_a_record_that_was_changed_is_refused_before_a_password_is_asked() {
    let world = World::new();
    let (link, _) = shared(&world);
    open(&link).unwrap().finish();
    let changes: [(&str, Change); 4] = [
        ("cheap", |record| record.password.as_mut().unwrap().memory_kib = 8),
        ("one pass", |record| record.password.as_mut().unwrap().passes = 1),
        ("a bomb", |record| record.password.as_mut().unwrap().memory_kib = u32::MAX),
        ("no password", |record| record.password = None),
    ];
    for (name, change) in changes {
        let act = Act::body(move |body| {
            let mut record = LinkRecord::decode(body).unwrap();
            change(&mut record);
            *body = record.encode();
        });
        let rule = Rule::new(name, act)
            .when(|asked| asked.method == "GET" && asked.path.contains("/links/"));
        let played = world.evil.play(rule);
        let folder = tempfile::tempdir().unwrap();
        let asked = || panic!("{name}: a password was asked for");
        let text = LinkText::read(&link).unwrap();
        let error = OpenedLink::open(&text, asked, folder.path(), &Quiet).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{name}: {error}");
        assert_eq!(played.fired(), 1, "{name}");
        world.evil.honest();
    }
    open(&link).unwrap().finish();
    world.works_again(&world.recover(PHONE).unwrap());
}
