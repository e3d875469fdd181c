//! What presence says of avatars: XEP-0398 §4, <https://xmpp.org/extensions/xep-0398.html>, and XEP-0153 §3.
//!
//! An avatar has one home, the nodes of XEP-0084. The vCard shows it from there (`xep/vcard.rs`) and presence carries its
//! hash; so nothing is ever copied back and forth.

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::sync::Arc;

use bus::{AccessModel, Event, NodeKind, NodeView};
use format::avatar::{DATA, Image, METADATA, Metadata};
use lru::LruCache;
use parking_lot::Mutex;
use pubsub::{Actor, ItemsQuery, PubsubError};
use store::JidNo;
use wire::{BareJid, Document, Element, Writer, ns};

use crate::presence;
use crate::server::Server;
use crate::splice::splice;

/// Of how many accounts it is remembered.
const KEPT: NonZeroUsize = NonZeroUsize::new(16_384).expect("not zero");

/// An account's avatar, as far as presence tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Avatar {
    /// Nothing was ever said of it.
    Unknown,
    /// Not told: it is elsewhere, or for a few people only.
    Untold,
    /// Something is told of an image that is not there, or not yet.
    Pending,
    /// There is none, expressly.
    Disabled,
    /// This one.
    Shown { hash: Arc<str>, is_open: bool },
}

/// To whom presence goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Who sees the account's presence anyway.
    Contacts,
    /// Anybody else.
    Strangers,
}

/// What presence is to say.
enum Photo<'a> {
    Nothing,
    /// Only where the client leaves it open.
    NoneIfAsked,
    None,
    Hash(&'a str),
}

impl Avatar {
    fn photo(&self, audience: Audience) -> Photo<'_> {
        match self {
            Avatar::Unknown => Photo::NoneIfAsked,
            Avatar::Untold | Avatar::Pending => Photo::Nothing,
            Avatar::Disabled => Photo::None,
            Avatar::Shown { hash, is_open } if *is_open || audience == Audience::Contacts => {
                Photo::Hash(hash)
            }
            // What somebody cannot fetch is of no use to them.
            Avatar::Shown { .. } => Photo::Nothing,
        }
    }

    /// §4: the presence with what it has to say of the avatar; nothing when that is what it says already, or when its
    /// client has it say that there is none.
    pub(crate) fn told(&self, presence: Element<'_>, audience: Audience) -> Option<Vec<u8>> {
        let update = presence.child("x", ns::VCARD_UPDATE);
        let own = update.map(|x| x.child("photo", ns::VCARD_UPDATE));
        let own = own.map(|photo| photo.map(|photo| photo.text()));
        let own = own.as_ref().map(Option::as_deref);
        let hash = match (self.photo(audience), own) {
            (_, Some(Some(""))) | (Photo::Nothing, _) => return None,
            (Photo::NoneIfAsked, Some(None)) => "",
            (Photo::NoneIfAsked, _) => return None,
            // The client may be about to change it.
            (Photo::None, Some(Some(_))) => return None,
            (Photo::None, _) => "",
            (Photo::Hash(hash), Some(Some(own))) if own.trim().eq_ignore_ascii_case(hash) => return None,
            (Photo::Hash(hash), _) => hash,
        };
        let mut writer = Writer::new();
        writer.open("x").ns(ns::VCARD_UPDATE).leaf("photo", hash).close();
        let is_update = |child: Element<'_>| child.is("x", ns::VCARD_UPDATE);
        let without = |child: Element<'_>| is_update(child).then_some(Cow::Borrowed(&[][..]));
        Some(splice(presence, without, &writer.finish()))
    }
}

/// The avatars of accounts, as far as they were asked for of late.
pub struct Avatars(Mutex<Known>);

struct Known {
    changes: u64,
    /// When it changed last, and what it is since then, once that is known.
    avatars: LruCache<JidNo, (u64, Option<Avatar>)>,
}

impl Default for Avatars {
    fn default() -> Self {
        Avatars(Mutex::new(Known {
            changes: 0,
            avatars: LruCache::new(KEPT),
        }))
    }
}

impl Avatars {
    /// An account's avatar, and which of its changes that was.
    pub(crate) async fn of(&self, server: &Server, no: JidNo, jid: &BareJid) -> (u64, Avatar) {
        let change = match self.0.lock().avatars.get(&no) {
            Some((change, Some(avatar))) => return (*change, avatar.clone()),
            Some((change, None)) => *change,
            None => 0,
        };
        let avatar = match found(server, no, jid).await {
            Ok(avatar) => avatar,
            Err(error) => {
                tracing::warn!(%error, "an avatar could not be looked up");
                return (change, Avatar::Untold);
            }
        };
        let mut known = self.0.lock();
        if known.avatars.get(&no).map_or(0, |(now, _)| *now) == change {
            known.avatars.put(no, (change, Some(avatar.clone())));
        }
        (change, avatar)
    }

    /// Whether nothing happened to an account's avatar since that change.
    pub(crate) fn is_unchanged(&self, no: JidNo, change: u64) -> bool {
        let known = self.0.lock();
        known.avatars.peek(&no).is_none_or(|(now, _)| *now == change)
    }

    /// Takes notice of what happens to nodes. Called inside the owner's step: what follows is done beside it.
    pub(crate) fn take_notice(&self, server: &Arc<Server>, event: &Event) {
        let view = event.view();
        if view.kind != NodeKind::Pep || !is_avatar(view) || !changes_items(event) {
            return;
        }
        {
            let mut known = self.0.lock();
            known.changes += 1;
            let change = known.changes;
            known.avatars.put(view.owner, (change, None));
        }
        if server.registry.is_online(view.owner) {
            let (server, no, jid) = (server.clone(), view.owner, view.owner_jid.clone());
            let tasks = server.tasks.clone();
            tasks.spawn(async move { tell(&server, no, &jid).await });
        }
    }
}

fn is_avatar(view: &NodeView) -> bool {
    &*view.name == METADATA || &*view.name == DATA
}

fn changes_items(event: &Event) -> bool {
    matches!(
        event,
        Event::Published { .. }
            | Event::Retracted { .. }
            | Event::Purged { .. }
            | Event::NodeConfigured { .. }
            | Event::NodeDeleted { .. }
    )
}

/// Sends the presence of an account's sessions again where it says something else of the avatar now.
pub(crate) async fn tell(server: &Arc<Server>, no: JidNo, jid: &BareJid) {
    let (change, avatar) = server.avatars.of(server, no, jid).await;
    // An image is stored in one step and told of in the next: in between, nothing is new.
    if avatar == Avatar::Pending {
        return;
    }
    presence::tell_avatar(server, no, change, &avatar).await;
}

/// From the nodes.
async fn found(server: &Server, no: JidNo, jid: &BareJid) -> Result<Avatar, PubsubError> {
    let Some(metadata) = server.host.view(jid, METADATA).await? else {
        return Ok(Avatar::Unknown);
    };
    let owner = Actor {
        jid: jid.clone().into(),
        no,
    };
    let info = match told_of(server, jid, &owner).await? {
        Some(told) if !told.infos.is_empty() => told.in_node().cloned(),
        _ => return Ok(Avatar::Disabled),
    };
    let (Some(info), Some(data)) = (info, server.host.view(jid, DATA).await?) else {
        return Ok(Avatar::Untold);
    };
    let is_for_contacts =
        |view: &NodeView| matches!(view.config.access, AccessModel::Open | AccessModel::Presence);
    if !is_for_contacts(&metadata) || !is_for_contacts(&data) {
        return Ok(Avatar::Untold);
    }
    Ok(match image(server, jid, &owner, &info.id).await? {
        Some(image) => Avatar::Shown {
            hash: image.id.into(),
            is_open: metadata.config.access == AccessModel::Open && data.config.access == AccessModel::Open,
        },
        None => Avatar::Pending,
    })
}

/// What an account tells of its avatar to somebody; nothing when it tells them nothing.
async fn told_of(server: &Server, jid: &BareJid, asker: &Actor) -> Result<Option<Metadata>, PubsubError> {
    let page = server
        .host
        .items(jid, asker, METADATA, ItemsQuery::Newest(1))
        .await?;
    Ok(page.items.last().and_then(|item| {
        let document = Document::parse(item.payload.clone()?).ok()?;
        Metadata::parse(document.root()).ok()
    }))
}

/// An image of an account, if it is what its name says.
async fn image(
    server: &Server,
    jid: &BareJid,
    asker: &Actor,
    id: &str,
) -> Result<Option<Image>, PubsubError> {
    let query = ItemsQuery::Ids(vec![id.to_owned()]);
    let page = match server.host.items(jid, asker, DATA, query).await {
        Ok(page) => page,
        Err(PubsubError::NodeNotFound | PubsubError::ItemNotFound) => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(page.items.last().and_then(|item| {
        let document = Document::parse(item.payload.clone()?).ok()?;
        let image = Image::from_data(document.root()).ok()?;
        image.id.eq_ignore_ascii_case(id).then_some(image)
    }))
}

/// The avatar that an account shows to somebody, if it is here and they may read both nodes.
pub(crate) async fn shown_to(
    server: &Server,
    jid: &BareJid,
    asker: &Actor,
) -> Result<Option<Image>, PubsubError> {
    let told = match told_of(server, jid, asker).await {
        Ok(told) => told,
        Err(error) if error.is_passing() => return Err(error),
        Err(_) => None,
    };
    let Some(info) = told.as_ref().and_then(Metadata::in_node) else {
        return Ok(None);
    };
    match image(server, jid, asker, &info.id).await {
        Err(error) if error.is_passing() => Err(error),
        other => Ok(other.ok().flatten()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const HASH: &str = "01b87fcd030b72895ff8e88db57ec525450f000d";

    fn told(avatar: &Avatar, inner: &str, audience: Audience) -> Option<String> {
        let document = Document::parse(format!("<presence>{inner}</presence>").into_bytes()).unwrap();
        let told = avatar.told(document.root(), audience)?;
        let told = String::from_utf8(told).unwrap();
        let told = told
            .strip_prefix("<presence>")
            .unwrap()
            .strip_suffix("</presence>")
            .unwrap();
        Some(told.to_owned())
    }

    fn x(photo: &str) -> String {
        format!("<x xmlns='vcard-temp:x:update'>{photo}</x>")
    }

    #[test]
    fn the_hash_is_said_unless_the_client_says_that_there_is_none() {
        let shown = Avatar::Shown {
            hash: HASH.into(),
            is_open: false,
        };
        let says = |inner: &str| told(&shown, inner, Audience::Contacts);
        let right = x(&format!("<photo>{HASH}</photo>"));
        assert_eq!(says(""), Some(right.clone()));
        assert_eq!(
            says("<show>away</show>"),
            Some(format!("<show>away</show>{right}"))
        );
        // §4: empty ones must be overwritten, others may be.
        assert_eq!(says(&x("")), Some(right.clone()));
        assert_eq!(says(&x("<photo>0000</photo>")), Some(right.clone()));
        assert_eq!(says(&right), None);
        assert_eq!(says(&x(&format!("<photo>{}</photo>", HASH.to_uppercase()))), None);
        assert_eq!(says(&x("<photo/>")), None);
        assert_eq!(told(&shown, "", Audience::Strangers), None);
    }

    #[test]
    fn without_an_avatar_nothing_is_made_up() {
        let none = x("<photo/>");
        let says = |avatar: &Avatar, inner: &str| told(avatar, inner, Audience::Contacts);
        assert_eq!(says(&Avatar::Unknown, ""), None);
        assert_eq!(says(&Avatar::Unknown, &x("")), Some(none.clone()));
        assert_eq!(says(&Avatar::Unknown, &x("<photo>0000</photo>")), None);
        assert_eq!(says(&Avatar::Disabled, ""), Some(none.clone()));
        assert_eq!(says(&Avatar::Disabled, &x("")), Some(none));
        assert_eq!(says(&Avatar::Disabled, &x("<photo>0000</photo>")), None);
        for untold in [Avatar::Untold, Avatar::Pending] {
            assert_eq!(says(&untold, ""), None);
            assert_eq!(says(&untold, &x("")), None);
        }
    }
}
