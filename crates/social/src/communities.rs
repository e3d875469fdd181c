//! Communities: the directory of those on a pubsub service, the most active first, and what somebody may know of one.
//!
//! Strangers find what everybody may read, and what chose to be found; members find theirs wherever it stands. The
//! directory itself is the database's; what it says is checked against the node once more.

use std::sync::Arc;

use bus::{AccessModel, Affiliation, NodeView, PublishModel, SubscriptionState, Virtual};
use format::words::{fold, has_word, split};
use format::{hashtag, rsm};
use pubsub::access::may_read;
use pubsub::communities::{is_listed, tags};
use pubsub::{Actor, PubsubError};
use store::communities::{Avatar, Listed};
use store::{PostId, Timestamp};
use wire::BareJid;

use crate::follows::followers;
use crate::timelines::Timelines;

/// Communities given where the asker does not say how many, and at most.
const USUAL: usize = 20;
const MOST: usize = 100;
/// Words of a search; more are not looked at.
const MAX_WORDS: usize = 8;
/// Communities looked at by one read, and reads made for one page.
const BATCH: u32 = 500;
const ROUNDS: usize = 40;

/// A community, as somebody may know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Community {
    /// Its node's name.
    pub node: Arc<str>,
    /// Its name for people.
    pub title: Option<Arc<str>>,
    /// What it is about.
    pub description: Option<Arc<str>>,
    /// What it expects of its members.
    pub rules: Option<Arc<str>>,
    /// The language of its posts.
    pub language: Option<Arc<str>>,
    /// Who may read it.
    pub access: AccessModel,
    /// Who may post.
    pub posting: PublishModel,
    /// Whether everybody may find it.
    pub is_listed: bool,
    /// The SHA-1 of its avatar.
    pub avatar: Option<Arc<str>>,
    /// Its hash tags, folded.
    pub tags: Vec<String>,
    /// How many follow it.
    pub members: u64,
    /// How many posts it has, where the asker may read them.
    pub posts: Option<u64>,
    /// When something was posted last, or when it was founded.
    pub active: Timestamp,
    /// What the asker is there.
    pub role: Affiliation,
    /// Whether the asker follows it, or asked to.
    pub subscription: Option<SubscriptionState>,
    /// Whether the asker may post.
    pub may_post: bool,
    /// How many requests wait, for who may answer them.
    pub requests: Option<u64>,
}

/// What somebody looks for.
#[derive(Clone, Debug, Default)]
pub struct CommunityQuery {
    /// Words that begin words of its name, title or description.
    pub search: Option<String>,
    /// A hash tag of its title or description.
    pub tag: Option<String>,
    /// Which part of the list.
    pub page: Option<rsm::Request>,
}

/// A part of the directory.
#[derive(Clone, Debug, Default)]
pub struct CommunityPage {
    /// The most active first.
    pub communities: Vec<Community>,
    /// The page's first and last, by positions that mean nothing to the asker.
    pub rsm: rsm::Response,
}

/// A query, ready to be compared.
struct Wanted {
    words: Vec<String>,
    tag: Option<String>,
}

impl Wanted {
    fn read(query: &CommunityQuery) -> Wanted {
        let searched = fold(query.search.as_deref().unwrap_or_default());
        Wanted {
            words: split(&searched).take(MAX_WORDS).map(str::to_owned).collect(),
            tag: query
                .tag
                .as_deref()
                .map(|tag| format!(" {} ", hashtag::fold(tag.trim_start_matches('#')))),
        }
    }

    fn fits(&self, listed: &Listed) -> bool {
        self.words.iter().all(|word| has_word(&listed.words, word))
            && self.tag.as_ref().is_none_or(|tag| listed.tags.contains(tag))
    }
}

impl Timelines {
    /// A part of the directory of a service's communities.
    ///
    /// # Errors
    /// `ItemNotFound` for a page after what is no position; `NoIndex` for a page backwards or by its index.
    pub async fn communities(
        &self,
        service: &BareJid,
        actor: &Actor,
        query: &CommunityQuery,
    ) -> Result<CommunityPage, PubsubError> {
        let request = query.page.clone().unwrap_or_default();
        let limit = request.max.map_or(USUAL, |max| max as usize).min(MOST);
        let mut below = match &request.page {
            rsm::Page::First => None,
            rsm::Page::After(id) => Some(crate::timelines::number(id).ok_or(PubsubError::ItemNotFound)?),
            rsm::Page::Before(_) | rsm::Page::Last | rsm::Page::Index(_) => return Err(PubsubError::NoIndex),
        };
        let wanted = Wanted::read(query);
        self.inner.store.wait(self.inner.host.last_write()).await;
        let Some(no) = self.inner.store.jids().find(service.as_str()).await? else {
            return Ok(CommunityPage::default());
        };
        let mut page = CommunityPage::default();
        for _ in 0..ROUNDS {
            let from = below;
            let rows = self
                .inner
                .store
                .read(move |reader| reader.listed_communities(no, from, BATCH))
                .await?;
            let is_end = rows.len() < BATCH as usize;
            for row in rows {
                if page.communities.len() >= limit {
                    return Ok(page);
                }
                below = Some(row.active);
                if wanted.fits(&row)
                    && let Some(view) = self.community_view(service, &row.name).await?
                    && view.no == row.node
                    && is_found(&view, actor)
                {
                    let position = row.active.0.to_string();
                    page.rsm.first.get_or_insert_with(|| position.clone());
                    page.rsm.last = Some(position);
                    page.communities.push(self.told_of(actor, &view).await?);
                }
            }
            if is_end {
                break;
            }
        }
        Ok(page)
    }

    /// The communities that somebody follows, asked to follow or has a part in, by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn own_communities(
        &self,
        service: &BareJid,
        actor: &Actor,
    ) -> Result<Vec<Community>, PubsubError> {
        self.inner.store.wait(self.inner.host.last_write()).await;
        let Some(at) = self.inner.store.jids().find(service.as_str()).await? else {
            return Ok(Vec::new());
        };
        let no = actor.no;
        let read = self.inner.store.read(move |reader| {
            let followed = reader.subscriptions_of(no)?.into_iter();
            let followed = followed.filter(|row| row.owner == at).map(|row| row.name);
            let parts = reader.affiliations_of(no)?.into_iter();
            let parts = parts.filter(|row| row.owner == at).map(|row| row.name);
            Ok(followed.chain(parts).collect::<Vec<_>>())
        });
        let mut names = read.await?;
        names.sort_unstable();
        names.dedup();
        let mut own = Vec::new();
        for name in names {
            if let Some(view) = self.community_view(service, &name).await?
                && has_part(&view, actor)
            {
                own.push(self.told_of(actor, &view).await?);
            }
        }
        Ok(own)
    }

    /// One community.
    ///
    /// # Errors
    /// `NodeNotFound` where there is none; the refusal for one that the asker may neither read, ask to follow nor find.
    pub async fn community(
        &self,
        service: &BareJid,
        actor: &Actor,
        node: &str,
    ) -> Result<Community, PubsubError> {
        let view = self.community_view(service, node).await?;
        let view = view.ok_or(PubsubError::NodeNotFound)?;
        let host = &self.inner.host;
        match may_read(&host.reader(actor, &view).await, &view) {
            Ok(()) | Err(PubsubError::ItemsNeedSubscription | PubsubError::PendingSubscription) => {}
            Err(refusal) if !is_found(&view, actor) => return Err(refusal),
            Err(_) => {}
        }
        self.told_of(actor, &view).await
    }

    /// The avatar of a community, for whoever may know of it.
    ///
    /// # Errors
    /// As for [`community`](Timelines::community).
    pub async fn community_avatar(
        &self,
        service: &BareJid,
        actor: &Actor,
        node: &str,
    ) -> Result<Option<Avatar>, PubsubError> {
        let community = self.community(service, actor, node).await?;
        if community.avatar.is_none() {
            return Ok(None);
        }
        let view = self.community_view(service, &community.node).await?;
        let no = view.ok_or(PubsubError::NodeNotFound)?.no;
        let read = self.inner.store.read(move |reader| reader.community_avatar(no));
        Ok(read.await?)
    }

    /// A community's node, as it is now.
    pub(crate) async fn community_view(
        &self,
        service: &BareJid,
        node: &str,
    ) -> Result<Option<Arc<NodeView>>, PubsubError> {
        if Virtual::is_reserved_on_service(node) {
            return Ok(None);
        }
        let view = self.inner.host.view(service, node).await?;
        Ok(view.filter(|view| view.is_community()))
    }

    async fn told_of(&self, actor: &Actor, view: &NodeView) -> Result<Community, PubsubError> {
        let reader = self.inner.host.reader(actor, view).await;
        let (node, is_read) = (view.no, may_read(&reader, view).is_ok());
        let read = self.inner.store.read(move |reader| {
            let posts = if is_read {
                Some(reader.item_count(node)?)
            } else {
                None
            };
            Ok((posts, reader.community_active(node)?))
        });
        let (posts, active) = read.await?;
        let config = &view.config;
        let role = view.affiliation(actor.no);
        let waiting = || {
            let pending = view.subscribers.iter();
            pending
                .filter(|one| one.state == SubscriptionState::Pending)
                .count() as u64
        };
        Ok(Community {
            node: Arc::clone(&view.name),
            title: config.title.clone(),
            description: config.description.clone(),
            rules: config.rules.clone(),
            language: config.language.clone(),
            access: config.access.clone(),
            posting: config.publish_model,
            is_listed: is_listed(config),
            avatar: config.avatar.clone(),
            tags: tags(config),
            members: followers(view),
            posts,
            active: active.map_or(view.created, PostId::timestamp),
            role,
            subscription: standing(view, actor),
            may_post: pubsub::access::may_publish(&reader, view).is_ok(),
            requests: matches!(role, Affiliation::Owner | Affiliation::Moderator).then(waiting),
        })
    }
}

/// The better of somebody's subscriptions.
fn standing(view: &NodeView, actor: &Actor) -> Option<SubscriptionState> {
    if view.is_subscribed(actor.no) {
        return Some(SubscriptionState::Subscribed);
    }
    (!view.subscriptions_of(actor.no).is_empty()).then_some(SubscriptionState::Pending)
}

/// Whether somebody finds a community in the directory. Who is cast out finds it no more.
fn is_found(view: &NodeView, actor: &Actor) -> bool {
    is_listed(&view.config) && view.affiliation(actor.no) != Affiliation::Outcast
}

/// Whether somebody has a part in a community.
fn has_part(view: &NodeView, actor: &Actor) -> bool {
    match view.affiliation(actor.no) {
        Affiliation::Outcast => false,
        Affiliation::None => standing(view, actor).is_some(),
        Affiliation::Owner
        | Affiliation::Moderator
        | Affiliation::Publisher
        | Affiliation::PublishOnly
        | Affiliation::Member => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_community_is_found_by_beginnings_of_words_and_whole_tags() {
        let listed = Listed {
            node: store::NodeNo(1),
            name: "garden".into(),
            active: PostId(1),
            words: fold("garden Jardín público #Roses"),
            tags: " roses ".into(),
        };
        let fits = |search: &str, tag: Option<&str>| {
            Wanted::read(&CommunityQuery {
                search: Some(search.into()),
                tag: tag.map(str::to_owned),
                page: None,
            })
            .fits(&listed)
        };
        assert!(fits("", None) && fits("pub JARDIN", None) && fits("gar", Some("#ROSES")));
        assert!(!fits("arden", None) && !fits("gar", Some("rose")) && !fits("moon", None));
    }
}
