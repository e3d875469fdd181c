//! `/@NAME/NUMBER`: a post with the whole thread that it belongs to, page by page.

use std::sync::Arc;

use bus::Virtual;
use format::rsm;
use social::TimelineItem;
use store::PostId;
use wire::BareJid;

use crate::content::{self, ContentError, Found, Part, People};
use crate::site::Site;

/// Replies on a page.
const PAGE: u32 = 40;
/// Of these, what stands before the reply whose page it is.
const BEFORE: u32 = 10;

/// A part of a thread.
#[derive(Debug)]
pub(crate) struct Thread {
    /// Its first post.
    pub(crate) root: Found,
    /// Replies, the oldest first.
    pub(crate) replies: Vec<Found>,
    /// Where the replies before these end.
    pub(crate) earlier: Option<PostId>,
    /// Where the replies after these begin.
    pub(crate) later: Option<PostId>,
}

/// What is at the address of a post.
pub(crate) enum There {
    /// A post in a thread.
    Thread(Box<Thread>),
    /// A post whose thread is not for everybody, or that stands alone.
    Alone(Box<Found>),
    /// Somebody repeats another post, which has a page of its own: its author and number.
    Boost(BareJid, PostId),
}

/// What a person said under this number, with what was said around it.
pub(crate) async fn read(
    site: &Site,
    jid: &BareJid,
    number: PostId,
    part: Part,
) -> Result<There, ContentError> {
    let service = content::service(site, jid.domain())?;
    let which = Virtual::Thread(number);
    let actor = content::nobody(site)?;
    let ids = pubsub::ItemsQuery::Ids(vec![number.0.to_string()]);
    let timelines = &site.content.timelines;
    let mut people = People::default();
    let itself = match timelines.items(&service, &actor, &which, ids.clone()).await {
        Ok(page) => page.items,
        Err(pubsub::PubsubError::NodeNotFound) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let Some(itself) = people.found(site, &itself).await?.pop() else {
        // Not in a thread, and yet perhaps on the person's page.
        content::blog(site, jid).await?;
        let listed = timelines.items(jid, &actor, &Virtual::Posts, ids.clone()).await?;
        let reply = match listed.items.is_empty() {
            true => timelines.post(&actor, number).await?,
            false => None,
        };
        let items: Vec<_> = listed.items.into_iter().chain(reply).collect();
        let found = people.found(site, &items).await?.pop();
        let found = found.ok_or(ContentError::NotFound)?;
        return match &found.boosted_by {
            Some(by) if by == jid => Ok(There::Boost(found.author, found.page_id)),
            None if found.author == *jid => Ok(There::Alone(Box::new(found))),
            _ => Err(ContentError::NotFound),
        };
    };
    // The same number under another's name is nothing.
    if itself.author != *jid {
        return Err(ContentError::NotFound);
    }
    let read = |max: u32, page: rsm::Page| {
        let (service, which) = (&service, which.clone());
        async move {
            let request = rsm::Request { max: Some(max), page };
            content::items(site, service, which, &request).await
        }
    };
    let first = read(1, rsm::Page::First).await?;
    let root = people.found(site, &first).await?.pop();
    let root = root.ok_or(ContentError::NotFound)?;
    let id = |id: PostId| id.0.to_string();
    let (before, after) = match part {
        Part::Newest if itself.post_id == root.post_id => (None, Some((PAGE, root.post_id))),
        Part::Newest => (
            Some((BEFORE, itself.post_id)),
            Some((PAGE - BEFORE, itself.post_id)),
        ),
        Part::After(number) => (None, Some((PAGE, number.max(root.post_id)))),
        Part::Before(number) => (Some((PAGE, number)), None),
    };
    let mut replies = Vec::new();
    let (mut earlier, mut later) = (None, None);
    if let Some((max, number)) = before {
        // One more tells whether there is more, one is perhaps the first post.
        let mut items = read(max + 2, rsm::Page::Before(id(number))).await?;
        items.retain(|item| item.post_id != root.post_id);
        let surplus = items.len().saturating_sub(max as usize);
        let is_more = surplus > 0 || is_full(&items);
        items.drain(..surplus);
        earlier = items.first().map(|item| item.post_id).filter(|_| is_more);
        replies.extend(people.found(site, &items).await?);
    }
    if before.is_some() && after.is_some() {
        replies.push(itself);
    }
    if let Some((max, number)) = after {
        let mut items = read(max + 1, rsm::Page::After(id(number))).await?;
        let is_more = items.len() > max as usize || is_full(&items);
        items.truncate(max as usize);
        later = items.last().map(|item| item.post_id).filter(|_| is_more);
        replies.extend(people.found(site, &items).await?);
    }
    match part {
        // A link back is shown where somebody came from.
        Part::After(number) if number > root.post_id => {
            earlier = Some(PostId(number.0.saturating_add(1)));
        }
        Part::Before(number) => later = Some(PostId(number.0.saturating_sub(1))),
        Part::After(_) | Part::Newest => {}
    }
    Ok(There::Thread(Box::new(Thread {
        root,
        replies,
        earlier,
        later,
    })))
}

/// Whether the list ended because it holds enough.
fn is_full(items: &[Arc<TimelineItem>]) -> bool {
    items.iter().map(|item| item.payload.len()).sum::<usize>() >= store::PAGE_BYTES
}
