//! Transcripts: dialogues that read like the wire.
//!
//! A transcript is a text file. A line that begins with `#` is a remark. Every other line
//! at the margin is a step; a step that ends in `:` is followed by indented XML.
//!
//! ```text
//! Given the accounts juliet, romeo
//! Given romeo follows juliet
//! romeo is online
//! juliet/balcony is online
//!
//! juliet sends:
//!     <iq type='set' id='1'>…</iq>
//! romeo receives:
//!     <message from='juliet@localhost' to='romeo@localhost/romeo' type='headline'>{...}</message>
//! romeo receives nothing
//! ```
//!
//! In expected XML `{any}` stands for any value, `{name}` for a value that is the same wherever that
//! name appears (also usable in XML that is sent), and the text `{...}` for any further content.
//! What is long is sent as `{N times TEXT}`, what is encoded as `{base64 TEXT}` (with `\0` for a zero byte). The steps are listed in [`step::Step`].

mod http;
pub mod pattern;
pub mod run;
mod sasl;
pub mod step;
