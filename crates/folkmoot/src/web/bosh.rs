//! HTTP binding (XEP-0124): the requests that carry XMPP, as HTTP has them.
//!
//! What their bodies say is `xmpp`'s. Any page may not ask in its reader's name: it needs a password as anybody does, and
//! no cookie is involved; but the pages that may are those that may open the WebSocket.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::Request;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use xmpp::listen::Peer;
use xmpp::listen::bosh::{self, Reply};
use xmpp::server::Server;

use super::websocket::Origins;

/// Where sessions over HTTP are.
pub const PATH: &str = "/http-bind";
/// How long a request's body may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long browsers may remember what is allowed.
const REMEMBERED: &str = "86400";

/// Answers a request.
pub async fn serve(server: &Arc<Server>, peer: Peer, origins: &Origins, request: Request) -> Response<Body> {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let site = &server.settings.site_url;
    if !origins.allow_header(origin.as_ref(), site) {
        return text(
            StatusCode::FORBIDDEN,
            "pages of this origin may not connect (websocket_origins)\n",
        );
    }
    if server.settings.limits.bosh_sessions == 0 {
        return text(
            StatusCode::NOT_FOUND,
            "XMPP over HTTP is turned off here (limits.bosh_sessions)\n",
        );
    }
    let mut response = match *request.method() {
        Method::POST => post(server, peer, request).await,
        Method::OPTIONS => preflight(request.headers()),
        _ => {
            let mut response = text(
                StatusCode::METHOD_NOT_ALLOWED,
                "this address speaks XMPP over HTTP (BOSH, XEP-0124)\n",
            );
            response
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static("POST, OPTIONS"));
            response
        }
    };
    let headers = response.headers_mut();
    match (origins, origin) {
        (Origins::Any, _) => {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
        (_, Some(origin)) => {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::VARY, HeaderValue::from_static("Origin"));
        }
        (_, None) => {}
    }
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    );
    response
}

/// A page asks whether it may (the Fetch standard's CORS protocol).
fn preflight(asked: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("POST, OPTIONS"),
    );
    if asked.contains_key(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("Content-Type"),
        );
    }
    headers.insert(
        header::ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from_static(REMEMBERED),
    );
    response
}

async fn post(server: &Arc<Server>, peer: Peer, request: Request) -> Response<Body> {
    if request.headers().contains_key(header::CONTENT_ENCODING) {
        // None was offered (XEP-0124 §7.2).
        return text(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "bodies are not compressed here\n",
        );
    }
    let reading = tokio::select! {
        reading = tokio::time::timeout(PATIENCE, read(server, request.into_body())) => reading,
        () = server.shutdown.cancelled() => return answer(bosh::stopping()),
    };
    match reading {
        Ok(Read::Whole(data)) => answer(bosh::answer(server, peer, &data).await),
        Ok(Read::TooLong(begun)) => {
            let mut response = answer(bosh::too_long(server, peer, &begun));
            // The rest of it is not waited for.
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
            response
        }
        Ok(Read::Broken) => text(StatusCode::BAD_REQUEST, "the body broke off\n"),
        Err(_) => text(StatusCode::REQUEST_TIMEOUT, "the body took too long\n"),
    }
}

/// What came of reading a body.
enum Read {
    Whole(Vec<u8>),
    TooLong(Vec<u8>),
    Broken,
}

/// Reads a body as far as the session that it names may send at once.
async fn read(server: &Server, body: Body) -> Read {
    let mut body = std::pin::pin!(body);
    let mut data = Vec::new();
    let mut allowance = None;
    loop {
        let frame = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
        let bytes: Bytes = match frame {
            None => return Read::Whole(data),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) => bytes,
                Err(_) => continue,
            },
            Some(Err(_)) => return Read::Broken,
        };
        data.extend_from_slice(&bytes);
        if data.len() > bosh::ALLOWANCE_FROM {
            let allowed = *allowance.get_or_insert_with(|| bosh::allowance(server, &data));
            if data.len() > allowed {
                return Read::TooLong(data);
            }
        }
    }
}

fn answer(reply: Reply) -> Response<Body> {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    guard(headers);
    response
}

fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    guard(headers);
    response
}

/// Answers hold what people wrote, under a type that the client chose: a browser that is led to open one as a page of this
/// site must run nothing in it.
fn guard(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
