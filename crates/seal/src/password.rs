//! Passwords. Comes in: what somebody typed, a cost, a salt. Goes out: 32 bytes that are dear to
//! guess at. Must not know: what they open, where the salt is kept.

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use crate::cost::Cost;

/// Why a password cannot be stretched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StretchError {
    /// The cost is none that Argon2id takes.
    Cost,
    /// The memory is not there.
    Memory {
        /// MiB.
        mib: u32,
    },
}

/// One Argon2id run. The caller has looked at the bounds of the cost.
pub(crate) fn stretch(
    password: &[u8],
    cost: Cost,
    salt: &[u8],
) -> Result<Zeroizing<[u8; 32]>, StretchError> {
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32))
        .map_err(|_| StretchError::Cost)?;
    let mut out = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password, salt, out.as_mut_slice())
        .map_err(|_| StretchError::Memory { mib: cost.memory_kib / 1_024 })?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answer_of_rfc_9106() {
        // Section 5.3, with secret and associated data, 32 KiB: the library computes the standard.
        let params = argon2::ParamsBuilder::new()
            .m_cost(32)
            .t_cost(3)
            .p_cost(4)
            .data(argon2::AssociatedData::new(&[4; 12]).unwrap())
            .build()
            .unwrap();
        let argon =
            Argon2::new_with_secret(&[3; 8], Algorithm::Argon2id, Version::V0x13, params).unwrap();
        let mut out = [0; 32];
        argon.hash_password_into(&[1; 32], &[2; 16], &mut out).unwrap();
        let tag = 0x0d64_0df5_8d78_766c_08c0_37a3_4a8b_53c9_u128.to_be_bytes();
        assert_eq!(out[..16], tag);
        let tag = 0xd01e_f045_2d75_b65e_b525_20e9_6b01_e659_u128.to_be_bytes();
        assert_eq!(out[16..], tag);
    }
}
