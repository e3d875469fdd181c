//! How long one's messages are kept, and deleting them: what no specification speaks of (docs/protocol/archive.md). Deleted is
//! what is oldest, so that an archive has no gaps (XEP-0313 §3.2); it is gone from the database, its words too.

use store::archive::remove;
use store::{JidNo, MessageId, Timestamp};
use wire::{StanzaError, Writer};

use crate::failures::{unreadable, unwritable};
use crate::iq::{Answer, Answered, Cx, Target};
use crate::messages::prefs::kept_since;
use crate::server::Server;
use crate::xep::Xeps;

/// The namespace.
const KEEPING: &str = "urn:x-folkmoot:archive:0";
/// The longest time that can be chosen, in days.
const DAYS_MAX: u32 = 36_500;
/// Messages deleted by one write.
const SLICE: u32 = 200;

pub(super) fn register(xeps: &mut Xeps) {
    xeps.own_feature(KEEPING)
        .get(Target::OwnAccount, KEEPING, "keep", get)
        .set(Target::OwnAccount, KEEPING, "keep", set)
        .set(Target::OwnAccount, KEEPING, "delete", delete);
}

async fn get(cx: Cx) -> Answered {
    Ok(Answer::Payload(written(&cx)))
}

fn written(cx: &Cx) -> Vec<u8> {
    let archiving = &cx.server.archiving;
    let own = archiving.of(cx.no());
    let number = |days: Option<u32>| days.map(|days| days.to_string());
    let mut writer = Writer::new();
    writer
        .open("keep")
        .ns(KEEPING)
        .attr_opt("days", number(archiving.keep_days(&own)).as_deref())
        .attr_opt("at-most", number(archiving.keep_days_of_all()).as_deref())
        .close();
    writer.finish()
}

/// What is too old by now goes at once, and is gone when the result comes.
async fn set(cx: Cx) -> Answered {
    let days = match cx.payload().attr("days") {
        None => None,
        Some(days) => match days.parse() {
            Ok(days @ 1..=DAYS_MAX) => Some(days),
            _ => return Err(StanzaError::bad_request().text("days are a number from 1 to 36500")),
        },
    };
    // What was shown no more must not come back with a longer time.
    empty_old(&cx).await?;
    cx.server.archiving.set_keep_days(cx.no(), days).await?;
    Answer::later(async move {
        empty_old(&cx).await?;
        Ok(Answer::Payload(written(&cx)))
    })
}

/// All messages, or those received before a time.
async fn delete(cx: Cx) -> Answered {
    let before = match cx.payload().attr("before") {
        // What comes while it is deleted is not meant.
        None => MessageId::first_at(Timestamp(cx.server.clock.now().0 + 1)),
        Some(time) => {
            let time = format::datetime::parse(&time);
            let time =
                time.ok_or_else(|| StanzaError::bad_request().text("not a date with a time (XEP-0082)"))?;
            MessageId::first_at(Timestamp(time))
        }
    };
    Answer::later(async move {
        super::settled(&cx.server).await;
        empty(&cx.server, cx.no(), before).await?;
        Ok(Answer::Empty)
    })
}

/// Deletes what is too old by the rules in force.
async fn empty_old(cx: &Cx) -> Result<(), StanzaError> {
    let own = cx.server.archiving.of(cx.no());
    match cx.server.archiving.keep_days(&own) {
        None => Ok(()),
        Some(days) => {
            let before = MessageId::first_at(kept_since(cx.server.clock.now(), days));
            empty(&cx.server, cx.no(), before).await
        }
    }
}

/// Deletes the messages of an archive that came before this one, the oldest first.
async fn empty(server: &Server, owner: JidNo, before: MessageId) -> Result<(), StanzaError> {
    loop {
        if server.shutdown.is_cancelled() {
            return Err(stopping());
        }
        let reading = move |reader: &store::Reader| reader.archived_before(owner, before, SLICE);
        let found = server
            .store
            .read(reading)
            .await
            .map_err(|error| unreadable(&error))?;
        if found.is_empty() {
            return Ok(());
        }
        let written = server.store.write(remove(found)).await;
        written.map_err(|error| unwritable(&error))?;
    }
}

/// What is not done when the server stops is done when it is asked for again.
pub(super) fn stopping() -> StanzaError {
    StanzaError::resource_constraint().text("the server stops; ask again")
}

/// Deletes everybody's messages that were kept for long enough: one round. Ends early when the server stops.
pub(crate) async fn sweep(server: &Server) -> Result<(), StanzaError> {
    let now = server.clock.now();
    if let Some(days) = server.archiving.keep_days_of_all() {
        let before = MessageId::first_at(kept_since(now, days));
        let mut after = MessageId(i64::MIN);
        while !server.shutdown.is_cancelled() {
            let reading = move |reader: &store::Reader| reader.archived_between(after, before, SLICE);
            let found = server
                .store
                .read(reading)
                .await
                .map_err(|error| unreadable(&error))?;
            // Of a message whose entries the slice has cut apart, the other is found by the next.
            match (found.first(), found.last()) {
                (Some((_, first)), Some((_, last))) if first < last => after = MessageId(last.0 - 1),
                (_, Some((_, last))) => after = *last,
                _ => break,
            }
            let written = server.store.write(remove(found)).await;
            written.map_err(|error| unwritable(&error))?;
        }
    }
    for (owner, days) in server.archiving.kept_shorter() {
        if server.shutdown.is_cancelled() {
            break;
        }
        empty(server, owner, MessageId::first_at(kept_since(now, days))).await?;
    }
    Ok(())
}
