//! Edits of a root element's start tag: attributes added, replaced and removed in one copy of the bytes.
//!
//! Specification: none; the bytes outside of the edits stay as they are. Which attributes change is decided in
//! [`crate::stanza`].

use std::sync::Arc;

use crate::scan::{AttributeSpan, Head, Space, is_space};
use crate::stanza::Set;

/// Attributes are added after the root's name, so the place of a new one is known when it is added.
pub(crate) struct RootEdit<'a> {
    name_end: usize,
    inserted: [&'a [u8]; 12],
    inserted_count: usize,
    inserted_len: usize,
    changes: [Change<'a>; 4],
    change_count: usize,
}

/// Bytes replaced by others.
#[derive(Clone, Copy, Default)]
struct Change<'a> {
    start: usize,
    end: usize,
    with: &'a [u8],
}

/// What became of an attribute.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    Kept,
    Removed,
    Replaced(u32),
    Added(AttributeSpan),
}

impl Outcome {
    /// Corrects the attribute's span in a head that has been moved.
    pub(crate) fn note(self, span: &mut AttributeSpan) {
        match self {
            Outcome::Kept => {}
            Outcome::Removed => *span = AttributeSpan::default(),
            Outcome::Replaced(len) => span.len = len,
            Outcome::Added(added) => *span = added,
        }
    }
}

impl<'a> RootEdit<'a> {
    pub(crate) fn new(head: &Head) -> Self {
        RootEdit {
            name_end: head.name.end(),
            inserted: [b""; 12],
            inserted_count: 0,
            inserted_len: 0,
            changes: [Change::default(); 4],
            change_count: 0,
        }
    }

    /// Plans what becomes of an attribute. `opening` is its name with a space before and `='` after it; `value` is
    /// escaped.
    pub(crate) fn set(
        &mut self,
        opening: &'static [u8],
        data: &[u8],
        span: &AttributeSpan,
        set: Set<'_>,
        value: &'a [u8],
    ) -> Outcome {
        match set {
            Set::Remove if span.exists() => {
                let name = span.name as usize;
                let space = data[..name]
                    .iter()
                    .rev()
                    .take_while(|byte| is_space(**byte))
                    .count();
                self.change(Change {
                    start: name - space,
                    end: span.end(),
                    with: b"",
                });
                Outcome::Removed
            }
            Set::To(_) if span.exists() => {
                let start = span.value as usize;
                self.change(Change {
                    start,
                    end: start + span.len as usize,
                    with: value,
                });
                Outcome::Replaced(value.len() as u32)
            }
            Set::To(_) => {
                let start = self.insert([opening, value, b"'"]);
                let added = AttributeSpan {
                    name: start + 1,
                    value: start + opening.len() as u32,
                    len: value.len() as u32,
                };
                Outcome::Added(added)
            }
            Set::Keep | Set::Remove => Outcome::Kept,
        }
    }

    /// Plans bytes after the root's name and tells where they will stand.
    pub(crate) fn insert(&mut self, parts: [&'a [u8]; 3]) -> u32 {
        let start = self.name_end + self.inserted_len;
        for part in parts {
            self.inserted[self.inserted_count] = part;
            self.inserted_count += 1;
            self.inserted_len += part.len();
        }
        start as u32
    }

    fn change(&mut self, change: Change<'a>) {
        let at = self.changes[..self.change_count].partition_point(|earlier| earlier.start < change.start);
        self.changes[at..=self.change_count].rotate_right(1);
        self.changes[at] = change;
        self.change_count += 1;
    }

    /// Calls `take` with the pieces of the new bytes in order.
    fn pieces(&self, data: &[u8], mut take: impl FnMut(&[u8])) {
        take(&data[..self.name_end]);
        for part in &self.inserted[..self.inserted_count] {
            take(part);
        }
        let mut at = self.name_end;
        for change in &self.changes[..self.change_count] {
            take(&data[at..change.start]);
            take(change.with);
            at = change.end;
        }
        take(&data[at..]);
    }

    /// The new bytes.
    pub(crate) fn apply(&self, data: &[u8]) -> Arc<[u8]> {
        let len = self.moved(data.len() as u32) as usize;
        let mut bytes: Arc<[u8]> = std::iter::repeat_n(0, len).collect();
        if let Some(out) = Arc::get_mut(&mut bytes) {
            let mut at = 0;
            self.pieces(data, |piece| {
                out[at..at + piece.len()].copy_from_slice(piece);
                at += piece.len();
            });
        }
        bytes
    }

    /// Appends the new bytes.
    pub(crate) fn append(&self, data: &[u8], out: &mut Vec<u8>) {
        out.reserve(self.moved(data.len() as u32) as usize);
        self.pieces(data, |piece| out.extend_from_slice(piece));
    }

    /// Where a byte goes that stands behind the root's name.
    fn moved(&self, at: u32) -> u32 {
        let mut moved = at as usize + self.inserted_len;
        for change in &self.changes[..self.change_count] {
            if change.start < at as usize {
                // Inside of removed bytes there is no place to go; the span is of no use then.
                moved = moved + change.with.len() - (change.end.min(at as usize) - change.start);
            }
        }
        moved as u32
    }

    /// A head with its spans moved. Those of edited attributes are still to be corrected by their [`Outcome`].
    pub(crate) fn moved_head(&self, head: &Head) -> Head {
        let attribute = |span: AttributeSpan| match span.exists() {
            true => AttributeSpan {
                name: self.moved(span.name),
                value: self.moved(span.value),
                len: span.len,
            },
            false => span,
        };
        let space = |space| match space {
            Space::Span(start, len) => Space::Span(self.moved(start), len),
            other => other,
        };
        let mut child = head.child;
        child.start = self.moved(child.start);
        Head {
            len: self.moved(head.len),
            kind: head.kind,
            name: head.name,
            space: space(head.space),
            tag_end: self.moved(head.tag_end),
            inner_end: self.moved(head.inner_end),
            to: attribute(head.to),
            from: attribute(head.from),
            id: attribute(head.id),
            type_: attribute(head.type_),
            lang: attribute(head.lang),
            xmlns: attribute(head.xmlns),
            child,
            child_space: space(head.child_space),
            outer: head.outer,
        }
    }
}
