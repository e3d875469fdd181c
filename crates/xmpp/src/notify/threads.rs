//! What happens in a thread, told to who subscribes to its node.
//!
//! What is told to whom is decided in `social`; here it is written and sent.

use std::sync::{Arc, Weak};

use bus::NodeView;
use social::{Addressee, ThreadNews, ThreadSink};
use store::JidNo;

use super::{message, plan};
use crate::server::Server;

/// Reaches the sessions of this server.
pub(crate) struct Threads(Weak<Server>);

impl Threads {
    pub(crate) fn new(server: &Arc<Server>) -> Threads {
        Threads(Arc::downgrade(server))
    }
}

impl ThreadSink for Threads {
    fn is_online(&self, no: JidNo) -> bool {
        self.0
            .upgrade()
            .is_some_and(|server| server.registry.is_online(no))
    }

    fn tell(&self, thread: &NodeView, to: &[Addressee], news: &ThreadNews) {
        let Some(server) = self.0.upgrade().filter(|_| !to.is_empty()) else {
            return;
        };
        let out = message::of_service(thread, |writer| match news {
            ThreadNews::Item {
                post_id,
                publisher,
                payload,
            } => {
                writer.open("items").attr("node", &thread.name);
                writer
                    .open("item")
                    .attr("id", &post_id.0.to_string())
                    .attr("publisher", publisher.as_str());
                writer.raw(payload).close().close();
            }
            ThreadNews::Gone(post_id) => {
                writer.open("items").attr("node", &thread.name);
                writer
                    .open("retract")
                    .attr("id", &post_id.0.to_string())
                    .close()
                    .close();
            }
            ThreadNews::Emptied => {
                writer.open("purge").attr("node", &thread.name).close();
            }
            ThreadNews::Ended => {
                writer.open("delete").attr("node", &thread.name).close();
            }
        });
        for (no, resource) in to {
            plan::to_subscriber(&server, *no, resource.as_deref(), &out);
        }
    }
}
