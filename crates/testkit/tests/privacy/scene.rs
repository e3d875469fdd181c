//! A server with three people, their nodes and a community; what they do there, and what each of them is told.

use std::collections::{BTreeMap, BTreeSet};

use testkit::world::{Arrival, World};
use wire::Document;

use crate::rule::{GROUP, Item, Kind, MICROBLOG, Model, Node, PEOPLE, SERVICE, Way};

pub const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
pub const NOTES: &str = "urn:example:notes";
pub const VCARD: &str = "urn:xmpp:vcard4";
pub const NICK: &str = "http://jabber.org/protocol/nick";
pub const HOME: &str = "urn:x-folkmoot:home:0";
pub const NOTIFICATIONS: &str = "urn:x-folkmoot:notifications:0";
const ATOM: &str = "http://www.w3.org/2005/Atom";

#[derive(Clone, Debug)]
pub enum Act {
    /// Who, and into which node.
    Publish(usize, usize),
    Edit(usize),
    Retract(usize),
    Comment(usize, usize),
    Reply(usize, usize),
    Boost(usize, usize),
    Like(usize, usize),
    Access(usize, &'static str),
    Affiliate(usize, usize, &'static str),
    /// Who, to what, and whether everybody may see that.
    Subscribe(usize, usize, bool),
    Unsubscribe(usize, usize),
    Decide(usize, usize, bool),
    Group(usize, usize, bool),
    /// Whether somebody sees the first one's presence.
    Presence(usize, usize, bool),
    Block(usize, usize, bool),
    Choose(usize, bool, bool),
    /// Comes anew, and catches up before or not.
    Return(usize, bool),
}

/// A request: to whom, what kind, and what.
pub type Request = (String, &'static str, String);

pub struct Scene {
    world: World,
    pub model: Model,
    /// Who was ever allowed to read which item.
    known: BTreeSet<(usize, usize)>,
    asked: usize,
    heard: BTreeMap<usize, Vec<Document>>,
    /// By which ways anything came at all.
    pub came: BTreeSet<String>,
}

pub fn name(who: usize) -> String {
    format!("u{who}")
}

pub fn jid(who: usize) -> String {
    format!("u{who}@localhost")
}

pub fn text(document: &Document) -> String {
    String::from_utf8_lossy(document.bytes()).into_owned()
}

/// The numbers after `before` and before a `q`.
pub fn marks(text: &str, before: &str) -> Vec<usize> {
    let parts = text.split(before).skip(1);
    parts
        .filter_map(|part| part.split_once('q')?.0.parse().ok())
        .collect()
}

fn form(kind: &str, fields: &[(&str, &str)]) -> String {
    let fields = fields
        .iter()
        .map(|(name, value)| format!("<field var='{name}'><value>{value}</value></field>"))
        .collect::<String>();
    format!(
        "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>{PUBSUB}#{kind}</value></field>\
         {fields}</x>"
    )
}

fn pubsub(inner: &str) -> String {
    format!("<pubsub xmlns='{PUBSUB}'>{inner}</pubsub>")
}

fn owner(inner: &str) -> String {
    format!("<pubsub xmlns='{PUBSUB}#owner'>{inner}</pubsub>")
}

impl Scene {
    pub async fn new() -> Scene {
        let mut world = World::start_with(|settings| {
            settings.limits.session_stanzas_per_s = 1_000_000;
            settings.limits.session_bytes_per_s = 1 << 30;
        })
        .await;
        for who in 0..PEOPLE {
            world.make_account(&name(who)).await.unwrap();
        }
        let wanted = [MICROBLOG, "garden", NOTES, VCARD, NICK, HOME, NOTIFICATIONS].map(str::to_owned);
        for who in 0..PEOPLE {
            world.come_online(&name(who), &wanted).await.unwrap();
        }
        let node = |at: String, name, owner, kind| Node {
            at,
            name,
            owner,
            kind,
            access: "open",
            affiliations: BTreeMap::new(),
            subscribed: BTreeSet::new(),
        };
        let nodes = vec![
            node(jid(0), MICROBLOG, 0, Kind::Feed),
            node(jid(0), "garden", 0, Kind::Feed),
            node(jid(0), NOTES, 0, Kind::Personal),
            node(SERVICE.into(), "board", 0, Kind::Service),
            node(SERVICE.into(), "house", 0, Kind::Community),
            node(jid(1), MICROBLOG, 1, Kind::Feed),
            node(jid(2), MICROBLOG, 2, Kind::Feed),
            node(jid(0), VCARD, 0, Kind::Card),
            node(jid(0), NICK, 0, Kind::Card),
        ];
        let mut scene = Scene {
            world,
            model: Model {
                nodes,
                in_stream: [true; PEOPLE],
                in_search: [true; PEOPLE],
                ..Model::default()
            },
            known: BTreeSet::new(),
            asked: 0,
            heard: BTreeMap::new(),
            came: BTreeSet::new(),
        };
        scene.furnish().await;
        scene
    }

    async fn furnish(&mut self) {
        let feed = [
            ("pubsub#type", "urn:xmpp:pubsub-social-feed:1"),
            ("pubsub#access_model", "open"),
        ];
        let create = |name: &str, config: &str| {
            pubsub(&format!("<create node='{name}'/><configure>{config}</configure>"))
        };
        let house = "<found xmlns='urn:x-folkmoot:communities:0' node='house' title='House' posting='open'/>";
        let open = form("node_config", &[("pubsub#access_model", "open")]);
        let mut made = vec![
            (jid(0), "set", create("garden", &form("node_config", &feed))),
            (SERVICE.into(), "set", house.to_owned()),
            (SERVICE.into(), "set", create("board", &open)),
        ];
        let many = form(
            "node_config",
            &[("pubsub#access_model", "open"), ("pubsub#max_items", "max")],
        );
        for (name, config) in [(NOTES, &many), (VCARD, &open), (NICK, &open)] {
            made.push((jid(0), "set", create(name, config)));
        }
        for answer in self.ask(0, &made).await {
            assert!(is_result(&answer), "{}", text(&answer));
        }
        for who in 0..PEOPLE {
            let own = format!("{}/{}", jid(who), name(who));
            let virtuals = [MICROBLOG, "tag/tag", "search/common"];
            let subscribe = virtuals.map(|node| pubsub(&format!("<subscribe node='{node}' jid='{own}'/>")));
            let asked = subscribe.map(|payload| (SERVICE.to_owned(), "set", payload));
            for answer in self.ask(who, &asked).await {
                assert!(is_result(&answer), "{}", text(&answer));
            }
        }
        for node in 0..self.model.nodes.len() {
            self.act(&Act::Publish(self.model.nodes[node].owner, node), false)
                .await;
        }
    }

    pub async fn end(self) -> BTreeSet<String> {
        self.world.end().await;
        self.came
    }

    /// Asks all this at once, and gives the answers in its order. What else comes is kept.
    pub async fn ask(&mut self, who: usize, requests: &[Request]) -> Vec<Document> {
        let first = self.asked;
        self.asked += requests.len();
        let client = self.world.client(&name(who)).unwrap();
        let mut answers = BTreeMap::new();
        // So many that neither side waits for room.
        for (part, some) in requests.chunks(50).enumerate() {
            for (index, (to, kind, payload)) in some.iter().enumerate() {
                let id = first + part * 50 + index;
                let request = format!("<iq type='{kind}' id='a{id}' to='{to}'>{payload}</iq>");
                client.send(request.as_bytes()).await.unwrap();
            }
            while answers.len() < part * 50 + some.len() {
                let Arrival::Stanza(arrived) = client.next().await.unwrap() else {
                    panic!("{who} was put out")
                };
                let root = arrived.root();
                let id = root.attr("id").filter(|_| root.name() == "iq");
                match id.and_then(|id| id.strip_prefix('a')?.parse::<usize>().ok()) {
                    Some(id) if id >= first => drop(answers.insert(id, arrived)),
                    _ => self.heard.entry(who).or_default().push(arrived),
                }
            }
        }
        answers.into_values().collect()
    }

    /// Whether it was done.
    async fn set(&mut self, who: usize, to: &str, payload: String) -> bool {
        let answers = self.ask(who, &[(to.to_owned(), "set", payload)]).await;
        is_result(&answers[0])
    }

    fn nth(&self, n: usize) -> Option<usize> {
        let live: Vec<_> = (0..self.model.items.len())
            .filter(|item| self.model.is_there(*item))
            .collect();
        (!live.is_empty()).then(|| live[n % live.len()])
    }

    pub async fn act(&mut self, act: &Act, fails: bool) {
        if fails {
            self.world.fail_next_commit();
        }
        self.perform(act).await;
        if fails {
            // It is spent by now, or by what is written first.
            let _ = self.world.settle_and_collect(&name(0)).await.map(|heard| {
                self.heard.entry(0).or_default().extend(heard);
            });
        }
        // What repeats a post follows it a moment later; whoever is cast out then is told what was on its way.
        self.world.follow_ups().await.unwrap();
        self.refresh().await;
        self.listen().await;
    }

    async fn perform(&mut self, act: &Act) {
        match *act {
            Act::Publish(who, node) => {
                let is_card = self.model.nodes[node].kind == Kind::Card;
                let old = self.model.live(node).pop().filter(|_| is_card);
                self.publish(who, node, None, None, old).await;
            }
            Act::Edit(n) => {
                if let Some(item) = self.nth(n) {
                    let old = self.model.items[item].clone();
                    if old.boost_of.is_none() {
                        let comment_on = old.comment_on;
                        self.publish(old.publisher, old.node, comment_on, None, Some(item))
                            .await;
                    }
                }
            }
            Act::Comment(who, n) => {
                if let Some(item) = self.nth(n)
                    && self.model.items[item].number.is_some()
                {
                    let node = self.model.items[item].node;
                    self.publish(who, node, Some(item), None, None).await;
                }
            }
            Act::Reply(who, n) => {
                if let Some(item) = self.nth(n) {
                    let link = format!(
                        "<in-reply-to xmlns='http://purl.org/syndication/thread/1.0' ref='x' href='{}'/>",
                        self.model.uri(item)
                    );
                    self.publish(who, blog(who), None, Some((link, None)), None).await;
                }
            }
            Act::Boost(who, n) => {
                if let Some(item) = self.nth(n).filter(|item| self.model.is_post(*item)) {
                    let link = format!("<link rel='via' href='{}'/>", self.model.uri(item));
                    self.publish(who, blog(who), None, Some((link, Some(item))), None)
                        .await;
                }
            }
            Act::Like(who, n) => {
                if let Some(item) = self.nth(n) {
                    let (at, _) = self.model.place(item);
                    let like = format!(
                        "<publish node='urn:xmpp:pubsub-attachments:1/{}'><item id='{}'>\
                         <attachments xmlns='urn:xmpp:pubsub-attachments:1'><noticed/></attachments></item></publish>",
                        self.model.uri(item),
                        jid(who)
                    );
                    let is_done = self.set(who, &at, pubsub(&like)).await;
                    assert!(!is_done || self.model.may_read_item(who, item), "{act:?}");
                }
            }
            Act::Retract(n) => {
                if let Some(item) = self.nth(n) {
                    let (at, node) = self.model.place(item);
                    let Item { publisher, id, .. } = self.model.items[item].clone();
                    let retract = format!("<retract node='{node}' notify='true'><item id='{id}'/></retract>");
                    if self.set(publisher, &at, pubsub(&retract)).await {
                        self.model.items[item].is_live = false;
                    }
                }
            }
            Act::Access(node, access) => {
                let Node {
                    at, name, owner: by, ..
                } = self.model.nodes[node].clone();
                let groups = if access == "roster" { GROUP } else { "" };
                let fields = [
                    ("pubsub#access_model", access),
                    ("pubsub#roster_groups_allowed", groups),
                    ("pubsub#send_last_published_item", "on_sub_and_presence"),
                ];
                let fields = if access == "roster" {
                    &fields[..]
                } else {
                    &[fields[0], fields[2]]
                };
                let form = form("node_config", fields);
                let change = owner(&format!("<configure node='{name}'>{form}</configure>"));
                if self.set(by, &at, change).await {
                    self.model.nodes[node].access = access;
                }
            }
            Act::Affiliate(node, who, affiliation) => {
                let Node {
                    at,
                    name,
                    owner: by,
                    kind,
                    ..
                } = self.model.nodes[node].clone();
                if by == who {
                    return;
                }
                let (word, inner) = match affiliation {
                    "moderator" if kind == Kind::Community => {
                        ("publisher", "<moderator xmlns='urn:x-folkmoot:communities:0'/>")
                    }
                    other => (other, ""),
                };
                let change = owner(&format!(
                    "<affiliations node='{name}'><affiliation jid='{}' affiliation='{word}'>{inner}</affiliation></affiliations>",
                    jid(who)
                ));
                if self.set(by, &at, change).await {
                    self.model.nodes[node].affiliations.insert(who, affiliation);
                }
            }
            Act::Subscribe(who, node, is_shown) => {
                let Node { at, name, .. } = self.model.nodes[node].clone();
                let own = jid(who);
                let shown = if is_shown {
                    "<public xmlns='urn:xmpp:pps:0'/>"
                } else {
                    ""
                };
                let subscribe = format!(
                    "<pam xmlns='urn:xmpp:pam:0' jid='{at}'><subscribe xmlns='{PUBSUB}' node='{name}' jid='{own}'>{shown}\
                     </subscribe></pam>"
                );
                self.set(who, &own, subscribe).await;
                if !is_shown {
                    // Another one, of this client's own address.
                    let own = format!("{own}/{}", crate::scene::name(who));
                    let subscribe = format!("<subscribe node='{name}' jid='{own}'/>");
                    self.set(who, &at, pubsub(&subscribe)).await;
                }
            }
            Act::Unsubscribe(who, node) => {
                let Node { at, name, .. } = self.model.nodes[node].clone();
                let unsubscribe = format!("<unsubscribe node='{name}' jid='{}'/>", jid(who));
                self.set(who, &at, pubsub(&unsubscribe)).await;
            }
            Act::Decide(node, who, is_let_in) => {
                let Node {
                    at, name, owner: by, ..
                } = self.model.nodes[node].clone();
                let state = if is_let_in { "subscribed" } else { "none" };
                let list = format!(
                    "<subscriptions node='{name}'><subscription jid='{}' subscription='{state}'/></subscriptions>",
                    jid(who)
                );
                self.set(by, &at, owner(&list)).await;
            }
            Act::Group(who, whom, is_in) => {
                let group = if is_in { GROUP } else { "Others" };
                let item = format!("<item jid='{}'><group>{group}</group></item>", jid(whom));
                let own = jid(who);
                self.set(
                    who,
                    &own,
                    format!("<query xmlns='jabber:iq:roster'>{item}</query>"),
                )
                .await;
            }
            Act::Presence(who, whom, is_given) => {
                if is_given {
                    self.say(whom, &format!("<presence type='subscribe' to='{}'/>", jid(who)))
                        .await;
                    self.say(who, &format!("<presence type='subscribed' to='{}'/>", jid(whom)))
                        .await;
                } else {
                    self.say(
                        who,
                        &format!("<presence type='unsubscribed' to='{}'/>", jid(whom)),
                    )
                    .await;
                }
            }
            Act::Block(who, whom, is_blocked) => {
                let verb = if is_blocked { "block" } else { "unblock" };
                let own = jid(who);
                let list = format!(
                    "<{verb} xmlns='urn:xmpp:blocking'><item jid='{}'/></{verb}>",
                    jid(whom)
                );
                if self.set(who, &own, list).await {
                    let change = if is_blocked {
                        BTreeSet::insert
                    } else {
                        |all: &mut BTreeSet<_>, one| all.remove(&one)
                    };
                    change(&mut self.model.blocks, (who, whom));
                }
            }
            Act::Choose(who, in_stream, in_search) => {
                let choice = format!(
                    "<choice xmlns='urn:x-folkmoot:choice:0' in-stream='{in_stream}' in-search='{in_search}'/>"
                );
                let own = jid(who);
                if self.set(who, &own, choice).await {
                    self.model.in_stream[who] = in_stream;
                    self.model.in_search[who] = in_search;
                }
            }
            Act::Return(who, catches_up) => {
                self.say(who, "<presence type='unavailable'/>").await;
                if catches_up {
                    let own = jid(who);
                    let asked = (
                        own,
                        "get",
                        "<catch-up xmlns='urn:x-folkmoot:catch-up:0' max='100'/>".to_owned(),
                    );
                    let answer = self.ask(who, &[asked]).await;
                    self.check(who, "catch-up", &text(&answer[0]), "", Way::Own, true);
                }
                self.say(who, "<presence/>").await;
            }
        }
    }

    /// Says something that is not answered, and waits until it was heard.
    async fn say(&mut self, who: usize, stanza: &str) {
        let client = self.world.client(&name(who)).unwrap();
        client.send(stanza.as_bytes()).await.unwrap();
        self.hear(who).await;
    }

    async fn hear(&mut self, who: usize) {
        // A commit that is to fail may be this one.
        for _ in 0..3 {
            if let Ok(heard) = self.world.settle_and_collect(&name(who)).await {
                self.heard.entry(who).or_default().extend(heard);
                return;
            }
        }
        panic!("nothing is stored any more");
    }

    async fn publish(
        &mut self,
        who: usize,
        node: usize,
        comment_on: Option<usize>,
        link: Option<(String, Option<usize>)>,
        old: Option<usize>,
    ) {
        let word = self.model.words.len();
        let kind = self.model.nodes[node].kind;
        let (link, boost_of) = link.unwrap_or_default();
        let item = old.unwrap_or(self.model.items.len());
        let id = match kind {
            Kind::Card => "current".into(),
            _ => format!("i{item}q"),
        };
        let new = Item {
            node,
            comment_on,
            boost_of,
            publisher: who,
            id: id.clone(),
            word,
            number: None,
            is_live: false,
        };
        // Known before it is sent: it may be told before it is answered.
        self.model.words.push(item);
        if old.is_none() {
            self.model.items.push(new);
        }
        let (at, place) = self.model.place(item);
        let payload = match self.model.nodes[node].name {
            NICK => format!("<nick xmlns='{NICK}'>k{word}q</nick>"),
            VCARD => format!(
                "<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'><fn><text>k{word}q</text></fn></vcard>"
            ),
            _ => format!(
                "<entry xmlns='{ATOM}'><title type='text'>common k{word}q #tag @u0 @u1 @u2</title>{link}</entry>"
            ),
        };
        let publish = format!("<publish node='{place}'><item id='{id}'>{payload}</item></publish>");
        if !self.set(who, &at, pubsub(&publish)).await {
            return;
        }
        self.model.items[item].is_live = true;
        self.model.items[item].word = word;
        if old.is_none() {
            let read = pubsub(&format!("<items node='{place}'><item id='{id}'/></items>"));
            let read = self.ask(who, &[(at, "get", read)]).await;
            let said = text(&read[0]);
            let number = said.split("comments%2F").nth(1).filter(|_| boost_of.is_none());
            let number = number.map(|rest| rest.chars().take_while(char::is_ascii_digit).collect());
            self.model.items[item].number = number.filter(|_| comment_on.is_none());
        }
    }

    /// What the rule depends on and people do not decide alone: rosters and lists of subscribers, as their owners see them.
    async fn refresh(&mut self) {
        for who in 0..PEOPLE {
            let mine: Vec<_> = (0..self.model.nodes.len())
                .filter(|node| self.model.nodes[*node].owner == who)
                .collect();
            let mut asked = vec![(jid(who), "get", "<query xmlns='jabber:iq:roster'/>".to_owned())];
            for node in &mine {
                let Node { at, name, .. } = &self.model.nodes[*node];
                asked.push((
                    at.clone(),
                    "get",
                    owner(&format!("<subscriptions node='{name}'/>")),
                ));
            }
            let answers = self.ask(who, &asked).await;
            let roster = text(&answers[0]);
            for other in (0..PEOPLE).filter(|other| *other != who) {
                let item = roster.split("<item ").find(|item| item.contains(&jid(other)));
                let has = |what: &str| item.is_some_and(|item| item.contains(what));
                change(
                    &mut self.model.present,
                    (who, other),
                    has("subscription='from'") || has("subscription='both'"),
                );
                change(&mut self.model.grouped, (who, other), has(GROUP));
            }
            for (node, answer) in mine.iter().zip(&answers[1..]) {
                assert!(is_result(answer), "{}", text(answer));
                let list = text(answer);
                let is_in = |who: &usize| {
                    let mut all = list.split("<subscription ");
                    all.any(|one| one.contains(&jid(*who)) && one.contains("subscription='subscribed'"))
                };
                self.model.nodes[*node].subscribed = (0..PEOPLE).filter(is_in).collect();
            }
        }
        for who in 0..PEOPLE {
            for item in 0..self.model.items.len() {
                if self.model.may_read_item(who, item) {
                    self.known.insert((who, item));
                }
            }
        }
    }

    /// What everybody was told meanwhile is what they may know.
    async fn listen(&mut self) {
        for who in 0..PEOPLE {
            self.hear(who).await;
        }
        for (who, heard) in std::mem::take(&mut self.heard) {
            for stanza in heard {
                let said = text(&stanza);
                let root = stanza.root();
                let is_service = root.attr("from").as_deref() == Some(SERVICE);
                let node = |name: &str| said.contains(&format!("<items node='{name}"));
                let (label, way) = if node(HOME) {
                    ("live home", Way::Own)
                } else if node(NOTIFICATIONS) {
                    ("live notification", Way::Own)
                } else if is_service && node(&format!("{MICROBLOG}'")) {
                    ("live stream", Way::Stream)
                } else if node("tag/") {
                    ("live tag", Way::Stream)
                } else if node("search/") {
                    ("live search", Way::Found)
                } else if node("thread/") {
                    ("live thread", Way::Part)
                } else if said.contains("catch-up") {
                    ("live catch-up", Way::Own)
                } else {
                    ("live", Way::Plain)
                };
                self.check(who, label, &said, "", way, false);
            }
        }
    }

    /// Somebody was told nothing that they may not know. What is asked for must be there now, too.
    pub fn check(&mut self, who: usize, label: &str, said: &str, asked: &str, way: Way, is_asked: bool) {
        let mut came = Vec::new();
        for part in said.split("<retract ").skip(1) {
            for item in marks(part.split('>').next().unwrap(), "id='i") {
                let is_known = self.known.contains(&(who, item));
                let is_allowed = is_known && (way == Way::Stream || self.model.may_read_item(who, item));
                assert!(
                    if is_asked { is_allowed } else { is_known },
                    "{label} tells {who} the end of {item}: {said}"
                );
            }
        }
        let said = &said.replace("<retract id='i", "<retract id=' i");
        for word in marks(said, "k") {
            let item = self.model.words[word];
            let found = &self.model.items[item];
            let is_there = self.model.is_there(item) && found.word == word;
            assert!(!is_asked || is_there, "{label} shows {who} what is gone: {said}");
            came.push(item);
        }
        if !asked.contains("<item id=") {
            // One's own boost or like of what is shown is named beside it.
            let mine = |item: &usize| self.model.items[*item].publisher == who;
            came.extend(marks(said, "='i").into_iter().filter(|item| !mine(item)));
        }
        for item in came {
            let model = &self.model;
            assert!(
                model.may_come(who, item, way),
                "{label} shows {who} item {item}, {:?} in {:?}, present {:?}, grouped {:?}, blocks {:?}, choices {:?} {:?}: {}",
                model.items[item],
                model.home(item),
                model.present,
                model.grouped,
                model.blocks,
                model.in_stream,
                model.in_search,
                around(said, item, &model.words),
            );
            self.came.insert(label.to_owned());
        }
    }
}

/// Somebody's microblog.
pub fn blog(who: usize) -> usize {
    [0, 5, 6][who]
}

pub fn is_result(answer: &Document) -> bool {
    answer.root().attr("type").as_deref() == Some("result")
}

/// The words around an item's marks.
fn around(said: &str, item: usize, words: &[usize]) -> String {
    let of_words = words.iter().enumerate().filter(|(_, of)| **of == item);
    let marks = of_words.map(|(word, _)| format!("k{word}q"));
    let found = marks
        .chain([format!("='i{item}q'")])
        .filter_map(|mark| said.find(&mark));
    let part = |at: usize| said.get(at.saturating_sub(300)..(at + 200).min(said.len()));
    found.filter_map(part).collect::<Vec<_>>().join(" … ")
}

fn change(all: &mut BTreeSet<(usize, usize)>, one: (usize, usize), is_in: bool) {
    if is_in {
        all.insert(one);
    } else {
        all.remove(&one);
    }
}
