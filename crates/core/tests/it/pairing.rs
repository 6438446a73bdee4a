//! Stories of pairing: what two devices come to agree on, and what somebody in between cannot do.

use strongroom_core::pairing::{
    CodeError, Gift, GiftProvider, Guest, Host, LongCode, Message, NewDevice, PairingError,
    Promised, ShortCode, Waiting,
};
use strongroom_seal::pairing::{CodeKey, PairingFault};
use strongroom_seal::rng::DangerSeeded;
use strongroom_wire::ids::{BucketId, KeyEventId, PrincipalId, Thumbprint, VaultTag};
use zeroize::Zeroizing;

use crate::people::{Diary, add, kem};

const CODE: ShortCode = ShortCode([1, 2, 3, 4, 5, 6, 7, 8, 9]);

/// Alice's old device and her new one, with what they put in the mailbox.
fn agreed() -> (Host, Guest) {
    let (mut one, mut two) = (DangerSeeded::new(1), DangerSeeded::new(2));
    let (host, commit) = Promised::begin(CODE.key(), &mut one);
    let (guest, share) = Waiting::begin(CODE.key(), &commit, &mut two).unwrap();
    let (host, reveal) = host.answered(&share, &mut one).unwrap();
    let (guest, confirm) = guest.shown(&reveal, &mut two).unwrap();
    (host.confirmed(&confirm).unwrap(), guest)
}

fn device(principal: PrincipalId) -> NewDevice {
    let strongroom_core::keylog::Change::AddDevice { device, kem, possession } = add(principal, 12)
    else {
        panic!("another change");
    };
    NewDevice { device, kem, possession, name: "phone".to_owned() }
}

fn gift(principal: PrincipalId) -> Gift {
    Gift {
        principal,
        head: KeyEventId([2; 32]),
        agree: Zeroizing::new([3; 32]),
        vault_bucket: BucketId([4; 32]),
        member_seed: Zeroizing::new([5; 32]),
        member_chain: vec![vec![6; 2_048]; 8],
        checkpoint: None,
        recovery_public: kem(41),
        recovery_locator: Zeroizing::new([12; 32]),
        providers: vec![GiftProvider {
            url: "https://p.example".to_owned(),
            key: Thumbprint([8; 32]),
            vault: VaultTag([9; 16]),
            vault_seed: Zeroizing::new([10; 32]),
            record_counter: 3,
        }],
    }
}

#[test]
fn a_new_device_gets_what_it_needs_after_both_said_yes() {
    let principal = Diary::of_alice().log().principal();
    let (host, guest) = agreed();
    assert_eq!(host.words(), guest.words());
    let invited = guest.invited(&host.invite(principal).unwrap()).unwrap();
    assert_eq!(invited, principal);
    let joined = host.guest(&guest.join(&device(principal)).unwrap(), principal).unwrap();
    assert_eq!(joined, device(principal));
    let mut small = gift(principal);
    small.member_chain = vec![vec![6; 400]; 8];
    let given = guest.take(&host.give(&small).unwrap()).unwrap();
    assert_eq!(given.encode(), small.encode());
    host.done(&guest.done().unwrap()).unwrap();
}

#[test]
fn a_device_that_did_not_agree_to_belong_to_this_person_is_not_taken() {
    let principal = Diary::of_alice().log().principal();
    let (host, guest) = agreed();
    let foreign = guest.join(&device(PrincipalId([9; 32]))).unwrap();
    assert_eq!(host.guest(&foreign, principal), Err(PairingError::Possession));
}

#[test]
fn who_ends_it_is_heard_and_what_is_out_of_turn_is_refused() {
    let principal = Diary::of_alice().log().principal();
    let (host, guest) = agreed();
    let no = Message::No.encode();
    assert_eq!(host.guest(&no, principal), Err(PairingError::Ended));
    assert_eq!(guest.invited(&no), Err(PairingError::Ended));
    let commit = Message::Commit([1; 32]).encode();
    assert_eq!(guest.invited(&commit), Err(PairingError::Turn));
    // What one side sealed for one place opens nowhere else.
    let invite = host.invite(principal).unwrap();
    assert!(matches!(guest.take(&invite), Err(PairingError::Open(_))));
    assert!(matches!(host.guest(&invite, principal), Err(PairingError::Open(_))));
}

#[test]
fn somebody_in_between_changes_the_words_or_is_noticed_before() {
    let mut rng = DangerSeeded::new(7);
    // Between the two with both messages in his hands, and a share of his own for each.
    let (host, commit) = Promised::begin(CODE.key(), &mut rng);
    let (false_guest, his_share) = Waiting::begin(CODE.key(), &commit, &mut rng).unwrap();
    let (false_host, his_commit) = Promised::begin(CODE.key(), &mut rng);
    let (guest, share) = Waiting::begin(CODE.key(), &his_commit, &mut rng).unwrap();
    let (host, reveal) = host.answered(&his_share, &mut rng).unwrap();
    let (false_host, his_reveal) = false_host.answered(&share, &mut rng).unwrap();
    let (_, his_confirm) = false_guest.shown(&reveal, &mut rng).unwrap();
    let (guest, confirm) = guest.shown(&his_reveal, &mut rng).unwrap();
    let host = host.confirmed(&his_confirm).unwrap();
    false_host.confirmed(&confirm).unwrap();
    assert_ne!(host.words(), guest.words(), "the people see that he is there");

    // Passing on what is theirs, he has no key; changing a byte of it, neither have they.
    let (host, commit) = Promised::begin(CODE.key(), &mut rng);
    let (guest, share) = Waiting::begin(CODE.key(), &commit, &mut rng).unwrap();
    let (_, reveal) = host.answered(&share, &mut rng).unwrap();
    let Message::Reveal(mut shown, enc) = Message::decode(&reveal).unwrap() else {
        panic!("another message");
    };
    shown.nonce[0] ^= 1;
    let refused = guest.shown(&Message::Reveal(shown, enc).encode(), &mut rng);
    assert_eq!(refused.unwrap_err(), PairingError::Fault(PairingFault::Commitment));
}

#[test]
fn who_has_not_the_code_has_no_key() {
    let mut rng = DangerSeeded::new(8);
    let (secret, guessed) = (CodeKey::generate(&mut rng), CodeKey::generate(&mut rng));
    let (host, commit) = Promised::begin(secret, &mut rng);
    let (guest, share) = Waiting::begin(guessed, &commit, &mut rng).unwrap();
    let (host, reveal) = host.answered(&share, &mut rng).unwrap();
    let (_, confirm) = guest.shown(&reveal, &mut rng).unwrap();
    let refused = host.confirmed(&confirm).unwrap_err();
    assert_eq!(refused, PairingError::Fault(PairingFault::Confirmation));
}

#[test]
fn codes_are_read_as_people_type_them() {
    assert_eq!(CODE.to_string(), "123-456-789");
    for typed in ["123456789", " 123 456 789\n", "123-456-789"] {
        assert_eq!(ShortCode::parse(typed), Ok(CODE), "{typed:?}");
    }
    for typed in ["", "12345678", "1234567890", "123-456-78x", &"1".repeat(100)] {
        assert_eq!(ShortCode::parse(typed), Err(CodeError::Short), "{typed:?}");
    }
    assert_ne!(CODE.key().mailbox(), ShortCode([0; 9]).key().mailbox());
    let long = LongCode {
        url: "https://p.example:8443".to_owned(),
        provider: Thumbprint([8; 32]),
        key: CodeKey::from_secret_bytes(&[7; 32]),
    };
    let read = LongCode::parse(&format!("  {}\n", long.to_text().to_uppercase())).unwrap();
    assert_eq!((read.url, read.provider), (long.url, long.provider));
    assert_eq!(read.key.mailbox(), long.key.mailbox());
}

#[test]
fn a_gift_that_fits_no_message_is_refused_and_not_cut() {
    let (host, _) = agreed();
    let refused = host.give(&gift(PrincipalId([1; 32])));
    assert!(matches!(refused, Err(PairingError::Seal(_))));
}
