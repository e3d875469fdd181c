//! A page of a virtual node in the making: what its reader sees of the posts found, each post once, with its counts.

use std::sync::Arc;

use bus::Virtual;
use format::rsm;
use pubsub::{Actor, PubsubError};
use store::{PAGE_BYTES, PostId};

use crate::payload::{About, origin, shown};
use crate::posts::{Post, Seen, Sight};
use crate::timelines::{Direction, TimelineItem, TimelinePage, Timelines};

/// A page in the making.
pub(crate) struct Page<'a> {
    timelines: &'a Timelines,
    which: &'a Virtual,
    sight: Sight<'a>,
    /// In the direction of reading.
    kept: Vec<Kept>,
    /// What they hold.
    bytes: usize,
    limit: usize,
}

struct Kept {
    seen: Seen,
    boost_of: Option<PostId>,
    /// The post whose counts it shows.
    counted: PostId,
}

impl Kept {
    fn bytes(&self) -> usize {
        self.seen.item.payload.as_ref().map_or(0, |payload| payload.len())
    }
}

impl<'a> Page<'a> {
    pub(crate) fn new(
        timelines: &'a Timelines,
        actor: &'a Actor,
        which: &'a Virtual,
        limit: usize,
    ) -> Page<'a> {
        Page {
            timelines,
            which,
            sight: Sight::new(timelines, actor),
            kept: Vec::with_capacity(limit),
            bytes: 0,
            limit,
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.kept.len() >= self.limit || self.bytes >= PAGE_BYTES
    }

    /// Adds those posts that the virtual node shows to this reader, until the page is full. In home a boost of what is on
    /// the page already has no place there; of several boosts the newest stays.
    pub(crate) async fn add(&mut self, posts: Vec<Post>, direction: Direction) -> Result<(), PubsubError> {
        for post in posts {
            if self.is_full() {
                break;
            }
            let Some(kept) = self.see(post).await? else {
                continue;
            };
            if *self.which == Virtual::Home {
                let there = self.kept.iter().position(|other| other.counted == kept.counted);
                if let Some(there) = there {
                    let is_new_better = match (kept.boost_of, self.kept[there].boost_of) {
                        (None, _) => true,
                        (Some(_), None) => false,
                        (Some(_), Some(_)) => matches!(direction, Direction::Oldest(_)),
                    };
                    if !is_new_better {
                        continue;
                    }
                    self.bytes -= self.kept.remove(there).bytes();
                }
            }
            self.keep(kept);
        }
        Ok(())
    }

    /// Adds what was asked for by its number.
    pub(crate) async fn add_asked(&mut self, posts: Vec<Post>) -> Result<(), PubsubError> {
        for post in posts {
            if self.is_full() {
                break;
            }
            if let Some(kept) = self.see(post).await? {
                self.keep(kept);
            }
        }
        Ok(())
    }

    async fn see(&mut self, post: Post) -> Result<Option<Kept>, PubsubError> {
        let seen = self.sight.see(self.which, &post).await?;
        Ok(seen.map(|seen| Kept {
            seen,
            boost_of: post.links.boost_of,
            counted: post.counted(),
        }))
    }

    fn keep(&mut self, kept: Kept) {
        self.bytes += kept.bytes();
        self.kept.push(kept);
    }

    /// The finished page; it was read in this direction. One read gives the counts of all.
    pub(crate) async fn finish(self, direction: Direction) -> Result<TimelinePage, PubsubError> {
        let counted: Vec<_> = self.kept.iter().map(|kept| kept.counted).collect();
        let asker = self.sight.actor.no;
        let store = &self.timelines.inner.store;
        let counts = if counted.is_empty() {
            Vec::new()
        } else {
            store
                .read(move |reader| reader.counts(&counted, Some(asker)))
                .await?
        };
        let mut items: Vec<_> = self
            .kept
            .into_iter()
            .zip(counts)
            .map(|(kept, counts)| {
                let about = About {
                    counts: Some(counts),
                    is_closed: kept.seen.is_closed,
                    place: kept.seen.place,
                    boost_of: kept.boost_of,
                };
                let (view, item) = (kept.seen.view, kept.seen.item);
                Arc::new(TimelineItem {
                    post_id: item.post_id,
                    publisher: item.publisher_jid.clone(),
                    origin: origin(&view, &item).to_string(),
                    payload: shown(&view, &item, &about).into(),
                    about,
                    item: Arc::new(item),
                    view,
                })
            })
            .collect();
        if let Direction::Newest(_) = direction {
            items.reverse();
        }
        let id = |item: Option<&Arc<TimelineItem>>| item.map(|item| item.post_id.0.to_string());
        let rsm = rsm::Response {
            first: id(items.first()),
            last: id(items.last()),
            ..rsm::Response::default()
        };
        Ok(TimelinePage { items, rsm })
    }
}
