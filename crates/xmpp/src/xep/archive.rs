//! XEP-0313: Message Archive Management, <https://xmpp.org/extensions/xep-0313.html>: everybody's own archive, to be read in
//! pages. What is archived is decided in `messages`; the form is in `query`, XEP-0441's preferences in `preferences`, deletion and
//! retention, of which no specification speaks, in `keeping`, XEP-0431's words in `search`, and XEP-0430's
//! conversations in `inbox`.

mod inbox;
mod keeping;
mod preferences;
mod query;
mod search;
mod turns;

use std::sync::Arc;

use format::rsm;
use store::archive::{ArchivePage, ArchivedMessage, End, Selection};
use store::{JidNo, MessageId, PAGE_BYTES, ReadError, Reader, Timestamp};
use wire::{Jid, Stanza, StanzaError, Writer, ns, write_framed};

use super::Xeps;
use crate::failures::unreadable;
use crate::iq::{Answer, Answered, Cx, Target};
use crate::messages::ids::ArchiveId;
use crate::messages::offline;
use crate::sender::NOBODY;
use crate::server::Server;
use crate::session::Session;
pub(crate) use keeping::sweep;
use query::{Filter, Query};
use turns::Turn;
pub(crate) use turns::Turns;

/// The extended half of the protocol (§7).
const EXTENDED: &str = "urn:xmpp:mam:2#extended";
/// What says that the field about rooms' messages is understood (§7).
const GROUPCHAT_FIELD: &str = "urn:xmpp:mam:2#groupchat-field";
/// Messages in a page for which no number was asked.
const PAGE: u32 = 100;
/// The most messages in a page.
const PAGE_MAX: u32 = 500;
/// Up to here messages are counted; where there are more, no number is given.
const COUNT_MAX: u32 = 10_000;
/// Messages looked at by one read where an address with a resource is asked for, and in all.
const SLICE: u32 = 500;
const LOOKED_AT_MAX: u32 = 50_000;

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(313, "Message Archive Management", "1.1.3")
        .without(
            "rooms' and pubsub nodes' archives, and rooms' messages in people's: there are no rooms here yet",
        )
        .feature(Target::OwnAccount, ns::MAM)
        .feature(Target::OwnAccount, EXTENDED)
        .feature(Target::OwnAccount, GROUPCHAT_FIELD);
    xeps.get(Target::OwnAccount, ns::MAM, "query", form)
        .set(Target::OwnAccount, ns::MAM, "query", ask)
        .get(Target::OwnAccount, ns::MAM, "metadata", ends);
    for name in ["query", "metadata"] {
        xeps.get(Target::Account, ns::MAM, name, foreign);
    }
    xeps.set(Target::Account, ns::MAM, "query", foreign);
    preferences::register(xeps);
    keeping::register(xeps);
    search::register(xeps);
    inbox::register(xeps);
}

/// §8.1
async fn foreign(_: Cx) -> Answered {
    Err(StanzaError::forbidden())
}

/// §4.1.5
async fn form(_: Cx) -> Answered {
    Ok(Answer::Payload(query::form()))
}

/// §5
async fn ends(cx: Cx) -> Answered {
    let (server, owner) = (cx.server.clone(), cx.no());
    Answer::later(async move { Ok(Answer::Payload(metadata(&server, owner).await?)) })
}

/// The `<metadata/>` of an archive (§5), as Bind 2 gives it too (XEP-0386 §4).
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn metadata(server: &Server, owner: JidNo) -> Result<Vec<u8>, StanzaError> {
    settled(server).await;
    let behind = server.archiving.begins_behind(owner, server.clock.now());
    let both = move |reader: &Reader| {
        let first = reader.archive_end(owner, behind, End::Oldest)?;
        Ok((first, reader.archive_end(owner, behind, End::Newest)?))
    };
    let (first, last) = server
        .store
        .read(both)
        .await
        .map_err(|error| unreadable(&error))?;
    let mut writer = Writer::new();
    writer.open("metadata").ns(ns::MAM);
    for (name, end) in [("start", first), ("end", last)] {
        if let Some((id, at)) = end {
            writer
                .open(name)
                .attr("id", server.archive_ids.archive_id(owner, id).as_str())
                .attr("timestamp", &format::datetime::to_text(at.0))
                .close();
        }
    }
    writer.close();
    Ok(writer.finish())
}

/// What has been delivered is found: a read waits for the messages that are on their way to the disk.
async fn settled(server: &Server) {
    let newest = server.store.newest_ticket();
    if !server.store.is_decided(newest) {
        server.store.wait(newest).await;
    }
}

/// §4. The session's next stanza does not wait for it.
async fn ask(cx: Cx) -> Answered {
    let query = Query::parse(cx.payload())?;
    let (server, session) = (cx.server.clone(), cx.session()?.clone());
    if query.is_catching_up() {
        offline::reads_archive(&server, &session);
    }
    let mut turn = Turn::take(&server, session.id);
    Answer::later(async move {
        turn.come().await;
        let payload = answer(&server, &session, query).await?;
        // The next one's results stand behind this one's end.
        Ok(Answer::PayloadThen(payload, Box::pin(async move { drop(turn) })))
    })
}

/// What a page came to.
struct Found {
    page: ArchivePage,
    count: Option<u64>,
}

async fn answer(server: &Arc<Server>, session: &Arc<Session>, query: Query) -> Result<Vec<u8>, StanzaError> {
    let owner = session.no;
    let id_of = |id| server.archive_ids.archive_id(owner, id);
    let found = find(server, session, &query).await?;
    let messages = &found.page.messages;
    let mut order: Vec<&ArchivedMessage> = messages.iter().collect();
    if query.is_flipped {
        order.reverse();
    }
    for message in order {
        // A page may be more than a session can leave unread.
        if !session.room().await {
            break;
        }
        let queryid = query.queryid.as_deref();
        // In the lane of the result itself, so that it comes behind them.
        session.reply(result(session, queryid, id_of(message.id), message));
    }
    let is_complete = !found.page.has_more;
    let id = |message: Option<&ArchivedMessage>| message.map(|message| id_of(message.id).as_str().to_owned());
    // §4.3.2: numbers where they cost nothing.
    let is_whole = is_complete && query.page.page == rsm::Page::First && query.page.max != Some(0);
    let set = rsm::Response {
        first: id(messages.first()),
        first_index: is_whole.then_some(0),
        last: id(messages.last()),
        count: match found.count {
            None if is_whole => u32::try_from(messages.len()).ok(),
            count => count.and_then(|count| u32::try_from(count).ok()),
        },
    };
    let mut writer = Writer::new();
    writer.open("fin").ns(ns::MAM);
    if is_complete {
        writer.attr("complete", "true");
    }
    set.write(&mut writer);
    writer.close();
    Ok(writer.finish())
}

/// §4.2
fn result(session: &Session, queryid: Option<&str>, id: ArchiveId, message: &ArchivedMessage) -> Vec<u8> {
    let mut writer = Writer::appending(Vec::with_capacity(message.stanza.len() + 512));
    writer
        .open("message")
        .attr("from", session.jid.bare_str())
        .attr("to", session.jid.as_str());
    write_result(&mut writer, queryid, id, message);
    writer.close();
    writer.finish()
}

fn write_result(writer: &mut Writer, queryid: Option<&str>, id: ArchiveId, message: &ArchivedMessage) {
    let mut forwarded = Vec::with_capacity(message.stanza.len() + 32);
    write_framed(&message.stanza, &mut forwarded);
    writer
        .open("result")
        .ns(ns::MAM)
        .attr_opt("queryid", queryid)
        .attr("id", id.as_str())
        .open("forwarded")
        .ns(ns::FORWARD)
        .open("delay")
        .ns(ns::DELAY)
        .attr("stamp", &format::datetime::to_text(message.created.0))
        .close()
        .raw(&forwarded)
        .close()
        .close();
}

/// What is read for a query, with the ids of messages read.
struct Asked {
    selection: Selection,
    end: End,
    /// §4.1.3, §4.3.2: these have to be there.
    anchors: Vec<MessageId>,
    ids: Vec<MessageId>,
}

/// §4.3.2
fn not_there() -> StanzaError {
    StanzaError::item_not_found().text("no such message in this archive")
}

async fn find(server: &Arc<Server>, session: &Session, query: &Query) -> Result<Found, StanzaError> {
    let owner = session.no;
    let Filter { with, words, .. } = &query.filter;
    settled(server).await;
    if let Some(words) = words
        && !words.phrases().is_empty()
    {
        search::make_ready(server, owner).await?;
    }
    let mut asked = read(server, owner, query)?;
    // §4.1.1: of an own resource, everything that it sent or was sent; of the own account, what it sent to itself.
    let resource = with.as_ref().filter(|with| !with.is_bare());
    let is_own_resource = resource.is_some_and(|with| with.bare_str() == session.jid.bare_str());
    if let Some(with) = with
        && !is_own_resource
    {
        asked.selection.with = Some(server.find(with.bare_str()).await.unwrap_or(NOBODY));
    }
    let limit = query.page.max.unwrap_or(PAGE).min(PAGE_MAX);
    if !asked.ids.is_empty() {
        return named(server, asked, resource, limit).await;
    }
    if let Some(resource) = resource {
        return with_resource(server, asked, resource.clone(), limit).await;
    }
    let reading = move |reader: &Reader| {
        if !all_there(reader, owner, &asked.anchors)? {
            return Ok(None);
        }
        let page = reader.archive_page(&asked.selection, asked.end, limit)?;
        let count = match limit {
            0 => Some(reader.archive_count(&asked.selection, COUNT_MAX)?),
            _ => None,
        };
        let count = count.filter(|count| *count < u64::from(COUNT_MAX));
        Ok(Some(Found { page, count }))
    };
    let found = server
        .store
        .read(reading)
        .await
        .map_err(|error| unreadable(&error))?;
    found.ok_or_else(not_there)
}

/// The range and the anchors that a query means; ids that never were any are not there.
fn read(server: &Server, owner: JidNo, query: &Query) -> Result<Asked, StanzaError> {
    let filter = &query.filter;
    let mut selection = Selection::all(owner);
    selection.begin_after(server.archiving.begins_behind(owner, server.clock.now()));
    let begin = selection.after;
    let id = |text: &String| {
        let id = server.archive_ids.parse(owner, text);
        id.filter(|id| *id > begin).ok_or_else(not_there)
    };
    let mut anchors = Vec::new();
    selection.phrases = filter.words.as_ref().map(|words| words.phrases().to_vec());
    if let Some(start) = filter.start {
        selection.begin_at(Timestamp(start));
    }
    if let Some(end) = filter.end {
        selection.end_at(Timestamp(end));
    }
    let page = &query.page.page;
    let page_after = match page {
        rsm::Page::After(after) => Some(after),
        _ => None,
    };
    let page_before = match page {
        rsm::Page::Before(before) => Some(before),
        _ => None,
    };
    for after in filter.after_id.iter().chain(page_after) {
        anchors.push(id(after)?);
        selection.begin_after(id(after)?);
    }
    for before in filter.before_id.iter().chain(page_before) {
        anchors.push(id(before)?);
        selection.end_before(id(before)?);
    }
    let mut ids = filter.ids.iter().map(id).collect::<Result<Vec<_>, _>>()?;
    ids.sort_unstable();
    ids.dedup();
    Ok(Asked {
        selection,
        end: match page {
            rsm::Page::Last | rsm::Page::Before(_) => End::Newest,
            _ => End::Oldest,
        },
        anchors,
        ids,
    })
}

fn all_there(reader: &Reader, owner: JidNo, ids: &[MessageId]) -> Result<bool, ReadError> {
    for id in ids {
        if !reader.is_archived(owner, *id)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// §4.1.3: messages by their ids, of which each has to be there; what else is asked for has to hold too.
async fn named(
    server: &Server,
    asked: Asked,
    resource: Option<&Jid>,
    limit: u32,
) -> Result<Found, StanzaError> {
    let Asked {
        selection,
        end,
        anchors,
        ids,
    } = asked;
    let owner = selection.owner;
    let resource = resource.cloned();
    let reading = move |reader: &Reader| {
        if !all_there(reader, owner, &anchors)? || !all_there(reader, owner, &ids)? {
            return Ok(None);
        }
        let mut messages = Vec::new();
        let (mut bytes, mut count) = (0, 0);
        let mut has_more = false;
        let in_order: Vec<MessageId> = match end {
            End::Oldest => ids,
            End::Newest => ids.into_iter().rev().collect(),
        };
        for id in in_order {
            let mut this = selection.clone();
            this.begin_after(MessageId(id.0 - 1));
            this.end_before(MessageId(id.0 + 1));
            let mut found = reader.archive_page(&this, End::Oldest, 1)?.messages;
            found.retain(|message| {
                resource
                    .as_ref()
                    .is_none_or(|resource| concerns(message, resource))
            });
            count += found.len() as u64;
            if !found.is_empty() && (messages.len() >= limit as usize || bytes >= PAGE_BYTES) {
                has_more = true;
                continue;
            }
            bytes += found.iter().map(|message| message.stanza.len()).sum::<usize>();
            messages.append(&mut found);
        }
        if end == End::Newest {
            messages.reverse();
        }
        Ok(Some(Found {
            page: ArchivePage { messages, has_more },
            count: Some(count),
        }))
    };
    let found = server
        .store
        .read(reading)
        .await
        .map_err(|error| unreadable(&error))?;
    found.ok_or_else(not_there)
}

/// Whether a message is from or to an address with its resource.
fn concerns(message: &ArchivedMessage, resource: &Jid) -> bool {
    let Ok(stanza) = Stanza::parse(message.stanza.as_slice()) else {
        return false;
    };
    let is_it = |text: &str| Jid::parse(text).is_ok_and(|jid| jid == *resource);
    stanza.from().is_some_and(|from| is_it(&from)) || stanza.to().is_some_and(|to| is_it(&to))
}

/// §4.1.1: resources are in no index. The messages with the address are looked through, slice by slice.
async fn with_resource(
    server: &Server,
    asked: Asked,
    resource: Jid,
    limit: u32,
) -> Result<Found, StanzaError> {
    let Asked {
        mut selection,
        end,
        anchors,
        ..
    } = asked;
    let owner = selection.owner;
    let is_there = server
        .store
        .read(move |reader| all_there(reader, owner, &anchors));
    if !is_there.await.map_err(|error| unreadable(&error))? {
        return Err(not_there());
    }
    let mut page = ArchivePage {
        messages: Vec::new(),
        has_more: false,
    };
    let mut bytes = 0;
    for _ in 0..LOOKED_AT_MAX / SLICE {
        let this = selection.clone();
        let slice = server
            .store
            .read(move |reader| reader.archive_page(&this, end, SLICE));
        let mut slice = slice.await.map_err(|error| unreadable(&error))?;
        // From the end that the page begins at.
        if end == End::Newest {
            slice.messages.reverse();
        }
        if let Some(last) = slice.messages.last() {
            match end {
                End::Oldest => selection.begin_after(last.id),
                End::Newest => selection.end_before(last.id),
            }
        }
        for message in slice
            .messages
            .into_iter()
            .filter(|message| concerns(message, &resource))
        {
            page.has_more = page.messages.len() >= limit as usize || bytes >= PAGE_BYTES;
            if page.has_more {
                break;
            }
            bytes += message.stanza.len();
            page.messages.push(message);
        }
        if page.has_more || !slice.has_more {
            if end == End::Newest {
                page.messages.reverse();
            }
            return Ok(Found { page, count: None });
        }
    }
    Err(StanzaError::resource_constraint().text("too many messages to look through; narrow the time"))
}
