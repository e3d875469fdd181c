//! XEP-0049: Private XML Storage, <https://xmpp.org/extensions/xep-0049.html>: what clients keep for themselves, by the
//! namespace and name of an element. Nobody else reads it. Bookmarks of rooms among it are in their node (`bookmarks`).

use std::collections::BTreeMap;

use store::private::{self, Fragment};
use wire::{Element, StanzaError, Writer, ns};

use super::{Xeps, bookmarks};
use crate::failures::{unreadable, unwritable};
use crate::iq::{Answer, Answered, Cx, Target};

pub(super) fn register(xeps: &mut Xeps) {
    xeps.xep(49, "Private XML Storage", "1.2")
        .own_feature(ns::PRIVATE)
        .feature(Target::Server, ns::PRIVATE);
    xeps.get(Target::OwnAccount, ns::PRIVATE, "query", get)
        .set(Target::OwnAccount, ns::PRIVATE, "query", set)
        .get(Target::Account, ns::PRIVATE, "query", foreign)
        .set(Target::Account, ns::PRIVATE, "query", foreign);
}

/// What is stored under one name, in bytes; all of an account is bounded by the store.
const FRAGMENT_MAX: usize = 128 * 1024;
/// The longest namespace and name, in bytes.
const NAME_MAX: usize = 1_023;

/// §2.3: what belongs to another is not told, nor changed.
async fn foreign(_: Cx) -> Answered {
    Err(StanzaError::forbidden())
}

/// §2.3: elements of a namespace of their own, at least one.
fn children(query: Element<'_>) -> Result<Vec<Element<'_>>, StanzaError> {
    let children: Vec<_> = query.children().collect();
    let is_proper = |child: &Element<'_>| {
        !matches!(child.ns(), "" | ns::PRIVATE | ns::CLIENT)
            && child.ns().len() <= NAME_MAX
            && child.name().len() <= NAME_MAX
    };
    if children.is_empty() || !children.iter().all(is_proper) {
        return Err(StanzaError::not_acceptable());
    }
    Ok(children)
}

/// §2.3: one name in a request; an element that was never stored comes back empty.
async fn get(cx: Cx) -> Answered {
    let (ns, name) = match *children(cx.payload())? {
        [child] => (child.ns().to_owned(), child.name().to_owned()),
        _ => return Err(StanzaError::bad_request()),
    };
    let (no, key) = (cx.no(), (ns.clone(), name.clone()));
    let stored = cx
        .server
        .store
        .read(move |reader| reader.private(no, &key.0, &key.1))
        .await
        .map_err(|error| unreadable(&error))?;
    let stored = if (name.as_str(), ns.as_str()) == bookmarks::STORAGE {
        bookmarks::collated(&cx, stored.as_deref()).await?.or(stored)
    } else {
        stored
    };
    let mut writer = Writer::new();
    writer.open("query").ns(ns::PRIVATE);
    match stored {
        Some(xml) => writer.raw(&xml),
        None => writer.open(&name).ns(&ns).close(),
    };
    writer.close();
    Ok(Answer::Payload(writer.finish()))
}

/// §2.3: all of them, or none. Several of one name are kept together; one that says nothing frees its place.
async fn set(cx: Cx) -> Answered {
    let mut by_name: BTreeMap<(&str, &str), Vec<u8>> = BTreeMap::new();
    let mut rooms = None;
    for child in children(cx.payload())? {
        let xml = by_name.entry((child.ns(), child.name())).or_default();
        let is_empty = child.attrs().next().is_none() && child.inner_raw().is_empty();
        if child.is(bookmarks::STORAGE.0, bookmarks::STORAGE.1) {
            xml.extend(bookmarks::taken(child, rooms.get_or_insert_default())?);
        } else if !is_empty {
            xml.extend(child.cut());
        }
        if xml.len() > FRAGMENT_MAX {
            return Err(StanzaError::policy_violation().text("too large to be stored"));
        }
    }
    if let Some(rooms) = rooms {
        bookmarks::replace(&cx, rooms).await?;
    }
    let fragments = by_name
        .into_iter()
        .map(|((ns, name), xml)| Fragment {
            ns: ns.to_owned(),
            name: name.to_owned(),
            xml,
        })
        .collect();
    // Waited for, so that whoever sets and gets in one packet gets what was set.
    let written = cx
        .server
        .store
        .write(private::put(cx.no(), fragments))
        .await;
    written.map_err(|error| unwritable(&error))?;
    Ok(Answer::Empty)
}
