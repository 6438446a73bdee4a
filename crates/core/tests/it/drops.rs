//! Stories of drops: a stranger puts something in, and who opens it.

use strongroom_core::document::{Content, digest_of};
use strongroom_core::drops::{
    Address, DropError, Letter, Made, OneTimeAuthor, Terms, card, make, name_of, open,
};
use strongroom_core::granting::Granter;
use strongroom_core::inbox::{Inbox, InboxError};
use strongroom_core::invitation::KeptAt;
use strongroom_core::joining::member_facts;
use strongroom_core::message::{MessageBody, Purpose};
use strongroom_core::writer::{Author, seal_transaction};
use strongroom_seal::keys::EpochKey;
use strongroom_seal::rng::DangerSeeded;
use strongroom_wire::chain::Verified;
use strongroom_wire::clear::References;
use strongroom_wire::control::Control;
use strongroom_wire::drop_card::{CheckedCard, check};
use strongroom_wire::entry::{Entry, Hlc};
use strongroom_wire::ids::{EntryId, Thumbprint};

use crate::alices::{Home, NOW};
use crate::people::Someone;

/// Alice's bucket with a drop, and what she hands out.
struct Story {
    home: Home,
    control: Control,
    address: Address,
    card: CheckedCard,
}

fn terms() -> Terms {
    Terms {
        until: None,
        from: NOW / 1_000 - 300,
        quota_bytes: Some(1 << 20),
        entries_per_hour: Some(3),
    }
}

impl Story {
    fn new() -> Self {
        let mut home = Home::new(70);
        let mut control = home.control();
        let Made { planned, secret, chain } = {
            let founded = &home.founded;
            let granter = Granter {
                bucket: founded.bucket,
                member: &founded.member,
                chain: &founded.member_chain,
                names: &founded.name_key,
                epoch: (&founded.epoch_key, 1),
                suite: home.sealing.suite,
                heads: &control.parents(),
            };
            make(&granter, "applications", &terms(), &mut DangerSeeded::new(71)).unwrap()
        };
        let position = home.founded.position;
        let mut rng = std::mem::replace(&mut home.rng, DangerSeeded::new(72));
        let author: Author<'_> = home.author();
        let (entries, _) =
            seal_transaction(&author, &home.under(), &[planned], position, NOW, &mut rng).unwrap();
        control.insert(&entries[0]).unwrap();
        let facts = member_facts(&home.keyring(), &home.founded.name_key, &entries[0]).unwrap();
        assert_eq!(name_of(&facts.body.rights), Some("applications"));
        let address = Address {
            name: "applications".to_owned(),
            kept_at: vec![KeptAt { url: "https://p.example".into(), key: Thumbprint([1; 32]) }],
            bucket: home.founded.bucket,
            entry: entries[0].id(),
            chain: chain.capabilities().iter().map(|it| it.bytes().to_vec()).collect(),
            secret,
        };
        let card = Self::card_of(&home, home.founded.epoch, &home.founded.epoch_key);
        Self { home, control, address, card }
    }

    /// The card of an epoch, as a stranger checks it.
    fn card_of(home: &Home, epoch: EntryId, key: &EpochKey) -> CheckedCard {
        let founded = &home.founded;
        let chain = founded.member_chain.extended(founded.author_capability.clone()).unwrap();
        let content = key.content(founded.bucket);
        let made = (epoch, Hlc::new(NOW, 0));
        let said = card(founded.bucket, made, &content, NOW / 1_000 + 90 * 86_400);
        let bytes = said.issue(&founded.entries[0], &chain, |input| home.key.sign(input));
        check(&bytes, founded.bucket, NOW / 1_000).unwrap()
    }

    fn put(&self, body: &MessageBody, from: Option<&Someone>) -> Verified<Entry> {
        let author = OneTimeAuthor::new(&self.address, &mut DangerSeeded::new(73)).unwrap();
        let device = from.map(|it| &it.device);
        let letter = Letter { body, device, references: References::NONE, answers: &[] };
        author.write(&self.card, &letter, NOW + 5, &mut DangerSeeded::new(74)).unwrap()
    }
}

fn file(name: &str, content: &[u8]) -> MessageBody {
    MessageBody {
        name: Some(name.to_owned()),
        words: None,
        size: content.len() as u64,
        digest: Some(digest_of(content)),
        content: Content::Inline(content.to_vec()),
        ..MessageBody::words(Purpose::File, String::new())
    }
}

#[test]
fn a_stranger_puts_a_file_in_and_only_members_open_it() {
    let story = Story::new();
    let message = story.put(&file("letter.txt", b"hello"), None);
    assert_eq!(story.control.judge_entry(&message), Ok(()));
    let opened = open(&story.home.keyring(), &message).unwrap();
    assert_eq!(opened.body.name.as_deref(), Some("letter.txt"));
    assert_eq!(opened.body.content, Content::Inline(b"hello".to_vec()));
    assert!(opened.sender.principal().is_none(), "nobody signed it");
    assert_eq!(opened.drop, story.address.entry);
    // Who knows the bucket and has none of its keys, opens nothing; nor does the wrong bucket's.
    assert!(open(&story.home.empty_keyring(), &message).is_err());
    assert!(open(&Home::new(75).keyring(), &message).is_err());
}

#[test]
fn a_changed_message_does_not_open() {
    let story = Story::new();
    let good = story.put(&file("letter.txt", b"hello"), None);
    let keyring = story.home.keyring();
    assert!(open(&keyring, &good).is_ok());
    let sealed = good.sealed_bytes().unwrap();
    for at in [0, sealed.len() / 2, sealed.len() - 1] {
        let mut bent = sealed.to_vec();
        bent[at] ^= 1;
        let entry = Entry::assemble(good.header().clone(), good.clear().to_vec(), bent);
        assert!(open(&keyring, &Verified::danger_made_here(entry)).is_err(), "byte {at}");
    }
    // The encapsulation is part of what the seal covers.
    let mut clear = good.clear().to_vec();
    clear[500] ^= 1;
    let entry = Entry::assemble(good.header().clone(), clear, sealed.to_vec());
    assert!(open(&keyring, &Verified::danger_made_here(entry)).is_err());
}

#[test]
fn a_signed_message_names_its_sender_and_cannot_be_put_elsewhere() {
    let story = Story::new();
    let bob = Someone::new(80);
    let body = MessageBody { card: Some(bob.card().encode()), ..file("cv.pdf", b"%PDF") };
    let message = story.put(&body, Some(&bob));
    let opened = open(&story.home.keyring(), &message).unwrap();
    assert_eq!(opened.sender.principal(), Some(bob.log.principal()));
    // The same bytes under another author, or in another bucket, are signed by nobody.
    let author = message.header().author;
    let bucket = message.header().bucket;
    let plain = body.encode(bucket, author, Some(&bob.device));
    assert!(MessageBody::decode(&plain, bucket, author).is_ok());
    let elsewhere = strongroom_wire::ids::BucketId([9; 32]);
    assert!(MessageBody::decode(&plain, elsewhere, author).is_err());
    let other = strongroom_wire::ids::AuthorKey([9; 32]);
    assert!(MessageBody::decode(&plain, bucket, other).is_err());
    // Carroll cannot sign as Bob with a device of her own.
    let carroll = Someone::new(81);
    let forged = body.encode(bucket, author, Some(&carroll.device));
    assert!(MessageBody::decode(&forged, bucket, author).is_err());
}

#[test]
fn a_name_that_leads_elsewhere_is_refused() {
    let story = Story::new();
    let (bucket, author) = (story.home.founded.bucket, strongroom_wire::ids::AuthorKey([3; 32]));
    let long = "x".repeat(256);
    for name in ["../letter.txt", "/etc/passwd", "..", "", "a\0b", long.as_str()] {
        let body = file(name, b"hello");
        assert!(!body.is_sound(), "{name:?}");
        assert!(MessageBody::decode(&body.encode(bucket, author, None), bucket, author).is_err());
    }
    let nameless = MessageBody { name: None, ..file("x", b"hello") };
    assert!(MessageBody::decode(&nameless.encode(bucket, author, None), bucket, author).is_err());
    let lies = MessageBody { size: 6, ..file("x", b"hello") };
    assert!(MessageBody::decode(&lies.encode(bucket, author, None), bucket, author).is_err());
    let words = MessageBody::words(Purpose::File, "call me".to_owned());
    assert!(MessageBody::decode(&words.encode(bucket, author, None), bucket, author).is_ok());
}

#[test]
fn an_address_survives_mail_and_is_as_deep_as_it_goes() {
    let story = Story::new();
    let text = story.address.to_text();
    let mail = format!("Hello,\r\n> {}", text.replace('\n', "\r\n> "));
    let read = Address::from_text(&mail).unwrap();
    assert_eq!(*read.encode(), *story.address.encode());
    assert!(text.len() < 2_000, "{} characters", text.len());
    assert!(Address::from_text(&text[..300]).is_err());
    // Who has it cannot hand on less of it as another drop: one author deep, and no more.
    let author = OneTimeAuthor::new(&read, &mut DangerSeeded::new(1)).unwrap();
    let deeper = Address {
        chain: author.chain().capabilities().iter().map(|it| it.bytes().to_vec()).collect(),
        ..read
    };
    let refused = OneTimeAuthor::new(&deeper, &mut DangerSeeded::new(2)).unwrap_err();
    assert!(matches!(refused, DropError::Delegation(_)));
}

#[test]
fn only_a_device_of_its_owner_says_where_an_inbox_is() {
    let address = Story::new().address;
    let (bob, carroll) = (Someone::new(80), Someone::new(81));
    let said = Inbox::sign(&address, bob.log.principal(), &bob.device);
    let read = Inbox::decode(&said.encode()).unwrap().address_for(&bob.log).unwrap();
    assert_eq!(*read.encode(), *address.encode());
    // Handed on as another's, or signed by another for him, it leads nowhere.
    assert_eq!(said.address_for(&carroll.log).unwrap_err(), InboxError::Signature);
    let forged = Inbox::sign(&address, bob.log.principal(), &carroll.device);
    assert_eq!(forged.address_for(&bob.log).unwrap_err(), InboxError::Signature);
    // One byte of the address changed: it is not what the device signed.
    let mut bent = said.encode();
    let at = bent.windows(32).position(|it| it == address.bucket.0).unwrap();
    bent[at] ^= 1;
    let bent = Inbox::decode(&bent).unwrap();
    assert_eq!(bent.address_for(&bob.log).unwrap_err(), InboxError::Signature);
}
