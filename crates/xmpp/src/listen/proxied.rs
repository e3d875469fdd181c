//! Connections that a proxy passes on with the PROXY protocol's header; for every TCP listener, HTTP's too.
//!
//! Only proxies that are trusted are listened to, and each must say whose connection it brings.

use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt};
use wire::proxy::{self, Header};

/// How long the header may take; proxies send it at once.
const PATIENCE: Duration = Duration::from_secs(5);
/// Refusals are told this often, since anybody can cause them.
const TOLD: Duration = Duration::from_secs(60);

/// The proxies of a listener.
pub struct Proxies {
    is_trusted: Box<dyn Fn(IpAddr) -> bool + Send + Sync>,
    told: Mutex<Option<Instant>>,
    patience: Duration,
}

impl Proxies {
    /// Those whose addresses are trusted.
    pub fn new(is_trusted: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Proxies {
        Proxies {
            is_trusted: Box::new(is_trusted),
            told: Mutex::default(),
            patience: PATIENCE,
        }
    }

    /// Reads the header of a connection that came `from` there, and nothing after it: whom it names, `Some(None)` when the
    /// proxy speaks for itself. `None` refuses the connection.
    pub async fn client(
        &self,
        socket: &mut (impl AsyncRead + Unpin),
        from: IpAddr,
    ) -> Option<Option<IpAddr>> {
        if !(self.is_trusted)(from) {
            self.tell(from, "it comes from no trusted proxy");
            return None;
        }
        match tokio::time::timeout(self.patience, read(socket)).await {
            Ok(Ok(client)) => Some(client.map(|client| client.to_canonical())),
            // Proxies look whether a port is open and leave.
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => None,
            Ok(Err(error)) => {
                self.tell(from, &error.to_string());
                None
            }
            Err(_) => {
                self.tell(from, "its PROXY protocol header did not come in time");
                None
            }
        }
    }

    fn tell(&self, from: IpAddr, why: &str) {
        let mut told = self.told.lock();
        if told.is_none_or(|last| last.elapsed() >= TOLD) {
            *told = Some(Instant::now());
            tracing::warn!(%from, why, "a connection to a port for proxies was refused (told once a minute)");
        }
    }
}

async fn read(socket: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<IpAddr>> {
    let mut bytes = Vec::with_capacity(64);
    loop {
        match proxy::parse(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))? {
            Header::Whole { client, .. } => return Ok(client),
            Header::Needs(more) => {
                let have = bytes.len();
                bytes.resize(have + more, 0);
                socket.read_exact(&mut bytes[have..]).await?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::io::AsyncWriteExt;

    use super::*;

    async fn client(from: &str, sent: &[u8]) -> (Option<Option<IpAddr>>, Vec<u8>) {
        let proxies = Proxies::new(|address| address.is_loopback());
        let (mut ours, mut theirs) = tokio::io::duplex(4_096);
        theirs.write_all(sent).await.unwrap();
        drop(theirs);
        let client = proxies.client(&mut ours, from.parse().unwrap()).await;
        let mut rest = Vec::new();
        ours.read_to_end(&mut rest).await.unwrap();
        (client, rest)
    }

    #[tokio::test]
    async fn the_header_is_read_and_nothing_after_it() {
        let sent = b"PROXY TCP4 203.0.113.9 192.0.2.1 1 5222\r\n<stream";
        let (named, rest) = client("127.0.0.1", sent).await;
        assert_eq!(named, Some(Some("203.0.113.9".parse().unwrap())));
        assert_eq!(rest, b"<stream");
        assert_eq!(client("192.0.2.7", sent).await.0, None);
        assert_eq!(client("127.0.0.1", b"<?xml version='1.0'?>").await.0, None);
        assert_eq!(client("127.0.0.1", b"PROXY TCP4 203").await.0, None);
    }

    #[tokio::test]
    async fn a_silent_proxy_is_not_waited_for() {
        let mut proxies = Proxies::new(|_| true);
        proxies.patience = Duration::from_millis(1);
        let (mut ours, _theirs) = tokio::io::duplex(64);
        assert_eq!(
            proxies.client(&mut ours, IpAddr::from([127, 0, 0, 1])).await,
            None
        );
    }
}
