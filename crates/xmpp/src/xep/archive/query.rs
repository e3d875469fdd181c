//! What a query asks for: XEP-0313 §4, its form (§4.1) with the field of XEP-0431, and its page (§4.3).

use std::borrow::Cow;

use format::form::{DataForm, Field, FormType, parse_bool};
use format::rsm;
use format::search::Search;
use wire::{Element, Jid, StanzaError, Writer, ns};

use wire::ns::MAM;

/// The field with the words (XEP-0431 §3.1), in XEP-0068's notation.
const FULLTEXT: &str = "{urn:xmpp:fulltext:0}fulltext";
/// The most messages that are asked for by their ids.
const IDS_MAX: usize = 256;
/// The longest `queryid`, in bytes; it comes back with each result.
const QUERYID_MAX: usize = 256;

/// A query.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    /// What its results are to be known by.
    pub queryid: Option<String>,
    /// What they are to match.
    pub filter: Filter,
    /// Which of them are wanted.
    pub page: rsm::Request,
    /// §4.3.4: whether the page is sent with the newest first.
    pub is_flipped: bool,
}

/// What is asked of the messages (§4.1). Everything that is there has to hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    pub with: Option<Jid>,
    /// In milliseconds since 1970.
    pub start: Option<i64>,
    pub end: Option<i64>,
    pub before_id: Option<String>,
    pub after_id: Option<String>,
    /// §4.1.3: these alone; each has to be there.
    pub ids: Vec<String>,
    pub words: Option<Search>,
}

impl Query {
    /// Reads a `<query/>`.
    pub(super) fn parse(element: Element<'_>) -> Result<Query, StanzaError> {
        // §6.1.3: reserved for pubsub's archives, which there are not.
        if element.attr("node").is_some() {
            return Err(StanzaError::feature_not_implemented().text("nodes have no archives here"));
        }
        let queryid = element.attr("queryid").map(Cow::into_owned);
        if queryid.as_ref().is_some_and(|id| id.len() > QUERYID_MAX) {
            return Err(StanzaError::bad_request().text("the queryid is too long"));
        }
        let page = rsm::Request::find(element).map_err(|_| StanzaError::bad_request())?;
        let page = page.unwrap_or_default();
        if matches!(page.page, rsm::Page::Index(_)) {
            // XEP-0059 §2.6
            return Err(StanzaError::feature_not_implemented().text("pages have no numbers"));
        }
        let form = DataForm::find(element).map_err(|_| StanzaError::bad_request())?;
        Ok(Query {
            queryid,
            filter: form.map_or(Ok(Filter::default()), |form| Filter::of(&form))?,
            page,
            is_flipped: element.child("flip-page", MAM).is_some(),
        })
    }
}

impl Query {
    /// §6.1.1: whether whoever asks so comes upon everything that was left for them.
    pub(super) fn is_catching_up(&self) -> bool {
        let Filter {
            with,
            end,
            before_id,
            ids,
            words,
            ..
        } = &self.filter;
        let is_narrow =
            with.is_some() || end.is_some() || before_id.is_some() || !ids.is_empty() || words.is_some();
        !is_narrow && self.page.max != Some(0)
    }
}

impl Filter {
    fn of(form: &DataForm) -> Result<Filter, StanzaError> {
        // §4.1
        if form.kind != FormType::Submit || form.form_type() != Some(MAM) {
            return Err(StanzaError::bad_request().text("not a form of this protocol"));
        }
        let mut filter = Filter::default();
        for (at, field) in form.fields.iter().enumerate() {
            if form.fields[..at].iter().any(|other| other.var == field.var) {
                return Err(StanzaError::bad_request().text("a field twice"));
            }
            match field.var.as_str() {
                "FORM_TYPE" => {}
                "with" => filter.with = one(field)?.map(jid).transpose()?,
                "start" => filter.start = one(field)?.map(time).transpose()?,
                "end" => filter.end = one(field)?.map(time).transpose()?,
                "before-id" => filter.before_id = one(field)?.map(str::to_owned),
                "after-id" => filter.after_id = one(field)?.map(str::to_owned),
                "ids" => {
                    if field.values.len() > IDS_MAX {
                        return Err(StanzaError::policy_violation().text("too many ids"));
                    }
                    filter.ids.clone_from(&field.values);
                }
                // §4.1.4: there are none to include, so that both answers are the same.
                "include-groupchat" => {
                    if one(field)?.is_some_and(|value| parse_bool(value).is_none()) {
                        return Err(StanzaError::bad_request());
                    }
                }
                FULLTEXT => filter.words = one(field)?.map(search).transpose()?.flatten(),
                // §4.1.5
                _ => {
                    return Err(StanzaError::feature_not_implemented().text("a field that is not known here"));
                }
            }
        }
        Ok(filter)
    }
}

/// The value of a field that has one at most.
fn one(field: &Field) -> Result<Option<&str>, StanzaError> {
    match field.values.as_slice() {
        [] => Ok(None),
        [value] => Ok(Some(value)),
        _ => Err(StanzaError::bad_request().text("a field with too many values")),
    }
}

fn jid(value: &str) -> Result<Jid, StanzaError> {
    Jid::parse(value.trim()).map_err(|_| StanzaError::jid_malformed())
}

/// §4.1.2: XEP-0082's DateTime.
fn time(value: &str) -> Result<i64, StanzaError> {
    let time = format::datetime::parse(value);
    time.ok_or_else(|| StanzaError::bad_request().text("not a date with a time (XEP-0082)"))
}

/// XEP-0431 §2.2: what is empty is not searched for.
fn search(value: &str) -> Result<Option<Search>, StanzaError> {
    if value.trim().is_empty() {
        return Ok(None);
    }
    let search = Search::parse(value);
    search
        .map(Some)
        .map_err(|_| StanzaError::policy_violation().text("too much to search for"))
}

/// §4.1.5: which fields there are.
pub(super) fn form() -> Vec<u8> {
    let mut writer = Writer::new();
    writer.open("query").ns(MAM);
    writer.open("x").ns(ns::DATA_FORMS).attr("type", "form");
    writer
        .open("field")
        .attr("type", "hidden")
        .attr("var", "FORM_TYPE")
        .leaf("value", MAM)
        .close();
    for (kind, var) in [
        ("jid-single", "with"),
        ("text-single", "start"),
        ("text-single", "end"),
        ("text-single", "before-id"),
        ("text-single", "after-id"),
        ("boolean", "include-groupchat"),
        ("text-single", FULLTEXT),
    ] {
        writer.open("field").attr("type", kind).attr("var", var).close();
    }
    // No list of all ids, but a list that takes any.
    writer.open("field").attr("type", "list-multi").attr("var", "ids");
    writer
        .open("validate")
        .ns("http://jabber.org/protocol/xdata-validate")
        .attr("datatype", "xs:string")
        .open("open")
        .close()
        .close();
    writer.close().close().close();
    writer.finish()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use wire::{Condition, Document};

    use super::*;

    fn query(inner: &str) -> Result<Query, Condition> {
        let text = format!("<query xmlns='urn:xmpp:mam:2' queryid='q'>{inner}</query>");
        Query::parse(Document::parse(text.into_bytes()).unwrap().root()).map_err(|error| error.condition)
    }

    fn filter(fields: &str) -> Result<Filter, Condition> {
        let form_type = "<field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>";
        query(&format!(
            "<x xmlns='jabber:x:data' type='submit'>{form_type}{fields}</x>"
        ))
        .map(|query| query.filter)
    }

    fn field(var: &str, value: &str) -> String {
        format!("<field var='{var}'><value>{value}</value></field>")
    }

    #[test]
    fn every_field() {
        let all = [
            field("with", "romeo@montague.lit"),
            field("start", "2010-06-07T00:00:00Z"),
            field("end", "2010-07-07T13:23:54+01:00"),
            field("before-id", "b"),
            field("after-id", "a"),
            field("include-groupchat", "true"),
            field(FULLTEXT, "fair sun"),
            "<field var='ids'><value>1</value><value>2</value></field>".to_owned(),
        ];
        let found = filter(&all.concat()).unwrap();
        assert_eq!(found.with.unwrap().as_str(), "romeo@montague.lit");
        assert_eq!(found.start, format::datetime::parse("2010-06-07T00:00:00Z"));
        assert_eq!(found.end, format::datetime::parse("2010-07-07T12:23:54Z"));
        assert_eq!(
            (found.before_id.unwrap(), found.after_id.unwrap()),
            ("b".into(), "a".into())
        );
        assert_eq!(found.ids, ["1", "2"]);
        assert_eq!(found.words.unwrap().phrases().len(), 2);
        assert_eq!(filter(""), Ok(Filter::default()));
        assert_eq!(filter("<field var='with'/>"), Ok(Filter::default()));
        assert_eq!(filter(&field(FULLTEXT, " ")), Ok(Filter::default()));
    }

    #[test]
    fn what_cannot_be_answered() {
        for (fields, condition) in [
            (field("start", "yesterday"), Condition::BadRequest),
            (field("end", "2010-07-07"), Condition::BadRequest),
            (field("start", ""), Condition::BadRequest),
            (field("with", "@"), Condition::JidMalformed),
            (field("include-groupchat", "perhaps"), Condition::BadRequest),
            (field("{urn:example}size", "1"), Condition::FeatureNotImplemented),
            (field("with", "a@b").repeat(2), Condition::BadRequest),
            (field(FULLTEXT, "1 2 3 4 5 6 7 8 9"), Condition::PolicyViolation),
            (
                "<field var='start'><value>2010-06-07T00:00:00Z</value><value>2010-06-07T00:00:00Z</value></field>".into(),
                Condition::BadRequest,
            ),
            (
                format!("<field var='ids'>{}</field>", "<value>x</value>".repeat(IDS_MAX + 1)),
                Condition::PolicyViolation,
            ),
        ] {
            assert_eq!(filter(&fields), Err(condition), "{fields}");
        }
        for (inner, condition) in [
            ("<x xmlns='jabber:x:data' type='submit'/>", Condition::BadRequest),
            ("<x xmlns='jabber:x:data' type='form'/>", Condition::BadRequest),
            (
                "<set xmlns='http://jabber.org/protocol/rsm'><max>many</max></set>",
                Condition::BadRequest,
            ),
            (
                "<set xmlns='http://jabber.org/protocol/rsm'><index>1</index></set>",
                Condition::FeatureNotImplemented,
            ),
        ] {
            assert_eq!(query(inner), Err(condition), "{inner}");
        }
    }
}
