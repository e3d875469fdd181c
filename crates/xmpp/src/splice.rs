//! Changing some children of an element and leaving every other byte as it is.

use std::borrow::Cow;

use wire::Element;

/// The element's bytes, with each child that `change` gives something for replaced by it, and `append` behind the last
/// child. The element's own tags stay, and so what they declare.
pub(crate) fn splice<'e>(
    element: Element<'e>,
    change: impl Fn(Element<'e>) -> Option<Cow<'static, [u8]>>,
    append: &[u8],
) -> Vec<u8> {
    let raw = element.raw();
    let at = |part: &[u8]| part.as_ptr() as usize - raw.as_ptr() as usize;
    let mut out = Vec::with_capacity(raw.len() + append.len());
    let mut copied = 0;
    for child in element.children() {
        if let Some(instead) = change(child) {
            let start = at(child.raw());
            out.extend_from_slice(&raw[copied..start]);
            out.extend_from_slice(&instead);
            copied = start + child.raw().len();
        }
    }
    let rest = &raw[copied..];
    match rest.iter().rposition(|byte| *byte == b'<') {
        // An end tag. What begins the element was copied already, or stands before it.
        Some(end) if rest[end..].starts_with(b"</") => {
            out.extend_from_slice(&rest[..end]);
            out.extend_from_slice(append);
            out.extend_from_slice(&rest[end..]);
        }
        // An empty element, whose only tag ends in `/>`.
        _ if append.is_empty() => out.extend_from_slice(rest),
        _ => {
            let open = rest.strip_suffix(b"/>").unwrap_or(rest);
            out.extend_from_slice(open);
            out.push(b'>');
            out.extend_from_slice(append);
            let name = &open[1..];
            let len = name.iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
            out.extend_from_slice(b"</");
            out.extend_from_slice(&name[..len]);
            out.push(b'>');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use wire::Document;

    fn spliced(xml: &str, name: &str, instead: &'static str, append: &str) -> String {
        let document = Document::parse(xml.as_bytes()).unwrap();
        let change = |child: Element<'_>| (child.name() == name).then_some(Cow::Borrowed(instead.as_bytes()));
        let out = splice(document.root(), change, append.as_bytes());
        Document::parse(out.clone()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_rest_stays_as_it_is() {
        assert_eq!(
            spliced("<a>1<b>x</b> <c/><b/>2</a>", "b", "<d/>", "<e/>"),
            "<a>1<d/> <c/><d/>2<e/></a>"
        );
        assert_eq!(spliced("<a><b/></a>", "b", "", ""), "<a></a>");
        assert_eq!(spliced("<a><b/></a>", "b", "", "<c/>"), "<a><c/></a>");
        assert_eq!(spliced("<a x='1' />", "b", "", "<c/>"), "<a x='1' ><c/></a>");
        assert_eq!(spliced("<a/>", "b", "", "<c/>"), "<a><c/></a>");
        assert_eq!(spliced("<a/>", "b", "", ""), "<a/>");
        assert_eq!(
            spliced("<p:a xmlns:p='urn:p'><p:b/></p:a>", "b", "", "<c/>"),
            "<p:a xmlns:p='urn:p'><c/></p:a>"
        );
    }
}
