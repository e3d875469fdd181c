//! What an app's server is told: XEP-0357 §7, <https://xmpp.org/extensions/xep-0357.html#publishing>.
//!
//! A publication says no more than the operator allows: by default how many messages wait, never what they say nor from whom.

use format::form::{DataForm, Field, FormType};
use wire::{Writer, ns};

use super::event::Gathered;
use crate::settings::PushSummary;

/// XEP-0357.
pub(crate) const PUSH: &str = "urn:xmpp:push:0";
/// §7: the form inside a notification.
const SUMMARY: &str = "urn:xmpp:push:summary";

/// What stands in a summary.
pub(super) struct Counts {
    /// Messages since the client was there last.
    pub messages: u32,
    /// Requests to see the account's presence that wait.
    pub requests: usize,
}

/// The `<pubsub/>` of a publication.
pub(super) fn publication(
    node: &str,
    options: Option<&[u8]>,
    gathered: &Gathered,
    counts: &Counts,
    summary: PushSummary,
) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.open("pubsub").ns(ns::PUBSUB).open("publish");
    if !node.is_empty() {
        writer.attr("node", node);
    }
    writer.open("item").open("notification").ns(PUSH);
    if let Some(form) = form(gathered, counts, summary) {
        form.write(&mut writer);
    }
    writer.close().close().close();
    if let Some(options) = options {
        writer.open("publish-options").raw(options).close();
    }
    writer.finish()
}

fn form(gathered: &Gathered, counts: &Counts, summary: PushSummary) -> Option<DataForm> {
    if summary == PushSummary::Nothing {
        return None;
    }
    let mut form = DataForm::new(FormType::Submit).with_form_type(SUMMARY);
    if counts.messages > 0 {
        form = form.with(Field::plain("message-count", counts.messages.to_string()));
    }
    if counts.requests > 0 {
        form = form.with(Field::plain(
            "pending-subscription-count",
            counts.requests.to_string(),
        ));
    }
    let Some(last) = gathered.last_message().filter(|_| summary >= PushSummary::Sender) else {
        return Some(form);
    };
    form = form.with(Field::plain("last-message-sender", last.from.as_str()));
    match &last.text {
        Some(text) if summary >= PushSummary::Text => {
            Some(form.with(Field::plain("last-message-body", text)))
        }
        _ => Some(form),
    }
}
