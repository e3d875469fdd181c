//! Every way by which somebody may ask for items, or for anything that follows from them.

use wire::Document;

use crate::rule::{Kind, MICROBLOG, PEOPLE, SERVICE, Way};
use crate::scene::{HOME, NOTIFICATIONS, PUBSUB, Request, Scene, is_result, jid, marks, text};

/// A request, what it is called, and what its answer is to be compared with.
struct Path {
    label: &'static str,
    request: Request,
    expects: Expects,
}

#[derive(Clone, Copy)]
enum Expects {
    /// A node's own: all of it to who may read it, a refusal to others.
    Node(usize, Whole),
    /// What belongs to an item: a refusal to who may not read that.
    Of(usize),
    /// Whatever this way may show.
    Some(Way),
}

/// How much of a node is in the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whole {
    All,
    One,
    Ids,
}

/// What anything may come by.
pub const LABELS: &[&str] = &[
    "all items",
    "by creation",
    "by modification",
    "catch-up",
    "comments",
    "comments' names",
    "community",
    "first page",
    "home",
    "items by id",
    "items' names",
    "last page",
    "live",
    "live home",
    "live notification",
    "live search",
    "live stream",
    "live tag",
    "newest item",
    "notifications",
    "page by index",
    "people",
    "posts",
    "replies",
    "search",
    "stream",
    "stream in order",
    "tag",
    "thread",
    "vCard",
    "words in a node",
    "words in a node, a page",
    "words in comments",
];

const SUMMARY: &str = "urn:xmpp:pubsub-attachments:summary:1";
const SEARCH: &str = "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'>\
    <value>urn:x-folkmoot:items:0</value></field><field var='{urn:xmpp:fulltext:0}fulltext'><value>common</value></field></x>";

fn items(node: &str, inner: &str, beside: &str) -> String {
    format!("<pubsub xmlns='{PUBSUB}'><items node='{node}'>{inner}</items>{beside}</pubsub>")
}

fn rsm(inner: &str) -> String {
    format!("<set xmlns='http://jabber.org/protocol/rsm'>{inner}</set>")
}

fn order(by: &str) -> String {
    format!("<order xmlns='urn:xmpp:order-by:1' by='{by}' desc='true'/>")
}

fn disco(what: &str, node: &str) -> String {
    format!("<query xmlns='http://jabber.org/protocol/disco#{what}' node='{node}'/>")
}

fn get(to: &str, payload: String) -> Request {
    (to.to_owned(), "get", payload)
}

impl Scene {
    /// All that anybody can ask for is what the rule says.
    pub async fn check_all(&mut self) {
        for reader in 0..PEOPLE {
            let mut paths = self.of_nodes();
            paths.extend(self.of_items());
            paths.extend(self.put_together(reader));
            let requests: Vec<_> = paths.iter().map(|path| path.request.clone()).collect();
            let answers = self.ask(reader, &requests).await;
            for (path, answer) in paths.iter().zip(&answers) {
                self.compare(reader, path, answer);
            }
            self.check_people(reader).await;
            self.check_lists(reader).await;
        }
    }

    fn of_nodes(&self) -> Vec<Path> {
        let mut paths = Vec::new();
        for (number, node) in self.model.nodes.iter().enumerate() {
            let ids: String = self
                .model
                .live(number)
                .iter()
                .map(|item| format!("<item id='{}'/>", self.model.items[*item].id))
                .collect();
            let ask = |inner: &str, beside: &str| get(&node.at, items(node.name, inner, beside));
            let newest = items(node.name, "", "").replacen("<items ", "<items max_items='1' ", 1);
            let forms = [
                ("all items", ask("", ""), Whole::All),
                ("items by id", ask(&ids, ""), Whole::All),
                ("newest item", get(&node.at, newest), Whole::One),
                ("first page", ask("", &rsm("<max>1</max>")), Whole::One),
                ("last page", ask("", &rsm("<max>1</max><before/>")), Whole::One),
                ("count", ask("", &rsm("<max>0</max>")), Whole::Ids),
                (
                    "page by index",
                    ask("", &rsm("<max>1</max><index>0</index>")),
                    Whole::One,
                ),
                ("by modification", ask("", &order("modification")), Whole::All),
                ("by creation", ask("", &order("creation")), Whole::All),
                ("words in a node", ask("", SEARCH), Whole::Ids),
                (
                    "words in a node, a page",
                    ask("", &format!("{SEARCH}{}", rsm("<max>1</max>"))),
                    Whole::Ids,
                ),
                (
                    "summaries",
                    get(&node.at, items(&format!("{SUMMARY}/{}", node.name), "", "")),
                    Whole::Ids,
                ),
                (
                    "items' names",
                    get(&node.at, disco("items", node.name)),
                    Whole::Ids,
                ),
            ];
            for (label, request, whole) in forms {
                if label == "items by id" && ids.is_empty() {
                    continue;
                }
                paths.push(Path {
                    label,
                    request,
                    expects: Expects::Node(number, whole),
                });
            }
            if node.kind == Kind::Community {
                let request = get(
                    SERVICE,
                    items(&format!("urn:x-folkmoot:posts:0/{}", node.name), "", ""),
                );
                let expects = Expects::Some(Way::Part);
                paths.push(Path {
                    label: "community",
                    request,
                    expects,
                });
            }
        }
        paths
    }

    /// What belongs to each item, whether it is there or not.
    fn of_items(&self) -> Vec<Path> {
        let mut paths = Vec::new();
        for (number, item) in self.model.items.iter().enumerate() {
            if self.model.nodes[item.node].kind == Kind::Card || item.boost_of.is_some() {
                continue;
            }
            let (at, _) = self.model.place(number);
            let uri = self.model.uri(number);
            let mut ask = |label, request| {
                let expects = Expects::Of(number);
                paths.push(Path {
                    label,
                    request,
                    expects,
                });
            };
            let node = format!("urn:xmpp:pubsub-attachments:1/{uri}");
            ask("attachments", get(&at, items(&node, "", "")));
            ask("attachments' names", get(&at, disco("items", &node)));
            if let Some(post) = &item.number {
                let node = format!("{MICROBLOG}:comments/{post}");
                ask("comments", get(SERVICE, items(&node, "", "")));
                ask(
                    "count of comments",
                    get(SERVICE, items(&node, "", &rsm("<max>0</max>"))),
                );
                let summary = items(&format!("{SUMMARY}/{node}"), "", "");
                ask("summary of comments", get(SERVICE, summary));
                ask("words in comments", get(SERVICE, items(&node, "", SEARCH)));
                ask("comments' names", get(SERVICE, disco("items", &node)));
                ask("comments' meta-data", get(SERVICE, disco("info", &node)));
                let node = format!("thread/{post}");
                ask("thread", get(SERVICE, items(&node, "", "")));
                ask("thread's names", get(SERVICE, disco("items", &node)));
            }
        }
        paths
    }

    fn put_together(&self, reader: usize) -> Vec<Path> {
        let mut paths = Vec::new();
        let numbers: String = self
            .model
            .items
            .iter()
            .filter_map(|item| Some(format!("<item id='{}'/>", item.number.as_ref()?)))
            .collect();
        let mut ask = |label, at: &str, node: &str, way| {
            for (inner, beside) in [
                ("", String::new()),
                (&*numbers, String::new()),
                ("", rsm("<max>100</max><before/>")),
            ] {
                if !numbers.is_empty() || inner.is_empty() {
                    let request = get(at, items(node, inner, &beside));
                    let expects = Expects::Some(way);
                    paths.push(Path {
                        label,
                        request,
                        expects,
                    });
                }
            }
            let request = get(at, disco("items", node));
            let expects = Expects::Some(way);
            paths.push(Path {
                label,
                request,
                expects,
            });
        };
        ask("home", &jid(reader), HOME, Way::Own);
        ask("notifications", &jid(reader), NOTIFICATIONS, Way::Own);
        ask("stream", SERVICE, MICROBLOG, Way::Stream);
        ask("tag", SERVICE, "tag/tag", Way::Stream);
        ask("search", SERVICE, "search/common", Way::Found);
        for who in 0..PEOPLE {
            ask("posts", &jid(who), "urn:x-folkmoot:posts:0", Way::Part);
            ask("replies", &jid(who), "urn:x-folkmoot:replies:0", Way::Part);
        }
        let mut one = |label, to: &str, payload: &str, way| {
            let request = get(to, payload.to_owned());
            let expects = Expects::Some(way);
            paths.push(Path {
                label,
                request,
                expects,
            });
        };
        let wants: String = self
            .model
            .nodes
            .iter()
            .map(|node| format!("<want node='{}'/>", node.name))
            .collect();
        let catch_up = |since: &str| {
            format!("<catch-up xmlns='urn:x-folkmoot:catch-up:0'{since} max='1000'>{wants}</catch-up>")
        };
        one("catch-up", &jid(reader), &catch_up(""), Way::Own);
        one("catch-up", &jid(reader), &catch_up(" since='0'"), Way::Own);
        let stream = "<catch-up xmlns='urn:x-folkmoot:catch-up:0' max='1000'/>";
        one("stream in order", SERVICE, stream, Way::Stream);
        for who in 0..PEOPLE {
            one("vCard", &jid(who), "<vCard xmlns='vcard-temp'/>", Way::Plain);
            one(
                "vCard4",
                &jid(who),
                "<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'/>",
                Way::Plain,
            );
        }
        paths
    }

    fn compare(&mut self, reader: usize, path: &Path, answer: &Document) {
        let (label, asked, said) = (path.label, path.request.2.as_str(), text(answer));
        let way = match path.expects {
            Expects::Some(way) => way,
            Expects::Node(..) => Way::Plain,
            Expects::Of(_) if label.starts_with("thread") => Way::Part,
            // What stands with an item is not its author's: whom they block reads there what everybody does.
            Expects::Of(_) => Way::Beside,
        };
        self.check(reader, label, &said, asked, way, true);
        match path.expects {
            Expects::Some(_) => {}
            Expects::Of(item) => {
                let is_allowed = self.model.may_read_item(reader, item) && self.model.items[item].is_live;
                assert!(
                    is_allowed || !is_result(answer),
                    "{label} answers {reader} of {item}: {said}"
                );
            }
            Expects::Node(node, whole) => {
                let mut live = self.model.live(node);
                let owner = self.model.nodes[node].owner;
                let is_theirs = self.model.nodes[node].at == jid(owner);
                let is_parted = is_theirs && self.model.parts(reader, owner);
                if !self.model.may_read(reader, node) || is_parted {
                    assert!(
                        !is_result(answer),
                        "{label} answers {reader} of node {node}: {said}"
                    );
                    return;
                }
                // Of boosts, those of what may be read.
                live.retain(|item| self.model.may_read_item(reader, *item));
                let shown = marks(&said, "k").len();
                let expected = match whole {
                    Whole::All => live.len(),
                    Whole::One => live.len().min(1),
                    Whole::Ids => 0,
                };
                assert!(is_result(answer), "{label} refuses {reader} node {node}: {said}");
                assert!(
                    shown >= expected,
                    "{label} shows {reader} {shown} of {expected} of node {node}: {said}"
                );
                // No count tells of what is not shown.
                if let Some(count) = number(&said, "<count>") {
                    let all = self.model.live(node).len();
                    let has_boosts = all != live.len();
                    assert!(
                        count == live.len() || has_boosts,
                        "{label} counts {count} for {reader}: {said}"
                    );
                }
            }
        }
    }

    /// People search and the directory of communities.
    async fn check_people(&mut self, reader: usize) {
        let asked = [
            get(
                SERVICE,
                "<people xmlns='urn:x-folkmoot:people:0' search='u' max='20'/>".into(),
            ),
            get(
                SERVICE,
                "<people xmlns='urn:x-folkmoot:people:0' max='20'/>".into(),
            ),
            get(
                SERVICE,
                "<communities xmlns='urn:x-folkmoot:communities:0'/>".into(),
            ),
            get(
                SERVICE,
                "<communities xmlns='urn:x-folkmoot:communities:0' mine='true'/>".into(),
            ),
            get(
                SERVICE,
                "<community xmlns='urn:x-folkmoot:communities:0' node='house'/>".into(),
            ),
        ];
        let answers = self.ask(reader, &asked).await;
        for answer in &answers[..2] {
            let said = text(answer);
            self.check(reader, "people", &said, "", Way::Plain, true);
            for person in said.split("<person ").skip(1) {
                let who = (0..PEOPLE)
                    .find(|who| person.contains(&format!("jid='{}'", jid(*who))))
                    .unwrap();
                let blog = crate::scene::blog(who);
                let tag = person.split('>').next().unwrap();
                assert!(!self.model.parts(reader, who), "{reader} finds {who}: {said}");
                let is_told = tag.contains(" posts=") || tag.contains(" followers=");
                assert!(
                    !is_told || self.model.may_read(reader, blog),
                    "{reader} finds {who}: {said}"
                );
            }
        }
        for answer in &answers[2..] {
            let said = text(answer);
            let may_read = self.model.may_read(reader, 4);
            assert!(
                !said.contains(" posts=") || may_read,
                "{reader} is told of a community: {said}"
            );
        }
    }

    /// Lists of nodes, and of subscriptions that are shown.
    async fn check_lists(&mut self, reader: usize) {
        let mut asked = vec![get(
            SERVICE,
            "<query xmlns='http://jabber.org/protocol/disco#items'/>".into(),
        )];
        for who in 0..PEOPLE {
            asked.push(get(
                &jid(who),
                "<query xmlns='http://jabber.org/protocol/disco#items'/>".into(),
            ));
            asked.push(get(
                &jid(who),
                items("urn:xmpp:pps:subscriptions:0", "", &rsm("<max>100</max>")),
            ));
            asked.push(get(&jid(who), disco("items", "urn:xmpp:pps:subscriptions:0")));
            asked.push(get(
                &jid(who),
                "<following xmlns='urn:x-folkmoot:follow:0'/>".into(),
            ));
        }
        let subscribers: Vec<_> = self
            .model
            .nodes
            .iter()
            .map(|node| {
                get(
                    &node.at,
                    items(&format!("urn:xmpp:pps:subscribers:0/{}", node.name), "", ""),
                )
            })
            .collect();
        asked.extend(subscribers);
        let answers = self.ask(reader, &asked).await;
        for (number, node) in self.model.nodes.iter().enumerate() {
            if self.model.may_read(reader, number) {
                continue;
            }
            for (request, answer) in asked.iter().zip(&answers) {
                let said = text(answer);
                let body = said.split_once("><").map_or("", |parts| parts.1);
                let is_named = body.split('<').any(|tag| {
                    let is_row = tag.starts_with("item ")
                        || tag.starts_with("subscription ")
                        || tag.starts_with("feed ");
                    is_row
                        && tag.contains(&format!("jid='{}'", node.at))
                        && tag.contains(&format!("node='{}'", node.name))
                });
                // Everybody but outcasts finds a community that is for everybody.
                let is_outcast = node.affiliations.get(&reader) == Some(&"outcast");
                let is_listed = node.kind == Kind::Community && node.access == "open" && !is_outcast;
                if is_listed && request.0 == SERVICE {
                    continue;
                }
                // One's own list of what one follows is one's own.
                let is_own = request.0 == jid(reader) && request.2.contains("follow:0");
                assert!(
                    !is_named || is_own,
                    "{reader} is told by {request:?} of node {number}: {said}"
                );
            }
            let of_subscribers = &answers[asked.len() - self.model.nodes.len() + number];
            assert!(
                !is_result(of_subscribers),
                "{reader} is told who reads node {number}"
            );
        }
    }
}

fn number(said: &str, after: &str) -> Option<usize> {
    said.split_once(after)?.1.split('<').next()?.parse().ok()
}
