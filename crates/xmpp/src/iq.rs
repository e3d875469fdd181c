//! Requests and their answers: RFC 6120 §8.2.3, RFC 6121 §8.5, <https://www.rfc-editor.org/rfc/rfc6120#section-8.2.3>.
//!
//! It finds who answers and carries the answer back; what is answered stands in the files of `xep`.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use store::JidNo;
use wire::{BareJid, Document, Element, Jid, Stanza, StanzaError, Writer, ns};

use crate::registry::Routing;
use crate::router::{Place, Routed, refuse};
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
    pub session: Arc<Session>,
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
            jid: self.session.jid.clone(),
            no: self.session.no,
        }
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
pub(crate) fn route(server: &Arc<Server>, session: &Arc<Session>, stanza: Stanza, to: Option<Jid>) -> Routed {
    let kind = stanza.type_();
    let verb = match kind.as_deref() {
        Some("get") => Some(Verb::Get),
        Some("set") => Some(Verb::Set),
        Some("result" | "error") => None,
        // RFC 6120 §8.2.3 rule 2
        _ => return refused(server, session, &stanza, &StanzaError::bad_request()),
    };
    // RFC 6120 §8.1.3: an id is required.
    if stanza.id().is_none() {
        return match verb {
            Some(_) => refused(server, session, &stanza, &StanzaError::bad_request()),
            None => Routed::Done,
        };
    }
    let Some(to) = to else {
        return own(server, session, stanza, verb);
    };
    match server.place(&to) {
        Place::Remote => refused(server, session, &stanza, &StanzaError::remote_server_not_found()),
        Place::Account if verb == Some(Verb::Set) && is_forged_roster(session, &stanza, &to) => {
            refused(server, session, &stanza, &StanzaError::forbidden())
        }
        Place::Account if !to.is_bare() => to_session(server, session, stanza, to),
        Place::Account if to.bare_str() == session.jid.bare_str() => own(server, session, stanza, verb),
        Place::Domain | Place::Pubsub if !to.is_bare() => {
            refused(server, session, &stanza, &StanzaError::service_unavailable())
        }
        place => {
            let target = match place {
                Place::Domain => Target::Server,
                Place::Pubsub => Target::Pubsub,
                Place::Account | Place::Remote => Target::Account,
            };
            ask(server, session, stanza, verb, target, to.into_bare())
        }
    }
}

/// RFC 6121 §2.1.6, §2.3.3: only a server pushes a roster to a client, and nobody changes another's. Said before anything is
/// looked up, so that it does not tell who exists; and of any child, since clients differ in which they look at.
fn is_forged_roster(session: &Session, stanza: &Stanza, to: &Jid) -> bool {
    (!to.is_bare() || to.bare_str() != session.jid.bare_str())
        && stanza
            .document()
            .root()
            .children()
            .any(|child| child.ns() == ns::ROSTER)
}

fn refused(server: &Server, session: &Session, stanza: &Stanza, error: &StanzaError) -> Routed {
    refuse(server, session, stanza, error);
    Routed::Done
}

/// RFC 6120 §10.3.3: without `to` the account itself answers.
fn own(server: &Arc<Server>, session: &Arc<Session>, stanza: Stanza, verb: Option<Verb>) -> Routed {
    ask(
        server,
        session,
        stanza,
        verb,
        Target::OwnAccount,
        session.jid.bare(),
    )
}

/// RFC 6121 §8.5.3.1 and §8.5.3.2.3: to a full address, only that resource answers.
fn to_session(server: &Arc<Server>, session: &Arc<Session>, stanza: Stanza, to: Jid) -> Routed {
    if let Some(no) = server.store.jids().number_cached(to.bare_str()) {
        pass_on(server, session, &stanza, &to, Some(no));
        return Routed::Done;
    }
    let (server, session) = (server.clone(), session.clone());
    Routed::Later(Box::pin(async move {
        let no = server.find(to.bare_str()).await;
        pass_on(&server, &session, &stanza, &to, no);
    }))
}

fn pass_on(server: &Server, session: &Session, stanza: &Stanza, to: &Jid, no: Option<JidNo>) {
    let found = no
        // XEP-0191 §3.3
        .filter(|no| !server.blocks.blocks(*no, session.no, &session.jid))
        .zip(to.resource())
        .and_then(|(no, resource)| server.registry.session(no, resource));
    let is_sent = found.is_some_and(|other| other.send(Outgoing::Stanza(stanza.shared())).is_ok());
    if !is_sent {
        refuse(server, session, stanza, &StanzaError::service_unavailable());
    }
}

fn ask(
    server: &Arc<Server>,
    session: &Arc<Session>,
    stanza: Stanza,
    verb: Option<Verb>,
    target: Target,
    to: BareJid,
) -> Routed {
    let Some(verb) = verb else {
        if !server.caps.is_asked(session) {
            return Routed::Done;
        }
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
        None => refused(server, session, &stanza, &StanzaError::bad_request()),
        Some(None) if stanza.document().root().children().count() != 1 => {
            refused(server, session, &stanza, &StanzaError::bad_request())
        }
        Some(None) => refused(server, session, &stanza, &StanzaError::service_unavailable()),
        Some(Some(_)) => {
            let (server, session) = (server.clone(), session.clone());
            Routed::Later(Box::pin(answer(server, session, stanza, verb, target, to)))
        }
    }
}

async fn answer(
    server: Arc<Server>,
    session: Arc<Session>,
    stanza: Stanza,
    verb: Verb,
    target: Target,
    to: BareJid,
) {
    let answered = run(&server, &session, &stanza, verb, target, to).await;
    match answered {
        Ok(Answer::Later(later)) => match Routing::wait_beside(&session) {
            Some(waiting) => {
                let tasks = server.tasks.clone();
                tasks.spawn(async move {
                    finish(&server, &session, &stanza, settled(later).await);
                    drop(waiting);
                });
            }
            // A client that asks faster than it can be answered waits for its answers.
            None => finish(&server, &session, &stanza, settled(later).await),
        },
        other => finish(&server, &session, &stanza, other),
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
    session: &Arc<Session>,
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
        && server.blocks.blocks(no, session.no, &session.jid)
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
        session: session.clone(),
        target,
        to,
        verb,
        document,
    })
    .await
}

fn finish(server: &Server, session: &Session, stanza: &Stanza, answered: Answered) {
    match answered {
        Ok(Answer::Payload(payload)) => reply(session, stanza, &payload),
        Ok(Answer::Empty | Answer::Later(_)) => reply(session, stanza, &[]),
        Ok(Answer::EmptyThen(next)) => {
            reply(session, stanza, &[]);
            server.tasks.spawn(next);
        }
        Ok(Answer::PayloadThen(payload, next)) => {
            reply(session, stanza, &payload);
            server.tasks.spawn(next);
        }
        Ok(Answer::Refused(payload, error)) => {
            server.metrics.errors.add(1);
            let mut writer = answer_to(session, stanza, "error");
            writer.raw(&payload);
            error.write(&mut writer);
            writer.close();
            session.reply(writer.finish());
        }
        Err(error) => refuse(server, session, stanza, &error),
    }
}

/// Begins a result or an error: `from` is whom the request named, one's own account where it named nobody (RFC 6120 §8.1.2.1).
fn answer_to(session: &Session, stanza: &Stanza, kind: &str) -> Writer {
    let mut writer = Writer::new();
    writer
        .open("iq")
        .attr("type", kind)
        .attr("id", &stanza.id().unwrap_or_default());
    writer.attr("to", session.jid.as_str());
    match stanza.to() {
        Some(from) => writer.attr("from", &from),
        None => writer.attr("from", session.jid.bare_str()),
    };
    writer
}

fn reply(session: &Session, stanza: &Stanza, payload: &[u8]) {
    let mut writer = answer_to(session, stanza, "result");
    writer.raw(payload).close();
    session.reply(writer.finish());
}
