//! gzip (RFC 1952) with a hard bound. Comes in: a stranger's bytes. Goes out: what was packed, or
//! nothing; and packed bytes of our own. Must not know: what they say.
//!
//! The trailer tells the length; it is looked at before anything is unpacked, and what unpacks to
//! another length is refused. So a bomb costs the length of its header.

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

/// Magic, deflate, no flags.
const START: [u8; 4] = [0x1f, 0x8b, 8, 0];
/// Bytes before the packed ones: start, time, flags of the packer, system.
const HEAD_LEN: usize = 10;
/// A level that packs well and still fast.
const LEVEL: u8 = 6;

/// Unpacks one member without name, comment or extra field, of at most `len_max` bytes.
pub(super) fn unpack(bytes: &[u8], len_max: usize) -> Option<Vec<u8>> {
    let (head, rest) = bytes.split_at_checked(HEAD_LEN)?;
    let (packed, trailer) = rest.split_last_chunk::<8>()?;
    let [c0, c1, c2, c3, l0, l1, l2, l3] = *trailer;
    let len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    if !head.starts_with(&START) || len > len_max {
        return None;
    }
    let mut out = vec![0; len];
    let mut inflater = DecompressorOxide::new();
    let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let (status, read, written) = decompress(&mut inflater, packed, &mut out, 0, flags);
    let whole = status == TINFLStatus::Done && read == packed.len() && written == len;
    let same = crc32(&out) == u32::from_le_bytes([c0, c1, c2, c3]);
    (whole && same).then_some(out)
}

/// Packs bytes.
pub(super) fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut out = START.to_vec();
    // No time, no packer's flags, no system (255): the same bytes everywhere.
    out.extend([0, 0, 0, 0, 0, 255]);
    out.extend(compress_to_vec(bytes, LEVEL));
    out.extend(crc32(bytes).to_le_bytes());
    out.extend((bytes.len() as u32).to_le_bytes());
    out
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut rest: &mut [u32] = &mut table;
    let mut at = 0;
    while let [first, tail @ ..] = rest {
        let mut value = at;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ 0xedb8_8320 } else { value >> 1 };
            bit += 1;
        }
        *first = value;
        rest = tail;
        at += 1;
    }
    table
};

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        let at = (crc ^ u32::from(*byte)) & 0xff;
        (crc >> 8) ^ TABLE.get(at as usize).copied().unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `printf hello | gzip -n`.
    const HELLO: [u8; 25] = [
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0, 0x86, 0xa6,
        0x10, 0x36, 5, 0, 0, 0,
    ];

    #[test]
    fn what_gzip_packed_is_unpacked() {
        assert_eq!(unpack(&HELLO, 5).unwrap(), b"hello");
        assert_eq!(unpack(&HELLO, 4), None, "over the bound");
        for len in 0..HELLO.len() {
            assert_eq!(unpack(&HELLO[..len], 100), None, "cut at {len}");
        }
        for at in [0, 1, 2, 3, 10, 11, 13, 16, 17, 20, 21, 24] {
            let mut changed = HELLO;
            changed[at] ^= 1;
            assert_eq!(unpack(&changed, 100), None, "changed at {at}");
        }
    }

    #[test]
    fn a33_a_packed_bomb_is_refused_whatever_its_trailer_says() {
        let bomb = pack(&vec![0; 10_000_000]);
        assert!(bomb.len() < 20_000);
        assert_eq!(unpack(&bomb, 65_536).map(|out| out.len()), None, "a bomb was unpacked");
        for said in [0_u32, 5, 65_535, 65_536] {
            let mut lies = bomb.clone();
            let at = lies.len() - 4;
            lies[at..].copy_from_slice(&said.to_le_bytes());
            assert_eq!(unpack(&lies, 65_536), None, "{said}");
        }
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            prop_assert_eq!(unpack(&pack(&bytes), bytes.len()), Some(bytes));
        }
    }
}
