//! Reads what is public: as nobody in particular, so that every rule of access holds.

use std::collections::HashMap;
use std::sync::Arc;

use bus::{MICROBLOG, NodeView, Virtual};
use format::atom::Entry;
use format::rsm;
use pubsub::access::{Reader, Relation, may_read};
use pubsub::{Actor, ItemsQuery, PubsubError};
use social::{About, TimelineItem};
use store::accounts::AccountState;
use store::{JidNo, PostId, Timestamp};
use wire::{BareJid, Document, Jid};

use crate::person::{feed_path, path_of};
use crate::site::Site;

/// Posts on a page.
const PAGE: u32 = 20;
/// Numbers are given from 1 on.
const NOBODY: JidNo = JidNo(0);
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
    /// A person's posts and boosts.
    Person(BareJid),
    /// The same and their replies to others.
    WithReplies(BareJid),
    /// One feed of a person's besides their main blog: its address and node.
    Feed(BareJid, String),
    /// What is posted in the community of this name, on the site's own service.
    Community(String),
    /// Everybody's.
    Public,
    /// Those with this tag, folded.
    Tag(String),
}

/// A public post.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Its number in the list that it was found in.
    pub(crate) post_id: PostId,
    /// The number of the post that it shows: another one's for a boost.
    pub(crate) page_id: PostId,
    pub(crate) entry: Entry,
    /// Who wrote it.
    pub(crate) author: BareJid,
    /// Who repeats it.
    pub(crate) boosted_by: Option<BareJid>,
    /// When it was published, as this server saw it.
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    /// Its XMPP URI.
    pub(crate) uri: String,
    /// Its place in a thread, and what is counted of it.
    pub(crate) about: About,
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
    let limit = PAGE + 1;
    let page = match part {
        Part::Newest => rsm::Page::Last,
        Part::Before(id) => rsm::Page::Before(id.0.to_string()),
        Part::After(id) => rsm::Page::After(id.0.to_string()),
    };
    let request = rsm::Request {
        max: Some(limit),
        page,
    };
    let mut items = match source {
        Source::Public => {
            items(
                site,
                &service(site, site.domain())?,
                Virtual::PublicStream,
                &request,
            )
            .await?
        }
        Source::Tag(tag) => {
            let which = Virtual::Tag(tag.as_str().into());
            items(site, &service(site, site.domain())?, which, &request).await?
        }
        Source::Person(jid) => {
            blog(site, jid).await?;
            items(site, jid, Virtual::Posts, &request).await?
        }
        Source::Feed(jid, node) => {
            let view = further_feed(site, jid, node).await?;
            feed_items(site, &view, &request).await?
        }
        Source::Community(node) => {
            let which = Virtual::Community(node.as_str().into());
            items(site, &service(site, site.domain())?, which, &request).await?
        }
        Source::WithReplies(jid) => {
            blog(site, jid).await?;
            let mut both = items(site, jid, Virtual::Posts, &request).await?;
            both.extend(items(site, jid, Virtual::Replies, &request).await?);
            both.sort_unstable_by_key(|item| item.post_id);
            both
        }
    };
    // A page also ends where it holds enough.
    let bytes: usize = items.iter().map(|item| item.payload.len()).sum();
    let is_more = items.len() > PAGE as usize || bytes >= store::PAGE_BYTES;
    let is_forward = matches!(part, Part::After(_));
    let surplus = items.len().saturating_sub(PAGE as usize);
    if is_forward {
        items.truncate(PAGE as usize);
    } else {
        items.drain(..surplus);
    }
    items.reverse();
    let (first, last) = (
        items.first().map(|item| item.post_id),
        items.last().map(|item| item.post_id),
    );
    // A link back is shown where somebody came from; whether it leads anywhere, that page says.
    let newer = first.filter(|_| if is_forward { is_more } else { part != Part::Newest });
    let older = last.filter(|_| is_forward || is_more);
    Ok(Page {
        posts: People::default().found(site, &items).await?,
        older,
        newer,
    })
}

/// Items of a virtual node, as nobody in particular.
pub(crate) async fn items(
    site: &Site,
    at: &BareJid,
    which: Virtual,
    request: &rsm::Request,
) -> Result<Vec<Arc<TimelineItem>>, ContentError> {
    let query = ItemsQuery::Rsm(request.clone());
    let page = site
        .content
        .timelines
        .items(at, &nobody(site)?, &which, query)
        .await;
    match page {
        Ok(page) => Ok(page.items),
        // What is for the accounts of the server alone is not on the web.
        Err(PubsubError::NodeNotFound | PubsubError::ItemNotFound | PubsubError::ClosedNode) => {
            Err(ContentError::NotFound)
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether there is nothing, or nothing that everybody may read.
pub(crate) fn is_hidden(error: &PubsubError) -> bool {
    matches!(
        error,
        PubsubError::NodeNotFound
            | PubsubError::ItemNotFound
            | PubsubError::ItemsNeedSubscription
            | PubsubError::ClosedNode
            | PubsubError::Forbidden
            | PubsubError::InvalidName(_)
            | PubsubError::NodeIdRequired
    )
}

/// The pubsub service of a domain.
pub(crate) fn service(site: &Site, domain: &str) -> Result<BareJid, ContentError> {
    BareJid::parse(&format!("{}{domain}", site.settings.pubsub_prefix)).map_err(|_| ContentError::NotFound)
}

/// Who reads the pages: somebody whom no account knows.
pub(crate) fn nobody(site: &Site) -> Result<Actor, ContentError> {
    let jid = Jid::parse(site.domain()).map_err(|_| ContentError::NotFound)?;
    Ok(Actor { jid, no: NOBODY })
}

/// Whose account stands, asked once for each page.
#[derive(Default)]
pub(crate) struct People(HashMap<BareJid, bool>);

impl People {
    /// Those of the items that are posts of people who may be shown, in their order.
    pub(crate) async fn found(
        &mut self,
        site: &Site,
        items: &[Arc<TimelineItem>],
    ) -> Result<Vec<Found>, ContentError> {
        let mut found = Vec::with_capacity(items.len());
        for item in items {
            let entry = Document::parse(Arc::clone(&item.payload))
                .ok()
                .and_then(|document| Entry::parse(document.root()).ok());
            let Some(entry) = entry else { continue };
            let publisher = item.publisher.clone();
            let (author, boosted_by) = match item.about.boost_of {
                Some(_) => match entry.authors.iter().find_map(format::atom::Person::jid) {
                    Some(author) => (author, Some(publisher)),
                    None => continue,
                },
                None => (publisher, None),
            };
            // Who is closed out, or being deleted, has no page, and stands on no other either.
            let mut is_shown = self.is_open(site, &author).await?;
            if let Some(by) = &boosted_by {
                is_shown &= self.is_open(site, by).await?;
            }
            if is_shown {
                found.push(Found {
                    post_id: item.post_id,
                    page_id: item.about.boost_of.unwrap_or(item.post_id),
                    entry,
                    author,
                    boosted_by,
                    created: item.item.created,
                    modified: item.item.modified,
                    uri: item.origin.clone(),
                    about: item.about.clone(),
                });
            }
        }
        Ok(found)
    }

    async fn is_open(&mut self, site: &Site, jid: &BareJid) -> Result<bool, ContentError> {
        if let Some(known) = self.0.get(jid) {
            return Ok(*known);
        }
        let is_open = is_open(site, jid).await?;
        self.0.insert(jid.clone(), is_open);
        Ok(is_open)
    }
}

/// Whether an address is an account of ours that may do everything.
async fn is_open(site: &Site, jid: &BareJid) -> Result<bool, ContentError> {
    let (domain, name) = (jid.domain().to_owned(), jid.node().unwrap_or_default().to_owned());
    let read = site
        .content
        .store
        .read(move |reader| reader.account_named(&domain, &name));
    Ok(read
        .await?
        .is_some_and(|account| account.state == AccountState::Active))
}

/// What somebody says of themselves, as far as everybody may read it.
pub(crate) async fn profile(site: &Site, jid: &BareJid) -> Result<Profile, ContentError> {
    let name = newest_payload(site, jid, NICK).await?.and_then(nick_in);
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

/// What somebody calls themselves, whoever may read it.
pub(crate) async fn nick(site: &Site, jid: &BareJid) -> Result<Option<String>, ContentError> {
    let view = site.content.host.view(jid, NICK).await?;
    match view {
        Some(view) => Ok(newest_of(site, &view).await?.and_then(nick_in)),
        None => Ok(None),
    }
}

/// The name in an item of XEP-0172.
fn nick_in(payload: std::sync::Arc<[u8]>) -> Option<String> {
    let document = Document::parse(payload).ok()?;
    let root = document.root();
    root.is("nick", NICK)
        .then(|| root.text().trim().to_owned())
        .filter(|name| !name.is_empty())
}

/// The newest item of a node that everybody may read.
async fn newest_payload(site: &Site, jid: &BareJid, node: &str) -> Result<Option<Arc<[u8]>>, ContentError> {
    let Some(view) = site.content.host.view(jid, node).await? else {
        return Ok(None);
    };
    if !is_public(&view) {
        return Ok(None);
    }
    newest_of(site, &view).await
}

/// The newest item of a node.
async fn newest_of(site: &Site, view: &NodeView) -> Result<Option<std::sync::Arc<[u8]>>, ContentError> {
    let no = view.no;
    let rows = site
        .content
        .store
        .read(move |reader| reader.newest_items(no, 1, None))
        .await?;
    Ok(rows.into_iter().next().map(|row| row.payload))
}

/// The node of a person's posts, if there is such a person and everybody may read it.
pub(crate) async fn blog(site: &Site, jid: &BareJid) -> Result<Arc<NodeView>, ContentError> {
    if !is_open(site, jid).await? {
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

/// A feed of a person's besides their main blog, if there is one that everybody may read.
pub(crate) async fn further_feed(
    site: &Site,
    jid: &BareJid,
    node: &str,
) -> Result<Arc<NodeView>, ContentError> {
    if node == MICROBLOG || !is_open(site, jid).await? {
        return Err(ContentError::NotFound);
    }
    let view = site.content.host.view(jid, node).await;
    let view = match view {
        Ok(view) => view,
        // A name that no node can have.
        Err(PubsubError::InvalidName(_) | PubsubError::NodeIdRequired) => None,
        Err(error) => return Err(error.into()),
    };
    view.filter(|view| view.is_microblog() && is_public(view))
        .ok_or(ContentError::NotFound)
}

/// The feeds of a person's besides their main blog that everybody may read.
pub(crate) async fn further_feeds(site: &Site, jid: &BareJid) -> Result<Vec<Arc<NodeView>>, ContentError> {
    if !is_open(site, jid).await? {
        return Ok(Vec::new());
    }
    let feeds = site.content.host.further_feeds(jid, &nobody(site)?).await?;
    Ok(feeds.into_iter().filter(|view| is_public(view)).collect())
}

/// The page of somebody's main blog, where that is another one than everybody looks at, and both sides say so to everybody.
pub(crate) async fn main_blog(site: &Site, jid: &BareJid) -> Result<Option<String>, ContentError> {
    if !is_open(site, jid).await? {
        return Ok(None);
    }
    let Some(at) = site.content.host.main_blog(jid, &nobody(site)?).await? else {
        return Ok(None);
    };
    if !is_open(site, &at.jid).await? {
        return Ok(None);
    }
    let path = if at.node == MICROBLOG {
        path_of(site, &at.jid)
    } else {
        Some(feed_path(site, &at.jid, &at.node))
    };
    Ok(path)
}

/// Items of a feed, as nobody in particular.
async fn feed_items(
    site: &Site,
    view: &NodeView,
    request: &rsm::Request,
) -> Result<Vec<Arc<TimelineItem>>, ContentError> {
    let query = ItemsQuery::Rsm(request.clone());
    let page = site
        .content
        .timelines
        .feed_items(view, &nobody(site)?, query)
        .await;
    match page {
        Ok(page) => Ok(page.items),
        // What is not for everybody is not there.
        Err(error) if is_hidden(&error) => Err(ContentError::NotFound),
        Err(error) => Err(error.into()),
    }
}

/// Whether somebody without an address may read a node's items.
fn is_public(view: &NodeView) -> bool {
    let nobody = Reader {
        no: NOBODY,
        relation: Relation::default(),
    };
    may_read(&nobody, view).is_ok()
}
