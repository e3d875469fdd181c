//! The scanner: finds where elements of a stream begin and end, refuses what XMPP forbids, and resumes at any byte.
//!
//! Specification: [RFC 6120](https://www.rfc-editor.org/rfc/rfc6120) §4, §11,
//! [XML 1.0](https://www.w3.org/TR/xml/), [Namespaces in XML 1.0](https://www.w3.org/TR/xml-names/). It copies
//! nothing, builds no tree and decides nothing about stanzas; between them it holds no memory of its own.

mod body;
mod chars;
mod error;
mod head;
mod header;
mod inline;
mod machine;
mod ns;
mod tag;

pub use body::HttpBody;
pub use error::ScanError;
pub use head::{Head, Kind};

pub(crate) use chars::{Name, is_space, reference};
pub(crate) use head::{AttributeSpan, text};
pub(crate) use machine::{Attribute, Declared, Sink};
pub(crate) use ns::{Scope, Space};

use crate::stream::{StreamContext, StreamHeader};
use machine::{Machine, Progress, is_prefix};

/// How large an element may be. What is larger is refused with a `policy-violation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest first-level element, in bytes.
    pub max_bytes: usize,
    /// How deep elements may be nested; the first-level element is 1 deep.
    pub max_depth: u16,
    /// How many attributes an element may have, declarations of namespaces included.
    pub max_attributes: u16,
    /// How many declarations of namespaces may be in scope at once.
    pub max_namespaces: u16,
}

impl Limits {
    /// Before authentication.
    pub const UNAUTHENTICATED: Limits = Limits {
        max_bytes: 10 * 1024,
        max_depth: 16,
        max_attributes: 32,
        max_namespaces: 16,
    };
    /// A client that has authenticated.
    pub const CLIENT: Limits = Limits {
        max_bytes: 256 * 1024,
        max_depth: 64,
        max_attributes: 64,
        max_namespaces: 64,
    };
    /// Another server. Roomier than [`Limits::CLIENT`], because what a client may just send arrives there wrapped in
    /// events and archive results, with declarations added: it must not cost the stream.
    pub const SERVER: Limits = Limits {
        max_bytes: 512 * 1024,
        max_depth: 96,
        max_attributes: 128,
        max_namespaces: 128,
    };
    /// What was scanned before and has since been edited or cut by this crate.
    pub(crate) const SCANNED: Limits = Limits {
        max_bytes: u32::MAX as usize / 2,
        max_depth: u16::MAX,
        max_attributes: u16::MAX,
        max_namespaces: u16::MAX - 1,
    };

    fn view<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        // Offsets are 32 bits wide.
        let max_bytes = self.max_bytes.min(Self::SCANNED.max_bytes);
        data.get(..max_bytes).unwrap_or(data)
    }

    fn is_reached(&self, view: &[u8]) -> bool {
        view.len() >= self.max_bytes.min(Self::SCANNED.max_bytes)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits::CLIENT
    }
}

/// What [`Scanner::scan`] found at the beginning of the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scanned {
    /// Nothing whole yet: call again with the same bytes and more.
    More,
    /// White space between stanzas, which keeps connections alive (RFC 6120 §4.6.1).
    Space {
        /// Bytes to drop.
        len: usize,
    },
    /// The XML declaration, if there is one, and the start tag of the stream.
    Header {
        /// Bytes to drop.
        len: usize,
        /// What the start tag says.
        header: Box<StreamHeader>,
    },
    /// One whole first-level element.
    Stanza {
        /// Bytes to take.
        len: usize,
        /// Spans into these bytes.
        head: Head,
    },
    /// The end tag of the stream.
    End {
        /// Bytes to drop.
        len: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Before the start tag of the stream; this many bytes of XML declaration and white space are behind.
    Header(u32),
    Stanzas,
    Ended,
    Failed(ScanError),
}

/// Reads a stream from whatever pieces arrive. It keeps offsets, not bytes; memory is held only for an element of
/// which a part has arrived, and for what the stream header declared.
#[derive(Debug)]
pub struct Scanner {
    limits: Limits,
    phase: Phase,
    partial: Option<Box<Machine>>,
    context: Option<Box<StreamContext>>,
}

impl Scanner {
    /// A scanner that expects a stream header first.
    pub fn tcp(limits: Limits) -> Scanner {
        Scanner {
            limits,
            phase: Phase::Header(0),
            partial: None,
            context: None,
        }
    }

    /// A scanner of what stands inside an element that has been opened already.
    pub(crate) fn inside(limits: Limits, context: StreamContext) -> Scanner {
        Scanner {
            limits,
            phase: Phase::Stanzas,
            partial: None,
            context: Some(Box::new(context)),
        }
    }

    /// Expects a new stream header, after STARTTLS or SASL (RFC 6120 §4.3.3).
    pub fn restart(&mut self) {
        *self = Self::tcp(self.limits);
    }

    /// Changes the limits; they hold for the element being read, too.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// What the stream header declared for the stanzas inside.
    pub fn context(&self) -> &StreamContext {
        static PLAIN: StreamContext = StreamContext::PLAIN;
        self.context.as_deref().unwrap_or(&PLAIN)
    }

    /// Looks at `data`, which begins with the first byte not yet dropped or taken.
    ///
    /// # Errors
    /// A [`ScanError`], again at every later call.
    pub fn scan(&mut self, data: &[u8]) -> Result<Scanned, ScanError> {
        let result = match self.phase {
            Phase::Header(prolog) => self.scan_header(data, prolog),
            Phase::Stanzas => self.scan_stanza(data),
            Phase::Ended => after_end(data),
            Phase::Failed(error) => Err(error),
        };
        if let Err(error) = result {
            self.partial = None;
            self.phase = Phase::Failed(error);
        }
        result
    }

    fn scan_header(&mut self, data: &[u8], mut prolog: u32) -> Result<Scanned, ScanError> {
        let view = self.limits.view(data);
        let mut machine = match self.partial.take() {
            Some(machine) => machine,
            None => {
                if prolog == 0 {
                    // COMPAT: clients that end each element with a line break do so before a restart, too.
                    let len = chars::skip_space(data, 0);
                    if len > 0 {
                        return Ok(Scanned::Space { len });
                    }
                    let Some(len) = header::declaration(view)? else {
                        return self.more(view);
                    };
                    prolog = len as u32;
                }
                prolog = chars::skip_space(view, prolog as usize) as u32;
                self.phase = Phase::Header(prolog);
                match view.get(prolog as usize) {
                    None => return self.more(view),
                    Some(b'<') => Box::new(Machine::new(prolog as usize)),
                    Some(_) => return Err(ScanError::StrayText),
                }
            }
        };
        match machine.run(view, &Scope::ALONE, &self.limits, true, &mut ())? {
            Progress::More => {
                self.partial = Some(machine);
                self.more(view)
            }
            Progress::Opened | Progress::Closed => {
                let (header, context) = header::finish(&machine, view)?;
                self.context = Some(Box::new(context));
                self.phase = Phase::Stanzas;
                Ok(Scanned::Header {
                    len: machine.pos,
                    header: Box::new(header),
                })
            }
        }
    }

    fn scan_stanza(&mut self, data: &[u8]) -> Result<Scanned, ScanError> {
        let view = self.limits.view(data);
        if let Some(mut machine) = self.partial.take() {
            return match self.run(&mut machine, view)? {
                Scanned::More => {
                    self.partial = Some(machine);
                    self.more(view)
                }
                found => Ok(found),
            };
        }
        let end_tag = match view {
            [] | [b'<'] => return self.more(view),
            [b'<', b'/', rest @ ..] => {
                let name = self.context().name.as_bytes();
                match is_prefix(name, rest) {
                    None => return self.more(view),
                    Some(false) => return Err(ScanError::MismatchedTag),
                    Some(true) => Some(2 + name.len()),
                }
            }
            [b'<', ..] => None,
            [byte, ..] if is_space(*byte) => {
                return Ok(Scanned::Space {
                    len: chars::skip_space(data, 0),
                });
            }
            _ => return Err(ScanError::StrayText),
        };
        let mut machine = Machine::new(0);
        if let Some(name_end) = end_tag {
            machine.expect_end(name_end);
        }
        match self.run(&mut machine, view)? {
            Scanned::More => {
                self.partial = Some(Box::new(machine));
                self.more(view)
            }
            found => Ok(found),
        }
    }

    fn run(&mut self, machine: &mut Machine, view: &[u8]) -> Result<Scanned, ScanError> {
        match machine.run(view, &self.context().scope(), &self.limits, false, &mut ())? {
            Progress::More => Ok(Scanned::More),
            Progress::Opened | Progress::Closed if machine.is_end_of_stream() => {
                self.phase = Phase::Ended;
                Ok(Scanned::End { len: machine.pos })
            }
            Progress::Opened | Progress::Closed => Ok(Scanned::Stanza {
                len: machine.pos,
                head: machine.finish(),
            }),
        }
    }

    /// The bytes ran out: either more are to come or there are too many already.
    fn more(&self, view: &[u8]) -> Result<Scanned, ScanError> {
        if self.limits.is_reached(view) {
            Err(ScanError::TooLong)
        } else {
            Ok(Scanned::More)
        }
    }
}

fn after_end(data: &[u8]) -> Result<Scanned, ScanError> {
    match chars::skip_space(data, 0) {
        0 if data.is_empty() => Ok(Scanned::More),
        0 => Err(ScanError::Trailing),
        len => Ok(Scanned::Space { len }),
    }
}

/// Scans bytes that hold exactly one element and no stream around it: a WebSocket message (RFC 7395 §3.3.3) or a
/// stored payload. White space may follow. Where the element declares no default namespace it is in
/// `jabber:client`.
///
/// # Errors
/// A [`ScanError`]; [`ScanError::Incomplete`] when the element does not end.
pub fn scan_one(data: &[u8], limits: &Limits) -> Result<Head, ScanError> {
    scan_into(data, limits, &mut ())
}

/// As [`scan_one`], telling what it sees.
pub(crate) fn scan_into<S: Sink>(data: &[u8], limits: &Limits, sink: &mut S) -> Result<Head, ScanError> {
    match data.first() {
        None => return Err(ScanError::Incomplete),
        Some(b'<') => {}
        Some(_) => return Err(ScanError::StrayText),
    }
    let view = limits.view(data);
    let mut machine = Machine::new(0);
    match machine.run(view, &Scope::ALONE, limits, false, sink)? {
        Progress::More if limits.is_reached(view) => Err(ScanError::TooLong),
        Progress::More => Err(ScanError::Incomplete),
        Progress::Opened | Progress::Closed => {
            if chars::skip_space(data, machine.pos) < data.len() {
                return Err(ScanError::Trailing);
            }
            Ok(machine.finish())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn between_stanzas_nothing_is_held() {
        assert_eq!(size_of::<Scanner>(), 40);
        let mut scanner = Scanner::tcp(Limits::CLIENT);
        let header = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
        for end in 0..header.len() {
            assert_eq!(scanner.scan(&header[..end]).unwrap(), Scanned::More);
        }
        assert!(matches!(scanner.scan(header).unwrap(), Scanned::Header { .. }));
        assert!(scanner.partial.is_none());
        let presence = b"<presence/> ";
        for end in 0..11 {
            assert_eq!(scanner.scan(&presence[..end]).unwrap(), Scanned::More);
            assert_eq!(scanner.partial.is_some(), end > 1);
        }
        assert!(matches!(scanner.scan(presence).unwrap(), Scanned::Stanza { .. }));
        assert!(scanner.partial.is_none());
        assert_eq!(scanner.scan(b" ").unwrap(), Scanned::Space { len: 1 });
        assert_eq!(scanner.scan(b"").unwrap(), Scanned::More);
        assert!(scanner.partial.is_none());
    }
}
