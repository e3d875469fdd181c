//! Expected XML, compared with what arrived: namespaces and values count, the order of
//! attributes and white space between elements do not.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wire::{Document, Element};

/// The values that `{names}` stand for so far.
pub type Captures = BTreeMap<String, String>;

/// The first difference, in words; `Ok` when the element fits.
pub fn compare(expected: Element<'_>, actual: Element<'_>, captures: &mut Captures) -> Result<(), String> {
    let place = expected.name();
    if (expected.name(), expected.ns()) != (actual.name(), actual.ns()) {
        return Err(format!(
            "expected <{} xmlns='{}'>, found <{} xmlns='{}'>",
            expected.name(),
            expected.ns(),
            actual.name(),
            actual.ns()
        ));
    }
    for wanted in attributes(expected) {
        let Some(found) = attributes(actual).into_iter().find(|a| a.0 == wanted.0) else {
            return Err(format!("<{place}> lacks {}='{}'", wanted.0, wanted.1));
        };
        value(&wanted.1, &found.1, captures).map_err(|why| format!("<{place} {}>: {why}", wanted.0))?;
    }
    for found in attributes(actual) {
        if !attributes(expected).iter().any(|a| a.0 == found.0) {
            return Err(format!(
                "<{place}> has {}='{}', which was not expected",
                found.0, found.1
            ));
        }
    }
    let is_open_ended = expected.text().contains("{...}");
    let mut remaining: Vec<Element<'_>> = actual.children().collect();
    for child in expected.children() {
        if is_open_ended {
            // Further content may stand between: take the first that fits.
            let position = remaining
                .iter()
                .position(|c| compare(child, *c, &mut captures.clone()).is_ok());
            let Some(position) = position else {
                let nearest = remaining.iter().find(|c| c.is(child.name(), child.ns()));
                let why = nearest.and_then(|c| compare(child, *c, &mut captures.clone()).err());
                return Err(why.unwrap_or_else(|| format!("<{place}> lacks <{}>", child.name())));
            };
            compare(child, remaining.remove(position), captures)?;
        } else if remaining.is_empty() {
            return Err(format!("<{place}> lacks <{}>", child.name()));
        } else {
            compare(child, remaining.remove(0), captures)?;
        }
    }
    if is_open_ended {
        return Ok(());
    }
    if let Some(extra) = remaining.first() {
        return Err(format!(
            "<{place}> has <{}>, which was not expected",
            extra.name()
        ));
    }
    value(expected.text().trim(), actual.text().trim(), captures).map_err(|why| format!("<{place}>: {why}"))
}

/// `xml:lang` is left out: the stream's language is written on what is cut out of it.
fn attributes(element: Element<'_>) -> Vec<(String, String)> {
    element
        .attrs()
        .filter(|a| a.ns.is_empty())
        .map(|a| (a.name.to_owned(), a.value.clone().into_owned()))
        .collect()
}

fn value(expected: &str, actual: &str, captures: &mut Captures) -> Result<(), String> {
    let matches = fits(expected, actual, captures);
    if matches {
        Ok(())
    } else {
        Err(format!(
            "expected {:?}, found {actual:?}",
            fill(expected, captures)
        ))
    }
}

/// Whether a value fits a pattern of literal text and `{names}`.
fn fits(pattern: &str, actual: &str, captures: &mut Captures) -> bool {
    let Some((before, rest)) = pattern.split_once('{') else {
        return pattern == actual;
    };
    let Some((name, after)) = rest.split_once('}') else {
        return pattern == actual;
    };
    let Some(actual) = actual.strip_prefix(before) else {
        return false;
    };
    if let Some(known) = captures.get(name).cloned() {
        return actual
            .strip_prefix(known.as_str())
            .is_some_and(|left| fits(after, left, captures));
    }
    for end in actual.char_indices().map(|(at, _)| at).chain([actual.len()]) {
        let mut trial = captures.clone();
        if name != "any" {
            trial.insert(name.to_owned(), actual[..end].to_owned());
        }
        // A name stands for something; only {any} may be empty.
        if (end > 0 || name == "any") && fits(after, &actual[end..], &mut trial) {
            *captures = trial;
            return true;
        }
    }
    false
}

/// Text with its captured `{names}` filled in, for sending.
pub fn fill(text: &str, captures: &Captures) -> String {
    captures.iter().fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("{{{name}}}"), value)
    })
}

/// Text in which each `{N times TEXT}` stands written out.
pub fn repeat(text: &str) -> String {
    let Some((before, rest)) = text.split_once('{') else {
        return text.to_owned();
    };
    let written = rest.split_once('}').and_then(|(inner, after)| {
        let (count, what) = inner.split_once(" times ")?;
        Some(format!(
            "{before}{}{}",
            what.repeat(count.parse().ok()?),
            repeat(after)
        ))
    });
    written.unwrap_or_else(|| format!("{before}{{{}", repeat(rest)))
}

/// Text in which each `{base64 TEXT}` is encoded; `\0` in it is a zero byte.
pub fn encode(text: &str) -> String {
    let Some((before, rest)) = text.split_once("{base64 ") else {
        return text.to_owned();
    };
    let Some((inner, after)) = rest.split_once('}') else {
        return text.to_owned();
    };
    let encoded = STANDARD.encode(inner.replace("\\0", "\0"));
    format!("{before}{encoded}{}", encode(after))
}

/// The stanzas of a block, each standing alone in the client's namespace.
pub fn stanzas(block: &str) -> Result<Vec<Document>, String> {
    if block.is_empty() {
        return Ok(Vec::new());
    }
    let wrapped = format!(
        "<block xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>{block}</block>"
    );
    let document = Document::parse(wrapped.into_bytes()).map_err(|error| format!("{error} in {block}"))?;
    document
        .root()
        .children()
        .map(|child| Document::parse(child.cut()).map_err(|error| error.to_string()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expected: &str, actual: &str) -> Result<Captures, String> {
        let mut captures = Captures::new();
        let (expected, actual) = (stanzas(expected).unwrap(), stanzas(actual).unwrap());
        compare(expected[0].root(), actual[0].root(), &mut captures).map(|()| captures)
    }

    #[test]
    fn order_of_attributes_and_white_space_do_not_count() {
        check(
            "<iq id='1' type='get'> <a xmlns='x'/> </iq>",
            "<iq type='get' id='1'><a xmlns='x'/></iq>",
        )
        .unwrap();
    }

    #[test]
    fn namespaces_values_and_extra_content_count() {
        for actual in [
            "<iq id='1'><a xmlns='y'/></iq>",
            "<iq id='2'><a xmlns='x'/></iq>",
            "<iq id='1' to='b'><a xmlns='x'/></iq>",
            "<iq id='1'><a xmlns='x'/><b xmlns='x'/></iq>",
            "<iq id='1'><a xmlns='x'>text</a></iq>",
            "<iq id='1'/>",
        ] {
            assert!(
                check("<iq id='1'><a xmlns='x'/></iq>", actual).is_err(),
                "{actual}"
            );
        }
    }

    #[test]
    fn names_capture_and_must_agree() {
        let captures = check(
            "<a id='{x}'><b>{x}!{any}</b></a>",
            "<a id='17'><b>17!more</b></a>",
        )
        .unwrap();
        assert_eq!(fill("<c id='{x}'/>", &captures), "<c id='17'/>");
        assert!(check("<a id='{x}'><b>{x}</b></a>", "<a id='17'><b>18</b></a>").is_err());
        assert!(check("<a id='{x}'/>", "<a id=''/>").is_err());
    }

    #[test]
    fn what_is_long_is_written_short() {
        assert_eq!(
            repeat("<a>{3 times xy}</a>{z}{2 times <b/>}"),
            "<a>xyxyxy</a>{z}<b/><b/>"
        );
        assert_eq!(repeat("{ many times x}{"), "{ many times x}{");
    }

    #[test]
    fn what_is_encoded_is_written_plainly() {
        assert_eq!(encode("<a>{base64 \\0tim\\0x}</a>{b}"), "<a>AHRpbQB4</a>{b}");
        assert_eq!(encode("{base64 x"), "{base64 x");
    }

    #[test]
    fn dots_let_further_content_stand() {
        check("<a>{...}<c/></a>", "<a><b/><c/><d/></a>").unwrap();
        assert!(check("<a>{...}<c/></a>", "<a><b/></a>").is_err());
    }
}
