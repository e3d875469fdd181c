//! Finding by their words also items that were stored by a version which had no search.
//!
//! A job in the database says up to which number it is done, so that it goes on after a restart. It is done in slices,
//! each one short read and one short write; what is published meanwhile is indexed with its own commit.

use store::PostId;
use store::search::{INDEX_WORDS, Words};

use super::Host;
use crate::error::PubsubError;
use crate::words;

/// Items looked at in one go.
const SLICE: u32 = 64;

impl Host {
    /// Begins, or goes on, with what is left of it.
    pub(super) fn start_indexing(&self) {
        let host = self.clone();
        self.inner.tasks.spawn(async move {
            if let Err(error) = host.index_all().await {
                // It goes on at the next start.
                tracing::warn!(%error, "what was stored before is not searched through yet");
            }
        });
    }

    async fn index_all(&self) -> Result<(), PubsubError> {
        let store = &self.inner.store;
        let jobs = store.read(|reader| reader.jobs(INDEX_WORDS)).await?;
        let Some(job) = jobs.first() else {
            return Ok(());
        };
        let mut upto = PostId(job.state.parse().unwrap_or(0));
        // What is newer was stored with its words.
        let newest = self.inner.store.post_ids().next(self.inner.clock.now());
        loop {
            let from = upto;
            let rows = store.read(move |reader| reader.items_above(from, SLICE)).await?;
            let Some(last) = rows.last().filter(|_| upto < newest) else {
                break;
            };
            upto = last.post_id;
            let items = rows.iter().map(|row| Words {
                post_id: row.post_id,
                seq: row.seq,
                words: words::of_payload(&row.payload).join(" "),
            });
            let write = store::search::index(items.collect(), upto, self.inner.clock.now());
            store
                .write(write)
                .await
                .map_err(|error| PubsubError::from(&error))?;
            // The server ends, and does not wait for what goes on at its next start.
            if self.inner.tasks.is_closed() {
                return Ok(());
            }
        }
        let done = store.write(store::jobs::done(INDEX_WORDS, 0)).await;
        done.map(drop).map_err(|error| PubsubError::from(&error))
    }
}
