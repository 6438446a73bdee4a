//! What two devices of one person agree on before anything secret goes from one to the other.
//! Comes in: a code, the shares of both sides. Goes out: six words to compare, and a key for each
//! message. Must not know: what the messages say, how they travel.
//!
//! The host commits to its share before it has seen the guest's, and shows it after: who stands in
//! between has one guess at the words, one in 2^66. Both sides encapsulate to the other, so only
//! who has the secret of a share that went into the words knows the key (docs/spec/pairing.md).

use bip39::Language;
use strongroom_wire::clear::{KEM_ENC_LEN, KEM_PUBLIC_LEN};
use strongroom_wire::limits::{PAIRING_MESSAGE_LEN_MAX, SEAL_TAG_LEN};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::aead::{self, OpenError, Opens, SealError, SealsOnce};
use crate::derive::{self, derive, derive_tag, hash};
use crate::kem::{KemKeyError, KemPair, KemPublic, PairingSeed, SharedSecret};
use crate::keys::{random_secret, secret};
use crate::rng::Rng;
use crate::suite::Suite;

/// Words both sides show.
pub const WORDS: usize = 6;
/// Digits of a short code.
pub const DIGITS: usize = 9;

const LENGTH_LEN: usize = 4;
/// Plaintexts are as long as a multiple of this.
const STEP: usize = 1_024;

/// Why two devices do not agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PairingFault {
    /// A share is no key.
    #[error("the other device sent something that is no key")]
    Key(#[from] KemKeyError),
    /// The host showed another share than it had committed to.
    #[error("the other device shows another key than it had promised; somebody is in between")]
    Commitment,
    /// The other side does not have the same key.
    #[error("the other device has not got the same code, or somebody is in between")]
    Confirmation,
}

random_secret! {
    /// What a code stands for: of a long code a secret, of a short one only the way to a mailbox.
    CodeKey
}
secret! {
    /// What both sides derive all else from.
    SessionKey
}
secret! {
    /// Seals one message.
    MessageKey
}

impl SealsOnce for MessageKey {
    fn seal_key(&self) -> &[u8; 32] {
        self.expose()
    }
}
impl Opens for MessageKey {
    fn open_key(&self) -> &[u8; 32] {
        self.expose()
    }
}

impl CodeKey {
    /// That of a short code, as digits 0 to 9.
    pub fn of_digits(digits: &[u8; DIGITS]) -> Self {
        let ascii = digits.map(|digit| b'0' + digit % 10);
        Self::new(&derive(derive::PAIRING_CODE, &[&ascii]))
    }

    /// Where the messages are put.
    pub fn mailbox(&self) -> [u8; 16] {
        derive_tag(derive::PAIRING_MAILBOX, &[self.expose()])
    }
}

/// Which side a message is by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The device that has the vault.
    Host = 0,
    /// The device that is to have it.
    Guest = 1,
}

/// What one side shows of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// X-Wing public key, for this pairing alone.
    pub kem: Box<[u8; KEM_PUBLIC_LEN]>,
    /// Random.
    pub nonce: [u8; 32],
}

/// The secret half of a share.
pub struct Offer {
    pair: KemPair,
    share: Share,
}

impl core::fmt::Debug for Offer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Offer(secret)")
    }
}

impl Offer {
    /// A new one.
    pub fn generate(rng: &mut impl Rng) -> Self {
        let pair = PairingSeed::generate(rng).pair();
        let mut nonce = [0; 32];
        rng.fill(&mut nonce);
        let kem = pair.public().to_bytes();
        Self { pair, share: Share { kem, nonce } }
    }

    /// What is shown.
    pub const fn share(&self) -> &Share {
        &self.share
    }

    /// What the host puts first.
    pub fn commitment(&self) -> [u8; 32] {
        commitment(&self.share)
    }
}

fn commitment(host: &Share) -> [u8; 32] {
    *derive(derive::PAIRING_COMMIT, &[&hash(&host.kem[..]), &host.nonce])
}

/// An encapsulation to the other side's key.
pub type Enc = Box<[u8; KEM_ENC_LEN]>;

/// The shares of both sides, the host's first.
struct Shares<'a> {
    host: &'a Share,
    guest: &'a Share,
}

impl Shares<'_> {
    fn hash(&self) -> [u8; 32] {
        hash(
            &[
                &commitment(self.host)[..],
                &self.host.kem[..],
                &self.host.nonce,
                &self.guest.kem[..],
                &self.guest.nonce,
            ]
            .concat(),
        )
    }

    fn keys(
        &self,
        code: &CodeKey,
        to_guest: (&Enc, &SharedSecret),
        to_host: (&Enc, &SharedSecret),
    ) -> PairingKeys {
        let both = self.hash();
        let transcript = hash(&[&both[..], &to_guest.0[..], &to_host.0[..]].concat());
        let input = [to_guest.1.expose(), to_host.1.expose(), code.expose(), &transcript];
        let session = SessionKey::new(&derive(derive::PAIRING, &input.map(|it| &it[..])));
        PairingKeys { session, words: words_of(&both) }
    }
}

/// The six words of these shares, for known answers.
pub fn pairing_words(host: &Share, guest: &Share) -> [&'static str; WORDS] {
    words_of(&Shares { host, guest }.hash())
}

fn words_of(both: &[u8; 32]) -> [&'static str; WORDS] {
    let derived = derive(derive::PAIRING_WORDS, &[both]);
    let list = Language::English.word_list();
    let mut bits = derived.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1));
    core::array::from_fn(|_| {
        let index = bits.by_ref().take(11).fold(0_usize, |sum, bit| sum << 1 | usize::from(bit));
        list.get(index).copied().unwrap_or_default()
    })
}

/// The host, once it knows the guest's share.
#[derive(Debug)]
pub struct Revealed {
    offer: Offer,
    guest: Share,
    enc: Enc,
    shared: SharedSecret,
}

impl Revealed {
    /// Answers the guest's share; what is shown now is the host's share and this encapsulation.
    pub fn to(offer: Offer, guest: Share, rng: &mut impl Rng) -> Result<(Self, Enc), PairingFault> {
        let (enc, shared) = KemPublic::from_bytes(&guest.kem)?.encapsulate(rng);
        Ok((Self { offer, guest, enc: enc.clone(), shared }, enc))
    }

    /// What the host shows of itself.
    pub const fn share(&self) -> &Share {
        &self.offer.share
    }

    /// The guest's last word before people are asked.
    pub fn confirmed(
        &self,
        code: &CodeKey,
        enc: &Enc,
        confirmation: &[u8; 32],
    ) -> Result<PairingKeys, PairingFault> {
        let shared = self.offer.pair.decapsulate(enc);
        let shares = Shares { host: &self.offer.share, guest: &self.guest };
        let keys = shares.keys(code, (&self.enc, &self.shared), (enc, &shared));
        let same: bool = keys.confirmation().ct_eq(confirmation).into();
        if same { Ok(keys) } else { Err(PairingFault::Confirmation) }
    }
}

/// The guest's side, once the host has shown its share. Gives the keys, and what the host needs to
/// have the same.
pub fn accept(
    offer: &Offer,
    code: &CodeKey,
    promised: &[u8; 32],
    host: &Share,
    enc: &Enc,
    rng: &mut impl Rng,
) -> Result<(PairingKeys, Enc, [u8; 32]), PairingFault> {
    if commitment(host) != *promised {
        return Err(PairingFault::Commitment);
    }
    let (to_host, shared) = KemPublic::from_bytes(&host.kem)?.encapsulate(rng);
    let shares = Shares { host, guest: &offer.share };
    let own = offer.pair.decapsulate(enc);
    let keys = shares.keys(code, (enc, &own), (&to_host, &shared));
    let confirmation = keys.confirmation();
    Ok((keys, to_host, confirmation))
}

/// What both sides have in the end.
#[derive(Debug)]
pub struct PairingKeys {
    session: SessionKey,
    words: [&'static str; WORDS],
}

impl PairingKeys {
    /// To be compared by people.
    pub const fn words(&self) -> &[&'static str; WORDS] {
        &self.words
    }

    fn confirmation(&self) -> [u8; 32] {
        *derive(derive::PAIRING_CONFIRM, &[self.session.expose(), &[Side::Guest as u8]])
    }

    fn message(&self, side: Side, number: u8) -> MessageKey {
        let input = [&self.session.expose()[..], &[side as u8], &[number]];
        MessageKey::new(&derive(derive::PAIRING_MESSAGE, &input))
    }

    /// Seals one message. Each number of a side is for one message.
    pub fn seal(&self, side: Side, number: u8, contents: &[u8]) -> Result<Vec<u8>, SealError> {
        let len = LENGTH_LEN + contents.len();
        let max = PAIRING_MESSAGE_LEN_MAX - STEP;
        if len > max {
            return Err(SealError::TooLong { len: len as u64, max: max as u64 });
        }
        let padded = len.next_multiple_of(STEP);
        let mut plain = Zeroizing::new(Vec::with_capacity(padded + SEAL_TAG_LEN));
        plain.extend_from_slice(&(contents.len() as u32).to_be_bytes());
        plain.extend_from_slice(contents);
        plain.resize(padded, 0);
        aead::seal_once(Suite::DEFAULT, self.message(side, number), &[], &mut plain)?;
        Ok(plain.to_vec())
    }

    /// Opens one message of a side.
    pub fn open(
        &self,
        side: Side,
        number: u8,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        if sealed.len() > PAIRING_MESSAGE_LEN_MAX {
            return Err(OpenError);
        }
        let mut plain = Zeroizing::new(sealed.to_vec());
        aead::open(Suite::DEFAULT, &self.message(side, number), &[], &mut plain)?;
        let (length, rest) = plain.split_first_chunk::<LENGTH_LEN>().ok_or(OpenError)?;
        let len = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| OpenError)?;
        let (contents, zeros) = rest.split_at_checked(len).ok_or(OpenError)?;
        if !aead::all_zero(zeros) || plain.len() != (LENGTH_LEN + len).next_multiple_of(STEP) {
            return Err(OpenError);
        }
        Ok(Zeroizing::new(contents.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::DangerSeeded;

    fn codes() -> (CodeKey, CodeKey) {
        let digits = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        (CodeKey::of_digits(&digits), CodeKey::of_digits(&digits))
    }

    fn paired(host: &CodeKey, guest: &CodeKey) -> Result<(PairingKeys, PairingKeys), PairingFault> {
        let mut rng = DangerSeeded::new(5);
        let (one, two) = (Offer::generate(&mut rng), Offer::generate(&mut rng));
        let promised = one.commitment();
        let (revealed, enc) = Revealed::to(one, two.share().clone(), &mut rng)?;
        let (keys, enc, confirmation) =
            accept(&two, guest, &promised, revealed.share(), &enc, &mut rng)?;
        Ok((revealed.confirmed(host, &enc, &confirmation)?, keys))
    }

    #[test]
    fn both_sides_see_six_words_and_each_message_has_its_own_key() {
        let (host, guest) = codes();
        let (one, two) = paired(&host, &guest).unwrap();
        assert_eq!(one.words(), two.words());
        assert!(one.words().iter().all(|word| Language::English.find_word(word).is_some()));
        let sealed = one.seal(Side::Host, 2, b"agree").unwrap();
        assert_eq!(sealed.len() % STEP, SEAL_TAG_LEN);
        assert_eq!(two.open(Side::Host, 2, &sealed).unwrap()[..], *b"agree");
        for (side, number) in [(Side::Host, 3), (Side::Guest, 2)] {
            assert!(two.open(side, number, &sealed).is_err(), "played elsewhere");
        }
        let mut flipped = sealed;
        flipped[9] ^= 1;
        assert!(two.open(Side::Host, 2, &flipped).is_err());
        assert!(one.seal(Side::Host, 3, &vec![0; PAIRING_MESSAGE_LEN_MAX]).is_err());
    }

    #[test]
    fn another_code_is_noticed_before_anybody_is_asked() {
        let (host, _) = codes();
        let other = CodeKey::of_digits(&[0; DIGITS]);
        assert_ne!(host.mailbox(), other.mailbox());
        assert_eq!(paired(&host, &other).unwrap_err(), PairingFault::Confirmation);
    }

    #[test]
    fn who_stands_in_between_cannot_choose_its_share_after_it_saw_both() {
        let mut rng = DangerSeeded::new(6);
        let (code, again) = codes();
        let (host, guest) = (Offer::generate(&mut rng), Offer::generate(&mut rng));
        let between = Offer::generate(&mut rng);
        let (_, enc) = Revealed::to(host, between.share().clone(), &mut rng).unwrap();
        // To the guest it has promised one share, and shows another that gives better words.
        let better = Offer::generate(&mut rng);
        let shown = accept(&guest, &code, &between.commitment(), better.share(), &enc, &mut rng);
        assert_eq!(shown.unwrap_err(), PairingFault::Commitment);
        // Showing what it promised, it is in: and the words differ.
        let host = Offer::generate(&mut rng);
        let (to_host, to_guest) = (Offer::generate(&mut rng), Offer::generate(&mut rng));
        let of_host = pairing_words(host.share(), to_host.share());
        let (relay, enc) = Revealed::to(to_guest, guest.share().clone(), &mut rng).unwrap();
        let promised = relay.offer.commitment();
        let (keys, ..) = accept(&guest, &again, &promised, relay.share(), &enc, &mut rng).unwrap();
        assert_ne!(*keys.words(), of_host);
    }

    #[test]
    fn a_changed_encapsulation_gives_no_common_key() {
        let mut rng = DangerSeeded::new(7);
        let (code, again) = codes();
        let (host, guest) = (Offer::generate(&mut rng), Offer::generate(&mut rng));
        let promised = host.commitment();
        let (revealed, mut enc) = Revealed::to(host, guest.share().clone(), &mut rng).unwrap();
        enc[7] ^= 1;
        let (keys, back, confirmation) =
            accept(&guest, &code, &promised, revealed.share(), &enc, &mut rng).unwrap();
        let words = *keys.words();
        let refused = revealed.confirmed(&again, &back, &confirmation);
        assert_eq!(refused.unwrap_err(), PairingFault::Confirmation);
        assert_eq!(words, pairing_words(revealed.share(), guest.share()), "which hide nothing");
    }
}
