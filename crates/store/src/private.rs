//! Private XML storage (XEP-0049): what an account's clients keep for themselves, by namespace and name of the element.

use crate::ids::JidNo;
use crate::read::{ReadError, Reader};
use crate::write::{Write, WriteError};

/// Something that a client stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The element's namespace.
    pub ns: String,
    /// The element's local name.
    pub name: String,
    /// One or more such elements, each self-contained; empty: what is stored goes.
    pub xml: Vec<u8>,
}

/// Elements of one account.
const MAX_FRAGMENTS: i64 = 500;
/// Bytes of one account's elements, names included.
const MAX_BYTES: i64 = 1 << 20;

/// Stores elements, each instead of the one of its name.
///
/// Fails with [`WriteError::TooMany`] beyond 500 elements or 1 MiB of one account, with [`WriteError::NotFound`] when there
/// is no such account.
#[must_use]
pub fn put(no: JidNo, fragments: Vec<Fragment>) -> Write {
    let bytes = fragments.iter().map(|fragment| fragment.xml.len()).sum();
    Write::new(bytes, move |tx| {
        // Nothing is left behind by whoever writes while the account is deleted.
        tx.account(no)?;
        for fragment in &fragments {
            if fragment.xml.is_empty() {
                tx.execute(
                    "DELETE FROM private_xml WHERE no = ?1 AND ns = ?2 AND name = ?3",
                    (no, &fragment.ns, &fragment.name),
                )?;
                continue;
            }
            tx.execute(
                "INSERT INTO private_xml (no, ns, name, xml) VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT (no, ns, name) DO UPDATE SET xml = excluded.xml",
                (no, &fragment.ns, &fragment.name, &fragment.xml),
            )?;
        }
        let held = tx.first(
            "SELECT count(*), coalesce(sum(length(CAST(ns AS BLOB)) + length(CAST(name AS BLOB)) + length(xml)), 0) \
             FROM private_xml WHERE no = ?1",
            [no],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
        )?;
        match held {
            Some((count, bytes)) if count > MAX_FRAGMENTS || bytes > MAX_BYTES => Err(WriteError::TooMany),
            _ => Ok(()),
        }
    })
}

impl Reader {
    /// What is stored under a name.
    pub fn private(&self, no: JidNo, ns: &str, name: &str) -> Result<Option<Vec<u8>>, ReadError> {
        self.first(
            "SELECT xml FROM private_xml WHERE no = ?1 AND ns = ?2 AND name = ?3",
            (no, ns, name),
            |row| row.get(0),
        )
    }
}
