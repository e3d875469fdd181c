//! Values that the protocols carry, typed, and their bytes, both ways. No I/O, no clock, no randomness.
//!
//! Each module reads from a [`wire::Element`] and writes to a [`wire::Writer`] or to text, and names its
//! specification. What a value means to the server is decided elsewhere.

pub mod atom;
pub mod avatar;
pub mod caps;
pub mod conversation;
pub mod datetime;
pub mod disco;
pub mod form;
pub mod hashtag;
pub mod rsm;
pub mod search;
pub mod uri;
pub mod vcard;
pub mod words;
