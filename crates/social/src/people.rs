//! People to follow: those with public posts, the most recently active first.

use std::sync::Arc;

use bus::AccessModel;
use pubsub::PubsubError;
use store::{JidNo, PostId};
use wire::{BareJid, Document};

use crate::follows::followers;
use crate::timelines::Timelines;

/// Public posts looked at for each page of people.
const LOOK_BACK: u32 = 200;
/// Pages of posts looked at.
const ROUNDS: usize = 10;
/// Where people say what they are called (XEP-0172).
const NICK: &str = "http://jabber.org/protocol/nick";

/// Somebody to follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Their address.
    pub jid: BareJid,
    /// What they call themselves, where everybody may read that.
    pub name: Option<String>,
    /// How many items they have published.
    pub posts: u64,
    /// How many follow them.
    pub followers: u64,
}

impl Timelines {
    /// Up to `max` people whom an account does not follow yet.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn people_to_follow(&self, no: JidNo, max: u32) -> Result<Vec<Person>, PubsubError> {
        self.inner.store.wait(self.inner.host.last_write()).await;
        let following = self.followed_by(no).await?;
        let mut seen: Vec<JidNo> = following.iter().map(|followed| followed.author).collect();
        seen.push(no);
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
                if !seen.contains(owner) {
                    seen.push(*owner);
                    people.extend(self.person(*owner, no).await?);
                }
            }
            if posts.len() < LOOK_BACK as usize {
                break;
            }
        }
        Ok(people)
    }

    async fn person(&self, author: JidNo, reader: JidNo) -> Result<Option<Person>, PubsubError> {
        let Some(view) = self.posts_of(author).await? else {
            return Ok(None);
        };
        let is_cast_out = view.affiliation(reader) == bus::Affiliation::Outcast;
        if view.config.access != AccessModel::Open || is_cast_out {
            return Ok(None);
        }
        let node = view.no;
        let posts = self
            .inner
            .store
            .read(move |reader| reader.item_count(node))
            .await?;
        let name = self.nick(&view.owner_jid).await?;
        Ok(Some(Person {
            jid: view.owner_jid.clone(),
            name,
            posts,
            followers: followers(&view),
        }))
    }

    /// A display name that everybody may read.
    async fn nick(&self, jid: &BareJid) -> Result<Option<String>, PubsubError> {
        let Some(view) = self.inner.host.view(jid, NICK).await? else {
            return Ok(None);
        };
        if view.config.access != AccessModel::Open {
            return Ok(None);
        }
        let node = view.no;
        let newest = self
            .inner
            .store
            .read(move |reader| reader.newest_items(node, 1, None))
            .await?;
        let Some(payload) = newest.into_iter().next().map(|row| row.payload) else {
            return Ok(None);
        };
        let Ok(document) = Document::parse(Arc::clone(&payload)) else {
            return Ok(None);
        };
        let root = document.root();
        let name = root.text().trim().to_owned();
        Ok((root.is("nick", NICK) && !name.is_empty()).then_some(name))
    }
}
