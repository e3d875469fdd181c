//! For those who watch the server: `/healthz` and `/metrics`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use crate::answer;
use crate::network::Client;
use crate::site::Site;

/// What a metrics page is in OpenMetrics.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A write that has waited this long waits for something that is broken.
const STUCK_MS: u64 = 5_000;

/// `/healthz`: 200 when the database takes writes, 503 when it does not.
pub(crate) async fn healthz(State(site): State<Arc<Site>>) -> Response {
    let store = site.content.store.metrics();
    // The gate also closes for a moment when the disk is only slow; a failed commit leaves it closed with nothing waiting.
    let is_slow = store.queue_length > 0 && store.queue_age_ms < STUCK_MS;
    let is_well = site.content.store.is_gate_open() || is_slow;
    let (status, text) = if is_well {
        (StatusCode::OK, "ok\n")
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "the database does not take writes\n",
        )
    };
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, text).into_response()
}

/// `/healthz/connection`: how the asker's own connection is seen, so that whoever set up a proxy can tell whether its
/// headers are believed.
pub(crate) async fn connection(client: axum::Extension<Client>) -> Response {
    let seen = format!(
        "{{\"address\":\"{}\",\"secure\":{},\"proxied\":{}}}\n",
        client.address, client.is_secure, client.is_proxied
    );
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, seen).into_response()
}

/// `/metrics`, for the networks that may read it.
pub(crate) async fn metrics(State(site): State<Arc<Site>>, client: axum::Extension<Client>) -> Response {
    if !site
        .settings
        .metrics_allow
        .iter()
        .any(|network| network.contains(client.address))
    {
        return answer::forbidden(&site);
    }
    let mut text = site.requests.render();
    // The given text ends with OpenMetrics' end mark.
    text.push_str(&(site.content.metrics)());
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(OPEN_METRICS)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, text).into_response()
}
