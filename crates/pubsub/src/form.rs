//! Configurations as data forms, and what forms ask for: [XEP-0060](https://xmpp.org/extensions/xep-0060.html)
//! §7.1.5 (publish-options), §8.2 (configuration), §16.4.3 and §16.4.4 (the fields).
//!
//! Nothing is silently ignored: a field that nobody registered is refused, and so is a value that would not be followed. Of
//! the registered fields that are not supported, the value that says what happens here anyway is accepted.

use std::borrow::Cow;
use std::sync::Arc;

use bus::{
    AccessModel, Feed, MaxItems, NodeConfig, NodeFull, NodeKind, NodeView, NotificationType, PublishModel,
    SendLast,
};
use format::form::{DataForm, Field, FieldType, FormType, parse_bool};
use wire::Jid;

use crate::error::PubsubError;

/// The `FORM_TYPE` of a node's configuration.
pub const NODE_CONFIG: &str = "http://jabber.org/protocol/pubsub#node_config";
/// The `FORM_TYPE` of publish-options.
pub const PUBLISH_OPTIONS: &str = "http://jabber.org/protocol/pubsub#publish-options";
/// The `FORM_TYPE` of a node's metadata.
pub const META_DATA: &str = "http://jabber.org/protocol/pubsub#meta-data";

/// What a community expects of its members: a field of ours, named as XEP-0068 §3.4 names such.
pub const RULES: &str = "{urn:x-folkmoot:communities:0}rules";
/// Whether everybody may find a community that not everybody may read.
pub const LISTED: &str = "{urn:x-folkmoot:communities:0}listed";

/// Longest text of a title, description and the like, in bytes.
const MAX_TEXT: usize = 4_096;
/// Roster groups that a node may be open to.
const MAX_GROUPS: usize = 100;
/// Addresses that may be given to ask about a node.
const MAX_CONTACTS: usize = 20;

/// Where a node is: not every access model makes sense everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// On a person's bare JID, beside their roster.
    Account,
    /// On the pubsub service, which has no roster.
    Service,
}

impl Site {
    /// Where a node is.
    #[must_use]
    pub fn of(view: &NodeView) -> Site {
        match view.kind {
            NodeKind::Pep => Site::Account,
            NodeKind::Service | NodeKind::Virtual(_) | NodeKind::Computed(_) => Site::Service,
        }
    }
}

/// Changes that a form asks for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    changes: Vec<Change>,
    groups: Option<Arc<[Arc<str>]>>,
}

#[derive(Clone, Debug)]
enum Change {
    Title(Option<Arc<str>>),
    Description(Option<Arc<str>>),
    Language(Option<Arc<str>>),
    Type(Option<Arc<str>>),
    Rules(Option<Arc<str>>),
    Access(AccessModel),
    PublishModel(PublishModel),
    MaxItems(MaxItems),
    SendLast(SendLast),
    NotificationType(NotificationType),
    ItemExpire(Option<u32>),
    MaxPayloadSize(Option<u32>),
    Contact(Arc<[Arc<str>]>),
    DataformXslt(Option<Arc<str>>),
    NodeFull(NodeFull),
    Flag(Flag, bool),
}

/// Fields that are on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flag {
    PersistItems,
    DeliverNotifications,
    DeliverPayloads,
    NotifyRetract,
    NotifyDelete,
    NotifyConfig,
    NotifySub,
    Subscribe,
    TempSub,
    PresenceBasedDelivery,
    Listed,
}

const FLAGS: [(&str, &str, Flag); 10] = [
    (
        "pubsub#persist_items",
        "Whether items are kept",
        Flag::PersistItems,
    ),
    (
        "pubsub#deliver_notifications",
        "Whether anybody is notified",
        Flag::DeliverNotifications,
    ),
    (
        "pubsub#deliver_payloads",
        "Whether notifications carry payloads",
        Flag::DeliverPayloads,
    ),
    (
        "pubsub#notify_retract",
        "Whether retractions are notified",
        Flag::NotifyRetract,
    ),
    (
        "pubsub#notify_delete",
        "Whether the node's deletion is notified",
        Flag::NotifyDelete,
    ),
    (
        "pubsub#notify_config",
        "Whether changes of the configuration are notified",
        Flag::NotifyConfig,
    ),
    (
        "pubsub#notify_sub",
        "Whether owners are told of subscriptions",
        Flag::NotifySub,
    ),
    (
        "pubsub#subscribe",
        "Whether new subscriptions are taken",
        Flag::Subscribe,
    ),
    (
        "pubsub#tempsub",
        "Whether new subscriptions end when the subscriber goes offline",
        Flag::TempSub,
    ),
    (
        "pubsub#presence_based_delivery",
        "Whether a session that subscribed for itself is told only while it is available",
        Flag::PresenceBasedDelivery,
    ),
];

impl Flag {
    fn of(self, config: &mut NodeConfig) -> &mut bool {
        match self {
            Flag::PersistItems => &mut config.persist_items,
            Flag::DeliverNotifications => &mut config.deliver_notifications,
            Flag::DeliverPayloads => &mut config.deliver_payloads,
            Flag::NotifyRetract => &mut config.notify_retract,
            Flag::NotifyDelete => &mut config.notify_delete,
            Flag::NotifyConfig => &mut config.notify_config,
            Flag::NotifySub => &mut config.notify_sub,
            Flag::Subscribe => &mut config.subscribe,
            Flag::TempSub => &mut config.tempsub,
            Flag::PresenceBasedDelivery => &mut config.presence_based_delivery,
            Flag::Listed => &mut config.is_listed,
        }
    }
}

/// Registered fields that are not supported: the values that describe what happens here, and what to do instead of others.
const FIXED: [(&str, &[&str], &str); 5] = [
    (
        "pubsub#itemreply",
        &["publisher"],
        "every item names its publisher: set pubsub#itemreply to publisher",
    ),
    (
        "pubsub#purge_offline",
        &["0", "false"],
        "items stay when their publisher goes offline: set pubsub#purge_offline to 0, and pubsub#item_expire if they should go",
    ),
    (
        "pubsub#body_xslt",
        &[],
        "payloads are not transformed here: leave pubsub#body_xslt empty",
    ),
    ("pubsub#node_type", &["leaf"], "the only node type is leaf"),
    // COMPAT: Libervia sends this field of older versions (1.9 and before); what it asked for is pubsub#send_last_published_item's.
    (
        "pubsub#send_item_subscribe",
        &["0", "false", "1", "true"],
        "set pubsub#send_last_published_item instead",
    ),
];

/// Fields of XEP-0248. Empty, they say that the node is in no collection, as it is.
const COLLECTIONS: [&str; 6] = [
    "pubsub#collection",
    "pubsub#children",
    "pubsub#children_association_policy",
    "pubsub#children_association_whitelist",
    "pubsub#children_max",
    "pubsub#parent",
];

impl Options {
    /// Reads a filled-in form of configuration, or of publish-options.
    ///
    /// # Errors
    /// `InvalidOptions` for a wrong `FORM_TYPE`, for values that cannot be and for unknown fields; `UnsupportedAccessModel`,
    /// `Unacceptable` and `Unsupported` for what there is not here. In publish-options, what is unknown or not here is a
    /// precondition that is not met (§7.1.5).
    pub fn parse(form: &DataForm, site: Site) -> Result<Options, PubsubError> {
        let is_precondition = match form.form_type() {
            Some(PUBLISH_OPTIONS) => true,
            // COMPAT: some clients leave the FORM_TYPE of a configuration out.
            Some(NODE_CONFIG) | None => false,
            Some(_) => return Err(invalid("unexpected FORM_TYPE")),
        };
        if form.kind == FormType::Cancel {
            return Ok(Options::default());
        }
        let mut options = Options::default();
        for field in form
            .fields
            .iter()
            .filter(|field| field.var != "FORM_TYPE" && !field.var.is_empty())
        {
            let read = match change(field, site) {
                Err(PubsubError::Unacceptable(_) | PubsubError::Unsupported(_)) if is_precondition => {
                    return Err(PubsubError::PreconditionNotMet);
                }
                read => read?,
            };
            match read {
                Read::Change(change) => options.changes.push(change),
                Read::Groups(groups) => options.groups = Some(groups),
                Read::Nothing => {}
                Read::Unknown if is_precondition => return Err(PubsubError::PreconditionNotMet),
                Read::Unknown => {
                    return Err(PubsubError::InvalidOptions(Cow::Owned(format!(
                        "unknown field {}: leave it out",
                        field.var
                    ))));
                }
            }
        }
        Ok(options)
    }

    /// The profile of the feed that a node is to be, if the form names one.
    #[must_use]
    pub fn feed(&self) -> Option<Feed> {
        let named = self.changes.iter().rev().find_map(|change| match change {
            Change::Type(named) => Some(named.as_deref()),
            _ => None,
        });
        named.flatten().and_then(Feed::from_word)
    }

    /// The configuration with the changes.
    ///
    /// # Errors
    /// `Unacceptable` for roster groups that would mean nothing.
    pub fn changed(&self, old: &NodeConfig) -> Result<NodeConfig, PubsubError> {
        let mut config = old.clone();
        self.apply(&mut config);
        // A form sent back names the groups that there were; a client that closes or opens the node need not clear them.
        let is_as_before = |groups: &Arc<[Arc<str>]>| match &old.access {
            AccessModel::Roster(before) => groups == before,
            _ => groups.is_empty(),
        };
        match (&config.access, &self.groups) {
            (AccessModel::Roster(_), _) | (_, None) => Ok(config),
            (_, Some(groups)) if is_as_before(groups) => Ok(config),
            _ => Err(unacceptable(
                "roster groups need pubsub#access_model to be roster: send both, or no groups",
            )),
        }
    }

    /// Makes the changes.
    pub fn apply(&self, config: &mut NodeConfig) {
        for change in &self.changes {
            match change.clone() {
                Change::Title(text) => config.title = text,
                Change::Description(text) => config.description = text,
                Change::Language(text) => config.language = text,
                Change::Type(text) => config.type_ = text,
                Change::Rules(text) => config.rules = text,
                // The groups stay when only the access model is named again.
                Change::Access(AccessModel::Roster(_)) if matches!(config.access, AccessModel::Roster(_)) => {
                }
                Change::Access(access) => config.access = access,
                Change::PublishModel(model) => config.publish_model = model,
                Change::MaxItems(count) => config.max_items = count,
                Change::SendLast(when) => config.send_last = when,
                Change::NotificationType(kind) => config.notification_type = kind,
                Change::ItemExpire(seconds) => config.item_expire = seconds,
                Change::MaxPayloadSize(bytes) => config.max_payload_size = bytes,
                Change::Contact(jids) => config.contact = jids,
                Change::DataformXslt(uri) => config.dataform_xslt = uri,
                Change::NodeFull(what) => config.publish_node_full = what,
                Change::Flag(flag, is_set) => *flag.of(config) = is_set,
            }
        }
        if let (AccessModel::Roster(groups), Some(wanted)) = (&mut config.access, &self.groups) {
            *groups = Arc::clone(wanted);
        }
    }

    /// Checks what a form says of a computed node: how open it is follows from what it belongs to, and what else there
    /// is in the form is as good as any other way of keeping comments.
    ///
    /// # Errors
    /// `PreconditionNotMet` when it should be more or less open than it is.
    pub fn check_inherited(&self, config: &NodeConfig) -> Result<(), PubsubError> {
        let is_met = |change: &Change| match change {
            Change::Access(access) => access.as_str() == config.access.as_str(),
            Change::PublishModel(model) => *model == config.publish_model,
            _ => true,
        };
        if self.changes.iter().all(is_met) {
            Ok(())
        } else {
            Err(PubsubError::PreconditionNotMet)
        }
    }

    /// Checks the form as preconditions of a publish (§7.1.5).
    ///
    /// # Errors
    /// `PreconditionNotMet` when the node is configured otherwise.
    pub fn check(&self, config: &NodeConfig) -> Result<(), PubsubError> {
        let mut wanted = config.clone();
        self.apply(&mut wanted);
        if wanted == *config {
            Ok(())
        } else {
            Err(PubsubError::PreconditionNotMet)
        }
    }
}

fn invalid(text: &'static str) -> PubsubError {
    PubsubError::InvalidOptions(Cow::Borrowed(text))
}

fn invalid_value(field: &Field, wanted: &str) -> PubsubError {
    PubsubError::InvalidOptions(Cow::Owned(format!("{} is to be {wanted}", field.var)))
}

fn unacceptable(text: &'static str) -> PubsubError {
    PubsubError::Unacceptable(Cow::Borrowed(text))
}

enum Read {
    Change(Change),
    Groups(Arc<[Arc<str>]>),
    Nothing,
    Unknown,
}

fn change(field: &Field, site: Site) -> Result<Read, PubsubError> {
    let value = field.values.first().map_or("", |value| value.trim());
    let text = || -> Result<Option<Arc<str>>, PubsubError> {
        let text = field.values.join("\n");
        if text.len() > MAX_TEXT {
            return Err(invalid("text too long"));
        }
        Ok((!text.is_empty()).then(|| text.into()))
    };
    let or =
        |ok: Option<Change>, wanted: &str| ok.map(Read::Change).ok_or_else(|| invalid_value(field, wanted));
    if let Some((_, _, flag)) = FLAGS.iter().find(|(var, ..)| *var == field.var) {
        return or(
            parse_bool(value).map(|is_set| Change::Flag(*flag, is_set)),
            "0 or 1",
        );
    }
    match field.var.as_str() {
        "pubsub#title" => Ok(Read::Change(Change::Title(text()?))),
        "pubsub#description" => Ok(Read::Change(Change::Description(text()?))),
        "pubsub#language" => Ok(Read::Change(Change::Language(text()?))),
        "pubsub#type" => Ok(Read::Change(Change::Type(text()?))),
        RULES if site == Site::Service => Ok(Read::Change(Change::Rules(text()?))),
        LISTED if site == Site::Service => {
            let is_set = parse_bool(value).ok_or_else(|| invalid("not a boolean"))?;
            Ok(Read::Change(Change::Flag(Flag::Listed, is_set)))
        }
        "pubsub#access_model" => access(value, site).map(|access| Read::Change(Change::Access(access))),
        "pubsub#roster_groups_allowed" => {
            if field.values.len() > MAX_GROUPS || field.values.iter().any(|group| group.len() > MAX_TEXT) {
                return Err(invalid("too many roster groups"));
            }
            Ok(Read::Groups(
                field
                    .values
                    .iter()
                    .filter(|group| !group.is_empty())
                    .map(|group| Arc::from(group.as_str()))
                    .collect(),
            ))
        }
        "pubsub#publish_model" => or(
            PublishModel::from_word(value).map(Change::PublishModel),
            "publishers, subscribers or open",
        ),
        "pubsub#max_items" => or(
            max_items(value).map(Change::MaxItems),
            "a number of at least 1, or max",
        ),
        "pubsub#send_last_published_item" => or(
            SendLast::from_word(value).map(Change::SendLast),
            "never, on_sub or on_sub_and_presence",
        ),
        "pubsub#notification_type" => or(
            NotificationType::from_word(value).map(Change::NotificationType),
            "headline or normal",
        ),
        "pubsub#publish_node_full" => or(
            NodeFull::from_word(value).map(Change::NodeFull),
            "retract-oldest, discard-oldest or reject",
        ),
        "pubsub#item_expire" => or(
            number(value).map(Change::ItemExpire),
            "a number of seconds, or max",
        ),
        "pubsub#max_payload_size" => or(
            number(value).map(Change::MaxPayloadSize),
            "a number of bytes, or max",
        ),
        "pubsub#contact" => contact(field),
        "pubsub#dataform_xslt" => Ok(Read::Change(Change::DataformXslt(text()?))),
        // XEP-0248 §7.1: what is there to say where there are no collections.
        "pubsub#node_type" if value == "collection" => Err(PubsubError::Unsupported("collections")),
        other if COLLECTIONS.contains(&other) => {
            if field.values.iter().all(|value| value.trim().is_empty()) {
                Ok(Read::Nothing)
            } else {
                Err(PubsubError::Unsupported("collections"))
            }
        }
        other => match FIXED.iter().find(|(var, ..)| *var == other) {
            Some((_, accepted, _)) if value.is_empty() || accepted.contains(&value) => Ok(Read::Nothing),
            Some((_, _, instead)) => Err(unacceptable(instead)),
            None => Ok(Read::Unknown),
        },
    }
}

fn contact(field: &Field) -> Result<Read, PubsubError> {
    let jids = field
        .values
        .iter()
        .map(|value| value.trim())
        .filter(|value| !value.is_empty())
        .map(|value| Jid::parse(value).ok().map(|jid| Arc::from(jid.as_str())))
        .collect::<Option<Vec<Arc<str>>>>()
        .filter(|jids| jids.len() <= MAX_CONTACTS)
        .ok_or_else(|| invalid_value(field, "addresses, at most 20"))?;
    Ok(Read::Change(Change::Contact(jids.into())))
}

fn access(word: &str, site: Site) -> Result<AccessModel, PubsubError> {
    match AccessModel::from_word(word, Arc::from([])) {
        Some(AccessModel::Presence | AccessModel::Roster(_)) if site == Site::Service => {
            // It needs a roster.
            Err(PubsubError::UnsupportedAccessModel)
        }
        Some(access) => Ok(access),
        None => Err(PubsubError::UnsupportedAccessModel),
    }
}

fn max_items(value: &str) -> Option<MaxItems> {
    if value == "max" {
        return Some(MaxItems::Max);
    }
    value.parse().ok().filter(|count| *count > 0).map(MaxItems::Count)
}

/// A number, or none: `max` and the empty text mean that there is no limit of the node's own.
fn number(value: &str) -> Option<Option<u32>> {
    match value {
        "" | "max" => Some(None),
        value => value.parse().ok().filter(|number| *number > 0).map(Some),
    }
}

const ACCESS_MODELS: [(&str, &str); 5] = [
    ("open", "Everybody"),
    ("presence", "Contacts who see the owner's presence"),
    ("roster", "Contacts in certain groups"),
    ("authorize", "Subscribers whom an owner approved"),
    ("whitelist", "Members only"),
];

/// A configuration as subscribers are told of it (§8.2.5.3). Which of their groups an owner chose is nobody's business.
#[must_use]
pub fn config_result(config: &NodeConfig, site: Site) -> DataForm {
    let filled = config_form(config, site);
    let mut form = DataForm::new(FormType::Result);
    form.fields = filled
        .fields
        .into_iter()
        .filter(|field| field.var != "pubsub#roster_groups_allowed")
        .map(|field| Field {
            label: None,
            options: Vec::new(),
            ..field
        })
        .collect();
    form
}

/// A configuration as a form to fill in (§8.2.2).
#[must_use]
pub fn config_form(config: &NodeConfig, site: Site) -> DataForm {
    let text = |var: &str, value: &Option<Arc<str>>, label: &str| {
        Field::text(var, value.as_deref().unwrap_or_default()).label(label)
    };
    let number = |value: Option<u32>| value.map(|number| number.to_string()).unwrap_or_default();
    let max_items = match config.max_items {
        MaxItems::Max => "max".to_owned(),
        MaxItems::Count(count) => count.to_string(),
    };
    let models: &[_] = match site {
        Site::Account => &ACCESS_MODELS,
        Site::Service => &[ACCESS_MODELS[0], ACCESS_MODELS[3], ACCESS_MODELS[4]],
    };
    let mut form = DataForm::new(FormType::Form)
        .with_form_type(NODE_CONFIG)
        .with(text("pubsub#title", &config.title, "A name for people"))
        .with(text("pubsub#description", &config.description, "A description"))
        .with(text("pubsub#language", &config.language, "The default language"))
        .with(text("pubsub#type", &config.type_, "What the payloads mean"));
    if site == Site::Service {
        form = form
            .with(
                Field::new(RULES, FieldType::TextMulti)
                    .values(
                        config
                            .rules
                            .iter()
                            .flat_map(|rules| rules.lines())
                            .map(str::to_owned),
                    )
                    .label("What a community expects of its members"),
            )
            .with(
                Field::boolean(LISTED, config.is_listed)
                    .label("Whether everybody may find a community that is closed"),
            );
    }
    for (var, label, flag) in FLAGS {
        let is_set = *flag.of(&mut config.clone());
        form = form.with(Field::boolean(var, is_set).label(label));
    }
    form = form
        .with(Field::text("pubsub#max_items", max_items).label("How many items are kept: a number, or max"))
        .with(
            Field::text("pubsub#item_expire", number(config.item_expire))
                .label("After how many seconds items are gone"),
        )
        .with(
            Field::text("pubsub#max_payload_size", number(config.max_payload_size))
                .label("The largest payload, in bytes"),
        )
        .with(
            Field::list("pubsub#access_model", config.access.as_str(), models)
                .label("Who may subscribe and read"),
        );
    if site == Site::Account {
        let groups: &[Arc<str>] = match &config.access {
            AccessModel::Roster(groups) => groups,
            _ => &[],
        };
        let field = Field::new("pubsub#roster_groups_allowed", FieldType::TextMulti)
            .values(groups.iter().map(|group| (**group).to_owned()))
            .label("The roster groups that may subscribe and read");
        form = form.with(field);
    }
    let models = [
        ("publishers", "Publishers"),
        ("subscribers", "Subscribers too"),
        ("open", "Everybody"),
    ];
    let when = [
        ("never", "Never"),
        ("on_sub", "On subscription"),
        ("on_sub_and_presence", "On subscription and when they come online"),
    ];
    let kinds = [("headline", "Headlines"), ("normal", "Ordinary messages")];
    let full = [
        ("retract-oldest", "The oldest is retracted"),
        ("discard-oldest", "The oldest goes unsaid"),
        ("reject", "The new one is refused"),
    ];
    form.with(
        Field::list("pubsub#publish_model", config.publish_model.as_str(), &models).label("Who may publish"),
    )
    .with(
        Field::list(
            "pubsub#send_last_published_item",
            config.send_last.as_str(),
            &when,
        )
        .label("When the last item is sent unasked"),
    )
    .with(
        Field::list(
            "pubsub#notification_type",
            config.notification_type.as_str(),
            &kinds,
        )
        .label("The type of the messages that notify"),
    )
    .with(
        Field::list("pubsub#itemreply", "publisher", &[("publisher", "The publisher")])
            .label("Whom a reply to an item should reach"),
    )
    .with(
        Field::list(
            "pubsub#publish_node_full",
            config.publish_node_full.as_str(),
            &full,
        )
        .label("What happens when a node with as many items as it keeps gets another"),
    )
    .with(
        Field::new("pubsub#contact", FieldType::JidMulti)
            .values(config.contact.iter().map(|jid| (**jid).to_owned()))
            .label("Whom to ask about the node"),
    )
    .with(text(
        "pubsub#dataform_xslt",
        &config.dataform_xslt,
        "Where clients find how to show payloads as forms",
    ))
}

/// What is told about a node to everybody who may see it (§5.4).
#[derive(Clone, Debug)]
pub struct MetaData {
    /// When it was created, as a date and time; `None` for what was always there.
    pub created: Option<String>,
    /// The bare JIDs of its owners.
    pub owners: Vec<String>,
    /// The bare JIDs of its publishers.
    pub publishers: Vec<String>,
    /// How many subscribe; `None` where that is nobody's business.
    pub subscribers: Option<usize>,
}

/// A node's metadata as a form.
#[must_use]
pub fn meta_data_form(config: &NodeConfig, data: &MetaData) -> DataForm {
    let mut form = DataForm::new(FormType::Result).with_form_type(META_DATA);
    for (var, value) in [
        ("pubsub#type", &config.type_),
        ("pubsub#title", &config.title),
        ("pubsub#description", &config.description),
        ("pubsub#language", &config.language),
        (RULES, &config.rules),
    ] {
        if let Some(value) = value {
            form = form.with(Field::text(var, &**value));
        }
    }
    if let Some(created) = &data.created {
        form = form.with(Field::text("pubsub#creation_date", created.as_str()));
    }
    form = form
        .with(Field::text("pubsub#access_model", config.access.as_str()))
        .with(Field::text("pubsub#publish_model", config.publish_model.as_str()))
        .with(Field::text(
            "pubsub#max_items",
            match config.max_items {
                MaxItems::Max => "max".to_owned(),
                MaxItems::Count(count) => count.to_string(),
            },
        ));
    if let Some(creator) = data.owners.first() {
        form = form.with(Field {
            kind: Some(FieldType::JidSingle),
            ..Field::plain("pubsub#creator", creator)
        });
    }
    for (var, jids) in [
        ("pubsub#owner", &data.owners),
        ("pubsub#publisher", &data.publishers),
    ] {
        if !jids.is_empty() {
            form = form.with(Field::new(var, FieldType::JidMulti).values(jids.iter().cloned()));
        }
    }
    if !config.contact.is_empty() {
        let jids = config.contact.iter().map(|jid| (**jid).to_owned());
        form = form.with(Field::new("pubsub#contact", FieldType::JidMulti).values(jids));
    }
    if let Some(count) = data.subscribers {
        form = form.with(Field::text("pubsub#num_subscribers", count.to_string()));
    }
    form
}
