//! Clients that speak over HTTP (XEP-0124): what they posted, and the answers that they wait for.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;

use tokio::task::JoinHandle;
use wire::Document;
use xmpp::listen::Peer;
use xmpp::listen::bosh::{self, Reply};

use crate::world::World;

/// How often everybody else may go on before a request counts as held.
const TURNS: usize = 500;

/// The requests of each client that are not answered yet, the oldest first.
#[derive(Default)]
pub(super) struct Http {
    asked: BTreeMap<String, VecDeque<JoinHandle<Reply>>>,
}

impl Http {
    pub(super) fn post(&mut self, world: &World, who: &str, body: String) {
        let server = world.server.clone();
        let asked = tokio::spawn(async move {
            let here = Peer::direct(Ipv4Addr::LOCALHOST.into());
            bosh::answer(&server, here, body.as_bytes()).await
        });
        self.asked.entry(who.to_owned()).or_default().push_back(asked);
    }

    pub(super) async fn answer(&mut self, who: &str) -> Result<Document, String> {
        let asked = self.asked.get_mut(who).and_then(VecDeque::pop_front);
        let asked = asked.ok_or_else(|| format!("{who} has no request without an answer"))?;
        let reply = asked.await.map_err(|error| error.to_string())?;
        Document::parse(reply.body.as_slice()).map_err(|error| error.to_string())
    }

    pub(super) async fn waits(&mut self, who: &str) -> Result<(), String> {
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
        let asked = self
            .asked
            .get(who)
            .ok_or_else(|| format!("{who} has asked nothing"))?;
        if asked.iter().any(JoinHandle::is_finished) {
            return Err(format!("a request of {who}'s is answered"));
        }
        Ok(())
    }
}
