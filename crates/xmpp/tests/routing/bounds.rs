//! What one client may make the server remember.

use std::sync::Arc;

use store::JidNo;
use wire::BareJid;
use xmpp::roster::contact::Direction;
use xmpp::roster::subscription::Kind;
use xmpp::rosters::REQUESTS_MAX;

use crate::support::{Folder, account, arrived, send, server, session};

#[tokio::test]
async fn who_is_only_named_is_given_no_number() {
    let folder = Folder::new();
    let server = server(&folder).await;
    account(&server, "juliet").await;
    let juliet = session(&server, "juliet@localhost/x").await;
    for kind in ["unsubscribe", "unsubscribed"] {
        let stanza = format!("<presence to='{kind}@elsewhere.example' type='{kind}'/>");
        send(&server, &juliet, &stanza).await;
        let jids = server.store.jids();
        assert_eq!(
            jids.find(&format!("{kind}@elsewhere.example")).await.unwrap(),
            None
        );
    }
}

#[tokio::test]
async fn the_names_in_a_roster_are_bounded() {
    let folder = Folder::new();
    let server = server(&folder).await;
    let (no, _) = account(&server, "juliet").await;
    let juliet = session(&server, "juliet@localhost/x").await;
    let groups: String = (0..64)
        .map(|number| format!("<group>{number}{}</group>", "x".repeat(1_000)))
        .collect();
    for number in 0..40 {
        let item = format!("<item jid='c{number}@elsewhere.example'>{groups}</item>");
        let set =
            format!("<iq type='set' id='s{number}'><query xmlns='jabber:iq:roster'>{item}</query></iq>");
        send(&server, &juliet, &set).await;
    }
    // The answers come when what was asked is stored.
    let mut refused = 0;
    let mut answers = 0;
    while answers < 40 {
        let came = arrived(&juliet, "id='s");
        answers += came.len();
        refused += came
            .iter()
            .filter(|answer| answer.contains("<resource-constraint"))
            .count();
        tokio::task::yield_now().await;
    }
    let kept = server
        .rosters
        .of(no)
        .await
        .unwrap()
        .with(|roster| roster.contacts().len());
    assert!((20..=32).contains(&kept), "{kept}");
    assert_eq!(kept + refused, 40);
}

#[tokio::test]
async fn requests_of_strangers_do_not_keep_anybody_from_asking() {
    let folder = Folder::new();
    let server = server(&folder).await;
    let (no, _) = account(&server, "juliet").await;
    let (romeo, _) = account(&server, "romeo").await;
    let juliet = session(&server, "juliet@localhost/x").await;
    let his = session(&server, "romeo@localhost/x").await;
    let filled = server.rosters.change(no, |roster| {
        let stanza: Arc<[u8]> = b"<presence/>"[..].into();
        for number in 0..REQUESTS_MAX as u32 {
            let jid = BareJid::parse(&format!("s{number}@elsewhere.example")).unwrap();
            roster.apply(
                Direction::In,
                Kind::Subscribe,
                JidNo(1_000_000 + number),
                &jid,
                &stanza,
            );
        }
        Ok(((), Vec::new()))
    });
    filled.await.unwrap();
    send(
        &server,
        &his,
        "<presence to='juliet@localhost' type='subscribe'/>",
    )
    .await;
    assert_eq!(arrived(&his, "<resource-constraint").len(), 1);
    send(
        &server,
        &juliet,
        "<presence to='romeo@localhost' type='subscribe'/>",
    )
    .await;
    assert!(arrived(&juliet, "<resource-constraint").is_empty());
    let roster = server.rosters.of(no).await.unwrap();
    assert!(roster.with(|roster| roster.contact(romeo).is_some_and(|contact| contact.is_asked)));
}

#[tokio::test]
async fn a_presence_that_would_crowd_others_out_is_refused() {
    let folder = Folder::new();
    let server = server(&folder).await;
    account(&server, "juliet").await;
    let juliet = session(&server, "juliet@localhost/x").await;
    let presence = |length: usize| format!("<presence><status>{}</status></presence>", "x".repeat(length));
    send(&server, &juliet, &presence(40_000)).await;
    assert_eq!(arrived(&juliet, "<policy-violation").len(), 1);
    assert!(!juliet.routing.is_available());
    send(&server, &juliet, &presence(1_000)).await;
    assert!(juliet.routing.is_available());
}
