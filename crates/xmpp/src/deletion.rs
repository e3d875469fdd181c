//! The deletion of an account, a job that goes on after a restart: what others know is taken back first (presence
//! subscriptions here, posts and follows in `pubsub`), then every row goes, then the name is retired.

use std::sync::Arc;

use store::accounts::DELETION_JOB;
use store::{JidNo, Write};
use wire::{BareJid, StanzaError};

use crate::failures::{unreadable, unwritable};
use crate::presence::subscriptions::{self, Person};
use crate::server::Server;

impl Server {
    /// Begins the deletion of an account: from now on nobody signs in to it. Durable when it returns; then
    /// [`Server::finish_deletion`] is to be called.
    ///
    /// # Errors
    /// When it could not be stored, or there is no such account.
    pub(crate) async fn begin_deletion(&self, no: JidNo) -> Result<(), StanzaError> {
        let closed = store::accounts::begin_deletion(no, self.clock.now());
        let written = self
            .store
            .write(Write::all(vec![closed, store::devices::revoke_all(no)]))
            .await;
        written.map_err(|error| unwritable(&error))?;
        self.auth.changed();
        Ok(())
    }

    /// Ends the account's sessions and takes back what others know of it, as a task of the server. To be called once its
    /// deletion has begun; after a restart the server does so by itself.
    pub fn finish_deletion(self: &Arc<Self>, no: JidNo, jid: BareJid) {
        for session in self.registry.sessions(no).iter() {
            session.bar("this account is deleted");
        }
        let server = self.clone();
        self.tasks.spawn(async move {
            if let Err(error) = take_back(&server, Person { no, jid }).await {
                tracing::warn!(%error, "an account's deletion waits for the next start");
            }
        });
    }

    /// Goes on with the deletions that the last run did not finish.
    pub(crate) async fn resume_deletions(self: &Arc<Self>) -> Result<(), StanzaError> {
        let jobs = self.store.read(|reader| reader.jobs(DELETION_JOB)).await;
        for job in jobs.map_err(|error| unreadable(&error))? {
            let Ok(no) = u32::try_from(job.subject).map(JidNo) else {
                continue;
            };
            let name = self
                .store
                .jids()
                .name(no)
                .await
                .map_err(|error| unreadable(&error))?;
            if let Some(jid) = name.and_then(|name| BareJid::parse(&name).ok()) {
                self.finish_deletion(no, jid);
            }
        }
        Ok(())
    }
}

/// Every step may be done twice: what is taken back already has nothing left to take back.
async fn take_back(server: &Arc<Server>, user: Person) -> Result<(), StanzaError> {
    server.accounts.forget(&user.jid);
    let held = server.rosters.of(user.no).await?;
    let others: Vec<_> = held.with(|roster| {
        let contacts = roster
            .contacts()
            .iter()
            .map(|contact| (contact.no, contact.jid.clone()));
        let requests = roster
            .requests()
            .iter()
            .map(|request| (request.no, request.jid.clone()));
        contacts
            .chain(requests)
            .map(|(no, jid)| (Person { no, jid }, roster.state(no)))
            .collect()
    });
    for (contact, state) in others {
        subscriptions::part(server, &user, &contact, state).await?;
    }
    server
        .host
        .delete_account(&user.jid)
        .await
        .map_err(crate::xep::pubsub::errors::on_the_wire)?;
    server.rosters.forget(user.no);
    server.blocks.forget(user.no);
    server.archiving.forget(user.no);
    server.accounts.forget(&user.jid);
    Ok(())
}
