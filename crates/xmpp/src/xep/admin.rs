//! XEP-0133: Service Administration, <https://xmpp.org/extensions/xep-0133.html>: what administrators can do from any client,
//! as commands of XEP-0050. Accounts are made by invitation (`invites`), and ended on the command line.

use std::sync::Arc;

use format::form::{DataForm, Field, FieldType, FormType};
use futures_util::future::BoxFuture;
use wire::{Jid, StanzaError, StreamCondition, StreamError, Writer};

use super::Xeps;
use super::commands::{Command, Note, Outcome, Step, bad_payload};
use crate::failures::unreadable;
use crate::invitations::failed;
use crate::iq::{Cx, Target};
use crate::session::mailbox::{Address, Outgoing, SharedOut};

const ADMIN: &str = "http://jabber.org/protocol/admin";
/// The longest announcement, in bytes.
const ANNOUNCEMENT_MAX: usize = 4_096;
/// The most addresses whose sessions are ended at once.
const ADDRESSES_MAX: usize = 100;

/// §4.23. It cannot be taken back, so that it is shown once more before it goes.
pub(super) static ANNOUNCE: Command = Command {
    at: &[Target::Server],
    node: "http://jabber.org/protocol/admin#announce",
    name: "Send an announcement to everybody who is online",
    is_for: is_admin,
    run: announce,
};

/// §4.5
pub(super) static END_SESSION: Command = Command {
    at: &[Target::Server],
    node: "http://jabber.org/protocol/admin#end-user-session",
    name: "End somebody's sessions",
    is_for: is_admin,
    run: end_session,
};

/// §4.15
pub(super) static REGISTERED: Command = Command {
    at: &[Target::Server],
    node: "http://jabber.org/protocol/admin#get-registered-users-num",
    name: "Count the accounts",
    is_for: is_admin,
    run: registered,
};

/// §4.17
pub(super) static ONLINE: Command = Command {
    at: &[Target::Server],
    node: "http://jabber.org/protocol/admin#get-online-users-num",
    name: "Count who is online",
    is_for: is_admin,
    run: online,
};

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(133, "Service Administration", "1.3.1").without(
        "all commands but announce, end-user-session, get-registered-users-num and get-online-users-num; the command line does the rest",
    );
}

pub(super) fn is_admin(cx: &Cx) -> BoxFuture<'_, Result<bool, StanzaError>> {
    Box::pin(async { cx.server.is_admin(cx.no()).await.map_err(failed) })
}

fn form(kind: FormType) -> DataForm {
    DataForm::new(kind).with_form_type(ADMIN)
}

fn announce(cx: &Cx, filled_in: Option<DataForm>) -> Step<'_> {
    Box::pin(async move {
        let Some(filled_in) = filled_in else {
            let text = Field::new("announcement", FieldType::TextMulti).label("Announcement");
            return Ok(Outcome::Next(form(FormType::Form).with(text.required())));
        };
        let text = filled_in.values("announcement").join("\n");
        if text.trim().is_empty() || text.len() > ANNOUNCEMENT_MAX {
            return Err(bad_payload(format!(
                "an announcement has between 1 and {ANNOUNCEMENT_MAX} bytes"
            )));
        }
        let listening = || {
            let sessions = cx.server.registry.all();
            let domain = cx.domain().to_owned();
            sessions
                .into_iter()
                .filter(move |session| session.routing.is_available() && session.jid.domain() == domain)
        };
        if filled_in.field("confirmed").is_none() {
            let count = listening().count();
            let mut asked = form(FormType::Form)
                .with(Field::hidden("confirmed", "1"))
                .with(Field::new("text", FieldType::Fixed).values(text.lines()));
            asked.instructions = vec![format!(
                "Sessions that get it now: {count}. It cannot be taken back."
            )];
            return Ok(Outcome::Form(asked));
        }
        let out = announcement(cx.domain(), &text);
        let mut count = 0_u64;
        for session in listening() {
            count += u64::from(session.send(Outgoing::Shared(out.clone())).is_ok());
        }
        cx.server.metrics.messages.add(count);
        Ok(Outcome::Told(Note::Info(format!(
            "Sessions that got it: {count}."
        ))))
    })
}

/// The message, ready for any session.
fn announcement(from: &str, text: &str) -> Arc<SharedOut> {
    let mut writer = Writer::new();
    writer.leaf("body", text);
    let mut tail = b"'>".to_vec();
    tail.extend_from_slice(&writer.finish());
    tail.extend_from_slice(b"</message>");
    let head = format!("<message from='{from}' type='headline' to='");
    Arc::new(SharedOut {
        address: Address::ToFull,
        head: head.into_bytes().into(),
        tail: tail.into(),
    })
}

fn end_session(cx: &Cx, filled_in: Option<DataForm>) -> Step<'_> {
    Box::pin(async move {
        let Some(filled_in) = filled_in else {
            let field = Field::new("accountjids", FieldType::JidMulti);
            let field = field
                .label("Addresses, of accounts or of single sessions")
                .required();
            return Ok(Outcome::Form(form(FormType::Form).with(field)));
        };
        let jids = filled_in.values("accountjids");
        if jids.is_empty() || jids.len() > ADDRESSES_MAX {
            return Err(bad_payload(format!(
                "name between 1 and {ADDRESSES_MAX} addresses"
            )));
        }
        let jids: Result<Vec<Jid>, _> = jids.iter().map(|jid| Jid::parse(jid)).collect();
        let jids = jids.map_err(|_| bad_payload("that is no address"))?;
        let mut count = 0;
        for jid in jids.iter().filter(|jid| jid.domain() == cx.domain()) {
            let Some(no) = cx.server.find(jid.bare_str()).await else {
                continue;
            };
            for session in cx.server.registry.sessions(no).iter() {
                // §4.5: a bare address means all of them.
                if jid.is_bare() || session.jid == *jid {
                    let error = StreamError::new(StreamCondition::PolicyViolation);
                    session.close(error.text("an administrator ended this session"));
                    count += 1;
                }
            }
        }
        Ok(Outcome::Told(if count == 0 {
            Note::Error("There is no such session.".to_owned())
        } else {
            Note::Info(format!("Sessions that were ended: {count}."))
        }))
    })
}

fn registered(cx: &Cx, _: Option<DataForm>) -> Step<'_> {
    Box::pin(async move {
        let count = cx.server.store.read(store::Reader::account_count).await;
        let count = count.map_err(|error| unreadable(&error))?;
        Ok(Outcome::Done(number("registeredusersnum", "Accounts", count)))
    })
}

fn online(cx: &Cx, _: Option<DataForm>) -> Step<'_> {
    Box::pin(async move {
        let count = cx.server.registry.account_count() as u64;
        Ok(Outcome::Done(number(
            "onlineusersnum",
            "Accounts with a session",
            count,
        )))
    })
}

fn number(var: &str, label: &str, count: u64) -> DataForm {
    let field = Field::text(var, count.to_string()).label(label);
    form(FormType::Result).with(field)
}
