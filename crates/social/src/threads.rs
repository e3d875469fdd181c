//! Threads: where one begins, and its posts in order.
//!
//! A thread is its first post and everything that answers to it or to an answer, here on this server. Its posts stand in
//! the order of their numbers, which is that of time: nothing answers to what comes later, so however deep or broken a
//! chain of answers is, reading a page never follows it.

use pubsub::{Actor, PubsubError};
use store::{PostId, ReadError, Reader};

use crate::posts::{Post, Sight, placed};
use crate::timelines::{Direction, Timelines};

impl Timelines {
    /// The first post of the thread that a post belongs to, a reply or a boost too, for an asker who may read both.
    ///
    /// # Errors
    /// `NodeNotFound` when there is no such post or thread for this asker.
    pub(crate) async fn thread_of(&self, actor: &Actor, number: PostId) -> Result<PostId, PubsubError> {
        self.inner.store.wait(self.inner.host.last_write()).await;
        let read = self.inner.store.read(move |reader| {
            let one = |number| -> Result<Option<Post>, ReadError> {
                Ok(placed(reader, reader.post(number)?.into_iter().collect())?.pop())
            };
            let named = one(number)?;
            match named.as_ref().and_then(|post| post.links.boost_of) {
                Some(original) => Ok((one(original)?, named)),
                None => Ok((named, None)),
            }
        });
        let (post, boost) = read.await?;
        let post = post.ok_or(PubsubError::NodeNotFound)?;
        let mut sight = Sight::new(self, actor);
        let is_boost_seen = match &boost {
            Some(boost) => sight.may_begin_at(boost).await?,
            None => true,
        };
        let is_seen = is_boost_seen && post.links.likes.is_none() && sight.may_begin_at(&post).await?;
        let is_root_seen = match &post.root {
            Some(root) => sight.may_read(root).await?,
            None => true,
        };
        if is_seen && is_root_seen {
            Ok(post.thread())
        } else {
            Err(PubsubError::NodeNotFound)
        }
    }
}

/// Posts of a thread, the first one included, in the direction of reading.
pub(crate) fn thread_rows(
    reader: &Reader,
    root: PostId,
    direction: Direction,
    limit: u32,
) -> Result<Vec<store::items::Item>, ReadError> {
    let first = |reader: &Reader| reader.post(root);
    match direction {
        Direction::Oldest(bound) => {
            let mut rows: Vec<_> = match bound {
                Some(bound) if bound >= root => Vec::new(),
                _ => first(reader)?.into_iter().collect(),
            };
            let left = limit.saturating_sub(rows.len() as u32);
            rows.extend(reader.oldest_in_thread(root, left, bound)?);
            Ok(rows)
        }
        Direction::Newest(bound) => {
            let mut rows = reader.newest_in_thread(root, limit, bound)?;
            let bytes: usize = rows.iter().map(|row| row.payload.len()).sum();
            let is_whole = rows.len() < limit as usize && bytes < store::PAGE_BYTES;
            if is_whole && bound.is_none_or(|bound| root < bound) {
                rows.extend(first(reader)?);
            }
            Ok(rows)
        }
    }
}
