//! Every address of the site, and what each request passes on its way.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};

use crate::network::Client;
use crate::site::Site;
use crate::{answer, communities, feed, health, host_meta, invite, lan, pages, render, web_client};

/// The site's router. Each request must carry its [`Client`] among its extensions.
pub fn router(site: Arc<Site>) -> Router {
    let own = Router::new()
        .route("/.well-known/host-meta", get(host_meta::xml))
        .route("/.well-known/host-meta.json", get(host_meta::json))
        .route("/healthz", get(health::healthz))
        .route("/healthz/connection", get(health::connection))
        .route("/metrics", get(health::metrics))
        .route(&render::STYLE_PATH, get(style))
        .route("/public", get(pages::public))
        .route("/public/feed.atom", get(feed::public))
        .route("/tag/{tag}", get(pages::tag))
        .route("/tag/{tag}/feed.atom", get(feed::tag))
        .route("/c/", get(communities::directory))
        .route("/c/{community}", get(communities::page))
        .route("/c/{community}/avatar", get(communities::avatar))
        .route("/c/{community}/feed.atom", get(feed::community))
        .route("/{handle}", get(person_or_file))
        .route("/{handle}/feed.atom", get(feed::person))
        .route("/{handle}/replies", get(pages::with_replies))
        .route("/{handle}/replies/feed.atom", get(feed::with_replies))
        .route("/{handle}/blog/{node}", get(pages::further_feed))
        .route("/{handle}/blog/{node}/feed.atom", get(feed::further_feed))
        .route("/{handle}/{post}", get(pages::post))
        .route("/invite/{token}", get(invite::page))
        .route("/invite/{token}/qr.svg", get(invite::picture))
        .route("/lan", get(lan::page))
        .route("/lan/folkmoot.crt", get(lan::der))
        .route("/lan/folkmoot.pem", get(lan::pem))
        .route("/lan/folkmoot.mobileconfig", get(lan::profile))
        .route("/assets/{*path}", get(web_client::file));
    let client = [
        "/",
        "/home",
        "/signup",
        "/signin",
        "/settings",
        "/welcome/{token}",
        "/app",
        "/app/{*path}",
    ]
    .into_iter()
    .fold(own, |router, path| router.route(path, get(web_client::index)));
    client
        .fallback(|State(site): State<Arc<Site>>, uri: Uri| async move {
            match without_slash(&uri) {
                Some(address) => Redirect::permanent(&address).into_response(),
                None => answer::not_found(&site),
            }
        })
        .method_not_allowed_fallback(|State(site): State<Arc<Site>>| async move {
            answer::method_not_allowed(&site)
        })
        .layer(middleware::from_fn_with_state(site.clone(), each_request))
        .with_state(site)
}

/// The address of a person, a post or a community that was written with a slash at its end.
fn without_slash(uri: &Uri) -> Option<String> {
    let path = uri.path();
    let address = path.trim_end_matches('/');
    // Nothing that could be taken for another host.
    let is_page = address.starts_with("/@") || address.starts_with("/c/");
    if !is_page || address.len() == path.len() {
        return None;
    }
    let query = uri.query().map(|query| format!("?{query}"));
    Some(format!("{address}{}", query.unwrap_or_default()))
}

/// What happens around every request: limits before it, guarding headers and a count after it.
async fn each_request(
    State(site): State<Arc<Site>>,
    client: axum::Extension<Client>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match refusal(&site, &client, &request) {
        Some(response) => response,
        None => match tokio::time::timeout(site.settings.patience, next.run(request)).await {
            Ok(response) => response,
            Err(_) => answer::unavailable(&site),
        },
    };
    answer::guard(
        &mut response,
        client.is_secure,
        site.domain() == "localhost" || site.settings.lan.is_some(),
    );
    site.requests.count(response.status());
    response
}

/// What is wrong with a request before anybody looks at its address.
fn refusal(site: &Site, client: &Client, request: &Request) -> Option<Response> {
    if let Some(limiter) = &site.limiter
        && let Err(wait) = limiter.check(client.bucket())
    {
        return Some(answer::too_many(site, wait));
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Some(answer::method_not_allowed(site));
    }
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.map(|value| value.to_str().ok().and_then(|text| text.parse::<usize>().ok()));
    match length {
        Some(Some(length)) if length > site.settings.body_bytes => Some(answer::too_large(site)),
        Some(None) => Some(answer::bad_request(site)),
        _ => None,
    }
}

/// `/@name`, or one of the few files that lie beside the client's index.
async fn person_or_file(
    site: State<Arc<Site>>,
    handle: Path<String>,
    query: RawQuery,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if *handle == "c" {
        Redirect::permanent("/c/").into_response()
    } else if handle.starts_with('@') {
        pages::person(site, handle, query, headers).await
    } else {
        web_client::file(site, uri, headers).await
    }
}

/// The style sheet.
async fn style(headers: HeaderMap) -> Response {
    let etag = render::STYLE_PATH.as_str();
    if crate::conditional::is_unchanged(&headers, etag, None) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/css; charset=utf-8"),
        ),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=31536000, immutable"),
        ),
    ];
    (headers, render::STYLE.as_str()).into_response()
}
