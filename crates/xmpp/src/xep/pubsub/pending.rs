//! All requests to subscribe that wait for an answer, asked for by those who may give it: XEP-0060 §8.7,
//! <https://xmpp.org/extensions/xep-0060.html#owner-subreq-process>, by the command of XEP-0050.

use format::form::{DataForm, Field, FieldOption, FieldType, FormType};
use futures_util::future::BoxFuture;
use wire::{StanzaError, ns};

use super::approval;
use super::errors::on_the_wire;
use crate::iq::{Cx, Target};
use crate::xep::commands::{Command, Outcome, Step, bad_payload};

/// The command.
pub(crate) static GET_PENDING: Command = Command {
    at: &[Target::Pubsub, Target::OwnAccount, Target::Account],
    node: "http://jabber.org/protocol/pubsub#get-pending",
    name: "Show who waits for leave to subscribe",
    is_for,
    run,
};

/// §8.7.3.3
fn is_for(cx: &Cx) -> BoxFuture<'_, Result<bool, StanzaError>> {
    Box::pin(async {
        let asked = cx.server.host.keeps_order_at(&cx.to, &cx.actor()).await;
        asked.map_err(on_the_wire)
    })
}

fn run(cx: &Cx, filled_in: Option<DataForm>) -> Step<'_> {
    Box::pin(async move {
        let actor = cx.actor();
        let Some(form) = filled_in else {
            let nodes = cx.server.host.requested_nodes(&cx.to, &actor).await;
            return Ok(Outcome::Form(choice(nodes.map_err(on_the_wire)?)));
        };
        let node = form.value("pubsub#node");
        let node = node.ok_or_else(|| bad_payload("which node is not said"))?;
        let waiting = cx.server.host.requests_to(&cx.to, &actor, node).await;
        let waiting = waiting.map_err(on_the_wire)?;
        let (server, session) = (cx.server.clone(), cx.session()?.clone());
        Ok(Outcome::DoneThen(Box::pin(async move {
            approval::send(&server, &session, &waiting).await;
        })))
    })
}

/// §8.7.2: the nodes where somebody waits.
fn choice(nodes: Vec<String>) -> DataForm {
    let options = nodes.into_iter().map(|value| FieldOption { label: None, value });
    let node = Field {
        options: options.collect(),
        ..Field::new("pubsub#node", FieldType::ListSingle)
    };
    DataForm::new(FormType::Form)
        .with_form_type(ns::PUBSUB_SUBSCRIBE_AUTHORIZATION)
        .with(node.label("Node"))
}
