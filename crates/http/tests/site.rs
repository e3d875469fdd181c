//! The site as its readers see it: a database with people and posts, and requests to the router.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bus::{AccessModel, MICROBLOG};
use format::form::{DataForm, Field, FormType};
use http::{Request, Response};
use http_site::{Client, Content, Invitation, InvitationState, Network, Settings, Site};
use pubsub::{Actor, Host, NewItem, Relation, Relations};
use store::accounts::{Account, AccountState};
use store::{BoxFuture, JidNo, Store, SystemClock, Timestamp};
use tower::ServiceExt;
use wire::{BareJid, Jid};

/// Nobody is anybody's contact.
struct Strangers;

impl Relations for Strangers {
    fn relation(&self, _: JidNo, _: JidNo) -> BoxFuture<'_, Relation> {
        Box::pin(std::future::ready(Relation::default()))
    }
}

struct Place {
    folder: PathBuf,
    store: Store,
    host: Host,
    router: Router,
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Place {
    async fn new(name: &str, requests_per_minute: Option<u32>) -> Self {
        let folder = std::env::temp_dir().join(format!("folkmoot-site-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let store = Store::open(&folder, &store::Options::default()).unwrap();
        let settings = pubsub::Settings {
            domains: vec!["example.org".into(), "other.example".into()],
            ..Default::default()
        };
        let host = Host::new(
            store.clone(),
            Arc::new(SystemClock::default()),
            Arc::new(Strangers),
            settings,
            tokio_util::task::TaskTracker::new(),
        );
        let timelines = social::Timelines::new(store.clone(), host.clone());
        host.set_sinks(vec![Arc::new(timelines.clone())]);
        let settings = Settings {
            domains: vec!["example.org".into(), "other.example".into()],
            pubsub_prefix: "pubsub.".into(),
            site_url: "https://social.example.org".into(),
            registration: "invite",
            audience: "open",
            requests_per_minute,
            body_bytes: 1_024,
            patience: Duration::from_secs(10),
            metrics_allow: Network::loopback().to_vec(),
            lan: None,
            ways: http_site::Ways::default(),
            sockets: Vec::new(),
        };
        let content = Content {
            store: store.clone(),
            host: host.clone(),
            timelines,
            invitations: invitations(),
            metrics: Box::new(|| "numbers 1\n# EOF\n".into()),
        };
        let router = http_site::router(Site::new(settings, content));
        Self {
            folder,
            store,
            host,
            router,
        }
    }

    async fn person(&self, address: &str, access: AccessModel) -> Actor {
        let jid = BareJid::parse(address).unwrap();
        let no = self.store.jids().number(address).await.unwrap();
        let account = store::accounts::create(Account {
            no,
            domain: jid.domain().into(),
            localpart: jid.node().unwrap().into(),
            state: AccountState::Active,
            is_admin: false,
            created: Timestamp(0),
            last_login: None,
            settings: String::new(),
        });
        self.host
            .found_account(&jid, access, account, None)
            .await
            .unwrap()
            .await
            .unwrap();
        Actor {
            jid: Jid::parse(address).unwrap(),
            no,
        }
    }

    async fn publish(&self, who: &Actor, node: &str, id: &str, payload: &str) {
        let item = NewItem {
            id: Some(id.into()),
            payload: Some(payload.as_bytes().to_vec()),
        };
        let accepted = self
            .host
            .publish(&who.jid.bare(), who, node, vec![item], None)
            .await
            .unwrap();
        accepted.durable.await.unwrap();
    }

    async fn post(&self, who: &Actor, id: &str, text: &str) {
        let entry =
            format!("<entry xmlns='http://www.w3.org/2005/Atom'><title type='text'>{text}</title></entry>");
        self.publish(who, MICROBLOG, id, &entry).await;
    }

    async fn send(&self, request: Request<Body>, address: [u8; 4]) -> Response<Body> {
        let mut request = request;
        request
            .extensions_mut()
            .insert(Client::direct(address.into(), false));
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn get(&self, path: &str) -> (u16, http::HeaderMap, String) {
        let request = Request::get(path)
            .header("host", "social.example.org")
            .body(Body::empty())
            .unwrap();
        let response = self.send(request, [192, 0, 2, 1]).await;
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        (
            parts.status.as_u16(),
            parts.headers,
            String::from_utf8(bytes.to_vec()).unwrap(),
        )
    }

    /// The page's text; it must be there.
    async fn page(&self, path: &str) -> String {
        let (status, headers, body) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        assert!(
            headers["content-security-policy"]
                .to_str()
                .unwrap()
                .contains("default-src"),
            "{path}"
        );
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        body
    }
}

/// A house with four invitations: to `open`, `operators`, `used`, and one that cannot be looked up.
fn invitations() -> http_site::Find<Option<Invitation>> {
    Box::new(|token| {
        let invitation = |state, by: Option<&str>| Invitation {
            state,
            by: by.map(|by| BareJid::parse(by).unwrap()),
            makes_accounts: by.is_some(),
            username: None,
            uri: "xmpp:romeo@example.org?roster;preauth=open;ibr=y".into(),
            expires: 1_800_000_000_000,
        };
        let found = match token.as_str() {
            "open" => Some(Some(invitation(InvitationState::Open, Some("romeo@example.org")))),
            "operators" => Some(Some(invitation(InvitationState::Open, None))),
            "used" => Some(Some(invitation(InvitationState::Used, Some("romeo@example.org")))),
            "broken" => None,
            _ => Some(None),
        };
        Box::pin(async move { found })
    })
}

#[tokio::test]
async fn an_invitation_has_a_page_that_works_without_script() {
    let place = Place::new("invite", None).await;
    let romeo = place.person("romeo@example.org", AccessModel::Presence).await;
    let nick = "<nick xmlns='http://jabber.org/protocol/nick'>Romeo &lt;M> {}</nick>";
    place
        .publish(&romeo, "http://jabber.org/protocol/nick", "current", nick)
        .await;
    let (status, headers, page) = place.get("/invite/open").await;
    if page.contains("was not built into this program") {
        return;
    }
    assert_eq!(status, 200);
    assert_eq!(headers["x-robots-tag"], "noindex, nofollow");
    assert_eq!(headers["cache-control"], "no-store");
    for part in [
        "<title>Romeo &lt;M&gt; {} invites you to example.org</title>",
        "<meta name=\"robots\" content=\"noindex, nofollow\">",
        "<meta name=\"folkmoot-invite-state\" content=\"open\">",
        "<meta name=\"folkmoot-invite-by\" content=\"romeo@example.org\">",
        "<meta name=\"folkmoot-invite-accounts\" content=\"true\">",
        "<meta name=\"folkmoot-invite-expires\" content=\"2027-01-15T08:00:00Z\">",
        "<meta property=\"og:title\" content=\"Romeo &lt;M&gt; {} invites you to example.org\">",
        "<strong>romeo@example.org</strong>",
        "href=\"xmpp:romeo@example.org?roster;preauth=open;ibr=y\"",
        "src=\"/invite/open/qr.svg\"",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    let (status, headers, picture) = place.get("/invite/open/qr.svg").await;
    assert_eq!(
        (status, &headers["content-type"]),
        (200, &"image/svg+xml".parse().unwrap())
    );
    assert!(picture.starts_with("<svg"));
    let (status, _, page) = place.get("/invite/operators").await;
    assert_eq!(status, 200);
    assert!(page.contains("<title>You are invited to example.org</title>"));
    assert!(!page.contains("folkmoot-invite-by") && page.contains("with your account here"));
    // Of one that is over, nobody's name is told.
    for (token, status, state) in [("used", 410, "used"), ("wrong", 404, "unknown")] {
        let (found, _, page) = place.get(&format!("/invite/{token}")).await;
        assert_eq!(found, status);
        assert!(page.contains(&format!("folkmoot-invite-state\" content=\"{state}\"")));
        assert!(!page.contains("romeo") && !page.contains("Romeo"), "{page}");
        assert_eq!(place.get(&format!("/invite/{token}/qr.svg")).await.0, 404);
    }
    assert_eq!(place.get("/invite/broken").await.0, 503);
    assert_eq!(place.get(&format!("/invite/{}", "x".repeat(200))).await.0, 404);
}

/// Every address in the page that a link names.
fn links<'a>(page: &'a str, beginning: &str) -> Vec<&'a str> {
    page.split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|href| href.starts_with(beginning))
        .collect()
}

#[tokio::test]
async fn what_is_public_is_shown_and_nothing_else() {
    let place = Place::new("public", None).await;
    let romeo = place.person("romeo@example.org", AccessModel::Open).await;
    let juliet = place.person("juliet@example.org", AccessModel::Presence).await;
    let elsewhere = place.person("nurse@other.example", AccessModel::Open).await;
    place.post(&romeo, "one", "Hello &lt;b&gt; #Verona").await;
    place.post(&juliet, "one", "For my friends in #verona only").await;
    place.post(&elsewhere, "one", "Peter! #verona").await;

    for path in ["/public", "/tag/verona"] {
        let page = place.page(path).await;
        assert!(
            page.contains("Hello &lt;b&gt;") && page.contains("Peter!"),
            "{page}"
        );
        assert!(!page.contains("friends"), "{page}");
        assert!(page.contains("href=\"/@nurse@other.example\""), "{page}");
    }
    let profile = place.page("/@romeo").await;
    assert!(profile.contains("Hello") && !profile.contains("Peter!"));
    assert!(place.page("/@nurse@other.example").await.contains("Peter!"));

    // What is not public and what is not there look the same.
    let (status, _, closed) = place.get("/@juliet").await;
    let (nobody_status, _, nobody) = place.get("/@nobody").await;
    assert_eq!((status, nobody_status), (404, 404));
    assert_eq!(closed, nobody);
    assert_eq!(place.get("/@juliet/feed.atom").await.0, 404);
    assert_eq!(place.get("/@romeo@elsewhere.example").await.0, 404);
    assert_eq!(place.get("/romeo").await.0, 404);

    let permalink = links(&profile, "/@romeo/")
        .into_iter()
        .find(|href| href.ends_with(|c: char| c.is_ascii_digit()))
        .unwrap();
    let post = place.page(permalink).await;
    assert!(
        post.contains("Hello &lt;b&gt;") && post.contains("og:description"),
        "{post}"
    );
    assert!(post.contains("href=\"/tag/verona\""));
    let id = permalink.rsplit('/').next().unwrap();
    // The same number under another's name is nothing.
    assert_eq!(place.get(&format!("/@nurse@other.example/{id}")).await.0, 404);
    assert_eq!(place.get("/@romeo/1").await.0, 404);
    assert_eq!(place.get("/@romeo/x").await.0, 404);
    // One address for one page.
    let (status, headers, _) = place.get("/tag/Verona").await;
    assert_eq!(
        (status, &headers["location"]),
        (308, &"/tag/verona".parse().unwrap())
    );
    for (asked, wanted) in [
        ("/@juliet/", "/@juliet"),
        ("/@juliet/17/?before=3", "/@juliet/17?before=3"),
        ("/c/news//", "/c/news"),
    ] {
        let (status, headers, _) = place.get(asked).await;
        assert_eq!((status, headers["location"].to_str().unwrap()), (308, wanted));
    }
    // Another host's address is not led to.
    assert_eq!(place.get("//elsewhere.example/").await.0, 404);
}

#[tokio::test]
async fn what_somebody_takes_back_or_closes_is_gone() {
    let place = Place::new("gone", None).await;
    let romeo = place.person("romeo@example.org", AccessModel::Open).await;
    place.post(&romeo, "one", "A slip #verona").await;
    let profile = place.page("/@romeo").await;
    let permalink = links(&profile, "/@romeo/")
        .into_iter()
        .find(|href| href.ends_with(|c: char| c.is_ascii_digit()))
        .unwrap()
        .to_owned();
    let wiser = "<entry xmlns='http://www.w3.org/2005/Atom'><title type='text'>A wiser word</title>\
                 <published>2026-01-01T10:00:00Z</published><updated>2026-01-01T11:00:00Z</updated></entry>";
    place.publish(&romeo, MICROBLOG, "one", wiser).await;
    let edited = place.page(&permalink).await;
    assert!(edited.contains("A wiser word") && edited.contains("edited") && !edited.contains("slip"));
    assert!(!place.page("/tag/verona").await.contains("slip"));
    let accepted = place
        .host
        .retract(&romeo.jid.bare(), &romeo, MICROBLOG, &["one"], false)
        .await
        .unwrap();
    accepted.durable.await.unwrap();
    assert_eq!(place.get(&permalink).await.0, 404);
    assert!(
        place
            .page("/public")
            .await
            .contains("Nothing has been posted here yet")
    );
    place.post(&romeo, "two", "Last words #verona").await;
    assert!(place.page("/public").await.contains("Last words"));
    place
        .store
        .write(store::accounts::set_state(romeo.no, AccountState::Disabled))
        .await
        .unwrap();
    assert_eq!(place.get("/@romeo").await.0, 404);
    for path in [
        "/public",
        "/public/feed.atom",
        "/tag/verona",
        "/tag/verona/feed.atom",
    ] {
        assert!(!place.get(path).await.2.contains("Last words"), "{path}");
    }
}

#[tokio::test]
async fn hostile_posts_do_no_harm() {
    let place = Place::new("hostile", None).await;
    let mallory = place.person("mallory@example.org", AccessModel::Open).await;
    let entry = "<entry xmlns='http://www.w3.org/2005/Atom'>\
        <title type='text'>&lt;script&gt;alert(1)&lt;/script&gt;</title>\
        <author><name>&lt;img src=x onerror=alert(2)&gt;</name><uri>xmpp:mallory@example.org</uri></author>\
        <category term='\"&gt;&lt;script&gt;'/>\
        <content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><p onclick='alert(3)'>fine</p>\
        <script>alert(4)</script><a href='javascript:alert(5)'>link</a></div></content></entry>";
    place.publish(&mallory, MICROBLOG, "one", entry).await;
    for path in ["/public", "/@mallory", "/@mallory/feed.atom", "/public/feed.atom"] {
        let page = place.page(path).await;
        assert!(page.contains("fine"), "{page}");
        for bad in ["<script", "<img", "onclick", "javascript:", "alert(4)"] {
            assert!(!page.contains(bad), "{bad} in {page}");
        }
    }
}

#[tokio::test]
async fn pages_lead_to_older_and_newer_posts() {
    let place = Place::new("paging", None).await;
    let romeo = place.person("romeo@example.org", AccessModel::Open).await;
    for number in 0..45 {
        place
            .post(&romeo, &format!("id{number}"), &format!("post number {number}."))
            .await;
    }
    for path in ["/public", "/@romeo"] {
        let shown = |page: &str| -> Vec<usize> {
            (0..45)
                .filter(|n| page.contains(&format!("post number {n}.")))
                .collect()
        };
        let first = place.page(path).await;
        assert_eq!(shown(&first), (25..45).collect::<Vec<_>>());
        assert!(links(&first, &format!("{path}?after=")).is_empty());
        let second = place.page(links(&first, &format!("{path}?before="))[0]).await;
        assert_eq!(shown(&second), (5..25).collect::<Vec<_>>());
        let third = place.page(links(&second, &format!("{path}?before="))[0]).await;
        assert_eq!(shown(&third), (0..5).collect::<Vec<_>>());
        assert!(links(&third, &format!("{path}?before=")).is_empty());
        let back = place.page(links(&third, &format!("{path}?after="))[0]).await;
        assert_eq!(shown(&back), shown(&second));
    }
    assert_eq!(place.get("/public?before=x").await.0, 400);
    assert_eq!(place.get("/@romeo?after=-1").await.0, 400);
}

#[tokio::test]
async fn a_feed_is_sent_once() {
    let place = Place::new("feed", None).await;
    let romeo = place.person("romeo@example.org", AccessModel::Open).await;
    place
        .post(&romeo, "one", "Hello &amp; #verona https://a.example/?b&amp;c")
        .await;
    let (status, headers, feed) = place.get("/@romeo/feed.atom").await;
    assert_eq!(status, 200);
    assert_eq!(headers["content-type"], "application/atom+xml; charset=utf-8");
    let document = wire::Document::parse(
        feed.trim_start_matches("<?xml version='1.0' encoding='utf-8'?>")
            .trim()
            .as_bytes()
            .to_vec(),
    );
    let document = document.unwrap();
    let atom = "http://www.w3.org/2005/Atom";
    let entry = document.root().child("entry", atom).unwrap();
    assert!(
        entry
            .child("content", atom)
            .unwrap()
            .text()
            .contains("<a class=\"tag\" href=\"/tag/verona\"")
    );
    assert!(entry.child("id", atom).is_some() && entry.child("updated", atom).is_some());
    assert!(document.root().child("updated", atom).is_some());

    for (name, value) in [
        ("if-none-match", &headers["etag"]),
        ("if-modified-since", &headers["last-modified"]),
    ] {
        let request = Request::get("/@romeo/feed.atom")
            .header(name, value)
            .body(Body::empty())
            .unwrap();
        let response = place.send(request, [192, 0, 2, 1]).await;
        assert_eq!(response.status(), 304, "{name}");
        assert_eq!(response.headers()["etag"], headers["etag"]);
        assert!(
            axum::body::to_bytes(response.into_body(), 10)
                .await
                .unwrap()
                .is_empty()
        );
    }
    place.post(&romeo, "two", "More").await;
    let request = Request::get("/@romeo/feed.atom")
        .header("if-none-match", &headers["etag"])
        .body(Body::empty())
        .unwrap();
    assert_eq!(place.send(request, [192, 0, 2, 1]).await.status(), 200);
    for path in ["/public/feed.atom", "/tag/verona/feed.atom"] {
        assert!(place.page(path).await.contains("<entry>"));
    }
}

#[tokio::test]
async fn clients_find_the_websocket() {
    let place = Place::new("host-meta", None).await;
    let (status, headers, body) = place.get("/.well-known/host-meta").await;
    assert_eq!(
        (status, &headers["access-control-allow-origin"]),
        (200, &"*".parse().unwrap())
    );
    let link =
        "<Link rel='urn:xmpp:alt-connections:websocket' href='wss://social.example.org/xmpp-websocket'/>";
    assert!(body.contains(link), "{body}");
    let (status, headers, body) = place.get("/.well-known/host-meta.json").await;
    assert_eq!(
        (status, &headers["access-control-allow-origin"]),
        (200, &"*".parse().unwrap())
    );
    let json: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(json["links"][0]["rel"], "urn:xmpp:alt-connections:websocket");
}

#[tokio::test]
async fn limits_hold() {
    let place = Place::new("limits", Some(5)).await;
    let request = || Request::post("/public").body(Body::empty()).unwrap();
    assert_eq!(place.send(request(), [192, 0, 2, 9]).await.status(), 405);
    let large = Request::get("/public")
        .header("content-length", "1025")
        .body(Body::empty())
        .unwrap();
    assert_eq!(place.send(large, [192, 0, 2, 9]).await.status(), 413);
    let odd = Request::get("/public")
        .header("content-length", "x")
        .body(Body::empty())
        .unwrap();
    assert_eq!(place.send(odd, [192, 0, 2, 9]).await.status(), 400);
    for _ in 0..5 {
        assert_eq!(place.get("/healthz").await.0, 200);
    }
    let (status, headers, body) = place.get("/healthz").await;
    assert_eq!(status, 429);
    assert!(headers.contains_key("retry-after") && body.contains("Slowly, please"));
    // Somebody else is not held up.
    let other = Request::get("/healthz").body(Body::empty()).unwrap();
    assert_eq!(place.send(other, [198, 51, 100, 1]).await.status(), 200);
}

#[tokio::test]
async fn numbers_are_for_those_who_may_see_them() {
    let place = Place::new("metrics", None).await;
    assert_eq!(place.get("/metrics").await.0, 403);
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let response = place.send(request, [127, 0, 0, 1]).await;
    assert_eq!(response.status(), 200);
    let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap();
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert!(
        text.contains("folkmoot_http_responses_total{class=\"4xx\"} 1") && text.ends_with("# EOF\n"),
        "{text}"
    );
}

#[tokio::test]
async fn the_web_client_or_a_word_about_it_is_at_the_root() {
    let place = Place::new("client", None).await;
    for path in [
        "/",
        "/home",
        "/signup",
        "/signin",
        "/settings",
        "/welcome/abc",
        "/app/public",
        "/app/@romeo",
    ] {
        let page = place.page(path).await;
        let is_client = page.contains("<meta name=\"folkmoot-domain\" content=\"example.org\">");
        assert!(
            is_client || page.contains("Folkmoot is running"),
            "{path}: {page}"
        );
    }
    assert_eq!(place.get("/assets/nothing.js").await.0, 404);
    assert_eq!(place.get("/nothing.svg").await.0, 404);
    // Every file that the client's page names is there.
    let index = place.page("/").await;
    let named = index
        .split('"')
        .filter(|part| part.starts_with("/assets/") || *part == "/favicon.svg");
    for path in named.filter(|_| index.contains("id=\"app\"")) {
        let request = Request::get(path)
            .header("accept-encoding", "gzip")
            .body(Body::empty())
            .unwrap();
        let response = place.send(request, [192, 0, 2, 1]).await;
        assert_eq!(response.status(), 200, "{path}");
        let is_hashed = path.starts_with("/assets/");
        let cache = response.headers()["cache-control"].to_str().unwrap();
        assert_eq!(cache.contains("immutable"), is_hashed, "{path}");
    }
    let style = links(&place.page("/public").await, "/style-")[0].to_owned();
    let (status, headers, _) = place.get(&style).await;
    assert_eq!(
        (status, &headers["content-type"]),
        (200, &"text/css; charset=utf-8".parse().unwrap())
    );
    assert!(headers["cache-control"].to_str().unwrap().contains("immutable"));
}

/// The numbers of the posts that a page links to, in its order, each once.
fn numbers(page: &str) -> Vec<String> {
    let mut numbers: Vec<String> = Vec::new();
    for href in links(page, "/@") {
        let number = href.rsplit('/').next().unwrap();
        if number.bytes().all(|byte| byte.is_ascii_digit()) && !numbers.iter().any(|one| one == number) {
            numbers.push(number.to_owned());
        }
    }
    numbers
}

impl Place {
    async fn comment(&self, who: &Actor, post: &str, id: &str, text: &str, answers_to: Option<&str>) {
        let node = format!("urn:xmpp:microblog:0:comments/{post}");
        let answer = answers_to.map_or_else(String::new, |item| {
            let uri = format!(
                "xmpp:pubsub.example.org?;node=urn%3Axmpp%3Amicroblog%3A0%3Acomments%2F{post};item={item}"
            );
            format!("<in-reply-to xmlns='http://purl.org/syndication/thread/1.0' ref='{uri}' href='{uri}'/>")
        });
        let entry = format!(
            "<entry xmlns='http://www.w3.org/2005/Atom'><title type='text'>{text}</title>{answer}</entry>"
        );
        let item = NewItem {
            id: Some(id.into()),
            payload: Some(entry.into_bytes()),
        };
        let service = BareJid::parse("pubsub.example.org").unwrap();
        let published = self.host.publish(&service, who, &node, vec![item], None).await;
        published.unwrap().durable.await.unwrap();
    }

    async fn configure(&self, who: &Actor, access: &str) {
        let form = DataForm::new(FormType::Submit)
            .with_form_type(pubsub::form::NODE_CONFIG)
            .with(Field::plain("pubsub#access_model", access));
        let configured = self.host.configure(&who.jid.bare(), who, MICROBLOG, &form).await;
        configured.unwrap().durable.await.unwrap();
    }
}

#[tokio::test]
async fn a_post_stands_in_its_thread() {
    let place = Place::new("thread", None).await;
    let juliet = place.person("juliet@example.org", AccessModel::Open).await;
    let romeo = place.person("romeo@example.org", AccessModel::Open).await;
    place.post(&juliet, "one", "What is in a name?").await;
    let post = numbers(&place.page("/@juliet").await).remove(0);
    place.comment(&romeo, &post, "a", "A rose &lt;b&gt;", None).await;
    place
        .comment(&juliet, &post, "b", "By any other name", Some("a"))
        .await;

    let page = place.page(&format!("/@juliet/{post}")).await;
    let shown = numbers(&page);
    let [_, rose, name] = &shown[..] else {
        panic!("{shown:?}")
    };
    assert!(page.contains("A rose &lt;b&gt;") && page.contains("By any other name"));
    assert!(page.contains("1 reply") && !page.contains("<script"), "{page}");
    assert_eq!(page.matches("aria-current=\"true\"").count(), 1);
    // The comment has a page: the same thread with it marked, under the name of who wrote it and under no other.
    let path = format!("/@romeo/{rose}");
    let comment = place.page(&path).await;
    assert!(comment.contains("What is in a name?") && comment.contains("By any other name"));
    let marked = comment.split("aria-current=\"true\"").nth(1).unwrap();
    assert!(marked.split("</article>").next().unwrap().contains("A rose"));
    assert!(comment.contains(&format!(
        "<link rel=\"canonical\" href=\"https://social.example.org{path}\">"
    )));
    assert!(comment.contains(&format!("/app/@romeo/{rose}")));
    assert_eq!(place.get(&format!("/@juliet/{rose}")).await.0, 404);
    assert!(
        place
            .page(&format!("/@juliet/{name}"))
            .await
            .contains(&format!("In reply to <a href=\"/@romeo/{rose}\">"))
    );
    // Replies are on a page of their own; that of the posts counts them.
    let posts = place.page("/@juliet").await;
    assert!(posts.contains("1 reply") && !posts.contains("By any other name"));
    let replies = place.page("/@juliet/replies").await;
    assert!(replies.contains("What is in a name?") && replies.contains("By any other name"));
    let feed = place.page("/@juliet/replies/feed.atom").await;
    let parent = format!("href='https://social.example.org/@romeo/{rose}' type='text/html'/>");
    assert!(
        feed.contains("<thr:in-reply-to ref='xmpp:") && feed.contains(&parent),
        "{feed}"
    );
    assert!(feed.contains("<thr:total>1</thr:total>") && feed.contains("<thr:total>0</thr:total>"));
    let bytes = feed
        .trim_start_matches("<?xml version='1.0' encoding='utf-8'?>")
        .trim()
        .as_bytes()
        .to_vec();
    assert!(wire::Document::parse(bytes).is_ok());

    // A boost stands in its author's name, and its address leads to the post.
    let via = "<entry xmlns='http://www.w3.org/2005/Atom'><title>x</title><link rel='via' \
               href='xmpp:juliet@example.org?;node=urn%3Axmpp%3Amicroblog%3A0;item=one'/></entry>";
    place.publish(&romeo, MICROBLOG, "again", via).await;
    let boosts = place.page("/@romeo").await;
    assert!(boosts.contains("Boosted by romeo") && boosts.contains("What is in a name?"));
    assert_eq!(numbers(&boosts), [post.as_str()]);
    assert!(boosts.contains("1 reply · 1 boost"), "{boosts}");
    let boost = place
        .host
        .items(&romeo.jid.bare(), &romeo, MICROBLOG, pubsub::ItemsQuery::All)
        .await
        .unwrap()
        .items[0]
        .post_id;
    let (status, headers, _) = place.get(&format!("/@romeo/{}", boost.0)).await;
    assert_eq!(
        (status, headers["location"].to_str().unwrap()),
        (307, format!("/@juliet/{post}").as_str())
    );

    // Once juliet's posts are for her contacts, no address shows a word of it, whoever said it.
    place.configure(&juliet, "presence").await;
    for path in [
        format!("/@juliet/{post}"),
        format!("/@romeo/{rose}"),
        format!("/@romeo/{}", boost.0),
        "/@juliet".into(),
    ] {
        assert_eq!(place.get(&path).await.0, 404, "{path}");
    }
    for path in [
        "/@romeo",
        "/@romeo/replies",
        "/@romeo/replies/feed.atom",
        "/public",
    ] {
        let page = place.page(path).await;
        assert!(!page.contains("rose") && !page.contains("name?"), "{path}");
    }
}

#[tokio::test]
async fn a_long_thread_is_shown_page_by_page() {
    let place = Place::new("long-thread", None).await;
    let juliet = place.person("juliet@example.org", AccessModel::Open).await;
    place.post(&juliet, "one", "To begin with").await;
    let post = numbers(&place.page("/@juliet").await).remove(0);
    for number in 0..95 {
        let text = format!("reply number {number}.");
        place
            .comment(&juliet, &post, &format!("c{number}"), &text, None)
            .await;
    }
    let path = format!("/@juliet/{post}");
    let shown = |page: &str| -> Vec<usize> {
        (0..95)
            .filter(|n| page.contains(&format!("reply number {n}.")))
            .collect()
    };
    let mut all = Vec::new();
    let mut page = place.page(&path).await;
    let numbered = numbers(&page);
    assert!(page.contains("95 replies"));
    loop {
        assert!(page.contains("To begin with") && shown(&page).len() <= 40);
        all.extend(shown(&page));
        let more = links(&page, &format!("{path}?after="))
            .first()
            .map(ToString::to_string);
        let Some(more) = more else { break };
        page = place.page(&more).await;
        assert_eq!(links(&page, &format!("{path}?before=")).len(), 1);
    }
    assert_eq!(all, (0..95).collect::<Vec<_>>());
    let back = links(&page, &format!("{path}?before="))[0].to_owned();
    assert_eq!(shown(&place.page(&back).await), (40..80).collect::<Vec<_>>());
    // A reply's page begins a little before it.
    let reply = place.page(&format!("/@juliet/{}", numbered[36])).await;
    assert_eq!(shown(&reply), (25..66).collect::<Vec<_>>());
    assert!(reply.contains("?before=") && reply.contains("?after="));
    for bad in ["?after=x", "?before=-1"] {
        assert_eq!(place.get(&format!("{path}{bad}")).await.0, 400);
    }
    assert_eq!(place.get("/@juliet/9007199254740991").await.0, 404);
}

#[tokio::test]
async fn further_blogs_have_pages_as_far_as_they_are_for_everybody() {
    let place = Place::new("further", None).await;
    let juliet = place.person("juliet@example.org", AccessModel::Open).await;
    let owner = juliet.jid.bare();
    for (node, access, title) in [
        ("my garden/1", "open", "My <garden>"),
        ("diary", "whitelist", "Diary"),
    ] {
        let form = DataForm::new(FormType::Submit)
            .with_form_type("http://jabber.org/protocol/pubsub#node_config")
            .with(Field::plain("pubsub#type", "urn:xmpp:pubsub-social-feed:1"))
            .with(Field::plain("pubsub#access_model", access))
            .with(Field::plain("pubsub#title", title));
        let created = place.host.create(&owner, &juliet, Some(node), Some(&form)).await;
        created.unwrap().durable.await.unwrap();
        let post =
            format!("<entry xmlns='http://www.w3.org/2005/Atom'><title>in {node} #both</title></entry>");
        place.publish(&juliet, node, "1", &post).await;
    }
    place.post(&juliet, "1", "in the main one").await;
    let page = place.page("/@juliet").await;
    assert!(
        page.contains("href=\"/@juliet/blog/my%20garden%2F1\">My &#60;garden&#62;</a>"),
        "{page}"
    );
    assert!(
        page.contains("in the main one") && !page.contains("in my garden"),
        "{page}"
    );
    assert!(!page.to_lowercase().contains("diary"), "{page}");
    let page = place.page("/@juliet/blog/my%20garden%2F1").await;
    assert!(
        page.contains("in my garden/1") && !page.contains("in the main one"),
        "{page}"
    );
    assert!(page.contains("href=\"/@juliet\""), "{page}");
    let feed = place.page("/@juliet/blog/my%20garden%2F1/feed.atom").await;
    assert!(
        feed.contains("in my garden/1") && !feed.contains("in the main one"),
        "{feed}"
    );
    for path in ["/public", "/tag/both"] {
        let page = place.page(path).await;
        assert!(
            page.contains("in my garden/1") && !page.contains("in diary"),
            "{page}"
        );
    }
    let number = page.split("/@juliet/").filter_map(|part| part.split('"').next());
    let number = number
        .map(str::to_owned)
        .find(|part| part.parse::<u64>().is_ok())
        .unwrap();
    let page = place.page(&format!("/@juliet/{number}")).await;
    assert!(page.contains("in my garden/1"), "{page}");
    for path in [
        "/@juliet/blog/diary",
        "/@juliet/blog/diary/feed.atom",
        "/@juliet/blog/nothing",
        "/@juliet/blog/urn%3Axmpp%3Amicroblog%3A0",
        "/@juliet/blog/http%3A%2F%2Fjabber.org%2Fprotocol%2Fnick",
        "/@juliet/blog/urn%3Ax-folkmoot%3Ahome%3A0",
        "/@nobody/blog/diary",
    ] {
        assert_eq!(place.get(path).await.0, 404, "{path}");
    }
    // Whose own blog is closed and who says with the other account that it is elsewhere leads there.
    let old = place.person("old@example.org", AccessModel::Presence).await;
    let blog = |inner: &str| format!("<blog xmlns='urn:x-folkmoot:blog:0'>{inner}</blog>");
    let there = blog("<main jid='juliet@example.org' node='my garden/1'/>");
    place
        .publish(&old, "urn:x-folkmoot:blog:0", "current", &there)
        .await;
    assert_eq!(place.get("/@old").await.0, 404, "one side is not enough");
    let back = blog("<also jid='old@example.org'/>");
    place
        .publish(&juliet, "urn:x-folkmoot:blog:0", "current", &back)
        .await;
    let (status, headers, _) = place.get("/@old").await;
    assert_eq!(
        (status, headers["location"].to_str().unwrap()),
        (307, "/@juliet/blog/my%20garden%2F1")
    );
}

#[tokio::test]
async fn communities_have_pages_where_everybody_may_read_them() {
    let place = Place::new("communities", None).await;
    let romeo = place.person("romeo@example.org", AccessModel::Open).await;
    let service = BareJid::parse("pubsub.example.org").unwrap();
    for (node, access, listed) in [
        ("garden", "open", "0"),
        ("lodge", "whitelist", "1"),
        ("secret", "authorize", "0"),
    ] {
        let form = [
            ("pubsub#type", "urn:xmpp:pubsub-social-feed:1"),
            ("pubsub#title", &*format!("The {node} <b>")),
            ("pubsub#description", "All about #roses"),
            ("pubsub#access_model", access),
            (pubsub::form::LISTED, listed),
            (pubsub::form::RULES, "Be kind."),
        ]
        .into_iter()
        .fold(
            format::form::DataForm::new(format::form::FormType::Submit)
                .with_form_type(pubsub::form::NODE_CONFIG),
            |form, (var, value)| form.with(format::form::Field::plain(var, value)),
        );
        let founded = place.host.create(&service, &romeo, Some(node), Some(&form)).await;
        founded.unwrap().durable.await.unwrap();
        let entry = format!("<entry xmlns='http://www.w3.org/2005/Atom'><title>Hello {node}</title></entry>");
        let item = NewItem {
            id: Some("one".into()),
            payload: Some(entry.into_bytes()),
        };
        let published = place.host.publish(&service, &romeo, node, vec![item], None).await;
        published.unwrap().durable.await.unwrap();
    }

    // The directory: what everybody may read, and what wants to be found; the rest is as if it were not there.
    let directory = place.page("/c/").await;
    assert!(directory.contains("The garden &#60;b&#62;") && directory.contains("href=\"/c/garden\""));
    assert!(directory.contains("The lodge") && !directory.contains("href=\"/c/lodge\""));
    assert!(!directory.contains("secret"), "{directory}");
    assert!(place.page("/c/?q=gard").await.contains("The garden"));
    assert!(place.page("/c/?q=%23Roses").await.contains("The garden"));
    assert!(!place.page("/c/?q=moon").await.contains("The garden"));
    assert_eq!(place.get("/c/?after=x").await.0, 404);
    assert_eq!(place.get("/c").await.0, 308);

    let page = place.page("/c/garden").await;
    assert!(page.contains("Hello garden") && page.contains("Be kind.") && page.contains("All about"));
    assert!(page.contains("href=\"/c/garden/feed.atom\"") && page.contains("1 post"));
    let feed = place.page("/c/garden/feed.atom").await;
    assert!(feed.contains("Hello garden") && feed.contains("<uri>xmpp:romeo@example.org</uri>"));
    let permalink = links(&page, "/@romeo/")
        .into_iter()
        .find(|href| href.ends_with(|c: char| c.is_ascii_digit()))
        .unwrap();
    assert!(place.page(permalink).await.contains("Hello garden"));
    let stream = place.page("/public").await;
    assert!(
        stream.contains("Hello garden")
            && !stream.contains("Hello lodge")
            && !stream.contains("Hello secret")
    );

    // What is closed and what is not there look the same.
    let (_, _, nothing) = place.get("/c/nothing").await;
    for closed in [
        "/c/lodge",
        "/c/secret",
        "/c/secret/feed.atom",
        "/c/urn%3Axmpp%3Amicroblog%3A0",
    ] {
        let (status, _, page) = place.get(closed).await;
        assert_eq!((status, &page), (404, &nothing), "{closed}");
    }
}
