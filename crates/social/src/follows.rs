//! Whom people follow. Following is a subscription to somebody's node of posts; nothing else is written for it.

use std::sync::Arc;

use bus::{MICROBLOG, NodeView, SubscriptionState};
use pubsub::PubsubError;
use store::{JidNo, NodeNo};
use wire::BareJid;

use crate::timelines::Timelines;

/// Somebody's feed of posts that somebody else follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Followed {
    pub(crate) author: JidNo,
    pub(crate) node: NodeNo,
    /// What it is called, unless it is the main blog.
    pub(crate) name: Option<Arc<str>>,
}

impl Followed {
    /// A feed of this name.
    pub(crate) fn new(author: JidNo, node: NodeNo, name: &str) -> Followed {
        Followed {
            author,
            node,
            name: (name != MICROBLOG).then(|| name.into()),
        }
    }
}

/// A feed besides its owner's main blog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FurtherFeed {
    /// Whose it is.
    pub owner: JidNo,
    /// The node's name.
    pub name: Arc<str>,
}

/// All that one account follows, by the author's number.
pub(crate) type Following = Arc<[Followed]>;

impl Timelines {
    /// Whom an account follows, by number: those whose main blog it follows.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn following(&self, no: JidNo) -> Result<Vec<JidNo>, PubsubError> {
        let followed = self.followed_by(no).await?;
        let people = followed.iter().filter(|followed| followed.name.is_none());
        Ok(people.map(|followed| followed.author).collect())
    }

    /// The feeds besides main blogs that an account follows.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn following_further(&self, no: JidNo) -> Result<Vec<FurtherFeed>, PubsubError> {
        let followed = self.followed_by(no).await?;
        let further = followed.iter().filter_map(|followed| {
            Some(FurtherFeed {
                owner: followed.author,
                name: followed.name.clone()?,
            })
        });
        Ok(further.collect())
    }

    /// How many an account follows.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn following_count(&self, no: JidNo) -> Result<u64, PubsubError> {
        Ok(self.following(no).await?.len() as u64)
    }

    /// How many follow an account.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn followers_count(&self, no: JidNo) -> Result<u64, PubsubError> {
        Ok(self.posts_of(no).await?.map_or(0, |view| followers(&view)))
    }

    /// Whether an account follows an author.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn is_following(&self, no: JidNo, author: JidNo) -> Result<bool, PubsubError> {
        Ok(self
            .posts_of(author)
            .await?
            .is_some_and(|view| view.is_subscribed(no)))
    }

    /// An account's node of posts.
    pub(crate) async fn posts_of(&self, no: JidNo) -> Result<Option<Arc<NodeView>>, PubsubError> {
        let Some(name) = self.inner.store.jids().name(no).await? else {
            return Ok(None);
        };
        let Ok(jid) = BareJid::parse(&name) else {
            return Ok(None);
        };
        self.inner.host.view(&jid, MICROBLOG).await
    }

    pub(crate) async fn followed_by(&self, no: JidNo) -> Result<Following, PubsubError> {
        if let Some(known) = self.inner.caches.lock().following(no) {
            return Ok(known);
        }
        self.inner.caches.lock().begin_following(no);
        // What is decided and not stored yet is waited for; what is decided from here on marks the answer as old.
        self.inner.store.wait(self.inner.host.last_write()).await;
        let rows = self
            .inner
            .store
            .read(move |reader| reader.followed(no, MICROBLOG, SubscriptionState::Subscribed.as_str()))
            .await;
        let followed: Following = rows
            .as_deref()
            .unwrap_or_default()
            .iter()
            .map(|row| Followed::new(row.owner, row.node, &row.name))
            .collect();
        self.inner
            .caches
            .lock()
            .end_following(no, rows.is_ok().then(|| Arc::clone(&followed)));
        rows?;
        Ok(followed)
    }
}

/// How many accounts have a subscription in force.
pub(crate) fn followers(view: &NodeView) -> u64 {
    let mut last = None;
    let in_force = view
        .subscribers
        .iter()
        .filter(|one| one.state == SubscriptionState::Subscribed);
    in_force
        .filter(|one| last.replace(one.no) != Some(one.no))
        .count() as u64
}
