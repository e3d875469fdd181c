//! The public pages: a person, a post, everybody, a tag.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use format::hashtag;
use format::uri::XmppUri;
use http::{HeaderMap, StatusCode};
use store::PostId;
use wire::BareJid;

use crate::answer;
use crate::catalogue::{Catalogue, fill};
use crate::conditional;
use crate::content::{self, ContentError, Found, Page, Part, Source};
use crate::person::{Person, path_of, read_handle};
use crate::post::{self, Post, excerpt};
use crate::render::{self, PostPage, TimelinePage};
use crate::site::Site;

/// Pages are asked for again soon: posts come, and go.
const CACHE: &str = "public, max-age=10";
const HTML: &str = "text/html; charset=utf-8";

const TEXT: &Catalogue = &Catalogue::ENGLISH;

/// What went wrong, as a page.
pub(crate) fn refused(site: &Site, error: &ContentError) -> Response {
    match error {
        ContentError::NotFound => answer::not_found(site),
        ContentError::Read(_) | ContentError::Pubsub(_) => {
            tracing::warn!(%error, "a page could not be made");
            answer::unavailable(site)
        }
    }
}

/// `/public`
pub(crate) async fn public(
    State(site): State<Arc<Site>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let Some(part) = part_of(query.as_deref()) else {
        return answer::bad_request(&site);
    };
    let page = match content::page(&site, &Source::Public, part).await {
        Ok(page) => page,
        Err(error) => return refused(&site, &error),
    };
    let shown = TimelinePage {
        title: TEXT.public_stream.into(),
        description: TEXT.public_stream_explained.into(),
        canonical: absolute(&site, "/public"),
        feed: "/public/feed.atom".into(),
        app_path: "public".into(),
        address: String::new(),
        person: None,
        note: None,
        is_public_stream: true,
        ..list(&site, &page, "/public", None)
    };
    finish(&site, &headers, render::timeline(&site, &shown))
}

/// `/tag/NAME`
pub(crate) async fn tag(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let tag = hashtag::fold(&name);
    let Some(part) = part_of(query.as_deref()).filter(|_| !tag.is_empty()) else {
        return answer::bad_request(&site);
    };
    let path = post::tag_path(&tag);
    if tag != name {
        return Redirect::permanent(&path).into_response();
    }
    let page = match content::page(&site, &Source::Tag(tag.clone()), part).await {
        Ok(page) => page,
        Err(error) => return refused(&site, &error),
    };
    let shown = TimelinePage {
        title: format!("#{tag}"),
        description: fill(TEXT.posts_about, &tag),
        canonical: absolute(&site, &path),
        feed: format!("{path}/feed.atom"),
        app_path: path.trim_start_matches('/').to_owned(),
        ..list(&site, &page, &path, None)
    };
    finish(&site, &headers, render::timeline(&site, &shown))
}

/// `/@NAME`
pub(crate) async fn person(
    State(site): State<Arc<Site>>,
    Path(handle): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let (jid, path) = match locate(&site, &handle) {
        Ok(found) => found,
        Err(response) => return *response,
    };
    let Some(part) = part_of(query.as_deref()) else {
        return answer::bad_request(&site);
    };
    let found = async {
        let page = content::page(&site, &Source::Person(jid.clone()), part).await?;
        Ok((page, content::profile(&site, &jid).await?))
    };
    let (page, profile) = match found.await {
        Ok(found) => found,
        Err(error) => return refused(&site, &error),
    };
    let name = profile
        .name
        .or_else(|| name_in(&page, jid.node()).map(str::to_owned));
    let person = Person::new(&site, &jid, name.as_deref());
    let shown = TimelinePage {
        title: person.name.clone(),
        description: fill(TEXT.posts_by, &person.address),
        canonical: absolute(&site, &path),
        feed: format!("{path}/feed.atom"),
        app_path: path.trim_start_matches('/').to_owned(),
        address: jid.to_string(),
        note: profile.note,
        ..list(&site, &page, &path, name.as_deref())
    };
    let shown = TimelinePage {
        person: Some(person),
        ..shown
    };
    finish(&site, &headers, render::timeline(&site, &shown))
}

/// `/@NAME/POSTID`
pub(crate) async fn post(
    State(site): State<Arc<Site>>,
    Path((handle, post_id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let (jid, path) = match locate(&site, &handle) {
        Ok(found) => found,
        Err(response) => return *response,
    };
    let Some(post_id) = read_post_id(&post_id) else {
        return answer::not_found(&site);
    };
    let found = async {
        let found = content::post(&site, &jid, post_id).await?;
        Ok((found, content::profile(&site, &jid).await?))
    };
    let (found, profile) = match found.await {
        Ok(found) => found,
        Err(error) => return refused(&site, &error),
    };
    let mut post = Post::new(&site, &found, profile.name.as_deref());
    if let Some(href) = parent_path(&site, &found).await {
        post.reply_href = Some(href);
    }
    let shown = PostPage {
        title: fill(TEXT.post_by, &post.author.name),
        description: excerpt(&found.entry.text()),
        canonical: absolute(&site, &post.href),
        feed: format!("{path}/feed.atom"),
        app_path: path.trim_start_matches('/').to_owned(),
        uri: XmppUri::of_item(found.owner.clone(), bus::MICROBLOG, &found.item.item_id).to_string(),
        post,
    };
    finish(&site, &headers, render::post(&site, &shown))
}

/// What a person calls themselves in their posts: the newest name that is not only their address's first part, which
/// the server writes where a client wrote none.
fn name_in<'a>(page: &'a Page, local: Option<&str>) -> Option<&'a str> {
    page.posts
        .iter()
        .filter_map(post::author_name)
        .find(|name| Some(*name) != local)
}

/// The page of the very post that is answered, if it is one of ours and public.
async fn parent_path(site: &Site, found: &Found) -> Option<String> {
    let uri = found.entry.parent()?;
    let jid = uri.jid.bare();
    let path = path_of(site, &jid)?;
    if uri.node() != Some(bus::MICROBLOG) {
        return None;
    }
    let post_id = content::post_id_of(site, &jid, uri.item()?).await?;
    Some(format!("{path}/{}", post_id.0))
}

/// Whose page it is, and its one path; or the answer that leads elsewhere.
fn locate(site: &Site, handle: &str) -> Result<(BareJid, String), Box<Response>> {
    let Some(jid) = read_handle(site, handle) else {
        return Err(Box::new(answer::not_found(site)));
    };
    let path = path_of(site, &jid).unwrap_or_default();
    Ok((jid, path))
}

/// What the pages of all lists have in common.
fn list(site: &Site, page: &Page, path: &str, name: Option<&str>) -> TimelinePage {
    TimelinePage {
        title: String::new(),
        description: String::new(),
        canonical: String::new(),
        feed: String::new(),
        app_path: String::new(),
        address: String::new(),
        person: None,
        note: None,
        posts: page
            .posts
            .iter()
            .map(|found| Post::new(site, found, name))
            .collect(),
        newer: page.newer.map(|id| format!("{path}?after={}", id.0)),
        older: page.older.map(|id| format!("{path}?before={}", id.0)),
        empty: TEXT.nothing_yet,
        is_public_stream: false,
    }
}

fn finish(site: &Site, headers: &HeaderMap, html: Result<String, askama::Error>) -> Response {
    match html {
        Ok(html) => conditional::answer(headers, HTML, CACHE, None, html),
        Err(error) => {
            tracing::error!(%error, "a page's template failed");
            let mut response = answer::unavailable(site);
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    }
}

/// A path under the site's own address.
pub(crate) fn absolute(site: &Site, path: &str) -> String {
    format!("{}{path}", site.settings.site_url)
}

fn read_post_id(text: &str) -> Option<PostId> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // 53 bits: what JavaScript keeps.
    text.parse()
        .ok()
        .filter(|id| is_number && *id < 1 << 53)
        .map(PostId)
}

/// The part of a list that a query asks for; `None` when it makes no sense.
fn part_of(query: Option<&str>) -> Option<Part> {
    let mut part = Part::Newest;
    for pair in query
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
    {
        match pair.split_once('=') {
            Some(("before", id)) => part = Part::Before(read_post_id(id)?),
            Some(("after", id)) => part = Part::After(read_post_id(id)?),
            // What others add to links (for counting clicks, say) changes nothing.
            _ => {}
        }
    }
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_or_refused() {
        assert_eq!(part_of(None), Some(Part::Newest));
        assert_eq!(part_of(Some("utm=1&before=42")), Some(Part::Before(PostId(42))));
        assert_eq!(
            part_of(Some("after=9007199254740991")),
            Some(Part::After(PostId((1 << 53) - 1)))
        );
        for bad in [
            "before=",
            "before=-1",
            "before=+1",
            "before=9007199254740992",
            "after=x",
            "after=99999999999999999999",
        ] {
            assert_eq!(part_of(Some(bad)), None, "{bad}");
        }
    }
}
