//! Web Push for browsers: `urn:x-folkmoot:web-push:0`, asked of one's own account. A browser subscribes with the server's key
//! and tells the server where its push service takes messages (RFC 8030) and how they are encrypted (RFC 8291).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use store::push::PushService;
use wire::{Element, StanzaError, Writer};

use super::Xeps;
use super::push::{end, register_service};
use crate::iq::{Answer, Answered, Cx, Target};
use crate::push::browser::{ENDPOINT_BYTES, origin};
use crate::push::encryption::{PUBLIC_KEY_BYTES, SECRET_BYTES, is_public_key};

const WEB_PUSH: &str = "urn:x-folkmoot:web-push:0";

pub(super) fn register(xeps: &mut Xeps) {
    xeps.own_feature(WEB_PUSH);
    xeps.get(Target::OwnAccount, WEB_PUSH, "web-push", key)
        .set(Target::OwnAccount, WEB_PUSH, "enable", enabled)
        .set(Target::OwnAccount, WEB_PUSH, "disable", disabled);
}

/// The key that a browser subscribes with (RFC 8292 §4.1).
async fn key(cx: Cx) -> Answered {
    if !cx.server.push.has_post() {
        return Err(StanzaError::service_unavailable());
    }
    let mut writer = Writer::new();
    writer
        .open("web-push")
        .ns(WEB_PUSH)
        .attr("key", &cx.server.push.public_key())
        .close();
    Ok(Answer::Payload(writer.finish()))
}

/// The URL that leads to the browser, as it is to be stored.
fn endpoint(request: Element<'_>) -> Result<String, StanzaError> {
    let endpoint = request.attr("endpoint").ok_or_else(StanzaError::bad_request)?;
    if endpoint.is_empty() || endpoint.len() > ENDPOINT_BYTES {
        return Err(StanzaError::bad_request());
    }
    Ok(endpoint.into_owned())
}

/// So many bytes in an attribute, written as browsers write them.
fn bytes(request: Element<'_>, name: &str, length: usize) -> Result<Vec<u8>, StanzaError> {
    let written = request.attr(name).ok_or_else(StanzaError::bad_request)?;
    let bytes = URL_SAFE_NO_PAD.decode(written.trim_end_matches('='));
    bytes
        .ok()
        .filter(|bytes| bytes.len() == length)
        .ok_or_else(StanzaError::bad_request)
}

async fn enabled(cx: Cx) -> Answered {
    if !cx.server.push.has_post() {
        return Err(StanzaError::service_unavailable());
    }
    let request = cx.payload();
    let endpoint = endpoint(request)?;
    let public_key = bytes(request, "p256dh", PUBLIC_KEY_BYTES)?;
    let secret = bytes(request, "auth", SECRET_BYTES)?;
    if !is_public_key(&public_key) {
        return Err(StanzaError::bad_request());
    }
    if origin(&endpoint, cx.server.settings.is_dev).is_none() {
        return Err(StanzaError::not_acceptable().text("no push service of the public web"));
    }
    let shows_text = matches!(request.attr("text").as_deref(), Some("true" | "1"));
    register_service(
        &cx,
        PushService::Browser {
            endpoint,
            public_key,
            secret,
            shows_text,
        },
    )
    .await
}

async fn disabled(cx: Cx) -> Answered {
    let endpoint = endpoint(cx.payload())?;
    end(&cx, endpoint, None)
}
