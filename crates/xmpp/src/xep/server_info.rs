//! XEP-0485: PubSub Server Information, <https://xmpp.org/extensions/xep-0485.html>: what this server tells those who draw
//! maps of the network, in a node of its pubsub service, if its operator wants that.
//!
//! It holds no connections to other servers, so that there is no federation to tell of (§4) and nobody is named.

use std::sync::Arc;

use format::form::{DataForm, Field, FormType};
use format::uri::XmppUri;
use pubsub::form::NODE_CONFIG;
use pubsub::profile::known::SERVER_INFO;
use pubsub::{Actor, ItemsQuery, NewItem, PubsubError};
use wire::{BareJid, Writer};

use super::{Xeps, version};
use crate::server::Server;
use crate::settings::Settings;

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(485, "PubSub Server Information", "1.0.0")
        .without("the `<federation/>` part, until servers talk to each other");
}

/// §3: announced by operators who agree to it, and by nobody else.
pub(super) const FEATURE: &str = "urn:xmpp:serverinfo:0";
/// §5
const ITEM: &str = "current";

/// §3: where the node is, as a field for the form of XEP-0157; nothing where nothing is told.
pub(super) fn field(settings: &Settings) -> Option<Field> {
    let service = service(settings).filter(|_| settings.tells_of_server)?;
    let uri = XmppUri::of_node(service, SERVER_INFO).to_string();
    Some(Field::text("serverinfo-pubsub-node", uri))
}

fn service(settings: &Settings) -> Option<BareJid> {
    BareJid::parse(&settings.pubsub_service(settings.main_domain())).ok()
}

/// Publishes what is so now, if it was not so before; takes it away where the operator wants that no more.
pub(crate) async fn settle(server: &Arc<Server>) {
    if let Err(error) = try_settle(server).await {
        tracing::warn!(%error, "the server's information could not be published");
    }
}

async fn try_settle(server: &Server) -> Result<(), PubsubError> {
    let settings = &server.settings;
    let (Some(service), Ok(domain)) = (service(settings), BareJid::parse(settings.main_domain())) else {
        return Ok(());
    };
    let host = &server.host;
    let actor = Actor {
        no: server.store.jids().number(domain.as_str()).await?,
        jid: domain.into(),
    };
    let node = host.view(&service, SERVER_INFO).await?;
    if !settings.tells_of_server {
        return match node {
            Some(node) if node.affiliation(actor.no) == bus::Affiliation::Owner => {
                host.delete(&service, &actor, SERVER_INFO, None)
                    .await?
                    .durable
                    .await
            }
            Some(_) | None => Ok(()),
        };
    }
    if node.is_none() {
        let config = DataForm::new(FormType::Submit)
            .with_form_type(NODE_CONFIG)
            .with(Field::text("pubsub#access_model", "open"))
            .with(Field::text("pubsub#max_items", "1"));
        let created = host
            .create(&service, &actor, Some(SERVER_INFO), Some(&config))
            .await?;
        created.durable.await?;
    }
    let payload = document(settings);
    let page = host
        .items(&service, &actor, SERVER_INFO, ItemsQuery::Newest(1))
        .await?;
    if page
        .items
        .iter()
        .any(|item| item.payload.as_deref() == Some(&payload[..]))
    {
        return Ok(());
    }
    let item = NewItem {
        id: Some(ITEM.to_owned()),
        payload: Some(payload),
    };
    let published = host
        .publish(&service, &actor, SERVER_INFO, vec![item], None)
        .await?;
    published.durable.await.map(drop)
}

/// §4
fn document(settings: &Settings) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.open("serverinfo").ns(FEATURE);
    for domain in &settings.domains {
        writer.open("domain").attr("name", domain).close();
    }
    version::write(settings, &mut writer);
    writer.close();
    writer.finish()
}
