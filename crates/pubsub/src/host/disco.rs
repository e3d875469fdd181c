//! What is told about nodes: [XEP-0060](https://xmpp.org/extensions/xep-0060.html) §5.2 to §5.4.

use std::sync::Arc;

use bus::{Affiliation, NodeKind, NodeView, Virtual};
use format::datetime;
use format::form::DataForm;
use format::rsm::{self, Page};
use wire::BareJid;

use super::computed::Freshness;
use super::{Host, check_name};
use crate::access::{Actor, may_read};
use crate::communities;
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

/// Nodes in the order of their names.
#[derive(Clone, Debug, Default)]
pub struct NodesPage {
    /// The nodes.
    pub nodes: Vec<NodeInfo>,
    /// Where the page stands, when a page was asked for or not all fitted.
    pub rsm: Option<rsm::Response>,
}

impl Host {
    /// The nodes at an address that somebody may read (§5.2), by their names; those of a page, if one is asked for. How many
    /// there are is not told: that would count those that they may not read.
    ///
    /// # Errors
    /// `ItemNotFound` for a page beside a node that is not there; `NoIndex` for one by its index.
    pub async fn nodes(
        &self,
        owner: &BareJid,
        actor: &Actor,
        page: Option<rsm::Request>,
    ) -> Result<NodesPage, PubsubError> {
        let Some(owned) = self.owner(owner).await? else {
            return Ok(NodesPage::default());
        };
        let listed: &[Virtual] = if self.is_service(owner) {
            &[Virtual::PublicStream]
        } else if actor.no == owned.no {
            &[Virtual::Home, Virtual::Notifications]
        } else {
            &[]
        };
        let is_asked = page.is_some();
        let rsm::Request { max, page } = page.unwrap_or_default();
        let limit = max.map_or(MAX_LISTED, |max| (max as usize).min(MAX_LISTED));
        let (anchor, is_backwards) = match page {
            Page::First | Page::Index(0) => (None, false),
            Page::Last => (None, true),
            Page::After(name) => (Some(name), false),
            Page::Before(name) => (Some(name), true),
            Page::Index(_) => return Err(PubsubError::NoIndex),
        };
        let listed: Vec<_> = listed.iter().map(|which| (which.name(), which)).collect();
        if let Some(name) = &anchor
            && !listed.iter().any(|(listed, _)| **listed == **name)
            && self.readable_info(owner, actor, name).await?.is_none()
        {
            return Err(PubsubError::ItemNotFound);
        }
        let is_beyond = |name: &str| match &anchor {
            Some(anchor) if is_backwards => name < anchor.as_str(),
            Some(anchor) => name > anchor.as_str(),
            None => true,
        };
        let mut names = self
            .with_nodes(&owned, |state| {
                let names = state.nodes.keys().filter(|name| is_beyond(name));
                names.cloned().collect::<Vec<_>>()
            })
            .await?;
        names.extend(
            listed
                .iter()
                .map(|(name, _)| Arc::clone(name))
                .filter(|name| is_beyond(name)),
        );
        names.sort_unstable();
        names.dedup();
        if is_backwards {
            names.reverse();
        }
        let mut nodes = Vec::new();
        let mut is_part = false;
        if limit == 0 {
            names.clear();
        }
        for name in names {
            let found = match listed.iter().find(|(listed, _)| *listed == name) {
                Some((_, which)) => Some(info(&self.empty_view(owner, owned.no, which))),
                None => self.readable_info(owner, actor, &name).await?,
            };
            // That there are more is told of what may be read alone.
            if found.is_some() && nodes.len() >= limit {
                is_part = true;
                break;
            }
            nodes.extend(found);
        }
        if is_backwards {
            nodes.reverse();
        }
        let name = |node: Option<&NodeInfo>| node.map(|node| node.name.to_string());
        let rsm = rsm::Response {
            first: name(nodes.first()),
            last: name(nodes.last()),
            ..rsm::Response::default()
        };
        Ok(NodesPage {
            rsm: (is_asked || is_part).then_some(rsm),
            nodes,
        })
    }

    /// A node, if somebody may read it, or may find it.
    async fn readable_info(
        &self,
        owner: &BareJid,
        actor: &Actor,
        name: &str,
    ) -> Result<Option<NodeInfo>, PubsubError> {
        let Some(view) = self.view(owner, name).await? else {
            return Ok(None);
        };
        let is_readable = may_read(&self.reader(actor, &view).await, &view).is_ok();
        // A closed community may want to be found.
        let is_found = view.is_community()
            && communities::is_listed(&view.config)
            && view.affiliation(actor.no) != Affiliation::Outcast;
        Ok((is_readable || is_found).then(|| info(&view)))
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
            self.check_shown(owner, actor, &which).await?;
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
