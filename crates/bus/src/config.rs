//! A node's configuration as typed values: [XEP-0060](https://xmpp.org/extensions/xep-0060.html) §16.4.4.
//!
//! How it is written in a data form is in `pubsub`; here is only the text that the database keeps.

use std::fmt::Write;
use std::sync::Arc;

/// Who may subscribe and read (XEP-0060 §4.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessModel {
    /// Everybody.
    Open,
    /// Who is subscribed to the owner's presence.
    Presence,
    /// Who is in one of these groups of the owner's roster.
    Roster(Arc<[Arc<str>]>),
    /// Whom an owner approved.
    Authorize,
    /// Who is listed.
    Whitelist,
}

impl AccessModel {
    /// The word on the wire and in the database.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            AccessModel::Open => "open",
            AccessModel::Presence => "presence",
            AccessModel::Roster(_) => "roster",
            AccessModel::Authorize => "authorize",
            AccessModel::Whitelist => "whitelist",
        }
    }

    /// The access model of this name; `groups` matter for `roster` only.
    #[must_use]
    pub fn from_word(word: &str, groups: Arc<[Arc<str>]>) -> Option<AccessModel> {
        Some(match word {
            "open" => AccessModel::Open,
            "presence" => AccessModel::Presence,
            "roster" => AccessModel::Roster(groups),
            "authorize" => AccessModel::Authorize,
            "whitelist" => AccessModel::Whitelist,
            _ => return None,
        })
    }
}

/// Declares an enum of words with both directions.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$each:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$each])* $variant),+ }

        impl $name {
            /// The word on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }

            /// The value of this name.
            #[must_use]
            pub fn from_word(word: &str) -> Option<$name> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }
        }
    };
}

words! {
    /// Who may publish.
    PublishModel {
        /// Owners and publishers.
        Publishers = "publishers",
        /// Subscribers too.
        Subscribers = "subscribers",
        /// Everybody.
        Open = "open",
    }
}

words! {
    /// When the last item is sent to somebody who did not ask for it.
    SendLast {
        /// Never.
        Never = "never",
        /// On subscription.
        OnSub = "on_sub",
        /// On subscription, and when they come online.
        OnSubAndPresence = "on_sub_and_presence",
    }
}

words! {
    /// The type of the messages that notify.
    NotificationType {
        /// Shown at once and not kept.
        Headline = "headline",
        /// An ordinary message.
        Normal = "normal",
    }
}

words! {
    /// What happens when an item comes to a node that holds as many as it keeps (XEP-0060 §7.1.2, `pubsub#publish_node_full`).
    NodeFull {
        /// The oldest goes, and subscribers are told where retractions are.
        RetractOldest = "retract-oldest",
        /// The oldest goes, unsaid.
        DiscardOldest = "discard-oldest",
        /// The new one is refused.
        Reject = "reject",
    }
}

words! {
    /// What a feed of posts promises of its items: the profiles of
    /// [XEP-0472](https://xmpp.org/extensions/xep-0472.html) §5, by their `pubsub#type`.
    Feed {
        /// Any posts (§5.1).
        Base = "urn:xmpp:pubsub-social-feed:1",
        /// Short posts (§5.2, XEP-0277).
        Microblog = "urn:xmpp:microblog:0",
        /// Posts with at least one picture each (§5.3).
        Gallery = "urn:xmpp:pubsub-social-feed:gallery:1",
    }
}

impl Feed {
    /// The rules of a person's node of this name that is configured as this feed: what is called as the main blog is one.
    #[must_use]
    pub fn of(name: &str, configured: Option<Feed>) -> Option<Feed> {
        match configured {
            None if name == crate::node::MICROBLOG => Some(Feed::Microblog),
            configured => configured,
        }
    }
}

/// How many items a node keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxItems {
    /// As many as the server allows; there is no bound of the node's own.
    Max,
    /// This many, at least one.
    Count(u32),
}

/// All that can be configured at a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeConfig {
    /// `pubsub#title`
    pub title: Option<Arc<str>>,
    /// `pubsub#description`
    pub description: Option<Arc<str>>,
    /// `pubsub#language`
    pub language: Option<Arc<str>>,
    /// `pubsub#type`: what the payloads mean, usually a namespace.
    pub type_: Option<Arc<str>>,
    /// `pubsub#access_model`
    pub access: AccessModel,
    /// `pubsub#publish_model`
    pub publish_model: PublishModel,
    /// `pubsub#max_items`
    pub max_items: MaxItems,
    /// `pubsub#persist_items`: `false` keeps the last item only, until the next start.
    pub persist_items: bool,
    /// `pubsub#deliver_notifications`
    pub deliver_notifications: bool,
    /// `pubsub#deliver_payloads`
    pub deliver_payloads: bool,
    /// `pubsub#notify_retract`
    pub notify_retract: bool,
    /// `pubsub#notify_delete`
    pub notify_delete: bool,
    /// `pubsub#notify_config`
    pub notify_config: bool,
    /// `pubsub#notify_sub`
    pub notify_sub: bool,
    /// `pubsub#send_last_published_item`
    pub send_last: SendLast,
    /// `pubsub#notification_type`
    pub notification_type: NotificationType,
    /// `pubsub#item_expire`, in seconds.
    pub item_expire: Option<u32>,
    /// `pubsub#max_payload_size`, in bytes; `None` is the server's limit.
    pub max_payload_size: Option<u32>,
    /// `pubsub#contact`: the addresses of those to ask about the node.
    pub contact: Arc<[Arc<str>]>,
    /// `pubsub#dataform_xslt`: where clients find how to show payloads as forms.
    pub dataform_xslt: Option<Arc<str>>,
    /// `pubsub#subscribe`: whether new subscriptions are taken.
    pub subscribe: bool,
    /// `pubsub#tempsub`: whether new subscriptions end with their subscriber's presence.
    pub tempsub: bool,
    /// `pubsub#presence_based_delivery`: whether a session that subscribed for itself alone is told only while it is
    /// available.
    pub presence_based_delivery: bool,
    /// `pubsub#publish_node_full`
    pub publish_node_full: NodeFull,
    /// `{urn:x-folkmoot:communities:0}rules`: what a community expects of its members.
    pub rules: Option<Arc<str>>,
    /// `{urn:x-folkmoot:communities:0}listed`: whether everybody may find a community that not everybody may read.
    pub is_listed: bool,
    /// The SHA-1 of a community's avatar. Set with the image, and in no form.
    pub avatar: Option<Arc<str>>,
    /// Whether its public posts stand in the public stream and the tags; its owner's choice, and in no form.
    pub in_stream: bool,
    /// Whether its public posts are found by their words, and its owner by name; likewise.
    pub in_search: bool,
    /// The profile that all its items were checked against. It follows `type_` as long as there is no item, and is in no
    /// form of its own.
    pub feed: Option<Feed>,
}

impl NodeConfig {
    /// Whether events are about items. Where these are neither kept nor delivered, an event only says that something
    /// happened (XEP-0060 §4.3).
    #[must_use]
    pub fn has_items(&self) -> bool {
        self.persist_items || self.deliver_payloads
    }

    /// The defaults of a node on a person's bare JID (XEP-0163 §5, XEP-0060 §8.1.3): for contacts, one item.
    #[must_use]
    pub fn pep() -> NodeConfig {
        NodeConfig {
            title: None,
            description: None,
            language: None,
            type_: None,
            access: AccessModel::Presence,
            publish_model: PublishModel::Publishers,
            max_items: MaxItems::Count(1),
            persist_items: true,
            deliver_notifications: true,
            deliver_payloads: true,
            notify_retract: false,
            notify_delete: false,
            notify_config: false,
            notify_sub: false,
            send_last: SendLast::OnSubAndPresence,
            notification_type: NotificationType::Headline,
            item_expire: None,
            max_payload_size: None,
            contact: Arc::from([]),
            dataform_xslt: None,
            subscribe: true,
            tempsub: false,
            presence_based_delivery: false,
            publish_node_full: NodeFull::RetractOldest,
            rules: None,
            is_listed: false,
            avatar: None,
            in_stream: true,
            in_search: true,
            feed: None,
        }
    }

    /// The defaults of a person's posts (XEP-0277 §4.1, XEP-0472 §5.1). Payloads are delivered: a documented
    /// departure from a SHOULD, since 10,000 followers would make 10,000 requests.
    #[must_use]
    pub fn microblog(access: AccessModel) -> NodeConfig {
        NodeConfig {
            type_: Some(Arc::from(crate::node::MICROBLOG)),
            access,
            max_items: MaxItems::Max,
            notify_retract: true,
            notify_delete: true,
            send_last: SendLast::Never,
            ..NodeConfig::pep()
        }
    }

    /// The defaults of a further feed of a person's (XEP-0472 §5.1), as open as their other nodes.
    #[must_use]
    pub fn feed(feed: Feed) -> NodeConfig {
        NodeConfig {
            type_: Some(Arc::from(feed.as_str())),
            feed: Some(feed),
            ..NodeConfig::microblog(AccessModel::Presence)
        }
    }

    /// Whether it is configured as every feed must be (XEP-0472 §5.1.1): everything is kept, and retractions are told.
    #[must_use]
    pub fn keeps_all(&self) -> bool {
        self.notify_retract && self.max_items == MaxItems::Max && self.persist_items
    }

    /// The defaults of a node that somebody creates on the pubsub service.
    #[must_use]
    pub fn service() -> NodeConfig {
        NodeConfig {
            access: AccessModel::Open,
            max_items: MaxItems::Max,
            notify_retract: true,
            notify_delete: true,
            send_last: SendLast::Never,
            ..NodeConfig::pep()
        }
    }

    /// The text that the database keeps: a line for each value that has one.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(256);
        let mut line = |key: &str, value: &str| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{key} {}", escape(value));
        };
        let flag = |is_set: bool| if is_set { "1" } else { "0" };
        for (key, value) in [
            ("title", &self.title),
            ("description", &self.description),
            ("language", &self.language),
            ("type", &self.type_),
            ("dataform_xslt", &self.dataform_xslt),
            ("rules", &self.rules),
            ("avatar", &self.avatar),
        ] {
            if let Some(value) = value {
                line(key, value);
            }
        }
        line("access_model", self.access.as_str());
        if let AccessModel::Roster(groups) = &self.access {
            for group in groups.iter() {
                line("roster_group", group);
            }
        }
        line("publish_model", self.publish_model.as_str());
        match self.max_items {
            MaxItems::Max => line("max_items", "max"),
            MaxItems::Count(count) => line("max_items", &count.to_string()),
        }
        line("persist_items", flag(self.persist_items));
        line("deliver_notifications", flag(self.deliver_notifications));
        line("deliver_payloads", flag(self.deliver_payloads));
        line("notify_retract", flag(self.notify_retract));
        line("notify_delete", flag(self.notify_delete));
        line("notify_config", flag(self.notify_config));
        line("notify_sub", flag(self.notify_sub));
        line("send_last_published_item", self.send_last.as_str());
        line("notification_type", self.notification_type.as_str());
        for jid in self.contact.iter() {
            line("contact", jid);
        }
        // What nearly every node has is not written: the texts stay short, and alike.
        if !self.subscribe {
            line("subscribe", flag(false));
        }
        if self.tempsub {
            line("tempsub", flag(true));
        }
        if self.presence_based_delivery {
            line("presence_based_delivery", flag(true));
        }
        if self.publish_node_full != NodeFull::RetractOldest {
            line("publish_node_full", self.publish_node_full.as_str());
        }
        if self.is_listed {
            line("listed", flag(true));
        }
        if !self.in_stream {
            line("in_stream", flag(false));
        }
        if !self.in_search {
            line("in_search", flag(false));
        }
        if let Some(feed) = self.feed {
            line("feed", feed.as_str());
        }
        for (key, value) in [
            ("item_expire", self.item_expire),
            ("max_payload_size", self.max_payload_size),
        ] {
            if let Some(value) = value {
                line(key, &value.to_string());
            }
        }
        text
    }

    /// Reads [`to_text`](NodeConfig::to_text)'s lines over the PEP defaults. Lines that it does not know are left
    /// out, so that an older program reads a newer database's nodes; an access model that it does not know closes
    /// the node.
    #[must_use]
    pub fn from_text(text: &str) -> NodeConfig {
        let mut config = NodeConfig::pep();
        let mut access = None;
        let mut groups: Vec<Arc<str>> = Vec::new();
        let mut contact: Vec<Arc<str>> = Vec::new();
        for (key, value) in text.lines().filter_map(|line| line.split_once(' ')) {
            let value = unescape(value);
            let is_set = value == "1";
            match key {
                "title" => config.title = Some(value.into()),
                "description" => config.description = Some(value.into()),
                "language" => config.language = Some(value.into()),
                "type" => config.type_ = Some(value.into()),
                "rules" => config.rules = Some(value.into()),
                "avatar" => config.avatar = Some(value.into()),
                "listed" => config.is_listed = is_set,
                "access_model" => access = Some(value),
                "roster_group" => groups.push(value.into()),
                "publish_model" => set(&mut config.publish_model, PublishModel::from_word(&value)),
                "max_items" if value == "max" => config.max_items = MaxItems::Max,
                "max_items" => set(&mut config.max_items, value.parse().ok().map(MaxItems::Count)),
                "persist_items" => config.persist_items = is_set,
                "deliver_notifications" => config.deliver_notifications = is_set,
                "deliver_payloads" => config.deliver_payloads = is_set,
                "notify_retract" => config.notify_retract = is_set,
                "notify_delete" => config.notify_delete = is_set,
                "notify_config" => config.notify_config = is_set,
                "notify_sub" => config.notify_sub = is_set,
                "send_last_published_item" => set(&mut config.send_last, SendLast::from_word(&value)),
                "notification_type" => {
                    set(&mut config.notification_type, NotificationType::from_word(&value));
                }
                "contact" => contact.push(value.into()),
                "dataform_xslt" => config.dataform_xslt = Some(value.into()),
                "subscribe" => config.subscribe = is_set,
                "tempsub" => config.tempsub = is_set,
                "presence_based_delivery" => config.presence_based_delivery = is_set,
                "publish_node_full" => set(&mut config.publish_node_full, NodeFull::from_word(&value)),
                "in_stream" => config.in_stream = is_set,
                "in_search" => config.in_search = is_set,
                "feed" => config.feed = Feed::from_word(&value),
                "item_expire" => config.item_expire = value.parse().ok(),
                "max_payload_size" => config.max_payload_size = value.parse().ok(),
                _ => {}
            }
        }
        if !contact.is_empty() {
            config.contact = contact.into();
        }
        if let Some(word) = access {
            config.access = AccessModel::from_word(&word, groups.into()).unwrap_or(AccessModel::Whitelist);
        }
        config
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// A value on one line.
fn escape(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('\n', "\\n")
        .replace('\r', "\\r")
}

fn unescape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some(other) => text.push(other),
                None => {}
            },
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again() {
        let rich = NodeConfig {
            title: Some("two\nlines \\ and a slash".into()),
            description: Some("d".into()),
            language: Some("de".into()),
            access: AccessModel::Roster(Arc::from(vec![Arc::from("Friends"), Arc::from("a b")])),
            publish_model: PublishModel::Open,
            max_items: MaxItems::Count(17),
            persist_items: false,
            send_last: SendLast::OnSub,
            notification_type: NotificationType::Normal,
            contact: Arc::from([Arc::from("romeo@localhost"), Arc::from("nurse@localhost")]),
            dataform_xslt: Some("https://example.org/a.xslt".into()),
            subscribe: false,
            tempsub: true,
            presence_based_delivery: true,
            publish_node_full: NodeFull::Reject,
            item_expire: Some(86_400),
            max_payload_size: Some(9_000),
            notify_sub: true,
            rules: Some("be kind\nbe brief".into()),
            is_listed: true,
            avatar: Some("da39a3ee5e6b4b0d3255bfef95601890afd80709".into()),
            in_stream: false,
            in_search: false,
            ..NodeConfig::microblog(AccessModel::Open)
        };
        for config in [
            rich,
            NodeConfig::pep(),
            NodeConfig::service(),
            NodeConfig::microblog(AccessModel::Presence),
            NodeConfig::feed(Feed::Gallery),
        ] {
            assert_eq!(NodeConfig::from_text(&config.to_text()), config);
        }
    }

    #[test]
    fn an_unknown_access_model_closes_the_node() {
        let config = NodeConfig::from_text("access_model telepathy\nfuture_key 1\nmax_items many\n");
        assert_eq!(config.access, AccessModel::Whitelist);
        assert_eq!(config.max_items, MaxItems::Count(1));
    }
}
