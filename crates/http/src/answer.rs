//! Answers that are the same everywhere: the headers that guard a page, and the pages that say no.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};

use crate::catalogue::Catalogue;
use crate::render::{self, MessagePage};
use crate::site::Site;

/// What a page made on the server may load: the style sheet, and pictures in posts; a search leads back here.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' https: data:; base-uri 'none'; \
                           form-action 'self'; frame-ancestors 'none'";

/// Headers of every answer, each unless the answer has its own.
const GUARDS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Adds the guarding headers that are missing.
pub(crate) fn guard(response: &mut Response, is_secure: bool, is_localhost: bool) {
    let headers = response.headers_mut();
    for (name, value) in GUARDS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    // A certificate made for development must not bind a browser to HTTPS on localhost for a year.
    if is_secure && !is_localhost {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
}

/// Sets what the page may load.
pub(crate) fn set_policy(response: &mut Response, policy: &str) {
    if let Ok(policy) = HeaderValue::from_str(policy) {
        response
            .headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, policy);
    }
}

/// A page made by a template.
pub(crate) fn page(status: StatusCode, html: Result<String, askama::Error>, cache: &'static str) -> Response {
    match html {
        Ok(html) => {
            let headers = [
                (
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("text/html; charset=utf-8"),
                ),
                (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
            ];
            (status, headers, html).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a page's template failed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn message(site: &Site, status: StatusCode, title: &'static str, explanation: &'static str) -> Response {
    let code = (status != StatusCode::OK).then(|| status.as_u16());
    let html = render::message(
        site,
        &MessagePage {
            code,
            title,
            explanation,
        },
    );
    page(status, html, "no-store")
}

const TEXT: &Catalogue = &Catalogue::ENGLISH;

/// 400
pub(crate) fn bad_request(site: &Site) -> Response {
    message(
        site,
        StatusCode::BAD_REQUEST,
        TEXT.bad_request,
        TEXT.bad_request_explained,
    )
}

/// 403
pub(crate) fn forbidden(site: &Site) -> Response {
    message(
        site,
        StatusCode::FORBIDDEN,
        TEXT.forbidden,
        TEXT.forbidden_explained,
    )
}

/// 404, also for what exists but is not public: the two must not be told apart.
pub(crate) fn not_found(site: &Site) -> Response {
    message(
        site,
        StatusCode::NOT_FOUND,
        TEXT.not_found,
        TEXT.not_found_explained,
    )
}

/// 405
pub(crate) fn method_not_allowed(site: &Site) -> Response {
    let mut response = message(
        site,
        StatusCode::METHOD_NOT_ALLOWED,
        TEXT.method_not_allowed,
        TEXT.method_not_allowed_explained,
    );
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

/// 413
pub(crate) fn too_large(site: &Site) -> Response {
    message(
        site,
        StatusCode::PAYLOAD_TOO_LARGE,
        TEXT.too_large,
        TEXT.too_large_explained,
    )
}

/// 429
pub(crate) fn too_many(site: &Site, wait: Duration) -> Response {
    let mut response = message(
        site,
        StatusCode::TOO_MANY_REQUESTS,
        TEXT.too_many,
        TEXT.too_many_explained,
    );
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
    response
}

/// 503
pub(crate) fn unavailable(site: &Site) -> Response {
    let mut response = message(
        site,
        StatusCode::SERVICE_UNAVAILABLE,
        TEXT.unavailable,
        TEXT.unavailable_explained,
    );
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// Where the web client would be, in a program that was built without it.
pub(crate) fn no_client(site: &Site) -> Response {
    message(site, StatusCode::OK, TEXT.no_client, TEXT.no_client_explained)
}
