//! Atom feeds (RFC 4287) of a person, a tag and everybody.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use format::hashtag;
use http::HeaderMap;
use store::Timestamp;
use wire::BareJid;

use crate::answer;
use crate::catalogue::{Catalogue, fill};
use crate::communities;
use crate::conditional;
use crate::content::{self, Found, Page, Part, Source};
use crate::date;
use crate::pages::{absolute, refused};
use crate::person::{Person, feed_path, path_of, read_handle, title_of};
use crate::post::{self, excerpt, to_html};
use crate::render::{attribute, escaped};
use crate::site::Site;

const ATOM: &str = "application/atom+xml; charset=utf-8";
/// Readers ask every few minutes at most.
const CACHE: &str = "public, max-age=60";

const TEXT: &Catalogue = &Catalogue::ENGLISH;

/// What a feed is about.
struct Head {
    title: String,
    /// The path of the page that shows the same.
    path: String,
    /// Whose it is, where it is one person's.
    person: Option<Person>,
}

/// `/public/feed.atom`
pub(crate) async fn public(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let head = Head {
        title: TEXT.public_stream.into(),
        path: "/public".into(),
        person: None,
    };
    answer(&site, &headers, &Source::Public, head).await
}

/// `/tag/NAME/feed.atom`
pub(crate) async fn tag(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let tag = hashtag::fold(&name);
    if tag.is_empty() {
        return answer::bad_request(&site);
    }
    let path = post::tag_path(&tag);
    if tag != name {
        return Redirect::permanent(&format!("{path}/feed.atom")).into_response();
    }
    let head = Head {
        title: format!("#{tag}"),
        path,
        person: None,
    };
    answer(&site, &headers, &Source::Tag(tag), head).await
}

/// `/@NAME/feed.atom`
pub(crate) async fn person(
    State(site): State<Arc<Site>>,
    Path(handle): Path<String>,
    headers: HeaderMap,
) -> Response {
    feed_of(&site, &handle, &headers, "", Source::Person).await
}

/// `/@NAME/replies/feed.atom`
pub(crate) async fn with_replies(
    State(site): State<Arc<Site>>,
    Path(handle): Path<String>,
    headers: HeaderMap,
) -> Response {
    feed_of(&site, &handle, &headers, "/replies", Source::WithReplies).await
}

/// `/@NAME/blog/NODE/feed.atom`
pub(crate) async fn further_feed(
    State(site): State<Arc<Site>>,
    Path((handle, node)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let Some(jid) = read_handle(&site, &handle) else {
        return answer::not_found(&site);
    };
    let found = async {
        let view = content::further_feed(&site, &jid, &node).await?;
        Ok((view, content::profile(&site, &jid).await?))
    };
    let (view, profile) = match found.await {
        Ok(found) => found,
        Err(error) => return refused(&site, &error),
    };
    let head = Head {
        title: title_of(&view).to_owned(),
        path: feed_path(&site, &jid, &node),
        person: Some(Person::new(&site, &jid, profile.name.as_deref())),
    };
    answer(&site, &headers, &Source::Feed(jid, node), head).await
}

/// `/c/NAME/feed.atom`
pub(crate) async fn community(
    State(site): State<Arc<Site>>,
    Path(node): Path<String>,
    headers: HeaderMap,
) -> Response {
    let community = match communities::open(&site, &node).await {
        Ok(community) => community,
        Err(error) => return refused(&site, &error),
    };
    let head = Head {
        title: communities::title(&community).to_owned(),
        path: communities::path(&node),
        person: None,
    };
    answer(&site, &headers, &Source::Community(node), head).await
}

async fn feed_of(
    site: &Site,
    handle: &str,
    headers: &HeaderMap,
    page: &str,
    source: fn(BareJid) -> Source,
) -> Response {
    let Some(jid) = read_handle(site, handle) else {
        return answer::not_found(site);
    };
    let profile = match content::profile(site, &jid).await {
        Ok(profile) => profile,
        Err(error) => return refused(site, &error),
    };
    let person = Person::new(site, &jid, profile.name.as_deref());
    let path = path_of(site, &jid).unwrap_or_default();
    let head = Head {
        title: fill(TEXT.posts_by, &person.address),
        path: format!("{path}{page}"),
        person: Some(person),
    };
    answer(site, headers, &source(jid), head).await
}

async fn answer(site: &Site, headers: &HeaderMap, source: &Source, head: Head) -> Response {
    match content::page(site, source, Part::Newest).await {
        Ok(page) => {
            let modified = page.posts.iter().map(|found| found.modified).max();
            conditional::answer(
                headers,
                ATOM,
                CACHE,
                modified,
                write(site, &head, &page, modified),
            )
        }
        Err(error) => refused(site, &error),
    }
}

fn write(site: &Site, head: &Head, page: &Page, modified: Option<Timestamp>) -> String {
    let page_url = absolute(site, &head.path);
    let feed_url = format!("{page_url}/feed.atom");
    // §4.1.1: a feed has its time, also without entries.
    let updated = date::iso(modified.unwrap_or(Timestamp(0)));
    let mut out = format!(
        "<?xml version='1.0' encoding='utf-8'?>\n<feed xmlns='http://www.w3.org/2005/Atom' \
         xmlns:thr='http://purl.org/syndication/thread/1.0' xml:base='{}/'>\n\
         <id>{}</id>\n<title>{}</title>\n<updated>{updated}</updated>\n\
         <link rel='self' type='application/atom+xml' href='{}'/>\n<link rel='alternate' type='text/html' href='{}'/>\n\
         <generator version='{}'>Folkmoot</generator>\n",
        attribute(&site.settings.site_url),
        escaped(&feed_url),
        escaped(&head.title),
        attribute(&feed_url),
        attribute(&page_url),
        env!("CARGO_PKG_VERSION"),
    );
    if let Some(person) = &head.person {
        author(&mut out, &person.name, &person.address);
    }
    for found in &page.posts {
        entry(site, found, head.person.as_ref(), &mut out);
    }
    out.push_str("</feed>\n");
    out
}

fn author(out: &mut String, name: &str, address: &str) {
    out.push_str(&format!(
        "<author><name>{}</name><uri>xmpp:{}</uri></author>\n",
        escaped(name),
        escaped(address)
    ));
}

fn entry(site: &Site, found: &Found, person: Option<&Person>, out: &mut String) {
    let url = absolute(site, &post::path(site, found));
    // The author's own id, so that a post read here and over XMPP is known as one.
    let id = found.entry.id.clone().unwrap_or_else(|| url.clone());
    let title = excerpt(&found.entry.text());
    let html: String = [&found.entry.contents, &found.entry.titles]
        .into_iter()
        .find_map(|texts| {
            texts
                .iter()
                .find(|text| !matches!(text, format::atom::Text::Plain(_)))
                .or_else(|| texts.first())
        })
        .map(to_html)
        .unwrap_or_default();
    out.push_str(&format!(
        "<entry>\n<id>{}</id>\n<title>{}</title>\n<published>{}</published>\n<updated>{}</updated>\n\
         <link rel='alternate' type='text/html' href='{}'/>\n",
        escaped(&id),
        escaped(&title),
        date::iso(post::published(found)),
        date::iso(found.modified),
        attribute(&url),
    ));
    let own = Person::new(site, &found.author, post::author_name(found));
    let named = person
        .filter(|person| person.address == own.address)
        .unwrap_or(&own);
    author(out, &named.name, &own.address);
    replies(site, found, out);
    for category in &found.entry.categories {
        out.push_str(&format!("<category term='{}'/>\n", attribute(&category.term)));
    }
    out.push_str(&format!(
        "<content type='html'>{}</content>\n</entry>\n",
        escaped(&html)
    ));
}

/// RFC 4685: what the entry answers to (§3), and how many answer to it (§5).
fn replies(site: &Site, found: &Found, out: &mut String) {
    let place = found.about.place.as_ref();
    let page = place
        .and_then(|place| place.parent.as_ref())
        .and_then(|(number, author)| Some((number, path_of(site, author)?)))
        .map(|(number, path)| absolute(site, &format!("{path}/{}", number.0)));
    for parent in &found.entry.in_reply_to {
        let Some(reference) = parent.reference.as_ref().or(parent.href.as_ref()) else {
            continue;
        };
        out.push_str(&format!("<thr:in-reply-to ref='{}'", attribute(reference)));
        if let Some(page) = &page {
            out.push_str(&format!(" href='{}' type='text/html'", attribute(page)));
        }
        out.push_str("/>\n");
    }
    if let Some(counts) = &found.about.counts {
        out.push_str(&format!("<thr:total>{}</thr:total>\n", counts.replies));
    }
}
