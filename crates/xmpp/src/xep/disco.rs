//! XEP-0030: Service Discovery, <https://xmpp.org/extensions/xep-0030.html>: what domains, accounts, the pubsub service and
//! nodes are. Every feature comes from the file that implements it.

use std::borrow::Cow;

use bus::Virtual;
use format::disco::{Identity, Info};
use format::rsm;
use pubsub::{Creators, NodeInfo};
use wire::{StanzaError, Writer, ns};

use super::{
    Xeps, caps, commands, contacts,
    pubsub::{CREATION, errors},
    server_info, shown_subscriptions, timelines,
};
use crate::iq::{Answer, Answered, Cx, Target};
use crate::server::Server;
use crate::unified_push;

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(30, "Service Discovery", "2.5.0");
    for target in [
        Target::Server,
        Target::OwnAccount,
        Target::Account,
        Target::Pubsub,
    ] {
        xeps.get(target, ns::DISCO_INFO, "query", info)
            .get(target, ns::DISCO_ITEMS, "query", items);
        if target != Target::Account {
            xeps.feature(target, ns::DISCO_INFO)
                .feature(target, ns::DISCO_ITEMS);
        }
    }
}

/// What a domain of this server is.
pub(crate) fn server_info(server: &Server) -> Info {
    target_info(server, Target::Server)
}

fn target_info(server: &Server, target: Target) -> Info {
    let identities = match target {
        Target::Server => vec![Identity::new("server", "im", Some("Folkmoot"))],
        // XEP-0163 §6.1, and XEP-0030's registry for registered accounts.
        Target::OwnAccount | Target::Account => {
            vec![
                Identity::new("account", "registered", None),
                Identity::new("pubsub", "pep", None),
            ]
        }
        Target::Pubsub => vec![Identity::new("pubsub", "service", Some("Folkmoot"))],
    };
    // XEP-0060 §8.1.1: what nobody may is not announced.
    let makes_nodes = target != Target::Pubsub || server.settings.creators != Creators::Nobody;
    let tells = target == Target::Server && server.settings.tells_of_server;
    let features = server
        .xeps
        .features(target)
        .iter()
        .copied()
        .filter(|feature| makes_nodes || !CREATION.contains(feature))
        .filter(|feature| *feature != unified_push::UNIFIED_PUSH || unified_push::is_offered(server))
        .chain(tells.then_some(server_info::FEATURE))
        .map(str::to_owned)
        .collect();
    let contacts = match target {
        Target::Server => contacts::form(&server.settings),
        Target::OwnAccount | Target::Account | Target::Pubsub => None,
    };
    Info {
        identities,
        features,
        forms: contacts.into_iter().collect(),
        ..Info::default()
    }
}

/// §3
async fn info(cx: Cx) -> Answered {
    let query = cx.payload();
    let node = query.attr("node");
    let mut info = match (node.as_deref(), cx.target) {
        (None | Some(""), target) => target_info(&cx.server, target),
        // XEP-0115 §6.2: what the announced hash stands for.
        (Some(node), Target::Server) if caps::is_own_node(&cx.server, node) => server_info(&cx.server),
        // XEP-0050 §2.2
        (Some(node), Target::Server) => commands::info(&cx, node).await?,
        (Some(node), _) if commands::is_node(node) => commands::info(&cx, node).await?,
        (Some(node), Target::OwnAccount | Target::Account | Target::Pubsub) => {
            if let Some(which) = cx.server.host.virtual_at(&cx.to, node) {
                let checked = cx.server.timelines.check(&cx.to, &cx.actor(), &which).await;
                checked.map_err(errors::on_the_wire)?;
            }
            let found = cx
                .server
                .host
                .node_info(&cx.to, &cx.actor(), node)
                .await
                .map_err(errors::on_the_wire)?;
            node_info(found)
        }
    };
    info.node = node.map(Cow::into_owned);
    let mut writer = Writer::new();
    info.write(&mut writer);
    Ok(Answer::Payload(writer.finish()))
}

/// XEP-0060 §5.3, §5.4: a leaf, and its metadata.
fn node_info(found: NodeInfo) -> Info {
    Info {
        identities: vec![Identity::new("pubsub", "leaf", found.title.as_deref())],
        features: vec![ns::PUBSUB.to_owned()],
        forms: found.metadata.into_iter().collect(),
        node: None,
    }
}

/// §4
async fn items(cx: Cx) -> Answered {
    let query = cx.payload();
    let node = query.attr("node").filter(|node| !node.is_empty());
    // XEP-0059 §3: where there may be many.
    let page = rsm::Request::find(query).map_err(|_| StanzaError::bad_request())?;
    let mut writer = Writer::new();
    writer
        .open("query")
        .ns(ns::DISCO_ITEMS)
        .attr_opt("node", node.as_deref());
    match (node.as_deref(), cx.target) {
        (None, Target::Server) => {
            let service = cx.server.settings.pubsub_service(cx.to.domain());
            writer.open("item").attr("jid", &service).close();
            for (domain, name) in cx.server.components.listed() {
                writer.open("item").attr("jid", domain).attr("name", name).close();
            }
        }
        // XEP-0050 §2.2
        (Some(commands::COMMANDS), _) => commands::write_items(&cx, &mut writer).await?,
        (Some(_), Target::Server) => return Err(StanzaError::item_not_found()),
        // XEP-0060 §5.2: the nodes that the asker may read.
        (None, Target::OwnAccount | Target::Account | Target::Pubsub) => {
            let found = cx
                .server
                .host
                .nodes(&cx.to, &cx.actor(), page)
                .await
                .map_err(errors::on_the_wire)?;
            for node in &found.nodes {
                writer
                    .open("item")
                    .attr("jid", cx.to.as_str())
                    .attr("node", &node.name);
                writer.attr_opt("name", node.title.as_deref()).close();
            }
            if let Some(rsm) = &found.rsm {
                rsm.write(&mut writer);
            }
        }
        // XEP-0060 §5.5: a node's items.
        (Some(node), Target::OwnAccount | Target::Account | Target::Pubsub) => {
            let found = match cx.server.host.virtual_at(&cx.to, node) {
                Some(which @ (Virtual::ShownSubscriptions | Virtual::ShownSubscribers(_))) => {
                    Ok(shown_subscriptions::ids(&cx, &which, page).await?)
                }
                Some(which) => timelines::ids(&cx, &which, page).await,
                None => cx.server.host.item_ids(&cx.to, &cx.actor(), node, page).await,
            };
            let found = found.map_err(errors::on_the_wire)?;
            for id in &found.ids {
                writer
                    .open("item")
                    .attr("jid", cx.to.as_str())
                    .attr("name", id)
                    .close();
            }
            if let Some(rsm) = &found.rsm {
                rsm.write(&mut writer);
            }
        }
    }
    writer.close();
    Ok(Answer::Payload(writer.finish()))
}
