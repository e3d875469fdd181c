//! The numbers on `/metrics`, read from the parts that keep them at the moment of asking.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use xmpp::server::Server;

use crate::certificates::Certificates;

/// What the parts of the server say of themselves.
struct Numbers {
    server: Arc<Server>,
    certificates: Arc<Certificates>,
}

impl std::fmt::Debug for Numbers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Numbers")
    }
}

impl Collector for Numbers {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let server = &self.server;
        let mut put = |name: &str, help: &str, metric: &dyn EncodeDyn| metric.put(name, help, &mut encoder);
        put(
            "sessions",
            "Sessions that are connected",
            &gauge(server.registry.count() as u64),
        )?;
        put(
            "components",
            "Connections of components",
            &gauge(server.components.count() as u64),
        )?;
        let routed = &server.metrics;
        for (name, help, counter) in [
            ("stanzas", "Stanzas taken from clients", &routed.stanzas),
            ("messages", "Messages handed to sessions", &routed.messages),
            ("messages_kept", "Messages kept for later", &routed.offline),
            (
                "presences",
                "Presence stanzas handed to sessions",
                &routed.presences,
            ),
            (
                "notifications",
                "Pubsub notifications handed to sessions",
                &routed.notifications,
            ),
            (
                "pushes",
                "Pushes that apps' servers and push services took",
                &routed.pushes,
            ),
            (
                "stanza_errors",
                "Stanza errors returned to clients",
                &routed.errors,
            ),
        ] {
            put(name, help, &ConstCounter::new(counter.get()))?;
        }
        let store = server.store.metrics();
        for (name, help, value) in [
            ("store_commits", "Commits of the database", store.commits),
            ("store_operations", "Writes stored", store.operations),
            (
                "store_failed_operations",
                "Writes refused or failed",
                store.failed_operations,
            ),
            (
                "store_failed_commits",
                "Commits that failed as a whole",
                store.failed_commits,
            ),
            ("store_reads", "Reads answered", store.reads),
        ] {
            put(name, help, &ConstCounter::new(value))?;
        }
        for (name, help, value) in [
            ("store_queue_length", "Writes that wait", store.queue_length),
            (
                "store_queue_bytes",
                "Bytes that those writes hold",
                store.queue_bytes,
            ),
            (
                "store_queue_age_milliseconds",
                "How long the oldest write has waited",
                store.queue_age_ms,
            ),
            (
                "store_largest_batch",
                "Writes in the largest commit",
                store.largest_batch,
            ),
            (
                "store_wal_bytes",
                "Size of the write-ahead log in use",
                store.wal_bytes,
            ),
            (
                "store_sweeps",
                "Deletions that are still being swept",
                store.sweeps,
            ),
            (
                "store_reads_waiting",
                "Reads that wait for a connection",
                store.reads_waiting,
            ),
            (
                "store_gate_open",
                "Whether posts are delivered before they are stored",
                u64::from(server.store.is_gate_open()),
            ),
        ] {
            put(name, help, &gauge(value))?;
        }
        if let Some(bytes) = resident_bytes() {
            put("process_resident_memory_bytes", "Memory in use", &gauge(bytes))?;
        }
        self.encode_certificates(&mut encoder)
    }
}

impl Numbers {
    /// When each certificate ends, and how often its renewal has failed in a row.
    fn encode_certificates(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut ends = encoder.encode_descriptor(
            "certificate_not_after_seconds",
            "When the certificate that is shown for a name ends, in seconds since 1970",
            None,
            MetricType::Gauge,
        )?;
        for entry in self.certificates.shown().iter() {
            let labels = [("name", entry.pair.name())];
            let end = gauge(entry.pair.validity.not_after.as_secs());
            end.encode(ends.encode_family(&labels)?)?;
        }
        let tries = self.certificates.tries();
        if tries.is_empty() {
            return Ok(());
        }
        let mut failures = encoder.encode_descriptor(
            "certificate_failures",
            "Attempts in a row that fetched no certificate",
            None,
            MetricType::Gauge,
        )?;
        for (name, tries) in &tries {
            gauge(u64::from(tries.failures)).encode(failures.encode_family(&[("name", name.as_str())])?)?;
        }
        Ok(())
    }
}

/// A metric whose kind does not matter to the loop that puts it.
trait EncodeDyn {
    fn put(&self, name: &str, help: &str, encoder: &mut DescriptorEncoder<'_>)
    -> Result<(), std::fmt::Error>;
}

impl<M: EncodeMetric> EncodeDyn for M {
    fn put(
        &self,
        name: &str,
        help: &str,
        encoder: &mut DescriptorEncoder<'_>,
    ) -> Result<(), std::fmt::Error> {
        let metric = encoder.encode_descriptor(name, help, None, self.metric_type())?;
        self.encode(metric)
    }
}

fn gauge(value: u64) -> ConstGauge<i64> {
    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX))
}

/// The process's resident memory, as the system counts it (`statm` in proc(5)).
fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// A function that writes the whole page (OpenMetrics).
pub fn page(server: &Arc<Server>, certificates: &Arc<Certificates>) -> Box<dyn Fn() -> String + Send + Sync> {
    let mut registry = Registry::with_prefix("folkmoot");
    registry.register_collector(Box::new(Numbers {
        server: server.clone(),
        certificates: certificates.clone(),
    }));
    Box::new(move || {
        let mut text = String::new();
        match encode(&mut text, &registry) {
            Ok(()) => text,
            Err(error) => {
                tracing::error!(%error, "the metrics cannot be written");
                "# EOF\n".into()
            }
        }
    })
}
