//! The page of an invitation: the web client's, with what it must know in `meta` elements, a preview for chat apps
//! ([Open Graph](https://ogp.me/)), and enough without script to use an XMPP app
//! ([XEP-0379 §3.3](https://xmpp.org/extensions/xep-0379.html)).
//!
//! What an invitation is worth is decided by whoever built the site. Whoever does not hold a token learns nothing here,
//! and of one that cannot be used no more is told than that.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use wire::BareJid;

use crate::answer;
use crate::catalogue::Catalogue;
use crate::catalogue::invite::Invite as Texts;
use crate::content;
use crate::qr;
use crate::render;
use crate::site::Site;
use crate::web_client;

/// The longest token that is looked up.
const TOKEN_BYTES: usize = 128;

/// Whether an invitation can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvitationState {
    /// It can.
    Open,
    /// As many came as it was for.
    Used,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Revoked,
    /// There is none, or there was one long ago.
    Unknown,
}

impl InvitationState {
    fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Used => "used",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Unknown => "unknown",
        }
    }
}

/// An invitation as whoever holds its token may see it.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// Whether it can be used.
    pub state: InvitationState,
    /// Who invites; `None` for the operator.
    pub by: Option<BareJid>,
    /// Whether who has no account gets one with it.
    pub makes_accounts: bool,
    /// The only name that its account may have.
    pub username: Option<String>,
    /// For XMPP apps.
    pub uri: String,
    /// Until when it is good, Unix milliseconds.
    pub expires: i64,
}

#[derive(Template)]
#[template(path = "invite.html")]
struct Body<'a> {
    text: &'static Texts,
    page: &'a Page,
}

/// What the page says.
struct Page {
    is_open: bool,
    title: String,
    description: &'static str,
    address: String,
    uri: String,
    picture: String,
    until: String,
}

/// The invitation of a token; a refusal when it cannot be looked up.
async fn find(site: &Site, token: &str) -> Result<Option<Invitation>, StatusCode> {
    if token.len() > TOKEN_BYTES {
        return Ok(None);
    }
    let found = (site.content.invitations)(token.to_owned()).await;
    found.ok_or(StatusCode::SERVICE_UNAVAILABLE)
}

/// `/invite/TOKEN`
pub(crate) async fn page(State(site): State<Arc<Site>>, Path(token): Path<String>) -> Response {
    let Ok(found) = find(&site, &token).await else {
        return answer::unavailable(&site);
    };
    let Some(index) = site.client.index_page() else {
        return answer::no_client(&site);
    };
    let state = found
        .as_ref()
        .map_or(InvitationState::Unknown, |found| found.state);
    let open = found.filter(|found| found.state == InvitationState::Open);
    let mut metas = vec![("folkmoot-invite-state", state.name().to_owned())];
    let page = match &open {
        Some(open) => {
            let name = name_of(&site, open).await;
            metas.extend(told(open, name.as_deref()));
            open_page(&site, &token, open, name)
        }
        None => closed_page(state),
    };
    let body = Body {
        text: &Catalogue::ENGLISH.invite,
        page: &page,
    };
    let Ok(body) = body.render() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let html = web_client::with_head(index, &page.title, &head(&site, &page, &metas), &body);
    let status = match state {
        InvitationState::Open => StatusCode::OK,
        InvitationState::Unknown => StatusCode::NOT_FOUND,
        InvitationState::Used | InvitationState::Expired | InvitationState::Revoked => StatusCode::GONE,
    };
    let mut response = answer::page(status, Ok(html), "no-store");
    response.headers_mut().insert(
        HeaderName::from_static("x-robots-tag"),
        HeaderValue::from_static("noindex, nofollow"),
    );
    answer::set_policy(&mut response, &web_client::client_policy(&site.settings));
    response
}

/// `/invite/TOKEN/qr.svg`: the same for the camera of a phone with an XMPP app.
pub(crate) async fn picture(State(site): State<Arc<Site>>, Path(token): Path<String>) -> Response {
    let open = match find(&site, &token).await {
        Ok(found) => found.filter(|found| found.state == InvitationState::Open),
        Err(_) => return answer::unavailable(&site),
    };
    let Some(picture) = open.and_then(|open| qr::svg(&open.uri)) else {
        return answer::not_found(&site);
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    (headers, picture).into_response()
}

/// What whoever invites is called. They gave the link away themselves, so their name goes with it.
async fn name_of(site: &Site, open: &Invitation) -> Option<String> {
    let by = open.by.as_ref()?;
    let name = content::nick(site, by).await.ok().flatten()?;
    Some(name.chars().take(60).collect())
}

/// What the web client must know of it.
fn told(open: &Invitation, name: Option<&str>) -> Vec<(&'static str, String)> {
    let mut metas = vec![
        ("folkmoot-invite-accounts", open.makes_accounts.to_string()),
        ("folkmoot-invite-xmpp", open.uri.clone()),
        ("folkmoot-invite-expires", format::datetime::to_text(open.expires)),
    ];
    let by = open.by.as_ref().map(ToString::to_string);
    for (key, value) in [
        ("folkmoot-invite-by", by),
        ("folkmoot-invite-name", name.map(str::to_owned)),
        ("folkmoot-invite-username", open.username.clone()),
    ] {
        metas.extend(value.map(|value| (key, value)));
    }
    metas
}

fn open_page(site: &Site, token: &str, open: &Invitation, name: Option<String>) -> Page {
    let text = &Catalogue::ENGLISH.invite;
    let address = open.by.as_ref().map_or_else(String::new, ToString::to_string);
    let local = || {
        let by = open.by.as_ref();
        by.and_then(|by| by.node()).map(str::to_owned)
    };
    let title = match name.or_else(local) {
        Some(name) => text.title.replacen("{}", &name, 1),
        None => text.title_of_site.to_owned(),
    };
    let date = format::datetime::to_text(open.expires);
    Page {
        is_open: true,
        // A name may hold braces of its own: the site's is put last, where the last ones are.
        title: match title.rfind("{}") {
            Some(at) => format!("{}{}{}", &title[..at], site.domain(), &title[at + 2..]),
            None => title,
        },
        description: if open.makes_accounts {
            text.description
        } else {
            text.description_of_contact
        },
        address,
        uri: open.uri.clone(),
        picture: format!("/invite/{}/qr.svg", format::uri::percent_encode(token)),
        until: text
            .until
            .replace("{}", date.split('T').next().unwrap_or_default()),
    }
}

fn closed_page(state: InvitationState) -> Page {
    let text = &Catalogue::ENGLISH.invite;
    Page {
        is_open: false,
        title: text.over.to_owned(),
        description: match state {
            InvitationState::Used => text.used,
            InvitationState::Expired => text.expired,
            InvitationState::Revoked => text.revoked,
            InvitationState::Open | InvitationState::Unknown => text.unknown,
        },
        address: String::new(),
        uri: String::new(),
        picture: String::new(),
        until: String::new(),
    }
}

/// The page's own elements of its head.
fn head(site: &Site, page: &Page, metas: &[(&str, String)]) -> String {
    let mut head = String::from("<meta name=\"robots\" content=\"noindex, nofollow\">\n");
    let value = render::attribute;
    for (name, content) in metas {
        head.push_str(&format!(
            "<meta name=\"{name}\" content=\"{}\">\n",
            value(content)
        ));
    }
    head.push_str(&format!(
        "<meta name=\"description\" content=\"{0}\">\n<meta property=\"og:type\" content=\"website\">\n\
         <meta property=\"og:site_name\" content=\"{1}\">\n<meta property=\"og:title\" content=\"{2}\">\n\
         <meta property=\"og:description\" content=\"{0}\">\n<meta name=\"twitter:card\" content=\"summary\">\n",
        value(page.description),
        value(site.domain()),
        value(&page.title),
    ));
    head
}
