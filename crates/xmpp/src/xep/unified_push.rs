//! UnifiedPush over XMPP, `http://gultsch.de/xmpp/drafts/unified-push`, <https://codeberg.org/iNPUTmice/up>: a person's XMPP
//! app asks for addresses at which other apps' servers can push. The domain itself is the push server; what comes in over HTTP
//! is passed on by `unified_push`.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use format::datetime;
use store::Timestamp;
use store::unified_push::{Endpoint, register as registered};
use wire::{StanzaError, Writer};

use super::Xeps;
use crate::auth;
use crate::failures::{unreadable, unwritable};
use crate::invitations::failed;
use crate::iq::{Answer, Answered, Cx, Target};
use crate::unified_push::{TOKEN_BYTES, UNIFIED_PUSH, is_offered};

/// How long an endpoint lasts unless its app asks again.
const LIFETIME_MS: i64 = 7 * 86_400_000;

pub(super) fn register(xeps: &mut Xeps) {
    xeps.feature(Target::Server, UNIFIED_PUSH)
        .set(Target::Server, UNIFIED_PUSH, "register", ask);
}

/// The hash of an app's name, as the draft recommends: 32 bytes in base64, so that nothing here tells which apps people have.
fn hash(cx: &Cx, name: &str) -> Result<String, StanzaError> {
    let value = cx.payload().attr(name).unwrap_or_default();
    match STANDARD.decode(value.as_bytes()) {
        Ok(bytes) if bytes.len() == 32 => Ok(value.into_owned()),
        _ => Err(StanzaError::bad_request().text(format!("{name} must be 32 bytes in base64"))),
    }
}

async fn ask(cx: Cx) -> Answered {
    if !is_offered(&cx.server) {
        return Err(StanzaError::service_unavailable());
    }
    let session = cx.session()?;
    // A domain serves its own people.
    if cx.domain() != session.jid.domain() {
        return Err(StanzaError::forbidden());
    }
    let (application, instance) = (hash(&cx, "application")?, hash(&cx, "instance")?);
    let no = session.no;
    let resource = session.jid.resource().unwrap_or_default().to_owned();
    let now = cx.server.clock.now();
    let known = {
        let (resource, application, instance) = (resource.clone(), application.clone(), instance.clone());
        cx.server
            .store
            .read(move |reader| reader.unified_push_of(no, &resource, &application, &instance, now))
            .await
            .map_err(|error| unreadable(&error))?
    };
    // An app that asks again keeps its address: its server need not be told a new one each time.
    let token = match known {
        Some(known) => known.token,
        None => URL_SAFE_NO_PAD.encode(auth::random::<TOKEN_BYTES>().map_err(failed)?),
    };
    let expires = Timestamp(now.0 + LIFETIME_MS);
    let endpoint = Endpoint {
        token: token.clone(),
        no,
        resource,
        application,
        instance,
        expires,
    };
    let most = cx.server.settings.limits.push_endpoints_per_account;
    let written = cx.server.store.write(registered(endpoint, most));
    Answer::later(async move {
        written.await.map_err(|error| unwritable(&error))?;
        let mut writer = Writer::new();
        writer
            .open("registered")
            .ns(UNIFIED_PUSH)
            .attr(
                "endpoint",
                &format!("{}/push/{token}", cx.server.settings.site_url),
            )
            .attr("expiration", &datetime::to_text(expires.0))
            .close();
        Ok(Answer::Payload(writer.finish()))
    })
}
