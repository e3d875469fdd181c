//! What has to be done from time to time: what has expired goes, and what nobody needs any more.
//!
//! Each round works in slices of the owners' and the database's own; nothing waits for it.

use std::sync::Arc;

use social::KEPT_MS;
use store::Timestamp;

use crate::server::Server;

/// Between two rounds. Nobody sees what has expired meanwhile.
const PERIOD_MS: u64 = 10 * 60 * 1_000;
/// Notifications deleted by one write.
const SLICE: u32 = 200;

/// Works until the server stops.
pub(crate) async fn run(server: Arc<Server>) {
    loop {
        tokio::select! {
            () = server.shutdown.cancelled() => return,
            () = server.clock.sleep(PERIOD_MS) => {}
        }
        if let Err(error) = server.host.retract_expired().await {
            tracing::error!(%error, "expired items were not looked for");
        }
        sweep_notifications(&server).await;
        crate::unified_push::sweep(&server).await;
        if let Err(error) = crate::xep::archive::sweep(&server).await {
            tracing::error!(%error, "old messages were not deleted");
        }
    }
}

async fn sweep_notifications(server: &Server) {
    let now = server.clock.now();
    let before = Timestamp(now.0 - KEPT_MS);
    while !server.shutdown.is_cancelled() {
        let swept = server
            .store
            .write(store::notifications::sweep(before, now, SLICE));
        match swept.await {
            Ok(committed) if committed.changed > 0 => {}
            Ok(_) => return,
            Err(error) => {
                tracing::error!(%error, "old notifications were not deleted");
                return;
            }
        }
    }
}
