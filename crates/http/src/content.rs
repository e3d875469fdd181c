//! Reads what is public: as nobody in particular, so that every rule of access holds.

use std::collections::HashMap;

use bus::{MICROBLOG, NodeView};
use format::atom::{Entry, Feed};
use pubsub::access::{Reader, Relation, may_read};
use store::accounts::AccountState;
use store::items::Item;
use store::{JidNo, NodeNo, PostId};
use wire::{BareJid, Document};

use crate::site::Site;

/// Posts on a page.
const PAGE: u32 = 20;
/// XEP-0172: where somebody's name is.
const NICK: &str = "http://jabber.org/protocol/nick";
/// XEP-0292: where what they say of themselves is.
const VCARD: &str = "urn:xmpp:vcard4";
/// The namespace of vCards (RFC 6351).
const VCARD_NS: &str = "urn:ietf:params:xml:ns:vcard-4.0";
/// What a profile says at most on its page.
const NOTE_CHARS: usize = 2_000;

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContentError {
    /// It is not there, or not public.
    #[error("not found")]
    NotFound,
    /// The database could not be read.
    #[error(transparent)]
    Read(#[from] store::ReadError),
    /// The nodes could not be read.
    #[error(transparent)]
    Pubsub(#[from] pubsub::PubsubError),
}

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The newest.
    Newest,
    /// Those older than this.
    Before(PostId),
    /// Those newer than this.
    After(PostId),
}

/// Whose or which posts.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A person's.
    Person(BareJid),
    /// Everybody's.
    Public,
    /// Those with this tag, folded.
    Tag(String),
}

/// A public post.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) item: Item,
    pub(crate) entry: Entry,
    /// Whose blog it is in.
    pub(crate) owner: BareJid,
}

/// One page, the newest first.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) posts: Vec<Found>,
    /// Where the next older page begins.
    pub(crate) older: Option<PostId>,
    /// Where the next newer page begins.
    pub(crate) newer: Option<PostId>,
}

/// What somebody says of themselves to everybody.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    pub(crate) name: Option<String>,
    pub(crate) note: Option<String>,
}

/// Reads a page of posts.
pub(crate) async fn page(site: &Site, source: &Source, part: Part) -> Result<Page, ContentError> {
    let node = match source {
        Source::Person(jid) => Some(blog(site, jid).await?.no),
        Source::Public | Source::Tag(_) => None,
    };
    let source = source.clone();
    let limit = PAGE + 1;
    let rows = site.content.store.read(move |reader| match (source, part) {
        (Source::Public, Part::Newest) => reader.newest_public(limit, None),
        (Source::Public, Part::Before(id)) => reader.newest_public(limit, Some(id)),
        (Source::Public, Part::After(id)) => reader.oldest_public(limit, Some(id)),
        (Source::Tag(tag), Part::Newest) => reader.newest_tagged(&tag, limit, None),
        (Source::Tag(tag), Part::Before(id)) => reader.newest_tagged(&tag, limit, Some(id)),
        (Source::Tag(tag), Part::After(id)) => reader.oldest_tagged(&tag, limit, Some(id)),
        (Source::Person(_), part) => match (node, part) {
            (None, _) => Ok(Vec::new()),
            (Some(node), Part::Newest) => reader.newest_items(node, limit, None),
            (Some(node), Part::Before(id)) => reader.newest_items(node, limit, Some(id)),
            (Some(node), Part::After(id)) => reader.oldest_items(node, limit, Some(id)),
        },
    });
    let mut rows = rows.await?;
    // A page also ends where it holds enough.
    let bytes: usize = rows.iter().map(|row| row.payload.len()).sum();
    let is_more = rows.len() > PAGE as usize || bytes >= store::PAGE_BYTES;
    rows.truncate(PAGE as usize);
    let is_forward = matches!(part, Part::After(_));
    if is_forward {
        rows.reverse();
    }
    let (first, last) = (
        rows.first().map(|row| row.post_id),
        rows.last().map(|row| row.post_id),
    );
    // A link back is shown where somebody came from; whether it leads anywhere, that page says.
    let newer = first.filter(|_| if is_forward { is_more } else { part != Part::Newest });
    let older = last.filter(|_| is_forward || is_more);
    Ok(Page {
        posts: readable(site, rows).await?,
        older,
        newer,
    })
}

/// One post of a person.
pub(crate) async fn post(site: &Site, jid: &BareJid, post_id: PostId) -> Result<Found, ContentError> {
    let node = blog(site, jid).await?.no;
    let row = site
        .content
        .store
        .read(move |reader| reader.post(post_id))
        .await?;
    let row = row.filter(|row| row.node == node).ok_or(ContentError::NotFound)?;
    readable(site, vec![row])
        .await?
        .pop()
        .ok_or(ContentError::NotFound)
}

/// The number of the post that an item is, if it is a public post of somebody here.
pub(crate) async fn post_id_of(site: &Site, jid: &BareJid, item_id: &str) -> Option<PostId> {
    let node = blog(site, jid).await.ok()?.no;
    let item_id = item_id.to_owned();
    let row = site
        .content
        .store
        .read(move |reader| reader.item(node, &item_id))
        .await
        .ok()?;
    row.map(|row| row.post_id)
}

/// What somebody says of themselves, as far as everybody may read it.
pub(crate) async fn profile(site: &Site, jid: &BareJid) -> Result<Profile, ContentError> {
    let nick = newest_payload(site, jid, NICK).await?;
    let name = nick.and_then(|payload| {
        let document = Document::parse(payload).ok()?;
        let root = document.root();
        root.is("nick", NICK)
            .then(|| root.text().trim().to_owned())
            .filter(|name| !name.is_empty())
    });
    let vcard = newest_payload(site, jid, VCARD).await?;
    let note = vcard.and_then(|payload| {
        let document = Document::parse(payload).ok()?;
        let note = document
            .root()
            .child("note", VCARD_NS)?
            .child("text", VCARD_NS)?
            .text()
            .trim()
            .to_owned();
        (!note.is_empty()).then(|| note.chars().take(NOTE_CHARS).collect())
    });
    Ok(Profile { name, note })
}

/// The newest item of a node that everybody may read.
async fn newest_payload(
    site: &Site,
    jid: &BareJid,
    node: &str,
) -> Result<Option<std::sync::Arc<[u8]>>, ContentError> {
    let Some(view) = site.content.host.view(jid, node).await? else {
        return Ok(None);
    };
    if !is_public(&view) {
        return Ok(None);
    }
    let no = view.no;
    let rows = site
        .content
        .store
        .read(move |reader| reader.newest_items(no, 1, None))
        .await?;
    Ok(rows.into_iter().next().map(|row| row.payload))
}

/// The node of a person's posts, if there is such a person and everybody may read it.
async fn blog(site: &Site, jid: &BareJid) -> Result<std::sync::Arc<NodeView>, ContentError> {
    let (domain, name) = (jid.domain().to_owned(), jid.node().unwrap_or_default().to_owned());
    let account = site
        .content
        .store
        .read(move |reader| reader.account_named(&domain, &name))
        .await?;
    if account.is_none_or(|account| account.state != AccountState::Active) {
        return Err(ContentError::NotFound);
    }
    let view = site
        .content
        .host
        .view(jid, MICROBLOG)
        .await?
        .ok_or(ContentError::NotFound)?;
    if is_public(&view) {
        Ok(view)
    } else {
        Err(ContentError::NotFound)
    }
}

/// Whether somebody without an address may read a node's items.
fn is_public(view: &NodeView) -> bool {
    // Numbers are given from 1 on: nobody is 0.
    let nobody = Reader {
        no: JidNo(0),
        relation: Relation::default(),
    };
    may_read(&nobody, view).is_ok()
}

/// Those of the rows that everybody may read and that are posts, in their order.
async fn readable(site: &Site, rows: Vec<Item>) -> Result<Vec<Found>, ContentError> {
    let mut owners: HashMap<NodeNo, Option<BareJid>> = HashMap::new();
    let mut found = Vec::with_capacity(rows.len());
    for item in rows {
        if item.item_id == Feed::ITEM_ID {
            continue;
        }
        let owner = match owners.get(&item.node) {
            Some(owner) => owner.clone(),
            None => {
                let owner = owner_of_public(site, item.node).await?;
                owners.insert(item.node, owner.clone());
                owner
            }
        };
        let Some(owner) = owner else { continue };
        let entry = Document::parse(item.payload.clone())
            .ok()
            .and_then(|document| Entry::parse(document.root()).ok());
        if let Some(entry) = entry {
            found.push(Found { item, entry, owner });
        }
    }
    Ok(found)
}

/// Whose node this is, if everybody may read it.
async fn owner_of_public(site: &Site, no: NodeNo) -> Result<Option<BareJid>, ContentError> {
    let store = &site.content.store;
    let found = store.read(move |reader| {
        let node = reader.node_numbered(no)?;
        // Who is closed out, or being deleted, has no page, and stands on no other either.
        let account = match &node {
            Some(node) => reader.account(node.owner)?,
            None => None,
        };
        Ok(node.filter(|_| account.is_some_and(|account| account.state == AccountState::Active)))
    });
    let Some(node) = found.await? else {
        return Ok(None);
    };
    let Some(name) = store.jids().name(node.owner).await? else {
        return Ok(None);
    };
    let Ok(owner) = BareJid::parse(&name) else {
        return Ok(None);
    };
    let view = site.content.host.view(&owner, &node.name).await?;
    Ok(view
        .filter(|view| view.no == no && is_public(view))
        .map(|_| owner))
}
