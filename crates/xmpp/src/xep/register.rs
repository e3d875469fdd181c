//! XEP-0077: In-Band Registration, <https://xmpp.org/extensions/xep-0077.html>, for who is signed in: what one is registered
//! as, a new password, the account's end. New accounts are made on the stream, before authentication (`session`).

use wire::{Element, StanzaError, Writer, ns};

use super::Xeps;
use crate::auth::accounts::RegisterError;
use crate::iq::{Answer, Answered, Cx, Target};

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(77, "In-Band Registration", "2.4").without("changing what was registered: there is nothing beside name and password; removal wants a sign-in of this session's");
    // §3.1.1 sends requests to the server; without `to` they come to the account.
    xeps.feature(Target::Server, ns::REGISTER)
        .own_feature(ns::REGISTER);
    for target in [Target::Server, Target::OwnAccount] {
        xeps.get(target, ns::REGISTER, "query", get)
            .set(target, ns::REGISTER, "query", set);
    }
}

/// §3.1.1: what is registered already.
async fn get(cx: Cx) -> Answered {
    let mut writer = Writer::new();
    writer.open("query").ns(ns::REGISTER).open("registered").close();
    writer.leaf("username", cx.jid().node().unwrap_or_default());
    writer.open("password").close().close();
    Ok(Answer::Payload(writer.finish()))
}

async fn set(cx: Cx) -> Answered {
    let query = cx.payload();
    if cx.to.domain() != cx.jid().domain() {
        return Err(StanzaError::not_allowed());
    }
    if query.child("remove", ns::REGISTER).is_some() {
        // §3.2: nothing but `<remove/>`.
        return if query.children().count() == 1 {
            remove(cx).await
        } else {
            Err(StanzaError::bad_request())
        };
    }
    let password = new_password(query, cx.jid().node().unwrap_or_default())?;
    // The session's next stanza waits for it: hashing is dear, and must not be piled up by one client.
    let (registry, session) = (&cx.server.registry, cx.session()?);
    let changed = cx
        .server
        .auth
        .set_password(registry, session.no, &password, Some(session))
        .await;
    changed.map_err(|error| refused(&error))?;
    Ok(Answer::Empty)
}

/// §3.3: one's own name, spelled in any way, and a password that is not empty.
fn new_password(query: Element<'_>, own: &str) -> Result<String, StanzaError> {
    let username = query
        .child("username", ns::REGISTER)
        .ok_or_else(StanzaError::bad_request)?
        .text();
    let password = query
        .child("password", ns::REGISTER)
        .ok_or_else(StanzaError::bad_request)?
        .text();
    let name =
        wire::BareJid::from_parts(Some(&username), "localhost").map_err(|_| StanzaError::bad_request())?;
    if name.node() != Some(own) {
        return Err(StanzaError::forbidden());
    }
    if password.is_empty() {
        return Err(StanzaError::bad_request());
    }
    Ok(password.into_owned())
}

fn refused(error: &RegisterError) -> StanzaError {
    match error {
        RegisterError::Password(error) => StanzaError::not_acceptable().text(error.to_string()),
        RegisterError::TooMany => StanzaError::resource_constraint(),
        RegisterError::Name
        | RegisterError::Taken
        | RegisterError::NotAllowed
        | RegisterError::Token(_)
        | RegisterError::OtherName(_)
        | RegisterError::NoPlace => StanzaError::not_allowed(),
        RegisterError::Auth(_) => StanzaError::internal_server_error(),
    }
}

/// §3.2: the account is closed at once, and the client is told so before its stream ends.
async fn remove(cx: Cx) -> Answered {
    cx.server.begin_deletion(cx.no()).await?;
    Ok(Answer::EmptyThen(Box::pin(async move {
        cx.server.finish_deletion(cx.no(), cx.jid().bare());
    })))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use wire::{Condition, Document};

    fn asked(fields: &str) -> Result<String, Condition> {
        let query = format!("<query xmlns='jabber:iq:register'>{fields}</query>");
        new_password(Document::parse(query.into_bytes()).unwrap().root(), "juliet")
            .map_err(|error| error.condition)
    }

    #[test]
    fn only_ones_own_password() {
        assert_eq!(
            asked("<username>Juliet</username><password>new</password>").unwrap(),
            "new"
        );
        let refusals = [
            (
                "<username>romeo</username><password>new</password>",
                Condition::Forbidden,
            ),
            ("<username>juliet</username><password/>", Condition::BadRequest),
            ("<username>juliet</username>", Condition::BadRequest),
            ("<password>new</password>", Condition::BadRequest),
        ];
        for (fields, condition) in refusals {
            assert_eq!(asked(fields).err(), Some(condition), "{fields}");
        }
    }
}
