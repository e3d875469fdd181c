//! Pubsub requests as a closed list: XEP-0060 §6 and §7, <https://xmpp.org/extensions/xep-0060.html#subscriber>. What owners
//! ask for is in `owner`.

use std::borrow::Cow;

use format::form::{DataForm, FormType};
use format::rsm;
use pubsub::{ItemsRequest, NewItem, PubsubError};
use wire::{Element, Jid, StanzaError, ns};

use super::errors::on_the_wire;
use super::reading;
use crate::iq::Verb;

/// How many items one request may name or publish.
const ITEMS_MAX: usize = 100;

/// Everything that can be asked of `http://jabber.org/protocol/pubsub`.
pub(super) enum Request {
    /// §7.1
    Publish {
        node: String,
        items: Vec<NewItem>,
        options: Option<DataForm>,
    },
    /// §7.2
    Retract {
        node: String,
        ids: Vec<String>,
        notify: bool,
    },
    /// §8.1
    Create {
        node: Option<String>,
        config: Option<DataForm>,
    },
    /// §6.1
    Subscribe {
        node: String,
        jid: Jid,
        /// §6.3.7
        options: Option<DataForm>,
    },
    /// §6.3.2
    Options(OptionsOf),
    /// §6.3.5; nothing when the subscriber cancels.
    SetOptions(OptionsOf, Option<DataForm>),
    /// §6.4
    DefaultOptions { node: Option<String> },
    /// §6.2
    Unsubscribe {
        node: String,
        jid: Jid,
        subid: Option<String>,
    },
    /// §6.5
    Items { node: String, request: ItemsRequest },
    /// §5.6
    Subscriptions { node: Option<String> },
    /// §5.7
    Affiliations { node: Option<String> },
}

/// Whose options are meant.
pub(super) struct OptionsOf {
    pub(super) node: String,
    pub(super) jid: Jid,
    pub(super) subid: Option<String>,
}

/// Reads a request; `payload` is `<pubsub/>`.
pub(super) fn decode(verb: Verb, payload: Element<'_>) -> Result<Request, StanzaError> {
    let mut children = payload.children().filter(|child| child.ns() == ns::PUBSUB);
    let act = children
        .next()
        .ok_or_else(|| StanzaError::bad_request().text("<pubsub/> is empty: put what is asked inside"))?;
    match (verb, act.name()) {
        // §8.1.3
        (_, "configure") => Err(StanzaError::bad_request().text(
            "<configure/> follows <create/>; a node that is there is configured in the namespace of owners",
        )),
        (Verb::Set, "publish") => publish(act, payload),
        (Verb::Set, "retract") => retract(act),
        (Verb::Set, "create") => create(act, payload),
        (Verb::Set, "subscribe") => subscribe(act, payload),
        (Verb::Set, "unsubscribe") => {
            let subid = act.attr("subid").map(Cow::into_owned);
            Ok(Request::Unsubscribe {
                node: needed_node(act)?,
                jid: needed_jid(act)?,
                subid,
            })
        }
        (Verb::Get, "items") => items(act, payload),
        (Verb::Get, "subscriptions") => Ok(Request::Subscriptions { node: node(act) }),
        (Verb::Get, "affiliations") => Ok(Request::Affiliations { node: node(act) }),
        (Verb::Get, "options") => Ok(Request::Options(options_of(act)?)),
        (Verb::Set, "options") => set_options(act),
        (Verb::Get, "default") => Ok(Request::DefaultOptions { node: node(act) }),
        _ => Err(StanzaError::feature_not_implemented()),
    }
}

pub(super) fn node(act: Element<'_>) -> Option<String> {
    act.attr("node")
        .map(Cow::into_owned)
        .filter(|node| !node.is_empty())
}

pub(super) fn needed_node(act: Element<'_>) -> Result<String, StanzaError> {
    node(act).ok_or_else(|| on_the_wire(PubsubError::NodeIdRequired))
}

fn needed_jid(act: Element<'_>) -> Result<Jid, StanzaError> {
    let jid = act.attr("jid").and_then(|jid| Jid::parse(&jid).ok());
    jid.ok_or_else(|| on_the_wire(PubsubError::InvalidJid))
}

/// The form inside `<configure/>`, `<publish-options/>` and the like; none when there is none or it is empty.
pub(super) fn form(parent: Option<Element<'_>>) -> Result<Option<DataForm>, StanzaError> {
    let Some(form) = parent.and_then(|parent| parent.child("x", ns::DATA_FORMS)) else {
        return Ok(None);
    };
    let invalid = |_| on_the_wire(PubsubError::InvalidOptions("not a data form".into()));
    DataForm::parse(form).map(Some).map_err(invalid)
}

fn publish(act: Element<'_>, payload: Element<'_>) -> Result<Request, StanzaError> {
    let mut items = Vec::new();
    for item in act.children().filter(|child| child.is("item", ns::PUBSUB)) {
        let mut payloads = item.children();
        let first = payloads.next();
        // §7.1.3.5: at most one payload element.
        if payloads.next().is_some() {
            return Err(on_the_wire(PubsubError::InvalidPayload(
                "more than one payload element",
            )));
        }
        let id = item.attr("id").map(Cow::into_owned).filter(|id| !id.is_empty());
        items.push(NewItem {
            id,
            payload: first.as_ref().map(Element::cut),
        });
        if items.len() > ITEMS_MAX {
            return Err(on_the_wire(PubsubError::TooManyItems));
        }
    }
    let options = form(payload.child("publish-options", ns::PUBSUB))?;
    Ok(Request::Publish {
        node: needed_node(act)?,
        items,
        options,
    })
}

fn retract(act: Element<'_>) -> Result<Request, StanzaError> {
    let mut ids = Vec::new();
    for item in act.children().filter(|child| child.is("item", ns::PUBSUB)) {
        let id = item.attr("id").map(Cow::into_owned).filter(|id| !id.is_empty());
        ids.push(id.ok_or_else(|| on_the_wire(PubsubError::ItemRequired))?);
        if ids.len() > ITEMS_MAX {
            return Err(on_the_wire(PubsubError::TooManyItems));
        }
    }
    // §7.2.1: a boolean as XML Schema has them.
    let notify = matches!(act.attr("notify").as_deref(), Some("true" | "1"));
    Ok(Request::Retract {
        node: needed_node(act)?,
        ids,
        notify,
    })
}

fn create(act: Element<'_>, payload: Element<'_>) -> Result<Request, StanzaError> {
    let configure = payload.child("configure", ns::PUBSUB);
    // §8.1.3: the node is named by `<create/>` alone.
    if configure.is_some_and(|configure| configure.attr("node").is_some()) {
        return Err(StanzaError::bad_request().text("<create/> alone names the node"));
    }
    Ok(Request::Create {
        node: node(act),
        config: form(configure)?,
    })
}

fn subscribe(act: Element<'_>, payload: Element<'_>) -> Result<Request, StanzaError> {
    let options = payload.child("options", ns::PUBSUB);
    // §6.3.7: what is subscribed to is named by `<subscribe/>` alone.
    if options.is_some_and(|options| options.attr("node").is_some() || options.attr("jid").is_some()) {
        return Err(StanzaError::bad_request());
    }
    Ok(Request::Subscribe {
        node: needed_node(act)?,
        jid: needed_jid(act)?,
        options: form(options)?.filter(|form| form.kind != FormType::Cancel),
    })
}

/// §6.3.4.3
fn options_of(act: Element<'_>) -> Result<OptionsOf, StanzaError> {
    if act.attr("jid").is_none() {
        return Err(on_the_wire(PubsubError::JidRequired));
    }
    Ok(OptionsOf {
        node: needed_node(act)?,
        jid: needed_jid(act)?,
        subid: act.attr("subid").map(Cow::into_owned),
    })
}

/// §6.3.7: `<options/>` that come before `<subscribe/>` are no options of a subscription that is there.
fn set_options(act: Element<'_>) -> Result<Request, StanzaError> {
    let of = options_of(act)?;
    let wanted =
        form(Some(act))?.ok_or_else(|| on_the_wire(PubsubError::InvalidOptions("no form".into())))?;
    let wanted = (wanted.kind != FormType::Cancel).then_some(wanted);
    Ok(Request::SetOptions(of, wanted))
}

fn items(act: Element<'_>, payload: Element<'_>) -> Result<Request, StanzaError> {
    let mut ids = Vec::new();
    for item in act.children().filter(|child| child.is("item", ns::PUBSUB)) {
        ids.push(
            item.attr("id")
                .map(Cow::into_owned)
                .ok_or_else(StanzaError::bad_request)?,
        );
        if ids.len() > ITEMS_MAX {
            return Err(on_the_wire(PubsubError::TooManyItems));
        }
    }
    let page = rsm::Request::find(payload).map_err(|_| StanzaError::bad_request())?;
    let query = match (ids.is_empty(), page, act.attr("max_items")) {
        (false, _, _) => pubsub::ItemsQuery::Ids(ids),
        (true, Some(page), _) => pubsub::ItemsQuery::Rsm(page),
        (true, None, Some(max)) => {
            let max = max
                .parse()
                .ok()
                .filter(|max| *max > 0)
                .ok_or_else(StanzaError::bad_request)?;
            pubsub::ItemsQuery::Newest(max)
        }
        (true, None, None) => pubsub::ItemsQuery::All,
    };
    Ok(Request::Items {
        node: needed_node(act)?,
        request: ItemsRequest {
            query,
            order: reading::order(payload)?,
            search: reading::search(payload)?,
        },
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use pubsub::ItemsQuery;
    use wire::{Condition, Document};

    fn asked(verb: Verb, content: &str) -> Result<Request, Condition> {
        let text = format!("<pubsub xmlns='http://jabber.org/protocol/pubsub'>{content}</pubsub>");
        decode(verb, Document::parse(text.into_bytes()).unwrap().root()).map_err(|error| error.condition)
    }

    #[test]
    fn a_payload_is_cut_so_that_it_stands_alone() {
        let request = asked(
            Verb::Set,
            "<publish node='n'><item id='1'><p:x xmlns:p='urn:p'><p:y/></p:x></item></publish>",
        );
        let Ok(Request::Publish {
            items,
            node,
            options: None,
        }) = request
        else {
            panic!("not a publish")
        };
        assert_eq!(
            (node.as_str(), items.len(), items[0].id.as_deref()),
            ("n", 1, Some("1"))
        );
        let alone = Document::parse(items[0].payload.clone().unwrap()).unwrap();
        assert!(alone.root().is("x", "urn:p"));
    }

    #[test]
    fn pages_and_counts() {
        let query = |content: &str| match asked(Verb::Get, content) {
            Ok(Request::Items { request, .. }) => request.query,
            _ => panic!("not an items request"),
        };
        assert!(matches!(query("<items node='n'/>"), ItemsQuery::All));
        assert!(matches!(
            query("<items node='n' max_items='3'/>"),
            ItemsQuery::Newest(3)
        ));
        assert!(
            matches!(query("<items node='n'><item id='a'/></items>"), ItemsQuery::Ids(ids) if ids == ["a"])
        );
        let page =
            "<items node='n'/><set xmlns='http://jabber.org/protocol/rsm'><max>10</max><before/></set>";
        assert!(matches!(query(page), ItemsQuery::Rsm(_)));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let refusals = [
            (Verb::Set, "", Condition::BadRequest),
            (Verb::Set, "<publish><item/></publish>", Condition::BadRequest),
            (
                Verb::Set,
                "<publish node='n'><item><a xmlns='a'/><b xmlns='b'/></item></publish>",
                Condition::BadRequest,
            ),
            (Verb::Set, "<subscribe node='n' jid='@'/>", Condition::BadRequest),
            (
                Verb::Set,
                "<retract node='n'><item/></retract>",
                Condition::BadRequest,
            ),
            (
                Verb::Get,
                "<items node='n' max_items='0'/>",
                Condition::BadRequest,
            ),
            (Verb::Get, "<options node='n'/>", Condition::BadRequest),
            (
                Verb::Set,
                "<subscribe node='n' jid='a@b'/><options jid='a@b'/>",
                Condition::BadRequest,
            ),
            (Verb::Set, "<options node='n' jid='a@b'/>", Condition::BadRequest),
            (Verb::Get, "<publish node='n'/>", Condition::FeatureNotImplemented),
        ];
        for (verb, content, condition) in refusals {
            assert_eq!(asked(verb, content).err(), Some(condition), "{content}");
        }
    }
}
