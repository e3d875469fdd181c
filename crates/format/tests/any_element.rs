//! Whatever well-formed element a reader is given: it does not panic, and what it read it can write and read again.

#![allow(clippy::unwrap_used, missing_docs)]

use format::atom::{Amend, Entry, Feed};
use format::caps::{self, Caps};
use format::disco::{Info, Items};
use format::form::DataForm;
use format::rsm::{Request, Response};
use proptest::prelude::*;
use wire::{BareJid, Document, Writer, ns};

const NAMESPACES: &[&str] = &[
    ns::ATOM,
    ns::THREAD,
    ns::XHTML,
    ns::GEOLOC,
    ns::DATA_FORMS,
    ns::DISCO_INFO,
    ns::DISCO_ITEMS,
    ns::CAPS,
    ns::RSM,
    "urn:other",
];

/// What the readers read.
const ROOTS: &[(&str, &str)] = &[
    ("entry", ns::ATOM),
    ("feed", ns::ATOM),
    ("x", ns::DATA_FORMS),
    ("query", ns::DISCO_INFO),
    ("query", ns::DISCO_ITEMS),
    ("c", ns::CAPS),
    ("set", ns::RSM),
];

const NAMES: &[&str] = &[
    "entry",
    "feed",
    "title",
    "summary",
    "content",
    "div",
    "p",
    "id",
    "published",
    "updated",
    "author",
    "name",
    "uri",
    "category",
    "link",
    "in-reply-to",
    "generator",
    "geoloc",
    "x",
    "field",
    "value",
    "option",
    "required",
    "query",
    "identity",
    "feature",
    "item",
    "c",
    "set",
    "max",
    "before",
    "after",
    "index",
    "first",
    "last",
    "count",
];

const ATTRIBUTES: &[&str] = &[
    "type", "var", "label", "rel", "href", "ref", "title", "term", "length", "node", "ver", "hash", "jid",
    "name", "category", "index", "src", "xml:lang",
];

const VALUES: &[&str] = &[
    "",
    " ",
    "text",
    "html",
    "xhtml",
    "submit",
    "form",
    "result",
    "hidden",
    "boolean",
    "alternate",
    "replies",
    "via",
    "comments",
    "text/html",
    "xmpp:a@b?;node=n;item=%",
    "xmpp:romeo@montague.lit",
    "https://a.lit/#x",
    "#tag",
    "FORM_TYPE",
    "sha-1",
    "12",
    "-1",
    "99999999999",
    "2008-05-08T18:30:02Z",
    "2008-05-08",
    "<b>&amp;</b>",
    "\r\n",
    "ﬀ",
    "x\u{301}",
];

#[derive(Clone, Debug)]
struct Tree {
    name: &'static str,
    namespace: &'static str,
    attributes: Vec<(&'static str, &'static str)>,
    text: &'static str,
    children: Vec<Tree>,
}

impl Tree {
    fn write(&self, writer: &mut Writer) {
        writer.open(self.name).ns(self.namespace);
        for (at, (name, value)) in self.attributes.iter().enumerate() {
            if !self.attributes[..at].iter().any(|(earlier, _)| earlier == name) {
                writer.attr(name, value);
            }
        }
        writer.text(self.text);
        for child in &self.children {
            child.write(writer);
        }
        writer.close();
    }
}

fn one_of(list: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(list)
}

fn any_tree() -> impl Strategy<Value = Tree> {
    let attributes = || prop::collection::vec((one_of(ATTRIBUTES), one_of(VALUES)), 0..5);
    let node = move || (one_of(NAMES), one_of(NAMESPACES), attributes(), one_of(VALUES));
    let make = |(name, namespace, attributes, text), children| Tree {
        name,
        namespace,
        attributes,
        text,
        children,
    };
    let leaf = node().prop_map(move |node| make(node, Vec::new()));
    leaf.prop_recursive(4, 80, 16, move |inner| {
        (node(), prop::collection::vec(inner, 0..16), any::<bool>()).prop_map(
            move |(node, mut children, is_of_one_namespace)| {
                let namespace = node.1;
                if is_of_one_namespace {
                    children.iter_mut().for_each(|child| child.namespace = namespace);
                }
                make(node, children)
            },
        )
    })
}

fn document(write: impl FnOnce(&mut Writer)) -> Document {
    let mut writer = Writer::new();
    write(&mut writer);
    Document::parse(writer.finish()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn every_reader((name, namespace) in prop::sample::select(ROOTS), tree in any_tree(), is_own in any::<bool>()) {
        let mut tree = Tree { name, namespace, ..tree };
        if is_own {
            tree.children.iter_mut().for_each(|child| child.namespace = namespace);
        }
        let given = document(|writer| tree.write(writer));
        let root = given.root();

        if let Ok(entry) = Entry::parse(root) {
            let once = Document::parse(entry.to_xml()).unwrap();
            let again = Entry::parse(once.root()).unwrap();
            prop_assert_eq!(again.text(), entry.text());
            prop_assert_eq!(again.links.len(), entry.links.len());
            entry.all_text();
            entry.author_match(&BareJid::parse("romeo@montague.lit").unwrap());
            let mut amend = Amend::new(root, &entry);
            amend.id("1").category("tag").raw(b"<x xmlns='urn:x'/>");
            let amended = Document::parse(amend.finish()).unwrap();
            prop_assert_eq!(amended.root().children().count() - root.children().count(),
                1 + usize::from(root.child("id", ns::ATOM).is_none())
                  + usize::from(!entry.categories.iter().any(|category| category.term == "tag")));
        }
        if let Ok(feed) = Feed::parse(root) {
            Feed::parse(Document::parse(feed.to_xml()).unwrap().root()).unwrap();
        }
        if let Ok(form) = DataForm::parse(root) {
            prop_assert_eq!(DataForm::parse(document(|writer| form.write(writer)).root()), Ok(form));
        }
        if let Some(info) = Info::parse(root) {
            let again = document(|writer| info.write(writer));
            prop_assert_eq!(caps::verification(&Info::parse(again.root()).unwrap()), caps::verification(&info));
            prop_assert_eq!(Info::parse(again.root()), Some(info));
        }
        if let Some(items) = Items::parse(root) {
            prop_assert_eq!(Items::parse(document(|writer| items.write(writer)).root()), Some(items));
        }
        if let Some(caps) = Caps::parse(root) {
            prop_assert_eq!(Caps::parse(document(|writer| caps.write(writer)).root()), Some(caps));
        }
        if let Ok(request) = Request::parse(root) {
            prop_assert_eq!(Request::parse(document(|writer| request.write(writer)).root()), Ok(request));
        }
        if let Ok(response) = Response::parse(root) {
            prop_assert_eq!(Response::parse(document(|writer| response.write(writer)).root()), Ok(response));
        }
    }
}
