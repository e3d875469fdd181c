//! The scanner, elements and stanzas from outside: properties, a second parser's judgement, hostile input.

#![allow(clippy::unwrap_used, missing_docs)]

mod against_rxml;
mod checks;
mod cut;
mod element;
mod generate;
mod hostile;
mod split;
mod stanza;
mod stream;
mod streams;
mod tree;
