//! XEP-0191: Blocking Command, <https://xmpp.org/extensions/xep-0191.html>: one's own list, its changes, and their pushes.
//! What a list does is in `crate::blocking` and wherever stanzas are routed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wire::{Element, Jid, StanzaError, Writer, ns};

use super::{Xeps, reports};
use crate::blocking::Wish;
use crate::iq::{Answer, Answered, Cx, Target};
use crate::presence::blocked;
use crate::requests;
use crate::session::mailbox::{Address, Outgoing, SharedOut};

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(191, "Blocking Command", "1.3")
        .feature(Target::Server, ns::BLOCKING)
        .own_feature(ns::BLOCKING);
    xeps.get(Target::OwnAccount, ns::BLOCKING, "blocklist", list)
        .set(Target::OwnAccount, ns::BLOCKING, "block", block)
        .set(Target::OwnAccount, ns::BLOCKING, "unblock", unblock);
}

/// §3.2
async fn list(cx: Cx) -> Answered {
    // First: what changes from now on is pushed.
    cx.session()?.routing.set_told_of_blocks();
    let blocked = cx.server.blocks.texts(cx.no()).await?;
    let mut writer = Writer::new();
    writer.open("blocklist").ns(ns::BLOCKING);
    write_items(&mut writer, blocked.iter().map(String::as_str));
    writer.close();
    Ok(Answer::Payload(writer.finish()))
}

fn write_items<'a>(writer: &mut Writer, jids: impl Iterator<Item = &'a str>) {
    for jid in jids {
        writer.open("item").attr("jid", jid).close();
    }
}

/// The addresses of a request.
fn items(request: Element<'_>) -> Result<Vec<Jid>, StanzaError> {
    request
        .children()
        .map(|item| {
            let jid = item
                .attr("jid")
                .filter(|_| item.is("item", ns::BLOCKING))
                .ok_or_else(StanzaError::bad_request)?;
            Jid::parse(&jid).map_err(|_| StanzaError::jid_malformed())
        })
        .collect()
}

/// §3.3
async fn block(cx: Cx) -> Answered {
    let jids = items(cx.payload())?;
    if jids.is_empty() {
        return Err(StanzaError::bad_request());
    }
    // §5: nobody's resources are parted from each other.
    if jids.iter().any(|jid| jid.bare_str() == cx.jid().bare_str()) {
        return Err(StanzaError::not_allowed());
    }
    let mut reported = Vec::new();
    for (item, jid) in cx.payload().children().zip(&jids) {
        reported.extend(reports::read(item, jid)?);
    }
    let (server, no) = (cx.server.clone(), cx.no());
    let answer = change(cx, Wish::Block(jids)).await?;
    for report in reported {
        reports::keep(&server, no, report).await;
    }
    requests::blocked(&server, no).await?;
    Ok(answer)
}

/// §3.4, §3.5
async fn unblock(cx: Cx) -> Answered {
    let jids = items(cx.payload())?;
    let wish = if jids.is_empty() {
        Wish::UnblockAll
    } else {
        Wish::Unblock(jids)
    };
    change(cx, wish).await
}

/// The session's next stanza waits for the change: what is sent behind a block is judged by it.
async fn change(cx: Cx, wish: Wish) -> Answered {
    let (server, no) = (&cx.server, cx.no());
    let told = written_push(&wish);
    let changed = server.blocks.change(no, wish).await?;
    blocked::hide(server, no, &changed).await;
    blocked::show(server, no, &changed).await;
    for session in server.registry.sessions(no).iter() {
        if session.routing.is_told_of_blocks() {
            // A session that is closing fetches the list when it comes again.
            let _ = session.send(Outgoing::Shared(told.clone()));
        }
    }
    Ok(Answer::Empty)
}

/// What every resource is told that knows the list.
fn written_push(wish: &Wish) -> Arc<SharedOut> {
    static IDS: AtomicU64 = AtomicU64::new(1);
    const NAME: &[u8] = b"<iq";
    let id = format!("blocks-{}", IDS.fetch_add(1, Ordering::Relaxed));
    let (name, jids) = match wish {
        Wish::Block(jids) => ("block", jids.as_slice()),
        Wish::Unblock(jids) => ("unblock", jids.as_slice()),
        Wish::UnblockAll => ("unblock", &[][..]),
    };
    let mut writer = Writer::new();
    writer.open("iq").attr("type", "set").attr("id", &id);
    writer.open(name).ns(ns::BLOCKING);
    write_items(&mut writer, jids.iter().map(Jid::as_str));
    writer.close().close();
    let written = writer.finish();
    Arc::new(SharedOut {
        address: Address::ToFull,
        head: b"<iq to='"[..].into(),
        tail: [b"'", written.strip_prefix(NAME).unwrap_or_default()]
            .concat()
            .into(),
    })
}
