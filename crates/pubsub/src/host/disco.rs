//! What is told about nodes: [XEP-0060](https://xmpp.org/extensions/xep-0060.html) §5.2 to §5.4.

use std::sync::Arc;

use bus::{Affiliation, NodeKind, NodeView, Virtual};
use format::datetime;
use format::form::DataForm;
use wire::BareJid;

use super::computed::Freshness;
use super::{Host, check_name};
use crate::access::{Actor, may_read};
use crate::error::PubsubError;
use crate::form::{MetaData, meta_data_form};

/// Nodes listed in one answer.
const MAX_LISTED: usize = 1_000;

/// A node, as service discovery tells of it.
#[derive(Clone, Debug)]
pub struct NodeInfo {
    /// Its name.
    pub name: Arc<str>,
    /// Its name for people.
    pub title: Option<Arc<str>>,
    /// What sort of node it is. All are leaves.
    pub kind: NodeKind,
    /// What its payloads mean.
    pub type_: Option<Arc<str>>,
    /// Its metadata, where one node was asked about.
    pub metadata: Option<DataForm>,
}

impl Host {
    /// The nodes at an address that somebody may read (§5.2).
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn nodes(&self, owner: &BareJid, actor: &Actor) -> Result<Vec<NodeInfo>, PubsubError> {
        let Some(owned) = self.owner(owner).await? else {
            return Ok(Vec::new());
        };
        let names = self
            .with_nodes(&owned, |state| {
                let mut names: Vec<_> = state.nodes.keys().cloned().collect();
                names.sort_unstable();
                names.truncate(MAX_LISTED);
                names
            })
            .await?;
        let listed: &[Virtual] = if self.is_service(owner) {
            &[Virtual::PublicStream]
        } else if actor.no == owned.no {
            &[Virtual::Home, Virtual::Notifications]
        } else {
            &[]
        };
        let mut nodes: Vec<_> = listed
            .iter()
            .map(|which| info(&self.empty_view(owner, owned.no, which)))
            .collect();
        for name in names {
            if let Some(view) = self.view(owner, &name).await?
                && may_read(&self.reader(actor, &view).await, &view).is_ok()
            {
                nodes.push(info(&view));
            }
        }
        Ok(nodes)
    }

    /// One node with its metadata (§5.3, §5.4).
    ///
    /// # Errors
    /// `NodeNotFound`; the refusal for a node that the actor may neither read nor subscribe to.
    pub async fn node_info(
        &self,
        owner: &BareJid,
        actor: &Actor,
        node: &str,
    ) -> Result<NodeInfo, PubsubError> {
        check_name(node)?;
        if let Some(which) = self.virtual_at(owner, node) {
            let owned = self.owner(owner).await?.ok_or(PubsubError::NodeNotFound)?;
            let view = match self.virtual_view(owner.as_str(), &which.name()) {
                Some(view) => NodeView::clone(&view),
                None => self.empty_view(owner, owned.no, &which),
            };
            may_read(&self.reader(actor, &view).await, &view)?;
            let metadata = MetaData {
                created: None,
                owners: vec![owner.to_string()],
                publishers: Vec::new(),
                subscribers: None,
            };
            return Ok(NodeInfo {
                metadata: Some(meta_data_form(&view.config, &metadata)),
                ..info(&view)
            });
        }
        let owned = self.owner(owner).await?.ok_or(PubsubError::NodeNotFound)?;
        let (spot, _) = self.enter(&owned, actor, node, Freshness::Settled).await?;
        let view = self.within(&owned, &spot, |state| {
            state.node(&spot.name).map(|node| Arc::clone(&node.view))
        });
        let view = view.await?.ok_or(PubsubError::NodeNotFound)?;
        match may_read(&self.reader(actor, &view).await, &view) {
            // Whom an owner has yet to approve may know what they ask to read.
            Ok(()) | Err(PubsubError::ItemsNeedSubscription | PubsubError::PendingSubscription) => {}
            Err(refusal) => return Err(refusal),
        }
        let mut listed: Vec<_> = view.affiliations.iter().map(|(no, _)| *no).collect();
        if let NodeKind::Computed(computed) = &view.kind {
            listed.push(computed.author);
        }
        let addresses = self.addresses(&listed).await?;
        let with = |wanted: Affiliation| {
            let of_it = view
                .affiliations
                .iter()
                .filter(move |(_, affiliation)| *affiliation == wanted);
            of_it
                .filter_map(|(no, _)| addresses.get(no))
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        let mut owners = with(Affiliation::Owner);
        if view.kind == NodeKind::Pep {
            owners.insert(0, view.owner_jid.to_string());
        }
        if let NodeKind::Computed(computed) = &view.kind {
            owners.extend(addresses.get(&computed.author).map(ToString::to_string));
        }
        let metadata = MetaData {
            created: Some(datetime::to_text(view.created.0)),
            owners,
            publishers: with(Affiliation::Publisher),
            subscribers: Some(view.subscribers.len()),
        };
        Ok(NodeInfo {
            metadata: Some(meta_data_form(&view.config, &metadata)),
            ..info(&view)
        })
    }
}

fn info(view: &NodeView) -> NodeInfo {
    NodeInfo {
        name: Arc::clone(&view.name),
        title: view.config.title.clone(),
        kind: view.kind.clone(),
        type_: view.config.type_.clone(),
        metadata: None,
    }
}
