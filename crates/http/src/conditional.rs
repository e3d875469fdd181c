//! Conditional requests (RFC 9110 §13): an answer that the reader has already is not sent again.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use store::Timestamp;

use crate::date::{http_date, read_http_date};

/// A validator made from the content itself, so that it outlives a restart.
pub(crate) fn etag_of(bytes: &[u8]) -> String {
    // The keys are fixed; nobody gains by making two versions of a page collide.
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("\"{:016x}{:x}\"", hasher.finish(), bytes.len())
}

/// Whether the reader's copy is still good (§13.2.2: `If-None-Match` decides where it is given).
pub(crate) fn is_unchanged(headers: &HeaderMap, etag: &str, modified: Option<Timestamp>) -> bool {
    let mut tags = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .peekable();
    if tags.peek().is_some() {
        return tags.flat_map(|line| line.split(',')).any(|tag| {
            let tag = tag.trim();
            tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag
        });
    }
    let since = headers
        .get(header::IF_MODIFIED_SINCE)
        .and_then(|value| value.to_str().ok())
        .and_then(read_http_date);
    match (since, modified) {
        // The header has whole seconds.
        (Some(since), Some(modified)) => modified.0 / 1_000 <= since,
        _ => false,
    }
}

/// An answer with its validators, or 304 when the reader has it.
pub(crate) fn answer(
    headers: &HeaderMap,
    content_type: &'static str,
    cache: &'static str,
    modified: Option<Timestamp>,
    body: String,
) -> Response {
    let etag = etag_of(body.as_bytes());
    let mut response = if is_unchanged(headers, &etag, modified) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        body.into_response()
    };
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        out.insert(header::ETAG, etag);
    }
    if let Some(modified) = modified.and_then(|at| HeaderValue::from_str(&http_date(at)).ok()) {
        out.insert(header::LAST_MODIFIED, modified);
    }
    response
}

/// An image with its hash as the validator. What its bytes are is not left to guesses, and nothing in it is run.
pub(crate) fn image(headers: &HeaderMap, media_type: &str, hash: &str, bytes: Vec<u8>) -> Response {
    let etag = format!("\"{hash}\"");
    let mut response = if is_unchanged(headers, &etag, None) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        bytes.into_response()
    };
    let out = response.headers_mut();
    let fixed = [
        (header::CACHE_CONTROL, "public, max-age=300"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    ];
    for (name, value) in fixed {
        out.insert(name, HeaderValue::from_static(value));
    }
    for (name, value) in [(header::CONTENT_TYPE, media_type), (header::ETAG, &etag)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            out.insert(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_tag_decides_before_a_date() {
        let headers = |pairs: &[(&'static str, &str)]| -> HeaderMap {
            pairs
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect()
        };
        let (tag, modified) = ("\"a\"", Some(Timestamp(784_111_777_123)));
        assert!(is_unchanged(
            &headers(&[("if-none-match", "\"b\", W/\"a\"")]),
            tag,
            modified
        ));
        assert!(is_unchanged(&headers(&[("if-none-match", "*")]), tag, modified));
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert!(is_unchanged(
            &headers(&[("if-modified-since", date)]),
            tag,
            modified
        ));
        assert!(!is_unchanged(
            &headers(&[("if-none-match", "\"b\""), ("if-modified-since", date)]),
            tag,
            modified
        ));
        assert!(!is_unchanged(
            &headers(&[("if-modified-since", "Sun, 06 Nov 1994 08:49:36 GMT")]),
            tag,
            modified
        ));
        assert!(!is_unchanged(&headers(&[]), tag, modified));
    }
}
