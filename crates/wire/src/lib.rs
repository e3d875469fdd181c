//! Stanzas, addresses, and the state machines of streams and SASL: what XMPP is on the wire.
//!
//! Specifications: RFC 6120, RFC 7622, RFC 7395, RFC 5802 and XML 1.0 with namespaces. There is
//! no I/O here, no clock and no randomness: bytes, times and nonces are arguments.

mod cut;
pub mod element;
pub mod error;
pub mod jid;
pub mod ns;
mod precis;
pub mod proxy;
pub mod sasl;
pub mod scan;
mod splice;
pub mod stanza;
pub mod stream;
mod unescape;
pub mod write;

pub use element::{Attr, Document, Element};
pub use error::{App, Condition, ErrorType, StanzaError, StreamCondition, StreamError, error_reply};
pub use jid::{BareJid, Jid, JidError};
pub use scan::{Head, HttpBody, Kind, Limits, ScanError, Scanned, Scanner, scan_one};
pub use stanza::{Set, Stanza, ingress};
pub use stream::{
    Framed, StreamContext, StreamHeader, read_framed, write_framed_close, write_framed_open,
    write_stream_close, write_stream_open,
};
pub use write::{Writer, escape_attr, escape_text, write_framed};
