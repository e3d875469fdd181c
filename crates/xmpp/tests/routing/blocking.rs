//! Block lists outlast a restart, and go with their account.

use std::sync::Arc;

use xmpp::server::Server;
use xmpp::session::Session;

use crate::support::{Folder, account, arrived, send, server, session, stop};

async fn hears(server: &Arc<Server>, from: &Arc<Session>, to: &Arc<Session>) -> bool {
    let message = format!("<message to='{}'><body>hear</body></message>", to.jid.as_str());
    send(server, from, &message).await;
    let is_heard = !arrived(to, "<body>hear</body>").is_empty();
    assert_eq!(is_heard, arrived(from, "service-unavailable").is_empty());
    is_heard
}

#[tokio::test]
async fn a_list_is_there_after_a_restart() {
    let folder = Folder::new();
    let first = server(&folder).await;
    for name in ["juliet", "romeo", "tybalt"] {
        account(&first, name).await;
    }
    let juliet = session(&first, "juliet@localhost/x").await;
    let block = "<iq type='set' id='1'><block xmlns='urn:xmpp:blocking'><item jid='romeo@localhost'/>\
                 <item jid='tybalt@localhost/home'/><item jid='example.net'/></block></iq>";
    send(&first, &juliet, block).await;
    assert_eq!(arrived(&juliet, "type='result'").len(), 1);
    drop(juliet);
    stop(first).await;

    let second = server(&folder).await;
    let juliet = session(&second, "juliet@localhost/x").await;
    let cases = [
        ("romeo@localhost/any", false),
        ("tybalt@localhost/home", false),
        ("tybalt@localhost/street", true),
        ("mercutio@example.net/x", false),
    ];
    for (who, is_heard) in cases {
        let other = session(&second, who).await;
        assert_eq!(hears(&second, &other, &juliet).await, is_heard, "{who}");
    }
    stop(second).await;
}

#[tokio::test]
async fn a_list_goes_with_its_account() {
    let folder = Folder::new();
    let server = server(&folder).await;
    let (no, _) = account(&server, "juliet").await;
    account(&server, "romeo").await;
    let juliet = session(&server, "juliet@localhost/x").await;
    let romeo = session(&server, "romeo@localhost/x").await;
    let block =
        "<iq type='set' id='1'><block xmlns='urn:xmpp:blocking'><item jid='romeo@localhost'/></block></iq>";
    send(&server, &juliet, block).await;
    assert!(!hears(&server, &romeo, &juliet).await);
    let remove = "<iq type='set' id='2'><query xmlns='jabber:iq:register'><remove/></query></iq>";
    send(&server, &juliet, remove).await;
    let rows = || {
        let store = server.store.clone();
        async move {
            // Each write is followed by a slice of what is swept.
            store.write(store::Write::all(Vec::new())).await.unwrap();
            let all = store.read(store::Reader::all_blocked).await.unwrap();
            all.iter().any(|(owner, _, _)| *owner == no)
        }
    };
    while rows().await {
        tokio::task::yield_now().await;
    }
    stop(server).await;
}
