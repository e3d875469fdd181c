//! The ids by which messages are known on the wire: XEP-0359 §3, <https://xmpp.org/extensions/xep-0359.html>.
//!
//! An id is a message's number and its owner's, as one block of AES under a secret of this instance: stable without being
//! stored, unguessable, and silent about how much an archive holds (§6). Nothing here says whether there is such a message.

use aws_lc_rs::cipher::{AES_128, DecryptingKey, DecryptionContext, EncryptingKey, UnboundCipherKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use store::meta::InitError;
use store::{JidNo, MessageId, Store};

use crate::auth;

/// Where the secret is kept.
const KEY: &str = "archive-ids";
const BLOCK: usize = 16;
/// Characters of an id.
const TEXT: usize = 22;

/// Makes ids of numbers, and numbers of ids.
pub struct ArchiveIds {
    encrypt: EncryptingKey,
    decrypt: DecryptingKey,
}

/// Why there are no ids.
#[derive(Debug, thiserror::Error)]
pub enum IdsError {
    /// The secret could not be kept.
    #[error(transparent)]
    Store(#[from] InitError),
    /// No secret could be made, or what is stored is none.
    #[error("no usable secret for archive ids")]
    NoSecret,
}

/// A message's id in somebody's archive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ArchiveId([u8; TEXT]);

impl ArchiveId {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl ArchiveIds {
    /// Those of this instance, whose secret is made when there is none.
    ///
    /// # Errors
    /// When the secret can be neither read nor made.
    pub(crate) async fn load(store: &Store) -> Result<ArchiveIds, IdsError> {
        let fresh = auth::random::<BLOCK>().map_err(|_| IdsError::NoSecret)?;
        let secret = store.get_or_init(KEY, fresh.to_vec()).await?;
        ArchiveIds::under(&secret).ok_or(IdsError::NoSecret)
    }

    fn under(secret: &[u8]) -> Option<ArchiveIds> {
        let key = || UnboundCipherKey::new(&AES_128, secret);
        Some(ArchiveIds {
            // One block is all that there is: no mode of operation has anything to add.
            encrypt: EncryptingKey::ecb(key().ok()?).ok()?,
            decrypt: DecryptingKey::ecb(key().ok()?).ok()?,
        })
    }

    /// The id of a message in the archive of `owner`.
    pub fn archive_id(&self, owner: JidNo, id: MessageId) -> ArchiveId {
        let mut block = [0; BLOCK];
        block[..8].copy_from_slice(&id.0.to_be_bytes());
        block[8..12].copy_from_slice(&owner.0.to_be_bytes());
        if self.encrypt.encrypt(&mut block).is_err() {
            unreachable!("a whole block");
        }
        let mut text = [0; TEXT];
        match URL_SAFE_NO_PAD.encode_slice(block, &mut text) {
            Ok(TEXT) => ArchiveId(text),
            _ => unreachable!("sixteen bytes are twenty-two characters"),
        }
    }

    /// The message that an id names in the archive of `owner`; `None` for what was never an id there.
    pub fn parse(&self, owner: JidNo, text: &str) -> Option<MessageId> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().filter(|_| text.len() == TEXT)?;
        let mut block: [u8; BLOCK] = bytes.try_into().ok()?;
        self.decrypt.decrypt(&mut block, DecryptionContext::None).ok()?;
        let (id, rest) = block.split_first_chunk()?;
        let (of, zeros) = rest.split_first_chunk()?;
        let is_ours = u32::from_be_bytes(*of) == owner.0 && zeros == [0; 4];
        is_ours.then(|| MessageId(i64::from_be_bytes(*id)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_id_is_stable_and_opens_for_its_owner_alone() {
        let ids = ArchiveIds::under(&[7; BLOCK]).unwrap();
        let (juliet, romeo) = (JidNo(1), JidNo(2));
        for number in [1, 2, 1 << 40, (1 << 53) - 1] {
            let id = ids.archive_id(juliet, MessageId(number));
            assert_eq!(id, ids.archive_id(juliet, MessageId(number)));
            assert_ne!(id, ids.archive_id(romeo, MessageId(number)));
            assert_eq!(ids.parse(juliet, id.as_str()), Some(MessageId(number)));
            assert_eq!(ids.parse(romeo, id.as_str()), None);
            let other = ArchiveIds::under(&[8; BLOCK]).unwrap();
            assert_eq!(other.parse(juliet, id.as_str()), None);
        }
    }

    #[test]
    fn what_is_no_id_names_nothing() {
        let ids = ArchiveIds::under(&[7; BLOCK]).unwrap();
        let id = ids.archive_id(JidNo(1), MessageId(5));
        for text in [
            "",
            "5",
            "AAAAAAAAAAAAAAAAAAAAAA",
            &id.as_str()[1..],
            &format!("{}A", id.as_str()),
            "ü",
        ] {
            assert_eq!(ids.parse(JidNo(1), text), None, "{text}");
        }
        assert!(ArchiveIds::under(b"short").is_none());
    }
}
