//! TLS 1.2 and 1.3 on rustls's unbuffered API: a connection holds the keys and a partial record, no buffers.
//!
//! Records are decrypted out of, and encrypted into, buffers of [`super::scratch`]. Which certificates there are is decided
//! by the binary, which swaps the [`TlsConfig`] when they are renewed.

mod choice;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::UnbufferedServerConnection;
use rustls::sign::CertifiedKey;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, InsufficientSizeError};
use tokio_util::io::poll_read_buf;
use wire::sasl::ChannelBinding;

use self::choice::{Choice, Chosen};
use super::binding::ExporterSecret;
use super::plain::Unwritten;
use super::{Socket, Transport, scratch};

pub use choice::Certificate;

/// The name of client connections in ALPN (XEP-0368 §5).
const ALPN: &[u8] = b"xmpp-client";

/// The most bytes that one handshake message may make us hold: TLS allows 64 KiB and the records' headers.
const HELD_MAX: usize = 80 * 1024;

/// Certificates with their keys, as connections use them.
pub struct TlsConfig {
    config: ServerConfig,
    choice: Arc<Choice>,
}

impl TlsConfig {
    /// TLS 1.2 and 1.3 with this chain (the server's own certificate first) and key, whatever name is asked for.
    ///
    /// # Errors
    /// When the key does not belong to the certificate or one of them cannot be used.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<TlsConfig, rustls::Error> {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let signer = Arc::new(CertifiedKey::from_der(chain, key, &provider)?);
        TlsConfig::with_certificates(vec![Certificate {
            names: Vec::new(),
            signer,
        }])
    }

    /// The same with several certificates, of which the name that a client asks for chooses; the first is for all others.
    ///
    /// # Errors
    /// Of rustls, which are none in practice.
    pub fn with_certificates(certificates: Vec<Certificate>) -> Result<TlsConfig, rustls::Error> {
        let choice = Arc::new(Choice::new(certificates));
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_no_client_auth()
                .with_cert_resolver(Arc::new(Chosen::new(Arc::clone(&choice), None)));
        config.alpn_protocols = vec![ALPN.to_vec()];
        // Sessions last for hours and few clients resume one: tickets would cost every handshake two records.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        Ok(TlsConfig { config, choice })
    }
}

/// See the module.
pub(crate) struct Tls<S> {
    socket: S,
    connection: UnbufferedServerConnection,
    /// Records of which a part has arrived.
    received: Vec<u8>,
    /// Data that came in one packet with the end of the handshake.
    early: Vec<u8>,
    unwritten: Unwritten,
    is_established: bool,
    is_peer_closed: bool,
}

impl<S: Socket> Tls<S> {
    /// Does the handshake; `domain` chooses the certificate for a client that names none. The future is large; box it.
    ///
    /// # Errors
    /// Of the socket, or `InvalidData` with rustls's error.
    pub(crate) async fn accept(
        socket: S,
        config: &TlsConfig,
        domain: Option<&str>,
    ) -> io::Result<(Tls<S>, ChannelBinding)> {
        let secret = Arc::new(ExporterSecret::default());
        let chosen = Arc::new(Chosen::new(Arc::clone(&config.choice), domain.map(str::to_owned)));
        let mut with_log = config.config.clone();
        with_log.key_log = secret.clone();
        with_log.cert_resolver = chosen.clone();
        let connection = UnbufferedServerConnection::new(Arc::new(with_log)).map_err(invalid)?;
        let mut tls = Tls {
            socket,
            connection,
            received: Vec::new(),
            early: Vec::new(),
            unwritten: Unwritten::default(),
            is_established: false,
            is_peer_closed: false,
        };
        std::future::poll_fn(|cx| tls.poll_handshake(cx)).await?;
        let exporter = secret.exporter(tls.connection.negotiated_cipher_suite());
        let end_point = chosen.end_point();
        let offered = exporter.is_some() || end_point.is_some();
        Ok((
            tls,
            ChannelBinding {
                offered,
                exporter,
                end_point,
            },
        ))
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut early = std::mem::take(&mut self.early);
            let advanced = self.advance(&mut early);
            self.early = early;
            if let Err(error) = advanced {
                // An alert tells the peer why, if the socket takes it now.
                let _ = self.unwritten.poll_write(cx, &mut self.socket);
                return Poll::Ready(Err(error));
            }
            if !self.unwritten.is_empty() {
                ready!(self.unwritten.poll_write(cx, &mut self.socket))?;
            }
            if self.is_established {
                return Poll::Ready(Ok(()));
            }
            if ready!(self.poll_fill(cx))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// Reads once from the socket.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.received.len() >= HELD_MAX {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "oversized TLS handshake message",
            )));
        }
        scratch::ensure(&mut self.received, 18 * 1024);
        let read = poll_read_buf(Pin::new(&mut self.socket), cx, &mut self.received);
        if read.is_pending() || matches!(read, Poll::Ready(Ok(0) | Err(_))) {
            scratch::settle(&mut self.received, 0);
        }
        read
    }

    /// Lets rustls work on what was received until it wants more; appends decrypted data to `into`.
    fn advance(&mut self, into: &mut Vec<u8>) -> io::Result<()> {
        let mut at = 0;
        let result = loop {
            let status = self.connection.process_tls_records(&mut self.received[at..]);
            let discard = status.discard;
            let step = match status.state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        into.extend_from_slice(record.map_err(invalid)?.payload);
                    }
                    None
                }
                Ok(ConnectionState::EncodeTlsData(mut encode)) => {
                    let out = self.unwritten.buffer();
                    fill(out, 4096, |room| match encode.encode(room) {
                        Ok(written) => Ok(Ok(written)),
                        Err(EncodeError::InsufficientSize(needed)) => Ok(Err(needed)),
                        Err(error) => Err(invalid(error)),
                    })?;
                    None
                }
                Ok(ConnectionState::TransmitTlsData(transmit)) => {
                    // They are in `unwritten`, which keeps the order.
                    transmit.done();
                    None
                }
                Ok(ConnectionState::WriteTraffic(_)) => {
                    self.is_established = true;
                    Some(Ok(()))
                }
                Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => {
                    self.is_peer_closed = true;
                    Some(Ok(()))
                }
                Ok(_) => Some(Ok(())),
                Err(error) => Some(Err(error)),
            };
            at += discard;
            match step {
                None => {}
                Some(Ok(())) => break Ok(()),
                Some(Err(error)) => {
                    self.last_words();
                    break Err(invalid(error));
                }
            }
        };
        scratch::settle(&mut self.received, at);
        result
    }

    /// What rustls has queued for a peer that it gives up: the alert that says why (RFC 8446 §6.2), and what goes before it.
    fn last_words(&mut self) {
        loop {
            match self.connection.process_tls_records(&mut []).state {
                Ok(ConnectionState::EncodeTlsData(mut encode)) => {
                    let filled = fill(self.unwritten.buffer(), 4096, |room| match encode.encode(room) {
                        Ok(written) => Ok(Ok(written)),
                        Err(EncodeError::InsufficientSize(needed)) => Ok(Err(needed)),
                        Err(error) => Err(invalid(error)),
                    });
                    if filled.is_err() {
                        break;
                    }
                }
                Ok(ConnectionState::TransmitTlsData(transmit)) => transmit.done(),
                _ => break,
            }
        }
    }

    /// Encrypts straight into the bytes to be written.
    fn encrypt(&mut self, data: &[u8]) -> io::Result<()> {
        loop {
            match self
                .connection
                .process_tls_records(&mut self.received)
                .state
                .map_err(invalid)?
            {
                ConnectionState::WriteTraffic(mut traffic) => {
                    /// Header, tag, inner type and explicit nonce of a record.
                    const OVERHEAD: usize = 5 + 16 + 1 + 8;
                    let records = data.len() / (16 * 1024) + 1;
                    return fill(
                        self.unwritten.buffer(),
                        data.len() + records * OVERHEAD,
                        |room| match traffic.encrypt(data, room) {
                            Ok(written) => Ok(Ok(written)),
                            Err(EncryptError::InsufficientSize(needed)) => Ok(Err(needed)),
                            Err(error) => Err(invalid(error)),
                        },
                    );
                }
                ConnectionState::EncodeTlsData(mut encode) => {
                    // An answer to the peer's key update goes before the data.
                    fill(self.unwritten.buffer(), 256, |room| match encode.encode(room) {
                        Ok(written) => Ok(Ok(written)),
                        Err(EncodeError::InsufficientSize(needed)) => Ok(Err(needed)),
                        Err(error) => Err(invalid(error)),
                    })?;
                }
                ConnectionState::TransmitTlsData(transmit) => transmit.done(),
                // The peer has closed its direction only.
                ConnectionState::PeerClosed => self.is_peer_closed = true,
                _ => return Err(io::ErrorKind::BrokenPipe.into()),
            }
        }
    }
}

/// Appends what `write` puts into the room that it is given, with more room if it asks for more.
fn fill(
    out: &mut Vec<u8>,
    room: usize,
    mut write: impl FnMut(&mut [u8]) -> io::Result<Result<usize, InsufficientSizeError>>,
) -> io::Result<()> {
    let before = out.len();
    let mut room = room;
    loop {
        out.resize(before + room, 0);
        match write(&mut out[before..]) {
            Ok(Ok(written)) => {
                out.truncate(before + written);
                return Ok(());
            }
            Ok(Err(InsufficientSizeError { required_size })) if required_size > room => room = required_size,
            Ok(Err(_)) => {
                out.truncate(before);
                return Err(io::ErrorKind::InvalidData.into());
            }
            Err(error) => {
                out.truncate(before);
                return Err(error);
            }
        }
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl<S: Socket> Transport for Tls<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut Vec<u8>) -> Poll<io::Result<usize>> {
        let before = into.len();
        into.append(&mut self.early);
        self.early = Vec::new();
        while into.len() == before {
            if self.is_peer_closed || ready!(self.poll_fill(cx))? == 0 {
                return Poll::Ready(Ok(0));
            }
            self.advance(into)?;
        }
        Poll::Ready(Ok(into.len() - before))
    }

    fn write(&mut self, buffer: Vec<u8>) -> io::Result<()> {
        let result = self.encrypt(&buffer);
        scratch::give(buffer);
        result
    }

    fn unwritten(&self) -> usize {
        self.unwritten.len()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.unwritten.poll_write(cx, &mut self.socket))?;
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn finish(&mut self) {
        if let Ok(ConnectionState::WriteTraffic(mut traffic)) =
            self.connection.process_tls_records(&mut self.received).state
        {
            // Without it the peer sees a truncated connection; that is all that is lost where it fails.
            let _ = fill(self.unwritten.buffer(), 64, |room| {
                traffic.queue_close_notify(room).map(Ok).map_err(invalid)
            });
        }
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(cx))?;
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn into_socket(self: Box<Self>) -> Box<dyn Socket> {
        Box::new(self.socket)
    }
}

#[cfg(test)]
mod tests;
