//! Sealing of what a device keeps for itself: index rows, journals, caches. Comes in: a row and the
//! key it lies under. Goes out: a sealed row, or the row. Must not know: what the row says, where
//! it is kept.
//!
//! ```text
//! row = nonce 32 ‖ AEAD(local row(LK, nonce), plaintext) ‖ tag 16;   AAD = the row's key
//! ```
//! Rows carry no commitment: only this device makes and opens them, with one key.

use strongroom_wire::limits::SEAL_TAG_LEN;
use zeroize::Zeroizing;

use crate::aead::{self, OpenError, Opens, SealError, SealsOnce};
use crate::derive::{self, derive};
use crate::keys::secret;
use crate::suite::Suite;

/// Bytes a sealed row is longer than its plaintext.
pub const ROW_OVERHEAD: usize = NONCE_LEN + SEAL_TAG_LEN;

/// Bytes of one row. Above it a row belongs into a file of its own.
pub const ROW_LEN_MAX: usize = 16 * 1_048_576;

const NONCE_LEN: usize = 32;

secret! {
    /// LK's sealing half.
    RowRoot
}
secret! {
    /// One row's key: one key, one plaintext.
    RowKey
}
secret! {
    /// LK's blinding half.
    BlindKey
}

impl SealsOnce for RowKey {
    fn seal_key(&self) -> &[u8; 32] {
        self.expose()
    }
}
impl Opens for RowKey {
    fn open_key(&self) -> &[u8; 32] {
        self.expose()
    }
}

impl RowRoot {
    fn row(&self, nonce: &[u8; NONCE_LEN]) -> RowKey {
        RowKey::new(&derive(derive::LOCAL_ROW, &[self.expose(), nonce]))
    }
}

/// LK: seals a device's local rows and blinds their keys. Derived from the device secret.
#[derive(Debug)]
pub struct LocalKey {
    rows: RowRoot,
    blind: BlindKey,
}

impl LocalKey {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self { rows: RowRoot::new(key), blind: BlindKey::new(&derive(derive::LOCAL_BLIND, &[key])) }
    }

    /// Seals one row. `random` is 32 fresh random bytes; should they repeat, the key repeats only
    /// for the same row key and plaintext. `row_key` is what the row lies under: a row moved to
    /// another key does not open.
    ///
    /// ```
    /// use strongroom_seal::keys::DeviceSecret;
    /// let local = DeviceSecret::from_secret_bytes(&[1; 32]).local();
    /// let row = local.seal_row([2; 32], b"row 7", b"name: deed.pdf")?;
    /// assert_eq!(local.open_row(b"row 7", &row)?[..], *b"name: deed.pdf");
    /// assert!(local.open_row(b"row 8", &row).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn seal_row(
        &self,
        random: [u8; 32],
        row_key: &[u8],
        plain: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        if plain.len() > ROW_LEN_MAX {
            return Err(SealError::TooLong { len: plain.len() as u64, max: ROW_LEN_MAX as u64 });
        }
        let nonce = self.nonce(&random, row_key, plain);
        let mut out = Vec::with_capacity(plain.len() + ROW_OVERHEAD);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(plain);
        let body = out.get_mut(NONCE_LEN..).ok_or(SealError::Cipher)?;
        let tag = aead::seal_detached(Suite::DEFAULT, self.rows.row(&nonce), row_key, body)?;
        out.extend_from_slice(&tag);
        Ok(out)
    }

    fn nonce(&self, random: &[u8; 32], row_key: &[u8], plain: &[u8]) -> [u8; NONCE_LEN] {
        let len = (row_key.len() as u64).to_be_bytes();
        let input = [&random[..], self.rows.expose(), &len, row_key, plain];
        *derive(derive::LOCAL_NONCE, &input)
    }

    /// Opens one row.
    pub fn open_row(&self, row_key: &[u8], row: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        if row.len() > ROW_LEN_MAX + ROW_OVERHEAD {
            return Err(OpenError);
        }
        let (nonce, sealed) = row.split_first_chunk::<NONCE_LEN>().ok_or(OpenError)?;
        let mut plain = Zeroizing::new(sealed.to_vec());
        aead::open(Suite::DEFAULT, &self.rows.row(nonce), row_key, &mut plain)?;
        Ok(plain)
    }

    /// A stand-in for a row's real key: the same for the same `label` and `data`, and says nothing
    /// about them. `label` names the purpose, so that equal data of two purposes looks unlike.
    pub fn blind(&self, label: &str, data: &[u8]) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new_keyed(self.blind.expose());
        hasher.update(&(label.len() as u64).to_be_bytes());
        hasher.update(label.as_bytes());
        hasher.update(data);
        let mut out = [0; 16];
        hasher.finalize_xof().fill(&mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> LocalKey {
        LocalKey::new(&[1; 32])
    }

    #[test]
    fn a10_a_flipped_bit_a_cut_and_a_moved_row_do_not_open() {
        let row = local().seal_row([2; 32], b"key", b"plaintext of a row").unwrap();
        assert_eq!(row.len(), 18 + ROW_OVERHEAD);
        assert_eq!(local().open_row(b"key", &row).unwrap()[..], *b"plaintext of a row");
        for bit in 0..row.len() * 8 {
            let mut bad = row.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(local().open_row(b"key", &bad), Err(OpenError), "bit {bit}");
        }
        for len in 0..row.len() {
            assert_eq!(local().open_row(b"key", &row[..len]), Err(OpenError));
        }
        assert_eq!(local().open_row(b"kez", &row), Err(OpenError));
        assert_eq!(LocalKey::new(&[2; 32]).open_row(b"key", &row), Err(OpenError));
    }

    #[test]
    fn a13_a_stuck_random_source_never_gives_one_nonce_to_two_rows() {
        let seal = |key: &[u8], plain: &[u8]| local().seal_row([0; 32], key, plain).unwrap();
        assert_ne!(seal(b"a", b"one")[..32], seal(b"a", b"two")[..32]);
        assert_ne!(seal(b"a", b"one")[..32], seal(b"b", b"one")[..32]);
        assert_ne!(seal(b"ab", b"c")[..32], seal(b"a", b"bc")[..32], "key and row do not run on");
        assert_eq!(seal(b"a", b"one"), seal(b"a", b"one"));
    }

    #[test]
    fn a_blind_key_depends_on_label_and_data_and_their_border() {
        let key = local();
        assert_eq!(key.blind("path", b"a/b"), key.blind("path", b"a/b"));
        assert_ne!(key.blind("path", b"a/b"), key.blind("name", b"a/b"));
        assert_ne!(key.blind("ab", b"c"), key.blind("a", b"bc"));
        assert_ne!(key.blind("path", b"a"), LocalKey::new(&[2; 32]).blind("path", b"a"));
    }
}
