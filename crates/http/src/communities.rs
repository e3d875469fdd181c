//! `/c/` and `/c/NAME`: communities that everybody may read, and the directory of those that everybody may find.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use format::rsm;
use format::uri::percent_encode;
use http::HeaderMap;
use social::{Community, CommunityQuery};
use store::Timestamp;

use crate::answer;
use crate::catalogue::{Catalogue, counted, fill};
use crate::conditional;
use crate::content::{self, ContentError, Page, Source, is_hidden};
use crate::date;
use crate::pages::{absolute, finish, part_of, refused};
use crate::post::{Post, Tag, tag_path};
use crate::render;
use crate::site::Site;

/// Communities on a page of the directory.
const PAGE: u32 = 30;
/// The longest search, in bytes.
const SEARCH_MAX: usize = 256;

const TEXT: &Catalogue = &Catalogue::ENGLISH;

/// A community's page.
pub(crate) struct CommunityPage {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) rules: Option<String>,
    /// Its avatar's path.
    pub(crate) avatar: Option<String>,
    /// The same with the site before it, for whoever shows a link to the page.
    pub(crate) image: Option<String>,
    pub(crate) counts: Vec<String>,
    pub(crate) tags: Vec<Tag>,
    pub(crate) canonical: String,
    pub(crate) feed: String,
    /// The path of the same below the web client's `/app/`.
    pub(crate) app_path: String,
    /// The node's XMPP URI.
    pub(crate) uri: String,
    pub(crate) posts: Vec<Post>,
    pub(crate) newer: Option<String>,
    pub(crate) older: Option<String>,
}

/// The directory.
pub(crate) struct CommunitiesPage {
    pub(crate) canonical: String,
    pub(crate) search: String,
    pub(crate) communities: Vec<Listed>,
    pub(crate) more: Option<String>,
}

/// A community in the directory.
pub(crate) struct Listed {
    pub(crate) title: String,
    /// Its page, where everybody may read it.
    pub(crate) href: Option<String>,
    /// Its avatar's path, likewise.
    pub(crate) avatar: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) counts: Vec<String>,
    pub(crate) active_iso: String,
    pub(crate) active_text: String,
    pub(crate) tags: Vec<Tag>,
}

/// `/c/`
pub(crate) async fn directory(
    State(site): State<Arc<Site>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let Some((search, after)) = asked(query.as_deref()) else {
        return answer::bad_request(&site);
    };
    let page = match list(&site, &search, after).await {
        Ok(page) => page,
        Err(error) => return refused(&site, &error),
    };
    finish(&site, &headers, render::communities(&site, &page))
}

/// What a query asks for: words or a tag, and from where on; `None` when it makes no sense.
fn asked(query: Option<&str>) -> Option<(String, Option<String>)> {
    let (mut search, mut after) = (String::new(), None);
    for pair in query.unwrap_or_default().split('&') {
        match pair.split_once('=') {
            Some(("q", words)) => {
                let words = words.replace('+', " ");
                search = format::uri::percent_decode(&words).ok()?.trim().to_owned();
            }
            Some(("after", position)) => after = Some(position.to_owned()),
            _ => {}
        }
    }
    (search.len() <= SEARCH_MAX).then_some((search, after))
}

async fn list(site: &Site, search: &str, after: Option<String>) -> Result<CommunitiesPage, ContentError> {
    let is_tag = search.starts_with('#') && !search.contains(char::is_whitespace);
    let query = CommunityQuery {
        search: (!is_tag).then(|| search.to_owned()),
        tag: is_tag.then(|| search.to_owned()),
        page: Some(rsm::Request {
            max: Some(PAGE),
            page: after.map_or(rsm::Page::First, rsm::Page::After),
        }),
    };
    let service = content::service(site, site.domain())?;
    let actor = content::nobody(site)?;
    let timelines = &site.content.timelines;
    let page = match timelines.communities(&service, &actor, &query).await {
        Err(error) if is_hidden(&error) => return Err(ContentError::NotFound),
        page => page?,
    };
    let is_more = page.communities.len() >= PAGE as usize;
    let more = page.rsm.last.filter(|_| is_more).map(|last| {
        let searched = match search {
            "" => String::new(),
            search => format!("q={}&", percent_encode(search)),
        };
        format!("/c/?{searched}after={last}")
    });
    Ok(CommunitiesPage {
        canonical: absolute(site, "/c/"),
        search: search.to_owned(),
        communities: page.communities.iter().map(listed).collect(),
        more,
    })
}

fn listed(community: &Community) -> Listed {
    let is_open = community.posts.is_some();
    let mut counts = counts(community);
    if !is_open {
        counts.push(TEXT.communities.closed.to_owned());
    }
    let active = Timestamp(community.active.0);
    Listed {
        title: title(community).to_owned(),
        href: is_open.then(|| path(&community.node)),
        avatar: avatar_path(community).filter(|_| is_open),
        description: community.description.as_deref().map(str::to_owned),
        counts,
        active_iso: date::iso(active),
        active_text: date::for_people(active, TEXT),
        tags: tags(community),
    }
}

/// `/c/NAME/avatar`
pub(crate) async fn avatar(
    State(site): State<Arc<Site>>,
    Path(node): Path<String>,
    headers: HeaderMap,
) -> Response {
    let found = async {
        open(&site, &node).await?;
        let (service, actor) = (content::service(&site, site.domain())?, content::nobody(&site)?);
        let avatar = site
            .content
            .timelines
            .community_avatar(&service, &actor, &node)
            .await?;
        avatar.ok_or(ContentError::NotFound)
    };
    match found.await {
        Ok(avatar) => conditional::image(&headers, &avatar.media_type, &avatar.hash, avatar.bytes),
        Err(error) => refused(&site, &error),
    }
}

/// `/c/NAME`
pub(crate) async fn page(
    State(site): State<Arc<Site>>,
    Path(node): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let Some(part) = part_of(query.as_deref()) else {
        return answer::bad_request(&site);
    };
    let found = async {
        let community = open(&site, &node).await?;
        let posts = content::page(&site, &Source::Community(node.clone()), part).await?;
        Ok((community, posts))
    };
    let (community, posts) = match found.await {
        Ok(found) => found,
        Err(error) => return refused(&site, &error),
    };
    let shown = shown(&site, &community, &posts);
    finish(&site, &headers, render::community(&site, &shown))
}

fn shown(site: &Site, community: &Community, page: &Page) -> CommunityPage {
    let path = path(&community.node);
    let title = title(community).to_owned();
    let description = community.description.as_deref().map(str::to_owned);
    CommunityPage {
        description: description.unwrap_or_else(|| fill(TEXT.communities.posts_in, &title)),
        title,
        rules: community.rules.as_deref().map(str::to_owned),
        avatar: avatar_path(community),
        image: avatar_path(community).map(|path| absolute(site, &path)),
        counts: counts(community),
        tags: tags(community),
        canonical: absolute(site, &path),
        feed: format!("{path}/feed.atom"),
        app_path: path.trim_start_matches('/').to_owned(),
        uri: format!(
            "xmpp:{}{}?;node={}",
            site.settings.pubsub_prefix,
            site.domain(),
            percent_encode(&community.node)
        ),
        posts: page
            .posts
            .iter()
            .map(|found| Post::new(site, found, None))
            .collect(),
        newer: page.newer.map(|id| format!("{path}?after={}", id.0)),
        older: page.older.map(|id| format!("{path}?before={}", id.0)),
    }
}

/// A community that everybody may read.
pub(crate) async fn open(site: &Site, node: &str) -> Result<Community, ContentError> {
    let service = content::service(site, site.domain())?;
    let actor = content::nobody(site)?;
    match site.content.timelines.community(&service, &actor, node).await {
        // What is only listed has no page.
        Ok(community) if community.posts.is_some() => Ok(community),
        Ok(_) => Err(ContentError::NotFound),
        Err(error) if is_hidden(&error) => Err(ContentError::NotFound),
        Err(error) => Err(error.into()),
    }
}

/// What a community is called, else its node's name.
pub(crate) fn title(community: &Community) -> &str {
    let title = community.title.as_deref().map(str::trim);
    title.filter(|title| !title.is_empty()).unwrap_or(&community.node)
}

/// The path of a community's page.
pub(crate) fn path(node: &str) -> String {
    format!("/c/{}", percent_encode(node))
}

/// Where its avatar is; another one has another address.
fn avatar_path(community: &Community) -> Option<String> {
    let hash = community.avatar.as_ref()?;
    Some(format!("{}/avatar?{hash}", path(&community.node)))
}

fn counts(community: &Community) -> Vec<String> {
    let words = &TEXT.communities;
    let mut counts = vec![counted(community.members, &words.members)];
    counts.extend(community.posts.map(|posts| counted(posts, &words.posts)));
    counts
}

fn tags(community: &Community) -> Vec<Tag> {
    let tags = community.tags.iter();
    tags.map(|tag| Tag {
        label: tag.clone(),
        href: tag_path(tag),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_or_refused() {
        assert_eq!(asked(None), Some((String::new(), None)));
        let read = asked(Some("q=%23Roses+are&after=17&utm=1"));
        assert_eq!(read, Some(("#Roses are".into(), Some("17".into()))));
        assert_eq!(asked(Some("q=%ff")), None);
        assert_eq!(asked(Some(&format!("q={}", "x".repeat(300)))), None);
    }
}
