//! What a person is told of: whom a post concerns, and reading the list of it with its read state.
//!
//! Whom a post concerns is found out before it is stored, and stored with it; the database leaves out whoever acts,
//! blocks or is blocked. A notification about a post is seen by who may read that post at the moment of reading.
//! Delivery to sessions is `xmpp`'s.

use std::sync::Arc;

use bus::Virtual;
use format::atom::Entry;
use format::conversation::mentions;
use format::{datetime, rsm};
use pubsub::access::may_read;
use pubsub::{Actor, Consequences, ItemsQuery, ItemsRequest, Posted, PubsubError, Sense, turn};
use store::notifications::{KEPT, NewNotification, Notification, NotificationType, read_up_to};
use store::{BoxFuture, JidNo, PAGE_BYTES, PostId, ReadError, Reader, Timestamp};
use wire::{BareJid, Document, Writer};

use crate::payload::origin;
use crate::posts::{Places, Post, Sight, placed};
use crate::timelines::{Direction, Timelines, direction, number};

/// The id of the item that says up to where the list was read.
pub const READ_ITEM: &str = "read";
/// The namespace of the list's payloads.
const NOTIFICATIONS: &str = bus::NOTIFICATIONS;

/// Items given where the reader does not say how many, and at most.
const USUAL: usize = 50;
const MOST: usize = 100;
/// Reads made for one page while most of what they find may not be shown.
const ROUNDS: usize = 20;
/// How long notifications are kept.
pub const KEPT_MS: i64 = 180 * 24 * 60 * 60 * 1_000;
/// How much of a post a notification quotes, in characters.
const QUOTED: usize = 200;
/// How far ahead of the clock a number may be: numbers borrow from the time to come where many are given at once.
const AHEAD_MS: i64 = 1_000;

/// A notification as it is read and delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notified {
    /// Its number, which is its item's id.
    pub id: PostId,
    /// Its payload.
    pub payload: Arc<[u8]>,
}

/// A page of the list.
#[derive(Clone, Debug, Default)]
pub struct NotificationsPage {
    /// Ascending by number.
    pub items: Vec<Notified>,
    /// What was asked for by its id: up to where the list was read.
    pub read: Option<ReadState>,
    /// The page's first and last item; `None` for what was asked for by ids.
    pub rsm: Option<rsm::Response>,
}

/// Up to where the list was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadState {
    /// The newest that was read; 0 before the first time.
    pub upto: PostId,
    /// How many came after it.
    pub unread: u64,
}

impl ReadState {
    /// The payload of its item.
    #[must_use]
    pub fn to_xml(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .open("read")
            .ns(NOTIFICATIONS)
            .attr("upto", &self.upto.0.to_string())
            .attr("unread", &self.unread.to_string())
            .close();
        writer.finish()
    }
}

/// What came of marking as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marked {
    /// It is stored.
    Forward,
    /// That much was read already, or has not been written yet.
    NotForward,
}

/// Whom a post concerns, once everything is looked up.
#[derive(Clone, Debug, Default)]
struct Concerned {
    /// The post that it likes, and whose that is.
    liked: Option<(PostId, JidNo)>,
    /// The post that it repeats, and whose that is.
    boosted: Option<(PostId, JidNo)>,
    /// Whose post it answers.
    answered: Option<JidNo>,
    /// Whom it mentions.
    mentioned: Vec<JidNo>,
}

/// Who is told of a post, each account once: a like or a boost concerns its target's author alone, and who is
/// answered is not told again of being mentioned there.
fn told(actor: JidNo, concerned: &Concerned) -> Vec<NewNotification> {
    let about = |kind, found: Option<(PostId, JidNo)>| {
        found.map(|(subject, owner)| NewNotification {
            owner,
            kind,
            subject: Some(subject),
        })
    };
    let only = about(NotificationType::Like, concerned.liked)
        .or_else(|| about(NotificationType::Boost, concerned.boosted));
    if let Some(only) = only {
        return [only].into_iter().filter(|one| one.owner != actor).collect();
    }
    let answered = concerned.answered.map(|owner| (owner, NotificationType::Reply));
    let mentioned = concerned
        .mentioned
        .iter()
        .map(|owner| (*owner, NotificationType::Mention));
    let mut all: Vec<NewNotification> = Vec::new();
    for (owner, kind) in answered.into_iter().chain(mentioned) {
        if owner != actor && all.iter().all(|one| one.owner != owner) {
            all.push(NewNotification {
                owner,
                kind,
                subject: None,
            });
        }
    }
    all
}

impl Consequences for Timelines {
    fn notify<'a>(&'a self, posted: Posted<'a>) -> BoxFuture<'a, Vec<NewNotification>> {
        Box::pin(async move {
            match self.concerned(&posted).await {
                Ok(concerned) => told(posted.actor.no, &concerned),
                Err(error) => {
                    tracing::error!(%error, "nobody was told of a post: what it concerns could not be read");
                    Vec::new()
                }
            }
        })
    }
}

impl Timelines {
    async fn concerned(&self, posted: &Posted<'_>) -> Result<Concerned, PubsubError> {
        let links = posted.links;
        let targets = [
            links.likes,
            links.boost_of,
            links.parent.map(|(parent, _)| parent),
        ];
        let [liked, boosted, answered] = if targets.iter().all(Option::is_none) {
            [None; 3]
        } else {
            // Its target may have been published a moment ago.
            self.inner.store.wait(self.inner.host.last_write()).await;
            let read = self.inner.store.read(move |reader| {
                let mut authors = [None; 3];
                for (author, target) in authors.iter_mut().zip(targets) {
                    if let Some(target) = target {
                        *author = reader.place_of(target)?.map(|(_, author)| (target, author));
                    }
                }
                Ok(authors)
            });
            read.await?
        };
        let is_act = links.likes.is_some() || links.boost_of.is_some();
        Ok(Concerned {
            liked,
            boosted,
            answered: answered.map(|(_, author)| author),
            mentioned: match posted.entry {
                Some(entry) if !is_act => self.mentioned(posted, entry).await?,
                _ => Vec::new(),
            },
        })
    }

    /// Those of our people whom an entry mentions and who may read it. Whether they have an account is seen when it is
    /// stored.
    async fn mentioned(&self, posted: &Posted<'_>, entry: &Entry) -> Result<Vec<JidNo>, PubsubError> {
        let host = &self.inner.host;
        let mut found = Vec::new();
        for jid in mentions(entry, posted.actor.jid.domain()) {
            if !host.settings().domains.iter().any(|ours| ours == jid.domain()) {
                continue;
            }
            // Nobody is given a number for being named.
            let Some(no) = self.inner.store.jids().find(jid.as_str()).await? else {
                continue;
            };
            let reader = Actor { jid: jid.into(), no };
            if may_read(&host.reader(&reader, posted.view).await, posted.view).is_ok() {
                found.push(no);
            }
        }
        Ok(found)
    }

    /// A page of what somebody was told.
    ///
    /// # Errors
    /// `Forbidden` to all but the owner; `ItemNotFound` for a page beside what is no number; `NoIndex` for a page by
    /// its index.
    pub async fn notifications(
        &self,
        owner: &BareJid,
        actor: &Actor,
        request: impl Into<ItemsRequest>,
    ) -> Result<NotificationsPage, PubsubError> {
        let request = request.into();
        if request.search.is_some() {
            return Err(PubsubError::NoSearch);
        }
        let (query, sense) = request.by_creation()?;
        let mut page = self.notifications_page(owner, actor, query).await?;
        if sense == Sense::Descending {
            page.items.reverse();
            if let Some(rsm) = &mut page.rsm {
                turn(rsm);
            }
        }
        Ok(page)
    }

    async fn notifications_page(
        &self,
        owner: &BareJid,
        actor: &Actor,
        query: ItemsQuery,
    ) -> Result<NotificationsPage, PubsubError> {
        if owner.as_str() != actor.jid.bare_str() {
            return Err(PubsubError::Forbidden);
        }
        let (mut at, limit) = match query {
            ItemsQuery::All => (Direction::Newest(None), USUAL),
            ItemsQuery::Newest(count) => (Direction::Newest(None), count as usize),
            ItemsQuery::Ids(ids) => return self.notifications_by_ids(actor, &ids).await,
            ItemsQuery::Rsm(request) => {
                let limit = request.max.map_or(USUAL, |max| max as usize);
                (direction(&request.page)?, limit)
            }
        };
        self.inner.store.wait(self.inner.host.last_write()).await;
        let limit = limit.min(MOST);
        let mut page = Page::new(self, actor);
        for _ in 0..ROUNDS {
            let wanted = limit.saturating_sub(page.items.len());
            if wanted == 0 || page.bytes >= PAGE_BYTES {
                break;
            }
            let owner = actor.no;
            let found = self
                .inner
                .store
                .read(move |reader| find(reader, owner, at, wanted as u32))
                .await?;
            let Some(last) = found.rows.last().map(|(row, _)| row.id) else {
                break;
            };
            let is_end = found.is_end;
            page.add(found).await?;
            if is_end {
                break;
            }
            at = match at {
                Direction::Newest(_) => Direction::Newest(Some(last)),
                Direction::Oldest(_) => Direction::Oldest(Some(last)),
            };
        }
        Ok(page.finish(at))
    }

    async fn notifications_by_ids(
        &self,
        actor: &Actor,
        ids: &[String],
    ) -> Result<NotificationsPage, PubsubError> {
        self.inner.store.wait(self.inner.host.last_write()).await;
        let mut numbers: Vec<_> = ids.iter().filter_map(|id| number(id)).take(MOST).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let owner = actor.no;
        let found = self.inner.store.read(move |reader| {
            let mut rows = Vec::with_capacity(numbers.len());
            for number in numbers {
                rows.extend(reader.notification(owner, number)?);
            }
            with_posts(reader, owner, rows, IsEnd::Yes)
        });
        let mut page = Page::new(self, actor);
        page.add(found.await?).await?;
        let mut page = page.finish(Direction::Oldest(None));
        page.rsm = None;
        if ids.iter().any(|id| id == READ_ITEM) {
            page.read = Some(self.read_state(actor).await?);
        }
        Ok(page)
    }

    /// One notification of somebody's, if it is there and they may read what it is about.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn notification(&self, actor: &Actor, id: PostId) -> Result<Option<Notified>, PubsubError> {
        let owner = actor.no;
        let found = self.inner.store.read(move |reader| {
            let rows = reader.notification(owner, id)?.into_iter().collect();
            with_posts(reader, owner, rows, IsEnd::Yes)
        });
        let mut page = Page::new(self, actor);
        page.add(found.await?).await?;
        Ok(page.items.pop())
    }

    /// Up to where somebody has read, and how many came after it of which they may know.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn read_state(&self, actor: &Actor) -> Result<ReadState, PubsubError> {
        let owner = actor.no;
        let read = self.inner.store.read(move |reader| {
            let upto = reader.notifications_read(owner)?;
            let rows = reader.newest_notifications(owner, KEPT, None)?;
            let new = rows.into_iter().take_while(|row| row.id > upto);
            let mut places = Places::default();
            let (mut followers, mut subjects) = (0, Vec::new());
            for row in new {
                match row.subject {
                    _ if places.is_closed(reader, row.by)? => {}
                    Some(subject) => subjects.extend(places.other(reader, subject)?),
                    None => followers += 1,
                }
            }
            Ok((upto, followers, subjects))
        });
        let (upto, mut unread, subjects) = read.await?;
        let mut sight = Sight::new(self, actor);
        for subject in subjects {
            if sight.may_see(&Virtual::Notifications, &subject).await? {
                unread += 1;
            }
        }
        Ok(ReadState { upto, unread })
    }

    /// Notes up to where somebody has read. It only moves forward, and not beyond the present.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub async fn mark_read(&self, actor: &Actor, upto: PostId) -> Result<Marked, PubsubError> {
        let now = self.inner.store.clock().now();
        if upto >= PostId::first_at(Timestamp(now.0 + AHEAD_MS)) {
            return Ok(Marked::NotForward);
        }
        match self.inner.store.write(read_up_to(actor.no, upto)).await {
            Ok(committed) if committed.changed > 0 => Ok(Marked::Forward),
            Ok(_) => Ok(Marked::NotForward),
            Err(error) => Err(PubsubError::from(&error)),
        }
    }
}

/// Notifications and the posts that they are about, in the direction of reading.
struct Found {
    rows: Vec<(Notification, Subject)>,
    upto: PostId,
    /// Whether there is nothing beyond them.
    is_end: bool,
}

/// What a notification is about.
enum Subject {
    /// No post: a new follower.
    None,
    Post(Box<Post>),
    /// A post that is gone; or whoever did it is no more to be seen.
    Gone,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum IsEnd {
    Yes,
    No,
}

fn find(reader: &Reader, owner: JidNo, at: Direction, limit: u32) -> Result<Found, ReadError> {
    let rows = match at {
        Direction::Newest(bound) => reader.newest_notifications(owner, limit, bound)?,
        Direction::Oldest(bound) => reader.oldest_notifications(owner, limit, bound)?,
    };
    let is_end = if rows.len() < limit as usize {
        IsEnd::Yes
    } else {
        IsEnd::No
    };
    with_posts(reader, owner, rows, is_end)
}

/// Adds the posts, until they hold [`PAGE_BYTES`].
fn with_posts(
    reader: &Reader,
    owner: JidNo,
    rows: Vec<Notification>,
    is_end: IsEnd,
) -> Result<Found, ReadError> {
    let count = rows.len();
    let mut places = Places::default();
    let mut with = Vec::with_capacity(count);
    let mut bytes = 0;
    for row in rows {
        if bytes >= PAGE_BYTES {
            break;
        }
        let subject = match row.subject {
            _ if places.is_closed(reader, row.by)? => Subject::Gone,
            None => Subject::None,
            Some(subject) => match placed(reader, reader.post(subject)?.into_iter().collect())?.pop() {
                Some(post) => {
                    bytes += post.row.payload.len();
                    Subject::Post(Box::new(post))
                }
                None => Subject::Gone,
            },
        };
        with.push((row, subject));
    }
    Ok(Found {
        is_end: is_end == IsEnd::Yes && with.len() == count,
        rows: with,
        upto: reader.notifications_read(owner)?,
    })
}

/// A page in the making.
struct Page<'a> {
    timelines: &'a Timelines,
    sight: Sight<'a>,
    /// In the direction of reading.
    items: Vec<Notified>,
    bytes: usize,
}

impl<'a> Page<'a> {
    fn new(timelines: &'a Timelines, actor: &'a Actor) -> Page<'a> {
        Page {
            timelines,
            sight: Sight::new(timelines, actor),
            items: Vec::new(),
            bytes: 0,
        }
    }

    async fn add(&mut self, found: Found) -> Result<(), PubsubError> {
        let people: Vec<_> = found.rows.iter().map(|(row, _)| row.by).collect();
        let names = self.timelines.inner.store.jids().names(&people).await?;
        for ((row, subject), by) in found.rows.into_iter().zip(names) {
            let Some(by) = by else { continue };
            let about = match subject {
                Subject::None => None,
                Subject::Post(post) => match self.about(&post).await? {
                    Some(about) => Some(about),
                    None => continue,
                },
                Subject::Gone => continue,
            };
            let payload = write(&row, &by, about.as_ref(), found.upto);
            self.bytes += payload.len();
            self.items.push(Notified {
                id: row.id,
                payload: payload.into(),
            });
        }
        Ok(())
    }

    /// What is said of the post that a notification is about, if its reader may read it.
    async fn about(&mut self, post: &Post) -> Result<Option<About>, PubsubError> {
        let seen = self.sight.see(&Virtual::Notifications, post).await?;
        Ok(seen.map(|seen| About {
            post_id: seen.item.post_id,
            uri: origin(&seen.view, &seen.item).to_string(),
            text: text(seen.item.payload.as_deref().unwrap_or_default()),
        }))
    }

    fn finish(mut self, at: Direction) -> NotificationsPage {
        if let Direction::Newest(_) = at {
            self.items.reverse();
        }
        let id = |item: Option<&Notified>| item.map(|item| item.id.0.to_string());
        NotificationsPage {
            rsm: Some(rsm::Response {
                first: id(self.items.first()),
                last: id(self.items.last()),
                ..rsm::Response::default()
            }),
            items: self.items,
            read: None,
        }
    }
}

/// What a notification says of a post.
struct About {
    post_id: PostId,
    uri: String,
    text: String,
}

/// The beginning of what a post says.
fn text(payload: &[u8]) -> String {
    let entry = Document::parse(payload)
        .ok()
        .and_then(|document| Entry::parse(document.root()).ok());
    entry
        .map(|entry| entry.text().chars().take(QUOTED).collect())
        .unwrap_or_default()
}

fn write(row: &Notification, by: &str, about: Option<&About>, upto: PostId) -> Vec<u8> {
    let mut writer = Writer::new();
    writer
        .open("notification")
        .ns(NOTIFICATIONS)
        .attr("type", row.kind.as_str())
        .attr("by", by)
        .attr("at", &datetime::to_text(row.created.0))
        .attr("read", if row.id <= upto { "true" } else { "false" });
    if let Some(about) = about {
        writer
            .open("post")
            .attr("id", &about.post_id.0.to_string())
            .attr("uri", &about.uri)
            .close();
        writer.leaf("text", &about.text);
    }
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROMEO: JidNo = JidNo(1);
    const JULIET: JidNo = JidNo(2);
    const NURSE: JidNo = JidNo(3);

    fn kinds(actor: JidNo, concerned: &Concerned) -> Vec<(JidNo, NotificationType, Option<PostId>)> {
        told(actor, concerned)
            .into_iter()
            .map(|one| (one.owner, one.kind, one.subject))
            .collect()
    }

    #[test]
    fn who_is_answered_is_not_told_of_being_mentioned() {
        let concerned = Concerned {
            answered: Some(JULIET),
            mentioned: vec![JULIET, NURSE, ROMEO, NURSE],
            ..Concerned::default()
        };
        assert_eq!(
            kinds(ROMEO, &concerned),
            [
                (JULIET, NotificationType::Reply, None),
                (NURSE, NotificationType::Mention, None)
            ]
        );
    }

    #[test]
    fn a_like_concerns_the_author_alone() {
        let concerned = Concerned {
            liked: Some((PostId(7), JULIET)),
            answered: Some(JULIET),
            mentioned: vec![NURSE],
            ..Concerned::default()
        };
        assert_eq!(
            kinds(ROMEO, &concerned),
            [(JULIET, NotificationType::Like, Some(PostId(7)))]
        );
        assert_eq!(kinds(JULIET, &concerned), []);
    }

    #[test]
    fn nobody_is_told_of_what_they_do_themselves() {
        let concerned = Concerned {
            answered: Some(ROMEO),
            mentioned: vec![ROMEO],
            ..Concerned::default()
        };
        assert_eq!(kinds(ROMEO, &concerned), []);
    }
}
