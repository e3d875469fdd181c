//! XEP-0357: Push Notifications, <https://xmpp.org/extensions/xep-0357.html>: which app servers are told of what comes.
//! What they are told, and when, is in `crate::push`.

use format::form::DataForm;
use store::push::{PushRegistration, PushService, disable, enable};
use wire::{Element, Jid, StanzaError, Writer, ns};

use super::Xeps;
use crate::failures::unwritable;
use crate::iq::{Answer, Answered, Cx, Target};
use crate::push::REGISTRATIONS_MAX;
use crate::push::app::PUSH;
use crate::questions;

/// The longest name of a node, and the largest form that goes with it, in bytes.
const NODE_BYTES: usize = 1_023;
const OPTIONS_BYTES: usize = 4 * 1_024;
/// §5: what the form is.
const PUBLISH_OPTIONS: &str = "http://jabber.org/protocol/pubsub#publish-options";

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(357, "Push Notifications", "0.4.1")
        .without("the push service (§3), which an app's maker runs")
        .own_feature(PUSH);
    xeps.set(Target::OwnAccount, PUSH, "enable", enabled)
        .set(Target::OwnAccount, PUSH, "disable", disabled);
}

/// The address of the app's server; §5 and §6 want it.
fn service(request: Element<'_>) -> Result<Jid, StanzaError> {
    let jid = request.attr("jid").ok_or_else(StanzaError::bad_request)?;
    Jid::parse(&jid).map_err(|_| StanzaError::jid_malformed())
}

/// What is to stand beside each publication (§5, example 9), as it will be written.
fn options(request: Element<'_>) -> Result<Option<Vec<u8>>, StanzaError> {
    let form = DataForm::find(request).map_err(|_| StanzaError::bad_request())?;
    let Some(form) = form else { return Ok(None) };
    if form.form_type() != Some(PUBLISH_OPTIONS) {
        return Err(StanzaError::bad_request());
    }
    let mut writer = Writer::new();
    form.write(&mut writer);
    let options = writer.finish();
    if options.len() > OPTIONS_BYTES {
        return Err(StanzaError::policy_violation().text("the publish options are too large"));
    }
    Ok(Some(options))
}

/// §5: the last request for a service and node counts.
async fn enabled(cx: Cx) -> Answered {
    let request = cx.payload();
    let jid = service(request)?;
    let node = request.attr("node").unwrap_or_default().into_owned();
    if node.len() > NODE_BYTES {
        return Err(StanzaError::policy_violation().text("the node's name is too long"));
    }
    let options = options(request)?;
    // Nobody is to wait for what cannot come.
    questions::reaches(&cx.server, &jid)?;
    register_service(
        &cx,
        PushService::App {
            jid: jid.as_str().to_owned(),
            node,
            options,
        },
    )
    .await
}

/// Stores a registration for the client that asks.
pub(super) async fn register_service(cx: &Cx, service: PushService) -> Answered {
    let session = cx.session()?;
    let registration = PushRegistration {
        id: 0,
        no: session.no,
        service,
        resource: session.jid.resource().unwrap_or_default().to_owned(),
        device: session.device(),
        created: cx.server.clock.now(),
    };
    let (server, no) = (cx.server.clone(), session.no);
    let written = server.store.write(enable(registration, REGISTRATIONS_MAX));
    Answer::later(async move {
        written.await.map_err(|error| unwritable(&error))?;
        // Once it is stored: whoever finds none there forgets that there are any.
        server.push.begins(no);
        Ok(Answer::Empty)
    })
}

/// §6: without a node, all of that service.
async fn disabled(cx: Cx) -> Answered {
    let request = cx.payload();
    let jid = service(request)?;
    let node = request.attr("node").map(std::borrow::Cow::into_owned);
    end(&cx, jid.as_str().to_owned(), node)
}

/// Removes registrations of the account that asks.
pub(super) fn end(cx: &Cx, service: String, node: Option<String>) -> Answered {
    let written = cx.server.store.write(disable(cx.no(), service, node));
    Answer::later(async move {
        written.await.map_err(|error| unwritable(&error))?;
        Ok(Answer::Empty)
    })
}

/// §8: a message in which an app's server says that the account may publish no more to a node.
pub(crate) fn stopped(message: Element<'_>, account: &str) -> Option<String> {
    let pubsub = message.child("pubsub", ns::PUBSUB)?;
    let node = pubsub.attr("node")?;
    let ends = pubsub.children().any(|child| {
        child.is("affiliation", ns::PUBSUB)
            && child.attr("jid").as_deref() == Some(account)
            && !matches!(
                child.attr("affiliation").as_deref(),
                Some("owner" | "publisher" | "publish-only")
            )
    });
    ends.then(|| node.into_owned())
}
