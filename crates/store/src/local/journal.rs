//! The journal: batches of rows as payloads. Takes changes, gives bytes; and back.
//!
//! Must not know: files, threads.
//!
//! ```text
//! A payload is changes one after the other, in the order they were accepted:
//! offset      len  field
//!      0        1  kind     1 put · 2 delete
//!      1        2  key len  k
//!      3        4  value len  v; 0 for delete
//!      7        k  key
//!    7+k        v  value
//! ```

use super::home::le32;
use crate::Op;

const HEAD: usize = 7;

/// Appends one change.
pub(crate) fn encode(op: &Op, payload: &mut Vec<u8>) {
    let (kind, key, value): (u8, &[u8], &[u8]) = match op {
        Op::Put(key, value) => (1, key, value),
        Op::Delete(key) => (2, key, &[]),
    };
    payload.push(kind);
    // INVARIANT: Batch::check_limits() came before, so both lengths fit.
    payload.extend_from_slice(&(key.len() as u16).to_le_bytes());
    payload.extend_from_slice(&(value.len() as u32).to_le_bytes());
    payload.extend_from_slice(key);
    payload.extend_from_slice(value);
}

/// Gives each change to `visit`: key, and value or none for delete. `None`: not a payload.
pub(crate) fn decode(payload: &[u8], mut visit: impl FnMut(&[u8], Option<&[u8]>)) -> Option<()> {
    let mut rest = payload;
    while !rest.is_empty() {
        let (head, body) = rest.split_at_checked(HEAD)?;
        let key_len = usize::from(u16::from_le_bytes(head.get(1..3)?.try_into().ok()?));
        let (key, body) = body.split_at_checked(key_len)?;
        let (value, body) = body.split_at_checked(le32(head, 3) as usize)?;
        match head.first()? {
            1 => visit(key, Some(value)),
            2 if value.is_empty() => visit(key, None),
            _ => return None,
        }
        rest = body;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_come_back_in_order_and_cut_ones_do_not() {
        let ops = [
            Op::Put(b"k".to_vec(), b"value".to_vec()),
            Op::Delete(vec![]),
            Op::Put(vec![0xff; 1_024], vec![]),
        ];
        let mut payload = Vec::new();
        for op in &ops {
            encode(op, &mut payload);
        }
        let mut seen = Vec::new();
        let visit = |key: &[u8], value: Option<&[u8]>| {
            let key = key.to_vec();
            seen.push(value.map_or(Op::Delete(key.clone()), |v| Op::Put(key, v.to_vec())));
        };
        assert_eq!(decode(&payload, visit), Some(()));
        assert_eq!(seen, ops);
        assert_eq!(decode(&payload[..payload.len() - 1], |_, _| {}), None);
        assert_eq!(decode(&[9, 0, 0, 0, 0, 0, 0], |_, _| {}), None);
        // Found by the fuzzer's rule that everything has one spelling.
        let delete_with_a_value = [2, 1, 0, 1, 0, 0, 0, b'k', b'v'];
        assert_eq!(decode(&delete_with_a_value, |_, _| {}), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(0..9_u8, 0..60)) {
            let mut seen = 0;
            let decoded = decode(&bytes, |key, value| {
                seen += 7 + key.len() + value.map_or(0, <[u8]>::len);
            });
            if decoded.is_some() {
                proptest::prop_assert!(seen <= bytes.len());
            }
        }
    }
}
