//! Rosters whose writes fail, and rosters as large as they may be.

use store::roster::RosterItem;
use store::{Fault, JidNo, Write};
use wire::BareJid;
use xmpp::roster::contact::{CONTACTS_MAX, Contact, Details, ROSTER_BYTES_MAX, Roster};

use crate::support::{Folder, account, arrived, send, server, session, stop};

/// The contacts that are changed while it is found out what is stored.
const LATER: std::ops::Range<usize> = 3..40;

fn named(name: &str) -> Details {
    Details {
        name: Some(name.to_owned()),
        groups: Vec::new(),
    }
}

fn item(contact: JidNo, details: Details) -> RosterItem {
    RosterItem {
        contact,
        name: details.name.unwrap_or_default(),
        groups: Vec::new(),
        subscription: store::roster::Subscription::None,
        ask: false,
        approved: false,
    }
}

/// What is in memory is what is stored, whatever was handed in while it was not known yet that a write had failed, and
/// whoever had gone by then.
#[tokio::test]
async fn what_is_in_memory_is_what_is_stored() {
    let folder = Folder::new();
    let server = server(&folder).await;
    let (no, _) = account(&server, "juliet").await;
    let jids: Vec<BareJid> = (0..LATER.end)
        .map(|number| BareJid::parse(&format!("c{number}@elsewhere.example")).unwrap())
        .collect();
    let mut numbers = Vec::new();
    for jid in &jids {
        numbers.push(server.store.jids().number(jid.as_str()).await.unwrap());
    }
    let change = |at: usize, name: String| {
        let (server, contact, jid) = (server.clone(), numbers[at], jids[at].clone());
        tokio::spawn(async move {
            let changed = server.rosters.change(no, |roster| {
                roster.rename(contact, &jid, named(&name));
                let put = store::roster::put(no, item(contact, named(&name)), roster.next_version());
                Ok(((), vec![put]))
            });
            changed.await
        })
    };
    change(0, "first".to_owned()).await.unwrap().unwrap();
    let faults = server.store.faults();
    for round in 0..50 {
        // One fails, alone in its commit; another waits behind it; others come before and while the roster is read again.
        faults.hold();
        faults.fail_next(1, Fault::Full);
        let failing = change(1, "never stored".to_owned());
        tokio::task::yield_now().await;
        faults.wait_until_held();
        let behind = change(2, format!("behind {round}"));
        tokio::task::yield_now().await;
        if round % 3 == 0 {
            // Nobody stays to learn what became of it.
            failing.abort();
        }
        faults.release();
        let mut later = Vec::new();
        for at in LATER {
            later.push(change(at, format!("later {round}")));
            tokio::task::yield_now().await;
        }
        if round % 3 != 0 {
            assert!(failing.await.unwrap().is_err());
        }
        behind.await.unwrap().unwrap();
        for later in later {
            later.await.unwrap().unwrap();
        }
        let held = server.rosters.of(no).await.unwrap();
        let mut in_memory: Vec<_> = held.with(|roster| {
            let name = |contact: &Contact| contact.details.as_ref().and_then(|details| details.name.clone());
            roster
                .contacts()
                .iter()
                .map(|contact| (contact.no, name(contact).unwrap_or_default()))
                .collect()
        });
        in_memory.sort();
        let stored = server.store.read(move |reader| reader.roster(no)).await.unwrap();
        let version = held.with(Roster::version);
        let stored_items: Vec<_> = stored
            .items
            .into_iter()
            .map(|item| (item.contact, item.name))
            .collect();
        assert_eq!(in_memory, stored_items, "round {round}");
        assert_eq!(version, stored.version, "round {round}");
        assert!(
            !in_memory.iter().any(|(_, name)| name == "never stored"),
            "round {round}"
        );
    }
}

/// Fills a roster in the store, as an import would in time.
async fn fill(server: &xmpp::server::Server, no: JidNo, count: usize) {
    let mut writes = Vec::new();
    for number in 0..count {
        let jid = format!("contact-{number:05}@jabber.elsewhere.example");
        let contact = server.store.jids().number(&jid).await.unwrap();
        let mut item = item(contact, named("Somebody of the family"));
        item.groups = vec!["Friends".to_owned()];
        item.subscription = store::roster::Subscription::Both;
        writes.push(store::roster::put(no, item, number as i64 + 1));
    }
    server.store.write(Write::all(writes)).await.unwrap();
}

#[tokio::test]
async fn a_roster_as_large_as_it_may_be() {
    let folder = Folder::new();
    let first = server(&folder).await;
    let (no, _) = account(&first, "juliet").await;
    account(&first, "romeo").await;
    fill(&first, no, CONTACTS_MAX).await;
    stop(first).await;
    let server = server(&folder).await;
    let juliet = session(&server, "juliet@localhost/x").await;
    let ask = async |stanza: &str, what: &str| {
        send(&server, &juliet, stanza).await;
        loop {
            let came = arrived(&juliet, what);
            if !came.is_empty() {
                break came.concat();
            }
            tokio::task::yield_now().await;
        }
    };
    let roster = ask(
        "<iq type='get' id='r1'><query xmlns='jabber:iq:roster' ver=''/></iq>",
        "id='r1'",
    )
    .await;
    assert_eq!(roster.matches("<item ").count(), CONTACTS_MAX);
    assert!(roster.len() < ROSTER_BYTES_MAX);
    assert!(ROSTER_BYTES_MAX <= server.settings.limits.mailbox_hard_bytes / 2);
    let known = "<iq type='get' id='r2'><query xmlns='jabber:iq:roster' ver='10000'/></iq>";
    assert!(!ask(known, "id='r2'").await.contains("<query"));

    // One more is refused, whichever way it comes.
    let set = |id: &str, item: &str| {
        format!("<iq type='set' id='{id}'><query xmlns='jabber:iq:roster'><item {item}/></query></iq>")
    };
    let refused = ask(&set("r3", "jid='romeo@localhost'"), "id='r3'").await;
    assert!(refused.contains("<resource-constraint"), "{refused}");
    for kind in ["subscribe", "subscribed"] {
        let stanza = format!("<presence type='{kind}' to='romeo@localhost' id='{kind}'/>");
        let refused = ask(&stanza, &format!("id='{kind}'")).await;
        assert!(refused.contains("<resource-constraint"), "{refused}");
    }
    // What ends something is not.
    for kind in ["unsubscribe", "unsubscribed"] {
        let stanza = format!("<presence type='{kind}' to='romeo@localhost' id='{kind}'/>");
        send(&server, &juliet, &stanza).await;
        assert!(arrived(&juliet, "error").is_empty());
    }
    // Those who are there are changed and taken out.
    let changed = "jid='contact-00007@jabber.elsewhere.example' name='Rosaline'";
    let pushed = ask(&set("r4", changed), "type='set'").await;
    assert!(
        pushed.contains("name='Rosaline'") && pushed.contains("ver='10001'"),
        "{pushed}"
    );
    ask(
        &set(
            "r5",
            "jid='contact-00008@jabber.elsewhere.example' subscription='remove'",
        ),
        "id='r5'",
    )
    .await;
    let taken = ask(&set("r6", "jid='romeo@localhost'"), "id='r6'").await;
    assert!(taken.contains("type='result'"), "{taken}");
}
