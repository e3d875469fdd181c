//! The push resource of UnifiedPush (<https://unifiedpush.org/developers/spec/server/>, RFC 8030 §5): where other apps'
//! servers push to people's phones. What becomes of it is decided in `xmpp`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use xmpp::server::Server;
use xmpp::unified_push::{BODY_MAX, Pushed, is_endpoint, push};

/// Where endpoints are.
pub const PATH: &str = "/push/{token}";
/// How long a request's body may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// After how many seconds a phone that is away may be tried again.
const AWAY_SECONDS: &str = "120";
/// What tells an endpoint from any other address.
const GREETING: &str = "{\"unifiedpush\":{\"version\":1}}";

/// Answers a request.
pub async fn serve(server: &Arc<Server>, token: &str, request: Request) -> Response<Body> {
    match *request.method() {
        Method::GET | Method::HEAD => match is_endpoint(server, token).await {
            Ok(true) => answer(StatusCode::OK, "application/json", GREETING),
            Ok(false) => told(StatusCode::NOT_FOUND, "no such endpoint\n"),
            Err(_) => told(StatusCode::SERVICE_UNAVAILABLE, "try again later\n"),
        },
        Method::POST => post(server, token, request).await,
        // Pages may push too (the Fetch standard's CORS protocol).
        Method::OPTIONS => {
            let mut response = answer(StatusCode::NO_CONTENT, "text/plain; charset=utf-8", "");
            for (name, value) in [
                (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
                (
                    header::ACCESS_CONTROL_ALLOW_HEADERS,
                    "Content-Type, Content-Encoding, TTL, Urgency, Topic",
                ),
            ] {
                response
                    .headers_mut()
                    .insert(name, HeaderValue::from_static(value));
            }
            response
        }
        _ => {
            let mut response = told(StatusCode::METHOD_NOT_ALLOWED, "push with POST\n");
            response
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static("GET, POST, OPTIONS"));
            response
        }
    }
}

async fn post(server: &Arc<Server>, token: &str, request: Request) -> Response<Body> {
    // One more than may be, so that what is too large is told from what is just large enough.
    let reading = tokio::time::timeout(PATIENCE, to_bytes(request.into_body(), BODY_MAX + 1));
    let pushed = match reading.await {
        Err(_) => return told(StatusCode::REQUEST_TIMEOUT, "the body took too long\n"),
        // A body that breaks off is not told from one that is too long.
        Ok(Err(_)) => Ok(Pushed::TooLarge),
        Ok(Ok(body)) => push(server, token, &body).await,
    };
    let retry = |mut response: Response<Body>, seconds| {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static(seconds));
        response
    };
    match pushed {
        Ok(Pushed::Delivered) => told(StatusCode::CREATED, ""),
        Ok(Pushed::Gone) => told(StatusCode::NOT_FOUND, "no such endpoint\n"),
        Ok(Pushed::Empty) => told(StatusCode::BAD_REQUEST, "nothing to push\n"),
        Ok(Pushed::TooLarge) => told(StatusCode::PAYLOAD_TOO_LARGE, "at most 4096 bytes\n"),
        Ok(Pushed::TooOften) => retry(told(StatusCode::TOO_MANY_REQUESTS, "too often\n"), "60"),
        Ok(Pushed::Away) => retry(
            told(StatusCode::SERVICE_UNAVAILABLE, "not reached now\n"),
            AWAY_SECONDS,
        ),
        Err(_) => retry(
            told(StatusCode::SERVICE_UNAVAILABLE, "try again later\n"),
            AWAY_SECONDS,
        ),
    }
}

fn told(status: StatusCode, text: &'static str) -> Response<Body> {
    answer(status, "text/plain; charset=utf-8", text)
}

fn answer(status: StatusCode, content_type: &'static str, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_TYPE, content_type),
        // Nothing is kept for later (RFC 8030 §5.2).
        (HeaderName::from_static("ttl"), "0"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
