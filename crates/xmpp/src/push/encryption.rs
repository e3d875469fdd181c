//! Message encryption for Web Push: RFC 8291, <https://www.rfc-editor.org/rfc/rfc8291>, over RFC 8188's `aes128gcm`.
//!
//! Only the browser reads what is written here; the push service between sees its padded length. It sends nothing.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};

/// A point of P-256, uncompressed (§3.1).
pub(crate) const PUBLIC_KEY_BYTES: usize = 65;
/// The secret that a browser shares with us (§3.2).
pub(crate) const SECRET_BYTES: usize = 16;
/// The salt of one message (RFC 8188 §2.1).
const SALT_BYTES: usize = 16;
/// What push services take at most (RFC 8030 §7.2): one record, and its header (RFC 8188 §2.1).
const RECORD_BYTES: u32 = 4_096;
const HEADER_BYTES: usize = SALT_BYTES + 4 + 1 + PUBLIC_KEY_BYTES;
const TAG_BYTES: usize = 16;
/// The longest text: what is left of a message beside the header, the mark at the end of the text, and the seal.
pub(crate) const TEXT_BYTES: usize = RECORD_BYTES as usize - HEADER_BYTES - TAG_BYTES - 1;
/// Texts are made as long as the next multiple of this, so that their length tells little.
const PADDED_TO: usize = 256;

/// Encrypts a text of at most [`TEXT_BYTES`] for a browser, under keys of its own.
///
/// # Errors
/// When the browser's key is none, or there is no randomness.
pub(crate) fn encrypt(text: &[u8], public_key: &[u8], secret: &[u8]) -> Result<Vec<u8>, Unspecified> {
    let mut salt = [0; SALT_BYTES];
    aws_lc_rs::rand::fill(&mut salt)?;
    encrypt_with(
        text,
        public_key,
        secret,
        &PrivateKey::generate(&ECDH_P256)?,
        salt,
        PADDED_TO,
    )
}

/// Whether these bytes are a point that a browser may have for its key (§3.1).
pub(crate) fn is_public_key(bytes: &[u8]) -> bool {
    encrypt(b"", bytes, &[0; SECRET_BYTES]).is_ok()
}

/// The length of what comes out of HKDF.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand<const N: usize>(salt: &[u8], secret: &[u8], info: &[&[u8]]) -> Result<[u8; N], Unspecified> {
    let mut out = [0; N];
    Salt::new(HKDF_SHA256, salt)
        .extract(secret)
        .expand(info, Length(N))?
        .fill(&mut out)?;
    Ok(out)
}

fn encrypt_with(
    text: &[u8],
    public_key: &[u8],
    secret: &[u8],
    own: &PrivateKey,
    salt: [u8; SALT_BYTES],
    padded_to: usize,
) -> Result<Vec<u8>, Unspecified> {
    if text.len() > TEXT_BYTES || public_key.len() != PUBLIC_KEY_BYTES {
        return Err(Unspecified);
    }
    let own_public = own.compute_public_key()?;
    // §3.4
    let input: [u8; 32] = agree(
        own,
        UnparsedPublicKey::new(&ECDH_P256, public_key),
        Unspecified,
        |shared| {
            expand(
                secret,
                shared,
                &[b"WebPush: info\0", public_key, own_public.as_ref()],
            )
        },
    )?;
    // RFC 8188 §2.2, §2.3
    let key: [u8; 16] = expand(&salt, &input, &[b"Content-Encoding: aes128gcm\0"])?;
    let nonce: [u8; 12] = expand(&salt, &input, &[b"Content-Encoding: nonce\0"])?;
    // RFC 8188 §2: the last record ends with 2 and zeros.
    let mut record = text.to_vec();
    record.push(2);
    let padded = record.len().next_multiple_of(padded_to).min(TEXT_BYTES + 1);
    record.resize(padded, 0);
    LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key)?).seal_in_place_append_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::empty(),
        &mut record,
    )?;
    let mut out = Vec::with_capacity(HEADER_BYTES + record.len());
    out.extend_from_slice(&salt);
    out.extend_from_slice(&RECORD_BYTES.to_be_bytes());
    out.push(PUBLIC_KEY_BYTES as u8);
    out.extend_from_slice(own_public.as_ref());
    out.extend_from_slice(&record);
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    fn bytes(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    /// RFC 8291 §5 and Appendix A.
    #[test]
    fn the_example_of_the_rfc() {
        let own =
            PrivateKey::from_private_key(&ECDH_P256, &bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"))
                .unwrap();
        let encrypted = encrypt_with(
            b"When I grow up, I want to be a watermelon",
            &bytes("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
            &bytes("BTBZMqHH6r4Tts7J_aSIgg"),
            &own,
            bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap(),
            1,
        );
        assert_eq!(
            encrypted.unwrap(),
            bytes(
                "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
            )
        );
    }

    #[test]
    fn lengths_are_few_and_bounded() {
        let browser = PrivateKey::generate(&ECDH_P256).unwrap();
        let public = browser.compute_public_key().unwrap();
        let length = |text: usize| encrypt(&vec![b'x'; text], public.as_ref(), &[7; 16]).map(|all| all.len());
        assert_eq!(length(1).unwrap(), length(200).unwrap());
        assert_eq!(length(TEXT_BYTES).unwrap(), RECORD_BYTES as usize);
        assert!(length(TEXT_BYTES + 1).is_err());
        assert!(encrypt(b"x", &[4; 65], &[7; 16]).is_err());
    }
}
