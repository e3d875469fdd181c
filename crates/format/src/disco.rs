//! Service discovery: what an address is and can do, and what it holds.
//!
//! Specification: [XEP-0030](https://xmpp.org/extensions/xep-0030.html), with the forms of
//! [XEP-0128](https://xmpp.org/extensions/xep-0128.html).

use wire::{Element, Writer, ns};

use crate::form::DataForm;

/// How many identities, features or items of one answer are read; what follows is left out.
const MAX_ENTRIES: usize = 2048;

/// What something is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// Such as `client`, `pubsub`.
    pub category: String,
    /// Such as `pc`, `pep`.
    pub kind: String,
    /// The language of the name.
    pub lang: Option<String>,
    /// A name for people.
    pub name: Option<String>,
}

impl Identity {
    /// An identity without a language.
    pub fn new(category: &str, kind: &str, name: Option<&str>) -> Identity {
        Identity {
            category: category.to_owned(),
            kind: kind.to_owned(),
            lang: None,
            name: name.map(ToOwned::to_owned),
        }
    }
}

/// The answer to disco#info.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// The node asked about.
    pub node: Option<String>,
    /// What it is.
    pub identities: Vec<Identity>,
    /// What it can do: namespaces.
    pub features: Vec<String>,
    /// What else it says of itself.
    pub forms: Vec<DataForm>,
}

impl Info {
    /// True if the feature is among those named.
    pub fn has_feature(&self, feature: &str) -> bool {
        self.features.iter().any(|known| known == feature)
    }

    /// Reads a `<query/>`; what is not understood in it is left out. `None` if it is another element.
    pub fn parse(query: Element<'_>) -> Option<Info> {
        if !query.is("query", ns::DISCO_INFO) {
            return None;
        }
        let mut info = Info {
            node: query.attr("node").map(Into::into),
            ..Info::default()
        };
        for child in query.children() {
            if child.is("identity", ns::DISCO_INFO) && info.identities.len() < MAX_ENTRIES {
                info.identities.push(Identity {
                    category: child.attr("category").unwrap_or_default().into_owned(),
                    kind: child.attr("type").unwrap_or_default().into_owned(),
                    lang: child.attr_ns(ns::XML, "lang").map(Into::into),
                    name: child.attr("name").map(Into::into),
                });
            } else if child.is("feature", ns::DISCO_INFO) && info.features.len() < MAX_ENTRIES {
                info.features.extend(child.attr("var").map(String::from));
            } else if info.forms.len() < MAX_ENTRIES
                && let Ok(form) = DataForm::parse(child)
            {
                info.forms.push(form);
            }
        }
        Some(info)
    }

    /// Writes the `<query/>`.
    pub fn write(&self, writer: &mut Writer) {
        writer
            .open("query")
            .ns(ns::DISCO_INFO)
            .attr_opt("node", self.node.as_deref());
        for identity in &self.identities {
            writer
                .open("identity")
                .attr("category", &identity.category)
                .attr("type", &identity.kind);
            writer
                .attr_opt("xml:lang", identity.lang.as_deref())
                .attr_opt("name", identity.name.as_deref());
            writer.close();
        }
        for feature in &self.features {
            writer.open("feature").attr("var", feature).close();
        }
        for form in &self.forms {
            form.write(writer);
        }
        writer.close();
    }
}

/// Something that an address holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// The address to ask further.
    pub jid: String,
    /// The node to ask about there.
    pub node: Option<String>,
    /// A name for people.
    pub name: Option<String>,
}

/// The answer to disco#items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Items {
    /// The node asked about.
    pub node: Option<String>,
    /// What it holds.
    pub items: Vec<Item>,
}

impl Items {
    /// Reads a `<query/>`; `None` if it is another element.
    pub fn parse(query: Element<'_>) -> Option<Items> {
        if !query.is("query", ns::DISCO_ITEMS) {
            return None;
        }
        let items = query
            .children()
            .filter(|child| child.is("item", ns::DISCO_ITEMS))
            .take(MAX_ENTRIES);
        Some(Items {
            node: query.attr("node").map(Into::into),
            items: items
                .map(|item| Item {
                    jid: item.attr("jid").unwrap_or_default().into_owned(),
                    node: item.attr("node").map(Into::into),
                    name: item.attr("name").map(Into::into),
                })
                .collect(),
        })
    }

    /// Writes the `<query/>`.
    pub fn write(&self, writer: &mut Writer) {
        writer
            .open("query")
            .ns(ns::DISCO_ITEMS)
            .attr_opt("node", self.node.as_deref());
        for item in &self.items {
            writer
                .open("item")
                .attr("jid", &item.jid)
                .attr_opt("node", item.node.as_deref());
            writer.attr_opt("name", item.name.as_deref()).close();
        }
        writer.close();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use wire::Document;

    use super::*;
    use crate::form::FormType;

    fn info_bytes(info: &Info) -> Vec<u8> {
        let mut writer = Writer::new();
        info.write(&mut writer);
        writer.finish()
    }

    fn items_bytes(items: &Items) -> Vec<u8> {
        let mut writer = Writer::new();
        items.write(&mut writer);
        writer.finish()
    }

    #[test]
    fn written() {
        let info = Info {
            node: Some("a&b".into()),
            identities: vec![Identity::new("pubsub", "pep", None)],
            features: vec![ns::PUBSUB.into()],
            forms: vec![],
        };
        assert_eq!(
            String::from_utf8(info_bytes(&info)).unwrap(),
            "<query xmlns='http://jabber.org/protocol/disco#info' node='a&amp;b'>\
             <identity category='pubsub' type='pep'/><feature var='http://jabber.org/protocol/pubsub'/></query>"
        );
        assert!(info.has_feature(ns::PUBSUB));
        assert!(!info.has_feature(ns::PING));
    }

    #[test]
    fn others_are_refused() {
        let document = Document::parse(&b"<query xmlns='jabber:iq:roster'/>"[..]).unwrap();
        assert_eq!(Info::parse(document.root()), None);
        assert_eq!(Items::parse(document.root()), None);
    }

    prop_compose! {
        fn any_identity()(
            category in "\\PC{0,8}",
            kind in "\\PC{0,8}",
            lang in proptest::option::of("[a-z]{2}"),
            name in proptest::option::of("\\PC{0,8}"),
        ) -> Identity {
            Identity { category, kind, lang, name }
        }
    }

    proptest! {
        #[test]
        fn round_trips(
            node in proptest::option::of("\\PC{0,8}"),
            identities in prop::collection::vec(any_identity(), 0..4),
            features in prop::collection::vec("\\PC{0,20}", 0..4),
            items in prop::collection::vec(
                ("\\PC{0,8}", proptest::option::of("\\PC{0,8}"), proptest::option::of("\\PC{0,8}")), 0..4),
        ) {
            let forms = vec![DataForm::new(FormType::Result).with_form_type("x")];
            let info = Info { node: node.clone(), identities, features, forms };
            let document = Document::parse(info_bytes(&info)).unwrap();
            prop_assert_eq!(Info::parse(document.root()), Some(info));

            let items = items.into_iter().map(|(jid, node, name)| Item { jid, node, name }).collect();
            let items = Items { node, items };
            let document = Document::parse(items_bytes(&items)).unwrap();
            prop_assert_eq!(Items::parse(document.root()), Some(items));
        }
    }
}
