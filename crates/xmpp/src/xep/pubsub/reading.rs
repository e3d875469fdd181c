//! In which order items are given, XEP-0413 (<https://xmpp.org/extensions/xep-0413.html>), and full-text search among a node's
//! items by a form beside `<items/>`, with the field of XEP-0431 (<https://xmpp.org/extensions/xep-0431.html>).

use format::form::DataForm;
use format::search::Search;
use pubsub::{Order, OrderBy, PubsubError, Sense};
use wire::{Element, StanzaError, ns};

use super::errors::on_the_wire;
use crate::iq::Target;
use crate::xep::Xeps;

/// The namespace of orders.
const ORDER_BY: &str = "urn:xmpp:order-by:1";
/// What says that items can be asked for by a form.
const ITEMS_FORM: &str = "urn:x-folkmoot:items:0";
/// The field with the words, in XEP-0068's notation.
const FULLTEXT: &str = "{urn:xmpp:fulltext:0}fulltext";
/// Levels of an order that are read.
const MAX_LEVELS: usize = 4;

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(413, "Order-By", "0.2.1");
    for target in [Target::OwnAccount, Target::Pubsub] {
        xeps.feature(target, ORDER_BY)
            // §5
            .feature(target, "urn:xmpp:order-by:1@http://jabber.org/protocol/pubsub")
            .feature(target, ITEMS_FORM);
    }
}

/// The order that a request asks for. No two items are alike in the first level, so that others change nothing.
pub(super) fn order(payload: Element<'_>) -> Result<Order, StanzaError> {
    let mut asked = None;
    let levels = payload.children().filter(|child| child.is("order", ORDER_BY));
    for (number, level) in levels.enumerate() {
        if number == MAX_LEVELS {
            return Err(StanzaError::bad_request());
        }
        let by = match level.attr("by").as_deref() {
            Some("creation") => OrderBy::Creation,
            Some("modification") => OrderBy::Modification,
            Some(_) => return Err(on_the_wire(PubsubError::NoOrder)),
            None => return Err(StanzaError::bad_request()),
        };
        // §4.4
        let sense = match level.attr("desc").as_deref() {
            Some("true" | "1") => Sense::Descending,
            Some("false" | "0") | None => Sense::Ascending,
            Some(_) => return Err(StanzaError::bad_request()),
        };
        asked.get_or_insert(Order { by, sense });
    }
    Ok(asked.unwrap_or_default())
}

/// What is searched for.
pub(super) fn search(payload: Element<'_>) -> Result<Option<Search>, StanzaError> {
    let Some(form) = payload.child("x", ns::DATA_FORMS) else {
        return Ok(None);
    };
    let form = DataForm::parse(form).map_err(|_| StanzaError::bad_request())?;
    if form.form_type() != Some(ITEMS_FORM) {
        return Err(StanzaError::bad_request());
    }
    let is_known = |var: &str| var == "FORM_TYPE" || var == FULLTEXT;
    if !form.fields.iter().all(|field| is_known(&field.var)) {
        // What is not understood must not be left out: more would be given than was asked for.
        return Err(StanzaError::feature_not_implemented());
    }
    match form.values(FULLTEXT) {
        [] => Ok(None),
        [text] if text.trim().is_empty() => Ok(None),
        [text] => Search::parse(text)
            .map(Some)
            .map_err(|_| on_the_wire(PubsubError::SearchTooLong)),
        _ => Err(StanzaError::bad_request()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use wire::{Condition, Document};

    fn within<T>(inner: &str, read: fn(Element<'_>) -> Result<T, StanzaError>) -> Result<T, Condition> {
        let text = format!("<pubsub xmlns='http://jabber.org/protocol/pubsub'>{inner}</pubsub>");
        read(Document::parse(text.into_bytes()).unwrap().root()).map_err(|error| error.condition)
    }

    #[test]
    fn orders() {
        let is = |by, sense| Ok(Order { by, sense });
        let of = |attributes: &str| within(&format!("<order xmlns='{ORDER_BY}' {attributes}/>"), order);
        assert_eq!(within("", order), is(OrderBy::Creation, Sense::Ascending));
        assert_eq!(
            of("by='creation' desc='1'"),
            is(OrderBy::Creation, Sense::Descending)
        );
        assert_eq!(
            of("by='modification'"),
            is(OrderBy::Modification, Sense::Ascending)
        );
        assert_eq!(
            of("by='modification' desc='true'"),
            is(OrderBy::Modification, Sense::Descending)
        );
        assert_eq!(of("by='{urn:a}size'"), Err(Condition::FeatureNotImplemented));
        assert_eq!(of(""), Err(Condition::BadRequest));
        assert_eq!(of("by='creation' desc='down'"), Err(Condition::BadRequest));
        let level = format!("<order xmlns='{ORDER_BY}' by='creation'/>");
        assert_eq!(within(&level.repeat(5), order), Err(Condition::BadRequest));
    }

    #[test]
    fn searches() {
        let of = |form_type: &str, fields: &str| {
            let form = format!(
                "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>{form_type}</value></field>{fields}</x>"
            );
            within(&form, search).map(|search| search.map(|search| search.phrases().len()))
        };
        let field = |text: &str| format!("<field var='{FULLTEXT}'><value>{text}</value></field>");
        assert_eq!(within("", search), Ok(None));
        assert_eq!(of(ITEMS_FORM, &field("one two")), Ok(Some(2)));
        assert_eq!(of(ITEMS_FORM, &field("  ")), Ok(None));
        assert_eq!(of(ITEMS_FORM, ""), Ok(None));
        assert_eq!(
            of(ITEMS_FORM, &field("1 2 3 4 5 6 7 8 9")),
            Err(Condition::NotAcceptable)
        );
        assert_eq!(of("urn:xmpp:mam:2", &field("one")), Err(Condition::BadRequest));
        let other = "<field var='before'><value>x</value></field>";
        assert_eq!(of(ITEMS_FORM, other), Err(Condition::FeatureNotImplemented));
    }
}
