//! Sealing of what may not be read from a stolen database.
//!
//! AES-256-GCM with a fresh 96-bit nonce per field, under a key derived from the master key with
//! HKDF-SHA256. The associated data names the place of the field, so a ciphertext moved to another
//! row, account or parameter set does not open (I17). At 96 random bits per nonce a collision
//! becomes likely after about 2^32 fields (NIST SP 800-38D 8.3); an account has a handful.
//!
//! No cipher anywhere else in the tree.

pub(crate) mod key_source;

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use hkdf::Hkdf;
use key_source::MasterKey;
use sha2::Sha256;
use zeroize::Zeroizing;

/// First byte of every sealed field; a change of format is a new number.
const FORMAT: u8 = 1;
const KEY_ID_BYTES: usize = 8;
const NONCE_BYTES: usize = 12;

/// Where a sealed field stands: what must not change under it.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) table: &'static str,
    pub(crate) uid: u32,
    /// Primary key of the row.
    pub(crate) row: i64,
    /// The row's other columns that give the field its meaning, in a fixed spelling.
    pub(crate) meaning: &'a str,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum VaultError {
    /// Damaged, moved, or sealed for another place.
    DoesNotOpen,
    /// Sealed under a master key this daemon does not have.
    OtherKey,
    /// The kernel gave no random bytes.
    NoRandomness,
}

impl std::fmt::Display for VaultError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::DoesNotOpen => "does not open: damaged, or moved from another row",
            Self::OtherKey => "sealed with another master key",
            Self::NoRandomness => "cannot be sealed: no random bytes",
        })
    }
}

/// Seals and opens. Holds the only copy of the sealing key.
pub(crate) struct Vault {
    cipher: Aes256Gcm,
    key_id: [u8; KEY_ID_BYTES],
}

impl Vault {
    pub(crate) fn new(master: &MasterKey) -> Self {
        let hkdf = Hkdf::<Sha256>::new(None, master.as_bytes());
        let mut sealing_key = Zeroizing::new([0_u8; 32]);
        let mut key_id = [0_u8; KEY_ID_BYTES];
        // HKDF fails only beyond 255 hash lengths (RFC 5869 2.3); both outputs are at most one.
        let derived = hkdf
            .expand(b"twinlock sealing key v1", sealing_key.as_mut())
            .and_then(|()| hkdf.expand(b"twinlock key id v1", &mut key_id));
        debug_assert!(derived.is_ok());
        Self { cipher: Aes256Gcm::new(&(*sealing_key).into()), key_id }
    }

    /// Seals `plaintext` for `place`: format, key id, nonce, ciphertext with tag.
    pub(crate) fn seal(&self, place: Place<'_>, plaintext: &[u8]) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0_u8; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| VaultError::NoRandomness)?;
        let aad = associated_data(place, &self.key_id);
        let ciphertext = self
            .cipher
            .encrypt(&nonce.into(), Payload { msg: plaintext, aad: &aad })
            .map_err(|_| VaultError::DoesNotOpen)?;
        Ok([&[FORMAT][..], &self.key_id, &nonce, &ciphertext].concat())
    }

    /// Opens a field that was sealed for exactly this place under this master key.
    pub(crate) fn open(
        &self,
        place: Place<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let (key_id, rest) = sealed
            .strip_prefix(&[FORMAT])
            .and_then(|rest| rest.split_first_chunk::<KEY_ID_BYTES>())
            .ok_or(VaultError::DoesNotOpen)?;
        if *key_id != self.key_id {
            return Err(VaultError::OtherKey);
        }
        let (nonce, ciphertext) =
            rest.split_first_chunk::<NONCE_BYTES>().ok_or(VaultError::DoesNotOpen)?;
        let aad = associated_data(place, key_id);
        self.cipher
            .decrypt(&(*nonce).into(), Payload { msg: ciphertext, aad: &aad })
            .map(Zeroizing::new)
            .map_err(|_| VaultError::DoesNotOpen)
    }

    /// Whether a sealed field names this vault's master key.
    pub(crate) fn sealed_here(&self, sealed: &[u8]) -> bool {
        sealed.get(1..=KEY_ID_BYTES) == Some(&self.key_id[..])
    }
}

/// Unambiguous: fixed-width numbers first, then length-prefixed text.
fn associated_data(place: Place<'_>, key_id: &[u8; KEY_ID_BYTES]) -> Vec<u8> {
    let mut aad = vec![FORMAT];
    aad.extend_from_slice(key_id);
    aad.extend_from_slice(&place.uid.to_be_bytes());
    aad.extend_from_slice(&place.row.to_be_bytes());
    for text in [place.table, place.meaning] {
        aad.extend_from_slice(&(text.len() as u64).to_be_bytes());
        aad.extend_from_slice(text.as_bytes());
    }
    aad
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> =
        Place { table: "authenticators", uid: 1000, row: 7, meaning: "SHA1/6/30" };

    fn vault(byte: u8) -> Vault {
        Vault::new(&MasterKey::from_bytes([byte; 32]))
    }

    #[test]
    fn what_is_sealed_opens_in_its_place() {
        let sealed = vault(1).seal(PLACE, b"plain").unwrap();
        assert_eq!(*vault(1).open(PLACE, &sealed).unwrap(), b"plain");
    }

    #[test]
    fn what_is_moved_does_not_open() {
        let sealed = vault(1).seal(PLACE, b"plain").unwrap();
        for elsewhere in [
            Place { uid: 1001, ..PLACE },
            Place { row: 8, ..PLACE },
            Place { table: "recovery_codes", ..PLACE },
            Place { meaning: "SHA1/8/30", ..PLACE },
        ] {
            assert_eq!(vault(1).open(elsewhere, &sealed).err(), Some(VaultError::DoesNotOpen));
        }
    }

    #[test]
    fn every_single_damaged_byte_is_noticed() {
        let sealed = vault(1).seal(PLACE, b"plain").unwrap();
        for index in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[index] ^= 1;
            assert!(vault(1).open(PLACE, &damaged).is_err(), "byte {index}");
            assert!(vault(1).open(PLACE, &sealed[..index]).is_err(), "cut at {index}");
        }
    }

    #[test]
    fn another_master_key_is_told_apart_from_damage() {
        let sealed = vault(1).seal(PLACE, b"plain").unwrap();
        assert_eq!(vault(2).open(PLACE, &sealed).err(), Some(VaultError::OtherKey));
    }

    #[test]
    fn two_seals_of_one_text_differ_and_show_nothing() {
        let (one, two) =
            (vault(1).seal(PLACE, b"plain").unwrap(), vault(1).seal(PLACE, b"plain").unwrap());
        assert_ne!(one, two);
        assert!(!one.windows(5).any(|window| window == b"plain"));
    }
}
