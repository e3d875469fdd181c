//! Configurations as data forms, and what forms ask for: [XEP-0060](https://xmpp.org/extensions/xep-0060.html)
//! §7.1.5 (publish-options), §8.2 (configuration), §16.4.3 and §16.4.4 (the fields).
//!
//! A field that nobody registered is refused. Of the registered ones that are not supported, the value that says what
//! happens here anyway is accepted.

use std::borrow::Cow;
use std::sync::Arc;

use bus::{AccessModel, ItemReply, MaxItems, NodeConfig, NotificationType, PublishModel, SendLast};
use format::form::{DataForm, Field, FieldType, FormType, parse_bool};

use crate::error::PubsubError;

/// The `FORM_TYPE` of a node's configuration.
pub const NODE_CONFIG: &str = "http://jabber.org/protocol/pubsub#node_config";
/// The `FORM_TYPE` of publish-options.
pub const PUBLISH_OPTIONS: &str = "http://jabber.org/protocol/pubsub#publish-options";
/// The `FORM_TYPE` of a node's metadata.
pub const META_DATA: &str = "http://jabber.org/protocol/pubsub#meta-data";

/// Longest text of a title, description and the like, in bytes.
const MAX_TEXT: usize = 4_096;
/// Roster groups that a node may be open to.
const MAX_GROUPS: usize = 100;

/// Where a node is: not every access model makes sense everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// On a person's bare JID, beside their roster.
    Account,
    /// On the pubsub service, which has no roster.
    Service,
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
    Access(AccessModel),
    PublishModel(PublishModel),
    MaxItems(MaxItems),
    SendLast(SendLast),
    NotificationType(NotificationType),
    ItemReply(Option<ItemReply>),
    ItemExpire(Option<u32>),
    MaxPayloadSize(Option<u32>),
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
}

const FLAGS: [(&str, &str, Flag); 7] = [
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
        }
    }
}

/// Registered fields that are not supported, with the values that describe what happens here.
const FIXED: [(&str, &[&str]); 8] = [
    ("pubsub#purge_offline", &["0", "false"]),
    ("pubsub#presence_based_delivery", &["0", "false", "1", "true"]),
    ("pubsub#subscribe", &["1", "true"]),
    ("pubsub#tempsub", &["0", "false"]),
    ("pubsub#node_type", &["leaf"]),
    ("pubsub#publish_node_full", &["discard-oldest"]),
    ("pubsub#body_xslt", &[]),
    ("pubsub#dataform_xslt", &[]),
];

impl Options {
    /// Reads a filled-in form of configuration, or of publish-options.
    ///
    /// # Errors
    /// `InvalidOptions` for a wrong `FORM_TYPE` and for values that cannot be, `UnsupportedAccessModel` for such; for unknown fields too, except that in
    /// publish-options they are preconditions that are not met (§7.1.5).
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
            match change(field, site)? {
                Read::Change(change) => options.changes.push(change),
                Read::Groups(groups) => options.groups = Some(groups),
                Read::Nothing => {}
                Read::Unknown if is_precondition => return Err(PubsubError::PreconditionNotMet),
                Read::Unknown => {
                    return Err(PubsubError::InvalidOptions(Cow::Owned(format!(
                        "unknown field {}",
                        field.var
                    ))));
                }
            }
        }
        Ok(options)
    }

    /// Makes the changes.
    pub fn apply(&self, config: &mut NodeConfig) {
        for change in &self.changes {
            match change.clone() {
                Change::Title(text) => config.title = text,
                Change::Description(text) => config.description = text,
                Change::Language(text) => config.language = text,
                Change::Type(text) => config.type_ = text,
                // The groups stay when only the access model is named again.
                Change::Access(AccessModel::Roster(_)) if matches!(config.access, AccessModel::Roster(_)) => {
                }
                Change::Access(access) => config.access = access,
                Change::PublishModel(model) => config.publish_model = model,
                Change::MaxItems(count) => config.max_items = count,
                Change::SendLast(when) => config.send_last = when,
                Change::NotificationType(kind) => config.notification_type = kind,
                Change::ItemReply(who) => config.itemreply = who,
                Change::ItemExpire(seconds) => config.item_expire = seconds,
                Change::MaxPayloadSize(bytes) => config.max_payload_size = bytes,
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
    let word = |ok: Option<Change>| ok.map(Read::Change).ok_or_else(|| invalid("unknown value"));
    if let Some((_, _, flag)) = FLAGS.iter().find(|(var, ..)| *var == field.var) {
        let is_set = parse_bool(value).ok_or_else(|| invalid("not a boolean"))?;
        return Ok(Read::Change(Change::Flag(*flag, is_set)));
    }
    match field.var.as_str() {
        "pubsub#title" => Ok(Read::Change(Change::Title(text()?))),
        "pubsub#description" => Ok(Read::Change(Change::Description(text()?))),
        "pubsub#language" => Ok(Read::Change(Change::Language(text()?))),
        "pubsub#type" => Ok(Read::Change(Change::Type(text()?))),
        "pubsub#access_model" => access(value, site).map(|access| Read::Change(Change::Access(access))),
        "pubsub#roster_groups_allowed" => {
            if field.values.len() > MAX_GROUPS || field.values.iter().any(|group| group.len() > MAX_TEXT) {
                return Err(invalid("too many roster groups"));
            }
            Ok(Read::Groups(
                field
                    .values
                    .iter()
                    .map(|group| Arc::from(group.as_str()))
                    .collect(),
            ))
        }
        "pubsub#publish_model" => word(PublishModel::from_word(value).map(Change::PublishModel)),
        "pubsub#max_items" => word(max_items(value).map(Change::MaxItems)),
        "pubsub#send_last_published_item" => word(SendLast::from_word(value).map(Change::SendLast)),
        "pubsub#notification_type" => word(NotificationType::from_word(value).map(Change::NotificationType)),
        "pubsub#itemreply" if value.is_empty() => Ok(Read::Change(Change::ItemReply(None))),
        "pubsub#itemreply" => word(ItemReply::from_word(value).map(|who| Change::ItemReply(Some(who)))),
        "pubsub#item_expire" => word(number(value).map(Change::ItemExpire)),
        "pubsub#max_payload_size" => word(number(value).map(Change::MaxPayloadSize)),
        "pubsub#contact" => Ok(Read::Nothing),
        other => match FIXED.iter().find(|(var, _)| *var == other) {
            Some((_, accepted)) if value.is_empty() || accepted.is_empty() || accepted.contains(&value) => {
                Ok(Read::Nothing)
            }
            Some(_) => Err(invalid("value not supported")),
            None => Ok(Read::Unknown),
        },
    }
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
    let reply = config.itemreply.map_or("", ItemReply::as_str);
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
        Field::list(
            "pubsub#itemreply",
            reply,
            &[("owner", "The owners"), ("publisher", "The publisher")],
        )
        .label("Whom a reply should reach"),
    )
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
    if let Some(count) = data.subscribers {
        form = form.with(Field::text("pubsub#num_subscribers", count.to_string()));
    }
    form
}
