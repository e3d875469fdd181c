//! Who may read what, written down once more and independently of the server: nodes with how they are configured, who
//! stands how to whom, and items.

use std::collections::{BTreeMap, BTreeSet};

pub const PEOPLE: usize = 3;
pub const MICROBLOG: &str = "urn:xmpp:microblog:0";
pub const SERVICE: &str = "pubsub.localhost";
pub const GROUP: &str = "Lovers";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A feed of a person's posts.
    Feed,
    /// Another node of a person.
    Personal,
    /// The same with one item, which says who somebody is.
    Card,
    Service,
    Community,
}

#[derive(Clone, Debug)]
pub struct Node {
    pub at: String,
    pub name: &'static str,
    pub owner: usize,
    pub kind: Kind,
    pub access: &'static str,
    pub affiliations: BTreeMap<usize, &'static str>,
    /// Whose subscription is in force, by the owner's list.
    pub subscribed: BTreeSet<usize>,
}

#[derive(Clone, Debug)]
pub struct Item {
    pub node: usize,
    /// The post that it is a comment on; then it stands where the service keeps those.
    pub comment_on: Option<usize>,
    pub boost_of: Option<usize>,
    pub publisher: usize,
    pub id: String,
    /// The word that stands in it now.
    pub word: usize,
    /// By which timelines know it.
    pub number: Option<String>,
    pub is_live: bool,
}

/// By which way something comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the node.
    Plain,
    /// From what belongs to an item.
    Beside,
    /// From what is put together for one person.
    Own,
    /// From what is put together for everybody: timelines, and what is found by words.
    Stream,
    Found,
    /// A thread, or one person's posts.
    Part,
}

#[derive(Default)]
pub struct Model {
    pub nodes: Vec<Node>,
    pub items: Vec<Item>,
    /// The item in which a word stands or stood.
    pub words: Vec<usize>,
    /// (owner, other): who sees the owner's presence, and who is in the owner's group.
    pub present: BTreeSet<(usize, usize)>,
    pub grouped: BTreeSet<(usize, usize)>,
    pub blocks: BTreeSet<(usize, usize)>,
    pub in_stream: [bool; PEOPLE],
    pub in_search: [bool; PEOPLE],
}

impl Model {
    /// XEP-0060 §4.1 and §4.5.
    pub fn may_read(&self, reader: usize, node: usize) -> bool {
        let node = &self.nodes[node];
        if reader == node.owner {
            return true;
        }
        match node.affiliations.get(&reader).copied().unwrap_or("none") {
            "outcast" | "publish-only" => false,
            "none" => match node.access {
                "open" => true,
                "presence" => self.present.contains(&(node.owner, reader)),
                "roster" => self.grouped.contains(&(node.owner, reader)),
                "authorize" => node.subscribed.contains(&reader),
                _ => false,
            },
            _ => true,
        }
    }

    /// An item is as open as its node, a comment as what it belongs to; a boost is there while what it repeats is for everybody.
    pub fn may_read_item(&self, reader: usize, item: usize) -> bool {
        let item = &self.items[item];
        let where_ = match item.comment_on {
            Some(post) => self.may_read_item(reader, post),
            None => self.may_read(reader, item.node),
        };
        let is_open = |original| self.home(original).access == "open";
        let may_read = |original| is_open(original) && self.may_read_item(reader, original);
        where_ && item.boost_of.is_none_or(may_read)
    }

    /// The same, and what else each way asks: who blocks whom, and what people chose.
    pub fn may_come(&self, reader: usize, item: usize, way: Way) -> bool {
        let (publisher, node) = (self.items[item].publisher, self.home(item));
        let (blocks, is_blocked) = (
            self.blocks.contains(&(reader, publisher)),
            self.blocks.contains(&(publisher, reader)),
        );
        let is_personal = !matches!(node.kind, Kind::Service | Kind::Community);
        let is_shown = match way {
            Way::Plain => {
                // What somebody repeats is in their node.
                let is_repeated = self.items.iter().any(|other| other.boost_of == Some(item));
                let is_theirs = is_personal && self.items[item].comment_on.is_none() && !is_repeated;
                !(is_theirs && (blocks || is_blocked))
            }
            Way::Beside => true,
            Way::Own => !blocks && !is_blocked,
            Way::Part => !blocks,
            Way::Stream => !blocks && node.access == "open" && self.in_stream[publisher],
            Way::Found => !blocks && node.access == "open" && self.in_search[publisher],
        };
        is_shown && self.may_read_item(reader, item)
    }

    /// The node that decides about an item.
    pub fn home(&self, item: usize) -> &Node {
        let mut item = &self.items[item];
        while let Some(post) = item.comment_on {
            item = &self.items[post];
        }
        &self.nodes[item.node]
    }

    /// Whether it is somebody's own words, in a feed or about such.
    pub fn is_post(&self, item: usize) -> bool {
        let is_feed = matches!(self.home(item).kind, Kind::Feed | Kind::Community);
        is_feed && self.items[item].boost_of.is_none()
    }

    pub fn parts(&self, one: usize, other: usize) -> bool {
        self.blocks.contains(&(one, other)) || self.blocks.contains(&(other, one))
    }

    /// Whether an item is there, with all that it stands on.
    pub fn is_there(&self, item: usize) -> bool {
        let item = &self.items[item];
        let mut stands_on = item.comment_on.into_iter().chain(item.boost_of);
        item.is_live && stands_on.all(|other| self.is_there(other))
    }

    /// What is in a node now.
    pub fn live(&self, node: usize) -> Vec<usize> {
        let is_in = |item: &Item| item.node == node && item.comment_on.is_none();
        let all = 0..self.items.len();
        all.filter(|item| is_in(&self.items[*item]) && self.is_there(*item))
            .collect()
    }

    /// The address of an item's node, and its name.
    pub fn place(&self, item: usize) -> (String, String) {
        let item = &self.items[item];
        match item.comment_on {
            Some(post) => {
                let number = self.items[post].number.clone().unwrap_or_default();
                (SERVICE.into(), format!("{MICROBLOG}:comments/{number}"))
            }
            None => {
                let node = &self.nodes[item.node];
                (node.at.clone(), node.name.into())
            }
        }
    }

    pub fn uri(&self, item: usize) -> String {
        let (at, name) = self.place(item);
        let name = name.replace(':', "%3A").replace('/', "%2F");
        format!("xmpp:{at}?;node={name};item={}", self.items[item].id)
    }
}
