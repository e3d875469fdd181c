//! Requests that this server puts to others in its own name, and their answers: RFC 6120 §8.2.3,
//! <https://www.rfc-editor.org/rfc/rfc6120#section-8.2.3>.
//!
//! It carries a request to any address that is reached from here; what is asked, and what an answer means, is its caller's.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::oneshot;
use wire::{ErrorType, Jid, Stanza, StanzaError, Writer, ns};

use crate::router::Place;
use crate::server::Server;
use crate::session::mailbox::Outgoing;

/// How long an answer may take.
const PATIENCE_MS: u64 = 30_000;

/// What this server asked and is not answered yet.
#[derive(Default)]
pub(crate) struct Questions {
    asked: Mutex<HashMap<String, Asked>>,
    ids: AtomicU64,
}

struct Asked {
    whom: Jid,
    answer: oneshot::Sender<Result<(), Refusal>>,
}

/// Why a request brought no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The name of the condition (RFC 6120 §8.3.3); empty where the answer named none.
    pub condition: String,
    /// Whether the same may succeed later.
    pub is_passing: bool,
}

impl Refusal {
    fn new(error: &StanzaError) -> Refusal {
        Refusal {
            condition: error.condition.name().to_owned(),
            is_passing: error.kind == ErrorType::Wait,
        }
    }

    /// Reads an answer of type `error`.
    fn read(stanza: &Stanza) -> Refusal {
        let document = stanza.document();
        let error = document.root().child("error", ns::CLIENT);
        let condition = error.and_then(|error| {
            error
                .children()
                .find(|child| child.ns() == ns::STANZAS && child.name() != "text")
        });
        Refusal {
            condition: condition.map_or_else(String::new, |condition| condition.name().to_owned()),
            is_passing: error.and_then(|error| error.attr("type")).as_deref() == Some("wait"),
        }
    }
}

impl Questions {
    /// A result or error came from somebody, addressed to one of our domains: whether it was the answer to a question.
    pub(crate) fn answered(&self, from: &Jid, stanza: &Stanza) -> bool {
        let Some(id) = stanza.id() else { return false };
        let asked = {
            let mut all = self.asked.lock();
            // Only whom we asked may answer.
            match all.get(&*id) {
                Some(asked) if asked.whom == *from => all.remove(&*id),
                _ => None,
            }
        };
        let Some(asked) = asked else { return false };
        let outcome = match stanza.type_().as_deref() {
            Some("result") => Ok(()),
            _ => Err(Refusal::read(stanza)),
        };
        // Whoever asked may have stopped waiting just now.
        let _ = asked.answer.send(outcome);
        true
    }

    fn forget(&self, id: &str) {
        self.asked.lock().remove(id);
    }
}

/// Puts a request of type `set` to an address, from one of our domains, and waits for the answer.
pub(crate) async fn set(server: &Arc<Server>, from: &Jid, whom: &Jid, payload: &[u8]) -> Result<(), Refusal> {
    let id = format!(
        "question-{}",
        server.questions.ids.fetch_add(1, Ordering::Relaxed)
    );
    let mut writer = Writer::new();
    writer
        .open("iq")
        .attr("type", "set")
        .attr("id", &id)
        .attr("from", from.as_str())
        .attr("to", whom.as_str());
    writer.raw(payload).close();
    let stanza =
        Stanza::parse(writer.finish()).map_err(|_| Refusal::new(&StanzaError::internal_server_error()))?;
    let (answer, answered) = oneshot::channel();
    let asked = Asked {
        whom: whom.clone(),
        answer,
    };
    server.questions.asked.lock().insert(id.clone(), asked);
    if let Err(error) = send(server, from, whom, &stanza).await {
        server.questions.forget(&id);
        return Err(Refusal::new(&error));
    }
    let outcome = tokio::select! {
        outcome = answered => outcome.ok(),
        () = server.clock.sleep(PATIENCE_MS) => None,
        () = server.shutdown.cancelled() => None,
    };
    server.questions.forget(&id);
    outcome.unwrap_or_else(|| Err(Refusal::new(&StanzaError::remote_server_timeout())))
}

/// Whether a request of ours to this address has a way: not whether anybody is there.
pub(crate) fn reaches(server: &Server, whom: &Jid) -> Result<(), StanzaError> {
    match server.place(whom) {
        Place::Component => Ok(()),
        Place::Account if !whom.is_bare() => Ok(()),
        Place::Remote => Err(StanzaError::remote_server_not_found()),
        Place::Account | Place::Domain | Place::Pubsub => Err(StanzaError::service_unavailable()),
    }
}

async fn send(server: &Arc<Server>, from: &Jid, whom: &Jid, stanza: &Stanza) -> Result<(), StanzaError> {
    reaches(server, whom)?;
    if server.place(whom) == Place::Component {
        return server.components.deliver(from, stanza, whom);
    }
    let no = server.find(whom.bare_str()).await;
    let session = no
        .zip(whom.resource())
        .and_then(|(no, resource)| server.registry.session(no, resource))
        .ok_or_else(StanzaError::recipient_unavailable)?;
    session
        .send(Outgoing::Stanza(stanza.shared()))
        .map_err(|_| StanzaError::recipient_unavailable())
}
