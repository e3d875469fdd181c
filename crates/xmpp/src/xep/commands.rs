//! XEP-0050: Ad-Hoc Commands, <https://xmpp.org/extensions/xep-0050.html>: what people can have a domain, a pubsub service or
//! an account do through any client. Which commands there are stands in [`ALL`]; each belongs to the file of its extension.
//!
//! A command is done at once, or asks for one form after the other (§3.4). It is given everything that was filled in so far,
//! and says by its forms what is still missing; going back is to take away the last answer and to ask again.

use std::num::NonZeroUsize;

use format::disco::{Identity, Info};
use format::form::{DataForm, FormType};
use futures_util::future::BoxFuture;
use lru::LruCache;
use parking_lot::Mutex;
use wire::{Element, StanzaError, Writer, ns};

use super::pubsub::pending;
use super::{Xeps, admin, invites, reports};
use crate::auth::{AuthError, random};
use crate::invitations::failed;
use crate::iq::{Answer, Answered, Cx, Target};

/// The namespace, and the node of the list of commands (§2.2).
pub(crate) const COMMANDS: &str = "http://jabber.org/protocol/commands";

/// Every command.
static ALL: [&Command; 8] = [
    &invites::INVITE,
    &invites::CREATE_ACCOUNT,
    &pending::GET_PENDING,
    &admin::ANNOUNCE,
    &admin::END_SESSION,
    &admin::REGISTERED,
    &admin::ONLINE,
    &reports::REPORTS,
];

/// What a step of a command comes to.
pub(crate) type Step<'a> = BoxFuture<'a, Result<Outcome, StanzaError>>;

/// Something that is done for those who may ask for it.
pub(crate) struct Command {
    /// Whom it is asked of.
    pub(crate) at: &'static [Target],
    /// Its name on the wire.
    pub(crate) node: &'static str,
    /// Its name for people.
    pub(crate) name: &'static str,
    /// Whether whoever asks may have it done.
    pub(crate) is_for: fn(&Cx) -> BoxFuture<'_, Result<bool, StanzaError>>,
    /// Does it; without what was filled in on the first call, with all of it so far on each that follows.
    pub(crate) run: fn(&Cx, Option<DataForm>) -> Step<'_>,
}

/// What came of a step of a command.
pub(crate) enum Outcome {
    /// This has to be filled in first; then it is done.
    Form(DataForm),
    /// This has to be filled in, and something else after it.
    Next(DataForm),
    /// It is done, and this is what came of it.
    Done(DataForm),
    /// It is over, and this is what people are told of it.
    Told(Note),
    /// It is done, and this follows once that is told.
    DoneThen(BoxFuture<'static, ()>),
}

/// What is said of a command that is over.
pub(crate) enum Note {
    /// It was done.
    Info(String),
    /// It was not done (§3.6).
    Error(String),
}

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(50, "Ad-Hoc Commands", "1.3.0")
        .without("announcing commands by messages (§2.3 MAY); saying the language of each answer (§3.7 SHOULD); other languages than English, which is answered unless `<command/>` itself asks for one (`bad-locale`)")
        .feature(Target::Server, COMMANDS)
        .feature(Target::Pubsub, COMMANDS)
        .feature(Target::OwnAccount, COMMANDS);
    for target in [
        Target::Server,
        Target::Pubsub,
        Target::OwnAccount,
        Target::Account,
    ] {
        xeps.set(target, COMMANDS, "command", execute);
    }
}

/// How long a form may lie open, in milliseconds.
const PATIENCE_MS: u64 = 15 * 60 * 1_000;
/// Forms open at a time, of all clients; the oldest goes.
const MOST: NonZeroUsize = NonZeroUsize::new(4_096).expect("not zero");
/// Forms open at a time, of one client.
const MOST_OF_ONE: usize = 8;
/// Bytes that may be filled in, in all stages of a command.
const FILLED_MAX: usize = 16 * 1024;
/// Characters of a session's id.
const ID_LENGTH: usize = 24;

/// Commands whose forms are being filled in: by client and id.
pub(crate) struct Commands(Mutex<LruCache<(u64, String), Open>>);

#[derive(Clone)]
struct Open {
    node: &'static str,
    since_ms: u64,
    /// What was filled in, stage by stage.
    answers: Vec<DataForm>,
    /// Whether the command is done with the form that is open.
    is_last: bool,
}

impl Open {
    /// Everything that was filled in, what was said last counting; nothing before the first answer.
    fn filled_in(&self) -> Option<DataForm> {
        let (first, others) = self.answers.split_first()?;
        let mut all = first.clone();
        for field in others.iter().flat_map(|form| &form.fields) {
            all.fields.retain(|other| other.var != field.var);
            all.fields.push(field.clone());
        }
        Some(all)
    }
}

impl Default for Commands {
    fn default() -> Commands {
        Commands(Mutex::new(LruCache::unbounded()))
    }
}

impl Commands {
    fn open(&self, client: u64, id: String, open: Open) {
        let mut all = self.0.lock();
        let mut own = all.iter().filter(|((other, _), _)| *other == client);
        // The first is the one used last.
        if let Some(oldest) = own.nth(MOST_OF_ONE - 1).map(|(key, _)| key.clone()) {
            all.pop(&oldest);
        }
        all.put((client, id), open);
        while all.len() > MOST.get() {
            all.pop_lru();
        }
    }

    fn find(&self, client: u64, id: &str, node: &str, now_ms: u64) -> Option<Open> {
        let mut all = self.0.lock();
        all.get(&(client, id.to_owned()))
            .filter(|open| open.node == node && now_ms < open.since_ms + PATIENCE_MS)
            .cloned()
    }

    fn close(&self, client: u64, id: &str) {
        self.0.lock().pop(&(client, id.to_owned()));
    }
}

/// §4.4: a refusal with the condition of this extension.
fn refusal(condition: &'static str) -> StanzaError {
    StanzaError::bad_request().app(condition, COMMANDS)
}

/// §4.4: what was filled in cannot be; the form stays open, so that it can be corrected.
pub(crate) fn bad_payload(text: impl Into<std::borrow::Cow<'static, str>>) -> StanzaError {
    refusal("bad-payload").text(text)
}

/// Whether this node is the list of commands, or a command.
pub(super) fn is_node(node: &str) -> bool {
    node == COMMANDS || ALL.iter().any(|command| command.node == node)
}

/// The command of this node, if whoever asks may have it done.
async fn allowed(cx: &Cx, node: &str) -> Result<&'static Command, StanzaError> {
    let mut here = ALL.into_iter().filter(|command| command.at.contains(&cx.target));
    let command = here.find(|command| command.node == node);
    let command = command.ok_or_else(StanzaError::item_not_found)?;
    // A domain serves its own people.
    if cx.domain() != cx.jid().domain() || !(command.is_for)(cx).await? {
        return Err(StanzaError::forbidden());
    }
    Ok(command)
}

/// §2.4
async fn execute(cx: Cx) -> Answered {
    let element = cx.payload();
    let node = element.attr("node").ok_or_else(StanzaError::bad_request)?;
    let command = allowed(&cx, &node).await?;
    let action = element.attr("action");
    let action = action.as_deref().unwrap_or("execute");
    if !["execute", "cancel", "prev", "next", "complete"].contains(&action) {
        return Err(refusal("malformed-action"));
    }
    // §3.7: the language of the whole stream is no wish; this is.
    if element
        .attr_ns(ns::XML, "lang")
        .is_some_and(|lang| !speaks(&lang))
    {
        return Err(refusal("bad-locale"));
    }
    let client = cx.session()?.id;
    let now = cx.server.clock.monotonic_ms();
    let Some(id) = element.attr("sessionid") else {
        // §3.3: a command begins with its execution.
        if action != "execute" {
            return Err(refusal("bad-action"));
        }
        let open = Open {
            node: command.node,
            since_ms: now,
            answers: Vec::new(),
            is_last: false,
        };
        return go_on(&cx, command, client, new_id()?, open).await;
    };
    let Some(mut open) = cx.server.commands.find(client, &id, command.node, now) else {
        return Err(if is_id(&id) {
            StanzaError::not_allowed().app("session-expired", COMMANDS)
        } else {
            refusal("bad-sessionid")
        });
    };
    match action {
        "cancel" => {
            cx.server.commands.close(client, &id);
            let mut writer = begin(command, &id, "canceled");
            writer.close();
            return Ok(Answer::Payload(writer.finish()));
        }
        "prev" if open.answers.pop().is_some() => {}
        // §3.4: a stage says which of them it allows.
        "prev" => return Err(refusal("bad-action")),
        "next" if open.is_last => return Err(refusal("bad-action")),
        "complete" if !open.is_last => return Err(refusal("bad-action")),
        _ => {
            open.answers.push(submitted(element)?);
            let values = open.answers.iter().flat_map(|form| &form.fields);
            let size: usize = values
                .map(|field| field.var.len() + field.values.iter().map(String::len).sum::<usize>())
                .sum();
            if size > FILLED_MAX {
                return Err(bad_payload("that is too much"));
            }
        }
    }
    go_on(&cx, command, client, id.into_owned(), open).await
}

/// Has a command do its next step, and keeps what it needs for the one after.
async fn go_on(cx: &Cx, command: &'static Command, client: u64, id: String, mut open: Open) -> Answered {
    let outcome = (command.run)(cx, open.filled_in()).await?;
    let is_first = open.answers.is_empty();
    match outcome {
        Outcome::Form(_) | Outcome::Next(_) => {
            open.is_last = matches!(outcome, Outcome::Form(_));
            open.since_ms = cx.server.clock.monotonic_ms();
            cx.server.commands.open(client, id.clone(), open);
        }
        Outcome::Done(_) | Outcome::Told(_) | Outcome::DoneThen(_) => cx.server.commands.close(client, &id),
    }
    Ok(told(command, &id, outcome, is_first))
}

/// Whether it is what this server speaks.
fn speaks(lang: &str) -> bool {
    let primary = lang.split('-').next().unwrap_or_default();
    primary.is_empty() || primary.eq_ignore_ascii_case("en")
}

/// §3.5.1: what was filled in; one that says it was not counts all the same.
fn submitted(element: Element<'_>) -> Result<DataForm, StanzaError> {
    let form = DataForm::find(element).map_err(|_| refusal("bad-payload"))?;
    form.filter(|form| matches!(form.kind, FormType::Submit | FormType::Cancel))
        .ok_or_else(|| bad_payload("the filled in form is missing"))
}

fn new_id() -> Result<String, StanzaError> {
    let bytes = random::<{ ID_LENGTH / 2 }>().map_err(|error: AuthError| failed(error))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whether it looks as if it had been given here.
fn is_id(id: &str) -> bool {
    id.len() == ID_LENGTH && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn begin(command: &Command, id: &str, status: &str) -> Writer {
    let mut writer = Writer::new();
    writer.open("command").ns(COMMANDS).attr("node", command.node);
    writer.attr("sessionid", id).attr("status", status);
    writer
}

fn told(command: &Command, id: &str, outcome: Outcome, is_first: bool) -> Answer {
    let (mut writer, form) = match outcome {
        Outcome::Form(form) => (asking(command, id, "complete", is_first), form),
        Outcome::Next(form) => (asking(command, id, "next", is_first), form),
        Outcome::Done(form) => (begin(command, id, "completed"), form),
        Outcome::Told(note) => {
            let (kind, text) = match &note {
                Note::Info(text) => ("info", text),
                Note::Error(text) => ("error", text),
            };
            let mut writer = begin(command, id, "completed");
            writer.open("note").attr("type", kind).text(text).close().close();
            return Answer::Payload(writer.finish());
        }
        Outcome::DoneThen(next) => {
            let mut writer = begin(command, id, "completed");
            writer.close();
            return Answer::PayloadThen(writer.finish(), next);
        }
    };
    form.write(&mut writer);
    writer.close();
    Answer::Payload(writer.finish())
}

/// §3.4: a stage with what can be done in it.
fn asking(command: &Command, id: &str, onward: &str, is_first: bool) -> Writer {
    let mut writer = begin(command, id, "executing");
    writer.open("actions").attr("execute", onward);
    if !is_first {
        writer.open("prev").close();
    }
    writer.open(onward).close().close();
    writer
}

/// §2.2: the commands that whoever asks may have done.
pub(super) async fn write_items(cx: &Cx, writer: &mut Writer) -> Result<(), StanzaError> {
    for command in ALL {
        if allowed(cx, command.node).await.is_ok() {
            writer
                .open("item")
                .attr("jid", cx.to.as_str())
                .attr("node", command.node)
                .attr("name", command.name)
                .close();
        }
    }
    Ok(())
}

/// §2.2: what the list and each command are.
pub(super) async fn info(cx: &Cx, node: &str) -> Result<Info, StanzaError> {
    let (kind, name, features) = if node == COMMANDS {
        ("command-list", None, vec![COMMANDS.to_owned()])
    } else {
        let command = allowed(cx, node).await?;
        let features = vec![COMMANDS.to_owned(), ns::DATA_FORMS.to_owned()];
        ("command-node", Some(command.name), features)
    };
    Ok(Info {
        identities: vec![Identity::new("automation", kind, name)],
        features,
        ..Info::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_open_for_a_while_and_only_so_many() {
        let commands = Commands::default();
        let open = || Open {
            node: "a",
            since_ms: 0,
            answers: Vec::new(),
            is_last: true,
        };
        for number in 0..=MOST_OF_ONE {
            commands.open(1, number.to_string(), open());
        }
        assert!(commands.find(1, "0", "a", 1).is_none(), "the oldest is gone");
        assert!(commands.find(1, "1", "a", 1).is_some());
        assert!(commands.find(1, "1", "b", 1).is_none(), "another command's");
        assert!(commands.find(2, "1", "a", 1).is_none(), "another client's");
        assert!(commands.find(1, "1", "a", PATIENCE_MS).is_none(), "too late");
        commands.close(1, "1");
        assert!(commands.find(1, "1", "a", 1).is_none());
        for client in 2..MOST.get() as u64 + 20 {
            commands.open(client, "0".to_owned(), open());
        }
        assert_eq!(commands.0.lock().len(), MOST.get());
    }
}
