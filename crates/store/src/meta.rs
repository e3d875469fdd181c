//! Single values of this instance, such as its secret.

use crate::Store;
use crate::read::{ReadError, Reader};
use crate::write::{Write, WriteError};

/// Sets a value.
#[must_use]
pub fn put(key: &'static str, value: Vec<u8>) -> Write {
    Write::new(value.len(), move |tx| {
        tx.execute(
            "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (key, &value),
        )
        .map(drop)
    })
}

/// Why [`Store::get_or_init`] gave no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InitError {
    /// It could not be stored.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// It could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Store {
    /// The value of `key`, which is `initial` when it has none yet.
    pub async fn get_or_init(&self, key: &'static str, initial: Vec<u8>) -> Result<Vec<u8>, InitError> {
        self.write(Write::new(initial.len(), move |tx| {
            tx.execute(
                "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING",
                (key, &initial),
            )
            .map(drop)
        }))
        .await?;
        let value = self.read(move |reader| reader.meta(key)).await?;
        Ok(value.ok_or(WriteError::NotFound)?)
    }
}

impl Reader {
    /// A value of this instance.
    pub fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, ReadError> {
        self.first("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
    }
}
