//! Requests and their answers: RFC 6120 §8.2.3, RFC 6121 §8.5, <https://www.rfc-editor.org/rfc/rfc6120#section-8.2.3>.
//!
//! It finds who answers and carries the answer back; what is answered stands in the files of `xep`.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use store::JidNo;
use wire::{BareJid, Document, Element, Jid, Stanza, StanzaError, Writer, ns};

use crate::router::{Place, Routed, refuse};
use crate::sender::Sender;
use crate::server::Server;
use crate::session::Session;
use crate::session::mailbox::Outgoing;

/// Whom a request is put to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Target {
    /// One of our domains.
    Server,
    /// The account that asks.
    OwnAccount,
    /// Another account of this server, which answers on its behalf (RFC 6121 §8.5.2.2.3, RFC 6120 §10.5.3.1).
    Account,
    /// The pubsub service of one of our domains.
    Pubsub,
}

/// The two kinds of request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Verb {
    /// `type='get'`
    Get,
    /// `type='set'`
    Set,
}

/// What a handler is given.
pub struct Cx {
    /// What all sessions share.
    pub server: Arc<Server>,
    /// Who asks.
    pub sender: Sender,
    /// Whom it is put to.
    pub target: Target,
    /// The bare address that it is put to: the account (one's own when the stanza has no `to`), domain or service.
    pub to: BareJid,
    /// Which kind of request it is.
    pub verb: Verb,
    /// The whole stanza, parsed.
    pub document: Document,
}

impl Cx {
    /// The element that says what is asked.
    pub fn payload(&self) -> Element<'_> {
        let root = self.document.root();
        root.children().next().unwrap_or(root)
    }

    /// The domain that the addressee belongs to, that of the pubsub service included.
    pub fn domain(&self) -> &str {
        let domain = self.to.domain();
        self.server
            .settings
            .domain_of_pubsub_service(domain)
            .unwrap_or(domain)
    }

    /// Who acts, as the pubsub rules want it.
    pub fn actor(&self) -> pubsub::Actor {
        pubsub::Actor {
            jid: self.jid().clone(),
            no: self.no(),
        }
    }

    /// The address that asks.
    pub fn jid(&self) -> &Jid {
        self.sender.jid()
    }

    /// The number of the bare address that asks; nobody's where it has none.
    pub fn no(&self) -> JidNo {
        self.sender.no()
    }

    /// The session that asks. What is put to [`Target::OwnAccount`] always has one.
    ///
    /// # Errors
    /// `service-unavailable` where it is somebody from outside, for whom what needs a session is not there.
    pub fn session(&self) -> Result<&Arc<Session>, StanzaError> {
        self.sender.session().ok_or_else(StanzaError::service_unavailable)
    }
}

/// What stands inside a result.
pub enum Answer {
    /// Nothing: done.
    Empty,
    /// This element.
    Payload(Vec<u8>),
    /// Known later, most often when a write is durable. The session's next stanza does not wait for it.
    Later(BoxFuture<'static, Answered>),
    /// This element, and this once the result is on its way.
    PayloadThen(Vec<u8>, BoxFuture<'static, ()>),
    /// A refusal, with this element beside the error.
    Refused(Vec<u8>, StanzaError),
    /// Nothing, and this once the result is on its way.
    EmptyThen(BoxFuture<'static, ()>),
}

/// What a handler returns.
pub type Answered = Result<Answer, StanzaError>;

impl Answer {
    /// An answer that the session's next stanza does not wait for.
    pub fn later(future: impl Future<Output = Answered> + Send + 'static) -> Answered {
        Ok(Answer::Later(Box::pin(future)))
    }
}

/// Routes a request, result or error.
pub(crate) fn route(server: &Arc<Server>, sender: &Sender, stanza: Stanza, to: Option<Jid>) -> Routed {
    let kind = stanza.type_();
    let verb = match kind.as_deref() {
        Some("get") => Some(Verb::Get),
        Some("set") => Some(Verb::Set),
        Some("result" | "error") => None,
        // RFC 6120 §8.2.3 rule 2
        _ => return refused(server, sender, &stanza, &StanzaError::bad_request()),
    };
    // RFC 6120 §8.1.3: an id is required.
    if stanza.id().is_none() {
        return match verb {
            Some(_) => refused(server, sender, &stanza, &StanzaError::bad_request()),
            None => Routed::Done,
        };
    }
    let Some(to) = to else {
        return own(server, sender, stanza, verb);
    };
    match server.place(&to) {
        Place::Remote => refused(server, sender, &stanza, &StanzaError::remote_server_not_found()),
        // RFC 6120 §8.1.2.1: its address is not one that anything could be asked of on its behalf.
        Place::Component => match server.components.deliver(sender.jid(), &stanza, &to) {
            Ok(()) => Routed::Done,
            Err(error) => refused(server, sender, &stanza, &error),
        },
        Place::Account if verb == Some(Verb::Set) && is_forged_roster(sender, &stanza, &to) => {
            refused(server, sender, &stanza, &StanzaError::forbidden())
        }
        Place::Account if !to.is_bare() => to_session(server, sender, stanza, to),
        Place::Account if to.bare_str() == sender.jid().bare_str() => own(server, sender, stanza, verb),
        Place::Domain | Place::Pubsub if !to.is_bare() => {
            refused(server, sender, &stanza, &StanzaError::service_unavailable())
        }
        place => {
            let target = match place {
                Place::Domain => Target::Server,
                Place::Pubsub => Target::Pubsub,
                Place::Account | Place::Component | Place::Remote => Target::Account,
            };
            ask(server, sender, stanza, verb, target, to.into_bare())
        }
    }
}

/// RFC 6121 §2.1.6, §2.3.3: only a server pushes a roster to a client, and nobody changes another's. Said before anything is
/// looked up, so that it does not tell who exists; and of any child, since clients differ in which they look at.
fn is_forged_roster(sender: &Sender, stanza: &Stanza, to: &Jid) -> bool {
    (!to.is_bare() || to.bare_str() != sender.jid().bare_str())
        && stanza
            .document()
            .root()
            .children()
            .any(|child| child.ns() == ns::ROSTER)
}

fn refused(server: &Server, sender: &Sender, stanza: &Stanza, error: &StanzaError) -> Routed {
    refuse(server, sender, stanza, error);
    Routed::Done
}

/// RFC 6120 §10.3.3: without `to` the account itself answers.
fn own(server: &Arc<Server>, sender: &Sender, stanza: Stanza, verb: Option<Verb>) -> Routed {
    ask(
        server,
        sender,
        stanza,
        verb,
        Target::OwnAccount,
        sender.jid().bare(),
    )
}

/// RFC 6121 §8.5.3.1 and §8.5.3.2.3: to a full address, only that resource answers.
fn to_session(server: &Arc<Server>, sender: &Sender, stanza: Stanza, to: Jid) -> Routed {
    if let Some(no) = server.store.jids().number_cached(to.bare_str()) {
        pass_on(server, sender, &stanza, &to, Some(no));
        return Routed::Done;
    }
    let (server, sender) = (server.clone(), sender.clone());
    Routed::Later(Box::pin(async move {
        let no = server.find(to.bare_str()).await;
        pass_on(&server, &sender, &stanza, &to, no);
    }))
}

fn pass_on(server: &Server, sender: &Sender, stanza: &Stanza, to: &Jid, no: Option<JidNo>) {
    let found = no
        // XEP-0191 §3.3
        .filter(|no| !server.blocks.blocks(*no, sender.no(), sender.jid()))
        .zip(to.resource())
        .and_then(|(no, resource)| server.registry.session(no, resource));
    let is_sent = found.is_some_and(|other| other.send(Outgoing::Stanza(stanza.shared())).is_ok());
    if !is_sent {
        refuse(server, sender, stanza, &StanzaError::service_unavailable());
    }
}

fn ask(
    server: &Arc<Server>,
    sender: &Sender,
    stanza: Stanza,
    verb: Option<Verb>,
    target: Target,
    to: BareJid,
) -> Routed {
    let Some(verb) = verb else {
        if target == Target::Server && server.questions.answered(sender.jid(), &stanza) {
            return Routed::Done;
        }
        let Some(session) = sender.session().filter(|session| server.caps.is_asked(session)) else {
            return Routed::Done;
        };
        let (server, session) = (server.clone(), session.clone());
        return Routed::Later(Box::pin(async move {
            server.caps.answered(&server, &session, &stanza).await;
        }));
    };
    let found = stanza
        .first_child()
        .map(|(ns, name)| server.xeps.handler(verb, target, ns, name));
    match found {
        // RFC 6120 §8.2.3 rule 4: a request has exactly one child.
        None => refused(server, sender, &stanza, &StanzaError::bad_request()),
        Some(None) if stanza.document().root().children().count() != 1 => {
            refused(server, sender, &stanza, &StanzaError::bad_request())
        }
        Some(None) => refused(server, sender, &stanza, &StanzaError::service_unavailable()),
        Some(Some(_)) => {
            let (server, sender) = (server.clone(), sender.clone());
            Routed::Later(Box::pin(answer(server, sender, stanza, verb, target, to)))
        }
    }
}

async fn answer(
    server: Arc<Server>,
    sender: Sender,
    stanza: Stanza,
    verb: Verb,
    target: Target,
    to: BareJid,
) {
    let answered = run(&server, &sender, &stanza, verb, target, to).await;
    match answered {
        Ok(Answer::Later(later)) => match sender.wait_beside() {
            Some(waiting) => {
                let tasks = server.tasks.clone();
                tasks.spawn(async move {
                    finish(&server, &sender, &stanza, settled(later).await);
                    drop(waiting);
                });
            }
            // A client that asks faster than it can be answered waits for its answers.
            None => finish(&server, &sender, &stanza, settled(later).await),
        },
        other => finish(&server, &sender, &stanza, other),
    }
}

async fn settled(mut later: BoxFuture<'static, Answered>) -> Answered {
    loop {
        match later.await {
            Ok(Answer::Later(next)) => later = next,
            other => return other,
        }
    }
}

async fn run(
    server: &Arc<Server>,
    sender: &Sender,
    stanza: &Stanza,
    verb: Verb,
    target: Target,
    to: BareJid,
) -> Answered {
    let document = stanza.document();
    if document.root().children().count() != 1 {
        return Err(StanzaError::bad_request());
    }
    // RFC 6121 §8.5.1: nothing tells whether an account exists.
    if target == Target::Account && !server.accounts.exists(&to).await? {
        return Err(StanzaError::service_unavailable());
    }
    // XEP-0191 §3.3
    if target == Target::Account
        && let Some(no) = server.find(to.as_str()).await
        && server.blocks.blocks(no, sender.no(), sender.jid())
    {
        return Err(StanzaError::service_unavailable());
    }
    let Some(handler) = stanza
        .first_child()
        .and_then(|(ns, name)| server.xeps.handler(verb, target, ns, name))
    else {
        return Err(StanzaError::service_unavailable());
    };
    handler(Cx {
        server: server.clone(),
        sender: sender.clone(),
        target,
        to,
        verb,
        document,
    })
    .await
}

fn finish(server: &Server, sender: &Sender, stanza: &Stanza, answered: Answered) {
    match answered {
        Ok(Answer::Payload(payload)) => reply(sender, stanza, &payload),
        Ok(Answer::Empty | Answer::Later(_)) => reply(sender, stanza, &[]),
        Ok(Answer::EmptyThen(next)) => {
            reply(sender, stanza, &[]);
            server.tasks.spawn(next);
        }
        Ok(Answer::PayloadThen(payload, next)) => {
            reply(sender, stanza, &payload);
            server.tasks.spawn(next);
        }
        Ok(Answer::Refused(payload, error)) => {
            server.metrics.errors.add(1);
            let mut writer = answer_to(sender, stanza, "error");
            writer.raw(&payload);
            error.write(&mut writer);
            writer.close();
            sender.reply(writer.finish());
        }
        Err(error) => refuse(server, sender, stanza, &error),
    }
}

/// Begins a result or an error: `from` is whom the request named, one's own account where it named nobody (RFC 6120 §8.1.2.1).
fn answer_to(sender: &Sender, stanza: &Stanza, kind: &str) -> Writer {
    let mut writer = Writer::new();
    writer
        .open("iq")
        .attr("type", kind)
        .attr("id", &stanza.id().unwrap_or_default());
    writer.attr("to", sender.jid().as_str());
    match stanza.to() {
        Some(from) => writer.attr("from", &from),
        None => writer.attr("from", sender.jid().bare_str()),
    };
    writer
}

fn reply(sender: &Sender, stanza: &Stanza, payload: &[u8]) {
    let mut writer = answer_to(sender, stanza, "result");
    writer.raw(payload).close();
    sender.reply(writer.finish());
}
