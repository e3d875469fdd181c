//! XEP-0490: Message Displayed Synchronization, <https://xmpp.org/extensions/xep-0490.html>: the server's assistance, by which
//! one message tells its recipient and the sender's own devices that something was displayed. The node is one like any other;
//! what its payloads are is laid down in `pubsub`'s `profile/known`.

use std::borrow::Cow;
use std::sync::Arc;

use format::form::{DataForm, Field, FormType};
use futures_util::future::BoxFuture;
use memchr::memmem;
use pubsub::form::PUBLISH_OPTIONS;
use pubsub::profile::known::DISPLAYED;
use pubsub::{Actor, NewItem};
use wire::{Element, Stanza};

use super::Xeps;
use crate::server::Server;
use crate::session::Session;
use crate::splice::splice;

const ASSIST: &str = "urn:xmpp:mds:server-assist:0";

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(490, "Message Displayed Synchronization", "1.0.1")
        .own_feature(ASSIST);
}

/// A message without what was meant for its sender's own node.
pub(crate) struct Taken {
    /// The message as it goes on.
    pub stanza: Stanza,
    /// Publishes what was taken out; ends when that is handed in, and to be awaited before the sender's next stanza.
    pub publishing: BoxFuture<'static, ()>,
}

/// Takes out of a message of an own session what is for the sender's node (§4.5.3); `None` where there is nothing of that. It
/// comes before the archive, before copies for the sender, and before the recipient (§5.2).
pub(crate) fn taken(server: &Arc<Server>, session: &Arc<Session>, stanza: &Stanza) -> Option<Taken> {
    // Most messages have nothing of the kind, and are not parsed for it.
    memmem::find(stanza.bytes(), DISPLAYED.as_bytes())?;
    let document = stanza.document();
    let is_displayed = |child: &Element<'_>| child.is("displayed", DISPLAYED);
    let payload = document.root().children().find(is_displayed)?.cut();
    let without = |child: Element<'_>| is_displayed(&child).then_some(Cow::Borrowed(&[][..]));
    let rest = Stanza::parse(splice(document.root(), without, &[])).ok()?;
    // The verbatim address is the item's id; what is sent to nobody is for the account itself.
    let own = session.jid.bare();
    let id = stanza
        .to()
        .map_or_else(|| own.as_str().to_owned(), Cow::into_owned);
    let actor = Actor {
        jid: session.jid.clone(),
        no: session.no,
    };
    let server = server.clone();
    let publishing = Box::pin(async move {
        let item = NewItem {
            id: Some(id),
            payload: Some(payload),
        };
        let options = private();
        let accepted = server
            .host
            .publish(&own, &actor, DISPLAYED, vec![item], Some(&options))
            .await;
        match accepted {
            Ok(accepted) => {
                server.tasks.spawn(async move {
                    if let Err(error) = accepted.durable.await {
                        tracing::warn!(%error, "what was displayed could not be kept");
                    }
                });
            }
            // A node that others may read is its owner's doing, and is told nothing more.
            Err(error) => tracing::debug!(%error, "what was displayed was not published"),
        }
    });
    Some(Taken {
        stanza: rest,
        publishing,
    })
}

/// §4.2, §7: nobody else may read it, and nothing of it is forgotten.
fn private() -> DataForm {
    DataForm::new(FormType::Submit)
        .with_form_type(PUBLISH_OPTIONS)
        .with(Field::text("pubsub#persist_items", "true"))
        .with(Field::text("pubsub#max_items", "max"))
        .with(Field::text("pubsub#send_last_published_item", "never"))
        .with(Field::text("pubsub#access_model", "whitelist"))
}
