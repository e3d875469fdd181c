//! Lists of subscriptions and affiliations in pages: XEP-0059 (<https://xmpp.org/extensions/xep-0059.html>) beside XEP-0060
//! §5.6, §5.7, §8.8.1 and §8.9.1. All of such a list belongs to whoever may ask for it, so it is counted.

use format::atom::append;
use format::rsm::{self, Page};
use pubsub::PubsubError;
use wire::{Element, StanzaError, Writer};

use super::errors::on_the_wire;
use crate::iq::{Answer, Answered};

/// Entries given at once.
const MOST: usize = 500;

/// Answers with a list as far as one page holds it, or with the page that is asked for; `id` tells one entry from another.
pub(super) fn answer<T>(
    payload: Element<'_>,
    all: &[T],
    id: impl Fn(&T) -> String,
    encode: impl FnOnce(&[T]) -> Vec<u8>,
) -> Answered {
    let asked = rsm::Request::find(payload).map_err(|_| StanzaError::bad_request())?;
    let is_asked = asked.is_some();
    let rsm::Request { max, page } = asked.unwrap_or_default();
    let limit = max.map_or(MOST, |max| (max as usize).min(MOST));
    let at = |wanted: &str| {
        let found = all.iter().position(|entry| id(entry) == wanted);
        found.ok_or_else(|| on_the_wire(PubsubError::ItemNotFound))
    };
    let (from, to) = match page {
        Page::First => (0, limit),
        Page::Index(index) => (index as usize, (index as usize).saturating_add(limit)),
        Page::After(wanted) => {
            let from = at(&wanted)? + 1;
            (from, from + limit)
        }
        Page::Last => (all.len().saturating_sub(limit), all.len()),
        Page::Before(wanted) => {
            let to = at(&wanted)?;
            (to.saturating_sub(limit), to)
        }
    };
    let entries = all.get(from..to.min(all.len())).unwrap_or_default();
    let encoded = encode(entries);
    if !is_asked && entries.len() == all.len() {
        return Ok(Answer::Payload(encoded));
    }
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let place = rsm::Response {
        first: entries.first().map(&id),
        first_index: entries.first().map(|_| count(from)),
        last: entries.last().map(&id),
        count: Some(count(all.len())),
    };
    let mut writer = Writer::new();
    place.write(&mut writer);
    Ok(Answer::Payload(append(&encoded, &writer.finish())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use wire::{Condition, Document};

    /// The entries and the place that a request gets of so many numbers.
    fn page(count: u32, set: &str) -> Result<(String, rsm::Response), Condition> {
        let text =
            format!("<pubsub xmlns='x'><set xmlns='http://jabber.org/protocol/rsm'>{set}</set></pubsub>");
        let asked = Document::parse(text.into_bytes()).unwrap();
        let all: Vec<u32> = (0..count).collect();
        let encode = |some: &[u32]| {
            let some: Vec<_> = some.iter().map(ToString::to_string).collect();
            format!("<l xmlns='x' of='{}'/>", some.join(" ")).into_bytes()
        };
        let answer =
            answer(asked.root(), &all, ToString::to_string, encode).map_err(|error| error.condition)?;
        let Answer::Payload(payload) = answer else {
            panic!()
        };
        let document = Document::parse(payload).unwrap();
        let set = document.root().child("set", wire::ns::RSM).unwrap();
        let of = document.root().attr("of").unwrap().into_owned();
        Ok((of, rsm::Response::parse(set).unwrap()))
    }

    #[test]
    fn pages() {
        for (set, expected, index) in [
            ("<max>2</max>", "0 1", Some(0)),
            ("<max>2</max><after>1</after>", "2 3", Some(2)),
            ("<max>2</max><after>3</after>", "4", Some(4)),
            ("<max>2</max><after>4</after>", "", None),
            ("<max>2</max><before/>", "3 4", Some(3)),
            ("<max>2</max><before>1</before>", "0", Some(0)),
            ("<max>2</max><index>3</index>", "3 4", Some(3)),
            ("<max>2</max><index>7</index>", "", None),
            ("<max>0</max>", "", None),
            ("", "0 1 2 3 4", Some(0)),
        ] {
            let (entries, place) = page(5, set).unwrap();
            assert_eq!(entries, expected, "{set}");
            assert_eq!((place.first_index, place.count), (index, Some(5)), "{set}");
        }
        assert_eq!(page(5, "<after>9</after>").err(), Some(Condition::ItemNotFound));
        assert_eq!(page(5, "<max>x</max>").err(), Some(Condition::BadRequest));
        let (entries, place) = page(2_000, "<max>100000</max>").unwrap();
        assert_eq!(
            (entries.split(' ').count(), place.last.as_deref()),
            (MOST, Some("499"))
        );
    }
}
