//! People to follow: those with public posts, the most recently active first.

use std::collections::HashSet;
use std::sync::Arc;

use bus::{AccessModel, Affiliation};
use pubsub::access::may_read;
use pubsub::{Actor, PubsubError};
use store::{JidNo, PostId};
use wire::{BareJid, Document};

use crate::timelines::Timelines;

/// Public posts looked at for each page of people.
const LOOK_BACK: u32 = 200;
/// Pages of posts looked at.
const ROUNDS: usize = 10;
/// Where people say what they are called (XEP-0172).
pub(crate) const NICK: &str = "http://jabber.org/protocol/nick";

/// Somebody to follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Their address.
    pub jid: BareJid,
    /// What they call themselves, where the asker may read that.
    pub name: Option<String>,
    /// How many items they have published, where the asker may read them.
    pub posts: Option<u64>,
    /// How many follow them, where the asker may read them.
    pub followers: Option<u64>,
    /// Whether the asker follows them.
    pub is_followed: bool,
}

impl Timelines {
    /// Up to `max` people whom an account does not follow yet.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn people_to_follow(&self, actor: &Actor, max: u32) -> Result<Vec<Person>, PubsubError> {
        self.inner.store.wait(self.inner.host.last_write()).await;
        let mut seen: HashSet<JidNo> = self.following(actor.no).await?.into_iter().collect();
        seen.insert(actor.no);
        let mut people = Vec::new();
        let mut bound: Option<PostId> = None;
        for _ in 0..ROUNDS {
            let read = self
                .inner
                .store
                .read(move |reader| reader.newest_public_owners(LOOK_BACK, bound));
            let posts = read.await?;
            let Some((last, _)) = posts.last() else { break };
            bound = Some(*last);
            for (_, owner) in &posts {
                if people.len() >= max as usize {
                    return Ok(people);
                }
                if seen.insert(*owner) {
                    people.extend(self.person(actor, *owner).await?);
                }
            }
            if posts.len() < LOOK_BACK as usize {
                break;
            }
        }
        Ok(people)
    }

    async fn person(&self, actor: &Actor, author: JidNo) -> Result<Option<Person>, PubsubError> {
        let Some(view) = self.posts_of(author).await? else {
            return Ok(None);
        };
        let is_cast_out = view.affiliation(actor.no) == Affiliation::Outcast;
        let is_blocked = self.inner.host.blocking(actor, author, &view.owner_jid).parts();
        let is_shown = view.config.access == AccessModel::Open && view.config.in_search;
        if !is_shown || is_cast_out || is_blocked {
            return Ok(None);
        }
        let name = self.nick(actor, &view.owner_jid).await?;
        Ok(Some(self.told(actor, &view, name).await?))
    }

    /// A display name, where the asker may read it.
    pub(crate) async fn nick(&self, actor: &Actor, jid: &BareJid) -> Result<Option<String>, PubsubError> {
        let host = &self.inner.host;
        let Some(view) = host.view(jid, NICK).await? else {
            return Ok(None);
        };
        if may_read(&host.reader(actor, &view).await, &view).is_err() {
            return Ok(None);
        }
        let node = view.no;
        let newest = self
            .inner
            .store
            .read(move |reader| reader.newest_items(node, 1, None))
            .await?;
        Ok(newest.into_iter().next().and_then(|row| nick_of(row.payload)))
    }
}

/// The name in an item's payload.
pub(crate) fn nick_of(payload: Arc<[u8]>) -> Option<String> {
    let document = Document::parse(payload).ok()?;
    let root = document.root();
    let name = root.text().trim().to_owned();
    (root.is("nick", NICK) && !name.is_empty()).then_some(name)
}
