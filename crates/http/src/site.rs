//! What every request needs: settings, where content comes from, limits, counters.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::host_meta::Ways;
use crate::invite::Invitation;
use crate::lan::Lan;
use crate::limit::Limiter;
use crate::network::Network;
use crate::web_client::WebClient;

/// Everything that the binary's configuration says about the web site.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The domains whose people live here, the site's own first.
    pub domains: Vec<String>,
    /// What is put before a domain to name its pubsub service, with the dot.
    pub pubsub_prefix: String,
    /// The root of the site without a trailing slash, as it is reached from outside.
    pub site_url: String,
    /// The word of the registration policy: `open`, `approval`, `invite`, `closed`.
    pub registration: &'static str,
    /// Who reads a new account's posts unless it says otherwise: `open` or `presence`.
    pub audience: &'static str,
    /// Requests of one address in a minute; `None` for as many as it likes.
    pub requests_per_minute: Option<u32>,
    /// The largest body of a request.
    pub body_bytes: usize,
    /// How long a request may take.
    pub patience: Duration,
    /// Networks that may read `/metrics`.
    pub metrics_allow: Vec<Network>,
    /// What phones of a home network are told; `None` for servers elsewhere.
    pub lan: Option<Lan>,
    /// How clients reach the server beside the WebSocket.
    pub ways: Ways,
    /// Further origins that the client's page may open sockets to: `wss://192.168.1.5:5443`.
    pub sockets: Vec<String>,
}

/// Looks something up by its name; `None` when that is not possible now.
pub type Find<T> = Box<dyn Fn(String) -> store::BoxFuture<'static, Option<T>> + Send + Sync>;

/// Where the content and the numbers come from.
pub struct Content {
    /// The database.
    pub store: store::Store,
    /// The nodes and their rules.
    pub host: pubsub::Host,
    /// Timelines and threads.
    pub timelines: social::Timelines,
    /// Finds the invitation of a token; `None` outside when that is not possible now, inside when there is none.
    pub invitations: Find<Option<Invitation>>,
    /// Writes the whole text of `/metrics` (OpenMetrics), the site's own lines not included.
    pub metrics: Box<dyn Fn() -> String + Send + Sync>,
}

/// The web site.
pub struct Site {
    pub(crate) settings: Settings,
    pub(crate) content: Content,
    pub(crate) limiter: Option<Limiter>,
    pub(crate) client: WebClient,
    pub(crate) requests: Requests,
}

impl Site {
    /// Puts a site together.
    pub fn new(settings: Settings, content: Content) -> Arc<Self> {
        let limiter = settings.requests_per_minute.map(Limiter::new);
        let client = WebClient::new(&settings);
        Arc::new(Self {
            settings,
            content,
            limiter,
            client,
            requests: Requests::default(),
        })
    }

    /// Forgets addresses that have been quiet; to be called about once a minute.
    pub fn tidy(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.forget_quiet();
        }
    }

    /// The domain that the site speaks for.
    pub(crate) fn domain(&self) -> &str {
        self.settings.domains.first().map_or("", String::as_str)
    }
}

/// Answers given, by the first digit of their status.
#[derive(Default)]
pub(crate) struct Requests([AtomicU64; 6]);

impl Requests {
    /// Counts one answer.
    pub(crate) fn count(&self, status: http::StatusCode) {
        if let Some(counter) = self.0.get(usize::from(status.as_u16() / 100)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// As OpenMetrics.
    pub(crate) fn render(&self) -> String {
        let mut out = String::from(
            "# HELP folkmoot_http_responses HTTP answers by the first digit of their status.\n\
             # TYPE folkmoot_http_responses counter\n",
        );
        for (class, counter) in self.0.iter().enumerate().skip(1) {
            let count = counter.load(Ordering::Relaxed);
            out.push_str(&format!(
                "folkmoot_http_responses_total{{class=\"{class}xx\"}} {count}\n"
            ));
        }
        out
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Settings of a public server.
    pub(crate) fn settings() -> Settings {
        Settings {
            domains: vec!["example.org".into(), "other.example".into()],
            pubsub_prefix: "pubsub.".into(),
            site_url: "https://social.example.org".into(),
            registration: "invite",
            audience: "open",
            requests_per_minute: Some(100),
            body_bytes: 65_536,
            patience: Duration::from_secs(10),
            metrics_allow: Network::loopback().to_vec(),
            lan: None,
            ways: Ways::default(),
            sockets: Vec::new(),
        }
    }
}
