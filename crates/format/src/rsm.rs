//! Result sets in pages: what is asked for, and where in the whole the answer stands.
//!
//! Specification: [XEP-0059](https://xmpp.org/extensions/xep-0059.html). Identifiers are opaque here.

use wire::{Element, Writer, ns};

/// The longest identifier that is read, in bytes.
const MAX_ID: usize = 4096;

/// Why a `<set/>` cannot be answered: `bad-request`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RsmError {
    /// `max` or `index` is no number.
    #[error("a number was expected in the result set request")]
    NotANumber,
    /// More than one of `after`, `before` and `index`.
    #[error("a result set request asks for one page")]
    Ambiguous,
    /// An identifier of more than 4,096 bytes, or an empty one where one is needed.
    #[error("not an identifier of a result set")]
    BadId,
}

/// Which page is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Page {
    /// The first (§2.1).
    #[default]
    First,
    /// What follows the item of this id (§2.2).
    After(String),
    /// What precedes the item of this id (§2.3).
    Before(String),
    /// The last (§2.5).
    Last,
    /// What begins at this position, counted from 0 (§2.6).
    Index(u32),
}

impl Page {
    /// The same page of the set in the opposite order; `None` for one that is counted from an end.
    #[must_use]
    pub fn reversed(self) -> Option<Page> {
        match self {
            Page::First | Page::Index(0) => Some(Page::Last),
            Page::Last => Some(Page::First),
            Page::After(id) => Some(Page::Before(id)),
            Page::Before(id) => Some(Page::After(id)),
            Page::Index(_) => None,
        }
    }
}

/// A request for a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// How many items at most; 0 asks for the count alone (§2.7).
    pub max: Option<u32>,
    /// Which page.
    pub page: Page,
}

impl Request {
    /// Reads a `<set/>`.
    ///
    /// # Errors
    /// An [`RsmError`]; the answer is `bad-request`.
    pub fn parse(set: Element<'_>) -> Result<Request, RsmError> {
        let mut request = Request::default();
        let mut is_paged = false;
        let mut turn_to = |page: &mut Page, wanted: Page| {
            *page = wanted;
            if std::mem::replace(&mut is_paged, true) {
                Err(RsmError::Ambiguous)
            } else {
                Ok(())
            }
        };
        for child in set.children().filter(|child| child.ns() == ns::RSM) {
            match child.name() {
                "max" => request.max = Some(number(&child.text())?),
                "after" => turn_to(
                    &mut request.page,
                    Page::After(identifier(child)?.ok_or(RsmError::BadId)?),
                )?,
                "before" => {
                    turn_to(
                        &mut request.page,
                        identifier(child)?.map_or(Page::Last, Page::Before),
                    )?;
                }
                "index" => turn_to(&mut request.page, Page::Index(number(&child.text())?))?,
                _ => {}
            }
        }
        Ok(request)
    }

    /// Reads the `<set/>` among an element's children, if there is one.
    ///
    /// # Errors
    /// As [`Request::parse`].
    pub fn find(parent: Element<'_>) -> Result<Option<Request>, RsmError> {
        parent.child("set", ns::RSM).map(Request::parse).transpose()
    }

    /// Writes the `<set/>`.
    pub fn write(&self, writer: &mut Writer) {
        writer.open("set").ns(ns::RSM);
        if let Some(max) = self.max {
            writer.leaf("max", &max.to_string());
        }
        match &self.page {
            Page::First => &mut *writer,
            Page::After(id) => writer.leaf("after", id),
            Page::Before(id) => writer.leaf("before", id),
            Page::Last => writer.leaf("before", ""),
            Page::Index(index) => writer.leaf("index", &index.to_string()),
        };
        writer.close();
    }
}

/// Where an answer stands in the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The id of the page's first item.
    pub first: Option<String>,
    /// The position of the first item, counted from 0.
    pub first_index: Option<u32>,
    /// The id of the page's last item.
    pub last: Option<String>,
    /// How many items there are in all.
    pub count: Option<u32>,
}

impl Response {
    /// Reads a `<set/>`.
    ///
    /// # Errors
    /// [`RsmError::NotANumber`], [`RsmError::BadId`].
    pub fn parse(set: Element<'_>) -> Result<Response, RsmError> {
        let mut response = Response::default();
        for child in set.children().filter(|child| child.ns() == ns::RSM) {
            match child.name() {
                "first" => {
                    response.first = identifier(child)?;
                    response.first_index = child.attr("index").map(|index| number(&index)).transpose()?;
                }
                "last" => response.last = identifier(child)?,
                "count" => response.count = Some(number(&child.text())?),
                _ => {}
            }
        }
        Ok(response)
    }

    /// Writes the `<set/>`.
    pub fn write(&self, writer: &mut Writer) {
        writer.open("set").ns(ns::RSM);
        if let Some(first) = &self.first {
            let index = self.first_index.map(|index| index.to_string());
            writer
                .open("first")
                .attr_opt("index", index.as_deref())
                .text(first)
                .close();
        }
        if let Some(last) = &self.last {
            writer.leaf("last", last);
        }
        if let Some(count) = self.count {
            writer.leaf("count", &count.to_string());
        }
        writer.close();
    }
}

/// A number; one too large for us means "as many as you like".
fn number(text: &str) -> Result<u32, RsmError> {
    let text = text.trim_ascii();
    if text.is_empty() || text.len() > 64 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(RsmError::NotANumber);
    }
    Ok(text.parse().unwrap_or(u32::MAX))
}

/// An identifier; `None` when it is empty.
fn identifier(element: Element<'_>) -> Result<Option<String>, RsmError> {
    let text = element.text();
    match text.len() {
        0 => Ok(None),
        1..=MAX_ID => Ok(Some(text.into_owned())),
        _ => Err(RsmError::BadId),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use wire::Document;

    use super::*;

    fn request(inner: &str) -> Result<Request, RsmError> {
        let xml =
            format!("<query xmlns='x'><set xmlns='http://jabber.org/protocol/rsm'>{inner}</set></query>");
        let document = Document::parse(xml.into_bytes()).unwrap();
        Request::find(document.root()).map(Option::unwrap)
    }

    #[test]
    fn requests() {
        for (inner, max, page) in [
            ("", None, Page::First),
            ("<max>10</max>", Some(10), Page::First),
            ("<max>99999999999</max>", Some(u32::MAX), Page::First),
            ("<max>0</max>", Some(0), Page::First),
            (
                "<max> 10 </max><after>a&amp;b</after>",
                Some(10),
                Page::After("a&b".into()),
            ),
            ("<before/>", None, Page::Last),
            ("<before></before>", None, Page::Last),
            ("<before>x</before>", None, Page::Before("x".into())),
            ("<index>371</index>", None, Page::Index(371)),
            ("<other/><max xmlns='y'>1</max>", None, Page::First),
        ] {
            assert_eq!(request(inner), Ok(Request { max, page }), "{inner}");
        }
        for (inner, error) in [
            ("<max/>", RsmError::NotANumber),
            ("<max>-1</max>", RsmError::NotANumber),
            ("<max>ten</max>", RsmError::NotANumber),
            ("<index>+1</index>", RsmError::NotANumber),
            ("<after/>", RsmError::BadId),
            (
                &format!("<after>{}</after>", "x".repeat(MAX_ID + 1)),
                RsmError::BadId,
            ),
            ("<after>a</after><before/>", RsmError::Ambiguous),
            ("<index>0</index><after>a</after>", RsmError::Ambiguous),
        ] {
            assert_eq!(request(inner), Err(error), "{inner}");
        }
    }

    #[test]
    fn absent() {
        let document = Document::parse(&b"<query xmlns='x'><set/></query>"[..]).unwrap();
        assert_eq!(Request::find(document.root()), Ok(None));
    }

    proptest! {
        #[test]
        fn round_trips(
            max in proptest::option::of(any::<u32>()),
            id in "\\PC{1,30}",
            which in 0..5,
            index in any::<u32>(),
            count in proptest::option::of(any::<u32>()),
        ) {
            let page = match which {
                0 => Page::First,
                1 => Page::After(id.clone()),
                2 => Page::Before(id.clone()),
                3 => Page::Last,
                _ => Page::Index(index),
            };
            let request = Request { max, page };
            let mut writer = Writer::new();
            request.write(&mut writer);
            let document = Document::parse(writer.finish()).unwrap();
            prop_assert_eq!(Request::parse(document.root()), Ok(request));

            let response = Response { first: Some(id.clone()), first_index: max, last: Some(id), count };
            let mut writer = Writer::new();
            response.write(&mut writer);
            let document = Document::parse(writer.finish()).unwrap();
            prop_assert_eq!(Response::parse(document.root()), Ok(response));
        }
    }
}
