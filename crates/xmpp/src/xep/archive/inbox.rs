//! XEP-0430: Inbox, <https://xmpp.org/extensions/xep-0430.html>: one's conversations, the one with the latest message first, each
//! with that message and with how many nobody has looked at.
//!
//! Nothing is kept for it: what is unread follows from the archive (§3), by one's own markers (XEP-0333) and one's own messages,
//! before which nothing is unread.

use format::rsm;
use store::archive::{ArchivedMessage, Conversation, End, Selection};
use store::{JidNo, MessageId, ReadError, Reader};
use wire::{Document, Jid, Stanza, StanzaError, Writer, ns};

use super::search::ENCRYPTED;
use super::turns::Turn;
use super::{not_there, settled, write_result};
use crate::failures::unreadable;
use crate::iq::{Answer, Answered, Cx, Target};
use crate::server::Server;
use crate::session::Session;
use crate::xep::Xeps;

const INBOX: &str = "urn:xmpp:inbox:1";
const MARKERS: &str = "urn:xmpp:chat-markers:0";
/// The most conversations that an inbox has: those of late.
const CONVERSATIONS_MAX: u32 = 1_000;
/// Conversations in a page for which no number was asked.
const PAGE: usize = 50;
/// Messages of one conversation that are looked at.
const LOOKED_AT: u32 = 100;
/// Conversations looked at by one read.
const SLICE: usize = 20;

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(430, "Inbox", "0.2.0")
        .without("more than 1,000 conversations, and more than 100 unread messages of one; a mark as unread, which has no request")
        .feature(Target::OwnAccount, INBOX);
    xeps.get(Target::OwnAccount, INBOX, "inbox", ask)
        .get(Target::Account, INBOX, "inbox", super::foreign);
}

/// §2.1
struct Query {
    unread_only: bool,
    with_messages: bool,
    page: rsm::Request,
    /// What the results are known by: the request's id.
    queryid: String,
}

async fn ask(cx: Cx) -> Answered {
    let payload = cx.payload();
    let flag = |name: &str, usual: bool| match payload.attr(name) {
        None => Ok(usual),
        Some(value) => format::form::parse_bool(&value).ok_or_else(StanzaError::bad_request),
    };
    let page = rsm::Request::find(payload).map_err(|_| StanzaError::bad_request())?;
    let page = page.unwrap_or_default();
    if matches!(page.page, rsm::Page::Index(_)) {
        return Err(StanzaError::feature_not_implemented().text("pages have no numbers"));
    }
    let query = Query {
        unread_only: flag("unread-only", false)?,
        with_messages: flag("messages", true)?,
        page,
        queryid: cx.document.root().attr("id").unwrap_or_default().into_owned(),
    };
    let (server, session) = (cx.server.clone(), cx.session()?.clone());
    let mut turn = Turn::take(&server, session.id);
    Answer::later(async move {
        turn.come().await;
        let payload = answer(&server, &session, query).await?;
        Ok(Answer::PayloadThen(payload, Box::pin(async move { drop(turn) })))
    })
}

/// A conversation as it is listed.
struct Entry {
    jid: String,
    last: MessageId,
    unread: usize,
    /// The latest of what somebody said.
    latest: Option<MessageId>,
}

async fn answer(server: &Server, session: &Session, query: Query) -> Result<Vec<u8>, StanzaError> {
    let owner = session.no;
    settled(server).await;
    let all = entries(server, session).await?;
    let total = all.len();
    let (with_unread, unread) = all.iter().fold((0, 0), |(some, sum), entry| {
        (some + usize::from(entry.unread > 0), sum + entry.unread)
    });
    let listed: Vec<Entry> = all
        .into_iter()
        .filter(|entry| entry.unread > 0 || !query.unread_only)
        .collect();
    let (start, end) = page_of(server, owner, &query.page, &listed)?;
    let id_of = |entry: &Entry| {
        server
            .archive_ids
            .archive_id(owner, entry.last)
            .as_str()
            .to_owned()
    };
    for entry in &listed[start..end] {
        if !session.room().await {
            break;
        }
        let mut writer = Writer::new();
        writer
            .open("message")
            .attr("from", session.jid.bare_str())
            .attr("to", session.jid.as_str())
            .open("entry")
            .ns(INBOX)
            .attr("unread", &entry.unread.to_string())
            .attr("jid", &entry.jid)
            .attr("id", &id_of(entry))
            .close();
        if let Some(latest) = entry.latest.filter(|_| query.with_messages) {
            let found = server
                .store
                .read(move |reader| reader.archived_message(owner, latest));
            // It may have been deleted meanwhile.
            if let Some(message) = found.await.map_err(|error| unreadable(&error))? {
                let id = server.archive_ids.archive_id(owner, latest);
                write_result(&mut writer, Some(&query.queryid), id, &message);
            }
        }
        writer.close();
        session.reply(writer.finish());
    }
    let page = &listed[start..end];
    let set = rsm::Response {
        first: page.first().map(id_of),
        first_index: page.first().and(u32::try_from(start).ok()),
        last: page.last().map(id_of),
        count: u32::try_from(listed.len()).ok(),
    };
    let mut writer = Writer::new();
    writer
        .open("fin")
        .ns(INBOX)
        .attr("total", &total.to_string())
        .attr("unread", &with_unread.to_string())
        .attr("all-unread", &unread.to_string());
    set.write(&mut writer);
    writer.close();
    Ok(writer.finish())
}

/// Which of the listed a page has: from, and up to. Their ids in the result set are those of their last messages; a conversation
/// that has gone on since stands ahead.
fn page_of(
    server: &Server,
    owner: JidNo,
    page: &rsm::Request,
    listed: &[Entry],
) -> Result<(usize, usize), StanzaError> {
    let most = page.max.map_or(PAGE, |max| max as usize);
    let place = |id: &str| -> Result<usize, StanzaError> {
        let id = server.archive_ids.parse(owner, id).ok_or_else(not_there)?;
        Ok(listed.partition_point(|entry| entry.last > id))
    };
    let count = listed.len();
    Ok(match &page.page {
        rsm::Page::First | rsm::Page::Index(_) => (0, most.min(count)),
        rsm::Page::Last => (count.saturating_sub(most), count),
        rsm::Page::After(id) => {
            let at = place(id)?;
            let is_it = listed
                .get(at)
                .is_some_and(|entry| Some(entry.last) == server.archive_ids.parse(owner, id));
            let start = at + usize::from(is_it);
            (start, start.saturating_add(most).min(count))
        }
        rsm::Page::Before(id) => {
            let end = place(id)?;
            (end.saturating_sub(most), end)
        }
    })
}

async fn entries(server: &Server, session: &Session) -> Result<Vec<Entry>, StanzaError> {
    let owner = session.no;
    let behind = server.archiving.begins_behind(owner, server.clock.now());
    let found = server
        .store
        .read(move |reader| reader.conversations(owner, behind, CONVERSATIONS_MAX));
    let found = found.await.map_err(|error| unreadable(&error))?;
    let mut entries = Vec::with_capacity(found.len());
    for slice in found.chunks(SLICE) {
        let (slice, own) = (slice.to_vec(), session.jid.clone());
        let reading = move |reader: &Reader| {
            let one = |conversation| look_at(reader, owner, &own, behind, conversation);
            slice.into_iter().map(one).collect::<Result<Vec<_>, _>>()
        };
        let looked_at = server.store.read(reading).await;
        entries.append(&mut looked_at.map_err(|error| unreadable(&error))?);
    }
    Ok(entries)
}

fn look_at(
    reader: &Reader,
    owner: JidNo,
    own: &Jid,
    behind: MessageId,
    conversation: Conversation,
) -> Result<Entry, ReadError> {
    let mut selection = Selection::all(owner);
    selection.with = Some(conversation.peer);
    selection.begin_after(behind);
    let page = reader.archive_page(&selection, End::Newest, LOOKED_AT)?;
    let (unread, latest) = read(&page.messages, own);
    Ok(Entry {
        jid: conversation.jid,
        last: conversation.last,
        unread,
        latest,
    })
}

/// How many of these messages are unread (§3), and the latest of what was said.
fn read(messages: &[ArchivedMessage], own: &Jid) -> (usize, Option<MessageId>) {
    let (mut unread, mut latest) = (0, None);
    let mut displayed: Vec<String> = Vec::new();
    let mut is_read = false;
    for message in messages.iter().rev() {
        let Ok(stanza) = Stanza::parse(message.stanza.as_slice()) else {
            continue;
        };
        let document = stanza.document();
        let is_said = is_said(&document);
        let from = stanza.from().and_then(|from| Jid::parse(&from).ok());
        if from.is_some_and(|from| from.bare_str() == own.bare_str()) {
            // Whoever answers has read.
            is_read |= is_said;
            let markers = document.root().children().filter(|child| child.ns() == MARKERS);
            let read = markers.filter(|marker| matches!(marker.name(), "displayed" | "acknowledged"));
            displayed.extend(read.filter_map(|marker| Some(marker.attr("id")?.into_owned())));
        } else if is_said {
            // What is followed by something read is read.
            is_read |= stanza
                .id()
                .is_some_and(|id| displayed.iter().any(|read| *read == *id));
            unread += usize::from(!is_read);
        }
        if is_said && latest.is_none() {
            latest = Some(message.id);
        }
        if is_read && latest.is_some() {
            break;
        }
    }
    (unread, latest)
}

/// Whether a message is one for people to read.
fn is_said(document: &Document) -> bool {
    let root = document.root();
    root.attr("type").as_deref() != Some("error")
        && root.children().any(|child| {
            child.is("body", ns::CLIENT)
                || (ENCRYPTED.contains(&child.ns()) && matches!(child.name(), "encrypted" | "openpgp"))
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use store::Timestamp;

    use super::*;

    /// Conversations between `a` and `b`, letter by letter: a message of the other (upper case) or one's own (lower case), `.` a
    /// marker for the first of the other's messages, `,` one for the last before it.
    fn unread(letters: &str) -> (usize, Option<i64>) {
        let mut ids = Vec::new();
        let messages = letters.chars().zip(0..).map(|(letter, n)| {
            let stanza = match letter {
                '.' | ',' => {
                    let id = if letter == '.' { ids.first() } else { ids.last() };
                    format!(
                        "<message from='a@x/1'><displayed xmlns='{MARKERS}' id='{}'/></message>",
                        id.unwrap()
                    )
                }
                'a'..='z' => format!("<message from='a@x/1' id='{n}'><body>{letter}</body></message>"),
                _ => {
                    ids.push(n);
                    format!("<message from='b@x/1' id='{n}'><body>{letter}</body></message>")
                }
            };
            ArchivedMessage {
                id: MessageId(n),
                peer: JidNo(2),
                created: Timestamp(0),
                stanza: stanza.into_bytes(),
            }
        });
        let messages: Vec<_> = messages.collect();
        let (unread, latest) = read(&messages, &Jid::parse("a@x").unwrap());
        (unread, latest.map(|latest| latest.0))
    }

    #[test]
    fn what_nobody_has_looked_at() {
        for (letters, expected) in [
            ("", (0, None)),
            ("B", (1, Some(0))),
            ("BBB", (3, Some(2))),
            ("BBb", (0, Some(2))),
            ("BbBB", (2, Some(3))),
            ("BB,", (0, Some(1))),
            ("BB.", (1, Some(1))),
            ("BB,BB", (2, Some(4))),
            ("BB.B,", (0, Some(3))),
            ("b", (0, Some(0))),
        ] {
            assert_eq!(unread(letters), expected, "{letters}");
        }
    }
}
