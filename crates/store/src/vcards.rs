//! What people tell of themselves in vCards (XEP-0054), one for each account.

use crate::ids::JidNo;
use crate::read::{ReadError, Reader};
use crate::write::Write;

/// Stores an account's vCard, a self-contained element, instead of the one before.
///
/// Fails with [`WriteError::NotFound`](crate::WriteError::NotFound) when there is no such account.
#[must_use]
pub fn put(no: JidNo, xml: Vec<u8>) -> Write {
    Write::new(xml.len(), move |tx| {
        tx.account(no)?;
        tx.execute(
            "INSERT INTO vcards (no, xml) VALUES (?1, ?2) ON CONFLICT (no) DO UPDATE SET xml = excluded.xml",
            (no, &xml),
        )
        .map(drop)
    })
}

impl Reader {
    /// An account's vCard.
    pub fn vcard(&self, no: JidNo) -> Result<Option<Vec<u8>>, ReadError> {
        self.first("SELECT xml FROM vcards WHERE no = ?1", [no], |row| row.get(0))
    }
}
