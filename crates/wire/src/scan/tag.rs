//! What a finished start tag means: namespaces declared and resolved, duplicates refused, the head noted.
//!
//! Specification: [Namespaces in XML 1.0](https://www.w3.org/TR/xml-names/) §3–§6. Where the tag begins and ends is
//! in [`super::machine`].

use super::chars::Name;
use super::head::{AttributeSpan, Kind};
use super::inline::Inline;
use super::machine::{Attribute, Declared, Machine, Open, Sink};
use super::ns::{self, IMPLIED, Resolved, Scope, Space};
use super::{Limits, ScanError};

impl Machine {
    /// After the `>` of a start tag.
    pub(super) fn finish_tag<S: Sink>(
        &mut self,
        data: &[u8],
        is_empty: bool,
        scope: &Scope<'_>,
        limits: &Limits,
        sink: &mut S,
    ) -> Result<(), ScanError> {
        let depth = self.open.len();
        if depth >= usize::from(limits.max_depth) {
            return Err(ScanError::TooDeep);
        }
        let mut open = Open {
            name: self.name,
            bindings: self.bindings.len(),
            default: self.open.last().map_or(IMPLIED, |parent| parent.default),
        };
        let prefixed = self.declarations(data, &mut open, limits, sink)?;
        let element = if self.name.prefix_len() == 0 {
            self.bindings.default(open.default)
        } else {
            self.bindings.resolve(data, self.name.prefix(data), scope)?
        };
        sink.element_space(declared(element));
        if let Some(first) = prefixed {
            self.prefixed_attributes(data, first, scope, sink)?;
        }
        match depth {
            0 => self.note_root(data, element, scope),
            1 if self.head.child.len() == 0 => {
                self.head.child = self.name;
                self.head.child_space = element.space;
            }
            _ => {}
        }
        if is_empty {
            self.bindings.truncate(open.bindings);
            sink.close(self.pos as u32);
        } else {
            self.open.push(open);
        }
        Ok(())
    }

    /// Finds attributes of the same name as written, and puts declarations in scope. The result is the number and
    /// handle of the first attribute whose prefix is to be resolved.
    fn declarations<S: Sink>(
        &mut self,
        data: &[u8],
        open: &mut Open,
        limits: &Limits,
        sink: &mut S,
    ) -> Result<Option<(usize, u32)>, ScanError> {
        let mut prefixed = None;
        let mut seen: u64 = 0;
        for (number, attribute) in self.attributes.iter().enumerate() {
            let name = attribute.name.whole(data);
            // Attributes of different length or last letter cannot be the same; most pairs end here.
            let bit = 1 << ((usize::from(attribute.name.len()) * 7 + usize::from(name[name.len() - 1])) % 64);
            if seen & bit != 0
                && self
                    .attributes
                    .iter()
                    .take(number)
                    .any(|other| other.name.whole(data) == name)
            {
                return Err(ScanError::DuplicateAttribute);
            }
            seen |= bit;
            let is_declaration = match attribute.name.prefix_len() {
                0 => name == b"xmlns",
                5 => name.starts_with(b"xmlns"),
                _ => false,
            };
            let handle = sink.attribute(&attribute, is_declaration);
            if is_declaration {
                if !ns::is_plain(attribute.value(data)) {
                    return Err(ScanError::NamespaceName);
                }
                let uri = (attribute.value, attribute.len);
                if self.bindings.declare(data, attribute.name, uri, handle)? {
                    open.default = self.bindings.len() - 1;
                }
                if self.bindings.len() > limits.max_namespaces {
                    return Err(ScanError::TooManyNamespaces);
                }
            } else if attribute.name.prefix_len() != 0 && prefixed.is_none() {
                prefixed = Some((number, handle));
            }
        }
        Ok(prefixed)
    }

    /// Resolves the prefixes of attributes and finds duplicates by expanded name (§6.3).
    fn prefixed_attributes<S: Sink>(
        &mut self,
        data: &[u8],
        (first, first_handle): (usize, u32),
        scope: &Scope<'_>,
        sink: &mut S,
    ) -> Result<(), ScanError> {
        let mut resolved: Inline<(Name, Space), 4> = Inline::new();
        for number in first..self.attributes.len() {
            let Some(Attribute { name, .. }) = self.attributes.get(number) else {
                break;
            };
            if name.prefix_len() == 0 || name.prefix(data) == b"xmlns" {
                continue;
            }
            let meaning = self.bindings.resolve(data, name.prefix(data), scope)?;
            // Attributes are told to the sink one after the other, so their handles are consecutive.
            sink.attribute_space(first_handle + (number - first) as u32, declared(meaning));
            let uri = scope.resolve(meaning.space, data);
            let is_same = |(other, space): (Name, Space)| {
                other.local(data) == name.local(data) && scope.resolve(space, data) == uri
            };
            if resolved.iter().any(is_same) {
                return Err(ScanError::DuplicateAttribute);
            }
            resolved.push((name, meaning.space));
        }
        Ok(())
    }

    /// Notes what routing wants to know of the root.
    fn note_root(&mut self, data: &[u8], element: Resolved, scope: &Scope<'_>) {
        let head = &mut self.head;
        head.name = self.name;
        head.space = element.space;
        head.tag_end = self.pos as u32;
        head.inner_end = self.pos as u32;
        for attribute in self.attributes.iter() {
            let slot = match attribute.name.whole(data) {
                b"to" => &mut head.to,
                b"from" => &mut head.from,
                b"id" => &mut head.id,
                b"type" => &mut head.type_,
                b"xml:lang" => &mut head.lang,
                b"xmlns" => &mut head.xmlns,
                _ => continue,
            };
            *slot = AttributeSpan {
                name: attribute.name.start,
                value: attribute.value,
                len: attribute.len,
            };
        }
        let is_content = head.name.prefix_len() == 0
            && !scope.content.is_empty()
            && scope.resolve(head.space, data) == scope.content.as_bytes();
        if is_content {
            head.kind = match head.name.whole(data) {
                b"message" => Kind::Message,
                b"presence" => Kind::Presence,
                b"iq" => Kind::Iq,
                _ => Kind::Other,
            };
        }
    }
}

fn declared(resolved: Resolved) -> Declared {
    match (resolved.space, resolved.handle) {
        (Space::None, Some(handle)) => Declared::None(handle),
        (_, Some(handle)) => Declared::By(handle),
        (Space::Xml, None) => Declared::Xml,
        (Space::Outer(_), None) => Declared::Outside,
        (_, None) => Declared::Implied,
    }
}
