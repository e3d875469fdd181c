//! What a client is told when the store fails: one table.

use store::{ReadError, WriteError};
use wire::StanzaError;

/// Something could not be read.
pub(crate) fn unreadable(error: &ReadError) -> StanzaError {
    match error {
        ReadError::Overloaded => StanzaError::resource_constraint(),
        ReadError::Closed | ReadError::Engine(_) => StanzaError::internal_server_error(),
    }
}

/// Something could not be stored.
pub(crate) fn unwritable(error: &WriteError) -> StanzaError {
    match error {
        WriteError::Overloaded | WriteError::TooMany => StanzaError::resource_constraint(),
        WriteError::NotFound => StanzaError::item_not_found(),
        _ => StanzaError::internal_server_error(),
    }
}
