//! The public pages: a person, a post, everybody, a tag.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use format::hashtag;
use http::{HeaderMap, StatusCode};
use store::PostId;
use wire::BareJid;

use crate::answer;
use crate::catalogue::{Catalogue, fill};
use crate::conditional;
use crate::content::{self, ContentError, Found, Page, Part, Source};
use crate::person::{Person, feed_path, path_of, read_handle, title_of};
use crate::post::{self, Post, excerpt};
use crate::render::{self, FurtherFeed, PostPage, Reply, Tabs, TimelinePage};
use crate::site::Site;
use crate::thread::{self, There};

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
    posts_of(&site, &handle, query.as_deref(), &headers, Source::Person).await
}

/// `/@NAME/replies`
pub(crate) async fn with_replies(
    State(site): State<Arc<Site>>,
    Path(handle): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    posts_of(&site, &handle, query.as_deref(), &headers, Source::WithReplies).await
}

async fn posts_of(
    site: &Site,
    handle: &str,
    query: Option<&str>,
    headers: &HeaderMap,
    source: fn(BareJid) -> Source,
) -> Response {
    let (jid, path) = match locate(site, handle) {
        Ok(found) => found,
        Err(response) => return *response,
    };
    let Some(part) = part_of(query) else {
        return answer::bad_request(site);
    };
    let source = source(jid.clone());
    let found = async {
        let page = match content::page(site, &source, part).await {
            // Who has moved has a page where they are now.
            Err(ContentError::NotFound) => {
                let main = content::main_blog(site, &jid)
                    .await?
                    .ok_or(ContentError::NotFound)?;
                return Ok(Err(main));
            }
            found => found?,
        };
        let further = content::further_feeds(site, &jid).await?;
        let profile = content::profile(site, &jid).await?;
        Ok(Ok((
            page,
            profile,
            further,
            content::main_blog(site, &jid).await?,
        )))
    };
    let (page, profile, further, main_blog) = match found.await {
        Ok(Ok(found)) => found,
        Ok(Err(main)) => return Redirect::temporary(&main).into_response(),
        Err(error) => return refused(site, &error),
    };
    let name = profile.name.or_else(|| name_in(&page, &jid).map(str::to_owned));
    let person = Person::new(site, &jid, name.as_deref());
    let tabs = Tabs {
        posts: path.clone(),
        with_replies: format!("{path}/replies"),
        is_with_replies: matches!(source, Source::WithReplies(_)),
    };
    let here = if tabs.is_with_replies {
        tabs.with_replies.clone()
    } else {
        tabs.posts.clone()
    };
    let shown = TimelinePage {
        title: person.name.clone(),
        description: fill(TEXT.posts_by, &person.address),
        canonical: absolute(site, &here),
        feed: format!("{here}/feed.atom"),
        app_path: path.trim_start_matches('/').to_owned(),
        address: jid.to_string(),
        person: Some(person),
        note: profile.note,
        main_blog,
        feeds: further
            .iter()
            .map(|view| FurtherFeed {
                title: title_of(view).to_owned(),
                href: feed_path(site, &jid, &view.name),
            })
            .collect(),
        tabs: Some(tabs),
        ..list(site, &page, &here, Some((&jid, name.as_deref())))
    };
    finish(site, headers, render::timeline(site, &shown))
}

/// `/@NAME/blog/NODE`
pub(crate) async fn further_feed(
    State(site): State<Arc<Site>>,
    Path((handle, node)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let (jid, person_path) = match locate(&site, &handle) {
        Ok(found) => found,
        Err(response) => return *response,
    };
    let Some(part) = part_of(query.as_deref()) else {
        return answer::bad_request(&site);
    };
    let source = Source::Feed(jid.clone(), node.clone());
    let found = async {
        let view = content::further_feed(&site, &jid, &node).await?;
        let page = content::page(&site, &source, part).await?;
        Ok((view, page, content::profile(&site, &jid).await?))
    };
    let (view, page, profile) = match found.await {
        Ok(found) => found,
        Err(error) => return refused(&site, &error),
    };
    let name = profile.name.or_else(|| name_in(&page, &jid).map(str::to_owned));
    let person = Person::new(&site, &jid, name.as_deref());
    let path = feed_path(&site, &jid, &node);
    let description = match &view.config.description {
        Some(description) => description.to_string(),
        None => fill(TEXT.posts_by, &person.address),
    };
    let shown = TimelinePage {
        title: title_of(&view).to_owned(),
        description,
        canonical: absolute(&site, &path),
        feed: format!("{path}/feed.atom"),
        app_path: person_path.trim_start_matches('/').to_owned(),
        by: Some(person),
        ..list(&site, &page, &path, Some((&jid, name.as_deref())))
    };
    finish(&site, &headers, render::timeline(&site, &shown))
}

/// `/@NAME/POSTID`
pub(crate) async fn post(
    State(site): State<Arc<Site>>,
    Path((handle, post_id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let (jid, path) = match locate(&site, &handle) {
        Ok(found) => found,
        Err(response) => return *response,
    };
    let Some(post_id) = read_post_id(&post_id) else {
        return answer::not_found(&site);
    };
    let Some(part) = part_of(query.as_deref()) else {
        return answer::bad_request(&site);
    };
    let found = async {
        let there = thread::read(&site, &jid, post_id, part).await?;
        Ok((there, content::profile(&site, &jid).await?))
    };
    let (there, profile) = match found.await {
        Ok(found) => found,
        Err(error) => return refused(&site, &error),
    };
    let ready = |found: &Found| {
        let name = profile.name.as_deref().filter(|_| found.author == jid);
        Post::new(&site, found, name)
    };
    let here = format!("{path}/{}", post_id.0);
    let parts = |from: &str, number: Option<PostId>| number.map(|id| format!("{here}?{from}={}", id.0));
    let shown = match there {
        There::Boost(author, number) => {
            return match path_of(&site, &author) {
                Some(path) => Redirect::temporary(&format!("{path}/{}", number.0)).into_response(),
                None => answer::not_found(&site),
            };
        }
        There::Alone(found) => alone(&site, &path, &found, ready(&found)),
        There::Thread(thread) => {
            let is_about = |found: &&Found| found.post_id == post_id;
            let about = std::iter::once(&thread.root)
                .chain(&thread.replies)
                .find(is_about);
            let about = about.unwrap_or(&thread.root);
            let is_first = about.post_id == thread.root.post_id;
            let replies = thread.replies.iter().map(|found| {
                let mut post = ready(found);
                // What answers to the first post stands right below it.
                let parent = found.about.place.as_ref().and_then(|place| place.parent.as_ref());
                if parent.is_some_and(|(parent, _)| *parent == thread.root.post_id) {
                    post.reply_to = None;
                }
                Reply {
                    is_focus: found.post_id == post_id,
                    post,
                }
            });
            PostPage {
                replies: replies.collect(),
                first: (!is_first).then(|| ready(&thread.root)),
                earlier: parts("before", thread.earlier),
                later: parts("after", thread.later),
                ..alone(&site, &path, about, ready(about))
            }
        }
    };
    finish(&site, &headers, render::post(&site, &shown))
}

/// The page of a post by itself.
fn alone(site: &Site, path: &str, found: &Found, post: Post) -> PostPage {
    PostPage {
        title: fill(TEXT.post_by, &post.author.name),
        description: excerpt(&found.entry.text()),
        canonical: absolute(site, &post.href),
        feed: format!("{path}/feed.atom"),
        app_path: post.href.trim_start_matches('/').to_owned(),
        uri: found.uri.clone(),
        post,
        first: None,
        replies: Vec::new(),
        earlier: None,
        later: None,
    }
}

/// What a person calls themselves in their posts: the newest name that is not only their address's first part, which
/// the server writes where a client wrote none.
fn name_in<'a>(page: &'a Page, jid: &BareJid) -> Option<&'a str> {
    page.posts
        .iter()
        .filter(|found| found.author == *jid)
        .filter_map(post::author_name)
        .find(|name| Some(*name) != jid.node())
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
fn list(site: &Site, page: &Page, path: &str, of: Option<(&BareJid, Option<&str>)>) -> TimelinePage {
    let name = |found: &Found| {
        of.filter(|(jid, _)| found.author == **jid)
            .and_then(|(_, name)| name)
    };
    let post = |found: &Found| {
        let mut post = Post::new(site, found, name(found));
        if let (Some(by), Some((jid, name))) = (&found.boosted_by, of) {
            post.boosted_by = Some(Person::new(site, by, name.filter(|_| by == jid)));
        }
        post
    };

    TimelinePage {
        title: String::new(),
        description: String::new(),
        canonical: String::new(),
        feed: String::new(),
        app_path: String::new(),
        address: String::new(),
        person: None,
        by: None,
        note: None,
        main_blog: None,
        feeds: Vec::new(),
        posts: page.posts.iter().map(post).collect(),
        tabs: None,
        newer: page.newer.map(|id| format!("{path}?after={}", id.0)),
        older: page.older.map(|id| format!("{path}?before={}", id.0)),
        empty: TEXT.nothing_yet,
        is_public_stream: false,
    }
}

pub(crate) fn finish(site: &Site, headers: &HeaderMap, html: Result<String, askama::Error>) -> Response {
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
pub(crate) fn part_of(query: Option<&str>) -> Option<Part> {
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
