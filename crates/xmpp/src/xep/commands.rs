//! XEP-0050: Ad-Hoc Commands, <https://xmpp.org/extensions/xep-0050.html>: what people can have a domain, a pubsub service or
//! an account do through any client. Which commands there are stands in [`ALL`]; each belongs to the file of its extension.
//!
//! A command has one form at most: either it is done at once, or it asks once and is done with the answer.

use std::num::NonZeroUsize;

use format::disco::{Identity, Info};
use format::form::{DataForm, FormType};
use futures_util::future::BoxFuture;
use lru::LruCache;
use parking_lot::Mutex;
use wire::{Element, StanzaError, Writer, ns};

use super::pubsub::pending;
use super::{Xeps, invites};
use crate::auth::{AuthError, random};
use crate::invitations::failed;
use crate::iq::{Answer, Answered, Cx, Target};

/// The namespace, and the node of the list of commands (§2.2).
pub(crate) const COMMANDS: &str = "http://jabber.org/protocol/commands";

/// Every command.
static ALL: [&Command; 3] = [&invites::INVITE, &invites::CREATE_ACCOUNT, &pending::GET_PENDING];

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
    /// Does it; without what was filled in on the first call.
    pub(crate) run: fn(&Cx, Option<DataForm>) -> Step<'_>,
}

/// What came of a step of a command.
pub(crate) enum Outcome {
    /// This has to be filled in first.
    Form(DataForm),
    /// It is done, and this is what came of it.
    Done(DataForm),
    /// It is done, and this follows once that is told.
    DoneThen(BoxFuture<'static, ()>),
}

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(50, "Ad-Hoc Commands", "1.3.0")
        .without("commands of several stages: each of ours asks once")
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
/// Characters of a session's id.
const ID_LENGTH: usize = 24;

/// Commands whose forms are being filled in: by client and id.
pub(crate) struct Commands(Mutex<LruCache<(u64, String), Open>>);

struct Open {
    node: &'static str,
    since_ms: u64,
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

    fn find(&self, client: u64, id: &str, node: &str, now_ms: u64) -> bool {
        let mut all = self.0.lock();
        all.get(&(client, id.to_owned()))
            .is_some_and(|open| open.node == node && now_ms < open.since_ms + PATIENCE_MS)
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
    let client = cx.session()?.id;
    let Some(id) = element.attr("sessionid") else {
        // §3.3: a command begins with its execution.
        if action != "execute" {
            return Err(refusal("bad-action"));
        }
        let id = new_id()?;
        let outcome = (command.run)(&cx, None).await?;
        if let Outcome::Form(_) = outcome {
            let since_ms = cx.server.clock.monotonic_ms();
            let node = command.node;
            cx.server
                .commands
                .open(client, id.clone(), Open { node, since_ms });
        }
        return Ok(told(command, &id, outcome));
    };
    let now = cx.server.clock.monotonic_ms();
    if !cx.server.commands.find(client, &id, command.node, now) {
        return Err(if is_id(&id) {
            StanzaError::not_allowed().app("session-expired", COMMANDS)
        } else {
            refusal("bad-sessionid")
        });
    }
    match action {
        "cancel" => {
            cx.server.commands.close(client, &id);
            let mut writer = begin(command, &id, "canceled");
            writer.close();
            Ok(Answer::Payload(writer.finish()))
        }
        // §3.4: the form names what it allows.
        "prev" | "next" => Err(refusal("bad-action")),
        _ => {
            let form = submitted(element)?;
            let outcome = (command.run)(&cx, Some(form)).await?;
            if !matches!(outcome, Outcome::Form(_)) {
                cx.server.commands.close(client, &id);
            }
            Ok(told(command, &id, outcome))
        }
    }
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

fn told(command: &Command, id: &str, outcome: Outcome) -> Answer {
    let (mut writer, form) = match outcome {
        Outcome::Form(form) => {
            let mut writer = begin(command, id, "executing");
            writer.open("actions").attr("execute", "complete");
            writer.open("complete").close().close();
            (writer, form)
        }
        Outcome::Done(form) => (begin(command, id, "completed"), form),
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
        };
        for number in 0..=MOST_OF_ONE {
            commands.open(1, number.to_string(), open());
        }
        assert!(!commands.find(1, "0", "a", 1), "the oldest is gone");
        assert!(commands.find(1, "1", "a", 1));
        assert!(!commands.find(1, "1", "b", 1), "another command's");
        assert!(!commands.find(2, "1", "a", 1), "another client's");
        assert!(!commands.find(1, "1", "a", PATIENCE_MS), "too late");
        commands.close(1, "1");
        assert!(!commands.find(1, "1", "a", 1));
        for client in 2..MOST.get() as u64 + 20 {
            commands.open(client, "0".to_owned(), open());
        }
        assert_eq!(commands.0.lock().len(), MOST.get());
    }
}
