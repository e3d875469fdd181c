//! An account's deletion that a restart interrupted is finished by the next start, and others learn of it.

use std::sync::Arc;

use store::accounts::AccountState;
use xmpp::server::Server;

use crate::support::{Folder, account, send, server, session, stop};

#[tokio::test]
async fn the_next_start_finishes_a_deletion() {
    let folder = Folder::new();
    let first = server(&folder).await;
    let (juliet, _) = account(&first, "juliet").await;
    let (romeo, _) = account(&first, "romeo").await;
    let a = session(&first, "juliet@localhost/x").await;
    let b = session(&first, "romeo@localhost/x").await;
    send(&first, &b, "<presence to='juliet@localhost' type='subscribe'/>").await;
    send(&first, &a, "<presence to='romeo@localhost' type='subscribed'/>").await;
    let sees = |server: &Arc<Server>| {
        let server = server.clone();
        async move {
            let roster = server.rosters.of(romeo).await.unwrap();
            roster.with(|roster| roster.contact(juliet).is_some_and(|contact| contact.sees_it))
        }
    };
    assert!(sees(&first).await);
    // The write that begins it, and then the power goes.
    let now = first.clock.now();
    first
        .store
        .write(store::accounts::begin_deletion(juliet, now))
        .await
        .unwrap();
    stop(first).await;

    let second = server(&folder).await;
    while sees(&second).await
        || second
            .store
            .read(move |reader| reader.account(juliet))
            .await
            .unwrap()
            .is_some()
    {
        tokio::task::yield_now().await;
    }
    let retired = second
        .store
        .read(|reader| reader.is_name_retired("localhost", "juliet"))
        .await
        .unwrap();
    assert!(retired);
    let kept = second
        .store
        .read(move |reader| reader.account(romeo))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.state, AccountState::Active);
    stop(second).await;
}
