//! Fills the templates of the public pages. What goes in is escaped there, but for a post's
//! body, which has been cleaned.

use std::sync::LazyLock;

use askama::Template;

use crate::catalogue::Catalogue;
use crate::communities::{CommunitiesPage, CommunityPage};
use crate::conditional::etag_of;
use crate::person::{HUES, Person};
use crate::post::Post;
use crate::site::Site;

/// The style sheet's text: the file, and a class for each hue of a face, since no page may style an element by itself.
pub(crate) static STYLE: LazyLock<String> = LazyLock::new(|| {
    let mut style = String::from(include_str!("../style/site.css"));
    for hue in 0..HUES {
        style.push_str(&format!(".hue-{hue} {{ --hue: {}; }}\n", hue * 360 / HUES));
    }
    style
});

/// The style sheet's address; it changes with the text, which may so be kept for ever.
pub(crate) static STYLE_PATH: LazyLock<String> =
    LazyLock::new(|| format!("/style-{}.css", etag_of(STYLE.as_bytes()).trim_matches('"')));

/// What every page shows of its site.
pub(crate) struct Frame<'a> {
    title: &'a str,
    style: &'a str,
    is_public_stream: bool,
}

/// A list of posts: a person's, a tag's, everybody's.
pub(crate) struct TimelinePage {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) canonical: String,
    pub(crate) feed: String,
    /// The path of the same below the web client's `/app/`.
    pub(crate) app_path: String,
    /// The XMPP address of whose page it is; empty elsewhere.
    pub(crate) address: String,
    pub(crate) person: Option<Person>,
    /// Whose feed it is, where it is one besides their main blog.
    pub(crate) by: Option<Person>,
    pub(crate) note: Option<String>,
    /// Where a person's main blog is, if not here.
    pub(crate) main_blog: Option<String>,
    /// A person's feeds besides their main blog.
    pub(crate) feeds: Vec<FurtherFeed>,
    pub(crate) posts: Vec<Post>,
    /// A person's two lists: their addresses, and which of them this is.
    pub(crate) tabs: Option<Tabs>,
    pub(crate) newer: Option<String>,
    pub(crate) older: Option<String>,
    pub(crate) empty: &'static str,
    pub(crate) is_public_stream: bool,
}

/// A feed of a person's besides their main blog.
pub(crate) struct FurtherFeed {
    pub(crate) title: String,
    pub(crate) href: String,
}

/// What a person's page shows.
pub(crate) struct Tabs {
    pub(crate) posts: String,
    pub(crate) with_replies: String,
    pub(crate) is_with_replies: bool,
}

/// One post, and the thread that it belongs to.
pub(crate) struct PostPage {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) canonical: String,
    pub(crate) feed: String,
    pub(crate) app_path: String,
    /// The post's XMPP URI.
    pub(crate) uri: String,
    pub(crate) post: Post,
    /// The first post of the thread, where that is another one.
    pub(crate) first: Option<Post>,
    /// Replies; the post itself may be among them.
    pub(crate) replies: Vec<Reply>,
    pub(crate) earlier: Option<String>,
    pub(crate) later: Option<String>,
}

/// A post in a thread.
pub(crate) struct Reply {
    pub(crate) post: Post,
    /// Whether it is the one that the page is about.
    pub(crate) is_focus: bool,
}

/// A page that only says something.
pub(crate) struct MessagePage {
    pub(crate) code: Option<u16>,
    pub(crate) title: &'static str,
    pub(crate) explanation: &'static str,
}

/// The page that sets up a phone of a home network.
pub(crate) struct LanPage {
    pub(crate) title: String,
    pub(crate) domain: String,
    /// The host that the page was asked at, as it stands in a link.
    pub(crate) host: String,
    /// The same as it is typed into an app.
    pub(crate) app_host: String,
    pub(crate) fingerprint: String,
    pub(crate) xmpp: Option<u16>,
    pub(crate) https: Option<u16>,
}

#[derive(Template)]
#[template(path = "lan.html")]
struct LanTemplate<'a> {
    site: Frame<'a>,
    text: &'static Catalogue,
    lan: &'static crate::catalogue::lan::Lan,
    page: &'a LanPage,
}

#[derive(Template)]
#[template(path = "timeline.html")]
struct TimelineTemplate<'a> {
    site: Frame<'a>,
    text: &'static Catalogue,
    page: &'a TimelinePage,
}

#[derive(Template)]
#[template(path = "community.html")]
struct CommunityTemplate<'a> {
    site: Frame<'a>,
    text: &'static Catalogue,
    words: &'static crate::catalogue::communities::Communities,
    page: &'a CommunityPage,
}

#[derive(Template)]
#[template(path = "communities.html")]
struct CommunitiesTemplate<'a> {
    site: Frame<'a>,
    text: &'static Catalogue,
    words: &'static crate::catalogue::communities::Communities,
    page: &'a CommunitiesPage,
}

#[derive(Template)]
#[template(path = "post.html")]
struct PostTemplate<'a> {
    site: Frame<'a>,
    text: &'static Catalogue,
    page: &'a PostPage,
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessageTemplate<'a> {
    site: Frame<'a>,
    text: &'static Catalogue,
    page: &'a MessagePage,
}

fn frame(site: &Site, is_public_stream: bool) -> Frame<'_> {
    Frame {
        title: site.domain(),
        style: STYLE_PATH.as_str(),
        is_public_stream,
    }
}

/// The page of a list of posts.
pub(crate) fn timeline(site: &Site, page: &TimelinePage) -> Result<String, askama::Error> {
    TimelineTemplate {
        site: frame(site, page.is_public_stream),
        text: &Catalogue::ENGLISH,
        page,
    }
    .render()
}

/// The page of a community.
pub(crate) fn community(site: &Site, page: &CommunityPage) -> Result<String, askama::Error> {
    CommunityTemplate {
        site: frame(site, false),
        text: &Catalogue::ENGLISH,
        words: &Catalogue::ENGLISH.communities,
        page,
    }
    .render()
}

/// The directory of communities.
pub(crate) fn communities(site: &Site, page: &CommunitiesPage) -> Result<String, askama::Error> {
    CommunitiesTemplate {
        site: frame(site, false),
        text: &Catalogue::ENGLISH,
        words: &Catalogue::ENGLISH.communities,
        page,
    }
    .render()
}

/// The page of one post.
pub(crate) fn post(site: &Site, page: &PostPage) -> Result<String, askama::Error> {
    PostTemplate {
        site: frame(site, false),
        text: &Catalogue::ENGLISH,
        page,
    }
    .render()
}

/// The page that sets up a phone.
pub(crate) fn lan(site: &Site, page: &LanPage) -> Result<String, askama::Error> {
    LanTemplate {
        site: frame(site, false),
        text: &Catalogue::ENGLISH,
        lan: &Catalogue::ENGLISH.lan,
        page,
    }
    .render()
}

/// The page that only says something.
pub(crate) fn message(site: &Site, page: &MessagePage) -> Result<String, askama::Error> {
    MessageTemplate {
        site: frame(site, false),
        text: &Catalogue::ENGLISH,
        page,
    }
    .render()
}

/// Text as it stands in an attribute's quotes.
pub(crate) fn attribute(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    wire::escape_attr(text, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// Text as it stands between tags.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    wire::escape_text(text, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}
